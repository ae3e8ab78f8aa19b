//! A million transactions on one account, and other hostile blocks of that size, are planned by
//! every strategy that does not build the conflict graph, and the plans are right.
//!
//! How long that takes is measured by `cargo bench --bench plan -- scale`, at two sizes, so that a
//! step whose time grows with the square of the size shows.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "hostile blocks are made with plain arithmetic"
)]

use std::num::NonZeroU32;

use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, Bounds, Mode, PlanRequest, check, predict, strategies,
};

const TRANSACTION_COUNT: u32 = 1_000_000;

fn plan_all(name: &str, table: &AccessTable) {
    let workers = NonZeroU32::new(8).expect("eight is not zero");
    let bounds = Bounds::of(table);
    // Those on the explicit graph refuse such blocks or take their time; they are for study.
    let on_graph = ["welsh-powell", "smallest-last", "dsatur", "iterated"];
    for strategy in strategies()
        .iter()
        .filter(|one| !on_graph.contains(&one.name()))
    {
        for mode in Mode::ALL {
            let request = PlanRequest::new(mode, workers);
            let plan = strategy.plan(table, &request);
            let plan = plan.expect("it plans every block");
            let checked = check(plan, table, mode).expect("the planner keeps the rules");
            let makespan = predict(checked.plan(), table, workers, &request.costs);
            let name = format!("{name} {} {mode}", strategy.name());
            assert!(
                makespan >= bounds.lower_bound(mode, workers),
                "{name}: {makespan}"
            );
            // First-fit and layered pay a barrier a batch, the others are no worse than serial.
            let slowest = bounds.work + u64::from(TRANSACTION_COUNT) * request.costs.barrier;
            assert!(makespan <= slowest, "{name}: {makespan}");
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
    plan_all("all write one", &table(|_| vec![Access::write(account)]));
    plan_all("all read one", &table(|_| vec![Access::read(account)]));
    let every_second = |index| {
        vec![if index % 2 == 0 {
            Access::write(account)
        } else {
            Access::read(account)
        }]
    };
    plan_all("half write one", &table(every_second));
    let in_turn = |index| {
        vec![if index % 2 == 0 {
            Access::credit(account)
        } else {
            Access::read(account)
        }]
    };
    plan_all("half credit one, half read it", &table(in_turn));
}

#[test]
fn one_hot_account_beside_cold_ones() {
    let accesses = |index| {
        vec![
            Access::write(AccountIndex(0)),
            Access::write(AccountIndex(index + 1)),
        ]
    };
    plan_all("hot and cold", &table(accesses));
}

#[test]
fn hot_accounts_with_gaps() {
    // Pairs of four hot accounts leave gaps in each account's batches that no transaction can use.
    let accesses = |index: u32| {
        let (one, other) = (index % 4, (index / 4 + 1 + index) % 4);
        vec![
            Access::write(AccountIndex(one)),
            Access::write(AccountIndex(other)),
        ]
    };
    plan_all("crossing", &table(accesses));
}

#[test]
fn a_path() {
    let accesses = |index| {
        vec![
            Access::write(AccountIndex(index)),
            Access::write(AccountIndex(index + 1)),
        ]
    };
    plan_all("path", &table(accesses));
}
