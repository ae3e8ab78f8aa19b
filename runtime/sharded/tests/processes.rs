//! Workers that are processes: the same result, and what becomes of a block whose worker is killed.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of test cases"
)]

mod load;

use std::{process::Command, thread, time::Duration};

use load::{Chain, genesis, workload};
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_runtime::{engine::UnsealedBlock, interface::Hash, verify::ParsedBlock};
use lockstep_scheduler::TransactionIndex;
use lockstep_sharded::{Execution, Launch, Order, Partition, ShardError, Sharded};

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_lockstep-sharded"))
}

fn load(text: &str, block_size: usize, blocks: usize) -> Workload {
    let shape = StreamShape {
        transaction_count: block_size * blocks,
        block_size,
    };
    workload(text, 5, shape)
}

fn start(count: u32, workload: &Workload) -> Sharded {
    let genesis = genesis(workload, None);
    Sharded::processes(count, &genesis, Partition::Learned, launch()).expect("processes start")
}

/// Executes a block, compares it with the serial run, and goes on behind it.
fn judge(
    chain: &mut Chain,
    sharded: &mut Sharded,
    parsed: &ParsedBlock,
    execute: impl FnOnce(&mut Sharded, &Chain) -> Execution,
) {
    let done = execute(sharded, chain);
    let bank = chain.bank();
    let prepared = chain
        .engine
        .prepare(&bank, parsed)
        .expect("nothing is missing");
    let order: Vec<TransactionIndex> = done.plan.order().to_vec();
    let block = UnsealedBlock {
        bank,
        prepared,
        plan: done.plan,
        executed: done.executed,
    };
    let digest = Hash::default();
    let serial = chain.freeze(chain.serial(parsed, &order), &order, digest);
    let block = chain.freeze(block, &order, digest);
    assert_eq!(block.bank.header(), serial.bank.header());
    sharded.keep(&block.bank);
    chain.head = serial.bank;
}

fn execute(sharded: &mut Sharded, chain: &Chain, parsed: &ParsedBlock) -> Execution {
    let bank = chain.bank();
    let mut prepared = chain
        .engine
        .prepare(&bank, parsed)
        .expect("nothing is missing");
    let done = sharded.execute(&bank, &mut prepared, Order::Free);
    done.expect("no worker is lost")
}

#[test]
fn processes_give_the_serial_result() {
    for (text, count) in [
        ("zipf:accounts=200", 2),
        ("city:users=200", 4),
        ("token", 8),
    ] {
        let workload = load(text, 80, 3);
        let mut sharded = start(count, &workload);
        assert_eq!(sharded.process_ids().len(), count as usize);
        let mut chain = Chain::new(genesis(&workload, None), None, 1);
        for index in 0..3 {
            let parsed = chain.parse(workload.block(index, chain.head.block_hash().to_bytes()));
            judge(&mut chain, &mut sharded, &parsed, |sharded, chain| {
                execute(sharded, chain, &parsed)
            });
        }
    }
}

fn kill(process: u32) {
    let killed = Command::new("kill")
        .args(["-9", &process.to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
}

#[test]
fn a_killed_worker_is_named_and_the_block_is_executed_by_those_left() {
    let workload = load("zipf:accounts=200", 80, 3);
    let mut chain = Chain::new(genesis(&workload, None), None, 1);
    let mut sharded = start(4, &workload);
    let parsed = chain.parse(workload.block(0, chain.head.block_hash().to_bytes()));
    judge(&mut chain, &mut sharded, &parsed, |sharded, chain| {
        execute(sharded, chain, &parsed)
    });

    // Between two blocks.
    kill(sharded.process_ids()[2]);
    let parsed = chain.parse(workload.block(1, chain.head.block_hash().to_bytes()));
    judge(&mut chain, &mut sharded, &parsed, |sharded, chain| {
        let bank = chain.bank();
        let mut prepared = chain
            .engine
            .prepare(&bank, &parsed)
            .expect("nothing is missing");
        let error = sharded
            .execute(&bank, &mut prepared, Order::Free)
            .expect_err("one is lost");
        let named = matches!(
            error,
            ShardError::Lost {
                shard: 2,
                count: 4,
                ..
            }
        );
        assert!(named && error.to_string().contains("signal: 9"), "{error}");
        let error = sharded
            .execute(&bank, &mut prepared, Order::Free)
            .expect_err("none runs");
        assert!(matches!(error, ShardError::Stopped), "{error}");
        // Anew, as many as before.
        sharded.restart(4).expect("processes start");
        execute(sharded, chain, &parsed)
    });

    // While a block is under way.
    let spinning = load("crossing:payers=500:cost=100000", 400, 1);
    let mut chain = Chain::new(genesis(&spinning, None), None, 1);
    let mut sharded = start(4, &spinning);
    let victim = sharded.process_ids()[1];
    let parsed = chain.parse(spinning.block(0, chain.head.block_hash().to_bytes()));
    judge(&mut chain, &mut sharded, &parsed, |sharded, chain| {
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(10));
            kill(victim);
        });
        let bank = chain.bank();
        let mut prepared = chain
            .engine
            .prepare(&bank, &parsed)
            .expect("nothing is missing");
        let done = sharded.execute_with_those_left(&bank, &mut prepared, Order::Free);
        let (done, losses) = done.expect("three are left");
        killer.join().expect("it kills");
        let [loss] = &losses[..] else {
            panic!("one loss: {losses:?}");
        };
        assert!(matches!(loss, ShardError::Lost { shard: 1, .. }), "{loss}");
        assert_eq!(sharded.count(), 3);
        done
    });
}

#[test]
fn what_cannot_be_started_is_said() {
    let workload = load("transfers:accounts=10", 1, 1);
    let genesis = genesis(&workload, None);
    let start = |launch, count| {
        let started = Sharded::processes(count, &genesis, Partition::Learned, launch);
        started.expect_err("it cannot start").to_string()
    };
    let missing = start(Launch::new("/no/such/worker"), 2);
    assert!(missing.contains("/no/such/worker"), "{missing}");
    // A program that is no worker ends at once, or says something else.
    let wrong = start(Launch::new("false"), 2);
    assert!(wrong.contains("exit status: 1"), "{wrong}");
    assert!(start(launch(), 0).contains("found 0"));
    assert!(start(launch(), 257).contains("found 257"));
}
