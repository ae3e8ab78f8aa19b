//! Random blocks: every strategy's plans satisfy the checker and the pairwise definition of a
//! valid plan, the checker agrees with that definition on arbitrary plans, and a strategy with a
//! planted fault is caught by both.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test counts and draws with plain arithmetic"
)]

mod common;

use std::num::NonZeroU32;

use common::{load, oracle};
use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, Bounds, CostModel, Dag, Dependencies, Dispatch, Mode, Plan,
    PlanError, PlanRequest, Strategy, StrategyError, TransactionIndex, Wait, check, critical_path,
    heavy_clique, occupancy, plan_by_priority, predict, strategies,
};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy as Generator;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a random block looks like.
#[derive(Clone, Copy, Debug)]
struct Shape {
    seed: u64,
    transaction_count: usize,
    /// Cold accounts; few make a dense conflict graph.
    account_count: u32,
    /// Of 100 accesses, how many go to one of four hot accounts.
    hot_per_cent: u32,
    /// Of 100 accesses, how many write.
    write_per_cent: u32,
    /// Of 100 accesses that do not write, how many credit.
    credit_per_cent: u32,
    access_count_max: usize,
}

/// A block of the given shape. Accounts may occur twice in a transaction.
fn block(shape: Shape) -> AccessTable {
    let mut table = AccessTable::new();
    for (accesses, cost) in lists(shape) {
        table.push(accesses, cost);
    }
    table
}

/// The accesses and the cost of each transaction, as they are asked for.
fn lists(shape: Shape) -> Vec<(Vec<Access>, u64)> {
    let mut rng = ChaCha8Rng::seed_from_u64(shape.seed);
    let mut lists = Vec::new();
    for _ in 0..shape.transaction_count {
        let access_count = rng.random_range(0..=shape.access_count_max);
        let accesses: Vec<Access> = (0..access_count)
            .map(|_| {
                let account = if rng.random_range(0..100) < shape.hot_per_cent {
                    rng.random_range(0..4)
                } else {
                    4 + rng.random_range(0..shape.account_count)
                };
                let mut is_one_of = |per_cent| rng.random_range(0..100) < per_cent;
                let account = AccountIndex(account);
                if is_one_of(shape.write_per_cent) {
                    Access::write(account)
                } else if is_one_of(shape.credit_per_cent) {
                    Access::credit(account)
                } else {
                    Access::read(account)
                }
            })
            .collect();
        let cost = if rng.random_bool(0.1) {
            0
        } else {
            rng.random_range(1..200_000)
        };
        lists.push((accesses, cost));
    }
    lists
}

fn shapes(transaction_count_max: usize) -> impl Generator<Value = Shape> {
    (
        any::<u64>(),
        0..=transaction_count_max,
        1..4_000_u32,
        0..60_u32,
        0..=100_u32,
        0..=200_u32,
        0..14_usize,
    )
        .prop_map(
            |(seed, transaction_count, accounts, hot, write_per_cent, credit, access_count_max)| {
                Shape {
                    seed,
                    transaction_count,
                    account_count: accounts,
                    // Half of the blocks have no hot accounts.
                    hot_per_cent: hot.saturating_sub(30),
                    write_per_cent,
                    // Half of the blocks credit nothing.
                    credit_per_cent: credit.saturating_sub(100),
                    access_count_max,
                }
            },
        )
}

/// Numbered by its canonical order, a plan is one of the block in that order, and a replay of it.
fn check_relabelled(plan: &Plan, table: &AccessTable, name: &str) {
    let (relabelled, order) = plan.relabelled().expect("the plan holds each once");
    assert!(relabelled.order().is_sorted(), "{name}\n{relabelled}");
    assert_eq!(relabelled.waits().len(), plan.waits().len(), "{name}");
    let mut permuted = AccessTable::new();
    for &transaction in &order {
        let accesses = table.accesses(transaction).iter().copied();
        permuted.push(accesses, table.cost(transaction));
    }
    for mode in Mode::ALL {
        if let Err(refused) = check(relabelled.clone(), &permuted, mode) {
            panic!("{name} {mode} relabelled: {refused}\n{relabelled}");
        }
    }
}

