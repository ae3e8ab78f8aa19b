//! The state trie: one root over all accounts that exist, and proofs against it.
//!
//! A binary Merkle trie over SHA-256 in the format of nomt-core (`thrumdev/nomt`,
//! `core/src/trie.rs`): key path = SHA-256 of the address, value hash =
//! [`account_hash`](crate::account_hash). A lone leaf stands at the highest place that is its own,
//! so the root depends on the accounts alone.
//!
//! ```text
//! depth 0 .. 6    the top: 63 nodes, those above changes computed at each update
//! depth 6         64 shards, updated in parallel
//! below           forks where paths part, and leaves
//! ```
//! A [`Trie`] never changes. [`Trie::update`] gives the trie of a child bank, and any number of
//! children may be made of one parent, in any order. There is nothing to apply: the trie of the
//! bank that becomes final is the trie of the state.
//!
//! All tries that come from one keep their nodes in the same 64 arenas, each behind a lock. An
//! arena holds the newest version that was asked for; the others are changes against it, which are
//! kept as long as their tries (`versions.rs`). So a chain that grows changes its nodes in place;
//! asking for another version (a child of an older bank, a proof against its root) takes the time
//! of the changes in between, shard by shard. With a [`TrieBound`], subtrees that paths seldom lead
//! to are in files (`cold.rs`).

mod arena;
mod builder;
mod cold;
#[cfg(feature = "disk")]
mod file;
mod hash;
mod layer;
mod levels;
mod partial;
mod proof;
#[cfg(test)]
mod tests;
mod update;
mod versions;
mod walk;

use std::{io, iter, sync::Arc};

pub use builder::TrieBuilder;
pub use cold::{PageCounts, TrieBound};
pub use layer::{LAYER_DEPTH_MAX, merge_layer, merge_nodes};
use lockstep_interface::{Account, Address, Hash};
pub use partial::{PartialTrie, PartialTrieError};
pub use proof::{
    PROOF_SIZE_MAX, ProofError, ProvenLeaf, SIBLING_COUNT_MAX, StateProof, key_path, key_paths,
    verify_proof,
};

use self::{
    arena::{Arena, Leaf, Link, Node},
    hash::{Bytes, Kind, TERMINATOR, bit, kind, parent, prefix},
    update::Change,
    versions::{Held, Shard},
};
use crate::{
    HASHED_ALONE_SIZE, Messages, StoreError, account_hash, encoding::encode_head, sync::Shared,
};

/// Depth of the shards.
const SHARD_DEPTH: usize = 6;
/// One for each beginning of a path.
const SHARD_COUNT: usize = 1 << SHARD_DEPTH;
/// Accounts hashed by one task, and changes up to which one thread makes the next version.
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
    /// The nodes down to the shards: the root at 1, the children of `n` at `2n` and `2n + 1`, the
    /// shards from `SHARD_COUNT` on.
    top: Box<[Bytes]>,
    /// What the shards are.
    shards: Box<[Arc<Held>]>,
    forest: Arc<Forest>,
}

/// The shards of all versions that come from one.
type Forest = [Shared<Shard>];

impl Default for Trie {
    fn default() -> Self {
        Self::of((0..SHARD_COUNT).map(|_| Shard::of(Vec::new())))
    }
}

/// What accounts mean to the trie.
fn hashed(accounts: &[crate::Change]) -> Vec<Change> {
    let is_alone = |account: &Account| account.data.len() >= HASHED_ALONE_SIZE;
    let mut messages = Messages::with_capacity(accounts.len().saturating_mul(2));
    for (address, account) in accounts {
        messages.push([address.as_array()]);
        if account.exists() && !is_alone(account) {
            messages.push([&encode_head(account), &account.data]);
        }
    }
    let mut hashes = messages.hashes().into_iter();
    let mut next = || hashes.next().expect("one for each message");
    let change = |(_, account): &crate::Change| {
        let path = next();
        let value_hash = match account {
            account if !account.exists() => None,
            account if is_alone(account) => Some(account_hash(account).to_bytes()),
            _ => Some(next()),
        };
        Change { path, value_hash }
    };
    accounts.iter().map(change).collect()
}

