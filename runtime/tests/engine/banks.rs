//! Blocks in a row: when a bank becomes final does not show; forks; transactions that come again;
//! blockhashes that age.

use std::{sync::Arc, thread};

use lockstep_interface::{Account, Hash, TransactionError};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::{bank::FrozenBank, block::Recording, engine::Engine, wire::WireBlock};
use lockstep_scheduler::{Lanes, Layered, Mode};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::{
    generate::{Shape, World},
    ledger::{FEE, Ledger, RICH, address, nonce_account, rent_exempt, transaction},
    run::{Chain, SUCCEEDED, options, process, refused, run, run_serially, timestamp, verdict},
};

/// When banks of a chain are made final.
#[derive(Clone, Copy, Debug)]
enum Finality {
    /// At once.
    Eager,
    /// While the next block is read.
    Overlapped,
    /// Some blocks later, several at once.
    Late,
    Never,
}

/// Runs the blocks and gives their hashes, and every receipt.
fn run_chain(
    blocks: &[WireBlock],
    first: Arc<FrozenBank>,
    finality: Finality,
    threads: usize,
) -> Vec<(Hash, String)> {
    let mut engine = Engine::new(threads).expect("threads can be started");
    let mut tip = first;
    let mut results = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let parent = Arc::clone(&tip);
        let options = options(&Lanes, Mode::Replay);
        let outcome = thread::scope(|scope| {
            if matches!(finality, Finality::Overlapped) {
                scope.spawn(|| parent.finalize().expect("a store in memory does not fail"));
            }
            process(&mut engine, &parent, block, &options)
        });
        let outcome = outcome.expect("a store in memory does not fail");
        tip = outcome.bank;
        let is_due = match finality {
            Finality::Eager => true,
            Finality::Late => number % 3 == 2,
            Finality::Overlapped | Finality::Never => false,
        };
        if is_due {
            tip.finalize().expect("a store in memory does not fail");
            assert!(
                tip.changes().is_empty(),
                "a final bank adds nothing to the store"
            );
        }
        results.push((tip.block_hash(), format!("{:?}", outcome.receipts)));
    }
    results
}

#[test]
fn when_banks_become_final_does_not_show() {
    for (seed, shape) in [(1, Shape::FEW), (2, Shape::MANY), (3, Shape::FEW)] {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (world, first) = World::new(shape);
        let mut blocks: Vec<WireBlock> = Vec::new();
        let mut engine = Engine::new(1).expect("one thread is the caller's");
        let mut tip = first;
        for _ in 0..12 {
            let transactions = world.block(&mut random, &tip, 80);
            blocks.push(transactions.iter().collect());
            let block = blocks.last().expect("it was pushed");
            let outcome = process(&mut engine, &tip, block, &options(&Layered, Mode::Replay));
            tip = outcome.expect("a store in memory does not fail").bank;
        }
        let run = |finality, threads| run_chain(&blocks, World::new(shape).1, finality, threads);
        let expected = run(Finality::Never, 1);
        assert_eq!(expected.last().map(|last| last.0), Some(tip.block_hash()));
        for finality in [
            Finality::Never,
            Finality::Eager,
            Finality::Overlapped,
            Finality::Late,
        ] {
            for threads in [1, 2, 4] {
                let found = run(finality, threads);
                for (block, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    assert_eq!(
                        found, expected,
                        "SEED={seed} {finality:?} {threads} block {block}"
                    );
                }
            }
        }
    }
}

/// A transfer of rent-exempt lamports from wallet `source` to address `target`.
fn pay(source: u64, target: u64, blockhash: Hash) -> Vec<u8> {
    let payment = system::transfer(&address(source), &address(target), rent_exempt(0));
    transaction(address(source), blockhash, &[payment])
}

fn child(
    engine: &mut Engine,
    parent: &Arc<FrozenBank>,
    transactions: &[Vec<u8>],
) -> Arc<FrozenBank> {
    let block: WireBlock = transactions.iter().collect();
    let outcome = process(engine, parent, &block, &options(&Layered, Mode::Replay));
    outcome.expect("a store in memory does not fail").bank
}

fn lamports(bank: &FrozenBank, number: u64) -> u64 {
    let account = bank
        .get(&address(number))
        .expect("a store in memory does not fail");
    account.map_or(0, |account| account.lamports)
}

