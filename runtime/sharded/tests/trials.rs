//! Random chains over random partitions: every block has the receipts and the roots of a serial
//! run, on 1, 2, 4 and 8 shards, in an order of the planner's, in the block's, and by a plan that
//! the block came with.
//!
//! `LOCKSTEP_FULL=1` runs 1,000 of them, otherwise 24; `SEED=n` runs one.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of test cases"
)]

mod load;

use std::env;

use load::{Chain, genesis, workload};
use lockstep_benches::workload::StreamShape;
use lockstep_interface::Address;
use lockstep_runtime::{
    block::{Block, BlockLimits},
    engine::UnsealedBlock,
    interface::Hash,
    verify::ParsedBlock,
    wire::WireBlock,
};
use lockstep_scheduler::{Layered, TransactionIndex};
use lockstep_sharded::{Figures, Order, Partition, ShardError, Sharded};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const COUNTS: [u32; 4] = [1, 2, 4, 8];

/// Workloads of few accounts, so that blocks are full of conflicts.
const WORKLOADS: [&str; 14] = [
    "transfers:accounts=40",
    "zipf:accounts=60",
    "hot:accounts=50",
    "groups:accounts=400",
    "drains:accounts=12",
    "drains:accounts=40",
    "mainnet-mix",
    "token",
    "smallbank",
    "ycsb",
    "mint",
    "dex",
    "vote-storm",
    "city:users=100",
];

/// One random chain on all counts of shards.
struct Trial {
    seed: u64,
    rng: ChaCha8Rng,
    chain: Chain,
    clusters: Vec<Sharded>,
}

impl Trial {
    fn run(seed: u64) -> Vec<Figures> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let text = WORKLOADS[rng.random_range(0..WORKLOADS.len())];
        let blocks = rng.random_range(2..4);
        let block_size = rng.random_range(1..60);
        let shape = StreamShape {
            transaction_count: blocks * block_size,
            block_size,
        };
        let workload = workload(text, seed, shape);
        // A leader that is paid is often one of the accounts that transactions use.
        let leader = workload
            .genesis()
            .map(|(address, _)| address)
            .nth(rng.random_range(0..5));
        let leader = leader.filter(|_| rng.random_bool(0.3));
        let clusters = COUNTS.map(|count| {
            let partition = match rng.random_range(0..2) {
                0 => Partition::Learned,
                _ => Partition::Scattered(rng.random_range(0..100)),
            };
            let cluster = Sharded::threads(count, &genesis(&workload, leader), partition);
            cluster.expect("threads can be started")
        });
        let mut trial = Self {
            seed,
            rng,
            chain: Chain::new(genesis(&workload, leader), leader, 1),
            clusters: clusters.into(),
        };
        let mut figures = Vec::new();
        for index in 0..blocks {
            let blockhash = trial.chain.head.block_hash().to_bytes();
            let wire = workload.block(index, blockhash);
            // A block that is dropped leaves nothing behind.
            if trial.rng.random_bool(0.3) {
                let dropped = workload.block(index + 1, blockhash);
                trial.block(dropped, false);
            }
            figures.extend(trial.block(wire, true));
        }
        figures
    }

    /// Produces a block on some shards, executes its bytes on all counts, and judges all.
    fn block(&mut self, wire: WireBlock, keeps: bool) -> Vec<Figures> {
        let seed = self.seed;
        let producer = self.rng.random_range(0..COUNTS.len());
        let parsed = self.chain.parse(wire);
        let (produced, order, mut all) = self.execute(producer, &parsed, Order::Free);
        let serial = self.chain.serial(&parsed, &order);
        assert_eq!(
            produced.receipts(),
            serial.receipts(),
            "SEED={seed}: produced"
        );
        assert_eq!(produced.executed, serial.executed, "SEED={seed}: produced");
        let limits = BlockLimits::UNLIMITED;
        let sealed = produced.seal(&self.chain.engine, &Layered, &limits);
        let sealed = sealed.unwrap_or_else(|error| panic!("SEED={seed}: {error}"));

        // The block as others get it, executed by the serial executor.
        let Block { header, body } = Block::decode(&sealed.bytes, &limits).expect("it was sealed");
        let (body, plan, shared_accounts) = body.into_parts();
        let body = self.chain.parse(body);
        let count = u32::try_from(body.wire_count()).expect("blocks are small");
        let in_order: Vec<TransactionIndex> = (0..count).map(TransactionIndex).collect();
        let digest = header.plan_digest;
        let judge = self
            .chain
            .freeze(self.chain.serial(&body, &in_order), &in_order, digest);
        assert_eq!(*judge.bank.header(), header, "SEED={seed}: sealed");
        assert!(header.state_root.is_some());

        for other in 0..COUNTS.len() {
            // One that has produced the block executes it again: it drops what it did.
            let given = Order::Planned {
                plan: &plan,
                shared_accounts: &shared_accounts,
            };
            let order = if self.rng.random_bool(0.5) {
                given
            } else {
                Order::Kept
            };
            let (block, _, figures) = self.execute(other, &body, order);
            let block = self.chain.freeze(block, &in_order, digest);
            let count = COUNTS[other];
            assert_eq!(*block.bank.header(), header, "SEED={seed}: on {count}");
            assert_eq!(block.receipts, judge.receipts, "SEED={seed}: on {count}");
            if keeps {
                self.clusters[other].keep(&block.bank);
            }
            all.extend(figures);
        }
        if keeps {
            self.chain.head = judge.bank;
        }
        all
    }

    fn execute<'b>(
        &mut self,
        cluster: usize,
        parsed: &'b ParsedBlock,
        order: Order<'_>,
    ) -> (UnsealedBlock<'b>, Vec<TransactionIndex>, Vec<Figures>) {
        let bank = self.chain.bank();
        let prepared = self.chain.engine.prepare(&bank, parsed);
        let mut prepared = prepared.expect("nothing is missing");
        let mut done = self.clusters[cluster].execute(&bank, &mut prepared, order);
        if let Err(ShardError::CreditsDependOnOrder) = done {
            // The plan leaves it to one machine; the order alone is enough for the result.
            assert!(matches!(order, Order::Planned { .. }));
            done = self.clusters[cluster].execute(&bank, &mut prepared, Order::Kept);
        }
        let seed = self.seed;
        let done = done.unwrap_or_else(|error| panic!("SEED={seed}: {error}"));
        let order = done.plan.order().to_vec();
        let block = UnsealedBlock {
            bank,
            prepared,
            plan: done.plan,
            executed: done.executed,
        };
        (block, order, vec![done.figures])
    }
}

