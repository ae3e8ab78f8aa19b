//! `lockstep compare`: runs strategies on the same load for real and shows them side by side.

mod cores;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use clap::builder::styling::Style;
use lockstep_benches::compare::{
    Baseline, COLUMNS, Cell, Comparison, Floor, Report, csv, floors, html, measure_cells,
};
use lockstep_benches::runner::{RunError, RunOptions};
use lockstep_benches::trace::{Trace, TraceOptions};
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_scheduler::{Mode, Strategy};
use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::output;
use crate::source::{all_cores, check_max_locks};
use crate::terminal::escaped;
use crate::text::{self, BAD, GOOD, Table};

/// Run strategies on the same load for real and show them side by side
///
/// Every combination of load, strategy and threads is a cell. Its first run is checked against the
/// serial executor and not timed. Exit code 1 if a result differs from the serial one, or if a
/// rate has fallen below the baseline by more than the tolerance.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Workloads to generate, options in the name: zipf:exponent=0.8 (see `lockstep workloads`);
    /// transfers, zipf, hot and pools-mixed if neither these nor traces are given
    #[arg(long = "workload", value_name = "LIST", value_delimiter = ',')]
    workloads: Vec<String>,
    /// Recorded transactions: JSON lines, plain or packed with gzip or zstd
    #[arg(long = "trace", value_name = "LIST", value_delimiter = ',')]
    traces: Vec<PathBuf>,
    /// Strategies; `all` stands for every one
    #[arg(
        long = "strategy",
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "layered,first-fit,lanes,waits,dag,auto"
    )]
    strategies: Vec<String>,
    /// Worker threads; one, and one for each core, if not given
    #[arg(long, value_name = "LIST", value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..=1_024))]
    threads: Vec<u16>,
    /// Timed runs of each cell
    #[arg(long, value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u16).range(1..=1_000))]
    reps: u16,
    /// Transactions to generate, 50,000 if not given
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(0..=100_000_000))]
    txs: Option<u32>,
    /// Transactions of a generated block, 10,000 if not given
    #[arg(long, value_name = "LIST", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    block_size: Vec<u32>,
    /// Generated blocks of 1, 2, 4, .. 16,384 transactions, at most 4,096 blocks of each size
    #[arg(long, conflicts_with = "block_size")]
    sizes: bool,
    /// Cut traces into blocks of N transactions, whatever their slots
    #[arg(long, value_name = "N", requires = "traces")]
    window: Option<NonZeroUsize>,
    /// Leave out transactions of traces that lock more than N accounts
    #[arg(long, value_name = "N", requires = "traces")]
    max_locks: Option<usize>,
    /// Keep the vote transactions of traces
    #[arg(long, requires = "traces")]
    votes: bool,
    /// Whether the planner (produce) or the block (replay) fixes the order of conflicting
    /// transactions
    #[arg(long, value_name = "MODE", default_value = "produce")]
    mode: Mode,
    /// Verify signatures
    #[arg(long)]
    verify: bool,
    /// Keep transactions that only credit an account in an order
    #[arg(long)]
    no_credits: bool,
    /// Seed of everything that is random, 1 if not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Model 1 to 64 cores from the stages' costs on one thread, beside what is measured on one and
    /// two
    #[arg(long)]
    model_cores: bool,
    /// Gigabytes a second between memory and all cores of the model together
    #[arg(long, value_name = "GB/S", default_value_t = 100.0, requires = "model_cores",
        value_parser = gigabytes)]
    memory_bandwidth: f64,
    /// Print one JSON object, which can serve as baseline
    #[arg(long)]
    json: bool,
    /// Write a line of comma-separated values for each cell
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Compare with what --json printed before
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Per cent by which a rate may be below the baseline
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, requires = "baseline",
        value_parser = percent)]
    tolerance: f64,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected 0 to 100 per cent".to_owned()),
    }
}

fn gigabytes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=100_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected 0.1 to 100,000 GB/s".to_owned()),
    }
}

/// The loads of a comparison without any.
const WORKLOADS_DEFAULT: [&str; 4] = ["transfers", "zipf", "hot", "pools-mixed"];

