//! Bundles under the lockstep executor: several transactions back to back on the same held
//! accounts, all or none.
//!
//! A plan names each transaction of a bundle, and its last one holds the accounts of all. Where it
//! stands all of them are run, and their outcomes put down by bundle; what the workers give for the
//! others counts for nothing and is replaced at the end of the block.

use std::{ops::RangeInclusive, sync::OnceLock};

use lockstep_interface::{
    Account, TransactionContext, TransactionError,
    context::{AccountSlot, Scratch},
};
use lockstep_scheduler::{Access, AccessMode, TransactionIndex};

use super::{
    Outcome, Recording, lockstep::Surroundings, transaction::process, workers::TransactionCells,
};
use crate::prepare::{PreparedBlock, bundles::Turn};

/// The bundles of a block while it runs.
pub(super) struct BundleRuns<'b> {
    block: &'b PreparedBlock<'b>,
    recording: Recording,
    /// By transaction index, at the last of each bundle; empty without bundles.
    outcomes: Vec<OnceLock<Vec<Outcome>>>,
}

impl<'b> BundleRuns<'b> {
    pub(super) fn new(block: &'b PreparedBlock<'b>, recording: Recording) -> Self {
        let count = if block.bundles().is_empty() {
            0
        } else {
            block.transactions().len()
        };
        Self {
            block,
            recording,
            outcomes: (0..count).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Whether a transaction is in a bundle.
    #[inline]
    pub(super) fn concern(&self, index: TransactionIndex) -> bool {
        !self.outcomes.is_empty() && self.block.bundles().accesses(index).is_some()
    }

    /// Does what there is to do where the plan names a transaction of a bundle. What it gives for
    /// an outcome only stands in for it.
    #[cold]
    pub(super) fn run(
        &self,
        surroundings: Surroundings<'_>,
        index: TransactionIndex,
        cells: TransactionCells<'_>,
        mut scratch: Scratch,
    ) -> (Outcome, Scratch) {
        if let Turn::Bundle(members) = self.block.bundles().turn(index) {
            let outcomes;
            (outcomes, scratch) =
                surroundings.run_bundle(self.block, members, cells, scratch, self.recording);
            let place = &self.outcomes[index.0 as usize];
            place.set(outcomes).expect("a bundle runs once");
        }
        let pending = Outcome::Refused(TransactionError::CommitCancelled);
        (pending, scratch)
    }

    /// Gives every transaction of a bundle its outcome.
    pub(super) fn write_to(self, outcomes: &mut [Outcome]) {
        for (last, bundle) in self.outcomes.into_iter().enumerate() {
            let bundle = bundle.into_inner().unwrap_or_default();
            let places = outcomes[..=last].iter_mut().rev();
            for (outcome, place) in bundle.into_iter().rev().zip(places) {
                *place = outcome;
            }
        }
    }
}

/// The outcomes of a bundle of `count` whose transaction number `culprit` failed or was refused:
/// it keeps its reason, and the others are cancelled.
pub(super) fn cancelled(count: usize, culprit: usize, error: TransactionError) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Refused(TransactionError::CommitCancelled); count];
    outcomes[culprit] = Outcome::Refused(error);
    outcomes
}

/// Why a bundle with this outcome in it has no effect.
pub(super) fn failure(outcome: &Outcome) -> Option<TransactionError> {
    match outcome {
        Outcome::Refused(error) => Some(error.clone()),
        Outcome::Included(receipt) => receipt.status.clone().err(),
    }
}

impl Surroundings<'_> {
    /// Runs a bundle. `cells` are those of the union of its accesses.
    pub(super) fn run_bundle(
        self,
        block: &PreparedBlock<'_>,
        members: RangeInclusive<u32>,
        mut cells: TransactionCells<'_>,
        mut scratch: Scratch,
        recording: Recording,
    ) -> (Vec<Outcome>, Scratch) {
        let union = cells.accesses();
        let mut held: Vec<Account> = vec![Account::default(); union.len()];
        for (place, access) in union.iter().enumerate() {
            if access.mode() == AccessMode::Write {
                held[place] = cells.take(place);
                self.credits.fold(access.account(), &mut held[place]);
            }
        }
        let before = held.clone();
        let count = members.clone().count();
        let mut outcomes = Vec::with_capacity(count);
        for index in members.map(TransactionIndex) {
            let (outcome, used) =
                self.run_member(block, index, &cells, &mut held, scratch, recording);
            scratch = used;
            if let Some(error) = failure(&outcome) {
                outcomes = cancelled(count, outcomes.len(), error);
                held = before;
                break;
            }
            outcomes.push(outcome);
        }
        for (place, account) in held.into_iter().enumerate() {
            if union[place].mode() == AccessMode::Write {
                cells.put(place, account);
            }
        }
        (outcomes, scratch)
    }

    /// Runs one transaction on what the bundle holds.
    fn run_member(
        self,
        block: &PreparedBlock<'_>,
        index: TransactionIndex,
        cells: &TransactionCells<'_>,
        held: &mut [Account],
        scratch: Scratch,
        recording: Recording,
    ) -> (Outcome, Scratch) {
        let transaction = &block.transactions()[index.0 as usize];
        let union = cells.accesses();
        let place_of = |access: &Access| {
            let mut places = union.iter();
            let place = places.position(|other| other.account() == access.account());
            place.expect("the union has the accesses of all")
        };
        let places: Vec<usize> = block.accesses(index).iter().map(place_of).collect();
        let mut context = TransactionContext::with_scratch(self.environment, scratch);
        let limit = u64::from(transaction.budget.compute_unit_limit);
        context.begin(limit, recording.logs);
        for (position, place) in places.iter().enumerate() {
            let access = union[*place];
            let address = &self.addresses[access.account().0 as usize];
            let is_signer = transaction.view.is_signer(position);
            context.push(if access.mode() == AccessMode::Write {
                let account = std::mem::take(&mut held[*place]);
                if transaction.rights.writable.contains(position) {
                    AccountSlot::owned(address, account, is_signer)
                } else {
                    AccountSlot::lent(address, account, is_signer)
                }
            } else {
                AccountSlot::shared(address, cells.read(*place), is_signer)
            });
        }
        let outcome = process(&mut context, transaction, recording);
        for (slot, place) in context.drain().zip(places) {
            if let Some(account) = slot.into_account() {
                // An account without lamports does not exist for the transactions after.
                held[place] = if account.exists() {
                    account
                } else {
                    Account::default()
                };
            }
        }
        (outcome, context.into_scratch())
    }
}
