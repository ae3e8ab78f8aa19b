//! The trie against nomt-core: the same roots from its reference construction, its verifier on our
//! proofs. Paths share prefixes of every length, which hashed addresses hardly do.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "tests make their load with plain arithmetic"
)]

use std::collections::BTreeMap;

use bitvec::{order::Msb0, view::BitView};
use lockstep_interface::{Account, Address, Hash};
use nomt_core::{
    hasher::Sha2Hasher,
    proof::{PathProof, PathProofTerminal},
    trie::LeafData,
    trie_pos::TriePosition,
    update::build_trie,
};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    arena::{Fork, Link, Node},
    hash::common_bits,
    update::Change,
    *,
};
use crate::account_hash;

/// Paths and value hashes of the accounts that exist.
type Model = BTreeMap<Bytes, Bytes>;

/// Each piece of work on a thread of its own, the last first.
struct Reversed;

impl Parallel for Reversed {
    fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Send + Sync) -> Vec<R> {
        std::thread::scope(|scope| {
            let work = &work;
            let threads = (0..count)
                .rev()
                .map(|index| scope.spawn(move || work(index)));
            let threads: Vec<_> = threads.collect();
            let results = threads
                .into_iter()
                .rev()
                .map(|thread| thread.join().unwrap());
            results.collect()
        })
    }
}

fn reference_root(model: &Model) -> Bytes {
    build_trie::<Sha2Hasher>(0, model.iter().map(|(path, hash)| (*path, *hash)), |_| {})
}

fn apply(model: &mut Model, changes: &[Change]) {
    for change in changes {
        match change.value_hash {
            Some(value_hash) => model.insert(change.path, value_hash),
            None => model.remove(&change.path),
        };
    }
}

/// A path that shares a random number of bits with a known one.
fn near(random: &mut ChaCha8Rng, known: Option<&Bytes>) -> Bytes {
    let mut path: Bytes = random.random();
    let shared = match random.random_range(0..4) {
        0 => 0,
        1 => random.random_range(0..=255),
        _ => random.random_range(0..24),
    };
    if let Some(known) = known {
        for depth in 0..shared {
            path[depth >> 3] &= !(0x80 >> (depth & 7));
            path[depth >> 3] |= known[depth >> 3] & (0x80 >> (depth & 7));
        }
    }
    path
}

/// Inserts, updates and deletes, some of accounts that do not exist, some twice.
fn changes(random: &mut ChaCha8Rng, model: &Model, count: usize, deletes: f64) -> Vec<Change> {
    let mut known: Vec<Bytes> = model.keys().copied().collect();
    let mut change = || {
        let path = match known.choose(random).copied() {
            Some(path) if random.random_bool(0.6) => path,
            start => near(random, start.as_ref()),
        };
        known.push(path);
        let value_hash = (!random.random_bool(deletes)).then(|| random.random());
        Change { path, value_hash }
    };
    (0..count).map(|_| change()).collect()
}

/// Our proof in nomt-core's form, judged by nomt-core alone: true if it proves the value.
fn judge(root: Bytes, path: &Bytes, value_hash: Option<Bytes>, proof: &StateProof) -> bool {
    let bits = path.view_bits::<Msb0>();
    let Some(passed) = bits.get(..proof.siblings.len()) else {
        return false;
    };
    let terminal = match &proof.leaf {
        Some(leaf) => PathProofTerminal::Leaf(LeafData {
            key_path: leaf.key_path,
            value_hash: leaf.value_hash,
        }),
        None if passed.is_empty() => PathProofTerminal::Terminator(TriePosition::new()),
        None => PathProofTerminal::Terminator(TriePosition::from_bitslice(passed)),
    };
    let siblings = proof.siblings.clone();
    let proof = PathProof { terminal, siblings };
    let Ok(verified) = proof.verify::<Sha2Hasher>(bits, root) else {
        return false;
    };
    let answer = match value_hash {
        Some(value_hash) => verified.confirm_value(&LeafData {
            key_path: *path,
            value_hash,
        }),
        None => verified.confirm_nonexistence(path),
    };
    answer.unwrap_or(false)
}