/// The sizes of `--sizes`: powers of two below this one.
const SIZES_END: usize = 1 << 15;
/// The most blocks of each of these sizes.
const SIZED_BLOCKS_MAX: usize = 4_096;

/// What `--json` prints.
#[derive(Serialize)]
struct Output<'a> {
    #[serde(flatten)]
    report: &'a Report,
    floors: &'a [Floor],
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<&'a [Comparison]>,
}

pub(crate) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<ExitCode, Failure> {
    check_usage(arguments)?;
    for path in arguments.csv.iter().chain(&arguments.html) {
        output::check(path)?;
    }
    let strategies = catalogue.strategies(&arguments.strategies)?;
    let threads = thread_counts(arguments);
    let mut report = planned(arguments);
    let baseline = match &arguments.baseline {
        None => None,
        Some(path) => {
            let baseline = Baseline::read(path).map_err(Failure::usage)?;
            // Refused before an hour of measuring, not after it.
            baseline.accept(&report).map_err(Failure::usage)?;
            Some(baseline)
        }
    };
    let workloads = open(arguments, catalogue)?;
    measure(arguments, &workloads, &strategies, &threads, &mut report)?;
    if arguments.model_cores {
        let bandwidth = arguments.memory_bandwidth;
        report.curves = cores::curves(
            &report,
            &workloads,
            &strategies,
            &|strategy| run_options(arguments, strategy, NonZeroUsize::MIN),
            bandwidth,
        )?;
    }
    let compared = match &baseline {
        None => None,
        Some(baseline) => {
            let compared = baseline.compare(&report, arguments.tolerance);
            Some(compared.map_err(Failure::usage)?)
        }
    };
    if let Some(path) = &arguments.csv {
        output::write_text(path, &csv(&report))?;
    }
    if let Some(path) = &arguments.html {
        output::write_text(path, &html(&report))?;
    }
    let floors = floors(&report);
    if arguments.json {
        text::print_json(&Output {
            report: &report,
            floors: &floors,
            baseline: compared.as_deref(),
        })?;
    } else {
        let mut out = show(&report, compared.as_deref());
        if report.block_sizes.len() > 1 {
            out.push_str(&show_floors(&floors));
        }
        out.push_str(&cores::show(&report.curves));
        text::print(&out)?;
    }
    verdict(&report, compared.as_deref().unwrap_or_default())
}

/// Refuses options that change nothing.
fn check_usage(arguments: &Arguments) -> Result<(), Failure> {
    check_max_locks(arguments.max_locks)?;
    let is_generated = !arguments.workloads.is_empty() || arguments.traces.is_empty();
    for (name, is_given) in [
        ("--seed", arguments.seed.is_some()),
        ("--txs", arguments.txs.is_some()),
        ("--block-size", !arguments.block_size.is_empty()),
        ("--sizes", arguments.sizes),
    ] {
        if is_given && !is_generated {
            return Err(Failure::usage(format!(
                "{name} has no effect without a generated workload: give one with --workload"
            )));
        }
    }
    Ok(())
}

/// The counts in the order given, each once; a model needs one thread, and is checked on two.
fn thread_counts(arguments: &Arguments) -> Vec<NonZeroUsize> {
    let given = arguments.threads.iter().map(|&count| usize::from(count));
    let given = given.filter_map(NonZeroUsize::new);
    let mut counts = Vec::new();
    if arguments.model_cores {
        counts.push(NonZeroUsize::MIN);
        let two = NonZeroUsize::MIN.saturating_add(1);
        counts.extend((all_cores() >= two).then_some(two));
    }
    for count in given {
        if !counts.contains(&count) {
            counts.push(count);
        }
    }
    if counts.is_empty() {
        counts = vec![NonZeroUsize::MIN, all_cores()];
        counts.dedup();
    }
    counts
}

/// The sizes of generated blocks in the order given, each once.
fn block_sizes(arguments: &Arguments) -> Vec<usize> {
    if arguments.sizes {
        let next = |size: &usize| size.checked_mul(2);
        let sizes = std::iter::successors(Some(1), next);
        return sizes.take_while(|size| *size < SIZES_END).collect();
    }
    let mut sizes = Vec::new();
    for size in arguments.block_size.iter().copied() {
        let size = usize::try_from(size).expect("the range of the option fits");
        if !sizes.contains(&size) {
            sizes.push(size);
        }
    }
    if sizes.is_empty() {
        sizes.push(10_000);
    }
    sizes
}

