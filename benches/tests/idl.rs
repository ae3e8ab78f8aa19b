//! `lockstep idl` from outside.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

#[path = "common/folder.rs"]
mod folder;

use std::fs;
use std::process::{Command, Output};

use folder::Folder;
use serde_json::Value;

fn idl(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.arg("idl").args(arguments).output().unwrap()
}

#[test]
fn a_description_goes_to_stdout_or_a_file() {
    let output = idl(&["system"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let description: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(description["metadata"]["name"], "system");
    let calls = description["instructions"].as_array().unwrap();
    let transfer = calls.iter().find(|call| call["name"] == "transfer");
    assert_eq!(transfer.unwrap()["accounts"][1]["writable"], true);

    let folder = Folder::new("idl");
    let file = folder.path("system.json");
    let written = idl(&["system", "--out", &file]);
    assert!(written.status.success() && written.stdout.is_empty());
    assert_eq!(fs::read(&file).unwrap(), output.stdout);
}

#[test]
fn mistakes_are_told() {
    let unknown = idl(&["sytem"]);
    let nowhere = idl(&["system", "--out", "/nowhere/at/all.json"]);
    for (output, part) in [
        (unknown, "those of system"),
        (nowhere, "/nowhere/at/all.json"),
    ] {
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), line.lines().count()), (Some(2), 1));
        assert!(line.contains(part), "{line}");
    }
}
