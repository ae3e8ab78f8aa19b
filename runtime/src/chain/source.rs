//! Where a block's transactions come from.

use crate::{bank::FrozenBank, block::BlockLimits, verify::ParsedBlock};

/// Gives transactions for a block: a mempool, usually.
pub trait TransactionSource: Send {
    /// Transactions for a child of `parent`, in the order in which they have a right to get in.
    /// Other nodes refuse a block with a wrong signature, so they have been verified.
    ///
    /// What exceeds the limits, or is refused for another reason, is named in
    /// [`BuiltBlock::refused`](super::BuiltBlock), by its place in what was given here.
    fn select(&mut self, parent: &FrozenBank, limits: &BlockLimits) -> ParsedBlock;
}

impl TransactionSource for ParsedBlock {
    /// All of them at once, and none the next time.
    fn select(&mut self, _parent: &FrozenBank, _limits: &BlockLimits) -> ParsedBlock {
        std::mem::take(self)
    }
}
