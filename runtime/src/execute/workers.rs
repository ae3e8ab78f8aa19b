//! Runs the lanes of a checked plan on the threads, lending each transaction its accounts.
//!
//! This module holds the only unsafe code of the crate. Its interface is safe: [`run`] owns the
//! accounts while it works and gives them back. The argument:
//!
//! 1. A [`CheckedPlan`] names every transaction once, and two transactions that conflict are in
//!    one lane, or in different batches, or ordered by a chain of waits.
//! 2. A lane is run by one worker: lanes are claimed by an atomic exchange or increment.
//! 3. A batch begins after [`Barrier::wait`] has seen every worker leave the batch before, which
//!    also makes their writes visible. A ticket makes sure that no more workers take part than the
//!    barrier counts.
//! 4. A transaction that waits starts after it has read, with `Acquire`, a progress counter that
//!    the awaited lane increments with `Release` after each transaction.
//! 5. So while a transaction runs, no other one that writes an account of its is running, and none
//!    that reads or credits an account it writes. Crediting changes no account here: what is
//!    added is summed up elsewhere, and a credited account is lent like a read one.
//!    [`TransactionCells`] moves written accounts out and back and
//!    lends read ones for no longer than the transaction. A table names an account once per
//!    transaction, so that the two cannot meet inside one either.
//! 6. An outcome's cell is written by the one worker that runs the transaction.
#![expect(
    unsafe_code,
    reason = "the checked plan proves what the compiler cannot see"
)]

use std::{
    cell::UnsafeCell,
    hint,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    thread,
};

use lockstep_interface::Account;
use lockstep_scheduler::{
    Access, AccessMode, AccessTable, Batch, CheckedPlan, Lane, TransactionIndex,
};

use super::{
    Outcome,
    barrier::{Barrier, Poisoned},
};
use crate::threads::Threads;

/// A batch whose costs sum up to less is not worth a barrier; in cost units.
const THIN_BATCH_COST: u64 = 2_000;
/// Each worker claims about this many groups of lanes of a wide batch.
const CLAIMS_PER_WORKER: usize = 8;

/// Keeps counters of different lanes on different cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

/// A stretch of the plan between two barriers.
#[derive(Debug)]
enum Phase<'p> {
    /// Batches run by one worker in canonical order: those of a single lane, and thin ones.
    Inline(Vec<Batch<'p>>),
    /// A batch without waits; workers claim groups of lanes in order.
    Lanes(Batch<'p>),
    /// A batch with waits; each worker has lanes of its own and goes on with one that can run.
    Waits(Batch<'p>, Vec<LaneProgress>),
}

/// Who runs a lane with waits, and how far it is.
#[derive(Debug, Default)]
struct LaneProgress {
    is_claimed: AtomicBool,
    finished: Padded<AtomicU32>,
}

/// Where a transaction stands, for those that wait for it.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    lane: u32,
    /// Progress of the lane once the transaction has finished.
    finished: u32,
}

/// Values of which each is reached by one worker at a time.
#[derive(Debug)]
struct Cells<T>(Box<[UnsafeCell<T>]>);

// SAFETY: shared references to the cells go to several threads, but a value is only ever moved or
// read by the one that the module's argument gives it to.
unsafe impl<T: Send + Sync> Sync for Cells<T> {}

impl<T> Cells<T> {
    fn new(values: Vec<T>) -> Self {
        Self(values.into_iter().map(UnsafeCell::new).collect())
    }

    fn into_inner(self) -> Vec<T> {
        self.0.into_iter().map(UnsafeCell::into_inner).collect()
    }
}

/// The accounts of the transaction that is being run, in the order of its access list.
#[derive(Debug)]
pub(super) struct TransactionCells<'c> {
    accesses: &'c [Access],
    accounts: &'c Cells<Account>,
}

