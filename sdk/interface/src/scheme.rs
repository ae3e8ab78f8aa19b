//! Signature schemes besides ed25519, and the addresses of their keys.
//!
//! An ed25519 key is its own address. Keys of other schemes are longer, so that their address is a
//! hash, which commits to the scheme:
//!
//! ```text
//! address = SHA-256("lockstep signature scheme" | scheme u8 | bump u8 | key)
//! ```
//! It lies off the curve: nothing that breaks ed25519 gives a signature for it. About every second
//! bump leads off the curve, and each of those is an address of the key.
//!
//! A scheme holds from the slot on in which the chain activates it
//! ([`feature`](SignatureScheme::feature)).

use sha2::{Digest, Sha256};

use crate::{Address, activation::Schedule, address::is_on_curve};

/// Stands before what an address of a scheme's key is a hash of. No other address of a chain is a
/// hash of as many bytes.
const ADDRESS_DOMAIN: &[u8] = b"lockstep signature scheme";

/// The context in which schemes sign messages: a signature of a transaction is none of anything
/// else.
pub const SIGNING_CONTEXT: &[u8] = b"lockstep transaction";

/// A signature scheme that is expected to outlive quantum computers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SignatureScheme {
    /// Falcon of degree 512, as the draft of FN-DSA has it.
    Falcon512,
    /// ML-DSA-44 of FIPS 204.
    MlDsa44,
}

impl SignatureScheme {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Falcon512, Self::MlDsa44];

    /// Its number in addresses and on the wire. The last byte of an ed25519 signature is at most
    /// 0x10, which tells them apart.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Falcon512 => 0xf1,
            Self::MlDsa44 => 0xf2,
        }
    }

    /// The scheme of a number.
    pub fn of_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.byte() == byte)
    }

    /// Bytes of a key.
    pub const fn key_size(self) -> usize {
        match self {
            Self::Falcon512 => 897,
            Self::MlDsa44 => 1_312,
        }
    }

    /// Bytes of a signature.
    pub const fn signature_size(self) -> usize {
        match self {
            Self::Falcon512 => 666,
            Self::MlDsa44 => 2_420,
        }
    }

    /// What activates it.
    pub const fn feature(self) -> Address {
        match self {
            Self::Falcon512 => FALCON_512,
            Self::MlDsa44 => ML_DSA_44,
        }
    }

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Falcon512 => "falcon-512",
            Self::MlDsa44 => "ml-dsa-44",
        }
    }

    /// The one that a feature activates.
    pub fn of_feature(feature: &Address) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scheme| scheme.feature() == *feature)
    }

    /// The address of a key under a bump; `None` if it lies on the curve, or the key is not as long
    /// as keys of the scheme are.
    pub fn address(self, key: &[u8], bump: u8) -> Option<Address> {
        let bytes = self.hash(key, bump)?;
        (!is_on_curve(&bytes)).then(|| Address::new_from_array(bytes))
    }

    /// The first address of a key, trying bumps from 0 up, and its bump; `None` if the key is not
    /// as long as keys of the scheme are.
    ///
    /// ```
    /// use lockstep_interface::SignatureScheme;
    ///
    /// let (scheme, key) = (SignatureScheme::Falcon512, [9; 897]);
    /// let (address, bump) = scheme.find_address(&key).unwrap();
    /// assert_eq!(scheme.address(&key, bump), Some(address));
    /// assert!(scheme.find_address(&key[1..]).is_none());
    /// ```
    pub fn find_address(self, key: &[u8]) -> Option<(Address, u8)> {
        let mut bumps = 0..=u8::MAX;
        bumps.find_map(|bump| Some((self.address(key, bump)?, bump)))
    }

    /// True if `address` is that of a key under a bump. A hash, and for an address that fits a
    /// square root.
    pub fn has_address(self, address: &[u8; 32], key: &[u8], bump: u8) -> bool {
        self.hash(key, bump).as_ref() == Some(address) && !is_on_curve(address)
    }

    fn hash(self, key: &[u8], bump: u8) -> Option<[u8; 32]> {
        let is_key = key.len() == self.key_size();
        is_key.then(|| {
            let hasher = Sha256::new_with_prefix(ADDRESS_DOMAIN);
            let hasher = hasher.chain_update([self.byte(), bump]);
            hasher.chain_update(key).finalize().into()
        })
    }
}

