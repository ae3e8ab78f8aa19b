//! The versions of one shard: one of them lies in the arena, the others are ways to it.
//!
//! ```text
//! 4 -> 5 -> 8 (in the arena)      a way: the changes that make the version at its end into the
//!      6 -> 7 -^                  one at its beginning
//! ```
//! A version that is asked for becomes the one in the arena: the changes on its way are done there,
//! and the way is turned round (Baker, *Shallow binding makes functional arrays fast*, 1991). A
//! chain that grows never goes back, so it only ever pays for what changes; a version that is gone
//! leaves its place on the ways of others.

use std::{collections::BTreeMap, io, sync::Arc};

use super::{
    arena::{Arena, Leaf},
    cold::{PageCounts, TrieBound},
    hash::Bytes,
    update::Change,
};
use crate::sync::Shared;

/// Numbers of versions that no trie holds any more.
type Dropped = Arc<Shared<Vec<u64>>>;

/// The state of a shard in one or more versions of the trie.
#[derive(Debug)]
pub(crate) struct Held {
    number: u64,
    pub(crate) hash: Bytes,
    pub(crate) leaf_count: usize,
    dropped: Dropped,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.dropped.write().push(self.number);
    }
}

/// The way from a version to another.
#[derive(Debug)]
struct Way {
    to: u64,
    /// What makes the version at the end into that at the beginning, in strictly ascending order of
    /// paths.
    changes: Vec<Change>,
}

/// A version that is held, or that others have ways over.
#[derive(Debug)]
struct Version {
    is_held: bool,
    /// None from the version in the arena.
    way: Option<Way>,
    /// How many ways lead here.
    over: usize,
    /// The sum of the numbers that they come from, which names the version if it is one.
    over_sum: u64,
}

/// A shard in all versions that are held.
#[derive(Debug)]
pub(crate) struct Shard {
    arena: Arena,
    /// The version in the arena.
    current: u64,
    newest: u64,
    /// By their numbers.
    versions: BTreeMap<u64, Version>,
    dropped: Dropped,
}

/// Why a version that is looked for is found.
const KNOWN: &str = "a version stays as long as it is held or on a way";

impl Shard {
    /// A shard of some leaves in strictly ascending order of paths, and its only version.
    pub(crate) fn of(leaves: Vec<Leaf>) -> (Self, Arc<Held>) {
        Self::over(Arena::of(leaves))
    }

    /// The same with a bound.
    pub(crate) fn bounded(
        leaves: &[Leaf],
        bound: &TrieBound,
        counts: &Arc<PageCounts>,
    ) -> io::Result<(Self, Arc<Held>)> {
        Arena::bounded(leaves, bound, counts).map(Self::over)
    }

    fn over(mut arena: Arena) -> (Self, Arc<Held>) {
        let hash = arena.root_hash();
        let mut shard = Self {
            arena,
            current: 0,
            newest: 0,
            versions: BTreeMap::new(),
            dropped: Dropped::default(),
        };
        let held = shard.add(0, hash);
        (shard, held)
    }

    /// Makes a version known.
    fn add(&mut self, number: u64, hash: Bytes) -> Arc<Held> {
        let version = Version {
            is_held: true,
            way: None,
            over: 0,
            over_sum: 0,
        };
        self.versions.insert(number, version);
        Arc::new(Held {
            number,
            hash,
            leaf_count: self.arena.leaf_count(),
            dropped: Arc::clone(&self.dropped),
        })
    }

    fn version(&mut self, number: u64) -> &mut Version {
        self.versions.get_mut(&number).expect(KNOWN)
    }

    /// Lays a way from the version that was in the arena to the one that is now.
    fn lay(&mut self, to: u64, changes: Vec<Change>) {
        let from = std::mem::replace(&mut self.current, to);
        self.version(from).way = Some(Way { to, changes });
        let end = self.version(to);
        end.over = end.over.saturating_add(1);
        end.over_sum = end.over_sum.wrapping_add(from);
    }

