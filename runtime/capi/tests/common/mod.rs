//! The libraries that cargo has built for these tests, and the tools of the system that use them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses a part, and fails where something is missing"
)]

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The folder of the crate.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The library of that kind, `a` or `so`, that was built for this test: beside it.
pub(crate) fn library(kind: &str) -> PathBuf {
    let test = env::current_exe().expect("a test has a path");
    let folder = test.parent().expect("it lies in a folder");
    let kind = match kind {
        "so" => env::consts::DLL_EXTENSION,
        kind => kind,
    };
    let path = folder.join(format!("liblockstep_capi.{kind}"));
    assert!(path.exists(), "{} was not built", path.display());
    path
}

/// A tool, if the system has it. What is skipped without it is said aloud.
pub(crate) fn tool(name: &str) -> Option<Command> {
    let mut probe = Command::new(name);
    let probe = probe
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if probe.status().is_ok_and(|status| status.success()) {
        return Some(Command::new(name));
    }
    eprintln!("SKIPPED: there is no {name} on the PATH");
    None
}

/// Runs a command to its end and gives what it prints.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().expect("the command can be started");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{command:?}: {}\n{out}\n{err}",
        output.status
    );
    out.into_owned()
}

/// How a program is linked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Linked {
    /// With the shared library.
    Shared,
    /// With the static one.
    Static,
}

/// Compiles a program in C and gives its path; `None` without a compiler.
pub(crate) fn compile(
    source: &str,
    linked: Linked,
    flags: &[&str],
    target: &Path,
) -> Option<PathBuf> {
    let name = format!(
        "{}-{linked:?}-{}",
        source.replace(['/', '.'], "-"),
        flags.len()
    );
    let program = target.join(name);
    let mut cc = tool("cc")?;
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g"]);
    cc.args(flags)
        .arg("-o")
        .arg(&program)
        .arg(folder().join(source));
    cc.arg("-I").arg(folder().join("include"));
    match linked {
        Linked::Shared => {
            let library = library("so");
            let folder = library.parent().expect("it lies in a folder");
            cc.arg("-L").arg(folder).arg("-llockstep_capi");
            cc.arg(format!("-Wl,-rpath,{}", folder.display()));
        }
        Linked::Static => {
            cc.arg(library("a"));
        }
    }
    cc.args(["-lpthread", "-ldl", "-lm"]);
    run(&mut cc);
    Some(program)
}
