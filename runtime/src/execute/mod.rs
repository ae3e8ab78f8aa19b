//! From a checked plan to executed transactions: the parallel executor, and the serial twin that
//! says what its result must be. Both take a prepared block and give an [`ExecutedBlock`].
//!
//! - `transaction`: one transaction on loaded accounts; shared by both executors.
//! - `serial`: the oracle, one transaction after the other on an ordered map.
//! - `lockstep`: the workers, which run a plan's batches in parallel.
//! - `executables`: the programs out of accounts that the block can call; `instructions`: what they
//!   read of their transaction.
//! - `bundle`: transactions that have an effect together or not at all.
//! - `changes`: what all of them together changed.
//! - `credits`: lamports added to one account by several workers at once.
//! - `workers`: which lane a worker may reach when, and what it prefetches; the only unsafe code of
//!   the crate, and the proof that it is sound.
//! - `progress`: lanes that wait for each other, each run by the worker that owns it, or by an idle
//!   one while the owner has not arrived.
//! - `dispatch`: transactions handed to idle workers; `ready`: those that can run.
//! - `barrier`: where workers wait for each other; `wait`: how; `sync`: with what.

mod barrier;
mod bundle;
mod changes;
mod credits;
mod dispatch;
mod executables;
mod instructions;
mod lockstep;
mod progress;
mod ready;
mod serial;
mod sync;
mod transaction;
mod wait;
mod workers;

pub use credits::CreditsDependOnOrder;
pub(crate) use executables::Loaders;
pub use lockstep::{LoadedAccounts, execute, load};
use lockstep_interface::{Account, Address};
use lockstep_store::{Change, StoreError};
pub(crate) use serial::execute_on;
pub use serial::execute_serial;
use thiserror::Error;
pub use workers::WorkerPanicked;

use crate::{bank::Bank, block::Outcome, prepare::PreparedBlock};

/// A block whose transactions have run: what they changed, and the outcome of each. Nothing of it
/// is in a bank yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExecutedBlock {
    /// Accounts that differ from before, sysvar accounts included, in strictly ascending order of
    /// addresses.
    pub(crate) changes: Vec<Change>,
    /// By transaction index.
    pub(crate) outcomes: Vec<Outcome>,
}

impl ExecutedBlock {
    /// Joins what the parts of a block did that were executed apart: the accounts that they changed
    /// and those of which they cannot tell, each address once, in any order, and the outcomes by
    /// transaction index. The result is that of the whole block if the parts ran in an order that
    /// keeps those of conflicting transactions, each on the accounts that the parts before it left.
    ///
    /// O(n log n) for n accounts; those of which they cannot tell are read in the bank.
    ///
    /// # Errors
    /// If the store fails.
    ///
    /// # Panics
    /// If the number of outcomes is not that of the block's transactions.
    pub fn joined(
        bank: &Bank,
        block: &PreparedBlock<'_>,
        changed: Vec<Change>,
        after: Vec<Change>,
        outcomes: Vec<Outcome>,
    ) -> Result<Self, StoreError> {
        let count = block.table().transaction_count();
        assert_eq!(outcomes.len(), count, "each transaction has an outcome");
        let addresses: Vec<Address> = after.iter().map(|(address, _)| *address).collect();
        let mut before = vec![Account::default(); addresses.len()];
        bank.load(&addresses, &mut before)?;
        let mut changes = bank.own_changes()?;
        changes.extend(changed);
        let pairs = after.into_iter().zip(before);
        let changed = pairs.filter(|((_, after), before)| after != before);
        changes.extend(changed.map(|(change, _)| change));
        changes.sort_unstable_by_key(|(address, _)| *address);
        Ok(Self { changes, outcomes })
    }

    /// The changed accounts in strictly ascending order of addresses; one without lamports is one
    /// that is gone.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The outcomes of the transactions, by transaction index.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }
}

/// Why a plan could not be executed to its end. No account has changed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ExecuteError {
    /// A bug of the runtime.
    #[error("a worker panicked outside of any program: a bug of the runtime")]
    WorkerPanicked,
    /// The block has to be planned and executed with fewer credits
    /// ([`PreparedBlock::withdraw_credits`](crate::prepare::PreparedBlock::withdraw_credits)).
    #[error(transparent)]
    CreditsDependOnOrder(#[from] CreditsDependOnOrder),
}

impl From<WorkerPanicked> for ExecuteError {
    fn from(WorkerPanicked: WorkerPanicked) -> Self {
        Self::WorkerPanicked
    }
}

#[cfg(test)]
mod apart;
#[cfg(test)]
mod model;
#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of test cases, and overflow panics here"
)]
mod tests;
