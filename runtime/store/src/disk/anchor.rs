//! A small file beside the engine's: it marks the directory as a store and names the newest
//! acknowledged block.
//!
//! A journal that lost its tail looks like one that ended there. The anchor is written after a
//! block is durable and before it is acknowledged, so an engine that is behind it has lost blocks.
//! It is not synced: after a loss of power it may name an older block, which only makes the check
//! weaker. A damaged anchor is replaced once everything else fits. A process that has the store
//! open holds a lock on the file.
//!
//! ```text
//! "lockstep store 1\n" | 0 or 1 | slot u64 | block 32 | the first 8 bytes of SHA-256 of all before
//! ```

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
};

use lockstep_interface::Hash;
use sha2::{Digest, Sha256};

/// The file's name.
pub(crate) const NAME: &str = "ANCHOR";
const MAGIC: &[u8; 17] = b"lockstep store 1\n";
const BODY_SIZE: usize = MAGIC.len() + 1 + 8 + 32;
const SIZE: usize = BODY_SIZE + 8;

/// Slot and hash of a block.
pub(crate) type Acknowledged = Option<(u64, Hash)>;

/// The open file.
#[derive(Debug)]
pub(crate) struct Anchor {
    file: File,
}

fn encode(acknowledged: Acknowledged) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    bytes[..17].copy_from_slice(MAGIC);
    if let Some((slot, block_id)) = acknowledged {
        bytes[17] = 1;
        bytes[18..26].copy_from_slice(&slot.to_le_bytes());
        bytes[26..BODY_SIZE].copy_from_slice(block_id.as_bytes());
    }
    let digest = Sha256::digest(&bytes[..BODY_SIZE]);
    bytes[BODY_SIZE..].copy_from_slice(&digest[..8]);
    bytes
}

fn decode(bytes: &[u8; SIZE]) -> Option<Acknowledged> {
    let slot = u64::from_le_bytes(*bytes[18..].first_chunk()?);
    let block_id = Hash::new_from_array(*bytes[26..].first_chunk()?);
    let acknowledged = (bytes[17] == 1).then_some((slot, block_id));
    (encode(acknowledged) == *bytes).then_some(acknowledged)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

impl Anchor {
    /// Makes the anchor of a new store, durably. What it says is still damaged. One that another
    /// process has just made stays.
    pub(crate) fn create(directory: &Path) -> io::Result<()> {
        match File::create_new(directory.join(NAME)) {
            Ok(file) => file.sync_all()?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        sync_directory(directory)
    }

    /// Opens the anchor, unless another process has it open, and reads it; `None` for its content
    /// if it is damaged.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Option<Acknowledged>), TryLockError> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(directory.join(NAME));
        let mut file = file.map_err(TryLockError::Error)?;
        file.try_lock()?;
        let mut bytes = Vec::with_capacity(SIZE);
        let limit = u64::try_from(SIZE)
            .expect("a small number")
            .saturating_add(1);
        let read = (&mut file).take(limit).read_to_end(&mut bytes);
        read.map_err(TryLockError::Error)?;
        let acknowledged = bytes.as_slice().try_into().ok().and_then(decode);
        Ok((Self { file }, acknowledged))
    }

    /// Names the newest acknowledged block.
    pub(crate) fn set(&mut self, acknowledged: Acknowledged) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&encode(acknowledged))
    }

    /// Replaces the whole file, durably.
    pub(crate) fn repair(&mut self, acknowledged: Acknowledged) -> io::Result<()> {
        self.file.set_len(0)?;
        self.set(acknowledged)?;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_survive_their_bytes_and_nothing_else_is_one() {
        for anchor in [None, Some((7, Hash::new_from_array([3; 32])))] {
            let bytes = encode(anchor);
            assert_eq!(decode(&bytes), Some(anchor));
            for bit in 0..SIZE * 8 {
                let mut flipped = bytes;
                flipped[bit >> 3] ^= 1 << (bit & 7);
                assert_eq!(decode(&flipped), None, "bit {bit}");
            }
        }
    }
}
