//! What executing a block over shards costs and gains, counted and by the clock.
//!
//! ```text
//! cargo bench --bench figures               counted: the same on every machine
//! cargo bench --bench figures -- --clock    two processes against one and against the engine
//! ```
//! Counted are compute units and transactions: all of them, against those on the critical path,
//! which is of each round the shard with most. Blocks of 10,000, seed 1; the fifth block of a
//! chain, so that homes have been learned from four.
#![allow(
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "figures are printed, and the clock is what is read"
)]

#[path = "../tests/load/mod.rs"]
mod load;

use std::{env, fs, time::Instant};

use load::{Chain, genesis, workload};
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_runtime::{
    block::Recording,
    engine::{Cancel, Engine, How, UnsealedBlock},
    interface::Hash,
    verify::ParsedBlock,
};
use lockstep_scheduler::{Auto, Mode, TransactionIndex};
use lockstep_sharded::{Execution, Launch, Order, Partition, Sharded};

const SIZE: usize = 10_000;
const BLOCKS: usize = 5;
const REASON: &str = "the benchmark's own load is sound";

fn load_of(text: &str, block_size: usize) -> Workload {
    let shape = StreamShape {
        transaction_count: block_size * BLOCKS,
        block_size,
    };
    workload(text, 1, shape)
}

/// Executes a block and lets the chain go on behind it. The execution, and seconds.
fn step(chain: &mut Chain, sharded: &mut Sharded, parsed: &ParsedBlock) -> (Execution, f64) {
    let bank = chain.bank();
    let mut prepared = chain.engine.prepare(&bank, parsed).expect(REASON);
    let start = Instant::now();
    let done = sharded
        .execute(&bank, &mut prepared, Order::Free)
        .expect(REASON);
    let seconds = start.elapsed().as_secs_f64();
    let order: Vec<TransactionIndex> = done.plan.order().to_vec();
    let block = UnsealedBlock {
        bank,
        prepared,
        plan: done.plan.clone(),
        executed: done.executed.clone(),
    };
    let digest = Hash::default();
    let serial = chain.freeze(chain.serial(parsed, &order), &order, digest);
    let block = chain.freeze(block, &order, digest);
    assert_eq!(
        block.bank.header(),
        serial.bank.header(),
        "right before fast"
    );
    sharded.keep(&block.bank);
    chain.head = serial.bank;
    (done, seconds)
}

fn counted() {
    println!(
        "| Workload | Shards | Crossing | Rounds | Gain, compute units | Gain, transactions | \
              Moved | Copied | Summed | Bytes a transaction |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for text in [
        "transfers",
        "city",
        "groups:accounts=100000:crossing=14",
        "groups:accounts=100000:crossing=50",
        "zipf",
    ] {
        for count in [2, 4, 8] {
            let workload = load_of(text, SIZE);
            let mut chain = Chain::new(genesis(&workload, None), None, 2);
            let rules = genesis(&workload, None);
            let mut sharded = Sharded::threads(count, &rules, Partition::Learned).expect(REASON);
            let mut last = None;
            for index in 0..BLOCKS {
                let blockhash = chain.head.block_hash().to_bytes();
                let parsed = chain.parse(workload.block(index, blockhash));
                last = Some(step(&mut chain, &mut sharded, &parsed).0);
            }
            let last = last.expect("there are blocks");
            let figures = &last.figures;
            let transactions = last.executed.outcomes().len() as f64;
            let [moved, copied, summed] = figures.messages;
            println!(
                "| `{text}` | {count} | {:.1} % | {} | {:.2} | {:.2} | {moved} | {copied} | \
                 {summed} | {:.0} |",
                figures.crossing as f64 * 100.0 / transactions,
                last.plan.batch_count(),
                figures.gain_per_mille() as f64 / 1_000.0,
                transactions / figures.critical_transactions() as f64,
                figures.bytes() as f64 / transactions,
            );
        }
    }
}

/// Seconds that the engine takes for the same transactions on its own threads.
fn engine(chain: &Chain, parsed: &ParsedBlock, threads: usize) -> f64 {
    let mut engine = Engine::new(threads).expect(REASON);
    let bank = chain.bank();
    let prepared = engine.prepare(&bank, parsed).expect(REASON);
    let how = How::Planned {
        strategy: &Auto,
        mode: Mode::Produce,
    };
    let start = Instant::now();
    let done = engine.execute(bank, prepared, how, Recording::NONE, &Cancel::default());
    let seconds = start.elapsed().as_secs_f64();
    drop(done.expect(REASON));
    seconds
}

fn clock() {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load before: {}", load.trim());
    println!(
        "| Compute units | Transactions | Engine, 1 thread | Engine, 2 | 1 process | \
              2 processes | Gain over 1 process | over the engine |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    for cost in [1_000, 10_000, 30_000, 100_000] {
        let size = (300_000_000 / cost).clamp(3_000, 10_000);
        let text = format!("spins:accounts=64000:cost={cost}");
        let workload = load_of(&text, size);
        let rules = genesis(&workload, None);
        let launch = || Launch::new(env!("CARGO_BIN_EXE_lockstep-sharded"));
        let mut best = [f64::INFINITY; 4];
        for (place, count) in [(2, 1), (3, 2)] {
            let mut chain = Chain::new(genesis(&workload, None), None, 2);
            let sharded = Sharded::processes(count, &rules, Partition::Learned, launch());
            let mut sharded = sharded.expect(REASON);
            for index in 0..BLOCKS {
                let blockhash = chain.head.block_hash().to_bytes();
                let parsed = chain.parse(workload.block(index, blockhash));
                if index > 0 {
                    best[0] = best[0].min(engine(&chain, &parsed, 1));
                    best[1] = best[1].min(engine(&chain, &parsed, 2));
                }
                let (_, seconds) = step(&mut chain, &mut sharded, &parsed);
                if index > 0 {
                    best[place] = best[place].min(seconds);
                }
            }
        }
        let [one, two, alone, both] = best.map(|seconds| seconds * 1_000.0);
        println!(
            "| {cost} | {size} | {one:.1} ms | {two:.1} ms | {alone:.1} ms | {both:.1} ms | \
             {:.2} | {:.2} |",
            alone / both,
            one / both,
        );
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load behind: {}", load.trim());
}

fn main() {
    match env::args().any(|argument| argument == "--clock") {
        true => clock(),
        false => counted(),
    }
}