fn workers(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("tests ask for at least one worker")
}

/// Plans a block with every strategy and returns the plans after the checks that hold for all.
fn check_strategies(table: &AccessTable, worker_count: u32) -> Vec<(String, Mode, Plan)> {
    let bounds = Bounds::of(table);
    let mut plans = Vec::new();
    // These build the explicit graph and take long on large blocks: small ones do for them.
    let is_slow = |name: &str| ["dsatur", "iterated"].contains(&name);
    let is_large = table.transaction_count() > 100;
    for strategy in strategies()
        .iter()
        .filter(|one| !(is_large && is_slow(one.name())))
    {
        for mode in Mode::ALL {
            let request = PlanRequest::new(mode, workers(worker_count));
            let plan = match strategy.plan(table, &request) {
                Ok(plan) => plan,
                Err(StrategyError::Unsupported { .. }) => continue,
                Err(error) => panic!("{error}"),
            };
            let name = strategy.name().to_owned();
            assert_eq!(
                strategy.plan(table, &request).as_ref(),
                Ok(&plan),
                "{name} {mode} again"
            );
            check_relabelled(&plan, table, &name);
            let checked = check(plan, table, mode)
                .unwrap_or_else(|refused| panic!("{name} {mode} {worker_count}: {refused}"));
            for count in [1, 2, 3, worker_count, 64] {
                let makespan = predict(checked.plan(), table, workers(count), &CostModel::FREE);
                let bound = bounds.lower_bound(mode, workers(count));
                assert!(
                    makespan >= bound,
                    "{name} {mode} {count}: {makespan} < {bound}"
                );
            }
            plans.push((name, mode, checked.into_plan()));
        }
    }
    plans
}

/// Takes the write-after-read dependency for none: a colouring of the sparse graph that forgot
/// an edge.
#[derive(Debug)]
struct Canary;

impl Strategy for Canary {
    fn name(&self) -> &str {
        "canary"
    }

    fn plan(&self, table: &AccessTable, _: &PlanRequest) -> Result<Plan, StrategyError> {
        let mut next = vec![0; table.account_count()];
        let mut level_of = |transaction| {
            let accesses = table.accesses(transaction);
            let level = accesses
                .iter()
                .map(|access| next[access.account().index()])
                .max();
            let level = level.unwrap_or(0);
            for access in accesses.iter().filter(|access| access.is_write()) {
                next[access.account().index()] = level + 1;
            }
            level
        };
        let levels: Vec<u32> = table.transactions().map(&mut level_of).collect();
        Ok(Plan::from_colours(&levels))
    }
}

