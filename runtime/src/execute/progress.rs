//! Runs lanes that wait for each other, each worker those that it owns.
//!
//! ```text
//! lane 0   t0 -- t3 ------ t5          finished: 2
//! lane 1   t1 -- t2 -- t4              t4 waits for t3: lane 0 must have finished 2
//! ```
//!
//! One counter a lane tells how many of its transactions have finished. A wait is over once the
//! awaited lane's counter has reached the awaited transaction.

use lockstep_scheduler::{Batch, Lane, Plan, TransactionIndex, Wait};

use super::{
    barrier::{Barrier, Poisoned},
    sync::{AtomicBool, AtomicU32, Ordering},
    wait::Padded,
};

/// Where a transaction stands inside its batch, for those that wait for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    lane: u32,
    /// Progress of the lane once the transaction has finished.
    finished: u32,
}

/// The place of each transaction, if any transaction of the plan waits.
pub(super) fn places(plan: &Plan) -> Vec<Place> {
    if plan.waits().is_empty() {
        return Vec::new();
    }
    let mut places = vec![Place::default(); plan.transaction_count()];
    for batch in plan.batches() {
        for (lane, transactions) in (0u32..).zip(batch.lanes()) {
            for (finished, index) in (1u32..).zip(transactions) {
                places[index.0 as usize] = Place { lane, finished };
            }
        }
    }
    places
}

/// Who runs a lane, and how far it is.
#[derive(Debug, Default)]
struct LaneProgress {
    is_claimed: AtomicBool,
    finished: Padded<AtomicU32>,
}

/// The lanes of a batch with waits.
#[derive(Debug)]
pub(super) struct WaitingLanes<'p> {
    batch: Batch<'p>,
    progress: Vec<LaneProgress>,
}

impl<'p> WaitingLanes<'p> {
    pub(super) fn new(batch: Batch<'p>) -> Self {
        let progress = (0..batch.lane_count()).map(|_| LaneProgress::default());
        Self {
            batch,
            progress: progress.collect(),
        }
    }

    /// The batch whose lanes these are.
    pub(super) fn batch(&self) -> &Batch<'p> {
        &self.batch
    }

    /// Runs the worker's lanes in turn, each until it must wait. Some lane of some worker can
    /// always run, since the checker refuses waits in a circle. `run` is to run the first of the
    /// transactions that it is given; the others follow in that lane.
    ///
    /// # Errors
    /// If another worker has panicked.
    pub(super) fn work(
        &self,
        places: &[Place],
        (ticket, worker_count): (usize, usize),
        barrier: &Barrier,
        mut run: impl FnMut(&[TransactionIndex]),
    ) -> Result<(), Poisoned> {
        let mut lanes: Vec<RunningLane<'_>> = (ticket..self.batch.lane_count())
            .step_by(worker_count)
            .filter(|index| {
                !self.progress[*index]
                    .is_claimed
                    .swap(true, Ordering::Relaxed)
            })
            .map(|index| RunningLane::new(self.batch.lane(index), &self.progress[index]))
            .collect();
        let mut patience = barrier.patience();
        while !lanes.is_empty() {
            let mut has_run = false;
            for lane in &mut lanes {
                while lane.can_run(&self.progress, places) {
                    run(&lane.transactions[lane.next..]);
                    lane.advance();
                    has_run = true;
                }
            }
            lanes.retain(|lane| lane.next < lane.transactions.len());
            if has_run {
                patience.renew();
            } else if !lanes.is_empty() {
                barrier.check()?;
                patience.wait();
            }
        }
        Ok(())
    }
}

/// A lane while a worker runs it.
struct RunningLane<'p> {
    transactions: &'p [TransactionIndex],
    /// Waits not yet seen to be over, in the order of the waiting transactions.
    waits: &'p [Wait],
    next: usize,
    finished: &'p AtomicU32,
}

impl<'p> RunningLane<'p> {
    fn new(lane: Lane<'p>, progress: &'p LaneProgress) -> Self {
        Self {
            transactions: lane.transactions,
            waits: lane.waits,
            next: 0,
            finished: &progress.finished.0,
        }
    }

    /// True if there is a next transaction and all it waits for has finished.
    fn can_run(&mut self, progress: &[LaneProgress], places: &[Place]) -> bool {
        let Some(transaction) = self.transactions.get(self.next) else {
            return false;
        };
        while let Some((wait, rest)) = self.waits.split_first() {
            if wait.transaction != *transaction {
                break;
            }
            let place = places[wait.after.0 as usize];
            let awaited = &progress[place.lane as usize].finished.0;
            if awaited.load(Ordering::Acquire) < place.finished {
                return false;
            }
            self.waits = rest;
        }
        true
    }

    fn advance(&mut self) {
        self.next = self.next.saturating_add(1);
        let finished = u32::try_from(self.next).expect("transactions are counted in 32 bits");
        self.finished.store(finished, Ordering::Release);
    }
}
