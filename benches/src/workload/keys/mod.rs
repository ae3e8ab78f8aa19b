//! Numbers into key pairs, and messages into signatures, cheaply enough for millions of each.
//!
//! An ed25519 key is a scalar `a` with the address `a*B`; a signature is `R = r*B` and
//! `S = r + k*a`, where `k` is a hash of R, address and message. Almost all the time goes into
//! the two products with the base point. Here the scalars of a ring are consecutive, and so are
//! the `r` of messages signed together, so that each product is the one before plus B; and the
//! inversions that encoding a point takes are shared by a whole chunk. That leaves about a
//! microsecond a signature instead of twelve. The signatures are real: every verifier takes them.
//!
//! **Never sign anything of value like this.** Two of these signatures are enough to compute the
//! key. Load is worth nothing, so nothing is lost.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "scalars and points wrap around by definition"
)]

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::{EdwardsPoint, Scalar};
use lockstep_interface::Address;
use lockstep_runtime::wire::SchemeKey;
use rayon::prelude::*;
use sha2::{Digest, Sha512};

mod schemes;

pub use schemes::Signing;

/// Keys or signatures made from one product with the base point; fixed, so that results do not
/// depend on the number of threads.
const CHUNK_SIZE: usize = 512;

/// Bytes of a signature.
pub const SIGNATURE_SIZE: usize = 64;

/// Key pairs by number, from 0.
#[derive(Clone, Debug)]
pub struct Keyring {
    secrets: Secrets,
    addresses: Vec<Address>,
    /// The key pairs that are of another scheme than ed25519, by number; empty if none is.
    schemes: Vec<Option<SchemeKey>>,
}

#[derive(Clone, Debug)]
enum Secrets {
    /// The scalar of number i is the start plus i.
    Consecutive(Scalar),
    Listed(Vec<Scalar>),
}

impl Keyring {
    /// `count` key pairs, which depend on the seed alone. Runs on the current rayon pool, about
    /// 0.3 us a key.
    pub fn generate(seed: u64, count: usize) -> Self {
        let start = hash_scalar(&[b"lockstep key", &seed.to_le_bytes()]);
        let starts: Vec<usize> = (0..count).step_by(CHUNK_SIZE).collect();
        let chunks = starts.par_iter().flat_map_iter(|&first| {
            let size = CHUNK_SIZE.min(count - first);
            addresses_of(consecutive_multiples(start + scalar(first), size).as_slice())
        });
        Self {
            addresses: chunks.collect(),
            secrets: Secrets::Consecutive(start),
            schemes: Vec::new(),
        }
    }

    /// A key pair for each of these addresses, in their order, which depends on the address
    /// alone. They sign for accounts whose real keys only their owners have.
    pub fn stand_ins(originals: &[Address]) -> Self {
        let secrets: Vec<Scalar> = originals
            .iter()
            .map(|original| hash_scalar(&[b"lockstep stand-in", original.as_array()]))
            .collect();
        let addresses = secrets.par_chunks(CHUNK_SIZE).flat_map_iter(|chunk| {
            let points: Vec<EdwardsPoint> = chunk.iter().map(EdwardsPoint::mul_base).collect();
            addresses_of(&points)
        });
        Self {
            addresses: addresses.collect(),
            secrets: Secrets::Listed(secrets),
            schemes: Vec::new(),
        }
    }

    /// The number of key pairs.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// The address of key pair `number`.
    ///
    /// # Panics
    /// If there is no such key pair.
    pub fn address(&self, number: usize) -> Address {
        self.addresses[number]
    }

    /// All addresses by number.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Signs each message, all of which are of ed25519, with the key pair of this number. `label`
    /// must be another one for every call of a run; equal arguments give equal signatures.
    ///
    /// # Panics
    /// If there is no such key pair.
    pub fn sign(
        &self,
        label: &[u8],
        messages: &[(usize, impl AsRef<[u8]>)],
    ) -> Vec<[u8; SIGNATURE_SIZE]> {
        let first = hash_scalar(&[b"lockstep nonce", label]);
        let points = consecutive_multiples(first, messages.len());
        let mut nonce = first;
        let mut signatures = Vec::with_capacity(messages.len());
        let encoded = EdwardsPoint::compress_batch_alloc(&points);
        for (point, (number, message)) in encoded.iter().zip(messages) {
            let address = self.addresses[*number];
            let challenge = hash_scalar(&[point.as_bytes(), address.as_array(), message.as_ref()]);
            let response = nonce + challenge * self.secret(*number);
            let mut signature = [0; SIGNATURE_SIZE];
            let (left, right) = signature.split_at_mut(SIGNATURE_SIZE / 2);
            left.copy_from_slice(point.as_bytes());
            right.copy_from_slice(response.as_bytes());
            signatures.push(signature);
            nonce += Scalar::ONE;
        }
        signatures
    }

    fn secret(&self, number: usize) -> Scalar {
        match &self.secrets {
            Secrets::Consecutive(start) => start + scalar(number),
            Secrets::Listed(secrets) => secrets[number],
        }
    }
}

/// `start * B`, `(start + 1) * B` and so on.
fn consecutive_multiples(start: Scalar, count: usize) -> Vec<EdwardsPoint> {
    let first = EdwardsPoint::mul_base(&start);
    let following = |point: &EdwardsPoint| Some(point + ED25519_BASEPOINT_POINT);
    std::iter::successors(Some(first), following)
        .take(count)
        .collect()
}

fn addresses_of(points: &[EdwardsPoint]) -> Vec<Address> {
    let encoded = EdwardsPoint::compress_batch_alloc(points);
    let addresses = encoded.iter().map(|point| point.to_bytes().into());
    addresses.collect()
}

fn hash_scalar(parts: &[&[u8]]) -> Scalar {
    let mut hasher = Sha512::new();
    for part in parts {
        hasher.update(part);
    }
    Scalar::from_bytes_mod_order_wide(&hasher.finalize().into())
}

fn scalar(number: usize) -> Scalar {
    Scalar::from(u64::try_from(number).expect("a length fits u64"))
}

#[cfg(test)]
mod tests;
