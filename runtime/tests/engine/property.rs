//! Generated blocks under every strategy and under plans that no strategy makes, on any number of
//! threads, against the serial run.

use std::sync::Arc;

use lockstep_interface::Hash;
use lockstep_runtime::{
    bank::FrozenBank,
    block::Recording,
    engine::{Engine, EngineError},
    wire::WireBlock,
};
use lockstep_scheduler::{
    Dispatch, Layered, Mode, PlanError, Strategy, TransactionIndex, strategies,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::common::{
    fuzzed::Setting,
    generate::{Shape, World},
    plans::{Canary, RandomDispatch, RandomLanes, RandomWaits},
    run::{LOGS, assert_serial, difference, options, process, recorded, serial, serial_recorded},
};

fn engines(thread_counts: &[usize]) -> Vec<Engine> {
    let engine = |count: &usize| Engine::new(*count).expect("threads can be started");
    thread_counts.iter().map(engine).collect()
}

/// Runs a chain of generated blocks of these sizes, each block under all `strategies`.
fn check_chain(
    seed: u64,
    shape: Shape,
    sizes: &[usize],
    engines: &mut [Engine],
    strategies: &[Box<dyn Strategy>],
) -> Arc<FrozenBank> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (world, mut parent) = World::new(shape);
    for size in sizes {
        let transactions = world.block(&mut random, &parent, *size);
        let block: WireBlock = transactions.iter().collect();
        // Only without balances are credits shared.
        let recording = if random.random() {
            Recording::ALL
        } else {
            LOGS
        };
        let expected = serial_recorded(&engines[0], &parent, &block, None, recording);
        for engine in &mut *engines {
            for strategy in strategies {
                for mode in Mode::ALL {
                    let options = recorded(&**strategy, mode, recording);
                    assert_serial(engine, &parent, &block, &options, &expected, seed);
                }
            }
        }
        parent = expected.bank;
    }
    parent
}

fn random_plans(seed: u64) -> Vec<Box<dyn Strategy>> {
    vec![
        Box::new(RandomLanes(seed)),
        Box::new(RandomWaits(seed)),
        Box::new(RandomDispatch(seed, Dispatch::Queued)),
        Box::new(RandomDispatch(seed, Dispatch::Ranked)),
    ]
}

#[test]
fn small_blocks_equal_the_serial_run_under_every_strategy() {
    let mut engines = engines(&[1, 2, 4, 8]);
    for seed in 0..16 {
        let shape = if seed % 3 == 0 {
            Shape::MANY
        } else {
            Shape::FEW
        };
        let sizes = [1, 2, 3, 7, 20, 60, 150];
        check_chain(seed, shape, &sizes, &mut engines, &strategies());
    }
}

#[test]
fn large_blocks_equal_the_serial_run_under_every_strategy() {
    let mut engines = engines(&[1, 2, 4, 8]);
    check_chain(
        100,
        Shape::MANY,
        &[1_000, 5_000],
        &mut engines,
        &strategies(),
    );
    check_chain(101, Shape::FEW, &[1_500], &mut engines, &strategies());
}

#[test]
fn sixteen_threads_change_nothing() {
    let mut engines = engines(&[16]);
    check_chain(200, Shape::MANY, &[10, 2_000], &mut engines, &strategies());
}

#[test]
fn random_plans_equal_the_serial_run() {
    let mut engines = engines(&[1, 2, 3, 8, 16]);
    for seed in 300..324 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let shape = if seed % 2 == 0 {
            Shape::MANY
        } else {
            Shape::FEW
        };
        let sizes = [random.random_range(1..20), random.random_range(20..300)];
        check_chain(seed, shape, &sizes, &mut engines, &random_plans(seed));
    }
}

#[test]
fn a_generated_block_meets_every_fate() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (world, parent) = World::new(Shape::FEW);
    let engine = Engine::new(1).expect("one thread is the caller's");
    let transactions = world.block(&mut random, &parent, 3_000);
    let block: WireBlock = transactions.iter().collect();
    let outcome = serial(&engine, &parent, &block, None);
    let (succeeded, failed, refused) = outcome.receipts.counts();
    assert!(
        succeeded > 300 && failed > 300 && refused > 300,
        "{succeeded} {failed} {refused}"
    );
    let mut fates: Vec<String> = outcome
        .receipts
        .iter()
        .map(|fate| match fate {
            Ok(receipt) => format!("{:?}", receipt.status),
            Err(refusal) => format!("{refusal:?}"),
        })
        .collect();
    fates.sort();
    fates.dedup_by(|one, other| one.split('(').take(3).eq(other.split('(').take(3)));
    assert!(fates.len() > 25, "only {fates:#?}");
}

#[test]
fn a_plan_that_misses_a_conflict_is_refused() {
    let mut caught = 0;
    for seed in 400..420 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (world, parent) = World::new(Shape::FEW);
        let mut engine = Engine::new(2).expect("threads can be started");
        let transactions = world.block(&mut random, &parent, 40);
        let block: WireBlock = transactions.iter().collect();
        let expected = serial(&engine, &parent, &block, None);
        let before: Hash = parent.block_hash();

        let blind_to = TransactionIndex(random.random_range(0..20));
        let result = process(
            &mut engine,
            &parent,
            &block,
            &options(&Canary { blind_to }, Mode::Produce),
        );
        match result {
            Err(EngineError::Plan { name, source }) => {
                assert_eq!(name, "canary", "SEED={seed}");
                assert!(
                    matches!(source, PlanError::Conflict { .. }),
                    "SEED={seed} {source}"
                );
                caught += 1;
            }
            // What the canary did not see can have happened to conflict with nothing.
            Ok(_) => {}
            Err(error) => panic!("SEED={seed} {error}"),
        }
        assert_eq!(parent.block_hash(), before);
        let again = process(
            &mut engine,
            &parent,
            &block,
            &options(&Layered, Mode::Replay),
        );
        let again = again.expect("the engine goes on");
        assert_eq!(difference(&again, &expected), None, "SEED={seed}");
    }
    assert!(caught > 10, "only {caught} of 20 canaries were caught");
}

#[test]
fn blocks_made_from_bytes_equal_the_serial_run() {
    let mut random = ChaCha8Rng::seed_from_u64(500);
    let mut setting = Setting::new();
    setting.run(&[]);
    for _ in 0..150 {
        let size = random.random_range(1..2_000);
        let data: Vec<u8> = (0..size).map(|_| random.random()).collect();
        setting.run(&data);
    }
}
