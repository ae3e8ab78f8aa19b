//! The memory of one shard: leaves and forks in slots, changed in place.
//!
//! ```text
//! fork 7: parts at depth 9, children [ fork 2 | leaf 5 ]      pair 7: hash of fork 2 | of leaf 5
//! leaf 5: path | value hash
//! ```
//! A fork holds the hashes of its children, so that its own hash takes one line of memory. What a
//! walk reads of many forks (where they part, children) lies apart from that pair.
//!
//! A side of a fork is *stale* while the hash for it waits for [`Arena::hash_stale`]: the child, or
//! something below, has changed or has another depth. Then all forks above are stale on that side.

use super::{
    cold::Cold,
    hash::{Bytes, bit, common_bits, fold, internal, leaf},
};

/// Slots that are added at once, at least; otherwise an eighth of those there are.
const GROWTH_MIN: usize = 64;

/// Names a leaf, a fork or a cold subtree of an arena.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Link(u32);

/// What a link names, by its slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Node {
    Leaf(usize),
    Fork(usize),
    /// Out of memory, see [`Cold`].
    Cold(usize),
}

/// Bits of a link that tell what it names.
const KIND_BITS: u32 = 2;

impl Link {
    pub(super) fn leaf(slot: usize) -> Self {
        Self(number(slot) << KIND_BITS)
    }

    pub(super) fn fork(slot: usize) -> Self {
        Self(number(slot) << KIND_BITS | 1)
    }

    pub(super) fn cold(slot: usize) -> Self {
        Self(number(slot) << KIND_BITS | 2)
    }

    pub(crate) fn node(self) -> Node {
        let slot = (self.0 >> KIND_BITS) as usize;
        match self.0 & 3 {
            0 => Node::Leaf(slot),
            1 => Node::Fork(slot),
            _ => Node::Cold(slot),
        }
    }
}

pub(super) fn number(slot: usize) -> u32 {
    let number = u32::try_from(slot).ok().filter(|slot| *slot < 1 << 30);
    number.expect("2^30 nodes of a shard fit no memory")
}

/// Two hashes that are hashed together; one line of a cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Pair(pub(crate) [Bytes; 2]);

/// An account in the trie: its path and its value hash.
pub(crate) type Leaf = Pair;

impl Leaf {
    pub(crate) fn path(&self) -> &Bytes {
        &self.0[0]
    }

    pub(crate) fn value_hash(&self) -> &Bytes {
        &self.0[1]
    }
}

/// Two subtrees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fork {
    pub(crate) children: [Link; 2],
    /// The depth at which paths part.
    pub(crate) parting: u8,
    pub(crate) stale: [bool; 2],
    /// Whether a path has led here since cold subtrees were last looked for.
    pub(super) is_used: bool,
}

/// A side of a fork.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Side {
    pub(crate) slot: usize,
    pub(crate) side: usize,
}

/// The leaves and forks of a shard.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    root: Option<Link>,
    leaves: Vec<Leaf>,
    forks: Vec<Fork>,
    /// By the slots of forks.
    pairs: Vec<Pair>,
    free_leaves: Vec<u32>,
    free_forks: Vec<u32>,
    /// What is out of memory, if the arena has a bound.
    pub(super) cold: Option<Box<Cold>>,
}

/// Room for one more, without doubling what is there.
fn grow<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact((items.len() >> 3).max(GROWTH_MIN));
    }
}

impl Arena {
    /// The arena of some leaves in strictly ascending order of paths, all forks stale.
    ///
    /// O(leaves x log leaves).
    pub(crate) fn of(leaves: Vec<Leaf>) -> Self {
        let count = leaves.len();
        let fork_count = count.saturating_sub(1);
        let mut arena = Self {
            leaves,
            forks: Vec::with_capacity(fork_count),
            pairs: Vec::with_capacity(fork_count),
            ..Self::default()
        };
        let slots: Vec<usize> = (0..count).collect();
        arena.root = (count > 0).then(|| arena.join(&slots));
        arena
    }

