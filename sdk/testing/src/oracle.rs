//! The serial executor as the judge of the parallel one.

use std::sync::Arc;

use lockstep_runtime::{bank::FrozenBank, engine::ProcessedBlock, seal::BlockReceipts};
use lockstep_scheduler::Strategy;

/// What a serial run of a block came to.
pub(crate) type Serial = (Arc<FrozenBank>, BlockReceipts);

/// Fails with the first difference, if there is one.
#[track_caller]
pub(crate) fn assert_same(
    strategy: &dyn Strategy,
    threads: usize,
    parallel: &ProcessedBlock<'_>,
    (bank, receipts): &Serial,
) {
    let difference = difference(parallel, bank, receipts);
    assert!(
        difference.is_none(),
        "strategy {} on {threads} threads differs from the serial run: {}",
        strategy.name(),
        difference.unwrap_or_default()
    );
}

fn difference(
    parallel: &ProcessedBlock<'_>,
    bank: &FrozenBank,
    receipts: &BlockReceipts,
) -> Option<String> {
    let pairs = parallel.receipts.iter().zip(receipts.iter());
    for (index, (found, expected)) in pairs.enumerate() {
        if found != expected {
            return Some(format!("call {index}: {found:?}, serially {expected:?}"));
        }
    }
    let (found, expected) = (parallel.bank.changes(), bank.changes());
    if found != expected {
        let mut pairs = found.iter().zip(&expected);
        let first = pairs.find(|(found, expected)| found != expected);
        let counts = (found.len(), expected.len());
        return Some(format!("changed accounts: {first:?}, {counts:?} in all"));
    }
    let is_same = parallel.bank.block_hash() == bank.block_hash();
    (!is_same).then(|| "the block hash".to_owned())
}
