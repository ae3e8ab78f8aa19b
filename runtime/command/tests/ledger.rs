//! The commands around a ledger on disk: `inspect`, `snapshot`, `prove`, `verify`, `bench-store`.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test fails where something is missing or does not fit"
)]

#[path = "common/command.rs"]
mod command;
#[path = "common/folder.rs"]
mod folder;

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lockstep::ledger::{GENESIS_FILE, keep_genesis};
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_interface::{
    Address, InstructionError, InvokeContext, Program, ProgramTable, Rent, RuleSet,
};
use lockstep_programs::{SystemProgram, builtin_programs};
use lockstep_runtime::bank::Genesis;
use lockstep_runtime::block::Recording;
use lockstep_runtime::chain::{BuildRequest, Chain, ChainOptions};
use lockstep_runtime::engine::Cancel;
use lockstep_runtime::threads::Threads;
use lockstep_runtime::verify::{ParsedBlock, Signatures};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{DiskOptions, DiskStore};
use serde_json::Value;

use command::{command, fails, json, lockstep, text};
use folder::Folder;

/// Transactions of a block.
const BLOCK_SIZE: usize = 10;

fn workload() -> Workload {
    let shape = StreamShape {
        transaction_count: 100 * BLOCK_SIZE,
        block_size: BLOCK_SIZE,
    };
    let one = NonZeroUsize::MIN;
    Workload::new(&"transfers:accounts=40".parse().unwrap(), 1, shape, one).unwrap()
}

fn genesis(programs: ProgramTable) -> Genesis {
    Genesis::new(workload().genesis().collect(), programs).without_limits()
}

/// Opens the ledger in a directory, or makes it.
fn open(path: &str, genesis: Genesis) -> Chain {
    let threads = Threads::new(1).unwrap();
    let options = ChainOptions::new(threads.clone());
    let (store, trie) = DiskStore::open(path, DiskOptions::default(), &threads).unwrap();
    let chain = Chain::open(Arc::new(store), trie, genesis, options).unwrap();
    keep_genesis(&chain, Path::new(path)).unwrap();
    chain
}

/// Appends blocks to a ledger; makes it if there is none.
fn grow(path: &str, count: u64, programs: ProgramTable) {
    grow_from(path, count, genesis(programs));
}

fn grow_from(path: &str, count: u64, genesis: Genesis) {
    let chain = open(path, genesis);
    let workload = workload();
    for _ in 0..count {
        let (parent, header) = chain.head();
        let slot = header.slot + 1;
        let block = workload.block(slot as usize, parent.to_bytes());
        let request = BuildRequest {
            parent,
            slot,
            unix_timestamp: 1_700_000_000,
            strategy: &Auto,
            mode: Mode::Produce,
            recording: Recording::NONE,
        };
        let mut source = ParsedBlock::new(block, Signatures::Trusted, &chain.options().threads);
        let built = chain.build(&request, &mut source, &Cancel::default());
        chain.commit(&built.unwrap().id).unwrap();
    }
}

fn ledger(folder: &Folder, name: &str, count: u64) -> String {
    let path = folder.path(name);
    grow(&path, count, builtin_programs());
    path
}

fn some_wallet() -> String {
    workload().genesis().next().unwrap().0.to_string()
}

#[test]
fn inspect_shows_a_ledger_and_its_accounts() {
    let folder = Folder::new("inspect");
    let path = &ledger(&folder, "ledger", 5);
    let report = json(&["inspect", path, "--json"]);
    assert_eq!(report["slot"], 5);
    assert_eq!(report["transactions"], BLOCK_SIZE);
    assert_eq!(
        (&report["first_slot"], &report["last_slot"]),
        (&0.into(), &5.into())
    );
    assert_eq!(report["blocks"], 6);
    assert_eq!(report["has_genesis"], true);
    assert!(report["accounts"].as_u64().unwrap() >= 48, "{report}");
    assert!(report["bytes"].as_u64().unwrap() > 1_000, "{report}");
    let shown = text(&["inspect", path]);
    for field in ["block", "state_root", "delta_root", "parent"] {
        assert!(
            shown.contains(report[field].as_str().unwrap()),
            "{field}: {shown}"
        );
    }
    assert!(
        shown.contains("6 blocks, slots 0 to 5, genesis kept"),
        "{shown}"
    );

    let wallet = &some_wallet();
    let account = json(&["inspect", path, wallet, "--json"]);
    assert_eq!(account["state"]["kind"], "wallet");
    assert!(account["lamports"].as_u64().unwrap() > 0);
    let system = &Address::default().to_string();
    let program = text(&["inspect", path, system]);
    assert!(
        program.contains("native program") && program.contains("system"),
        "{program}"
    );
    let nobody = &Address::new_from_array([1; 32]).to_string();
    fails(&["inspect", path, nobody], 2, "there is no account");
    fails(&["inspect", path, "abc"], 2, "not an address");
}

