//! The System program: creates accounts, moves lamports, and keeps durable nonces.
//!
//! - [`instruction`]: what it can be asked to do, and the calls that clients make;
//! - `encoding`: those instructions from and to bytes, in Solana's bincode layout;
//! - `processor`: how each is carried out; `nonce` does so for durable nonces;
//! - [`describe`](DESCRIPTION): its interface as data;
//! - [`error`](SystemError): the numbers it fails with.

mod describe;
mod encoding;
mod error;
pub mod instruction;
mod nonce;
mod processor;

#[cfg(test)]
mod tests;

use lockstep_interface::{
    Address, InstructionError, InvokeContext, Names, Positions, Program, address::program_ids,
};

use lockstep_sdk::program::end;

pub use describe::DESCRIPTION;
pub use encoding::INSTRUCTION_SIZE_MAX;
use error::Refusal;
pub use error::SystemError;
pub use instruction::SystemInstruction;

/// Compute units of every System instruction, taken first (Agave: `DEFAULT_COMPUTE_UNITS`).
pub const COMPUTE_UNITS: u64 = 150;

/// The System program.
#[derive(Clone, Copy, Debug)]
pub struct SystemProgram;

impl Program for SystemProgram {
    fn address(&self) -> Address {
        program_ids::SYSTEM
    }

    fn name(&self) -> &'static str {
        "system"
    }

    fn tag_size(&self, _: &[u8]) -> usize {
        4
    }

    fn names(&self) -> Option<&'static dyn Names> {
        Some(&DESCRIPTION)
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(COMPUTE_UNITS)?;
        let instruction = SystemInstruction::decode(context.data())
            .ok_or(InstructionError::InvalidInstructionData)?;
        processor::process(context, &instruction).map_err(|refusal| refuse(context, refusal))
    }

    /// The target of a transfer.
    fn credit_only(&self, data: &[u8], _: usize) -> Positions {
        encoding::transfer_target(data).map_or(Positions::NONE, Positions::only)
    }
}

/// The error of a refusal, after telling people of it.
#[cold]
fn refuse(context: &mut InvokeContext<'_, '_>, refusal: Refusal) -> InstructionError {
    if refusal.explains_itself() {
        context.log(|| refusal.to_string());
    }
    // The number of a failed derivation only reads like one of the program's own.
    let errors: &[_] = match refusal {
        Refusal::Derive(_) => &[],
        _ => DESCRIPTION.errors,
    };
    let error = InstructionError::from(refusal);
    end(context, Err(error.clone()), errors)
        .err()
        .unwrap_or(error)
}
