//! Why a trace file cannot be read: always with the file, and with the line where there is one.

use std::io;
use std::path::PathBuf;

/// A trace file that cannot be read. The text is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be opened.
    #[error("{}: cannot open: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not a transaction.
    #[error("{}:{line}: {cause}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        cause: TraceCause,
    },
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceCause {
    /// The bytes cannot be read or decompressed.
    #[error("cannot read: {0}")]
    Read(io::Error),
    /// The line is longer than any transaction can be.
    #[error("line is longer than {limit} bytes")]
    TooLong {
        /// Most bytes a line may have.
        limit: usize,
    },
    /// The line is not a JSON object with the fields of a transaction.
    #[error("not a transaction: {0}")]
    Json(String),
    /// An address is neither base58 of 32 bytes nor hexadecimal of 20.
    #[error(
        "{field}[{position}]: {text:?} is not an address (base58 of 32 bytes, or 0x and 40 hexadecimal digits)"
    )]
    Address {
        /// `w` or `r`.
        field: &'static str,
        /// Position in the list, from 0.
        position: usize,
        /// What stands there, shortened.
        text: String,
    },
    /// The slot is lower than that of the line before.
    #[error("slot {found} follows slot {before}, but lines must be in slot order")]
    SlotOrder {
        /// The slot before.
        before: u64,
        /// The slot of this line.
        found: u64,
    },
    /// The transaction locks more accounts than one may, once a program is among them.
    #[error("locks {found} accounts with the programs that replay it, the limit is {limit}")]
    TooManyAccounts {
        /// Accounts with those programs.
        found: usize,
        /// Most accounts of a transaction.
        limit: usize,
    },
}
