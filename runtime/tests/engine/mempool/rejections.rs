//! Why a pool takes no transaction, one by one, and that signatures are looked at when asked.

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_interface::{Address, Hash, TransactionError, nonce::durable_nonce};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::{
    block::BlockLimits,
    mempool::{BlockRoom, Mempool, MempoolLimits, Priority, Rejection},
    prepare::BLOCK_PARTS,
    threads::Threads,
    verify::{Signatures, Verifier},
    wire::{MessageBuilder, ParseError, WireBlock},
};

use super::{
    BLOCKHASHES, EMPTY, NONCE_HASH, Payment, bank, candidate, good, name, names, read, target,
};
use crate::common::ledger::address;

fn payment(number: u64, priority_fee: u64) -> Payment {
    Payment {
        payer: number,
        targets: vec![number],
        lamports: 1,
        priority_fee,
        compute_units: 7_000,
        blockhash: Some(BLOCKHASHES[0]),
    }
}

/// The priority of such a payment, which takes 7,000 of 60 M compute units.
fn priority(fee: u64) -> Priority {
    Priority::of(fee, (7_000 * BLOCK_PARTS).div_ceil(60_000_000))
}

fn rejection(payment: &Payment) -> Option<Rejection> {
    let mut results = read(&bank(), &[payment.bytes()]);
    results.pop().expect("one for each transaction").err()
}

#[test]
fn what_no_bank_would_include_is_rejected() {
    let good = payment(0, 0);
    assert_eq!(rejection(&good), None);
    let durable = Payment {
        blockhash: None,
        ..good.clone()
    };
    assert_eq!(rejection(&durable), None);
    let stale = Payment {
        blockhash: Some(Hash::new_from_array([8; 32])),
        ..good.clone()
    };
    assert_eq!(rejection(&stale), Some(Rejection::UnknownBlockhash));
    // The nonce account holds another nonce than this one.
    let mut bytes = durable.bytes();
    let nonce = durable_nonce(&NONCE_HASH).to_bytes();
    let place = bytes.windows(32).position(|window| window == nonce);
    bytes[place.expect("it carries the nonce")] ^= 1;
    let mut results = read(&bank(), &[bytes]);
    let result = results.pop().and_then(Result::err);
    assert_eq!(result, Some(Rejection::UnknownBlockhash));
    let poor = Payment {
        payer: EMPTY,
        ..good.clone()
    };
    let error = TransactionError::InsufficientFundsForFee;
    assert_eq!(rejection(&poor), Some(Rejection::Rule(error)));
    let nobody = Payment {
        payer: 1 << 40,
        ..good.clone()
    };
    let error = TransactionError::AccountNotFound;
    assert_eq!(rejection(&nobody), Some(Rejection::Rule(error)));

    let mut results = read(&bank(), &[b"\xff".to_vec(), good.bytes(), good.bytes()]);
    let repeated = results.pop().and_then(Result::err);
    assert_eq!(repeated, Some(Rejection::Duplicate));
    let error = ParseError::UnknownFormat { found: 0xff };
    assert_eq!(results.remove(0).err(), Some(Rejection::Malformed(error)));
}

#[test]
fn a_full_pool_says_what_there_is_to_beat() {
    let bank = bank();
    let mut pool = Mempool::new(MempoolLimits {
        candidates: 3,
        ..MempoolLimits::STANDARD
    });
    for (number, fee) in [(1, 3_000), (2, 1_000), (3, 2_000)] {
        let accepted = pool.submit(good(&bank, &payment(number, fee)));
        assert!(accepted.expect("there is room").evicted.is_empty());
    }
    let submit = |pool: &mut Mempool, number, fee| {
        let accepted = pool.submit(good(&bank, &payment(number, fee)));
        accepted.map(|accepted| names(&accepted.evicted))
    };
    let full = Rejection::Full {
        priority: priority(6_000),
        to_beat: priority(6_000),
    };
    assert_eq!(submit(&mut pool, 4, 1_000), Err(full.clone()));
    let message = "the pool is full; it has 51428571 lamports a block, \
                   and must beat 51428571 lamports a block";
    assert_eq!(full.to_string(), message);
    let second = name(&good(&bank, &payment(2, 1_000)));
    assert_eq!(submit(&mut pool, 5, 1_001), Ok(vec![second]));

    // What is taken cannot be evicted, and whatever comes cannot beat it.
    let taken = pool.select(&mut BlockRoom::new(BlockLimits::MAINNET)).taken;
    assert_eq!(taken.len(), 3);
    let full = Rejection::Full {
        priority: priority(15_000),
        to_beat: Priority::MAX,
    };
    assert_eq!(submit(&mut pool, 6, 10_000), Err(full));
    pool.give_back(&taken);
    assert!(submit(&mut pool, 6, 10_000).is_ok());
}

