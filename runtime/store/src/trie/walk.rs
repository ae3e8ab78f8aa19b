//! The siblings that a path passes in a shard.

use std::iter;

use super::{
    arena::{Arena, Leaf, Node},
    hash::{Bytes, TERMINATOR, bit, common_bits},
};

impl Arena {
    /// Follows a warm path through the shard, whose highest node is at `depth`: adds the siblings
    /// it passes, and returns the leaf at which it ends, if it ends at one.
    pub(crate) fn walk(
        &self,
        mut depth: usize,
        path: &Bytes,
        siblings: &mut Vec<Bytes>,
    ) -> Option<Leaf> {
        let mut link = self.root()?;
        let shared = common_bits(self.any_path(self.nearest(iter::once(path))?[0]), path);
        while let Node::Fork(slot) = link.node() {
            let fork = self.fork(slot);
            let parting = usize::from(fork.parting);
            // Above its fork a subtree is one-sided.
            siblings.extend((depth..parting.min(shared)).map(|_| TERMINATOR));
            if shared < parting {
                siblings.push(self.hash_at(link, shared.saturating_add(1)));
                return None;
            }
            depth = parting.saturating_add(1);
            let side = usize::from(bit(path, parting));
            siblings.push(self.pair(slot).0[side ^ 1]);
            link = fork.children[side];
        }
        match link.node() {
            Node::Leaf(slot) => Some(*self.leaf(slot)),
            Node::Fork(_) | Node::Cold(_) => None,
        }
    }
}
