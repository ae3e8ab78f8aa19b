//! Why a block was not executed or sealed.

use lockstep_scheduler::{PlanError, StrategyError};
use lockstep_store::StoreError;
use thiserror::Error;

use crate::{bank::MissingFeature, block::BodyError, prepare::ShareError, verify::Refusal};

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
        /// The text of the panic, or that it had none.
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
    #[error("transaction {position} of the block must be refused: {refusal}")]
    Refused {
        /// Its place in the block.
        position: u32,
        /// Why.
        refusal: Refusal,
    },
    /// The given plan breaks a rule.
    #[error("the plan is wrong: {0}")]
    Given(PlanError),
    /// The given plan shares the credits of an account whose credits cannot be shared.
    #[error(transparent)]
    Share(ShareError),
    /// A result depends on the order of credits, which the given plan leaves open.
    #[error("a result depends on the order of credits, which the plan leaves open")]
    CreditsDependOnOrder,
    /// The block cannot be written.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The chain has activated a program or rules that are not linked in.
    #[error(transparent)]
    Missing(#[from] MissingFeature),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller cancelled the work.
    #[error("cancelled by the caller")]
    Cancelled,
    /// A worker panicked outside of any program; the engine accepts no further block.
    #[error(
        "a worker panicked outside of any program, a bug of the runtime: make a new engine, this \
         one accepts no further block"
    )]
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
