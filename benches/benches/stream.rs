//! Times the stream scheduler, and judges it against Agave's rules.
//!
//! `cargo bench -p lockstep-benches --bench stream` times what one transaction costs from its
//! arrival to its completion while 100,000 wait: `stream::transaction/load=L workers=W`, an element
//! being a transaction that arrives, is assigned in its turn, and completes. Addresses are numbers
//! already; `stream::addresses` is what it takes to number them.
//!
//! `cargo bench -p lockstep-benches --bench stream -- --compare` prints a table instead: fees and
//! compute units of simulated slots against those of the greedy rules, for every synthetic stream
//! and every trace found in `$LOCKSTEP_DATA`, else in `../shared`.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark generates its load with plain arithmetic and prints its table"
)]

use std::{env, num::NonZeroU32, path::PathBuf};

use criterion::{Criterion, Throughput, criterion_group};
use lockstep_benches::{
    stream::{Greedy, Planned, SimulationOptions, StreamFigures, StreamLoad, simulate},
    trace::{Trace, TraceOptions},
};
use lockstep_scheduler::{
    Addresses, Arrival, Completion, Orders, StreamBlock, StreamConfig, StreamScheduler, WorkerIndex,
};

const SEED: u64 = 7;
const WAITING: usize = 100_000;
/// Transactions of one measurement.
const BATCH: usize = 10_000;
const SYNTHETIC: [&str; 6] = ["uniform", "zipf", "hot", "pools", "oracle", "burst"];

/// A scheduler with a hundred thousand waiting, into which a load flows as it flows out.
struct Flow {
    load: StreamLoad,
    stream: StreamScheduler,
    orders: Orders,
    next: usize,
    queues: Vec<Vec<lockstep_scheduler::Ticket>>,
}

impl Flow {
    fn new(name: &str, workers: u32) -> Self {
        let mut load = StreamLoad::synthetic(name, 1 << 40, 2_000_000_000, SEED);
        load.transactions.truncate(2 * WAITING);
        let workers = NonZeroU32::new(workers).expect("there is a worker");
        let mut flow = Self {
            load,
            stream: StreamScheduler::new(StreamConfig {
                waiting_max: usize::MAX,
                ..StreamConfig::standard(workers)
            }),
            orders: Orders::default(),
            next: 0,
            queues: vec![Vec::new(); workers.get() as usize],
        };
        flow.stream.open(0, StreamBlock::UNLIMITED);
        while flow.stream.waiting_count() < WAITING {
            flow.arrive();
        }
        flow
    }

    fn arrive(&mut self) {
        let transaction = &self.load.transactions[self.next % self.load.transactions.len()];
        self.next += 1;
        let arrival = Arrival {
            accesses: &transaction.accesses,
            fee: transaction.fee,
            cost: transaction.limit,
            deadline: u64::MAX,
        };
        self.stream.arrive(0, &arrival).expect("there is room");
    }

    /// Lets workers complete all they have, until as many are done as are measured.
    fn run(&mut self, count: usize) {
        let mut done = 0;
        while done < count {
            self.stream.schedule(0, &mut self.orders);
            for order in &self.orders.assigned {
                self.queues[order.worker.index()].push(order.ticket);
            }
            for worker in 0..self.queues.len() {
                for ticket in std::mem::take(&mut self.queues[worker]) {
                    let completion = Completion::Included { cost: 5_000 };
                    let completed = self.stream.complete(ticket, completion);
                    completed.expect("it was in flight");
                    self.arrive();
                    done += 1;
                }
                debug_assert_eq!(self.stream.queued_work(worker_index(worker)), 0);
            }
        }
    }
}

fn worker_index(worker: usize) -> WorkerIndex {
    WorkerIndex(u32::try_from(worker).expect("there are few workers"))
}

