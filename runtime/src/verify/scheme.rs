//! Signatures of other schemes than ed25519, each alone: these schemes have no sums over batches.

use std::sync::Arc;

use lockstep_interface::SignatureScheme;
#[cfg(any(feature = "falcon", feature = "ml-dsa"))]
use lockstep_interface::scheme::SIGNING_CONTEXT as CONTEXT;

use super::keys::KeyCache;
use crate::wire::{SchemeSignature, TransactionView, limits::ADDRESS_SIZE, scheme::mark};

/// True if this build verifies signatures of the scheme.
pub const fn is_linked(scheme: SignatureScheme) -> bool {
    match scheme {
        SignatureScheme::Falcon512 => cfg!(feature = "falcon"),
        SignatureScheme::MlDsa44 => cfg!(feature = "ml-dsa"),
    }
}

/// Whether all signatures of a transaction that are of other schemes than ed25519 are right.
pub(super) fn all_hold(view: &TransactionView<'_>, keys: &KeyCache<Arc<KnownKey>>) -> bool {
    let message_hash = view.message_hash();
    let mut signatures = view.scheme_signatures();
    signatures.all(|signature| {
        let address = &view.static_keys()[signature.signer];
        // The only mark that there is of this signer for this message.
        let mark = mark(&message_hash, signature.scheme, signature.bump);
        *signature.mark == mark && holds(&signature, address, view.message_bytes(), keys)
    })
}

/// Whether the key is that of the address, and has signed the message.
fn holds(
    signature: &SchemeSignature<'_>,
    address: &[u8; ADDRESS_SIZE],
    message: &[u8],
    keys: &KeyCache<Arc<KnownKey>>,
) -> bool {
    let mut verdict = None;
    let known = keys.get_or(address, || {
        let key = KnownKey::new(signature, address)?;
        let holds = key.has_signed(signature.signature, message);
        verdict = Some(holds);
        // Keys that sign nothing are not to push out others.
        holds.then(|| Arc::new(key))
    });
    verdict.unwrap_or_else(|| {
        known
            .is_some_and(|key| key.is_of(signature) && key.has_signed(signature.signature, message))
    })
}

/// A key that is the one of an address.
#[derive(Debug)]
pub(super) struct KnownKey {
    bump: u8,
    /// As transactions have it. Schemes have keys of different sizes.
    bytes: Box<[u8]>,
    decoded: Decoded,
}

/// A key as the arithmetic of its scheme takes it.
#[derive(Debug)]
enum Decoded {
    #[cfg(feature = "falcon")]
    Falcon(Box<fn_dsa_vrfy::VerifyingKey512>),
    /// Which takes its bytes.
    #[cfg(feature = "ml-dsa")]
    MlDsa,
}

impl KnownKey {
    /// The key of a signature; `None` if it is none, or not that of the address.
    fn new(signature: &SchemeSignature<'_>, address: &[u8; ADDRESS_SIZE]) -> Option<Self> {
        let SchemeSignature {
            scheme, bump, key, ..
        } = *signature;
        let is_of = scheme.has_address(address, key, bump);
        is_of.then_some(())?;
        Some(Self {
            bump,
            bytes: key.into(),
            decoded: Decoded::new(scheme, key)?,
        })
    }

    fn is_of(&self, signature: &SchemeSignature<'_>) -> bool {
        self.bump == signature.bump && *self.bytes == *signature.key
    }

    #[cfg_attr(
        not(any(feature = "falcon", feature = "ml-dsa")),
        expect(unused_variables, reason = "there is no key")
    )]
    fn has_signed(&self, signature: &[u8], message: &[u8]) -> bool {
        match self.decoded {
            #[cfg(feature = "falcon")]
            Decoded::Falcon(ref key) => falcon(key, signature, message, CONTEXT),
            #[cfg(feature = "ml-dsa")]
            Decoded::MlDsa => ml_dsa(&self.bytes, signature, message, CONTEXT),
        }
    }
}

impl Decoded {
    /// `None` if this build does not know the scheme, or there is no such key.
    #[cfg_attr(
        not(feature = "falcon"),
        expect(unused_variables, reason = "no other key is decoded")
    )]
    fn new(scheme: SignatureScheme, key: &[u8]) -> Option<Self> {
        match scheme {
            #[cfg(feature = "falcon")]
            SignatureScheme::Falcon512 => {
                fn_dsa_vrfy::VerifyingKey::decode(key).map(|key| Self::Falcon(Box::new(key)))
            }
            #[cfg(feature = "ml-dsa")]
            SignatureScheme::MlDsa44 => Some(Self::MlDsa),
            #[cfg(not(all(feature = "falcon", feature = "ml-dsa")))]
            _ => None,
        }
    }
}
/// False also for what is encoded in another way than the one that there is.
#[cfg(feature = "falcon")]
fn falcon(
    key: &fn_dsa_vrfy::VerifyingKey512,
    signature: &[u8],
    message: &[u8],
    context: &[u8],
) -> bool {
    use fn_dsa_vrfy::{DomainContext, HASH_ID_RAW, VerifyingKey as _};

    key.verify(signature, &DomainContext(context), &HASH_ID_RAW, message)
}

/// The same; every key is encoded in one way only.
#[cfg(feature = "ml-dsa")]
fn ml_dsa(key: &[u8], signature: &[u8], message: &[u8], context: &[u8]) -> bool {
    use libcrux_ml_dsa::ml_dsa_44::{MLDSA44Signature, MLDSA44VerificationKey, verify};

    let (Ok(key), Ok(signature)) = (key.try_into(), signature.try_into()) else {
        return false;
    };
    let key = MLDSA44VerificationKey::new(key);
    let signature = MLDSA44Signature::new(signature);
    verify(&key, message, context, &signature).is_ok()
}

#[cfg(all(test, feature = "falcon"))]
mod tests {
    use fn_dsa_vrfy::{VerifyingKey as _, VerifyingKey512};

    use super::falcon;

    /// The test vector of FN-DSA's reference code: a key and a signature of `message` in the
    /// context `context`.
    #[test]
    fn the_vector_of_the_reference_holds() {
        let parts = include_str!("vectors/falcon-512.txt").split("\n\n");
        let parts: Vec<Vec<u8>> = parts.map(bytes).collect();
        let [key, signature] = &parts[..] else {
            panic!("a key and a signature, not {} parts", parts.len());
        };
        let key = &VerifyingKey512::decode(key).expect("a key");
        assert!(falcon(key, signature, b"message", b"context"));
        assert!(!falcon(key, signature, b"message", b"context."));
        assert!(!falcon(key, signature, b"message.", b"context"));
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        let pairs = digits.chunks(2);
        pairs
            .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits"))
            .collect()
    }
}
