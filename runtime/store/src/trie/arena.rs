//! The memory of one shard: leaves and forks in slots that all versions of the trie share.
//!
//! ```text
//! fork 7 -> children [ fork 2 | leaf 5 ], hash      leaf 5 -> path, value hash
//! ```
//! A node never changes once its version is made; it is counted by the nodes and the versions that
//! have it as a child, and its slot is used again when the count is zero. What an update reads of
//! many nodes (children, counts) lies apart from what it reads of few (hashes, leaves), so that it
//! finds the former in a cache.
//!
//! Knows neither changes nor versions: each holder of a [`Link`] counts.

use std::hint::black_box;

use super::hash::{Bytes, TERMINATOR, bit, fold, internal, leaf};

/// Nodes of a page.
const PAGE_SIZE: usize = 64;

/// Names a leaf or a fork of an arena.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Link(u32);

/// What a link names, by its slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Node {
    Leaf(usize),
    Fork(usize),
}

impl Link {
    fn leaf(slot: u32) -> Self {
        Self(slot << 1)
    }

    fn fork(slot: u32) -> Self {
        Self(slot << 1 | 1)
    }

    pub(crate) fn node(self) -> Node {
        let slot = (self.0 >> 1) as usize;
        if self.0 & 1 == 0 {
            Node::Leaf(slot)
        } else {
            Node::Fork(slot)
        }
    }
}

/// An account in the trie; as large as a line of a cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Leaf {
    pub(crate) path: Bytes,
    pub(crate) value_hash: Bytes,
}

/// Two subtrees, and the one-sided nodes above them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fork {
    pub(crate) children: [Link; 2],
    /// The depth of the highest node; the hash is that node's.
    pub(crate) depth: u8,
    /// The depth at which paths part; at least `depth`.
    pub(crate) parting: u8,
}

/// A hash that lies in one line of a cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Aligned(Bytes);

/// How many have a node, and what is read of it on the way to others.
#[derive(Clone, Copy, Debug)]
struct Counted<H> {
    count: u32,
    head: H,
}

/// Nodes of one kind. They never move: pages are added, not enlarged.
#[derive(Debug)]
struct Slots<H, B> {
    heads: Vec<Box<[Counted<H>]>>,
    bodies: Vec<Box<[B]>>,
    /// Slots with a count of zero.
    free: Vec<u32>,
}

