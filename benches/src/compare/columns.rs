//! The figures of a cell as text: a column a figure, once for people and once for programs.

use super::{Cell, Report, Spread};

/// A figure of a cell for people.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What stands above it.
    pub heading: &'static str,
    /// The figure.
    pub show: fn(&Cell) -> String,
}

/// A column from its heading and what it shows.
const fn column(heading: &'static str, show: fn(&Cell) -> String) -> Column {
    Column { heading, show }
}

/// The columns of tables for people, the names of workload and strategy first.
pub const COLUMNS: [Column; 19] = [
    column("workload", |cell| cell.workload.clone()),
    column("strategy", |cell| cell.strategy.clone()),
    column("block", |cell| {
        let size = cell.block_size;
        size.map_or_else(|| "own".to_owned(), |size| size.to_string())
    }),
    column("threads", |cell| cell.threads.to_string()),
    column("tx/s", |cell| format!("{:.0}", cell.tps.median)),
    column("from", |cell| format!("{:.0}", cell.tps.min)),
    column("to", |cell| format!("{:.0}", cell.tps.max)),
    column("x serial", |cell| format!("{:.2}", cell.speedup.median)),
    column("x 1 thread", |cell| {
        let speedup = cell.speedup_one_thread;
        speedup.map_or_else(String::new, |speedup| format!("{:.2}", speedup.median))
    }),
    column("load a tx", |cell| cell.nanoseconds(cell.load_seconds)),
    column("plan a tx", |cell| cell.nanoseconds(cell.plan_seconds)),
    column("commit a tx", |cell| cell.nanoseconds(cell.commit_seconds)),
    column("CPU a tx", |cell| cell.nanoseconds(cell.cpu_seconds)),
    column("efficiency", |cell| {
        format!("{:.1}%", cell.efficiency * 100.0)
    }),
    column("batches", |cell| cell.batches.to_string()),
    column("lanes", |cell| cell.lanes.to_string()),
    column("waits", |cell| cell.waits.to_string()),
    column("left out", |cell| cell.left_out.to_string()),
    column("serial run", |cell| {
        let verdict = if cell.matches_serial {
            "identical"
        } else {
            "DIFFERENT"
        };
        verdict.to_owned()
    }),
];

impl Cell {
    /// The median of some seconds of a run, in nanoseconds a transaction.
    fn nanoseconds(&self, seconds: Spread) -> String {
        format!("{:.0} ns", self.per_transaction(seconds).median)
    }
}

/// The cells as comma-separated values under a line of headings (RFC 4180); what was skipped is
/// left out.
pub fn csv(report: &Report) -> String {
    let mut out = String::new();
    for cell in &report.cells {
        let fields = exact(report, cell);
        if out.is_empty() {
            out.push_str(&line(fields.iter().map(|(heading, _)| heading.clone())));
        }
        out.push_str(&line(fields.into_iter().map(|(_, value)| quoted(&value))));
    }
    out
}

fn line(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> = fields.collect();
    format!("{}\n", fields.join(","))
}

/// Headings and values of all figures in full.
fn exact(report: &Report, cell: &Cell) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut add = |heading: &str, value: String| fields.push((heading.to_owned(), value));
    add("workload", cell.workload.clone());
    add("strategy", cell.strategy.clone());
    add("mode", report.mode.clone());
    let size = cell.block_size.map(|size| size.to_string());
    add("block_size", size.unwrap_or_default());
    for (heading, count) in [
        ("threads", cell.threads),
        ("transactions", cell.transactions),
        ("left_out", cell.left_out),
        ("succeeded", cell.succeeded),
        ("failed", cell.failed),
        ("refused", cell.refused),
        ("blocks", cell.blocks),
        ("batches", cell.batches),
        ("lanes", cell.lanes),
        ("waits", cell.waits),
    ] {
        add(heading, count.to_string());
    }
    add("efficiency", cell.efficiency.to_string());
    add("matches_serial", cell.matches_serial.to_string());
    for (heading, spread) in [
        ("tps", Some(cell.tps)),
        ("serial", Some(cell.serial)),
        ("speedup", Some(cell.speedup)),
        ("speedup_one_thread", cell.speedup_one_thread),
        ("total_seconds", Some(cell.total_seconds)),
        ("load_seconds", Some(cell.load_seconds)),
        ("plan_seconds", Some(cell.plan_seconds)),
        ("execute_seconds", Some(cell.execute_seconds)),
        ("commit_seconds", Some(cell.commit_seconds)),
        ("cpu_seconds", Some(cell.cpu_seconds)),
    ] {
        for (part, value) in [
            ("median", spread.map(|spread| spread.median)),
            ("min", spread.map(|spread| spread.min)),
            ("max", spread.map(|spread| spread.max)),
        ] {
            let value = value.map_or_else(String::new, |value| value.to_string());
            add(&format!("{heading}_{part}"), value);
        }
    }
    fields
}

/// A field in quotes if it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_are_quoted_where_they_need_it() {
        for (field, expected) in [
            ("zipf:exponent=0.8", "zipf:exponent=0.8"),
            ("a,b", "\"a,b\""),
            ("say \"a\"", "\"say \"\"a\"\"\""),
        ] {
            assert_eq!(quoted(field), expected);
        }
    }
}
