//! Keys of other schemes than ed25519: what tests, load and clients sign with, and no node.

use std::sync::Arc;

use lockstep_interface::{Address, SignatureScheme};

use super::Signed;

/// A secret key and the key that verifies.
struct Pair {
    secret: Vec<u8>,
    public: Vec<u8>,
}

/// A key of a scheme that this build has, made from a seed, with one of its addresses.
///
/// What it signs depends on seed and message alone. On machines whose floating-point numbers differ
/// two signatures of Falcon may differ too, and tell the key: sign with a key on one machine.
#[derive(Clone)]
pub struct SchemeKey {
    scheme: SignatureScheme,
    pair: Arc<Pair>,
    address: Address,
    bump: u8,
}

impl std::fmt::Debug for SchemeKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("SchemeKey");
        shown.field("scheme", &self.scheme);
        shown
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl SchemeKey {
    /// The key of a seed, with its first address; `None` if this build does not have the scheme.
    pub fn from_seed(scheme: SignatureScheme, seed: [u8; 32]) -> Option<Self> {
        let (secret, public) = match scheme {
            #[cfg(feature = "falcon-sign")]
            SignatureScheme::Falcon512 => falcon::generate(&seed),
            #[cfg(feature = "ml-dsa")]
            SignatureScheme::MlDsa44 => ml_dsa::generate(seed),
            #[cfg(not(all(feature = "falcon-sign", feature = "ml-dsa")))]
            _ => return None,
        };
        let (address, bump) = scheme.find_address(&public)?;
        Some(Self {
            scheme,
            pair: Arc::new(Pair { secret, public }),
            address,
            bump,
        })
    }

    /// The same key with each of its addresses in turn, about 128 of them.
    pub fn addresses(self) -> impl Iterator<Item = Self> {
        (self.bump..=u8::MAX).filter_map(move |bump| {
            let address = self.scheme.address(&self.pair.public, bump)?;
            let key = self.clone();
            Some(Self {
                address,
                bump,
                ..key
            })
        })
    }

    /// The scheme.
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// The address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// What a transaction with this message gets from this key.
    pub fn sign(&self, message: &[u8]) -> Signed {
        let signature = match self.scheme {
            #[cfg(feature = "falcon-sign")]
            SignatureScheme::Falcon512 => falcon::sign(&self.pair.secret, message),
            #[cfg(feature = "ml-dsa")]
            SignatureScheme::MlDsa44 => ml_dsa::sign(&self.pair.secret, message),
            #[cfg(not(all(feature = "falcon-sign", feature = "ml-dsa")))]
            _ => unreachable!("a key is of a scheme that this build has"),
        };
        Signed::Scheme {
            scheme: self.scheme,
            bump: self.bump,
            key: self.pair.public.clone(),
            signature,
        }
    }
}

#[cfg(feature = "falcon-sign")]
mod falcon {
    use fn_dsa_kgen::{KeyPairGenerator, KeyPairGeneratorStandard};
    use fn_dsa_sign::{
        CryptoRng, DomainContext, FN_DSA_LOGN_512, HASH_ID_RAW, RngCore, RngError, SigningKey,
        SigningKeyStandard, sign_key_size, signature_size, vrfy_key_size,
    };
    use lockstep_interface::scheme::SIGNING_CONTEXT;
    use sha2::{Digest, Sha256};

    pub(super) fn generate(seed: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
        let mut secret = vec![0; sign_key_size(FN_DSA_LOGN_512)];
        let mut public = vec![0; vrfy_key_size(FN_DSA_LOGN_512)];
        let mut random = Random::of(&[seed]);
        let mut generator = KeyPairGeneratorStandard::default();
        generator.keygen(FN_DSA_LOGN_512, &mut random, &mut secret, &mut public);
        (secret, public)
    }

    pub(super) fn sign(secret: &[u8], message: &[u8]) -> Vec<u8> {
        let key = SigningKeyStandard::decode(secret);
        let mut key = key.expect("the generator has encoded it");
        let mut signature = vec![0; signature_size(FN_DSA_LOGN_512)];
        let mut random = Random::of(&[secret, message]);
        let context = DomainContext(SIGNING_CONTEXT);
        key.sign(&mut random, &context, &HASH_ID_RAW, message, &mut signature);
        signature
    }

    /// Hashes in counter mode of one over what they are drawn from.
    struct Random {
        seed: [u8; 32],
        counter: u64,
    }

    impl Random {
        fn of(parts: &[&[u8]]) -> Self {
            let mut hasher = Sha256::new_with_prefix(b"lockstep falcon");
            for part in parts {
                hasher.update(Sha256::digest(part));
            }
            Self {
                seed: hasher.finalize().into(),
                counter: 0,
            }
        }
    }

    impl CryptoRng for Random {}

    impl RngCore for Random {
        fn next_u32(&mut self) -> u32 {
            let mut bytes = [0; 4];
            self.fill_bytes(&mut bytes);
            u32::from_le_bytes(bytes)
        }

        fn next_u64(&mut self) -> u64 {
            let mut bytes = [0; 8];
            self.fill_bytes(&mut bytes);
            u64::from_le_bytes(bytes)
        }

        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            for part in bytes.chunks_mut(32) {
                let block = Sha256::new_with_prefix(self.seed);
                let block = block.chain_update(self.counter.to_le_bytes()).finalize();
                part.copy_from_slice(&block[..part.len()]);
                self.counter = self.counter.saturating_add(1);
            }
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RngError> {
            self.fill_bytes(bytes);
            Ok(())
        }
    }
}

#[cfg(feature = "ml-dsa")]
mod ml_dsa {
    use libcrux_ml_dsa::ml_dsa_44::{MLDSA44SigningKey, generate_key_pair, sign as sign_with};
    use lockstep_interface::scheme::SIGNING_CONTEXT;

    pub(super) fn generate(seed: [u8; 32]) -> (Vec<u8>, Vec<u8>) {
        let pair = generate_key_pair(seed);
        let secret = pair.signing_key.as_ref().to_vec();
        (secret, pair.verification_key.as_ref().to_vec())
    }

    /// The deterministic variant, for which the standard sets the random bytes to zero.
    pub(super) fn sign(secret: &[u8], message: &[u8]) -> Vec<u8> {
        let secret = secret.try_into();
        let key = MLDSA44SigningKey::new(secret.expect("the generator has encoded it"));
        let signature = sign_with(&key, message, SIGNING_CONTEXT, [0; 32]);
        // A signature takes 4 tries on average; 814 fail once in 2^256 messages.
        let signature = signature.expect("the context is short, and a try succeeds");
        signature.as_ref().to_vec()
    }
}