    /// Takes up the way of a version.
    fn take_up(&mut self, from: u64) -> Option<Way> {
        let way = self.version(from).way.take()?;
        let end = self.version(way.to);
        end.over = end.over.saturating_sub(1);
        end.over_sum = end.over_sum.wrapping_sub(from);
        Some(way)
    }

    /// The arena with a version in it.
    ///
    /// O(1) for the newest one in use, otherwise O(changes between that and this one x depth).
    ///
    /// # Errors
    /// If what is out of memory cannot be read; one of the versions on the way is then there.
    pub(crate) fn at(&mut self, held: &Held) -> io::Result<&mut Arena> {
        let mut route = vec![held.number];
        while let Some(way) = route
            .last()
            .and_then(|last| self.version(*last).way.as_ref())
        {
            route.push(way.to);
        }
        // The last is there already.
        route.pop();
        while let Some(number) = route.pop() {
            let way = self.versions[&number].way.as_ref().expect(KNOWN);
            let (_, changes) = self.arena.update(way.changes.iter())?;
            let Way { to, .. } = self.take_up(number).expect(KNOWN);
            self.lay(number, changes);
            self.forget(to);
        }
        Ok(&mut self.arena)
    }

    /// The version after some changes, in strictly ascending order of paths.
    ///
    /// # Errors
    /// As [`Shard::at`].
    pub(crate) fn child<'c>(
        &mut self,
        parent: &Arc<Held>,
        changes: impl Iterator<Item = &'c Change> + Clone,
    ) -> io::Result<Arc<Held>> {
        let (hash, changes) = self.at(parent)?.update(changes)?;
        let held = if changes.is_empty() {
            Arc::clone(parent)
        } else {
            self.newest = self.newest.saturating_add(1);
            let held = self.add(self.newest, hash);
            self.lay(self.newest, changes);
            held
        };
        let dropped = std::mem::take(&mut *self.dropped.write());
        for number in dropped {
            self.version(number).is_held = false;
            self.forget(number);
        }
        Ok(held)
    }

    /// Forgets a version that is not held, unless it is in the arena or several ways lead over it.
    /// Of two ways behind each other one is made, which may be that of a version to be forgotten.
    fn forget(&mut self, mut number: u64) {
        loop {
            let version = self.version(number);
            if version.is_held || version.way.is_none() || version.over > 1 {
                return;
            }
            let (over, over_sum) = (version.over, version.over_sum);
            if over == 0 {
                let way = self.take_up(number).expect(KNOWN);
                self.versions.remove(&number);
                number = way.to;
                continue;
            }
            let size = |shard: &mut Self, number| {
                let way = shard.version(number).way.as_ref();
                way.map_or(0, |way| way.changes.len())
            };
            // So that each change is copied a logarithmic number of times.
            if size(self, over_sum) > size(self, number).saturating_mul(2) {
                return;
            }
            self.join(over_sum, number);
            number = over_sum;
        }
    }

    /// Makes the way of one version lead to where that of the version at its end does, which is
    /// forgotten.
    fn join(&mut self, first: u64, second: u64) {
        let one = self.take_up(first).expect(KNOWN);
        let other = self.take_up(second).expect(KNOWN);
        self.versions.remove(&second);
        // Of two changes of a path the first way's is done later and counts.
        let mut both = [one.changes, other.changes].concat();
        both.sort_by_key(|change| change.path);
        both.dedup_by(|later, kept| later.path == kept.path);
        let end = self.version(other.to);
        end.over = end.over.saturating_add(1);
        end.over_sum = end.over_sum.wrapping_add(first);
        self.version(first).way = Some(Way {
            to: other.to,
            changes: both,
        });
    }

    /// Number of versions that are kept, whether they are held or not.
    #[cfg(test)]
    pub(crate) fn version_count(&self) -> usize {
        self.versions.len()
    }
}
