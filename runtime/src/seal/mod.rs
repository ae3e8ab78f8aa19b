//! From executed transactions to a frozen bank.
//!
//! ```text
//! ExecutedBlock -> WriteSet -> (roots) -> FrozenBank { header, hash } + outcomes by wire position
//! ```

use std::sync::Arc;

use lockstep_interface::Hash;
use lockstep_scheduler::TransactionIndex;
use lockstep_store::{Change, StoreError};

use crate::{
    bank::root::delta_root,
    bank::{Bank, BlockResult, BlockRoots, CostKind, FrozenBank},
    block::{Outcome, Receipt, receipts_root, transaction_root},
    execute::{ExecutedBlock, SerialBlock},
    prepare::{PreparedBlock, Refusal},
    threads::Threads,
};

/// What a block changed, and what became of its transactions. Nothing of it is in a bank yet.
#[derive(Debug)]
pub struct WriteSet {
    /// In strictly ascending order of addresses, sysvar accounts included.
    changes: Vec<Change>,
    /// By transaction index.
    outcomes: Vec<Outcome>,
}

/// What the header of a block that is to be published says of its body.
#[derive(Clone, Debug)]
pub struct Seal {
    /// The included transactions in the order of the body.
    pub order: Vec<TransactionIndex>,
    /// See [`plan_digest`](crate::block::plan_digest).
    pub plan_digest: Hash,
}

impl WriteSet {
    /// Collects what the lockstep executor changed.
    ///
    /// # Errors
    /// If the store fails.
    pub fn new(
        bank: &Bank,
        block: &PreparedBlock<'_>,
        executed: ExecutedBlock,
        threads: &Threads,
    ) -> Result<Self, StoreError> {
        let sysvars = changed_sysvars(bank)?;
        let (changes, outcomes) = executed.into_changes(block.addresses(), sysvars, threads);
        Ok(Self { changes, outcomes })
    }

    /// Collects what the serial executor changed.
    ///
    /// # Errors
    /// If the store fails.
    pub fn from_serial(bank: &Bank, executed: SerialBlock) -> Result<Self, StoreError> {
        let SerialBlock {
            mut changes,
            outcomes,
        } = executed;
        changes.extend(changed_sysvars(bank)?);
        changes.sort_unstable_by_key(|(address, _)| *address);
        Ok(Self { changes, outcomes })
    }

    /// The changed accounts in strictly ascending order of addresses.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Outcomes by transaction index.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Kind and compute units of each included transaction.
    fn used(&self, block: &PreparedBlock<'_>) -> Vec<(CostKind, u64)> {
        let transactions = block.transactions().zip(&self.outcomes);
        let used = transactions.filter_map(|(transaction, outcome)| {
            let receipt = outcome.receipt()?;
            Some((transaction.kind, receipt.compute_units))
        });
        used.collect()
    }

    /// Computes the roots and closes the bank. Without a seal, receipts enter the header in wire
    /// order, and transactions and plan do not.
    pub fn freeze(
        self,
        bank: Bank,
        block: &mut PreparedBlock<'_>,
        threads: &Threads,
        seal: Option<&Seal>,
    ) -> (Arc<FrozenBank>, BlockReceipts) {
        let trie = bank.parent().trie();
        let ((trie, delta_root), (roots, costs)) = threads.join(
            || {
                let trie = trie.map(|trie| trie.update(&self.changes, threads));
                (trie, delta_root(&self.changes, threads))
            },
            || {
                let costs = bank.parent().costs().learn(self.used(block));
                (self.roots(block, threads, seal), costs)
            },
        );
        let mut processed = block.take_processed();
        for (transaction, outcome) in block.transactions().zip(&self.outcomes) {
            if matches!(outcome, Outcome::Refused(_)) {
                processed.remove(&transaction.message_key());
            }
        }
        let result = BlockResult {
            changes: self.changes,
            costs,
            processed,
            roots: BlockRoots {
                delta_root,
                ..roots
            },
            trie,
        };
        let receipts = BlockReceipts::new(block, self.outcomes);
        (bank.freeze(result), receipts)
    }

