//! Turns a plan and its block's costs into the time that it should take.
//!
//! The model: the lanes of a batch are claimed in lane order by the next idle worker; a wait
//! holds its lane up until the awaited transaction has finished and costs a little by itself;
//! between two batches a barrier is paid. None is behind the last batch: the end of the block is
//! the same for every plan, and no lane waits for it. In a batch with waits and fewer workers than
//! lanes, worker `w` runs lanes `w`, `w + workers`, .. merged in canonical order, as the lanes
//! could otherwise wait for one that no worker has claimed.
//!
//! Under queued dispatch there is one queue of transactions that may start, at first those
//! that nothing precedes, in the order of the plan. A worker that has finished a transaction goes
//! on with the first of its successors that this made ready and queues the others; else it takes
//! what has been queued longest. Under ranked dispatch idle workers take what the plan lists first
//! of all that may start. Taking costs as much as a wait.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroU32;

use crate::ids::{TransactionIndex, narrow};
use crate::plan::{Batch, DependencyGraph, Dispatch, Plan};
use crate::request::CostModel;
use crate::table::AccessTable;

/// The predicted makespan of a plan, in cost units; sums saturate.
///
/// # Panics
/// If the plan names a transaction that the table does not have.
///
/// # Complexity
/// O(n + lanes log workers) without waits, O(n + waits) more with them.
///
/// ```
/// use std::num::NonZeroU32;
/// use lockstep_scheduler::{AccessTable, CostModel, Plan, predict};
///
/// let mut table = AccessTable::new();
/// let [a, b, c] = [700, 200, 400].map(|cost| table.push([], cost));
/// let plan = Plan::from_nested(vec![vec![vec![a], vec![b], vec![c]]], vec![]);
/// let workers = NonZeroU32::new(2).expect("two is not zero");
/// assert_eq!(predict(&plan, &table, workers, &CostModel::STANDARD), 700);
/// ```
pub fn predict(plan: &Plan, table: &AccessTable, workers: NonZeroU32, costs: &CostModel) -> u64 {
    let barrier_count = u64::from(narrow(plan.batch_count().saturating_sub(1)));
    let barriers = costs.barrier.saturating_mul(barrier_count);
    spans(plan, table, workers, costs)
        .into_iter()
        .fold(barriers, u64::saturating_add)
}

/// How long each batch takes, its barrier left out.
pub(crate) fn spans(
    plan: &Plan,
    table: &AccessTable,
    workers: NonZeroU32,
    costs: &CostModel,
) -> Vec<u64> {
    // By transaction: when it ends, counted from its batch's start. Only waits ask for it.
    let mut ends = Vec::new();
    if !plan.waits().is_empty() && plan.dispatch() == Dispatch::Static {
        ends.resize(table.transaction_count(), 0);
    }
    let mut span = |batch: Batch<'_>| {
        if plan.dispatch() != Dispatch::Static {
            let runs = dispatch_runs(batch, table, workers, costs);
            runs.iter().map(|run| run.end).max().unwrap_or(0)
        } else if batch.waits().is_empty() {
            claimed_span(batch, table, workers)
        } else {
            waiting_span(batch, table, workers, costs, &mut ends)
        }
    };
    plan.batches().map(&mut span).collect()
}

fn lane_cost(lane: &[TransactionIndex], table: &AccessTable) -> u64 {
    lane.iter().fold(0, |sum: u64, &transaction| {
        sum.saturating_add(table.cost(transaction))
    })
}

/// How long a batch without waits takes.
fn claimed_span(batch: Batch<'_>, table: &AccessTable, workers: NonZeroU32) -> u64 {
    let mut lanes = batch.lanes().map(|lane| lane_cost(lane, table));
    let worker_count = workers.get() as usize;
    if batch.lane_count() <= worker_count {
        return lanes.max().unwrap_or(0);
    }
    let mut idle: BinaryHeap<_> = lanes.by_ref().take(worker_count).map(Reverse).collect();
    for cost in lanes {
        let mut earliest = idle.peek_mut().expect("there is at least one worker");
        earliest.0 = earliest.0.saturating_add(cost);
    }
    idle.into_iter().map(|end| end.0).max().unwrap_or(0)
}

/// How long a batch with waits takes. A wait for another batch is met at the start.
fn waiting_span(
    batch: Batch<'_>,
    table: &AccessTable,
    workers: NonZeroU32,
    costs: &CostModel,
    ends: &mut [u64],
) -> u64 {
    let worker_count = batch.lane_count().min(workers.get() as usize);
    let mut clocks = vec![0_u64; worker_count];
    let mut lane_of = vec![0_usize; ends.len()];
    let mut pending = Vec::with_capacity(batch.lane_count());
    for (number, lane) in batch.lanes_with_waits().enumerate() {
        for transaction in lane.transactions {
            lane_of[transaction.index()] = number;
            ends[transaction.index()] = 0;
        }
        pending.push(lane.waits);
    }
    for &transaction in batch.order() {
        let lane = lane_of[transaction.index()];
        let clock = &mut clocks[lane.checked_rem(worker_count).unwrap_or(0)];
        while let Some((wait, rest)) = pending[lane].split_first() {
            if wait.transaction != transaction {
                break;
            }
            *clock = (*clock)
                .max(ends[wait.after.index()])
                .saturating_add(costs.wait);
            pending[lane] = rest;
        }
        *clock = clock.saturating_add(table.cost(transaction));
        ends[transaction.index()] = *clock;
    }
    clocks.into_iter().max().unwrap_or(0)
}

