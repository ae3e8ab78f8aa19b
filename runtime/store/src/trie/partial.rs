//! A part of a trie: all that some paths pass, and hashes in place of the rest. It proves the
//! accounts at the ends of the paths, and gives the root after changes of them.
//!
//! ```text
//! node   0                       nothing
//!        1 | hash 32             hidden: any subtree that no path leads to
//!        2 | path 32 | value 32  the leaf of another account, at which a path ends
//!        3                       the leaf of the next of the accounts, in the order of paths
//!        4 | node | node         a fork, both sides shown
//!        5 | hash 32 | node      a fork, its left side hidden
//!        6 | hash 32 | node      a fork, its right side hidden
//! ```
//! The root comes first. Nodes shared by several paths are there once: of 20,000 paths among a
//! million accounts, 175 bytes each, where single proofs take 750. The bytes are read as they
//! lie, once to check them and once for the roots; no tree is built.

use lockstep_interface::{Address, Hash};
use thiserror::Error;

use super::{
    Change, Parallel, SHARD_DEPTH, Trie,
    hash::{Bytes, Kind, TERMINATOR, bit, common_bits, internal, kind, leaf, parent},
    hash_all, hashed, in_order,
    proof::{ProvenLeaf, SIBLING_COUNT_MAX, StateProof},
    shard_of,
};
use crate::StoreError;

/// Why some bytes are no part of a trie, or not enough of one.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PartialTrieError {
    /// A node of no kind, or bytes that end too soon.
    #[error("malformed at byte {0}")]
    Malformed(usize),
    /// A fork over less than two leaves, or a leaf that is not on its own path.
    #[error("a node that no trie has, at byte {0}")]
    Misplaced(usize),
    /// An account that no leaf is for.
    #[error("an account without a leaf")]
    WithoutLeaf,
    /// A path leads to what is hidden.
    #[error("the account {0} is not in this part of the trie")]
    Hidden(Address),
    /// An account that is given as missing is there.
    #[error("the account {0} is there, and is given as missing")]
    Exists(Address),
}

/// A part of a trie.
///
/// ```
/// use lockstep_interface::{Account, Address};
/// use lockstep_store::{PartialTrie, Serial, Trie};
///
/// let address = |byte| Address::new_from_array([byte; 32]);
/// let accounts: Vec<_> = (1..200).map(|byte| (address(byte), Account::wallet(5))).collect();
/// let trie = Trie::default().update(&accounts, &Serial);
/// // Two of them, and one that is not there.
/// let known = [accounts[3].clone(), accounts[9].clone(), (address(250), Account::default())];
/// let bytes = trie.part(&known)?;
///
/// let part = PartialTrie::read(&bytes, &known, &Serial)?;
/// let changes = [(address(4), Account::default()), (address(250), Account::wallet(1))];
/// let [before, after] = part.roots(&changes, &Serial)?;
/// assert_eq!(before, trie.root());
/// assert_eq!(after, trie.update(&changes, &Serial).root());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PartialTrie<'b> {
    bytes: &'b [u8],
    /// Of the accounts that exist, in the order of paths.
    leaves: Vec<ProvenLeaf>,
    /// The nodes at the depth of shards, from left to right.
    shards: Vec<ShardPart>,
}

/// Where a shard lies among the bytes.
#[derive(Clone, Copy, Debug)]
struct ShardPart {
    shard: usize,
    start: Place,
    end: Place,
}

/// A place among the bytes, and among the leaves.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    offset: usize,
    leaf: usize,
}

/// A node without what is below.
enum Node {
    Empty,
    Hidden(Bytes),
    Leaf(ProvenLeaf),
    Fork,
    /// A fork of which one side is hidden: the left one, or the right one.
    Half {
        hidden: Bytes,
        is_left: bool,
    },
}

impl Trie {
    /// The bytes of the part that shows these accounts, those without lamports as missing. Their
    /// order does not matter. O(accounts x depth).
    ///
    /// # Errors
    /// As [`Trie::try_update`].
    pub fn part(&self, accounts: &[crate::Change]) -> Result<Vec<u8>, StoreError> {
        let mut changes = hashed(accounts);
        changes.sort_unstable_by_key(|change| change.path);
        changes.dedup_by_key(|change| change.path);
        let proofs = changes.iter().map(|change| {
            let proof = self.prove_path(&change.path).map_err(super::unreadable)?;
            Ok((change, proof))
        });
        let proofs = proofs.collect::<Result<Vec<_>, StoreError>>()?;
        let mut bytes = Vec::new();
        if proofs.is_empty() {
            write_hidden(&self.root().to_bytes(), &mut bytes);
        } else {
            write(&proofs, 0, &mut bytes);
        }
        Ok(bytes)
    }
}

