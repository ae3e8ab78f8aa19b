//! Durable nonces: the 80 bytes of a nonce account, and the value that replaces a blockhash.
//!
//! Layout (bincode, little endian): `version: u32` (0 legacy, 1 current), `state: u32`
//! (0 uninitialized, 1 initialized), then for an initialized account the authority, the durable
//! nonce (32 bytes each) and the fee of a signature as `u64`.

use sha2::{Digest, Sha256};
use solana_hash::Hash;

use crate::Address;

/// Bytes of a nonce account's data.
pub const NONCE_ACCOUNT_SIZE: usize = 80;

/// The domain of a nonce account's stored hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NonceVersion {
    /// Stored before durable nonces had a hash domain of their own; cannot save a transaction.
    Legacy = 0,
    /// Today's.
    Current = 1,
}

/// What an initialized nonce account holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NonceData {
    /// The address that must sign to advance, withdraw or authorize.
    pub authority: Address,
    /// The value a transaction carries in place of a recent blockhash.
    pub durable_nonce: Hash,
    /// Fee of a signature in lamports when the nonce was stored.
    pub lamports_per_signature: u64,
}

/// The decoded data of a nonce account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NonceState {
    /// The hash domain.
    pub version: NonceVersion,
    /// `None` until initialized.
    pub data: Option<NonceData>,
}

/// The durable nonce that follows from a blockhash (Solana: `DurableNonce::from_blockhash`).
pub fn durable_nonce(blockhash: &Hash) -> Hash {
    let digest = Sha256::new()
        .chain_update(b"DURABLE_NONCE")
        .chain_update(blockhash)
        .finalize();
    Hash::new_from_array(digest.into())
}

impl NonceState {
    /// An initialized account of the current version.
    pub fn initialized(data: NonceData) -> Self {
        Self {
            version: NonceVersion::Current,
            data: Some(data),
        }
    }

    /// Decodes account data; `None` if it is not a nonce account's. Trailing bytes are ignored,
    /// as Solana's bincode does.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk::<4>()?;
        let version = match u32::from_le_bytes(*version) {
            0 => NonceVersion::Legacy,
            1 => NonceVersion::Current,
            _ => return None,
        };
        let (state, rest) = rest.split_first_chunk::<4>()?;
        let data = match u32::from_le_bytes(*state) {
            0 => None,
            1 => {
                let (authority, rest) = rest.split_first_chunk::<32>()?;
                let (durable_nonce, rest) = rest.split_first_chunk::<32>()?;
                let (fee, _) = rest.split_first_chunk::<8>()?;
                Some(NonceData {
                    authority: Address::new_from_array(*authority),
                    durable_nonce: Hash::new_from_array(*durable_nonce),
                    lamports_per_signature: u64::from_le_bytes(*fee),
                })
            }
            _ => return None,
        };
        Some(Self { version, data })
    }

    /// Writes the state over the front of `bytes`; the rest stays. `None` if it does not fit.
    pub fn encode_into(&self, bytes: &mut [u8]) -> Option<()> {
        let mut encoded = [0; NONCE_ACCOUNT_SIZE];
        let mut size = 8;
        encoded[..4].copy_from_slice(&(self.version as u32).to_le_bytes());
        if let Some(data) = &self.data {
            encoded[4..8].copy_from_slice(&1u32.to_le_bytes());
            encoded[8..40].copy_from_slice(data.authority.as_array());
            encoded[40..72].copy_from_slice(data.durable_nonce.as_ref());
            encoded[72..80].copy_from_slice(&data.lamports_per_signature.to_le_bytes());
            size = NONCE_ACCOUNT_SIZE;
        }
        bytes.get_mut(..size)?.copy_from_slice(&encoded[..size]);
        Some(())
    }

    /// The data, if a transaction with `blockhash` in its message may run on this nonce.
    pub fn verify(&self, blockhash: &Hash) -> Option<&NonceData> {
        let data = self.data.as_ref()?;
        (self.version == NonceVersion::Current && data.durable_nonce == *blockhash).then_some(data)
    }
}
