//! Views into verdicts: whether every signature of a transaction is right.
//!
//! The rules are those of [ZIP 215](https://zips.z.cash/zip-0215). For a signer's key `A`, a
//! signature `R, s` and the challenge `k = SHA-512(R, A, message)`:
//!
//! 1. `s` is the canonical form of a number below the group order,
//! 2. `A` and `R` decode to points of the curve, non-canonical forms included,
//! 3. `[8]([s]B - R - [k]A) = 0`.
//!
//! The factor 8 takes out the part of a point that is not in the large subgroup. Each equation is
//! multiplied by a number that no signer can foresee. The sum is zero if all equations hold and, up
//! to a chance of 2^-128, only then. So one long sum checks many signatures:
//!
//! ```text
//! [8](sum(z_i s_i) B - sum(z_i R_i) - sum(z_i k_i A_i)) = 0
//! ```
//!
//! The numbers `z_i` come from a hash of the whole batch. A verdict is a function of the
//! transaction alone: the cut into batches does not enter.
//!
//! Signatures are sorted by key before they are cut, so that a signer with many transactions is
//! decoded once and adds one term to a sum. This module knows nothing of threads: callers give
//! each thread a part of their views.
//!
//! Signatures of other schemes (`scheme.rs`) are verified one by one. What was found out about a
//! key is remembered (`keys.rs`).
//!
//! With the feature `wide`, and on a processor with AVX-512, sums are first done eight lanes wide
//! (`wide.rs`), in a third of the time; what does not hold there is looked at here.
#![forbid(unsafe_code)]

use std::{iter::once, sync::Arc};

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use sha2::{Digest, Sha256, Sha512};

mod block;
mod keys;
mod scheme;
#[cfg(feature = "wide")]
mod wide;

use self::{keys::KeyCache, scheme::KnownKey};
use crate::wire::TransactionView;
use crate::wire::limits::{ADDRESS_SIZE, SIGNATURE_SIZE};
pub(crate) use block::ParsedTransaction;
pub use block::{ParsedBlock, Refusal, Signatures};
pub use scheme::is_linked;

/// Signatures in one sum. From 95 signatures with as many keys on, sums are done in buckets, which
/// is what makes them cheap; the more signatures share the buckets, the cheaper, up to about 2,048,
/// where points no longer fit a core's cache.
pub const BATCH_SIZE: usize = 2_048;

/// Keys that a verifier remembers by default: 1.8 million, in up to 400 MiB, and 28,000 of other
/// schemes in up to 70 MiB. Seven eighths of a
/// power of two fill a table as far as it gets before it grows.
pub const KEY_COUNT_DEFAULT: usize = 7 << 18;

/// Signatures in one sum when a whole batch has failed, to narrow down where: first those of the
/// batch, then those of the parts that have failed again. Sums of 8 cost as much for each signature
/// as sums of 64, so fewer are left to check one by one.
const PROBE_SIZES: [usize; 2] = [128, 8];

/// Verifies all signatures of each transaction.
///
/// Returns one verdict for each view, in their order.
///
/// Calls with some hundreds of signatures are fast. Wrong signatures cost more than right ones: the
/// batch around them is summed again in small parts, and the small parts around them signature by
/// signature.
///
/// # Example
///
/// ```
/// use ed25519_zebra::{SigningKey, VerificationKeyBytes};
/// use lockstep_runtime::verify::verify;
/// use lockstep_runtime::wire::{MessageBuilder, TransactionView};
/// # use solana_address::Address;
///
/// let key = SigningKey::from([7; 32]);
/// let payer = Address::new_from_array(VerificationKeyBytes::from(&key).into());
/// let message = MessageBuilder::new(payer, [0; 32], &[]).compile()?;
/// let right = message.sign(&[&key])?;
/// let wrong = message.with_signatures(&[[1; 64]])?;
///
/// let views = [&right, &wrong].map(|bytes| TransactionView::parse(bytes).unwrap());
/// assert_eq!(verify(&views), [true, false]);
/// # Ok::<(), lockstep_runtime::wire::MessageError>(())
/// ```
pub fn verify(views: &[TransactionView<'_>]) -> Vec<bool> {
    Verifier::new(0).verify(views)
}

/// Verifies signatures, and remembers the keys of signers. Clones remember together.
///
/// A remembered key saves a fifth of the work for its signatures, and leaves the verdict as it is.
///
/// ```
/// use lockstep_runtime::verify::Verifier;
///
/// let verifier = Verifier::default();
/// assert!(verifier.verify(&[]).is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    points: Arc<KeyCache<EdwardsPoint>>,
    scheme_keys: Arc<KeyCache<Arc<KnownKey>>>,
}

