//! Why a block was not executed or sealed.

use lockstep_scheduler::{PlanError, StrategyError};
use lockstep_store::StoreError;
use thiserror::Error;

use crate::{block::BodyError, prepare::ShareError, verify::Refusal};

/// Why a block was not executed or sealed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The strategy gave up.
    #[error("strategy {name}: {source}")]
    Strategy {
        /// Its name.
        name: String,
        /// Why.
        source: StrategyError,
    },
    /// The strategy panicked. The engine goes on.
    #[error("strategy {name} panicked: {message}")]
    StrategyPanicked {
        /// Its name; empty if it panicked while it was asked.
        name: String,
        /// What it said, or that it was no text.
        message: String,
    },
    /// The strategy's plan breaks a rule.
    #[error("the plan of strategy {name} is wrong: {source}")]
    Plan {
        /// Its name.
        name: String,
        /// The rule.
        source: PlanError,
    },
    /// A given block has a transaction that is not allowed in a block.
    #[error("transaction {position} cannot be part of a block: {refusal}")]
    Refused {
        /// Its place in the block.
        position: u32,
        /// Why.
        refusal: Refusal,
    },
    /// The given plan breaks a rule.
    #[error("the plan is wrong: {0}")]
    Given(PlanError),
    /// The given plan lets an account be credited by several transactions at once that cannot be.
    #[error(transparent)]
    Share(ShareError),
    /// The given plan leaves open the order of credits on which a result depends.
    #[error("the plan leaves open the order of credits on which a result depends")]
    CreditsDependOnOrder,
    /// The block cannot be written.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller did not want the result any more.
    #[error("cancelled")]
    Cancelled,
    /// A worker panicked outside of any program; the engine accepts no further block.
    #[error("a worker panicked outside of any program; the engine is poisoned")]
    Poisoned,
}

impl EngineError {
    /// True if a given block is at fault: no node can execute it, ever.
    pub fn is_fault_of_given_block(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. } | Self::Given(_) | Self::Share(_) | Self::CreditsDependOnOrder
        )
    }
}

impl From<ShareError> for EngineError {
    /// A store that fails says nothing about the block.
    fn from(error: ShareError) -> Self {
        match error {
            ShareError::Store(error) => error.into(),
            error => Self::Share(error),
        }
    }
}
