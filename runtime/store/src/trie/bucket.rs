//! The lowest part of the trie: up to 16 leaves in the order of their paths, with the hashes of the
//! nodes between them.
//!
//! ```text
//! leaves      a    b    c    d        the node between b and c joins all four,
//! node        -   ab  abcd  cd        those between a and b, c and d join two
//! ```
//! The node between two neighbours stands where their paths part; its hash is kept the way its
//! parent needs it, that is, with the one-sided nodes above it folded in. A change touches only the
//! nodes that cover it. Leaf hashes are not kept: a path meets one or two.

use std::sync::Arc;

use super::hash::{Bytes, TERMINATOR, above, bit, common_bits, internal, leaf, order};

/// Leaves of the largest bucket. More cost copying and hashing, fewer cost memory.
pub(crate) const LEAF_COUNT_MAX: usize = 16;

/// An account in the trie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf {
    pub(crate) path: Bytes,
    pub(crate) value_hash: Bytes,
    /// The node between the leaf before and this one; of no meaning for the first.
    node: Bytes,
}

/// At least one leaf, in ascending order of their paths.
pub(crate) type Bucket = Arc<[Leaf]>;

/// What becomes of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) path: Bytes,
    /// `None` if the account is gone.
    pub(crate) value_hash: Option<Bytes>,
}

/// A leaf of a subtree that is being made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    path: Bytes,
    value_hash: Bytes,
    /// Index of the same leaf in the bucket before; none if it is new or was changed.
    origin: Option<u16>,
}

impl Entry {
    pub(crate) fn path(&self) -> &Bytes {
        &self.path
    }
}

/// The bucket that a subtree was before, and its depth; hashes are taken over from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before<'b> {
    pub(crate) leaves: &'b [Leaf],
    pub(crate) depth: usize,
}

/// Puts the leaves of a bucket and the changes to it together. Both are in strictly ascending
/// order, and so is what is added to `entries`. Returns whether anything differs.
pub(crate) fn merge(leaves: &[Leaf], changes: &[Change], entries: &mut Vec<Entry>) -> bool {
    let mut differs = false;
    let mut old = (0..).zip(leaves).peekable();
    for change in changes {
        while let Some((index, leaf)) =
            old.next_if(|(_, leaf)| order(&leaf.path, &change.path).is_lt())
        {
            entries.push(kept(leaf, Some(index)));
        }
        let same = old.next_if(|(_, leaf)| leaf.path == change.path);
        let before = same.map(|(_, leaf)| leaf.value_hash);
        differs |= before != change.value_hash;
        if let Some(value_hash) = change.value_hash {
            let is_kept = before == change.value_hash;
            entries.push(Entry {
                path: change.path,
                value_hash,
                origin: same.and_then(|(index, _)| is_kept.then_some(index)),
            });
        }
    }
    entries.extend(old.map(|(index, leaf)| kept(leaf, Some(index))));
    differs
}

/// The entry of a leaf that stays.
pub(crate) fn kept(leaf: &Leaf, origin: Option<u16>) -> Entry {
    Entry {
        path: leaf.path,
        value_hash: leaf.value_hash,
        origin,
    }
}

/// Makes a bucket at a depth, and its hash, of at least one entry.
pub(crate) fn seal(entries: &[Entry], before: Before<'_>, depth: usize) -> (Bytes, Bucket) {
    let unhashed = entries.iter().map(|entry| Leaf {
        path: entry.path,
        value_hash: entry.value_hash,
        node: TERMINATOR,
    });
    let mut bucket: Bucket = unhashed.collect();
    let leaves = Arc::get_mut(&mut bucket).expect("nobody else has it yet");
    let hash = fill(leaves, entries, before, depth);
    (hash, bucket)
}

/// Index of the first leaf to the right of where the paths of at least two leaves part, and the
/// depth at which they do.
fn parting(leaves: &[Leaf]) -> (usize, usize) {
    let (first, last) = (&leaves[0], &leaves[leaves.len().saturating_sub(1)]);
    let depth = common_bits(&first.path, &last.path);
    (
        leaves.partition_point(|leaf| !bit(&leaf.path, depth)),
        depth,
    )
}

