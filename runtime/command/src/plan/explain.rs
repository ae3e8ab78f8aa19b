//! `plan --explain` and the files that show one plan: which plan it is, and the text for people.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use lockstep_benches::explain::{
    BatchFigures, Explained, Explanation, Step, dot, html, trace_events,
};
use lockstep_benches::planning::{InternedBlock, ratio};
use lockstep_scheduler::{PlanRequest, Strategy};

use crate::failure::Failure;
use crate::output;
use crate::terminal::escaped;
use crate::text::{self, BOLD, DIM, Table, paint, thousands};

/// Workers of the explained plan, if several counts are planned for.
const WORKERS_DEFAULT: u32 = 8;
/// Workers of an explained plan at most: a drawing has a row for each.
const WORKERS_MAX: u32 = 256;
/// Rows of a table from its start, and from its end, where it is too long to show.
const ROWS_SHOWN: usize = 12;

/// Options that look at one plan. They take one block; of several strategies they take `auto`
/// if it is among them, else the first, and of several worker counts 8, else the first.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Say why one plan takes as long as it does: critical path, accounts that block and what
    /// relieving them saves, use of each batch. Explains `auto` for 8 workers if several are
    /// planned, as the files below do
    #[arg(long, help_heading = "One plan of one block")]
    pub(super) explain: bool,
    /// Write one self-contained page with timeline, graphs and tables
    #[arg(long, value_name = "FILE", help_heading = "One plan of one block")]
    html: Option<PathBuf>,
    /// Write the conflict graph for Graphviz, at most 200 transactions and 2,000 conflicts
    #[arg(long, value_name = "FILE", help_heading = "One plan of one block")]
    dot: Option<PathBuf>,
    /// Write the predicted schedule as trace events for Perfetto
    #[arg(long, value_name = "FILE", help_heading = "One plan of one block")]
    trace_out: Option<PathBuf>,
}

impl Options {
    /// Whether a plan is to be looked at.
    pub(super) fn is_given(&self) -> bool {
        self.explain || self.html.is_some() || self.dot.is_some() || self.trace_out.is_some()
    }

    /// Refuses files that cannot be written, before anything is planned.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let files = [&self.html, &self.dot, &self.trace_out];
        for path in files.into_iter().flatten() {
            output::check(path)?;
        }
        Ok(())
    }

    /// Plans the block, explains the plan and writes the files that were asked for.
    pub(super) fn explain(
        &self,
        title: &str,
        block: &InternedBlock,
        strategy: &dyn Strategy,
        request: &PlanRequest,
    ) -> Result<Explanation, Failure> {
        if request.workers.get() > WORKERS_MAX {
            return Err(Failure::usage(format!(
                "--explain, --html, --dot and --trace-out take at most {WORKERS_MAX} workers, \
                 not {}",
                request.workers
            )));
        }
        let explained = Explained::new(block, strategy, request).map_err(Failure::usage)?;
        if let Some(path) = &self.html {
            save(path, |out| html::write(&explained, title, out))?;
        }
        if let Some(path) = &self.dot {
            save(path, |out| dot::write(&explained, out))?;
        }
        if let Some(path) = &self.trace_out {
            save(path, |out| trace_events::write(&explained, out))?;
        }
        Ok(explained.explanation)
    }
}

/// The strategy that is explained.
pub(super) fn choose_strategy(strategies: &[Arc<dyn Strategy>]) -> Option<&dyn Strategy> {
    let auto = strategies.iter().find(|strategy| strategy.name() == "auto");
    auto.or(strategies.first()).map(Arc::as_ref)
}

/// The worker count that is explained.
pub(super) fn choose_workers(counts: &[NonZeroU32]) -> NonZeroU32 {
    let default = counts.iter().find(|count| count.get() == WORKERS_DEFAULT);
    default
        .or(counts.first())
        .copied()
        .unwrap_or(NonZeroU32::MIN)
}

fn save(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Failure> {
    output::write(path, |out| {
        write(out).map_err(|error| output::failure(path, error).into())
    })
}

/// The explanation for people.
pub(super) fn show(explanation: &Explanation) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n{} strategy {}, mode {}, policy {}, {} workers: makespan {}, lower bound {}, \
         efficiency {:.3}",
        paint(BOLD, "explained:"),
        escaped(&explanation.strategy),
        explanation.mode,
        explanation.policy,
        explanation.workers,
        thousands(explanation.makespan),
        thousands(explanation.lower_bound),
        explanation.efficiency,
    );
    let length = explanation.critical_path.len();
    let cost = explanation.critical_path.last().map_or(0, |step| step.end);
    let _ = writeln!(
        out,
        "\n{} {} transactions, cost {}, {:.1}% of the makespan",
        paint(BOLD, "critical path:"),
        thousands(length),
        thousands(cost),
        ratio(cost, explanation.makespan) * 100.0
    );
    out.push_str(&path_table(&explanation.critical_path));
    if explanation.heavy_clique > 0 {
        let note = format!(
            "  a set of transactions that all conflict with each other costs {}",
            thousands(explanation.heavy_clique)
        );
        let _ = writeln!(out, "{}", paint(DIM, &note));
    }
    if !explanation.blocking.is_empty() {
        let title = "what splitting an account, or making it commutative, saves:";
        let _ = write!(
            out,
            "\n{}\n{}",
            paint(BOLD, title),
            relief_table(explanation)
        );
    }
    if !explanation.groups.is_empty() {
        let title = "what relieving all accounts of a group saves:";
        let _ = write!(
            out,
            "\n{}\n{}",
            paint(BOLD, title),
            group_table(explanation)
        );
    }
    let _ = write!(
        out,
        "\n{}\n{}",
        paint(BOLD, "batches:"),
        batch_table(&explanation.batches)
    );
    out
}

