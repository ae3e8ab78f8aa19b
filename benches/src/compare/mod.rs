//! Workloads, strategies and thread counts into a table of measurements, one cell each.
//!
//! ```text
//! Workload x strategies x threads -> measure_cells -> Cell -+-> Report -> JSON, CSV, HTML
//!                                                        +-> compared with a saved Report
//! ```
//!
//! A cell's first run is checked against the serial executor and not timed, so that every timed
//! run finds code and memory warm. Each round of timed runs ends with a run of the serial executor;
//! the median of all its runs is the base of the speed-up.

mod baseline;
mod columns;
mod floor;
mod html;

use lockstep_runtime::chain::{BuildError, ProduceError};
use lockstep_runtime::engine::EngineError;
use serde::{Deserialize, Serialize};

pub use baseline::{Baseline, BaselineCause, BaselineError, Comparison};
pub use columns::{COLUMNS, Column, csv};
pub use floor::{Floor, floors};
pub use html::html;

use crate::cores::CoreCurve;
use crate::runner::{Measured, RunError, RunOptions, Runner, rate};
use crate::stages::NAMES;
use crate::workload::Workload;

/// The median and the extremes of repeated measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The one in the middle; of an even number the mean of the two.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of any number of measurements; all 0 if there is none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let lower = values.len().saturating_sub(1) / 2;
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        Self {
            median: f64::midpoint(at(lower), at(middle)),
            min: at(0),
            max: at(values.len().saturating_sub(1)),
        }
    }

    /// All three, of a rate, over the median of another rate; 0 where that is 0.
    fn over(self, base: Self) -> Self {
        self.scaled(if base.median > 0.0 {
            1.0 / base.median
        } else {
            0.0
        })
    }

    /// All three times a factor.
    fn scaled(self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            min: self.min * factor,
            max: self.max * factor,
        }
    }
}

/// One workload, size of blocks, strategy and number of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Name and options of the workload, or the name of a trace.
    pub workload: String,
    /// Transactions of a generated block; `None` for a trace, which has its own blocks.
    #[serde(default)]
    pub block_size: Option<usize>,
    /// The strategy.
    pub strategy: String,
    /// Worker threads.
    pub threads: usize,
    /// Transactions of a run.
    pub transactions: usize,
    /// Transactions of a trace that are not part of a run because they lock too many accounts.
    #[serde(default)]
    pub left_out: usize,
    /// Those that succeeded.
    pub succeeded: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that are not part of a block.
    pub refused: usize,
    /// Blocks of a run.
    pub blocks: usize,
    /// Batches of all plans.
    pub batches: usize,
    /// Lanes of all plans.
    pub lanes: usize,
    /// Static waits of all plans.
    pub waits: usize,
    /// Lower bound / predicted makespan, by the compute units used.
    pub efficiency: f64,
    /// Whether the checked run ended as the serial one.
    pub matches_serial: bool,
    /// Transactions a second, all stages included.
    pub tps: Spread,
    /// Transactions a second of the serial executor, all stages included: the median of all its
    /// runs of the workload, since the serial executor does the same work in each.
    pub serial_tps: f64,
    /// The same with its extremes.
    #[serde(default)]
    pub serial: Spread,
    /// `tps` over `serial_tps`.
    pub speedup: Spread,
    /// `tps` over the median of the same workload and strategy on one thread; absent if that was
    /// not measured.
    #[serde(default)]
    pub speedup_one_thread: Option<Spread>,
    /// Seconds of a run.
    pub total_seconds: Spread,
    /// Seconds of taking accounts from the store.
    #[serde(default)]
    pub load_seconds: Spread,
    /// Seconds of planning.
    pub plan_seconds: Spread,
    /// Seconds of execution.
    pub execute_seconds: Spread,
    /// Seconds of collecting what changed, and of the store.
    #[serde(default)]
    pub commit_seconds: Spread,
    /// Seconds that processors worked on a run, all threads together.
    #[serde(default)]
    pub cpu_seconds: Spread,
    /// Seconds in each stage of the pipeline, all threads together.
    #[serde(default)]
    pub stages: Vec<StageSeconds>,
}

