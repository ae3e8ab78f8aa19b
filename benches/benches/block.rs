//! Times every stage of a block's way, and the whole way, on signed transactions of four
//! workloads: wire bytes in memory, accounts in the memory store, seed 1.
//!
//! `block::STAGE/workload=W threads=T` is the stage on T threads; `serial` is the same work on the
//! caller's thread or, where there is one, by the plain serial executor. A stage starts from what
//! the stage before made, which is made anew outside of the clock where the stage consumes it. The
//! same block runs again and again, so its accounts are in the processor's caches: a stream of
//! blocks (`lockstep run`) pays more for memory. Signatures are not verified.
//!
//! Before anything is timed the block's root and receipts must be those of the serial executor.
#![allow(
    missing_docs,
    reason = "criterion's macros make functions without documentation"
)]

use std::hint::black_box;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use ahash::RandomState;
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_programs::builtin_programs;
use lockstep_runtime::bank::root::delta_root;
use lockstep_runtime::bank::{Bank, FrozenBank, Genesis};
use lockstep_runtime::block::{BlockLimits, Recording};
use lockstep_runtime::engine::{Cancel, Engine, How, SealedBlock};
use lockstep_runtime::execute::{ExecutedBlock, execute, execute_serial, load};
use lockstep_runtime::prepare::PreparedBlock;
use lockstep_runtime::seal::Seal;
use lockstep_runtime::threads::Threads;
use lockstep_runtime::verify::{ParsedBlock, Signatures};
use lockstep_runtime::wire::WireBlock;
use lockstep_scheduler::{CheckedPlan, Lanes, Mode, PlanRequest, Strategy, check};
use lockstep_store::MemoryStore;

const SEED: u64 = 1;
/// Workloads, and transactions of the block. The mix works 40 us a transaction.
const LOADS: [(&str, usize); 5] = [
    ("transfers:accounts=1000000", 10_000),
    ("token", 10_000),
    ("zipf", 10_000),
    ("one-account", 10_000),
    ("mainnet-mix", 1_000),
];
/// Thread counts besides the serial member.
const THREADS: [usize; 2] = [1, 2];
const REASON: &str = "the benchmark's own load is sound";

/// A block on its parent bank.
struct Case {
    name: String,
    parent: Arc<FrozenBank>,
    wire: WireBlock,
    parsed: ParsedBlock,
    hasher: RandomState,
}

impl Case {
    fn new(spec: &str, size: usize) -> Self {
        let shape = StreamShape {
            transaction_count: size,
            block_size: size,
        };
        let threads = NonZeroUsize::new(2).expect(REASON);
        let workload =
            Workload::new(&spec.parse().expect(REASON), SEED, shape, threads).expect(REASON);
        let genesis = Genesis::new(workload.genesis().collect(), builtin_programs());
        let parent = genesis.open(Arc::new(MemoryStore::new())).expect(REASON);
        let wire = workload.block(0, parent.block_hash().to_bytes());
        let one = Threads::new(1).expect(REASON);
        let case = Self {
            name: spec.to_owned(),
            parent,
            parsed: ParsedBlock::new(wire.clone(), Signatures::Trusted, &one),
            wire,
            hasher: RandomState::with_seed(1),
        };
        case.prove();
        case
    }

    fn bank(&self) -> Bank {
        self.parent.child(1, 1)
    }

    /// Right before fast.
    fn prove(&self) {
        let mut engine = Engine::new(2).expect(REASON);
        let sealed = self.produce(&mut engine, &self.parsed);
        let done = &sealed.frozen;
        let bank = self.bank();
        let prepared = engine.prepare(&bank, &self.parsed).expect(REASON);
        let (order, none) = (Some(done.plan.order()), Recording::NONE);
        let serial = engine.execute_serial(bank, prepared, order, none);
        let seal = Seal {
            order: sealed.order.clone(),
            plan_digest: done.bank.header().plan_digest,
        };
        let serial = serial
            .expect(REASON)
            .freeze(&seal, engine.threads())
            .expect(REASON);
        assert_eq!(serial.bank.header(), done.bank.header(), "{}", self.name);
        assert_eq!(serial.receipts, done.receipts, "{}", self.name);
    }

