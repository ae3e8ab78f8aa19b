//! The nodes of the trie as hashes, the way nomt-core's `Sha2Hasher` makes them.
//!
//! ```text
//! leaf:       SHA-256(key path | value hash), its first bit set to 1
//! internal:   SHA-256(left | right), its first bit set to 0
//! terminator: 32 zero bytes, an empty subtree of any height
//! ```
//! The first bit keeps leaves and internal nodes apart, so that neither can pose as the other.

use crate::sha256::hash_pair;

/// A hash, a node or a key path.
pub(crate) type Bytes = [u8; 32];

/// An empty subtree.
pub(crate) const TERMINATOR: Bytes = [0; 32];

/// What a node stands for; its first bit tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Terminator,
    Leaf,
    Internal,
}

/// The kind of a node.
pub(crate) fn kind(node: &Bytes) -> Kind {
    if node[0] >> 7 == 1 {
        Kind::Leaf
    } else if *node == TERMINATOR {
        Kind::Terminator
    } else {
        Kind::Internal
    }
}

/// The node that the hash of a path and a value hash is.
pub(crate) fn as_leaf(hash: &Bytes) -> Bytes {
    let mut node = *hash;
    node[0] |= 0x80;
    node
}

/// The node that the hash of two nodes is.
pub(crate) fn as_internal(hash: &Bytes) -> Bytes {
    let mut node = *hash;
    node[0] &= 0x7f;
    node
}

/// The node of one account.
pub(crate) fn leaf(path: &Bytes, value_hash: &Bytes) -> Bytes {
    as_leaf(&hash_pair(&[*path, *value_hash]))
}

/// The node of two subtrees with at least two leaves together.
pub(crate) fn internal(left: &Bytes, right: &Bytes) -> Bytes {
    as_internal(&hash_pair(&[*left, *right]))
}

/// The children of the node above `node` on a path that goes to the side `bit`.
pub(crate) fn beside(node: Bytes, bit: bool, sibling: Bytes) -> [Bytes; 2] {
    if bit {
        [sibling, node]
    } else {
        [node, sibling]
    }
}

/// The node of two subtrees: a lone leaf stands in the place of its parent.
pub(crate) fn parent(left: &Bytes, right: &Bytes) -> Bytes {
    match (kind(left), kind(right)) {
        (Kind::Terminator, Kind::Terminator) => TERMINATOR,
        (Kind::Leaf, Kind::Terminator) => *left,
        (Kind::Terminator, Kind::Leaf) => *right,
        _ => internal(left, right),
    }
}

/// Whether the node of two subtrees is a hash of both.
pub(crate) fn is_fork([left, right]: &[Bytes; 2]) -> bool {
    let lone = |one, other| kind(one) != Kind::Internal && kind(other) == Kind::Terminator;
    !lone(left, right) && !lone(right, left)
}

/// The node above `node` on a path that goes to the side `bit`.
pub(crate) fn above(node: &Bytes, bit: bool, sibling: &Bytes) -> Bytes {
    as_internal(&hash_pair(&beside(*node, bit, *sibling)))
}

/// The node at depth `to` over a node at depth `from` that is alone there; `path` leads to it.
pub(crate) fn fold(node: Bytes, path: &Bytes, from: usize, to: usize) -> Bytes {
    let depths = (to..from).rev();
    depths.fold(node, |node, depth| {
        above(&node, bit(path, depth), &TERMINATOR)
    })
}

/// The bit of a path at a depth, the first bit being the highest of the first byte.
pub(crate) fn bit(path: &Bytes, depth: usize) -> bool {
    path[depth >> 3] >> (7 ^ (depth & 7)) & 1 == 1
}

/// The first bytes of a path; almost all differ in them. Their order is that of the paths.
pub(crate) fn prefix(path: &Bytes) -> u64 {
    path.first_chunk().map_or(0, prefix_of)
}

/// How many bits two paths share before they part.
pub(crate) fn common_bits(one: &Bytes, other: &Bytes) -> usize {
    let parts = one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0);
    let mut shared = 0usize;
    for (one, other) in parts {
        let different = prefix_of(one) ^ prefix_of(other);
        let same = usize::try_from(different.leading_zeros()).expect("at most 64");
        shared = shared.saturating_add(same);
        if different != 0 {
            break;
        }
    }
    shared
}

fn prefix_of(bytes: &[u8; 8]) -> u64 {
    #[expect(
        clippy::big_endian_bytes,
        reason = "the order of bytes is the order of paths"
    )]
    u64::from_be_bytes(*bytes)
}

#[cfg(test)]
mod tests {
    use nomt_core::{
        hasher::{NodeHasher, Sha2Hasher},
        trie::{InternalData, LeafData},
    };
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn nodes_are_those_of_nomt_core() {
        for seed in 0..200u8 {
            let left: Bytes = Sha256::digest([seed]).into();
            let right: Bytes = Sha256::digest([seed, 1]).into();
            let expected = Sha2Hasher::hash_leaf(&LeafData {
                key_path: left,
                value_hash: right,
            });
            assert_eq!(leaf(&left, &right), expected);
            let expected = Sha2Hasher::hash_internal(&InternalData { left, right });
            assert_eq!(internal(&left, &right), expected);
        }
    }

    #[test]
    fn bits_are_counted_from_the_highest() {
        let mut path = [0; 32];
        path[1] = 0x41;
        let ones: Vec<usize> = (0..256).filter(|depth| bit(&path, *depth)).collect();
        assert_eq!(ones, [9, 15]);
        assert_eq!(common_bits(&path, &[0; 32]), 9);
        assert_eq!(common_bits(&path, &path), 256);
        let mut other = path;
        other[31] ^= 1;
        assert_eq!(common_bits(&path, &other), 255);
        assert_eq!(prefix(&path), 0x0041_0000_0000_0000);
    }

    #[test]
    fn a_fold_puts_empty_siblings_beside_a_path() {
        let mut path = [0; 32];
        path[1] = 0x40;
        let node = [9; 32];
        let expected = internal(&internal(&TERMINATOR, &node), &TERMINATOR);
        assert_eq!(fold(node, &path, 10, 8), expected);
        assert_eq!(fold(node, &path, 8, 8), node);
    }
}
