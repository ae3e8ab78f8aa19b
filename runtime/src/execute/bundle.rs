//! Bundles under the lockstep executor: several transactions back to back on the same held
//! accounts, all or none.
//!
//! A plan names each transaction of a bundle, and the last one holds the accounts of all. At its
//! place one worker runs all of them and keeps their outcomes by bundle. The outcomes that workers
//! give for the others are placeholders, replaced at the end of the block.

use std::{ops::RangeInclusive, sync::OnceLock};

use lockstep_interface::{Account, Address, TransactionError, context::Scratch};
use lockstep_scheduler::{Access, AccessMode, TransactionIndex};

use super::{
    lockstep::Surroundings,
    transaction::{cancelled, failure},
    workers::{Lent, TransactionCells},
};
use crate::{
    block::{Outcome, Recording},
    prepare::{PreparedBlock, bundles::Turn},
};

/// The bundles of a block while it runs.
pub(super) struct BundleRuns<'b> {
    block: &'b PreparedBlock<'b>,
    recording: Recording,
    /// By transaction index, at the last of each bundle.
    outcomes: Vec<OnceLock<Vec<Outcome>>>,
}

impl<'b> BundleRuns<'b> {
    pub(super) fn new(block: &'b PreparedBlock<'b>, recording: Recording) -> Self {
        let count = block.table().transaction_count();
        Self {
            block,
            recording,
            outcomes: (0..count).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Whether a transaction is in a bundle.
    #[inline]
    pub(super) fn concern(&self, index: TransactionIndex) -> bool {
        self.block.bundles().accesses(index).is_some()
    }

    /// Runs the bundle if the plan names its last transaction here. The outcome that it returns is
    /// a placeholder.
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

impl Surroundings<'_> {
    /// Runs a bundle. `cells` are those of the union of its accesses.
    fn run_bundle(
        self,
        block: &PreparedBlock<'_>,
        members: RangeInclusive<u32>,
        cells: TransactionCells<'_>,
        mut scratch: Scratch,
        recording: Recording,
    ) -> (Vec<Outcome>, Scratch) {
        let union = cells.accesses();
        let mut held: Vec<Lent<'_>> = cells.lend().collect();
        let written = union.iter().zip(&mut held);
        let before: Vec<Option<Account>> = written
            .map(|(access, lent)| {
                let Lent::Exclusive(account) = lent else {
                    return None;
                };
                // The credits of other transactions come first: they stay if the bundle is undone.
                self.credits.fold(access.account(), account);
                Some(account.now().clone())
            })
            .collect();
        let retired = self.retired(union);
        let count = members.clone().count();
        let mut outcomes = Vec::with_capacity(count);
        for index in members.map(TransactionIndex) {
            let accesses = block.accesses(index);
            let lent = lend_again(union, &mut held, accesses);
            let transaction = block.transaction(index);
            let (outcome, used) = self.run(transaction, accesses, lent, scratch, recording);
            scratch = used;
            if let Some(error) = failure(&outcome) {
                for (lent, before) in held.iter_mut().zip(before) {
                    if let (Lent::Exclusive(account), Some(before)) = (lent, before) {
                        *account.change() = before;
                    }
                }
                for program in self.retired(union) {
                    if !retired.contains(&program) {
                        self.programs.executables.restore(&program);
                    }
                }
                return (cancelled(count, outcomes.len(), error), scratch);
            }
            outcomes.push(outcome);
        }
        (outcomes, scratch)
    }

    /// The programs among written accounts that can no longer be called in this block.
    fn retired(self, union: &[Access]) -> Vec<Address> {
        let executables = self.programs.executables;
        if executables.is_empty() {
            return Vec::new();
        }
        let written = union
            .iter()
            .filter(|access| access.mode() == AccessMode::Write);
        let written = written.map(|access| self.addresses[access.account().0 as usize]);
        written
            .filter(|program| executables.is_retired(program))
            .collect()
    }
}

/// Lends what a bundle holds, by the union of its accesses, to one of its transactions.
/// O(accesses of the transaction x accesses of the union).
fn lend_again<'h>(
    union: &[Access],
    held: &'h mut [Lent<'_>],
    accesses: &[Access],
) -> impl Iterator<Item = Lent<'h>> {
    let mut held: Vec<Option<Lent<'h>>> = held.iter_mut().map(|lent| Some(lent.again())).collect();
    accesses.iter().map(move |access| {
        let mut places = union.iter();
        let place = places.position(|other| other.account() == access.account());
        let lent = held[place.expect("the union has the accesses of all")].take();
        lent.expect("a transaction names an account once")
    })
}
