//! Workloads, strategies and thread counts into a table of measurements, one cell each.
//!
//! ```text
//! Workload x strategies x threads -> measure_cells -> Cell -+-> Report -> JSON, CSV, HTML
//!                                                        +-> compared with a saved Report
//! ```
//!
//! A cell's first run is checked against the serial executor and not timed, so that every timed
//! run finds code and memory warm; what the serial executor took is the base of the speed-up.

mod baseline;
mod csv;
mod html;

use lockstep_runtime::chain::{BuildError, ProduceError};
use lockstep_runtime::engine::EngineError;
use serde::{Deserialize, Serialize};

pub use baseline::{Baseline, BaselineError, Comparison};
pub use csv::csv;
pub use html::html;

use crate::runner::{Measured, RunError, RunOptions, Runner, rate};
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

    /// All three times a factor.
    fn scaled(self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            min: self.min * factor,
            max: self.max * factor,
        }
    }
}

/// One workload, strategy and number of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Name and options of the workload, or the name of a trace.
    pub workload: String,
    /// The strategy.
    pub strategy: String,
    /// Worker threads.
    pub threads: usize,
    /// Transactions of a run.
    pub transactions: usize,
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
    /// Transactions a second of the serial executor, all stages included: the best of all cells
    /// of the workload, since the serial executor does the same work in each.
    pub serial_tps: f64,
    /// `tps` / `serial_tps`.
    pub speedup: Spread,
    /// Seconds of a run.
    pub total_seconds: Spread,
    /// Seconds of planning.
    pub plan_seconds: Spread,
    /// Seconds of execution.
    pub execute_seconds: Spread,
}

impl Cell {
    /// Nanoseconds of planning a transaction.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of transactions are below 2^52"
    )]
    pub fn plan_nanoseconds(&self) -> Spread {
        self.plan_seconds
            .scaled(1e9 / (self.transactions.max(1) as f64))
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
    /// Transactions of a generated block.
    pub block_size: usize,
    /// Cores of the machine.
    pub cores: usize,
    /// The cells, workload by workload.
    pub cells: Vec<Cell>,
    /// What a strategy could not plan.
    pub skipped: Vec<Skipped>,
}

impl Report {
    /// Adds a workload's cells, all measured against the best rate of the serial executor in any
    /// of them: one disturbed serial run would flatter the cell it belongs to.
    pub fn add(&mut self, mut cells: Vec<Cell>) {
        let serial_tps = cells.iter().map(|cell| cell.serial_tps);
        let serial_tps = serial_tps.fold(0.0, f64::max);
        for cell in &mut cells {
            cell.serial_tps = serial_tps;
            cell.speedup = speedup(cell.tps, serial_tps);
        }
        self.cells.append(&mut cells);
    }

    /// The first cell whose run did not end as the serial one.
    pub fn mismatch(&self) -> Option<&Cell> {
        self.cells.iter().find(|cell| !cell.matches_serial)
    }
}

/// Measures a workload's cells: one checked run of each, then `reps` rounds of one timed run of
/// each, so that a machine that gets slower or faster meanwhile does so for all alike. `progress`
/// is told the strategy after each block.
///
/// # Returns
/// A cell for each of the options, in their order; `Err` where the strategy does not plan such
/// blocks.
///
/// # Errors
/// See [`RunError`].
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
    let mut cells = Vec::new();
    for options in options {
        cells.push(match run(options, true) {
            Ok(checked) => Ok((checked, Vec::with_capacity(reps))),
            Err(RunError::Produce(ProduceError::Build(BuildError::Engine(
                error @ EngineError::Strategy { .. },
            )))) => Err(Skipped {
                workload: workload.name().to_owned(),
                strategy: options.strategy.name().to_owned(),
                threads: options.threads.get(),
                cause: error.to_string(),
            }),
            Err(error) => return Err(error),
        });
    }
    for _ in 0..reps {
        for (options, measured) in options.iter().zip(&mut cells) {
            if let Ok((_, timed)) = measured {
                timed.push(run(options, false)?);
            }
        }
    }
    let cells = options.iter().zip(cells).map(|(options, measured)| {
        measured.map(|(checked, timed)| cell(workload, *options, &checked, &timed))
    });
    Ok(cells.collect())
}

fn cell(
    workload: &Workload,
    options: RunOptions<'_>,
    checked: &Measured,
    timed: &[Measured],
) -> Cell {
    let counts = checked.counts;
    let spread = |of: fn(&Measured) -> f64| Spread::of(timed.iter().map(of).collect());
    let tps = spread(|run| rate(run.counts.transactions, run.seconds.total));
    let serial_tps = rate(counts.transactions, checked.serial_seconds);
    Cell {
        workload: workload.name().to_owned(),
        strategy: options.strategy.name().to_owned(),
        threads: options.threads.get(),
        transactions: counts.transactions,
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
        serial_tps,
        speedup: speedup(tps, serial_tps),
        total_seconds: spread(|run| run.seconds.total),
        plan_seconds: spread(|run| run.seconds.plan),
        execute_seconds: spread(|run| run.seconds.execute),
    }
}

fn speedup(tps: Spread, serial_tps: f64) -> Spread {
    tps.scaled(if serial_tps > 0.0 {
        1.0 / serial_tps
    } else {
        0.0
    })
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
