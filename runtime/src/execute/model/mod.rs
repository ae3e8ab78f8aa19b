//! The barrier, the waits and the dispatcher under a model checker: the same source files as in
//! the executor, compiled once more on top of loom's primitives.
//!
//! Loom runs a model in every order in which its threads may meet, up to a bound on the
//! interruptions of a thread, and lets each load give every value that the memory model allows.
//! Each part is also run with planted faults, which must be noticed.
#![expect(
    clippy::duplicate_mod,
    reason = "the executor's own source is checked, not a copy"
)]
#![allow(dead_code, reason = "models do not use everything of the parts")]

#[path = "../barrier.rs"]
mod barrier;
#[path = "../dispatch.rs"]
mod dispatch;
#[path = "../progress.rs"]
mod progress;
#[path = "../ready.rs"]
mod ready;
mod sync;
#[path = "../wait.rs"]
mod wait;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use lockstep_scheduler::{Dispatch, Plan, TransactionIndex, Wait};
use loom::thread;

use barrier::Barrier;
use dispatch::Dispatcher;
use progress::{Place, WaitingLanes, places};
use sync::{Fault, plant};

const WORKERS: usize = 2;
/// The number of times that a model may interrupt a thread that could go on.
const INTERRUPTIONS_MAX: usize = 3;

/// Runs a model in all orders, and says in how many.
fn explore(model: impl Fn() + Send + Sync + 'static) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(INTERRUPTIONS_MAX);
    let counted = Arc::clone(&count);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    count.load(Ordering::Relaxed)
}

/// Runs a model in all orders, at least `schedule_count_min` of them, then expects it to fail with
/// each of the faults.
fn check(faults: &[Fault], schedule_count_min: usize, model: fn()) {
    let count = explore(model);
    eprintln!("{count} schedules");
    assert!(count >= schedule_count_min, "only {count} schedules");
    for &fault in faults {
        plant(fault);
        let result = catch_unwind(AssertUnwindSafe(|| explore(model)));
        plant(Fault::None);
        assert!(result.is_err(), "{fault:?} was not noticed");
    }
}

/// Runs `work` on all workers at once.
fn on_workers(work: impl Fn(usize) + Clone + Send + 'static) {
    let others = (1..WORKERS).map(|worker| {
        let work = work.clone();
        thread::spawn(move || work(worker))
    });
    let others: Vec<_> = others.collect();
    work(0);
    for other in others {
        other.join().expect("it ends");
    }
}

/// Workers that change accounts of their own and look at each other's behind the barrier, twice.
fn meet(spins_max: u32) {
    let barrier = Arc::new(Barrier::with_spins(WORKERS, spins_max));
    let accounts = Arc::new([0; WORKERS].map(|_| Account::default()));
    on_workers(move |worker| {
        for round in 1..=2 {
            accounts[worker].write(round);
            barrier.wait().expect("no worker panics");
            assert_eq!(accounts[usize::from(worker == 0)].read(), round);
            barrier.wait().expect("no worker panics");
        }
    });
}

/// An account. Its value is an atomic of which loom gives any value that is not yet known to be
/// out of date: what nothing orders shows as an old value.
#[derive(Debug, Default)]
struct Account(loom::sync::atomic::AtomicUsize);

