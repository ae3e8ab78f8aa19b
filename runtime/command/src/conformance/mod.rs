//! Runs recorded cases, whose results Solana's own validator produced, against our programs.
//!
//! A file holds one case per line, as JSON, plain or compressed with zstd; [`run_file`] turns it
//! into a [`Report`]. What a line is can be seen from its fields:
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
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use serde::de::IgnoredAny;
use thiserror::Error;

pub use case::{
    Expectation, InstructionCase, Meta, RecordedAccount, RecordedRent, TransactionCase,
    TransactionExpectation,
};
pub use instruction::InstructionRunner;
pub use transaction::TransactionRunner;

/// The bytes that a zstd file begins with.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Differences that [`Report`]'s `Display` shows.
const DIFFERENCES_SHOWN: usize = 10;

/// Why a case file could not be run. A case that fails is no error.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// The file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line cannot be read or decompressed.
    #[error("{}:{line}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The cause.
        source: io::Error,
    },
    /// A line is not a case.
    #[error("{}:{line}: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
    /// A line is JSON, but of no kind that can be run.
    #[error("{}:{line}: neither a case nor a feature table", path.display())]
    UnknownKind {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
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
            write!(formatter, "\n  {id}: {difference}")?;
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
    let at_file = |source| ConformanceError::File {
        path: path.to_owned(),
        source,
    };
    let lines = open(path).map_err(at_file)?.lines();
    let instructions = InstructionRunner::new();
    let mut transactions = TransactionRunner::new();
    let mut report = Report::default();
    for (text, line) in lines.zip(1..) {
        let malformed = |source| ConformanceError::Malformed {
            path: path.to_owned(),
            line,
            source,
        };
        let text = text.map_err(|source| ConformanceError::Read {
            path: path.to_owned(),
            line,
            source,
        })?;
        let shape: Shape = serde_json::from_str(&text).map_err(malformed)?;
        if shape.metas.is_some() {
            let case: InstructionCase = serde_json::from_str(&text).map_err(malformed)?;
            let outcome = instructions.run(&case);
            report.add(case.id, outcome);
        } else if shape.header.is_some() {
            let case: TransactionCase = serde_json::from_str(&text).map_err(malformed)?;
            let outcome = transactions.run(&case);
            report.add(case.id, outcome);
        } else if shape.feature_table.is_none() {
            let path = path.to_owned();
            return Err(ConformanceError::UnknownKind { path, line });
        }
    }
    Ok(report)
}

/// The file's text, decompressed if it begins as a zstd file does.
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(File::open(path)?);
    if file.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        let text: Box<dyn Read> = Box::new(zstd::Decoder::with_buffer(file)?);
        return Ok(Box::new(BufReader::new(text)));
    }
    Ok(Box::new(file))
}

#[cfg(test)]
mod tests;
