//! From executed transactions to a frozen bank, and to the bytes that others verify.
//!
//! ```text
//! ExecutedBlock + Seal -> (fees split) -> (roots) -> FrozenBank { header, hash }
//!                                                    + receipts by wire position
//! ```
//!
//! Every block has a seal: its header commits to the transactions in the order of the body and to
//! the plan.

mod receipts;

use std::sync::Arc;

use lockstep_interface::Hash;
use lockstep_scheduler::TransactionIndex;
use lockstep_store::StoreError;
pub use receipts::BlockReceipts;

use crate::{
    bank::{Bank, BlockResult, BlockRoots, CostKind, FrozenBank, root::delta_root},
    block::{Outcome, Receipt, receipts_root, transaction_root},
    execute::ExecutedBlock,
    prepare::PreparedBlock,
    threads::Threads,
};

/// What the header of a block says of its body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seal {
    /// The included transactions in the order of the body.
    pub order: Vec<TransactionIndex>,
    /// See [`plan_digest`](crate::block::plan_digest).
    pub plan_digest: Hash,
}

/// Splits the fees, computes the roots and closes the bank. Accounts, receipts and transactions are
/// hashed on all threads at once.
///
/// # Errors
/// If the state trie or the store cannot be read; nothing is changed.
pub fn freeze(
    bank: Bank,
    block: &mut PreparedBlock<'_>,
    executed: ExecutedBlock,
    seal: &Seal,
    threads: &Threads,
) -> Result<(Arc<FrozenBank>, BlockReceipts), StoreError> {
    let ExecutedBlock {
        mut changes,
        outcomes,
    } = executed;
    bank.split_fees(fees(&outcomes), &mut changes)?;
    let trie = bank.parent().trie();
    let ((trie, delta_root), (roots, costs)) = threads.join(
        || {
            let trie = trie.map(|trie| trie.try_update(&changes, threads));
            (trie, delta_root(&changes, threads))
        },
        || {
            let costs = bank.parent().costs().learn(used(block, &outcomes));
            (roots(block, &outcomes, seal, threads), costs)
        },
    );
    let mut processed = block.take_processed();
    for (transaction, outcome) in block.transactions().zip(&outcomes) {
        if matches!(outcome, Outcome::Refused(_)) {
            processed.remove(&transaction.message_key());
        }
    }
    let result = BlockResult {
        changes,
        costs,
        processed,
        roots: BlockRoots {
            delta_root,
            ..roots
        },
        trie: trie.transpose()?,
    };
    let receipts = BlockReceipts::new(block, outcomes);
    Ok((bank.freeze(result), receipts))
}

/// What all included transactions have paid, in lamports: less than there are in all.
fn fees(outcomes: &[Outcome]) -> u64 {
    let receipts = outcomes.iter().filter_map(Outcome::receipt);
    let fees = receipts.map(|receipt| receipt.signature_fee.saturating_add(receipt.priority_fee));
    fees.fold(0, u64::saturating_add)
}

/// Kind and compute units of each included transaction.
fn used(block: &PreparedBlock<'_>, outcomes: &[Outcome]) -> Vec<(CostKind, u64)> {
    let transactions = block.transactions().zip(outcomes);
    let used = transactions.filter_map(|(transaction, outcome)| {
        let receipt = outcome.receipt()?;
        Some((transaction.kind, receipt.compute_units))
    });
    used.collect()
}

/// The roots over transactions and receipts.
fn roots(
    block: &PreparedBlock<'_>,
    outcomes: &[Outcome],
    seal: &Seal,
    threads: &Threads,
) -> BlockRoots {
    let receipts: Vec<&Receipt> = seal
        .order
        .iter()
        .map(|index| outcomes[index.index()].receipt())
        .map(|receipt| receipt.expect("the seal names included transactions"))
        .collect();
    let hash = |index: &TransactionIndex| block.transaction(*index).message_hash;
    let hashes: Vec<Hash> = seal.order.iter().map(hash).collect();
    BlockRoots {
        transaction_count: u32::try_from(receipts.len()).expect("a block has fewer than 2^32"),
        transaction_root: transaction_root(&hashes, threads),
        receipts_root: receipts_root(&receipts, threads),
        plan_digest: seal.plan_digest,
        ..BlockRoots::default()
    }
}