/// Writes the node at a depth that these proofs pass; there is at least one, in the order of paths.
fn write(proofs: &[(&Change, StateProof)], depth: usize, bytes: &mut Vec<u8>) {
    let (change, proof) = &proofs[0];
    let Some(sibling) = proof.siblings.get(depth) else {
        let is_known = |leaf: &ProvenLeaf| {
            let mut changes = proofs.iter().map(|(change, _)| change);
            changes.any(|change| change.path == leaf.key_path && change.value_hash.is_some())
        };
        match &proof.leaf {
            None => bytes.push(0),
            Some(leaf) if is_known(leaf) => bytes.push(3),
            Some(leaf) => {
                bytes.push(2);
                bytes.extend(leaf.key_path);
                bytes.extend(leaf.value_hash);
            }
        }
        return;
    };
    let below = depth.saturating_add(1);
    let right = proofs.partition_point(|(change, _)| !bit(&change.path, depth));
    match proofs.split_at(right) {
        ([], all) | (all, []) => {
            // Nothing has to be hidden where nothing is.
            let is_right = bit(&change.path, depth);
            match (*sibling == TERMINATOR, is_right) {
                (true, true) => bytes.extend([4, 0]),
                (true, false) => bytes.push(4),
                (false, _) => {
                    bytes.push(if is_right { 5 } else { 6 });
                    bytes.extend(sibling);
                }
            }
            write(all, below, bytes);
            if *sibling == TERMINATOR && !is_right {
                bytes.push(0);
            }
        }
        (left, right) => {
            bytes.push(4);
            write(left, below, bytes);
            write(right, below, bytes);
        }
    }
}

fn write_hidden(hash: &Bytes, bytes: &mut Vec<u8>) {
    bytes.push(1);
    bytes.extend(hash);
}

impl<'b> PartialTrie<'b> {
    /// The part that these bytes are, of the trie in which the accounts are as given; those without
    /// lamports are missing. The root that it has is what proves this. O(bytes).
    ///
    /// # Errors
    /// If the bytes are no part of a trie with these accounts.
    pub fn read(
        bytes: &'b [u8],
        accounts: &[crate::Change],
        parallel: &impl Parallel,
    ) -> Result<Self, PartialTrieError> {
        let all = hash_all(accounts, parallel);
        let mut leaves = Vec::with_capacity(accounts.len());
        let mut missing: Vec<(Bytes, &Address)> = Vec::new();
        for (change, (address, _)) in all.iter().flatten().zip(accounts) {
            let key_path = change.path;
            match change.value_hash {
                Some(value_hash) => leaves.push(ProvenLeaf {
                    key_path,
                    value_hash,
                }),
                None => missing.push((key_path, address)),
            }
        }
        leaves.sort_unstable_by_key(|leaf| leaf.key_path);
        missing.sort_unstable();
        let mut part = Self {
            bytes,
            leaves,
            shards: Vec::new(),
        };
        let mut place = Place::default();
        part.check(&mut place, [0; 32], 0, &missing)?;
        if place.offset != bytes.len() {
            return Err(PartialTrieError::Malformed(place.offset));
        }
        if place.leaf != part.leaves.len() {
            return Err(PartialTrieError::WithoutLeaf);
        }
        Ok(part)
    }

    /// The node at a place, which goes on behind it.
    fn node(&self, place: &mut Place) -> Result<Node, PartialTrieError> {
        let start = place.offset;
        let malformed = PartialTrieError::Malformed(start);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let (tag, rest) = rest.split_first().ok_or(malformed)?;
        let hash = || rest.first_chunk().copied().ok_or(malformed);
        let (node, size) = match tag {
            0 => (Node::Empty, 0),
            1 => (Node::Hidden(hash()?), 32),
            2 => {
                let pair = rest.as_chunks::<32>().0;
                let &[key_path, value_hash, ..] = pair else {
                    return Err(malformed);
                };
                let leaf = ProvenLeaf {
                    key_path,
                    value_hash,
                };
                (Node::Leaf(leaf), 64)
            }
            3 => {
                let leaf = self.leaves.get(place.leaf);
                let leaf = leaf.ok_or(PartialTrieError::Misplaced(start))?;
                place.leaf = place.leaf.saturating_add(1);
                (Node::Leaf(*leaf), 0)
            }
            4 => (Node::Fork, 0),
            5 | 6 => {
                let (hidden, is_left) = (hash()?, *tag == 5);
                (Node::Half { hidden, is_left }, 32)
            }
            _ => return Err(malformed),
        };
        place.offset = start.saturating_add(1).saturating_add(size);
        Ok(node)
    }