    /// From a parsed block to a sealed one.
    fn produce<'b>(&self, engine: &mut Engine, parsed: &'b ParsedBlock) -> SealedBlock<'b> {
        let bank = self.bank();
        let how = How::Planned {
            strategy: &Lanes,
            mode: Mode::Produce,
        };
        let prepared = engine.prepare(&bank, parsed).expect(REASON);
        let (none, cancel) = (Recording::NONE, Cancel::default());
        let unsealed = engine.execute(bank, prepared, how, none, &cancel);
        let sealed = unsealed
            .expect(REASON)
            .seal(engine, &Lanes, &BlockLimits::UNLIMITED);
        sealed.expect(REASON)
    }

    fn prepare(&self, bank: &Bank, threads: &Threads) -> PreparedBlock<'_> {
        PreparedBlock::new(&self.parsed, bank, threads, &self.hasher).expect(REASON)
    }

    fn id(&self, threads: usize) -> String {
        format!("workload={} threads={threads}", self.name)
    }

    fn serial_id(&self) -> String {
        format!("workload={} serial", self.name)
    }
}

fn plan<'t>(
    prepared: &'t PreparedBlock<'_>,
    strategy: &dyn Strategy,
    threads: usize,
) -> CheckedPlan<'t> {
    let workers = u32::try_from(threads).ok().and_then(NonZeroU32::new);
    let request = PlanRequest::new(Mode::Produce, workers.expect(REASON));
    let plan = strategy.plan(prepared.table(), &request).expect(REASON);
    check(plan, prepared.table(), Mode::Produce).expect(REASON)
}