/// Folds one-sided nodes over a node at depth `from`, up to depth `to`.
fn fold(mut node: Bytes, path: &Bytes, from: usize, to: usize) -> Bytes {
    for depth in (to..from).rev() {
        node = above(&node, bit(path, depth), &TERMINATOR);
    }
    node
}

/// Computes the nodes between the leaves, and the node over all of them at `depth`.
fn fill(leaves: &mut [Leaf], entries: &[Entry], before: Before<'_>, depth: usize) -> Bytes {
    if let [only] = leaves {
        return leaf(&only.path, &only.value_hash);
    }
    let (middle, parting_depth) = parting(leaves);
    if let Some(origin) = unchanged(entries, before, depth) {
        let size = leaves.len();
        let known = &before.leaves[origin..origin.saturating_add(size)];
        for (leaf, known) in leaves.iter_mut().zip(known).skip(1) {
            leaf.node = known.node;
        }
        return leaves[middle].node;
    }
    let below = parting_depth.saturating_add(1);
    let (left, right) = leaves.split_at_mut(middle);
    let (left_entries, right_entries) = entries.split_at(middle);
    let left = fill(left, left_entries, before, below);
    let right = fill(right, right_entries, before, below);
    let node = internal(&left, &right);
    leaves[middle].node = fold(node, &leaves[0].path, parting_depth, depth);
    leaves[middle].node
}

/// Where the entries were in the bucket before, if they were a subtree of it at the same depth.
fn unchanged(entries: &[Entry], before: Before<'_>, depth: usize) -> Option<usize> {
    let origin = entries[0].origin?;
    let mut expected = (origin..).map(Some);
    if !entries
        .iter()
        .all(|entry| expected.next() == Some(entry.origin))
    {
        return None;
    }
    // A subtree begins below the point where it parts from its nearer neighbour.
    let first = usize::from(origin);
    let end = first.saturating_add(entries.len());
    let is_apart = |one: usize, other: usize| -> Option<usize> {
        let (one, other) = (before.leaves.get(one)?, before.leaves.get(other)?);
        Some(common_bits(&one.path, &other.path).saturating_add(1))
    };
    let left = first.checked_sub(1).and_then(|left| is_apart(left, first));
    let right = is_apart(end.saturating_sub(1), end);
    let depth_before = before.depth.max(left.unwrap_or(0)).max(right.unwrap_or(0));
    (depth_before == depth).then_some(first)
}

/// The node over some leaves of a bucket that are a subtree at this depth.
fn node_over(leaves: &[Leaf]) -> Bytes {
    match leaves {
        [] => TERMINATOR,
        [only] => leaf(&only.path, &only.value_hash),
        _ => leaves[parting(leaves).0].node,
    }
}

/// Follows a path through a bucket at a depth: adds the siblings it passes, and returns the leaf at
/// which it ends, if it ends at one.
pub(crate) fn walk<'b>(
    mut leaves: &'b [Leaf],
    mut depth: usize,
    path: &Bytes,
    siblings: &mut Vec<Bytes>,
) -> Option<&'b Leaf> {
    loop {
        if leaves.len() < 2 {
            return leaves.first();
        }
        let (middle, parting_depth) = parting(leaves);
        let (left, right) = leaves.split_at(middle);
        for one_sided in depth..parting_depth {
            if bit(path, one_sided) != bit(&leaves[0].path, one_sided) {
                let node = internal(&node_over(left), &node_over(right));
                let to = one_sided.saturating_add(1);
                siblings.push(fold(node, &leaves[0].path, parting_depth, to));
                return None;
            }
            siblings.push(TERMINATOR);
        }
        let (taken, passed) = if bit(path, parting_depth) {
            (right, left)
        } else {
            (left, right)
        };
        siblings.push(node_over(passed));
        (leaves, depth) = (taken, parting_depth.saturating_add(1));
    }
}
