//! Times work whose input an adversary, or bad weather, can make a hundred times larger. The time
//! of each element must stay within a factor of two.
//!
//! `growth::refuse/nonces=N` builds a block of N transactions that look durable, each with a nonce
//! of its own that does not exist. `growth::build/unfinal=N` builds an empty block on a stretch of
//! N blocks that are not final, and `growth::load/unfinal=N` reads an account through such a
//! stretch: one element each. `growth::commit/unfinal=N` commits a stretch of N empty blocks at
//! once; its banks leave the cores' caches from some hundreds on. Accounts are in the memory store;
//! one thread.
#![allow(
    missing_docs,
    reason = "criterion's macros make functions without documentation"
)]

use std::{sync::Arc, time::Duration};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lockstep_interface::{Account, AccountMeta, Address, Hash, Instruction, address::program_ids};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::Genesis,
    block::Recording,
    chain::{BuildRequest, BuiltBlock, Chain, ChainOptions},
    engine::Cancel,
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::{MessageBuilder, WireBlock},
};
use lockstep_scheduler::{Lanes, Mode};
use lockstep_store::{MemoryStore, Trie};

const REASON: &str = "the benchmark's own load is sound";
const PAYER: Address = Address::new_from_array([1; 32]);

fn threads() -> Threads {
    Threads::new(1).expect(REASON)
}

fn chain() -> Chain {
    let accounts = vec![(PAYER, Account::wallet(1_000_000_000))];
    let genesis = Genesis::new(accounts, builtin_programs()).without_limits();
    let options = ChainOptions {
        verifier: None,
        ..ChainOptions::new(threads())
    };
    Chain::open(
        Arc::new(MemoryStore::new()),
        Trie::default(),
        genesis,
        options,
    )
    .expect(REASON)
}

/// Builds a block on a parent.
fn build(chain: &Chain, parent: Hash, mut transactions: ParsedBlock) -> BuiltBlock {
    let slot = chain.bank(&parent).expect(REASON).slot();
    let request = BuildRequest {
        parent,
        slot: slot.saturating_add(1),
        unix_timestamp: 1,
        strategy: &Lanes,
        mode: Mode::Produce,
        recording: Recording::NONE,
    };
    let built = chain.build(&request, &mut transactions, &Cancel::default());
    built.expect(REASON)
}

/// A chain with this number of blocks that are not final, and the newest of them.
fn stretch(count: usize) -> (Chain, Hash) {
    let chain = chain();
    let (genesis, _) = chain.head();
    let tip = (0..count).fold(genesis, |parent, _| {
        build(&chain, parent, ParsedBlock::default()).id
    });
    (chain, tip)
}

/// Transactions that look durable, each with a nonce of its own.
fn nonces(count: u32) -> ParsedBlock {
    let transactions = (0..count).map(|number| {
        let mut nonce = [7; 32];
        nonce[..4].copy_from_slice(&number.to_le_bytes());
        let advance = Instruction {
            program: program_ids::SYSTEM,
            accounts: vec![AccountMeta::writable(Address::new_from_array(nonce), false)],
            data: 4u32.to_le_bytes().to_vec(),
        };
        let message = MessageBuilder::new(PAYER, nonce, &[advance]).compile();
        let message = message.expect(REASON);
        message.with_signatures(&[[0; 64]]).expect(REASON)
    });
    let wire: WireBlock = transactions.collect();
    ParsedBlock::new(wire, Signatures::Trusted, &threads())
}

fn refuse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("growth::refuse");
    let chain = chain();
    let (genesis, _) = chain.head();
    for count in [1_600u32, 16_000, 160_000] {
        let parsed = nonces(count);
        group.throughput(Throughput::Elements(count.into()));
        let id = BenchmarkId::from_parameter(format_args!("nonces={count}"));
        group.bench_function(id, |bencher| {
            bencher.iter_batched(
                || parsed.clone(),
                |parsed| {
                    let built = build(&chain, genesis, parsed);
                    assert_eq!(built.refused.len(), count as usize, "no nonce exists");
                    chain.discard(&built.id).expect(REASON);
                },
                BatchSize::PerIteration,
            );
        });
    }
}

fn on_stretch(criterion: &mut Criterion) {
    for count in [100usize, 1_000, 10_000] {
        let (chain, tip) = stretch(count);
        let id = || BenchmarkId::from_parameter(format_args!("unfinal={count}"));
        let mut group = criterion.benchmark_group("growth::build");
        group.bench_function(id(), |bencher| {
            bencher.iter(|| {
                let built = build(&chain, tip, ParsedBlock::default());
                chain.discard(&built.id).expect(REASON);
            });
        });
        group.finish();
        let mut group = criterion.benchmark_group("growth::load");
        let bank = chain.bank(&tip).expect(REASON);
        group.bench_function(id(), |bencher| {
            bencher.iter(|| bank.get(&PAYER).expect(REASON));
        });
        group.finish();
    }
}

fn commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("growth::commit");
    for count in [100usize, 1_000, 10_000] {
        group.throughput(Throughput::Elements(count as u64));
        let id = BenchmarkId::from_parameter(format_args!("unfinal={count}"));
        group.bench_function(id, |bencher| {
            bencher.iter_batched(
                || stretch(count),
                |(chain, tip)| {
                    let committed = chain.commit(&tip).expect(REASON);
                    assert_eq!(committed.block_count, count);
                    chain
                },
                BatchSize::PerIteration,
            );
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(2));
    targets = refuse, on_stretch, commit
}
criterion_main!(benches);
