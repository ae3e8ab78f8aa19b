//! A trie of accounts that are read piece by piece.
//!
//! ```text
//! accounts -> hashes, piece by piece -> 64 shards -> in order of paths -> trie
//!                `-> beyond a bound: a file for each shard -'
//! ```

use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, Write},
    sync::Arc,
};

use super::{
    Change, Parallel, SHARD_COUNT, Trie,
    arena::{Leaf, Pair},
    by_shard,
    cold::{LEAF_SIZE, TrieBound, leaves_of},
    hash::TERMINATOR,
    hash_all, in_order, unreadable,
    versions::{Held, Shard},
};
use crate::StoreError;

/// Changes that are in memory at once if there is a bound; 65 bytes each.
const PENDING_MAX: usize = 1 << 18;
/// Shards that are made at once if there is a bound: what is in memory on the way.
const SHARDS_AT_ONCE: usize = 4;

/// The accounts of a state that is read piece by piece, on the way to its trie.
///
/// ```
/// use lockstep_interface::{Account, Address};
/// use lockstep_store::{Serial, Trie, TrieBuilder};
///
/// let accounts: Vec<_> = (0..100)
///     .map(|number| (Address::new_from_array([number; 32]), Account::wallet(7)))
///     .collect();
/// let mut builder = TrieBuilder::default();
/// for piece in accounts.chunks(30) {
///     builder.push(piece, &Serial)?;
/// }
/// assert_eq!(builder.build(&Serial)?, Trie::default().update(&accounts, &Serial));
/// # Ok::<(), lockstep_store::StoreError>(())
/// ```
#[derive(Debug, Default)]
pub struct TrieBuilder {
    pieces: Vec<Vec<Change>>,
    pending: usize,
    bound: Option<TrieBound>,
    /// The changes before those pieces, by shards; none if all are in memory.
    files: Vec<BufWriter<File>>,
}

impl TrieBuilder {
    /// A builder that keeps within a bound, as the trie will.
    pub fn bounded(bound: TrieBound) -> Self {
        Self {
            bound: Some(bound),
            ..Self::default()
        }
    }

    /// Adds accounts; the last of an address counts.
    ///
    /// O(accounts), three hashes each; keeps 65 bytes of each.
    ///
    /// # Errors
    /// If there is a bound, and its files cannot be written.
    pub fn push(
        &mut self,
        accounts: &[crate::Change],
        parallel: &impl Parallel,
    ) -> Result<(), StoreError> {
        let pieces = hash_all(accounts, parallel);
        pieces.into_iter().for_each(|piece| self.add(piece));
        match &self.bound {
            Some(bound) if self.pending > PENDING_MAX => {
                let bound = bound.clone();
                self.write_out(&bound).map_err(unreadable)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn add(&mut self, changes: Vec<Change>) {
        self.pending = self.pending.saturating_add(changes.len());
        self.pieces.push(changes);
    }

    fn write_out(&mut self, bound: &TrieBound) -> io::Result<()> {
        while self.files.len() < SHARD_COUNT {
            self.files.push(BufWriter::new(bound.file()?));
        }
        for (changes, file) in by_shard(&self.pieces).into_iter().zip(&mut self.files) {
            for Change { path, value_hash } in changes {
                file.write_all(path)?;
                // No account has the hash that stands for none.
                file.write_all(value_hash.as_ref().unwrap_or(&TERMINATOR))?;
            }
        }
        self.pieces.clear();
        self.pending = 0;
        Ok(())
    }

    /// The trie of all of them. O(accounts x log accounts), a third of the time of updates.
    ///
    /// # Errors
    /// If there is a bound, and its files cannot be written or read.
    pub fn build(mut self, parallel: &impl Parallel) -> Result<Trie, StoreError> {
        let files = std::mem::take(&mut self.files).into_iter();
        let files = files.map(|file| file.into_inner().map_err(io::IntoInnerError::into_error));
        let files: io::Result<Vec<File>> = files.collect();
        let files = files.map_err(unreadable)?;
        let parts = by_shard(&self.pieces);
        let make = |shard: usize| {
            let before = files.get(shard).map(changes_of).transpose()?;
            let mut changes: Vec<&Change> = before.iter().flatten().collect();
            changes.extend(&parts[shard]);
            let leaf = |change: &Change| Some(Pair([change.path, change.value_hash?]));
            let leaves = in_order(&changes).into_iter().filter_map(leaf);
            Ok(leaves.collect())
        };
        shards_of(self.bound.as_ref(), parallel, make).map_err(unreadable)
    }
}

/// The trie of shards that are made of their leaves, in order.
pub(super) fn shards_of(
    bound: Option<&TrieBound>,
    parallel: &impl Parallel,
    leaves: impl Fn(usize) -> io::Result<Vec<Leaf>> + Send + Sync,
) -> io::Result<Trie> {
    let at_once = bound.map_or(SHARD_COUNT, |_| SHARDS_AT_ONCE);
    let counts = Arc::default();
    let mut shards: Vec<(Shard, Arc<Held>)> = Vec::with_capacity(SHARD_COUNT);
    while shards.len() < SHARD_COUNT {
        let first = shards.len();
        let made = parallel.map(at_once, |index| {
            let leaves = leaves(first.saturating_add(index))?;
            match bound {
                Some(bound) => Shard::bounded(&leaves, bound, &counts),
                None => Ok(Shard::of(leaves)),
            }
        });
        shards.extend(made.into_iter().collect::<io::Result<Vec<_>>>()?);
    }
    Ok(Trie::of(shards.into_iter()))
}

/// The changes that were written to a file.
fn changes_of(mut file: &File) -> io::Result<Vec<Change>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    debug_assert_eq!(bytes.len() % LEAF_SIZE, 0, "whole changes were written");
    let changes = leaves_of(&bytes).into_iter().map(|leaf| Change {
        path: *leaf.path(),
        value_hash: Some(*leaf.value_hash()).filter(|hash| *hash != TERMINATOR),
    });
    Ok(changes.collect())
}
