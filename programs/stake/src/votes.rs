//! What members of a network sign, and which two signatures of one member are an offence.
//!
//! ```text
//! signed     size of the namespace | namespace | epoch | view | parent's view | digest
//! namespace  "lockstep network " | id of the genesis block | "_NOTARIZE", "_FINALIZE", "_NULLIFY"
//! ```
//! Sizes and numbers are varints: seven bits a byte, the lowest first, the highest bit saying that
//! more follow. A vote to nullify a view ends with the view.

use lockstep_sdk::{ed25519::Signature, prelude::*};

/// What the signatures of a network begin with.
const NAMESPACE: &[u8] = b"lockstep network ";

/// What a vote is for.
#[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
pub enum VoteKind {
    /// A block may become final.
    Notarize,
    /// It is final.
    Finalize,
    /// The view ends without a block.
    Nullify,
}

/// A vote of a member in some view.
#[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
pub struct Vote {
    /// What for.
    pub kind: VoteKind,
    /// The view of the block's parent; 0 where the vote nullifies.
    pub parent: u64,
    /// What the block is signed by; zeros where the vote nullifies.
    pub digest: [u8; 32],
    /// The signature.
    pub signature: Signature,
}

impl Vote {
    /// The bytes that the signature is of, in a network and a view of an epoch.
    pub fn message(&self, network: &Address, epoch: u64, view: u64) -> Vec<u8> {
        let suffix: &[u8] = match self.kind {
            VoteKind::Notarize => b"_NOTARIZE",
            VoteKind::Finalize => b"_FINALIZE",
            VoteKind::Nullify => b"_NULLIFY",
        };
        let namespace = [NAMESPACE, network.as_array(), suffix].concat();
        let mut message = Vec::with_capacity(128);
        put_varint(&mut message, u64::try_from(namespace.len()).unwrap_or(0));
        message.extend(namespace);
        put_varint(&mut message, epoch);
        put_varint(&mut message, view);
        if self.kind != VoteKind::Nullify {
            put_varint(&mut message, self.parent);
            message.extend(self.digest);
        }
        message
    }

    /// Whether no honest member signs both in one view: two blocks, or that a block is final and
    /// that the view has none.
    ///
    /// ```
    /// use lockstep_sdk::ed25519::Signature;
    /// use lockstep_stake::votes::{Vote, VoteKind};
    ///
    /// let vote = |kind, digest| {
    ///     Vote { kind, parent: 1, digest: [digest; 32], signature: Signature([0; 64]) }
    /// };
    /// let [one, other] = [1, 2].map(|digest| vote(VoteKind::Finalize, digest));
    /// assert!(one.conflicts(&other));
    /// assert!(!one.conflicts(&one));
    /// assert!(one.conflicts(&vote(VoteKind::Nullify, 0)));
    /// assert!(!vote(VoteKind::Notarize, 1).conflicts(&vote(VoteKind::Nullify, 0)));
    /// ```
    pub fn conflicts(&self, other: &Self) -> bool {
        let is_other_block = (self.parent, self.digest) != (other.parent, other.digest);
        match (self.kind, other.kind) {
            (VoteKind::Notarize, VoteKind::Notarize) | (VoteKind::Finalize, VoteKind::Finalize) => {
                is_other_block
            }
            (VoteKind::Finalize, VoteKind::Nullify) | (VoteKind::Nullify, VoteKind::Finalize) => {
                true
            }
            _ => false,
        }
    }
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
