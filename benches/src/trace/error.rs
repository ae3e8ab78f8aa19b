//! Why a trace file cannot be read.

use std::io;

use crate::text_file::FileError;

/// A trace file that cannot be read, with the line where there is one.
pub type TraceError = FileError<TraceCause>;

/// What is wrong with a trace file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceCause {
    /// The file cannot be opened.
    #[error("cannot open: {0}")]
    Open(io::Error),
    /// The bytes cannot be read or unpacked.
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
}