/// A stage of the pipeline, and how long a run was in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageSeconds {
    /// The name, one of [`stages::NAMES`](crate::stages::NAMES).
    pub name: String,
    /// The median of all timed runs.
    pub seconds: f64,
}

impl Cell {
    /// Some seconds of a run in nanoseconds a transaction.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of transactions are below 2^52"
    )]
    pub fn per_transaction(&self, seconds: Spread) -> Spread {
        seconds.scaled(1e9 / (self.transactions.max(1) as f64))
    }
}

/// A cell that could not be measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// The workload.
    pub workload: String,
    /// The strategy.
    pub strategy: String,
    /// Worker threads.
    pub threads: usize,
    /// Why.
    pub cause: String,
    /// Whether the strategy is wrong or panicked, in place of declining the blocks.
    #[serde(default)]
    pub is_failure: bool,
}

/// Everything that was measured, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `produce` or `replay`.
    pub mode: String,
    /// Of everything random.
    pub seed: u64,
    /// Whether signatures were verified.
    pub verify: bool,
    /// Timed runs of each cell.
    pub reps: usize,
    /// Transactions of generated streams.
    pub txs: usize,
    /// Transactions of a generated block, each size that was asked for.
    pub block_sizes: Vec<usize>,
    /// Cores of the machine.
    pub cores: usize,
    /// The cells, workload by workload.
    pub cells: Vec<Cell>,
    /// Cells without figures: the strategy declined the blocks, or failed.
    pub skipped: Vec<Skipped>,
    /// What the pipeline would do on more cores, if that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<CoreCurve>,
}

impl Report {
    /// The first cell whose run did not end as the serial one.
    pub fn mismatch(&self) -> Option<&Cell> {
        self.cells.iter().find(|cell| !cell.matches_serial)
    }

    /// The first cell whose strategy failed.
    pub fn failure(&self) -> Option<&Skipped> {
        self.skipped.iter().find(|cell| cell.is_failure)
    }
}

