//! A plan and its block's costs into the predicted schedule: which worker runs which transaction
//! from when to when, and where it waits.
//!
//! The model is that of [`lockstep_scheduler::predict`], which gives only the end: the makespan
//! of a schedule is that prediction. Lanes are claimed in lane order by the next idle worker; in
//! a batch with waits, worker `w` runs lanes `w`, `w + workers`, .. in canonical order; under
//! queued and ranked dispatch workers take what is ready.
//!
//! ```text
//! worker 0  [tx 0      ][tx 3  ]   | [tx 5 ]
//! worker 1  [tx 1 ][~~wait~~][tx 2]| [tx 4      ]
//!                             barrier
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use lockstep_scheduler::{
    AccessTable, Batch, Dispatch, Plan, PlanRequest, TransactionIndex, dispatch_runs,
};

/// A transaction on its worker, in cost units from the block's start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slice {
    /// The transaction.
    pub transaction: TransactionIndex,
    /// The worker, from 0.
    pub worker: u32,
    /// The batch, from 0.
    pub batch: usize,
    /// When it starts.
    pub start: u64,
    /// When it has finished.
    pub end: u64,
}

/// A static wait on the worker that has to wait; the cost of looking is part of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pause {
    /// The transaction that may not start yet.
    pub transaction: TransactionIndex,
    /// The one it waits for.
    pub after: TransactionIndex,
    /// The worker, from 0.
    pub worker: u32,
    /// When the waiting begins.
    pub start: u64,
    /// When it ends.
    pub end: u64,
}

/// One batch in time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Phase {
    /// When its lanes may start.
    pub start: u64,
    /// When its last lane has ended.
    pub end: u64,
    /// When the barrier after it has been passed; behind the last batch there is none.
    pub released: u64,
    /// By worker: when its last lane has ended, `start` for one without work.
    pub worker_ends: Vec<u64>,
}

/// When and where a plan's transactions should run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Schedule {
    /// Every transaction once; those of a worker in time order.
    pub slices: Vec<Slice>,
    /// The waits.
    pub pauses: Vec<Pause>,
    /// The batches, in order.
    pub phases: Vec<Phase>,
}

impl Schedule {
    /// The schedule of a plan on as many workers as the request names.
    ///
    /// # Panics
    /// If the plan names a transaction that the table does not have.
    ///
    /// # Complexity
    /// O(n + waits + lanes log workers + batches x workers).
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use lockstep_benches::explain::Schedule;
    /// use lockstep_scheduler::{AccessTable, Mode, Plan, PlanRequest};
    ///
    /// let mut table = AccessTable::new();
    /// let [a, b, c] = [700, 200, 400].map(|cost| table.push([], cost));
    /// let plan = Plan::from_nested(vec![vec![vec![a], vec![b], vec![c]]], vec![]);
    /// let workers = NonZeroU32::new(2).expect("two is not zero");
    /// let schedule = Schedule::of(&plan, &table, &PlanRequest::new(Mode::Produce, workers));
    /// let third = schedule.slices[2];
    /// assert_eq!((third.worker, third.start, third.end), (1, 200, 600));
    /// assert_eq!(schedule.makespan(), 700);
    /// ```
    pub fn of(plan: &Plan, table: &AccessTable, request: &PlanRequest) -> Self {
        let mut clerk = Clerk {
            table,
            request,
            ends: vec![0; table.transaction_count()],
            lane_of: vec![0; table.transaction_count()],
            schedule: Self::default(),
        };
        for (number, batch) in plan.batches().enumerate() {
            let start = clerk.schedule.makespan();
            let worker_ends = if plan.dispatch() != Dispatch::Static {
                clerk.dispatched(number, batch, start)
            } else if batch.waits().is_empty() {
                clerk.claimed(number, batch, start)
            } else {
                clerk.waiting(number, batch, start)
            };
            let end = worker_ends.iter().copied().max().unwrap_or(start);
            clerk.schedule.phases.push(Phase {
                start,
                end,
                released: end.saturating_add(if number.saturating_add(1) < plan.batch_count() {
                    request.costs.barrier
                } else {
                    0
                }),
                worker_ends,
            });
        }
        clerk.schedule
    }

