//! A place for the files of a test.

use std::fs;
use std::path::PathBuf;

/// A directory that goes away when the test ends.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty directory of this process; names differ between the tests of a file.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lockstep-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the directory for such things can be written");
        Self(path)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> String {
        let path = self.0.join(name);
        path.to_str().expect("the path is text").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies in the directory for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}
