//! Times the durable store: blocks of 10,000 changed accounts over a million, synced to disk.
//!
//! `store::commit/changes=10000 kind=disk` is one block, acknowledged only when it would survive a
//! loss of power; `kind=memory` is the same on the store that forgets. The inverse of the time is
//! blocks a second. `store::load` reads 10,000 random accounts. The directory is a temporary one
//! ($TMPDIR): what the figures are worth depends on its disk.
//!
//! Before anything is timed both stores must hold the same accounts.
#![allow(missing_docs, reason = "a benchmark has no callers")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lockstep_benches::store_load::{StoreLoad, StoreShape, commit};
use lockstep_interface::{Account, Address};
use lockstep_store::{Change, DiskOptions, DiskStore, MemoryStore, Serial, Store, load_trie};

const SEED: u64 = 1;
const ACCOUNT_COUNT: usize = 1_000_000;
const CHANGE_COUNT: usize = 10_000;
const BLOCK_COUNT: usize = 20;
const REASON: &str = "the benchmark's own load is sound";

fn stores(criterion: &mut Criterion) {
    let mut load = StoreLoad::new(
        SEED,
        StoreShape {
            account_count: ACCOUNT_COUNT,
            change_count: CHANGE_COUNT,
        },
    );
    let folder = tempfile::tempdir().expect(REASON);
    let options = DiskOptions::default();
    let (disk, _) = DiskStore::open(folder.path(), options, &Serial).expect(REASON);
    let memory = MemoryStore::new();
    while let Some(block) = load.next_of_fill() {
        commit(&disk, &block).expect(REASON);
        commit(&memory, &block).expect(REASON);
    }
    let root = |store: &dyn Store| load_trie(store, &Serial).expect(REASON).root();
    assert_eq!(root(&disk), root(&memory));
    let blocks: Vec<Vec<Change>> = (0..BLOCK_COUNT).map(|_| load.block()).collect();

    let kinds: [(&str, &dyn Store); 2] = [("disk", &disk), ("memory", &memory)];
    for (kind, store) in kinds {
        let mut group = criterion.benchmark_group("store::commit");
        group.measurement_time(Duration::from_secs(10));
        let mut next = blocks.iter().cycle();
        group.bench_function(format!("changes=10000 kind={kind}"), |bencher| {
            bencher
                .iter(|| commit(store, next.next().expect("the cycle never ends")).expect(REASON));
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
