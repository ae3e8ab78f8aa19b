//! Times the check of a block on its witness against executing it with a ledger: 10,000 transfers
//! over a million accounts, signatures trusted in both, two threads, seed 1.
//!
//! `witness::ledger` reads the block and executes it on a chain in memory, state root included.
//! `witness::check` does the same on the bytes of the witness alone; `witness::make` makes them.
//! What the witness takes against single proofs of the same accounts is printed first.
#![allow(
    missing_docs,
    clippy::float_arithmetic,
    clippy::print_stdout,
    reason = "criterion's macros make functions without documentation; a ratio is printed"
)]

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::Genesis,
    block::Recording,
    chain::{BuildRequest, Chain, ChainOptions, witness::Witness},
    engine::Cancel,
    threads::Threads,
    verify::{ParsedBlock, Signatures},
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{MemoryStore, Trie};

const SIZE: usize = 10_000;
const REASON: &str = "the benchmark's own load is sound";

#[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
fn ratio(one: usize, other: usize) -> f64 {
    one as f64 / other as f64
}

fn bench(criterion: &mut Criterion) {
    let shape = StreamShape {
        transaction_count: SIZE,
        block_size: SIZE,
    };
    let spec = "transfers:accounts=1000000".parse().expect(REASON);
    let workers = NonZeroUsize::new(2).expect(REASON);
    let workload = Workload::new(&spec, 1, shape, workers).expect(REASON);
    let genesis = Genesis::new(workload.genesis().collect(), builtin_programs()).without_limits();
    let rules = Genesis::new(Vec::new(), builtin_programs()).without_limits();
    let threads = Threads::new(2).expect(REASON);
    let options = ChainOptions {
        verifier: None,
        ..ChainOptions::new(threads.clone())
    };
    let store = Arc::new(MemoryStore::new());
    let chain = Chain::open(store, Trie::default(), genesis, options).expect(REASON);
    let (parent, _) = chain.head();
    let request = BuildRequest {
        parent,
        slot: 1,
        unix_timestamp: 1,
        strategy: &Auto,
        mode: Mode::Produce,
        recording: Recording::NONE,
    };
    let wire = workload.block(0, parent.to_bytes());
    let mut source = ParsedBlock::new(wire, Signatures::Trusted, &threads);
    let built = chain.build(&request, &mut source, &Cancel::default());
    let built = built.expect(REASON);
    let block: Arc<[u8]> = built.bytes().into();
    let witness = chain.witness(Arc::clone(&block)).expect(REASON);
    let bytes = witness.encode().expect(REASON);
    let bank = chain.bank(&parent).expect(REASON);
    let trie = bank.trie().expect(REASON);
    let proofs = witness.accounts.iter();
    let single: usize = proofs
        .map(|(address, _)| trie.prove(address).to_bytes().len())
        .sum();
    println!(
        "{} accounts: shared proof {} bytes, single proofs {single} ({:.3}), witness {} bytes, of \
         which the block is {}",
        witness.accounts.len(),
        witness.part.len(),
        ratio(witness.part.len(), single),
        bytes.len(),
        block.len(),
    );
    let mut group = criterion.benchmark_group("witness");
    group.throughput(Throughput::Elements(SIZE as u64));
    group
        .measurement_time(Duration::from_secs(8))
        .sample_size(20);
    group.bench_function("ledger", |bencher| {
        let forget = || chain.discard(&built.id);
        bencher.iter_batched(
            forget,
            |_| {
                let read = chain.read(Arc::clone(&block)).expect(REASON);
                chain.execute(&read, &Cancel::default()).expect(REASON)
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("check", |bencher| {
        bencher.iter(|| {
            let witness = Witness::decode(&bytes).expect(REASON);
            let checked = witness.check(&rules, Signatures::Trusted, &threads);
            assert_eq!(checked.expect(REASON).id, built.id);
        });
    });
    group.bench_function("make", |bencher| {
        bencher.iter(|| chain.witness(Arc::clone(&block)).expect(REASON));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
