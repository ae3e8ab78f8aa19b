//! Transactions of blocks that lose, back in the pool.

use std::sync::mpsc::Receiver;

use lockstep_runtime::{
    block::BlockLimits,
    chain::{LostBlock, PoolSource},
    engine::Cancel,
    mempool::Rejection,
    wire::WireBlock,
};

use super::{advance, body, limited, pool, submit};
use crate::{
    market::Market,
    setting::{build_on, head, request},
};

fn names(lost: &Receiver<LostBlock>) -> Vec<lockstep_interface::Hash> {
    std::iter::from_fn(|| lost.try_recv().ok().map(|block| block.id)).collect()
}

#[test]
fn a_losing_fork_gives_its_transactions_back_and_its_bundles_whole() {
    let market = Market::new();
    let chain = limited(market.genesis(), 1, BlockLimits::MAINNET);
    let start = head(&chain);
    let lost = chain.subscribe_lost(8);
    // Two payments alone, and a bundle of two between them.
    let mut batch: WireBlock = (0..4).map(|number| market.pay(start, number)).collect();
    batch.bundle(1, 2).unwrap();
    let pool = pool();
    assert_eq!(submit(&chain, &pool, &batch).len(), 4);

    // The block of the pool loses to another one, which has the last payment.
    let mut source = PoolSource::new(&pool);
    let built = chain.build(&request(&chain, start), &mut source, &Cancel::default());
    let built = built.unwrap();
    assert_eq!(source.settle(&built).included_count, 3);
    assert!(pool.read().is_empty());
    let child = build_on(&chain, built.id, &[market.pay(start, 9)]);
    let winner = build_on(&chain, start, &[market.pay(start, 3)]);
    chain.commit(&winner.id).unwrap();

    let bank = chain.bank(&head(&chain)).unwrap();
    let bank = bank.child(bank.slot() + 1, 0);
    let mut order = Vec::new();
    let mut answers = Vec::new();
    while let Ok(block) = lost.try_recv() {
        order.push(block.id);
        let threads = &chain.options().threads;
        answers.extend(block.restore(&pool, &bank, threads).unwrap());
    }
    // Older slots first.
    assert_eq!(order, [built.id, child.id]);
    let rejected: Vec<&Rejection> = answers
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    assert_eq!(rejected, [&Rejection::Duplicate]);
    // A payment, the bundle as one, and the child's payment.
    assert_eq!((answers.len(), pool.read().len()), (4, 3));
    let (built, settled) = advance(&chain, &pool);
    assert_eq!((settled.included_count, body(&built).len()), (3, 4));
}

#[test]
fn blocks_that_were_discarded_or_lost_are_told_once() {
    let market = Market::new();
    let chain = limited(market.genesis(), 1, BlockLimits::MAINNET);
    let start = head(&chain);
    let (lost, narrow) = (chain.subscribe_lost(8), chain.subscribe_lost(1));
    let blocks: Vec<_> = (0..4)
        .map(|number| build_on(&chain, start, &[market.pay(start, number)]).id)
        .collect();
    let child = build_on(&chain, blocks[0], &[]).id;
    chain.discard(&blocks[0]).unwrap();
    assert_eq!(names(&lost), [blocks[0], child]);
    assert_eq!(names(&narrow), [blocks[0]]);
    chain.commit(&blocks[1]).unwrap();
    let mut others = names(&lost);
    others.sort();
    let mut expected = [blocks[2], blocks[3]];
    expected.sort();
    assert_eq!(others, expected);
    chain.commit(&blocks[1]).unwrap();
    assert_eq!(names(&lost), []);
}