impl Default for Verifier {
    /// Remembers [`KEY_COUNT_DEFAULT`] keys.
    fn default() -> Self {
        Self::new(KEY_COUNT_DEFAULT)
    }
}

impl Verifier {
    /// Remembers at most about `key_count` keys; each takes up to 250 bytes. Of those of other
    /// schemes than ed25519, which take 2.5 KB, it remembers a sixty-fourth as many besides.
    pub fn new(key_count: usize) -> Self {
        Self {
            points: Arc::new(KeyCache::new(key_count)),
            scheme_keys: Arc::new(KeyCache::new(key_count / 64)),
        }
    }

    /// See [`verify`].
    pub fn verify(&self, views: &[TransactionView<'_>]) -> Vec<bool> {
        let all_hold = |view: &TransactionView<'_>| {
            !view.has_scheme_signatures() || scheme::all_hold(view, &self.scheme_keys)
        };
        let mut verdicts: Vec<bool> = views.iter().map(all_hold).collect();
        let mut claims = claims_of(views);
        claims.sort_unstable_by_key(|claim| claim.key);

        let mut batch = Batch::default();
        for claims in claims.chunks(BATCH_SIZE).flat_map(suspects) {
            batch.decode(claims, &self.points, &mut verdicts);
            for transaction in batch.find_wrong() {
                verdicts[transaction] = false;
            }
        }
        verdicts
    }
}

fn claims_of<'a>(views: &[TransactionView<'a>]) -> Vec<Claim<'a>> {
    let mut claims = Vec::with_capacity(views.len());
    for (transaction, view) in views.iter().enumerate() {
        let mut others = view
            .scheme_signatures()
            .map(|other| other.signer)
            .peekable();
        let signed = view.static_keys().iter().zip(view.signatures());
        for (signer, (key, signature)) in signed.enumerate() {
            if others.next_if_eq(&signer).is_some() {
                continue;
            }
            claims.push(Claim {
                transaction,
                key,
                signature,
                message: view.message_bytes(),
            });
        }
    }
    claims
}

/// The parts of a batch of which it is not known that they hold.
fn suspects<'c, 'a>(claims: &'c [Claim<'a>]) -> Vec<&'c [Claim<'a>]> {
    #[cfg(feature = "wide")]
    if let Some(suspects) = wide::suspects(claims) {
        return suspects;
    }
    vec![claims]
}

/// That `key` has signed `message`, as a transaction says.
struct Claim<'a> {
    /// Position of the transaction.
    transaction: usize,
    key: &'a [u8; ADDRESS_SIZE],
    signature: &'a [u8; SIGNATURE_SIZE],
    message: &'a [u8],
}

/// A claim as numbers and points.
struct Equation {
    transaction: usize,
    /// Position of the signer's point.
    signer: usize,
    /// The signature's `R`.
    commitment: EdwardsPoint,
    /// The signature's `s`.
    response: Scalar,
    /// `k`.
    challenge: Scalar,
}

/// Decoded claims, with claims of one signer next to each other.
#[derive(Default)]
struct Batch {
    /// `A` of every signer, once each.
    signers: Vec<EdwardsPoint>,
    equations: Vec<Equation>,
}

