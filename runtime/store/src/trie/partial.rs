//! A part of a trie: all that some paths pass, and hashes in place of the rest. It proves the
//! accounts at the ends of the paths, and gives the root after changes of them.
//!
//! ```text
//! node   0                     nothing
//!        1 | hash 32           hidden: any subtree that no path leads to
//!        2 | path 32 | value 32  the leaf of another account, at which a path ends
//!        3                     the leaf of the next of the accounts, in the order of paths
//!        4 | node | node       a fork, both sides shown
//!        5 | hash 32 | node    a fork, its left side hidden
//!        6 | hash 32 | node    a fork, its right side hidden
//! ```
//! The root comes first. Nodes shared by several paths are there once: of 20,000 paths among a
//! million accounts, 235 bytes each, where single proofs take 740.

use lockstep_interface::{Address, Hash};
use thiserror::Error;

use super::{
    Change, Parallel, Trie,
    hash::{Bytes, Kind, TERMINATOR, bit, common_bits, internal, kind, leaf, parent},
    hashed, key_path,
    proof::{ProvenLeaf, SIBLING_COUNT_MAX, StateProof},
};
use crate::StoreError;

/// Depth below which subtrees are hashed on several threads.
const TASK_DEPTH: usize = 6;

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
/// let bytes = trie.part(&known)?.to_bytes(&known);
///
/// let part = PartialTrie::from_bytes(&bytes, &known)?;
/// let changes = [(address(4), Account::default()), (address(250), Account::wallet(1))];
/// let [before, after] = part.roots(&changes, &Serial)?;
/// assert_eq!(before, trie.root());
/// assert_eq!(after, trie.update(&changes, &Serial).root());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PartialTrie(Node);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Node {
    Empty,
    Hidden(Bytes),
    Leaf(ProvenLeaf),
    Fork(Box<[Node; 2]>),
}

impl Node {
    /// What its hash will be.
    fn kind(&self) -> Kind {
        match self {
            Self::Empty => Kind::Terminator,
            Self::Hidden(hash) => kind(hash),
            Self::Leaf(_) => Kind::Leaf,
            Self::Fork(_) => Kind::Internal,
        }
    }
}

impl Trie {
    /// The part that shows these accounts, those without lamports as missing. Their order does not
    /// matter. O(accounts x depth).
    ///
    /// # Errors
    /// As [`Trie::try_update`].
    pub fn part(&self, accounts: &[crate::Change]) -> Result<PartialTrie, StoreError> {
        let mut paths: Vec<Bytes> = accounts
            .iter()
            .map(|(address, _)| key_path(address))
            .collect();
        paths.sort_unstable();
        paths.dedup();
        let proofs = paths.iter().map(|path| {
            let proof = self.prove_path(path).map_err(super::unreadable)?;
            Ok((*path, proof))
        });
        let proofs = proofs.collect::<Result<Vec<_>, StoreError>>()?;
        Ok(PartialTrie(if proofs.is_empty() {
            Node::Hidden(self.root().to_bytes())
        } else {
            merged(&proofs, 0)
        }))
    }
}

/// The node at a depth that these proofs pass; there is at least one, in the order of paths.
fn merged(proofs: &[(Bytes, StateProof)], depth: usize) -> Node {
    let (path, first) = &proofs[0];
    let Some(sibling) = first.siblings.get(depth) else {
        return first.leaf.map_or(Node::Empty, Node::Leaf);
    };
    let right = proofs.partition_point(|(path, _)| !bit(path, depth));
    let below = depth.saturating_add(1);
    let (left, right) = proofs.split_at(right);
    let mut sides = [left, right].map(|side| match side {
        [] => Node::Hidden(*sibling),
        side => merged(side, below),
    });
    // Nothing has to be hidden where nothing is.
    let beside = usize::from(!bit(path, depth));
    if sides[beside] == Node::Hidden(TERMINATOR) {
        sides[beside] = Node::Empty;
    }
    Node::Fork(Box::new(sides))
}

impl PartialTrie {
    /// The bytes, of which leaves of these accounts are left out: they are read with the
    /// accounts at hand.
    pub fn to_bytes(&self, accounts: &[crate::Change]) -> Vec<u8> {
        let mut known: Vec<Bytes> = hashed(accounts)
            .into_iter()
            .filter_map(|change| change.value_hash.map(|_| change.path))
            .collect();
        known.sort_unstable();
        let mut bytes = Vec::new();
        write(&self.0, &known, &mut bytes);
        bytes
    }

