//! A block's transactions as they come from the wire: one buffer, where each one ends, and which of
//! them are bundles.

use thiserror::Error;

use crate::limits::BUNDLE_COUNT_MAX;

/// Neighbouring transactions of a block that belong together: they run in order, back to back, and
/// if one of them fails or is refused, none of them has any effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BundleRange {
    /// Position of the first.
    pub start: u32,
    /// How many they are, in [2, [`BUNDLE_COUNT_MAX`]].
    pub count: u32,
}

impl BundleRange {
    /// The position after the last.
    pub fn end(&self) -> u32 {
        self.start.saturating_add(self.count)
    }
}

/// Why transactions of a block cannot be a bundle.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BundleError {
    /// They are too few or too many.
    #[error("a bundle has 2 to {limit} transactions, not {count}")]
    Count {
        /// How many they are.
        count: u32,
        /// [`BUNDLE_COUNT_MAX`].
        limit: u32,
    },
    /// Some belong to a bundle already, or lie before one.
    #[error("a bundle that starts at {start} does not follow the one before, which ends at {end}")]
    Order {
        /// Position of the first.
        start: u32,
        /// The position after the last bundle.
        end: u32,
    },
    /// The block does not have them.
    #[error("a bundle ends at {end}, the block has {len} transactions")]
    Length {
        /// The position after the last.
        end: u32,
        /// Transactions in the block.
        len: usize,
    },
}

/// Serialized transactions, back to back in one buffer.
///
/// ```
/// let mut block = lockstep_runtime::wire::WireBlock::default();
/// block.push(b"first");
/// block.push(b"second");
/// assert_eq!(block.get(1), Some(b"second".as_slice()));
/// assert_eq!(block.len(), 2);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WireBlock {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// In ascending order, without overlap.
    bundles: Vec<BundleRange>,
}

impl WireBlock {
    /// An empty block with room for `count` transactions that take `size` bytes together.
    pub fn with_capacity(count: usize, size: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(size),
            ends: Vec::with_capacity(count),
            bundles: Vec::new(),
        }
    }

    /// Appends one transaction. Its bytes are not looked at.
    pub fn push(&mut self, transaction: &[u8]) {
        self.bytes.extend_from_slice(transaction);
        self.ends.push(self.bytes.len());
    }

    /// Makes `count` transactions from `start` on a bundle. Bundles are declared in block order.
    ///
    /// ```
    /// use lockstep_runtime::wire::{BundleRange, WireBlock};
    ///
    /// let mut block = WireBlock::from_iter([b"alone", b"first", b"other"]);
    /// block.bundle(1, 2)?;
    /// assert_eq!(block.bundles(), [BundleRange { start: 1, count: 2 }]);
    /// assert!(block.bundle(2, 1).is_err());
    /// # Ok::<(), lockstep_runtime::wire::BundleError>(())
    /// ```
    ///
    /// # Errors
    /// If they are too few or too many, not all there, or not behind the last bundle.
    pub fn bundle(&mut self, start: u32, count: u32) -> Result<(), BundleError> {
        let range = BundleRange { start, count };
        let limit = BUNDLE_COUNT_MAX;
        if !(2..=limit).contains(&count) {
            return Err(BundleError::Count { count, limit });
        }
        let end = self.bundles.last().map_or(0, BundleRange::end);
        if start < end {
            return Err(BundleError::Order { start, end });
        }
        let (end, len) = (range.end(), self.len());
        if end as usize > len || end == u32::MAX {
            return Err(BundleError::Length { end, len });
        }
        self.bundles.push(range);
        Ok(())
    }

    /// The bundles in block order.
    pub fn bundles(&self) -> &[BundleRange] {
        &self.bundles
    }

    /// The number of transactions.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of the transaction at `index`.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.bytes[start..end])
    }

    /// The transactions in block order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index).expect("index is below the length"))
    }

    /// Bytes of all transactions.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// All transactions, back to back.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A block from bytes and from where each transaction ends in them: ascending, the last one
    /// at the end of the bytes.
    pub(crate) fn from_parts(bytes: Vec<u8>, ends: Vec<usize>) -> Self {
        debug_assert!(ends.is_sorted());
        debug_assert_eq!(ends.last().copied().unwrap_or(0), bytes.len());
        Self {
            bytes,
            ends,
            bundles: Vec::new(),
        }
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for WireBlock {
    fn from_iter<I: IntoIterator<Item = T>>(transactions: I) -> Self {
        let mut block = Self::default();
        for transaction in transactions {
            block.push(transaction.as_ref());
        }
        block
    }
}
