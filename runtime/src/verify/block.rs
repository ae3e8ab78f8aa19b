//! Bytes into parsed transactions: the one place where a block's transactions are parsed, and where
//! it is decided whether their signatures are verified.
//!
//! ```text
//! WireBlock -> ParsedBlock { bytes, a frame and a message hash for each transaction } -> prepare
//! ```
//!
//! The frames are kept beside their bytes and serve all later stages: a candidate of the pool and
//! a block from the network are parsed once on their way to a bank.

use lockstep_interface::{Hash, TransactionError};

use super::{BATCH_SIZE, Verifier};
use crate::{
    stage::stage,
    threads::Threads,
    wire::{BundleRange, Frame, ParseError, TransactionView, WireBlock},
};

/// Transactions parsed by one task.
const TRANSACTIONS_PER_TASK: usize = 256;
/// Nanoseconds that parsing a transaction takes on one thread, and verifying it.
const PARSE_COST: u64 = 200;
const VERIFY_COST: u64 = 6_000;

/// Why a transaction is not part of the block.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Its bytes are no transaction.
    #[error("malformed: {0}")]
    Malformed(ParseError),
    /// It breaks a rule; also a wrong signature (`SignatureFailure`).
    #[error("{0}")]
    Rule(TransactionError),
}

/// Whether signatures are verified when transactions are parsed.
#[derive(Clone, Copy, Debug)]
pub enum Signatures<'v> {
    /// A transaction with a wrong signature is refused (ZIP 215).
    Verify(&'v Verifier),
    /// The caller has verified them, or needs no verdict.
    Trusted,
}

/// A transaction of a block, parsed: where its parts are in its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ParsedTransaction {
    /// Position in the wire block.
    pub(crate) position: u32,
    pub(crate) frame: Frame,
    pub(crate) message_hash: Hash,
}

impl ParsedTransaction {
    fn parse(position: u32, bytes: &[u8]) -> Result<Self, Refusal> {
        let view = TransactionView::parse(bytes).map_err(Refusal::Malformed)?;
        Ok(Self {
            position,
            frame: view.frame(),
            message_hash: view.message_hash(),
        })
    }
}

/// A block whose transactions have been parsed, and verified if the caller asked for it.
///
/// ```
/// use lockstep_runtime::{
///     threads::Threads,
///     verify::{ParsedBlock, Signatures, Verifier},
///     wire::WireBlock,
/// };
///
/// let (verifier, threads) = (Verifier::default(), Threads::new(1)?);
/// let block = WireBlock::from_iter([b"nonsense"]);
/// let parsed = ParsedBlock::new(block, Signatures::Verify(&verifier), &threads);
/// assert_eq!(parsed.refused()[0].0, 0);
/// # Ok::<(), lockstep_runtime::threads::ThreadsError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ParsedBlock {
    wire: WireBlock,
    /// Those that are not refused, in ascending order of positions.
    transactions: Vec<ParsedTransaction>,
    /// In ascending order of positions.
    refused: Vec<(u32, Refusal)>,
}

impl ParsedBlock {
    /// Parses every transaction of a block, once, and verifies signatures if it is told to.
    ///
    /// Verifying takes about 10 to 13 microseconds of one core for each signature, in calls with
    /// some thousands of them.
    pub fn new(wire: WireBlock, signatures: Signatures<'_>, threads: &Threads) -> Self {
        let each = match signatures {
            Signatures::Trusted => PARSE_COST,
            Signatures::Verify(_) => VERIFY_COST,
        };
        let threads = threads.fit(each, wire.len());
        threads.enter(|| {
            let mut parsed = Self::parse(wire, &threads);
            parsed.verify(signatures, &threads);
            parsed
        })
    }

    /// Parses, and leaves signatures for later.
    pub(crate) fn parse(wire: WireBlock, threads: &Threads) -> Self {
        let _stage = stage!("parse");
        let task_count = wire.len().div_ceil(TRANSACTIONS_PER_TASK);
        let parts = threads.map_indices(task_count, |task| {
            let start = task.saturating_mul(TRANSACTIONS_PER_TASK);
            let end = start.saturating_add(TRANSACTIONS_PER_TASK).min(wire.len());
            let mut transactions = Vec::with_capacity(end.saturating_sub(start));
            let mut refused = Vec::new();
            for index in start..end {
                let position = u32::try_from(index).expect("a block has fewer than 2^32");
                let bytes = wire.get(index).expect("index is below the length");
                match ParsedTransaction::parse(position, bytes) {
                    Ok(transaction) => transactions.push(transaction),
                    Err(refusal) => refused.push((position, refusal)),
                }
            }
            (transactions, refused)
        });
        let mut parsed = Self {
            transactions: Vec::with_capacity(wire.len()),
            wire,
            refused: Vec::new(),
        };
        for (transactions, refused) in parts {
            parsed.transactions.extend(transactions);
            parsed.refused.extend(refused);
        }
        parsed
    }

