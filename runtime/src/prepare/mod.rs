//! From wire bytes to a prepared block: transactions parsed, verified if asked for, sanitized,
//! duplicates refused, accounts numbered.
//!
//! ```text
//! WireBlock -> ParsedBlock -> (verify) -> PreparedBlock { transactions, access table }
//!                                      -> (share credits) -> PreparedBlock
//! ```
//!
//! A refused transaction is out of the block and has no transaction index; the others are numbered
//! in wire order. Addresses are hashed once, in the parallel part; numbering them is one pass.

use ahash::RandomState;
use lockstep_interface::{Address, TransactionError};
use lockstep_scheduler::{Access, AccessMode, AccessTable, CreditSite, Interner, TransactionIndex};
use lockstep_store::StoreError;

mod access;
pub(crate) mod bundles;
mod chunked;
mod credits;
mod sanitize;
mod usage;

use bundles::{Bundles, refuse_broken};
use chunked::Chunked;
pub use credits::ShareError;
pub(crate) use credits::{SHARED_BALANCE_MAX, is_creditable};
use sanitize::SanitizedChunk;
pub use sanitize::{Lifetime, SanitizedTransaction};
pub use usage::{AccountName, BlockUsage, Demand, LimitExceeded, Resource};

use crate::{
    bank::{Bank, ProcessedSet},
    threads::Threads,
    verify::{BATCH_SIZE, Verifier},
    wire::{BundleRange, ParseError, TransactionView, WireBlock},
};

/// Transactions parsed or sanitized by one task.
const TRANSACTIONS_PER_TASK: usize = 256;
/// The most of such chunks whose signatures are verified by one task: what makes one sum, as sums
/// get cheaper with their length.
const CHUNKS_PER_VERIFICATION: usize = BATCH_SIZE / TRANSACTIONS_PER_TASK;

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

/// A block whose bytes have been read.
#[derive(Debug)]
pub struct ParsedBlock<'b> {
    /// What each task parsed, with positions in the wire block.
    chunks: Vec<Vec<(u32, TransactionView<'b>)>>,
    refused: Vec<(u32, Refusal)>,
    transaction_count: usize,
    bundles: &'b [BundleRange],
}

impl<'b> ParsedBlock<'b> {
    /// Parses every transaction of the block.
    pub fn parse(block: &'b WireBlock, threads: &Threads) -> Self {
        let task_count = block.len().div_ceil(TRANSACTIONS_PER_TASK);
        let parts = threads.map_indices(task_count, |task| {
            let start = task.saturating_mul(TRANSACTIONS_PER_TASK);
            let end = start.saturating_add(TRANSACTIONS_PER_TASK).min(block.len());
            let mut views = Vec::with_capacity(end.saturating_sub(start));
            let mut refused = Vec::new();
            for index in start..end {
                let position = u32::try_from(index).expect("a block has fewer than 2^32");
                let bytes = block.get(index).expect("index is below the length");
                match TransactionView::parse(bytes) {
                    Ok(view) => views.push((position, view)),
                    Err(error) => refused.push((position, Refusal::Malformed(error))),
                }
            }
            (views, refused)
        });
        let (chunks, refused): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Self {
            chunks,
            refused: refused.concat(),
            transaction_count: block.len(),
            bundles: block.bundles(),
        }
    }

    /// Refuses the transactions with a wrong signature (ZIP 215).
    pub fn verify(&mut self, verifier: &Verifier, threads: &Threads) {
        // Each thread does as many tasks as the others, so that none is left with the last.
        let count = self.chunks.len();
        let at_once = threads.count().saturating_mul(CHUNKS_PER_VERIFICATION);
        let tasks = count.div_ceil(at_once).saturating_mul(threads.count());
        let size = count.div_ceil(tasks.max(1)).max(1);
        let verdicts = threads.map_chunks(&self.chunks, size, |chunks| {
            let views: Vec<TransactionView<'_>> =
                chunks.iter().flatten().map(|(_, view)| *view).collect();
            verifier.verify(&views)
        });
        let mut verdicts = verdicts.into_iter().flatten();
        let refused = &mut self.refused;
        for chunk in &mut self.chunks {
            chunk.retain(|(position, _)| {
                let is_right = verdicts.next().expect("one verdict for each view");
                if !is_right {
                    let refusal = Refusal::Rule(TransactionError::SignatureFailure);
                    refused.push((*position, refusal));
                }
                is_right
            });
        }
    }