#[test]
fn forks_do_not_see_each_other() {
    let mut engine = Engine::new(2).expect("threads can be started");
    let first = Ledger::with_wallets(0..3).open();
    let parent = child(&mut engine, &first, &[pay(0, 50, first.block_hash())]);
    let blockhash = parent.block_hash();
    let left = child(&mut engine, &parent, &[pay(1, 51, blockhash)]);
    let right = child(
        &mut engine,
        &parent,
        &[pay(2, 52, blockhash), pay(1, 53, blockhash)],
    );
    let far_left = child(&mut engine, &left, &[pay(0, 54, blockhash)]);

    let seen =
        |bank: &FrozenBank| [50, 51, 52, 53, 54].map(|number| u8::from(lamports(bank, number) > 0));
    assert_eq!(seen(&first), [0, 0, 0, 0, 0]);
    assert_eq!(seen(&parent), [1, 0, 0, 0, 0]);
    assert_eq!(seen(&left), [1, 1, 0, 0, 0]);
    assert_eq!(seen(&right), [1, 0, 1, 1, 0]);
    assert_eq!(seen(&far_left), [1, 1, 0, 0, 1]);

    // The parent's changes move to the store under the feet of both children.
    parent.finalize().expect("a store in memory does not fail");
    assert_eq!(seen(&left), [1, 1, 0, 0, 0]);
    assert_eq!(seen(&right), [1, 0, 1, 1, 0]);
    assert_eq!(seen(&far_left), [1, 1, 0, 0, 1]);

    // The left child wins; it and its descendants read on.
    left.finalize().expect("a store in memory does not fail");
    assert_eq!(seen(&left), [1, 1, 0, 0, 0]);
    assert_eq!(seen(&far_left), [1, 1, 0, 0, 1]);
    left.finalize().expect("making it final again does nothing");
    let next = child(&mut engine, &far_left, &[pay(2, 55, left.block_hash())]);
    assert_eq!(lamports(&next, 55), rent_exempt(0));
    assert_eq!(lamports(&next, 1), RICH - FEE - rent_exempt(0));
}

#[test]
fn siblings_with_the_same_block_have_the_same_hash() {
    let mut engine = Engine::new(2).expect("threads can be started");
    let first = Ledger::with_wallets(0..2).open();
    let block = [pay(0, 50, first.block_hash())];
    let one = child(&mut engine, &first, &block);
    let other = child(&mut engine, &first, &block);
    assert_eq!(one.block_hash(), other.block_hash());

    let later = first.child(first.slot() + 2, timestamp(first.slot() + 2));
    let wire: WireBlock = block.iter().collect();
    let later = run_serially(&engine, later, &wire, None, (false, Recording::NONE));
    assert_ne!(
        later.bank.block_hash(),
        one.block_hash(),
        "the slot is part of the hash"
    );
}

#[test]
#[should_panic(expected = "must be above")]
fn a_child_needs_a_higher_slot() {
    let first = Ledger::new().open();
    let _ = first.child(first.slot(), 0);
}

#[test]
fn a_transaction_is_processed_once_on_each_fork() {
    let already = refused(TransactionError::AlreadyProcessed);
    for is_final in [false, true] {
        let first = Ledger::with_wallets(0..3).open();
        let payment = pay(0, 50, first.block_hash());
        let other = pay(1, 51, first.block_hash());
        let mut chain = Chain::new(Arc::clone(&first));

        let fates = chain.run(&[payment.clone(), other.clone(), payment.clone()]);
        assert!(fates[0].is_ok() && fates[1].is_ok());
        assert_eq!(verdict(&fates[2]), already, "inside a block");
        if is_final {
            chain
                .tip
                .finalize()
                .expect("a store in memory does not fail");
        }
        for _ in 0..3 {
            let fates = chain.run(&[pay(2, 52, chain.blockhash()), payment.clone()]);
            assert!(fates[0].is_ok());
            assert_eq!(verdict(&fates[1]), already, "across blocks");
        }
        if !is_final {
            let mut fork = Chain::new(first);
            assert!(
                fork.run_one(payment).is_ok(),
                "another fork has not seen it"
            );
        }
    }
}

#[test]
fn a_refused_transaction_may_come_again() {
    let mut ledger = Ledger::with_wallets(0..1);
    ledger.put(address(1), Account::wallet(FEE - 1));
    let mut chain = Chain::new(ledger.open());
    let empty = transaction(address(1), chain.blockhash(), &[]);
    let unfunded = refused(TransactionError::InsufficientFundsForFee);
    assert_eq!(verdict(&chain.run_one(empty.clone())), unfunded);
    let fund = system::transfer(&address(0), &address(1), RICH / 2);
    let fund = transaction(address(0), chain.blockhash(), &[fund]);
    let fates = chain.run(&[fund, empty.clone()]);
    assert!(fates.iter().all(Result::is_ok), "{fates:?}");
    let already = refused(TransactionError::AlreadyProcessed);
    assert_eq!(verdict(&chain.run_one(empty)), already);
}

#[test]
fn a_failed_transaction_is_processed_too() {
    let mut chain = Chain::new(Ledger::with_wallets(0..1).open());
    let failing = system::transfer(&address(0), &address(50), u64::MAX);
    let failing = transaction(address(0), chain.blockhash(), &[failing]);
    assert!(matches!(
        verdict(&chain.run_one(failing.clone())),
        Ok(Err(_))
    ));
    let already = refused(TransactionError::AlreadyProcessed);
    assert_eq!(verdict(&chain.run_one(failing)), already);
}

