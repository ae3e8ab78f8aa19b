//! A replay for people.

use std::fmt::Write as _;

use super::report::{AccountChange, Called, Ran, Report, Step};
use crate::terminal::escaped;
use crate::text::{BAD, BOLD, DIM, GOOD, counted, paint, thousands};

/// Characters of an instruction's parts that are shown.
const SHOWN_CHARACTERS_MAX: usize = 160;

pub(super) fn show(report: &Report, has_changes: bool) -> String {
    let mut out = String::new();
    let place = report
        .place
        .map_or_else(String::new, |place| format!(", place {place}"));
    let head = format!("{}, slot {}{place}", report.signature, report.slot);
    let _ = writeln!(out, "{}", paint(BOLD, &head));
    let as_recorded = match (report.same, report.exact) {
        (Some(true), _) => "as recorded",
        (Some(false), true) => "NOT as recorded",
        (Some(false), false) => "not as recorded: accounts have changed since",
        (None, _) => "nothing was recorded",
    };
    show_run(&mut out, &report.outcome, as_recorded);
    let steps = &report.outcome.steps;
    steps.iter().for_each(|step| show_step(&mut out, step));
    if has_changes {
        show_changes(&mut out, "changes", &report.outcome.changes);
    }
    let Some(other) = &report.with_set else {
        return out;
    };
    let title = format!("with {} set", report.set.join(", "));
    let _ = writeln!(out, "\n{}", paint(BOLD, &title));
    let is_same = other.error == report.outcome.error;
    show_run(
        &mut out,
        other,
        if is_same {
            "the same outcome"
        } else {
            "another outcome"
        },
    );
    other
        .steps
        .iter()
        .for_each(|step| show_step(&mut out, step));
    if has_changes {
        show_changes(&mut out, "changes", &other.changes);
        show_differences(&mut out, &report.outcome, other);
    }
    out
}

fn show_run(out: &mut String, ran: &Ran, note: &str) {
    let status = match &ran.message {
        None => paint(GOOD, "succeeds"),
        Some(message) => paint(BAD, &format!("fails: {message}")),
    };
    let _ = writeln!(
        out,
        "  {status} ({note}); {}, fee {}",
        counted(
            usize::try_from(ran.compute_units).unwrap_or(usize::MAX),
            "compute unit"
        ),
        thousands(ran.fee),
    );
    if let Some(failed) = &ran.failed {
        let cause = failed.cause.as_ref();
        let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
        let line = format!(
            "at instruction {}, {}{cause}",
            failed.instruction,
            called(&failed.called)
        );
        let _ = writeln!(out, "  {}", escaped(&line));
    }
}

fn called(called: &Called) -> String {
    let what = match (&called.parsed, &called.data) {
        (Some(parsed), _) => parsed.to_string(),
        (None, Some(data)) => format!("data {data}"),
        (None, None) => String::new(),
    };
    let name = called.name.unwrap_or(&called.program);
    let text = format!("{name} {what}");
    text.chars().take(SHOWN_CHARACTERS_MAX).collect()
}

fn show_step(out: &mut String, step: &Step) {
    let style = match step.status {
        "failed" => BAD,
        "ok" => GOOD,
        _ => DIM,
    };
    let _ = writeln!(
        out,
        "\n  instruction {}: {}, {} units, {}",
        step.instruction,
        paint(style, step.status),
        thousands(step.compute_units),
        escaped(&called(&step.called)),
    );
    for line in &step.logs {
        let _ = writeln!(out, "    {}", paint(DIM, line));
    }
    match &step.changes {
        Some(changes) => list_changes(out, changes, "    "),
        None => out.push_str("    cut off here it breaks a rule, so its changes are not known\n"),
    }
}

fn show_changes(out: &mut String, title: &str, changes: &[AccountChange]) {
    let _ = writeln!(out, "\n  {}", paint(BOLD, title));
    if changes.is_empty() {
        out.push_str("    none\n");
    }
    list_changes(out, changes, "    ");
}

fn list_changes(out: &mut String, changes: &[AccountChange], indent: &str) {
    for change in changes {
        for field in &change.fields {
            let _ = writeln!(
                out,
                "{indent}{} {} {} -> {}",
                change.account, field.field, field.before, field.after
            );
        }
    }
}

/// The accounts that end otherwise.
fn show_differences(out: &mut String, own: &Ran, other: &Ran) {
    let only = |these: &[AccountChange], those: &[AccountChange]| {
        let only = these.iter().filter(|change| !those.contains(change));
        only.cloned().collect::<Vec<_>>()
    };
    show_changes(out, "only as it was", &only(&own.changes, &other.changes));
    show_changes(
        out,
        "only with what was set",
        &only(&other.changes, &own.changes),
    );
}
