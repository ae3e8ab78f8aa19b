//! Why a block was not executed over shards.

use lockstep_runtime::{
    chain::ParametersError, prepare::ShareError, store::StoreError, threads::ThreadsError,
};
use lockstep_scheduler::PlanError;
use thiserror::Error;

/// Why a block was not executed over shards. The bank that it was to be executed in is untouched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShardError {
    /// A worker is gone, and the block with it. The others have been stopped.
    #[error(
        "worker {shard} of {count} was lost: {cause}; start the workers again and execute the \
         block once more"
    )]
    Lost {
        /// Its number, from 0.
        shard: u32,
        /// How many there were.
        count: u32,
        /// How it ended.
        cause: String,
    },
    /// The workers were lost before, and have not been started again.
    #[error("expected running workers, found none: start them again")]
    Stopped,
    /// A worker could not do its part.
    #[error("worker {shard} could not execute its part of the block: {reason}")]
    Failed {
        /// Its number, from 0.
        shard: u32,
        /// Why.
        reason: String,
    },
    /// The workers could not be started.
    #[error("expected {count} workers, could not start them: {reason}")]
    Start {
        /// How many.
        count: u32,
        /// Why.
        reason: String,
    },
    /// The coordinator's own threads could not be started.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// No worker was asked for, or too many.
    #[error("expected 1 to {max} workers, found {count}")]
    Count {
        /// How many were asked for.
        count: u32,
        /// The most.
        max: u32,
    },
    /// Transactions of the block have an effect together or not at all.
    #[error("expected a block without bundles, found {0}: execute it on one machine")]
    Bundles(usize),
    /// Programs out of accounts are not called over shards.
    #[error("expected a chain whose programs are all linked in, found one with loaders")]
    Loaders,
    /// The plan of a block breaks a rule.
    #[error("the plan is wrong: {0}")]
    Plan(PlanError),
    /// The plan of a block shares the credits of an account whose credits cannot be shared.
    #[error(transparent)]
    Share(ShareError),
    /// A result may depend on the order of credits, which a given plan leaves open. Whether it
    /// does, and the block is invalid, the engine of one machine decides.
    #[error(
        "a result may depend on the order of credits, which the plan leaves open: execute the \
         block on one machine"
    )]
    CreditsDependOnOrder,
    /// The parameters of the chain cannot be sent.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ShareError> for ShardError {
    /// A store that fails says nothing about the block.
    fn from(error: ShareError) -> Self {
        match error {
            ShareError::Store(error) => error.into(),
            error => Self::Share(error),
        }
    }
}
