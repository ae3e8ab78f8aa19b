//! The state trie: one root over all accounts that exist, and proofs against it.
//!
//! A binary Merkle trie over SHA-256 in the format of nomt-core (`thrumdev/nomt`,
//! `core/src/trie.rs`): key path = SHA-256 of the address, value hash =
//! [`account_hash`](crate::account_hash). A lone leaf stands at the highest place that is its own,
//! so the root depends on the accounts alone.
//!
//! ```text
//! depth 0 .. 8    the top: 255 nodes, recomputed at each update
//! depth 8         256 shards, updated in parallel
//! below           branches, one bit each, shared between versions
//! at the ends     buckets of up to 16 leaves with the nodes between them
//! ```
//! A [`Trie`] never changes. [`Trie::update`] gives the trie of a child bank, which shares all that
//! did not change; any number of children may be made of one parent, in any order and at once, and
//! what a dropped fork alone held is freed with it. There is nothing to apply: the trie of the bank
//! that becomes final is the trie of the state.

mod bucket;
mod hash;
mod proof;
mod subtree;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use lockstep_interface::{Account, Address, Hash};
pub use proof::{
    PROOF_SIZE_MAX, ProofError, ProvenLeaf, SIBLING_COUNT_MAX, StateProof, key_path, verify_proof,
};

use self::{
    bucket::{Change, Leaf, walk},
    hash::{Bytes, Kind, TERMINATOR, bit, kind, order, parent},
    subtree::{Body, Subtree},
};

/// Depth of the shards.
const SHARD_DEPTH: usize = 8;
/// One for each first byte of a path.
const SHARD_COUNT: usize = 1 << SHARD_DEPTH;
/// Accounts hashed by one task.
const TASK_SIZE: usize = 256;

/// Where the trie's work is done; the store owns no threads.
pub trait Parallel: Sync {
    /// Maps the numbers below `count`; results in their order.
    fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Send + Sync) -> Vec<R>;
}

/// All work on the caller's thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Serial;

impl Parallel for Serial {
    fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Send + Sync) -> Vec<R> {
        (0..count).map(work).collect()
    }
}

/// The accounts of one state, as hashes. Cloning costs one reference count.
///
/// ```
/// use lockstep_interface::{Account, Address};
/// use lockstep_store::{Serial, Trie};
///
/// let [one, other] = [1, 2].map(|byte| Address::new_from_array([byte; 32]));
/// let parent = Trie::default().update(&[(one, Account::wallet(5))], &Serial);
/// let child = parent.update(&[(other, Account::wallet(6))], &Serial);
/// assert_ne!(child.root(), parent.root());
/// // An account without lamports does not exist.
/// let undone = child.update(&[(other, Account::default())], &Serial);
/// assert_eq!(undone.root(), parent.root());
/// ```
#[derive(Clone, Debug)]
pub struct Trie(Arc<Version>);

impl Eq for Trie {}

impl PartialEq for Trie {
    /// Two tries are equal if their roots are.
    fn eq(&self, other: &Self) -> bool {
        self.root() == other.root()
    }
}

/// The trie of one state.
#[derive(Debug)]
struct Version {
    /// The nodes above the shards: the root at 1, the children of `n` at `2n` and `2n + 1`.
    top: Box<[Bytes]>,
    /// By the first byte of a path.
    shards: Box<[Subtree]>,
}

impl Default for Trie {
    fn default() -> Self {
        Self::with_shards(vec![Subtree::EMPTY; SHARD_COUNT])
    }
}

/// What an account means to the trie.
fn change((address, account): &(Address, Account)) -> Change {
    let value_hash = account
        .exists()
        .then(|| crate::account_hash(account).to_bytes());
    Change {
        path: key_path(address),
        value_hash,
    }
}

impl Trie {
    fn with_shards(shards: Vec<Subtree>) -> Self {
        let mut top = vec![TERMINATOR; SHARD_COUNT];
        for place in (1..SHARD_COUNT).rev() {
            let child = |side: usize| -> &Bytes {
                let place = place << 1 | side;
                top.get(place)
                    .unwrap_or_else(|| &shards[place.saturating_sub(SHARD_COUNT)].hash)
            };
            top[place] = parent(child(0), child(1));
        }
        Self(Arc::new(Version {
            top: top.into(),
            shards: shards.into(),
        }))
    }

    /// The state root; 32 zero bytes if no account exists.
    pub fn root(&self) -> Hash {
        Hash::new_from_array(self.0.top[1])
    }

