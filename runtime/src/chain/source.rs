//! Where a block's transactions come from.

use crate::{bank::FrozenBank, block::BlockLimits, verify::ParsedBlock};

/// Gives transactions for a block: a mempool, usually.
pub trait TransactionSource: Send {
    /// Transactions for a child of `parent`, those that are preferred first. Other nodes refuse a
    /// block with a wrong signature, so the source has verified them.
    ///
    /// [`BuiltBlock::refused`](super::BuiltBlock) names those that exceed the limits, or are refused
    /// for another reason, by their places in the list.
    fn select(&mut self, parent: &FrozenBank, limits: &BlockLimits) -> ParsedBlock;
}

impl TransactionSource for ParsedBlock {
    /// All of them at once, and none the next time.
    fn select(&mut self, _parent: &FrozenBank, _limits: &BlockLimits) -> ParsedBlock {
        std::mem::take(self)
    }
}
