//! A saved report and a new one into ratios, cell by cell.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Cell, Report};
use crate::text_file::FileError;

/// A saved report that cannot serve as baseline.
pub type BaselineError = FileError<BaselineCause>;

/// Why it cannot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineCause {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is no report.
    #[error("not a report of compare: {0}")]
    Json(#[from] serde_json::Error),
    /// The report was measured in another way.
    #[error("measured with {option} {found}, and now it is {expected}")]
    Different {
        /// What differs.
        option: &'static str,
        /// Its value in the file.
        found: String,
        /// Its value now.
        expected: String,
    },
    /// The report has none of the cells.
    #[error("none of the workloads, strategies and threads is in it")]
    NothingInCommon,
}

/// A cell and the saved one of the same workload, block size, strategy and number of threads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The workload.
    pub workload: String,
    /// Transactions of a generated block; `None` for a trace.
    pub block_size: Option<usize>,
    /// The strategy.
    pub strategy: String,
    /// Worker threads.
    pub threads: usize,
    /// Median transactions a second now / then.
    pub tps_ratio: f64,
    /// Median planning time now / then.
    pub plan_ratio: f64,
    /// Whether the rate has fallen by more than the tolerance.
    pub is_regression: bool,
}

/// A saved report.
#[derive(Clone, Debug)]
pub struct Baseline {
    path: PathBuf,
    report: Report,
}

impl Baseline {
    /// Reads a file that `compare --json` has written.
    ///
    /// # Errors
    /// If there is no such file or it is no report.
    pub fn read(path: &Path) -> Result<Self, BaselineError> {
        let text = fs::read_to_string(path).map_err(|error| FileError::new(path, error))?;
        let report = serde_json::from_str(&text).map_err(|error| FileError::new(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            report,
        })
    }

    /// Refuses a report that was measured in another way than `planned`, whose cells do not
    /// count.
    ///
    /// # Errors
    /// [`BaselineCause::Different`].
    pub fn accept(&self, planned: &Report) -> Result<(), BaselineError> {
        let (then, now) = (&self.report, planned);
        for (option, found, expected) in [
            ("mode", then.mode.clone(), now.mode.clone()),
            ("seed", then.seed.to_string(), now.seed.to_string()),
            ("verify", then.verify.to_string(), now.verify.to_string()),
            ("txs", then.txs.to_string(), now.txs.to_string()),
            (
                "block size",
                listed(&then.block_sizes),
                listed(&now.block_sizes),
            ),
        ] {
            if found != expected {
                let cause = BaselineCause::Different {
                    option,
                    found,
                    expected,
                };
                return Err(FileError::new(&self.path, cause));
            }
        }
        Ok(())
    }

    /// Compares the cells that both reports have. A rate below the saved one by more than
    /// `tolerance` per cent of it is a regression.
    ///
    /// # Errors
    /// [`BaselineCause::NothingInCommon`].
    pub fn compare(
        &self,
        report: &Report,
        tolerance: f64,
    ) -> Result<Vec<Comparison>, BaselineError> {
        let compared: Vec<Comparison> = report
            .cells
            .iter()
            .filter_map(|cell| Some(compared(self.find(cell)?, cell, tolerance)))
            .collect();
        if compared.is_empty() {
            return Err(FileError::new(&self.path, BaselineCause::NothingInCommon));
        }
        Ok(compared)
    }

    fn find(&self, cell: &Cell) -> Option<&Cell> {
        self.report.cells.iter().find(|saved| {
            (&saved.workload, &saved.strategy) == (&cell.workload, &cell.strategy)
                && (saved.block_size, saved.threads) == (cell.block_size, cell.threads)
        })
    }
}

fn compared(then: &Cell, now: &Cell, tolerance: f64) -> Comparison {
    let tps_ratio = quotient(now.tps.median, then.tps.median);
    Comparison {
        workload: now.workload.clone(),
        block_size: now.block_size,
        strategy: now.strategy.clone(),
        threads: now.threads,
        tps_ratio,
        plan_ratio: quotient(now.plan_seconds.median, then.plan_seconds.median),
        is_regression: tps_ratio < 1.0 - tolerance / 100.0,
    }
}

/// Numbers with commas between them.
fn listed(numbers: &[usize]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    numbers.join(",")
}

/// `now / then`; 1 where nothing was measured then.
fn quotient(now: f64, then: f64) -> f64 {
    if then > 0.0 { now / then } else { 1.0 }
}
