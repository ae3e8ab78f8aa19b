//! Executing a block by the plan that its producer made: nothing is taken on trust.

use lockstep_scheduler::{AccountIndex, Mode, Plan, PlanError, check};
use lockstep_store::StoreError;
use thiserror::Error;

use super::{Cancel, EngineError, UnsealedBlock};
use crate::{
    bank::Bank,
    block::{Outcome, Recording},
    execute::{ExecuteError, execute, load},
    prepare::{PreparedBlock, Refusal, ShareError},
    seal::WriteSet,
    threads::Threads,
};

/// What a producer says of its block's transactions, which stand in the plan's canonical order.
#[derive(Clone, Copy, Debug)]
pub struct Given<'g> {
    /// The plan.
    pub plan: &'g Plan,
    /// The accounts that the plan lets several transactions credit at once, in ascending order.
    pub shared_accounts: &'g [AccountIndex],
    /// What receipts carry. Balances cannot be recorded where credits are shared.
    pub recording: Recording,
}

/// Why a block could not be executed by its plan.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GivenError {
    /// A transaction that is not allowed in a block is in this one.
    #[error("transaction {position} cannot be part of a block: {refusal}")]
    Refused {
        /// Its place in the block.
        position: u32,
        /// Why.
        refusal: Refusal,
    },
    /// The plan breaks a rule.
    #[error("the plan is wrong: {0}")]
    Plan(#[from] PlanError),
    /// The plan lets an account be credited by several transactions at once that cannot be.
    #[error(transparent)]
    Share(ShareError),
    /// Some transaction's result depends on the order of credits that the plan leaves open.
    #[error("the plan leaves open the order of credits on which a result depends")]
    CreditsDependOnOrder,
    /// Not the block's fault.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for GivenError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<ShareError> for GivenError {
    /// A store that fails says nothing about the block.
    fn from(error: ShareError) -> Self {
        match error {
            ShareError::Store(error) => error.into(),
            error => Self::Share(error),
        }
    }
}

impl Given<'_> {
    pub(super) fn execute<'b>(
        self,
        threads: &Threads,
        bank: Bank,
        mut prepared: PreparedBlock<'b>,
        cancel: &Cancel,
    ) -> Result<UnsealedBlock<'b>, GivenError> {
        if let Some((position, refusal)) = prepared.refused().first().cloned() {
            return Err(GivenError::Refused { position, refusal });
        }
        prepared.share_given(&bank, self.shared_accounts)?;
        check_cancelled(cancel)?;
        // The checker is far cheaper than executing, so a wrong plan costs little.
        let (plan, accounts) = threads.join(
            || check(self.plan.clone(), prepared.table(), Mode::Replay),
            || load(&bank, &prepared, threads),
        );
        let plan = plan.map_err(|refused| refused.error)?;
        let executed = execute(&bank, &prepared, accounts?, &plan, threads, self.recording);
        let executed = executed.map_err(|error| match error {
            ExecuteError::CreditsDependOnOrder(_) => GivenError::CreditsDependOnOrder,
            ExecuteError::WorkerPanicked => EngineError::Poisoned.into(),
        })?;
        let plan = plan.into_plan();
        check_cancelled(cancel)?;
        let write_set = WriteSet::new(&bank, &prepared, executed, threads)?;
        let outcomes = (0..).zip(write_set.outcomes());
        for (position, outcome) in outcomes {
            if let Outcome::Refused(error) = outcome {
                let refusal = Refusal::Rule(error.clone());
                return Err(GivenError::Refused { position, refusal });
            }
        }
        Ok(UnsealedBlock {
            bank,
            prepared,
            plan,
            write_set,
        })
    }
}

fn check_cancelled(cancel: &Cancel) -> Result<(), EngineError> {
    if cancel.is_cancelled() {
        return Err(EngineError::Cancelled);
    }
    Ok(())
}
