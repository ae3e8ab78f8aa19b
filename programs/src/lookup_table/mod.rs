//! The Address Lookup Table program: accounts that hold lists of addresses, which transactions of
//! version 0 name by one byte each.
//!
//! Wire format, account layout and errors are those of Agave's program
//! (`programs/address-lookup-table/src/processor.rs`); how a transaction uses a table is the
//! runtime's affair.
//!
//! - [`instruction`]: what it can be asked to do, and the calls that clients make;
//! - `state`: the head of a table;
//! - `processor`: how each instruction is carried out;
//! - [`describe`](DESCRIPTION): its interface as data.

mod describe;
pub mod instruction;
mod processor;
mod state;

#[cfg(test)]
mod tests;

use lockstep_interface::{
    Address, InstructionError, InvokeContext, Names, Program, address::program_ids,
};

pub use describe::DESCRIPTION;
pub use instruction::LookupTableInstruction;
pub use state::{HEADER_SIZE, TableHeader};

/// Compute units of every instruction, taken first (Agave: `DEFAULT_COMPUTE_UNITS`).
pub const COMPUTE_UNITS: u64 = 750;

/// Addresses of a table, in [0, 256]. Consensus; Agave's `LOOKUP_TABLE_MAX_ADDRESSES`.
pub const ADDRESSES_MAX: usize = 256;

/// The Address Lookup Table program.
#[derive(Clone, Copy, Debug)]
pub struct LookupTableProgram;

impl Program for LookupTableProgram {
    fn address(&self) -> Address {
        program_ids::ADDRESS_LOOKUP_TABLE
    }

    fn name(&self) -> &'static str {
        "address-lookup-table"
    }

    fn tag_size(&self, _: &[u8]) -> usize {
        4
    }

    fn names(&self) -> Option<&'static dyn Names> {
        Some(&DESCRIPTION)
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(COMPUTE_UNITS)?;
        let instruction = LookupTableInstruction::decode(context.data());
        let instruction = instruction.ok_or(InstructionError::InvalidInstructionData)?;
        processor::process(context, &instruction)
    }
}
