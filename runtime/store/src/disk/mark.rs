//! Directories of ours that go again: a file in each marks it, and the process that needs it holds
//! a lock on the file.
//!
//! A directory with a mark that no process has locked was left by one that is no more. One without
//! a mark is of other origin, and none of our business.

use std::{
    collections::hash_map::RandomState,
    ffi::OsStr,
    fs::{self, File, OpenOptions, TryLockError},
    hash::BuildHasher,
    io::{self, ErrorKind, Read, Write},
    path::Path,
};

/// The file's name.
pub(super) const NAME: &str = "UNFINISHED";
/// What the file begins with; a random number follows, so that no two are alike.
const MAGIC: &str = "lockstep unfinished store 1\n";
const SIZE: usize = MAGIC.len() + 16;

/// The mark of a directory that this process needs.
#[derive(Debug)]
pub(super) struct Mark {
    /// Locked.
    _file: File,
}

/// What a directory of another process is.
pub(super) enum Left {
    /// It was left. Its mark is locked now.
    Ours(Mark),
    /// Its process is at work.
    InUse,
    /// It has no mark.
    Foreign,
    /// It came or went meanwhile.
    Changed,
}

/// A number that another process has not.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

impl Mark {
    /// Marks a new directory. It is locked before it is marked.
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(true);
        let mut file = options.open(directory.join(NAME))?;
        file.lock()?;
        file.write_all(format!("{MAGIC}{:016x}", random()).as_bytes())?;
        file.sync_all()?;
        Ok(Self { _file: file })
    }

    /// Locks the mark of a directory that another process has made.
    pub(super) fn of_left(directory: &Path) -> io::Result<Left> {
        let path = directory.join(NAME);
        let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        if !is_file {
            return Ok(Left::Foreign);
        }
        let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Left::Changed),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Left::InUse),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let Some(content) = read(&mut file)? else {
            return Ok(Left::Foreign);
        };
        // The name may have passed to another directory before the lock was there.
        let current = File::open(&path).and_then(|mut file| read(&mut file));
        if current.ok().flatten() != Some(content) {
            return Ok(Left::Changed);
        }
        Ok(Left::Ours(Self { _file: file }))
    }
}

/// What a mark holds; `None` if it is none.
fn read(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::with_capacity(SIZE);
    let limit = u64::try_from(SIZE).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut content)?;
    let is_mark = content.len() == SIZE && content.starts_with(MAGIC.as_bytes());
    Ok(is_mark.then_some(content))
}

/// Removes all that is in a directory but the mark.
pub(super) fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() == OsStr::new(NAME) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes a directory that holds nothing but its mark.
pub(super) fn remove_marked(directory: &Path) -> io::Result<()> {
    fs::remove_file(directory.join(NAME))?;
    fs::remove_dir(directory)
}
