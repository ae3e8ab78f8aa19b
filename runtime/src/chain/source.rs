//! Where a block's transactions come from.

use lockstep_interface::TransactionError;

use crate::{
    bank::FrozenBank,
    block::BlockLimits,
    prepare::{ParsedBlock, Refusal},
    threads::Threads,
    verify::Verifier,
    wire::WireBlock,
};

/// Gives transactions for a block: a mempool, usually.
pub trait TransactionSource: Send {
    /// Transactions for a child of `parent`, in the order in which they have a right to get in.
    ///
    /// What exceeds the limits, or is refused for another reason, is named in
    /// [`BuiltBlock::refused`](super::BuiltBlock), by its place in what was given here.
    fn select(&mut self, parent: &FrozenBank, limits: &BlockLimits) -> VerifiedTransactions;
}

/// Transactions of which every signature is right.
#[derive(Clone, Debug, Default)]
pub struct VerifiedTransactions(WireBlock);

impl VerifiedTransactions {
    /// Verifies signatures (ZIP 215). Tells what was left out, and why, by place.
    ///
    /// About 10 to 13 microseconds of one core for each signature; wants some thousands at a time.
    ///
    /// ```
    /// use lockstep_runtime::wire::WireBlock;
    /// use lockstep_runtime::chain::VerifiedTransactions;
    /// use lockstep_runtime::{threads::Threads, verify::Verifier};
    ///
    /// let (verifier, threads) = (Verifier::default(), Threads::new(1)?);
    /// let block = WireBlock::from_iter([b"nonsense"]);
    /// let (verified, refused) = VerifiedTransactions::verify(block, &verifier, &threads);
    /// assert!(verified.block().is_empty());
    /// assert_eq!(refused[0].0, 0);
    /// # Ok::<(), lockstep_runtime::threads::ThreadsError>(())
    /// ```
    pub fn verify(
        block: WireBlock,
        verifier: &Verifier,
        threads: &Threads,
    ) -> (Self, Vec<(u32, Refusal)>) {
        let mut refused = threads.enter(|| {
            let mut parsed = ParsedBlock::parse(&block, threads);
            parsed.verify(verifier, threads);
            parsed.into_refused()
        });
        if refused.is_empty() {
            return (Self(block), refused);
        }
        let mut is_refused = vec![false; block.len()];
        for (position, _) in &refused {
            is_refused[*position as usize] = true;
        }
        let (kept, positions) = block.retain(|position| !is_refused[position as usize]);
        for position in positions {
            is_refused[position as usize] = true;
        }
        // What is neither refused nor kept was in a bundle with one that is refused.
        for (position, is_known) in (0..).zip(is_refused) {
            if !is_known {
                let refusal = Refusal::Rule(TransactionError::CommitCancelled);
                refused.push((position, refusal));
            }
        }
        (Self(kept), refused)
    }

    /// Takes the signatures for right, because they were verified elsewhere, or do not matter.
    pub fn trusted(block: WireBlock) -> Self {
        Self(block)
    }

    /// The transactions.
    pub fn block(&self) -> &WireBlock {
        &self.0
    }
}

impl TransactionSource for VerifiedTransactions {
    /// All of them at once, and none the next time.
    fn select(&mut self, _parent: &FrozenBank, _limits: &BlockLimits) -> VerifiedTransactions {
        std::mem::take(self)
    }
}
