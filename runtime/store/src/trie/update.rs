//! The next version of a shard: new nodes along the paths that change, all others shared.
//!
//! ```text
//! changes in order -> edits: what differs, where it leaves the trie -> new nodes -> their hashes
//! ```
//! Each step goes over all changes before the next begins, so that their waits for memory overlap.
//! The shape of a subtree depends on its leaves alone, not on how they came.

use std::hint::black_box;

use super::{
    arena::{Arena, Fork, Link, Node},
    hash::{Bytes, bit, common_bits},
};

/// What becomes of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) path: Bytes,
    /// `None` if the account is gone.
    pub(crate) value_hash: Option<Bytes>,
}

/// A change that changes something.
#[derive(Clone, Copy, Debug)]
struct Edit<'c> {
    change: &'c Change,
    /// The most bits that the path has in common with one in the trie; 256 if it is in there.
    shared: usize,
}

/// An update of one shard.
#[derive(Debug)]
struct Update<'a> {
    arena: &'a mut Arena,
    /// Slots of the new forks, by the depth at which they part; children part below their parents.
    made: Vec<Vec<usize>>,
}

impl Arena {
    /// The subtree at `depth` after some changes, in strictly ascending order of paths. It is
    /// counted once for the caller; the subtree before keeps its count.
    ///
    /// O(changes x depth).
    pub(crate) fn update(
        &mut self,
        root: Option<Link>,
        depth: usize,
        changes: &[&Change],
    ) -> Option<Link> {
        let edits = self.edits(root, changes);
        if edits.is_empty() {
            return root.map(|root| self.retain(root));
        }
        let mut update = Update {
            arena: self,
            made: vec![Vec::new(); 256],
        };
        let root = match root {
            Some(root) => update.edit(root, depth, &edits),
            None => update.build(depth, &edits),
        };
        update.hash();
        root
    }

    /// The changes that change something.
    fn edits<'c>(&self, root: Option<Link>, changes: &[&'c Change]) -> Vec<Edit<'c>> {
        let paths = changes.iter().map(|change| &change.path);
        let nearest = match root {
            Some(root) => self.nearest(root, paths).into_iter().map(Some).collect(),
            None => vec![None; changes.len()],
        };
        let edit = |(change, nearest): (&&'c Change, Option<usize>)| {
            let leaf = nearest.map(|slot| self.leaf(slot));
            let shared = leaf.map_or(0, |leaf| common_bits(&leaf.path, &change.path));
            let before = leaf.filter(|_| shared == 256).map(|leaf| leaf.value_hash);
            let differs = before != change.value_hash;
            differs.then_some(Edit { change, shared })
        };
        changes.iter().zip(nearest).filter_map(edit).collect()
    }
}

/// The edits on either side of a depth down to which their paths agree.
fn split<'e, 'c>(edits: &'e [Edit<'c>], depth: usize) -> (&'e [Edit<'c>], &'e [Edit<'c>]) {
    edits.split_at(edits.partition_point(|edit| !bit(&edit.change.path, depth)))
}

impl Update<'_> {
    /// The subtree after some edits, from `depth` on; their paths lead there.
    fn edit(&mut self, link: Link, depth: usize, edits: &[Edit<'_>]) -> Option<Link> {
        let (Some(first), Some(last)) = (edits.first(), edits.last()) else {
            let link = self.arena.retain(link);
            return Some(self.place(link, depth));
        };
        let fork = match link.node() {
            Node::Leaf(_) => None,
            Node::Fork(slot) => Some(*self.arena.fork(slot)),
        };
        let parting = fork.map_or(256, |fork| usize::from(fork.parting));
        // Of paths in order, the first or the last leaves the way to the subtree's fork earliest.
        let earliest = if first.shared < last.shared {
            first
        } else {
            last
        };
        if earliest.shared < parting {
            let (left, right) = split(edits, earliest.shared);
            let below = earliest.shared.saturating_add(1);
            let children = if bit(&earliest.change.path, earliest.shared) {
                [self.edit(link, below, left), self.build(below, right)]
            } else {
                [self.build(below, left), self.edit(link, below, right)]
            };
            return self.join(depth, earliest.shared, children);
        }
        let Some(Fork { children, .. }) = fork else {
            let value_hash = first.change.value_hash?;
            return Some(self.arena.insert_leaf(first.change.path, value_hash));
        };
        let (left, right) = split(edits, parting);
        let below = parting.saturating_add(1);
        let left = self.edit(children[0], below, left);
        let right = self.edit(children[1], below, right);
        self.join(depth, parting, [left, right])
    }

    /// The subtree of edits alone, none of which deletes.
    fn build(&mut self, depth: usize, edits: &[Edit<'_>]) -> Option<Link> {
        let (first, last) = (edits.first()?.change, edits.last()?.change);
        let parting = common_bits(&first.path, &last.path);
        if parting == 256 {
            return Some(self.arena.insert_leaf(first.path, first.value_hash?));
        }
        let (left, right) = split(edits, parting);
        let below = parting.saturating_add(1);
        let children = [self.build(below, left), self.build(below, right)];
        self.join(depth, parting, children)
    }

    /// The subtree at `depth` of what is left on both sides of `parting`.
    fn join(&mut self, depth: usize, parting: usize, sides: [Option<Link>; 2]) -> Option<Link> {
        match sides {
            [Some(left), Some(right)] => Some(self.fork([left, right], depth, parting)),
            [Some(only), None] | [None, Some(only)] => Some(self.place(only, depth)),
            [None, None] => None,
        }
    }

    /// Makes a fork, which gets its hash in the end.
    fn fork(&mut self, children: [Link; 2], depth: usize, parting: usize) -> Link {
        let (link, slot) = self.arena.insert_fork(Fork {
            children,
            depth: level(depth),
            parting: level(parting),
        });
        self.made[parting].push(slot);
        link
    }

    /// The same subtree beginning at another depth, because a fork above it came or went.
    fn place(&mut self, link: Link, depth: usize) -> Link {
        let Node::Fork(slot) = link.node() else {
            return link;
        };
        let fork = *self.arena.fork(slot);
        let is_there = usize::from(fork.depth) == depth;
        if is_there || self.arena.move_unshared(slot, level(depth)) {
            return link;
        }
        let children = fork.children.map(|child| self.arena.retain(child));
        self.arena.release(vec![link]);
        self.fork(children, depth, fork.parting.into())
    }

    /// Hashes the new forks. Those of one depth do not wait for one another, neither for a hash nor
    /// for memory.
    fn hash(&mut self) {
        for slots in self.made.iter().rev() {
            let touch = |sum, slot: &usize| sum ^ self.arena.touch(*slot);
            black_box(slots.iter().fold(0, touch));
            for slot in slots {
                self.arena.hash_fork(*slot);
            }
        }
    }
}

/// A depth at which a fork can be.
fn level(depth: usize) -> u8 {
    u8::try_from(depth).expect("a path has 256 bits")
}
