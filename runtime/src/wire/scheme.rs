//! Signatures of other schemes than ed25519: where a v1 transaction has them, and how they are
//! written.
//!
//! A v1 transaction has 64 bytes for each signature behind its message. For a signer of another
//! scheme they are a *mark*, and key and signature follow behind the last of the 64 bytes, one
//! signer's after the other's:
//!
//! ```text
//! message | 64 bytes for each signer | key, signature | key, signature ..
//!
//! mark    SHA-256 of the message 32 | zeros 30 | bump u8 | scheme u8
//! ```
//! The last byte of a mark is more than that of any ed25519 signature, so that neither passes for
//! the other. Sizes follow from the scheme. The message is what all signers sign and what
//! duplicates are found by, as without marks. A mark is a function of the message and the signer's
//! address: signing again, and differently, gives the same mark.
//!
//! Without anything behind the 64 bytes a mark is a wrong ed25519 signature, as for Solana's
//! crates.

use lockstep_interface::{Hash, SignatureScheme};

use super::limits::SIGNATURE_SIZE;
use super::view::TransactionView;

/// Where a mark has the hash of the message, and where it has zeros.
const HASH_SIZE: usize = 32;
const BUMP_AT: usize = SIGNATURE_SIZE - 2;
const SCHEME_AT: usize = SIGNATURE_SIZE - 1;

/// What stands for a signature of another scheme among those of ed25519.
pub fn mark(message_hash: &Hash, scheme: SignatureScheme, bump: u8) -> [u8; SIGNATURE_SIZE] {
    let mut mark = [0; SIGNATURE_SIZE];
    mark[..HASH_SIZE].copy_from_slice(message_hash.as_bytes());
    mark[BUMP_AT] = bump;
    mark[SCHEME_AT] = scheme.byte();
    mark
}

/// The scheme that 64 bytes are a mark of, if they are one, whatever is in front of its last byte.
fn scheme_of(mark: &[u8; SIGNATURE_SIZE]) -> Option<SignatureScheme> {
    SignatureScheme::of_byte(mark[SCHEME_AT])
}

/// Bytes of keys and signatures that follow these marks and signatures, if any do.
pub(super) fn section_size(marks: &[[u8; SIGNATURE_SIZE]]) -> usize {
    let sizes = marks.iter().filter_map(scheme_of).map(entry_size);
    sizes.fold(0, usize::saturating_add)
}

fn entry_size(scheme: SignatureScheme) -> usize {
    scheme.key_size().saturating_add(scheme.signature_size())
}

/// A signer's key and signature, of another scheme than ed25519.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SchemeSignature<'a> {
    /// The signer, as a position among the static keys.
    pub signer: usize,
    /// The scheme.
    pub scheme: SignatureScheme,
    /// What leads from the key to an address off the curve.
    pub bump: u8,
    /// The mark.
    pub mark: &'a [u8; SIGNATURE_SIZE],
    /// The key.
    pub key: &'a [u8],
    /// The signature of the message.
    pub signature: &'a [u8],
}

impl<'a> TransactionView<'a> {
    /// True if a signer's signature is of another scheme than ed25519.
    #[inline]
    pub fn has_scheme_signatures(&self) -> bool {
        !self.scheme_section().is_empty()
    }

    /// The signatures of other schemes than ed25519, in the order of their signers.
    ///
    /// ```
    /// use lockstep_interface::{Address, SignatureScheme};
    /// use lockstep_runtime::wire::{MessageBuilder, Signed, TransactionConfig, TransactionView};
    ///
    /// let message = MessageBuilder::new(Address::new_from_array([1; 32]), [3; 32], &[]);
    /// let signed = Signed::Scheme {
    ///     scheme: SignatureScheme::Falcon512,
    ///     bump: 0,
    ///     key: vec![9; 897],
    ///     signature: vec![4; 666],
    /// };
    /// let bytes = message.v1(TransactionConfig::default()).compile()?.with_signed(&[signed])?;
    /// let view = TransactionView::parse(&bytes)?;
    /// let found = view.scheme_signatures().next().unwrap();
    /// assert_eq!((found.signer, found.key), (0, &[9; 897][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scheme_signatures(&self) -> impl Iterator<Item = SchemeSignature<'a>> + use<'a> {
        let section = self.scheme_section();
        let signatures = if section.is_empty() {
            &[]
        } else {
            self.signatures()
        };
        let mut rest = section;
        let signers = signatures.iter().enumerate();
        signers.filter_map(move |(signer, mark)| {
            let scheme = scheme_of(mark)?;
            let (key, behind) = rest.split_at_checked(scheme.key_size())?;
            let (signature, behind) = behind.split_at_checked(scheme.signature_size())?;
            rest = behind;
            Some(SchemeSignature {
                signer,
                scheme,
                bump: mark[BUMP_AT],
                mark,
                key,
                signature,
            })
        })
    }
}

/// What a signer adds to a transaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signed {
    /// A signature of ed25519.
    Ed25519([u8; SIGNATURE_SIZE]),
    /// A signature of another scheme.
    Scheme {
        /// The scheme.
        scheme: SignatureScheme,
        /// What leads from the key to the signer's address.
        bump: u8,
        /// The key, as long as the scheme says.
        key: Vec<u8>,
        /// The signature, as long as the scheme says.
        signature: Vec<u8>,
    },
}

impl Signed {
    /// The 64 bytes among the signatures of a message with this hash.
    pub(super) fn slot(&self, message_hash: &Hash) -> [u8; SIGNATURE_SIZE] {
        match self {
            Self::Ed25519(signature) => *signature,
            Self::Scheme { scheme, bump, .. } => mark(message_hash, *scheme, *bump),
        }
    }

    /// What follows behind all of those.
    pub(super) fn section(&self) -> [&[u8]; 2] {
        match self {
            Self::Ed25519(_) => [&[], &[]],
            Self::Scheme { key, signature, .. } => [key, signature],
        }
    }
}