impl<'c> TransactionCells<'c> {
    /// The access list.
    pub(super) fn accesses(&self) -> &'c [Access] {
        self.accesses
    }

    /// Moves out the account at `index`, which must be one the transaction writes.
    pub(super) fn take(&mut self, index: usize) -> Account {
        std::mem::take(self.written(index))
    }

    /// Moves back an account that was taken.
    pub(super) fn put(&mut self, index: usize, account: Account) {
        *self.written(index) = account;
    }

    /// Lends the account at `index`, which must be one the transaction only reads or credits.
    pub(super) fn read(&self, index: usize) -> &'c Account {
        let access = self.accesses[index];
        assert!(
            access.mode() != AccessMode::Write,
            "the transaction writes this account"
        );
        // SAFETY: point 5 of the module's argument: nobody writes the account while this
        // transaction runs, and `'c` ends with it.
        unsafe { &*self.accounts.0[access.account().0 as usize].get() }
    }

    fn written(&mut self, index: usize) -> &mut Account {
        let access = self.accesses[index];
        assert!(
            access.mode() == AccessMode::Write,
            "the transaction does not write this account"
        );
        // SAFETY: point 5 of the module's argument: nobody else reaches the account while this
        // transaction runs; `&mut self` keeps a second reference from being made here.
        unsafe { &mut *self.accounts.0[access.account().0 as usize].get() }
    }
}

/// A worker panicked outside of any program: a bug of the runtime.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WorkerPanicked;

/// Runs all transactions of the plan and gives accounts and outcomes back, outcomes by
/// transaction index.
///
/// `accounts` are those of the plan's table by account index. `make_worker` is called once on each
/// thread and gives what runs a transaction there.
///
/// # Errors
/// If a worker panicked; the accounts are lost then.
pub(super) fn run<W>(
    plan: &CheckedPlan<'_>,
    accounts: Vec<Account>,
    threads: &Threads,
    make_worker: impl Fn() -> W + Sync,
) -> Result<(Vec<Account>, Vec<Outcome>), WorkerPanicked>
where
    W: FnMut(TransactionIndex, TransactionCells<'_>) -> Outcome,
{
    assert!(
        accounts.len() >= plan.table().account_count(),
        "an account for each index"
    );
    let count = plan.table().transaction_count();
    let outcomes: Vec<Option<Outcome>> = (0..count).map(|_| None).collect();
    let phases = phases(plan);
    let is_parallel = phases
        .iter()
        .any(|phase| !matches!(phase, Phase::Inline(_)));
    let worker_count = if is_parallel { threads.count() } else { 1 };
    let block = Block {
        table: plan.table(),
        places: places(plan),
        claims: phases.iter().map(|_| Padded::default()).collect(),
        phases,
        accounts: Cells::new(accounts),
        outcomes: Cells::new(outcomes),
        barrier: Barrier::new(worker_count),
        tickets: AtomicUsize::new(0),
        worker_count,
    };
    let job = |_| {
        let ticket = block.tickets.fetch_add(1, Ordering::Relaxed);
        if ticket < worker_count {
            // Whatever a panic left behind is dropped with the block.
            let work = AssertUnwindSafe(|| block.work(ticket, &mut make_worker()));
            if let Err(payload) = catch_unwind(work) {
                block.barrier.poison();
                // Dropping the payload may panic in turn; leaking it cannot.
                std::mem::forget(payload);
            }
        }
    };
    if is_parallel {
        threads.broadcast(job);
    } else {
        job(0);
    }
    block.barrier.check().map_err(|Poisoned| WorkerPanicked)?;
    let outcomes = block.outcomes.into_inner().into_iter();
    let outcomes = outcomes.map(|outcome| outcome.expect("the plan names every transaction"));
    Ok((block.accounts.into_inner(), outcomes.collect()))
}

/// All that the workers of a block share.
struct Block<'p> {
    table: &'p AccessTable,
    phases: Vec<Phase<'p>>,
    /// The next lane to claim of each phase.
    claims: Vec<Padded<AtomicUsize>>,
    /// By transaction index; empty without waits.
    places: Vec<Place>,
    accounts: Cells<Account>,
    outcomes: Cells<Option<Outcome>>,
    barrier: Barrier,
    tickets: AtomicUsize,
    worker_count: usize,
}