#[test]
fn a_ledger_is_exported_imported_and_goes_on() {
    let folder = Folder::new("copy");
    let path = &ledger(&folder, "ledger", 7);
    let (file, copy) = (&folder.path("snapshot"), &folder.path("copy"));
    let exported = json(&["snapshot", "export", path, file, "--json"]);
    assert_eq!(exported["slot"], 7);
    assert_eq!(exported["blocks"], 8);
    assert_eq!(exported["bytes"], fs::metadata(file).unwrap().len());
    let nobodys = &Address::new_from_array([1; 32]).to_string();
    let wrong = "nothing was imported";
    fails(
        &["snapshot", "import", file, copy, "--expect", nobodys],
        2,
        wrong,
    );
    assert!(!Path::new(copy).exists());
    let block = exported["block"].as_str().unwrap();
    let imported = json(&[
        "snapshot", "import", file, copy, "--expect", block, "--json",
    ]);
    for field in ["slot", "block", "accounts"] {
        assert_eq!(imported[field], exported[field], "{field}");
    }
    let again = &folder.path("again");
    let shown = text(&["snapshot", "export", copy, again]);
    assert!(shown.contains("accounts after slot 7"), "{shown}");
    assert!(fs::read(file).unwrap() == fs::read(again).unwrap());
    fails(
        &["snapshot", "import", file, copy],
        2,
        "is not an empty directory",
    );

    // The same load gives the same blocks on both.
    for ledger in [path, copy] {
        grow(ledger, 4, builtin_programs());
    }
    let [one, other] = [path, copy].map(|path| json(&["inspect", path, "--json"]));
    for field in ["slot", "block", "state_root", "accounts"] {
        assert_eq!(one[field], other[field], "{field}");
    }
    let verified = json(&["verify", copy, "--from", file, "--json"]);
    assert_eq!(
        (&verified["first_slot"], &verified["last_slot"]),
        (&7.into(), &11.into())
    );
    assert_eq!(verified["blocks"], 4);
    assert_eq!(verified["block"], one["block"]);
    fails(
        &["verify", copy],
        2,
        "a snapshot to begin at has to be named",
    );
    let genesis = &format!("{path}/{GENESIS_FILE}");
    fails(
        &["verify", copy, "--from", genesis],
        2,
        "begin at that snapshot",
    );
    fails(
        &["verify", path, "--from", again, "--threads", "0"],
        2,
        "--threads",
    );
}

#[test]
fn verify_executes_every_block_again() {
    let folder = Folder::new("verify");
    let path = &ledger(&folder, "ledger", 6);
    let report = json(&["verify", path, "--json"]);
    assert_eq!(report["blocks"], 6);
    assert_eq!(report["transactions"], 6 * BLOCK_SIZE);
    assert_eq!(report["signatures_verified"], true);
    assert!(report["tps"].as_f64().unwrap() > 0.0);
    let inspected = json(&["inspect", path, "--json"]);
    for field in ["block", "state_root"] {
        assert_eq!(report[field], inspected[field], "{field}");
    }
    let shown = text(&["verify", path, "--no-signatures"]);
    assert!(shown.contains("every root is the same"), "{shown}");
    assert!(shown.contains("without signatures"), "{shown}");
    // Another ledger's snapshot.
    let other = &ledger(&folder, "other", 6);
    let file = &folder.path("snapshot");
    grow(other, 1, builtin_programs());
    text(&["snapshot", "export", other, file]);
    fails(&["verify", path, "--from", file], 2, "the log has no block");
}

