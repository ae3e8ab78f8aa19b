//! The nodes of the trie as hashes, the way nomt-core's `Sha2Hasher` makes them.
//!
//! ```text
//! leaf:       SHA-256(key path | value hash), its first bit set to 1
//! internal:   SHA-256(left | right), its first bit set to 0
//! terminator: 32 zero bytes, an empty subtree of any height
//! ```
//! The first bit keeps leaves and internal nodes apart, so that neither can pose as the other.

use sha2::block_api::compress256;

/// A hash, a node or a key path.
pub(crate) type Bytes = [u8; 32];

/// An empty subtree.
pub(crate) const TERMINATOR: Bytes = [0; 32];

/// The initial state of SHA-256 (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The padding block of a message of 64 bytes: a one bit, and the size of 512 bits at the end.
const PADDING: [u8; 64] = {
    let mut block = [0; 64];
    block[0] = 0x80;
    block[62] = 2;
    block
};

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

/// SHA-256 of two times 32 bytes, with no buffer in between.
fn hash_pair(left: &Bytes, right: &Bytes) -> Bytes {
    let mut blocks = [[0; 64], PADDING];
    blocks[0][..32].copy_from_slice(left);
    blocks[0][32..].copy_from_slice(right);
    let mut state = INITIAL;
    compress256(&mut state, &blocks);
    let mut hash = [0; 32];
    for (bytes, word) in hash.chunks_exact_mut(4).zip(state) {
        #[expect(clippy::big_endian_bytes, reason = "SHA-256 gives big-endian words")]
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    hash
}

/// The node of one account.
pub(crate) fn leaf(path: &Bytes, value_hash: &Bytes) -> Bytes {
    let mut node = hash_pair(path, value_hash);
    node[0] |= 0x80;
    node
}

/// The node of two subtrees with at least two leaves together.
pub(crate) fn internal(left: &Bytes, right: &Bytes) -> Bytes {
    let mut node = hash_pair(left, right);
    node[0] &= 0x7f;
    node
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

/// The node above `node` on a path that goes to the side `bit`.
pub(crate) fn above(node: &Bytes, bit: bool, sibling: &Bytes) -> Bytes {
    if bit {
        internal(sibling, node)
    } else {
        internal(node, sibling)
    }
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
    #[expect(
        clippy::big_endian_bytes,
        reason = "the order of bytes is the order of paths"
    )]
    path.first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// How many bits two paths share before they part.
pub(crate) fn common_bits(one: &Bytes, other: &Bytes) -> usize {
    let mut pairs = one.iter().zip(other);
    match pairs.position(|(one, other)| one != other) {
        Some(index) => {
            let shared = (one[index] ^ other[index]).leading_zeros();
            (index << 3) | usize::try_from(shared).expect("at most 7")
        }
        None => 256,
    }
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