    /// The subtree of the leaves in some slots, at least one, in ascending order of their paths.
    pub(super) fn join(&mut self, slots: &[usize]) -> Link {
        let [first, .., last] = slots else {
            return Link::leaf(slots[0]);
        };
        let (first, last) = (self.leaf(*first).path(), self.leaf(*last).path());
        let parting = common_bits(first, last);
        let left = slots.partition_point(|slot| !bit(self.leaf(*slot).path(), parting));
        let (left, right) = slots.split_at(left);
        let children = [self.join(left), self.join(right)];
        self.add_fork(children, parting)
    }

    pub(crate) fn root(&self) -> Option<Link> {
        self.root
    }

    pub(super) fn set_root(&mut self, root: Option<Link>) {
        self.root = root;
    }

    pub(crate) fn leaf(&self, slot: usize) -> &Leaf {
        &self.leaves[slot]
    }

    pub(crate) fn leaf_mut(&mut self, slot: usize) -> &mut Leaf {
        &mut self.leaves[slot]
    }

    pub(crate) fn fork(&self, slot: usize) -> &Fork {
        &self.forks[slot]
    }

    pub(crate) fn fork_mut(&mut self, slot: usize) -> &mut Fork {
        &mut self.forks[slot]
    }

    /// The hashes of a fork's children.
    pub(crate) fn pair(&self, slot: usize) -> &Pair {
        &self.pairs[slot]
    }

    pub(crate) fn hash_mut(&mut self, Side { slot, side }: Side) -> &mut Bytes {
        &mut self.pairs[slot].0[side]
    }

    /// The number of leaves in memory.
    pub(super) fn hot_count(&self) -> usize {
        self.leaves.len().saturating_sub(self.free_leaves.len())
    }

    /// The number of forks.
    #[cfg(test)]
    pub(crate) fn fork_count(&self) -> usize {
        self.forks.len().saturating_sub(self.free_forks.len())
    }

    /// The hash of a subtree whose highest node is at `depth`; nothing in it is stale.
    pub(crate) fn hash_at(&self, link: Link, depth: usize) -> Bytes {
        match link.node() {
            Node::Leaf(slot) => {
                let found = self.leaf(slot);
                leaf(found.path(), found.value_hash())
            }
            Node::Fork(slot) => {
                let [left, right] = &self.pair(slot).0;
                let parting = usize::from(self.fork(slot).parting);
                self.above(internal(left, right), link, parting, depth)
            }
            Node::Cold(slot) => {
                let subtree = self.subtree(slot);
                self.above(subtree.hash, link, subtree.parting.into(), depth)
            }
        }
    }

    /// The hash at a depth of a subtree that parts below, from the one where it does.
    fn above(&self, hash: Bytes, link: Link, parting: usize, depth: usize) -> Bytes {
        if depth == parting {
            return hash;
        }
        fold(hash, self.any_path(link), parting, depth)
    }

    /// A path of a subtree; all of them are the same above the first fork.
    pub(crate) fn any_path(&self, mut link: Link) -> &Bytes {
        loop {
            match link.node() {
                Node::Leaf(slot) => return self.leaf(slot).path(),
                Node::Cold(slot) => return &self.subtree(slot).path,
                Node::Fork(slot) => link = self.fork(slot).children[0],
            }
        }
    }

