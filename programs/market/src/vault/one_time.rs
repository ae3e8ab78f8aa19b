//! One-time keys: Winternitz signatures of SHA-256, four bits a chain.
//!
//! A key is 67 secrets, each the start of a chain of 15 hashes, and known by a hash of the chains'
//! ends, the *root*. A digest is 64 digits of 4 bits, and 3 more that sum up what the digits leave
//! of 15. A signature shows each chain at the place of its digit; walking on from there to the end
//! gives the root. A larger digit is easy to show from a smaller one, and then the sum is smaller,
//! which is not.
//!
//! ```text
//! secret -> . -> . -> shown -> . -> .. -> end     15 hashes in all
//!           `-- digit --'  `- 15 - digit -'       root = hash of all ends
//! ```
//! A second signature of the same key shows more of the chains than the digits of either, and
//! leaves a key that others can sign with: a key signs once.

use sha2::{Digest, Sha256};

/// Chains: 64 digits and 3 of the sum, which is at most 64 x 15.
pub const CHAIN_COUNT: usize = 67;
/// Digits of a digest.
const DIGIT_COUNT: usize = 64;
/// Hashes of a chain; the largest digit.
const STEPS: u8 = 15;

/// A place in each chain.
pub type Signature = [[u8; 32]; CHAIN_COUNT];

/// A key that signs once.
///
/// ```
/// use lockstep_market::vault::one_time::{OneTimeKey, root_of};
///
/// let key = OneTimeKey::from_seed(&[7; 32]);
/// let signature = key.sign(&[9; 32]);
/// assert_eq!(root_of(&[9; 32], &signature), key.root());
/// assert_ne!(root_of(&[8; 32], &signature), key.root());
/// ```
#[derive(Clone)]
pub struct OneTimeKey {
    secrets: Signature,
}

impl std::fmt::Debug for OneTimeKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("OneTimeKey");
        shown.field("root", &self.root()).finish_non_exhaustive()
    }
}

impl OneTimeKey {
    /// The key of a seed, which is as secret as the key.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let mut secrets = [[0; 32]; CHAIN_COUNT];
        for (chain, secret) in (0u8..).zip(&mut secrets) {
            let hasher = Sha256::new_with_prefix(b"lockstep one-time key");
            *secret = hasher
                .chain_update(seed)
                .chain_update([chain])
                .finalize()
                .into();
        }
        Self { secrets }
    }

    /// What the key is known by.
    pub fn root(&self) -> [u8; 32] {
        let starts = (0u8..).zip(&self.secrets);
        hash_ends(starts.map(|(chain, start)| walk(start, chain, 0, STEPS)))
    }

    /// Signs a digest.
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        let mut shown = self.secrets;
        for (chain, (place, digit)) in (0u8..).zip(shown.iter_mut().zip(digits(digest))) {
            *place = walk(place, chain, 0, digit);
        }
        shown
    }
}

/// The root of the key that has signed a digest.
pub fn root_of(digest: &[u8; 32], signature: &Signature) -> [u8; 32] {
    let places = (0u8..).zip(signature.iter().zip(digits(digest)));
    hash_ends(places.map(|(chain, (place, digit))| walk(place, chain, digit, STEPS)))
}

/// Hashes that [`root_of`] takes for a digest, that of the ends left out.
pub fn hash_count(digest: &[u8; 32]) -> u64 {
    let left = digits(digest).map(|digit| STEPS.saturating_sub(digit).into());
    left.into_iter().fold(0, u64::saturating_add)
}

/// The digits of a digest and of their sum.
fn digits(digest: &[u8; 32]) -> [u8; CHAIN_COUNT] {
    let mut digits = [0; CHAIN_COUNT];
    for (pair, byte) in digits.chunks_mut(2).zip(digest) {
        pair.copy_from_slice(&[byte >> 4, byte & 0xf]);
    }
    let (own, sum) = digits.split_at_mut(DIGIT_COUNT);
    let left = own
        .iter()
        .map(|digit| u16::from(STEPS.saturating_sub(*digit)));
    let [low, high] = left.fold(0, u16::saturating_add).to_le_bytes();
    sum.copy_from_slice(&[high, low >> 4, low & 0xf]);
    digits
}

/// From one place of a chain to a later one.
fn walk(place: &[u8; 32], chain: u8, from: u8, to: u8) -> [u8; 32] {
    (from..to).fold(*place, |place, step| {
        let hasher = Sha256::new_with_prefix(b"lockstep chain");
        let hasher = hasher.chain_update([chain, step]);
        hasher.chain_update(place).finalize().into()
    })
}

fn hash_ends(ends: impl Iterator<Item = [u8; 32]>) -> [u8; 32] {
    let hasher = Sha256::new_with_prefix(b"lockstep chain ends");
    let hasher = ends.fold(hasher, |hasher, end| hasher.chain_update(end));
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_sum_up_what_they_leave() {
        assert_eq!(digits(&[0xff; 32])[62..], [15, 15, 0, 0, 0]);
        // 64 x 15 is 0x3c0.
        assert_eq!(digits(&[0; 32])[62..], [0, 0, 0x3, 0xc, 0x0]);
        let mut digest = [0xff; 32];
        digest[0] = 0x4a;
        assert_eq!(digits(&digest)[..3], [0x4, 0xa, 0xf]);
        assert_eq!(digits(&digest)[64..], [0, 1, 0]);
        assert_eq!(hash_count(&[0xff; 32]), 45);
        assert_eq!(hash_count(&[0; 32]), 64 * 15 + 12 + 3 + 15);
    }

    /// A digit can be raised by any observer, and then a digit of the sum has to be lowered.
    #[test]
    fn what_is_shown_signs_nothing_else() {
        let key = OneTimeKey::from_seed(&[1; 32]);
        let digest: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 7).unwrap());
        let signature = key.sign(&digest);
        assert_eq!(root_of(&digest, &signature), key.root());
        for at in 0..64 {
            let mut other = digest;
            let digit = digits(&digest)[at];
            if digit == 15 {
                continue;
            }
            other[at / 2] += if at % 2 == 0 { 0x10 } else { 1 };
            let mut forged = signature;
            let chain = u8::try_from(at).unwrap();
            forged[at] = walk(&signature[at], chain, digit, digit + 1);
            assert_ne!(root_of(&other, &forged), key.root(), "{at}");
            // Only the chains of the sum are missing.
            forged[64..].copy_from_slice(&key.sign(&other)[64..]);
            assert_eq!(root_of(&other, &forged), key.root(), "{at}");
        }
    }
}
