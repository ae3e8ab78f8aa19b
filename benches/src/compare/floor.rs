//! Cells of many sizes of blocks into how each strategy does against the serial executor at worst.

use serde::Serialize;

use super::{Cell, Report};

/// Blocks of fewer transactions than this are small: on two cores little is gained by a second
/// thread, and much is lost by waking it.
const SMALL_BLOCK: usize = 64;

/// The least speed-up over the serial executor of a strategy on a number of threads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Floor {
    /// The strategy.
    pub strategy: String,
    /// Worker threads.
    pub threads: usize,
    /// The least median speed-up of its cells.
    pub least: f64,
    /// The workload of that cell.
    pub workload: String,
    /// The size of its blocks; `None` for a trace.
    pub block_size: Option<usize>,
    /// The mean over cells with blocks of fewer than 64 transactions; `None` without any.
    pub small_mean: Option<f64>,
    /// Cells.
    pub cells: usize,
}

/// The floor of each strategy and number of threads, in the order of the report.
pub fn floors(report: &Report) -> Vec<Floor> {
    let mut floors: Vec<Floor> = Vec::new();
    for cell in &report.cells {
        let is_known = |floor: &Floor| is_of(cell, floor);
        if !floors.iter().any(is_known) {
            floors.push(floor(report, cell));
        }
    }
    floors
}

fn is_of(cell: &Cell, floor: &Floor) -> bool {
    cell.strategy == floor.strategy && cell.threads == floor.threads
}

/// The floor of the strategy and threads of this cell.
#[expect(clippy::cast_precision_loss, reason = "a report has few cells")]
fn floor(report: &Report, one: &Cell) -> Floor {
    let mut floor = Floor {
        strategy: one.strategy.clone(),
        threads: one.threads,
        least: f64::INFINITY,
        workload: String::new(),
        block_size: None,
        small_mean: None,
        cells: 0,
    };
    let mut small: Vec<f64> = Vec::new();
    for cell in &report.cells {
        if !is_of(cell, &floor) {
            continue;
        }
        let speedup = cell.speedup.median;
        if speedup < floor.least {
            floor.least = speedup;
            floor.workload.clone_from(&cell.workload);
            floor.block_size = cell.block_size;
        }
        if cell.block_size.is_some_and(|size| size < SMALL_BLOCK) {
            small.push(speedup);
        }
        floor.cells = floor.cells.saturating_add(1);
    }
    floor.small_mean = (!small.is_empty()).then(|| small.iter().sum::<f64>() / small.len() as f64);
    floor
}
