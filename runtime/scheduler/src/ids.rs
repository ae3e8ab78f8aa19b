//! Turns "the n-th transaction" and "the n-th account" of a block into types.
//!
//! Both count from 0 within one block and are dense, so that everything the scheduler keeps
//! per transaction or per account is a plain array.

use std::fmt;

/// A transaction's position among the planned transactions of its block, from 0.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TransactionIndex(pub u32);

/// A block-local account id: accounts are numbered from 0 in order of first appearance.
///
/// At most [`AccountIndex::MAX`], because an [`Access`](crate::Access) packs it with a mode.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountIndex(pub u32);

impl TransactionIndex {
    /// The index as an array position.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl AccountIndex {
    /// The largest id: two bits of the packed access belong to the mode.
    pub const MAX: Self = Self(u32::MAX >> 2);

    /// The id as an array position.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TransactionIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AccountIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Narrows a count to the `u32` that all tables of this crate use.
///
/// # Panics
/// Above `u32::MAX`: a block of four thousand million entries does not fit in memory.
#[inline]
pub(crate) fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("a block has fewer than 2^32 entries of any kind")
}

/// All transactions of a block of `count`, in block order.
pub(crate) fn block_order(count: usize) -> impl ExactSizeIterator<Item = TransactionIndex> + Clone {
    (0..narrow(count)).map(TransactionIndex)
}
