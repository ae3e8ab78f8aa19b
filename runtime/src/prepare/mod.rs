//! From a parsed block to a prepared one: transactions sanitized against a bank, duplicates
//! refused, accounts numbered.
//!
//! ```text
//! ParsedBlock -> PreparedBlock { transactions, access table } -> (share credits) -> PreparedBlock
//! ```
//!
//! A refused transaction is out of the block and has no transaction index; the others are numbered
//! in wire order. Addresses are hashed once, in the parallel part; numbering them is one pass.

use ahash::RandomState;
use lockstep_interface::{Address, Counters, TransactionError};
use lockstep_scheduler::{
    Access, AccessMode, AccessTable, AccountIndex, CreditSite, Interner, TransactionIndex,
};
use lockstep_store::StoreError;

mod access;
pub(crate) mod bundles;
mod chunked;
mod credits;
mod sanitize;
mod usage;

use bundles::{Bundles, refuse_broken};
use chunked::Chunked;
pub(crate) use credits::is_creditable;
pub use credits::{SHARED_BALANCE_MAX, ShareError};
use sanitize::SanitizedChunk;
pub use sanitize::{Lifetime, SanitizedTransaction};
pub use usage::{AccountName, BLOCK_PARTS, BlockUsage, Demand, LimitExceeded, Resource};

use crate::{
    bank::{Bank, ProcessedSet},
    threads::Threads,
    verify::{ParsedBlock, Refusal},
    wire::{BundleRange, WireBlock},
};

/// Transactions sanitized by one task.
const TRANSACTIONS_PER_TASK: usize = 256;

/// A block ready to be planned: sanitized transactions and their accesses by account index.
#[derive(Debug)]
pub struct PreparedBlock<'b> {
    transactions: Chunked<SanitizedTransaction<'b>>,
    table: AccessTable,
    /// The accesses that only credit.
    credits: Vec<CreditSite>,
    /// The counters that some of them add to.
    counted: Vec<(AccountIndex, Counters)>,
    /// The counters of accounts that several transactions add to at once, in ascending order.
    shared_counters: Vec<(AccountIndex, Counters)>,
    addresses: Vec<Address>,
    /// In ascending order of positions.
    refused: Vec<(u32, Refusal)>,
    wire: &'b WireBlock,
    bundles: Bundles,
    /// The transactions, for refusing them in later blocks.
    processed: ProcessedSet,
}

impl<'b> PreparedBlock<'b> {
    /// Sanitizes a block's transactions against the bank that is to execute them, and numbers
    /// their accounts. `hasher` is the caller's, so that addresses hash alike in all blocks.
    ///
    /// # Errors
    /// If the store fails while lookup tables are read.
    pub fn new(
        parsed: &'b ParsedBlock,
        bank: &Bank,
        threads: &Threads,
        hasher: &RandomState,
    ) -> Result<Self, StoreError> {
        let chunks = threads.map_chunks(parsed.transactions(), TRANSACTIONS_PER_TASK, |chunk| {
            let mut sanitized = SanitizedChunk::with_capacity(chunk.len());
            for transaction in chunk {
                sanitized.push(parsed.view(transaction), transaction, bank, hasher)?;
            }
            sanitized.refuse_processed(bank);
            Ok(sanitized)
        });
        let chunks = chunks.into_iter().collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Self::of_chunks(chunks, parsed, threads, hasher))
    }

    fn of_chunks(
        mut chunks: Vec<SanitizedChunk<'b>>,
        parsed: &'b ParsedBlock,
        threads: &Threads,
        hasher: &RandomState,
    ) -> Self {
        let ranges = parsed.bundles();
        let mut refused = parsed.refused().to_vec();
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
            counted: numbered.counted,
            shared_counters: Vec::new(),
            addresses: numbered.addresses,
            refused,
            wire: parsed.wire(),
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

    /// Some of the transactions in another order, as a block of their own, without bundles.
    pub(crate) fn reordered(&self, order: &[TransactionIndex]) -> ParsedBlock {
        let mut parsed = ParsedBlock::default();
        for index in order {
            let transaction = self.transaction(*index);
            let view = &transaction.view;
            parsed.push(view.bytes(), view.frame(), transaction.message_hash);
        }
        parsed
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
        self.wire.len()
    }

    /// The bytes that the block was parsed from.
    pub fn wire(&self) -> &'b WireBlock {
        self.wire
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

    /// The accesses and the accounts by account index, given away.
    pub(crate) fn into_accesses(self) -> (AccessTable, Vec<Address>) {
        (self.table, self.addresses)
    }

    /// Gives away the set of transactions; asked for once, when the block is frozen.
    pub(crate) fn take_processed(&mut self) -> ProcessedSet {
        std::mem::take(&mut self.processed)
    }
}

#[cfg(test)]
impl PreparedBlock<'_> {
    /// Plants a fault of the interner: `address` goes under the number of `other`.
    pub(crate) fn confuse(&mut self, address: &Address, other: &Address) {
        let number = |wanted: &Address| {
            let place = self.addresses.iter().position(|known| known == wanted);
            let place = place.and_then(|place| u32::try_from(place).ok());
            lockstep_scheduler::AccountIndex(place.expect("the block names it"))
        };
        let (from, to) = (number(address), number(other));
        let mut table = AccessTable::new();
        for index in self.table.transactions() {
            let accesses = self.table.accesses(index).iter().map(|access| {
                let is_confused = access.account() == from;
                let account = if is_confused { to } else { access.account() };
                Access::new(account, access.mode())
            });
            table.push(accesses, self.table.cost(index));
        }
        self.table = table;
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
    counted: Vec<(AccountIndex, Counters)>,
    addresses: Vec<Address>,
    bundles: Bundles,
}

impl Numbered {
    fn new(chunks: &[SanitizedChunk<'_>], ranges: &[BundleRange], hasher: &RandomState) -> Self {
        let transaction_count = chunks.iter().map(|chunk| chunk.transactions.len()).sum();
        let access_count = chunks.iter().map(|chunk| chunk.keys.len()).sum();
        let mut table = AccessTable::with_capacity(transaction_count, access_count);
        let mut credits = Vec::with_capacity(transaction_count);
        let mut counted = Vec::new();
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
                for (position, key) in credited {
                    credits.push((transaction, position));
                    if !key.counters.is_empty() {
                        let account = interner.intern(key.address.as_array(), key.hash);
                        counted.push((account, key.counters));
                    }
                }
                start = end;
            }
        }
        let addresses = interner.into_keys().into_iter();
        Self {
            table,
            credits,
            counted,
            addresses: addresses.map(Address::new_from_array).collect(),
            bundles,
        }
    }
}
