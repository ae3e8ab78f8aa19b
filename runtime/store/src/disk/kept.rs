//! The trie of a store that was closed in order, as one file: opening reads it instead of all
//! accounts.
//!
//! ```text
//! "lockstep trie 1\n" | slot u64 | block id 32 | 64 shards
//! shard:  leaves u64 | (path 32 | value hash 32) ..         integers are little-endian
//! ```
//! The root over what is read must be the one that the newest block states, which proves all of it;
//! a file that does not fit is left aside, and the accounts are read. It goes before the next block
//! is committed.

use std::{
    fs::{self, File},
    io::{self, BufWriter, ErrorKind, Read, Write},
    path::Path,
};

use super::anchor::sync_directory;
use crate::{BlockRecord, Parallel, Trie, TrieBound};

/// The file in the store's directory.
pub(super) const NAME: &str = "TRIE";
/// The same while it is written.
pub(super) const UNFINISHED: &str = "TRIE.unfinished";
/// What it begins with; the number is the format's.
const MAGIC: &[u8; 16] = b"lockstep trie 1\n";
/// Bytes that are written at once.
const BUFFER_SIZE: usize = 1 << 20;

/// Writes the trie of a store whose newest block this is.
pub(super) fn write(directory: &Path, tip: &BlockRecord, trie: &Trie) -> io::Result<()> {
    let unfinished = directory.join(UNFINISHED);
    let mut file = BufWriter::with_capacity(BUFFER_SIZE, File::create(&unfinished)?);
    file.write_all(MAGIC)?;
    file.write_all(&tip.slot.to_le_bytes())?;
    file.write_all(tip.block_id.as_ref())?;
    trie.write_to(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    fs::rename(unfinished, directory.join(NAME))?;
    sync_directory(directory)
}

/// Reads the trie of a store whose newest block this is, if it was kept and is whole.
pub(super) fn read(
    directory: &Path,
    tip: &BlockRecord,
    bound: Option<&TrieBound>,
    parallel: &impl Parallel,
) -> Option<Trie> {
    // Whatever is wrong with it, the accounts are there.
    try_read(directory, tip, bound, parallel).ok().flatten()
}

fn try_read(
    directory: &Path,
    tip: &BlockRecord,
    bound: Option<&TrieBound>,
    parallel: &impl Parallel,
) -> io::Result<Option<Trie>> {
    let mut file = File::open(directory.join(NAME))?;
    let (mut magic, mut slot, mut block_id) = ([0; 16], [0; 8], [0; 32]);
    file.read_exact(&mut magic)?;
    file.read_exact(&mut slot)?;
    file.read_exact(&mut block_id)?;
    let is_of_tip = magic == *MAGIC
        && u64::from_le_bytes(slot) == tip.slot
        && block_id == tip.block_id.to_bytes();
    if !is_of_tip {
        return Ok(None);
    }
    let trie = Trie::read_from(file, bound, parallel)?;
    Ok(Some(trie).filter(|trie| tip.state_root == Some(trie.root())))
}

/// Removes it, so that it is never taken for that of another block.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(NAME)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