#[test]
fn roots_are_those_of_nomt_core_through_any_history() {
    for seed in 0..40 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut trie, mut model) = (Trie::default(), Model::new());
        for step in 0..40 {
            let count = random.random_range(0..60);
            // Phases of growth and decline, down to nothing.
            let deletes = if step % 20 < 12 { 0.2 } else { 0.9 };
            let changes = changes(&mut random, &model, count, deletes);
            trie = trie.update_paths(&[&changes], &Serial).unwrap();
            apply(&mut model, &changes);
            let root = trie.root().to_bytes();
            assert_eq!(root, reference_root(&model), "SEED={seed} step {step}");
        }
        let all: Vec<Change> = model
            .iter()
            .map(|(path, value)| Change {
                path: *path,
                value_hash: Some(*value),
            })
            .collect();
        let at_once = Trie::default().update_paths(&[&all], &Reversed).unwrap();
        assert_eq!(at_once.root(), trie.root(), "SEED={seed}: history shows");
        let gone = all.iter().map(|change| Change {
            value_hash: None,
            ..*change
        });
        let emptied = trie
            .update_paths(&[gone.collect::<Vec<_>>()], &Serial)
            .unwrap();
        assert_eq!(emptied.root(), Hash::default(), "SEED={seed}");
    }
}

#[test]
fn children_of_one_parent_do_not_disturb_each_other() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut banks = vec![(Trie::default(), Model::new())];
    for _ in 0..60 {
        let (parent, mut model) = banks.choose(&mut random).cloned().unwrap();
        let changes = changes(&mut random, &model, 80, 0.3);
        let child = parent.update_paths(&[&changes], &Reversed).unwrap();
        apply(&mut model, &changes);
        banks.push((child, model));
        if random.random_bool(0.2) {
            banks.swap_remove(random.random_range(0..banks.len()));
        }
    }
    for (trie, model) in banks {
        assert_eq!(trie.root().to_bytes(), reference_root(&model));
    }
}