impl Batch {
    /// Replaces the batch by these claims, which are sorted by key. Those that do not decode are
    /// wrong and stay out.
    fn decode(
        &mut self,
        claims: &[Claim<'_>],
        points: &KeyCache<EdwardsPoint>,
        verdicts: &mut [bool],
    ) {
        self.signers.clear();
        self.equations.clear();
        for claims in claims.chunk_by(|one, next| one.key == next.key) {
            let signer = self.signers.len();
            let key = claims.first().map(|claim| claim.key);
            let point =
                key.and_then(|key| points.get_or(key, || CompressedEdwardsY(*key).decompress()));
            if let Some(point) = point {
                self.signers.push(point);
            }
            for claim in claims {
                match point.and_then(|_| decode(claim, signer)) {
                    Some(equation) => self.equations.push(equation),
                    None => verdicts[claim.transaction] = false,
                }
            }
        }
    }

    /// The transactions whose equations do not hold.
    fn find_wrong(&self) -> Vec<usize> {
        let mut suspects = vec![&*self.equations];
        suspects.retain(|part| !self.all_hold(part));
        for size in PROBE_SIZES {
            let parts = suspects.iter().flat_map(|part| part.chunks(size));
            suspects = parts.filter(|part| !self.all_hold(part)).collect();
        }
        let wrong = suspects.into_iter().flatten();
        wrong
            .filter(|equation| !self.holds(equation))
            .map(|equation| equation.transaction)
            .collect()
    }

    /// Whether all of these equations hold, by their sum.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "scalars of the curve form a field"
    )]
    fn all_hold(&self, equations: &[Equation]) -> bool {
        let (Some(first), Some(last)) = (equations.first(), equations.last()) else {
            return true;
        };
        let signers = &self.signers[first.signer..=last.signer];
        let weights = weights(equations);
        let mut base_weight = Scalar::ZERO;
        let mut signer_weights = vec![Scalar::ZERO; signers.len()];
        for (equation, weight) in equations.iter().zip(&weights) {
            base_weight -= weight * equation.response;
            signer_weights[equation.signer - first.signer] += weight * equation.challenge;
        }
        let points = signers
            .iter()
            .chain(equations.iter().map(|equation| &equation.commitment));
        let sum = EdwardsPoint::vartime_multiscalar_mul(
            once(&base_weight).chain(&signer_weights).chain(&weights),
            once(&ED25519_BASEPOINT_POINT).chain(points),
        );
        sum.mul_by_cofactor().is_identity()
    }

    /// Whether one equation holds.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "points of the curve form a group"
    )]
    fn holds(&self, equation: &Equation) -> bool {
        let minus_signer = -self.signers[equation.signer];
        let commitment = EdwardsPoint::vartime_double_scalar_mul_basepoint(
            &equation.challenge,
            &minus_signer,
            &equation.response,
        );
        let difference = commitment - equation.commitment;
        difference.mul_by_cofactor().is_identity()
    }
}

/// Decodes all of a claim but its signer.
fn decode(claim: &Claim<'_>, signer: usize) -> Option<Equation> {
    let ([commitment, response], []) = claim.signature.as_chunks::<32>() else {
        return None;
    };
    let challenge = Sha512::new()
        .chain_update(commitment)
        .chain_update(claim.key)
        .chain_update(claim.message)
        .finalize();
    Some(Equation {
        transaction: claim.transaction,
        signer,
        commitment: CompressedEdwardsY(*commitment).decompress()?,
        response: Option::from(Scalar::from_canonical_bytes(*response))?,
        challenge: Scalar::from_bytes_mod_order_wide(&challenge.into()),
    })
}

/// A factor of 128 bits for each equation. A challenge commits to key, message and `R`, so a change
/// of any equation changes every factor.
fn weights(equations: &[Equation]) -> Vec<Scalar> {
    let mut batch = Sha256::new_with_prefix(b"lockstep signature batch");
    for equation in equations {
        batch.update(equation.challenge.as_bytes());
        batch.update(equation.response.as_bytes());
    }
    let batch = batch.finalize();
    let mut weights = Vec::with_capacity(equations.len());
    let mut counter = 0_u64;
    while weights.len() < equations.len() {
        let block: [u8; 32] = Sha256::new()
            .chain_update(batch)
            .chain_update(counter.to_le_bytes())
            .finalize()
            .into();
        for half in block.as_chunks::<16>().0 {
            weights.push(Scalar::from(u128::from_le_bytes(*half)));
        }
        counter = counter.saturating_add(1);
    }
    weights.truncate(equations.len());
    weights
}
