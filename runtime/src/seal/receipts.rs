//! The results of a block's transactions, by their places in the wire block.

use crate::{
    block::{Outcome, Receipt},
    prepare::PreparedBlock,
    verify::Refusal,
};

/// The result of every transaction that came over the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlockReceipts {
    /// By position in the wire block.
    results: Vec<Result<Receipt, Refusal>>,
}

impl BlockReceipts {
    pub(crate) fn new(block: &PreparedBlock<'_>, outcomes: Vec<Outcome>) -> Self {
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