/// The report before anything is measured.
fn planned(arguments: &Arguments) -> Report {
    let seed = arguments.seed.unwrap_or(1);
    let count = |number: u32| usize::try_from(number).expect("the range of the option fits");
    Report {
        mode: arguments.mode.name().to_owned(),
        seed,
        verify: arguments.verify,
        reps: usize::from(arguments.reps),
        txs: count(arguments.txs.unwrap_or(50_000)),
        block_sizes: block_sizes(arguments),
        cores: all_cores().get(),
        cells: Vec::new(),
        skipped: Vec::new(),
        curves: Vec::new(),
    }
}

/// All loads at once, so that a mistake in the last one does not cost the time of the others.
fn open(arguments: &Arguments, catalogue: &Catalogue) -> Result<Vec<Workload>, Failure> {
    let report = planned(arguments);
    let shape = |block_size: usize| StreamShape {
        transaction_count: match arguments.sizes {
            true => report.txs.min(block_size.saturating_mul(SIZED_BLOCKS_MAX)),
            false => report.txs,
        },
        block_size,
    };
    let has_none = arguments.workloads.is_empty() && arguments.traces.is_empty();
    let names = arguments.workloads.iter().map(String::as_str);
    let default = WORKLOADS_DEFAULT.iter().filter(|_| has_none).copied();
    let mut workloads = Vec::new();
    for name in names.chain(default) {
        let spec = catalogue.workload(name)?;
        for &size in &report.block_sizes {
            let shape = shape(size);
            let workload = Workload::new(&spec, report.seed, shape, all_cores());
            workloads.push(workload.map_err(Failure::usage)?);
        }
    }
    let options = TraceOptions {
        keeps_votes: arguments.votes,
        window: arguments.window,
        max_locks: arguments.max_locks,
    };
    for path in &arguments.traces {
        let trace = Trace::read(path, &options).map_err(Failure::usage)?;
        let workload = Workload::recorded(path, trace, all_cores());
        workloads.push(workload);
    }
    for (index, workload) in workloads.iter().enumerate() {
        let mut before = workloads.iter().take(index);
        let key = |workload: &Workload| (workload.name().to_owned(), workload.even_size());
        if before.any(|other| key(other) == key(workload)) {
            let name = workload.name();
            return Err(Failure::usage(format!("{name} is named twice")));
        }
    }
    Ok(workloads)
}

