//! `plan --audit`: what the blocks declared in vain, for people.

use std::fmt::Write as _;

use clap::builder::styling::Style;
use lockstep_benches::audit::{AuditFigures, FindingFigures};
use lockstep_benches::planning::ratio;

use crate::text::{BOLD, DIM, Table, paint, thousands};

/// Kinds of findings that are shown.
const FINDINGS_SHOWN: usize = 20;

/// The audit for people.
pub(super) fn show(audit: &AuditFigures) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n{} {} transactions that succeeded, run for this; strategy {}, mode {}, {} workers",
        paint(BOLD, "audit of declared accounts:"),
        thousands(audit.audited),
        audit.strategy,
        audit.mode,
        audit.workers,
    );
    if audit.findings.is_empty() {
        out.push_str("  every declared account was used as declared\n");
        return out;
    }
    let _ = writeln!(
        out,
        "makespan {} at the compute units used, {} without all of this: saves {}\n",
        thousands(audit.makespan),
        thousands(audit.makespan_without),
        saving(audit.saved, audit.makespan),
    );
    let headings = [
        "program",
        "account",
        "declared",
        "used",
        "transactions",
        "saves",
        "most often",
    ];
    let mut table = Table::new(4, &headings);
    for finding in audit.findings.iter().take(FINDINGS_SHOWN) {
        let plain = |text: String| (text, Style::new());
        table.styled_row([
            plain(instruction(finding)),
            plain(
                finding
                    .position
                    .map_or_else(String::new, |at| at.to_string()),
            ),
            plain(finding.declared.to_owned()),
            plain(finding.used.to_owned()),
            plain(thousands(finding.transactions)),
            plain(saving(finding.saved, audit.makespan)),
            (
                format!(
                    "{} ({})",
                    finding.account.as_deref().unwrap_or_default(),
                    thousands(finding.account_transactions)
                ),
                DIM,
            ),
        ]);
    }
    out.push_str(&table.show());
    let left_out = audit.findings.len().saturating_sub(FINDINGS_SHOWN);
    if left_out > 0 {
        let note = format!("  .. {} more kinds, see --json", thousands(left_out));
        let _ = writeln!(out, "{}", paint(DIM, &note));
    }
    out
}

/// The program and its instruction.
fn instruction(finding: &FindingFigures) -> String {
    let program = finding.program.as_deref().unwrap_or("no instruction");
    match finding.instruction {
        Some(name) => format!("{program} {name}"),
        None => program.to_owned(),
    }
}

/// Cost units and their share of the makespan.
fn saving(saved: i64, makespan: u64) -> String {
    let size = saved.unsigned_abs();
    let sign = if saved < 0 { "-" } else { "" };
    let share = ratio(size, makespan) * 100.0;
    format!("{sign}{} ({sign}{share:.1}%)", thousands(size))
}
