//! A block's transactions as they come from the wire: one buffer and where each one ends.

/// Serialized transactions, back to back in one buffer.
///
/// ```
/// let mut block = lockstep_runtime::block::WireBlock::default();
/// block.push(b"first");
/// block.push(b"second");
/// assert_eq!(block.get(1), Some(b"second".as_slice()));
/// assert_eq!(block.len(), 2);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WireBlock {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl WireBlock {
    /// An empty block with room for `count` transactions of `size` bytes.
    pub fn with_capacity(count: usize, size: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(count.saturating_mul(size)),
            ends: Vec::with_capacity(count),
        }
    }

    /// Appends one transaction. Its bytes are not looked at.
    pub fn push(&mut self, transaction: &[u8]) {
        self.bytes.extend_from_slice(transaction);
        self.ends.push(self.bytes.len());
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
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A block from bytes and from where each transaction ends in them: ascending, the last one
    /// at the end of the bytes.
    pub(super) fn from_parts(bytes: Vec<u8>, ends: Vec<usize>) -> Self {
        debug_assert!(ends.is_sorted());
        debug_assert_eq!(ends.last().copied().unwrap_or(0), bytes.len());
        Self { bytes, ends }
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
