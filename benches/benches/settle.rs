//! Times what a claim costs beside the block that it is of: 10,000 transfers over a million
//! accounts, two threads, seed 1.
//!
//! `settle::verified` reads the block, with its signatures, and executes it; `settle::execute`
//! trusts them, and `settle::recorded` does so with the accounts recorded that a journal is made
//! of.
//! `settle::claim` makes journal and claim of the block. `settle::check` judges the refutation of a
//! transfer. Sizes are printed first.
#![allow(
    missing_docs,
    clippy::print_stdout,
    reason = "criterion's macros make functions without documentation; sizes are printed"
)]

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    block::{BlockHeader, Recording},
    chain::{BuildRequest, BuiltBlock, Chain, ChainOptions, ReadBlock},
    engine::Cancel,
    interface::Hash,
    settle::{Claim, Journal, Nodes, NotRefuted, Refutation, Terms},
    threads::Threads,
    verify::{ParsedBlock, Signatures, Verifier},
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{MemoryStore, Trie};

const SIZE: usize = 10_000;
const DEPTH: u8 = 12;
const REASON: &str = "the benchmark's own load is sound";

/// Chains of one genesis, and a block on them.
struct Load {
    chains: Vec<(&'static str, Chain)>,
    threads: Threads,
    built: BuiltBlock,
    parent: (Hash, BlockHeader),
}

impl Load {
    fn new() -> Self {
        let shape = StreamShape {
            transaction_count: SIZE,
            block_size: SIZE,
        };
        let spec = "transfers:accounts=1000000".parse().expect(REASON);
        let workers = NonZeroUsize::new(2).expect(REASON);
        let workload = Workload::new(&spec, 1, shape, workers).expect(REASON);
        let accounts: Vec<_> = workload.genesis().collect();
        let threads = Threads::new(2).expect(REASON);
        let open = |recording: Recording, verifier: Option<Verifier>| {
            let genesis = Genesis::new(accounts.clone(), builtin_programs()).without_limits();
            let options = ChainOptions {
                shares_credits: false,
                recording,
                verifier,
                ..ChainOptions::new(threads.clone())
            };
            let store = Arc::new(MemoryStore::new());
            Chain::open(store, Trie::default(), genesis, options).expect(REASON)
        };
        let recording = Recording {
            accounts: true,
            ..Recording::NONE
        };
        let chains = vec![
            ("recorded", open(recording, None)),
            ("execute", open(Recording::NONE, None)),
            ("verified", open(Recording::NONE, Some(Verifier::default()))),
        ];
        let chain = &chains[0].1;
        let parent = chain.head();
        let request = BuildRequest {
            parent: parent.0,
            slot: 1,
            unix_timestamp: 1,
            strategy: &Auto,
            mode: Mode::Produce,
            recording,
        };
        let wire = workload.block(0, parent.0.to_bytes());
        let mut source = ParsedBlock::new(wire, Signatures::Trusted, &threads);
        let built = chain.build(&request, &mut source, &Cancel::default());
        Self {
            built: built.expect(REASON),
            chains,
            threads,
            parent,
        }
    }

    fn bank(&self, id: &Hash) -> Arc<FrozenBank> {
        self.chains[0].1.bank(id).expect(REASON)
    }

    fn nodes(&self) -> Nodes {
        Nodes::of(&self.bank(&self.parent.0), DEPTH, &self.threads).expect(REASON)
    }

    fn claim(&self, read: &ReadBlock, nodes: Nodes) -> (Journal, Claim) {
        let (parent, bank) = (self.bank(&self.parent.0), self.bank(&self.built.id));
        let (wire, receipts) = (read.transactions(), &self.built.receipts);
        let made = Journal::of(&parent, nodes, &bank, wire, receipts, &self.threads);
        let made = made.expect(REASON);
        let claim = made.claim(&bank, &self.threads);
        (made, claim)
    }
}

fn bench(criterion: &mut Criterion) {
    let load = Load::new();
    let block: Arc<[u8]> = load.built.bytes().into();
    let read = load.chains[0].1.read(Arc::clone(&block)).expect(REASON);
    let nodes = load.nodes();
    let (journal, claim) = load.claim(&read, nodes.clone());
    let step = || journal.step(5_000).expect(REASON);
    let refutation = Refutation::Execution {
        step: step(),
        accounts: journal.accounts(4_999).expect(REASON),
    };
    let parent = load.bank(&load.parent.0);
    let address = journal
        .read_step(4_999)
        .and_then(|step| step.address(0))
        .expect(REASON);
    let origin = Refutation::Origin {
        step: step(),
        account: 0,
        proof: parent.trie().expect(REASON).prove(&address),
    };
    println!(
        "claim {} bytes; refutation of a transfer {} bytes, of where an account comes from {}",
        claim.encode().len(),
        refutation.encode().len(),
        origin.encode().len(),
    );

    let mut group = criterion.benchmark_group("settle");
    group.throughput(Throughput::Elements(SIZE as u64));
    group
        .measurement_time(Duration::from_secs(8))
        .sample_size(20);
    for (name, chain) in &load.chains {
        group.bench_function(*name, |bencher| {
            let forget = || chain.discard(&load.built.id);
            bencher.iter_batched(
                forget,
                |_| {
                    let read = chain.read(Arc::clone(&block)).expect(REASON);
                    chain.execute(&read, &Cancel::default()).expect(REASON)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.bench_function("claim", |bencher| {
        let make = |nodes| load.claim(&read, nodes);
        bencher.iter_batched(|| nodes.clone(), make, BatchSize::PerIteration);
    });
    group.finish();
    let rules = Genesis::new(Vec::new(), builtin_programs());
    let first = Claim::first(load.parent.0, &load.parent.1).expect(REASON);
    let terms = Terms {
        genesis: &rules,
        parent: &first,
        claim: &claim,
        blockhashes: &[load.parent.0],
    };
    criterion.bench_function("settle/check", |bencher| {
        bencher.iter(|| assert_eq!(terms.check(&refutation), Err(NotRefuted::Right)));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
