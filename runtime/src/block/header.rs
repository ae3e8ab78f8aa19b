//! A block's header: what identifies the block and commits to all of it, in a fixed number of
//! bytes.

use borsh::BorshSerialize;
use lockstep_interface::Hash;
use sha2::{Digest, Sha256};

use super::{codec::Cursor, error::BlockDecodeError};

/// The version of the header's encoding.
const VERSION: u8 = 1;
/// What is hashed before a header, so that no other hash is a block's id.
const ID_TAG: &[u8] = b"lockstep block header";

/// What a block says of itself. Fields that a chain does not compute are zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BlockHeader {
    /// The id of the block before.
    pub parent_id: Hash,
    /// The slot, above the parent's.
    pub slot: u64,
    /// Seconds since 1970.
    pub unix_timestamp: i64,
    /// How many transactions the body has.
    pub transaction_count: u32,
    /// Their [`transaction_root`](super::transaction_root).
    pub transaction_root: Hash,
    /// The [`receipts_root`](super::receipts_root) of their receipts, in body order.
    pub receipts_root: Hash,
    /// Root over the accounts that the block changed
    /// ([`delta_root`](crate::bank::root::delta_root)).
    pub delta_root: Hash,
    /// Root over all accounts after the block; `None` on a chain that computes none.
    pub state_root: Option<Hash>,
    /// The [`plan_digest`](super::plan_digest) of the body's plan.
    pub plan_digest: Hash,
}

impl BlockHeader {
    /// Bytes of an encoded header.
    pub const SIZE: usize = 214;

    /// The header's bytes; one header has one encoding.
    ///
    /// ```
    /// use lockstep_runtime::block::BlockHeader;
    /// # use lockstep_interface::Hash;
    /// # let zero = Hash::default();
    /// # let header = BlockHeader {
    /// #     parent_id: zero, slot: 7, unix_timestamp: -1, transaction_count: 0,
    /// #     transaction_root: zero, receipts_root: zero, delta_root: zero,
    /// #     state_root: None, plan_digest: zero,
    /// # };
    /// let bytes = header.encode();
    /// assert_eq!(BlockHeader::decode(&bytes), Ok(header));
    /// assert!(BlockHeader::decode(&bytes[1..]).is_err());
    /// ```
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let mut rest = &mut bytes[..];
        let written = (
            (VERSION, self.parent_id.to_bytes()),
            (self.slot, self.unix_timestamp, self.transaction_count),
            self.transaction_root.to_bytes(),
            self.receipts_root.to_bytes(),
            self.delta_root.to_bytes(),
            // Zero if there is none.
            u8::from(self.state_root.is_some()),
            self.state_root.unwrap_or_default().to_bytes(),
            self.plan_digest.to_bytes(),
        )
            .serialize(&mut rest);
        written.expect("the fields have the header's size");
        assert!(rest.is_empty(), "the fields have the header's size");
        bytes
    }

    /// Reads a header that takes all of `bytes`.
    ///
    /// # Errors
    /// If `bytes` are not exactly what [`BlockHeader::encode`] gives for some header.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockDecodeError> {
        let mut cursor = Cursor::new(bytes);
        let header = Self::read(&mut cursor)?;
        cursor.finish()?;
        Ok(header)
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, BlockDecodeError> {
        cursor.expect_byte("header version", VERSION)?;
        let header = Self {
            parent_id: hash(cursor, "parent id")?,
            slot: u64::from_le_bytes(cursor.array("slot")?),
            unix_timestamp: i64::from_le_bytes(cursor.array("unix timestamp")?),
            transaction_count: u32::from_le_bytes(cursor.array("transaction count")?),
            transaction_root: hash(cursor, "transaction root")?,
            receipts_root: hash(cursor, "receipts root")?,
            delta_root: hash(cursor, "delta root")?,
            state_root: state_root(cursor)?,
            plan_digest: hash(cursor, "plan digest")?,
        };
        Ok(header)
    }

    /// What the block is called by: SHA-256 over a fixed tag and the encoded header.
    pub fn id(&self) -> Hash {
        let digest = Sha256::new()
            .chain_update(ID_TAG)
            .chain_update(self.encode());
        Hash::new_from_array(digest.finalize().into())
    }
}

fn hash(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Hash, BlockDecodeError> {
    Ok(Hash::new_from_array(cursor.array(field)?))
}

fn state_root(cursor: &mut Cursor<'_>) -> Result<Option<Hash>, BlockDecodeError> {
    let field = "state root";
    if cursor.byte("state root flag", 1)? == 1 {
        return Ok(Some(hash(cursor, field)?));
    }
    for _ in 0..size_of::<Hash>() {
        cursor.expect_byte(field, 0)?;
    }
    Ok(None)
}