    /// The part that these bytes are, of the trie in which the accounts are as given; those without
    /// lamports are missing. The root that it has is what proves this.
    ///
    /// # Errors
    /// If the bytes are no part of a trie with these accounts.
    pub fn from_bytes(bytes: &[u8], accounts: &[crate::Change]) -> Result<Self, PartialTrieError> {
        let all = hashed(accounts);
        let existing = all.iter().filter_map(|change| {
            Some(ProvenLeaf {
                key_path: change.path,
                value_hash: change.value_hash?,
            })
        });
        let mut leaves: Vec<ProvenLeaf> = existing.collect();
        leaves.sort_unstable_by_key(|leaf| leaf.key_path);
        let mut reader = Reader {
            bytes,
            offset: 0,
            leaves: leaves.into_iter(),
        };
        let root = reader.node([0; 32], 0)?;
        if reader.offset != bytes.len() {
            return Err(PartialTrieError::Malformed(reader.offset));
        }
        if reader.leaves.next().is_some() {
            return Err(PartialTrieError::WithoutLeaf);
        }
        let part = Self(root);
        for ((address, _), change) in accounts.iter().zip(&all) {
            let is_there = part
                .find(&change.path)
                .ok_or(PartialTrieError::Hidden(*address))?;
            if is_there != change.value_hash.is_some() {
                return Err(PartialTrieError::Exists(*address));
            }
        }
        Ok(part)
    }

    /// Whether a path ends at its leaf; `None` if that is hidden.
    fn find(&self, path: &Bytes) -> Option<bool> {
        let mut node = &self.0;
        let mut depth = 0;
        loop {
            match node {
                Node::Empty => return Some(false),
                Node::Hidden(_) => return None,
                Node::Leaf(leaf) => return Some(leaf.key_path == *path),
                Node::Fork(sides) => {
                    node = &sides[usize::from(bit(path, depth))];
                    depth = depth.saturating_add(1);
                }
            }
        }
    }

    /// The roots of the trie before and after changes, of which the last of each address counts.
    /// O(nodes), spread over the threads.
    ///
    /// # Errors
    /// If a change is of an account that is hidden.
    pub fn roots(
        &self,
        changes: &[crate::Change],
        parallel: &impl Parallel,
    ) -> Result<[Hash; 2], PartialTrieError> {
        let hashed = super::hash_all(changes, parallel);
        let hidden = changes.iter().zip(hashed.iter().flatten());
        for ((address, _), change) in hidden {
            self.find(&change.path)
                .ok_or(PartialTrieError::Hidden(*address))?;
        }
        let all: Vec<&Change> = hashed.iter().flatten().collect();
        let ordered = super::in_order(&all);
        let mut tasks = Vec::new();
        collect(&self.0, 0, &ordered, &mut tasks);
        let done = parallel.map(tasks.len(), |task| {
            let (node, depth, changes) = tasks[task];
            changed(node, depth, changes)
        });
        let mut done = done.into_iter();
        Ok(folded(&self.0, 0, &mut done).map(Hash::new_from_array))
    }
}

type Task<'t> = (&'t Node, usize, &'t [&'t Change]);

/// The subtrees that are hashed one by one, from left to right.
fn collect<'t>(node: &'t Node, depth: usize, changes: &'t [&'t Change], tasks: &mut Vec<Task<'t>>) {
    match node {
        Node::Fork(sides) if depth < TASK_DEPTH => {
            let below = depth.saturating_add(1);
            let parts = split(changes, depth);
            for (side, changes) in sides.iter().zip(parts) {
                collect(side, below, changes, tasks);
            }
        }
        _ => tasks.push((node, depth, changes)),
    }
}

/// The hashes before and after of a node whose subtrees are hashed.
fn folded(node: &Node, depth: usize, done: &mut impl Iterator<Item = [Bytes; 2]>) -> [Bytes; 2] {
    match node {
        Node::Fork(sides) if depth < TASK_DEPTH => {
            let below = depth.saturating_add(1);
            let [left, right] = [0, 1].map(|side| folded(&sides[side], below, done));
            [internal(&left[0], &right[0]), parent(&left[1], &right[1])]
        }
        _ => done.next().expect("one for each subtree"),
    }
}

/// The hashes of a node before and after changes below it.
fn changed(node: &Node, depth: usize, changes: &[&Change]) -> [Bytes; 2] {
    let before = match node {
        Node::Fork(sides) => {
            let below = depth.saturating_add(1);
            let parts = split(changes, depth);
            let [left, right] = [0, 1].map(|side| changed(&sides[side], below, parts[side]));
            let before = internal(&left[0], &right[0]);
            let after = if changes.is_empty() {
                before
            } else {
                parent(&left[1], &right[1])
            };
            return [before, after];
        }
        Node::Empty => TERMINATOR,
        Node::Hidden(hash) => *hash,
        Node::Leaf(leaf) => self::leaf(&leaf.key_path, &leaf.value_hash),
    };
    if changes.is_empty() {
        return [before, before];
    }
    let mut leaves: Vec<ProvenLeaf> = Vec::new();
    if let Node::Leaf(leaf) = node
        && changes.iter().all(|change| change.path != leaf.key_path)
    {
        leaves.push(*leaf);
    }
    leaves.extend(changes.iter().filter_map(|change| {
        Some(ProvenLeaf {
            key_path: change.path,
            value_hash: change.value_hash?,
        })
    }));
    leaves.sort_unstable_by_key(|leaf| leaf.key_path);
    [before, subtree(&leaves, depth)]
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

/// The changes on each side of a fork.
fn split<'c, 'a>(changes: &'c [&'a Change], depth: usize) -> [&'c [&'a Change]; 2] {
    let right = changes.partition_point(|change| !bit(&change.path, depth));
    let (left, right) = changes.split_at(right);
    [left, right]
}

