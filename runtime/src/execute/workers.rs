//! Runs the lanes of a checked plan on the threads, lending each transaction its accounts.
//!
//! # Soundness
//!
//! This module holds the only unsafe code of the crate. Its interface is safe: [`run`] owns the
//! accounts while it works and gives them back. Between, accounts and outcomes lie in [`Cells`]
//! that every worker can reach. These points show that no two workers meet in one; each `SAFETY`
//! comment names the point that it rests on.
//!
//! - **Plan.** A [`CheckedPlan`] names every transaction once. Two transactions conflict if one
//!   writes an account that the other writes, reads or credits. Two that conflict share a lane,
//!   lie in different batches, or are ordered by a chain of waits and lane order. The checker
//!   shares no code with planners and trusts none.
//! - **Turn.** One worker at a time runs a lane. A lane without waits, or a run of batches of one
//!   lane, is claimed once, by an atomic increment. A lane with waits is taken by an atomic
//!   exchange with `Acquire` and given up with `Release`, after its progress has been counted.
//!   Under dynamic dispatch one worker runs a transaction: one worker lowers its count of
//!   predecessors to zero. That worker keeps it, or puts it into a slot of the queue, which
//!   belongs to one ticket, or sets its bit among the ranks, which one worker clears.
//! - **Barrier.** A batch begins after [`Barrier::wait`] has seen every worker leave the batch
//!   before, with its writes made visible. A ticket keeps the number of workers at what the
//!   barrier counts. A barrier that a panic has poisoned lets no worker into a further batch.
//! - **Wait.** A transaction that waits starts after its worker has read, with `Acquire`, the
//!   progress of the awaited lane, which is stored with `Release` after each transaction. Under
//!   dynamic dispatch each predecessor lowers the count with `AcqRel`, and the slot or the bit is
//!   set with `Release` after the last of them and read with `Acquire`. A transaction in which a
//!   worker panicked never counts as finished.
//! - **Loan.** By *Plan*, *Turn*, *Barrier* and *Wait*, an account is reached at any moment by one
//!   transaction that writes it, or by some that read it, or by some that credit it, and earlier
//!   writes are visible to them. A credit leaves the account as it is: the sum lies elsewhere
//!   ([`credits`](super::credits)), and the account is lent like a read one. The mode of an access
//!   is read from the table that the checker read. [`TransactionCells::lend`] takes the cells by
//!   value, and [`Worker::run`] takes them for any lifetime, so accounts are lent once and for at
//!   most the length of that call. A table names an account at most once per transaction, so a
//!   transaction does not alias itself.
//! - **Outcome.** The cell of an outcome is written by the worker that runs its transaction, once
//!   by *Plan* and *Turn*. It is read after all workers have left.
//! - **Prefetch.** A prefetch is a hint: it reads no value, changes none, and faults at no address.
#![expect(
    unsafe_code,
    reason = "the checked plan proves what the compiler cannot see, and prefetching needs no proof"
)]

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

use lockstep_interface::{Account, context::BlockAccount};
use lockstep_scheduler::{
    Access, AccessMode, AccessTable, Batch, CheckedPlan, Dispatch, TransactionIndex,
};
use tracing::{Span, trace_span};

use super::{
    barrier::{Barrier, Poisoned},
    dispatch::Dispatcher,
    progress::{Place, WaitingLanes, places},
    wait::Padded,
};
use crate::{block::Outcome, fence::fenced, threads::Threads};

/// A batch whose costs sum up to less is not worth a barrier; in cost units.
const THIN_BATCH_COST: u64 = 2_000;
/// Each worker claims about this many groups of lanes of a wide batch.
const CLAIMS_PER_WORKER: usize = 8;

/// How many transactions ahead a record is prefetched, and what it refers to. A short transaction
/// takes a worker about as long as memory takes to answer, and several requests overlap.
const RECORD_DISTANCE: usize = 16;
const CONTENT_DISTANCE: usize = 8;
/// Bytes that memory answers with at once.
const CACHE_LINE: usize = 64;
/// Beyond this many cache lines of one value the hardware prefetcher takes over.
const PREFETCHED_LINES_MAX: usize = 8;

