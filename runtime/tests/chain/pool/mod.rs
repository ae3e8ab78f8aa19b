//! Chains that build their blocks from a pool: every transaction gets one fate and one only.

mod hostile;
mod refill;
mod restore;
mod soak;

use std::collections::BTreeSet;

use lockstep_interface::{Hash, TransactionError};
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    block::{Block, BlockLimits},
    chain::{BuiltBlock, Chain, PoolSource, Settled, TransactionSource},
    engine::Cancel,
    limits::BLOCKHASHES_MAX,
    mempool::{Candidate, Mempool, MempoolLimits},
    verify::{ParsedBlock, Refusal, Signatures},
    wire::WireBlock,
};
use lockstep_store::sync::Shared;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    common::generate::{Shape, bundled},
    market::Market,
    setting::{Setting, adopt, build_on, head, open, options, request},
};

/// Small, so that there are many blocks; some bundles fit into none of them.
const LIMITS: BlockLimits = BlockLimits {
    compute_units_max: 3_000_000,
    account_compute_units_max: 1_600_000,
    transaction_bytes_max: 8_000,
    transaction_count_max: 3,
    ..BlockLimits::MAINNET
};

/// A chain whose blocks hold less.
fn limited(genesis: Genesis, threads: usize, limits: BlockLimits) -> Chain {
    open(Genesis { limits, ..genesis }, options(threads))
}

fn pool() -> Shared<Mempool> {
    let mut limits = MempoolLimits::STANDARD;
    limits.fairness.patience = 3;
    Shared::new(Mempool::new(limits))
}

/// Submits transactions against the head. Gives the bytes of those that wait now.
fn submit(chain: &Chain, pool: &Shared<Mempool>, batch: &WireBlock) -> Vec<Vec<u8>> {
    let bank = chain.bank(&head(chain)).unwrap();
    let bank = bank.child(bank.slot() + 1, 0);
    let threads = &chain.options().threads;
    let candidates = Candidate::read_batch(batch, &bank, Signatures::Trusted, threads).unwrap();
    let mut waiting = Vec::new();
    for candidate in candidates.into_iter().flatten() {
        if let Ok(accepted) = pool.write().submit(candidate.clone()) {
            assert!(accepted.evicted.is_empty());
            waiting.extend(candidate.transactions().map(<[u8]>::to_vec));
        }
    }
    waiting
}

/// Builds the next block from the pool and commits it.
fn advance(chain: &Chain, pool: &Shared<Mempool>) -> (BuiltBlock, Settled) {
    let mut source = PoolSource::new(pool);
    let request = request(chain, head(chain));
    let built = chain.build(&request, &mut source, &Cancel::default());
    let built = built.unwrap();
    let settled = source.settle(&built);
    chain.commit(&built.id).unwrap();
    (built, settled)
}

fn body(built: &BuiltBlock) -> Vec<Vec<u8>> {
    let block = Block::decode(built.bytes(), &BlockLimits::UNLIMITED).unwrap();
    block.body.transactions().iter().map(Vec::from).collect()
}

/// How many fates of each kind there were.
#[derive(Debug, Default)]
struct Fates {
    included: usize,
    refused: usize,
    unfit: usize,
}

/// Fills a pool now and then, and builds blocks until it is empty.
fn drain(seed: u64, fates: &mut Fates) {
    let setting = Setting::new(Shape::FEW);
    let chain = limited(setting.genesis(), 2, LIMITS);
    let follower = limited(setting.genesis(), 1, LIMITS);
    let mut reference = setting.reference();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let pool = pool();
    let mut waiting: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut included: BTreeSet<Vec<u8>> = BTreeSet::new();
    for slot in 0.. {
        if slot % 4 == 0 && slot < 12 {
            let bank = chain.bank(&head(&chain)).unwrap();
            let transactions = setting.world.block(&mut random, &bank, 40);
            let batch = bundled(&transactions, &mut random);
            for transaction in submit(&chain, &pool, &batch) {
                assert!(waiting.insert(transaction), "SEED={seed}: it waits twice");
            }
        }
        if slot >= 12 && pool.read().is_empty() {
            break;
        }
        assert!(slot < 200, "SEED={seed}: {} wait for ever", waiting.len());

        let (built, settled) = advance(&chain, &pool);
        assert_eq!(reference.replay(built.bytes()), *built.receipts);
        adopt(&follower, built.bytes());
        follower.commit(&built.id).unwrap();
        // What the pool takes for a full block is one to the chain too.
        assert_eq!(settled.waiting_count, 0, "SEED={seed}");
        for transaction in body(&built) {
            assert!(waiting.remove(&transaction), "SEED={seed}: it did not wait");
            assert!(included.insert(transaction), "SEED={seed}: it is in twice");
        }
        let refused = settled.refused.iter().map(|(candidate, _)| candidate);
        for candidate in refused.chain(&settled.unfit) {
            for transaction in candidate.transactions() {
                assert!(waiting.remove(transaction), "SEED={seed}: it has two fates");
            }
        }
        assert!(
            settled.expired.is_empty(),
            "SEED={seed}: the chain is short"
        );
        fates.included += settled.included_count;
        fates.refused += settled.refused.len();
        fates.unfit += settled.unfit.len();
    }
    assert!(
        waiting.is_empty(),
        "SEED={seed}: {} are lost",
        waiting.len()
    );
}

