//! A compiled program on a running node: deployed, called, replaced, closed, and there again when
//! the ledger is opened anew.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

#[path = "common/folder.rs"]
mod folder;
#[path = "common/node.rs"]
mod node;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use folder::Folder;
use lockstep_interface::{Address, Instruction};
use lockstep_node::keys::{address_of, read_key};
use lockstep_runtime::wire::MessageBuilder;
use node::Node;
use serde_json::{Value, json};

/// The file of a compiled program; `None`, with a line that says so, where cargo's registry does
/// not hold it.
fn elf(name: &str) -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let sources = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let file = Path::new("litesvm-0.16.0/src/programs/elf").join(name);
    let mut paths = sources.into_iter().flatten();
    let found = paths.find_map(|source| {
        let path = source.ok()?.path().join(&file);
        path.exists().then_some(path)
    });
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not there; `cargo info litesvm@0.16.0` fetches it");
    }
    found
}

fn lockstep(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(arguments).output().unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Calls a program with this memo; gives the outcome, once it is in a block.
fn call(node: &Node, key: &Path, program: Address, memo: &str) -> Value {
    let key = read_key(key).unwrap();
    let answer = node.ask("getLatestBlockhash", &json!([]));
    let blockhash = answer["value"]["blockhash"].as_str().unwrap();
    let blockhash: Address = blockhash.parse().unwrap();
    let calls = [Instruction {
        program,
        accounts: Vec::new(),
        data: memo.as_bytes().to_vec(),
    }];
    let message = MessageBuilder::new(address_of(&key), blockhash.to_bytes(), &calls);
    let bytes = message.compile().unwrap().sign(&[&key]).unwrap();
    let options = json!({ "encoding": "base64", "skipPreflight": true });
    let params = json!([BASE64_STANDARD.encode(bytes), options]);
    let signature = node.ask("sendTransaction", &params);
    let start = Instant::now();
    loop {
        let found = node.ask("getTransaction", &json!([signature, "json"]));
        if !found.is_null() {
            return found["meta"].clone();
        }
        assert!(start.elapsed() < Duration::from_secs(20), "no block came");
        thread::sleep(Duration::from_millis(20));
    }
}

fn logs(outcome: &Value) -> String {
    outcome["logMessages"].to_string()
}

#[test]
fn a_compiled_program_is_deployed_replaced_and_closed() {
    let (Some(memo), Some(other)) = (elf("spl_memo-4.0.0.so"), elf("spl_memo-1.0.0.so")) else {
        return;
    };
    let folder = Folder::new("program");
    let ledger = folder.path("ledger");
    let faucet = folder.path("ledger/faucet.json");
    let start = || Node::start(&["--ledger", &ledger, "--programs", "loaders"]);
    let node = start();
    let url = node.http.clone();
    let program = |arguments: &[&str]| {
        let common = ["--url", &url, "--json"];
        lockstep(&[&["program"], arguments, &common[..]].concat())
    };
    let report = |output: &Output| -> Value {
        assert!(output.status.success(), "{}", error(output));
        serde_json::from_slice(&output.stdout).unwrap()
    };

    let path = memo.to_str().unwrap();
    let deployed = report(&program(&["deploy", path, "--authority", &faucet]));
    assert_eq!(deployed["state"], "deployed");
    let size = fs::metadata(&memo).unwrap().len();
    assert_eq!(deployed["size"], size);
    let address = deployed["program"].as_str().unwrap().to_owned();
    let shown = report(&program(&["show", &address]));
    assert_eq!(shown["authority"], deployed["authority"]);
    let id: Address = address.parse().unwrap();
    let key = Path::new(&faucet);
    let outcome = call(&node, key, id, "hello");
    assert_eq!(outcome["err"], Value::Null, "{outcome}");
    assert!(logs(&outcome).contains("hello"), "{outcome}");
    let outcome = call(&node, key, id, "a longer memo of the same program");
    assert_eq!(outcome["err"], Value::Null, "{outcome}");

    // What the machine does not take is refused before anything is spent.
    let wrong = program(&["deploy", &faucet, "--authority", &faucet]);
    assert_eq!(wrong.status.code(), Some(2), "{}", error(&wrong));
    let path = other.to_str().unwrap();
    let upgrade = ["--authority", &faucet, "--upgrade", &address];
    let refused = program(&[&["deploy", path], &upgrade[..]].concat());
    let message = error(&refused);
    assert_eq!(refused.status.code(), Some(1), "{message}");
    assert_eq!(node.end(), Some(0));

    let node = start();
    let outcome = call(&node, key, id, "again");
    assert!(logs(&outcome).contains("again"), "{outcome}");
    let url = node.http.clone();
    let close = ["program", "close", &address, "--authority", &faucet];
    let closed = lockstep(&[&close[..], &["--url", &url, "--json"]].concat());
    assert_eq!(report(&closed)["state"], "closed");
    let shown = lockstep(&["program", "show", &address, "--url", &url]);
    assert_eq!(shown.status.code(), Some(2), "{}", error(&shown));
    let outcome = call(&node, key, id, "too late");
    assert_ne!(outcome["err"], Value::Null, "{outcome}");
    assert_eq!(node.end(), Some(0));
    let verified = lockstep(&["verify", &ledger, "--quiet"]);
    assert!(verified.status.success(), "{}", error(&verified));
}
