//! A block as consensus carries it: the chain's bytes behind the digest of the parent.
//!
//! ```text
//! wire     parent digest 32 | size, varint | header 214 | body
//! digest   SHA-256 of  tag | parent digest 32 | header 214 | SHA-256 of the body
//! ```
//! The digest is what members sign. A header commits to all but the signatures of its
//! transactions, and the digest to those, too. The body enters by its hash, so that a certificate
//! and a header are enough to prove what the header states.
//!
//! The height is the header's slot: blocks of a network have slots without gaps.

use std::{fmt, ops::RangeInclusive};

use bytes::{BufMut, Bytes};
use commonware_codec::{Buf, EncodeSize, Error, RangeCfg, Read, ReadExt, Write};
use commonware_consensus::{BoundedBlock, Heightable, types::Height};
use commonware_cryptography::{Digest as _, Digested, Digestible, sha256};
use lockstep_interface::Hash;
use lockstep_runtime::block::{BlockHeader, BlockLimits};
use sha2::{Digest as _, Sha256};

/// What members sign.
pub type BlockDigest = sha256::Digest;

/// What is hashed before a block, so that no other hash is a block's digest.
const DIGEST_TAG: &[u8] = b"lockstep validator block";
/// Bytes of the longest size in front of a block.
const SIZE_PREFIX_MAX: usize = 5;
/// Bytes of a plan for each transaction, and for each wait, at most: a size of two bytes, and up
/// to five numbers of four.
const PLAN_BYTES_PER_ITEM: usize = 22;
/// Bytes of a body besides transactions and plan.
const BODY_HEAD_SIZE: usize = 64;

/// A block of the chain with the digest of its parent.
#[derive(Clone, Eq, PartialEq)]
pub struct Block {
    parent: BlockDigest,
    header: BlockHeader,
    bytes: Bytes,
}

/// The bytes of a block that may be read.
pub type BlockSize = RangeInclusive<usize>;

/// The most bytes that a block within the chain's limits takes here.
pub fn block_size_max(limits: &BlockLimits) -> usize {
    let transactions = usize::try_from(limits.transaction_bytes_max).unwrap_or(usize::MAX);
    let count = limits.transaction_count_max as usize;
    let items = count.saturating_add(limits.wait_count_max as usize);
    let plan = items.saturating_mul(PLAN_BYTES_PER_ITEM);
    let head = BlockHeader::SIZE.saturating_add(BODY_HEAD_SIZE);
    transactions.saturating_add(plan).saturating_add(head)
}

/// The sizes of blocks within the chain's limits.
pub fn block_size(limits: &BlockLimits) -> BlockSize {
    BlockHeader::SIZE..=block_size_max(limits)
}

impl Block {
    /// The block of these bytes.
    ///
    /// # Errors
    /// If the bytes do not begin with a header.
    pub fn new(parent: BlockDigest, bytes: impl Into<Bytes>) -> Result<Self, Error> {
        let bytes = bytes.into();
        let header = bytes.get(..BlockHeader::SIZE).ok_or(Error::EndOfBuffer)?;
        let header = BlockHeader::decode(header)
            .map_err(|_| Error::Invalid("Block", "the bytes do not begin with a header"))?;
        Ok(Self {
            parent,
            header,
            bytes,
        })
    }

    /// The block that a chain begins with, which has no parent and no body here.
    pub fn genesis(header: &BlockHeader) -> Self {
        Self {
            parent: BlockDigest::EMPTY,
            header: *header,
            bytes: Bytes::copy_from_slice(&header.encode()),
        }
    }

    /// The chain's header.
    pub fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// The chain's id of the block.
    pub fn id(&self) -> Hash {
        self.header.id()
    }

    /// The chain's bytes, as [`Chain::read`](lockstep_runtime::chain::Chain::read) takes them.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The parent's digest as bytes.
    pub(crate) fn encode_parent(&self) -> [u8; 32] {
        self.parent.0
    }

