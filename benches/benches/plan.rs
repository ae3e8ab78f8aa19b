//! Times interning, planning and checking of one block of 10,000 two-account transfers, on one
//! thread, without the clock of a caller around it.
//!
//! `intern::*` turns random addresses into an access table, `plan::NAME` plans that table,
//! `whole::NAME` does both from cleared tables, `check::NAME` checks the plan. Each is
//! right before it is fast: the plan is checked once before it is timed. `scale` plans and checks
//! hostile blocks of two sizes.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark generates its load with plain arithmetic"
)]

use std::hint::black_box;
use std::num::NonZeroU32;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, Interner, Mode, PlanRequest, Strategy, check, strategies,
    strategy,
};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEED: u64 = 7;
const TRANSACTION_COUNT: usize = 10_000;
const ACCOUNT_COUNT: usize = 1_000_000;
const COST: u64 = 1_000;
const WORKERS: NonZeroU32 = NonZeroU32::new(8).expect("eight is not zero");

type Address = [u8; 32];

/// The addresses of a block's transactions: two written, one read.
struct Load {
    name: &'static str,
    transactions: Vec<[Address; 3]>,
}

fn address(number: usize) -> Address {
    let mut address = [0; 32];
    ChaCha8Rng::seed_from_u64(number as u64).fill_bytes(&mut address);
    address
}

fn load(name: &'static str, mut draw: impl FnMut(&mut ChaCha8Rng) -> (usize, usize)) -> Load {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let program = address(usize::MAX);
    let mut transfer = || {
        let (source, target) = draw(&mut rng);
        [address(source), address(target), program]
    };
    Load {
        name,
        transactions: (0..TRANSACTION_COUNT).map(|_| transfer()).collect(),
    }
}

fn loads() -> Vec<Load> {
    let mut cumulated = Vec::with_capacity(ACCOUNT_COUNT);
    let mut sum = 0.0;
    for rank in 1..=ACCOUNT_COUNT {
        sum += 1.0 / rank as f64;
        cumulated.push(sum);
    }
    let zipf = |rng: &mut ChaCha8Rng| {
        let point = rng.random::<f64>() * sum;
        cumulated
            .partition_point(|&sum| sum < point)
            .min(ACCOUNT_COUNT - 1)
    };
    let uniform = |rng: &mut ChaCha8Rng| rng.random_range(0..ACCOUNT_COUNT);
    vec![
        load("workload=transfers", |rng| (uniform(rng), uniform(rng))),
        load("workload=zipf exponent=1.0", |rng| (zipf(rng), zipf(rng))),
        load("workload=one-account", |rng| (0, 1 + uniform(rng))),
    ]
}

/// Fills a table from addresses; the hashes come from `hash`.
fn fill(
    load: &Load,
    interner: &mut Interner,
    table: &mut AccessTable,
    hash: impl Fn(&Interner, usize, &Address) -> u64,
) {
    interner.clear();
    table.clear();
    let mut place = 0;
    for addresses in &load.transactions {
        let accesses: [Access; 3] = std::array::from_fn(|index| {
            let address = &addresses[index];
            let account = interner.intern(address, hash(interner, place, address));
            place += 1;
            if index < 2 {
                Access::write(account)
            } else {
                Access::read(account)
            }
        });
        table.push(accesses, COST);
    }
}

fn inline_hash(interner: &Interner, _: usize, address: &Address) -> u64 {
    interner.hash(address)
}

fn intern(criterion: &mut Criterion) {
    for load in loads() {
        let mut group = criterion.benchmark_group("intern::serial");
        group.throughput(Throughput::Elements(TRANSACTION_COUNT as u64));
        let (mut interner, mut table) = (Interner::new(), AccessTable::new());
        group.bench_function(load.name, |bencher| {
            bencher.iter(|| fill(&load, &mut interner, &mut table, inline_hash));
        });
        group.finish();

        let mut group = criterion.benchmark_group("intern::hashed");
        group.throughput(Throughput::Elements(TRANSACTION_COUNT as u64));
        let addresses = load.transactions.iter().flatten();
        let hashes: Vec<u64> = addresses.map(|address| interner.hash(address)).collect();
        group.bench_function(load.name, |bencher| {
            bencher.iter(|| {
                fill(&load, &mut interner, &mut table, |_, place, _| {
                    hashes[place]
                });
            });
        });
        group.finish();
    }
}

