//! Transactions that have an effect together or not at all.

use std::sync::Arc;

use lockstep_interface::{Account, Address, Hash, TransactionError};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::{
    bank::FrozenBank,
    block::Recording,
    engine::Engine,
    verify::Refusal,
    wire::{BundleError, WireBlock},
};
use lockstep_scheduler::{Layered, Mode};
use lockstep_store::MemoryStore;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::{
    choices::Choices,
    generate::{Shape, World, bundled},
    ledger::{FEE, Ledger, RICH, address, transaction},
    plans::all_strategies,
    run::{
        LOGS, SUCCEEDED, Verdict, assert_serial, difference, options, process, recorded, refused,
        serial, serial_recorded, verdict,
    },
};

/// Runs a chain of generated blocks under every strategy. Gives how many bundles succeeded and
/// how many were refused.
fn check_chain(seed: u64, shape: Shape, sizes: &[usize], engines: &mut [Engine]) -> (usize, usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (world, mut parent) = World::new(shape);
    let mut counts = (0, 0);
    for size in sizes {
        let transactions = world.block(&mut random, &parent, *size);
        let block = bundled(&transactions, &mut random);
        let recording = if random.one_in(2) {
            Recording::ALL
        } else {
            LOGS
        };
        let expected = serial_recorded(&engines[0], &parent, &block, None, recording);
        let results: Vec<_> = expected.receipts.iter().collect();
        for range in block.bundles() {
            let members = &results[range.start as usize..range.end() as usize];
            let succeeded = members.iter().filter(|result| result.is_ok()).count();
            let is_refused = members.iter().all(|result| result.is_err());
            assert!(
                succeeded == members.len() || is_refused,
                "SEED={seed} {members:?}"
            );
            *if is_refused {
                &mut counts.1
            } else {
                &mut counts.0
            } += 1;
        }
        for engine in &mut *engines {
            for strategy in all_strategies(seed) {
                for mode in Mode::ALL {
                    let options = recorded(&*strategy, mode, recording);
                    assert_serial(engine, &parent, &block, &options, &expected, seed);
                }
            }
        }
        parent = expected.bank;
    }
    counts
}

fn engines() -> Vec<Engine> {
    let engine = |count| Engine::new(count).expect("threads can be started");
    (1..=4).map(engine).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn blocks_with_bundles_have_the_result_of_the_serial_run(seed: u64) {
        let (succeeded, refused) = check_chain(seed, Shape::FEW, &[40, 60], &mut engines());
        prop_assert!(succeeded + refused > 5);
    }
}

#[test]
fn large_blocks_with_bundles_have_the_result_of_the_serial_run() {
    let (succeeded, refused) = check_chain(3, Shape::MANY, &[1_500], &mut engines());
    assert!(succeeded > 20 && refused > 20, "{succeeded} and {refused}");
}

const BLOCKHASH: Hash = Hash::new_from_array([5; 32]);

/// A payment between addresses of these numbers; its number of lamports tells it apart.
fn pay(from: u64, to: u64, lamports: u64) -> Vec<u8> {
    let transfer = system::transfer(&address(from), &address(to), lamports);
    transaction(address(from), BLOCKHASH, &[transfer])
}

/// A bank with wallets 0 to 9.
fn parent() -> Arc<FrozenBank> {
    let genesis = Ledger::with_wallets(0..10).dated(BLOCKHASH);
    let opened = genesis.open(Arc::new(MemoryStore::new()));
    opened.expect("a store in memory does not fail")
}

/// Runs a block with these bundles on a ledger with wallets 0 to 9. Gives verdicts, and lamports
/// by number of address.
fn run(
    transactions: &[Vec<u8>],
    bundles: &[(u32, u32)],
) -> (Vec<Verdict>, impl Fn(u64) -> u64 + use<>) {
    let mut block: WireBlock = transactions.iter().collect();
    for (start, count) in bundles {
        block
            .bundle(*start, *count)
            .expect("it follows the one before");
    }
    let parent = parent();
    let mut engine = Engine::new(2).expect("threads can be started");
    let found = process(
        &mut engine,
        &parent,
        &block,
        &options(&Layered, Mode::Replay),
    );
    let found = found.expect("strategy and store do not fail");
    let expected = serial(&engine, &parent, &block, None);
    assert_eq!(difference(&found, &expected), None);
    let fates = found.receipts.iter();
    let verdicts = fates.map(|fate| verdict(&fate.cloned().map_err(Clone::clone)));
    let bank = found.bank;
    let lamports = move |number| {
        let account = bank
            .get(&address(number))
            .expect("a store in memory does not fail");
        account.map_or(0, |account: Account| account.lamports)
    };
    (verdicts.collect(), lamports)
}

const CANCELLED: TransactionError = TransactionError::CommitCancelled;

#[test]
fn members_see_what_those_before_them_did() {
    // 20 and 21 come into being on the way, and 20 ceases to exist.
    let block = [
        pay(0, 20, RICH / 2),
        pay(20, 21, RICH / 2 - FEE),
        pay(21, 1, RICH / 4),
    ];
    let (verdicts, lamports) = run(&block, &[(0, 3)]);
    assert_eq!(verdicts, [SUCCEEDED, SUCCEEDED, SUCCEEDED]);
    let expected = [RICH / 2 - FEE, RICH + RICH / 4, 0, RICH / 4 - 2 * FEE];
    assert_eq!([0, 1, 20, 21].map(lamports), expected);
}

