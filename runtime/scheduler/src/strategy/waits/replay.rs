//! Plays a block through in its own order: whenever a worker is idle, it starts the runnable
//! transaction at the head of the heaviest chain of conflicting transactions.
//!
//! A transaction is runnable when all that it [depends on](Dependencies) have ended.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "counts and positions are bounded by the number of accesses"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::dag::dispatched;
use super::super::rank::sort_by_falling_class;
use super::Slot;
use crate::dependencies::Dependencies;
use crate::ids::TransactionIndex;
use crate::plan::{DependencyGraph, LANES_WITH_WAITS_MAX, Plan};
use crate::request::PlanRequest;
use crate::table::AccessTable;

const NOBODY: u32 = u32::MAX;

/// The schedule. O(accesses + accounts + n log n).
pub(super) fn schedule(table: &AccessTable, request: &PlanRequest, lane_count: usize) -> Vec<Slot> {
    let dependencies = Dependencies::of(table);
    let graph = graph(&dependencies, table);
    let mut play = Play {
        table,
        wait: request.costs.wait,
        chains: dependencies.chains(table),
        missing: graph.predecessor_counts().to_vec(),
        graph,
        ready: BinaryHeap::new(),
        busy: BinaryHeap::with_capacity(lane_count),
        idle: u128::MAX >> (LANES_WITH_WAITS_MAX - lane_count),
        lanes: vec![NOBODY; table.transaction_count()],
        schedule: Vec::with_capacity(table.transaction_count()),
    };
    for transaction in table.transactions() {
        if play.missing[transaction.index()] == 0 {
            play.push_ready(transaction);
        }
    }
    let mut now = 0;
    loop {
        while play.idle != 0 {
            let Some((_, Reverse(transaction))) = play.ready.pop() else {
                break;
            };
            play.start(now, transaction);
        }
        let Some(&Reverse((end, _, _))) = play.busy.peek() else {
            break;
        };
        now = end;
        // All that ends now frees its accounts before anything new starts.
        while let Some(&Reverse((end, lane, transaction))) = play.busy.peek()
            && end == now
        {
            play.busy.pop();
            play.end(lane, transaction);
        }
    }
    assert_eq!(
        play.schedule.len(),
        table.transaction_count(),
        "every transaction starts"
    );
    play.schedule
}

/// Each transaction as a lane of its own, those that begin the heaviest chains first, and nearly
/// equal ones in block order, in which they lie in memory. O(accesses + accounts).
pub(super) fn ranked(table: &AccessTable) -> Plan {
    let dependencies = Dependencies::of(table);
    let order = sort_by_falling_class(&dependencies.chains(table));
    dispatched(&dependencies, order.into_iter())
}

fn graph(dependencies: &Dependencies, table: &AccessTable) -> DependencyGraph {
    let edges = table.transactions().flat_map(|after| {
        let befores = dependencies.of_transaction(after).iter();
        befores.map(move |before| (before.0, after.0))
    });
    let edges: Vec<(u32, u32)> = edges.collect();
    DependencyGraph::from_edges(table.transaction_count(), &edges)
}

struct Play<'a> {
    table: &'a AccessTable,
    wait: u64,
    chains: Vec<u64>,
    /// By transaction: how many predecessors have not ended.
    missing: Vec<u32>,
    graph: DependencyGraph,
    /// The heaviest chain first, then the lowest number.
    ready: BinaryHeap<(u64, Reverse<TransactionIndex>)>,
    /// When each busy lane ends, and what it runs.
    busy: BinaryHeap<Reverse<(u64, u32, TransactionIndex)>>,
    /// One bit a lane.
    idle: u128,
    /// By transaction: the lane of the predecessor that ended last.
    lanes: Vec<u32>,
    schedule: Vec<Slot>,
}

impl Play<'_> {
    fn push_ready(&mut self, transaction: TransactionIndex) {
        self.ready
            .push((self.chains[transaction.index()], Reverse(transaction)));
    }

    fn start(&mut self, now: u64, transaction: TransactionIndex) {
        let last = self.lanes[transaction.index()];
        let is_last_idle = last != NOBODY && self.idle & (1 << last) != 0;
        let lane = if is_last_idle {
            last
        } else {
            self.idle.trailing_zeros()
        };
        let wait = if is_last_idle || last == NOBODY {
            0
        } else {
            self.wait
        };
        self.idle &= !(1 << lane);
        let end = now
            .saturating_add(wait)
            .saturating_add(self.table.cost(transaction));
        self.busy.push(Reverse((end, lane, transaction)));
        self.schedule.push(Slot { transaction, lane });
    }

    fn end(&mut self, lane: u32, transaction: TransactionIndex) {
        self.idle |= 1 << lane;
        for &successor in self.graph.successors(transaction.0) {
            self.lanes[successor as usize] = lane;
            let missing = &mut self.missing[successor as usize];
            *missing -= 1;
            if *missing == 0 {
                let transaction = TransactionIndex(successor);
                let chain = self.chains[transaction.index()];
                self.ready.push((chain, Reverse(transaction)));
            }
        }
    }
}
