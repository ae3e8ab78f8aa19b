//! The way from a state root to the next: nodes of both tries, and what changed below them.
//!
//! ```text
//! node 1            before, after            the roots
//! node 2, 3         before, after            below, as in a heap: 2n and 2n + 1 under n
//! ..
//! node 2^depth + i  before, after, items     a bucket: all accounts written below the i-th
//! ```
//! Node `n` is leaf `n - 1` of a binary tree; its hash is SHA-256 over 8 for a node, 9 for a
//! bucket, and its Borsh bytes. An item is an account, its hash after the block, and the step that
//! wrote it last; items of a bucket are in ascending order of addresses.

use lockstep_interface::{Address, Hash};
use lockstep_store::{Messages, key_path, merge_layer};
use sha2::{Digest, Sha256};

use super::DEPTH_MAX;
use crate::{
    merkle::{self, Node},
    threads::Threads,
};

/// Nodes of one task; an even number, so that no two neighbours are parted.
const TASK_SIZE: usize = 1_024;

/// The nodes of one trie down to a depth, as a heap; the first is not used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nodes(pub Vec<Hash>);

/// An account that a block has written.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Item {
    /// The account.
    pub address: Address,
    /// Its hash after the block; zeros if it is gone.
    pub after: Hash,
    /// The leaf that wrote it last.
    pub writer: u32,
}

/// All nodes before and after a block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transition {
    /// Before.
    pub before: Nodes,
    /// After.
    pub after: Nodes,
    /// By bucket.
    pub buckets: Vec<Vec<Item>>,
}

impl Nodes {
    /// The nodes above a layer, and the layer. O(layer).
    pub fn over(layer: &[Hash], threads: &Threads) -> Self {
        let mut levels = vec![layer.to_vec()];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            levels.push(threads.map_chunks(level, TASK_SIZE, merge_layer).concat());
        }
        let mut heap = Vec::with_capacity(layer.len().saturating_mul(2));
        heap.push(Hash::default());
        levels.iter().rev().for_each(|level| heap.extend(level));
        Self(heap)
    }

    /// How deep they go.
    pub fn depth(&self) -> u8 {
        let depth = self
            .0
            .len()
            .checked_ilog2()
            .unwrap_or_default()
            .saturating_sub(1);
        u8::try_from(depth).expect("a depth is at most 63")
    }
}

/// The bits of a path that tell its bucket, at any depth.
pub(super) fn first_bits(path: &[u8; 32]) -> u16 {
    u16::from(path[0]) << 8 | u16::from(path[1])
}

/// The bucket of a path with these first bits.
pub(super) fn bucket_at(first_bits: u16, depth: u8) -> usize {
    usize::from(first_bits) >> DEPTH_MAX.saturating_sub(depth)
}

/// The bucket of an account.
pub(super) fn bucket_of(address: &Address, depth: u8) -> usize {
    bucket_at(first_bits(&key_path(address)), depth)
}

type Fields = ([u8; 32], [u8; 32], Vec<([u8; 32], [u8; 32], u32)>);

/// A node or a bucket out of its leaf.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) before: Hash,
    pub(super) after: Hash,
    /// None of a node.
    pub(super) items: Vec<Item>,
}

impl Pair {
    pub(super) fn decode(bytes: &[u8], is_bucket: bool) -> Option<Self> {
        let (before, after, items) = if is_bucket {
            borsh::from_slice::<Fields>(bytes).ok()?
        } else {
            let (before, after) = borsh::from_slice(bytes).ok()?;
            (before, after, Vec::new())
        };
        let items = items.into_iter().map(|(address, after, writer)| Item {
            address: Address::new_from_array(address),
            after: Hash::new_from_array(after),
            writer,
        });
        Some(Self {
            before: Hash::new_from_array(before),
            after: Hash::new_from_array(after),
            items: items.collect(),
        })
    }
}

impl Transition {
    /// How deep its nodes go.
    pub fn depth(&self) -> u8 {
        self.before.depth()
    }

    /// The bytes of the leaf of a node.
    pub(super) fn encode(&self, node: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append(node, &mut bytes);
        bytes
    }

    fn append(&self, node: usize, bytes: &mut Vec<u8>) {
        bytes.extend(self.before.0[node].as_bytes());
        bytes.extend(self.after.0[node].as_bytes());
        let Some(bucket) = node.checked_sub(self.buckets.len()) else {
            return;
        };
        let items = &self.buckets[bucket];
        let count = u32::try_from(items.len()).expect("a block has fewer than 2^32 accounts");
        bytes.extend(count.to_le_bytes());
        for item in items {
            bytes.extend(item.address.as_array());
            bytes.extend(item.after.as_bytes());
            bytes.extend(item.writer.to_le_bytes());
        }
    }

    /// The hashes of all leaves, spread over the threads.
    pub(super) fn leaves(&self, threads: &Threads) -> Vec<Node> {
        let nodes: Vec<usize> = (1..self.before.0.len()).collect();
        threads
            .map_chunks(&nodes, TASK_SIZE, |nodes| self.hashes(nodes))
            .concat()
    }

    /// The root over them.
    pub(super) fn root(&self, threads: &Threads) -> Hash {
        let nodes: Vec<usize> = (1..self.before.0.len()).collect();
        merkle::root::<2, _>(&nodes, threads, |nodes| self.hashes(nodes))
    }

    fn hashes(&self, nodes: &[usize]) -> Vec<Node> {
        let mut messages = Messages::with_capacity(nodes.len().saturating_mul(2));
        let mut bytes = Vec::new();
        for node in nodes {
            let kind = match *node >= self.buckets.len() {
                true => merkle::BUCKET,
                false => merkle::PAIR,
            };
            bytes.clear();
            self.append(*node, &mut bytes);
            messages.push([&[kind], &bytes[..]]);
        }
        messages.hashes()
    }
}

/// The hash of the leaf of a node.
pub(super) fn node_hash(is_bucket: bool, bytes: &[u8]) -> Node {
    let kind = if is_bucket {
        merkle::BUCKET
    } else {
        merkle::PAIR
    };
    Sha256::new_with_prefix([kind])
        .chain_update(bytes)
        .finalize()
        .into()
}
