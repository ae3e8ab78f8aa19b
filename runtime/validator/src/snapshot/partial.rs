//! A snapshot that is on its way, on disk, so that what has come survives the process.
//!
//! ```text
//! DIR/snapshot/offer    which snapshot; stays as long as the ledger, as the certificate that
//!                       consensus begins with
//! DIR/snapshot/bytes    its bytes; chunks that have not come are zeros or missing
//! ```
//! Nothing notes which chunks have come: their hashes tell.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufReader, Read, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::offer::Offer;

/// The offer's file.
const OFFER: &str = "offer";
/// The offer's file until all of it is written.
const UNFINISHED: &str = "offer.new";
/// The snapshot's file.
const BYTES: &str = "bytes";

/// A snapshot of which chunks are missing.
#[derive(Debug)]
pub struct Partial {
    folder: PathBuf,
    offer: Offer,
    bytes: File,
    missing: BTreeSet<usize>,
}

impl Partial {
    /// Begins with an offer, in place of whatever is in the folder.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn create(folder: &Path, offer: Offer) -> io::Result<Self> {
        discard(folder)?;
        fs::create_dir_all(folder)?;
        let bytes = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(folder.join(BYTES))?;
        let mut file = File::create(folder.join(UNFINISHED))?;
        file.write_all(&offer.encode())?;
        file.sync_all()?;
        fs::rename(folder.join(UNFINISHED), folder.join(OFFER))?;
        File::open(folder)?.sync_all()?;
        let missing = (0..offer.chunk_count()).collect();
        Ok(Self {
            folder: folder.to_owned(),
            offer,
            bytes,
            missing,
        })
    }

    /// Goes on with what is in the folder; `None` if nothing of use is. O(bytes that have come).
    ///
    /// # Errors
    /// If the file system fails.
    pub fn resume(folder: &Path) -> io::Result<Option<Self>> {
        let Some(offer) = stored_offer(folder)? else {
            return Ok(None);
        };
        let bytes = File::options()
            .read(true)
            .write(true)
            .open(folder.join(BYTES));
        let bytes = match bytes {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let mut missing = BTreeSet::new();
        for index in 0..offer.chunk_count() {
            let chunk = read_chunk(&bytes, &offer, index);
            if !chunk.is_ok_and(|chunk| offer.is_chunk(index, &chunk)) {
                missing.insert(index);
            }
        }
        Ok(Some(Self {
            folder: folder.to_owned(),
            offer,
            bytes,
            missing,
        }))
    }

    /// Which snapshot.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// The chunks that have not come, in ascending order.
    pub fn missing(&self) -> &BTreeSet<usize> {
        &self.missing
    }

    /// Takes a chunk; false if its bytes are others than offered.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn put(&mut self, index: usize, chunk: &[u8]) -> io::Result<bool> {
        let Some((start, _)) = self.offer.chunk(index) else {
            return Ok(false);
        };
        if !self.offer.is_chunk(index, chunk) {
            return Ok(false);
        }
        if self.missing.contains(&index) {
            self.bytes.write_all_at(chunk, start)?;
            self.missing.remove(&index);
        }
        Ok(true)
    }

    /// The bytes, once none is missing.
    ///
    /// # Errors
    /// If the file cannot be opened.
    ///
    /// # Panics
    /// If a chunk is missing.
    pub fn reader(&self) -> io::Result<impl Read + use<>> {
        assert!(self.missing.is_empty(), "all chunks have come");
        let file = File::open(self.folder.join(BYTES))?;
        Ok(BufReader::with_capacity(
            1 << 20,
            file.take(self.offer.size()),
        ))
    }

    /// Keeps the offer once the ledger has the bytes, and these in a file, as the ledger's first
    /// state.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn finish(self, kept: &Path) -> io::Result<()> {
        keep_bytes(&self.folder, kept)
    }
}

/// Makes the bytes of a snapshot that the ledger has, if they are still there, its first state.
///
/// # Errors
/// If the file system fails.
pub fn keep_bytes(folder: &Path, kept: &Path) -> io::Result<()> {
    match fs::rename(folder.join(BYTES), kept) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The bytes of a chunk in a file of a snapshot.
pub(super) fn read_chunk(file: &File, offer: &Offer, index: usize) -> io::Result<Vec<u8>> {
    let (start, size) = offer.chunk(index).ok_or(io::ErrorKind::InvalidInput)?;
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}

/// The offer in a folder; `None` if there is none that can be read.
///
/// # Errors
/// If the file system fails.
pub fn stored_offer(folder: &Path) -> io::Result<Option<Offer>> {
    match fs::read(folder.join(OFFER)) {
        Ok(bytes) => Ok(Offer::decode(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes what is in the folder.
///
/// # Errors
/// If the file system fails.
pub fn discard(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::offer::tests::{offer, schemes};

    #[test]
    fn what_has_come_survives_and_garbage_is_not_taken() {
        let folder = std::env::temp_dir().join(format!("lockstep-partial-{}", std::process::id()));
        let schemes = schemes();
        let bytes: Vec<u8> = (0..95).collect();
        let offer = offer(&bytes, 10, &schemes[..3]);
        assert!(Partial::resume(&folder).unwrap().is_none());
        let mut partial = Partial::create(&folder, offer.clone()).unwrap();
        assert!(!partial.put(3, &bytes[..10]).unwrap(), "bytes of another");
        assert!(!partial.put(10, &[]).unwrap(), "there is no such chunk");
        for index in [3, 9, 0] {
            let end = (index * 10 + 10).min(95);
            assert!(partial.put(index, &bytes[index * 10..end]).unwrap());
        }
        drop(partial);
        let mut partial = Partial::resume(&folder).unwrap().unwrap();
        assert_eq!(partial.offer().subject(), offer.subject());
        let missing: Vec<usize> = partial.missing().iter().copied().collect();
        assert_eq!(missing, [1, 2, 4, 5, 6, 7, 8]);
        for index in missing {
            assert!(partial.put(index, &bytes[index * 10..][..10]).unwrap());
        }
        let mut all = Vec::new();
        partial.reader().unwrap().read_to_end(&mut all).unwrap();
        assert_eq!(all, bytes);
        let kept = folder.join("kept");
        partial.finish(&kept).unwrap();
        assert_eq!(fs::read(kept).unwrap(), bytes);
        assert!(stored_offer(&folder).unwrap().is_some());
        discard(&folder).unwrap();
        assert!(stored_offer(&folder).unwrap().is_none());
    }
}
