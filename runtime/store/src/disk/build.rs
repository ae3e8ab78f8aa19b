//! Directories that get their name once all is in them.

use std::{
    ffi::OsString,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{anchor::sync_directory, failed, open::open_anchor};
use crate::{DiskStore, StoreError};

/// What is added to a name until the directory is complete.
const UNFINISHED: &str = ".unfinished";

/// The directory to work in, which does not exist yet.
pub(super) fn begin(path: &Path) -> Result<PathBuf, StoreError> {
    check_free(path)?;
    let name = path.file_name();
    let mut name = name.map_or_else(OsString::new, OsString::from);
    name.push(UNFINISHED);
    let unfinished = path.with_file_name(name);
    if DiskStore::is_at(&unfinished) {
        // Another process is at work there, unless the lock can be taken.
        drop(open_anchor(&unfinished)?);
    }
    remove(&unfinished).map_err(|error| failed(&unfinished, "remove what was left", error))?;
    Ok(unfinished)
}

/// Gives the directory its name, or removes it if the work failed. The store is closed.
pub(super) fn end<R, E: From<StoreError>>(
    path: &Path,
    unfinished: &Path,
    built: Result<R, E>,
) -> Result<R, E> {
    let named = built.and_then(|result| {
        let renamed = fs::rename(unfinished, path).and_then(|()| sync_directory(parent(path)));
        renamed.map_err(|error| failed(path, "name the directory", error))?;
        Ok(result)
    });
    if named.is_err() {
        // What the work failed with says more than that its traces stayed.
        let _ = remove(unfinished);
    }
    named
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

fn remove(directory: &Path) -> Result<(), std::io::Error> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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
