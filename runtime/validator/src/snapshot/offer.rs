//! What a member offers: a header that is final, and the hashes of the chunks of a snapshot of the
//! state after its block.
//!
//! ```text
//! size u32 | certificate | parent digest 32 | header 214 | SHA-256 of the body 32
//! size of the snapshot u64 | size of a chunk u32 | SHA-256 of each chunk 32 n
//! ```
//! Integers are little-endian. All members make the same bytes but for the certificate, which may
//! have other signatures.

use commonware_codec::{Copying, Decode as _, Encode as _};
use commonware_consensus::{
    Epochable as _,
    simplex::{scheme::ed25519::Scheme, types::Finalization},
};
use commonware_cryptography::certificate::Verifier as _;
use commonware_parallel::Sequential;
use lockstep_runtime::block::BlockHeader;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{
    block::{Block, BlockDigest, digest_of},
    epochs::Epochs,
    limits::CHUNK_COUNT_MAX,
};

/// A certificate that a block is final.
pub type Certificate = Finalization<Scheme, BlockDigest>;

/// Why an offer is of no use.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OfferError {
    /// Its bytes are no offer.
    #[error("the offer of a snapshot is malformed: {0}")]
    Encoding(&'static str),
    /// The certificate is of another block than the header.
    #[error("the offer's certificate is of another block than its header, of slot {0}")]
    OtherBlock(u64),
    /// The members of its epoch are not known here.
    #[error("the offer's certificate is of epoch {0}, whose members are not known yet")]
    Epoch(u64),
    /// Fewer members than needed have signed.
    #[error("the offer's certificate for slot {0} is not signed by two thirds of the members")]
    Signatures(u64),
    /// The number of chunks does not fit the size, or is too large.
    #[error(
        "the offered snapshot has {size} bytes and {found} chunks of {chunk_size}: expected at \
         most {CHUNK_COUNT_MAX}, as many as the bytes need"
    )]
    Chunks {
        /// Bytes of the snapshot.
        size: u64,
        /// Bytes of a chunk.
        chunk_size: u32,
        /// Hashes of chunks.
        found: usize,
    },
}

/// A snapshot that can be had.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Says that the block is final.
    pub certificate: Certificate,
    parent: [u8; 32],
    header: BlockHeader,
    body_hash: [u8; 32],
    size: u64,
    chunk_size: u32,
    chunk_hashes: Vec<[u8; 32]>,
}

/// A snapshot as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// Bytes of all.
    pub(crate) size: u64,
    /// Bytes of a chunk; the last one may have fewer.
    pub(crate) chunk_size: u32,
    /// SHA-256 of each chunk.
    pub(crate) chunk_hashes: Vec<[u8; 32]>,
}

impl Offer {
    /// The offer of a snapshot of the state after a block.
    pub(crate) fn new(certificate: Certificate, block: &Block, written: Written) -> Self {
        Self {
            certificate,
            parent: block.encode_parent(),
            header: *block.header(),
            body_hash: block.body_hash(),
            size: written.size,
            chunk_size: written.chunk_size,
            chunk_hashes: written.chunk_hashes,
        }
    }

    /// The header of the final block.
    pub fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// The height of the block.
    pub fn height(&self) -> u64 {
        self.header.slot
    }

    /// The epoch of the certificate.
    pub fn epoch(&self) -> u64 {
        self.certificate.epoch().get()
    }

    /// Bytes of the snapshot.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The number of chunks.
    pub fn chunk_count(&self) -> usize {
        self.chunk_hashes.len()
    }

    /// Where a chunk begins, and its bytes; `None` if there is no such chunk.
    pub fn chunk(&self, index: usize) -> Option<(u64, usize)> {
        self.chunk_hashes.get(index)?;
        let start = u64::try_from(index).ok()?;
        let start = start.checked_mul(self.chunk_size.into())?;
        let left = self.size.checked_sub(start)?;
        let size = left.min(self.chunk_size.into());
        Some((start, usize::try_from(size).ok()?))
    }

