//! Which candidates may be refused because of others in the same block.
//!
//! A candidate pays if its payer still has the fee when it runs, and lasts if its nonce is still
//! there. Both can change within a block, and then the room that the candidate took is lost. Only
//! what an account signs can take lamports from it, so a candidate that is the only one to be
//! signed by its payer risks nothing.

use std::collections::HashSet;

use ahash::RandomState;
use lockstep_interface::Address;

use super::Candidate;

/// What a candidate puts at risk beside those that were chosen before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Risk {
    /// Nothing.
    None,
    /// The room that it takes itself: it is a bundle, or durable, or another that was chosen may
    /// take its payer's lamports.
    Own,
    /// The room that others take: it may take the lamports of their payers.
    Others,
}

/// What was chosen so far, by what it signs, and how much room may be lost.
#[derive(Debug)]
pub(super) struct Stakes {
    /// For look-up only.
    signers: HashSet<Address, RandomState>,
    /// Room that may still be put at risk, in parts of a block.
    left: u64,
}

impl Stakes {
    /// Of the room that is left at the beginning, half may be put at risk before all that risks
    /// nothing has been offered.
    pub(super) fn new(room: u64) -> Self {
        Self {
            signers: HashSet::default(),
            left: room / 2,
        }
    }

    /// What a candidate puts at risk. O(signers).
    pub(super) fn risk(&self, candidate: &Candidate) -> Risk {
        let mut cosigners = candidate.cosigners().iter();
        if cosigners.any(|address| self.signers.contains(address)) {
            return Risk::Others;
        }
        let is_bundle = candidate.transactions().len() > 1;
        let is_durable = !candidate.nonces().is_empty();
        if is_bundle || is_durable || self.signers.contains(candidate.payer()) {
            return Risk::Own;
        }
        Risk::None
    }

    /// Whether this much room may be put at risk.
    pub(super) fn allow(&self, share: u64) -> bool {
        share <= self.left
    }

    /// Notes a candidate that was chosen.
    pub(super) fn take(&mut self, candidate: &Candidate, share: u64) {
        if self.risk(candidate) != Risk::None {
            self.left = self.left.saturating_sub(share);
        }
        self.signers.insert(*candidate.payer());
        self.signers.extend(candidate.cosigners());
    }
}
