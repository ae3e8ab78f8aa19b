//! `lockstep run`: takes blocks through the whole pipeline and checks them against a serial run.

use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use lockstep_benches::planning::ratio;
use lockstep_benches::workload::Workload;
use lockstep_programs::builtin_programs;
use lockstep_runtime::bank::{FrozenBank, Genesis};
use lockstep_runtime::block::WireBlock;
use lockstep_runtime::engine::{
    BlockOptions, Engine, EngineError, Observer, ProcessedBlock, Stage,
};
use lockstep_runtime::execute::Recording;
use lockstep_scheduler::{
    AccessTable, Bounds, CostModel, Mode, Strategy, TransactionIndex, predict,
};
use lockstep_store::MemoryStore;
use serde::Serialize;

use crate::failure::Failure;
use crate::source::{Load, Source, all_cores, find_strategy};
use crate::text;

mod show;

/// Transactions run where nobody says how many.
const TRANSACTIONS_DEFAULT: u64 = 200_000;
/// Most worker threads.
const THREADS_MAX: u64 = 1_024;

/// Run blocks through the whole pipeline and check them against a serial run
///
/// Every block goes from wire bytes to a frozen bank; its transactions carry the hash of the block
/// before. Then the plain serial executor runs it in the plan's canonical order, and receipts and
/// roots must be the same. Exit code 1 if they are not.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Worker threads; one for each core if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=THREADS_MAX))]
    threads: Option<u64>,
    /// Strategy that plans the blocks
    #[arg(long, value_name = "NAME", default_value = "auto")]
    strategy: String,
    /// Who fixes the order of conflicting transactions: the block (replay) or the planner
    /// (produce)
    #[arg(long, value_name = "MODE", default_value = "produce")]
    mode: Mode,
    /// Verify signatures
    #[arg(long)]
    verify: bool,
    /// Keep transactions that only credit an account in an order
    #[arg(long)]
    no_credits: bool,
    /// Leave out the check against the serial run
    #[arg(long)]
    no_check: bool,
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
    succeeded: usize,
    failed: usize,
    refused: usize,
    blocks: usize,
    batches: usize,
    lanes: usize,
    waits: usize,
    seconds: Seconds,
    /// Transactions a second, all stages included.
    tps: f64,
    /// The same of the serial executor; `None` without the check.
    serial_tps: Option<f64>,
    matches_serial: Option<bool>,
    /// Lower bound / predicted makespan of the plans, by the compute units used.
    efficiency: f64,
    /// Hash of the last block, which stands for the changes of all blocks.
    state_root: String,
    peak_rss_mib: Option<f64>,
}

/// Time spent in each stage of all blocks.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Seconds {
    parse: f64,
    verify: f64,
    plan: f64,
    check: f64,
    execute: f64,
    commit: f64,
    root: f64,
    total: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let strategy = find_strategy(&arguments.strategy)?;
    let load = arguments.source.open(TRANSACTIONS_DEFAULT)?;
    let indexes = arguments.source.indexes(&load);
    let workload = match load {
        Load::Generated(workload) => workload,
        Load::Recorded { path, trace } => {
            Workload::recorded(&path, trace, all_cores()).map_err(Failure::usage)?
        }
    };
    let threads = match arguments.threads {
        None => all_cores(),
        Some(count) => usize::try_from(count)
            .ok()
            .and_then(NonZeroUsize::new)
            .ok_or_else(|| Failure::usage("--threads is out of range"))?,
    };
    let mut chain = Chain::open(arguments, &workload, strategy.as_ref(), threads)?;
    let bar = text::progress(indexes.len(), arguments.quiet, "blocks");
    for &index in &indexes {
        chain.step(&workload, index)?;
        bar.inc(1);
    }
    chain.finish()?;
    bar.finish_and_clear();
    let report = chain.report(&workload, arguments.source.seed);
    if arguments.json {
        text::print_json(&report)?;
    } else {
        text::print(&show::summary(&report))?;
    }
    match chain.mismatch {
        None => Ok(ExitCode::SUCCESS),
        Some(cause) => Err(Failure::other(cause)),
    }
}

