//! Barriers, and workers that panic outside of any program, which no block can make them do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use lockstep_interface::{Account, context::BlockAccount};
use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, CheckedPlan, Dispatch, Mode, Plan, TransactionIndex, Wait,
    check,
};

use super::{
    barrier::{Barrier, Poisoned},
    progress::{WaitingLanes, places},
    ready::Ranks,
    workers::{Lent, TransactionCells, WorkerPanicked, run},
};
use crate::{
    block::{Outcome, Receipt},
    threads::Threads,
};

const LANES: u32 = 12;
const BATCHES: u32 = 4;

fn done() -> Outcome {
    Outcome::Included(Receipt {
        status: Ok(()),
        signature_fee: 0,
        priority_fee: 0,
        compute_units: 0,
        details: None,
    })
}

/// Transactions that all write accounts of their own, as many as there are lanes in all batches.
fn table() -> AccessTable {
    let mut table = AccessTable::new();
    for account in 0..LANES * BATCHES {
        table.push([Access::write(AccountIndex(account))], 1_000);
    }
    table
}

/// How the lanes of a plan hang together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    Free,
    Waiting,
    Queued,
    Ranked,
}

impl Shape {
    const ALL: [Self; 4] = [Self::Free, Self::Waiting, Self::Queued, Self::Ranked];
}

fn plan(table: &AccessTable, shape: Shape) -> CheckedPlan<'_> {
    let index = |batch: u32, lane: u32| TransactionIndex(batch * LANES + lane);
    let batch = |batch| (0..LANES).map(|lane| vec![index(batch, lane)]).collect();
    // Each lane waits for the one before it.
    let wait = |batch, lane: u32| Wait {
        transaction: index(batch, lane),
        after: index(batch, lane - 1),
    };
    let waits = (0..BATCHES).flat_map(|batch| (1..LANES).map(move |lane| wait(batch, lane)));
    let (waits, dispatch) = match shape {
        Shape::Free => (Vec::new(), Dispatch::Static),
        Shape::Waiting => (waits.collect(), Dispatch::Static),
        Shape::Queued => (waits.collect(), Dispatch::Queued),
        Shape::Ranked => (waits.collect(), Dispatch::Ranked),
    };
    let plan = Plan::from_nested((0..BATCHES).map(batch).collect(), waits);
    let plan = plan.with_dispatch(dispatch);
    check(plan, table, Mode::Replay).expect("nothing conflicts")
}

/// Keeps the panics of these tests off the output.
fn hush() {
    static IS_HUSHED: AtomicBool = AtomicBool::new(false);
    if !IS_HUSHED.swap(true, Ordering::Relaxed) {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref() != Some(&"on purpose") {
                report(info);
            }
        }));
    }
}

#[test]
fn a_worker_that_panics_ends_the_block_for_all() {
    hush();
    let table = table();
    for shape in Shape::ALL {
        let plan = plan(&table, shape);
        for thread_count in [1, 2, 4, 8] {
            let threads = Threads::new(thread_count).expect("threads can be started");
            for culprit in [0, 1, LANES, LANES * BATCHES - 1] {
                let accounts = vec![BlockAccount::default(); table.account_count()];
                let make_worker = || {
                    |index: TransactionIndex, _: TransactionCells<'_>| {
                        assert!(index.0 != culprit, "on purpose");
                        done()
                    }
                };
                let result = run(&plan, accounts, &threads, make_worker);
                assert_eq!(
                    result.err(),
                    Some(WorkerPanicked),
                    "{thread_count} {culprit}"
                );
            }
        }
    }
}

