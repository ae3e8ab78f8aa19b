//! Solana's own clients, as they are published, against a node. They are installed on the way:
//! where there is no Node.js, no Python, or no network, the test says so and passes.

mod common;
#[allow(
    unnameable_types,
    unreachable_pub,
    reason = "the example is a library of its own"
)]
#[path = "../../../sdk/examples/escrow.rs"]
mod escrow_example;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use common::{
    OPTIONS, Served,
    install::{installed, npm_install, run},
};
use lockstep_programs::builtin_programs;
use lockstep_store::sync::Shared;

/// The scripts.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Installs the packages of the scripts; `None`, and a word about it, where that is not possible.
fn node_packages() -> Option<PathBuf> {
    let folder = installed("clients");
    // The tests of this file share the folder.
    static INSTALLING: LazyLock<Shared<()>> = LazyLock::new(Shared::default);
    let _alone = INSTALLING.write();
    let names = ["kit.mjs", "web3.mjs", "anchor.mjs"];
    npm_install(&scripts(), &folder, &names).then_some(folder)
}

/// The packages of Python's script, in the same way.
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
fn anchor_drives_a_program() {
    let Some(folder) = node_packages() else {
        return;
    };
    let programs = builtin_programs().with(escrow_example::escrow::EscrowProgram);
    let served = Served::with(None, programs, OPTIONS);
    // What `lockstep idl` writes of built-in programs, and `cargo run --example idl` of others.
    let idl = escrow_example::escrow::EscrowProgram::DESCRIPTION.to_json();
    fs::write(folder.join("escrow.json"), idl).expect("files of the test can be written");
    let arguments = ["anchor.mjs", &served.http(), "escrow.json"];
    let ran = run(&folder, "node", &arguments);
    eprintln!("{}", ran.expect("the client meets what it expects"));
    served.stop();
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
