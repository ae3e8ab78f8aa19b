//! Errors of instructions as one number of 64 bits, which programs give and functions of the
//! context do.
//!
//! ```text
//! bits   63..32        31..0
//!        custom code   Solana's number of the error, plus 1; 0 for success
//! ```

use lockstep_interface::InstructionError;

use crate::types::instruction_number;

/// Solana's number of an error with a code of the program's.
const CUSTOM: u32 = 25;
/// Solana's number of `ProgramFailedToComplete`.
const FAILED_TO_COMPLETE: u32 = 40;

/// What a function of the context gives where it is misused: `ProgramFailedToComplete`.
pub(crate) const MISUSE: u64 = FAILED_TO_COMPLETE as u64 + 1;

/// The number of a result.
pub(crate) fn code_of(result: Result<(), InstructionError>) -> u64 {
    let Err(error) = result else {
        return 0;
    };
    let number = u64::from(instruction_number(&error)).wrapping_add(1);
    match error {
        InstructionError::Custom(code) => u64::from(code) << 32 | number,
        _ => number,
    }
}

/// The result of a number. What stands for no error is `ProgramFailedToComplete`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the number has two halves of 32 bits"
)]
pub(crate) fn error_of(code: u64) -> Result<(), InstructionError> {
    let (custom, number) = ((code >> 32) as u32, code as u32);
    if code == 0 {
        return Ok(());
    }
    Err(match number.checked_sub(1) {
        Some(CUSTOM) => InstructionError::Custom(custom),
        Some(number) => {
            let known = ERRORS.get(number as usize).cloned().flatten();
            known.unwrap_or(InstructionError::ProgramFailedToComplete)
        }
        None => InstructionError::ProgramFailedToComplete,
    })
}

/// The errors by Solana's number; none where a code is needed or the number is not used.
#[expect(deprecated, reason = "old errors keep their numbers")]
static ERRORS: [Option<InstructionError>; 54] = {
    use InstructionError as Error;
    [
        Some(Error::GenericError),
        Some(Error::InvalidArgument),
        Some(Error::InvalidInstructionData),
        Some(Error::InvalidAccountData),
        Some(Error::AccountDataTooSmall),
        Some(Error::InsufficientFunds),
        Some(Error::IncorrectProgramId),
        Some(Error::MissingRequiredSignature),
        Some(Error::AccountAlreadyInitialized),
        Some(Error::UninitializedAccount),
        Some(Error::UnbalancedInstruction),
        Some(Error::ModifiedProgramId),
        Some(Error::ExternalAccountLamportSpend),
        Some(Error::ExternalAccountDataModified),
        Some(Error::ReadonlyLamportChange),
        Some(Error::ReadonlyDataModified),
        Some(Error::DuplicateAccountIndex),
        Some(Error::ExecutableModified),
        Some(Error::RentEpochModified),
        Some(Error::NotEnoughAccountKeys),
        Some(Error::AccountDataSizeChanged),
        Some(Error::AccountNotExecutable),
        Some(Error::AccountBorrowFailed),
        Some(Error::AccountBorrowOutstanding),
        Some(Error::DuplicateAccountOutOfSync),
        None,
        Some(Error::InvalidError),
        Some(Error::ExecutableDataModified),
        Some(Error::ExecutableLamportChange),
        Some(Error::ExecutableAccountNotRentExempt),
        Some(Error::UnsupportedProgramId),
        Some(Error::CallDepth),
        Some(Error::MissingAccount),
        Some(Error::ReentrancyNotAllowed),
        Some(Error::MaxSeedLengthExceeded),
        Some(Error::InvalidSeeds),
        Some(Error::InvalidRealloc),
        Some(Error::ComputationalBudgetExceeded),
        Some(Error::PrivilegeEscalation),
        Some(Error::ProgramEnvironmentSetupFailure),
        Some(Error::ProgramFailedToComplete),
        Some(Error::ProgramFailedToCompile),
        Some(Error::Immutable),
        Some(Error::IncorrectAuthority),
        Some(Error::BorshIoError),
        Some(Error::AccountNotRentExempt),
        Some(Error::InvalidAccountOwner),
        Some(Error::ArithmeticOverflow),
        Some(Error::UnsupportedSysvar),
        Some(Error::IllegalOwner),
        Some(Error::MaxAccountsDataAllocationsExceeded),
        Some(Error::MaxAccountsExceeded),
        Some(Error::MaxInstructionTraceLengthExceeded),
        Some(Error::BuiltinProgramsMustConsumeComputeUnits),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_both_ways() {
        assert_eq!(error_of(0), Ok(()));
        assert_eq!(code_of(Ok(())), 0);
        for (number, error) in (0u64..).zip(&ERRORS) {
            let Some(error) = error else {
                continue;
            };
            let code = code_of(Err(error.clone()));
            assert_eq!(code, number.saturating_add(1), "{error:?}");
            assert_eq!(error_of(code), Err(error.clone()));
        }
        for custom in [0, 7, u32::MAX] {
            let error = InstructionError::Custom(custom);
            assert_eq!(error_of(code_of(Err(error.clone()))), Err(error));
        }
    }

    #[test]
    fn a_number_of_no_error_fails_the_transaction() {
        let failed = Err(InstructionError::ProgramFailedToComplete);
        for code in [MISUSE, 56, 1_000, u64::from(u32::MAX), 1 << 32] {
            assert_eq!(error_of(code), failed, "{code}");
        }
    }
}