    /// Whether bytes are those of a chunk.
    pub fn is_chunk(&self, index: usize, bytes: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        self.chunk_hashes.get(index) == Some(&hash)
    }

    /// Stands for all but the certificate: equal if the snapshots are.
    pub fn subject(&self) -> [u8; 32] {
        Sha256::digest(self.encode_subject()).into()
    }

    fn encode_subject(&self) -> Vec<u8> {
        let mut bytes = self.parent.to_vec();
        bytes.extend_from_slice(&self.header.encode());
        bytes.extend_from_slice(&self.body_hash);
        bytes.extend_from_slice(&self.size.to_le_bytes());
        bytes.extend_from_slice(&self.chunk_size.to_le_bytes());
        bytes.extend_from_slice(self.chunk_hashes.as_flattened());
        bytes
    }

    /// The bytes of the offer.
    pub fn encode(&self) -> Vec<u8> {
        let certificate = self.certificate.encode();
        let size = u32::try_from(certificate.len()).expect("signatures of at most 128 members");
        let mut bytes = size.to_le_bytes().to_vec();
        bytes.extend_from_slice(&certificate);
        bytes.extend(self.encode_subject());
        bytes
    }

    /// Reads an offer. It is as good as its sender until it is checked.
    ///
    /// # Errors
    /// If the bytes are no offer.
    pub fn decode(bytes: &[u8]) -> Result<Self, OfferError> {
        let wrong = OfferError::Encoding;
        let cut = || wrong("it is cut off");
        let (size, rest) = bytes.split_first_chunk().ok_or_else(cut)?;
        let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| cut())?;
        let (certificate, rest) = rest.split_at_checked(size).ok_or_else(cut)?;
        let codec = Scheme::certificate_codec_config_unbounded();
        let certificate = Certificate::decode_cfg(Copying(certificate), &codec);
        let certificate = certificate.map_err(|_| wrong("it has no certificate"))?;
        let (parent, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (header, rest) = rest.split_at_checked(BlockHeader::SIZE).ok_or_else(cut)?;
        let header = BlockHeader::decode(header).map_err(|_| wrong("it has no header"))?;
        let (body_hash, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (size, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (chunk_size, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (chunk_hashes, []) = rest.as_chunks() else {
            return Err(cut());
        };
        let offer = Self {
            certificate,
            parent: *parent,
            header,
            body_hash: *body_hash,
            size: u64::from_le_bytes(*size),
            chunk_size: u32::from_le_bytes(*chunk_size),
            chunk_hashes: chunk_hashes.to_vec(),
        };
        offer.check_chunks()?;
        Ok(offer)
    }

    fn check_chunks(&self) -> Result<(), OfferError> {
        let found = self.chunk_hashes.len();
        let needed = match self.chunk_size {
            0 => None,
            chunk_size => usize::try_from(self.size.div_ceil(chunk_size.into())).ok(),
        };
        if found > CHUNK_COUNT_MAX || needed != Some(found) {
            return Err(OfferError::Chunks {
                size: self.size,
                chunk_size: self.chunk_size,
                found,
            });
        }
        Ok(())
    }

    /// Checks that the header is final. O(members).
    ///
    /// # Errors
    /// If the certificate is of another block or of an epoch that is not known, or too few members
    /// have signed it.
    pub fn check(&self, random: &mut impl CryptoRng, epochs: &Epochs) -> Result<(), OfferError> {
        let slot = self.height();
        let digest = digest_of(&self.parent, &self.header.encode(), &self.body_hash);
        if self.certificate.proposal.payload != BlockDigest::from(digest) {
            return Err(OfferError::OtherBlock(slot));
        }
        let epoch = self.epoch();
        let era = epochs.get(epoch).ok_or(OfferError::Epoch(epoch))?;
        if !self
            .certificate
            .verify(random, &**era.scheme(), &Sequential)
        {
            return Err(OfferError::Signatures(slot));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::num::NonZeroU64;

    use commonware_consensus::{
        simplex::types::{Finalize, Proposal},
        types::{Epoch, Round, View},
    };
    use commonware_cryptography::{Digestible as _, Signer as _, ed25519::PrivateKey};
    use commonware_utils::non_empty;
    use lockstep_interface::Hash;
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::members::{Member, Members};

    /// A network whose epochs have 40 slots.
    fn epochs() -> Epochs {
        let keys = (0..4).map(PrivateKey::from_seed);
        let members = keys.map(|key| Member {
            key: key.public_key(),
            stake: 1,
        });
        let members = Members::new(members.collect()).unwrap();
        let length = NonZeroU64::new(40);
        Epochs::new(&header(0), members, length, PrivateKey::from_seed(0))
    }

    /// The members' schemes.
    pub(in crate::snapshot) fn schemes() -> Vec<Scheme> {
        let era = epochs().latest();
        let keys = (0..4).map(PrivateKey::from_seed);
        keys.map(|key| era.members.scheme(&header(0).id(), Some(key)))
            .collect()
    }

    fn header(slot: u64) -> BlockHeader {
        BlockHeader {
            parent_id: Hash::default(),
            slot,
            unix_timestamp: 0,
            transaction_count: 0,
            transaction_root: Hash::default(),
            receipts_root: Hash::default(),
            delta_root: Hash::default(),
            state_root: Some(Hash::default()),
            plan_digest: Hash::default(),
        }
    }

    /// The offer of a snapshot with these bytes, signed by some members.
    pub(in crate::snapshot) fn offer(bytes: &[u8], chunk_size: u32, schemes: &[Scheme]) -> Offer {
        let header = header(32);
        let block = Block::genesis(&header);
        let round = Round::new(Epoch::zero(), View::new(9));
        let proposal = Proposal::new(round, View::new(8), block.digest());
        let signed = schemes.iter();
        let signed: Vec<_> = signed
            .map(|scheme| Finalize::sign(scheme, proposal.clone()).unwrap())
            .collect();
        let certificate =
            Finalization::from_finalizes(&schemes[0], non_empty![@&signed], &Sequential);
        let written = Written {
            size: bytes.len() as u64,
            chunk_size,
            chunk_hashes: bytes
                .chunks(chunk_size as usize)
                .map(|chunk| Sha256::digest(chunk).into())
                .collect(),
        };
        Offer::new(certificate.unwrap(), &block, written)
    }

    #[test]
    fn an_offer_is_what_its_certificate_proves() {
        let schemes = schemes();
        let offer = offer(&[7; 25], 10, &schemes[..3]);
        let (bytes, epochs) = (offer.encode(), epochs());
        let mut random = StdRng::seed_from_u64(1);
        let mut check = |bytes: &[u8]| {
            let offer = Offer::decode(bytes)?;
            offer.check(&mut random, &epochs).map(|()| offer)
        };
        let read = check(&bytes).unwrap();
        assert_eq!(read.subject(), offer.subject());
        assert_eq!((read.height(), read.chunk_count()), (32, 3));
        assert_eq!(read.chunk(2), Some((20, 5)));
        assert_eq!(read.chunk(3), None);
        assert!(read.is_chunk(2, &[7; 5]));
        assert!(!read.is_chunk(2, &[7; 6]));
        for end in 0..bytes.len() {
            assert!(check(&bytes[..end]).is_err(), "{end} bytes");
        }
        let end_of_block = bytes.len() - 3 * 32 - 12;
        for place in 0..end_of_block {
            let mut other = bytes.clone();
            other[place] ^= 1;
            assert!(check(&other).is_err(), "byte {place}");
        }
        for place in end_of_block..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 1;
            let subject = check(&other).map(|offer| offer.subject());
            assert!(subject.is_err() || subject.is_ok_and(|found| found != offer.subject()));
        }
    }
}
