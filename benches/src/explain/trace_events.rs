//! A schedule into trace-event JSON, which Perfetto and `chrome://tracing` draw: one track a
//! worker, one slice a transaction, waits and barriers as slices of their own.
//!
//! The format is the JSON Object Format of the Trace Event Format: complete events (`ph` = `X`)
//! with `ts` and `dur` in microseconds, names of tracks as metadata (`ph` = `M`). A cost unit is
//! shown as a nanosecond.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Explained, Phase};

/// Cost units of a microsecond.
const UNITS_PER_MICROSECOND: f64 = 1_000.0;

/// Writes the events, one a line, ordered by track.
///
/// # Errors
/// Those of the writer.
pub fn write(explained: &Explained<'_>, out: &mut impl Write) -> io::Result<()> {
    let figures = &explained.explanation;
    writeln!(out, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
    let name = format!(
        "{}, {}, {} workers (predicted)",
        figures.strategy, figures.mode, figures.workers
    );
    let process = json!({"ph": "M", "pid": 0, "name": "process_name", "args": {"name": name}});
    write!(out, "{process}")?;
    for worker in 0..figures.workers {
        let track = json!({"ph": "M", "pid": 0, "tid": worker, "name": "thread_name",
            "args": {"name": format!("worker {worker}")}});
        write!(out, ",\n{track}")?;
    }
    for event in transactions(explained).chain(waits(explained)) {
        write!(out, ",\n{event}")?;
    }
    for (batch, phase) in explained.schedule.phases.iter().enumerate() {
        for event in barriers(batch, phase) {
            write!(out, ",\n{event}")?;
        }
    }
    writeln!(out, "\n]}}")
}

/// A slice on a worker's track.
fn slice(worker: u32, kind: &str, name: &str, span: (u64, u64), args: Value) -> Value {
    let (start, end) = span;
    json!({"ph": "X", "pid": 0, "tid": worker, "cat": kind, "name": name,
        "ts": microseconds(start), "dur": microseconds(end.saturating_sub(start)), "args": args})
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the format knows times as JSON numbers only"
)]
fn microseconds(units: u64) -> f64 {
    units as f64 / UNITS_PER_MICROSECOND
}

fn transactions<'a>(explained: &'a Explained<'_>) -> impl Iterator<Item = Value> + 'a {
    let table = explained.block.table();
    explained.schedule.slices.iter().map(move |item| {
        let accesses = table.accesses(item.transaction).iter();
        let written = accesses.filter(|access| access.is_write());
        let written = written.map(|access| explained.address(access.account()));
        slice(
            item.worker,
            "transaction",
            &format!("tx {}", item.transaction.0),
            (item.start, item.end),
            json!({"tx": item.transaction.0, "batch": item.batch,
                "cost": table.cost(item.transaction), "writes": written.collect::<Vec<_>>()}),
        )
    })
}

fn waits<'a>(explained: &'a Explained<'_>) -> impl Iterator<Item = Value> + 'a {
    explained.schedule.pauses.iter().map(|pause| {
        slice(
            pause.worker,
            "wait",
            &format!("wait for tx {}", pause.after.0),
            (pause.start, pause.end),
            json!({"tx": pause.transaction.0, "after": pause.after.0}),
        )
    })
}

/// On every track, from the end of the worker's last lane until the barrier is passed.
fn barriers(batch: usize, phase: &Phase) -> impl Iterator<Item = Value> + '_ {
    (0..).zip(&phase.worker_ends).map(move |(worker, &end)| {
        let args = json!({"batch": batch});
        slice(worker, "barrier", "barrier", (end, phase.released), args)
    })
}
