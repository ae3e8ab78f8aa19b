//! Packs a block in its own order around its heaviest chains.
//!
//! An idle worker that takes whatever may start is in the way when the next of a heavy chain comes.
//! Here transactions are placed one by one, those that begin the heaviest chains first, each in the
//! earliest gap of a lane that holds it, so that a chain never pauses for what is placed later:
//!
//! ```text
//! chain   [c0 ][a0 ][c1 ][a1 ]      c0 before a0 and b0, both before c1
//! lane 0  [c0 ][a0 ][c1 ][a1 ]
//! lane 1  [f1 ][b0 ][f2 ][b1 ]      f1, f2 fit the gaps; a longer one goes behind b1
//! ```
//!
//! Gaps are earliest, not best: packing from the end of the block with what ended last first, and
//! from its start again, moves what stands in the way (forward-backward improvement, known from
//! project scheduling). The same steps do for both directions.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the table and the number of lanes"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::dag::dispatched;
use super::{Slot, link};
use crate::dependencies::Dependencies;
use crate::ids::{TransactionIndex, narrow};
use crate::plan::{DependencyGraph, Dispatch, Plan};
use crate::predict::{dispatch_runs, predict};
use crate::request::PlanRequest;
use crate::table::AccessTable;

/// Transactions of a block that is packed at most: a gap is looked for in time linear in those that
/// there are.
pub(super) const TRANSACTIONS_MAX: usize = 1 << 13;
/// Times that a block is packed from its end and from its start again.
const ROUNDS: usize = 2;

/// What packing gives.
pub(super) struct Packed {
    /// Lanes with waits, and the predicted makespan.
    pub(super) lanes: (Plan, u64),
    /// For idle workers: first comes what starts first in these lanes.
    pub(super) ranked: (Plan, u64),
}

/// The best plans of some ways to pack; `ranked` is the plan for idle workers that they are to
/// beat. Ends as soon as a makespan is at most `good`. O(accesses + accounts + n log n + n x gaps).
pub(super) fn plan(
    table: &AccessTable,
    request: &PlanRequest,
    lane_count: usize,
    ranked: &Plan,
    good: u64,
) -> Packed {
    let dependencies = Dependencies::of(table);
    let forward = graph(&dependencies, table, false);
    let backward = graph(&dependencies, table, true);
    let costs = table.transactions().map(|one| table.cost(one).max(1));
    let costs: Vec<u64> = costs.collect();
    let chains = dependencies.chains(table).into_iter();
    let by_chain: Vec<u64> = chains.map(|chain| u64::MAX - chain).collect();
    let plans = |packed: &Packing<'_>| {
        let schedule = packed.schedule();
        let order = schedule.iter().map(|slot| slot.transaction);
        let ranked = dispatched(&dependencies, order).with_dispatch(Dispatch::Ranked);
        let makespan = predict(&ranked, table, request.workers, &request.costs);
        Packed {
            lanes: link(table, request, lane_count, &schedule),
            ranked: (ranked, makespan),
        }
    };
    let packed = Packing::new(&forward, &costs, lane_count, &by_chain);
    let mut best = plans(&packed);
    for first in [packed.ends, run_ends(table, request, ranked)] {
        let mut ends = first;
        for _ in 0..ROUNDS {
            if best.ranked.1 <= good {
                return best;
            }
            let from_end = Packing::new(&backward, &costs, lane_count, &latest_first(&ends));
            let keys = latest_first(&from_end.ends);
            let packed = Packing::new(&forward, &costs, lane_count, &keys);
            best.offer(plans(&packed));
            ends = packed.ends;
        }
    }
    best
}

impl Packed {
    fn offer(&mut self, found: Self) {
        if found.lanes.1 < self.lanes.1 {
            self.lanes = found.lanes;
        }
        if found.ranked.1 < self.ranked.1 {
            self.ranked = found.ranked;
        }
    }
}

/// The dependencies as a graph, from first to last or from last to first.
fn graph(dependencies: &Dependencies, table: &AccessTable, is_backward: bool) -> DependencyGraph {
    let edges = table.transactions().flat_map(|after| {
        let befores = dependencies.of_transaction(after).iter();
        befores.map(move |before| match is_backward {
            true => (after.0, before.0),
            false => (before.0, after.0),
        })
    });
    let edges: Vec<(u32, u32)> = edges.collect();
    DependencyGraph::from_edges(table.transaction_count(), &edges)
}

/// Keys by which what ends last comes first.
fn latest_first(ends: &[u64]) -> Vec<u64> {
    let last = ends.iter().copied().max().unwrap_or(0);
    ends.iter().map(|end| last - end).collect()
}

/// When the transactions of a plan for idle workers should end.
fn run_ends(table: &AccessTable, request: &PlanRequest, ranked: &Plan) -> Vec<u64> {
    let mut ends = vec![0; table.transaction_count()];
    for batch in ranked.batches() {
        for run in dispatch_runs(batch, table, request.workers, &request.costs) {
            ends[run.transaction.index()] = run.end;
        }
    }
    ends
}

/// A stretch of a lane in which nothing runs.
#[derive(Clone, Copy)]
struct Gap {
    start: u64,
    end: u64,
}

/// Transactions in lanes. Synchronising is for nothing here: the prediction of the linked plan
/// counts it.
struct Packing<'a> {
    costs: &'a [u64],
    /// By lane, in ascending order.
    gaps: Vec<Vec<Gap>>,
    /// By transaction.
    ends: Vec<u64>,
    /// By transaction.
    lanes: Vec<u32>,
}