#[test]
fn forks_grow_at_once_while_others_are_dropped() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut model = Model::new();
    let first = changes(&mut random, &model, 400, 0.1);
    let parent = Trie::default().update_paths(&[&first], &Serial).unwrap();
    apply(&mut model, &first);
    std::thread::scope(|scope| {
        for seed in 10..14 {
            let (mut trie, mut model) = (parent.clone(), model.clone());
            scope.spawn(move || {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                for _ in 0..40 {
                    let changes = changes(&mut random, &model, 60, 0.4);
                    trie = trie.update_paths(&[&changes], &Serial).unwrap();
                    apply(&mut model, &changes);
                    assert_eq!(trie.root().to_bytes(), reference_root(&model));
                }
            });
        }
    });
    assert_eq!(parent.root().to_bytes(), reference_root(&model));
    assert!(paths(&parent).iter().eq(model.keys()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Few addresses, so that everything happens to each of them.
    #[test]
    fn blocks_of_accounts_give_the_reference_root(
        blocks in prop::collection::vec(
            prop::collection::vec((0u8..60, 0u64..4, 0usize..3), 0..40),
            1..12,
        ),
    ) {
        let mut trie = Trie::default();
        let mut model = Model::new();
        for block in blocks {
            let changes: Vec<crate::Change> = block
                .into_iter()
                .map(|(key, lamports, size)| {
                    let data = vec![key; size].into();
                    let account = Account { lamports, data, ..Account::default() };
                    (Address::new_from_array([key; 32]), account)
                })
                .collect();
            trie = trie.update(&changes, &Serial);
            for (address, account) in &changes {
                let path = key_path(address);
                if account.exists() {
                    model.insert(path, account_hash(account).to_bytes());
                } else {
                    model.remove(&path);
                }
            }
            prop_assert_eq!(trie.root().to_bytes(), reference_root(&model));
            for key in 0..60 {
                let address = Address::new_from_array([key; 32]);
                let hash = model.get(&key_path(&address)).copied().map(Hash::new_from_array);
                let proof = trie.prove(&address);
                prop_assert_eq!(
                    verify_proof(&trie.root(), &address, hash.as_ref(), &proof),
                    Ok(())
                );
            }
        }
    }
}

/// Tries of many sizes over addresses, with accounts at some of them.
fn states() -> impl Iterator<Item = (Trie, BTreeMap<Address, Account>)> {
    [0usize, 1, 2, 3, 17, 300, 20_000].into_iter().map(|count| {
        let mut random = ChaCha8Rng::seed_from_u64(u64::try_from(count).unwrap());
        let accounts = (0..count).map(|_| {
            let account = Account::wallet(random.random_range(1..u64::MAX));
            (Address::new_from_array(random.random()), account)
        });
        let changes: Vec<crate::Change> = accounts.collect();
        let trie = Trie::default().update(&changes, &Serial);
        (trie, changes.into_iter().collect())
    })
}

/// 1 in the ordinary run, 10 if LOCKSTEP_FULL is set.
fn scale() -> usize {
    if std::env::var_os("LOCKSTEP_FULL").is_some() {
        10
    } else {
        1
    }
}

#[test]
fn proofs_hold_before_the_judge_and_mutated_ones_do_not() {
    let (mut inclusions, mut exclusions, mut mutations) = (0, 0, 0usize);
    for (trie, accounts) in states() {
        let root = trie.root().to_bytes();
        let mut random = ChaCha8Rng::seed_from_u64(9);
        let known: Vec<&Address> = accounts.keys().collect();
        let each = 360usize.saturating_mul(scale());
        for round in 0..each {
            let is_known = !known.is_empty() && round % 2 == 0;
            let address = if is_known {
                **known.choose(&mut random).unwrap()
            } else {
                Address::new_from_array(random.random())
            };
            let hash = accounts.get(&address).map(account_hash);
            let proof = trie.prove(&address);
            let bytes = proof.to_bytes();
            assert!(bytes.len() <= PROOF_SIZE_MAX);
            assert_eq!(StateProof::from_bytes(&bytes).as_ref(), Ok(&proof));
            let holds = |proof: &StateProof, hash: Option<&Hash>| {
                let path = key_path(&address);
                let ours = verify_proof(&trie.root(), &address, hash, proof).is_ok();
                let theirs = judge(root, &path, hash.map(Hash::to_bytes), proof);
                (ours, theirs)
            };
            assert_eq!(holds(&proof, hash.as_ref()), (true, true));
            // The opposite is not proved by it, and neither is another value.
            let opposite = hash.is_none().then(|| Hash::new_from_array([7; 32]));
            assert_eq!(holds(&proof, opposite.as_ref()), (false, false));
            let other = Hash::new_from_array(random.random());
            assert_eq!(holds(&proof, Some(&other)), (false, false));
            let of_other = trie.prove(&Address::new_from_array(random.random()));
            if of_other != proof {
                assert!(!holds(&of_other, hash.as_ref()).0);
            }
            match hash {
                Some(_) => inclusions += 1,
                None => exclusions += 1,
            }
            if round % 20 < 2 {
                for place in 0..bytes.len() * 8 {
                    let mut mutated = bytes.clone();
                    mutated[place >> 3] ^= 1 << (place & 7);
                    if let Ok(mutated) = StateProof::from_bytes(&mutated) {
                        let result = holds(&mutated, hash.as_ref());
                        assert_eq!(result, (false, false), "bit {place}");
                    }
                    mutations += 1;
                }
            }
        }
    }
    eprintln!("{inclusions} inclusions, {exclusions} exclusions, {mutations} mutated bits");
    assert!(inclusions >= 1_000 && exclusions >= 1_000 && mutations >= 100_000);
}

#[test]
fn proofs_work_on_paths_that_share_long_prefixes() {
    for seed in 0..30 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut trie, mut model) = (Trie::default(), Model::new());
        for _ in 0..6 {
            let changes = changes(&mut random, &model, 40, 0.3);
            trie = trie.update_paths(&[&changes], &Serial).unwrap();
            apply(&mut model, &changes);
        }
        let known: Vec<Bytes> = model.keys().copied().collect();
        for round in 0..200usize {
            let path = if round % 2 == 0 {
                *known.choose(&mut random).unwrap()
            } else {
                let start = known.choose(&mut random);
                near(&mut random, start)
            };
            let value_hash = model.get(&path).copied();
            let proof = trie.prove_path(&path).unwrap();
            let root = trie.root().to_bytes();
            assert!(
                judge(root, &path, value_hash, &proof),
                "SEED={seed} {round}"
            );
        }
    }
}