    /// The nodes to which paths lead if they are followed at forks only: the path of no leaf has
    /// more bits in common with one than [`Arena::any_path`] of that node, which is a leaf if what
    /// the path leads to is in memory. None if there are no leaves.
    pub(crate) fn nearest<'p>(
        &self,
        paths: impl Iterator<Item = &'p Bytes> + Clone,
    ) -> Option<Vec<Link>> {
        let root = self.root?;
        let mut ends: Vec<Link> = paths.clone().map(|_| root).collect();
        // Level by level, so that the paths' waits for memory overlap.
        let mut is_done = false;
        while !is_done {
            is_done = true;
            for (link, path) in ends.iter_mut().zip(paths.clone()) {
                if let Node::Fork(slot) = link.node() {
                    let fork = self.fork(slot);
                    *link = fork.children[usize::from(bit(path, fork.parting.into()))];
                    is_done = false;
                }
            }
        }
        Some(ends)
    }

    /// Follows a path down to its end or to the first fork that parts at `end` or below, and makes
    /// stale what it passes. Returns where it ended, and the last side it passed.
    fn pass(&mut self, path: &Bytes, end: usize) -> Option<(Link, Option<Side>)> {
        let mut link = self.root?;
        let mut last = None;
        while let Node::Fork(slot) = link.node() {
            let fork = &mut self.forks[slot];
            let parting = usize::from(fork.parting);
            if parting >= end {
                break;
            }
            let side = usize::from(bit(path, parting));
            fork.stale[side] = true;
            last = Some(Side { slot, side });
            link = fork.children[side];
        }
        Some((link, last))
    }

    /// Makes stale what is above the leaf of a path.
    pub(crate) fn make_stale(&mut self, path: &Bytes) {
        self.pass(path, 256);
    }

    /// Puts a link in the place of another, the root's if there is no side.
    pub(super) fn set(&mut self, side: Option<Side>, link: Link) {
        match side {
            Some(Side { slot, side }) => self.forks[slot].children[side] = link,
            None => self.root = Some(link),
        }
    }

    /// Adds a leaf for a path that has none.
    pub(crate) fn insert(&mut self, path: Bytes, value_hash: Bytes) {
        let leaf = Link::leaf(self.add_leaf(Pair([path, value_hash])));
        let Some(nearest) = self.nearest([&path].into_iter()) else {
            self.root = Some(leaf);
            return;
        };
        let shared = common_bits(self.any_path(nearest[0]), &path);
        let (link, above) = self.pass(&path, shared).expect("there is a leaf");
        let mut children = [leaf, link];
        if bit(&path, shared) {
            children.reverse();
        }
        let fork = self.add_fork(children, shared);
        self.set(above, fork);
    }

    /// Removes the leaf of a path, which has one.
    pub(crate) fn remove(&mut self, path: &Bytes) {
        let (link, parent) = self.pass(path, 256).expect("the path has a leaf");
        let (Node::Leaf(slot) | Node::Fork(slot) | Node::Cold(slot)) = link.node();
        self.free_leaves.push(number(slot));
        let Some(parent) = parent else {
            self.root = None;
            return;
        };
        let Fork {
            children, parting, ..
        } = self.forks[parent.slot];
        self.free_forks.push(number(parent.slot));
        let (_, above) = self
            .pass(path, parting.into())
            .expect("the parent is there");
        self.set(above, children[parent.side ^ 1]);
    }

    pub(super) fn add_leaf(&mut self, leaf: Leaf) -> usize {
        if let Some(slot) = self.free_leaves.pop() {
            self.leaves[slot as usize] = leaf;
            return slot as usize;
        }
        grow(&mut self.leaves);
        self.leaves.push(leaf);
        self.leaves.len().saturating_sub(1)
    }

    /// Adds a fork, whose pair is still to be written.
    pub(super) fn add_fork(&mut self, children: [Link; 2], parting: usize) -> Link {
        let fork = Fork {
            children,
            parting: u8::try_from(parting).expect("different paths share at most 255 bits"),
            stale: [true; 2],
            is_used: true,
        };
        if let Some(slot) = self.free_forks.pop() {
            self.forks[slot as usize] = fork;
            return Link::fork(slot as usize);
        }
        grow(&mut self.forks);
        grow(&mut self.pairs);
        self.forks.push(fork);
        self.pairs.push(Pair([[0; 32]; 2]));
        Link::fork(self.forks.len().saturating_sub(1))
    }

    /// Frees the slots of a subtree in memory, which nothing names any more.
    pub(super) fn release(&mut self, subtree: Link) {
        let mut open = vec![subtree];
        while let Some(link) = open.pop() {
            match link.node() {
                Node::Leaf(slot) => self.free_leaves.push(number(slot)),
                Node::Fork(slot) => {
                    open.extend(self.fork(slot).children);
                    self.free_forks.push(number(slot));
                }
                Node::Cold(_) => {}
            }
        }
    }
}
