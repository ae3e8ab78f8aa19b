//! The Compute Budget program. Its instructions set limits of the transaction that carries them.
//!
//! The runtime reads them before it plans, since they decide fee and priority; by the time the
//! program runs there is nothing left to do, so it takes its compute units and succeeds.

pub mod instruction;

use lockstep_interface::{
    Address, InstructionError, InvokeContext, Names, Program, address::program_ids,
};
use lockstep_sdk::idl::{FieldDescription, InstructionDescription, ProgramDescription};

use crate::describe::{U32, U64, field, instruction, program};
use instruction::{
    REQUEST_HEAP_FRAME, SET_COMPUTE_UNIT_LIMIT, SET_COMPUTE_UNIT_PRICE,
    SET_LOADED_ACCOUNTS_DATA_SIZE_LIMIT,
};

/// Compute units of every Compute Budget instruction (Agave: `DEFAULT_COMPUTE_UNITS`).
pub const COMPUTE_UNITS: u64 = 150;

/// What the Compute Budget program can be asked to do.
///
/// ```
/// let json = lockstep_programs::compute_budget::DESCRIPTION.to_json();
/// assert!(json.contains("\"name\":\"set_compute_unit_limit\""));
/// ```
pub const DESCRIPTION: ProgramDescription = program(
    "compute-budget",
    program_ids::COMPUTE_BUDGET,
    &[
        described(
            "request_heap_frame",
            &["Asks for a heap of so many bytes."],
            &[REQUEST_HEAP_FRAME],
            &[field("bytes", U32)],
        ),
        described(
            "set_compute_unit_limit",
            &["Limits the transaction to so many compute units."],
            &[SET_COMPUTE_UNIT_LIMIT],
            &[field("units", U32)],
        ),
        described(
            "set_compute_unit_price",
            &["Offers so many micro-lamports per compute unit of the limit."],
            &[SET_COMPUTE_UNIT_PRICE],
            &[field("micro_lamports", U64)],
        ),
        described(
            "set_loaded_accounts_data_size_limit",
            &["Limits the data of all accounts of the transaction to so many bytes."],
            &[SET_LOADED_ACCOUNTS_DATA_SIZE_LIMIT],
            &[field("bytes", U32)],
        ),
    ],
    &[],
);

const fn described(
    name: &'static str,
    docs: &'static [&'static str],
    kind: &'static [u8],
    args: &'static [FieldDescription],
) -> InstructionDescription {
    instruction(name, docs, kind, &[], args)
}

/// The Compute Budget program.
#[derive(Clone, Copy, Debug)]
pub struct ComputeBudgetProgram;

impl Program for ComputeBudgetProgram {
    fn address(&self) -> Address {
        program_ids::COMPUTE_BUDGET
    }

    fn name(&self) -> &'static str {
        "compute-budget"
    }

    fn tag_size(&self, _: &[u8]) -> usize {
        1
    }

    fn names(&self) -> Option<&'static dyn Names> {
        Some(&DESCRIPTION)
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(COMPUTE_UNITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Ledger;

    #[test]
    fn it_costs_150_units_and_does_nothing() {
        let mut ledger = Ledger::new();
        let set_limit = instruction::set_compute_unit_limit(1);
        ledger.compute_units = COMPUTE_UNITS;
        assert_eq!(ledger.run(&set_limit), Ok(()));
        assert_eq!(ledger.compute_units_left, 0);

        ledger.compute_units = COMPUTE_UNITS - 1;
        let exceeded = Err(InstructionError::ComputationalBudgetExceeded);
        assert_eq!(ledger.run(&set_limit), exceeded);
    }
}
