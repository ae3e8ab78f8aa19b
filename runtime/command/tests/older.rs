//! Ledgers that earlier versions wrote: each opens, goes on by its own rules, and takes what it
//! activates. `ledgers/` has one of each version whose ledgers differ; none of them is ever made
//! anew.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing or does not fit"
)]

#[path = "common/command.rs"]
mod command;
#[path = "common/folder.rs"]
mod folder;
#[path = "common/node.rs"]
mod node;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use command::{fails, json as lockstep};
use folder::Folder;
use node::Node;

/// The newest block of each, with its slot.
const LEDGERS: [(&str, u64, &str); 2] = [
    // Without the Activation program: what it began with is what it has.
    (
        "before-activations",
        3,
        "CsKx5x3oCVy39LaLpX2WHLetSY49GFrWfhN1tFDPBtoB",
    ),
    // Of a node, with two activations to come.
    ("0.1", 62, "vqk6DKVcmS7Vkc1tXuWXK47WHf9WMvJEVXhLvpTi8bX"),
];

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A copy of an older ledger.
fn older(folder: &Folder, name: &str) -> String {
    let path = folder.path(name);
    let ledgers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledgers");
    copy(&ledgers.join(name), Path::new(&path));
    path
}

#[test]
fn older_ledgers_are_read_whole() {
    let folder = Folder::new("older");
    for (name, slot, block) in LEDGERS {
        let path = &older(&folder, name);
        let report = lockstep(&["inspect", path, "--json"]);
        assert_eq!(
            (&report["slot"], &report["block"]),
            (&slot.into(), &block.into())
        );
        let verified = lockstep(&["verify", path, "--json"]);
        let blocks = report["blocks"].as_u64().unwrap();
        assert_eq!(verified["blocks"], blocks - 1, "all but the genesis");
    }
}

#[test]
fn one_from_before_activations_goes_on_with_its_own_programs() {
    let folder = Folder::new("older-load");
    let path = &older(&folder, "before-activations");
    let load = ["--workload", "transfers", "--accounts", "40", "--txs", "30"];
    let more = ["--block-size", "10", "--quiet", "--json", "--store", path];
    let ran = lockstep(&[&["run"], &load[..], &more].concat());
    assert_eq!(ran["slot"], 6);
    assert_eq!(lockstep(&["verify", path, "--json"])["blocks"], 6);
    let report = lockstep(&["inspect", path, "--json"]);
    assert_eq!(report["programs"], 8);
    assert_eq!(report["to_come"], json!([]));
    // It has no authority, so nothing can be added.
    let account = "ActivationSchedu1e1111111111111111111111111";
    fails(&["inspect", path, account], 2, "there is no account");
}

#[test]
fn one_with_activations_takes_them_in_their_slots() {
    let folder = Folder::new("older-node");
    let path = &older(&folder, "0.1");
    let report = lockstep(&["inspect", path, "--json"]);
    assert_eq!(report["to_come"][0]["name"], "amm");
    let programs = report["programs"].as_u64().unwrap();

    let node = Node::start(&["--ledger", path, "--dev"]);
    let amm = json!([lockstep_market::swap::amm::ID.to_string()]);
    assert_eq!(node.ask("getAccountInfo", &amm)["value"], Value::Null);
    let paid = json!(["4Nd1mYVnMUYyzhTsGrnqCYGxZzT9WzVgYwxq8zX8PzGg"]);
    assert_eq!(node.ask("getBalance", &paid)["value"], 5_000_000);
    node.ask("warpSlot", &json!([1_001]));
    let start = Instant::now();
    while node.ask("getSlot", &json!([])).as_u64().unwrap() <= 1_001 {
        assert!(start.elapsed() < Duration::from_secs(20), "no slot came");
        thread::sleep(Duration::from_millis(20));
    }
    let account = node.ask("getAccountInfo", &amm);
    assert_eq!(account["value"]["executable"], true);
    assert_eq!(node.end(), Some(0));

    lockstep(&["verify", path, "--json"]);
    let report = lockstep(&["inspect", path, "--json"]);
    assert_eq!(report["programs"], programs + 1);
    assert_eq!(report["to_come"], json!([]));
}