impl Account {
    fn read(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn write(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// Four transactions on two accounts, each of which knows what it has to find:
///
/// ```text
/// t0: W a     t1: W b     t2: R a, R b     t3: W a          t0, t1 -> t2 -> t3
/// ```
#[derive(Debug, Default)]
struct Block {
    a: Account,
    b: Account,
    runs: [AtomicUsize; 4],
}

impl Block {
    fn run(&self, transaction: TransactionIndex) {
        match transaction.0 {
            0 => self.a.write(10),
            1 => self.b.write(20),
            2 => assert_eq!((self.a.read(), self.b.read()), (10, 20)),
            _ => {
                assert_eq!(self.runs[2].load(Ordering::Relaxed), 1, "t2 comes first");
                self.a.write(30);
            }
        }
        self.runs[transaction.index()].fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether a worker says that a transaction has finished before or after it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    First,
    /// The planted fault: each transaction does its work when the worker's next one is to run.
    Late,
}

/// Works on a block, and checks that each transaction has run once in the end.
fn work_on_block(
    outcome: Outcome,
    work: impl Fn(usize, &Barrier, &mut dyn FnMut(TransactionIndex)) + Clone + Send + 'static,
) {
    let block = Arc::new(Block::default());
    let barrier = Arc::new(Barrier::with_spins(WORKERS, 0));
    let shared = Arc::clone(&block);
    on_workers(move |worker| {
        let mut late = None;
        work(worker, &barrier, &mut |transaction| match outcome {
            Outcome::First => shared.run(transaction),
            Outcome::Late => {
                if let Some(before) = late.replace(transaction) {
                    shared.run(before);
                }
            }
        });
        if let Some(last) = late {
            shared.run(last);
        }
    });
    assert!(
        block
            .runs
            .iter()
            .all(|runs| runs.load(Ordering::Relaxed) == 1)
    );
}

/// A plan of one batch that outlives all models.
fn plan(lanes: &[&[u32]], waits: &[(u32, u32)], dispatch: Dispatch) -> &'static Plan {
    let lane = |lane: &&[u32]| lane.iter().copied().map(TransactionIndex).collect();
    let wait = |&(transaction, after): &(u32, u32)| Wait {
        transaction: TransactionIndex(transaction),
        after: TransactionIndex(after),
    };
    let lanes = lanes.iter().map(lane).collect();
    let plan = Plan::from_nested(vec![lanes], waits.iter().map(wait).collect());
    Box::leak(Box::new(plan.with_dispatch(dispatch)))
}

fn wait_in_lanes(outcome: Outcome) {
    let plan = plan(&[&[0, 3], &[1, 2]], &[(2, 0), (3, 2)], Dispatch::Static);
    let places: Arc<[Place]> = places(plan).into();
    let lanes = Arc::new(WaitingLanes::new(plan.batch(0)));
    work_on_block(outcome, move |worker, barrier, run| {
        let first = |upcoming: &[TransactionIndex]| run(upcoming[0]);
        let done = lanes.work(&places, (worker, WORKERS), barrier, first);
        done.expect("no worker panics");
    });
}

fn take_what_is_ready(dispatch: Dispatch, outcome: Outcome) {
    let plan = plan(
        &[&[0], &[1], &[2], &[3]],
        &[(2, 0), (2, 1), (3, 2)],
        dispatch,
    );
    let dispatcher = Arc::new(Dispatcher::new(plan.batch(0)));
    work_on_block(outcome, move |_, barrier, run| {
        let done = dispatcher.work(barrier, |position| run(TransactionIndex(position)));
        done.expect("no worker panics");
    });
}

/// Expects that the model fails.
fn check_fault(model: fn()) {
    let result = catch_unwind(AssertUnwindSafe(|| explore(model)));
    assert!(result.is_err(), "the planted fault was not noticed");
}

#[test]
fn what_was_done_before_a_barrier_is_seen_behind_it() {
    check(&[Fault::Relaxed, Fault::LostWakeUp], 20, || meet(0));
    check(&[Fault::Relaxed], 100, || meet(1));
}

#[test]
fn a_transaction_waits_for_another_lane() {
    check(&[Fault::Relaxed], 1_000, || wait_in_lanes(Outcome::First));
    check_fault(|| wait_in_lanes(Outcome::Late));
}

#[test]
fn a_queue_hands_out_what_is_ready() {
    check(&[Fault::Relaxed], 50, || {
        take_what_is_ready(Dispatch::Queued, Outcome::First)
    });
    check_fault(|| take_what_is_ready(Dispatch::Queued, Outcome::Late));
}

#[test]
fn ranks_hand_out_what_is_ready() {
    check(&[Fault::Relaxed], 1_000, || {
        take_what_is_ready(Dispatch::Ranked, Outcome::First)
    });
    check_fault(|| take_what_is_ready(Dispatch::Ranked, Outcome::Late));
}
