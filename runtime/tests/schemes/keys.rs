//! Keys of every scheme, and transfers that they sign.

use std::sync::LazyLock;

use lockstep_interface::{Account, Address, SignatureScheme};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::wire::{
    Message, MessageBuilder, SchemeKey, Signed, SigningKey, TransactionConfig, VerificationKeyBytes,
};

use crate::common::ledger::{Ledger, RICH};

/// A key of any scheme.
pub(crate) enum Key {
    Ed25519(Box<SigningKey>),
    Scheme(SchemeKey),
}

impl Key {
    pub(crate) fn address(&self) -> Address {
        match self {
            Self::Ed25519(key) => {
                Address::new_from_array(VerificationKeyBytes::from(&**key).into())
            }
            Self::Scheme(key) => key.address(),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Signed {
        match self {
            Self::Ed25519(key) => Signed::Ed25519(key.sign(message).to_bytes()),
            Self::Scheme(key) => key.sign(message),
        }
    }

    /// Signatures of ed25519 that one of this key counts as.
    pub(crate) fn count(&self) -> u64 {
        use lockstep_runtime::limits::{FALCON_512_SIGNATURES, ML_DSA_44_SIGNATURES};

        match self {
            Self::Ed25519(_) => 1,
            Self::Scheme(key) => match key.scheme() {
                SignatureScheme::Falcon512 => FALCON_512_SIGNATURES,
                SignatureScheme::MlDsa44 => ML_DSA_44_SIGNATURES,
            },
        }
    }
}

fn scheme_key(scheme: SignatureScheme, seed: u8) -> Key {
    Key::Scheme(SchemeKey::from_seed(scheme, [seed; 32]).unwrap())
}

/// Two of each scheme. Making those of Falcon takes the longest.
pub(crate) static KEYS: LazyLock<[Key; 6]> = LazyLock::new(|| {
    [
        Key::Ed25519(Box::new(SigningKey::from([1; 32]))),
        Key::Ed25519(Box::new(SigningKey::from([2; 32]))),
        scheme_key(SignatureScheme::Falcon512, 1),
        scheme_key(SignatureScheme::Falcon512, 2),
        scheme_key(SignatureScheme::MlDsa44, 1),
        scheme_key(SignatureScheme::MlDsa44, 2),
    ]
});

/// A ledger on which all of them are rich.
pub(crate) fn ledger() -> Ledger {
    let mut ledger = Ledger::new();
    for key in &*KEYS {
        ledger.put(key.address(), Account::wallet(RICH));
    }
    ledger
}

/// A transfer by a key, not signed yet.
pub(crate) fn message(from: &Key, to: &Address, lamports: u64, blockhash: [u8; 32]) -> Message {
    let transfer = [transfer(&from.address(), to, lamports)];
    let message = MessageBuilder::new(from.address(), blockhash, &transfer);
    let message = message.v1(TransactionConfig::default());
    message.compile().unwrap()
}

/// The same, signed.
pub(crate) fn signed(from: &Key, to: &Address, lamports: u64, blockhash: [u8; 32]) -> Vec<u8> {
    let message = message(from, to, lamports, blockhash);
    let signed = from.sign(&message.encode().unwrap());
    message.with_signed(&[signed]).unwrap()
}
