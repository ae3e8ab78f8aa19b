//! Times the test harness as a test meets it: making a chain, one call on it, and many small tests.
//!
//! `harness::set_up/signed=S` makes a chain and drops it. `harness::call/signed=S` is a transfer as
//! a block of its own, the serial check included; transfers follow each other on one chain, and the
//! group's `serial` member is what the serial executor alone takes for the same call, unsigned, and
//! `signatures` what its two signatures alone take to make and to verify.
//! `harness::tests/signed=S` is 1,000 tests of ten calls each on one thread: a chain, two wallets,
//! ten transfers, one balance looked at. Unsigned means `Builder::without_signatures`. The
//! allocator is the system's, as in a test binary.
#![allow(
    missing_docs,
    reason = "criterion's macros make functions without documentation"
)]

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use lockstep_interface::Account;
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::Genesis,
    block::Recording,
    engine::Engine,
    verify::{ParsedBlock, Signatures, Verifier},
    wire::{MessageBuilder, TransactionView, WireBlock},
};
use lockstep_store::MemoryStore;
use lockstep_testing::{
    Chain, SOL,
    chain::WALLET_LAMPORTS,
    keys::{address_of, key},
};
use solana_address::Address;

const TESTS: usize = 1_000;
const CALLS: u64 = 10;
const REASON: &str = "the benchmark's own load is sound";

fn chain(is_signed: bool) -> Chain {
    let builder = Chain::builder();
    match is_signed {
        true => builder.build(),
        false => builder.without_signatures().build(),
    }
}

fn id(is_signed: bool) -> BenchmarkId {
    BenchmarkId::from_parameter(format_args!("signed={is_signed}"))
}

fn set_up(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("harness::set_up");
    for is_signed in [true, false] {
        group.bench_function(id(is_signed), |bencher| bencher.iter(|| chain(is_signed)));
    }
    group.finish();
}

fn call(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("harness::call");
    for is_signed in [true, false] {
        let mut chain = chain(is_signed);
        let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
        // A memory of 151 blockhashes and 512 slots is what a long test has.
        chain.empty_blocks(600);
        let mut lamports = 0u64;
        group.bench_function(id(is_signed), |bencher| {
            bencher.iter(|| {
                // One that differs each time: the runtime knows transactions again.
                lamports = lamports.wrapping_add(1) % SOL;
                let there_and_back = match lamports % 2 {
                    0 => transfer(&alice, &bob, lamports),
                    _ => transfer(&bob, &alice, lamports),
                };
                chain.run(there_and_back).all_ok();
            });
        });
    }
    group.bench_function("serial", serial_call);
    group.bench_function("signatures", signatures);
    group.finish();
}

/// Parses, prepares and executes one transfer, and forgets it.
fn serial_call(bencher: &mut criterion::Bencher<'_>) {
    let [alice, bob] = [1, 2].map(|number| Address::new_from_array([number; 32]));
    let accounts = [alice, bob].map(|address| (address, Account::wallet(1_000 * SOL)));
    let genesis = Genesis::new(accounts.to_vec(), builtin_programs());
    let tip = genesis.open(Arc::new(MemoryStore::new())).expect(REASON);
    let engine = Engine::new(1).expect(REASON);
    let blockhash = tip.block_hash().to_bytes();
    bencher.iter(|| {
        let message = MessageBuilder::new(alice, blockhash, &[transfer(&alice, &bob, 5)]).compile();
        let bytes = message.expect(REASON).with_signatures(&[[0; 64]]);
        let mut wire = WireBlock::default();
        wire.push(&bytes.expect(REASON));
        let parsed = ParsedBlock::new(wire, Signatures::Trusted, engine.threads());
        let bank = tip.child(1, 0);
        let prepared = engine.prepare(&bank, &parsed).expect(REASON);
        let ran = engine.execute_serial(bank, prepared, None, Recording::ALL);
        black_box(ran.expect(REASON).executed.outcomes().len())
    });
}

/// Signs one transfer with two keys and verifies it.
fn signatures(bencher: &mut criterion::Bencher<'_>) {
    let keys = ["payer", "alice"].map(key);
    let [payer, alice] = [&keys[0], &keys[1]].map(address_of);
    let verifier = Verifier::default();
    let message = MessageBuilder::new(payer, [7; 32], &[transfer(&alice, &payer, 5)]).compile();
    let message = message.expect(REASON);
    bencher.iter(|| {
        let bytes = message.sign(&[&keys[0], &keys[1]]).expect(REASON);
        let view = TransactionView::parse(&bytes).expect(REASON);
        assert_eq!(verifier.verify(&[view]), [true]);
    });
}

/// What a small test does.
fn test(is_signed: bool) {
    let mut chain = chain(is_signed);
    let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
    for lamports in 1..=CALLS {
        chain.run(transfer(&alice, &bob, lamports)).all_ok();
    }
    let moved: u64 = (1..=CALLS).sum();
    let expected = WALLET_LAMPORTS.checked_add(moved);
    assert_eq!(Some(chain.lamports(&bob)), expected);
}

fn tests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("harness::tests");
    group.sample_size(10);
    for is_signed in [true, false] {
        group.bench_function(id(is_signed), |bencher| {
            bencher.iter(|| (0..TESTS).for_each(|_| test(is_signed)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = set_up, call, tests
}
criterion_main!(benches);
