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
use lockstep_interface::{Address, Instruction, Rent, address::program_ids};
use lockstep_node::keys::{address_of, random_key, read_key};
use lockstep_programs::{system::instruction::create_account, token::instruction::initialize_mint};
use lockstep_runtime::wire::{MessageBuilder, SigningKey};
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
    let call = Instruction {
        program,
        accounts: Vec::new(),
        data: memo.as_bytes().to_vec(),
    };
    send(node, &[&key], &[call])
}

/// Sends a transaction, which the first key pays; gives the outcome, once it is in a block.
fn send(node: &Node, keys: &[&SigningKey], calls: &[Instruction]) -> Value {
    let answer = node.ask("getLatestBlockhash", &json!([]));
    let blockhash = answer["value"]["blockhash"].as_str().unwrap();
    let blockhash: Address = blockhash.parse().unwrap();
    let message = MessageBuilder::new(address_of(keys[0]), blockhash.to_bytes(), calls);
    let bytes = message.compile().unwrap().sign(keys).unwrap();
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

/// Makes a mint; gives its data as the chain has it.
fn make_mint(node: &Node, payer: &Path) -> Vec<u8> {
    let [payer, key] = [read_key(payer).unwrap(), random_key().unwrap()];
    let [owner, mint] = [&payer, &key].map(address_of);
    let lamports = Rent::MAINNET.minimum_balance(82);
    let create = create_account(&owner, &mint, lamports, 82, &program_ids::TOKEN);
    let calls = [create, initialize_mint(&mint, &owner, None, 6)];
    let outcome = send(node, &[&payer, &key], &calls);
    assert_eq!(outcome["err"], Value::Null, "{outcome}");
    let params = json!([mint.to_string(), { "encoding": "base64" }]);
    let found = node.ask("getAccountInfo", &params);
    let data = found["value"]["data"][0].as_str().unwrap();
    BASE64_STANDARD.decode(data).unwrap()
}

#[test]
fn a_ledger_begins_with_a_compiled_token_program_in_place_of_the_native_one() {
    let (Some(token), Some(memo)) = (elf("pinocchio_token_program.so"), elf("spl_memo-4.0.0.so"))
    else {
        return;
    };
    let folder = Folder::new("compiled");
    let (ledger, native) = (folder.path("ledger"), folder.path("native"));
    let id = Address::new_from_array([7; 32]);
    let upgrader = Address::new_from_array([9; 32]).to_string();
    let elves = [
        format!("{}={}", program_ids::TOKEN, token.display()),
        format!("{id}={}", memo.display()),
    ];
    let begin = [
        "--programs",
        "loaders",
        "--elf",
        &elves[0],
        "--elf",
        &elves[1],
    ];
    let with = ["--ledger", &ledger, "--elf-authority", &upgrader];
    let node = Node::start(&[&with[..], &begin[..]].concat());
    let params = json!([program_ids::TOKEN.to_string(), { "encoding": "base64" }]);
    let loader = program_ids::UPGRADEABLE_LOADER.to_string();
    assert_eq!(
        node.ask("getAccountInfo", &params)["value"]["owner"],
        loader
    );
    let shown = lockstep(&[
        "program",
        "show",
        &id.to_string(),
        "--json",
        "--url",
        &node.http,
    ]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["authority"], upgrader);
    let faucet = folder.path("ledger/faucet.json");
    let key = Path::new(&faucet);
    let compiled = make_mint(&node, key);
    assert!(logs(&call(&node, key, id, "hello")).contains("hello"));
    assert_eq!(node.end(), Some(0));

    // The ledger keeps them, and its blocks are executed again with them.
    let verified = lockstep(&["verify", &ledger, "--quiet"]);
    assert!(verified.status.success(), "{}", error(&verified));
    let node = Node::start(&["--ledger", &ledger]);
    assert_eq!(make_mint(&node, key), compiled);
    assert_eq!(node.end(), Some(0));
    // A native Token program makes the same of it.
    let node = Node::start(&["--ledger", &native]);
    let faucet = folder.path("native/faucet.json");
    let other = make_mint(&node, Path::new(&faucet));
    assert_eq!(
        [&other[..4], &other[36..]],
        [&compiled[..4], &compiled[36..]]
    );
    assert_eq!(node.end(), Some(0));
    let again = lockstep(&[&["node", "--ledger", &ledger], &begin[..]].concat());
    assert_eq!(again.status.code(), Some(2));
    assert!(
        error(&again).contains("has its genesis already"),
        "{}",
        error(&again)
    );
}

#[test]
fn compiled_programs_that_no_ledger_can_begin_with_are_refused() {
    let Some(memo) = elf("spl_memo-4.0.0.so") else {
        return;
    };
    let folder = Folder::new("not-compiled");
    let noise = folder.path("noise");
    fs::write(&noise, [7; 100]).unwrap();
    let id = Address::new_from_array([7; 32]);
    let id_text = id.to_string();
    let good = format!("{id}={}", memo.display());
    let [wrong, absent] = [format!("{id}={noise}"), format!("{id}={noise}-not")];
    let loaders = ["--programs", "loaders"];
    let cases: [(&[&str], &[&str], &str); 7] = [
        (
            &loaders,
            &["--elf", "memo"],
            "the program's address, `=` and the path",
        ),
        (
            &loaders,
            &["--elf", "me=memo.so"],
            "32 bytes in base58, found \"me\"",
        ),
        (&loaders, &["--elf", &absent], "noise-not"),
        (&loaders, &["--elf", &wrong], "noise"),
        (
            &loaders,
            &["--elf", &good, "--elf", &good],
            "found it twice",
        ),
        (&loaders, &["--elf-authority", &id_text], "--elf"),
        (
            &[],
            &["--elf", &good],
            "needs its loader BPFLoaderUpgradeab1e",
        ),
    ];
    for (programs, arguments, expected) in cases {
        let refused = lockstep(&[&["node", "--memory"], programs, arguments].concat());
        let message = error(&refused);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}