    /// Refuses the transactions with a wrong signature, if it is told to verify.
    pub(crate) fn verify(&mut self, signatures: Signatures<'_>, threads: &Threads) {
        let Signatures::Verify(verifier) = signatures else {
            return;
        };
        let _stage = stage!("verify");
        // Each thread does the same number of tasks, so that all finish together.
        let count = self.transactions.len();
        let at_once = threads.count().saturating_mul(BATCH_SIZE);
        let tasks = count.div_ceil(at_once).saturating_mul(threads.count());
        let size = count.div_ceil(tasks.max(1)).max(1);
        let verdicts = threads.map_chunks(&self.transactions, size, |chunk| {
            let views: Vec<TransactionView<'_>> = chunk
                .iter()
                .map(|transaction| self.view(transaction))
                .collect();
            verifier.verify(&views)
        });
        let verdicts = verdicts.into_iter().flatten();
        let wrong: Vec<(u32, Refusal)> = self
            .transactions
            .iter()
            .zip(verdicts)
            .filter(|(_, is_right)| !is_right)
            .map(|(transaction, _)| {
                let refusal = Refusal::Rule(TransactionError::SignatureFailure);
                (transaction.position, refusal)
            })
            .collect();
        self.refuse(wrong);
    }

    /// Refuses further transactions, by position. Others of their bundles are refused when the
    /// block is prepared. O(transactions), and nothing if there are none to refuse.
    pub(crate) fn refuse(&mut self, refused: Vec<(u32, Refusal)>) {
        if refused.is_empty() {
            return;
        }
        self.refused.extend(refused);
        self.refused.sort_unstable_by_key(|(position, _)| *position);
        let refused = &self.refused;
        self.transactions.retain(|transaction| {
            let place = refused.binary_search_by_key(&transaction.position, |(at, _)| *at);
            place.is_err()
        });
    }

    /// Appends a transaction that was parsed before, in a block of its own.
    pub(crate) fn push(&mut self, bytes: &[u8], frame: Frame, message_hash: Hash) {
        let position = u32::try_from(self.wire.len()).expect("a block has fewer than 2^32");
        self.wire.push(bytes);
        self.transactions.push(ParsedTransaction {
            position,
            frame,
            message_hash,
        });
    }

    /// Makes the last `count` transactions a bundle.
    pub(crate) fn bundle_last(&mut self, count: usize) {
        let number = |number| u32::try_from(number).expect("a block has fewer than 2^32");
        let start = self.wire.len().saturating_sub(count);
        let declared = self.wire.bundle(number(start), number(count));
        declared.expect("the caller keeps the limits of bundles");
    }

    /// The bytes of all transactions, refused ones included.
    pub fn wire(&self) -> &WireBlock {
        &self.wire
    }

    /// How many transactions came over the wire.
    pub fn wire_count(&self) -> usize {
        self.wire.len()
    }

    /// The bundles that the block declares.
    pub(crate) fn bundles(&self) -> &[BundleRange] {
        self.wire.bundles()
    }

    /// Positions of the transactions refused up to now, in ascending order, and why.
    pub fn refused(&self) -> &[(u32, Refusal)] {
        &self.refused
    }

    /// The transactions that are not refused.
    pub(crate) fn transactions(&self) -> &[ParsedTransaction] {
        &self.transactions
    }

    /// The hashes of the signed messages of these.
    pub(crate) fn message_hashes(&self) -> impl Iterator<Item = Hash> {
        let transactions = self.transactions.iter();
        transactions.map(|transaction| transaction.message_hash)
    }

    /// A transaction of this block as a view of its bytes.
    pub(crate) fn view(&self, transaction: &ParsedTransaction) -> TransactionView<'_> {
        let bytes = self.wire.get(transaction.position as usize);
        transaction.frame.over(bytes.expect("it came from there"))
    }
}