#[test]
fn what_run_makes_is_verified_copied_and_run_on() {
    let folder = Folder::new("run");
    let (path, copy) = (&folder.path("ledger"), &folder.path("copy"));
    let run = |path: &str, count: &str| {
        json(&[
            "run",
            "--workload",
            "transfers",
            "--accounts",
            "100",
            "--txs",
            count,
            "--block-size",
            "50",
            "--threads",
            "2",
            "--store",
            path,
            "--json",
            "--quiet",
        ])
    };
    run(path, "200");
    let verified = json(&["verify", path, "--json"]);
    assert_eq!(
        (&verified["blocks"], &verified["transactions"]),
        (&4.into(), &200.into())
    );
    let file = &folder.path("snapshot");
    text(&["snapshot", "export", path, file]);
    text(&["snapshot", "import", file, copy]);
    for ledger in [path, copy] {
        assert_eq!(run(ledger, "100")["slot"], 6);
    }
    let verified = json(&["verify", copy, "--from", file, "--json"]);
    assert_eq!(verified["blocks"], 2);
    assert_eq!(json(&["verify", path, "--json"])["blocks"], 6);
}

#[test]
fn a_ledger_goes_by_the_genesis_it_was_made_with() {
    let folder = Folder::new("genesis");
    let (path, file) = (&folder.path("ledger"), &folder.path("snapshot"));
    let cheap = || Genesis {
        rent: Rent {
            lamports_per_byte: 1,
            ..Rent::MAINNET
        },
        rules: RuleSet::December2024,
        ..genesis(builtin_programs())
    };
    grow_from(path, 3, cheap());
    assert_eq!(json(&["verify", path, "--json"])["blocks"], 3);
    let report = json(&["inspect", path, "--json"]);
    assert_eq!(report["rules"], "December2024");
    assert_eq!(report["programs"], builtin_programs().iter().count());
    let shown = text(&["inspect", path]);
    assert!(shown.contains("rules December2024, "), "{shown}");
    // Going on by other rules is refused.
    let wrong = "made with another genesis: rules: expected December2024, found Current";
    let run = ["run", "--workload", "transfers", "--quiet", "--store"];
    fails(&[&run[..], &[path]].concat(), 2, wrong);
    text(&["snapshot", "export", path, file]);
    let copy = &folder.path("copy");
    text(&["snapshot", "import", file, copy]);
    let copied = json(&["inspect", copy, "--json"]);
    assert_eq!(
        (&copied["rules"], &copied["block"]),
        (&report["rules"], &report["block"])
    );

    // A ledger with a program that this release lacks.
    let path = &folder.path("other");
    grow(path, 1, builtin_programs().with(Other));
    let wrong = "expected other, found none";
    for command in ["verify", "inspect"] {
        fails(&[command, path], 2, wrong);
    }
}

#[test]
fn a_witness_needs_no_ledger_and_notices_any_change() {
    let folder = Folder::new("witness");
    let path = &folder.path("ledger");
    let load = ["--workload", "transfers", "--accounts", "60", "--txs", "90"];
    let more = ["--block-size", "30", "--quiet", "--verify", "--store", path];
    text(&[&["run"], &load[..], &more].concat());
    let written = lockstep(&["witness", path, "2", "--quiet"]);
    assert!(written.status.success());
    let file = &folder.path("witness");
    fs::write(file, &written.stdout).unwrap();
    let checked = json(&["witness", "--check", file, "--json"]);
    assert_eq!(
        (&checked["slot"], &checked["transactions"]),
        (&2.into(), &30.into())
    );
    let by_id = lockstep(&[
        "witness",
        path,
        checked["block"].as_str().unwrap(),
        "--quiet",
    ]);
    assert_eq!(by_id.stdout, written.stdout);

    let mut wrong = written.stdout.clone();
    wrong[5_000] ^= 1;
    fs::write(file, &wrong).unwrap();
    fails(&["witness", "--check", file], 2, "its digest is another");
    fs::write(file, &wrong[..9]).unwrap();
    fails(&["witness", "--check", file], 2, "malformed");
    fails(
        &["witness", path, "99"],
        2,
        "no bytes of a block of slot 99",
    );
    fails(&["witness", path, "0"], 2, "no bytes of a block of slot 0");
    fails(
        &["witness", path, "x"],
        2,
        "neither a slot, nor a block's id",
    );
}