/// A stretch of the plan between two barriers.
#[derive(Debug)]
enum Phase<'p> {
    /// Batches run by one worker in canonical order: those of a single lane, and thin ones.
    Inline(Vec<Batch<'p>>),
    /// A batch without waits; workers claim groups of lanes in order.
    Lanes(Batch<'p>),
    /// A batch with waits; each worker has lanes of its own, and goes on with one that can run.
    Waits(WaitingLanes<'p>),
    /// A batch of queued or ranked dispatch; workers take transactions that can run.
    Dynamic(Batch<'p>, Box<Dispatcher>),
}

impl Phase<'_> {
    /// What a subscriber is told of the phase. Without a subscriber nothing is counted.
    fn span(&self, parent: &Span, number: usize) -> Span {
        let batches: &[Batch<'_>] = match self {
            Self::Inline(batches) => batches,
            Self::Lanes(batch) | Self::Dynamic(batch, _) => std::slice::from_ref(batch),
            Self::Waits(lanes) => std::slice::from_ref(lanes.batch()),
        };
        let count = |of: fn(&Batch<'_>) -> usize| batches.iter().map(of).sum::<usize>();
        trace_span!(
            parent: parent,
            "batch",
            number,
            batches = batches.len(),
            lanes = count(|batch| batch.lane_count()),
            transactions = count(|batch| batch.transactions().len()),
        )
    }
}

/// Values of which each is reached by one worker at a time.
struct Cells<'v, T>(&'v [Cell<T>]);

// SAFETY: shared references to the cells go to several threads. By *Loan* and *Outcome* a value is
// written by one thread at a time, and read by others only while no thread writes it.
unsafe impl<T: Send + Sync> Sync for Cells<'_, T> {}

impl<'v, T> Cells<'v, T> {
    fn new(values: &'v mut [T]) -> Self {
        Self(Cell::from_mut(values).as_slice_of_cells())
    }
}

/// The accounts of the transaction that is being run, in the order of its access list.
pub(super) struct TransactionCells<'c> {
    accesses: &'c [Access],
    accounts: &'c Cells<'c, BlockAccount>,
}

/// An account as a transaction may reach it while it runs.
#[derive(Debug)]
pub(super) enum Lent<'c> {
    /// The transaction reads or credits it, as others may at the same time.
    Shared(&'c Account),
    /// The transaction writes it.
    Exclusive(&'c mut BlockAccount),
}

impl Lent<'_> {
    /// The same account, for as long as this loan is left alone.
    pub(super) fn again(&mut self) -> Lent<'_> {
        match self {
            Self::Shared(account) => Lent::Shared(account),
            Self::Exclusive(account) => Lent::Exclusive(account),
        }
    }
}

impl<'c> TransactionCells<'c> {
    /// The access list.
    pub(super) fn accesses(&self) -> &'c [Access] {
        self.accesses
    }

    /// Lends the accounts until the transaction ends.
    pub(super) fn lend(self) -> impl ExactSizeIterator<Item = Lent<'c>> {
        self.accesses.iter().map(move |access| {
            let cell = self.accounts.0[access.account().0 as usize].as_ptr();
            match access.mode() {
                // SAFETY: *Loan*: no worker writes the account while this transaction runs, and
                // `'c` ends with it.
                AccessMode::Read | AccessMode::Credit => Lent::Shared(unsafe { &*cell }.now()),
                // SAFETY: *Loan*: no other worker reaches the account while this transaction runs,
                // `'c` ends with it, and no other access here names it.
                AccessMode::Write => Lent::Exclusive(unsafe { &mut *cell }),
            }
        })
    }
}