fn each(
    criterion: &mut Criterion,
    operation: &str,
    mut bench: impl FnMut(&mut criterion::Bencher<'_>, &Load, &dyn Strategy, &AccessTable),
) {
    for load in loads() {
        let mut table = AccessTable::new();
        fill(&load, &mut Interner::new(), &mut table, inline_hash);
        // Those on the explicit graph are for study, and take long.
        let on_graph = ["welsh-powell", "smallest-last", "dsatur", "iterated"];
        for strategy in strategies()
            .iter()
            .filter(|one| !on_graph.contains(&one.name()))
        {
            let request = PlanRequest::new(Mode::Produce, WORKERS);
            let Ok(plan) = strategy.plan(&table, &request) else {
                continue;
            };
            check(plan, &table, Mode::Produce).expect("the planner keeps the rules");
            let group = format!("{operation}::{}", strategy.name());
            let mut group = criterion.benchmark_group(group);
            group.throughput(Throughput::Elements(TRANSACTION_COUNT as u64));
            group.bench_function(load.name, |bencher| {
                bench(bencher, &load, strategy.as_ref(), &table);
            });
            group.finish();
        }
    }
}

fn plan(criterion: &mut Criterion) {
    let request = PlanRequest::new(Mode::Produce, WORKERS);
    each(criterion, "plan", |bencher, _, strategy, table| {
        bencher.iter(|| strategy.plan(black_box(table), &request));
    });
    each(criterion, "whole", |bencher, load, strategy, _| {
        let (mut interner, mut table) = (Interner::new(), AccessTable::new());
        bencher.iter(|| {
            fill(load, &mut interner, &mut table, inline_hash);
            strategy.plan(&table, &request)
        });
    });
}

fn check_plans(criterion: &mut Criterion) {
    for mode in Mode::ALL {
        let request = PlanRequest::new(mode, WORKERS);
        each(
            criterion,
            &format!("check-{mode}"),
            |bencher, _, strategy, table| {
                let plan = strategy
                    .plan(table, &request)
                    .expect("it planned the block before");
                bencher.iter_batched(
                    || plan.clone(),
                    |plan| {
                        check(plan, table, mode)
                            .expect("the planner keeps the rules")
                            .into_plan()
                    },
                    BatchSize::LargeInput,
                );
            },
        );
    }
}

/// Hostile blocks, as what each transaction writes.
fn hostile(shape: &str, transaction_count: u32) -> AccessTable {
    let mut table = AccessTable::new();
    for index in 0..transaction_count {
        let accounts = match shape {
            "one" => vec![0],
            "hot" => vec![0, index + 1],
            "crossing" => vec![index % 4, (index / 4 + 1 + index) % 4],
            "path" => vec![index, index + 1],
            other => unreachable!("no block is called {other}"),
        };
        let writes = accounts.into_iter().map(AccountIndex).map(Access::write);
        table.push(writes, COST);
    }
    table
}

/// Planning and checking at two sizes: a step whose time grows faster than the block shows in the
/// rate of transactions.
fn scale(criterion: &mut Criterion) {
    for shape in ["one", "hot", "crossing", "path"] {
        for transaction_count in [10_000, 100_000] {
            let table = hostile(shape, transaction_count);
            let mut group = criterion.benchmark_group("scale");
            group.sample_size(10);
            group.throughput(Throughput::Elements(u64::from(transaction_count)));
            for name in ["layered", "first-fit", "lanes", "waits", "dag", "auto"] {
                let strategy = strategy(name).expect("it is built in");
                let request = PlanRequest::new(Mode::Produce, WORKERS);
                let id = format!("strategy={name} block={shape} transactions={transaction_count}");
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        let plan = strategy.plan(black_box(&table), &request);
                        let plan = plan.expect("it plans every block");
                        check(plan, &table, Mode::Produce).expect("the planner keeps the rules");
                    });
                });
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_millis(800));
    targets = intern, plan, check_plans, scale
}
criterion_main!(benches);