impl<H, B> Default for Slots<H, B> {
    fn default() -> Self {
        Self {
            heads: Vec::new(),
            bodies: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<H: Copy, B: Copy> Slots<H, B> {
    #[cfg(test)]
    fn held(&self) -> usize {
        let slots = self.heads.len().saturating_mul(PAGE_SIZE);
        slots.saturating_sub(self.free.len())
    }

    fn counted(&self, slot: usize) -> &Counted<H> {
        &self.heads[slot / PAGE_SIZE][slot % PAGE_SIZE]
    }

    fn counted_mut(&mut self, slot: usize) -> &mut Counted<H> {
        &mut self.heads[slot / PAGE_SIZE][slot % PAGE_SIZE]
    }

    fn body(&self, slot: usize) -> &B {
        &self.bodies[slot / PAGE_SIZE][slot % PAGE_SIZE]
    }

    fn body_mut(&mut self, slot: usize) -> &mut B {
        &mut self.bodies[slot / PAGE_SIZE][slot % PAGE_SIZE]
    }

    /// Makes a node with a count of one, whose body is still to be written; `filler` is for new
    /// pages.
    fn insert(&mut self, head: H, filler: B) -> u32 {
        if self.free.is_empty() {
            self.grow(head, filler);
        }
        let slot = self.free.pop().expect("a page was added");
        *self.counted_mut(slot as usize) = Counted { count: 1, head };
        slot
    }

    fn grow(&mut self, head: H, body: B) {
        let first = self.heads.len().saturating_mul(PAGE_SIZE);
        let end = first.saturating_add(PAGE_SIZE);
        assert!(end <= 1 << 31, "2^31 nodes of a shard fit no memory");
        self.heads
            .push(vec![Counted { count: 0, head }; PAGE_SIZE].into());
        self.bodies.push(vec![body; PAGE_SIZE].into());
        let slots = (first..end).rev();
        self.free
            .extend(slots.map(|slot| u32::try_from(slot).expect("it is below 2^31")));
    }

    fn retain(&mut self, slot: usize) {
        let counted = self.counted_mut(slot);
        let count = counted.count.checked_add(1);
        counted.count = count.expect("fewer than 2^32 versions");
    }

    /// Counts one less; returns the head if the slot became free.
    fn release(&mut self, slot: usize) -> Option<H> {
        let counted = self.counted_mut(slot);
        let count = counted.count.checked_sub(1);
        counted.count = count.expect("it was counted");
        let freed = (counted.count == 0).then_some(counted.head);
        if freed.is_some() {
            self.free
                .push(u32::try_from(slot).expect("it is below 2^31"));
        }
        freed
    }
}

/// The leaves and forks of a shard.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    leaves: Slots<(), Leaf>,
    forks: Slots<Fork, Aligned>,
}

impl Arena {
    pub(crate) fn leaf(&self, slot: usize) -> &Leaf {
        self.leaves.body(slot)
    }

    pub(crate) fn fork(&self, slot: usize) -> &Fork {
        &self.forks.counted(slot).head
    }

    /// The hash of the highest node of a subtree.
    pub(crate) fn hash(&self, link: Link) -> Bytes {
        match link.node() {
            Node::Leaf(slot) => {
                let Leaf { path, value_hash } = self.leaf(slot);
                leaf(path, value_hash)
            }
            Node::Fork(slot) => self.forks.body(slot).0,
        }
    }

    /// The hash that a fork has if its highest node is at `depth`, from those of its children.
    pub(crate) fn hash_at(&self, slot: usize, depth: usize) -> Bytes {
        let fork = self.fork(slot);
        let [left, right] = fork.children.map(|child| self.hash(child));
        let parting = usize::from(fork.parting);
        let node = internal(&left, &right);
        if depth == parting {
            return node;
        }
        fold(node, &self.any_leaf(fork.children[0]).path, parting, depth)
    }

    /// A leaf of a subtree; all of them share the path above the first fork.
    pub(crate) fn any_leaf(&self, mut link: Link) -> &Leaf {
        loop {
            match link.node() {
                Node::Leaf(slot) => return self.leaf(slot),
                Node::Fork(slot) => link = self.fork(slot).children[0],
            }
        }
    }

    /// The leaf to which each path leads if it is followed at forks only: the path of no other leaf
    /// has more bits in common with it.
    pub(crate) fn nearest<'p>(
        &self,
        root: Link,
        paths: impl Iterator<Item = &'p Bytes> + Clone,
    ) -> Vec<usize> {
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
        let slot = |link: Link| match link.node() {
            Node::Leaf(slot) | Node::Fork(slot) => slot,
        };
        ends.into_iter().map(slot).collect()
    }

    fn count(&self, link: Link) -> u32 {
        match link.node() {
            Node::Leaf(slot) => self.leaves.counted(slot).count,
            Node::Fork(slot) => self.forks.counted(slot).count,
        }
    }

    /// Starts to fetch what hashing a fork needs. The value means nothing.
    pub(crate) fn touch(&self, slot: usize) -> u8 {
        let [left, right] = self.fork(slot).children.map(|child| match child.node() {
            Node::Leaf(slot) => self.leaf(slot).path[0],
            Node::Fork(slot) => self.forks.body(slot).0[0],
        });
        left ^ right ^ self.forks.body(slot).0[0]
    }

    /// Gives a new fork its hash, after its children.
    pub(crate) fn hash_fork(&mut self, slot: usize) {
        let hash = self.hash_at(slot, self.fork(slot).depth.into());
        *self.forks.body_mut(slot) = Aligned(hash);
    }

    /// Makes a leaf, counted once.
    pub(crate) fn insert_leaf(&mut self, path: Bytes, value_hash: Bytes) -> Link {
        let leaf = Leaf { path, value_hash };
        let slot = self.leaves.insert((), leaf);
        *self.leaves.body_mut(slot as usize) = leaf;
        Link::leaf(slot)
    }

    /// Makes a fork, counted once, of children that were counted for it; gives its slot as well,
    /// for [`hash_fork`](Self::hash_fork).
    pub(crate) fn insert_fork(&mut self, fork: Fork) -> (Link, usize) {
        let slot = self.forks.insert(fork, Aligned(TERMINATOR));
        (Link::fork(slot), slot as usize)
    }

    /// Changes the depth of a fork if only its maker has it; returns whether that is so.
    pub(crate) fn move_unshared(&mut self, slot: usize, depth: u8) -> bool {
        let counted = self.forks.counted_mut(slot);
        let is_unshared = counted.count == 1;
        if is_unshared {
            counted.head.depth = depth;
        }
        is_unshared
    }

    /// Counts one more holder of a link.
    pub(crate) fn retain(&mut self, link: Link) -> Link {
        match link.node() {
            Node::Leaf(slot) => self.leaves.retain(slot),
            Node::Fork(slot) => self.forks.retain(slot),
        }
        link
    }

    /// The leaves and forks that are held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> [usize; 2] {
        [self.leaves.held(), self.forks.held()]
    }

    /// Counts one holder less of each link, and frees the nodes without a holder.
    ///
    /// O(nodes freed). Goes down level by level, so that the waits for memory overlap.
    pub(crate) fn release(&mut self, mut links: Vec<Link>) {
        let mut start = 0;
        while start < links.len() {
            let level = start..links.len();
            let touch = |sum, link: &Link| sum ^ self.count(*link);
            black_box(links[level.clone()].iter().fold(0, touch));
            for index in level.clone() {
                match links[index].node() {
                    Node::Leaf(slot) => {
                        self.leaves.release(slot);
                    }
                    Node::Fork(slot) => {
                        let freed = self.forks.release(slot);
                        links.extend(freed.into_iter().flat_map(|fork| fork.children));
                    }
                }
            }
            start = level.end;
        }
    }
}