/// A transaction on a worker, in cost units from the start of its batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// The transaction.
    pub transaction: TransactionIndex,
    /// The worker, from 0.
    pub worker: u32,
    /// When it starts.
    pub start: u64,
    /// When it has finished.
    pub end: u64,
}

/// Positions that may start.
enum Ready {
    Queue(VecDeque<u32>),
    Ranks(Ranks),
}

impl Ready {
    fn new(dispatch: Dispatch, capacity: usize, positions: impl Iterator<Item = u32>) -> Self {
        match dispatch {
            Dispatch::Ranked => {
                let mut ranks = Ranks::new(capacity);
                positions.for_each(|position| ranks.put(position as usize));
                Self::Ranks(ranks)
            }
            Dispatch::Queued | Dispatch::Static => Self::Queue(positions.collect()),
        }
    }

    fn put(&mut self, position: u32) {
        match self {
            Self::Queue(queue) => queue.push_back(position),
            Self::Ranks(ranks) => ranks.put(position as usize),
        }
    }

    fn take(&mut self) -> Option<u32> {
        match self {
            Self::Queue(queue) => queue.pop_front(),
            Self::Ranks(ranks) => ranks.take().map(narrow),
        }
    }
}

/// A set of positions from which the lowest is taken: one bit each, and one for each word of bits,
/// which says whether any is set.
struct Ranks {
    words: Vec<u64>,
    summary: Vec<u64>,
}

impl Ranks {
    fn new(capacity: usize) -> Self {
        let word_count = capacity.div_ceil(BITS);
        Self {
            words: vec![0; word_count],
            summary: vec![0; word_count.div_ceil(BITS)],
        }
    }

    fn put(&mut self, position: usize) {
        let word = position / BITS;
        self.words[word] |= 1 << (position % BITS);
        self.summary[word / BITS] |= 1 << (word % BITS);
    }

    fn take(&mut self) -> Option<usize> {
        let summary = self.summary.iter().position(|word| *word != 0)?;
        let word = lowest(summary, self.summary[summary]);
        let bits = &mut self.words[word];
        let position = lowest(word, *bits);
        *bits &= bits.wrapping_sub(1);
        if *bits == 0 {
            self.summary[summary] &= self.summary[summary].wrapping_sub(1);
        }
        Some(position)
    }
}

const BITS: usize = u64::BITS as usize;

/// The position of a word's lowest bit.
fn lowest(word: usize, bits: u64) -> usize {
    word.saturating_mul(BITS)
        .saturating_add(bits.trailing_zeros() as usize)
}