/// Some of the schemes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SchemeSet(u8);

impl SchemeSet {
    /// Those that a schedule activates up to a slot.
    pub fn begun(schedule: &Schedule, slot: u64) -> Self {
        let features = schedule.begun(None, slot);
        features
            .filter_map(|one| SignatureScheme::of_feature(&one.feature))
            .collect()
    }

    /// True if `scheme` is one of them.
    pub fn contains(self, scheme: SignatureScheme) -> bool {
        self.0 & Self::bit(scheme) != 0
    }

    fn bit(scheme: SignatureScheme) -> u8 {
        match scheme {
            SignatureScheme::Falcon512 => 1,
            SignatureScheme::MlDsa44 => 2,
        }
    }
}

impl FromIterator<SignatureScheme> for SchemeSet {
    fn from_iter<I: IntoIterator<Item = SignatureScheme>>(schemes: I) -> Self {
        let bits = schemes.into_iter().map(Self::bit);
        Self(bits.fold(0, |set, bit| set | bit))
    }
}

const FALCON_512: Address = Address::from_str_const("SigFa1con5121111111111111111111111111111111");
const ML_DSA_44: Address = Address::from_str_const("SigMLDSA44111111111111111111111111111111111");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;

    #[test]
    fn schemes_have_numbers_and_features_of_their_own() {
        for scheme in SignatureScheme::ALL {
            assert_eq!(SignatureScheme::of_byte(scheme.byte()), Some(scheme));
            assert_eq!(SignatureScheme::of_feature(&scheme.feature()), Some(scheme));
            // The highest byte of the curve's order, which a canonical `s` is below.
            assert!(scheme.byte() > 0x10);
        }
        assert_eq!(SignatureScheme::of_byte(0), None);
        assert_eq!(SignatureScheme::of_feature(&Address::default()), None);
    }

    #[test]
    fn an_address_commits_to_scheme_bump_and_key_and_is_off_the_curve() {
        for scheme in SignatureScheme::ALL {
            let mut key = vec![3; scheme.key_size()];
            let found: Vec<(Address, u8)> = (0..=u8::MAX)
                .filter_map(|bump| Some((scheme.address(&key, bump)?, bump)))
                .collect();
            assert_eq!(scheme.find_address(&key), found.first().copied());
            assert!((90..166).contains(&found.len()), "{}", found.len());
            for (address, bump) in &found {
                assert!(!is_on_curve(address.as_array()));
                assert!(scheme.has_address(address.as_array(), &key, *bump));
                assert!(!scheme.has_address(address.as_array(), &key, bump ^ 1));
            }
            let (address, bump) = found[0];
            key[5] ^= 1;
            assert!(!scheme.has_address(address.as_array(), &key, bump));
            assert!(!scheme.has_address(address.as_array(), &key[1..], bump));
            // A hash on the curve is no address, however well it fits.
            let on_curve = (0..=u8::MAX).find(|bump| scheme.address(&key, *bump).is_none());
            let on_curve = on_curve.unwrap();
            let hash = scheme.hash(&key, on_curve).unwrap();
            assert!(!scheme.has_address(&hash, &key, on_curve));
        }
    }

    #[test]
    fn schemes_begin_with_their_slot() {
        let activation = |scheme: SignatureScheme, slot| Activation {
            feature: scheme.feature(),
            slot,
            name: scheme.name().to_owned(),
        };
        let schedule = Schedule {
            authority: None,
            activations: vec![
                activation(SignatureScheme::MlDsa44, 7),
                activation(SignatureScheme::Falcon512, 3),
            ],
        };
        let begun = |slot| {
            let set = SchemeSet::begun(&schedule, slot);
            SignatureScheme::ALL.map(|scheme| set.contains(scheme))
        };
        assert_eq!(begun(2), [false, false]);
        assert_eq!(begun(3), [true, false]);
        assert_eq!(begun(7), [true, true]);
    }
}
