//! A store that fails once, at any of its calls: the engine reports it, the parent bank stays as
//! it was, and the next try succeeds. No failure may change a block's result.

use std::sync::Arc;

use lockstep_runtime::{
    engine::{Engine, EngineError},
    wire::WireBlock,
};
use lockstep_scheduler::{Layered, Mode};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::{
    failing::FailingStore,
    generate::{Shape, World},
    run::{options, process},
};

/// Fails each call in turn while a block is processed; returns how many there are.
fn check(threads: usize, seed: u64) -> u32 {
    let store = Arc::new(FailingStore::new());
    let (world, first) = World::on(Shape::FEW, Arc::<FailingStore>::clone(&store));
    let mut engine = Engine::new(threads).expect("threads can be started");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let before: WireBlock = world.block(&mut random, &first, 60).iter().collect();
    let parent = process(
        &mut engine,
        &first,
        &before,
        &options(&Layered, Mode::Replay),
    );
    let parent = parent.expect("nothing fails yet").bank;
    let block: WireBlock = world.block(&mut random, &parent, 120).iter().collect();

    let options = options(&Layered, Mode::Replay);
    let expected = process(&mut engine, &parent, &block, &options).expect("nothing fails yet");
    for call in 0.. {
        store.fail_at(call);
        let result = process(&mut engine, &parent, &block, &options);
        let is_over = store.has_spared(call);
        store.fail_at(u32::MAX);
        match result {
            Ok(found) => {
                assert!(is_over, "SEED={seed} call {call} failed without an error");
                assert_eq!(found.bank.block_hash(), expected.bank.block_hash());
                assert_eq!(found.receipts, expected.receipts);
                return call;
            }
            Err(EngineError::Store(error)) => {
                assert!(error.to_string().contains("on purpose"), "{error}");
            }
            Err(error) => panic!("SEED={seed} call {call}: {error}"),
        }
        let again = process(&mut engine, &parent, &block, &options);
        let again = again.expect("the store works again");
        assert_eq!(
            again.bank.block_hash(),
            expected.bank.block_hash(),
            "SEED={seed} {call}"
        );
        assert_eq!(again.receipts, expected.receipts, "SEED={seed} {call}");
    }
    unreachable!("a block makes a finite number of calls")
}

#[test]
fn every_failure_surfaces_and_a_retry_succeeds() {
    for threads in [1, 2] {
        for seed in 0..3 {
            let calls = check(threads, seed);
            assert!(calls > 3, "the block made {calls} calls");
        }
    }
}

#[test]
fn a_bank_that_could_not_be_made_final_still_reads() {
    let store = Arc::new(FailingStore::new());
    let (world, first) = World::on(Shape::FEW, Arc::<FailingStore>::clone(&store));
    let mut engine = Engine::new(2).expect("threads can be started");
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let block: WireBlock = world.block(&mut random, &first, 60).iter().collect();
    let outcome = process(
        &mut engine,
        &first,
        &block,
        &options(&Layered, Mode::Replay),
    );
    let bank = outcome.expect("nothing fails yet").bank;
    let changes = bank.changes();
    assert!(!changes.is_empty());

    store.fail_at(0);
    bank.finalize().expect_err("the store fails");
    assert_eq!(bank.changes(), changes);
    for is_final in [false, true] {
        for (address, account) in &changes {
            let found = bank.get(address).expect("the store works again");
            assert_eq!(found.unwrap_or_default(), *account, "final: {is_final}");
        }
        bank.finalize().expect("the store works again");
    }
    assert!(bank.changes().is_empty());
}