#[test]
fn a_bundle_has_the_effect_of_its_transactions_one_after_the_other() {
    let block = [pay(0, 1, 5), pay(1, 2, 7), pay(3, 0, 11), pay(1, 3, 13)];
    let (alone, before) = run(&block, &[]);
    let (together, after) = run(&block, &[(1, 3)]);
    assert_eq!(alone, together);
    assert_eq!([0, 1, 2, 3].map(before), [0, 1, 2, 3].map(after));
}

#[test]
fn one_that_fails_takes_the_others_with_it() {
    // Alone, each of the bundle's first two would be included, the second as a failure.
    let block = [
        pay(0, 1, 5),
        pay(2, 3, 5),
        pay(2, 4, 2 * RICH),
        pay(5, 6, 5),
        pay(2, 3, 6),
    ];
    let (verdicts, lamports) = run(&block, &[(1, 3)]);
    let refused: Vec<Option<Refusal>> = verdicts
        .iter()
        .map(|verdict| verdict.clone().err())
        .collect();
    let rule = |error| Some(Refusal::Rule(error));
    assert_eq!((&refused[0], &refused[4]), (&None, &None));
    assert_eq!(
        (&refused[1], &refused[3]),
        (&rule(CANCELLED), &rule(CANCELLED))
    );
    assert!(matches!(
        refused[2],
        Some(Refusal::Rule(TransactionError::InstructionError(0, _)))
    ));
    let expected = [RICH - FEE - 6, RICH + 6, RICH, RICH, RICH];
    assert_eq!([2, 3, 4, 5, 6].map(lamports), expected);
}

#[test]
fn one_that_is_refused_takes_the_others_with_it() {
    let cancelled = || refused(CANCELLED);
    // By the executor, since no transaction funds number 30.
    let (verdicts, lamports) = run(&[pay(0, 1, 5), pay(30, 1, 5)], &[(0, 2)]);
    assert_eq!(
        verdicts,
        [cancelled(), refused(TransactionError::AccountNotFound)]
    );
    assert_eq!([0, 1].map(lamports), [RICH, RICH]);
    // Before, since its bytes are none, or it is the same as another.
    let (verdicts, lamports) = run(&[pay(0, 1, 5), b"none".to_vec(), pay(2, 3, 5)], &[(0, 2)]);
    assert_eq!(verdicts[0], cancelled());
    assert!(matches!(verdicts[1], Err(Refusal::Malformed(_))));
    assert_eq!((&verdicts[2], lamports(0)), (&SUCCEEDED, RICH));
    let (verdicts, _) = run(&[pay(0, 1, 5), pay(2, 3, 5), pay(0, 1, 5)], &[(1, 2)]);
    let repeated = refused(TransactionError::AlreadyProcessed);
    assert_eq!(verdicts, [SUCCEEDED, cancelled(), repeated]);
}

#[test]
fn what_was_cancelled_can_come_again() {
    let first: WireBlock = {
        let mut block = WireBlock::from_iter([pay(0, 1, 5), pay(30, 1, 5)]);
        block.bundle(0, 2).expect("it is the first");
        block
    };
    let second = WireBlock::from_iter([pay(0, 1, 5)]);
    let parent = parent();
    let mut engine = Engine::new(1).expect("one thread needs no pool");
    let options = options(&Layered, Mode::Replay);
    let first = process(&mut engine, &parent, &first, &options).expect("the store works");
    assert_eq!(first.receipts.counts(), (0, 0, 2));
    let second = process(&mut engine, &first.bank, &second, &options).expect("the store works");
    assert_eq!(second.receipts.counts(), (1, 0, 0));
}

#[test]
fn a_bundle_locks_as_many_accounts_as_a_transaction() {
    let fan = |payer: u64, targets: std::ops::Range<u64>| {
        let to: Vec<Address> = targets.map(|number| address(100 + number)).collect();
        let transfers = to
            .iter()
            .map(|to| system::transfer(&address(payer), to, RICH / 1_000));
        transaction(address(payer), BLOCKHASH, &transfers.collect::<Vec<_>>())
    };
    // Each names its payer and the System program, which both share.
    let (verdicts, _) = run(&[fan(0, 0..21), fan(1, 21..42), fan(2, 42..60)], &[(0, 3)]);
    assert_eq!(verdicts, [SUCCEEDED, SUCCEEDED, SUCCEEDED]);
    let (verdicts, _) = run(&[fan(0, 0..21), fan(1, 21..42), fan(2, 42..61)], &[(0, 3)]);
    let error = || refused(TransactionError::TooManyAccountLocks);
    assert_eq!(verdicts, [error(), error(), error()]);
}

#[test]
fn bundles_are_declared_in_order_and_within_their_limits() {
    let mut block = WireBlock::from_iter(vec![b"any"; 9]);
    for count in [0, 1, 6] {
        let expected = BundleError::Count { count, limit: 5 };
        assert_eq!(block.bundle(0, count), Err(expected));
    }
    assert_eq!(block.bundle(1, 5), Ok(()));
    for start in [0, 1, 5] {
        let expected = BundleError::Order { start, end: 6 };
        assert_eq!(block.bundle(start, 2), Err(expected));
    }
    assert_eq!(
        block.bundle(8, 2),
        Err(BundleError::Length { end: 10, len: 9 })
    );
    assert_eq!(
        block.bundle(u32::MAX, 2),
        Err(BundleError::Length {
            end: u32::MAX,
            len: 9
        })
    );
    assert_eq!(block.bundle(6, 3), Ok(()));
}