#[test]
fn a_bound_on_memory_changes_no_root() {
    let folder = Folder::new("bound");
    let load = [
        "run",
        "--txs",
        "3000",
        "--accounts",
        "20000",
        "--block-size",
        "500",
        "--json",
    ];
    let run = |name: &str, more: &[&str]| {
        let path = folder.path(name);
        let store = ["--quiet", "--store", &path];
        json(&[&load[..], &store, more].concat())
    };
    let free = run("free", &[]);
    let within = ["--memory-limit", "64M"];
    let first = run("bounded", &within);
    assert_eq!(first["state_root"], free["state_root"]);
    assert_eq!(free["trie_pages"], Value::Null);
    // On a ledger that is there, most of the trie is out of memory when it is opened.
    let (free, again) = (run("free", &[]), run("bounded", &within));
    assert_eq!(again["state_root"], free["state_root"]);
    assert!(again["trie_pages"][0].as_u64() > Some(0), "{again}");
    fails(
        &[&load[..], &["--memory-limit", "63M"]].concat(),
        2,
        "expected 64M or more",
    );
}

#[test]
fn loads_of_the_market_find_their_programs_on_a_ledger() {
    let folder = Folder::new("market");
    let path = folder.path("ledger");
    let load = [
        "run",
        "--workload",
        "city",
        "--users",
        "1000",
        "--txs",
        "600",
        "--json",
    ];
    let outcome = |more: &[&str]| {
        let report = json(&[&load[..], &["--quiet"], more].concat());
        ["succeeded", "failed", "refused"].map(|kind| report[kind].as_u64())
    };
    let expected = outcome(&[]);
    assert!(expected[0] > Some(300), "{expected:?}");
    assert_eq!(outcome(&["--store", &path]), expected);
    assert_eq!(json(&["verify", &path, "--json"])["transactions"], 600);
}

/// A program that no transaction calls.
#[derive(Debug)]
struct Other;

impl Program for Other {
    fn address(&self) -> Address {
        Address::new_from_array([77; 32])
    }

    fn name(&self) -> &'static str {
        "other"
    }

    fn process(&self, _: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        Ok(())
    }
}

/// The System program, but dearer.
#[derive(Debug)]
struct Dear;

impl Program for Dear {
    fn address(&self) -> Address {
        SystemProgram.address()
    }

    fn name(&self) -> &'static str {
        SystemProgram.name()
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(1)?;
        SystemProgram.process(context)
    }
}

#[test]
fn verify_names_the_first_block_that_differs_and_why() {
    let folder = Folder::new("differs");
    let path = &ledger(&folder, "ledger", 3);
    grow(path, 3, builtin_programs().with(Dear));
    fails(&["verify", path], 1, "the block of slot 4, ");
    fails(
        &["verify", path],
        1,
        "differs: the header states the receipts root ",
    );
}

#[test]
fn a_proof_is_checked_without_the_ledger() {
    let folder = Folder::new("prove");
    let path = &ledger(&folder, "ledger", 3);
    let inspected = json(&["inspect", path, "--json"]);
    let wallet = some_wallet();
    let nobody = Address::new_from_array([1; 32]).to_string();
    for (address, exists) in [(&wallet, true), (&nobody, false)] {
        let proof = text(&["prove", path, address]);
        let file = &folder.path("proof.json");
        fs::write(file, &proof).unwrap();
        let checked = json(&["prove", "--check", file, "--json"]);
        assert_eq!(checked["address"], **address);
        assert_eq!(checked["exists"], exists);
        for field in ["slot", "block", "state_root"] {
            assert_eq!(checked[field], inspected[field], "{field}");
        }
        let shown = text(&["prove", "--check", file]);
        let expected = if exists {
            "is as stated"
        } else {
            "does not exist"
        };
        assert!(shown.contains(expected), "{shown}");

        let mut other: Value = serde_json::from_str(&proof).unwrap();
        other["address"] = if exists { &nobody } else { &wallet }.as_str().into();
        fs::write(file, other.to_string()).unwrap();
        fails(&["prove", "--check", file], 1, "proves nothing");
        other["proof"] = "AAAA".into();
        fs::write(file, other.to_string()).unwrap();
        fails(&["prove", "--check", file], 2, "proof: ");
    }
    let mut richer = json(&["prove", path, &wallet]);
    let lamports = richer["account"]["lamports"].as_u64().unwrap() + 1;
    richer["account"]["lamports"] = lamports.into();
    let file = &folder.path("richer.json");
    fs::write(file, richer.to_string()).unwrap();
    fails(
        &["prove", "--check", file],
        1,
        "proves nothing: the account has another hash",
    );
    fs::write(file, "{}").unwrap();
    fails(&["prove", "--check", file], 2, "richer.json: missing field");
    fails(&["prove", path], 2, "<ADDRESS>");
    fails(&["prove"], 2, "<DIR>");
}

