//! Times the durable store: blocks of 10,000 changed accounts over a million, synced to disk.
//!
//! `store::commit/changes=10000 kind=disk` is one block, acknowledged only when it would survive a
//! loss of power; `kind=memory` is the same on the store that forgets. The inverse of the time is
//! blocks a second. `store::load` reads 10,000 random accounts. The directory is a temporary one
//! ($TMPDIR): what the figures are worth depends on its disk.
//!
//! Before anything is timed both stores must hold the same accounts.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    reason = "a benchmark generates its load with plain arithmetic"
)]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{
    BlockBatch, BlockRecord, Change, DiskOptions, DiskStore, MemoryStore, Serial, Store, load_trie,
};
use rand::{Rng, SeedableRng, seq::index::sample};
use rand_chacha::ChaCha8Rng;

const SEED: u64 = 1;
const ACCOUNT_COUNT: usize = 1_000_000;
const CHANGE_COUNT: usize = 10_000;
const BLOCK_COUNT: usize = 20;
const REASON: &str = "the benchmark's own load is sound";

/// The address of an account by its number.
fn address(number: usize) -> Address {
    let mut random = ChaCha8Rng::seed_from_u64(number as u64);
    Address::new_from_array(random.random())
}

/// Three in four are wallets, the others hold a token account's 165 bytes.
fn account(random: &mut ChaCha8Rng) -> Account {
    let lamports = random.random_range(1..u64::MAX);
    if random.random_ratio(3, 4) {
        return Account::wallet(lamports);
    }
    Account {
        data: vec![random.random(); 165].into(),
        ..Account::wallet(lamports)
    }
}

fn block(random: &mut ChaCha8Rng, numbers: impl IntoIterator<Item = usize>) -> Vec<Change> {
    let changes = numbers.into_iter();
    let mut block: Vec<Change> = changes
        .map(|number| (address(number), account(random)))
        .collect();
    block.sort_by_key(|(address, _)| *address);
    block
}

fn block_id(slot: u64) -> Hash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&slot.to_le_bytes());
    Hash::new_from_array(bytes)
}

/// Commits changes as the block after the newest one.
fn commit(store: &dyn Store, changes: &[Change]) {
    let parent = store.tip().map_or(0, |tip| tip.slot);
    let record = BlockRecord {
        slot: parent + 1,
        block_id: block_id(parent + 1),
        parent_id: block_id(parent),
        delta_root: Hash::default(),
        state_root: None,
    };
    let body = &[];
    let batch = BlockBatch {
        record,
        changes,
        body,
    };
    store.commit(&batch).expect(REASON);
}

fn stores(criterion: &mut Criterion) {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let folder = tempfile::tempdir().expect(REASON);
    let options = DiskOptions::default();
    let (disk, _) = DiskStore::open(folder.path(), options, &Serial).expect(REASON);
    let memory = MemoryStore::new();
    for start in (0..ACCOUNT_COUNT).step_by(CHANGE_COUNT) {
        let block = block(&mut random, start..start + CHANGE_COUNT);
        commit(&disk, &block);
        commit(&memory, &block);
    }
    let root = |store: &dyn Store| load_trie(store, &Serial).expect(REASON).root();
    assert_eq!(root(&disk), root(&memory));
    let mut draw = || {
        let numbers = sample(&mut random, ACCOUNT_COUNT, CHANGE_COUNT);
        block(&mut random, numbers)
    };
    let blocks: Vec<Vec<Change>> = (0..BLOCK_COUNT).map(|_| draw()).collect();

    let kinds: [(&str, &dyn Store); 2] = [("disk", &disk), ("memory", &memory)];
    for (kind, store) in kinds {
        let mut group = criterion.benchmark_group("store::commit");
        group.measurement_time(Duration::from_secs(10));
        let mut next = blocks.iter().cycle();
        group.bench_function(format!("changes=10000 kind={kind}"), |bencher| {
            bencher.iter(|| commit(store, next.next().expect("the cycle never ends")));
        });
        group.finish();
    }
    for (kind, store) in kinds {
        let mut group = criterion.benchmark_group("store::load");
        group.throughput(Throughput::Elements(CHANGE_COUNT as u64));
        let mut next = blocks.iter().cycle();
        group.bench_function(format!("accounts=10000 kind={kind}"), |bencher| {
            let mut accounts = vec![Account::default(); CHANGE_COUNT];
            bencher.iter(|| {
                let block = next.next().expect("the cycle never ends");
                let addresses: Vec<Address> = block.iter().map(|(address, _)| *address).collect();
                store.load(&addresses, &mut accounts).expect(REASON);
            });
        });
        group.finish();
    }
}

criterion_group!(benches, stores);
criterion_main!(benches);
