//! A trace file, plain or compressed, into its transactions, one line at a time.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use super::{TraceCause, TraceError, TraceTransaction, line};
use crate::text_file;

/// Most bytes of a line; the longest recorded one has some 20,000.
const LINE_SIZE_MAX: usize = 4 << 20;

/// The transactions of a file. The first error ends the iteration.
pub(super) struct Lines {
    path: PathBuf,
    input: Option<Box<dyn BufRead>>,
    line: usize,
    slot: u64,
    buffer: Vec<u8>,
}

impl Lines {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        let input = text_file::open(path);
        let input = input.map_err(|error| TraceError::new(path, TraceCause::Open(error)))?;
        Ok(Self {
            path: path.to_owned(),
            input: Some(input),
            line: 0,
            slot: 0,
            buffer: Vec::new(),
        })
    }

    /// The next line with content that is no comment; false at the end of the file.
    fn advance(&mut self) -> Result<bool, TraceCause> {
        let Some(input) = &mut self.input else {
            return Ok(false);
        };
        loop {
            self.buffer.clear();
            self.line = self.line.saturating_add(1);
            let limit = u64::try_from(LINE_SIZE_MAX).expect("the limit is small");
            let mut limited = input.by_ref().take(limit);
            let size = limited
                .read_until(b'\n', &mut self.buffer)
                .map_err(TraceCause::Read)?;
            if size == LINE_SIZE_MAX && self.buffer.last() != Some(&b'\n') {
                return Err(TraceCause::TooLong {
                    limit: LINE_SIZE_MAX,
                });
            }
            let text = self.buffer.trim_ascii_start();
            let is_passed_over =
                text.is_empty() || text.starts_with(b"#") || text.starts_with(b"//");
            if size == 0 || !is_passed_over {
                return Ok(size != 0);
            }
        }
    }

    fn transaction(&mut self) -> Result<TraceTransaction, TraceCause> {
        let transaction = line::parse(&self.buffer, self.line)?;
        if transaction.slot < self.slot {
            return Err(TraceCause::SlotOrder {
                before: self.slot,
                found: transaction.slot,
            });
        }
        self.slot = transaction.slot;
        Ok(transaction)
    }
}

impl Iterator for Lines {
    type Item = Result<TraceTransaction, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = match self.advance() {
            Ok(false) => return None,
            Ok(true) => self.transaction(),
            Err(cause) => Err(cause),
        };
        if result.is_err() {
            self.input = None;
        }
        Some(result.map_err(|cause| TraceError::in_line(&self.path, self.line, cause)))
    }
}