#[test]
fn a_ledger_in_use_is_read_from_a_copy() {
    let folder = Folder::new("in-use");
    let path = &ledger(&folder, "ledger", 9);
    let wallet = &some_wallet();
    let [out, again] = &["one", "other"].map(|name| folder.path(name));
    let inspected = text(&["inspect", path]);
    let account = text(&["inspect", path, wallet]);
    let proof = text(&["prove", path, wallet]);
    text(&["snapshot", "export", path, out]);

    let chain = open(path, genesis(builtin_programs()));
    for (arguments, expected) in [
        (&["inspect", path][..], Some(inspected)),
        (&["inspect", path, wallet], Some(account)),
        (&["prove", path, wallet], Some(proof)),
        (&["verify", path], None),
        (&["snapshot", "export", path, again], None),
    ] {
        let output = lockstep(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(
            errors.contains("in use or not writable, so a copy of "),
            "{errors}"
        );
        let shown = String::from_utf8(output.stdout).unwrap();
        if let Some(expected) = expected {
            assert_eq!(without_size(&shown), without_size(&expected));
        }
        let quiet = lockstep(&[arguments, &["--quiet"]].concat());
        assert_eq!(quiet.stderr, b"", "{arguments:?}");
    }
    assert!(fs::read(out).unwrap() == fs::read(again).unwrap());
    // What is written needs the ledger itself.
    let run = [
        "run",
        "--workload",
        "transfers",
        "--accounts",
        "40",
        "--quiet",
        "--store",
    ];
    fails(
        &[&run[..], &[path]].concat(),
        2,
        "in use by another process",
    );
    drop(chain);
}

/// A report without the size of its files, which grow when a ledger is opened.
fn without_size(report: &str) -> Vec<&str> {
    report
        .lines()
        .filter(|line| !line.contains("  size "))
        .collect()
}

#[test]
fn a_ledger_on_read_only_media_is_read_from_a_copy() {
    let folder = Folder::new("read-only");
    let disk = folder.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = |arguments: &[&str]| {
        let mount = Command::new("mount").args(arguments).arg(&disk).output();
        mount.is_ok_and(|output| output.status.success())
    };
    if !mounted(&["-t", "tmpfs", "-o", "size=64M", "lockstep-test"]) {
        eprintln!("SKIPPED: a_ledger_on_read_only_media_is_read_from_a_copy cannot mount a tmpfs");
        return;
    }
    // Unmounted also when an assertion fails.
    let _disk = Mounted(&disk);
    let path = &format!("{disk}/ledger");
    grow(path, 6, builtin_programs());
    assert!(mounted(&["-o", "remount,ro"]));
    let wallet = &some_wallet();
    let out = &folder.path("out");
    let noted = |arguments: &[&str]| {
        let output = lockstep(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert!(
            errors.contains("ledger: in use or not writable"),
            "{errors}"
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(noted(&["inspect", path]).contains("7 blocks, slots 0 to 6"));
    assert!(noted(&["verify", path]).contains("60 transactions in 6 blocks"));
    assert!(noted(&["prove", path, wallet]).contains(wallet));
    assert!(noted(&["snapshot", "export", path, out]).contains("after slot 6"));
    let on_disk = &format!("{path}/out");
    fails(
        &["snapshot", "export", path, on_disk, "--quiet"],
        2,
        "Read-only file system",
    );
    let copy = &folder.path("copy");
    text(&["snapshot", "import", out, copy]);
    assert_eq!(json(&["inspect", copy, "--json"])["slot"], 6);
}

/// A file system that a test has mounted.
struct Mounted<'p>(&'p str);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{}", self.0);
    }
}

#[test]
fn what_is_no_ledger_is_refused_in_one_line() {
    let folder = Folder::new("refused");
    let (missing, empty) = (&folder.path("missing"), &folder.path("empty"));
    let (file, wallet) = (&folder.path("file"), &some_wallet());
    fs::create_dir(empty).unwrap();
    fs::write(file, "lockstep state, one might think").unwrap();
    let out = &folder.path("out");
    for (path, expected) in [
        (missing, "is not a ledger: there is no such directory"),
        (empty, "is not a ledger: there is no store in it"),
        (file, "is not a ledger: there is no store in it"),
    ] {
        fails(&["inspect", path], 2, expected);
        fails(&["inspect", path, wallet], 2, expected);
        fails(&["prove", path, wallet], 2, expected);
        fails(&["verify", path], 2, expected);
        fails(&["snapshot", "export", path, out], 2, expected);
    }
    assert!(!Path::new(missing).exists() && fs::read_dir(empty).unwrap().count() == 0);
    assert!(!Path::new(out).exists());
    fails(
        &["snapshot", "import", missing, out],
        2,
        "missing: No such file",
    );
    fails(
        &["snapshot", "import", file, out],
        2,
        "file: snapshot, byte 0, start: version",
    );

    let path = &ledger(&folder, "ledger", 2);
    text(&["snapshot", "export", path, out]);
    let mut bytes = fs::read(out).unwrap();
    let place = bytes.len() / 2;
    bytes[place] ^= 4;
    fs::write(out, bytes).unwrap();
    let copy = &folder.path("copy");
    fails(
        &["snapshot", "import", out, copy],
        2,
        "its hash is not that of its bytes",
    );
    assert!(!Path::new(copy).exists());

    // One file after the other is cut in half.
    let engine = Path::new(path).join("engine");
    damage(&engine);
    let output = lockstep(&["inspect", path]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("ledger"), "{errors}");
}

/// Empties every file below a directory.
fn damage(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path);
        } else {
            fs::write(path, b"").unwrap();
        }
    }
}