impl<'a> Packing<'a> {
    /// Places every transaction behind those before it in the graph, of what may be placed that
    /// with the lowest key first.
    fn new(graph: &DependencyGraph, costs: &'a [u64], lane_count: usize, keys: &[u64]) -> Self {
        let all = Gap {
            start: 0,
            end: u64::MAX,
        };
        let mut packing = Self {
            costs,
            gaps: vec![vec![all]; lane_count],
            ends: vec![0; costs.len()],
            lanes: vec![0; costs.len()],
        };
        let mut missing = graph.predecessor_counts().to_vec();
        // By transaction: when those before it have ended.
        let mut releases = vec![0_u64; costs.len()];
        let roots = (0..narrow(costs.len())).filter(|&one| missing[one as usize] == 0);
        let mut ready: BinaryHeap<Reverse<(u64, u32)>> = roots
            .map(|one| Reverse((keys[one as usize], one)))
            .collect();
        while let Some(Reverse((_, one))) = ready.pop() {
            let end = packing.place(one as usize, releases[one as usize]);
            for &after in graph.successors(one) {
                let place = after as usize;
                releases[place] = releases[place].max(end);
                missing[place] -= 1;
                if missing[place] == 0 {
                    ready.push(Reverse((keys[place], after)));
                }
            }
        }
        packing
    }

    /// Puts a transaction where it starts earliest from `release` on, in the tightest of several
    /// gaps. Returns when it ends.
    fn place(&mut self, transaction: usize, release: u64) -> u64 {
        let cost = self.costs[transaction];
        // Start, size of the gap, lane, place of the gap.
        let mut best: Option<(u64, u64, usize, usize)> = None;
        for (lane, gaps) in self.gaps.iter().enumerate() {
            let least = release.saturating_add(cost);
            let first = gaps.partition_point(|gap| gap.end < least);
            let fits = |gap: &Gap| gap.end - gap.start.max(release) >= cost;
            let Some(behind) = gaps[first..].iter().position(fits) else {
                continue;
            };
            let place = first + behind;
            let gap = gaps[place];
            let found = (gap.start.max(release), gap.end - gap.start, lane, place);
            if best.is_none_or(|best| found < best) {
                best = Some(found);
            }
        }
        let (start, _, lane, place) = best.expect("the last gap of a lane does not end");
        let end = start.saturating_add(cost);
        let gaps = &mut self.gaps[lane];
        let Gap {
            start: before,
            end: after,
        } = gaps[place];
        let rest = [(before, start), (end, after)].map(|(start, end)| Gap { start, end });
        let rest = rest.into_iter().filter(|gap| gap.start < gap.end);
        gaps.splice(place..=place, rest);
        self.ends[transaction] = end;
        self.lanes[transaction] = narrow(lane);
        end
    }

    /// The transactions in the order in which they start.
    fn schedule(&self) -> Vec<Slot> {
        let mut order: Vec<usize> = (0..self.costs.len()).collect();
        order.sort_by_key(|&one| (self.ends[one] - self.costs[one], one));
        let slots = order.into_iter().map(|one| Slot {
            transaction: TransactionIndex(narrow(one)),
            lane: self.lanes[one],
        });
        slots.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::ids::AccountIndex;

    fn pack(table: &AccessTable, lane_count: usize) -> Vec<(u64, u32)> {
        let dependencies = Dependencies::of(table);
        let costs: Vec<u64> = table.transactions().map(|one| table.cost(one)).collect();
        let chains = dependencies.chains(table).into_iter();
        let keys: Vec<u64> = chains.map(|chain| u64::MAX - chain).collect();
        let graph = graph(&dependencies, table, false);
        let packed = Packing::new(&graph, &costs, lane_count, &keys);
        let starts = packed.ends.iter().zip(&costs).map(|(end, cost)| end - cost);
        starts.zip(packed.lanes.iter().copied()).collect()
    }

    /// The example of the module: 0 and 3 write both accounts, 1 and 4 one, 2 and 5 the other; the
    /// rest is free.
    #[test]
    fn a_chain_does_not_pause_for_what_fits_its_gaps() {
        let [a, b] = [0, 1].map(AccountIndex).map(Access::write);
        let mut table = AccessTable::new();
        for _ in 0..2 {
            table.push([a, b], 60);
            table.push([a], 100);
            table.push([b], 90);
        }
        for cost in [70, 60, 55] {
            table.push([], cost);
        }
        let found = pack(&table, 2);
        // 60 and 70 fit the gaps beside the first and the second of the chain, 55 comes last.
        let expected = [
            (0, 0),
            (60, 0),
            (60, 1),
            (160, 0),
            (220, 0),
            (220, 1),
            (150, 1),
            (0, 1),
            (310, 1),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_is_packed_of_nothing_and_costs_may_be_nothing() {
        assert_eq!(pack(&AccessTable::new(), 3), []);
        let mut table = AccessTable::new();
        table.push([Access::write(AccountIndex(0))], 0);
        table.push([Access::write(AccountIndex(0))], 0);
        let request = PlanRequest::new(
            crate::request::Mode::Replay,
            std::num::NonZeroU32::new(2).expect("two is not zero"),
        );
        let Packed { lanes, ranked } = plan(&table, &request, 2, &Plan::new(), 0);
        for (plan, _) in [lanes, ranked] {
            assert!(crate::check::check(plan, &table, request.mode).is_ok());
        }
    }
}