/// Measures a workload's cells: one checked run of each, then `reps` rounds of one timed run of
/// each and one of the serial executor, so that a machine that gets slower or faster meanwhile does
/// so for all alike. `progress` is told the strategy after each block.
///
/// # Returns
/// A cell for each of the options, in their order; `Err` where the strategy declines such blocks,
/// panics, or gives a wrong plan.
///
/// # Errors
/// Any [`RunError`] that is not the strategy's.
pub fn measure_cells(
    workload: &Workload,
    options: &[RunOptions<'_>],
    reps: usize,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Result<Cell, Skipped>>, RunError> {
    let run = |options: &RunOptions<'_>, checks: bool| {
        let mut runner = Runner::open(workload, RunOptions { checks, ..*options })?;
        let indexes: Vec<usize> = (0..workload.block_count()).collect();
        runner.run(workload, &indexes, &|| progress(options.strategy.name()))?;
        Ok(runner.measured())
    };
    let mut cells: Vec<Result<Runs, Skipped>> = Vec::new();
    for options in options {
        let checked = run(options, true).map(|checked| Runs {
            checked,
            timed: Vec::with_capacity(reps),
        });
        cells.push(skipped(workload, options, checked)?);
    }
    let mut serial: Vec<f64> = Vec::new();
    for _ in 0..reps {
        for (options, cell) in options.iter().zip(&mut cells) {
            let Ok(runs) = cell else { continue };
            match skipped(workload, options, run(options, false))? {
                Ok(measured) => runs.timed.push(measured),
                Err(failed) => *cell = Err(failed),
            }
        }
        let sound = options.iter().zip(&cells).find(|(_, cell)| cell.is_ok());
        if let Some((options, _)) = sound {
            serial.extend(run(options, true).map(|measured| serial_rate(&measured)));
        }
    }
    let checked = cells.iter().flatten();
    serial.extend(checked.map(|runs| serial_rate(&runs.checked)));
    let serial = Spread::of(serial);
    let mut cells: Vec<Result<Cell, Skipped>> = options
        .iter()
        .zip(cells)
        .map(|(options, runs)| runs.map(|runs| cell(workload, options, &runs, serial)))
        .collect();
    compare_with_one_thread(&mut cells);
    Ok(cells)
}

/// The runs of a cell.
struct Runs {
    checked: Measured,
    timed: Vec<Measured>,
}

/// Takes a run that its strategy spoilt out of the way; any other error ends the comparison.
fn skipped<T>(
    workload: &Workload,
    options: &RunOptions<'_>,
    run: Result<T, RunError>,
) -> Result<Result<T, Skipped>, RunError> {
    let error = match run {
        Ok(measured) => return Ok(Ok(measured)),
        Err(RunError::Produce(ProduceError::Build(BuildError::Engine(error)))) => error,
        Err(error) => return Err(error),
    };
    let is_failure = match &error {
        EngineError::Strategy { .. } => false,
        EngineError::StrategyPanicked { .. } | EngineError::Plan { .. } => true,
        _ => return Err(ProduceError::Build(BuildError::Engine(error)).into()),
    };
    Ok(Err(Skipped {
        workload: workload.name().to_owned(),
        strategy: options.strategy.name().to_owned(),
        threads: options.threads.get(),
        cause: error.to_string(),
        is_failure,
    }))
}

fn serial_rate(measured: &Measured) -> f64 {
    rate(measured.counts.transactions, measured.serial_seconds)
}

fn cell(workload: &Workload, options: &RunOptions<'_>, runs: &Runs, serial: Spread) -> Cell {
    let checked = &runs.checked;
    let counts = checked.counts;
    let spread = |of: fn(&Measured) -> f64| Spread::of(runs.timed.iter().map(of).collect());
    let tps = spread(|run| rate(run.counts.transactions, run.seconds.total));
    Cell {
        workload: workload.name().to_owned(),
        block_size: workload.even_size(),
        strategy: options.strategy.name().to_owned(),
        threads: options.threads.get(),
        transactions: counts.transactions,
        left_out: workload.left_out(),
        succeeded: counts.succeeded,
        failed: counts.failed,
        refused: counts.refused,
        blocks: counts.blocks,
        batches: counts.batches,
        lanes: counts.lanes,
        waits: counts.waits,
        efficiency: checked.efficiency,
        matches_serial: checked.mismatch.is_none(),
        tps,
        serial_tps: serial.median,
        serial,
        speedup: tps.over(serial),
        speedup_one_thread: None,
        total_seconds: spread(|run| run.seconds.total),
        load_seconds: spread(|run| run.seconds.load),
        plan_seconds: spread(|run| run.seconds.plan),
        execute_seconds: spread(|run| run.seconds.execute),
        commit_seconds: spread(|run| run.seconds.commit),
        cpu_seconds: spread(|run| run.cpu_seconds),
        stages: stage_seconds(&runs.timed),
    }
}

/// The median of each stage.
fn stage_seconds(runs: &[Measured]) -> Vec<StageSeconds> {
    let stages = NAMES.iter().enumerate();
    let median = |place: usize| Spread::of(runs.iter().map(|run| run.stages[place]).collect());
    stages
        .map(|(place, name)| StageSeconds {
            name: (*name).to_owned(),
            seconds: median(place).median,
        })
        .collect()
}

/// Fills in what each cell gains over the same strategy on one thread.
fn compare_with_one_thread(cells: &mut [Result<Cell, Skipped>]) {
    let alone = cells.iter().flatten().filter(|cell| cell.threads == 1);
    let alone: Vec<(String, Spread)> = alone
        .map(|cell| (cell.strategy.clone(), cell.tps))
        .collect();
    for cell in cells.iter_mut().flatten() {
        let base = alone
            .iter()
            .find(|(strategy, _)| *strategy == cell.strategy);
        cell.speedup_one_thread = base.map(|(_, base)| cell.tps.over(*base));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_have_the_middle_and_the_extremes() {
        for (values, [median, min, max]) in [
            (vec![], [0.0, 0.0, 0.0]),
            (vec![3.0], [3.0, 3.0, 3.0]),
            (vec![4.0, 1.0], [2.5, 1.0, 4.0]),
            (vec![9.0, 1.0, 2.0], [2.0, 1.0, 9.0]),
        ] {
            assert_eq!(Spread::of(values), Spread { median, min, max });
        }
    }
}
