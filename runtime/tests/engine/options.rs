//! What can be asked of the engine besides a plan: signatures, less recording.

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_interface::{Account, Address, TransactionError};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::{
    block::Recording,
    engine::Engine,
    wire::{MessageBuilder, WireBlock},
};
use lockstep_scheduler::{Lanes, Layered, Mode};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::{
    generate::{Shape, World},
    ledger::{Ledger, RICH, address},
    run::{Options, difference, next, options, process, refused, run_serially, serial, verdict},
};

fn key(number: u8) -> (SigningKey, Address) {
    let key = SigningKey::from([number; 32]);
    let address = Address::new_from_array(VerificationKeyBytes::from(&key).into());
    (key, address)
}

#[test]
fn wrong_signatures_are_refused_where_they_are_verified() {
    let mut ledger = Ledger::new();
    for number in 0..40 {
        ledger.put(key(number).1, Account::wallet(RICH));
    }
    let parent = ledger.open();
    // Every third transaction is signed and then changed.
    let transactions = (0..40).map(|number| {
        let (key, payer) = key(number);
        let payment = [system::transfer(&payer, &address(7), 1_000_000)];
        let message = MessageBuilder::new(payer, parent.block_hash().to_bytes(), &payment);
        let message = message.compile().expect("it is small");
        let mut bytes = message.sign(&[&key]).expect("the payer signs");
        if number % 3 == 0 {
            let place = bytes.len() - 6;
            bytes[place] ^= 1;
        }
        bytes
    });
    let block: WireBlock = transactions.collect();
    for threads in [1, 2, 4] {
        let mut engine = Engine::new(threads).expect("threads can be started");
        for verify in [false, true] {
            let options = Options {
                verify,
                ..options(&Lanes, Mode::Replay)
            };
            let found = process(&mut engine, &parent, &block, &options);
            let found = found.expect("a store in memory does not fail");
            for (number, fate) in found.receipts.iter().enumerate() {
                let fate = fate.cloned().map_err(Clone::clone);
                let is_wrong = verify && number % 3 == 0;
                let wrong = refused(TransactionError::SignatureFailure);
                assert_eq!(verdict(&fate) == wrong, is_wrong, "{number} {verify}");
                assert_eq!(fate.is_ok(), !is_wrong, "{number} {verify}");
            }
            let recording = (verify, Recording::ALL);
            let expected = run_serially(&engine, next(&parent), &block, None, recording);
            assert_eq!(found.bank.block_hash(), expected.bank.block_hash());
            assert_eq!(found.receipts, expected.receipts);
        }
    }
}

#[test]
fn recording_changes_no_root() {
    let mut random = ChaCha8Rng::seed_from_u64(600);
    let (world, parent) = World::new(Shape::FEW);
    let block: WireBlock = world.block(&mut random, &parent, 300).iter().collect();
    let mut engine = Engine::new(2).expect("threads can be started");
    let expected = serial(&engine, &parent, &block, None);
    let (on, off) = (true, false);
    let choices = [
        (off, off, off),
        (on, off, off),
        (off, on, off),
        (off, off, on),
        (on, on, on),
    ];
    for (logs, balances, uses) in choices {
        let recording = Recording {
            logs,
            balances,
            uses,
            data_of: None,
            accounts: false,
        };
        let options = Options {
            recording,
            ..options(&Layered, Mode::Replay)
        };
        let found = process(&mut engine, &parent, &block, &options);
        let found = found.expect("a store in memory does not fail");
        assert_eq!(found.bank.block_hash(), expected.bank.block_hash());
        assert_eq!(found.receipts.counts(), expected.receipts.counts());
        for receipt in found.receipts.iter().flatten() {
            let details = receipt.details.as_deref();
            assert_eq!(details.is_some(), recording != Recording::NONE);
            if let Some(details) = details {
                assert_eq!(details.balances_before.is_empty(), !balances);
                assert_eq!(details.uses.is_empty(), !uses);
                assert!(logs || details.logs.is_empty());
            }
        }
        let is_equal = difference(&found, &expected).is_none();
        assert_eq!(is_equal, recording == Recording::ALL);
    }
}