    /// Checks the node at a beginning of paths, and what is below: it is as the trie of some
    /// accounts has it, with forks over two leaves at least, so that what the root proves of a path
    /// does not depend on how the part is written. The missing paths end there, at no leaf of
    /// theirs. Gives what the node is.
    fn check(
        &mut self,
        place: &mut Place,
        path: Bytes,
        depth: usize,
        missing: &[(Bytes, &Address)],
    ) -> Result<Kind, PartialTrieError> {
        let start = *place;
        let misplaced = PartialTrieError::Misplaced(start.offset);
        let hidden = |missing: &[(Bytes, &Address)]| match missing.first() {
            Some((_, address)) => Err(PartialTrieError::Hidden(**address)),
            None => Ok(()),
        };
        let number = self.shards.len();
        if depth == SHARD_DEPTH {
            let shard = shard_of(&path);
            let (start, end) = (start, start);
            self.shards.push(ShardPart { shard, start, end });
        }
        let kind = match self.node(place)? {
            Node::Empty => Kind::Terminator,
            Node::Hidden(hash) => {
                hidden(missing)?;
                kind(&hash)
            }
            Node::Leaf(leaf) => {
                if common_bits(&leaf.key_path, &path) < depth {
                    return Err(misplaced);
                }
                let found = missing.binary_search_by_key(&leaf.key_path, |(path, _)| *path);
                if let Ok(found) = found {
                    return Err(PartialTrieError::Exists(*missing[found].1));
                }
                Kind::Leaf
            }
            node @ (Node::Fork | Node::Half { .. }) => {
                if depth >= SIBLING_COUNT_MAX {
                    return Err(misplaced);
                }
                let below = depth.saturating_add(1);
                let mut right_path = path;
                right_path[depth >> 3] |= 0x80 >> (depth & 7);
                let right = missing.partition_point(|(path, _)| !bit(path, depth));
                let (left, right) = missing.split_at(right);
                let sides = match node {
                    Node::Half {
                        hidden: hash,
                        is_left: true,
                    } => {
                        hidden(left)?;
                        [kind(&hash), self.check(place, right_path, below, right)?]
                    }
                    Node::Half { hidden: hash, .. } => {
                        hidden(right)?;
                        [self.check(place, path, below, left)?, kind(&hash)]
                    }
                    _ => [
                        self.check(place, path, below, left)?,
                        self.check(place, right_path, below, right)?,
                    ],
                };
                match sides {
                    [Kind::Terminator, Kind::Terminator | Kind::Leaf]
                    | [Kind::Leaf, Kind::Terminator] => return Err(misplaced),
                    _ => Kind::Internal,
                }
            }
        };
        if depth == SHARD_DEPTH {
            self.shards[number].end = *place;
        }
        Ok(kind)
    }

    /// The roots of the trie before and after changes, of which the last of each address counts.
    /// O(bytes), spread over the threads.
    ///
    /// # Errors
    /// If a change is of an account that is hidden.
    pub fn roots(
        &self,
        changes: &[crate::Change],
        parallel: &impl Parallel,
    ) -> Result<[Hash; 2], PartialTrieError> {
        let hashed = hash_all(changes, parallel);
        let all: Vec<&Change> = hashed.iter().flatten().collect();
        let ordered = in_order(&all);
        let roots = parallel.map(self.shards.len(), |number| {
            let ShardPart { shard, start, .. } = self.shards[number];
            let first = ordered.partition_point(|change| shard_of(&change.path) < shard);
            let end = ordered.partition_point(|change| shard_of(&change.path) <= shard);
            let mut place = start;
            self.changed(
                &mut place,
                SHARD_DEPTH,
                &ordered[first..end],
                &mut [].into_iter(),
            )
        });
        let mut roots = self.shards.iter().zip(roots);
        let roots = self.changed(&mut Place::default(), 0, &ordered, &mut roots);
        let roots = roots.map_err(|fault| match fault {
            Fault::Part(error) => error,
            Fault::Hidden(path) => {
                let mut pairs = changes.iter().zip(hashed.iter().flatten());
                let found = pairs.find(|(_, change)| change.path == path);
                let ((address, _), _) = found.expect("the path is that of a change");
                PartialTrieError::Hidden(*address)
            }
        })?;
        Ok(roots.map(Hash::new_from_array))
    }

