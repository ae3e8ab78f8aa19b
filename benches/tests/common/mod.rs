//! Where recorded data lies.

use std::path::{Path, PathBuf};

/// The file `name` under the data directory: `LOCKSTEP_DATA`, or `../shared` beside the
/// workspace. `None`, loudly, if it is not there, since recorded data is not part of the source.
pub(crate) fn data_file(name: &str) -> Option<PathBuf> {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let workspace = folders.find(|folder| folder.join("Cargo.lock").exists());
    let beside = workspace.map(|workspace| workspace.join("../shared"));
    let root = std::env::var_os("LOCKSTEP_DATA").map(PathBuf::from);
    let path = root.or(beside)?.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: no recorded data at {}; set LOCKSTEP_DATA",
        path.display()
    );
    None
}
