//! Blocks of a node as trace files: the same conflicts as the block that the node made.
#![cfg(unix)]

#[path = "common/command.rs"]
mod command;
#[path = "common/folder.rs"]
mod folder;
#[path = "common/node.rs"]
mod node;

use std::collections::BTreeSet;
use std::time::Duration;

use command::{fails, json, text};
use folder::Folder;
use lockstep_benches::trace::{Trace, TraceOptions, TraceTransaction};
use lockstep_node::client::{LoadOptions, Workload, load};
use node::Node;
use serde_json::{Value, json};

/// Pairs of transactions of which one writes what the other names.
fn conflicts(transactions: &[TraceTransaction]) -> BTreeSet<(usize, usize)> {
    let mut pairs = BTreeSet::new();
    for (later, own) in transactions.iter().enumerate() {
        for (earlier, other) in transactions.iter().enumerate().take(later) {
            let writes = |one: &TraceTransaction, other: &TraceTransaction| {
                let mut named = other.writes.iter().chain(&other.reads);
                named.any(|address| one.writes.contains(address))
            };
            if writes(own, other) || writes(other, own) {
                pairs.insert((earlier, later));
            }
        }
    }
    pairs
}

/// What the node says its block's transactions had to run behind.
fn conflicts_of(node: &Node, block: &Value) -> BTreeSet<(usize, usize)> {
    let place = |value: &Value| {
        usize::try_from(value.as_u64().expect("the node answers")).expect("the node answers")
    };
    let mut pairs = BTreeSet::new();
    for signature in block["signatures"].as_array().expect("the node answers") {
        let found = node.ask("getConflicts", &json!([signature]));
        let later = place(&found["transactionIndex"]);
        for one in found["after"].as_array().expect("the node answers") {
            pairs.insert((place(&one["transactionIndex"]), later));
        }
    }
    pairs
}

/// The slot with the most transactions, of some under load.
fn busiest(node: &Node) -> u64 {
    let options = LoadOptions {
        http: node.http.clone(),
        socket: node.socket.clone(),
        workload: Workload::Failing,
        rate: 600,
        time: Duration::from_millis(1_500),
        senders: 40,
        lanes: 1,
    };
    load(&options, &mut |_| ()).expect("the node answers");
    let last = node
        .ask("getSlot", &json!([]))
        .as_u64()
        .expect("the node answers");
    let slots = node.ask("getBlocks", &json!([last.saturating_sub(60), last]));
    let slots = slots
        .as_array()
        .expect("the node answers")
        .iter()
        .map(|slot| slot.as_u64().expect("the node answers"));
    let size = |slot: &u64| {
        let asked = json!([slot, { "transactionDetails": "signatures" }]);
        let block = node.ask("getBlock", &asked);
        block["signatures"]
            .as_array()
            .expect("the node answers")
            .len()
    };
    slots.max_by_key(size).expect("the node answers")
}

