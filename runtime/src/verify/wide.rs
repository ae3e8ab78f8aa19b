//! Batches eight lanes wide, where the processor has AVX-512: a third of the time of one lane.
//!
//! The lanes are those of `commonware-cryptography-curve25519`, which follows the same rules. What
//! it verifies is a frame: a length in LEB128, a namespace of this length, and the rest. A message
//! that begins with the length of something in it is such a frame, byte by byte, so it is lent as a
//! namespace and a rest, and hashed as it is:
//!
//! ```text
//! legacy      signers u8 | message ..             namespace: as many bytes as there are signers
//! versioned   0x80 + version | signers u8 | ..    128 bytes for each signer, besides the version
//! ```
//! Others, few in number, are left to one lane, as is any batch in which a signature is wrong: what
//! is found here is only that all of some claims hold.

use std::{convert::Infallible, sync::LazyLock};

use commonware_codec::{Copying, DecodeExt};
use commonware_cryptography::{BatchEntry, BatchVerifier};
use commonware_cryptography_curve25519::signing::{Signature, VerifyingKey};
use commonware_parallel::Sequential;
use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

use super::{Claim, PROBE_SIZES};

/// Whether the processor has AVX-512 with what the lanes need of it.
static IS_THERE: LazyLock<bool> = LazyLock::new(|| {
    #[cfg(target_arch = "x86_64")]
    let is_there = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512ifma");
    #[cfg(not(target_arch = "x86_64"))]
    let is_there = false;
    is_there
});

/// The parts of a batch that are left to one lane. None where the processor lacks what eight lanes
/// need, since they are slower than one there.
pub(super) fn suspects<'c, 'a>(claims: &'c [Claim<'a>]) -> Option<Vec<&'c [Claim<'a>]>> {
    if !*IS_THERE {
        return None;
    }
    let mut suspects = vec![claims];
    suspects.retain(|part| !all_hold(part));
    if claims.len() > PROBE_SIZES[0] {
        let parts = suspects.iter().flat_map(|part| part.chunks(PROBE_SIZES[0]));
        suspects = parts.filter(|part| !all_hold(part)).collect();
    }
    Some(suspects)
}

/// Whether all of these claims are known to hold. Where that is false, some may not.
fn all_hold(claims: &[Claim<'_>]) -> bool {
    let items = claims.iter().map(Item::of).collect::<Option<Vec<_>>>();
    items.is_some_and(|items| {
        let mut weights = Weights::of(claims);
        VerifyingKey::verify_batch(&mut weights, &items, |_, item| item.entry(), &Sequential)
    })
}

/// A claim as the lanes take it.
struct Item<'a> {
    namespace: &'a [u8],
    rest: &'a [u8],
    key: VerifyingKey,
    signature: Signature,
}

impl<'a> Item<'a> {
    fn of(claim: &Claim<'a>) -> Option<Self> {
        let (namespace, rest) = frame(claim.message)?;
        Some(Self {
            namespace,
            rest,
            key: VerifyingKey::decode(Copying(claim.key)).ok()?,
            signature: Signature::decode(Copying(claim.signature)).ok()?,
        })
    }

    fn entry(&self) -> BatchEntry<'_, VerifyingKey> {
        BatchEntry {
            namespace: self.namespace,
            message: self.rest,
            public_key: &self.key,
            signature: &self.signature,
        }
    }
}

/// The namespace and the rest that a message is the frame of.
fn frame(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, behind) = message.split_first()?;
    if first & 0x80 == 0 {
        return behind.split_at_checked(usize::from(*first));
    }
    let (second, behind) = behind.split_first()?;
    // Zero would not be the shortest form, and the high bit goes on to a third byte.
    if *second == 0 || second & 0x80 != 0 {
        return None;
    }
    let size = usize::from(*second) << 7 | usize::from(first & 0x7f);
    behind.split_at_checked(size)
}

/// Numbers that no signer can foresee: hashes in counter mode of one over the whole batch.
struct Weights {
    batch: [u8; 32],
    counter: u64,
}

impl Weights {
    fn of(claims: &[Claim<'_>]) -> Self {
        let mut batch = Sha256::new_with_prefix(b"lockstep wide signature batch");
        for claim in claims {
            batch.update((claim.message.len() as u64).to_le_bytes());
            batch.update(claim.key);
            batch.update(claim.signature);
            batch.update(claim.message);
        }
        Self {
            batch: batch.finalize().into(),
            counter: 0,
        }
    }
}

impl TryRng for Weights {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for part in bytes.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(self.batch)
                .chain_update(self.counter.to_le_bytes())
                .finalize();
            part.copy_from_slice(&block[..part.len()]);
            self.counter = self.counter.saturating_add(1);
        }
        Ok(())
    }
}

impl TryCryptoRng for Weights {}

#[cfg(test)]
mod tests {
    use ed25519_zebra::{SigningKey, VerificationKeyBytes};
    use lockstep_interface::Address;

    use super::{super::*, all_hold, frame};
    use crate::wire::MessageBuilder;

    #[test]
    fn messages_are_frames() {
        let sizes =
            |message: &[u8]| frame(message).map(|(namespace, rest)| (namespace.len(), rest.len()));
        assert_eq!(sizes(&[0]), Some((0, 0)));
        assert_eq!(sizes(&[2, 5, 6, 7]), Some((2, 1)));
        let mut versioned = [0x81; 400];
        versioned[1] = 2;
        assert_eq!(sizes(&versioned), Some((257, 141)));
        let others: [&[u8]; 7] = [
            &[],
            &[3, 5, 6],
            &[0x80],
            &[0x80, 0, 1],
            &[0x80, 1, 1],
            &[0x80, 0x81, 1],
            &[0x81; 400],
        ];
        for other in others {
            assert_eq!(sizes(other), None, "{other:?}");
        }
    }

    /// Where there are no lanes, and where a claim does not hold, one lane does all the work.
    #[test]
    fn one_lane_judges_as_eight_do() {
        let signed = |number: u8| {
            let key = SigningKey::from([number; 32]);
            let payer = Address::new_from_array(VerificationKeyBytes::from(&key).into());
            let message = MessageBuilder::new(payer, [number; 32], &[]).compile();
            message.and_then(|message| message.sign(&[&key])).unwrap()
        };
        let mut transactions: Vec<Vec<u8>> = (1..200).map(signed).collect();
        for is_right in [true, false] {
            let views = transactions
                .iter()
                .map(|bytes| TransactionView::parse(bytes));
            let views: Vec<_> = views.map(Result::unwrap).collect();
            let claims: Vec<Claim<'_>> = claims_of(&views);
            let mut verdicts = vec![true; views.len()];
            let mut batch = Batch::default();
            batch.decode(&claims, &KeyCache::new(0), &mut verdicts);
            let wrong = batch.find_wrong();
            assert_eq!(wrong, if is_right { vec![] } else { vec![57] });
            assert_eq!(all_hold(&claims), is_right);
            transactions[57] = views[57].with_blockhash(&[0; 32]);
        }
    }
}
