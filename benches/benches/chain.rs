//! Times a verifier on a block of 10,000 signed transactions: what it takes to accept the block,
//! and what it takes to refuse it, by the rule that it breaks.
//!
//! `chain::verify/serial` is the serial executor alone on the same transactions, without any root.
//! `chain::verify/rule=none` reads the valid block, signatures included, executes it and compares
//! its roots; `rule=R` is the same for a block that breaks rule R. Rules are named in the order in
//! which they are looked at: the earlier, the cheaper, and none costs more than accepting. Two
//! threads, accounts in the memory store, seed 1.
//!
//! Before anything is timed the valid block must be accepted, and each other be refused for the
//! rule that it breaks.
#![allow(
    missing_docs,
    reason = "criterion's macros make functions without documentation"
)]

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_interface::Hash;
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::Genesis,
    block::{Block, BlockBody, BlockLimits, Recording, plan_digest},
    chain::{
        BlockError, BuildRequest, Chain, ChainOptions, InvalidBlock, ReadError, Root, WrongBytes,
    },
    engine::{Cancel, Engine, EngineError},
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::WireBlock,
};
use lockstep_scheduler::{Lanes, Mode, Plan, TransactionIndex};
use lockstep_store::{MemoryStore, Trie};

const SEED: u64 = 1;
const SIZE: usize = 10_000;
const THREADS: usize = 2;
const REASON: &str = "the benchmark's own load is sound";

/// A chain, a block that it would accept, and the transactions in it.
struct Case {
    chain: Chain,
    block: Block,
    parent: Hash,
}

impl Case {
    fn new() -> Self {
        let shape = StreamShape {
            transaction_count: SIZE,
            block_size: SIZE,
        };
        let spec = "transfers:accounts=100000".parse().expect(REASON);
        let workers = NonZeroUsize::new(THREADS).expect(REASON);
        let workload = Workload::new(&spec, SEED, shape, workers).expect(REASON);
        let genesis =
            || Genesis::new(workload.genesis().collect(), builtin_programs()).without_limits();
        let threads = Threads::new(THREADS).expect(REASON);
        let options = ChainOptions::new(threads);
        let open = || {
            let store = Arc::new(MemoryStore::new());
            Chain::open(store, Trie::default(), genesis(), options.clone()).expect(REASON)
        };
        let (producer, chain) = (open(), open());
        let (parent, _) = producer.head();
        let wire = workload.block(0, parent.to_bytes());
        let request = BuildRequest {
            parent,
            slot: 1,
            unix_timestamp: 1,
            strategy: &Lanes,
            mode: Mode::Produce,
            recording: Recording::NONE,
        };
        let mut source = ParsedBlock::new(wire, Signatures::Trusted, &options.threads);
        let built = producer.build(&request, &mut source, &Cancel::default());
        let built = built.expect(REASON);
        assert_eq!(built.receipts.len(), SIZE);
        let block = Block::decode(built.bytes(), &BlockLimits::UNLIMITED).expect(REASON);
        Self {
            chain,
            block,
            parent,
        }
    }

    /// Reads a block and executes it.
    fn verify(&self, bytes: &Arc<[u8]>) -> Result<Hash, ReadError> {
        let block = self.chain.read(Arc::clone(bytes))?;
        match self.chain.execute(&block, &Cancel::default()) {
            Ok(executed) => Ok(executed.id),
            Err(BlockError::Invalid { id, reason }) => Err(ReadError::Invalid { id, reason }),
            Err(error) => panic!("no fault of the block's: {error}"),
        }
    }

    /// The block with a part changed.
    fn forged(&self, change: impl FnOnce(&mut Block)) -> Arc<[u8]> {
        let mut block = self.block.clone();
        change(&mut block);
        block.encode().into()
    }

