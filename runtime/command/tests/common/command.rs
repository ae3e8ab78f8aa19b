//! The command as a process, and what a test expects of it in most cases.
#![allow(dead_code, reason = "no test calls all of it")]

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::Value;

/// The command, to be started.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(arguments);
    command
}

/// Runs the command.
pub(crate) fn lockstep(arguments: &[&str]) -> Output {
    let output = command(arguments).output();
    output.expect("the command can be started")
}

/// Runs the command, which must succeed and say nothing on stderr; gives what is on stdout.
#[track_caller]
pub(crate) fn text(arguments: &[&str]) -> String {
    let output = lockstep(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    assert_eq!(errors, "", "{arguments:?}");
    String::from_utf8(output.stdout).expect("stdout is text")
}

/// Runs the command, which must succeed with one JSON object and nothing else.
#[track_caller]
pub(crate) fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&text(arguments)).expect("stdout is one JSON object")
}

/// Runs the command, which must fail with this code, nothing on stdout, and one line that holds
/// these words.
#[track_caller]
pub(crate) fn fails(arguments: &[&str], code: i32, expected: &str) {
    let output = lockstep(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    assert_eq!(errors.lines().count(), 1, "{arguments:?}: {errors}");
    assert!(errors.contains(expected), "{arguments:?}: {errors}");
}

/// The names of an object's fields.
pub(crate) fn fields(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("the value is an object");
    object.keys().map(String::as_str).collect()
}

/// An object has fields of these names, in any order.
#[track_caller]
pub(crate) fn assert_fields(value: &Value, expected: &str) {
    let expected: BTreeSet<&str> = expected.split(", ").collect();
    assert_eq!(fields(value).into_iter().collect::<BTreeSet<_>>(), expected);
}
