//! How many candidates each account signs, how many it pays for, and what it will pay.

use std::collections::HashMap;

use ahash::RandomState;
use lockstep_interface::Address;

use super::Candidate;

/// An account that signs, numbered in the order in which they came.
pub(super) type SignerNumber = u64;

/// Bytes that one signer of a candidate takes: its slot in a table that may be half empty, and an
/// entry among the candidates that it pays for.
pub(super) const SIGNER_SIZE: usize = 170;

/// What one account signs in the pool.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signer {
    /// 0 if it signs nothing.
    pub(super) number: SignerNumber,
    /// Candidates that it signs.
    pub(super) signed: u32,
    /// Candidates that it pays for.
    pub(super) paid: u32,
    /// Lamports that it will pay for them.
    pub(super) promised: u64,
}

/// The accounts that sign candidates, and that these may take lamports from.
#[derive(Debug, Default)]
pub(super) struct Signers {
    /// For look-up only.
    accounts: HashMap<Address, Signer, RandomState>,
    signer_count: SignerNumber,
}

impl Signers {
    pub(super) fn get(&self, signer: &Address) -> Signer {
        self.accounts.get(signer).copied().unwrap_or_default()
    }

    /// Whether a candidate may be refused because of another one: it is a bundle, or durable, or
    /// an account that signs it signs another one too.
    pub(super) fn risks(&self, candidate: &Candidate) -> bool {
        let is_bundle = candidate.transactions().len() > 1;
        let is_durable = !candidate.nonces().is_empty();
        let mut signers = candidate.signers();
        is_bundle || is_durable || signers.any(|signer| self.accounts.contains_key(signer))
    }

    /// Counts a candidate in.
    pub(super) fn enter(&mut self, candidate: &Candidate) {
        for address in candidate.signers() {
            let signer = self.accounts.entry(*address).or_default();
            if signer.signed == 0 {
                self.signer_count = self.signer_count.checked_add(1).expect("64 bits last");
                signer.number = self.signer_count;
            }
            signer.signed = signer.signed.checked_add(1).expect("a pool is smaller");
        }
        for payment in candidate.payments() {
            let signer = self.accounts.get_mut(&payment.payer);
            let signer = signer.expect("a payer signs");
            signer.paid = signer.paid.checked_add(1).expect("a pool is smaller");
            signer.promised = signer.promised.saturating_add(payment.fee);
        }
    }

    /// Counts a candidate out.
    pub(super) fn leave(&mut self, candidate: &Candidate) {
        const REASON: &str = "it was counted in";
        for payment in candidate.payments() {
            let signer = self.accounts.get_mut(&payment.payer).expect(REASON);
            signer.paid = signer.paid.checked_sub(1).expect(REASON);
            signer.promised = signer.promised.saturating_sub(payment.fee);
        }
        for address in candidate.signers() {
            let signer = self.accounts.get_mut(address).expect(REASON);
            signer.signed = signer.signed.checked_sub(1).expect(REASON);
            if signer.signed == 0 {
                self.accounts.remove(address);
            }
        }
    }
}
