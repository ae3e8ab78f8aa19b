//! From a checked plan to executed transactions.
//!
//! - `transaction`: one transaction on loaded accounts; shared by both executors.
//! - `serial`: the oracle, one transaction after the other on an ordered map.
//! - `lockstep`: the workers, which run a plan's batches in parallel.
//! - `bundle`: transactions that have an effect together or not at all.
//! - `changes`: what all of them together changed.
//! - `credits`: lamports added to one account by several workers at once.
//! - `workers`: which lane a worker may reach when, and what it prefetches; the only unsafe code of
//!   the crate.
//! - `progress`: lanes that wait for each other, each run by the worker that owns it, or while that
//!   one has not come by one that would stand still.
//! - `dispatch`: transactions handed to whoever is idle; `ready`: those that can run.
//! - `barrier`: where workers wait for each other; `wait`: how; `sync`: with what.

mod barrier;
mod bundle;
mod changes;
mod credits;
mod dispatch;
mod lockstep;
mod progress;
mod ready;
mod serial;
mod sync;
mod transaction;
mod wait;
mod workers;

use thiserror::Error;

pub use credits::CreditsDependOnOrder;
pub use lockstep::{ExecutedBlock, LoadedAccounts, execute, load};
pub use serial::{SerialBlock, execute_serial};
pub use workers::WorkerPanicked;

/// Why a plan could not be executed to its end. Nothing has changed but time.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ExecuteError {
    /// A bug of the runtime.
    #[error("a worker panicked outside of any program")]
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
mod model;
#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of test cases, and overflow panics here"
)]
mod tests;
