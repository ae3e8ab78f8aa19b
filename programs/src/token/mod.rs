//! The Token program: mints, token accounts, delegates, freezing, multisigs, wrapped lamports.
//!
//! It has the address, instructions, account layouts and error numbers of SPL Token
//! (`solana-program/token`), so that its clients work unchanged. Compute units are its own: the
//! deployed program's count depends on its bytecode.
//!
//! - [`instruction`]: what it can be asked to do, and the calls that clients make;
//! - `state`: what its accounts hold, used where it lies;
//! - `processor`: how each instruction is carried out;
//! - `amount`: amounts as decimal text;
//! - [`describe`](DESCRIPTION): its interface as data;
//! - `error`: the numbers it fails with.
//!
//! A transfer writes its two accounts alone. The mint is read by checked transfers and by nothing
//! else that moves tokens, so transfers of one mint between distinct accounts run in parallel. To
//! the account that receives tokens a transfer only adds, and so does minting to the supply: any
//! number of transactions do so to one account at once.

mod amount;
mod describe;
mod error;
pub mod instruction;
mod processor;
mod state;

#[cfg(test)]
mod tests;

use lockstep_interface::{
    Address, Counters, InstructionError, InvokeContext, Names, Positions, Program,
    address::program_ids,
};
use lockstep_sdk::{account::Tallied, error::ErrorCode, program::end};

pub use amount::{amount_to_text, text_to_amount};
pub use describe::DESCRIPTION;
pub use error::TokenError;
pub use instruction::{AuthorityKind, TokenInstruction};
pub use state::{
    AccountStatus, Mint, Multisig, OptionalAddress, OptionalU64, SIGNERS_MAX, TokenAccount,
    TokenState,
};

/// Compute units of every Token instruction, taken first.
pub const COMPUTE_UNITS: u64 = 150;

/// The mint of wrapped lamports (SPL Token: `native_mint`).
pub const NATIVE_MINT: Address =
    Address::from_str_const("So11111111111111111111111111111111111111112");

/// What an account that receives tokens is added to: its amount, and lamports if it is wrapped.
pub(crate) const RECEIVED: Counters = <TokenAccount as Tallied>::COUNTERS;
/// What a mint is added to when it mints: the supply.
pub(crate) const MINTED: Counters = <Mint as Tallied>::COUNTERS;

/// The Token program.
#[derive(Clone, Copy, Debug)]
pub struct TokenProgram;

impl Program for TokenProgram {
    fn address(&self) -> Address {
        program_ids::TOKEN
    }

    fn name(&self) -> &'static str {
        "token"
    }

    fn tag_size(&self, _: &[u8]) -> usize {
        1
    }

    fn credit_only(&self, data: &[u8], _: usize) -> Positions {
        match data {
            [3, ..] => Positions::only(1),
            [12, ..] => Positions::only(2),
            [7 | 14, ..] => Positions::only(0).union(Positions::only(1)),
            _ => Positions::NONE,
        }
    }

    fn counters(&self, data: &[u8], position: usize) -> Counters {
        match (data, position) {
            ([7 | 14, ..], 0) => MINTED,
            _ => RECEIVED,
        }
    }

    fn names(&self) -> Option<&'static dyn Names> {
        Some(&DESCRIPTION)
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(COMPUTE_UNITS)?;
        let instruction = TokenInstruction::decode(context.data());
        let result = match instruction {
            Ok(instruction) => processor::process(context, &instruction),
            Err(error) => Err(error.into()),
        };
        if let Err(InstructionError::Custom(code)) = result {
            explain(context, code);
        }
        end(context, result, DESCRIPTION.errors)
    }
}

/// Tells people what a number of the program's own means, in the log as SPL Token does.
#[cold]
fn explain(context: &mut InvokeContext<'_, '_>, code: u32) {
    let mut errors = TokenError::ERRORS.iter();
    if let Some(known) = errors.find(|error| error.code == code) {
        context.log(|| format!("Error: {}", known.message));
    }
}
