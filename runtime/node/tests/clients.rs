//! Solana's own clients, as they are published, against a node. They are installed on the way:
//! where there is no Node.js, no Python, or no network, the test says so and passes.

mod common;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use common::Served;

/// The scripts.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Where clients are installed, once for all runs.
fn installed(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("files of the test can be written");
    folder
}

/// Runs a command in a folder. Gives what it printed, or why it failed.
fn run(folder: &Path, program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<String, String> {
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

/// Installs the packages of the scripts; `None`, and a word about it, where that is not possible.
fn node_packages() -> Option<PathBuf> {
    let folder = installed("clients");
    for name in ["package.json", "kit.mjs", "web3.mjs"] {
        fs::copy(scripts().join(name), folder.join(name))
            .expect("files of the test can be written");
    }
    let wanted = fs::read(folder.join("package.json")).expect("files of the test can be written");
    let stamp = folder.join("installed.json");
    if fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        let arguments = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
        if let Err(cause) = run(&folder, "npm", &arguments) {
            eprintln!("SKIPPED: no packages of JavaScript can be installed here: {cause}");
            return None;
        }
        fs::write(&stamp, wanted).expect("files of the test can be written");
    }
    Some(folder)
}

/// The same for Python.
fn python_packages() -> Option<PathBuf> {
    let folder = installed("python");
    let python = folder.join("bin/python");
    let wanted =
        fs::read(scripts().join("requirements.txt")).expect("files of the test can be written");
    let stamp = folder.join("installed.txt");
    if fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        let requirements = scripts().join("requirements.txt");
        let requirements = requirements.to_string_lossy();
        let made = run(&folder, "python3", &["-m", "venv", "."]).and_then(|_| {
            let arguments = ["-m", "pip", "install", "--quiet", "-r", &*requirements];
            run(&folder, &python, &arguments)
        });
        if let Err(cause) = made {
            eprintln!("SKIPPED: no packages of Python can be installed here: {cause}");
            return None;
        }
        fs::write(&stamp, wanted).expect("files of the test can be written");
    }
    Some(python)
}

/// Runs a script of Node's against a node, if its packages can be installed.
fn drive(script: &str) {
    let Some(folder) = node_packages() else {
        return;
    };
    let served = Served::start(None);
    let ran = run(&folder, "node", &[script, &served.http(), &served.socket()]);
    eprintln!("{}", ran.expect("the client meets what it expects"));
    served.stop();
}

#[test]
fn kit_drives_a_node() {
    drive("kit.mjs");
}

#[test]
fn web3_drives_a_node() {
    drive("web3.mjs");
}

#[test]
fn solana_py_drives_a_node() {
    let Some(python) = python_packages() else {
        return;
    };
    let served = Served::start(None);
    let ran = run(&scripts(), &python, &["client.py", &served.http()]);
    eprintln!("{}", ran.unwrap());
    served.stop();
}