/// What runs transactions on one thread.
pub(super) trait Worker {
    /// Runs a transaction on its accounts.
    fn run(&mut self, index: TransactionIndex, cells: TransactionCells<'_>) -> Outcome;

    /// [Prefetches](prefetch) the record of a transaction that is going to run.
    fn prefetch_record(&self, _index: TransactionIndex) {}

    /// Prefetches what that record refers to.
    fn prefetch_content(&self, _index: TransactionIndex) {}
}

/// Asks the core for a value's memory ahead of its use. The plan tells what a worker does next, in
/// an order that no core could guess.
#[inline]
pub(super) fn prefetch<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = std::ptr::from_ref(value).cast::<i8>();
        let lines = (0..size_of_val(value)).step_by(CACHE_LINE);
        for offset in lines.take(PREFETCHED_LINES_MAX) {
            // SAFETY: *Prefetch*: the hint does not fault, and reads and changes no value.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_byte_add(offset)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
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
pub(super) fn run<W: Worker>(
    plan: &CheckedPlan<'_>,
    mut accounts: Vec<BlockAccount>,
    threads: &Threads,
    make_worker: impl Fn() -> W + Sync,
) -> Result<(Vec<BlockAccount>, Vec<Outcome>), WorkerPanicked> {
    assert!(
        accounts.len() >= plan.table().account_count(),
        "an account for each index"
    );
    let count = plan.table().transaction_count();
    let mut outcomes: Vec<Option<Outcome>> = (0..count).map(|_| None).collect();
    let phases = phases(plan);
    let is_parallel = phases
        .iter()
        .any(|phase| !matches!(phase, Phase::Inline(_)));
    let worker_count = if is_parallel { threads.count() } else { 1 };
    let block = Block {
        table: plan.table(),
        places: places(plan.plan()),
        claims: phases.iter().map(|_| Padded::default()).collect(),
        phases,
        accounts: Cells::new(&mut accounts),
        outcomes: Cells::new(&mut outcomes),
        barrier: Barrier::new(worker_count),
        span: Span::current(),
        tickets: AtomicUsize::new(0),
        worker_count,
    };
    let job = |_| {
        let ticket = block.tickets.fetch_add(1, Ordering::Relaxed);
        if ticket < worker_count {
            // What a panic left behind is dropped with the block.
            if fenced(|| block.work(ticket, &mut make_worker())).is_err() {
                block.barrier.poison();
            }
        }
    };
    if is_parallel {
        threads.broadcast(job);
    } else {
        job(0);
    }
    block.barrier.check().map_err(|Poisoned| WorkerPanicked)?;
    let outcomes = outcomes.into_iter();
    let outcomes = outcomes.map(|outcome| outcome.expect("the plan names every transaction"));
    Ok((accounts, outcomes.collect()))
}

/// All that the workers of a block share.
struct Block<'p> {
    table: &'p AccessTable,
    phases: Vec<Phase<'p>>,
    /// The next lane to claim of each phase.
    claims: Vec<Padded<AtomicUsize>>,
    /// By transaction index; empty without waits.
    places: Vec<Place>,
    accounts: Cells<'p, BlockAccount>,
    outcomes: Cells<'p, Option<Outcome>>,
    barrier: Barrier,
    /// The span of the caller that has the block executed.
    span: Span,
    tickets: AtomicUsize,
    worker_count: usize,
}

impl Block<'_> {
    /// Takes part in all phases; a barrier lies between two.
    fn work<W: Worker>(&self, ticket: usize, worker: &mut W) -> Result<(), Poisoned> {
        let last = self.phases.len().saturating_sub(1);
        for (index, (phase, claims)) in self.phases.iter().zip(&self.claims).enumerate() {
            // Worker 0 reports the span for all workers: every worker is present between two
            // barriers.
            let span = (ticket == 0).then(|| phase.span(&self.span, index).entered());
            match phase {
                Phase::Inline(batches) => {
                    if claims.0.fetch_add(1, Ordering::Relaxed) == 0 {
                        for batch in batches {
                            self.run_all(batch.order(), worker);
                        }
                    }
                }
                Phase::Lanes(batch) => self.run_lanes(*batch, &claims.0, worker),
                Phase::Waits(lanes) => {
                    let share = (ticket, self.worker_count);
                    let run = |upcoming: &[_]| self.run_first(upcoming, worker);
                    lanes.work(&self.places, share, &self.barrier, run)?;
                }
                Phase::Dynamic(batch, dispatcher) => {
                    let transactions = batch.transactions();
                    let run = |position| self.run_first(&transactions[position as usize..], worker);
                    dispatcher.work(&self.barrier, run)?;
                }
            }
            // The last barrier is the end of the job itself.
            if index < last && self.worker_count > 1 {
                self.barrier.wait()?;
            }
            drop(span);
        }
        Ok(())
    }

    fn run_lanes<W: Worker>(&self, batch: Batch<'_>, claims: &AtomicUsize, worker: &mut W) {
        let lane_count = batch.lane_count();
        let shares = self.worker_count.saturating_mul(CLAIMS_PER_WORKER);
        let group = lane_count.checked_div(shares).unwrap_or(0).max(1);
        loop {
            let start = claims.fetch_add(group, Ordering::Relaxed);
            if start >= lane_count {
                return;
            }
            let end = start.saturating_add(group).min(lane_count);
            self.run_all(batch.transactions_of(start..end), worker);
        }
    }

