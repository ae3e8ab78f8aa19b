//! Nothing is quadratic: a million transactions on one account, and other hostile blocks, are
//! planned and checked in time.
//!
//! The limits are generous, as the tests may run beside others on a slow machine; a quadratic
//! step over a million transactions would take minutes.
#![expect(
    clippy::disallowed_methods,
    reason = "a time limit needs a clock; no plan depends on it"
)]
#![allow(
    clippy::arithmetic_side_effects,
    reason = "hostile blocks are made with plain arithmetic"
)]

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, Bounds, Mode, PlanRequest, check, predict, strategies,
};

const TRANSACTION_COUNT: u32 = 1_000_000;
const LIMIT: Duration = Duration::from_secs(8);

fn plan_in_time(name: &str, table: &AccessTable) {
    let workers = NonZeroU32::new(8).expect("eight is not zero");
    Bounds::of(table);
    // Those on the explicit graph refuse such blocks or take their time; they are for study.
    let on_graph = ["welsh-powell", "smallest-last", "dsatur", "iterated"];
    for strategy in strategies()
        .iter()
        .filter(|one| !on_graph.contains(&one.name()))
    {
        for mode in Mode::ALL {
            let start = Instant::now();
            let request = PlanRequest::new(mode, workers);
            let Ok(plan) = strategy.plan(table, &request) else {
                continue;
            };
            let planned = start.elapsed();
            let checked = check(plan, table, mode).expect("the planner keeps the rules");
            predict(checked.plan(), table, workers, &request.costs);
            eprintln!(
                "{name} {} {mode}: {planned:?}, {:?} in all",
                strategy.name(),
                start.elapsed()
            );
            assert!(start.elapsed() < LIMIT, "{name} {} {mode}", strategy.name());
        }
    }
}

fn table(accesses: impl Fn(u32) -> Vec<Access>) -> AccessTable {
    let mut table = AccessTable::new();
    for index in 0..TRANSACTION_COUNT {
        table.push(accesses(index), 1_000);
    }
    table
}

#[test]
fn one_account_for_all() {
    let account = AccountIndex(0);
    plan_in_time("all write one", &table(|_| vec![Access::write(account)]));
    plan_in_time("all read one", &table(|_| vec![Access::read(account)]));
    let every_second = |index| {
        vec![if index % 2 == 0 {
            Access::write(account)
        } else {
            Access::read(account)
        }]
    };
    plan_in_time("half write one", &table(every_second));
    let in_turn = |index| {
        vec![if index % 2 == 0 {
            Access::credit(account)
        } else {
            Access::read(account)
        }]
    };
    plan_in_time("half credit one, half read it", &table(in_turn));
}

#[test]
fn one_hot_account_beside_cold_ones() {
    let accesses = |index| {
        vec![
            Access::write(AccountIndex(0)),
            Access::write(AccountIndex(index + 1)),
        ]
    };
    plan_in_time("hot and cold", &table(accesses));
}

#[test]
fn hot_accounts_with_gaps() {
    // Pairs of four hot accounts leave gaps in each account's batches that nobody can use.
    let accesses = |index: u32| {
        let (one, other) = (index % 4, (index / 4 + 1 + index) % 4);
        vec![
            Access::write(AccountIndex(one)),
            Access::write(AccountIndex(other)),
        ]
    };
    plan_in_time("crossing", &table(accesses));
}

#[test]
fn a_path() {
    let accesses = |index| {
        vec![
            Access::write(AccountIndex(index)),
            Access::write(AccountIndex(index + 1)),
        ]
    };
    plan_in_time("path", &table(accesses));
}