    /// Blocks that break a rule, in the order in which rules are looked at.
    fn forgeries(&self) -> Vec<(&'static str, Arc<[u8]>)> {
        let whole = self.forged(|_| {});
        let other = Hash::new_from_array([9; 32]);
        vec![
            ("encoding", whole[..whole.len().saturating_sub(1)].into()),
            (
                "plan-digest",
                self.forged(|block| block.header.plan_digest = other),
            ),
            (
                "transaction-root",
                self.forged(|block| block.header.transaction_root = other),
            ),
            ("signature", self.forged(forge_signature)),
            ("slot", self.forged(|block| block.header.slot = 0)),
            ("plan", self.forged(forge_plan)),
            (
                "receipts-root",
                self.forged(|block| block.header.receipts_root = other),
            ),
        ]
    }
}

/// Changes a byte of the last signature.
fn forge_signature(block: &mut Block) {
    let (transactions, plan, shared) = std::mem::take(&mut block.body).into_parts();
    let last = transactions.len().saturating_sub(1);
    let forged = transactions.iter().enumerate().map(|(place, bytes)| {
        let mut bytes = bytes.to_vec();
        bytes[1] ^= u8::from(place == last);
        bytes
    });
    let forged: WireBlock = forged.collect();
    block.body = BlockBody::new(forged, plan, shared).expect(REASON);
}

/// Lets everything run at once.
fn forge_plan(block: &mut Block) {
    let (transactions, _, shared) = std::mem::take(&mut block.body).into_parts();
    let count = u32::try_from(transactions.len()).expect(REASON);
    let lanes = (0..count).map(|number| vec![TransactionIndex(number)]);
    let plan = Plan::from_nested(vec![lanes.collect()], Vec::new());
    block.header.plan_digest = plan_digest(&plan, &shared);
    block.body = BlockBody::new(transactions, plan, shared).expect(REASON);
}

/// Whether a block was refused for this rule.
fn is_refused_for(rule: &str, error: &ReadError) -> bool {
    let found = match error {
        ReadError::Bytes(WrongBytes::Encoding(_)) => "encoding",
        ReadError::Bytes(WrongBytes::Signature { .. }) => "signature",
        ReadError::Bytes(WrongBytes::Root(other)) => match other.root {
            Root::Plan => "plan-digest",
            Root::Transactions => "transaction-root",
            _ => "",
        },
        ReadError::Invalid { reason, .. } => match &**reason {
            InvalidBlock::Slot { .. } => "slot",
            InvalidBlock::Content(EngineError::Given(_)) => "plan",
            InvalidBlock::Root(other) if other.root == Root::Receipts => "receipts-root",
            _ => "",
        },
        _ => "",
    };
    found == rule
}

fn verify(criterion: &mut Criterion) {
    let case = Case::new();
    let valid = case.forged(|_| {});
    let id = case.verify(&valid).expect("the block is valid");
    case.chain.discard(&id).expect("it was executed");
    let forgeries = case.forgeries();
    for (rule, bytes) in &forgeries {
        let error = case.verify(bytes).expect_err(rule);
        assert!(is_refused_for(rule, &error), "{rule}: {error}");
    }
    let mut group = criterion.benchmark_group("chain::verify");
    group.throughput(Throughput::Elements(SIZE as u64));
    group.bench_function("serial", |bencher| {
        let engine = Engine::new(1).expect(REASON);
        let parent = case.chain.bank(&case.parent).expect(REASON);
        let transactions = case.block.body.transactions();
        bencher.iter(|| {
            let bank = parent.child(1, 1);
            let wire = transactions.clone();
            let parsed = ParsedBlock::new(wire, Signatures::Trusted, engine.threads());
            let prepared = engine.prepare(&bank, &parsed).expect(REASON);
            let none = Recording::NONE;
            let done = engine.execute_serial(bank, prepared, None, none);
            done.expect(REASON).executed
        });
    });
    group.bench_function("rule=none", |bencher| {
        bencher.iter(|| {
            let id = case.verify(&valid).expect("the block is valid");
            case.chain.discard(&id).expect("it was executed");
        });
    });
    for (rule, bytes) in &forgeries {
        group.bench_function(format!("rule={rule}"), |bencher| {
            bencher.iter(|| case.verify(bytes).expect_err(rule));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = verify
}
criterion_main!(benches);
