//! Runs lanes that wait for each other, each worker those that it owns, and those of workers that
//! are not here yet.
//!
//! ```text
//! lane 0   t0 -- t3 ------ t5          finished: 2
//! lane 1   t1 -- t2 -- t4              t4 waits for t3: lane 0 must have finished 2
//! ```
//!
//! One counter a lane tells how many of its transactions have finished. A wait is over once the
//! awaited lane's counter has reached the awaited transaction.
//!
//! A thread takes tens of microseconds to wake up. An idle worker therefore runs a lane whose owner
//! has not arrived, and hands it over between two transactions once the owner has.

use lockstep_scheduler::{Batch, Lane, Plan, TransactionIndex, Wait};

use super::{
    barrier::{Barrier, Poisoned},
    sync::{AtomicU32, AtomicU64, Ordering},
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

/// Which worker runs a lane, and how far it is.
#[derive(Debug, Default)]
struct LaneProgress {
    /// [`HELD`] and [`OWNED`].
    state: AtomicU64,
    finished: Padded<AtomicU32>,
}

/// The worker that has set this bit runs the lane.
const HELD: u64 = 1;
/// The worker that owns the lane has arrived, and no other may take it any more.
const OWNED: u64 = 2;

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

    /// Runs the worker's lanes in turn, each until it must wait, and then lanes whose owners have
    /// not arrived. Some lane of some worker can always run, since the checker refuses waits in a
    /// circle. `run` is to run the first of the transactions that it is given; the others follow in
    /// that lane.
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
        let mut awaited: Vec<usize> = (ticket..self.batch.lane_count())
            .step_by(worker_count)
            .collect();
        let mut lanes = Vec::with_capacity(awaited.len());
        let mut patience = barrier.patience();
        loop {
            awaited.retain(|&lane| match self.own(lane, places) {
                Some(lane) => {
                    lanes.push(lane);
                    false
                }
                None => true,
            });
            let mut has_run = false;
            for lane in &mut lanes {
                has_run |= lane.run(&self.progress, places, &mut run, || false);
            }
            lanes.retain(|lane| !lane.is_done());
            if has_run || self.help(places, &mut run) {
                patience.renew();
            } else if lanes.is_empty() && awaited.is_empty() {
                return Ok(());
            } else {
                barrier.check()?;
                patience.wait();
            }
        }
    }

    /// Runs lanes whose owners have not arrived, each until it must wait or its owner arrives.
    /// Returns true if anything has run.
    fn help(&self, places: &[Place], run: &mut impl FnMut(&[TransactionIndex])) -> bool {
        let mut has_run = false;
        for (index, progress) in self.progress.iter().enumerate() {
            let state = || progress.state.load(Ordering::Relaxed);
            if state() != 0 {
                continue;
            }
            let before = progress.state.fetch_or(HELD, Ordering::Acquire);
            if before & HELD != 0 {
                continue;
            }
            if before == 0 {
                let mut lane = self.lane(index, places);
                let has_owner = || state() & OWNED != 0;
                has_run |= lane.run(&self.progress, places, run, has_owner);
            }
            // The next worker that holds the lane sees all that was done in it.
            progress.state.fetch_and(!HELD, Ordering::Release);
        }
        has_run
    }

    /// A lane of the worker's own, once no other worker runs it.
    fn own(&self, index: usize, places: &[Place]) -> Option<RunningLane<'_>> {
        let state = &self.progress[index].state;
        let before = state.fetch_or(OWNED | HELD, Ordering::Acquire);
        (before & HELD == 0).then(|| self.lane(index, places))
    }

    /// A lane that this worker holds, from its next transaction on.
    fn lane(&self, index: usize, places: &[Place]) -> RunningLane<'_> {
        RunningLane::new(self.batch.lane(index), &self.progress[index], places)
    }
}

/// A lane while a worker runs it.
struct RunningLane<'p> {
    transactions: &'p [TransactionIndex],
    /// Waits that may not be over yet, in the order of the waiting transactions.
    waits: &'p [Wait],
    next: usize,
    finished: &'p AtomicU32,
}

impl<'p> RunningLane<'p> {
    fn new(lane: Lane<'p>, progress: &'p LaneProgress, places: &[Place]) -> Self {
        let finished = progress.finished.0.load(Ordering::Relaxed);
        let is_over = |wait: &Wait| places[wait.transaction.0 as usize].finished <= finished;
        Self {
            transactions: lane.transactions,
            waits: &lane.waits[lane.waits.partition_point(is_over)..],
            next: finished as usize,
            finished: &progress.finished.0,
        }
    }

    fn is_done(&self) -> bool {
        self.next >= self.transactions.len()
    }

    /// Runs transactions until one must wait or `stops` says so. Returns true if any has run.
    fn run(
        &mut self,
        progress: &[LaneProgress],
        places: &[Place],
        run: &mut impl FnMut(&[TransactionIndex]),
        stops: impl Fn() -> bool,
    ) -> bool {
        let first = self.next;
        while self.can_run(progress, places) {
            run(&self.transactions[self.next..]);
            self.advance();
            if stops() {
                break;
            }
        }
        self.next > first
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
