//! `lockstep new` from outside: the program that it makes passes its test, and what it refuses.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

#[path = "common/folder.rs"]
mod folder;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use folder::Folder;
use serde_json::Value;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn new(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    let command = command.current_dir(folder).arg("new").args(arguments);
    command.output().unwrap()
}

/// The one line that a refused command prints.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = new(folder, arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

/// Makes `my-vault` in a folder and gives its path.
fn vault(folder: &Folder) -> String {
    let output = new(
        Path::new(&folder.path("")),
        &["my-vault", "--sdk", WORKSPACE],
    );
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    let made = folder.path("my-vault");
    for file in [
        "Cargo.toml",
        "src/lib.rs",
        "tests/program.rs",
        "examples/idl.rs",
        ".gitignore",
        "Cargo.lock",
    ] {
        assert!(told.contains(&format!("  my-vault/{file}\n")), "{told}");
        assert!(Path::new(&made).join(file).exists());
    }
    made
}

/// Runs cargo in a crate that was made; gives what it tells on stdout and stderr.
fn cargo(made: &str, arguments: &[&str]) -> [String; 2] {
    // What other runs of this test have built is used again.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(made)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{}{}", told[1], told[0]);
    told
}

/// Runs the tests of a crate and checks that these pass, without a warning, and that it prints
/// the description of a program with these instructions.
fn passes(made: &str, tests: &[&str], instructions: &[&str]) {
    let [told, errors] = cargo(made, &["test"]);
    let has_warnings = ["--> src/", "--> tests/", "--> examples/"]
        .iter()
        .any(|place| errors.contains(place));
    assert!(!has_warnings, "{errors}");
    for test in tests {
        assert!(told.contains(&format!("test {test} ... ok")), "{told}");
    }
    let [printed, _] = cargo(made, &["run", "--example", "idl"]);
    let description: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(description["metadata"]["name"], "my_vault");
    let found = description["instructions"].as_array().unwrap().iter();
    let found: Vec<&str> = found.map(|found| found["name"].as_str().unwrap()).collect();
    assert_eq!(found, instructions);
}

#[test]
fn a_new_program_passes_its_test_and_the_tutorial_follows() {
    let folder = Folder::new("new-builds");
    let made = vault(&folder);
    passes(&made, &["a_number_is_kept_once"], &["keep"]);

    // The tutorial, word for word.
    let page = fs::read_to_string(Path::new(WORKSPACE).join("sdk/README.md")).unwrap();
    for file in ["src/lib.rs", "tests/program.rs"] {
        // One is marked `rust` and tested with the SDK's documentation, the other `rs`.
        fs::write(Path::new(&made).join(file), code(&page, file)).unwrap();
    }
    let tests = [
        "lamports_rest_for_a_minute",
        "nobody_takes_from_another",
        "owners_do_not_wait_for_each_other",
    ];
    passes(&made, &tests, &["open", "deposit", "withdraw"]);
}

#[test]
fn nothing_is_written_over() {
    let folder = Folder::new("new-exists");
    let taken = folder.path("taken");
    fs::create_dir(&taken).unwrap();
    let line = refused(Path::new(&folder.path("")), &["taken", "--sdk", WORKSPACE]);
    assert!(line.contains("taken exists already"), "{line}");
    assert_eq!(fs::read_dir(taken).unwrap().count(), 0);
}

#[test]
fn the_sdk_is_found_or_asked_for() {
    let folder = Folder::new("new-finds");
    let path = folder.path("");
    let here = Path::new(&path);
    assert!(refused(here, &["vault"]).contains("--sdk PATH"));
    assert!(refused(here, &["vault", "--sdk", "nowhere"]).contains("--sdk nowhere"));
    assert!(refused(here, &["vault", "--sdk", "."]).contains("no workspace"));
    assert!(refused(here, &["No", "--sdk", WORKSPACE]).contains("\"No\" cannot be a name"));
    assert_eq!(fs::read_dir(here).unwrap().count(), 0);

    // Inside of a workspace with the SDK nothing has to be said.
    for (crate_path, name) in [("sdk", "lockstep-sdk"), ("sdk/testing", "lockstep-testing")] {
        let crate_path = here.join("work").join(crate_path);
        fs::create_dir_all(&crate_path).unwrap();
        let manifest = format!("[package]\nname = \"{name}\"\n");
        fs::write(crate_path.join("Cargo.toml"), manifest).unwrap();
    }
    let inside = here.join("work/programs");
    fs::create_dir(&inside).unwrap();
    assert!(new(&inside, &["vault"]).status.success());
    let manifest = fs::read_to_string(inside.join("vault/Cargo.toml")).unwrap();
    assert!(manifest.contains("work/sdk/testing\" }"), "{manifest}");
}

/// The code behind "into `FILE`:" on a page.
fn code<'p>(page: &'p str, file: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("into `{file}`:")).unwrap();
    let (_, rest) = rest.split_once("```r").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_chapter_on_fuzzing_finds_its_bug() {
    if Command::new("c++").arg("--version").output().is_err() {
        eprintln!("SKIPPED: libFuzzer is C++, and there is no c++ here");
        return;
    }
    let folder = Folder::new("new-fuzz");
    let arguments = ["my-deal", "--sdk", WORKSPACE, "--fuzz"];
    let output = new(Path::new(&folder.path("")), &arguments);
    assert!(output.status.success());
    let made = folder.path("my-deal");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
    // What the template holds passes, and the fuzzer finds nothing in it.
    let page = fs::read_to_string(Path::new(WORKSPACE).join("sdk/docs/fuzzing.md")).unwrap();
    let (_, commands) = page.split_once("LOCKSTEP_SEEDS=").unwrap();
    let (commands, _) = commands.split_once("```").unwrap();
    let follow = |seconds: &str| {
        let commands = commands.replace("_time=10", &format!("_time={seconds}"));
        let output = Command::new("sh")
            .args(["-ec", &format!("LOCKSTEP_SEEDS={commands}")])
            .current_dir(&made)
            .env("CARGO_TARGET_DIR", &target)
            .output()
            .unwrap();
        let texts = [output.stdout, output.stderr];
        let told = texts.map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.success(), told.concat())
    };
    let (is_quiet, told) = follow("5");
    assert!(is_quiet, "{told}");
    assert!(
        told.contains("test no_sequence_breaks_the_program ... ok"),
        "{told}"
    );
    for file in ["src/lib.rs", "tests/actions/mod.rs"] {
        fs::write(Path::new(&made).join(file), code(&page, file)).unwrap();
    }
    // It ends when the bug is found, which takes the page's ten seconds on an idle machine.
    let (is_quiet, told) = follow("200");
    assert!(
        told.contains("test no_sequence_breaks_the_program ... ok"),
        "{told}"
    );
    assert!(
        !is_quiet && told.contains("the sequence that fails is"),
        "{told}"
    );
    // Its last step is the fourth of a deal.
    let mut steps = told.lines().filter(|line| line.starts_with("  step "));
    assert!(steps.next_back().unwrap().contains(": (3, "), "{told}");
}
