//! Runs the transaction of a stage: as a whole, and cut off behind each of its instructions.
//!
//! What an instruction changes is the difference between two runs: of the instructions before it,
//! and of these with it. Compute-budget instructions stay in every run, so that limits are the
//! same. Where a cut-off transaction leaves what a whole one may not, as an account below its rent,
//! what the instruction changes is not known.

use lockstep_interface::{Account, TransactionError, address::program_ids};
use lockstep_runtime::block::Receipt;
use lockstep_runtime::verify::Refusal;
use lockstep_runtime::wire::{Message, MessageError, TransactionView, WireBlock};
use lockstep_store::Change;

use super::stage::Stage;
use crate::failure::Failure;

/// What became of one run.
pub(super) struct Run {
    /// `Err` for a transaction that no block would have.
    pub(super) result: Result<Receipt, Refusal>,
    /// The transaction's accounts afterwards.
    pub(super) accounts: Vec<Account>,
}

impl Run {
    /// Runs the whole transaction.
    pub(super) fn whole(
        stage: &Stage,
        given: &[Change],
        before: &[Account],
    ) -> Result<Self, Failure> {
        Self::of(stage, &stage.bytes, given, before)
    }

    /// Runs the transaction up to an instruction.
    pub(super) fn up_to(
        stage: &Stage,
        last: usize,
        given: &[Change],
        before: &[Account],
    ) -> Result<Self, Failure> {
        let view = TransactionView::parse(&stage.bytes).map_err(Failure::other)?;
        let bytes = cut_off(&view, last).map_err(Failure::other)?;
        Self::of(stage, &bytes, given, before)
    }

    fn of(
        stage: &Stage,
        bytes: &[u8],
        given: &[Change],
        before: &[Account],
    ) -> Result<Self, Failure> {
        let simulated = stage.simulate(WireBlock::from_iter([bytes]), given);
        let mut simulated = simulated.map_err(Failure::usage)?;
        let result = simulated.results.pop();
        let changes = &simulated.changes;
        let accounts = stage.keys.iter().zip(before).map(|(key, before)| {
            let place = changes.binary_search_by_key(key, |(known, _)| *known);
            place.map_or_else(|_| before.clone(), |place| changes[place].1.clone())
        });
        Ok(Self {
            accounts: accounts.collect(),
            result: result.ok_or_else(|| Failure::other("nothing was run"))?,
        })
    }

    /// Whether it stopped at an instruction, or not at all: then the accounts are known.
    pub(super) fn is_whole(&self) -> bool {
        match &self.result {
            Ok(receipt) => matches!(
                receipt.status,
                Ok(()) | Err(TransactionError::InstructionError(..))
            ),
            Err(_) => false,
        }
    }

    /// Compute units used.
    pub(super) fn compute_units(&self) -> u64 {
        self.result
            .as_ref()
            .map_or(0, |receipt| receipt.compute_units)
    }
}

/// The transaction without the instructions behind one, but for those about its budget.
fn cut_off(view: &TransactionView<'_>, last: usize) -> Result<Vec<u8>, MessageError> {
    let is_budget =
        |program: u8| view.static_key(usize::from(program)) == Some(program_ids::COMPUTE_BUDGET);
    let mut message = Message::from(view);
    let mut places = 0..;
    message.instructions.retain(|instruction| {
        let is_within = places.next().is_some_and(|place: usize| place <= last);
        is_within || is_budget(instruction.program_index)
    });
    message.with_signatures(view.signatures())
}
