//! What a block's fees do to accounts once all transactions have run.

use lockstep_interface::{Account, Address};
use lockstep_store::{Change, StoreError};

use super::{Bank, is_written_sysvar};
use crate::rules::{FeePolicy, receive_share};

impl Bank {
    /// The same bank of a block that names this leader.
    #[must_use]
    pub fn with_leader(self, leader: Option<Address>) -> Self {
        Self { leader, ..self }
    }

    /// The leader that the block names.
    pub fn leader(&self) -> Option<Address> {
        self.leader
    }

    /// How its fees are split.
    pub fn fee_policy(&self) -> &FeePolicy {
        &self.parent.ledger.fee_policy
    }

    /// The accounts that may get a share of the fees.
    pub(crate) fn fee_receivers(&self) -> impl Iterator<Item = Address> + use<> {
        let policy = self.fee_policy();
        let leader = self.leader.filter(|_| policy.pays_leader());
        leader.into_iter().chain(policy.stakers())
    }

    /// Adds what leader and stakers get of a block's fees to what its transactions have changed.
    /// The share of an account that may not receive is burned. `changes` are in strictly ascending
    /// order of addresses, and stay so. O(changes) at most.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) fn split_fees(
        &self,
        fees: u64,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let policy = self.fee_policy();
        let split = policy.split(fees);
        let shares = [
            (self.leader, split.leader),
            (policy.stakers(), split.stakers),
        ];
        for (receiver, lamports) in shares {
            if let Some(receiver) = receiver.filter(|_| lamports > 0) {
                self.pay(receiver, lamports, changes)?;
            }
        }
        Ok(())
    }

    fn pay(
        &self,
        receiver: Address,
        lamports: u64,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        if is_written_sysvar(&receiver) {
            return Ok(());
        }
        let place = changes.binary_search_by_key(&receiver, |(address, _)| *address);
        let before: Account = self.parent.get(&receiver)?.unwrap_or_default();
        let mut account = match place {
            Ok(place) => changes[place].1.clone(),
            Err(_) => before.clone(),
        };
        if !receive_share(&mut account, lamports, &self.environment.rent()) {
            return Ok(());
        }
        match place {
            // The block took from it what it gives back: nothing has changed.
            Ok(place) if account == before => drop(changes.remove(place)),
            Ok(place) => changes[place].1 = account,
            Err(place) => changes.insert(place, (receiver, account)),
        }
        Ok(())
    }
}