    /// The roots over transactions and receipts.
    fn roots(
        &self,
        block: &PreparedBlock<'_>,
        threads: &Threads,
        seal: Option<&Seal>,
    ) -> BlockRoots {
        let receipts: Vec<&Receipt> = match seal {
            Some(seal) => {
                let outcomes = seal.order.iter();
                let outcomes = outcomes.map(|index| &self.outcomes[index.0 as usize]);
                outcomes.filter_map(Outcome::receipt).collect()
            }
            None => self.outcomes.iter().filter_map(Outcome::receipt).collect(),
        };
        let count = u32::try_from(receipts.len()).expect("a block has fewer than 2^32");
        let mut roots = BlockRoots {
            transaction_count: count,
            receipts_root: receipts_root(&receipts, threads),
            ..BlockRoots::default()
        };
        if let Some(seal) = seal {
            let hash = |index: &TransactionIndex| block.transaction(*index).message_hash;
            let hashes: Vec<Hash> = seal.order.iter().map(hash).collect();
            roots.transaction_root = transaction_root(&hashes, threads);
            roots.plan_digest = seal.plan_digest;
        }
        roots
    }
}

/// The sysvar accounts that this block shows differently from its parent. No transaction can have
/// written them.
fn changed_sysvars(bank: &Bank) -> Result<Vec<Change>, StoreError> {
    let mut changed = Vec::new();
    for (address, account) in bank.sysvar_accounts() {
        if bank.parent().get(address)?.as_ref() != Some(account) {
            changed.push((*address, account.clone()));
        }
    }
    Ok(changed)
}

/// What became of every transaction that came over the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlockReceipts {
    /// By position in the wire block.
    results: Vec<Result<Receipt, Refusal>>,
}

impl BlockReceipts {
    fn new(block: &PreparedBlock<'_>, outcomes: Vec<Outcome>) -> Self {
        let result = |outcome| match outcome {
            Outcome::Included(receipt) => Ok(receipt),
            Outcome::Refused(error) => Err(Refusal::Rule(error)),
        };
        if block.refused().is_empty() {
            let results = outcomes.into_iter().map(result).collect();
            return Self { results };
        }
        let mut refused = block.refused().iter().peekable();
        let mut results = Vec::with_capacity(block.wire_count());
        for (transaction, outcome) in block.transactions().zip(outcomes) {
            let before = std::iter::from_fn(|| {
                refused.next_if(|(position, _)| *position < transaction.position)
            });
            results.extend(before.map(|(_, refusal)| Err(refusal.clone())));
            results.push(result(outcome));
        }
        results.extend(refused.map(|(_, refusal)| Err(refusal.clone())));
        assert_eq!(results.len(), block.wire_count(), "refused or executed");
        Self { results }
    }

    /// Receipt or refusal of each transaction, by position in the wire block.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<&Receipt, &Refusal>> {
        self.results.iter().map(Result::as_ref)
    }

    /// The receipts at these positions, all included ones in some order, and the refusals.
    pub(crate) fn in_order(
        self,
        positions: impl Iterator<Item = usize>,
    ) -> (Vec<Receipt>, Vec<(u32, Refusal)>) {
        let mut refused = Vec::new();
        let results = (0u32..).zip(self.results);
        let mut receipts: Vec<Option<Receipt>> = results
            .map(|(position, result)| match result {
                Ok(receipt) => Some(receipt),
                Err(refusal) => {
                    refused.push((position, refusal));
                    None
                }
            })
            .collect();
        let taken = positions.map(|position| receipts[position].take());
        let taken = taken.map(|receipt| receipt.expect("each position is asked for once"));
        (taken.collect(), refused)
    }

    /// Included transactions that succeeded, included ones that failed, and refused ones.
    pub fn counts(&self) -> (usize, usize, usize) {
        let mut counts = (0usize, 0usize, 0usize);
        for result in &self.results {
            let count = match result {
                Ok(Receipt { status: Ok(()), .. }) => &mut counts.0,
                Ok(_) => &mut counts.1,
                Err(_) => &mut counts.2,
            };
            *count = count.saturating_add(1);
        }
        counts
    }
}