fn transactions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream::transaction");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.sample_size(20);
    for name in ["uniform", "zipf", "hot", "pools"] {
        for workers in [4, 16] {
            let mut flow = Flow::new(name, workers);
            group.bench_function(format!("load={name} workers={workers}"), |bencher| {
                bencher.iter(|| flow.run(BATCH));
            });
        }
    }
    group.finish();
}

fn addresses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream::addresses");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut addresses = Addresses::default();
    let address = |number: usize| {
        let mut address = [7; 32];
        address[..8].copy_from_slice(&number.to_le_bytes());
        address
    };
    for number in 0..WAITING {
        addresses.acquire(&address(number));
    }
    group.bench_function("acquire+release/used=100000", |bencher| {
        bencher.iter(|| {
            for number in 0..BATCH {
                let account = addresses.acquire(&address(number * 19));
                addresses.release(account);
            }
            addresses.sweep();
        });
    });
    group.finish();
}

criterion_group!(benches, transactions, addresses);

fn main() {
    if env::args().any(|argument| argument == "--compare") {
        compare();
    } else {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}

/// Prints fees and units of all streams.
fn compare() {
    println!(
        "{:<28}{:>3}{:>5}  {:>9}{:>9}  {:>7}{:>7}  {:>7}{:>7}  {:>6}{:>6}  {:>16}{:>16}",
        "stream, workers, slot in ms",
        "",
        "",
        "greedy:",
        "units/M",
        "fees:",
        "units:",
        "fifo:",
        "units:",
        "idle:",
        "here",
        "p99 ms by fee:",
        "here"
    );
    for (workers, slot_time) in [(4, 200), (4, 400), (16, 200), (16, 400)] {
        let options = SimulationOptions::mainnet(workers, slot_time * 1_000_000);
        let duration = options.slot_time * u64::from(options.slots);
        let by_workers = duration / options.unit_time * u64::from(workers);
        let by_blocks = options.block_units * u64::from(options.slots);
        // Half as much again as can be included.
        let units = by_workers.min(by_blocks) / 2 * 3;
        for name in SYNTHETIC {
            row(&StreamLoad::synthetic(name, duration, units, SEED), options);
        }
        for (name, trace) in traces() {
            row(
                &StreamLoad::recorded(&name, &trace, duration, units, SEED),
                options,
            );
        }
    }
}

fn row(load: &StreamLoad, options: SimulationOptions) {
    let greedy = simulate(load, &mut Greedy::new(&options), options);
    let fifo = simulate(load, &mut Greedy::fifo(&options), options);
    let planned = simulate(load, &mut Planned::new(&options), options);
    let ratio = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let waits = |figures: &StreamFigures| {
        let waits = figures.waits.map(|[_, last]| (last / 1_000).to_string());
        waits.join(" ")
    };
    println!(
        "{:<28}{:>3}{:>5}  {:>9.4}{:>9.1}  {:>7.3}{:>7.3}  {:>7.3}{:>7.3}  {:>6.1}{:>6.1}  {:>16}{:>16}",
        load.name,
        options.workers,
        options.slot_time / 1_000_000,
        greedy.fees as f64 / 1e9,
        greedy.units as f64 / 1e6,
        ratio(planned.fees, greedy.fees),
        ratio(planned.units, greedy.units),
        ratio(fifo.fees, greedy.fees),
        ratio(fifo.units, greedy.units),
        greedy.idle_per_mille as f64 / 10.0,
        planned.idle_per_mille as f64 / 10.0,
        waits(&greedy),
        waits(&planned),
    );
}

/// Every trace that is there, by name.
fn traces() -> Vec<(String, Trace)> {
    let data = env::var_os("LOCKSTEP_DATA").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = data.unwrap_or(beside).join("traces");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = files.map(|file| file.path()).collect();
    paths.sort();
    let traces = paths.into_iter().filter_map(|path| {
        let name = path
            .file_name()?
            .to_str()?
            .strip_suffix(".jsonl.zst")?
            .to_owned();
        let trace = Trace::read(&path, &TraceOptions::default()).ok()?;
        Some((name, trace))
    });
    traces.collect()
}
