//! Times what a claim costs beside the block that it is of: 10,000 transfers over a million accounts,
//! two threads, seed 1.
//!
//! `settle::verified` reads the block, with its signatures, and executes it; `settle::execute` trusts
//! them, and `settle::recorded` does so with the accounts recorded that a journal is made of.
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
    bank::Genesis,
    block::Recording,
    chain::{BuildRequest, Chain, ChainOptions},
    engine::Cancel,
    settle::{Claim, Journal, Nodes, Refutation, Terms},
    threads::Threads,
    verify::{ParsedBlock, Signatures, Verifier},
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{MemoryStore, Trie};

const SIZE: usize = 10_000;
const DEPTH: u8 = 12;
const REASON: &str = "the benchmark's own load is sound";

fn bench(criterion: &mut Criterion) {
    let shape = StreamShape {
        transaction_count: SIZE,
        block_size: SIZE,
    };
    let spec = "transfers:accounts=1000000".parse().expect(REASON);
    let workers = NonZeroUsize::new(2).expect(REASON);
    let workload = Workload::new(&spec, 1, shape, workers).expect(REASON);
    let accounts: Vec<_> = workload.genesis().collect();
    let rules = Genesis::new(Vec::new(), builtin_programs()).without_limits();
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
    let chains = [
        ("execute", open(Recording::NONE, None)),
        ("recorded", open(recording, None)),
        ("verified", open(Recording::NONE, Some(Verifier::default()))),
    ];
    let chain = &chains[1].1;
    let (parent, header) = chain.head();
    let request = BuildRequest {
        parent,
        slot: 1,
        unix_timestamp: 1,
        strategy: &Auto,
        mode: Mode::Produce,
        recording,
    };
    let wire = workload.block(0, parent.to_bytes());
    let mut source = ParsedBlock::new(wire, Signatures::Trusted, &threads);
    let built = chain.build(&request, &mut source, &Cancel::default());
    let built = built.expect(REASON);
    let block: Arc<[u8]> = built.bytes().into();
    let [before, bank] = [&parent, &built.id].map(|id| chain.bank(id).expect(REASON));
    let read = chain.read(Arc::clone(&block)).expect(REASON);
    let nodes = Nodes::of(&before, DEPTH, &threads).expect(REASON);
    let make = |nodes: Nodes| {
        let (transactions, receipts) = (read.transactions(), &built.receipts[..]);
        let made = Journal::of(&before, nodes, &bank, transactions, receipts, &threads);
        let made = made.expect(REASON);
        let claim = made.claim(&bank, &threads);
        (made, claim)
    };
    let (journal, claim) = make(nodes.clone());
    let trie = before.trie().expect(REASON);
    let first = Claim::first(parent, &header).expect(REASON);
    let refutation = Refutation::Execution {
        step: journal.step(5_000).expect(REASON),
        accounts: journal.accounts[4_999].clone(),
    };
    let items = journal.transition.buckets.iter().map(Vec::len);
    println!(
        "claim {} bytes; refutation of a transfer {} bytes, with the proof of one account {}; at \
         most {} items in a bucket",
        claim.encode().len(),
        refutation.encode().len(),
        Refutation::Origin {
            step: journal.step(5_000).expect(REASON),
            account: 0,
            proof: trie.prove(&journal.steps[4_999].address(0).expect(REASON)),
        }
        .encode()
        .len(),
        items.max().unwrap_or_default(),
    );

    let mut group = criterion.benchmark_group("settle");
    group.throughput(Throughput::Elements(SIZE as u64));
    group
        .measurement_time(Duration::from_secs(8))
        .sample_size(20);
    for (name, chain) in &chains {
        group.bench_function(*name, |bencher| {
            let forget = || chain.discard(&built.id);
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
        bencher.iter_batched(|| nodes.clone(), make, BatchSize::PerIteration);
    });
    group.finish();
    let terms = Terms {
        genesis: &rules,
        parent: &first,
        claim: &claim,
        blockhashes: &[parent],
    };
    criterion.bench_function("settle/check", |bencher| {
        bencher.iter(|| assert!(terms.check(&refutation).is_err()));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
