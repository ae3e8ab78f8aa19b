//! Times the block format on blocks of 10,000 signed transfers: bytes out, bytes in, digests, roots
//! and limits, on the caller's thread unless the name says otherwise. Seed 1.
//!
//! `format::encode/plan=P` and `format::decode/plan=P` are of a block with the plan of strategy P;
//! `serial` is a bare copy of the transactions' bytes, which neither can beat. Each block
//! comes back as it was before anything is timed.
#![allow(
    missing_docs,
    reason = "criterion's macros make functions without documentation"
)]

use std::hint::black_box;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lockstep_benches::planning::InternedBlock;
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_interface::Hash;
use lockstep_runtime::block::Receipt;
use lockstep_runtime::threads::Threads;
use lockstep_runtime::wire::TransactionView;
use lockstep_runtime::{
    block::{
        Block, BlockBody, BlockHeader, BlockLimits, InclusionProof, plan_digest, prove_inclusion,
        receipts_root, transaction_root, verify_inclusion,
    },
    prepare::{BlockUsage, Demand},
    wire::WireBlock,
};
use lockstep_scheduler::{AccessMode, AccountIndex, Mode, Plan, PlanRequest, strategy};
use sha2::{Digest, Sha256};

const SEED: u64 = 1;
const COUNT: usize = 10_000;
const REASON: &str = "the benchmark's own load is sound";
/// From lists of sizes alone to a lane for every transaction and waits.
const PLANS: [&str; 4] = ["lanes", "layered", "waits", "dag"];

/// A block of signed transfers, and what its planners saw.
struct Load {
    wire: WireBlock,
    interned: InternedBlock,
}

impl Load {
    fn new() -> Self {
        let shape = StreamShape {
            transaction_count: COUNT,
            block_size: COUNT,
        };
        let threads = NonZeroUsize::new(2).expect(REASON);
        let spec = "transfers:accounts=10000".parse().expect(REASON);
        let workload = Workload::new(&spec, SEED, shape, threads).expect(REASON);
        Self {
            wire: workload.block(0, [7; 32]),
            interned: InternedBlock::new(&workload.access_lists(0)),
        }
    }

    /// A plan that has not been renumbered yet.
    fn plan(&self, name: &str) -> Plan {
        let workers = NonZeroU32::new(8).expect(REASON);
        let request = PlanRequest::new(Mode::Replay, workers);
        let strategy = strategy(name).expect(REASON);
        let plan = strategy.plan(self.interned.table(), &request);
        plan.expect(REASON)
    }

    fn block(&self, name: &str) -> Block {
        let (plan, order) = self.plan(name).relabelled().expect(REASON);
        let bytes = |index: usize| self.wire.get(index).expect(REASON);
        let transactions: WireBlock = order.iter().map(|one| bytes(one.index())).collect();
        let plan_digest = plan_digest(&plan, &[]);
        let header = BlockHeader {
            plan_digest,
            ..header(&self.message_hashes())
        };
        let body = BlockBody::new(transactions, plan, Vec::new()).expect(REASON);
        let block = Block { header, body };
        let decoded = Block::decode(&block.encode(), &BlockLimits::MAINNET);
        assert_eq!(decoded.as_ref(), Ok(&block), "{name}");
        block
    }

    fn message_hashes(&self) -> Vec<Hash> {
        let hash = |bytes| {
            let view = TransactionView::parse(bytes).expect(REASON);
            Hash::new_from_array(Sha256::digest(view.message_bytes()).into())
        };
        self.wire.iter().map(hash).collect()
    }
}

fn header(message_hashes: &[Hash]) -> BlockHeader {
    let threads = Threads::new(1).expect(REASON);
    BlockHeader {
        parent_id: Hash::default(),
        slot: 1,
        unix_timestamp: 1,
        transaction_count: u32::try_from(message_hashes.len()).expect(REASON),
        transaction_root: transaction_root(message_hashes, &threads),
        receipts_root: Hash::default(),
        delta_root: Hash::default(),
        state_root: None,
        plan_digest: Hash::default(),
    }
}

