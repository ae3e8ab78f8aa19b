//! Where recorded data lies.

use std::path::{Path, PathBuf};

/// The file `name` under the data directory: `LOCKSTEP_DATA`, or `../shared` beside the
/// workspace. `None`, loudly, if it is not there, since recorded data is not part of the source.
pub(crate) fn data_file(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let root = std::env::var_os("LOCKSTEP_DATA").map_or(beside, PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: no recorded data at {}; set LOCKSTEP_DATA",
        path.display()
    );
    None
}

/// The file of a recorded trace, if it is there.
pub(crate) fn trace_file(name: &str) -> Option<PathBuf> {
    data_file(&format!("traces/{name}.jsonl.zst"))
}