    /// The hashes of a node before and after changes below it. Those of shards are there already,
    /// from left to right, if there are any.
    fn changed(
        &self,
        place: &mut Place,
        depth: usize,
        changes: &[&Change],
        shards: &mut dyn Iterator<Item = (&ShardPart, Hashes)>,
    ) -> Hashes {
        if depth == SHARD_DEPTH
            && let Some((part, hashes)) = shards.next()
        {
            *place = part.end;
            return hashes;
        }
        let below = depth.saturating_add(1);
        // A leaf may be as deep as paths are long, and has no sides.
        let sides = || {
            let right = changes.partition_point(|change| !bit(&change.path, depth));
            changes.split_at(right)
        };
        let (before, lone) = match self.node(place).map_err(Fault::Part)? {
            Node::Empty => (TERMINATOR, None),
            Node::Hidden(hash) => {
                refuse(changes)?;
                (hash, None)
            }
            Node::Leaf(one) => (leaf(&one.key_path, &one.value_hash), Some(one)),
            Node::Fork => {
                let (left, right) = sides();
                let left = self.changed(place, below, left, shards)?;
                let right = self.changed(place, below, right, shards)?;
                return Ok(joined(left, right, changes));
            }
            Node::Half {
                hidden,
                is_left: true,
            } => {
                let (left, right) = sides();
                refuse(left)?;
                let right = self.changed(place, below, right, shards)?;
                return Ok(joined([hidden; 2], right, changes));
            }
            Node::Half { hidden, .. } => {
                let (left, right) = sides();
                refuse(right)?;
                let left = self.changed(place, below, left, shards)?;
                return Ok(joined(left, [hidden; 2], changes));
            }
        };
        if changes.is_empty() {
            return Ok([before, before]);
        }
        let stays = |one: &ProvenLeaf| changes.iter().all(|change| change.path != one.key_path);
        let mut leaves: Vec<ProvenLeaf> = lone.filter(stays).into_iter().collect();
        leaves.extend(changes.iter().filter_map(|change| {
            Some(ProvenLeaf {
                key_path: change.path,
                value_hash: change.value_hash?,
            })
        }));
        leaves.sort_unstable_by_key(|leaf| leaf.key_path);
        Ok([before, subtree(&leaves, depth)])
    }
}

/// The hashes of a node before and after changes.
type Hashes = Result<[Bytes; 2], Fault>;

/// Why there are none.
enum Fault {
    /// The path of a change that is hidden.
    Hidden(Bytes),
    Part(PartialTrieError),
}

/// Fails if a change is hidden.
fn refuse(changes: &[&Change]) -> Result<(), Fault> {
    changes
        .first()
        .map_or(Ok(()), |change| Err(Fault::Hidden(change.path)))
}

/// The hashes of a fork.
fn joined(left: [Bytes; 2], right: [Bytes; 2], changes: &[&Change]) -> [Bytes; 2] {
    let before = internal(&left[0], &right[0]);
    let after = if changes.is_empty() {
        before
    } else {
        parent(&left[1], &right[1])
    };
    [before, after]
}

