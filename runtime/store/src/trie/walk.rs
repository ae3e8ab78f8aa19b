//! Reading a shard: counting its leaves, and the siblings that a path passes.

use std::iter;

use super::{
    arena::{Arena, Leaf, Link, Node},
    hash::{Bytes, TERMINATOR, bit, common_bits},
};

impl Arena {
    /// The number of leaves of a subtree.
    pub(crate) fn leaf_count(&self, root: Link) -> usize {
        let mut count = 0usize;
        let mut links = vec![root];
        while let Some(link) = links.pop() {
            match link.node() {
                Node::Leaf(_) => count = count.saturating_add(1),
                Node::Fork(slot) => links.extend(self.fork(slot).children),
            }
        }
        count
    }

    /// Follows a path through a subtree at a depth: adds the siblings it passes, and returns the
    /// leaf at which it ends, if it ends at one.
    pub(crate) fn walk(
        &self,
        root: Link,
        depth: usize,
        path: &Bytes,
        siblings: &mut Vec<Bytes>,
    ) -> Option<Leaf> {
        let nearest = self.leaf(self.nearest(root, iter::once(path))[0]);
        let shared = common_bits(&nearest.path, path);
        let (mut link, mut depth) = (root, depth);
        while let Node::Fork(slot) = link.node() {
            let fork = self.fork(slot);
            let parting = usize::from(fork.parting);
            // Above its fork a subtree is one-sided.
            siblings.extend((depth..parting.min(shared)).map(|_| TERMINATOR));
            depth = parting.saturating_add(1);
            if shared < parting {
                siblings.push(self.hash_at(slot, shared.saturating_add(1)));
                return None;
            }
            let side = usize::from(bit(path, parting));
            siblings.push(self.hash(fork.children[side ^ 1]));
            link = fork.children[side];
        }
        Some(*nearest)
    }
}
