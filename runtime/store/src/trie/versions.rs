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

use std::sync::{Arc, Weak};

use super::{
    arena::Arena,
    hash::{Bytes, TERMINATOR},
    update::Change,
};

/// The state of a shard in one or more versions of the trie.
#[derive(Debug)]
pub(crate) struct Held {
    number: u64,
    pub(crate) hash: Bytes,
}

/// A version that is not in the arena.
#[derive(Debug)]
struct Way {
    from: Known,
    /// The number of the version that the changes make into this one.
    to: u64,
    /// In strictly ascending order of paths.
    changes: Vec<Change>,
}

/// A version, held by tries or not any more.
#[derive(Debug)]
struct Known {
    number: u64,
    holders: Weak<Held>,
}

impl Known {
    fn of(held: &Arc<Held>) -> Self {
        Self {
            number: held.number,
            holders: Arc::downgrade(held),
        }
    }

    fn is_held(&self) -> bool {
        self.holders.strong_count() > 0
    }
}

/// A shard in all versions that are held.
#[derive(Debug)]
pub(crate) struct Shard {
    arena: Arena,
    current: Known,
    ways: Vec<Way>,
    newest: u64,
}

impl Shard {
    /// An empty shard, and its only version.
    pub(crate) fn new() -> (Self, Arc<Held>) {
        let held = Arc::new(Held {
            number: 0,
            hash: TERMINATOR,
        });
        let shard = Self {
            arena: Arena::default(),
            current: Known::of(&held),
            ways: Vec::new(),
            newest: 0,
        };
        (shard, held)
    }

    /// The arena with a version in it.
    ///
    /// O(1) for the newest one in use, otherwise O(changes between that and this one x depth).
    pub(crate) fn at(&mut self, held: &Held) -> &mut Arena {
        let mut route = Vec::new();
        let mut number = held.number;
        while number != self.current.number {
            let mut ways = self.ways.iter();
            let place = ways.position(|way| way.from.number == number);
            let way = self
                .ways
                .swap_remove(place.expect("a version that is held has a way"));
            number = way.to;
            route.push(way);
        }
        for way in route.into_iter().rev() {
            let (_, changes) = self.arena.update(way.changes.iter());
            let from = std::mem::replace(&mut self.current, way.from);
            let to = self.current.number;
            self.ways.push(Way { from, to, changes });
        }
        &mut self.arena
    }

    /// The version after some changes, in strictly ascending order of paths.
    pub(crate) fn child<'c>(
        &mut self,
        parent: &Arc<Held>,
        changes: impl Iterator<Item = &'c Change> + Clone,
    ) -> Arc<Held> {
        let (hash, changes) = self.at(parent).update(changes);
        if changes.is_empty() {
            return parent.clone();
        }
        self.newest = self.newest.saturating_add(1);
        let held = Arc::new(Held {
            number: self.newest,
            hash,
        });
        let from = std::mem::replace(&mut self.current, Known::of(&held));
        let to = self.newest;
        self.ways.push(Way { from, to, changes });
        self.forget();
        held
    }

    /// Takes out the ways from versions that are not held, as far as no other way leads over them.
    fn forget(&mut self) {
        let mut place = 0;
        while let Some(way) = self.ways.get(place) {
            let number = way.from.number;
            let mut over = self
                .ways
                .iter()
                .enumerate()
                .filter(|(_, way)| way.to == number);
            let (first, second) = (over.next().map(|(place, _)| place), over.next());
            match first {
                _ if way.from.is_held() || second.is_some() => {}
                None => {
                    self.ways.swap_remove(place);
                    // What led to the version that this one led to may have been looked at.
                    place = 0;
                    continue;
                }
                Some(over) if self.ways[over].changes.len() <= way.changes.len() << 1 => {
                    self.join(over, place);
                    place = 0;
                    continue;
                }
                // Changes are copied a logarithmic number of times.
                Some(_) => {}
            }
            place = place.saturating_add(1);
        }
    }

    /// Makes one way of two, of which the first leads to where the second begins.
    fn join(&mut self, first: usize, second: usize) {
        let Way { to, changes, .. } = &self.ways[second];
        // Of two changes of a path the first way's is done later and counts.
        let mut both: Vec<Change> = [&self.ways[first].changes[..], changes].concat();
        both.sort_by_key(|change| change.path);
        both.dedup_by(|later, kept| later.path == kept.path);
        let to = *to;
        let way = &mut self.ways[first];
        (way.to, way.changes) = (to, both);
        self.ways.swap_remove(second);
    }

    /// Number of ways.
    #[cfg(test)]
    pub(crate) fn way_count(&self) -> usize {
        self.ways.len()
    }
}
