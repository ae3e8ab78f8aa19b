//! The leaves of a trie as bytes.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use super::{
    Parallel, SHARD_COUNT, Trie,
    arena::Leaf,
    builder::shards_of,
    cold::{LEAF_SIZE, TrieBound, leaves_of},
    shard_of,
};
use crate::sync::Shared;

impl Trie {
    /// Writes all leaves, in the order of their paths, shard by shard. O(accounts).
    pub(crate) fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        for shard in 0..SHARD_COUNT {
            self.with_shard(shard, |arena| {
                out.write_all(&(arena.leaf_count() as u64).to_le_bytes())?;
                let mut write = |leaf: &Leaf| out.write_all(leaf.0.as_flattened());
                let root = arena.root();
                root.map_or(Ok(()), |root| arena.visit(root, &mut write))
            })?;
        }
        Ok(())
    }

    /// Reads what was written, from where the input is on. O(accounts).
    pub(crate) fn read_from(
        mut input: impl Read + Seek + Send + Sync,
        bound: Option<&TrieBound>,
        parallel: &impl Parallel,
    ) -> io::Result<Self> {
        let mut places = Vec::with_capacity(SHARD_COUNT);
        let end = {
            let start = input.stream_position()?;
            let end = input.seek(SeekFrom::End(0))?;
            input.seek(SeekFrom::Start(start))?;
            end
        };
        for _ in 0..SHARD_COUNT {
            let mut count = [0; 8];
            input.read_exact(&mut count)?;
            let (start, count) = (input.stream_position()?, u64::from_le_bytes(count));
            let size = count.checked_mul(LEAF_SIZE as u64);
            let size = size.filter(|size| *size <= end.saturating_sub(start));
            let size = size.ok_or_else(|| wrong("more leaves than bytes"))?;
            places.push((start, usize::try_from(size).map_err(io::Error::other)?));
            input.seek(SeekFrom::Start(start.saturating_add(size)))?;
        }
        let input = Shared::new(input);
        shards_of(bound, parallel, |shard| {
            let (start, size) = places[shard];
            let mut bytes = vec![0; size];
            {
                let mut input = input.write();
                input.seek(SeekFrom::Start(start))?;
                input.read_exact(&mut bytes)?;
            }
            let leaves = leaves_of(&bytes);
            let is_in_order = leaves.is_sorted_by(|one, other| one.path() < other.path());
            let is_here =
                |leaf: Option<&Leaf>| leaf.is_none_or(|leaf| shard_of(leaf.path()) == shard);
            if !is_in_order || !is_here(leaves.first()) || !is_here(leaves.last()) {
                return Err(wrong("paths are out of order"));
            }
            Ok(leaves)
        })
    }
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