/// A subtree has a fork where its paths part and nowhere else, and the hashes of its children.
/// Returns its leaves in order.
fn check_shape(arena: &Arena, link: Link) -> Vec<Bytes> {
    let slot = match link.node() {
        Node::Leaf(slot) => return vec![*arena.leaf(slot).path()],
        Node::Fork(slot) => slot,
        Node::Cold(_) => panic!("a trie without a bound has all in memory"),
    };
    let Fork {
        children,
        parting,
        stale,
        ..
    } = *arena.fork(slot);
    assert_eq!(stale, [false; 2]);
    let parting = usize::from(parting);
    let hashes = children.map(|child| arena.hash_at(child, parting + 1));
    assert_eq!(arena.pair(slot).0, hashes);
    let [left, right] = children.map(|child| check_shape(arena, child));
    assert!(left.iter().all(|path| !bit(path, parting)));
    assert!(right.iter().all(|path| bit(path, parting)));
    let all = [left, right].concat();
    assert_eq!(common_bits(&all[0], all.last().unwrap()), parting);
    all
}

/// The leaves of a trie in order, whose shards all have the right shape and nothing else.
fn paths(trie: &Trie) -> Vec<Bytes> {
    let paths = (0..SHARD_COUNT).map(|shard| {
        trie.with_shard(shard, |arena| {
            let paths = arena.root().map(|root| check_shape(arena, root));
            let paths = paths.unwrap_or_default();
            assert_eq!(arena.leaf_count(), paths.len());
            assert_eq!(arena.fork_count(), paths.len().saturating_sub(1));
            Ok(paths)
        })
    });
    let paths = paths.map(Result::unwrap);
    paths.collect::<Vec<_>>().concat()
}

#[test]
fn a_trie_that_is_built_is_the_one_of_updates() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for count in [0, 1, 2, 50, 2_000] {
        let mut model = Model::new();
        let mut changed = changes(&mut random, &model, count, 0.0);
        // Some are there twice, and some are gone.
        changed.extend(changes(&mut random, &model, count / 3, 0.3));
        apply(&mut model, &changed);
        let pieces = changed.chunks(70).map(<[Change]>::to_vec);
        let built = {
            let mut builder = TrieBuilder::default();
            pieces.for_each(|piece| builder.add(piece));
            builder.build(&Reversed).unwrap()
        };
        assert_eq!(built.root().to_bytes(), reference_root(&model), "{count}");
        assert!(paths(&built).iter().eq(model.keys()));
        let more = changes(&mut random, &model, 40, 0.5);
        apply(&mut model, &more);
        let next = built.update_paths(&[&more], &Serial).unwrap();
        assert_eq!(next.root().to_bytes(), reference_root(&model), "{count}");
        assert!(paths(&built).len() >= count.min(1));
    }
}

/// The most versions that a shard keeps.
fn version_count(trie: &Trie) -> usize {
    let counts = trie
        .0
        .forest
        .iter()
        .map(|shard| shard.read().version_count());
    counts.max().unwrap_or(0)
}

#[test]
fn versions_are_right_in_any_order_and_those_that_are_gone_are_forgotten() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut banks = vec![(Trie::default(), Model::new())];
    for step in 0..160 {
        let deletes = if step % 30 < 15 { 0.1 } else { 0.9 };
        let (parent, mut model) = banks.choose(&mut random).cloned().unwrap();
        let changes = changes(&mut random, &model, 200, deletes);
        let child = parent.update_paths(&[&changes], &Serial).unwrap();
        drop(parent);
        apply(&mut model, &changes);
        banks.push((child, model));
        if step % 3 > 0 {
            banks.swap_remove(random.random_range(0..banks.len()));
        }
        for (trie, model) in banks.iter().take(3) {
            assert!(paths(trie).iter().eq(model.keys()));
        }
        if step % 20 == 19 {
            banks.truncate(1);
            let (trie, _) = &banks[0];
            let every_shard: Vec<Change> = (0..=255)
                .map(|first| Change {
                    path: [first; 32],
                    value_hash: Some([7; 32]),
                })
                .collect();
            let child = trie.update_paths(&[every_shard], &Serial).unwrap();
            assert!(version_count(&child) <= 2, "{}", version_count(&child));
        }
    }
}