#[test]
fn every_transaction_of_a_pool_has_one_fate() {
    let mut fates = Fates::default();
    for seed in 0..8 {
        drain(seed, &mut fates);
    }
    assert!(fates.included > 200, "{fates:?}");
    assert!(fates.refused > 10 && fates.unfit > 5, "{fates:?}");
}

/// A pool that gives more than there is room for.
struct Greedy<'p>(PoolSource<'p>);

impl TransactionSource for Greedy<'_> {
    fn select(&mut self, parent: &FrozenBank, _limits: &BlockLimits) -> ParsedBlock {
        self.0.select(parent, &BlockLimits::UNLIMITED)
    }
}

/// A chain with room for three payments a block, and a pool with a bundle of two and so many
/// payments.
fn crowded(payments: u64) -> (Chain, Shared<Mempool>) {
    let market = Market::new();
    let limits = BlockLimits {
        transaction_count_max: 3,
        ..BlockLimits::MAINNET
    };
    let chain = limited(market.genesis(), 1, limits);
    let payments = (0..payments + 2).map(|number| market.pay(head(&chain), number));
    let mut batch: WireBlock = payments.collect();
    batch.bundle(0, 2).unwrap();
    let pool = pool();
    assert_eq!(submit(&chain, &pool, &batch).len(), batch.len());
    (chain, pool)
}

#[test]
fn what_finds_no_room_waits_again() {
    let (chain, pool) = crowded(5);
    let mut included = BTreeSet::new();
    for (length, left) in [(3, 4), (3, 1), (1, 0)] {
        let mut source = Greedy(PoolSource::new(&pool));
        let request = request(&chain, head(&chain));
        let built = chain.build(&request, &mut source, &Cancel::default());
        let built = built.unwrap();
        // No other block is given the same meanwhile.
        assert_eq!(pool.read().waiting_count(), 0);
        let settled = source.0.settle(&built);
        assert_eq!((body(&built).len(), settled.waiting_count), (length, left));
        assert!(settled.refused.is_empty());
        let pool = pool.read();
        assert_eq!((pool.len(), pool.waiting_count()), (left, left));
        included.extend(body(&built));
        chain.commit(&built.id).unwrap();
    }
    assert_eq!(included.len(), 7);
}

#[test]
fn a_refused_bundle_tells_the_reason_of_its_own() {
    let (chain, pool) = crowded(1);
    // A foreign block holds the second transaction of the bundle, so the first is cancelled.
    let second = Market::new().pay(head(&chain), 1);
    let foreign = build_on(&chain, head(&chain), &[second]);
    chain.commit(&foreign.id).unwrap();

    let (built, settled) = advance(&chain, &pool);
    assert_eq!((body(&built).len(), settled.included_count), (1, 1));
    let [(bundle, reason)] = &settled.refused[..] else {
        panic!("{settled:?}");
    };
    assert_eq!(bundle.transactions().len(), 2);
    let processed = Refusal::Rule(TransactionError::AlreadyProcessed);
    assert_eq!(*reason, processed);
    assert!(pool.read().is_empty());
}

#[test]
fn a_source_without_a_block_gives_back() {
    let (chain, pool) = crowded(4);
    let cancel = Cancel::default();
    cancel.cancel();
    let mut source = PoolSource::new(&pool);
    let wanted = request(&chain, head(&chain));
    assert!(chain.build(&wanted, &mut source, &cancel).is_err());
    assert_eq!(pool.read().waiting_count(), 3);
    // Asked again, it gives the same.
    let bank = chain.bank(&head(&chain)).unwrap();
    let given = source.select(&bank, chain.limits());
    assert_eq!((given.wire_count(), given.wire().bundles().len()), (3, 1));
    drop(source);
    let pool = pool.read();
    assert_eq!((pool.len(), pool.waiting_count()), (5, 5));
}

#[test]
fn what_is_too_old_is_dropped() {
    let (chain, pool) = crowded(4);
    let mut parent: Hash = head(&chain);
    for _ in 0..BLOCKHASHES_MAX {
        let mut nothing = ParsedBlock::default();
        let wanted = request(&chain, parent);
        let built = chain.build(&wanted, &mut nothing, &Cancel::default());
        parent = built.unwrap().id;
    }
    chain.commit(&parent).unwrap();
    let (_, settled) = advance(&chain, &pool);
    assert_eq!((settled.included_count, settled.expired.len()), (0, 5));
    assert!(pool.read().is_empty());
}