    /// What was refused so far, by position, and why.
    pub fn into_refused(self) -> Vec<(u32, Refusal)> {
        self.refused
    }

    /// Sanitizes the transactions against a bank and numbers their accounts.
    ///
    /// # Errors
    /// If the store fails while lookup tables are read.
    pub fn prepare(
        self,
        bank: &Bank,
        threads: &Threads,
        hasher: &RandomState,
    ) -> Result<PreparedBlock<'b>, StoreError> {
        let chunks = threads.map_indices(self.chunks.len(), |task| {
            let views = &self.chunks[task];
            let key_count = views.iter().map(|(_, view)| view.account_count()).sum();
            let mut chunk = SanitizedChunk::with_capacity(views.len(), key_count);
            for (position, view) in views {
                chunk.push(*view, *position, bank, hasher)?;
            }
            chunk.refuse_processed(bank);
            Ok(chunk)
        });
        let chunks = chunks.into_iter().collect::<Result<Vec<_>, StoreError>>()?;
        Ok(PreparedBlock::new(
            chunks,
            self.refused,
            self.transaction_count,
            self.bundles,
            threads,
            hasher,
        ))
    }
}

/// A block ready to be planned: sanitized transactions and their accesses by account index.
#[derive(Debug)]
pub struct PreparedBlock<'b> {
    transactions: Chunked<SanitizedTransaction<'b>>,
    table: AccessTable,
    /// The accesses that only credit.
    credits: Vec<CreditSite>,
    addresses: Vec<Address>,
    /// In ascending order of positions.
    refused: Vec<(u32, Refusal)>,
    wire_count: usize,
    bundles: Bundles,
    /// The transactions, for refusing them in later blocks.
    processed: ProcessedSet,
}

impl<'b> PreparedBlock<'b> {
    fn new(
        mut chunks: Vec<SanitizedChunk<'b>>,
        mut refused: Vec<(u32, Refusal)>,
        wire_count: usize,
        ranges: &[BundleRange],
        threads: &Threads,
        hasher: &RandomState,
    ) -> Self {
        // Duplicates are rare, so accounts are numbered as if there were none; with bundles it is
        // not known yet which are whole.
        let ((mut processed, duplicates), numbered) = threads.join(
            || find_duplicates(&chunks),
            || {
                ranges
                    .is_empty()
                    .then(|| Numbered::new(&chunks, ranges, hasher))
            },
        );
        let numbered = numbered.filter(|_| duplicates.is_empty());
        for (chunk, index) in duplicates.into_iter().rev() {
            chunks[chunk].refuse(index, TransactionError::AlreadyProcessed);
        }
        refuse_broken(&mut chunks, ranges, &mut processed);
        let numbered = numbered.unwrap_or_else(|| Numbered::new(&chunks, ranges, hasher));
        let mut transactions = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            transactions.push(chunk.transactions);
            let rules = chunk.refused.into_iter();
            refused.extend(rules.map(|(at, error)| (at, Refusal::Rule(error))));
        }
        refused.sort_unstable_by_key(|(position, _)| *position);
        Self {
            transactions: Chunked::new(transactions),
            table: numbered.table,
            credits: numbered.credits,
            addresses: numbered.addresses,
            refused,
            wire_count,
            bundles: numbered.bundles,
            processed,
        }
    }

    /// The transactions in the order of their indices.
    pub fn transactions(&self) -> impl Iterator<Item = &SanitizedTransaction<'b>> {
        self.transactions.iter()
    }

    /// The transaction with an index. O(log transactions).
    ///
    /// # Panics
    /// If the block has no such transaction.
    pub fn transaction(&self, index: TransactionIndex) -> &SanitizedTransaction<'b> {
        let transaction = self.transactions.get(index.0 as usize);
        transaction.expect("the block has a transaction of this index")
    }

    /// The accesses; what planners and the checker work on. The last transaction of a bundle has
    /// the accesses of all, and the others of it have none.
    pub fn table(&self) -> &AccessTable {
        &self.table
    }

    /// The accounts by account index, in order of first appearance.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Positions of the transactions refused so far, in ascending order, and why.
    pub fn refused(&self) -> &[(u32, Refusal)] {
        &self.refused
    }

    /// How many transactions came over the wire.
    pub fn wire_count(&self) -> usize {
        self.wire_count
    }

    /// The accounts of a transaction in message order, and whether it may write each.
    pub fn access_list(
        &self,
        index: TransactionIndex,
    ) -> impl Iterator<Item = (Address, bool)> + '_ {
        let writable = self.transaction(index).writable;
        let accesses = self.accesses(index).iter().enumerate();
        accesses.map(move |(position, access)| {
            let address = self.addresses[access.account().0 as usize];
            (address, writable.contains(position))
        })
    }

    /// The accesses of a transaction in message order. Of one in a bundle these are its own, which
    /// the [`table`](Self::table) does not have.
    pub fn accesses(&self, index: TransactionIndex) -> &[Access] {
        let bundled = self.bundles.accesses(index);
        bundled.unwrap_or_else(|| self.table.accesses(index))
    }

    /// The bundles that all transactions of are still there.
    pub(crate) fn bundles(&self) -> &Bundles {
        &self.bundles
    }

    /// Gives away the set of transactions; asked for once, when the block is frozen.
    pub(crate) fn take_processed(&mut self) -> ProcessedSet {
        std::mem::take(&mut self.processed)
    }
}