#[test]
fn a_version_that_is_held_for_long_costs_what_changed_and_few_others() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut model = Model::new();
    let first = changes(&mut random, &model, 300, 0.0);
    apply(&mut model, &first);
    let held = Trie::default().update_paths(&[first], &Serial).unwrap();
    let (held_model, held_root) = (model.clone(), held.root());
    let mut newest = held.clone();
    for _ in 0..300 {
        let block = changes(&mut random, &model, 60, 0.3);
        apply(&mut model, &block);
        newest = newest.update_paths(&[block], &Serial).unwrap();
        assert!(version_count(&newest) <= 13, "{}", version_count(&newest));
    }
    assert!(paths(&held).iter().eq(held_model.keys()));
    assert_eq!(held.root(), held_root);
    assert!(paths(&newest).iter().eq(model.keys()));
    assert_eq!(newest.root().to_bytes(), reference_root(&model));
}

#[test]
fn a_subtree_keeps_its_hash_or_gets_another_when_the_fork_above_it_comes_and_goes() {
    // Two neighbours far down, and paths that part from them on the way.
    let path = |depth: usize, last: u8| {
        let mut path = [0; 32];
        path[31] = last;
        if depth < 248 {
            path[depth >> 3] |= 0x80 >> (depth & 7);
        }
        path
    };
    let put = |path| Change {
        path,
        value_hash: Some([7; 32]),
    };
    let base: Vec<Change> = [path(248, 1), path(248, 2)].map(put).to_vec();
    for depths in [
        vec![8],
        vec![20],
        vec![9, 60],
        vec![60, 9],
        vec![247, 8, 100],
    ] {
        let mut trie = Trie::default().update_paths(&[&base], &Serial).unwrap();
        let mut model = Model::new();
        apply(&mut model, &base);
        let mut steps: Vec<Change> = depths.iter().map(|depth| put(path(*depth, 0))).collect();
        let gone = steps.iter().map(|change| Change {
            value_hash: None,
            ..*change
        });
        steps.extend(gone.collect::<Vec<_>>());
        for step in steps {
            trie = trie.update_paths(&[vec![step]], &Serial).unwrap();
            apply(&mut model, &[step]);
            assert_eq!(trie.root().to_bytes(), reference_root(&model), "{depths:?}");
            assert!(paths(&trie).iter().eq(model.keys()));
        }
    }
}

#[test]
fn bytes_that_are_no_proof_are_refused() {
    let empty = StateProof {
        leaf: None,
        siblings: Vec::new(),
    };
    assert_eq!(empty.to_bytes(), [1, 0, 0, 0]);
    let check = |bytes: &[u8], error| assert_eq!(StateProof::from_bytes(bytes), Err(error));
    let size = |expected, found| ProofError::Size { expected, found };
    check(&[], size(1, 0));
    check(&[2, 0, 0, 0], ProofError::Version(2));
    check(&[1, 2, 0, 0], ProofError::End(2));
    check(&[1, 0, 0], size(4, 3));
    check(&[1, 0, 0, 0, 0], size(4, 5));
    check(&[1, 0, 1, 0], size(36, 4));
    check(&[1, 0, 1, 1], ProofError::SiblingCount(257));
    check(&[1, 1, 0, 0], size(34, 4));
    let longest = StateProof {
        leaf: Some(ProvenLeaf {
            key_path: [1; 32],
            value_hash: [2; 32],
        }),
        siblings: vec![[3; 32]; SIBLING_COUNT_MAX],
    };
    let bytes = longest.to_bytes();
    assert_eq!(bytes.len(), PROOF_SIZE_MAX);
    assert_eq!(StateProof::from_bytes(&bytes), Ok(longest));
}
