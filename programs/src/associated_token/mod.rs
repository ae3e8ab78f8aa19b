//! The Associated Token Account program: gives every wallet one token account per mint, at an
//! address that any client can derive.
//!
//! Wire format, accounts and errors are those of SPL's program
//! (`solana-program/associated-token-account`). Of token programs it knows [`token`](crate::token)
//! alone; another one is refused with `IncorrectProgramId`.

mod describe;
mod executables;
pub mod instruction;
mod processor;

#[cfg(test)]
mod tests;

use lockstep_interface::{
    Address, InstructionError, InvokeContext, Names, Program,
    address::{find_program_address, program_ids},
};
use lockstep_sdk::{prelude::ErrorCode, program::end};

pub use describe::DESCRIPTION;
pub use instruction::AssociatedTokenInstruction;

/// Compute units of every instruction, taken first, besides those of the programs it invokes: about
/// what deriving two addresses takes.
pub const COMPUTE_UNITS: u64 = 3_000;

/// The program's own error. Its number is SPL's; it appears as [`InstructionError::Custom`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, ErrorCode)]
pub enum AssociatedTokenError {
    /// the token account belongs to another wallet
    InvalidOwner = 0,
}

/// The Associated Token Account program.
#[derive(Clone, Copy, Debug)]
pub struct AssociatedTokenProgram;

impl Program for AssociatedTokenProgram {
    fn address(&self) -> Address {
        program_ids::ASSOCIATED_TOKEN
    }

    fn name(&self) -> &'static str {
        "associated-token"
    }

    fn tag_size(&self, _: &[u8]) -> usize {
        1
    }

    fn names(&self) -> Option<&'static dyn Names> {
        Some(&DESCRIPTION)
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(COMPUTE_UNITS)?;
        let instruction = AssociatedTokenInstruction::decode(context.data());
        let instruction = instruction.ok_or(InstructionError::InvalidInstructionData)?;
        let before = executables::note(context)?;
        let result = processor::process(context, instruction);
        let result = result.and_then(|()| executables::compare(context, &before));
        end(context, result, DESCRIPTION.errors)
    }
}

/// The address of `wallet`'s account of `mint`, and its bump seed. A few curve tests, each of some
/// microseconds.
///
/// ```
/// use lockstep_interface::{Address, address::program_ids};
/// use lockstep_programs::associated_token::associated_address;
/// let [wallet, mint] = [1, 2].map(|byte| Address::new_from_array([byte; 32]));
/// let (account, _) = associated_address(&wallet, &program_ids::TOKEN, &mint);
/// assert_ne!(account, wallet);
/// ```
pub fn associated_address(
    wallet: &Address,
    token_program: &Address,
    mint: &Address,
) -> (Address, u8) {
    let seeds = [wallet, token_program, mint].map(|seed| seed.as_array().as_slice());
    find_program_address(&seeds, &program_ids::ASSOCIATED_TOKEN)
}