/// A chain of banks that grows block by block, and what was measured on the way.
struct Chain<'a> {
    options: BlockOptions<'a>,
    checks: bool,
    engine: Engine,
    threads: NonZeroUsize,
    tip: Arc<FrozenBank>,
    watch: StopWatch,
    counts: Counts,
    serial_seconds: f64,
    makespan: u64,
    lower_bound: u64,
    mismatch: Option<String>,
}

#[derive(Default)]
struct Counts {
    blocks: usize,
    transactions: usize,
    succeeded: usize,
    failed: usize,
    refused: usize,
    batches: usize,
    lanes: usize,
    waits: usize,
}

impl<'a> Chain<'a> {
    fn open(
        arguments: &Arguments,
        workload: &Workload,
        strategy: &'a dyn Strategy,
        threads: NonZeroUsize,
    ) -> Result<Self, Failure> {
        let genesis = Genesis::new(workload.genesis().collect(), builtin_programs());
        let tip = genesis
            .open(Arc::new(MemoryStore::new()))
            .map_err(Failure::other)?;
        let mut engine = Engine::new(threads.get()).map_err(Failure::other)?;
        if arguments.no_credits {
            engine = engine.without_credits();
        }
        Ok(Self {
            options: BlockOptions {
                strategy,
                mode: arguments.mode,
                verify: arguments.verify,
                recording: Recording::NONE,
                finalize: None,
            },
            checks: !arguments.no_check,
            engine,
            threads,
            tip,
            watch: StopWatch::new(),
            counts: Counts::default(),
            serial_seconds: 0.0,
            makespan: 0,
            lower_bound: 0,
            mismatch: None,
        })
    }

    /// Makes the next block, processes it, which makes the block before final, and checks it.
    fn step(&mut self, workload: &Workload, index: usize) -> Result<(), Failure> {
        let wire = workload.block(index, self.tip.block_hash().to_bytes());
        self.watch.start();
        let bank = self.child();
        let options = BlockOptions {
            finalize: Some(&self.tip),
            ..self.options
        };
        let processed = self.engine.process(bank, &wire, &options, &mut self.watch);
        self.watch.stop();
        let processed = processed.map_err(|error| match error {
            // The block is too much for the strategy that was asked for.
            EngineError::Strategy { .. } => Failure::usage(error),
            _ => Failure::other(error),
        })?;
        self.count(&wire, &processed);
        self.judge(&processed);
        if self.checks {
            self.compare(&wire, &processed)?;
        }
        self.tip = processed.bank;
        Ok(())
    }

    /// Makes the last block final; those before were while the next was being read.
    fn finish(&mut self) -> Result<(), Failure> {
        self.watch.start();
        self.tip.finalize().map_err(Failure::other)?;
        self.watch.finished(Stage::Commit);
        self.watch.stop();
        Ok(())
    }

    /// A bank for the next slot; a slot takes 400 ms.
    fn child(&self) -> lockstep_runtime::bank::Bank {
        let slot = self.tip.slot().saturating_add(1);
        let time = slot.saturating_mul(2).checked_div(5).unwrap_or_default();
        self.tip
            .child(slot, i64::try_from(time).unwrap_or(i64::MAX))
    }

