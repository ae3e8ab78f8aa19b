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
//! below           forks where paths part, and leaves; shared between versions
//! ```
//! A [`Trie`] never changes. [`Trie::update`] gives the trie of a child bank, which shares all that
//! did not change; any number of children may be made of one parent, in any order and at once.
//! There is nothing to apply: the trie of the bank that becomes final is the trie of the state.
//!
//! All tries that come from one keep their nodes in the same 256 arenas, each behind a lock. The
//! room of what a dropped trie alone held is used again from the next update on, and freed with the
//! last of them.

mod arena;
mod hash;
mod proof;
#[cfg(test)]
mod tests;
mod update;
mod walk;

use std::sync::Arc;

use lockstep_interface::{Account, Address, Hash};
pub use proof::{
    PROOF_SIZE_MAX, ProofError, ProvenLeaf, SIBLING_COUNT_MAX, StateProof, key_path, verify_proof,
};

use self::{
    arena::{Arena, Leaf, Link},
    hash::{Bytes, Kind, TERMINATOR, bit, kind, parent, prefix},
    update::Change,
};
use crate::sync::Shared;

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
    /// The nodes down to the shards: the root at 1, the children of `n` at `2n` and `2n + 1`, the
    /// shards from `SHARD_COUNT` on.
    top: Box<[Bytes]>,
    /// What the shards consist of; counted for this version.
    roots: Roots,
    forest: Arc<Forest>,
}

/// By the first byte of a path.
type Roots = Box<[Option<Link>]>;

/// The nodes of all versions that come from one.
#[derive(Debug)]
struct Forest {
    /// By shards.
    arenas: Box<[Shared<Arena>]>,
    /// Of versions that are gone and still counted. The next update releases them, since it has the
    /// memory at hand; so dropping a version waits for nothing.
    dropped: Shared<Vec<Roots>>,
}

impl Drop for Version {
    fn drop(&mut self) {
        // The last version takes the nodes along.
        if Arc::get_mut(&mut self.forest).is_none() {
            let roots = std::mem::take(&mut self.roots);
            self.forest.dropped.write().push(roots);
        }
    }
}

impl Default for Trie {
    fn default() -> Self {
        let arenas = (0..SHARD_COUNT).map(|_| Shared::default());
        Self(Arc::new(Version {
            top: vec![TERMINATOR; 2 * SHARD_COUNT].into(),
            roots: vec![None; SHARD_COUNT].into(),
            forest: Arc::new(Forest {
                arenas: arenas.collect(),
                dropped: Shared::default(),
            }),
        }))
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
    /// The state root; 32 zero bytes if no account exists.
    pub fn root(&self) -> Hash {
        Hash::new_from_array(self.0.top[1])
    }

    /// The number of accounts that exist. O(accounts).
    pub fn account_count(&self) -> usize {
        let shards = self.0.forest.arenas.iter().zip(&self.0.roots);
        let count = |(arena, root): (&Shared<Arena>, &Option<Link>)| {
            root.map_or(0, |root| arena.read().leaf_count(root))
        };
        shards.map(count).sum()
    }

    /// The trie of the state after these changes, in any order; the last of an address counts, and
    /// an account without lamports is one that is gone. This trie stays as it is.
    ///
    /// About 10 hashes a change for 10,000 changes over a million accounts; O(changes x log
    /// accounts). The result does not depend on `parallel`. Takes back the room of tries that were
    /// dropped since the last update of any of those that come from one. Updates of two of these at
    /// once wait for each other where they meet in a shard.
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
        let forest = &self.0.forest;
        let dropped = std::mem::take(&mut *forest.dropped.write());
        let updated = parallel.map(SHARD_COUNT, |shard| {
            let changes = in_order(&parts[shard]);
            let mut arena = forest.arenas[shard].write();
            arena.release(dropped.iter().filter_map(|roots| roots[shard]).collect());
            let root = arena.update(self.0.roots[shard], SHARD_DEPTH, &changes);
            (root, root.map_or(TERMINATOR, |root| arena.hash(root)))
        });
        let (roots, hashes): (Vec<_>, Vec<_>) = updated.into_iter().unzip();
        let mut top = [vec![TERMINATOR; SHARD_COUNT], hashes].concat();
        for place in (1..SHARD_COUNT).rev() {
            top[place] = parent(&top[place << 1], &top[place << 1 | 1]);
        }
        Self(Arc::new(Version {
            top: top.into(),
            roots: roots.into(),
            forest: forest.clone(),
        }))
    }

    /// Proves what the account at an address is in this state, or that there is none.
    pub fn prove(&self, address: &Address) -> StateProof {
        self.prove_path(&key_path(address))
    }

    fn prove_path(&self, path: &Bytes) -> StateProof {
        let mut siblings = Vec::new();
        let leaf = self.walk(path, &mut siblings);
        StateProof {
            leaf: leaf.map(|leaf| ProvenLeaf {
                key_path: leaf.path,
                value_hash: leaf.value_hash,
            }),
            siblings,
        }
    }

    /// Follows a path from the root: adds the siblings it passes, and returns the leaf at its end.
    fn walk(&self, path: &Bytes, siblings: &mut Vec<Bytes>) -> Option<Leaf> {
        let mut place = 1;
        for depth in 0..SHARD_DEPTH {
            match kind(&self.0.top[place]) {
                Kind::Terminator => return None,
                Kind::Leaf => return self.lone_leaf(place, depth),
                Kind::Internal => {}
            }
            let taken = place << 1 | usize::from(bit(path, depth));
            siblings.push(self.0.top[taken ^ 1]);
            place = taken;
        }
        let shard = place.saturating_sub(SHARD_COUNT);
        let arena = self.0.forest.arenas[shard].read();
        arena.walk(self.0.roots[shard]?, SHARD_DEPTH, path, siblings)
    }

    /// The only leaf below a place of the top.
    fn lone_leaf(&self, place: usize, depth: usize) -> Option<Leaf> {
        let height = SHARD_DEPTH.saturating_sub(depth);
        let first = (place << height).saturating_sub(SHARD_COUNT);
        let mut shards = (first..SHARD_COUNT).take(1 << height);
        shards.find_map(|shard| {
            let root = self.0.roots[shard]?;
            Some(*self.0.forest.arenas[shard].read().any_leaf(root))
        })
    }
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
