//! Times blocks of every size: what a producer on two threads takes for a block of N transactions
//! of a workload, and what the serial executor takes for the same block.
//!
//! `sizes::auto/workload=W size=N` parses, builds, seals and commits the block on a chain in memory
//! without state roots; `sizes::serial/..` reads, executes and commits it on a chain whose executor
//! is the serial one. A block of size 0 has no transaction. Signatures are not verified; blocks
//! follow each other, and each is made before its time is taken. Seed 1.
#![allow(
    missing_docs,
    reason = "criterion's macros make functions without documentation"
)]

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::Genesis,
    block::Recording,
    chain::{BuildRequest, BuiltBlock, Chain, ChainOptions, Executor},
    engine::Cancel,
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::WireBlock,
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::MemoryStore;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SEED: u64 = 1;
/// No transaction, and powers of two up to 16,384.
const SIZES: [usize; 16] = [
    0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384,
];
const WORKLOADS: [&str; 8] = [
    "transfers:accounts=10000",
    "token",
    "zipf",
    "hot",
    "one-account",
    "pools-mixed",
    "mainnet-mix",
    "smallbank",
];
const REASON: &str = "the benchmark's own load is sound";

fn open(workload: &Workload, threads: usize, executor: Executor) -> Chain {
    let genesis = Genesis::new(workload.genesis().collect(), builtin_programs()).without_limits();
    let options = ChainOptions {
        verifier: None,
        executor,
        ..ChainOptions::new(Threads::new(threads).expect(REASON))
    };
    Chain::open(Arc::new(MemoryStore::new()), None, genesis, options).expect(REASON)
}

/// Builds the next block of these transactions and commits it.
fn produce(chain: &Chain, wire: WireBlock) -> BuiltBlock {
    let (parent, header) = chain.head();
    let request = BuildRequest {
        parent,
        slot: header.slot.saturating_add(1),
        unix_timestamp: 1,
        strategy: &Auto,
        mode: Mode::Produce,
        recording: Recording::NONE,
    };
    let threads = &chain.options().threads;
    let mut source = ParsedBlock::new(wire, Signatures::Trusted, threads);
    let built = chain.build(&request, &mut source, &Cancel::default());
    let built = built.expect(REASON);
    chain.commit(&built.id).expect(REASON);
    built
}

/// Executes a block from its bytes and commits it.
fn adopt(chain: &Chain, bytes: Arc<[u8]>) {
    let block = chain.read(bytes).expect(REASON);
    let executed = chain.execute(&block, &Cancel::default()).expect(REASON);
    chain.commit(&executed.id).expect(REASON);
}

fn sizes(criterion: &mut Criterion) {
    for spec in WORKLOADS {
        for size in SIZES {
            let shape = StreamShape {
                transaction_count: size.max(1),
                block_size: size.max(1),
            };
            let one = NonZeroUsize::new(1).expect(REASON);
            let workload =
                Workload::new(&spec.parse().expect(REASON), SEED, shape, one).expect(REASON);
            let next = |chain: &Chain| match size {
                0 => WireBlock::default(),
                _ => workload.block(0, chain.head().0.to_bytes()),
            };
            let id = || BenchmarkId::from_parameter(format_args!("workload={spec} size={size}"));
            let chain = open(&workload, 2, Executor::Lockstep);
            let mut group = criterion.benchmark_group("sizes::auto");
            group.throughput(Throughput::Elements(size.max(1) as u64));
            group.bench_function(id(), |bencher| {
                let (make, run) = (|| next(&chain), |wire| produce(&chain, wire));
                bencher.iter_batched(make, run, BatchSize::PerIteration);
            });
            group.finish();
            let producer = open(&workload, 1, Executor::Lockstep);
            let oracle = open(&workload, 1, Executor::Serial);
            let mut group = criterion.benchmark_group("sizes::serial");
            group.throughput(Throughput::Elements(size.max(1) as u64));
            group.bench_function(id(), |bencher| {
                let make = || produce(&producer, next(&producer)).bytes().into();
                let run = |bytes| adopt(&oracle, bytes);
                bencher.iter_batched(make, run, BatchSize::PerIteration);
            });
            assert_eq!(producer.head(), oracle.head());
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = sizes
}
criterion_main!(benches);
