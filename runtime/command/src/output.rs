//! Output files: each is written whole, and what has its name is looked at before.
//!
//! ```text
//! missing, a file     a new file beside it, which gets the name once it is whole and durable
//! a link              the same for what it leads to; the link stays
//! FIFO, device        written to
//! directory, file     refused
//!   without a write permission
//! ```
//! The file beside is new, locked, and has a name that no other file has by chance. What a process
//! that was killed has left is known by both, and goes when the same name is written again.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;

use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// Links that are followed, as many as Linux follows.
const LINKS_MAX: usize = 40;
/// Bytes that go to a file at a time.
const BUFFER_SIZE: usize = 1 << 20;
/// What names of unfinished files begin and end with.
const UNFINISHED: (&str, &str) = ("lockstep-", ".unfinished");
/// Unfinished files of one process for one name that there may be.
const UNFINISHED_MAX: u32 = 1_000;
/// Where links lead to what the process has open, which has no name of its own.
const OPEN_FILES: [&str; 2] = ["/proc", "/dev/fd"];

/// Why an output file was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// It cannot be made there.
    #[error("{}: cannot write: {cause}; choose another file", path.display())]
    Refused {
        /// The path that was given.
        path: PathBuf,
        /// What is in the way.
        cause: String,
    },
    /// Writing failed. A file that was there is as it was.
    #[error("{}: cannot write: {source}", path.display())]
    Failed {
        /// The path that was given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::Refused { .. } => Self::usage(error),
            OutputError::Failed { .. } => Self::other(error),
        }
    }
}

/// What an output goes to.
enum Target {
    /// A file, with its permissions if it is there.
    File(PathBuf, Option<Permissions>),
    /// What is written to as it stands.
    Stream,
}

/// Refuses a path that [`write`] would refuse, before the work for it is done.
pub(crate) fn check(path: &Path) -> Result<(), OutputError> {
    find(path).map(drop)
}

/// Makes the file at a path of what `work` writes. If that fails, a file that was there is as it
/// was.
pub(crate) fn write<R, E: From<OutputError>>(
    path: &Path,
    work: impl FnOnce(&mut BufWriter<File>) -> Result<R, E>,
) -> Result<R, E> {
    let failed = |source| failure(path, source);
    match find(path)? {
        Target::Stream => {
            // Behind what has been written already, if the process has a file open.
            let stream = OpenOptions::new().append(true).open(path);
            let stream = stream.map_err(failed)?;
            let mut out = BufWriter::with_capacity(BUFFER_SIZE, stream);
            let result = work(&mut out)?;
            out.flush().map_err(failed)?;
            Ok(result)
        }
        Target::File(target, permissions) => {
            let (unfinished, file) = Unfinished::create(&target).map_err(failed)?;
            let mut out = BufWriter::with_capacity(BUFFER_SIZE, file);
            let result = work(&mut out)?;
            out.flush().map_err(failed)?;
            if let Some(permissions) = permissions {
                out.get_ref().set_permissions(permissions).map_err(failed)?;
            }
            out.get_ref().sync_all().map_err(failed)?;
            // Something else may have come to the name meanwhile.
            check(&target)?;
            unfinished.finish(&target).map_err(failed)?;
            Ok(result)
        }
    }
}

/// The same for text that is at hand.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), OutputError> {
    write(path, |out| {
        let written = out.write_all(text.as_bytes());
        written.map_err(|source| failure(path, source))
    })
}

/// Why a file cannot be written: its place, or the system.
pub(crate) fn failure(path: &Path, source: io::Error) -> OutputError {
    match source.kind() {
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput => refused(path, source),
        _ => OutputError::Failed {
            path: path.to_owned(),
            source,
        },
    }
}

fn refused(path: &Path, cause: impl ToString) -> OutputError {
    OutputError::Refused {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

/// Looks at what has a path, or would get it.
fn find(path: &Path) -> Result<Target, OutputError> {
    let failed = |source| failure(path, source);
    let mut target = path.to_owned();
    for _ in 0..=LINKS_MAX {
        let metadata = match fs::symlink_metadata(&target) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                check_missing(&target).map_err(|cause| refused(path, cause))?;
                return Ok(Target::File(target, None));
            }
            Err(error) => return Err(failed(error)),
        };
        let kind = metadata.file_type();
        if kind.is_dir() {
            return Err(refused(path, "is a directory"));
        }
        if kind.is_file() {
            let permissions = metadata.permissions();
            if permissions.readonly() {
                return Err(refused(path, "is a file that is read-only"));
            }
            return Ok(Target::File(target, Some(permissions)));
        }
        if !kind.is_symlink() {
            return Ok(Target::Stream);
        }
        if OPEN_FILES.iter().any(|folder| target.starts_with(folder)) {
            if fs::metadata(&target).map_err(failed)?.is_dir() {
                return Err(refused(path, "is a directory"));
            }
            return Ok(Target::Stream);
        }
        let next = fs::read_link(&target).map_err(failed)?;
        target = parent(&target).join(next);
    }
    Err(refused(path, "leads through too many links"))
}