/// The same on several threads, in pieces.
fn hash_all(accounts: &[crate::Change], parallel: &impl Parallel) -> Vec<Vec<Change>> {
    parallel.map(accounts.len().div_ceil(TASK_SIZE), |task| {
        let start = task.saturating_mul(TASK_SIZE);
        let end = start.saturating_add(TASK_SIZE).min(accounts.len());
        hashed(&accounts[start..end])
    })
}

/// Changes by their shards.
fn by_shard(pieces: &[impl AsRef<[Change]>]) -> Vec<Vec<&Change>> {
    let mut parts: Vec<Vec<&Change>> = vec![Vec::new(); SHARD_COUNT];
    for change in pieces.iter().flat_map(AsRef::as_ref) {
        parts[shard_of(&change.path)].push(change);
    }
    parts
}

/// The shard of a path.
fn shard_of(path: &Bytes) -> usize {
    usize::from(path[0]) >> (8 - SHARD_DEPTH)
}

impl Trie {
    /// The only trie of some shards.
    fn of(shards: impl Iterator<Item = (Shard, Arc<Held>)>) -> Self {
        let (forest, shards): (Vec<_>, Vec<_>) = shards
            .map(|(shard, held)| (Shared::new(shard), held))
            .unzip();
        Self(Arc::new(Version {
            top: top_over(&[TERMINATOR; 2 * SHARD_COUNT], &shards),
            shards: shards.into(),
            forest: forest.into(),
        }))
    }

    /// The state root; 32 zero bytes if no account exists.
    pub fn root(&self) -> Hash {
        Hash::new_from_array(self.0.top[1])
    }

    /// The number of accounts that exist.
    pub fn account_count(&self) -> usize {
        self.0.shards.iter().map(|shard| shard.leaf_count).sum()
    }

    /// How often pages were read and written by this trie and all that come from the same one;
    /// none without a [`TrieBound`].
    pub fn page_counts(&self) -> Option<Arc<PageCounts>> {
        let counts = self.with_shard(0, |arena| Ok(arena.page_counts()));
        counts.ok().flatten()
    }

    /// Does something with a shard.
    fn with_shard<R>(
        &self,
        shard: usize,
        work: impl FnOnce(&mut Arena) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut versions = self.0.forest[shard].write();
        work(versions.at(&self.0.shards[shard])?)
    }

