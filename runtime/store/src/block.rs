//! What a store keeps of a finalised block beside its accounts: a record of fixed size, and opaque
//! bytes.

use lockstep_interface::Hash;

use crate::{Change, StoreError};

/// What identifies a finalised block and its state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BlockRecord {
    /// The slot: the height of the block, in which heights without a block are left out.
    pub slot: u64,
    /// Hash of the block.
    pub block_id: Hash,
    /// Hash of the block before; for the first block whatever it names, usually zero.
    pub parent_id: Hash,
    /// Root over the accounts that the block changed.
    pub delta_root: Hash,
    /// Root over all accounts after the block, [`Trie::root`](crate::Trie::root); `None` on a
    /// chain that computes none, whose accounts can then not be checked when a store is opened.
    pub state_root: Option<Hash>,
}

/// A finalised block on its way into a store.
#[derive(Clone, Copy, Debug)]
pub struct BlockBatch<'a> {
    /// Its record.
    pub record: BlockRecord,
    /// The accounts that it changed. Later changes of the same address win.
    pub changes: &'a [Change],
    /// Opaque bytes to be kept with it: its transactions, a plan, receipts; less than 4 GiB.
    pub body: &'a [u8],
}

/// A block as a store remembers it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredBlock {
    /// Its record.
    pub record: BlockRecord,
    /// The opaque bytes.
    pub body: Vec<u8>,
}

impl BlockRecord {
    /// Whether this block is the newest one, `tip`, and need not be committed again. What every
    /// [`Store::commit`](crate::Store::commit) asks first.
    ///
    /// ```
    /// use lockstep_interface::Hash;
    /// use lockstep_store::BlockRecord;
    ///
    /// let id = |number| Hash::new_from_array([number; 32]);
    /// let record = |slot, block_id, parent_id| BlockRecord {
    ///     slot,
    ///     block_id,
    ///     parent_id,
    ///     delta_root: Hash::default(),
    ///     state_root: None,
    /// };
    /// let first = record(1, id(1), id(0));
    /// assert!(!first.is_repeat(None)?);
    /// assert!(first.is_repeat(Some(&first))?);
    /// assert!(!record(5, id(5), id(1)).is_repeat(Some(&first))?);
    /// assert!(record(5, id(5), id(4)).is_repeat(Some(&first)).is_err());
    /// # Ok::<(), lockstep_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] if the block neither is the newest one nor follows it.
    pub fn is_repeat(&self, tip: Option<&Self>) -> Result<bool, StoreError> {
        match tip {
            Some(tip) if tip == self => Ok(true),
            Some(tip) if !self.follows(tip) => Err(StoreError::OutOfOrder {
                tip: Box::new(*tip),
                block: Box::new(*self),
            }),
            _ => Ok(false),
        }
    }

    /// True if the block is a child of the other.
    pub(crate) fn follows(&self, parent: &Self) -> bool {
        self.slot > parent.slot && self.parent_id == parent.block_id
    }
}