#[test]
fn a_worker_that_cannot_be_made_ends_the_block_for_all() {
    hush();
    let table = table();
    for shape in Shape::ALL {
        let plan = plan(&table, shape);
        for thread_count in [1, 2, 4] {
            let threads = Threads::new(thread_count).expect("threads can be started");
            let made = AtomicUsize::new(0);
            let make_worker = || {
                assert!(
                    made.fetch_add(1, Ordering::Relaxed) + 1 < thread_count,
                    "on purpose"
                );
                |_: TransactionIndex, _: TransactionCells<'_>| done()
            };
            let accounts = vec![BlockAccount::default(); table.account_count()];
            let result = run(&plan, accounts, &threads, make_worker);
            assert_eq!(result.err(), Some(WorkerPanicked), "{thread_count}");
        }
    }
}

/// The first account, which the transaction writes.
pub(super) fn first_written(cells: TransactionCells<'_>) -> &mut Account {
    let Some(Lent::Exclusive(account)) = cells.lend().next() else {
        panic!("the transaction does not write its first account");
    };
    account.change()
}

#[test]
fn every_transaction_runs_once_on_its_own_accounts() {
    let table = table();
    for shape in Shape::ALL {
        let plan = plan(&table, shape);
        for thread_count in [1, 2, 4, 8] {
            let threads = Threads::new(thread_count).expect("threads can be started");
            let accounts = vec![BlockAccount::default(); table.account_count()];
            let make_worker = || {
                |index: TransactionIndex, cells: TransactionCells<'_>| {
                    first_written(cells).lamports += u64::from(index.0) + 1;
                    done()
                }
            };
            let (accounts, outcomes) =
                run(&plan, accounts, &threads, make_worker).expect("no panic");
            assert_eq!(outcomes.len(), table.transaction_count());
            let lamports = accounts.iter().map(|account| account.now().lamports);
            assert!(
                lamports.eq(1..=u64::from(LANES * BATCHES)),
                "{thread_count} {shape:?}"
            );
        }
    }
}

fn rounds(worker_count: usize, spins_max: u32) {
    let barrier = Barrier::with_spins(worker_count, spins_max);
    let sum = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..worker_count {
            scope.spawn(|| {
                for round in 0..200 {
                    assert_eq!(sum.load(Ordering::Relaxed) / worker_count, round);
                    barrier.wait().unwrap();
                    sum.fetch_add(1, Ordering::Relaxed);
                    barrier.wait().unwrap();
                }
            });
        }
    });
    assert_eq!(sum.load(Ordering::Relaxed), 200 * worker_count);
}

#[test]
fn a_worker_does_the_work_of_one_who_has_not_come() {
    let table = table();
    let plan = plan(&table, Shape::Waiting).into_plan();
    let places = places(&plan);
    let barrier = Barrier::new(1);
    let lanes = WaitingLanes::new(plan.batch(0));
    let mut order = Vec::new();
    for (ticket, run_so_far) in [(1, LANES), (0, LANES)] {
        let run = |upcoming: &[TransactionIndex]| order.push(upcoming[0].0);
        let done = lanes.work(&places, (ticket, 2), &barrier, run);
        assert_eq!(done, Ok(()));
        assert!(order.iter().copied().eq(0..run_so_far), "{order:?}");
    }
}

#[test]
fn a_set_of_ranks_knows_what_is_below() {
    let positions = [3, 63, 64, 200, 4_095, 4_096, 9_999];
    let ranks = Ranks::new(10_000, positions.into_iter());
    for (position, next) in positions.into_iter().zip(positions.into_iter().skip(1)) {
        assert!(!ranks.has_below(position) && ranks.has_below(position + 1));
        assert!(ranks.has_below(next));
        assert_eq!(ranks.take(), Some(position));
    }
    assert_eq!(ranks.take(), Some(9_999));
    assert!(!ranks.has_below(9_999));
}

#[test]
fn no_worker_overtakes_at_a_barrier() {
    rounds(1, 10_000);
    rounds(2, 10_000);
    rounds(3, 0);
    rounds(8, 0);
}

#[test]
fn poison_releases_those_at_a_barrier() {
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| barrier.wait());
        barrier.poison();
        assert_eq!(waiting.join().unwrap(), Err(Poisoned));
    });
    assert_eq!(barrier.check(), Err(Poisoned));
}
