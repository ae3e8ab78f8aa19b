//! The summary of a run, for people.

use std::fmt::Write as _;

use clap::builder::styling::Style;

use lockstep_benches::runner::Seconds;

use super::Report;
use crate::source::left_out_note;
use crate::text::{self, BAD, BOLD, DIM, GOOD, Table, paint, rounded, thousands};

/// The whole summary.
pub(super) fn summary(report: &Report) -> String {
    if report.transactions == 0 {
        return format!(
            "{}: 0 transactions, nothing to run\n",
            paint(BOLD, &report.workload)
        );
    }
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}  {} transactions in {}, seed {}",
        paint(BOLD, &report.workload),
        thousands(report.transactions),
        text::counted(report.blocks, "block"),
        report.seed,
    );
    let _ = writeln!(out, "{}\n", manner(report));
    out.push_str(&stages(report));
    out.push('\n');
    out.push_str(&results(report));
    out
}

/// How the blocks were planned and run.
pub(super) fn manner(report: &Report) -> String {
    format!(
        "{}  {}, {}",
        paint(BOLD, &report.strategy),
        report.mode,
        text::counted(report.threads, "thread"),
    )
}

fn stages(report: &Report) -> String {
    let Seconds {
        parse,
        verify,
        plan,
        check,
        load,
        execute,
        commit,
        root,
        total,
    } = report.seconds;
    let mut table = Table::new(1, &["stage", "time", "share", "a transaction"]);
    let mut row = |name: &str, seconds: f64, style: Style| {
        let share = if total > 0.0 {
            seconds / total * 100.0
        } else {
            0.0
        };
        let each = if report.transactions > 0 {
            seconds / as_float(report.transactions)
        } else {
            0.0
        };
        let cells = [
            name.to_owned(),
            text::seconds(seconds),
            format!("{share:.1}%"),
            format!("{} ns", rounded(each * 1e9)),
        ];
        table.styled_row(cells.map(|cell| (cell, style)));
    };
    row("parse", parse, Style::new());
    if verify > 0.0 {
        row("verify", verify, Style::new());
    }
    row("plan", plan, Style::new());
    row("check", check, Style::new());
    row("load", load, Style::new());
    row("execute", execute, Style::new());
    row("commit", commit, Style::new());
    row("root", root, Style::new());
    row("total", total, BOLD);
    table.show()
}

fn results(report: &Report) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    let serial = report.serial_tps.zip(report.speed_up());
    let serial = serial.map(|(serial, factor)| {
        format!(
            ", {factor:.2} times the serial executor's {}",
            rounded(serial)
        )
    });
    lines.push((
        "throughput",
        format!("{} tx/s{}", rounded(report.tps), serial.unwrap_or_default()),
    ));
    lines.push(("outcome", outcome([report])));
    lines.push((
        "plans",
        format!(
            "{} batches, {} lanes, {} waits, {} of what is possible",
            thousands(report.batches),
            thousands(report.lanes),
            thousands(report.waits),
            paint(
                text::grade(report.efficiency),
                &format!("{:.1}%", report.efficiency * 100.0)
            ),
        ),
    ));
    lines.push(("serial run", verdict(report.matches_serial)));
    let root = report.state_root.clone();
    lines.push(("state root", root.unwrap_or_else(|| paint(DIM, "left out"))));
    lines.push(("last block", report.block.clone()));
    if !report.without.is_empty() {
        lines.push(("without", report.without.join(", ")));
    }
    if report.left_out > 0 {
        lines.push(("left out", left_out_note(report.left_out)));
    }
    if let Some(peak) = report.peak_rss_mib {
        lines.push(("peak memory", format!("{} MiB", rounded(peak))));
    }
    text::facts(&lines)
}

/// What became of the transactions of all these runs.
pub(super) fn outcome<'a>(reports: impl IntoIterator<Item = &'a Report>) -> String {
    let mut sums = [0_usize; 3];
    for report in reports {
        let counts = [report.succeeded, report.failed, report.refused];
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum = sum.saturating_add(count);
        }
    }
    let [succeeded, failed, refused] = sums.map(thousands);
    format!("{succeeded} succeeded, {failed} failed, {refused} refused")
}

/// What the comparison with the serial run says; `None` if there was none.
pub(super) fn verdict(matches_serial: Option<bool>) -> String {
    match matches_serial {
        None => paint(DIM, "not compared"),
        Some(true) => paint(GOOD, "identical: every receipt, root and block hash"),
        Some(false) => paint(BAD, "DIFFERENT"),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of transactions are below 2^52"
)]
fn as_float(count: usize) -> f64 {
    count as f64
}
