//! The trie below its shards: branches that fork one bit each, buckets at their ends.
//!
//! Nodes never change; an update makes new ones along the paths it touches and shares the rest with
//! the trie before. A subtree is a bucket exactly if it has at most [`LEAF_COUNT_MAX`] leaves, so
//! its shape depends on its leaves alone, not on how they came.

use std::sync::Arc;

use super::{
    bucket::{Before, Bucket, Change, Entry, LEAF_COUNT_MAX, Leaf, kept, merge, seal},
    hash::{Bytes, TERMINATOR, bit, internal},
};

/// A part of the trie, and its node.
#[derive(Clone, Debug)]
pub(crate) struct Subtree {
    pub(crate) hash: Bytes,
    pub(crate) body: Body,
}

/// What a subtree consists of.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Empty,
    Bucket(Bucket),
    Branch(Arc<[Subtree; 2]>),
}

impl Subtree {
    pub(crate) const EMPTY: Self = Self {
        hash: TERMINATOR,
        body: Body::Empty,
    };

    /// The leaves, unless there are too many for a bucket.
    pub(crate) fn leaves(&self) -> Option<&[Leaf]> {
        match &self.body {
            Body::Empty => Some(&[]),
            Body::Bucket(bucket) => Some(bucket),
            Body::Branch(_) => None,
        }
    }

    /// The number of leaves.
    pub(crate) fn leaf_count(&self) -> usize {
        match &self.body {
            Body::Empty => 0,
            Body::Bucket(bucket) => bucket.len(),
            Body::Branch(children) => children.iter().map(Self::leaf_count).sum(),
        }
    }

    /// Starts to fetch what an update will need. The walks of several changes overlap in waiting
    /// for memory, where the updates themselves wait for one another. The value means nothing.
    pub(crate) fn touch(&self, mut depth: usize, path: &Bytes) -> usize {
        let mut subtree = self;
        let mut touched = 0;
        while let Body::Branch(children) = &subtree.body {
            let side = usize::from(bit(path, depth));
            touched ^= match &children[side ^ 1].body {
                Body::Empty => 0,
                Body::Bucket(bucket) => Arc::strong_count(bucket),
                Body::Branch(children) => Arc::strong_count(children),
            };
            subtree = &children[side];
            depth = depth.saturating_add(1);
        }
        let leaves = subtree.leaves().unwrap_or_default();
        let sum = leaves.iter().fold(0, |sum, leaf| sum ^ leaf.path[0]);
        touched ^ usize::from(sum)
    }

    /// The subtree at `depth` after some changes, in strictly ascending order of paths.
    ///
    /// O(changes x (bucket + depth)) time; `scratch` is emptied before and after use.
    pub(crate) fn update(
        &self,
        depth: usize,
        changes: &[Change],
        scratch: &mut Vec<Entry>,
    ) -> Self {
        if changes.is_empty() {
            return self.clone();
        }
        let below = depth.saturating_add(1);
        if let Body::Branch(children) = &self.body {
            let middle = changes.partition_point(|change| !bit(&change.path, depth));
            let (left, right) = changes.split_at(middle);
            let left = children[0].update(below, left, scratch);
            let right = children[1].update(below, right, scratch);
            return Self::join(left, right, depth, scratch);
        }
        let leaves = self.leaves().expect("it is no branch");
        scratch.clear();
        if merge(leaves, changes, scratch) {
            Self::grow(scratch, Before { leaves, depth }, depth)
        } else {
            self.clone()
        }
    }

    /// The subtree of these entries.
    fn grow(entries: &[Entry], before: Before<'_>, depth: usize) -> Self {
        if entries.is_empty() {
            return Self::EMPTY;
        }
        if entries.len() <= LEAF_COUNT_MAX {
            let (hash, bucket) = seal(entries, before, depth);
            return Self {
                hash,
                body: Body::Bucket(bucket),
            };
        }
        let middle = entries.partition_point(|entry| !bit(entry.path(), depth));
        let (left, right) = entries.split_at(middle);
        let below = depth.saturating_add(1);
        Self::branch(
            Self::grow(left, before, below),
            Self::grow(right, before, below),
        )
    }

    /// The subtree of two children, which is a bucket if they have become small.
    fn join(left: Self, right: Self, depth: usize, scratch: &mut Vec<Entry>) -> Self {
        if let (Some(left), Some(right)) = (left.leaves(), right.leaves())
            && left.len().saturating_add(right.len()) <= LEAF_COUNT_MAX
        {
            scratch.clear();
            scratch.extend(left.iter().chain(right).map(|leaf| kept(leaf, None)));
            let nothing = Before { leaves: &[], depth };
            return Self::grow(scratch, nothing, depth);
        }
        Self::branch(left, right)
    }

    /// The subtree of two children with more leaves than a bucket takes.
    fn branch(left: Self, right: Self) -> Self {
        Self {
            hash: internal(&left.hash, &right.hash),
            body: Body::Branch(Arc::new([left, right])),
        }
    }
}