/// The set of the block's transactions, and chunk and index of each that occurs a second time.
fn find_duplicates(chunks: &[SanitizedChunk<'_>]) -> (ProcessedSet, Vec<(usize, usize)>) {
    let transaction_count = chunks.iter().map(|chunk| chunk.transactions.len()).sum();
    let mut processed = ProcessedSet::with_capacity(transaction_count);
    let mut duplicates = Vec::new();
    for (chunk_index, chunk) in chunks.iter().enumerate() {
        for (index, transaction) in chunk.transactions.iter().enumerate() {
            if !processed.insert(transaction.message_key()) {
                duplicates.push((chunk_index, index));
            }
        }
    }
    (processed, duplicates)
}

/// The accesses of a block by account index, and the addresses behind the indices.
struct Numbered {
    table: AccessTable,
    credits: Vec<CreditSite>,
    addresses: Vec<Address>,
    bundles: Bundles,
}

impl Numbered {
    fn new(chunks: &[SanitizedChunk<'_>], ranges: &[BundleRange], hasher: &RandomState) -> Self {
        let transaction_count = chunks.iter().map(|chunk| chunk.transactions.len()).sum();
        let access_count = chunks.iter().map(|chunk| chunk.keys.len()).sum();
        let mut table = AccessTable::with_capacity(transaction_count, access_count);
        let mut credits = Vec::with_capacity(transaction_count);
        let mut interner = Interner::with_capacity(access_count, hasher.clone());
        let mut bundles = Bundles::new(ranges);
        for chunk in chunks {
            let mut start = 0usize;
            for (index, (cost, end)) in chunk.costs.iter().zip(&chunk.key_ends).enumerate() {
                let end = *end as usize;
                let keys = &chunk.keys[start..end];
                let accesses = keys.iter().map(|key| {
                    let mode = if key.is_writable {
                        AccessMode::Write
                    } else {
                        AccessMode::Read
                    };
                    Access::new(interner.intern(key.address.as_array(), key.hash), mode)
                });
                let transaction = if bundles.is_empty() {
                    table.push(accesses, *cost)
                } else {
                    let position = chunk.transactions[index].position;
                    bundles.push(&mut table, position, accesses, *cost)
                };
                let credited = keys
                    .iter()
                    .enumerate()
                    .filter(|(_, key)| key.is_only_credited);
                credits.extend(credited.map(|(position, _)| (transaction, position)));
                start = end;
            }
        }
        let addresses = interner.into_keys().into_iter();
        Self {
            table,
            credits,
            addresses: addresses.map(Address::new_from_array).collect(),
            bundles,
        }
    }
}
