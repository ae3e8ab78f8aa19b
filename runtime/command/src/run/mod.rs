//! `lockstep run`: takes blocks through the whole pipeline and checks them against a serial run.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lockstep_benches::runner::{Measured, RunError, RunOptions, Runner, Seconds, rate};
use lockstep_benches::workload::Workload;
use lockstep_runtime::chain::{BuildError, ProduceError};
use lockstep_runtime::engine::EngineError;
use lockstep_scheduler::{Mode, Strategy};
use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::memory::Memory;
use crate::source::{Source, all_cores, check_max_locks};
use crate::text;

mod durable;
mod show;
mod tour;

/// Transactions run by default.
const TRANSACTIONS_DEFAULT: u64 = 200_000;
/// Most worker threads.
const THREADS_MAX: u64 = 1_024;

/// Run blocks through the whole pipeline and check them against a serial run
///
/// Every block goes from wire bytes to a sealed block of a chain; its transactions carry the hash
/// of the block before. Then the plain serial executor runs it from its bytes, and receipts, roots
/// and block hashes must be the same. Exit code 1 if they are not.
///
/// Without a workload or a trace this is a tour of about half a minute: signed transfers, token
/// transfers, zipf-hot transfers and mainnet-mix, signatures verified, in one table.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Worker threads; one for each core if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=THREADS_MAX))]
    threads: Option<u64>,
    /// Strategy that plans the blocks
    #[arg(long, value_name = "NAME", default_value = "auto")]
    strategy: String,
    /// Whether the planner (produce) or the block (replay) fixes the order of conflicting
    /// transactions
    #[arg(long, value_name = "MODE", default_value = "produce")]
    mode: Mode,
    /// Verify signatures, as is the default for the tour
    #[arg(long)]
    verify: bool,
    /// Verify no signatures, as is the default for a named load and a ledger
    #[arg(long, conflicts_with = "verify")]
    no_verify: bool,
    /// Leave out the root over all accounts
    #[arg(long, conflicts_with = "store")]
    no_state_root: bool,
    /// Keep transactions that only credit an account in an order
    #[arg(long)]
    no_credits: bool,
    /// Leave out the check against the serial run
    #[arg(long)]
    no_check: bool,
    /// Run one load on a ledger on disk in this directory, every block durable; made if there is
    /// none
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// MiB of the ledger's accounts kept in memory
    #[arg(long, value_name = "N", requires = "store",
        default_value_t = durable::CACHE_MIB_DEFAULT)]
    cache_mib: u64,
    #[command(flatten)]
    memory: Memory,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    source: Source,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    workload: String,
    strategy: String,
    mode: &'static str,
    threads: usize,
    seed: u64,
    transactions: usize,
    /// Transactions of a trace that lock more accounts than one may.
    left_out: usize,
    succeeded: usize,
    failed: usize,
    refused: usize,
    blocks: usize,
    batches: usize,
    lanes: usize,
    waits: usize,
    seconds: Seconds,
    /// What all threads together worked.
    cpu_seconds: f64,
    /// Transactions a second, all stages included.
    tps: f64,
    /// The same of the serial executor; `None` without the check.
    serial_tps: Option<f64>,
    matches_serial: Option<bool>,
    /// Lower bound / predicted makespan of the plans, by the compute units used.
    efficiency: f64,
    /// Root over all accounts after the last block; `None` without it.
    state_root: Option<String>,
    /// Id of the last block, which stands for all blocks.
    block: String,
    /// What was asked not to be done.
    without: Vec<&'static str>,
    peak_rss_mib: Option<f64>,
}

pub(crate) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<ExitCode, Failure> {
    let strategy = catalogue.strategy(&arguments.strategy)?;
    let is_tour = !arguments.source.is_named() && arguments.store.is_none();
    let options = arguments.options(strategy.as_ref(), is_tour)?;
    if is_tour {
        return tour::run(arguments, catalogue, &options);
    }
    arguments.source.check_seed(false)?;
    check_max_locks(arguments.source.max_locks)?;
    let load = arguments.source.open(catalogue, TRANSACTIONS_DEFAULT)?;
    let indexes = arguments.source.indexes(&load);
    let workload = load.into_workload();
    if let Some(path) = &arguments.store {
        return durable::run(arguments, &workload, &indexes, path, options);
    }
    let (report, mismatch) = measure(arguments, &workload, &indexes, &options, "")?;
    if arguments.json {
        text::print_json(&report)?;
    } else {
        text::print(&show::summary(&report))?;
    }
    mismatch.map_or(Ok(ExitCode::SUCCESS), |cause| Err(Failure::other(cause)))
}