#[test]
fn a_blockhash_is_valid_for_151_blocks() {
    for finality in [Finality::Never, Finality::Late] {
        let first = Ledger::with_wallets(0..200).open();
        let oldest = first.block_hash();
        let mut chain = Chain::new(first);
        let early = pay(0, 500, oldest);
        assert!(chain.run_one(early.clone()).is_ok());
        for number in 2..151 {
            assert!(chain.run(&[]).is_empty());
            if matches!(finality, Finality::Late) && number % 10 == 0 {
                chain
                    .tip
                    .finalize()
                    .expect("a store in memory does not fail");
            }
        }
        // The first block's children are counted from 1; this is the 151st and the last chance.
        let fates = chain.run(&[pay(1, 501, oldest), early.clone()]);
        assert_eq!(verdict(&fates[0]), SUCCEEDED, "{finality:?}");
        let already = refused(TransactionError::AlreadyProcessed);
        assert_eq!(verdict(&fates[1]), already, "{finality:?}");

        let fates = chain.run(&[pay(2, 502, oldest), early]);
        let expired = refused(TransactionError::BlockhashNotFound);
        for fate in &fates {
            assert_eq!(verdict(fate), expired, "{finality:?}");
        }
        let young = pay(3, 503, chain.blockhash());
        assert_eq!(verdict(&chain.run_one(young)), SUCCEEDED);
    }
}

#[test]
fn a_bank_knows_the_last_512_slots_with_a_block() {
    let mut engine = Engine::new(1).expect("one thread can be started");
    let mut tip = Ledger::new().open();
    let first = tip.slot();
    for _ in 0..514 {
        let options = options(&Layered, Mode::Replay);
        let block = WireBlock::default();
        // Every other slot is skipped.
        let bank = tip.child(tip.slot() + 2, 0);
        let outcome = run(&mut engine, bank, &block, &options);
        tip = outcome.expect("a store in memory does not fail").bank;
    }
    let bank = tip.child(tip.slot() + 1, 0);
    let known = bank.environment().sysvars.slot_hashes();
    let known: Vec<u64> = known.unwrap().iter().map(|entry| entry.slot).collect();
    let expected: Vec<u64> = (0..512).map(|back| first + 2 * (514 - back)).collect();
    assert_eq!(known, expected);
}

#[test]
fn a_spent_nonce_is_refused_alike_before_and_after_its_block_is_final() {
    let nonce = address(60);
    let durable = Hash::new_from_array([3; 32]);
    let expected = refused(TransactionError::BlockhashNotFound);
    for is_final in [false, true] {
        let mut ledger = Ledger::with_wallets(0..1);
        ledger.put(nonce, nonce_account(address(0), &durable, RICH));
        let mut chain = Chain::new(ledger.open());
        let advance = system::advance_nonce_account(&nonce, &address(0));
        let value = lockstep_interface::nonce::durable_nonce(&durable);
        let saved = transaction(address(0), value, &[advance]);
        assert_eq!(verdict(&chain.run_one(saved.clone())), SUCCEEDED);
        if is_final {
            chain
                .tip
                .finalize()
                .expect("a store in memory does not fail");
        }
        assert_eq!(
            verdict(&chain.run_one(saved)),
            expected,
            "final: {is_final}"
        );
    }
}

#[test]
fn an_empty_block_changes_sysvars_only() {
    let mut chain = Chain::new(Ledger::with_wallets(0..1).open());
    chain.run(&[]);
    let first: Vec<_> = chain.tip.changes();
    chain.run(&[]);
    let second = chain.tip.changes();
    assert_eq!(first.len(), 3, "clock, rent and recent blockhashes");
    assert_eq!(second.len(), 2, "rent stayed as it was");
    let owner = lockstep_interface::address::sysvar_ids::OWNER;
    assert!(
        first
            .iter()
            .chain(&second)
            .all(|(_, account)| account.owner == owner)
    );
}

#[test]
fn two_engines_can_share_their_threads() {
    let threads = lockstep_runtime::threads::Threads::new(3).expect("threads can be started");
    let (world, first) = World::new(Shape::MANY);
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let block: WireBlock = world.block(&mut random, &first, 600).iter().collect();
    let run = |_| {
        let mut engine = Engine::with_threads(threads.clone());
        let mut tip = Arc::clone(&first);
        for _ in 0..5 {
            let outcome = process(&mut engine, &tip, &block, &options(&Lanes, Mode::Replay));
            tip = outcome.expect("a store in memory does not fail").bank;
        }
        tip.block_hash()
    };
    let alone = run(0);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|number| scope.spawn(move || run(number)))
            .collect();
        for run in runs {
            assert_eq!(run.join().expect("no run panics"), alone);
        }
    });
}