fn run(
    bank: &Bank,
    prepared: &PreparedBlock<'_>,
    plan: &CheckedPlan<'_>,
    threads: &Threads,
) -> ExecutedBlock {
    let accounts = load(bank, prepared, threads).expect(REASON);
    execute(bank, prepared, accounts, plan, threads, Recording::NONE).expect(REASON)
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Bytes to prepared transactions; once for the caller's thread, which is the serial member.
fn reading(group: &mut Group<'_>, case: &Case, stage: &str) {
    let bank = case.bank();
    for count in THREADS {
        let threads = Threads::new(count).expect(REASON);
        let id = if count == 1 {
            case.serial_id()
        } else {
            case.id(count)
        };
        let parse = |wire| ParsedBlock::new(wire, Signatures::Trusted, &threads);
        group.bench_function(id, |bencher| match stage {
            "parse" => {
                bencher.iter_batched(|| case.wire.clone(), parse, BatchSize::LargeInput);
            }
            "sanitize" => bencher.iter(|| black_box(case.prepare(&bank, &threads))),
            _ => {
                let prepared = case.prepare(&bank, &threads);
                bencher.iter(|| black_box(load(&bank, &prepared, &threads).expect(REASON)));
            }
        });
    }
}

fn executing(group: &mut Group<'_>, case: &Case) {
    let bank = case.bank();
    let one = Threads::new(1).expect(REASON);
    let prepared = case.prepare(&bank, &one);
    group.bench_function(case.serial_id(), |bencher| {
        let order = || prepared.table().transactions();
        bencher.iter(|| {
            let done = execute_serial(&bank, &prepared, order(), Recording::NONE);
            black_box(done.expect(REASON))
        });
    });
    for count in THREADS {
        let threads = Threads::new(count).expect(REASON);
        let plan = plan(&prepared, &Lanes, count);
        group.bench_function(case.id(count), |bencher| {
            bencher.iter_batched(
                || load(&bank, &prepared, &threads).expect(REASON),
                |accounts| {
                    let none = Recording::NONE;
                    execute(&bank, &prepared, accounts, &plan, &threads, none).expect(REASON)
                },
                BatchSize::LargeInput,
            );
        });
    }
}

fn rooting(group: &mut Group<'_>, case: &Case) {
    let bank = case.bank();
    for count in THREADS {
        let threads = Threads::new(count).expect(REASON);
        let prepared = case.prepare(&bank, &threads);
        let plan = plan(&prepared, &Lanes, count);
        let executed = run(&bank, &prepared, &plan, &threads);
        let id = if count == 1 {
            case.serial_id()
        } else {
            case.id(count)
        };
        group.bench_function(id, |bencher| {
            bencher.iter(|| black_box(delta_root(executed.changes(), &threads)));
        });
    }
}

fn whole(group: &mut Group<'_>, case: &Case) {
    for count in THREADS {
        let mut engine = Engine::new(count).expect(REASON);
        let parse = |engine: &Engine| {
            ParsedBlock::new(case.wire.clone(), Signatures::Trusted, engine.threads())
        };
        if count == 1 {
            group.bench_function(case.serial_id(), |bencher| {
                bencher.iter(|| {
                    let (bank, parsed) = (case.bank(), parse(&engine));
                    let prepared = engine.prepare(&bank, &parsed).expect(REASON);
                    let seal = Seal {
                        order: prepared.table().transactions().collect(),
                        plan_digest: Default::default(),
                    };
                    let none = Recording::NONE;
                    let ran = engine.execute_serial(bank, prepared, None, none);
                    ran.expect(REASON)
                        .freeze(&seal, engine.threads())
                        .expect(REASON)
                        .bank
                });
            });
        }
        group.bench_function(case.id(count), |bencher| {
            bencher.iter(|| {
                let parsed = parse(&engine);
                case.produce(&mut engine, &parsed).frozen.bank
            });
        });
    }
}

fn stages(criterion: &mut Criterion) {
    let cases = LOADS.map(|(spec, size)| Case::new(spec, size));
    for stage in ["parse", "sanitize", "load", "execute", "root", "whole"] {
        let mut group = criterion.benchmark_group(format!("block::{stage}"));
        for case in &cases {
            let count = u64::try_from(case.wire.len()).expect(REASON);
            group.throughput(Throughput::Elements(count));
            match stage {
                "execute" => executing(&mut group, case),
                "root" => rooting(&mut group, case),
                "whole" => whole(&mut group, case),
                _ => reading(&mut group, case, stage),
            }
        }
        group.finish();
    }
}

/// Planning and checking of the real tables; `plan.rs` times all strategies on bare transfers.
fn planning(criterion: &mut Criterion) {
    let cases = LOADS.map(|(spec, size)| Case::new(spec, size));
    let threads = Threads::new(1).expect(REASON);
    for strategy in [
        "serial",
        "layered",
        "first-fit",
        "lanes",
        "waits",
        "dag",
        "auto",
    ] {
        let strategy = lockstep_scheduler::strategy(strategy).expect(REASON);
        for stage in ["plan", "check"] {
            let mut group = criterion.benchmark_group(format!("block::{stage}"));
            for case in &cases {
                let count = u64::try_from(case.wire.len()).expect(REASON);
                group.throughput(Throughput::Elements(count));
                let bank = case.bank();
                let prepared = case.prepare(&bank, &threads);
                let id = format!("workload={} {}", case.name, strategy.name());
                let made = plan(&prepared, strategy.as_ref(), 2).into_plan();
                group.bench_function(id, |bencher| match stage {
                    "check" => bencher.iter_batched(
                        || made.clone(),
                        |made| check(made, prepared.table(), Mode::Produce).expect(REASON),
                        BatchSize::LargeInput,
                    ),
                    _ => {
                        let workers = NonZeroU32::new(2).expect(REASON);
                        let request = PlanRequest::new(Mode::Produce, workers);
                        bencher.iter(|| strategy.plan(prepared.table(), &request).expect(REASON));
                    }
                });
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = stages, planning
}
criterion_main!(benches);
