//! Directories that get their name once all is in them.
//!
//! ```text
//! NAME.unfinished-RANDOM     made, marked and locked
//! NAME.unfinished            the same directory, renamed: of several processes one gets the name
//! NAME                       renamed once the work is done; then the mark goes
//! ```
//! So a directory with the middle name is either at work, and locked, or left by a process that is
//! no more, and emptied and used again. One without the mark is of other origin and stays.

use std::{
    ffi::OsString,
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    thread,
};

use super::{
    anchor::{Anchor, sync_directory},
    failed,
    mark::{self, Left, Mark, empty, random, remove_marked},
    open::{LOCK_PAUSE, LOCK_TRIES},
};
use crate::StoreError;

/// What is added to a name until the directory is complete.
const UNFINISHED: &str = ".unfinished";
/// How often a directory without a mark is looked at again: one of ours may just have got its name,
/// and another one this name.
const FOREIGN_LOOKS: u32 = 3;

/// A directory to work in, and the lock on it.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
    /// Where the work is done.
    pub(super) directory: PathBuf,
    _mark: Mark,
}

/// Makes the directory to work in, with nothing but a new anchor in it, for a store at a path.
pub(super) fn begin(path: &Path) -> Result<Unfinished, StoreError> {
    let path = resolve(path)?;
    let around = fs::create_dir_all(parent(&path));
    around.map_err(|error| failed(&path, "make the directory around", error))?;
    let directory = with_end(&path, UNFINISHED);
    let mut tries = 0..LOCK_TRIES;
    let mut looks = 0..FOREIGN_LOOKS;
    let mark = loop {
        check_free(&path)?;
        match claim(&directory) {
            Ok(Left::Ours(mark)) => break mark,
            Ok(Left::Changed) => {}
            Ok(Left::Foreign) if looks.next().is_some() => thread::sleep(LOCK_PAUSE),
            Ok(Left::Foreign) => return Err(StoreError::Foreign { path: directory }),
            Ok(Left::InUse) if tries.next().is_some() => thread::sleep(LOCK_PAUSE),
            Ok(Left::InUse) => return Err(StoreError::Locked { path }),
            Err(error) => return Err(failed(&directory, "make the directory", error)),
        }
    };
    let unfinished = Unfinished {
        path,
        directory,
        _mark: mark,
    };
    // The last process may have finished between the two looks.
    let prepared = check_free(&unfinished.path).and_then(|()| {
        let made = Anchor::create(&unfinished.directory);
        made.map_err(|error| failed(&unfinished.directory, "make the anchor", error))
    });
    match prepared {
        Ok(()) => Ok(unfinished),
        Err(error) => {
            let _ = unfinished.remove();
            Err(error)
        }
    }
}

impl Unfinished {
    /// Gives the directory its name, or removes it if the work failed. The store is closed.
    pub(super) fn end<R, E: From<StoreError>>(self, built: Result<R, E>) -> Result<R, E> {
        let named = built.and_then(|result| {
            self.name()?;
            Ok(result)
        });
        if named.is_err() {
            // What the work failed with says more than that its traces stayed.
            let _ = self.remove();
        }
        named
    }

    fn name(&self) -> Result<(), StoreError> {
        let path = &self.path;
        // Only an empty directory is replaced.
        fs::rename(&self.directory, path).map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                StoreError::Exists { path: path.clone() }
            }
            _ => failed(path, "name the directory", error),
        })?;
        let unmarked = fs::remove_file(path.join(mark::NAME)).and_then(|()| sync_directory(path));
        let durable = unmarked.and_then(|()| sync_directory(parent(path)));
        durable.map_err(|error| failed(path, "name the directory", error))
    }

    /// Removes the directory, the mark last: it has the name no longer when it has no mark.
    fn remove(&self) -> io::Result<()> {
        empty(&self.directory)?;
        let old = with_end(&self.directory, &format!("-{:016x}", random()));
        fs::rename(&self.directory, &old)?;
        remove_marked(&old)
    }
}

fn claim(directory: &Path) -> io::Result<Left> {
    match fs::symlink_metadata(directory) {
        Ok(metadata) if metadata.is_dir() => claim_left(directory),
        Ok(_) => Ok(Left::Foreign),
        Err(error) if error.kind() == ErrorKind::NotFound => claim_new(directory),
        Err(error) => Err(error),
    }
}

/// Makes the directory, marked and locked before it has its name.
fn claim_new(directory: &Path) -> io::Result<Left> {
    let new = with_end(directory, &format!("-{:016x}", random()));
    fs::create_dir(&new)?;
    let named = Mark::create(&new).and_then(|mark| {
        fs::rename(&new, directory)?;
        Ok(Left::Ours(mark))
    });
    if named.is_err() {
        // It is ours: the name is random, and the directory was new.
        let _ = remove_marked(&new);
    }
    match named {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory
            ) =>
        {
            Ok(Left::Changed)
        }
        named => named,
    }
}

/// Takes over a directory that another process has left.
fn claim_left(directory: &Path) -> io::Result<Left> {
    let left = Mark::of_left(directory)?;
    if let Left::Ours(_) = left {
        empty(directory)?;
    }
    Ok(left)
}

/// The path of a directory that is there, through links, or the path itself.
fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => match fs::symlink_metadata(path) {
            // A link that leads nowhere.
            Ok(_) => {
                let path = path.to_owned();
                Err(StoreError::Exists { path })
            }
            Err(_) => Ok(path.to_owned()),
        },
        Err(error) => Err(failed(path, "read the directory", error)),
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let name = path.file_name();
    let mut name = name.map_or_else(OsString::new, OsString::from);
    name.push(end);
    path.with_file_name(name)
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

/// Refuses a path at which there is anything but an empty directory.
fn check_free(path: &Path) -> Result<(), StoreError> {
    let is_free = match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    if is_free {
        return Ok(());
    }
    let path = path.to_owned();
    Err(StoreError::Exists { path })
}
