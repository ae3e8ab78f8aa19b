//! Ledgers on disk and what is around them: the load that a ledger belongs to, imports at once, and
//! names that are taken.
#![cfg(unix)]

#[path = "common/command.rs"]
mod command;
#[path = "common/folder.rs"]
mod folder;

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use command::{command, fails, json, lockstep, text};
use folder::Folder;

/// A ledger of `block_count` blocks.
fn ledger(folder: &Folder, block_count: u32) -> String {
    let path = folder.path("ledger");
    let count = &block_count.to_string();
    let load = [
        "--workload",
        "transfers",
        "--accounts",
        "40",
        "--txs",
        count,
    ];
    let more = ["--block-size", "1", "--quiet", "--store", &path];
    text(&[&["run"], &load[..], &more].concat());
    path
}

#[test]
fn a_ledger_goes_on_with_its_own_load_only() {
    let folder = Folder::new("loads");
    let (path, file, copy) = (
        &folder.path("ledger"),
        &folder.path("file"),
        &folder.path("copy"),
    );
    let run = |path: &str, load: &[&str]| {
        let more = [
            "--txs",
            "60",
            "--block-size",
            "20",
            "--quiet",
            "--json",
            "--store",
            path,
        ];
        lockstep(&[&["run", "--workload"], load, &more].concat())
    };
    let own: &[&str] = &["transfers", "--accounts", "300"];
    let others: [&[&str]; 6] = [
        &["transfers", "--accounts", "301"],
        &["transfers", "--accounts", "299"],
        &["transfers", "--accounts", "300", "--seed", "5"],
        &["transfers"],
        &["pools"],
        &["smallbank"],
    ];
    assert!(run(path, own).status.success());
    text(&["snapshot", "export", path, file]);
    text(&["snapshot", "import", file, copy]);
    // What names the load may get lost; the log still has the root.
    let unnamed = &folder.path("unnamed");
    assert!(run(unnamed, own).status.success());
    fs::remove_file(format!("{unnamed}/genesis.load")).unwrap();
    for (ledger, made_for) in [
        (path, "made for transfers:accounts=300, seed 1, whose"),
        (copy, "made for another load, whose"),
        (unnamed, "made for another load, whose"),
    ] {
        let before = json(&["inspect", ledger, "--json"]);
        for other in others {
            let output = run(ledger, other);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{other:?}: {errors}");
            assert_eq!(errors.lines().count(), 1, "{errors}");
            let names = [ledger.as_str(), made_for, &format!("those of {}", other[0])];
            assert!(names.iter().all(|name| errors.contains(name)), "{errors}");
        }
        let after = json(&["inspect", ledger, "--json"]);
        assert_eq!(before["block"], after["block"]);
        let output = run(ledger, own);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&report["slot"], &report["succeeded"]),
            (&6.into(), &60.into())
        );
    }
    // It is named now.
    let errors = run(unnamed, others[4]).stderr;
    let errors = String::from_utf8_lossy(&errors);
    assert!(
        errors.contains("made for transfers:accounts=300, seed 1"),
        "{errors}"
    );
}

#[test]
fn a_ledger_without_its_genesis_is_bound_to_the_first_load_whose_accounts_it_has() {
    let folder = Folder::new("late");
    let (path, file, copy) = (
        &folder.path("ledger"),
        &folder.path("file"),
        &folder.path("copy"),
    );
    // A snapshot has the newest 512 blocks.
    let run = |path: &str, accounts: &str, count: &str| {
        let load = [
            "run",
            "--workload",
            "transfers",
            "--accounts",
            accounts,
            "--txs",
            count,
        ];
        let more = [
            "--block-size",
            "1",
            "--no-check",
            "--quiet",
            "--store",
            path,
        ];
        lockstep(&[&load[..], &more].concat())
    };
    assert!(run(path, "30", "520").status.success());
    text(&["snapshot", "export", path, file]);
    text(&["snapshot", "import", file, copy]);
    let other = run(copy, "300", "1");
    assert_eq!(other.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&other.stderr);
    assert!(errors.contains("lacks 270 of the "), "{errors}");
    assert!(run(copy, "30", "1").status.success());
    let named = format!("{copy}/genesis.load");
    let fewer = run(copy, "29", "1");
    let errors = String::from_utf8_lossy(&fewer.stderr);
    assert_eq!(fewer.status.code(), Some(2), "{errors}");
    assert!(
        errors.contains("made for transfers:accounts=30, seed 1"),
        "{errors}"
    );
    fs::write(named, "{").unwrap();
    let damaged = run(copy, "30", "1");
    let errors = String::from_utf8_lossy(&damaged.stderr);
    assert_eq!(damaged.status.code(), Some(2), "{errors}");
    assert!(
        errors.contains("genesis.load: not the description of a load"),
        "{errors}"
    );
}

#[test]
fn of_imports_at_once_into_one_directory_one_succeeds() {
    let folder = Folder::new("race");
    let path = &ledger(&folder, 30);
    let file = &folder.path("snapshot");
    text(&["snapshot", "export", path, file]);
    for round in 0..6 {
        let copy = &folder.path(&format!("copy-{round}"));
        // Also into a directory that is there, or by a link to one.
        match round % 3 {
            1 => fs::create_dir(copy).unwrap(),
            2 => {
                let behind = format!("{copy}-behind");
                fs::create_dir(&behind).unwrap();
                std::os::unix::fs::symlink(behind, copy).unwrap();
            }
            _ => {}
        }
        let start = |_| {
            command(&["snapshot", "import", file, copy])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let imports: Vec<_> = (0..4).map(start).collect();
        let outputs = imports
            .into_iter()
            .map(|import| import.wait_with_output().unwrap());
        let (made, refused): (Vec<_>, Vec<_>) = outputs.partition(|output| output.status.success());
        assert_eq!(made.len(), 1, "{refused:?}");
        for output in refused {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{errors}");
            let is_named = ["in use by another process", "is not an empty directory"];
            assert!(
                is_named.iter().any(|words| errors.contains(words)),
                "{errors}"
            );
        }
        assert_eq!(json(&["inspect", copy, "--json"])["slot"], 30);
        assert!(!fs::read_dir(folder.path("")).unwrap().any(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .contains("unfinished")
        }));
    }
}

#[test]
fn an_import_leaves_what_is_not_its_own() {
    let folder = Folder::new("foreign");
    let path = &ledger(&folder, 2);
    let (file, copy) = (&folder.path("snapshot"), &folder.path("copy"));
    text(&["snapshot", "export", path, file]);
    let unfinished = &folder.path("copy.unfinished");
    let import = ["snapshot", "import", file, copy];
    fs::create_dir(unfinished).unwrap();
    fs::write(folder.path("copy.unfinished/note"), "mine").unwrap();
    fails(&import, 2, "copy.unfinished is in the way");
    assert_eq!(
        fs::read(folder.path("copy.unfinished/note")).unwrap(),
        b"mine"
    );
    // A link to a ledger.
    fs::remove_dir_all(unfinished).unwrap();
    std::os::unix::fs::symlink(path, unfinished).unwrap();
    fails(&import, 2, "copy.unfinished is in the way");
    assert_eq!(json(&["inspect", path, "--json"])["slot"], 2);
    fs::remove_file(unfinished).unwrap();
    // A link that leads nowhere has the name.
    std::os::unix::fs::symlink(folder.path("nowhere"), copy).unwrap();
    fails(&import, 2, "copy exists and is not an empty directory");
    fs::remove_file(copy).unwrap();
    text(&import);
}
