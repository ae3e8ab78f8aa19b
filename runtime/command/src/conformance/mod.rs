//! Runs recorded cases, whose results Solana's own validator produced, against our programs.
//!
//! A file holds one case per line, as JSON, plain or packed with gzip or zstd; [`run_file`] turns
//! it into a [`Report`]. What a line is can be seen from its fields:
//!
//! | fields | kind |
//! |---|---|
//! | `feature_table` | the first line of some files; no case depends on it |
//! | `metas` | an instruction with its accounts ([`InstructionRunner`]) |
//! | `header` | a transaction with its bank ([`TransactionRunner`]) |
//!
//! Nothing here knows a case by its name.

mod case;
pub(crate) mod command;
mod instruction;
mod transaction;

use std::{
    fmt,
    io::{self, BufRead},
    path::Path,
};

use lockstep_benches::text_file::{self, FileError};
use serde::de::IgnoredAny;
use thiserror::Error;

use crate::terminal::escaped;

pub use case::{
    Expectation, InstructionCase, Meta, RecordedAccount, RecordedRent, TransactionCase,
    TransactionExpectation,
};
pub use instruction::InstructionRunner;
pub use transaction::TransactionRunner;

/// Differences that [`Report`]'s `Display` shows.
const DIFFERENCES_SHOWN: usize = 10;

/// A case file that could not be run, with the line where there is one. A case that fails is no
/// error.
pub type ConformanceError = FileError<ConformanceCause>;

/// Why it could not.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConformanceCause {
    /// The file or a line cannot be opened, read or unpacked.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// A line is not a case.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
    /// A line is JSON, but of no kind that can be run.
    #[error("neither a case nor a feature table")]
    UnknownKind,
}

/// How a case ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Everything is as recorded.
    Passed,
    /// What differs, recorded value first.
    Failed(String),
    /// The case calls a program that we do not have.
    Skipped,
}

/// The outcome of a file's cases.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Cases that ended as recorded.
    pub passed: usize,
    /// Cases that did not.
    pub failed: usize,
    /// Cases for programs we do not have.
    pub skipped: usize,
    /// Name of each failed case and what differs, in the file's order.
    pub differences: Vec<(String, String)>,
}

impl Report {
    fn add(&mut self, id: String, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed = self.passed.saturating_add(1),
            Outcome::Skipped => self.skipped = self.skipped.saturating_add(1),
            Outcome::Failed(difference) => {
                self.failed = self.failed.saturating_add(1);
                self.differences.push((id, difference));
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
            ..
        } = self;
        write!(
            formatter,
            "{passed} passed, {failed} failed, {skipped} skipped"
        )?;
        for (id, difference) in self.differences.iter().take(DIFFERENCES_SHOWN) {
            write!(formatter, "\n  {}: {}", escaped(id), escaped(difference))?;
        }
        Ok(())
    }
}

/// Which fields a line has, whatever is in them.
#[derive(serde::Deserialize)]
struct Shape {
    feature_table: Option<IgnoredAny>,
    metas: Option<IgnoredAny>,
    header: Option<IgnoredAny>,
}

/// Runs all cases of a file.
///
/// # Errors
/// [`ConformanceError`] names file and line of what cannot be read.
pub fn run_file(path: impl AsRef<Path>) -> Result<Report, ConformanceError> {
    let path = path.as_ref();
    let lines = text_file::open(path).map_err(|error| FileError::new(path, error))?;
    let mut runners = Runners {
        instructions: InstructionRunner::new(),
        transactions: TransactionRunner::new(),
        report: Report::default(),
    };
    for (text, line) in lines.lines().zip(1..) {
        let ran = text.map_err(Into::into).and_then(|text| runners.run(&text));
        ran.map_err(|cause| FileError::in_line(path, line, cause))?;
    }
    Ok(runners.report)
}

/// What runs the cases of a file.
struct Runners {
    instructions: InstructionRunner,
    transactions: TransactionRunner,
    report: Report,
}

impl Runners {
    /// Runs the case of a line.
    fn run(&mut self, text: &str) -> Result<(), ConformanceCause> {
        let shape: Shape = serde_json::from_str(text)?;
        if shape.metas.is_some() {
            let case: InstructionCase = serde_json::from_str(text)?;
            let outcome = self.instructions.run(&case);
            self.report.add(case.id, outcome);
        } else if shape.header.is_some() {
            let case: TransactionCase = serde_json::from_str(text)?;
            let outcome = self.transactions.run(&case);
            self.report.add(case.id, outcome);
        } else if shape.feature_table.is_none() {
            return Err(ConformanceCause::UnknownKind);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
