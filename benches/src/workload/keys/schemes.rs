//! Key pairs of other schemes than ed25519, and what a chain needs to take their signatures.
//!
//! Making a key of Falcon takes milliseconds, so that a key serves about 128 wallets, each with an
//! address of its own. A verifier decodes the key of each signature anew, so that sharing saves it
//! nothing.

use lockstep_interface::activation::{Activation, SCHEDULE, Schedule};
use lockstep_interface::{Account, Address, Rent, SignatureScheme};
use lockstep_runtime::wire::{Message, MessageError, SchemeKey, Signed, Version};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Keyring;

/// Addresses of a key that are used: every key has more.
const ADDRESSES_PER_KEY: usize = 64;

/// What the key pairs of a ring sign with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signing {
    /// Ed25519.
    Ed25519,
    /// Falcon-512.
    Falcon,
    /// ML-DSA-44.
    MlDsa,
    /// All three in turn.
    Mixed,
}

impl Signing {
    fn schemes(self) -> &'static [Option<SignatureScheme>] {
        const FALCON: Option<SignatureScheme> = Some(SignatureScheme::Falcon512);
        const ML_DSA: Option<SignatureScheme> = Some(SignatureScheme::MlDsa44);
        match self {
            Self::Ed25519 => &[None],
            Self::Falcon => &[FALCON],
            Self::MlDsa => &[ML_DSA],
            Self::Mixed => &[None, FALCON, ML_DSA],
        }
    }
}

impl Keyring {
    /// The same with other schemes. Runs on the current rayon pool, up to 0.1 ms a key pair.
    #[must_use]
    pub fn signing(mut self, signing: Signing, seed: u64) -> Self {
        let schemes = signing.schemes();
        if signing == Signing::Ed25519 {
            return self;
        }
        let each = self.len().div_ceil(schemes.len());
        let mut rings = schemes
            .iter()
            .map(|scheme| scheme.map(|scheme| ring(scheme, seed, each).into_iter()))
            .collect::<Vec<_>>();
        let turns = (0..self.len()).map(|number| number % schemes.len());
        self.schemes = turns.map(|turn| rings[turn].as_mut()?.next()).collect();
        for (address, key) in self.addresses.iter_mut().zip(&self.schemes) {
            if let Some(key) = key {
                *address = key.address();
            }
        }
        self
    }

    /// True if a key pair is of another scheme than ed25519.
    pub fn has_schemes(&self) -> bool {
        !self.schemes.is_empty()
    }

    /// The transaction with this message, signed by the key pair of this number alone: for one of
    /// another scheme than ed25519 as v1.
    ///
    /// # Errors
    /// If the format cannot express it.
    ///
    /// # Panics
    /// If there is no such key pair.
    pub fn sign_alone(&self, number: usize, message: Message) -> Result<Vec<u8>, MessageError> {
        match self.schemes.get(number).and_then(Option::as_ref) {
            Some(key) => {
                let message = Message {
                    version: Version::V1,
                    ..message
                };
                let signed = key.sign(&message.encode()?);
                message.with_signed(&[signed])
            }
            None => {
                let bytes = message.encode()?;
                let label = Sha256::digest(&bytes);
                let signatures = self.sign(&label, &[(number, bytes)]);
                message.with_signed(&[Signed::Ed25519(signatures[0])])
            }
        }
    }

    /// The account by which a chain takes what the key pairs sign; `None` if that is ed25519 alone.
    pub fn schedule(&self) -> Option<(Address, Account)> {
        let keys = self.schemes.iter().flatten();
        let mut schemes: Vec<SignatureScheme> = keys.map(SchemeKey::scheme).collect();
        schemes.sort_unstable();
        schemes.dedup();
        if schemes.is_empty() {
            return None;
        }
        let activations = schemes.into_iter().map(|scheme| Activation {
            feature: scheme.feature(),
            slot: 0,
            name: scheme.name().to_owned(),
        });
        let schedule = Schedule {
            authority: None,
            activations: activations.collect(),
        };
        let account = schedule.to_account(&Rent::MAINNET);
        Some((
            SCHEDULE,
            account.expect("a schedule has room for all schemes"),
        ))
    }
}

/// This number of keys of a scheme, which depend on the seed alone.
fn ring(scheme: SignatureScheme, seed: u64, count: usize) -> Vec<SchemeKey> {
    let keys = (0..count.div_ceil(ADDRESSES_PER_KEY)).into_par_iter();
    let keys = keys.flat_map_iter(|number| {
        let hasher = Sha256::new_with_prefix(b"lockstep scheme key");
        let hasher = hasher.chain_update(seed.to_le_bytes());
        let number = u64::try_from(number).expect("a length fits u64");
        let seed = hasher.chain_update(number.to_le_bytes()).finalize();
        let key = SchemeKey::from_seed(scheme, seed.into());
        let key = key.expect("this build has every scheme");
        key.addresses().take(ADDRESSES_PER_KEY)
    });
    let mut keys: Vec<SchemeKey> = keys.collect();
    keys.truncate(count);
    keys
}