/// The hash of a subtree of these leaves.
fn subtree(leaves: &[ProvenLeaf], depth: usize) -> Bytes {
    match leaves {
        [] => TERMINATOR,
        [one] => leaf(&one.key_path, &one.value_hash),
        several => {
            let right = several.partition_point(|leaf| !bit(&leaf.key_path, depth));
            let (left, right) = several.split_at(right);
            let below = depth.saturating_add(1);
            parent(&subtree(left, below), &subtree(right, below))
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    reason = "the numbers of these tests are small"
)]
mod tests {
    use lockstep_interface::Account;
    use rand::{Rng as _, SeedableRng as _, seq::IndexedRandom as _};
    use rand_chacha::ChaCha8Rng;

    use super::{super::key_path, *};
    use crate::Serial;

    fn address(number: u64) -> Address {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Address::new_from_array(bytes)
    }

    /// A trie of wallets with even numbers, and some accounts below twice their count.
    fn scene(random: &mut ChaCha8Rng, count: usize, known: usize) -> (Trie, Vec<crate::Change>) {
        let all: Vec<u64> = (0..count as u64 * 2 + 2).collect();
        let account = |number: u64| {
            let is_there = number < count as u64 * 2 && number.is_multiple_of(2);
            let lamports = if is_there { number + 1 } else { 0 };
            (address(number), Account::wallet(lamports))
        };
        let accounts: Vec<_> = all.iter().copied().map(account).collect();
        let trie = Trie::default().update(&accounts, &Serial);
        let known = all.choose_multiple(random, known);
        let known = known.map(|number| match account(*number) {
            (address, account) if account.exists() => (address, account),
            (address, _) => (address, Account::default()),
        });
        (trie, known.collect())
    }

    #[test]
    fn roots_are_those_of_the_whole_trie() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for round in 0..400 {
            let count = random.random_range(0..[4, 60, 900][round % 3]);
            let known = random.random_range(0..=(2 * count + 2).min(90));
            let (trie, known) = scene(&mut random, count, known);
            let bytes = trie.part(&known).unwrap();
            let part = PartialTrie::read(&bytes, &known, &Serial).unwrap();
            for _ in 0..4 {
                let changes = known.iter().filter(|_| random.random_bool(0.7));
                let changes: Vec<_> = changes.cloned().collect();
                let changes: Vec<_> = changes
                    .into_iter()
                    .map(|(address, _)| (address, Account::wallet(random.random_range(0..3))))
                    .collect();
                let expected = [trie.root(), trie.update(&changes, &Serial).root()];
                assert_eq!(part.roots(&changes, &Serial), Ok(expected));
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let (trie, known) = scene(&mut random, 40, 9);
        let bytes = trie.part(&known).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            let roots = PartialTrie::read(&wrong, &known, &Serial);
            let roots = roots.and_then(|part| part.roots(&[], &Serial));
            assert_ne!(
                roots.map(|[before, _]| before),
                Ok(trie.root()),
                "bit {bit}"
            );
        }
        for end in 0..bytes.len() {
            assert!(PartialTrie::read(&bytes[..end], &known, &Serial).is_err());
        }
        for place in 0..known.len() {
            let mut wrong = known.clone();
            let account = &mut wrong[place].1;
            account.lamports = if account.exists() { 0 } else { 7 };
            let roots = PartialTrie::read(&bytes, &wrong, &Serial);
            let roots = roots.and_then(|part| part.roots(&[], &Serial));
            assert_ne!(
                roots.map(|[before, _]| before),
                Ok(trie.root()),
                "account {place}"
            );
        }
    }

    #[test]
    fn a_leaf_cannot_be_hidden_by_the_way_a_part_is_written() {
        let one = (address(1), Account::wallet(1));
        let trie = Trie::default().update(std::slice::from_ref(&one), &Serial);
        let missing = [(one.0, Account::default())];
        let path = key_path(&one.0);
        let root = trie.root().to_bytes();
        // The lone leaf is the root. Below a fork that no trie has, it would stand beside its path.
        let is_right = bit(&path, 0);
        let hidden = [&[1], &root[..]].concat();
        let beside = match is_right {
            true => [&[4], &hidden[..], &[0]].concat(),
            false => [&[4, 0], &hidden[..]].concat(),
        };
        let value = crate::account_hash(&one.1).to_bytes();
        let leaf = [&[2], &path[..], &value].concat();
        let misplaced = match is_right {
            true => [&[4], &leaf[..], &[0]].concat(),
            false => [&[4, 0], &leaf[..]].concat(),
        };
        for bytes in [&beside, &misplaced] {
            let error = PartialTrie::read(bytes, &missing, &Serial).unwrap_err();
            assert!(matches!(error, PartialTrieError::Misplaced(_)), "{error}");
        }
        let error = PartialTrie::read(&hidden, &missing, &Serial).unwrap_err();
        assert_eq!(error, PartialTrieError::Hidden(one.0));
        let error = PartialTrie::read(&leaf, &missing, &Serial).unwrap_err();
        assert_eq!(error, PartialTrieError::Exists(one.0));
        // As deep as no path is, and as deep as paths are.
        let deep = vec![4; 300];
        assert!(PartialTrie::read(&deep, &[], &Serial).is_err());
        let mut deep = Vec::new();
        for depth in 0..256 {
            deep.push(if bit(&path, depth) { 5 } else { 6 });
            deep.extend([7; 32]);
        }
        deep.push(3);
        let known = std::slice::from_ref(&one);
        let part = PartialTrie::read(&deep, known, &Serial).unwrap();
        let roots = part.roots(known, &Serial).unwrap();
        assert_eq!(roots[0], roots[1]);
        assert_ne!(roots[0], trie.root());
    }
}
