//! What ends a compiled program before its end, and what its result means.

use lockstep_interface::InstructionError;
use solana_sbpf::error::EbpfError;
use thiserror::Error;

/// Why a system call failed.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    /// An error that the instruction reports as it is.
    #[error("{0}")]
    Instruction(#[from] InstructionError),
    /// An access to memory that the program may not do.
    #[error("{0}")]
    Memory(EbpfError),
    /// A system call that was used wrongly, or that the program makes to give up.
    #[error("{0}")]
    Refused(String),
    /// A panic beneath the call, which goes on outside of the program.
    #[error("a panic beneath a system call")]
    Panic,
}

impl Fault {
    pub(crate) fn refused<T>(cause: impl Into<String>) -> Result<T, Self> {
        Err(Self::Refused(cause.into()))
    }
}

/// The error that a program's result other than 0 stands for: those of the runtime in the upper
/// half, those of the program in the lower one.
#[expect(deprecated, reason = "programs report the older error, too")]
pub(crate) fn error_of(result: u64) -> InstructionError {
    if let Ok(custom) = u32::try_from(result) {
        return InstructionError::Custom(custom);
    }
    if result.trailing_zeros() < u32::BITS {
        return InstructionError::InvalidError;
    }
    match result >> u32::BITS {
        1 => InstructionError::Custom(0),
        2 => InstructionError::InvalidArgument,
        3 => InstructionError::InvalidInstructionData,
        4 => InstructionError::InvalidAccountData,
        5 => InstructionError::AccountDataTooSmall,
        6 => InstructionError::InsufficientFunds,
        7 => InstructionError::IncorrectProgramId,
        8 => InstructionError::MissingRequiredSignature,
        9 => InstructionError::AccountAlreadyInitialized,
        10 => InstructionError::UninitializedAccount,
        11 => InstructionError::NotEnoughAccountKeys,
        12 => InstructionError::AccountBorrowFailed,
        13 => InstructionError::MaxSeedLengthExceeded,
        14 => InstructionError::InvalidSeeds,
        15 => InstructionError::BorshIoError,
        16 => InstructionError::AccountNotRentExempt,
        17 => InstructionError::UnsupportedSysvar,
        18 => InstructionError::IllegalOwner,
        19 => InstructionError::MaxAccountsDataAllocationsExceeded,
        20 => InstructionError::InvalidRealloc,
        21 => InstructionError::MaxInstructionTraceLengthExceeded,
        22 => InstructionError::BuiltinProgramsMustConsumeComputeUnits,
        23 => InstructionError::InvalidAccountOwner,
        24 => InstructionError::ArithmeticOverflow,
        25 => InstructionError::Immutable,
        26 => InstructionError::IncorrectAuthority,
        _ => InstructionError::InvalidError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_errors_of_the_program_or_of_the_runtime() {
        for (result, error) in [
            (1, InstructionError::Custom(1)),
            (u64::from(u32::MAX), InstructionError::Custom(u32::MAX)),
            (1 << 32, InstructionError::Custom(0)),
            (4 << 32, InstructionError::InvalidAccountData),
            (26 << 32, InstructionError::IncorrectAuthority),
            (27 << 32, InstructionError::InvalidError),
            ((4 << 32) + 1, InstructionError::InvalidError),
            (u64::MAX, InstructionError::InvalidError),
        ] {
            assert_eq!(error_of(result), error, "{result:#x}");
        }
    }
}
