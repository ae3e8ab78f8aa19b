//! Runs recorded cases, whose results Solana's own validator produced, against our programs.
//!
//! A file holds one case per line, as JSON, plain or packed with gzip or zstd; [`run_file`] turns
//! it into a [`Report`]. What a line is can be seen from its fields:
//!
//! | fields | kind |
//! |---|---|
//! | `feature_table` | the first line of some files: what the masks of its cases are over |
//! | `metas` | an instruction with its accounts ([`InstructionRunner`]) |
//! | `header` | a transaction with its bank ([`TransactionRunner`]) |
//!
//! A case is judged by the rules that its features say: today's if its table has SIMD-0160 and its
//! mask sets it, or if it tells the runtime's error beside a deployed program's; else those of
//! December 2024.
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
use lockstep_interface::RuleSet;
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
    /// The case calls a program that we do not have, or its transaction is larger than a packet.
    Skipped,
}

/// The outcome of a file's cases.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Cases that ended as recorded.
    pub passed: usize,
    /// Cases that did not.
    pub failed: usize,
    /// Cases that could not be run here.
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

/// The first eight bytes of the feature that limits a transaction's instructions (SIMD-0160,
/// `static_instruction_limit`), which is older than no rule of today's.
const OF_TODAY: &str = "4b3ea091a9b6b5da";

/// Which fields a line has, whatever is in them.
#[derive(serde::Deserialize)]
struct Shape {
    feature_table: Option<Vec<String>>,
    features: Option<String>,
    metas: Option<IgnoredAny>,
    header: Option<IgnoredAny>,
}

/// Runs all cases of a file, by these rules, or by those that it says.
///
/// # Errors
/// [`ConformanceError`] names file and line of what cannot be read.
pub fn run_file(
    path: impl AsRef<Path>,
    rules: Option<RuleSet>,
) -> Result<Report, ConformanceError> {
    let path = path.as_ref();
    let lines = text_file::open(path).map_err(|error| FileError::new(path, error))?;
    let mut runners = Runners {
        instructions: InstructionRunner::new(),
        transactions: TransactionRunner::new(),
        report: Report::default(),
        rules,
        place_of_today: None,
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
    /// The rules to judge all cases by.
    rules: Option<RuleSet>,
    /// The bit of [`OF_TODAY`] in the masks of this file.
    place_of_today: Option<usize>,
}

impl Runners {
    /// Runs the case of a line.
    fn run(&mut self, text: &str) -> Result<(), ConformanceCause> {
        let shape: Shape = serde_json::from_str(text)?;
        if shape.metas.is_some() {
            let case: InstructionCase = serde_json::from_str(text)?;
            let rules = self.rules_of(&shape, case.expect.tells_runtime_error());
            let outcome = self.instructions.run(&case, rules);
            self.report.add(case.id, outcome);
        } else if shape.header.is_some() {
            let case: TransactionCase = serde_json::from_str(text)?;
            let rules = self.rules_of(&shape, false);
            let outcome = self.transactions.run(&case, rules);
            self.report.add(case.id, outcome);
        } else if let Some(table) = shape.feature_table {
            self.place_of_today = table.iter().position(|feature| feature == OF_TODAY);
        } else {
            return Err(ConformanceCause::UnknownKind);
        }
        Ok(())
    }

    fn rules_of(&self, shape: &Shape, is_of_today: bool) -> RuleSet {
        let mask = shape.features.as_deref().zip(self.place_of_today);
        let is_set = mask.is_some_and(|(mask, place)| is_set(mask, place));
        let said = if is_set || is_of_today {
            RuleSet::Current
        } else {
            RuleSet::December2024
        };
        self.rules.unwrap_or(said)
    }
}

/// Whether a hexadecimal number has the bit at `place`, counted from the lowest.
fn is_set(mask: &str, place: usize) -> bool {
    let digit = mask.chars().rev().nth(place / 4);
    let digit = digit.and_then(|digit| digit.to_digit(16)).unwrap_or(0);
    digit >> (place % 4) & 1 == 1
}

#[cfg(test)]
mod tests;