#[test]
fn an_import_that_is_killed_can_be_repeated() {
    let folder = Folder::new("killed");
    let path = &ledger(&folder, "ledger", 40);
    let (file, copy) = (&folder.path("snapshot"), &folder.path("copy"));
    text(&["snapshot", "export", path, file]);
    for wait in [0, 5, 20, 50, 100] {
        let mut child = command(&["snapshot", "import", file, copy])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        let was_done = child.wait().unwrap().success();
        // It is there and whole, or not there.
        if was_done || Path::new(copy).exists() {
            assert_eq!(json(&["inspect", copy, "--json"])["slot"], 40);
            fs::remove_dir_all(copy).unwrap();
        }
    }
    text(&["snapshot", "import", file, copy]);
    assert_eq!(json(&["inspect", copy, "--json"])["slot"], 40);
    assert!(!Path::new(&format!("{copy}.unfinished")).exists());
}

#[test]
fn bench_store_measures_and_leaves_nothing() {
    let folder = Folder::new("bench-store");
    let path = folder.path("measured");
    let path = path.as_str();
    let size = ["--accounts", "500", "--changes", "64", "--blocks", "5"];
    let with = |more: &[&'static str]| [&["bench-store", path], &size[..], more].concat();

    let report = json(&with(&["--json", "--seed", "7"]));
    assert!(!Path::new(path).exists());
    assert_eq!(
        (&report["kind"], &report["seed"]),
        (&"disk".into(), &7.into())
    );
    assert_eq!(
        (&report["blocks"], &report["changes"]),
        (&5.into(), &64.into())
    );
    let figure = |name: &str| report[name].as_f64().unwrap();
    assert!(figure("median_seconds") > 0.0);
    assert!(figure("worst_seconds") >= figure("median_seconds"));
    // The rate is that of the mean, which lies below the worst.
    assert!(figure("blocks_per_second") * figure("worst_seconds") >= 1.0 - 1e-9);
    // A change has an address and a balance at least.
    if Path::new("/proc/self/io").exists() {
        assert!(figure("bytes_per_account") >= 40.0);
    }

    // A directory that was there stays.
    fs::create_dir(path).unwrap();
    let shown = text(&with(&["--kind", "memory", "--quiet"]));
    let expected = "5 blocks of 64 changes over 500 accounts, kind memory, seed 1: ";
    assert!(shown.contains(expected), "{shown}");
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);

    let too_many = ["bench-store", path, "--accounts", "9", "--changes", "10"];
    fails(
        &too_many,
        2,
        "--changes 10 is more than there are: --accounts 9",
    );
    fs::write(folder.path("measured/note"), "mine").unwrap();
    fails(&with(&[]), 2, "measured: ");
    assert_eq!(fs::read(folder.path("measured/note")).unwrap(), b"mine");
    fails(&["bench-store", &folder.path("no/such")], 2, "no/such: ");
}
