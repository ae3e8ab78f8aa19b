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
    collections::hash_map::RandomState,
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions, TryLockError},
    hash::BuildHasher,
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    thread,
};

use super::{
    anchor::{Anchor, sync_directory},
    failed,
    open::{LOCK_PAUSE, LOCK_TRIES},
};
use crate::StoreError;

/// What is added to a name until the directory is complete.
const UNFINISHED: &str = ".unfinished";
/// The file that marks such a directory. The process at work in it holds a lock on the file.
const MARK: &str = "UNFINISHED";
/// What the file begins with; a random number follows.
const MAGIC: &str = "lockstep unfinished store 1\n";
/// Bytes of the file.
const MARK_SIZE: usize = MAGIC.len() + 16;

/// How often a directory without a mark is looked at again: one of ours may just have got its name,
/// and another one this name.
const FOREIGN_LOOKS: u32 = 3;

/// A directory to work in, and the lock on it.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
    /// Where the work is done.
    pub(super) directory: PathBuf,
    _mark: File,
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
            Ok(Claim::Ours(mark)) => break mark,
            Ok(Claim::Changed) => {}
            Ok(Claim::Foreign) if looks.next().is_some() => thread::sleep(LOCK_PAUSE),
            Ok(Claim::Foreign) => return Err(StoreError::Foreign { path: directory }),
            Ok(Claim::InUse) if tries.next().is_some() => thread::sleep(LOCK_PAUSE),
            Ok(Claim::InUse) => return Err(StoreError::Locked { path }),
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
        let unmarked = fs::remove_file(path.join(MARK)).and_then(|()| sync_directory(path));
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

/// What comes of a try to get a directory of the middle name.
enum Claim {
    /// The directory is there, marked, locked and empty.
    Ours(File),
    /// Another process is at work in it.
    InUse,
    /// It is not marked.
    Foreign,
    /// It came or went meanwhile.
    Changed,
}

fn claim(directory: &Path) -> io::Result<Claim> {
    match fs::symlink_metadata(directory) {
        Ok(metadata) if metadata.is_dir() => claim_left(directory),
        Ok(_) => Ok(Claim::Foreign),
        Err(error) if error.kind() == ErrorKind::NotFound => claim_new(directory),
        Err(error) => Err(error),
    }
}

/// Makes the directory, marked and locked before it has its name.
fn claim_new(directory: &Path) -> io::Result<Claim> {
    let random = random();
    let new = with_end(directory, &format!("-{random:016x}"));
    fs::create_dir(&new)?;
    let named = mark(&new, random).and_then(|mark| {
        fs::rename(&new, directory)?;
        Ok(Claim::Ours(mark))
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
            Ok(Claim::Changed)
        }
        named => named,
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// Removes a directory that holds a mark and nothing else.
fn remove_marked(directory: &Path) -> io::Result<()> {
    fs::remove_file(directory.join(MARK))?;
    fs::remove_dir(directory)
}

fn mark(directory: &Path, random: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create_new(true);
    let mut file = options.open(directory.join(MARK))?;
    file.lock()?;
    file.write_all(format!("{MAGIC}{random:016x}").as_bytes())?;
    file.sync_all()?;
    Ok(file)
}

/// Takes over a directory that another process has left.
fn claim_left(directory: &Path) -> io::Result<Claim> {
    let path = directory.join(MARK);
    let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return Ok(Claim::Foreign);
    }
    let opened = OpenOptions::new().read(true).write(true).open(&path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Claim::Changed),
        Err(error) => return Err(error),
    };
    let Some(content) = read_mark(&mut file)? else {
        return Ok(Claim::Foreign);
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Claim::InUse),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // The name may have passed to another directory before the lock was there.
    let current = File::open(&path).and_then(|mut file| read_mark(&mut file));
    if current.ok().flatten() != Some(content) {
        return Ok(Claim::Changed);
    }
    empty(directory)?;
    Ok(Claim::Ours(file))
}

/// What a mark holds; `None` if it is none.
fn read_mark(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::with_capacity(MARK_SIZE);
    let limit = u64::try_from(MARK_SIZE).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut content)?;
    Ok(content.starts_with(MAGIC.as_bytes()).then_some(content))
}

/// Removes all that is in a directory but the mark.
fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() == OsStr::new(MARK) {
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