    /// The trie of the state after these changes, in any order; the last of an address counts, and
    /// an account without lamports is one that is gone. This trie stays as it is.
    ///
    /// About 10 hashes a change for 10,000 changes over a million accounts; O(changes x log
    /// accounts), and as much for the changes between this trie and the newest that was asked for.
    /// The result does not depend on `parallel`. Updates of two tries at once wait for each other
    /// where they meet in a shard.
    ///
    /// # Panics
    /// Where [`Trie::try_update`] fails, which one without a [`TrieBound`] never does.
    #[must_use]
    pub fn update(&self, changes: &[crate::Change], parallel: &impl Parallel) -> Self {
        let updated = self.try_update(changes, parallel);
        updated.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same of a trie that may have a [`TrieBound`].
    ///
    /// # Errors
    /// If its files cannot be read, or have other bytes than were written there. The trie, and all
    /// that come from the same one, are as before.
    pub fn try_update(
        &self,
        changes: &[crate::Change],
        parallel: &impl Parallel,
    ) -> Result<Self, StoreError> {
        let updated = if changes.len() <= TASK_SIZE {
            self.update_paths(&[hashed(changes)], &Serial)
        } else {
            self.update_paths(&hash_all(changes, parallel), parallel)
        };
        updated.map_err(unreadable)
    }

    /// The same with paths, in any number of pieces.
    fn update_paths(
        &self,
        changes: &[impl AsRef<[Change]>],
        parallel: &impl Parallel,
    ) -> io::Result<Self> {
        let parts = by_shard(changes);
        let touched: Vec<usize> = (0..SHARD_COUNT)
            .filter(|shard| !parts[*shard].is_empty())
            .collect();
        let Version { top, forest, .. } = &*self.0;
        let updated = parallel.map(touched.len(), |index| {
            let shard = touched[index];
            let changes = in_order(&parts[shard]);
            let mut versions = forest[shard].write();
            versions.child(&self.0.shards[shard], changes.into_iter())
        });
        let mut shards = self.0.shards.clone();
        for (shard, held) in touched.into_iter().zip(updated) {
            shards[shard] = held?;
        }
        Ok(Self(Arc::new(Version {
            top: top_over(top, &shards),
            shards,
            forest: forest.clone(),
        })))
    }

    /// Proves what the account at an address is in this state, or that there is none.
    ///
    /// # Panics
    /// Where [`Trie::try_prove`] fails, which one without a [`TrieBound`] never does.
    pub fn prove(&self, address: &Address) -> StateProof {
        let proof = self.try_prove(address);
        proof.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same of a trie that may have a [`TrieBound`].
    ///
    /// # Errors
    /// As [`Trie::try_update`].
    pub fn try_prove(&self, address: &Address) -> Result<StateProof, StoreError> {
        self.prove_path(&key_path(address)).map_err(unreadable)
    }

    fn prove_path(&self, path: &Bytes) -> io::Result<StateProof> {
        let mut siblings = Vec::new();
        let leaf = self.walk(path, &mut siblings)?;
        Ok(StateProof {
            leaf: leaf.map(|leaf| ProvenLeaf {
                key_path: *leaf.path(),
                value_hash: *leaf.value_hash(),
            }),
            siblings,
        })
    }

    /// Follows a path from the root: adds the siblings it passes, and returns the leaf at its end.
    fn walk(&self, path: &Bytes, siblings: &mut Vec<Bytes>) -> io::Result<Option<Leaf>> {
        let mut place = 1;
        for depth in 0..SHARD_DEPTH {
            match kind(&self.0.top[place]) {
                Kind::Terminator => return Ok(None),
                Kind::Leaf => return self.lone_leaf(place, depth),
                Kind::Internal => {}
            }
            let taken = place << 1 | usize::from(bit(path, depth));
            siblings.push(self.0.top[taken ^ 1]);
            place = taken;
        }
        let shard = place.saturating_sub(SHARD_COUNT);
        self.with_shard(shard, |arena| {
            arena.warm(iter::once(path))?;
            let leaf = arena.walk(SHARD_DEPTH, path, siblings);
            arena.cool();
            Ok(leaf)
        })
    }

    /// The only leaf below a place of the top.
    fn lone_leaf(&self, place: usize, depth: usize) -> io::Result<Option<Leaf>> {
        let height = SHARD_DEPTH.saturating_sub(depth);
        let first = (place << height).saturating_sub(SHARD_COUNT);
        let shards = (first..SHARD_COUNT).take(1 << height);
        for shard in shards {
            let leaf = self.with_shard(shard, |arena| match arena.root().map(Link::node) {
                Some(Node::Leaf(slot)) => Ok(Some(*arena.leaf(slot))),
                _ => Ok(None),
            })?;
            if leaf.is_some() {
                return Ok(leaf);
            }
        }
        Ok(None)
    }
}

/// The error for files of a trie that cannot be used.
fn unreadable(error: io::Error) -> StoreError {
    StoreError::Medium {
        operation: "read what of the trie is out of memory",
        source: Box::new(error),
    }
}

/// The top over the hashes of all shards, from that before.
fn top_over(before: &[Bytes], shards: &[Arc<Held>]) -> Box<[Bytes]> {
    let mut top: Box<[Bytes]> = before.into();
    let mut changed: Vec<usize> = Vec::new();
    for (place, shard) in (SHARD_COUNT..).zip(shards) {
        if top[place] != shard.hash {
            top[place] = shard.hash;
            changed.push(place);
        }
    }
    while changed.iter().any(|place| *place > 1) {
        changed.iter_mut().for_each(|place| *place >>= 1);
        changed.dedup();
        for place in &changed {
            top[*place] = parent(&top[place << 1], &top[place << 1 | 1]);
        }
    }
    top
}

/// Changes in strictly ascending order of paths, the last of each path.
fn in_order<'c>(changes: &[&'c Change]) -> Vec<&'c Change> {
    let mut keyed: Vec<_> = changes
        .iter()
        .map(|change| (prefix(&change.path), *change))
        .collect();
    // A stable sort keeps repeats in order; reversed, the last of them comes first.
    keyed.reverse();
    keyed.sort_by(|(one_prefix, one), (other_prefix, other)| {
        one_prefix
            .cmp(other_prefix)
            .then_with(|| one.path.cmp(&other.path))
    });
    keyed.dedup_by(|(_, later), (_, kept)| later.path == kept.path);
    keyed.into_iter().map(|(_, change)| change).collect()
}
