//! Recorded blocks: trace files into typed transactions, grouped into blocks.
//!
//! A trace file is JSON lines, plain or packed with gzip or zstd (told by content), one transaction
//! a line:
//!
//! | field | meaning |
//! |---|---|
//! | `slot` | block number; lines are in slot order |
//! | `i` | index in the recorded block |
//! | `sig` | its signature, or the beginning of it (optional) |
//! | `w` | addresses locked for writing; the first one pays the fee |
//! | `r` | addresses locked for reading (optional) |
//! | `cu` | compute units used (optional) |
//! | `cl`, `cp` | compute-unit limit, price in micro-lamports a unit (optional) |
//! | `fee` | lamports paid (optional) |
//! | `err` | the recorded failure; absent or null on success |
//! | `vote` | 1 on vote transactions (optional) |
//! | `c` | which of `w` are only credited, so that credits share them (optional) |
//! | `names` | what people call addresses: an object from address to name (optional) |
//!
//! Other fields are passed over, as are empty lines and lines that begin with `#` or `//`. A line
//! that is not such an object is an error that names the
//! file, the line and the cause.

mod error;
mod line;
mod read;
mod write;

pub mod import;

use std::num::NonZeroUsize;
use std::path::Path;

use lockstep_interface::Address;
use lockstep_runtime::limits::TRANSACTION_COST;

use crate::access::{AccessList, COST_DEFAULT};
pub use error::{TraceCause, TraceError};
pub use line::parse_address;

/// How a trace file is read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TraceOptions {
    /// True to keep vote transactions, which conflict with almost nothing.
    pub keeps_votes: bool,
    /// Cuts the whole stream into blocks of this number of transactions, whatever their slots.
    pub window: Option<NonZeroUsize>,
    /// Leaves out transactions that lock more accounts.
    pub max_locks: Option<usize>,
}

/// A recorded transaction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TraceTransaction {
    /// Number of the recorded block.
    pub slot: u64,
    /// Index in the recorded block.
    pub index: u64,
    /// Line of the file, from 1.
    pub line: usize,
    /// Its first signature, or the beginning of it.
    pub signature: Option<String>,
    /// Accounts locked for writing, the fee payer first; no repeats.
    pub writes: Vec<Address>,
    /// Accounts locked for reading; none of them is written.
    pub reads: Vec<Address>,
    /// Which of `writes`, by position, are only credited.
    pub credits: Vec<usize>,
    /// What people call addresses, in printable ASCII.
    pub names: Vec<(Address, String)>,
    /// Programs of its instructions, each once.
    pub programs: Vec<Address>,
    /// Compute units used.
    pub cu: Option<u64>,
    /// Compute-unit limit asked for.
    pub cu_limit: Option<u64>,
    /// Price in micro-lamports per compute unit.
    pub cu_price: Option<u64>,
    /// Fee paid, in lamports.
    pub fee: Option<u64>,
    /// The recorded failure as text; `None` for a success.
    pub failure: Option<String>,
    /// True for a vote transaction.
    pub is_vote: bool,
}

impl TraceTransaction {
    /// Accounts locked.
    pub fn lock_count(&self) -> usize {
        self.writes.len().saturating_add(self.reads.len())
    }

    /// Recorded compute units, else [`COST_DEFAULT`].
    pub fn cost(&self) -> u64 {
        self.cu.unwrap_or(COST_DEFAULT)
    }

    /// The priority fee in micro-lamports: price x limit, as recorded. 0 where either is missing.
    pub fn priority_fee(&self) -> u64 {
        let price = self.cu_price.unwrap_or(0);
        price.saturating_mul(self.cu_limit.unwrap_or(0))
    }

    /// What the transaction locks.
    pub fn access_list(&self) -> AccessList {
        AccessList {
            writes: self.writes.clone(),
            reads: self.reads.clone(),
            credits: self.credits.clone(),
            programs: self.programs.clone(),
            cost: TRANSACTION_COST.saturating_add(self.cost()),
        }
    }
}

/// The transactions of one block, in block order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TraceBlock {
    /// The slot; in a trace cut into windows, the window's number from 0.
    pub number: u64,
    /// At least one transaction.
    pub transactions: Vec<TraceTransaction>,
}

/// The blocks of one trace file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trace {
    /// Blocks that hold a transaction, in the order of the file.
    pub blocks: Vec<TraceBlock>,
    /// Vote transactions that were left out.
    pub votes_left_out: usize,
    /// Transactions that were left out because they lock too many accounts.
    pub left_out: usize,
}

impl Trace {
    /// Reads a trace file. A file without transactions gives a trace without blocks.
    ///
    /// # Errors
    /// [`TraceError`], which names file, line and cause.
    ///
    /// ```
    /// use lockstep_benches::trace::{Trace, TraceOptions};
    ///
    /// let path = std::env::temp_dir().join(format!("trace-doc-{}.jsonl", std::process::id()));
    /// std::fs::write(&path, r#"{"slot": 7, "i": 0, "w": ["11111111111111111111111111111112"]}"#)?;
    /// let trace = Trace::read(&path, &TraceOptions::default())?;
    /// assert_eq!((trace.blocks[0].number, trace.transaction_count()), (7, 1));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(path: &Path, options: &TraceOptions) -> Result<Self, TraceError> {
        let mut trace = Self::default();
        for transaction in read::Lines::open(path)? {
            let transaction = transaction?;
            if transaction.is_vote && !options.keeps_votes {
                trace.votes_left_out = trace.votes_left_out.saturating_add(1);
                continue;
            }
            let max_locks = options.max_locks.unwrap_or(usize::MAX);
            if transaction.lock_count() > max_locks {
                trace.left_out = trace.left_out.saturating_add(1);
                continue;
            }
            trace.push(transaction, options.window);
        }
        Ok(trace)
    }

    /// The number of transactions in all blocks.
    pub fn transaction_count(&self) -> usize {
        self.blocks
            .iter()
            .map(|block| block.transactions.len())
            .sum()
    }

    fn push(&mut self, transaction: TraceTransaction, window: Option<NonZeroUsize>) {
        let continues = self.blocks.last().is_some_and(|block| match window {
            Some(window) => block.transactions.len() < window.get(),
            None => block.number == transaction.slot,
        });
        if !continues {
            let position = u64::try_from(self.blocks.len()).expect("a length fits u64");
            self.blocks.push(TraceBlock {
                number: window.map_or(transaction.slot, |_| position),
                transactions: Vec::new(),
            });
        }
        let block = self
            .blocks
            .last_mut()
            .expect("a block was there or was added");
        block.transactions.push(transaction);
    }
}

#[cfg(test)]
mod tests;
