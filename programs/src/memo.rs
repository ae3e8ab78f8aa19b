//! The Memo program: puts a text into the log, and says which accounts signed it.
//!
//! Wire format, log lines and errors are those of SPL Memo (`solana-program/memo`): the instruction
//! data is the text in UTF-8, and every account that is named has to sign.

use lockstep_interface::{
    AccountMeta, Address, Instruction, InstructionError, InvokeContext, Names, Program,
    address::program_ids,
};
use lockstep_sdk::idl::ProgramDescription;

use crate::describe::{SIGNING, TEXT_TO_END, field, instruction, named, program};

/// Compute units of every memo, taken first.
pub const COMPUTE_UNITS: u64 = 150;

/// What the Memo program can be asked to do.
///
/// ```
/// let json = lockstep_programs::memo::DESCRIPTION.to_json();
/// assert!(json.contains("\"name\":\"memo\""));
/// ```
pub const DESCRIPTION: ProgramDescription = program(
    "memo",
    program_ids::MEMO,
    &[instruction(
        "memo",
        &["Puts a text into the log, and says which accounts signed it."],
        &[],
        &[named("signers", SIGNING.repeated(u8::MAX))],
        &[field("text", TEXT_TO_END)],
    )],
    &[],
);

/// The Memo program.
#[derive(Clone, Copy, Debug)]
pub struct MemoProgram;

impl Program for MemoProgram {
    fn address(&self) -> Address {
        program_ids::MEMO
    }

    fn name(&self) -> &'static str {
        "memo"
    }

    fn tag_size(&self, _: &[u8]) -> usize {
        0
    }

    fn names(&self) -> Option<&'static dyn Names> {
        Some(&DESCRIPTION)
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(COMPUTE_UNITS)?;
        let mut is_signed = true;
        for position in 0..context.account_count() {
            if context.is_signer(position)? {
                let address = *context.address(position)?;
                context.log(|| format!("Signed by {address}"));
            } else {
                is_signed = false;
            }
        }
        if !is_signed {
            return Err(InstructionError::MissingRequiredSignature);
        }
        let memo = std::str::from_utf8(context.data()).map_err(|error| {
            let valid = error.valid_up_to();
            context.log(|| format!("Invalid UTF-8, from byte {valid}"));
            InstructionError::InvalidInstructionData
        })?;
        context.log(|| format!("Memo (len {}): {memo:?}", memo.len()));
        Ok(())
    }
}

/// Logs `text`, signed by `signers`.
pub fn memo(text: &str, signers: &[Address]) -> Instruction {
    let signer = |address: &Address| AccountMeta::readonly(*address, true);
    Instruction {
        program: program_ids::MEMO,
        accounts: signers.iter().map(signer).collect(),
        data: text.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Ledger, address};

    #[test]
    fn a_memo_and_its_signers_are_logged() {
        let mut ledger = Ledger::new();
        assert_eq!(ledger.run(&memo("a \"b\"", &[address(1)])), Ok(()));
        let logs = ledger.logs.join("\n");
        assert!(
            logs.contains(&format!("Signed by {}", address(1))),
            "{logs}"
        );
        assert!(logs.contains("Memo (len 5): \"a \\\"b\\\"\""), "{logs}");
    }

    #[test]
    fn everybody_signs_and_the_text_is_text() {
        let mut ledger = Ledger::new();
        let mut unsigned = memo("a", &[address(1), address(2)]);
        unsigned.accounts[1].is_signer = false;
        let missing = Err(InstructionError::MissingRequiredSignature);
        assert_eq!(ledger.run(&unsigned), missing);

        let mut broken = memo("ab", &[]);
        broken.data[1] = 0xff;
        let invalid = Err(InstructionError::InvalidInstructionData);
        assert_eq!(ledger.run(&broken), invalid);
        assert!(ledger.logs.iter().any(|line| line.contains("from byte 1")));
    }
}
