//! The node as a process: it ends in order, goes on where it was left, and after SIGKILL has all
//! that it told its clients.
//!
//! `KILLS=20 cargo test -p lockstep --test node killed` kills more often.
#![cfg(unix)]

#[path = "common/folder.rs"]
mod folder;
#[path = "common/node.rs"]
mod node;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use folder::Folder;
use lockstep_node::client::{LoadOptions, Workload, follow, load};
use lockstep_store::sync::Shared;
use node::Node;
use serde_json::{Value, json};

/// On a ledger on disk.
fn on(ledger: &Path) -> Node {
    Node::start(&["--ledger", ledger.to_str().expect("the path is text")])
}

#[test]
fn a_ledger_keeps_the_programs_that_it_began_with() {
    let folder = Folder::new("programs");
    let amm = json!([lockstep_market::swap::amm::ID.to_string()]);
    let plain = Node::start(&["--memory"]);
    assert!(plain.ask("getAccountInfo", &amm)["value"].is_null());
    assert_eq!(plain.end(), Some(0));
    let ledger = PathBuf::from(folder.path("ledger"));
    let path = ledger.to_str().expect("the path is text");
    let node = Node::start(&["--ledger", path, "--programs", "market"]);
    assert_eq!(
        node.ask("getAccountInfo", &amm)["value"]["executable"],
        true
    );
    assert_eq!(node.end(), Some(0));
    let node = on(&ledger);
    assert_eq!(
        node.ask("getAccountInfo", &amm)["value"]["executable"],
        true
    );
    assert_eq!(node.end(), Some(0));
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    let verified = command.args(["verify", path, "--quiet"]).status().unwrap();
    assert!(verified.success());
}

#[test]
fn a_program_is_activated_on_a_running_node() {
    let folder = Folder::new("activation");
    let ledger = PathBuf::from(folder.path("ledger"));
    let path = ledger.to_str().expect("the path is text");
    let node = on(&ledger);
    let amm = json!([lockstep_market::swap::amm::ID.to_string()]);
    let lockstep = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(arguments).output().unwrap()
    };
    let faucet = folder.path("ledger/faucet.json");
    let activate = |feature: &str, slot: u64| {
        let slot = slot.to_string();
        let url = node.http.clone();
        let key = ["--authority", &faucet, "--url", &url, "--json"];
        lockstep(&[&["activate", feature, "--slot", &slot], &key[..]].concat())
    };
    let slot = node.ask("getSlot", &json!([])).as_u64().unwrap() + 20;
    let done = activate("amm", slot);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["slot"], slot);
    // What was in time once is not now.
    let late = activate("order_book", 1);
    let stderr = String::from_utf8_lossy(&late.stderr);
    assert_eq!(late.status.code(), Some(1), "{stderr}");
    let unknown = activate("nothing", slot);
    assert_eq!(unknown.status.code(), Some(2));

    let start = Instant::now();
    while node.ask("getSlot", &json!([])).as_u64().unwrap() <= slot {
        assert!(start.elapsed() < Duration::from_secs(20), "no slot came");
        thread::sleep(Duration::from_millis(50));
    }
    let program = node.ask("getAccountInfo", &amm);
    assert_eq!(program["value"]["executable"], true);
    assert_eq!(node.end(), Some(0));
    let verified = lockstep(&["verify", path, "--quiet"]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    let node = on(&ledger);
    assert_eq!(node.ask("getAccountInfo", &amm)["value"], program["value"]);
    assert_eq!(node.end(), Some(0));
}