/// A plan with a random shape, mostly almost valid, and some waits.
fn random_plan(seed: u64, transaction_count: u32) -> Plan {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<u32> = (0..transaction_count).collect();
    for _ in 0..rng.random_range(0..3) {
        if transaction_count > 1 {
            let (a, b) = (
                rng.random_range(0..order.len()),
                rng.random_range(0..order.len()),
            );
            order.swap(a, b);
        }
    }
    if rng.random_bool(0.1) && !order.is_empty() {
        let place = rng.random_range(0..order.len());
        order[place] = rng.random_range(0..transaction_count + 2);
    }
    if rng.random_bool(0.05) {
        order.pop();
    }
    let lane_count = rng.random_range(1..5);
    let mut batches: Vec<Vec<Vec<TransactionIndex>>> = Vec::new();
    let batch_share = rng.random_range(0.0..0.5);
    for transaction in order {
        if batches.is_empty() || rng.random_bool(batch_share) {
            batches.push(vec![Vec::new(); lane_count]);
        }
        let lanes = batches.last_mut().expect("one was pushed");
        lanes[rng.random_range(0..lane_count)].push(TransactionIndex(transaction));
    }
    let wait_count = if rng.random_bool(0.4) {
        0
    } else {
        rng.random_range(0..12)
    };
    let mut waits = Vec::new();
    for _ in 0..wait_count {
        let mut pick = || TransactionIndex(rng.random_range(0..transaction_count.max(1)));
        let (one, other) = (pick(), pick());
        // Mostly forwards, mostly within a batch, so that many plans are good.
        let (after, transaction) = (one.min(other), one.max(other));
        let batch_of = |wanted: TransactionIndex| {
            batches
                .iter()
                .position(|lanes| lanes.iter().any(|lane| lane.contains(&wanted)))
        };
        let lane_of = |wanted: TransactionIndex| {
            let mut lanes = batches.iter().flatten();
            lanes.position(|lane| lane.contains(&wanted))
        };
        let sensible = batch_of(one) == batch_of(other) && lane_of(one) != lane_of(other);
        if sensible || rng.random_bool(0.02) {
            let flip = rng.random_bool(0.05);
            waits.push(if flip {
                Wait {
                    transaction: after,
                    after: transaction,
                }
            } else {
                Wait { transaction, after }
            });
        }
    }
    Plan::from_nested(batches, waits)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Small blocks, judged pair by pair.
    #[test]
    fn plans_of_small_blocks_are_valid(mut shape in shapes(60), worker_count in 1..=32_u32) {
        shape.account_count %= 64;
        shape.account_count += 1;
        let table = block(shape);
        for (name, mode, plan) in check_strategies(&table, worker_count) {
            prop_assert_eq!(oracle::verdict(&plan, &table, mode), Ok(()), "{} {}", name, mode);
        }
    }

    /// A table never loses a conflict, and never shares an account in two ways.
    #[test]
    fn tables_keep_every_conflict(mut shape in shapes(40)) {
        shape.account_count %= 10;
        shape.account_count += 1;
        let (lists, table) = (lists(shape), block(shape));
        for one in table.transactions() {
            for other in table.transactions().filter(|&other| other != one) {
                let conflict = |a: &Access, b: &Access| {
                    a.account() == b.account() && a.mode().conflicts_with(b.mode())
                };
                let wanted = lists[one.index()].0.iter().any(|a| {
                    lists[other.index()].0.iter().any(|b| conflict(a, b))
                });
                prop_assert!(!wanted || table.conflict(one, other), "{} {}", one, other);
                for a in table.accesses(one) {
                    for b in table.accesses(other) {
                        prop_assert!(a.is_write() || b.is_write() || !conflict(a, b));
                    }
                }
            }
        }
    }

    /// Dependencies lead from every transaction to each earlier one that it conflicts with, and to
    /// no other kind.
    #[test]
    fn dependencies_order_what_conflicts(mut shape in shapes(40)) {
        shape.account_count %= 20;
        shape.account_count += 1;
        let table = block(shape);
        let dependencies = Dependencies::of(&table);
        // By transaction: what it depends on, directly or through others.
        let mut reached: Vec<Vec<bool>> = Vec::new();
        for after in table.transactions() {
            let mut reach = vec![false; after.index()];
            let befores = dependencies.of_transaction(after);
            prop_assert!(befores.is_sorted_by(|one, next| one < next));
            for &before in befores {
                prop_assert!(before < after && table.conflict(before, after));
                reach[before.index()] = true;
                for (place, further) in reached[before.index()].iter().enumerate() {
                    reach[place] |= further;
                }
            }
            for before in table.transactions().take(after.index()) {
                prop_assert!(reach[before.index()] || !table.conflict(before, after));
            }
            reached.push(reach);
        }
    }

    /// The checker and the definition say the same of any plan.
    #[test]
    fn the_checker_agrees_with_the_definition(mut shape in shapes(24), seed in any::<u64>()) {
        shape.account_count %= 40;
        shape.account_count += 8;
        shape.access_count_max %= 4;
        let table = block(shape);
        let count = u32::try_from(table.transaction_count()).expect("the block is small");
        let plan = random_plan(seed, count);
        for mode in Mode::ALL {
            let expected = oracle::verdict(&plan, &table, mode);
            let found = check(plan.clone(), &table, mode);
            match found {
                Ok(_) => prop_assert_eq!(&expected, &Ok(()), "{}", plan),
                Err(refused) => {
                    prop_assert!(expected.is_err(), "{}\n{}", refused, plan);
                    prop_assert_eq!(&refused.plan, &plan);
                }
            }
        }
    }

    /// Under dynamic dispatch the checker asks for more than the definition, never for less.
    #[test]
    fn dynamic_plans_that_pass_are_valid(mut shape in shapes(24), seed in any::<u64>()) {
        shape.account_count %= 40;
        shape.account_count += 8;
        shape.access_count_max %= 4;
        let table = block(shape);
        let count = u32::try_from(table.transaction_count()).expect("the block is small");
        let plan = random_plan(seed, count).with_dispatch(Dispatch::Queued);
        for mode in Mode::ALL {
            let expected = oracle::verdict(&plan, &table, mode);
            if check(plan.clone(), &table, mode).is_ok() {
                prop_assert_eq!(&expected, &Ok(()), "{}", plan);
            }
        }
    }

    /// A dynamic plan that lacks any of its waits lets conflicting transactions run at once.
    #[test]
    fn every_wait_of_a_dynamic_plan_is_needed(mut shape in shapes(24), seed in any::<u64>()) {
        shape.account_count %= 20;
        shape.account_count += 1;
        let table = block(shape);
        let request = PlanRequest::new(Mode::Replay, workers(2));
        let plan = Dag.plan(&table, &request).expect("it plans every block");
        let mut waits = plan.waits().to_vec();
        if !waits.is_empty() {
            let place = usize::try_from(seed).unwrap_or(0) % waits.len();
            waits.remove(place);
            let plan = Plan::from_nested(plan.to_nested(), waits);
            let refused = check(plan.with_dispatch(Dispatch::Queued), &table, Mode::Replay);
            prop_assert!(refused.is_err());
        }
    }

    /// Of two conflicting transactions the one with the higher priority runs first.
    #[test]
    fn priorities_decide(mut shape in shapes(40), worker_count in 1..=8_u32) {
        shape.account_count %= 20;
        shape.account_count += 1;
        let table = block(shape);
        let mut rng = ChaCha8Rng::seed_from_u64(shape.seed);
        let priorities: Vec<u64> = table.transactions().map(|_| rng.random_range(0..5)).collect();
        let request = PlanRequest::new(Mode::Produce, workers(worker_count));
        for strategy in strategies() {
            let plan = plan_by_priority(strategy.as_ref(), &table, &priorities, &request);
            let plan = plan.expect("the block is small");
            prop_assert_eq!(oracle::verdict(&plan, &table, Mode::Produce), Ok(()));
            for (position, &later) in plan.order().iter().enumerate() {
                for &earlier in &plan.order()[..position] {
                    let rank = |one: TransactionIndex| (5 - priorities[one.index()], one);
                    let is_in_order = rank(earlier) < rank(later);
                    prop_assert!(is_in_order || !table.conflict(earlier, later));
                }
            }
        }
    }

    /// What the explanations say holds together.
    #[test]
    fn explanations_are_consistent(mut shape in shapes(60), worker_count in 1..=8_u32) {
        shape.account_count %= 30;
        shape.account_count += 1;
        let table = block(shape);
        let bounds = Bounds::of(&table);
        let path = critical_path(&table);
        prop_assert_eq!(path.last().map_or(0, |step| step.end), bounds.critical_path);
        for pair in path.windows(2) {
            prop_assert!(table.conflict(pair[0].transaction, pair[1].transaction));
            prop_assert_eq!(pair[0].end + table.cost(pair[1].transaction), pair[1].end);
        }
        let clique = heavy_clique(&table, 100_000);
        for (position, &one) in clique.transactions.iter().enumerate() {
            for &other in &clique.transactions[position + 1..] {
                prop_assert!(table.conflict(one, other));
            }
        }
        let request = PlanRequest::new(Mode::Produce, workers(worker_count));
        for (name, mode, plan) in check_strategies(&table, worker_count) {
            let batches = occupancy(&plan, &table, &request);
            let work: u64 = batches.iter().map(|batch| batch.work).sum();
            prop_assert_eq!(work, bounds.work);
            let spans: u64 = batches.iter().map(|batch| batch.span).sum();
            let barriers = batches.len().saturating_sub(1) as u64 * request.costs.barrier;
            let makespan = predict(&plan, &table, request.workers, &request.costs);
            prop_assert_eq!(spans + barriers, makespan);
            let free = predict(&plan, &table, request.workers, &CostModel::FREE);
            prop_assert!(free >= clique.cost, "{} {}", name, mode);
        }
    }

    /// The planted fault is noticed whenever it shows.
    #[test]
    fn a_missed_conflict_is_caught(mut shape in shapes(40)) {
        shape.account_count %= 20;
        shape.account_count += 1;
        let table = block(shape);
        let request = PlanRequest::new(Mode::Produce, workers(4));
        let plan = Canary.plan(&table, &request).expect("it plans every block");
        let is_valid = oracle::verdict(&plan, &table, Mode::Produce).is_ok();
        prop_assert_eq!(check(plan, &table, Mode::Produce).is_ok(), is_valid);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Large blocks, judged by the checker.
    #[test]
    fn plans_of_large_blocks_are_valid(shape in shapes(5_000), worker_count in 1..=32_u32) {
        check_strategies(&block(shape), worker_count);
    }
}

#[test]
fn the_canary_is_caught() {
    let account = AccountIndex(0);
    let mut table = AccessTable::new();
    table.push([Access::read(account)], 1);
    table.push([Access::write(account)], 1);
    let request = PlanRequest::new(Mode::Replay, workers(2));
    let plan = Canary.plan(&table, &request).expect("it plans every block");
    assert!(oracle::verdict(&plan, &table, Mode::Produce).is_err());
    let refused = check(plan, &table, Mode::Produce).unwrap_err();
    let [first, second] = [0, 1].map(TransactionIndex);
    assert_eq!(
        refused.error,
        PlanError::Conflict {
            first,
            second,
            account,
            batch: 0
        }
    );
    // On generated load it hardly ever gets through.
    let table = load::zipf(2_000, 7, 1.0);
    let plan = Canary.plan(&table, &request).expect("it plans every block");
    assert!(
        check(plan, &table, Mode::Produce).is_ok(),
        "transfers write all they share"
    );
    let shape = Shape {
        seed: 1,
        transaction_count: 200,
        account_count: 50,
        hot_per_cent: 10,
        write_per_cent: 40,
        credit_per_cent: 0,
        access_count_max: 4,
    };
    let plan = Canary
        .plan(&block(shape), &request)
        .expect("it plans every block");
    assert!(check(plan, &block(shape), Mode::Produce).is_err());
}

#[test]
fn costs_of_any_size_are_planned() {
    let mut table = AccessTable::new();
    for number in 0..60u32 {
        let accesses =
            [number % 7, number % 11 + 20].map(|account| Access::write(AccountIndex(account)));
        table.push(accesses, u64::MAX >> (number % 3));
    }
    for strategy in strategies() {
        for mode in Mode::ALL {
            let request = PlanRequest::new(mode, NonZeroU32::new(4).unwrap());
            let plan = strategy.plan(&table, &request).unwrap();
            check(plan, &table, mode).unwrap();
        }
    }
}
