//! Changes of a shard, in place, and the changes that undo them.

use std::io;

use super::{
    SHARD_DEPTH,
    arena::{Arena, Link, Node},
    hash::{Bytes, TERMINATOR},
};

/// What becomes of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) path: Bytes,
    /// `None` if the account is gone.
    pub(crate) value_hash: Option<Bytes>,
}

impl Arena {
    /// Does some changes, in strictly ascending order of paths. Returns the hash of the shard, and
    /// the changes that would undo these, in the same order and without those that change nothing.
    ///
    /// O(changes x depth).
    ///
    /// # Errors
    /// If what the changes lead to cannot be read, before anything is changed.
    pub(crate) fn update<'c>(
        &mut self,
        changes: impl Iterator<Item = &'c Change> + Clone,
    ) -> io::Result<(Bytes, Vec<Change>)> {
        self.warm(changes.clone().map(|change| &change.path))?;
        let nearest = self.nearest(changes.clone().map(|change| &change.path));
        let mut nearest = nearest.map(Vec::into_iter);
        let mut undone = Vec::new();
        for Change { path, value_hash } in changes {
            let slot = match nearest.as_mut().and_then(Iterator::next).map(Link::node) {
                Some(Node::Leaf(slot)) => Some(slot),
                _ => None,
            };
            // A leaf that another change has removed is not the one of this path.
            let slot = slot.filter(|slot| self.leaf(*slot).path() == path);
            let before = slot.map(|slot| *self.leaf(slot).value_hash());
            match (slot, value_hash) {
                _ if before == *value_hash => continue,
                (Some(slot), Some(value_hash)) => {
                    self.leaf_mut(slot).0[1] = *value_hash;
                    self.make_stale(path);
                }
                (None, Some(value_hash)) => self.insert(*path, *value_hash),
                (_, None) => self.remove(path),
            }
            undone.push(Change {
                path: *path,
                value_hash: before,
            });
        }
        let hash = self.root_hash();
        self.cool();
        Ok((hash, undone))
    }

    /// The hash of the shard, in which nothing is stale afterwards.
    pub(crate) fn root_hash(&mut self) -> Bytes {
        match self.root() {
            Some(root) => self.hash_stale(root, SHARD_DEPTH),
            None => TERMINATOR,
        }
    }
}