impl Block<'_> {
    /// Takes part in all phases; a barrier lies between two.
    fn work<W>(&self, ticket: usize, worker: &mut W) -> Result<(), Poisoned>
    where
        W: FnMut(TransactionIndex, TransactionCells<'_>) -> Outcome,
    {
        for (index, (phase, claims)) in self.phases.iter().zip(&self.claims).enumerate() {
            if index > 0 && self.worker_count > 1 {
                self.barrier.wait()?;
            }
            match phase {
                Phase::Inline(batches) => {
                    if claims.0.fetch_add(1, Ordering::Relaxed) == 0 {
                        for batch in batches {
                            batch
                                .order()
                                .iter()
                                .for_each(|index| self.run_one(*index, worker));
                        }
                    }
                }
                Phase::Lanes(batch) => self.run_lanes(*batch, &claims.0, worker),
                Phase::Waits(batch, lanes) => self.run_waits(*batch, lanes, ticket, worker)?,
            }
        }
        // The last barrier is the end of the job itself.
        Ok(())
    }

    fn run_lanes<W>(&self, batch: Batch<'_>, claims: &AtomicUsize, worker: &mut W)
    where
        W: FnMut(TransactionIndex, TransactionCells<'_>) -> Outcome,
    {
        let lane_count = batch.lane_count();
        let shares = self.worker_count.saturating_mul(CLAIMS_PER_WORKER);
        let group = lane_count.checked_div(shares).unwrap_or(0).max(1);
        loop {
            let start = claims.fetch_add(group, Ordering::Relaxed);
            if start >= lane_count {
                return;
            }
            for lane in start..start.saturating_add(group).min(lane_count) {
                for index in batch.lane(lane).transactions {
                    self.run_one(*index, worker);
                }
            }
        }
    }

    /// Runs the worker's lanes in turn, each until it must wait. Some lane of some worker can
    /// always run, since the checker refuses waits in a circle.
    fn run_waits<W>(
        &self,
        batch: Batch<'_>,
        progress: &[LaneProgress],
        ticket: usize,
        worker: &mut W,
    ) -> Result<(), Poisoned>
    where
        W: FnMut(TransactionIndex, TransactionCells<'_>) -> Outcome,
    {
        let mut lanes: Vec<RunningLane<'_>> = (ticket..batch.lane_count())
            .step_by(self.worker_count)
            .filter(|index| !progress[*index].is_claimed.swap(true, Ordering::Relaxed))
            .map(|index| RunningLane::new(batch.lane(index), &progress[index].finished.0))
            .collect();
        let mut idle_rounds = 0u32;
        while !lanes.is_empty() {
            let mut has_run = false;
            for lane in &mut lanes {
                while lane.can_run(progress, &self.places) {
                    self.run_one(lane.transactions[lane.next], worker);
                    lane.advance();
                    has_run = true;
                }
            }
            lanes.retain(|lane| lane.next < lane.transactions.len());
            if has_run {
                idle_rounds = 0;
            } else if !lanes.is_empty() {
                self.barrier.check()?;
                idle_rounds = idle_rounds.saturating_add(1);
                // The awaited lane may need this very core.
                if idle_rounds > 64 {
                    thread::yield_now()
                } else {
                    hint::spin_loop()
                }
            }
        }
        Ok(())
    }

    fn run_one<W>(&self, index: TransactionIndex, worker: &mut W)
    where
        W: FnMut(TransactionIndex, TransactionCells<'_>) -> Outcome,
    {
        let accesses = self.table.accesses(index);
        let outcome = worker(
            index,
            TransactionCells {
                accesses,
                accounts: &self.accounts,
            },
        );
        // SAFETY: point 6 of the module's argument.
        unsafe { *self.outcomes.0[index.0 as usize].get() = Some(outcome) };
    }
}

/// A lane with waits while a worker runs it.
struct RunningLane<'p> {
    transactions: &'p [TransactionIndex],
    /// Waits not yet seen to be over, in the order of the waiting transactions.
    waits: &'p [lockstep_scheduler::Wait],
    next: usize,
    finished: &'p AtomicU32,
}

impl<'p> RunningLane<'p> {
    fn new(lane: Lane<'p>, finished: &'p AtomicU32) -> Self {
        Self {
            transactions: lane.transactions,
            waits: lane.waits,
            next: 0,
            finished,
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
            let finished = progress[place.lane as usize]
                .finished
                .0
                .load(Ordering::Acquire);
            if finished < place.finished {
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

/// Cuts the plan at its barriers, and joins what is not worth one.
fn phases<'p>(plan: &'p CheckedPlan<'_>) -> Vec<Phase<'p>> {
    let mut phases: Vec<Phase<'p>> = Vec::new();
    for batch in plan.plan().batches() {
        if batch.lane_count() == 1 || is_thin(batch, plan.table()) {
            match phases.last_mut() {
                Some(Phase::Inline(batches)) => batches.push(batch),
                _ => phases.push(Phase::Inline(vec![batch])),
            }
        } else if batch.waits().is_empty() {
            phases.push(Phase::Lanes(batch));
        } else {
            let progress = (0..batch.lane_count()).map(|_| LaneProgress::default());
            phases.push(Phase::Waits(batch, progress.collect()));
        }
    }
    phases
}

fn is_thin(batch: Batch<'_>, table: &AccessTable) -> bool {
    let mut cost = 0u64;
    batch.transactions().iter().all(|index| {
        cost = cost.saturating_add(table.cost(*index));
        cost < THIN_BATCH_COST
    })
}

/// The place of each transaction inside its batch, if any transaction waits.
fn places(plan: &CheckedPlan<'_>) -> Vec<Place> {
    if plan.plan().waits().is_empty() {
        return Vec::new();
    }
    let mut places = vec![Place::default(); plan.table().transaction_count()];
    for batch in plan.plan().batches() {
        for (lane, transactions) in (0u32..).zip(batch.lanes()) {
            for (finished, index) in (1u32..).zip(transactions) {
                places[index.0 as usize] = Place { lane, finished };
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use lockstep_interface::TransactionError;
    use lockstep_scheduler::{AccountIndex, Mode, Plan, check};

    use super::*;

    /// Two transactions without a conflict in two lanes; `act` is what running one does.
    fn run_two(
        thread_count: usize,
        act: fn(TransactionIndex),
    ) -> Result<(Vec<Account>, Vec<Outcome>), WorkerPanicked> {
        let mut table = AccessTable::new();
        for account in [0, 1] {
            table.push([Access::write(AccountIndex(account))], THIN_BATCH_COST);
        }
        let lanes = vec![vec![TransactionIndex(0)], vec![TransactionIndex(1)]];
        let plan = Plan::from_nested(vec![lanes], Vec::new());
        let plan = check(plan, &table, Mode::Replay).expect("the lanes share nothing");
        let accounts = vec![Account::wallet(1), Account::wallet(2)];
        let threads = Threads::new(thread_count).expect("threads can be started");
        run(&plan, accounts, &threads, || {
            |index, mut cells: TransactionCells<'_>| {
                act(index);
                let account = cells.take(0);
                cells.put(0, Account::wallet(account.lamports.saturating_add(10)));
                Outcome::Refused(TransactionError::AccountInUse)
            }
        })
    }

    #[test]
    fn every_transaction_runs_once() {
        for thread_count in [1, 2, 5] {
            let (accounts, outcomes) = run_two(thread_count, |_| ()).expect("nobody panics");
            assert_eq!(accounts, [Account::wallet(11), Account::wallet(12)]);
            assert_eq!(outcomes.len(), 2);
        }
    }

    #[test]
    fn a_panic_of_a_worker_is_an_error_and_nobody_hangs() {
        for thread_count in [1, 2, 5] {
            let result = run_two(thread_count, |index| assert!(index.0 == 0, "planted"));
            assert_eq!(result.err(), Some(WorkerPanicked));
        }
    }
}