    /// SHA-256 of what follows the header.
    pub fn body_hash(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes[BlockHeader::SIZE..]).into()
    }

    /// The block beside its digest.
    pub fn digested(self) -> Digested<Self> {
        let digest = self.digest();
        Digested::precomputed(self, digest)
    }
}

/// The digest of a block of which the header and the hash of the body are known.
pub fn digest_of(parent: &[u8; 32], header: &[u8], body_hash: &[u8; 32]) -> [u8; 32] {
    Sha256::new_with_prefix(DIGEST_TAG)
        .chain_update(parent)
        .chain_update(header)
        .chain_update(body_hash)
        .finalize()
        .into()
}

impl fmt::Debug for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Block")
            .field("slot", &self.header.slot)
            .field("id", &self.id())
            .field("size", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Write for Block {
    fn write(&self, writer: &mut impl BufMut) {
        self.parent.write(writer);
        self.bytes.write(writer);
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        let size = self.parent.encode_size();
        size.saturating_add(self.bytes.encode_size())
    }
}

impl Read for Block {
    type Cfg = BlockSize;

    fn read_cfg(reader: &mut impl Buf, size: &BlockSize) -> Result<Self, Error> {
        let parent = BlockDigest::read(reader)?;
        let bytes = Bytes::read_cfg(reader, &RangeCfg::from(size.clone()))?;
        Self::new(parent, bytes)
    }
}

impl Digestible for Block {
    type Digest = BlockDigest;

    fn digest(&self) -> BlockDigest {
        let header = &self.bytes[..BlockHeader::SIZE];
        BlockDigest::from(digest_of(&self.parent.0, header, &self.body_hash()))
    }
}

impl Heightable for Block {
    fn height(&self) -> Height {
        Height::new(self.header.slot)
    }
}

impl commonware_consensus::Block for Block {
    fn parent(&self) -> BlockDigest {
        self.parent
    }
}

impl BoundedBlock for Block {
    fn max_encode_size(size: &BlockSize) -> usize {
        let head = size_of::<BlockDigest>().saturating_add(SIZE_PREFIX_MAX);
        size.end().saturating_add(head)
    }
}

#[cfg(test)]
mod tests {
    use commonware_codec::{Decode, Encode};

    use super::*;

    fn header(slot: u64) -> BlockHeader {
        BlockHeader {
            parent_id: Hash::default(),
            slot,
            unix_timestamp: 0,
            transaction_count: 0,
            transaction_root: Hash::default(),
            receipts_root: Hash::default(),
            delta_root: Hash::default(),
            state_root: None,
            plan_digest: Hash::default(),
        }
    }

    #[test]
    fn every_byte_of_a_block_enters_its_digest() {
        let bytes = [&header(3).encode()[..], &[1, 2, 3]].concat();
        let block = Block::new(BlockDigest::from([7; 32]), bytes).unwrap();
        let sizes = BlockHeader::SIZE..=300;
        let encoded = block.encode();
        let decoded = Block::decode_cfg(encoded.clone(), &sizes).unwrap();
        assert_eq!(decoded, block);
        assert!(encoded.len() <= Block::max_encode_size(&sizes));
        for place in 0..encoded.len() {
            let mut other = encoded.to_vec();
            other[place] ^= 1;
            if let Ok(other) = Block::decode_cfg(Bytes::from(other), &sizes) {
                assert_ne!(other.digest(), block.digest(), "byte {place}");
            }
        }
    }

    #[test]
    fn blocks_without_a_header_or_beyond_the_limit_are_refused() {
        let parent = BlockDigest::EMPTY;
        assert!(Block::new(parent, vec![1; BlockHeader::SIZE - 1]).is_err());
        assert!(Block::new(parent, vec![255; BlockHeader::SIZE]).is_err());
        let block = Block::new(parent, header(1).encode().to_vec()).unwrap();
        let sizes = 0..=BlockHeader::SIZE - 1;
        assert!(Block::decode_cfg(block.encode(), &sizes).is_err());
    }
}
