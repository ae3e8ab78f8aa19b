//! Copies of stores that cannot be written or are in use, which are read in their place.
//!
//! ```text
//! list files -> copy anchor -> copy what differs -> list again -> open, as after a crash
//!     ^                                                |  |
//!     +------- another process changed files ----------+--+
//! ```
//! *Why a copy is a state that the store had.* All files but journals are equal before and after,
//! so they are those of each moment between. A journal only grows, and its pages are copied from
//! the last to the first, so the copy ends where the journal did when one of the pages was read, or
//! breaks off in the middle of a batch, as after a crash. The anchor is copied before, so what it
//! names is in the journals. What still does not fit is found by opening, as with any store.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    time::SystemTime,
};

use tempfile::TempDir;

use super::{
    DiskOptions, DiskStore, anchor, failed,
    mark::{Left, Mark, empty, remove_marked},
    medium::JOURNAL_END,
    open::{self, ENGINE},
};
use crate::{Parallel, StoreError, Trie};

/// What names of copies begin with.
const PREFIX: &str = "lockstep-copy-";
/// The store in the directory of a copy.
const STORE: &str = "store";
/// How often files are copied that another process changes. A merge of files takes seconds and
/// leaves as long before the next.
const COPY_TRIES: u32 = 50;
/// How often a copy is made anew that does not open.
const OPEN_TRIES: u32 = 5;
/// Bytes of a journal that are read at once.
const PAGE_SIZE: u64 = 4_096;
/// The same to see whether there is anything in them.
const CHUNK_SIZE: u64 = 1 << 20;

/// A directory of copied files, which goes with this.
#[derive(Debug)]
pub(super) struct Copy {
    size: u64,
    _mark: Mark,
    _folder: TempDir,
}

impl Copy {
    /// Bytes that were copied.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

/// Whether a store that was not opened for this may be copied and read.
pub(super) fn is_called_for(error: &StoreError) -> bool {
    match error {
        StoreError::Locked { .. } => true,
        StoreError::Engine { source, .. } => {
            let source = source.downcast_ref::<io::Error>().map(io::Error::kind);
            matches!(
                source,
                Some(ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied)
            )
        }
        _ => false,
    }
}

/// Opens a copy of the store.
pub(super) fn open(
    path: &Path,
    options: DiskOptions,
    parallel: &impl Parallel,
) -> Result<(DiskStore, Trie), StoreError> {
    remove_left();
    let failed = |error| {
        failed(
            path,
            "copy the files to the directory for temporary files (TMPDIR)",
            error,
        )
    };
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir();
    let folder = folder.map_err(failed)?;
    let mark = Mark::create(folder.path()).map_err(failed)?;
    let target = folder.path().join(STORE);
    let mut tries = 1..OPEN_TRIES;
    let (mut store, trie, size) = loop {
        let copied = copy_settled(path, &target).map_err(failed)?;
        let Some((size, listed)) = copied else {
            return Err(StoreError::Busy {
                path: path.to_owned(),
            });
        };
        match open::open(&target, path, options, parallel) {
            Ok((store, trie)) => break (store, trie, size),
            Err(error) => {
                // Without another process at work the error is in the store itself.
                let is_changed = list(path).map_err(failed)? != listed;
                if !is_changed || tries.next().is_none() {
                    return Err(error.at(path));
                }
                fs::remove_dir_all(&target).map_err(failed)?;
            }
        }
    };
    store.copy = Some(Copy {
        size,
        _mark: mark,
        _folder: folder,
    });
    Ok((store, trie))
}

/// Removes copies that processes have left which were killed.
fn remove_left() {
    let Ok(entries) = fs::read_dir(env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let is_named = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_named || !is_folder {
            continue;
        }
        let folder = entry.path();
        if let Ok(Left::Ours(_mark)) = Mark::of_left(&folder) {
            // What cannot be removed is tried again by the next copy.
            let _ = empty(&folder).and_then(|()| remove_marked(&folder));
        }
    }
}

/// Size and time of a file.
type Stamp = (u64, Option<SystemTime>);
/// Each file of the engine, by its path in the store.
type Listing = BTreeMap<PathBuf, Stamp>;
/// The same of what was copied, with the bytes that took.
type Copied = BTreeMap<PathBuf, (Stamp, u64)>;

fn list(path: &Path) -> io::Result<Listing> {
    let mut listing = Listing::new();
    let mut folders = vec![PathBuf::from(ENGINE)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(path.join(&folder))? {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(name);
            } else {
                listing.insert(name, stamp(&metadata));
            }
        }
    }
    Ok(listing)
}

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.len(), metadata.modified().ok())
}