    /// The number of accounts that exist. O(accounts).
    pub fn account_count(&self) -> usize {
        self.0.shards.iter().map(Subtree::leaf_count).sum()
    }

    /// The trie of the state after these changes, in any order; the last of an address counts, and
    /// an account without lamports is one that is gone. This trie stays as it is.
    ///
    /// About 10 hashes a change for 10,000 changes over a million accounts; O(changes x log
    /// accounts). The result does not depend on `parallel`.
    #[must_use]
    pub fn update(&self, changes: &[crate::Change], parallel: &impl Parallel) -> Self {
        let tasks = changes.len().div_ceil(TASK_SIZE);
        let hashed = parallel.map(tasks, |task| {
            let start = task.saturating_mul(TASK_SIZE);
            let end = start.saturating_add(TASK_SIZE).min(changes.len());
            changes[start..end].iter().map(change).collect::<Vec<_>>()
        });
        self.update_paths(&hashed.concat(), parallel)
    }

    /// The same with paths.
    fn update_paths(&self, changes: &[Change], parallel: &impl Parallel) -> Self {
        let mut parts: Vec<Vec<&Change>> = vec![Vec::new(); SHARD_COUNT];
        for change in changes {
            parts[usize::from(change.path[0])].push(change);
        }
        let touched: Vec<usize> = (0..SHARD_COUNT)
            .filter(|shard| !parts[*shard].is_empty())
            .collect();
        let updated = parallel.map(touched.len(), |index| {
            let shard = touched[index];
            let mut changes: Vec<Change> = parts[shard].iter().copied().copied().collect();
            // A stable sort keeps repeats in order; reversed, the last of them comes first.
            changes.reverse();
            changes.sort_by(|one, other| order(&one.path, &other.path));
            changes.dedup_by(|later, kept| later.path == kept.path);
            let before = &self.0.shards[shard];
            let touch = |sum, change: &Change| sum ^ before.touch(SHARD_DEPTH, &change.path);
            std::hint::black_box(changes.iter().fold(0, touch));
            before.update(SHARD_DEPTH, &changes, &mut Vec::new())
        });
        let mut shards = self.0.shards.to_vec();
        for (shard, updated) in touched.into_iter().zip(updated) {
            shards[shard] = updated;
        }
        Self::with_shards(shards)
    }

    /// Proves what the account at an address is in this state, or that there is none.
    pub fn prove(&self, address: &Address) -> StateProof {
        self.prove_path(&key_path(address))
    }

    fn prove_path(&self, path: &Bytes) -> StateProof {
        let mut siblings = Vec::new();
        let leaf = self.walk_top(path, &mut siblings);
        StateProof {
            leaf: leaf.map(|leaf| ProvenLeaf {
                key_path: leaf.path,
                value_hash: leaf.value_hash,
            }),
            siblings,
        }
    }

    /// The node at a place of the top or just below it.
    fn node(&self, place: usize) -> &Bytes {
        let shard = || &self.0.shards[place.saturating_sub(SHARD_COUNT)].hash;
        self.0.top.get(place).unwrap_or_else(shard)
    }

    /// Follows a path from the root; returns the leaf at its end.
    fn walk_top(&self, path: &Bytes, siblings: &mut Vec<Bytes>) -> Option<&Leaf> {
        let mut place = 1;
        for depth in 0..SHARD_DEPTH {
            match kind(self.node(place)) {
                Kind::Terminator => return None,
                Kind::Leaf => return self.lone_leaf(place, depth),
                Kind::Internal => {}
            }
            let taken = place << 1 | usize::from(bit(path, depth));
            siblings.push(*self.node(taken ^ 1));
            place = taken;
        }
        let mut subtree = &self.0.shards[place.saturating_sub(SHARD_COUNT)];
        let mut depth = SHARD_DEPTH;
        while let Body::Branch(children) = &subtree.body {
            let side = usize::from(bit(path, depth));
            siblings.push(children[side ^ 1].hash);
            subtree = &children[side];
            depth = depth.saturating_add(1);
        }
        walk(subtree.leaves()?, depth, path, siblings)
    }

    /// The only leaf below a place of the top.
    fn lone_leaf(&self, place: usize, depth: usize) -> Option<&Leaf> {
        let height = SHARD_DEPTH.saturating_sub(depth);
        let first = (place << height).saturating_sub(SHARD_COUNT);
        let shards = self.0.shards[first..].iter().take(1 << height);
        let mut leaves = shards.filter_map(Subtree::leaves).flatten();
        leaves.next()
    }
}