fn measure(
    arguments: &Arguments,
    workloads: &[Workload],
    strategies: &[Arc<dyn Strategy>],
    threads: &[NonZeroUsize],
    report: &mut Report,
) -> Result<(), Failure> {
    let runs_of_cell = report.reps.saturating_add(1);
    // In each round the serial executor runs beside one cell.
    let rounds = report.reps;
    let blocks: usize = workloads.iter().map(Workload::block_count).sum();
    let runs = strategies.len().saturating_mul(threads.len());
    let steps = blocks.saturating_mul(runs.saturating_mul(runs_of_cell).saturating_add(rounds));
    let bar = text::progress(steps, arguments.quiet, "blocks");
    let options = threads.iter().flat_map(|&threads| {
        let strategies = strategies.iter();
        strategies.map(move |strategy| run_options(arguments, strategy.as_ref(), threads))
    });
    let options: Vec<_> = options.collect();
    for workload in workloads {
        let progress = |strategy: &str| {
            bar.set_message(strategy.to_owned());
            bar.inc(1);
        };
        let measured = measure_cells(workload, &options, report.reps, &progress);
        for cell in measured.map_err(failure)? {
            match cell {
                Ok(cell) => report.cells.push(cell),
                Err(skipped) => {
                    let steps = workload.block_count().saturating_mul(runs_of_cell);
                    bar.inc(u64::try_from(steps).unwrap_or_default());
                    report.skipped.push(skipped);
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn run_options<'a>(
    arguments: &Arguments,
    strategy: &'a dyn Strategy,
    threads: NonZeroUsize,
) -> RunOptions<'a> {
    RunOptions {
        strategy,
        mode: arguments.mode,
        threads,
        credits: !arguments.no_credits,
        verify: arguments.verify,
        state_root: true,
        checks: true,
    }
}

fn failure(error: RunError) -> Failure {
    Failure::other(format!("cannot go on measuring: {error}"))
}

/// Whether every result was right and fast enough.
fn verdict(report: &Report, compared: &[Comparison]) -> Result<ExitCode, Failure> {
    if let Some(cell) = report.mismatch() {
        return Err(Failure::other(format!(
            "{} with {} on {} threads is not what the serial run gives",
            cell.workload, cell.strategy, cell.threads
        )));
    }
    if let Some(failed) = report.failure() {
        return Err(Failure::other(format!(
            "{} on {} threads failed: {}",
            failed.workload, failed.threads, failed.cause
        )));
    }
    let slower = compared.iter().filter(|cell| cell.is_regression);
    let worst = slower
        .clone()
        .min_by(|left, right| left.tps_ratio.total_cmp(&right.tps_ratio));
    match worst {
        None => Ok(ExitCode::SUCCESS),
        Some(worst) => Err(Failure::other(format!(
            "{} of {} cells are slower than the baseline allows, most of all {} with {} on {} \
             threads: {:.2} times its rate",
            slower.count(),
            compared.len(),
            worst.workload,
            worst.strategy,
            worst.threads,
            worst.tps_ratio
        ))),
    }
}

fn show(report: &Report, compared: Option<&[Comparison]>) -> String {
    let headings = COLUMNS.iter().map(|column| column.heading);
    let headings: Vec<&str> = headings.chain(compared.map(|_| "of baseline")).collect();
    let mut table = Table::new(2, &headings);
    for cell in &report.cells {
        let figures = COLUMNS.iter().map(|column| {
            let style = match column.heading {
                "efficiency" => text::grade(cell.efficiency),
                "serial run" if cell.matches_serial => GOOD,
                "serial run" => BAD,
                _ => Style::new(),
            };
            ((column.show)(cell), style)
        });
        table.styled_row(figures.chain(compared.map(|compared| against(cell, compared))));
    }
    let mut out = table.show();
    for skipped in &report.skipped {
        let verdict = if skipped.is_failure {
            "FAILED"
        } else {
            "left out"
        };
        out.push_str(&format!(
            "  {verdict}: {} on {} threads: {}\n",
            escaped(&skipped.workload),
            skipped.threads,
            escaped(&skipped.cause)
        ));
    }
    out.push_str(&format!(
        "  {}, seed {}, signatures {}; median, slowest and fastest of {}; from wire bytes to \
         frozen bank\n",
        report.mode,
        report.seed,
        if report.verify {
            "verified"
        } else {
            "not verified"
        },
        report.reps
    ));
    out
}

/// How each strategy does against the serial executor where it does worst.
fn show_floors(floors: &[Floor]) -> String {
    let mut out = "  against the serial executor at worst:\n".to_owned();
    for floor in floors {
        let size = floor.block_size.map(|size| format!(", blocks of {size}"));
        let mean = floor.small_mean;
        let mean = mean.map(|mean| format!("; mean below 64 transactions a block {mean:.2}"));
        out.push_str(&format!(
            "  {} on {} threads: {:.2} ({}{}){}\n",
            floor.strategy,
            floor.threads,
            floor.least,
            escaped(&floor.workload),
            size.unwrap_or_default(),
            mean.unwrap_or_default()
        ));
    }
    out
}

fn against(cell: &Cell, compared: &[Comparison]) -> (String, Style) {
    let same = compared.iter().find(|saved| {
        (&saved.workload, &saved.strategy) == (&cell.workload, &cell.strategy)
            && (saved.block_size, saved.threads) == (cell.block_size, cell.threads)
    });
    match same {
        None => ("new".to_owned(), Style::new()),
        Some(saved) => {
            let style = if saved.is_regression { BAD } else { GOOD };
            (format!("{:.2}", saved.tps_ratio), style)
        }
    }
}
