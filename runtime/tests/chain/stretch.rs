//! Long stretches of blocks that are not final: nothing recurses, and accounts, transactions that
//! were processed, and forks stay right.

use std::thread;

use lockstep_interface::Hash;
use lockstep_runtime::chain::{BuildRequest, Chain};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    common::generate::Shape,
    setting::{Setting, build, build_on, head, request},
};

const REASON: &str = "the store is in memory";

/// Builds empty blocks on a parent.
fn stretch(chain: &Chain, parent: Hash, count: usize) -> Hash {
    (0..count).fold(parent, |parent, _| build_on(chain, parent, &[]).id)
}

#[test]
fn twenty_thousand_blocks_are_built_read_and_committed_without_a_deep_stack() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(1);
    let payer = setting.payer();
    let genesis = head(&chain);
    let tip = stretch(&chain, genesis, 20_000);
    let bank = chain.bank(&tip).expect(REASON);
    let before = chain
        .bank(&genesis)
        .expect(REASON)
        .get(&payer)
        .expect(REASON);
    let small = thread::Builder::new().stack_size(256 << 10);
    thread::scope(|scope| {
        let work = || {
            assert_eq!(bank.get(&payer).expect(REASON), before);
            assert_eq!(chain.commit(&tip).expect(REASON).block_count, 20_000);
            assert_eq!(bank.get(&payer).expect(REASON), before);
        };
        let running = small.spawn_scoped(scope, work).expect("a thread");
        running.join().expect("no stack overflows");
    });
    assert_eq!(head(&chain), tip);
}

#[test]
fn a_stretch_shows_each_accounts_newest_state_and_processes_nothing_twice() {
    let setting = Setting::new(Shape::FEW);
    let (chain, plain) = (setting.chain(2), setting.chain(2));
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let mut tip = head(&chain);
    for number in 0..300 {
        // Some of earlier blocks are among them.
        let bank = chain.bank(&tip).expect(REASON);
        let transactions = setting.world.block(&mut random, &bank, 12);
        let built = build_on(&chain, tip, &transactions);
        // The other chain has no stretch: each block is final before the next.
        let same = build_on(&plain, tip, &transactions);
        assert_eq!(same.header, built.header, "block {number}");
        assert_eq!(same.refused, built.refused, "block {number}");
        plain.commit(&same.id).expect(REASON);
        tip = built.id;
        // Some become final in between, in the middle of a merged run.
        if number % 50 == 49 {
            let path: Vec<Hash> = (0..9).fold(vec![tip], |mut path, _| {
                let last = path[path.len() - 1];
                path.push(chain.bank(&last).expect(REASON).header().parent_id);
                path
            });
            chain.commit(&path[9]).expect(REASON);
        }
    }
    let trie = |chain: &Chain| {
        chain
            .bank(&tip)
            .expect(REASON)
            .trie()
            .map(|trie| trie.root())
    };
    assert_eq!(trie(&chain), trie(&plain));
    chain.commit(&tip).expect(REASON);
    let accounts = |chain: &Chain| {
        let mut all = Vec::new();
        let scanned = chain.store().scan(&mut |page| {
            all.extend_from_slice(page);
            Ok(())
        });
        scanned.expect(REASON);
        all
    };
    assert_eq!(accounts(&chain), accounts(&plain));
}

#[test]
fn forks_of_a_stretch_are_counted_and_dropped_whole() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(1);
    let genesis = head(&chain);
    let trunk = stretch(&chain, genesis, 40);
    let rivals = (41..71).map(|slot| {
        let request = BuildRequest {
            slot,
            ..request(&chain, trunk)
        };
        build(&chain, &request, &[]).id
    });
    let rivals: Vec<Hash> = rivals.collect();
    let ends: Vec<Hash> = rivals
        .iter()
        .map(|rival| stretch(&chain, *rival, 40))
        .collect();
    let committed = chain.commit(&ends[7]).expect(REASON);
    assert_eq!(committed.block_count, 81);
    assert_eq!(committed.dropped_count, 29 * 41);
    for (place, end) in ends.iter().enumerate() {
        assert_eq!(chain.bank(end).is_ok(), place == 7);
    }
}