/// Runs these blocks on a chain in memory, a bar with this message meanwhile. With the report comes
/// the first difference from the serial run.
fn measure(
    arguments: &Arguments,
    workload: &Workload,
    indexes: &[usize],
    options: &RunOptions<'_>,
    message: &str,
) -> Result<(Report, Option<String>), Failure> {
    let bar = text::progress(indexes.len(), arguments.quiet, "blocks");
    bar.set_message(message.to_owned());
    let mut runner = Runner::open(workload, *options).map_err(failure)?;
    let ran = runner.run(workload, indexes, &|| bar.inc(1));
    ran.map_err(failure)?;
    bar.finish_and_clear();
    let report = Report::of(&runner, workload, options, arguments.source.seed());
    Ok((report, runner.measured().mismatch))
}

impl Arguments {
    /// How the blocks are run; a tour verifies signatures unless it is told not to.
    fn options<'a>(
        &self,
        strategy: &'a dyn Strategy,
        is_tour: bool,
    ) -> Result<RunOptions<'a>, Failure> {
        let threads = match self.threads {
            None => all_cores(),
            Some(count) => usize::try_from(count)
                .ok()
                .and_then(NonZeroUsize::new)
                .ok_or_else(|| Failure::usage("--threads is out of range"))?,
        };
        Ok(RunOptions {
            strategy,
            mode: self.mode,
            threads,
            credits: !self.no_credits,
            verify: self.verify || (is_tour && !self.no_verify),
            state_root: !self.no_state_root,
            checks: !self.no_check,
        })
    }
}

impl Report {
    /// Throughput in that of the serial executor; `None` without the check.
    fn speed_up(&self) -> Option<f64> {
        let serial = self.serial_tps?;
        Some(if serial > 0.0 { self.tps / serial } else { 0.0 })
    }

    fn of(runner: &Runner<'_>, workload: &Workload, options: &RunOptions<'_>, seed: u64) -> Self {
        let Measured {
            counts,
            seconds,
            stages: _,
            cpu_seconds,
            serial_seconds,
            efficiency,
            mismatch,
        } = runner.measured();
        let checks = options.checks;
        let (id, header) = runner.chain().head();
        let base58 = |bytes: [u8; 32]| bs58::encode(bytes).into_string();
        Self {
            workload: workload.name().to_owned(),
            strategy: options.strategy.name().to_owned(),
            mode: options.mode.name(),
            threads: options.threads.get(),
            seed,
            transactions: counts.transactions,
            left_out: workload.left_out(),
            succeeded: counts.succeeded,
            failed: counts.failed,
            refused: counts.refused,
            blocks: counts.blocks,
            batches: counts.batches,
            lanes: counts.lanes,
            waits: counts.waits,
            seconds,
            cpu_seconds,
            tps: rate(counts.transactions, seconds.total),
            serial_tps: checks.then(|| rate(counts.transactions, serial_seconds)),
            matches_serial: checks.then_some(mismatch.is_none()),
            efficiency,
            state_root: header.state_root.map(|root| base58(root.to_bytes())),
            block: base58(id.to_bytes()),
            without: without(options),
            peak_rss_mib: peak_rss_mib(),
        }
    }
}

/// The exit code for a chain that does not go on: bad input, or another failure.
fn failure(error: RunError) -> Failure {
    match error {
        // The block is too much for the strategy that was asked for.
        RunError::Produce(ProduceError::Build(BuildError::Engine(EngineError::Strategy {
            ..
        }))) => Failure::usage(error),
        error => Failure::other(error),
    }
}

/// The work that the options leave out.
fn without(options: &RunOptions<'_>) -> Vec<&'static str> {
    let work = [
        (options.verify, "signatures"),
        (options.state_root, "state root"),
        (options.checks, "serial check"),
    ];
    let without = work.into_iter().filter(|(is_done, _)| !is_done);
    without.map(|(_, name)| name).collect()
}

/// The most memory this process has used, in MiB; `None` where the system does not tell.
fn peak_rss_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    // A tenth of a MiB is more than the system knows.
    Some((kib / 1024.0 * 10.0).round() / 10.0)
}
