//! Times the pool of waiting transactions: taking candidates in, filling a block of 10,000 out of
//! 100,000, and giving it back or forgetting it. Reading candidates from wire bytes is the work of
//! other stages, and is left out.
//!
//! `mempool::doubling` shows that nothing grows faster than its input, where that could be feared:
//! `work=submit` fills a pool, `work=outbid` fills one of half the size with ever better ones, each
//! of which evicts another, and drops these again, so that the others come back one by one;
//! `work=shut` selects from a pool of which every candidate, crowded on many accounts, finds a
//! used-up one among its own.
//!
//! `load=uniform` writes an account of its own each, `load=hot` puts three quarters of the
//! candidates on eight accounts, `load=aged` is that after so many selections that the reserve is
//! in use.
#![allow(
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a benchmark generates its load with plain arithmetic"
)]

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lockstep_interface::{Account, Address};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::{Bank, Genesis},
    block::BlockLimits,
    mempool::{BlockRoom, Candidate, Mempool, MempoolLimits},
    threads::Threads,
    verify::Signatures,
    wire::{MessageBuilder, TransactionConfig, WireBlock},
};
use lockstep_store::MemoryStore;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEED: u64 = 7;
const WAITING: usize = 100_000;
const BLOCK: u32 = 10_000;
/// Compute units of each, so that 10,000 fill a block of 60 M.
const UNITS: u32 = 6_000;
const PAYERS: u64 = 20_000;
const HOT_ACCOUNTS: u64 = 8;

fn address(number: u64) -> Address {
    let mut bytes = [0x5a; 32];
    ChaCha8Rng::seed_from_u64(number).fill(&mut bytes);
    Address::new_from_array(bytes)
}

fn bank() -> Bank {
    let wallets = (0..PAYERS).map(|number| (address(number), Account::wallet(1 << 40)));
    let genesis = Genesis::new(wallets.collect(), builtin_programs());
    let tip = genesis.open(Arc::new(MemoryStore::new()));
    tip.expect("a store in memory does not fail").child(1, 0)
}

/// Payments of random priority; `hot` of four go to few accounts.
fn candidates(bank: &Bank, count: usize, hot: u32) -> Vec<Candidate> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let blockhash = bank.parent().block_hash().to_bytes();
    let mut batch = WireBlock::default();
    for number in 0..count as u64 {
        let payer = address(number % PAYERS);
        let target = match rng.random_ratio(hot, 4) {
            true => 1 << 40 | rng.random_range(0..HOT_ACCOUNTS),
            false => 1 << 41 | number,
        };
        let payment = [transfer(&payer, &address(target), 1 + number)];
        let message = MessageBuilder::new(payer, blockhash, &payment).v1(TransactionConfig {
            compute_unit_limit: Some(UNITS),
            priority_fee: Some(rng.random_range(0..1_000_000)),
            ..TransactionConfig::default()
        });
        let message = message.compile().expect("it is small");
        batch.push(&message.with_signatures(&[[0; 64]]).expect("it is small"));
    }
    read(bank, &batch)
}

fn read(bank: &Bank, batch: &WireBlock) -> Vec<Candidate> {
    let threads = Threads::new(1).expect("one thread needs no pool");
    let results = Candidate::read_batch(batch, bank, Signatures::Trusted, &threads);
    let results = results.expect("a store in memory does not fail");
    let results = results.into_iter();
    results
        .map(|candidate| candidate.expect("it keeps all rules"))
        .collect()
}

fn room() -> BlockRoom {
    BlockRoom::new(BlockLimits {
        account_compute_units_max: 12_000_000,
        transaction_count_max: BLOCK,
        ..BlockLimits::MAINNET
    })
}

/// A pool that these were submitted to, after this number of selections of nothing.
fn filled(candidates: &[Candidate], limits: MempoolLimits, selections: u64) -> Mempool {
    let mut pool = Mempool::new(limits);
    for candidate in candidates {
        pool.submit(candidate.clone()).expect("there is room");
    }
    for _ in 0..selections {
        pool.select(&mut BlockRoom::new(BlockLimits {
            transaction_count_max: 0,
            ..BlockLimits::MAINNET
        }));
    }
    pool
}

fn select(criterion: &mut Criterion) {
    let bank = bank();
    let limits = MempoolLimits {
        per_account: u32::MAX,
        ..MempoolLimits::STANDARD
    };
    let mut group = criterion.benchmark_group("mempool::select");
    group.throughput(Throughput::Elements(BLOCK.into()));
    group.sample_size(20);
    for (name, hot, selections) in [("uniform", 0, 0), ("hot", 3, 0), ("aged", 3, 20)] {
        let candidates = candidates(&bank, WAITING, hot);
        let mut pool = filled(&candidates, limits, selections);
        let selection = pool.select(&mut room());
        assert!(selection.taken.len() > BLOCK as usize / 2, "{name}");
        assert_eq!(selection.aged_count > 0, selections > 0, "{name}");
        pool.give_back(&selection.taken);
        let load = format!(
            "load={name} waiting={WAITING} taken={}",
            selection.taken.len()
        );
        group.bench_function(load, |bencher| {
            bencher.iter_custom(|rounds| {
                let mut sum = std::time::Duration::ZERO;
                for _ in 0..rounds {
                    let start = std::time::Instant::now();
                    let selection = pool.select(&mut room());
                    sum += start.elapsed();
                    pool.give_back(&selection.taken);
                }
                sum
            });
        });
    }
    group.finish();
}