#[test]
fn an_imported_block_has_the_conflicts_of_the_block_that_was_made() {
    let folder = Folder::new("trace-import");
    let node = Node::start(&["--memory"]);
    let slot = busiest(&node);
    let block = node.ask(
        "getBlock",
        &json!([slot, { "transactionDetails": "signatures" }]),
    );
    let expected = conflicts_of(&node, &block);
    assert!(
        expected.len() > 20,
        "{} conflicts are too few",
        expected.len()
    );
    let out = folder.path("trace.jsonl.zst");
    for encoding in ["json", "jsonParsed", "base64"] {
        let config = json!({ "encoding": encoding, "maxSupportedTransactionVersion": 1 });
        let answer = node.ask("getBlock", &json!([slot, config]));
        let file = folder.path("block.json");
        std::fs::write(&file, json!({ "result": answer }).to_string()).expect("the node answers");
        let slot = slot.to_string();
        let report = json(&[
            "trace", "import", &file, "--slot", &slot, "--out", &out, "--json",
        ]);
        let trace = Trace::read(out.as_ref(), &TraceOptions::default()).expect("the node answers");
        let transactions = &trace.blocks[0].transactions;
        assert_eq!(conflicts(transactions), expected, "{encoding}");
        let shown = &report["blocks"][0];
        assert_eq!(shown["conflicting_pairs"], expected.len());
        assert_eq!(shown["transactions"], transactions.len());
        assert!(
            shown["failed"].as_u64().expect("the node answers") > 0,
            "one in ten fails"
        );
    }
    // From the node itself, and the node's own plan is a plan of what came.
    let slot_text = slot.to_string();
    let from_node = folder.path("from-node.jsonl");
    let source = [
        node.http.as_str(),
        "--slot",
        &slot_text,
        "--out",
        &from_node,
    ];
    let shown = text(&[&["trace", "import"], &source[..]].concat());
    assert!(shown.contains("hottest accounts"), "{shown}");
    let own = node.ask("getPlan", &json!([slot]));
    let plan = folder.path("plan.json");
    std::fs::write(&plan, plan_file(&own).to_string()).expect("the node answers");
    let checked = json(&["plan", "--trace", &from_node, "--check", &plan, "--json"]);
    assert_eq!(checked["plans"][0]["valid"], true, "{checked}");
    assert_eq!(node.end(), Some(0));
}

/// A plan of `getPlan` as `plan --check` takes it.
fn plan_file(own: &Value) -> Value {
    let batches = own["batches"].as_array().expect("the node answers");
    let waits = own["waits"].as_array().expect("the node answers").iter();
    let waits = waits.map(|wait| json!({ "tx": wait["transaction"], "after": wait["after"] }));
    json!({
        "mode": "replay",
        "workers": own["workers"],
        "batches": batches,
        "dispatch": vec![&own["dispatch"]; batches.len()],
        "waits": waits.collect::<Vec<_>>(),
    })
}

#[test]
fn what_is_no_block_is_refused() {
    let folder = Folder::new("trace-refused");
    let file = folder.path("block.json");
    std::fs::write(&file, "{\"error\":{\"code\":-32004,\"message\":\"none\"}}")
        .expect("the node answers");
    fails(&["trace", "import", &file], 2, "the error of a node");
    std::fs::write(&file, "{").expect("the node answers");
    fails(
        &["trace", "import", &file],
        2,
        "block.json: expected the JSON of a block",
    );
    fails(&["trace", "import", "no/such/file"], 2, "no/such/file: ");
    fails(&["trace", "import", "http://127.0.0.1:1"], 2, "--slot");
    let nowhere = ["trace", "import", "http://127.0.0.1:1", "--slot", "5"];
    fails(&nowhere, 1, "http://127.0.0.1:1: getBlock: ");
    fails(
        &["trace", "import", &file, "--count", "2"],
        2,
        "--count takes a URL",
    );
}

#[test]
fn an_access_list_is_imported() {
    let folder = Folder::new("trace-access-list");
    let file = folder.path("list.json");
    let account = |byte: u8| format!("0x{}", format!("{byte:02x}").repeat(20));
    let change = |index: u64| json!({ "blockAccessIndex": format!("0x{index:x}"), "postNonce": 1 });
    let list = json!([
        { "address": account(1), "nonceChanges": [change(1)] },
        { "address": account(2), "nonceChanges": [change(2)], "balanceChanges": [change(1)] },
        { "address": account(3), "nonceChanges": [change(3)] },
    ]);
    std::fs::write(&file, list.to_string()).expect("the node answers");
    let report = json(&["trace", "import", &file, "--slot", "9", "--json"]);
    let block = &report["blocks"][0];
    assert_eq!(block["transactions"], 3);
    assert_eq!(
        (&block["conflicting_pairs"], &block["slot"]),
        (&json!(1), &json!(9))
    );
}