/// Tells why there can be no file at a path where there is nothing.
fn check_missing(path: &Path) -> Result<(), String> {
    let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if is_folder || path.file_name().is_none() {
        return Err("is no name of a file".to_owned());
    }
    let folder = parent(path);
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is no directory", folder.display())),
        Err(error) => Err(error.to_string()),
    }
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

/// A file beside the one that it is to become. It goes if it does not become it.
struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// Makes one for a target, and removes those that processes have left that are no more.
    fn create(target: &Path) -> io::Result<(Self, File)> {
        let folder = parent(target);
        let name = target.file_name().unwrap_or_default();
        remove_left(folder, name);
        for number in 0..UNFINISHED_MAX {
            let path = folder.join(unfinished_name(name, process::id(), number));
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            let unfinished = Self { path };
            // Another process takes it for left until it is locked.
            let is_taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            if !is_taken && unfinished.path.exists() {
                return Ok((unfinished, file));
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Gives the file its name, durably where the system can.
    fn finish(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        if let Ok(folder) = File::open(parent(target)) {
            // Directories cannot be synced everywhere, and the file is whole in any case.
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Nothing is there once it has its name; what failed says more than that this did.
        let _ = fs::remove_file(&self.path);
    }
}

/// The name of an unfinished file, which tells by a digest that it is one, and what for.
fn unfinished_name(name: &OsStr, process: u32, number: u32) -> String {
    let digest = Sha256::new()
        .chain_update(b"lockstep unfinished")
        .chain_update(process.to_le_bytes())
        .chain_update(number.to_le_bytes())
        .chain_update(name.as_encoded_bytes())
        .finalize();
    let (start, end) = UNFINISHED;
    let digest = hex::encode(&digest[..8]);
    format!("{start}{digest}-{process}-{number}{end}")
}

/// Whether a file is an unfinished one for this name.
fn is_unfinished(found: &OsStr, name: &OsStr) -> bool {
    let (start, end) = UNFINISHED;
    let numbers = || {
        let middle = found.to_str()?.strip_prefix(start)?.strip_suffix(end)?;
        let mut parts = middle.split('-').skip(1);
        let process = parts.next()?.parse().ok()?;
        Some((process, parts.next()?.parse().ok()?))
    };
    numbers().is_some_and(|(process, number)| found == &*unfinished_name(name, process, number))
}

/// Removes the unfinished files for a name that no process has locked. What cannot be removed
/// stays, and is in no file's way.
fn remove_left(folder: &Path, name: &OsStr) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_file || !is_unfinished(&entry.file_name(), name) {
            continue;
        }
        let path = entry.path();
        let Ok(file) = File::open(&path) else {
            continue;
        };
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_files_are_known_by_their_names() {
        let [one, other] = ["state.snapshot", "other"].map(OsStr::new);
        let name = unfinished_name(one, 4_711, 3);
        let found = OsStr::new(&name);
        assert!(is_unfinished(found, one));
        assert!(!is_unfinished(found, other));
        let renamed = name.replace("-4711-", "-4712-");
        assert!(!is_unfinished(OsStr::new(&renamed), one));
        for strange in ["", "lockstep-.unfinished", "state.snapshot.unfinished"] {
            assert!(!is_unfinished(OsStr::new(strange), one));
        }
    }

    #[test]
    fn what_a_killed_process_has_left_goes_and_what_another_writes_stays() {
        let folder = std::env::temp_dir().join(format!("lockstep-output-{}", process::id()));
        fs::create_dir(&folder).unwrap();
        let name = OsStr::new("state");
        let [left, locked, other] = [
            unfinished_name(name, 1, 0),
            unfinished_name(name, 2, 0),
            unfinished_name(OsStr::new("other"), 1, 0),
        ]
        .map(|name| folder.join(name));
        for path in [&left, &locked, &other] {
            fs::write(path, "part").unwrap();
        }
        let lock = File::open(&locked).unwrap();
        lock.lock().unwrap();
        write_text(&folder.join(name), "whole").unwrap();
        assert!(!left.exists() && locked.exists() && other.exists());
        assert_eq!(fs::read(folder.join(name)).unwrap(), b"whole");
        fs::remove_dir_all(folder).unwrap();
    }
}
