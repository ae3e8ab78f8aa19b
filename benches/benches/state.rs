//! Times the state trie over a million accounts, and prints the memory that it takes for each.
//!
//! `state::update/changes=K kind=KIND threads=T` makes the trie of the next block, 20,000 changed
//! accounts spread evenly as by 10,000 transfers, and drops that of three blocks before, as a chain
//! does; every run takes another block, so that caches help no more than they would there. `serial`
//! is one thread without a pool. The allocator is the command's.
//! `kind=existing` changes balances, `kind=half` replaces half of the touched accounts by new ones,
//! `kind=bounded` is the first with a tenth of the accounts in memory and the others in a file.
//! `state::prove` and `state::verify` are one proof, `state::build` makes the trie of all accounts.
//!
//! Before anything is timed, a chain of updates must end at the root of a trie made at once.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    reason = "a benchmark generates its load with plain arithmetic"
)]

use std::{collections::VecDeque, fs, hint::black_box, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lockstep_interface::{Account, Address};
use lockstep_runtime::threads::Threads;
use lockstep_store::{
    Change, Parallel, Serial, Trie, TrieBound, TrieBuilder, account_hash, verify_proof,
};
use rand::{Rng, SeedableRng, seq::index::sample};
use rand_chacha::ChaCha8Rng;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SEED: u64 = 1;
const ACCOUNT_COUNT: usize = 1_000_000;
const CHANGE_COUNT: usize = 20_000;
/// Older tries that a chain holds.
const HELD_COUNT: usize = 3;
/// Bytes for a tenth of the accounts.
const BOUND_SIZE: usize = ACCOUNT_COUNT / 10 * 160;
const BLOCK_COUNT: usize = 40;
const REASON: &str = "the benchmark's own load is sound";

/// The address of an account by its number.
fn address(number: usize) -> Address {
    let mut random = ChaCha8Rng::seed_from_u64(number as u64);
    Address::new_from_array(random.random())
}

fn accounts() -> Vec<Change> {
    let accounts = (0..ACCOUNT_COUNT).map(|number| (address(number), Account::wallet(1_000_000)));
    accounts.collect()
}

/// Blocks that change balances, and nothing else or as many births as deaths.
fn blocks(half: bool) -> Vec<Vec<Change>> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut born = ACCOUNT_COUNT;
    let mut alive: Vec<usize> = (0..ACCOUNT_COUNT).collect();
    let mut blocks = Vec::new();
    for _ in 0..BLOCK_COUNT {
        let mut block = Vec::with_capacity(CHANGE_COUNT);
        let touched = if half { CHANGE_COUNT / 2 } else { CHANGE_COUNT };
        for place in sample(&mut random, ACCOUNT_COUNT, touched) {
            if half {
                block.push((address(alive[place]), Account::default()));
                alive[place] = born;
                born += 1;
            }
            let lamports = random.random_range(1..u64::MAX);
            block.push((address(alive[place]), Account::wallet(lamports)));
        }
        block.sort_by_key(|(address, _)| *address);
        blocks.push(block);
    }
    blocks
}

/// Resident memory of this process in bytes; 0 where the system does not tell.
fn resident() -> usize {
    let statistics = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statistics.split(' ').nth(1).map(str::parse::<usize>);
    pages.and_then(Result::ok).unwrap_or(0) * 4096
}

/// Updates must agree with a trie that was made at once.
fn prove(start: &Trie, accounts: &[Change], blocks: &[Vec<Change>]) {
    let threads = Threads::new(2).expect(REASON);
    let mut trie = start.clone();
    let mut all = accounts.to_vec();
    for block in blocks {
        trie = trie.update(block, &threads);
        all.extend(block.iter().cloned());
    }
    assert_eq!(trie.root(), Trie::default().update(&all, &Serial).root());
}

fn update(
    criterion: &mut Criterion,
    name: &str,
    start: &Trie,
    blocks: &[Vec<Change>],
    parallel: &impl Parallel,
) {
    let mut group = criterion.benchmark_group("state::update");
    group.throughput(Throughput::Elements(CHANGE_COUNT as u64));
    group.warm_up_time(Duration::from_secs(1));
    group.bench_function(name, |bencher| {
        let mut tries = VecDeque::from([start.clone()]);
        let mut next = blocks.iter().cycle();
        bencher.iter(|| {
            let block = next.next().expect("the cycle never ends");
            let trie = tries.back().expect("one is held").update(block, parallel);
            tries.push_back(trie);
            if tries.len() > HELD_COUNT {
                tries.pop_front();
            }
        });
    });
    group.finish();
}

fn state(criterion: &mut Criterion) {
    let accounts = accounts();
    let before = resident();
    let mut trie = Trie::default();
    for block in accounts.chunks(CHANGE_COUNT) {
        trie = trie.update(block, &Serial);
    }
    let size = resident().saturating_sub(before);
    eprintln!("state::memory: {} bytes an account", size / ACCOUNT_COUNT);

    for (kind, half) in [("existing", false), ("half", true)] {
        let blocks = blocks(half);
        prove(&trie, &accounts, &blocks[..4]);
        let name = |threads: &str| format!("changes={CHANGE_COUNT} kind={kind} {threads}");
        update(criterion, &name("serial"), &trie, &blocks, &Serial);
        for count in [1, 2] {
            let threads = Threads::new(count).expect(REASON);
            let member = name(&format!("threads={count}"));
            update(criterion, &member, &trie, &blocks, &threads);
        }
    }

    let bound = TrieBound {
        directory: std::env::temp_dir(),
        size: BOUND_SIZE,
    };
    let mut builder = TrieBuilder::bounded(bound);
    builder.push(&accounts, &Serial).expect(REASON);
    let bounded = builder.build(&Serial).expect(REASON);
    assert_eq!(bounded, trie);
    let same = blocks(false);
    prove(&bounded, &accounts, &same[..4]);
    for count in [1, 2] {
        let threads = Threads::new(count).expect(REASON);
        let name = format!("changes={CHANGE_COUNT} kind=bounded threads={count}");
        update(criterion, &name, &bounded, &same, &threads);
    }
    drop(bounded);

    let mut group = criterion.benchmark_group("state");
    let mut numbers = (0..ACCOUNT_COUNT).cycle();
    group.bench_function("prove/accounts=1000000", |bencher| {
        let mut next = || &accounts[numbers.next().expect("the cycle never ends")].0;
        bencher.iter(|| trie.prove(black_box(next())));
    });
    let (address, account) = &accounts[7];
    let (root, hash, proof) = (trie.root(), account_hash(account), trie.prove(address));
    group.bench_function("verify/accounts=1000000", |bencher| {
        bencher.iter(|| verify_proof(&root, address, Some(&hash), black_box(&proof)));
    });
    group.sample_size(10);
    group.throughput(Throughput::Elements(ACCOUNT_COUNT as u64));
    let threads = Threads::new(2).expect(REASON);
    group.bench_function("build/accounts=1000000 threads=2", |bencher| {
        bencher.iter(|| Trie::default().update(&accounts, &threads));
    });
    group.finish();
}

criterion_group!(benches, state);
criterion_main!(benches);