    /// Runs transactions one after the other.
    fn run_all<W: Worker>(&self, transactions: &[TransactionIndex], worker: &mut W) {
        for start in 0..transactions.len() {
            self.run_first(&transactions[start..], worker);
        }
    }

    /// Runs the first of the transactions that the plan has for the worker.
    fn run_first<W: Worker>(&self, upcoming: &[TransactionIndex], worker: &mut W) {
        self.prefetch(upcoming, worker);
        let index = upcoming[0];
        let cells = TransactionCells {
            accesses: self.table.accesses(index),
            accounts: &self.accounts,
        };
        let outcome = worker.run(index, cells);
        // SAFETY: *Outcome*: no other worker runs this transaction.
        unsafe { *self.outcomes.0[index.0 as usize].as_ptr() = Some(outcome) };
    }

    /// Prefetches what transactions that the worker comes to soon will ask for.
    fn prefetch<W: Worker>(&self, upcoming: &[TransactionIndex], worker: &W) {
        if let Some(&index) = upcoming.get(RECORD_DISTANCE) {
            worker.prefetch_record(index);
            prefetch(self.table.accesses(index));
            prefetch(&self.outcomes.0[index.0 as usize]);
        }
        if let Some(&index) = upcoming.get(CONTENT_DISTANCE) {
            worker.prefetch_content(index);
            for access in self.table.accesses(index) {
                prefetch(&self.accounts.0[access.account().0 as usize]);
            }
        }
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
        } else if batch.dispatch() != Dispatch::Static {
            phases.push(Phase::Dynamic(batch, Box::new(Dispatcher::new(batch))));
        } else if batch.waits().is_empty() {
            phases.push(Phase::Lanes(batch));
        } else {
            phases.push(Phase::Waits(WaitingLanes::new(batch)));
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

#[cfg(test)]
impl<F> Worker for F
where
    F: FnMut(TransactionIndex, TransactionCells<'_>) -> Outcome,
{
    fn run(&mut self, index: TransactionIndex, cells: TransactionCells<'_>) -> Outcome {
        self(index, cells)
    }
}

#[cfg(test)]
mod tests {
    use lockstep_interface::TransactionError;
    use lockstep_scheduler::{AccountIndex, Mode, Plan, check};

    use super::*;
    use crate::execute::tests::first_written;

    /// Two transactions without a conflict in two lanes; `act` is what running one does.
    fn run_two(
        thread_count: usize,
        act: fn(TransactionIndex),
    ) -> Result<(Vec<BlockAccount>, Vec<Outcome>), WorkerPanicked> {
        let mut table = AccessTable::new();
        for account in [0, 1] {
            table.push([Access::write(AccountIndex(account))], THIN_BATCH_COST);
        }
        let lanes = vec![vec![TransactionIndex(0)], vec![TransactionIndex(1)]];
        let plan = Plan::from_nested(vec![lanes], Vec::new());
        let plan = check(plan, &table, Mode::Replay).expect("the lanes share nothing");
        let accounts = [1, 2].map(|lamports| BlockAccount::new(Account::wallet(lamports)));
        let threads = Threads::new(thread_count).expect("threads can be started");
        run(&plan, accounts.into(), &threads, || {
            |index, cells: TransactionCells<'_>| {
                act(index);
                let account = first_written(cells);
                account.lamports = account.lamports.saturating_add(10);
                Outcome::Refused(TransactionError::AccountInUse)
            }
        })
    }

    #[test]
    fn every_transaction_runs_once() {
        for thread_count in [1, 2, 5] {
            let (accounts, outcomes) = run_two(thread_count, |_| ()).expect("no worker panics");
            let accounts: Vec<&Account> = accounts.iter().map(BlockAccount::now).collect();
            assert_eq!(accounts, [&Account::wallet(11), &Account::wallet(12)]);
            assert_eq!(outcomes.len(), 2);
        }
    }

    #[test]
    fn a_panic_of_a_worker_is_an_error_and_no_worker_hangs() {
        for thread_count in [1, 2, 5] {
            let result = run_two(thread_count, |index| assert!(index.0 == 0, "planted"));
            assert_eq!(result.err(), Some(WorkerPanicked));
        }
    }
}