    fn count(&mut self, wire: &WireBlock, processed: &ProcessedBlock<'_>) {
        let (succeeded, failed, refused) = processed.receipts.counts();
        let plan = &processed.plan;
        let counts = &mut self.counts;
        for (sum, more) in [
            (&mut counts.blocks, 1),
            (&mut counts.transactions, wire.len()),
            (&mut counts.succeeded, succeeded),
            (&mut counts.failed, failed),
            (&mut counts.refused, refused),
            (&mut counts.batches, plan.batch_count()),
            (&mut counts.lanes, plan.lane_count()),
            (&mut counts.waits, plan.waits().len()),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// Predicts the plan's makespan with the compute units that were used in the end.
    fn judge(&mut self, processed: &ProcessedBlock<'_>) {
        let prepared = &processed.prepared;
        let results: Vec<_> = processed.receipts.iter().collect();
        let estimated = prepared.table();
        let mut table =
            AccessTable::with_capacity(estimated.transaction_count(), estimated.access_count());
        for (index, transaction) in estimated.transactions().zip(prepared.transactions()) {
            let result = usize::try_from(transaction.position)
                .ok()
                .and_then(|at| results.get(at));
            let units = match result {
                Some(Ok(receipt)) => receipt.compute_units,
                _ => 0,
            };
            table.push(estimated.accesses(index).iter().copied(), units);
        }
        let workers = u32::try_from(self.threads.get())
            .ok()
            .and_then(NonZeroU32::new);
        let workers = workers.unwrap_or(NonZeroU32::MAX);
        let makespan = predict(&processed.plan, &table, workers, &CostModel::STANDARD);
        let bound = Bounds::of(&table).lower_bound(self.options.mode, workers);
        self.makespan = self.makespan.saturating_add(makespan);
        self.lower_bound = self.lower_bound.saturating_add(bound);
    }

    /// Runs the block again, serially in the plan's canonical order, and notes any difference.
    fn compare(&mut self, wire: &WireBlock, processed: &ProcessedBlock<'_>) -> Result<(), Failure> {
        let order: &[TransactionIndex] = processed.plan.order();
        let bank = self.child();
        let start = Instant::now();
        let serial = self.engine.process_serial(
            bank,
            wire,
            Some(order),
            self.options.verify,
            self.options.recording,
        );
        self.serial_seconds += start.elapsed().as_secs_f64();
        let (bank, receipts) = serial.map_err(Failure::other)?;
        let parallel = &processed.bank;
        let difference = if receipts != processed.receipts {
            let mut pairs = receipts.iter().zip(processed.receipts.iter());
            let position = pairs.position(|(serial, parallel)| serial != parallel);
            let position = position.unwrap_or_else(|| receipts.iter().len());
            Some(format!("the receipt of transaction {position} differs"))
        } else if bank.delta_root() != parallel.delta_root() {
            Some("the roots differ".to_owned())
        } else if bank.block_hash() != parallel.block_hash() {
            Some("the block hashes differ".to_owned())
        } else {
            None
        };
        if let (None, Some(difference)) = (&self.mismatch, difference) {
            let block = parallel.slot();
            self.mismatch = Some(format!(
                "block {block} is not what the serial run gives: {difference}"
            ));
        }
        Ok(())
    }

    fn report(&self, workload: &Workload, seed: u64) -> Report {
        let Counts {
            blocks,
            transactions,
            succeeded,
            failed,
            refused,
            batches,
            lanes,
            waits,
        } = self.counts;
        let seconds = self.watch.seconds();
        Report {
            workload: workload.name().to_owned(),
            strategy: self.options.strategy.name().to_owned(),
            mode: self.options.mode.name(),
            threads: self.threads.get(),
            seed,
            transactions,
            succeeded,
            failed,
            refused,
            blocks,
            batches,
            lanes,
            waits,
            seconds,
            tps: rate(transactions, seconds.total),
            serial_tps: self.checks.then(|| rate(transactions, self.serial_seconds)),
            matches_serial: self.checks.then_some(self.mismatch.is_none()),
            efficiency: ratio(self.lower_bound, self.makespan),
            state_root: bs58::encode(self.tip.block_hash().to_bytes()).into_string(),
            peak_rss_mib: peak_rss_mib(),
        }
    }
}

/// A number a second; 0 if no time passed, since nothing was done then.
#[expect(
    clippy::cast_precision_loss,
    reason = "a rate for people needs no 64 bits"
)]
fn rate(count: usize, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
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

/// Adds up the time of each stage.
struct StopWatch {
    started: Instant,
    last: Instant,
    seconds: Seconds,
}

impl StopWatch {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            last: now,
            seconds: Seconds::default(),
        }
    }

    fn start(&mut self) {
        self.started = Instant::now();
        self.last = self.started;
    }

    fn stop(&mut self) {
        self.seconds.total += self.started.elapsed().as_secs_f64();
    }

    fn seconds(&self) -> Seconds {
        self.seconds
    }
}

impl Observer for StopWatch {
    fn finished(&mut self, stage: Stage) {
        let now = Instant::now();
        let seconds = &mut self.seconds;
        let sum = match stage {
            Stage::Parse => &mut seconds.parse,
            Stage::Verify => &mut seconds.verify,
            Stage::Plan => &mut seconds.plan,
            Stage::Check => &mut seconds.check,
            Stage::Execute => &mut seconds.execute,
            Stage::Commit => &mut seconds.commit,
            Stage::Root => &mut seconds.root,
        };
        *sum += now.duration_since(self.last).as_secs_f64();
        self.last = now;
    }
}
