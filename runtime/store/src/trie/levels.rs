//! The hashes that changes made stale, many at a time.
//!
//! ```text
//! changed leaves -> forks that part deepest -> .. -> forks that part highest -> root
//! ```
//! Forks that part at one depth wait for one another neither for a hash nor for memory. Each hash
//! goes to the pair of the fork above.

use std::hint::black_box;

use super::{
    arena::{Arena, Link, Node, Side},
    hash::{Bytes, TERMINATOR, as_internal, as_leaf, beside, bit},
};
use crate::sha256::hash_pairs;

/// A leaf or a fork whose hash is due, and the place for it; the root has none.
#[derive(Clone, Copy, Debug)]
struct Due {
    slot: usize,
    above: Option<Side>,
}

/// A fork whose hash is due.
#[derive(Clone, Copy, Debug)]
struct DueFork {
    due: Due,
    /// The depth of its highest node.
    depth: usize,
    /// The index among those passed of a node below it, or its own.
    passed: usize,
}

/// What is due in a shard.
#[derive(Debug)]
struct Stale {
    leaves: Vec<Due>,
    /// By the depth at which they part.
    forks: Vec<Vec<DueFork>>,
    /// Subtrees and their depths that are cold.
    cold: Vec<(Link, usize, Option<Side>)>,
    /// Nodes with one path, at least one below each fork.
    passed: Vec<Link>,
}

impl Arena {
    /// Makes nothing stale, and returns the hash of the root, whose highest node is at `depth`.
    pub(super) fn hash_stale(&mut self, root: Link, depth: usize) -> Bytes {
        let stale = self.collect(root, depth);
        let mut hash = TERMINATOR;
        let mut hashes = Vec::new();
        let leaf = |due: &Due| &self.leaf(due.slot).0;
        hash_pairs(stale.leaves.iter().map(leaf), &mut hashes);
        for (due, leaf) in stale.leaves.iter().zip(&hashes) {
            let place = due.above.map_or(&mut hash, |side| self.hash_mut(side));
            *place = as_leaf(leaf);
        }
        for (cold, depth, above) in &stale.cold {
            let found = self.hash_at(*cold, *depth);
            *above.map_or(&mut hash, |side| self.hash_mut(side)) = found;
        }
        for (parting, level) in stale.forks.iter().enumerate().rev() {
            if level.is_empty() {
                continue;
            }
            self.touch(level);
            let pair = |fork: &DueFork| &self.pair(fork.due.slot).0;
            hash_pairs(level.iter().map(pair), &mut hashes);
            self.climb(level, parting, &stale.passed, &mut hashes);
            for (fork, node) in level.iter().zip(&hashes) {
                let above = fork.due.above;
                let place = above.map_or(&mut hash, |side| self.hash_mut(side));
                *place = as_internal(node);
            }
        }
        hash
    }

    /// Fetches the lines of a level's forks and of those above, all at once.
    fn touch(&self, level: &[DueFork]) {
        let touched = level.iter().fold(0, |touched, fork| {
            let above = fork.due.above.map_or(fork.due.slot, |side| side.slot);
            touched ^ self.pair(fork.due.slot).0[0][0] ^ self.pair(above).0[0][0]
        });
        black_box(touched);
    }

    /// Finds what is stale, and takes it for hashed.
    fn collect(&mut self, root: Link, depth: usize) -> Stale {
        let mut stale = Stale {
            leaves: Vec::new(),
            forks: vec![Vec::new(); 256],
            cold: Vec::new(),
            passed: Vec::new(),
        };
        let mut open = vec![(root, depth, None)];
        while let Some((link, depth, above)) = open.pop() {
            let slot = match link.node() {
                Node::Leaf(slot) => {
                    stale.leaves.push(Due { slot, above });
                    stale.passed.push(link);
                    continue;
                }
                Node::Cold(_) => {
                    stale.cold.push((link, depth, above));
                    stale.passed.push(link);
                    continue;
                }
                Node::Fork(slot) => slot,
            };
            let passed = stale.passed.len();
            let fork = *self.fork(slot);
            let parting = usize::from(fork.parting);
            if fork.stale == [false; 2] {
                // It has another depth, and nothing in it has changed.
                stale.passed.push(link);
            }
            self.fork_mut(slot).stale = [false; 2];
            stale.forks[parting].push(DueFork {
                due: Due { slot, above },
                depth,
                passed,
            });
            for side in [0, 1] {
                if fork.stale[side] {
                    let below = parting.saturating_add(1);
                    open.push((fork.children[side], below, Some(Side { slot, side })));
                }
            }
        }
        stale
    }

    /// Brings hashes of forks from the depth at which they part up to their highest nodes.
    fn climb(&self, level: &[DueFork], parting: usize, passed: &[Link], hashes: &mut [Bytes]) {
        let mut pairs: Vec<[Bytes; 2]> = Vec::new();
        let mut above = Vec::new();
        let mut climbing: Vec<usize> = (0..level.len()).collect();
        for depth in (0..parting).rev() {
            climbing.retain(|index| level[*index].depth <= depth);
            if climbing.is_empty() {
                return;
            }
            pairs.clear();
            pairs.extend(climbing.iter().map(|index| {
                let path = self.any_path(passed[level[*index].passed]);
                beside(as_internal(&hashes[*index]), bit(path, depth), TERMINATOR)
            }));
            hash_pairs(pairs.iter(), &mut above);
            for (index, hash) in climbing.iter().zip(&above) {
                hashes[*index] = *hash;
            }
        }
    }
}