/// The indexes of rows to show: all, or the first and the last few, with a gap in between.
fn rows_shown(count: usize) -> impl Iterator<Item = Option<usize>> {
    let is_long = count > ROWS_SHOWN.saturating_mul(2);
    let head = if is_long { ROWS_SHOWN } else { count };
    let tail = count.saturating_sub(if is_long { ROWS_SHOWN } else { 0 });
    let gap = is_long.then_some(None);
    let (head, tail) = ((0..head).map(Some), (tail..count).map(Some));
    head.chain(gap).chain(tail)
}

/// A row that stands for those left out.
fn gap(count: usize) -> [String; 1] {
    let left_out = count.saturating_sub(ROWS_SHOWN.saturating_mul(2));
    [format!(".. {} more", thousands(left_out))]
}

fn path_table(path: &[Step]) -> String {
    let mut table = Table::new(1, &["transaction", "cost", "ends", "through"]);
    for row in rows_shown(path.len()) {
        match row.and_then(|row| path.get(row)) {
            Some(step) => table.row([
                format!("tx {}", step.tx),
                thousands(step.cost),
                thousands(step.end),
                step.through.clone().unwrap_or_default(),
            ]),
            None => table.row(gap(path.len())),
        }
    }
    table.show()
}

fn relief_table(explanation: &Explanation) -> String {
    let headings = ["account", "writers", "readers", "cost", "saves", "of all"];
    let mut table = Table::new(1, &headings);
    for row in &explanation.blocking {
        let [saved, share] = savings(row.saved, explanation.makespan);
        table.row([
            row.account.clone(),
            thousands(row.writers),
            thousands(row.readers),
            thousands(row.cost),
            saved,
            share,
        ]);
    }
    table.show()
}

/// What is saved, and its share of the makespan.
fn savings(saved: i64, makespan: u64) -> [String; 2] {
    let size = saved.unsigned_abs();
    let share = format!("{:.1}%", ratio(size, makespan) * 100.0);
    let sign = if saved < 0 { "-" } else { "" };
    let share = if share == "0.0%" {
        share
    } else {
        format!("{sign}{share}")
    };
    [format!("{sign}{}", thousands(size)), share]
}

fn group_table(explanation: &Explanation) -> String {
    let headings = [
        "group",
        "accounts",
        "transactions",
        "cost",
        "saves",
        "of all",
    ];
    let mut table = Table::new(1, &headings);
    for row in &explanation.groups {
        let first = row.accounts.first().map_or("", String::as_str);
        let [saved, share] = savings(row.saved, explanation.makespan);
        table.row([
            match &row.program {
                Some(program) => format!("of {program}"),
                None => format!("written with {first}"),
            },
            thousands(row.accounts.len()),
            thousands(row.transactions),
            thousands(row.cost),
            saved,
            share,
        ]);
    }
    table.show()
}

fn batch_table(batches: &[BatchFigures]) -> String {
    let headings = [
        "batch",
        "transactions",
        "lanes",
        "work",
        "longest lane",
        "span",
        "workers busy",
    ];
    let mut table = Table::new(1, &headings);
    for row in rows_shown(batches.len()) {
        let Some((number, batch)) = row.and_then(|row| Some((row, batches.get(row)?))) else {
            table.row(gap(batches.len()));
            continue;
        };
        table.styled_row([
            (thousands(number), clap::builder::styling::Style::new()),
            plain(batch.transactions),
            plain(batch.lanes),
            plain(batch.work),
            plain(batch.longest_lane),
            plain(batch.span),
            (
                format!("{:.1}%", batch.occupancy * 100.0),
                text::grade(batch.occupancy),
            ),
        ]);
    }
    table.show()
}

fn plain(number: impl TryInto<u64>) -> (String, clap::builder::styling::Style) {
    (thousands(number), clap::builder::styling::Style::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tables_show_both_ends() {
        assert_eq!(rows_shown(0).count(), 0);
        assert_eq!(rows_shown(24).flatten().count(), 24);
        let rows: Vec<_> = rows_shown(100).collect();
        assert_eq!((rows.len(), rows[11], rows[12]), (25, Some(11), None));
        assert_eq!((rows[13], rows[24]), (Some(88), Some(99)));
        assert_eq!(gap(100), [".. 76 more"]);
    }
}
