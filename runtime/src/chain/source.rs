//! Where a block's transactions come from.

use lockstep_interface::Address;

use crate::{bank::FrozenBank, block::BlockLimits, prepare::BlockUsage, verify::ParsedBlock};

/// Gives transactions for a block: a mempool, usually.
pub trait TransactionSource: Send {
    /// Transactions for a child of `parent`, in the order in which they have a right to get in.
    /// Other nodes refuse a block with a wrong signature, so they have been verified.
    ///
    /// What exceeds the limits, or is refused for another reason, is named in
    /// [`BuiltBlock::refused`](super::BuiltBlock), by its place in all that was given for the
    /// block.
    fn select(&mut self, parent: &FrozenBank, limits: &BlockLimits) -> ParsedBlock;

    /// More transactions for the same block, of which some were refused and left room. `state` is
    /// that after the included ones, `usage` what they take of the limits. Asked until nothing is
    /// given, the block is nearly full, or [`REFILLS_MAX`](super::REFILLS_MAX) times.
    fn refill(&mut self, state: &FrozenBank, usage: &BlockUsage<Address>) -> ParsedBlock {
        let _ = (state, usage);
        ParsedBlock::default()
    }
}

impl TransactionSource for ParsedBlock {
    /// All of them at once, and none the next time.
    fn select(&mut self, _parent: &FrozenBank, _limits: &BlockLimits) -> ParsedBlock {
        std::mem::take(self)
    }
}