fn rest(criterion: &mut Criterion) {
    let bank = bank();
    let all = candidates(&bank, WAITING + BLOCK as usize, 3);
    let (waiting, new) = all.split_at(WAITING);
    let limits = MempoolLimits {
        candidates: WAITING + BLOCK as usize,
        per_account: u32::MAX,
        ..MempoolLimits::STANDARD
    };
    let mut group = criterion.benchmark_group("mempool");
    group.throughput(Throughput::Elements(BLOCK.into()));
    group.sample_size(20);
    let mut pool = filled(waiting, limits, 0);
    group.bench_function("submit+forget/waiting=100000 new=10000", |bencher| {
        bencher.iter_batched(
            || new.to_vec(),
            |new| {
                for candidate in new {
                    pool.submit(candidate).expect("there is room");
                }
                pool.forget(new_hashes(&all));
            },
            BatchSize::LargeInput,
        );
    });
    let taken = pool.select(&mut room()).taken;
    group.bench_function("give_back+select/waiting=100000", |bencher| {
        bencher.iter(|| {
            pool.give_back(&taken);
            pool.select(&mut room())
        });
    });
    group.finish();
}

/// Candidates with rising priority that all write one account, and each of them one of ten others,
/// which the first ten, at the highest price, have for themselves.
fn crowding(bank: &Bank, count: usize) -> Vec<Candidate> {
    let blockhash = bank.parent().block_hash().to_bytes();
    let mut batch = WireBlock::default();
    for number in 0..count as u64 {
        let payer = address(number % PAYERS);
        let pay = |target| transfer(&payer, &address(target), 1 + number);
        let own = pay(1 << 42 | (number % 10));
        let (fee, payments) = match number < 10 {
            true => (1_000_000_000, vec![own]),
            false => (10_000 + number, vec![pay(1 << 43), own]),
        };
        let message = MessageBuilder::new(payer, blockhash, &payments).v1(TransactionConfig {
            compute_unit_limit: Some(UNITS),
            priority_fee: Some(fee),
            ..TransactionConfig::default()
        });
        let message = message.compile().expect("it is small");
        batch.push(&message.with_signatures(&[[0; 64]]).expect("it is small"));
    }
    read(bank, &batch)
}

fn doubling(criterion: &mut Criterion) {
    let bank = bank();
    let all = crowding(&bank, WAITING);
    let mut group = criterion.benchmark_group("mempool::doubling");
    group.sample_size(10);
    for waiting in [WAITING / 8, WAITING / 4, WAITING / 2, WAITING] {
        let some = &all[..waiting];
        let limits = |candidates| MempoolLimits {
            candidates,
            blocks: u32::MAX,
            per_account: u32::MAX,
            blocks_per_account: u32::MAX,
            evicted_bytes: usize::MAX,
            ..MempoolLimits::STANDARD
        };
        group.throughput(Throughput::Elements(waiting as u64));
        group.bench_function(format!("work=submit waiting={waiting}"), |bencher| {
            bencher.iter(|| filled(some, limits(waiting), 0));
        });
        group.bench_function(format!("work=outbid waiting={waiting}"), |bencher| {
            bencher.iter(|| {
                let mut pool = filled(some, limits(waiting / 2), 0);
                let better = &some[waiting / 2..];
                pool.fall_out(better.iter().flat_map(Candidate::message_hashes));
                // All came back but for those whose place the first ten have kept.
                assert_eq!((pool.len(), pool.evicted_count()), (waiting / 2, 0));
            });
        });
        let mut pool = filled(some, limits(waiting), 0);
        group.bench_function(format!("work=shut waiting={waiting}"), |bencher| {
            bencher.iter(|| {
                let selection = pool.select(&mut BlockRoom::new(BlockLimits {
                    account_compute_units_max: some[0].compute_units(),
                    ..BlockLimits::MAINNET
                }));
                assert_eq!(selection.taken.len(), 10);
                pool.give_back(&selection.taken);
            });
        });
    }
    group.finish();
}

fn new_hashes(all: &[Candidate]) -> impl Iterator<Item = &lockstep_interface::Hash> {
    all[WAITING..].iter().flat_map(Candidate::message_hashes)
}

criterion_group!(benches, select, rest, doubling);
criterion_main!(benches);
