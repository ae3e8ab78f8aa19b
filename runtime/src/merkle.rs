//! Turns a list of leaves into a Merkle root, and one of them into a proof that it is among them.
//!
//! ```text
//! root           [       ]                a node is the SHA-256 of 0x03 and its children
//!               /         \
//!           [ 0 1 ]      [ 2 ]            as many children as the tree is wide; the last node
//!           /     \       |               of a level takes what is left
//! leaves   0       1      2               at least one level of nodes stands above the leaves
//! ```
//!
//! This is the one tree of the crate, 16 wide over changed accounts, transactions and receipts: a
//! wide tree takes half the hashes of a binary one. Journals have it 2 wide, for short proofs. The
//! root of an empty list is 32 zero bytes. A node may have one child, and no leaf is a node, so two
//! different lists have different roots.
//!
//! The first byte of what is hashed keeps the kinds apart:
//!
//! | Byte | What |
//! |---|---|
//! | 0x00, 0x01, 0x02 | an account after a block ([`crate::bank::root`]) |
//! | 0x03 | a node |
//! | 0x04 | a transaction ([`crate::block`]) |
//! | 0x05 | a receipt ([`crate::block`]) |
//! | 0x06 to 0x09 | opening, step, node, bucket of a journal ([`crate::settle`]) |
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the number of leaves, and no tree has width zero"
)]

use lockstep_interface::Hash;
use lockstep_store::Messages;
use sha2::{Digest, Sha256};

use crate::threads::Threads;

/// The first byte of the hash of a transaction.
pub(crate) const TRANSACTION: u8 = 4;
/// The first byte of the hash of a receipt.
pub(crate) const RECEIPT: u8 = 5;
/// The first byte of the hash of what a block writes itself, in a journal.
pub(crate) const OPENING: u8 = 6;
/// The first byte of the hash of a transaction's step in a journal.
pub(crate) const STEP: u8 = 7;
/// The first byte of the hash of a node before and after, in a journal.
pub(crate) const PAIR: u8 = 8;
/// The first byte of the hash of such a node with the changes below it.
pub(crate) const BUCKET: u8 = 9;

const NODE: u8 = 3;

/// Leaves hashed by one task: whole subtrees, of two levels if 16 wide.
const TASK_LEAVES: usize = 256;

/// The hash of a leaf or of a node.
pub(crate) type Node = [u8; 32];

/// The root over the leaves that `leaves` makes of some neighbouring items, one of each, in a tree
/// `WIDTH` wide.
///
/// O(items) hashes, spread over the threads; the result does not depend on them.
pub(crate) fn root<const WIDTH: usize, T: Sync>(
    items: &[T],
    threads: &Threads,
    leaves: impl Fn(&[T]) -> Vec<Node> + Send + Sync,
) -> Hash {
    // Then whole nodes stand above the leaves of one task, at each level.
    const { assert!(WIDTH > 1 && WIDTH.is_power_of_two() && WIDTH <= TASK_LEAVES) };
    let height = TASK_LEAVES.ilog(WIDTH);
    let subtrees = threads.map_chunks(items, TASK_LEAVES, |chunk| {
        let mut level = leaves(chunk);
        for _ in 0..height {
            level = parents::<WIDTH>(&level);
            if level.len() == 1 && items.len() <= TASK_LEAVES {
                break;
            }
        }
        level
    });
    let mut level = subtrees.concat();
    while level.len() > 1 {
        level = parents::<WIDTH>(&level);
    }
    Hash::new_from_array(level.first().copied().unwrap_or_default())
}

/// The siblings on the way from the leaf at `index` to the root, level by level from below, each
/// level's in their order. `None` if there is no such leaf. O(leaves) hashes.
pub(crate) fn siblings<const WIDTH: usize>(
    mut level: Vec<Node>,
    index: usize,
) -> Option<Vec<Node>> {
    level.get(index)?;
    let mut siblings = Vec::new();
    let mut position = index;
    loop {
        let start = position - position % WIDTH;
        let group = level.iter().enumerate().skip(start).take(WIDTH);
        siblings.extend(
            group
                .filter(|(place, _)| *place != position)
                .map(|(_, node)| *node),
        );
        level = parents::<WIDTH>(&level);
        position /= WIDTH;
        if level.len() == 1 {
            return Some(siblings);
        }
    }
}

