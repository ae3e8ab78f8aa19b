//! The Compute Budget program. Its instructions set limits of the transaction that carries them.
//!
//! The runtime reads them before it plans, since they decide fee and priority; by the time the
//! program runs there is nothing left to do, so it takes its compute units and succeeds.

pub mod instruction;

use lockstep_interface::{Address, InstructionError, InvokeContext, Program, address::program_ids};

/// Compute units of every Compute Budget instruction (Agave: `DEFAULT_COMPUTE_UNITS`).
pub const COMPUTE_UNITS: u64 = 150;

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