    /// When the last batch has ended.
    pub fn makespan(&self) -> u64 {
        self.phases.last().map_or(0, |phase| phase.released)
    }
}

/// What is known while a schedule is written.
struct Clerk<'a> {
    table: &'a AccessTable,
    request: &'a PlanRequest,
    /// By transaction: when it has finished.
    ends: Vec<u64>,
    /// By transaction: its lane in the present batch.
    lane_of: Vec<usize>,
    schedule: Schedule,
}

impl Clerk<'_> {
    /// Workers that a batch of so many lanes keeps busy.
    fn worker_count(&self, lane_count: usize) -> usize {
        lane_count.min(self.request.workers.get() as usize)
    }

    /// Notes a transaction and returns when it has finished.
    fn note(&mut self, transaction: TransactionIndex, worker: u32, batch: usize, at: u64) -> u64 {
        let end = at.saturating_add(self.table.cost(transaction));
        self.ends[transaction.index()] = end;
        self.schedule.slices.push(Slice {
            transaction,
            worker,
            batch,
            start: at,
            end,
        });
        end
    }

    /// A batch without waits: the next idle worker takes the next lane.
    fn claimed(&mut self, number: usize, batch: Batch<'_>, start: u64) -> Vec<u64> {
        let workers = 0..self.request.workers.get();
        let mut worker_ends = vec![start; workers.len()];
        let workers = workers.take(batch.lane_count());
        let mut idle: BinaryHeap<_> = workers.map(|worker| Reverse((start, worker))).collect();
        for lane in batch.lanes() {
            let Some(mut next) = idle.pop() else { break };
            let (now, worker) = &mut next.0;
            for &transaction in lane {
                *now = self.note(transaction, *worker, number, *now);
            }
            worker_ends[*worker as usize] = *now;
            idle.push(next);
        }
        worker_ends
    }

    /// A batch of queued or ranked dispatch; no worker stands still in front of a transaction.
    fn dispatched(&mut self, number: usize, batch: Batch<'_>, start: u64) -> Vec<u64> {
        let (workers, costs) = (self.request.workers, &self.request.costs);
        let mut worker_ends = vec![start; workers.get() as usize];
        for run in dispatch_runs(batch, self.table, workers, costs) {
            let at = start.saturating_add(run.start);
            let end = self.note(run.transaction, run.worker, number, at);
            worker_ends[run.worker as usize] = end;
        }
        worker_ends
    }

    /// A batch with waits: lanes are dealt to workers in turn and merged in canonical order.
    fn waiting(&mut self, number: usize, batch: Batch<'_>, start: u64) -> Vec<u64> {
        let mut clocks = vec![start; self.request.workers.get() as usize];
        let worker_count = self.worker_count(batch.lane_count());
        let mut pending = Vec::with_capacity(batch.lane_count());
        for (lane_number, lane) in batch.lanes_with_waits().enumerate() {
            for transaction in lane.transactions {
                self.lane_of[transaction.index()] = lane_number;
            }
            pending.push(lane.waits);
        }
        for &transaction in batch.order() {
            let lane = self.lane_of[transaction.index()];
            let place = lane.checked_rem(worker_count).unwrap_or(0);
            let worker = u32::try_from(place).expect("there are at most 2^32 workers");
            while let Some((wait, rest)) = pending[lane].split_first() {
                if wait.transaction != transaction {
                    break;
                }
                let met = clocks[place].max(self.ends[wait.after.index()]);
                let end = met.saturating_add(self.request.costs.wait);
                self.schedule.pauses.push(Pause {
                    transaction,
                    after: wait.after,
                    worker,
                    start: clocks[place],
                    end,
                });
                clocks[place] = end;
                pending[lane] = rest;
            }
            clocks[place] = self.note(transaction, worker, number, clocks[place]);
        }
        clocks
    }
}

#[cfg(test)]
mod tests;