/// The root of a tree of `count` leaves in which this one stands at `index` and has these
/// siblings; `None` if there are too many or too few of them, or no such leaf. O(log count).
pub(crate) fn climb<const WIDTH: usize>(
    leaf: Node,
    index: usize,
    count: usize,
    siblings: &[Node],
) -> Option<Hash> {
    if index >= count {
        return None;
    }
    let (mut node, mut position, mut length) = (leaf, index, count);
    let mut rest = siblings;
    loop {
        let own = position % WIDTH;
        let size = WIDTH.min(length - (position - own));
        let (others, above) = rest.split_at_checked(size - 1)?;
        let mut group = others.to_vec();
        group.insert(own, node);
        node = parent(&group);
        rest = above;
        position /= WIDTH;
        length = length.div_ceil(WIDTH);
        if length == 1 {
            return rest.is_empty().then(|| Hash::new_from_array(node));
        }
    }
}

fn parents<const WIDTH: usize>(level: &[Node]) -> Vec<Node> {
    let mut messages = Messages::default();
    for children in level.chunks(WIDTH) {
        messages.push([&[NODE], children.as_flattened()]);
    }
    messages.hashes()
}

fn parent(children: &[Node]) -> Node {
    let mut hasher = Sha256::new();
    hasher.update([NODE]);
    hasher.update(children.as_flattened());
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: [usize; 16] = [
        0, 1, 2, 3, 4, 5, 15, 16, 17, 255, 256, 257, 511, 513, 4_096, 5_000,
    ];

    fn leaves(count: usize) -> Vec<Node> {
        (0..count)
            .map(|index| Sha256::digest(index.to_le_bytes()).into())
            .collect()
    }

    /// The definition in the module's documentation, level by level.
    fn plain_root<const WIDTH: usize>(mut level: Vec<Node>) -> Hash {
        if level.len() == 1 {
            level = vec![parent(&level)];
        }
        while level.len() > 1 {
            level = level.chunks(WIDTH).map(parent).collect();
        }
        Hash::new_from_array(level.first().copied().unwrap_or_default())
    }

    fn check<const WIDTH: usize>() {
        for count in COUNTS {
            let leaves = leaves(count);
            let expected = plain_root::<WIDTH>(leaves.clone());
            for thread_count in [1, 2, 5] {
                let threads = Threads::new(thread_count).unwrap();
                let found = root::<WIDTH, _>(&leaves, &threads, <[Node]>::to_vec);
                assert_eq!(found, expected, "{WIDTH} wide, {count}, {thread_count}");
            }
            let picked = [0, 1, count / 3, count / 2, count.saturating_sub(1), count];
            for index in picked {
                let way = siblings::<WIDTH>(leaves.clone(), index);
                assert_eq!(way.is_some(), index < count, "{index} of {count}");
                let Some(way) = way else { continue };
                let climbed = climb::<WIDTH>(leaves[index], index, count, &way);
                assert_eq!(climbed, Some(expected), "{index} of {count}");
            }
        }
    }

    #[test]
    fn a_binary_tree_is_as_defined_and_proves_its_leaves() {
        check::<2>();
    }

    #[test]
    fn a_wide_tree_is_as_defined_and_proves_its_leaves() {
        check::<16>();
    }

    #[test]
    fn another_leaf_place_count_or_way_gives_another_root() {
        let (leaves, index) = (leaves(13), 6);
        let expected = Some(plain_root::<2>(leaves.clone()));
        let way = siblings::<2>(leaves.clone(), index).unwrap();
        assert_eq!(climb::<2>(leaves[index], index, 13, &way), expected);
        for other in (0..14).filter(|other| *other != index) {
            assert_ne!(climb::<2>(leaves[index], other, 13, &way), expected);
        }
        assert_ne!(climb::<2>(leaves[index + 1], index, 13, &way), expected);
        for place in 0..way.len() {
            let mut broken = way.clone();
            broken[place][31] ^= 1;
            assert_ne!(climb::<2>(leaves[index], index, 13, &broken), expected);
            broken.remove(place);
            assert_eq!(climb::<2>(leaves[index], index, 13, &broken), None);
        }
        let longer = [way, vec![Node::default()]].concat();
        assert_eq!(climb::<2>(leaves[index], index, 13, &longer), None);
        assert_eq!(climb::<2>(leaves[0], 0, 0, &[]), None);
    }

    #[test]
    fn lists_that_look_alike_have_roots_of_their_own() {
        let all = leaves(7);
        let mut roots: Vec<Hash> = (0..=7)
            .map(|count| plain_root::<2>(all[..count].to_vec()))
            .collect();
        // The last leaf twice, and a node in place of its leaves.
        roots.push(plain_root::<2>([&all[..], &all[6..]].concat()));
        roots.push(plain_root::<2>(vec![parent(&all[..2])]));
        let count = roots.len();
        roots.sort_unstable();
        roots.dedup();
        assert_eq!(roots.len(), count);
    }
}