fn bytes(criterion: &mut Criterion) {
    let load = Load::new();
    let blocks = PLANS.map(|name| (name, load.block(name)));
    for stage in ["encode", "decode"] {
        let mut group = criterion.benchmark_group(format!("format::{stage}"));
        group.throughput(Throughput::Elements(COUNT as u64));
        let all: Vec<u8> = load.wire.iter().flatten().copied().collect();
        group.bench_function("serial", |bencher| {
            bencher.iter(|| black_box(&all).clone());
        });
        for (name, block) in &blocks {
            let encoded = block.encode();
            let id = format!("plan={name}");
            group.bench_function(id, |bencher| match stage {
                "encode" => bencher.iter(|| black_box(block).encode()),
                _ => bencher.iter(|| {
                    Block::decode(black_box(&encoded), &BlockLimits::MAINNET).expect(REASON)
                }),
            });
        }
        group.finish();
    }
}

fn plans(criterion: &mut Criterion) {
    let load = Load::new();
    for stage in ["relabel", "digest"] {
        let mut group = criterion.benchmark_group(format!("format::{stage}"));
        group.throughput(Throughput::Elements(COUNT as u64));
        for name in PLANS {
            let plan = load.plan(name);
            group.bench_function(format!("plan={name}"), |bencher| match stage {
                "relabel" => bencher.iter(|| black_box(&plan).relabelled().expect(REASON)),
                _ => bencher.iter(|| plan_digest(black_box(&plan), &[])),
            });
        }
        group.finish();
    }
}

fn roots(criterion: &mut Criterion) {
    let hashes = Load::new().message_hashes();
    let receipt = Receipt {
        status: Ok(()),
        signature_fee: 5_000,
        priority_fee: 0,
        compute_units: 150,
        details: None,
    };
    let receipts = vec![&receipt; COUNT];
    let mut group = criterion.benchmark_group("format::root");
    group.throughput(Throughput::Elements(COUNT as u64));
    for count in [1, 2] {
        let threads = Threads::new(count).expect(REASON);
        let name = |of: &str| match count {
            1 => format!("of={of} serial"),
            _ => format!("of={of} threads={count}"),
        };
        group.bench_function(name("transactions"), |bencher| {
            bencher.iter(|| transaction_root(black_box(&hashes), &threads));
        });
        group.bench_function(name("receipts"), |bencher| {
            bencher.iter(|| receipts_root(black_box(&receipts), &threads));
        });
    }
    group.finish();

    let header = header(&hashes);
    let (index, hash) = (COUNT / 3, hashes[COUNT / 3]);
    let prove = |hashes: &[Hash]| -> InclusionProof {
        let index = u32::try_from(index).expect(REASON);
        prove_inclusion(hashes, index).expect(REASON)
    };
    let proof = prove(&hashes);
    assert!(verify_inclusion(&header, &hash, &proof));
    let mut group = criterion.benchmark_group("format::inclusion");
    group.bench_function("prove", |bencher| {
        bencher.iter(|| prove(black_box(&hashes)))
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| verify_inclusion(black_box(&header), &hash, &proof));
    });
    group.finish();
}

/// Admitting a block's transactions one by one, by number of account.
fn usage(criterion: &mut Criterion) {
    let load = Load::new();
    let table = load.interned.table();
    let writes = |index| -> Vec<AccountIndex> {
        let accesses = table.accesses(index).iter();
        accesses
            .filter(|access| access.mode() != AccessMode::Read)
            .map(|access| access.account())
            .collect()
    };
    let writes: Vec<Vec<AccountIndex>> = table.transactions().map(writes).collect();
    let mut group = criterion.benchmark_group("format::usage");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("serial", |bencher| {
        bencher.iter(|| {
            let mut usage = BlockUsage::new(BlockLimits::MAINNET);
            for (wire, writes) in load.wire.iter().zip(&writes) {
                let demand = Demand {
                    transaction_count: 1,
                    compute_units: 450,
                    allocated_size: 0,
                    size: wire.len(),
                    writes,
                };
                usage.admit(&demand).expect(REASON);
            }
            usage.compute_units()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = bytes, plans, roots, usage
}
criterion_main!(benches);
