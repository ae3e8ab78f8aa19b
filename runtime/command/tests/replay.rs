//! Recorded transactions run again in their places: the recorded outcome, its error at its
//! instruction, and what one other account would have done.
#![cfg(unix)]

#[path = "common/command.rs"]
mod command;
#[path = "common/folder.rs"]
mod folder;
#[path = "common/node.rs"]
mod node;

use std::thread;
use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use command::{fails, json, text};
use folder::Folder;
use lockstep_interface::{Address, Instruction};
use lockstep_node::keys::address_of;
use lockstep_programs::compute_budget::instruction::set_compute_unit_limit;
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::wire::{MessageBuilder, SigningKey};
use node::Node;
use serde_json::{Value, json};

const AIRDROP: u64 = 1_000_000_000;

/// Waits until a question has this answer.
fn wait(what: &str, mut is_there: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a transaction without trying it out, and waits until it is in a block.
fn send(node: &Node, key: &SigningKey, instructions: &[Instruction]) -> String {
    let newest = node.ask("getLatestBlockhash", &json!([]));
    let blockhash: Address = newest["value"]["blockhash"]
        .as_str()
        .expect("the node answers")
        .parse()
        .expect("the node answers");
    let message = MessageBuilder::new(address_of(key), blockhash.to_bytes(), instructions);
    let bytes = message
        .compile()
        .expect("the node answers")
        .sign(&[key])
        .expect("the node answers");
    let config = json!({ "encoding": "base64", "skipPreflight": true });
    let sent = node.ask(
        "sendTransaction",
        &json!([BASE64_STANDARD.encode(bytes), config]),
    );
    wait("it is in no block", || {
        let statuses = node.ask("getSignatureStatuses", &json!([[sent]]));
        !statuses["value"][0].is_null()
    });
    sent.as_str().expect("the node answers").to_owned()
}

/// A ledger of a node with a transaction whose last instruction fails: its payer has too little.
fn with_failure(node: &Node) -> (String, Address, Address) {
    let payer = SigningKey::from([7; 32]);
    let address = address_of(&payer);
    let target = Address::new_from_array([9; 32]);
    node.ask("requestAirdrop", &json!([address.to_string(), AIRDROP]));
    wait("no airdrop came", || {
        node.ask("getBalance", &json!([address.to_string()]))["value"] == AIRDROP
    });
    // What happens before and afterwards is part of the state then, or is not.
    send(node, &payer, &[transfer(&address, &target, 100_000_000)]);
    let signature = send(
        node,
        &payer,
        &[
            set_compute_unit_limit(5_000),
            transfer(&address, &target, 1_000_000),
            transfer(&address, &target, 10 * AIRDROP),
        ],
    );
    send(node, &payer, &[transfer(&address, &target, 200_000_000)]);
    (signature, address, target)
}

#[test]
fn a_failed_transaction_is_replayed_and_another_account_makes_it_succeed() {
    let folder = Folder::new("replay");
    let ledger = folder.path("ledger");
    let node = Node::start(&["--ledger", &ledger]);
    let (signature, payer, target) = with_failure(&node);
    let now = node.ask(
        "getAccountInfo",
        &json!([payer.to_string(), { "encoding": "base64" }]),
    );
    // Of the node, while it runs: balances are put back.
    let remote = [
        "replay", &signature, "--url", &node.http, "--step", "--json",
    ];
    let remote = json(&remote);
    assert_eq!(
        (&remote["same"], &remote["exact"]),
        (&json!(true), &json!(false)),
        "{remote}"
    );
    assert_eq!(node.end(), Some(0));

    let mut rich = now;
    rich["value"]["lamports"] = json!(20 * AIRDROP);
    let file = folder.path("rich.json");
    std::fs::write(&file, rich.to_string()).expect("the node answers");
    let set = format!("{payer}={file}");
    let base = [
        "replay", &signature, "--ledger", &ledger, "--step", "--diff", "--set", &set,
    ];
    let report = json(&[&base[..], &["--json"]].concat());
    assert_eq!(
        (&report["same"], &report["exact"]),
        (&json!(true), &json!(true)),
        "{report}"
    );
    let own = &report["outcome"];
    assert_eq!(
        own["error"],
        json!({ "InstructionError": [2, { "Custom": 1 }] })
    );
    assert_eq!(own["failed"]["instruction"], 2);
    assert_eq!(own["failed"]["called"]["name"], "system");
    assert_eq!(
        own["failed"]["called"]["parsed"]["info"]["lamports"],
        10 * AIRDROP
    );
    // A failed transaction has paid its fee and nothing else.
    let before = AIRDROP - 100_000_000 - 5_000;
    let paid = change(&payer, before, before - 5_000);
    assert_eq!(own["changes"], json!([paid]));
    let statuses: Vec<&str> = steps(own)
        .map(|step| step["status"].as_str().expect("the node answers"))
        .collect();
    assert_eq!(statuses, ["ok", "ok", "failed"]);
    let moved = &own["steps"][1]["changes"];
    let after_fee = before - 5_000;
    let expected = [
        change(&payer, after_fee, after_fee - 1_000_000),
        change(&target, 100_000_000, 101_000_000),
    ];
    assert_eq!(*moved, json!(expected), "{moved}");

    let other = &report["with_set"];
    assert_eq!(other["error"], Value::Null, "{other}");
    let left = 20 * AIRDROP - 5_000 - 1_000_000 - 10 * AIRDROP;
    let expected = [
        change(&payer, 20 * AIRDROP, left),
        change(&target, 100_000_000, 101_000_000 + 10 * AIRDROP),
    ];
    assert_eq!(other["changes"], json!(expected));
    assert!(steps(other).all(|step| step["status"] == "ok"));
    // From the node the outcome is the same, step by step.
    assert_eq!(remote["outcome"]["error"], own["error"]);
    assert_eq!(remote["outcome"]["steps"], own["steps"]);

    let shown = text(&base);
    for part in [
        "fails: Error processing Instruction 2: custom program error: 0x1 (as recorded)",
        "at instruction 2, system ",
        "succeeds (another outcome)",
        "only with what was set",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

/// A change of lamports alone.
fn change(account: &Address, before: u64, after: u64) -> Value {
    let field = json!({
        "field": "lamports",
        "before": before.to_string(),
        "after": after.to_string(),
    });
    json!({ "account": account.to_string(), "fields": [field] })
}

fn steps(run: &Value) -> impl Iterator<Item = &Value> {
    run["steps"].as_array().expect("the node answers").iter()
}

#[test]
fn what_cannot_be_replayed_says_why() {
    let folder = Folder::new("replay-refused");
    let ledger = folder.path("ledger");
    let signature = bs58::encode([5; 64]).into_string();
    fails(
        &["replay", "abc", "--ledger", &ledger],
        2,
        "abc: not a signature",
    );
    fails(&["replay", &signature], 2, "--ledger <DIR>");
    fails(
        &["replay", &signature, "--ledger", &ledger],
        2,
        "is not a ledger",
    );
    let node = Node::start(&["--ledger", &ledger]);
    fails(
        &["replay", &signature, "--url", &node.http],
        2,
        "does not have the transaction",
    );
    assert_eq!(node.end(), Some(0));
    fails(
        &["replay", &signature, "--ledger", &ledger],
        2,
        "no block of the ledger has",
    );
    let file = folder.path("account.json");
    std::fs::write(&file, "{}").expect("the node answers");
    let system = "11111111111111111111111111111111";
    for (set, expected) in [
        ("x".to_owned(), "x: expected ACCOUNT=FILE"),
        (format!("x={file}"), "x: not an address"),
        (
            format!("{system}={file}"),
            "account.json: expected an account with `lamports`",
        ),
        (format!("{system}=no/such"), "no/such: "),
    ] {
        let asked = ["replay", &signature, "--ledger", &ledger, "--set", &set];
        fails(&asked, 2, expected);
    }
}
