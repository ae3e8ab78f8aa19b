//! Programs in C and Python over the libraries: the examples, and one that misuses the interface.
//!
//! What needs a tool that the system lacks is skipped aloud. With `LOCKSTEP_FULL=1` the programs
//! also run under sanitizers and valgrind in full length.

mod common;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use common::{Linked, compile, folder, library, run, tool};
use tempfile::tempdir;

const VALIDATOR: &str = "examples/validator.c";
const HOST: &str = "tests/c/host.c";
const THREADS: &str = "tests/c/threads.c";
const MISUSE: &str = "tests/c/misuse.c";

/// What the example prints, whatever it is linked with.
const PRINTED: &str = "slot 1: 5 receipts, 1 failed, 1 dropped\n\
                       slot 2: 5 receipts, 1 failed, 1 dropped\n\
                       slot 3: 5 receipts, 1 failed, 1 dropped\n\
                       counter: 6 calls, proven; 15 transactions observed\n";

const SANITIZERS: [&str; 3] = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
];

fn is_full() -> bool {
    env::var_os("LOCKSTEP_FULL").is_some()
}

/// Whether the compiler can link with sanitizers: they are libraries of their own.
fn has_sanitizers(target: &Path) -> bool {
    let source = target.join("empty.c");
    fs::write(&source, "int main(void) { return 0; }\n").expect("the folder takes a file");
    let Some(mut cc) = tool("cc") else {
        return false;
    };
    let probe = cc
        .args(SANITIZERS)
        .arg(source)
        .arg("-o")
        .arg(target.join("empty"));
    let has = probe.output().is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("SKIPPED: the compiler has no sanitizers");
    }
    has
}

/// Runs a program under valgrind, which ends it with 99 at the first error or leak.
fn valgrind(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut valgrind = tool("valgrind")?;
    valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
    // What the library keeps for the whole process is still reachable at its end.
    valgrind.args([
        "--errors-for-leak-kinds=definite,indirect",
        "--show-leak-kinds=definite,indirect",
        "--fair-sched=yes",
    ]);
    Some(run(valgrind.arg(program).args(arguments)))
}

#[test]
fn the_validator_runs_with_both_libraries() {
    let folder = tempdir().expect("a folder for tests");
    for linked in [Linked::Shared, Linked::Static] {
        let Some(program) = compile(VALIDATOR, linked, &[], folder.path()) else {
            return;
        };
        assert_eq!(run(&mut Command::new(program)), PRINTED, "{linked:?}");
    }
}

#[test]
fn the_validator_is_short() {
    let text = fs::read_to_string(folder().join(VALIDATOR)).expect("the example is there");
    assert!(text.lines().count() < 200, "under 200 lines");
    let text = fs::read_to_string(folder().join("examples/plan.py")).expect("so is this one");
    assert!(text.lines().count() < 100, "under 100 lines");
}

#[test]
fn the_validator_is_clean_under_sanitizers() {
    let folder = tempdir().expect("a folder for tests");
    if !has_sanitizers(folder.path()) {
        return;
    }
    for linked in [Linked::Shared, Linked::Static] {
        let program = compile(VALIDATOR, linked, &SANITIZERS, folder.path());
        let program = program.expect("there is a compiler");
        assert_eq!(run(&mut Command::new(program)), PRINTED, "{linked:?}");
    }
}

#[test]
fn the_validator_is_clean_under_valgrind() {
    if !is_full() {
        eprintln!("SKIPPED: valgrind takes half a minute, which LOCKSTEP_FULL=1 gives it");
        return;
    }
    let folder = tempdir().expect("a folder for tests");
    for linked in [Linked::Shared, Linked::Static] {
        let Some(program) = compile(VALIDATOR, linked, &[], folder.path()) else {
            return;
        };
        if let Some(printed) = valgrind(&program, &[]) {
            assert_eq!(printed, PRINTED, "{linked:?}");
        }
    }
}

#[test]
fn a_host_has_its_own_storage_source_and_programs() {
    let folder = tempdir().expect("a folder for tests");
    let flags: &[&str] = match has_sanitizers(folder.path()) {
        true => &SANITIZERS,
        false => &[],
    };
    let Some(program) = compile(HOST, Linked::Shared, flags, folder.path()) else {
        return;
    };
    for (name, cached) in [("copy", None), ("cached", Some("cached"))] {
        let mut command = Command::new(&program);
        command.arg(folder.path().join(name)).args(cached);
        assert_eq!(run(&mut command), "all is as it should be\n");
    }
}

#[test]
fn threads_share_handles_and_free_them() {
    let folder = tempdir().expect("a folder for tests");
    let flags: &[&str] = match has_sanitizers(folder.path()) {
        true => &SANITIZERS,
        false => &[],
    };
    if let Some(program) = compile(THREADS, Linked::Static, flags, folder.path()) {
        run(&mut Command::new(program));
    }
}

#[test]
fn misuse_is_an_error_and_no_crash() {
    let folder = tempdir().expect("a folder for tests");
    let flags: &[&str] = match has_sanitizers(folder.path()) {
        true => &SANITIZERS,
        false => &[],
    };
    let Some(program) = compile(MISUSE, Linked::Static, flags, folder.path()) else {
        return;
    };
    let (seeds, rounds) = match is_full() {
        true => (1..=100, "20000"),
        false => (1..=3, "1000"),
    };
    for seed in seeds {
        // A failure prints the command, seed included.
        run(Command::new(&program).args([&seed.to_string(), rounds]));
    }
}

#[test]
fn a_program_in_python_plans_a_block() {
    let Some(mut python) = tool("python3") else {
        return;
    };
    let printed = run(python
        .arg(folder().join("examples/plan.py"))
        .arg(library("so")));
    let expected = "batch 0: [0] [1] [3]\nbatch 1: [2] [4]\npredicted 5000 of at least 3000\n";
    assert_eq!(printed, expected);
}

/// Lays the files out as they are installed.
fn install(prefix: &Path) {
    let copy = |from: PathBuf, to: &str| {
        let to = prefix.join(to);
        let parent = to.parent().expect("a file lies in a folder");
        fs::create_dir_all(parent).expect("the folder takes folders");
        fs::copy(from, to).expect("the folder takes files");
    };
    copy(folder().join("include/lockstep.h"), "include/lockstep.h");
    copy(folder().join("lockstep.pc"), "lib/pkgconfig/lockstep.pc");
    copy(library("a"), "lib/liblockstep_capi.a");
}

#[test]
fn pkg_config_says_how_to_link() {
    let Some(mut config) = tool("pkg-config") else {
        return;
    };
    let prefix = tempdir().expect("a folder for tests");
    install(prefix.path());
    config.env("PKG_CONFIG_PATH", prefix.path().join("lib/pkgconfig"));
    let flags = run(config.args(["--cflags", "--libs", "--static", "lockstep"]));
    let Some(mut cc) = tool("cc") else {
        return;
    };
    // There is only the static library in this place.
    let program = prefix.path().join("validator");
    cc.arg(folder().join(VALIDATOR)).arg("-o").arg(&program);
    run(cc.args(flags.split_whitespace()));
    assert_eq!(run(&mut Command::new(program)), PRINTED);
    let version = fs::read_to_string(folder().join("lockstep.pc")).expect("it was installed");
    let expected = format!("Version: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(
        version.contains(&expected),
        "lockstep.pc has another version"
    );
}