#[test]
fn a_bundle_is_one_candidate() {
    let bank = bank();
    let payments = [payment(1, 1_000), payment(2, 0), payment(5, 500)];
    let bundle = candidate(&bank, &payments).expect("the payments keep all rules");
    assert_eq!((bundle.fee(), bundle.compute_units()), (16_500, 21_000));
    let written = [1, 2, 5].map(|number| [address(number), target(number)]);
    assert_eq!(bundle.written(), written.concat());
    let bytes: Vec<Vec<u8>> = payments.iter().map(Payment::bytes).collect();
    assert!(bundle.transactions().eq(bytes.iter().map(Vec::as_slice)));

    let mut pool = Mempool::new(MempoolLimits::STANDARD);
    let alone = good(&bank, &payment(4, 0));
    assert!(pool.submit(alone.clone()).is_ok() && pool.submit(bundle).is_ok());
    let member = pool.submit(good(&bank, &payments[1]));
    assert_eq!(member.err(), Some(Rejection::Duplicate));
    // There is no room for all of it, so there is for none of it.
    let mut room = |count| {
        pool.select(&mut BlockRoom::new(BlockLimits {
            transaction_count_max: count,
            ..BlockLimits::UNLIMITED
        }))
    };
    let selection = room(2);
    assert_eq!(names(&selection.taken), [name(&alone)]);
    let block = room(3).to_block();
    assert_eq!((block.wire_count(), block.wire().bundles().len()), (3, 1));
    pool.forget(good(&bank, &payments[2]).message_hashes());
    assert_eq!(pool.len(), 1);

    let broken = [
        payment(1, 0),
        Payment {
            payer: EMPTY,
            ..payment(2, 0)
        },
        payment(3, 0),
    ];
    let error = Rejection::Rule(TransactionError::InsufficientFundsForFee);
    let rejection = Rejection::Bundle {
        member: 1,
        source: Box::new(error),
    };
    assert_eq!(candidate(&bank, &broken).err(), Some(rejection));
    let stale = Payment {
        blockhash: Some(Hash::new_from_array([8; 32])),
        ..payment(4, 0)
    };
    let rejection = candidate(&bank, &[payment(1, 0), stale]).expect_err("it is stale");
    let message = "transaction 1 of the bundle: its blockhash is none of the recent ones, \
                   nor the stored nonce of its nonce account";
    assert_eq!(rejection.to_string(), message);
}

#[test]
fn signatures_are_verified_when_asked_for() {
    let key = SigningKey::from([7; 32]);
    let payer = Address::new_from_array(VerificationKeyBytes::from(&key).into());
    let bank = bank();
    let funding = Payment {
        lamports: 1,
        ..payment(0, 0)
    };
    // The signer has no money, so a right signature comes as far as that.
    let instructions = [transfer(&payer, &target(0), 1)];
    let message = MessageBuilder::new(payer, BLOCKHASHES[0].to_bytes(), &instructions);
    let message = message.compile().expect("it is small");
    let right = message.sign(&[&key]).expect("the payer signs");
    let batch: WireBlock = [right, funding.bytes()].iter().collect();
    let threads = Threads::new(2).expect("threads can be started");
    let reasons = |signatures: Signatures<'_>| {
        let mut pool = Mempool::new(MempoolLimits::STANDARD);
        let results = pool.submit_batch(&batch, &bank, signatures, &threads);
        let results = results.expect("a store in memory does not fail");
        results.into_iter().map(Result::err).collect::<Vec<_>>()
    };
    let verifier = Verifier::default();
    let missing = Some(Rejection::Rule(TransactionError::AccountNotFound));
    let wrong = Some(Rejection::Rule(TransactionError::SignatureFailure));
    assert_eq!(
        reasons(Signatures::Verify(&verifier)),
        [missing.clone(), wrong]
    );
    assert_eq!(reasons(Signatures::Trusted), [missing, None]);
}