/// The predicted course of a batch under its plan's dispatch, queued or ranked, in the order in
/// which transactions start. Ends without those that wait in a circle.
///
/// # Panics
/// If the batch names a transaction that the table does not have.
///
/// # Complexity
/// O(waits + n log workers); under ranked dispatch n x n / 4,096 more at worst.
pub fn dispatch_runs(
    batch: Batch<'_>,
    table: &AccessTable,
    workers: NonZeroU32,
    costs: &CostModel,
) -> Vec<Run> {
    let graph = DependencyGraph::of(batch);
    let mut missing = graph.predecessor_counts().to_vec();
    let positions = 0_u32..;
    let roots = positions.zip(&missing).filter(|(_, count)| **count == 0);
    let transactions = batch.transactions();
    let roots = roots.map(|(position, _)| position);
    let mut ready = Ready::new(batch.dispatch(), transactions.len(), roots);
    let worker_count = workers.get().min(narrow(transactions.len()));
    let mut idle: BinaryHeap<Reverse<u32>> = (0..worker_count).map(Reverse).collect();
    // When each busy worker is done, and with which position.
    let mut busy: BinaryHeap<Reverse<(u64, u32, u32)>> = BinaryHeap::new();
    let mut runs = Vec::with_capacity(transactions.len());
    let mut now = 0_u64;
    let mut start = |position: u32, worker: u32, start: u64| {
        let transaction = transactions[position as usize];
        let end = start.saturating_add(table.cost(transaction));
        runs.push(Run {
            transaction,
            worker,
            start,
            end,
        });
        Reverse((end, worker, position))
    };
    loop {
        while let Some(&Reverse(worker)) = idle.peek()
            && let Some(position) = ready.take()
        {
            idle.pop();
            busy.push(start(position, worker, now.saturating_add(costs.wait)));
        }
        let Some(Reverse((end, worker, position))) = busy.pop() else {
            return runs;
        };
        now = end;
        let mut next = None;
        for &successor in graph.successors(position) {
            let missing = &mut missing[successor as usize];
            *missing = missing.saturating_sub(1);
            if *missing == 0 && next.is_none() && batch.dispatch() == Dispatch::Queued {
                next = Some(successor);
            } else if *missing == 0 {
                ready.put(successor);
            }
        }
        match next {
            Some(next) => busy.push(start(next, worker, now)),
            None => idle.push(Reverse(worker)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Wait;

    fn workers(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).expect("tests ask for at least one worker")
    }

    /// Predicts a plan for transactions of the given costs with barrier 10 and wait 1.
    fn check(costs: &[u64], batches: &[&[&[u32]]], waits: &[(u32, u32)], expected: &[(u32, u64)]) {
        check_dispatched(Dispatch::Static, costs, batches, waits, expected);
    }

    fn check_dispatched(
        dispatch: Dispatch,
        costs: &[u64],
        batches: &[&[&[u32]]],
        waits: &[(u32, u32)],
        expected: &[(u32, u64)],
    ) {
        let mut table = AccessTable::new();
        for &cost in costs {
            table.push([], cost);
        }
        let lane = |lane: &&[u32]| lane.iter().map(|&index| TransactionIndex(index)).collect();
        let batches = batches
            .iter()
            .map(|lanes| lanes.iter().map(lane).collect())
            .collect();
        let wait = |&(transaction, after): &(u32, u32)| Wait {
            transaction: TransactionIndex(transaction),
            after: TransactionIndex(after),
        };
        let plan = Plan::from_nested(batches, waits.iter().map(wait).collect());
        let plan = plan.with_dispatch(dispatch);
        let model = CostModel {
            barrier: 10,
            wait: 1,
        };
        for &(count, makespan) in expected {
            assert_eq!(
                predict(&plan, &table, workers(count), &model),
                makespan,
                "{count}\n{plan}"
            );
        }
    }

    #[test]
    fn idle_workers_claim_lanes_in_order() {
        check(&[], &[], &[], &[(1, 0), (9, 0)]);
        check(&[5], &[&[&[0]]], &[], &[(1, 5), (3, 5)]);
        // Two workers: 4 | 3, then 3+5 | 4+1.
        check(
            &[4, 3, 5, 1],
            &[&[&[0], &[1], &[2], &[3]]],
            &[],
            &[(1, 13), (2, 8), (3, 5), (4, 5)],
        );
        check(
            &[4, 3, 5, 1],
            &[&[&[0, 1], &[2]], &[&[3]]],
            &[],
            &[(1, 23), (2, 18), (8, 18)],
        );
    }

    #[test]
    fn waits_hold_lanes_up() {
        // Lane 1 idles until 4, pays 1, runs to 10.
        check(&[4, 5], &[&[&[0], &[1]]], &[(1, 0)], &[(2, 10), (5, 10)]);
        // One worker merges the lanes in canonical order and still pays for looking.
        check(&[4, 5], &[&[&[0], &[1]]], &[(1, 0)], &[(1, 10)]);
        // 0 | 1 then 2 waits for 0, 3 waits for 1.
        check(
            &[2, 6, 1, 1],
            &[&[&[0, 3], &[1, 2]]],
            &[(2, 0), (3, 1)],
            &[(2, 8)],
        );
    }

    #[test]
    fn idle_workers_take_what_is_ready() {
        let lanes: &[&[&[u32]]] = &[&[&[0], &[1], &[2], &[3]]];
        // 0 at 1..5, 1 at 1..4; then 2 from the queue at 5..10, 3 right behind 0 at 5..6.
        let check = |waits, expected| {
            check_dispatched(Dispatch::Queued, &[4, 3, 5, 1], lanes, waits, expected);
        };
        check(&[(3, 0)], &[(2, 10), (1, 16), (9, 6)]);
        // 0 makes both 2 and 3 ready: its worker goes on with 2, the other one takes 3.
        check(&[(2, 0), (3, 0), (3, 1)], &[(2, 10), (1, 15)]);
    }

    #[test]
    fn idle_workers_take_what_the_plan_lists_first() {
        // 0 at 1..5, 3 at 1..2; both make one ready, and 2 is listed before 1.
        let lanes: &[&[&[u32]]] = &[&[&[0], &[3], &[2], &[1]]];
        let waits = &[(2, 3), (1, 3)];
        let check = |expected| {
            check_dispatched(Dispatch::Ranked, &[4, 3, 5, 1], lanes, waits, expected);
        };
        // 2 at 3..8, 1 at 6..9 behind 0.
        check(&[(2, 9), (1, 17)]);
    }

    #[test]
    fn sums_saturate() {
        check(&[u64::MAX, 7], &[&[&[0, 1]]], &[], &[(1, u64::MAX)]);
    }
}
