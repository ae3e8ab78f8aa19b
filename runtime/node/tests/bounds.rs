//! What is kept of the past, what one client may take, and what `--dev` adds.

mod common;

use std::{
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use common::{OPTIONS, Served};
use lockstep_node::{NodeOptions, Pace, client::call, keys::address_of};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::wire::{MessageBuilder, SigningKey};
use serde_json::{Value, json};

const WALLET: &str = "4Nd1mYVnMUYyzhTsGrnqCYGxZzT9WzVgYwxq8zX8PzGg";

/// Asks a node, which must have an answer.
fn ask(served: &Served, method: &str, params: Value) -> Value {
    call(&served.http(), method, &params).expect("the node answers")
}

/// The code of the error that a request gets.
fn code(served: &Served, method: &str, params: Value) -> i32 {
    match call(&served.http(), method, &params) {
        Err(lockstep_node::client::CallError::Refused { code, .. }) => code,
        other => panic!("{method}: expected an error, found {other:?}"),
    }
}

fn wait(what: &str, mut is_there: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn airdrop(served: &Served, lamports: u64) -> Value {
    let before = ask(served, "getBalance", json!([WALLET]))["value"].as_u64();
    let signature = ask(served, "requestAirdrop", json!([WALLET, lamports]));
    wait("no airdrop came", || {
        ask(served, "getBalance", json!([WALLET]))["value"].as_u64() > before
    });
    signature
}

/// A node whose slots take 2 ms forgets its first blocks, and all that is known of them.
fn forgets(options: NodeOptions) {
    let fast = Pace {
        slot_time: Duration::from_millis(2),
        empty_every: 1,
    };
    let options = NodeOptions {
        pace: fast,
        ..options
    };
    let folder = tempfile::tempdir().expect("the node answers");
    let served = Served::with(Some(folder.path()), builtin_programs(), options);
    let old = airdrop(&served, 1_000_000);
    let found = ask(&served, "getTransaction", json!([old, "json"]));
    let slot = found["slot"].as_u64().expect("the node answers");
    wait("nothing was forgotten", || {
        let first = ask(&served, "getFirstAvailableBlock", json!([])).as_u64();
        first > Some(slot)
    });
    assert!(ask(&served, "getTransaction", json!([old, "json"])).is_null());
    let config = json!({ "searchTransactionHistory": true });
    let new = airdrop(&served, 1_000_000);
    let statuses = ask(&served, "getSignatureStatuses", json!([[old, new], config]));
    assert!(statuses["value"][0].is_null(), "{statuses}");
    assert!(
        statuses["value"][1]["slot"].as_u64() > Some(slot),
        "{statuses}"
    );
    let known = ask(&served, "getSignaturesForAddress", json!([WALLET]));
    let known: Vec<&Value> = known
        .as_array()
        .expect("the node answers")
        .iter()
        .map(|one| &one["signature"])
        .collect();
    assert_eq!(known, [&new]);
    // The log is cut behind the history.
    wait("the log was not cut", || {
        let asked = json!([slot, { "transactionDetails": "none", "rewards": false }]);
        let answer = call(&served.http(), "getBlock", &asked);
        answer.is_err()
    });
    assert_eq!(code(&served, "getBlock", json!([slot])), -32_001);
    let first = ask(&served, "getFirstAvailableBlock", json!([]))
        .as_u64()
        .expect("the node answers");
    let stream = format!("ws://{}", served.server.socket);
    let mut notes = Vec::new();
    lockstep_node::client::follow(&stream, Some(slot), &mut |note| {
        notes.push(note.clone());
        Ok(notes.len() < 2)
    })
    .expect("the node answers");
    assert_eq!(notes[0]["type"], "gap", "{notes:?}");
    assert!(
        notes[1]["slot"].as_u64().expect("the node answers") >= first.min(slot.saturating_add(1)),
        "{notes:?}"
    );
    served.stop();
}

#[test]
fn blocks_beyond_a_number_of_slots_are_forgotten() {
    forgets(NodeOptions {
        keep_slots: 400,
        ..OPTIONS
    });
}

#[test]
fn blocks_beyond_a_number_of_bytes_are_forgotten() {
    forgets(NodeOptions {
        keep_bytes: 150_000,
        ..OPTIONS
    });
}

#[test]
fn a_client_that_asks_too_often_is_told_so() {
    let patience = Duration::from_secs(30);
    // One a second; as many as a batch has are saved up.
    let served = Served::bounded(None, builtin_programs(), OPTIONS, 1, patience);
    let start = Instant::now();
    let ask_slot = || call(&served.http(), "getSlot", &json!([]));
    let refused = (0..2_000).find_map(|count| Some((count, ask_slot().err()?)));
    let (count, error) = refused.unwrap();
    let saved = 256 + start.elapsed().as_secs() + 1;
    assert!(
        (256..=saved).contains(&count),
        "{count} were answered of {saved}"
    );
    assert!(error.to_string().contains("429"), "{error}");
    // Pages for monitors have no bound, and after a while there is an answer again.
    wait("it was never answered again", || ask_slot().is_ok());
    served.stop();
}

#[test]
fn a_request_that_takes_too_long_is_answered_with_an_error() {
    let served = Served::bounded(
        None,
        builtin_programs(),
        // No block is made while it waits for one.
        NodeOptions {
            pace: Pace {
                slot_time: Duration::from_secs(3),
                empty_every: 1,
            },
            ..OPTIONS
        },
        0,
        Duration::from_millis(200),
    );
    let account = json!({ "lamports": 7, "owner": "11111111111111111111111111111111",
        "data": ["", "base64"], "executable": false });
    thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    assert_eq!(
        code(&served, "setAccount", json!([WALLET, account])),
        -32_000
    );
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    assert!(call(&served.http(), "getSlot", &json!([])).is_ok());
    served.stop();
}

#[test]
fn accounts_can_be_set_and_last() {
    let folder = tempfile::tempdir().expect("the node answers");
    let served = Served::start(Some(folder.path()));
    let token = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
    let account = json!({ "lamports": 5_000_000, "owner": token,
        "data": [BASE64_STANDARD.encode([3; 165]), "base64"], "executable": false });
    ask(&served, "setAccount", json!([WALLET, { "value": account }]));
    let read = |served: &Served| {
        let config = json!({ "encoding": "base64" });
        ask(served, "getAccountInfo", json!([WALLET, config]))["value"].clone()
    };
    let found = read(&served);
    for field in ["lamports", "owner", "data"] {
        assert_eq!(found[field], account[field], "{field}");
    }
    // The account's proof is one against the block's own state root.
    assert_eq!(
        ask(&served, "getProof", json!([WALLET]))["value"]["account"]["lamports"],
        5_000_000
    );
    served.stop();
    let served = Served::start(Some(folder.path()));
    assert_eq!(read(&served)["lamports"], 5_000_000);
    ask(&served, "setAccount", json!([WALLET, null]));
    assert!(read(&served).is_null());
    let clock = "SysvarC1ock11111111111111111111111111111111";
    assert_eq!(
        code(&served, "setAccount", json!([clock, account])),
        -32_602
    );
    assert_eq!(
        code(&served, "setAccount", json!([WALLET, { "lamports": "x" }])),
        -32_602
    );
    served.stop();
}

#[test]
fn a_profile_tells_what_a_transaction_takes() {
    let served = Served::start(None);
    let payer = SigningKey::from([8; 32]);
    let from = address_of(&payer);
    ask(
        &served,
        "setAccount",
        json!([from.to_string(), { "lamports": 1_000_000_000u64,
        "owner": "11111111111111111111111111111111", "data": ["", "base64"] }]),
    );
    let newest = ask(&served, "getLatestBlockhash", json!([]));
    let blockhash: lockstep_interface::Address = newest["value"]["blockhash"]
        .as_str()
        .expect("the node answers")
        .parse()
        .expect("the node answers");
    let mut pay = transfer(
        &from,
        &WALLET.parse().expect("the node answers"),
        50_000_000,
    );
    // One account too many.
    let idle = lockstep_interface::Address::new_from_array([77; 32]);
    pay.accounts
        .push(lockstep_interface::AccountMeta::writable(idle, false));
    let calls = [pay];
    let message = MessageBuilder::new(from, blockhash.to_bytes(), &calls)
        .compile()
        .expect("the node answers");
    let bytes = BASE64_STANDARD.encode(message.sign(&[&payer]).expect("the node answers"));
    let config = json!({ "encoding": "base64", "sigVerify": true });
    let profile = ask(&served, "profileTransaction", json!([bytes, config]));
    let profile = &profile["value"];
    assert_eq!(profile["err"], Value::Null, "{profile}");
    assert_eq!(profile["unitsConsumed"], 150);
    assert!(profile["microseconds"].as_u64().expect("the node answers") > 0);
    let uses: Vec<(&str, bool, &str)> = profile["accounts"]
        .as_array()
        .expect("the node answers")
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().expect("the node answers");
            (
                text("address"),
                one["writable"].as_bool().expect("the node answers"),
                text("use"),
            )
        })
        .collect();
    let idle = idle.to_string();
    for (address, use_name) in [(WALLET, "written"), (idle.as_str(), "untouched")] {
        assert!(uses.contains(&(address, true, use_name)), "{uses:?}");
    }
    served.stop();
}
