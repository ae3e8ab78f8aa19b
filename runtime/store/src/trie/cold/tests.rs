//! A trie with a bound against one without.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "tests make their load with plain arithmetic"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::trie::{Change, Serial, Trie, TrieBuilder};

/// All paths of the tests begin with these bits, so that they meet in few shards.
const FIRST_BYTES: [u8; 3] = [0x40, 0x41, 0x80];

fn bounded(changes: Vec<Change>) -> Trie {
    let bound = TrieBound {
        directory: std::env::temp_dir(),
        size: 0,
    };
    let mut builder = TrieBuilder::bounded(bound);
    builder.add(changes);
    builder.build(&Serial).unwrap()
}

fn path(random: &mut ChaCha8Rng) -> Bytes {
    let mut path: Bytes = random.random();
    path[0] = *FIRST_BYTES.choose(random).unwrap();
    if random.random_bool(0.1) {
        // Some that part late.
        path[1..20].fill(7);
    }
    path
}

/// Changes of paths that are there, and of others.
fn changes(random: &mut ChaCha8Rng, known: &[Bytes], count: usize) -> Vec<Change> {
    let mut changes = BTreeMap::new();
    for _ in 0..count {
        let path = match known.choose(random) {
            Some(known) if random.random_bool(0.7) => *known,
            _ => path(random),
        };
        let value_hash = random.random_bool(0.7).then(|| random.random());
        changes.insert(path, Change { path, value_hash });
    }
    changes.into_values().collect()
}

/// Leaves in memory, in all shards.
fn hot_count(trie: &Trie) -> usize {
    let count = |shard| trie.with_shard(shard, |arena| Ok(arena.hot_count()));
    (0..SHARD_COUNT).map(|shard| count(shard).unwrap()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_bound_changes_nothing_but_memory(seed in any::<u64>(), first in 0usize..4_000) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let start = changes(&mut random, &[], first);
        let mut known: Vec<Bytes> = start.iter().map(|change| change.path).collect();
        let free = Trie::default().update_paths(&[&start], &Serial).unwrap();
        let mut pairs = vec![(free, bounded(start))];
        for _ in 0..30 {
            // On any block there is, so that versions go back and forth.
            let (free, held) = pairs.choose(&mut random).unwrap().clone();
            let count = random.random_range(1..200);
            let next = changes(&mut random, &known, count);
            let free = free.update_paths(&[&next], &Serial).unwrap();
            let held = held.update_paths(&[&next], &Serial).unwrap();
            prop_assert_eq!(free.root(), held.root());
            prop_assert_eq!(free.account_count(), held.account_count());
            known.extend(next.iter().map(|change| change.path));
            let asked = [*known.choose(&mut random).unwrap(), path(&mut random)];
            for path in asked {
                prop_assert_eq!(free.prove_path(&path).unwrap(), held.prove_path(&path).unwrap());
            }
            prop_assert!(hot_count(&held) <= 2 * HOT_LEAVES_MIN);
            pairs.push((free, held));
            if pairs.len() > 4 {
                pairs.swap_remove(random.random_range(0..4));
            }
        }
        let (free, held) = pairs.pop().unwrap();
        let [free, held] = [free, held].map(|trie| {
            let mut bytes = Vec::new();
            trie.write_to(&mut bytes).unwrap();
            bytes
        });
        prop_assert_eq!(&free, &held);
    }
}

#[test]
fn what_is_used_stays_in_memory() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let start = changes(&mut random, &[], 3_000);
    let live = start.iter().filter(|change| change.value_hash.is_some());
    let live: Vec<Bytes> = live.map(|change| change.path).collect();
    let trie = bounded(start);
    let shard = usize::from(live[0][0] >> 2);
    let is_hot = |path: &Bytes| {
        let found = trie.with_shard(shard, |arena| {
            let mut link = arena.root().unwrap();
            while let Node::Fork(slot) = link.node() {
                let fork = arena.fork(slot);
                link = fork.children[usize::from(bit(path, fork.parting.into()))];
            }
            Ok(matches!(link.node(), Node::Leaf(_)))
        });
        found.unwrap()
    };
    let others = live.iter().filter(|path| path[0] == live[0][0]).skip(1);
    for other in others {
        trie.prove_path(&live[0]).unwrap();
        assert!(is_hot(&live[0]));
        trie.prove_path(other).unwrap();
    }
    assert!(hot_count(&trie) <= 2 * HOT_LEAVES_MIN);
}

#[test]
fn other_bytes_in_the_file_are_refused() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let start = changes(&mut random, &[], 2_000);
    let live: Vec<Bytes> = start.iter().map(|change| change.path).collect();
    let trie = bounded(start);
    let root = trie.root();
    let shard = usize::from(live[0][0] >> 2);
    let flip = |offset: u64| {
        let flipped = trie.with_shard(shard, |arena| {
            let mut file = &arena.cold.as_ref().unwrap().file;
            let mut byte = [0];
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(&mut byte)?;
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&[byte[0] ^ 1])
        });
        flipped.unwrap();
    };
    // In each field of a page's first leaf: no longer in order, or of another hash.
    for offset in [0, 31, 32, 63] {
        flip(offset);
        let failed = live.iter().filter(|path| trie.prove_path(path).is_err());
        assert!(failed.count() > 0, "{offset}");
        let all: Vec<Change> = live
            .iter()
            .map(|path| Change {
                path: *path,
                value_hash: None,
            })
            .collect();
        let error = trie.update_paths(&[&all], &Serial).unwrap_err();
        assert!(error.to_string().contains("other bytes"), "{error}");
        flip(offset);
        // Nothing was changed, so that it goes on once the bytes are right.
        assert!(live.iter().all(|path| trie.prove_path(path).is_ok()));
        assert_eq!(trie.root(), root);
    }
}
