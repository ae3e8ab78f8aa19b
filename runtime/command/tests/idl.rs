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
use serde_json::{Value, json};

fn idl(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.arg("idl").args(arguments).output().unwrap()
}

/// The accounts of an instruction, those of its groups included.
fn leaves(accounts: &Value) -> Vec<&Value> {
    let accounts = accounts.as_array().unwrap().iter();
    accounts
        .flat_map(|account| match account.get("accounts") {
            Some(group) => leaves(group),
            None => vec![account],
        })
        .collect()
}

#[test]
fn every_program_is_described() {
    for program in lockstep_programs::descriptions() {
        let output = idl(&[program.name]);
        assert!(output.status.success() && output.stderr.is_empty());
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["metadata"]["name"], program.name);
        assert_eq!(json["address"], program.address.to_string());
        let calls = json["instructions"].as_array().unwrap();
        assert_eq!(calls.len(), program.instructions.len());
        for (found, known) in calls.iter().zip(program.instructions) {
            assert_eq!(found["name"], known.name);
            assert_eq!(found["discriminator"], json!(known.discriminator));
            let mut accounts = leaves(&found["accounts"]);
            if let Some(rest) = found.get("remainingAccounts") {
                accounts.extend(leaves(rest));
            }
            assert_eq!(accounts.len(), known.access.len());
            for (account, access) in accounts.into_iter().zip(known.access) {
                let path = access.path.to_string();
                let last = path.rsplit('.').next().unwrap();
                assert_eq!(account["name"], last);
                let flag = |name: &str| account.get(name).is_some_and(|set| set == true);
                let rights = [flag("signer"), flag("writable"), flag("credit")];
                let expected = [access.is_signer, access.is_writable, access.is_credit];
                assert_eq!(rights, expected, "{account}");
            }
            let args = found["args"].as_array().unwrap();
            let names = args.iter().map(|arg| arg["name"].as_str().unwrap());
            assert!(names.eq(known.args.iter().map(|arg| arg.name)));
        }
        // Types that arguments refer to are defined.
        let types = json["types"].as_array().unwrap();
        let args = calls
            .iter()
            .flat_map(|call| call["args"].as_array().unwrap());
        for name in args.filter_map(|arg| arg["type"].get("defined")) {
            let is_defined = types.iter().any(|known| known["name"] == name["name"]);
            assert!(is_defined, "{name} of {}", program.name);
        }
    }
}

#[test]
fn texts_of_bincode_and_credits_are_told() {
    let json: Value = serde_json::from_slice(&idl(&["system"]).stdout).unwrap();
    let sized = json!({
        "name": "SizedText",
        "serialization": { "custom": "bincode" },
        "type": { "kind": "type", "alias": "string" },
    });
    assert_eq!(json["types"], json!([sized]));
    let target = &json["instructions"][2]["accounts"][1];
    let credited = json!({ "name": "target", "writable": true, "credit": true });
    assert_eq!(*target, credited);
}

#[test]
fn a_description_can_go_to_a_file() {
    let output = idl(&["token"]);
    let folder = Folder::new("idl");
    let file = folder.path("token.json");
    let written = idl(&["token", "--out", &file]);
    assert!(written.status.success() && written.stdout.is_empty());
    assert_eq!(fs::read(&file).unwrap(), output.stdout);
}

#[test]
fn mistakes_are_told() {
    let unknown = idl(&["sytem"]);
    let nowhere = idl(&["system", "--out", "/nowhere/at/all.json"]);
    for (output, part) in [
        (
            unknown,
            "those of system, compute-budget, token, associated-token, memo, ",
        ),
        (nowhere, "/nowhere/at/all.json"),
    ] {
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), line.lines().count()), (Some(2), 1));
        assert!(line.contains(part), "{line}");
    }
}
