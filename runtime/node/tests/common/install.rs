//! Programs of others that tests run, installed from their registries once for all runs.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where something is installed, once for all runs.
pub(crate) fn installed(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("files of the test can be written");
    folder
}

/// Runs a command in a folder. Gives what it printed, or why it failed.
pub(crate) fn run(
    folder: &Path,
    program: impl AsRef<OsStr>,
    arguments: &[&str],
) -> Result<String, String> {
    let shown = program.as_ref().to_string_lossy().into_owned();
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|error| format!("{shown}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    match output.status.success() {
        true => Ok(out),
        false => Err(format!(
            "{shown} {arguments:?}: {}\n{out}\n{errors}",
            output.status
        )),
    }
}

/// Copies scripts with their `package.json` to a folder and installs what they need; false, and a
/// word about it, where that is not possible.
pub(crate) fn npm_install(scripts: &Path, folder: &Path, names: &[&str]) -> bool {
    for name in names.iter().chain(&["package.json"]) {
        fs::copy(scripts.join(name), folder.join(name)).expect("files of the test can be written");
    }
    let wanted = fs::read(folder.join("package.json")).expect("files of the test can be written");
    let stamp = folder.join("installed.json");
    if fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        let arguments = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
        if let Err(cause) = run(folder, "npm", &arguments) {
            eprintln!("SKIPPED: no packages of JavaScript can be installed here: {cause}");
            return false;
        }
        fs::write(&stamp, wanted).expect("files of the test can be written");
    }
    true
}
