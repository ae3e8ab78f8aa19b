//! Signatures of other schemes than ed25519, each alone: these schemes have no sums over batches.

use lockstep_interface::{Hash, SignatureScheme, scheme::SIGNING_CONTEXT};

use crate::wire::{SchemeSignature, TransactionView, limits::ADDRESS_SIZE, scheme::mark};

/// True if this build verifies signatures of the scheme.
pub const fn is_linked(scheme: SignatureScheme) -> bool {
    match scheme {
        SignatureScheme::Falcon512 => cfg!(feature = "falcon"),
        SignatureScheme::MlDsa44 => cfg!(feature = "ml-dsa"),
    }
}

/// Whether all signatures of a transaction that are of other schemes than ed25519 are right.
pub(super) fn all_hold(view: &TransactionView<'_>) -> bool {
    let message_hash = view.message_hash();
    let mut signatures = view.scheme_signatures();
    signatures.all(|signature| {
        let address = &view.static_keys()[signature.signer];
        is_of(&signature, address, &message_hash) && holds(&signature, view.message_bytes())
    })
}

/// Whether the mark is the only one that there is, and the key that of the address.
fn is_of(
    signature: &SchemeSignature<'_>,
    address: &[u8; ADDRESS_SIZE],
    message_hash: &Hash,
) -> bool {
    let SchemeSignature { scheme, bump, .. } = *signature;
    *signature.mark == mark(message_hash, scheme, bump)
        && scheme.has_address(address, signature.key, bump)
}

/// Whether the key has signed the message.
fn holds(signature: &SchemeSignature<'_>, message: &[u8]) -> bool {
    let SchemeSignature {
        scheme,
        key,
        signature,
        ..
    } = *signature;
    match scheme {
        #[cfg(feature = "falcon")]
        SignatureScheme::Falcon512 => falcon(key, signature, message, SIGNING_CONTEXT),
        #[cfg(feature = "ml-dsa")]
        SignatureScheme::MlDsa44 => ml_dsa(key, signature, message, SIGNING_CONTEXT),
        #[cfg(not(all(feature = "falcon", feature = "ml-dsa")))]
        _ => unlinked(key, signature, message, SIGNING_CONTEXT),
    }
}

/// Nothing holds that this build cannot look at.
#[cfg(not(all(feature = "falcon", feature = "ml-dsa")))]
fn unlinked(_key: &[u8], _signature: &[u8], _message: &[u8], _context: &[u8]) -> bool {
    false
}

/// False also for what is encoded in another way than the one that there is.
#[cfg(feature = "falcon")]
fn falcon(key: &[u8], signature: &[u8], message: &[u8], context: &[u8]) -> bool {
    use fn_dsa_vrfy::{DomainContext, HASH_ID_RAW, VerifyingKey, VerifyingKey512};

    let context = DomainContext(context);
    let key = VerifyingKey512::decode(key);
    key.is_some_and(|key| key.verify(signature, &context, &HASH_ID_RAW, message))
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