fn write(node: &Node, known: &[Bytes], bytes: &mut Vec<u8>) {
    match node {
        Node::Empty => bytes.push(0),
        Node::Hidden(hash) => {
            bytes.push(1);
            bytes.extend(hash);
        }
        Node::Leaf(leaf) if known.binary_search(&leaf.key_path).is_ok() => bytes.push(3),
        Node::Leaf(leaf) => {
            bytes.push(2);
            bytes.extend(leaf.key_path);
            bytes.extend(leaf.value_hash);
        }
        Node::Fork(sides) => match &**sides {
            [Node::Hidden(hash), shown] => {
                bytes.push(5);
                bytes.extend(hash);
                write(shown, known, bytes);
            }
            [shown, Node::Hidden(hash)] => {
                bytes.push(6);
                bytes.extend(hash);
                write(shown, known, bytes);
            }
            [left, right] => {
                bytes.push(4);
                write(left, known, bytes);
                write(right, known, bytes);
            }
        },
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    offset: usize,
    /// Of the accounts that are known, in the order of paths.
    leaves: std::vec::IntoIter<ProvenLeaf>,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], PartialTrieError> {
        let malformed = PartialTrieError::Malformed(self.offset);
        let rest = self.bytes.get(self.offset..).ok_or(malformed)?;
        let taken = rest.first_chunk().ok_or(malformed)?;
        self.offset = self.offset.saturating_add(N);
        Ok(*taken)
    }

    /// The node at a place of the trie: the beginning of a path.
    fn node(&mut self, place: Bytes, depth: usize) -> Result<Node, PartialTrieError> {
        let start = self.offset;
        let misplaced = PartialTrieError::Misplaced(start);
        let [tag] = self.take()?;
        let leaf = match tag {
            0 => return Ok(Node::Empty),
            1 => return Ok(Node::Hidden(self.take()?)),
            2 => ProvenLeaf {
                key_path: self.take()?,
                value_hash: self.take()?,
            },
            3 => self.leaves.next().ok_or(misplaced)?,
            4..=6 => return self.fork(tag, place, depth, misplaced),
            _ => return Err(PartialTrieError::Malformed(start)),
        };
        if common_bits(&leaf.key_path, &place) < depth {
            return Err(misplaced);
        }
        Ok(Node::Leaf(leaf))
    }

    /// A fork, as the trie of some accounts has one: over two leaves at least. So what the root
    /// proves of a path does not depend on how the part is written.
    fn fork(
        &mut self,
        tag: u8,
        place: Bytes,
        depth: usize,
        misplaced: PartialTrieError,
    ) -> Result<Node, PartialTrieError> {
        if depth >= SIBLING_COUNT_MAX {
            return Err(misplaced);
        }
        let mut right = place;
        right[depth >> 3] |= 0x80 >> (depth & 7);
        let below = depth.saturating_add(1);
        let sides = match tag {
            4 => [self.node(place, below)?, self.node(right, below)?],
            5 => [Node::Hidden(self.take()?), self.node(right, below)?],
            _ => {
                let hidden = Node::Hidden(self.take()?);
                [self.node(place, below)?, hidden]
            }
        };
        match [sides[0].kind(), sides[1].kind()] {
            [Kind::Terminator, Kind::Terminator | Kind::Leaf] | [Kind::Leaf, Kind::Terminator] => {
                Err(misplaced)
            }
            _ => Ok(Node::Fork(Box::new(sides))),
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

    use super::*;
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
            let bytes = trie.part(&known).unwrap().to_bytes(&known);
            let part = PartialTrie::from_bytes(&bytes, &known).unwrap();
            assert_eq!(part.to_bytes(&known), bytes);
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
        let bytes = trie.part(&known).unwrap().to_bytes(&known);
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            let roots = PartialTrie::from_bytes(&wrong, &known);
            let roots = roots.and_then(|part| part.roots(&[], &Serial));
            assert_ne!(
                roots.map(|[before, _]| before),
                Ok(trie.root()),
                "bit {bit}"
            );
        }
        for end in 0..bytes.len() {
            assert!(PartialTrie::from_bytes(&bytes[..end], &known).is_err());
        }
        for place in 0..known.len() {
            let mut wrong = known.clone();
            let account = &mut wrong[place].1;
            account.lamports = if account.exists() { 0 } else { 7 };
            let roots = PartialTrie::from_bytes(&bytes, &wrong);
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
            let error = PartialTrie::from_bytes(bytes, &missing).unwrap_err();
            assert!(matches!(error, PartialTrieError::Misplaced(_)), "{error}");
        }
        let error = PartialTrie::from_bytes(&hidden, &missing).unwrap_err();
        assert_eq!(error, PartialTrieError::Hidden(one.0));
        let error = PartialTrie::from_bytes(&leaf, &missing).unwrap_err();
        assert_eq!(error, PartialTrieError::Exists(one.0));
        // As deep as no path is.
        let deep = vec![4; 300];
        assert!(PartialTrie::from_bytes(&deep, &[]).is_err());
    }
}