#[test]
fn a_node_ends_in_order_and_goes_on() {
    let folder = Folder::new("node");
    let ledger = PathBuf::from(folder.path("ledger"));
    let address = "4Nd1mYVnMUYyzhTsGrnqCYGxZzT9WzVgYwxq8zX8PzGg";
    let node = on(&ledger);
    let genesis = node.ask("getGenesisHash", &json!([]));
    let signature = node.ask("requestAirdrop", &json!([address, 5_000_000]));
    let start = Instant::now();
    while node.ask("getBalance", &json!([address]))["value"] != 5_000_000 {
        assert!(start.elapsed() < Duration::from_secs(20), "no airdrop came");
        thread::sleep(Duration::from_millis(20));
    }
    let height = node.ask("getBlockHeight", &json!([])).as_u64().unwrap();
    assert_eq!(node.end(), Some(0));

    let node = on(&ledger);
    assert_eq!(node.ask("getGenesisHash", &json!([])), genesis);
    assert!(node.ask("getBlockHeight", &json!([])).as_u64().unwrap() >= height);
    assert_eq!(
        node.ask("getBalance", &json!([address]))["value"],
        5_000_000
    );
    let known = node.ask("getSignaturesForAddress", &json!([address]));
    assert_eq!(known[0]["signature"], signature);
    let found = node.ask("getTransaction", &json!([signature, "jsonParsed"]));
    assert_eq!(found["meta"]["err"], Value::Null);
    assert_eq!(node.end(), Some(0));

    // Without its history it has the same.
    std::fs::remove_dir_all(ledger.join("history")).unwrap();
    let node = on(&ledger);
    let again = node.ask("getSignaturesForAddress", &json!([address]));
    assert_eq!(again, known);
    assert_eq!(node.end(), Some(0));
    let verified = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(["verify", "--quiet"])
        .arg(&ledger)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_killed_node_has_all_that_it_confirmed() {
    let kills = std::env::var("KILLS").map_or(3, |text| text.parse().unwrap());
    let folder = Folder::new("killed");
    let ledger = PathBuf::from(folder.path("ledger"));
    let mut all: Vec<String> = Vec::new();
    for round in 0..kills {
        let mut node = on(&ledger);
        let confirmed = Arc::new(Shared::new(Vec::new()));
        let (socket, seen) = (node.socket.clone(), Arc::clone(&confirmed));
        // It gives up some seconds after the node is gone.
        thread::spawn(move || {
            follow(&socket, None, &mut |note| {
                let transactions = note["transactions"].as_array().into_iter().flatten();
                let signatures = transactions.filter_map(|one| one["signature"].as_str());
                seen.write().extend(signatures.map(str::to_owned));
                Ok(true)
            })
        });
        let options = LoadOptions {
            http: node.http.clone(),
            socket: node.socket.clone(),
            workload: Workload::Transfers,
            rate: 400,
            time: Duration::from_secs(60),
            senders: 50,
            lanes: 2,
        };
        let loaded = thread::spawn(move || load(&options, &mut |_| ()));
        let enough = all.len() + 200 + 37 * round;
        let start = Instant::now();
        while all.len() + confirmed.read().len() < enough {
            assert!(start.elapsed() < Duration::from_secs(60), "no load came");
            thread::sleep(Duration::from_millis(10));
        }
        node.process.kill().unwrap();
        node.process.wait().unwrap();
        assert!(loaded.join().unwrap().is_err(), "the node is gone");
        all.extend(confirmed.read().iter().cloned());

        let node = on(&ledger);
        for signatures in all.chunks(256) {
            let asked = json!([signatures, { "searchTransactionHistory": true }]);
            let statuses = node.ask("getSignatureStatuses", &asked);
            for (signature, status) in signatures.iter().zip(statuses["value"].as_array().unwrap())
            {
                assert!(!status.is_null(), "round {round}: {signature} is lost");
            }
        }
        let last = all.last().unwrap();
        let found = node.ask("getTransaction", &json!([last, "json"]));
        assert!(found["meta"]["logMessages"].is_array(), "{found}");
        assert_eq!(node.end(), Some(0));
    }
    eprintln!(
        "{kills} kills: {} confirmed transactions, none lost",
        all.len()
    );
}
