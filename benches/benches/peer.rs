//! Times `layered` against prio-graph, the conflict graph of Agave's scheduler, on one thread.
//!
//! Both get the accounts of 100,000 transactions as dense numbers, both give batches of
//! transactions that do not conflict, in block order; before they are timed, the batches are
//! compared and must be equal. Numbering accounts is in neither time. Ours reads an
//! [`AccessTable`], the peer the same accesses as an iterator.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark generates its load with plain arithmetic"
)]

use std::cmp::Reverse;
use std::hint::black_box;
use std::num::NonZeroU32;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, Layered, Mode, PlanRequest, Strategy, check,
};
use prio_graph::{AccessKind, GraphNode, PrioGraph, TopLevelId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEED: u64 = 7;
const TRANSACTION_COUNT: usize = 100_000;
const ACCOUNT_COUNT: usize = 1_000_000;
const COST: u64 = 1_000;

/// Earlier transactions come first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Earliest(Reverse<u32>);

impl TopLevelId<u32> for Earliest {
    fn id(&self) -> u32 {
        self.0.0
    }
}

/// Transactions that write two accounts each, numbered in order of appearance.
fn table(mut draw: impl FnMut(usize) -> [usize; 2]) -> AccessTable {
    let mut table = AccessTable::new();
    let mut numbers = vec![u32::MAX; 2 * ACCOUNT_COUNT];
    let mut count = 0;
    for index in 0..TRANSACTION_COUNT {
        let accesses = draw(index).map(|account| {
            if numbers[account] == u32::MAX {
                numbers[account] = count;
                count += 1;
            }
            Access::write(AccountIndex(numbers[account]))
        });
        table.push(accesses, COST);
    }
    table
}

fn loads() -> [(&'static str, AccessTable); 3] {
    let mut cumulated = Vec::with_capacity(ACCOUNT_COUNT);
    let mut sum = 0.0;
    for rank in 1..=ACCOUNT_COUNT {
        sum += 1.0 / rank as f64;
        cumulated.push(sum);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut zipf = || {
        let point = rng.random::<f64>() * sum;
        let rank = cumulated.partition_point(|&sum| sum < point);
        rank.min(ACCOUNT_COUNT - 1)
    };
    [
        (
            "workload=disjoint",
            table(|index| [2 * index, 2 * index + 1]),
        ),
        ("workload=zipf exponent=1.0", table(|_| [zipf(), zipf()])),
        ("workload=one-hot", table(|index| [0, 1 + index])),
    ]
}

/// The peer's batches.
fn natural_batches(table: &AccessTable) -> Vec<Vec<u32>> {
    let transactions = table.transactions().map(|transaction| {
        let accesses = table.accesses(transaction).iter().map(|access| {
            let kind = if access.is_write() {
                AccessKind::Write
            } else {
                AccessKind::Read
            };
            (access.account().0, kind)
        });
        (transaction.0, accesses)
    });
    PrioGraph::natural_batches(transactions, |&id: &u32, _: &GraphNode<u32>| {
        Earliest(Reverse(id))
    })
}

fn peer(criterion: &mut Criterion) {
    let request = PlanRequest::new(Mode::Replay, NonZeroU32::MIN);
    for (name, table) in loads() {
        let plan = Layered
            .plan(&table, &request)
            .expect("it plans every block");
        let batches = plan.batches().map(|batch| {
            let transactions = batch.transactions().iter();
            transactions.map(|transaction| transaction.0).collect()
        });
        let batches: Vec<Vec<u32>> = batches.collect();
        assert!(
            batches == natural_batches(&table),
            "{name}: the batches differ"
        );
        check(plan, &table, Mode::Replay).expect("the planner keeps the rules");

        let mut group = criterion.benchmark_group(format!("peer::plan/{name}"));
        group.throughput(Throughput::Elements(TRANSACTION_COUNT as u64));
        group.bench_function("layered", |bencher| {
            bencher.iter(|| Layered.plan(black_box(&table), &request));
        });
        group.bench_function("prio-graph", |bencher| {
            bencher.iter(|| natural_batches(black_box(&table)));
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = peer
}
criterion_main!(benches);
