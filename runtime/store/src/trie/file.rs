//! The leaves of a trie as bytes.

use std::io::{self, ErrorKind, Read, Write};

use super::{
    Parallel, SHARD_COUNT, Trie,
    arena::{Arena, Leaf, Node, Pair},
    shard_of,
    versions::Shard,
};
use crate::sync::Shared;

/// Bytes of a leaf.
const LEAF_SIZE: u64 = 64;

impl Trie {
    /// Writes all leaves, in the order of their paths, shard by shard. O(accounts).
    pub(crate) fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        for shard in 0..SHARD_COUNT {
            self.with_shard(shard, |arena| -> io::Result<()> {
                out.write_all(&(arena.leaf_count() as u64).to_le_bytes())?;
                arena.visit(&mut |leaf| out.write_all(leaf.0.as_flattened()))
            })?;
        }
        Ok(())
    }

    /// Reads what was written, `size` bytes at most. O(accounts).
    pub(crate) fn read_from(
        input: &mut impl Read,
        size: u64,
        parallel: &impl Parallel,
    ) -> io::Result<Self> {
        let mut shards = Vec::with_capacity(SHARD_COUNT);
        for shard in 0..SHARD_COUNT {
            let leaves = read_shard(input, size)?;
            let is_in_order = leaves.is_sorted_by(|one, other| one.path() < other.path());
            let is_here =
                |leaf: Option<&Leaf>| leaf.is_none_or(|leaf| shard_of(leaf.path()) == shard);
            if !is_in_order || !is_here(leaves.first()) || !is_here(leaves.last()) {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "paths are out of order",
                ));
            }
            shards.push(Shared::new(Some(leaves)));
        }
        let made = parallel.map(SHARD_COUNT, |shard| {
            let leaves = shards[shard].write().take();
            Shard::of(leaves.unwrap_or_default())
        });
        Ok(Self::of(made.into_iter()))
    }
}

fn read_shard(input: &mut impl Read, size: u64) -> io::Result<Vec<Leaf>> {
    let mut count = [0; 8];
    input.read_exact(&mut count)?;
    let count = u64::from_le_bytes(count);
    if count > size / LEAF_SIZE {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "more leaves than bytes",
        ));
    }
    let mut leaves = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    for _ in 0..count {
        let mut leaf = Pair([[0; 32]; 2]);
        input.read_exact(leaf.0.as_flattened_mut())?;
        leaves.push(leaf);
    }
    Ok(leaves)
}

impl Arena {
    /// Shows all leaves in the order of their paths.
    fn visit(&self, visit: &mut impl FnMut(&Leaf) -> io::Result<()>) -> io::Result<()> {
        let mut open: Vec<_> = self.root().into_iter().collect();
        while let Some(link) = open.pop() {
            match link.node() {
                Node::Leaf(slot) => visit(self.leaf(slot))?,
                Node::Fork(slot) => open.extend(self.fork(slot).children.into_iter().rev()),
            }
        }
        Ok(())
    }
}
