//! The signatures of a network's members under a block.
//!
//! ```text
//! signed     size of the namespace | namespace | epoch | view | parent's view | digest
//! namespace  "lockstep network " | id of the genesis block | "_FINALIZE"
//! ```
//! Sizes and numbers are varints. A varint has seven bits a byte, the lowest first; the highest bit
//! says that more follow.

use alloc::vec::Vec;

use ed25519_zebra::{Signature, VerificationKey};

use crate::{LightError, Network, read::Reader};

/// What the signatures of a network begin with.
const NAMESPACE: &[u8] = b"lockstep network ";
/// What those under final blocks go on with.
const FINALIZE: &[u8] = b"_FINALIZE";

/// Signatures under a block, and where in the network's course it was made final.
pub(crate) struct Certificate {
    pub(crate) epoch: u64,
    view: u64,
    parent_view: u64,
    /// Places among the members, ascending, and signatures.
    signatures: Vec<(usize, [u8; 64])>,
}

impl Certificate {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, LightError> {
        let (epoch, view, parent_view) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let count = reader.u16()?;
        let mut signatures = Vec::new();
        for _ in 0..count {
            let place = usize::from(reader.u16()?);
            if signatures.last().is_some_and(|(last, _)| *last >= place) {
                return Err(LightError::Form("order of signatures"));
            }
            signatures.push((place, reader.array()?));
        }
        Ok(Self {
            epoch,
            view,
            parent_view,
            signatures,
        })
    }

    /// Fails unless a quorum of the members has signed the block, and all signatures are right.
    pub(crate) fn verify(&self, network: &Network, block: &[u8; 32]) -> Result<(), LightError> {
        let expected = quorum(network.members.len());
        let found = self.signatures.len();
        if found < expected {
            return Err(LightError::Quorum { expected, found });
        }
        let message = self.message(network, block);
        for (place, signature) in &self.signatures {
            let member = network.members.get(*place);
            let key = member.and_then(|key| VerificationKey::try_from(*key).ok());
            let signature = Signature::from_bytes(signature);
            let is_right = key.is_some_and(|key| key.verify(&signature, &message).is_ok());
            if !is_right {
                return Err(LightError::Signature(*place));
            }
        }
        Ok(())
    }

    fn message(&self, network: &Network, block: &[u8; 32]) -> Vec<u8> {
        let namespace = [NAMESPACE, &network.genesis, FINALIZE].concat();
        let mut message = Vec::new();
        put_varint(&mut message, namespace.len() as u64);
        message.extend_from_slice(&namespace);
        for number in [self.epoch, self.view, self.parent_view] {
            put_varint(&mut message, number);
        }
        message.extend_from_slice(block);
        message
    }
}

/// Members that a block needs the signatures of: all but less than a third.
fn quorum(member_count: usize) -> usize {
    let faulty = member_count.saturating_sub(1) / 3;
    member_count.saturating_sub(faulty).max(1)
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0];
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quorums_are_more_than_two_thirds() {
        let counts = [1, 2, 3, 4, 5, 6, 7, 10, 100];
        assert_eq!(counts.map(quorum), [1, 2, 3, 3, 4, 5, 5, 7, 67]);
    }

    #[test]
    fn numbers_have_seven_bits_a_byte() {
        let encoded = |number| {
            let mut out = Vec::new();
            put_varint(&mut out, number);
            out
        };
        assert_eq!(encoded(0), [0]);
        assert_eq!(encoded(127), [127]);
        assert_eq!(encoded(300), [0xac, 2]);
        assert_eq!(encoded(u64::MAX).len(), 10);
    }
}