fn is_journal(name: &Path) -> bool {
    name.parent() == Some(Path::new(ENGINE)) && name.extension() == Some(OsStr::new(JOURNAL_END))
}

/// Whether nothing has changed but content of journals.
fn is_settled(before: &Listing, after: &Listing) -> bool {
    let pairs = || before.iter().zip(after);
    before.len() == after.len()
        && pairs().all(|(one, other)| one.0 == other.0 && (one.1 == other.1 || is_journal(one.0)))
}

/// Copies a store until no other process changes files meanwhile. Gives the bytes copied and what
/// the files were at the end; `None` if they do not settle.
fn copy_settled(path: &Path, target: &Path) -> io::Result<Option<(u64, Listing)>> {
    let mut copied = Copied::new();
    for _ in 0..COPY_TRIES {
        let round = copy_changed(path, target, &mut copied).and_then(|before| {
            let after = list(path)?;
            Ok(is_settled(&before, &after).then_some(after))
        });
        match round {
            Ok(Some(listing)) => {
                let size = copied.values().map(|(_, size)| size).sum();
                return Ok(Some((size, listing)));
            }
            Ok(None) => {}
            // It was removed after it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound && path.join(ENGINE).is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Brings the copy up to date. Gives what there was to copy.
fn copy_changed(path: &Path, target: &Path, copied: &mut Copied) -> io::Result<Listing> {
    let before = list(path)?;
    fs::create_dir_all(target.join(ENGINE))?;
    copy_file(&path.join(anchor::NAME), &target.join(anchor::NAME))?;
    let gone = copied.keys().filter(|name| !before.contains_key(*name));
    for name in gone.cloned().collect::<Vec<_>>() {
        fs::remove_file(target.join(&name))?;
        copied.remove(&name);
    }
    for (name, stamp) in &before {
        let is_copied = copied.get(name).is_some_and(|(known, _)| known == stamp);
        if is_copied && !is_journal(name) {
            continue;
        }
        let (from, to) = (path.join(name), target.join(name));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let size = if is_journal(name) {
            copy_journal(&from, &to)
        } else {
            copy_file(&from, &to)
        };
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", name.display()));
        let size = size.map_err(named)?;
        copied.insert(name.clone(), (*stamp, size));
    }
    Ok(before)
}

/// Copies a file, but not its permissions: the copy is written.
fn copy_file(from: &Path, to: &Path) -> io::Result<u64> {
    io::copy(&mut File::open(from)?, &mut File::create(to)?)
}

/// Copies a journal from its last page to its first. Pages of zeros become holes, of which a
/// journal has many, as it is made longer than it is. Gives the bytes that are no hole.
fn copy_journal(from: &Path, to: &Path) -> io::Result<u64> {
    let mut from = File::open(from)?;
    let size = from.metadata()?.len();
    let mut to = File::create(to)?;
    to.set_len(size)?;
    let mut written = 0u64;
    let mut bytes = Vec::new();
    for chunk in parts(0..size, CHUNK_SIZE) {
        read_at(&mut from, &chunk, &mut bytes)?;
        if is_hole(&bytes) {
            continue;
        }
        for page in parts(chunk, PAGE_SIZE) {
            read_at(&mut from, &page, &mut bytes)?;
            if !is_hole(&bytes) {
                to.seek(SeekFrom::Start(page.start))?;
                to.write_all(&bytes)?;
                written = written.saturating_add(page.end.saturating_sub(page.start));
            }
        }
    }
    Ok(written)
}

fn is_hole(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// A range in parts of a size, the last part first.
fn parts(range: Range<u64>, size: u64) -> impl Iterator<Item = Range<u64>> {
    let count = range.end.saturating_sub(range.start).div_ceil(size);
    (0..count).rev().map(move |number| {
        let start = range.start.saturating_add(number.saturating_mul(size));
        start..start.saturating_add(size).min(range.end)
    })
}

fn read_at(file: &mut File, range: &Range<u64>, bytes: &mut Vec<u8>) -> io::Result<()> {
    file.seek(SeekFrom::Start(range.start))?;
    bytes.clear();
    let size = range.end.saturating_sub(range.start);
    file.take(size).read_to_end(bytes).map(drop)
}
