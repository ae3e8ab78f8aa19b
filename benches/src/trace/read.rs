//! A trace file, plain or compressed, into its transactions, one line at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{TraceCause, TraceError, TraceTransaction, line};

/// First bytes of a zstd frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
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
    /// Opens a file and looks at its first bytes to see whether it is compressed.
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        let input = open(path).map_err(|source| TraceError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            input: Some(input),
            line: 0,
            slot: 0,
            buffer: Vec::new(),
        })
    }

    /// The next line with content, without its end; false at the end of the file.
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
            if size == 0 || !self.buffer.trim_ascii().is_empty() {
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
        Some(result.map_err(|cause| TraceError::Line {
            path: self.path.clone(),
            line: self.line,
            cause,
        }))
    }
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            "is a directory",
        ));
    }
    let mut input = BufReader::with_capacity(1 << 16, file);
    if input.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        let decoder = zstd::Decoder::with_buffer(input)?;
        return Ok(Box::new(BufReader::with_capacity(1 << 16, decoder)));
    }
    Ok(Box::new(input))
}