#[test]
fn every_count_of_shards_gives_the_serial_result() {
    if let Some(seed) = env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Trial::run(seed);
        return;
    }
    let is_full = env::var_os("LOCKSTEP_FULL").is_some();
    let count = if is_full { 1_000 } else { 24 };
    let figures: Vec<Figures> = (0..count).flat_map(Trial::run).collect();
    // The trials are about something: accounts moved, were copied and were summed up, and some
    // blocks ran again because of their credits.
    let any = |test: &dyn Fn(&Figures) -> bool| figures.iter().any(test);
    assert!(any(&|figures| figures.messages[0] > 0), "no account moved");
    assert!(
        any(&|figures| figures.messages[1] > 0),
        "no account was copied"
    );
    assert!(
        any(&|figures| figures.messages[2] > 0),
        "no credit was summed up"
    );
    // Few trials need not have such a block.
    assert!(
        !is_full || any(&|figures| figures.attempts > 1),
        "no result depended on the order of credits"
    );
    assert!(
        any(&|figures| figures.rounds.len() > 4),
        "no block took several rounds"
    );
}

#[test]
fn a_leader_is_paid_behind_the_shards() {
    let shape = StreamShape {
        transaction_count: 60,
        block_size: 20,
    };
    let workload = workload("transfers:accounts=5", 3, shape);
    let leader: Option<Address> = workload.genesis().map(|(address, _)| address).next();
    let mut chain = Chain::new(genesis(&workload, leader), leader, 1);
    let rules = genesis(&workload, leader);
    let mut sharded = Sharded::threads(3, &rules, Partition::Learned).expect("threads start");
    for index in 0..3 {
        let parsed = chain.parse(workload.block(index, chain.head.block_hash().to_bytes()));
        let bank = chain.bank();
        let mut prepared = chain
            .engine
            .prepare(&bank, &parsed)
            .expect("nothing is missing");
        let done = sharded
            .execute(&bank, &mut prepared, Order::Kept)
            .expect("no worker is lost");
        let order: Vec<TransactionIndex> = prepared.table().transactions().collect();
        let block = UnsealedBlock {
            bank,
            prepared,
            plan: done.plan,
            executed: done.executed,
        };
        let digest = Hash::default();
        let serial = chain.freeze(chain.serial(&parsed, &order), &order, digest);
        let block = chain.freeze(block, &order, digest);
        assert_eq!(block.bank.header(), serial.bank.header(), "block {index}");
        sharded.keep(&block.bank);
        chain.head = serial.bank;
    }
}
