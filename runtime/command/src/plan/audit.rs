//! `plan --audit`: what the blocks declared in vain, for people.

use std::fmt::Write as _;

use clap::builder::styling::Style;
use lockstep_benches::audit::{AuditFigures, FindingFigures};
use lockstep_benches::planning::ratio;

use crate::terminal::escaped;
use crate::text::{BOLD, DIM, Table, paint, thousands};

/// Positions that are shown of a finding.
const POSITIONS_SHOWN: usize = 4;
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
        escaped(&audit.strategy),
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
        "declared",
        "used",
        "uses",
        "saves",
        "accounts",
        "most often",
    ];
    let mut table = Table::new(3, &headings);
    for finding in audit.findings.iter().take(FINDINGS_SHOWN) {
        let plain = |text: String| (text, Style::new());
        table.styled_row([
            plain(instruction(finding)),
            plain(finding.declared.to_owned()),
            plain(finding.used.to_owned()),
            plain(thousands(finding.uses)),
            plain(saving(finding.saved, audit.makespan)),
            plain(positions(finding)),
            (busiest(finding), DIM),
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

/// The positions of the accounts in the instruction: all, or the first few.
fn positions(finding: &FindingFigures) -> String {
    let all = &finding.positions;
    let shown = all.iter().take(POSITIONS_SHOWN);
    let mut shown: Vec<String> = shown.map(|row| row.position.to_string()).collect();
    if all.len() > POSITIONS_SHOWN {
        shown.push("..".to_owned());
    }
    shown.join(" ")
}

/// The account that is declared so most often, and how often.
fn busiest(finding: &FindingFigures) -> String {
    finding.accounts.first().map_or_else(String::new, |row| {
        format!("{} ({})", row.account, thousands(row.uses))
    })
}

/// Cost units and their share of the makespan.
fn saving(saved: i64, makespan: u64) -> String {
    let size = saved.unsigned_abs();
    let sign = if saved < 0 { "-" } else { "" };
    let share = ratio(size, makespan) * 100.0;
    format!("{sign}{} ({sign}{share:.1}%)", thousands(size))
}
