//! The command and the files that it writes, and the streams that it tells about them: whatever
//! kind they are of, full, closed, or named by control characters.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing or does not fit"
)]

#[path = "common/command.rs"]
mod command;
#[path = "common/folder.rs"]
mod folder;

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use command::{command, fails, lockstep};
use folder::Folder;

#[track_caller]
fn succeeds(arguments: &[&str]) {
    let output = lockstep(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
}

const PLAN: [&str; 10] = [
    "plan",
    "--workload",
    "transfers",
    "--txs",
    "30",
    "--strategy",
    "lanes",
    "--workers",
    "2",
    "--quiet",
];
const COMPARE: [&str; 13] = [
    "compare",
    "--workload",
    "transfers",
    "--txs",
    "40",
    "--strategy",
    "lanes",
    "--threads",
    "1",
    "--reps",
    "1",
    "--quiet",
    "--json",
];

/// All that writes a file: the command up to the file's name, and what the file begins with.
fn writers(ledger: &str) -> Vec<(Vec<&str>, &'static str)> {
    let plan = |option| [&PLAN[..], &[option]].concat();
    let compare = |option| [&COMPARE[..], &[option]].concat();
    vec![
        (vec!["idl", "token", "--out"], "{\"address\""),
        (plan("--plan-out"), "{\"strategy\""),
        (plan("--html"), "<!"),
        (plan("--dot"), "graph"),
        (plan("--trace-out"), "{"),
        (compare("--csv"), "workload,"),
        (compare("--html"), "<!"),
        (vec!["snapshot", "export", ledger], "lockstep state"),
    ]
}

fn ledger(folder: &Folder) -> String {
    let path = folder.path("ledger");
    let load = ["--workload", "transfers", "--accounts", "50", "--txs", "40"];
    succeeds(&[&["run", "--quiet", "--store", &path], &load[..]].concat());
    path
}

/// The names in a directory.
fn names(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[track_caller]
fn begins(path: &str, start: &str) {
    let content = fs::read(path).unwrap();
    assert!(content.starts_with(start.as_bytes()), "{path}: {start}");
    assert!(
        content.len() > start.len().saturating_add(20),
        "{path}: {}",
        content.len()
    );
}

#[test]
fn a_file_is_replaced_as_a_whole_and_its_link_stays() {
    let folder = Folder::new("outputs");
    let ledger = ledger(&folder);
    for (number, (writer, start)) in writers(&ledger).into_iter().enumerate() {
        let here = &folder.path(&format!("here-{number}"));
        fs::create_dir(here).unwrap();
        let path = |name: &str| format!("{here}/{name}");
        let write = |name: &str| succeeds(&[&writer[..], &[&path(name)]].concat());
        // What has the old name of unfinished files is not ours.
        fs::write(path("new.unfinished"), "mine").unwrap();
        symlink("new.unfinished", path("old.unfinished")).unwrap();
        write("new");
        begins(&path("new"), start);

        fs::write(path("old"), "x".repeat(3_000_000)).unwrap();
        fs::set_permissions(path("old"), Permissions::from_mode(0o640)).unwrap();
        write("old");
        begins(&path("old"), start);
        let metadata = fs::metadata(path("old")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
        assert!(metadata.len() < 3_000_000);

        fs::write(path("behind"), "old").unwrap();
        symlink("behind", path("link")).unwrap();
        symlink(path("link"), path("far")).unwrap();
        symlink("born", path("nowhere")).unwrap();
        for (name, target) in [("far", "behind"), ("nowhere", "born")] {
            write(name);
            begins(&path(target), start);
            assert!(fs::symlink_metadata(path(name)).unwrap().is_symlink());
        }
        let expected = [
            "behind",
            "born",
            "far",
            "link",
            "new",
            "new.unfinished",
            "nowhere",
            "old",
            "old.unfinished",
        ];
        assert_eq!(names(here), expected, "{writer:?}");
        assert_eq!(fs::read(path("new.unfinished")).unwrap(), b"mine");
    }
}

#[test]
fn a_fifo_or_a_device_is_written_to() {
    let folder = Folder::new("streams");
    let ledger = ledger(&folder);
    for (number, (writer, start)) in writers(&ledger).into_iter().enumerate() {
        let write = |path: &str| lockstep(&[&writer[..], &[path]].concat());
        let fifo = folder.path(&format!("fifo-{number}"));
        assert!(
            Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let by_link = folder.path(&format!("link-{number}"));
        symlink(&fifo, &by_link).unwrap();
        for path in [&fifo, &by_link] {
            let source = fifo.clone();
            let reader = thread::spawn(move || fs::read(source).unwrap());
            assert!(write(path).status.success(), "{writer:?}");
            let read = reader.join().unwrap();
            assert!(read.starts_with(start.as_bytes()), "{writer:?}");
            assert!(fs::metadata(path).unwrap().file_type().is_fifo());
        }
        assert!(fs::symlink_metadata(&by_link).unwrap().is_symlink());
        assert!(write("/dev/null").status.success(), "{writer:?}");
        if Path::new("/dev/full").exists() {
            let full = write("/dev/full");
            let errors = String::from_utf8_lossy(&full.stderr);
            assert_eq!(full.status.code(), Some(1), "{writer:?}: {errors}");
            assert!(errors.contains("/dev/full: "), "{errors}");
            assert_eq!(errors.lines().count(), 1, "{errors}");
        }
        for device in ["/dev/null", "/dev/full"] {
            let kind = fs::metadata(device).unwrap().file_type();
            assert!(kind.is_char_device(), "{device}");
        }
    }
    // Stdout by its name in the file system, here a file.
    let out = folder.path("stdout");
    let mut named = command(&["idl", "token", "--out", "/dev/stdout"]);
    let status = named.stdout(File::create(&out).unwrap()).status().unwrap();
    assert!(status.success());
    begins(&out, "{\"address\"");
}

#[test]
fn what_cannot_become_a_file_is_refused_and_stays() {
    let folder = Folder::new("refusals");
    let ledger = ledger(&folder);
    let here = &folder.path("here");
    fs::create_dir(here).unwrap();
    let path = |name: &str| format!("{here}/{name}");
    fs::create_dir(path("directory")).unwrap();
    fs::write(path("directory/note"), "mine").unwrap();
    symlink("directory", path("link")).unwrap();
    symlink("round", path("round")).unwrap();
    symlink("no/such", path("astray")).unwrap();
    fs::write(path("kept"), "mine").unwrap();
    fs::set_permissions(path("kept"), Permissions::from_mode(0o444)).unwrap();
    let before = names(here);
    for (writer, _) in writers(&ledger) {
        for (name, cause) in [
            ("directory", "here/directory: cannot write: is a directory"),
            ("link", "here/link: cannot write: is a directory"),
            ("round", "leads through too many links"),
            ("astray", "here/astray: cannot write: No such file"),
            (
                "kept",
                "here/kept: cannot write: is a file that is read-only",
            ),
            ("kept/file", "here/kept/file: cannot write: Not a directory"),
            ("none/file", "none/file: cannot write: No such file"),
            ("new/", "here/new/: cannot write: is no name of a file"),
        ] {
            fails(&[&writer[..], &[&path(name)]].concat(), 2, cause);
        }
    }
    assert_eq!(names(here), before);
    assert_eq!(fs::read(path("kept")).unwrap(), b"mine");
    assert_eq!(fs::read(path("directory/note")).unwrap(), b"mine");
}

#[test]
fn an_export_does_not_replace_the_ledger() {
    let folder = Folder::new("own-files");
    let path = &ledger(&folder);
    for file in [
        "ANCHOR",
        "engine/version",
        "genesis.load",
        "genesis.snapshot",
    ] {
        let before = fs::read(format!("{path}/{file}")).unwrap();
        let target = &format!("{path}/{file}");
        fails(
            &["snapshot", "export", path, target],
            2,
            "is a file of the ledger",
        );
        assert!(fs::read(target).unwrap() == before);
    }
    for _ in 0..2 {
        succeeds(&["snapshot", "export", path, &format!("{path}/copy.snapshot")]);
    }
    succeeds(&["verify", path]);
}

#[test]
fn a_new_program_replaces_nothing() {
    let folder = Folder::new("new-program");
    let here = &folder.path("here");
    fs::create_dir(here).unwrap();
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = |name: &str| format!("{here}/{name}");
    fs::write(path("file"), "mine").unwrap();
    symlink("nowhere", path("link")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    for name in ["file", "link", "folder"] {
        let mut new = command(&["new", name, "--sdk", sdk.to_str().unwrap()]);
        let output = new.current_dir(here).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains("exists already"), "{errors}");
    }
    assert_eq!(names(here), ["file", "folder", "link"]);
    assert_eq!(names(&path("folder")).len(), 0);
}

/// What a terminal would obey; line ends are ours.
fn is_obeyed(character: char) -> bool {
    character != '\n' && (character.is_control() || ('\u{202a}'..='\u{202e}').contains(&character))
}

#[test]
fn text_from_files_reaches_a_terminal_escaped() {
    let folder = Folder::new("escapes");
    let strange = "a\u{1b}]0;owned\u{7}\u{9b}2J\r\u{202e}b";
    let shown = "a\\u{1b}]0;owned\\u{7}\\u{9b}2J\\r\\u{202e}b";
    let in_json = "a\\u001b]0;owned\\u0007\\u009b2J\\r\\u202eb";
    let write = |name: &str, content: &str| {
        let path = folder.path(name);
        fs::write(&path, content).unwrap();
        path
    };
    let row = r#"{"slot":5,"i":0,"w":["11111111111111111111111111111112"],"r":[]}"#;
    let trace = write(&format!("{strange}.jsonl"), &format!("{row}\n"));
    let broken = write("broken.jsonl", &format!("{{\"{in_json}\":1}}\n"));
    let plan =
        format!(r#"{{"strategy":"{in_json}","mode":"replay","workers":1,"batches":[[[0]]]}}"#);
    let plan = write("plan.json", &plan);
    let proof = write("proof.json", &format!("{{\"{in_json}\":1}}"));
    let graph = write(&format!("{strange}.col"), "p edge 2 1\ne 1 2\n");
    let best = write("best.txt", "");
    fs::remove_file(best).unwrap();
    let ledger = folder.path(&format!("ledger {strange}"));
    let load = ["--workload", "transfers", "--accounts", "50", "--txs", "40"];
    succeeds(&[&["run", "--quiet", "--store", &ledger], &load[..]].concat());
    let snapshot = folder.path(strange);

    let cases: Vec<(Vec<&str>, bool)> = vec![
        (vec!["plan", "--trace", &trace], true),
        (vec!["plan", "--trace", &trace, "--json"], false),
        (vec!["plan", "--trace", &trace, "--check", &plan], true),
        (
            vec!["plan", "--trace", &trace, "--check", &plan, "--json"],
            true,
        ),
        (
            vec!["plan", "--trace", &trace, "--check", &plan, "--explain"],
            true,
        ),
        (vec!["plan", "--trace", &broken], false),
        (vec!["run", "--trace", &trace, "--quiet"], true),
        (vec!["run", "--trace", &trace, "--quiet", "--json"], true),
        (
            vec!["run", "--trace", &trace, "--quiet", "--store", &ledger],
            true,
        ),
        (
            vec!["compare", "--trace", &trace, "--reps", "1", "--quiet"],
            true,
        ),
        (vec!["color", &graph, "--quiet"], true),
        (vec!["conformance", &broken, "--quiet"], false),
        (vec!["prove", "--check", &proof], true),
        (vec!["inspect", &ledger], true),
        (vec!["inspect", &ledger, "--json"], true),
        (vec!["verify", &ledger], true),
        (vec!["snapshot", "export", &ledger, &snapshot], true),
        (vec!["snapshot", "import", &snapshot, &ledger], true),
        (vec!["inspect", &snapshot], true),
        (vec![strange], false),
        (vec!["run", "--workload", strange], true),
        (vec!["idl", strange], true),
    ];
    for (arguments, is_shown) in cases {
        let output = lockstep(&arguments);
        assert_ne!(output.status.code(), Some(101), "{arguments:?}");
        let [out, errors] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let all = out.clone() + &errors;
        assert!(!all.contains(is_obeyed), "{arguments:?}: {all:?}");
        assert!(errors.lines().count() <= 1, "{errors}");
        let escapes = [shown, in_json, "owned"];
        let is_found = escapes.iter().any(|escape| all.contains(escape));
        assert!(!is_shown || is_found, "{arguments:?}: {all}");
    }
}

#[test]
fn a_full_or_closed_stderr_changes_no_exit_code() {
    let folder = Folder::new("stderr");
    let missing = &folder.path("missing");
    let cases: [(&[&str], i32); 6] = [
        (&["bogus"], 2),
        (&[], 2),
        (&["run", "--threads", "none"], 2),
        (&["inspect", missing], 2),
        (&["conformance", missing], 2),
        (&["--help"], 0),
    ];
    for (arguments, code) in cases {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let status = command(arguments)
            .stderr(full)
            .stdout(Stdio::null())
            .status();
        assert_eq!(status.unwrap().code(), Some(code), "{arguments:?}");
        let mut closed = command(arguments)
            .stderr(closed_pipe())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        assert_eq!(closed.wait().unwrap().code(), Some(code), "{arguments:?}");
    }
}

/// A pipe that has no reader.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_full_stdout_is_an_error_and_a_closed_one_is_none() {
    let cases: [&[&str]; 6] = [
        &["--help"],
        &["--version"],
        &["workloads"],
        &["workloads", "--json"],
        &["idl", "token"],
        &PLAN,
    ];
    for arguments in cases {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(arguments).stdout(full).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        assert!(
            errors.starts_with("error: cannot write to stdout: "),
            "{errors}"
        );
        assert_eq!(errors.lines().count(), 1, "{errors}");
        let [full, also_full] =
            [0, 1].map(|_| OpenOptions::new().write(true).open("/dev/full").unwrap());
        let both = command(arguments).stdout(full).stderr(also_full).status();
        assert_eq!(both.unwrap().code(), Some(1), "{arguments:?}");
        let output = command(arguments).stdout(closed_pipe()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(output.stderr, b"", "{arguments:?}");
    }
}
