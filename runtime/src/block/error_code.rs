//! From an error to the bytes that a receipt's hash covers: Solana's binary encoding.
//!
//! ```text
//! number u32 | what the error carries: an index u8, an instruction's error likewise, a code u32
//! ```
//! Integers are little-endian. The numbers never change, so they are written out. The crate that
//! Solana encodes with is the judge in tests only: it would bring eight crates into every node.

use lockstep_interface::{InstructionError, TransactionError};

/// Of an error that a newer release of Solana's crates adds, which nothing here makes.
const UNKNOWN: u32 = u32::MAX;

/// Solana's binary encoding of a transaction error: its number as `u32`, then its content.
pub fn encode_error(error: &TransactionError) -> Vec<u8> {
    let mut bytes = transaction_number(error).to_le_bytes().to_vec();
    match error {
        TransactionError::InstructionError(index, error) => {
            bytes.push(*index);
            bytes.extend(instruction_number(error).to_le_bytes());
            if let InstructionError::Custom(code) = error {
                bytes.extend(code.to_le_bytes());
            }
        }
        TransactionError::DuplicateInstruction(index)
        | TransactionError::InsufficientFundsForRent {
            account_index: index,
        }
        | TransactionError::ProgramExecutionTemporarilyRestricted {
            account_index: index,
        } => bytes.push(*index),
        _ => {}
    }
    bytes
}

fn transaction_number(error: &TransactionError) -> u32 {
    use TransactionError as Error;
    match error {
        Error::AccountInUse => 0,
        Error::AccountLoadedTwice => 1,
        Error::AccountNotFound => 2,
        Error::ProgramAccountNotFound => 3,
        Error::InsufficientFundsForFee => 4,
        Error::InvalidAccountForFee => 5,
        Error::AlreadyProcessed => 6,
        Error::BlockhashNotFound => 7,
        Error::InstructionError(..) => 8,
        Error::CallChainTooDeep => 9,
        Error::MissingSignatureForFee => 10,
        Error::InvalidAccountIndex => 11,
        Error::SignatureFailure => 12,
        Error::InvalidProgramForExecution => 13,
        Error::SanitizeFailure => 14,
        Error::ClusterMaintenance => 15,
        Error::AccountBorrowOutstanding => 16,
        Error::WouldExceedMaxBlockCostLimit => 17,
        Error::UnsupportedVersion => 18,
        Error::InvalidWritableAccount => 19,
        Error::WouldExceedMaxAccountCostLimit => 20,
        Error::WouldExceedAccountDataBlockLimit => 21,
        Error::TooManyAccountLocks => 22,
        Error::AddressLookupTableNotFound => 23,
        Error::InvalidAddressLookupTableOwner => 24,
        Error::InvalidAddressLookupTableData => 25,
        Error::InvalidAddressLookupTableIndex => 26,
        Error::InvalidRentPayingAccount => 27,
        Error::WouldExceedMaxVoteCostLimit => 28,
        Error::WouldExceedAccountDataTotalLimit => 29,
        Error::DuplicateInstruction(..) => 30,
        Error::InsufficientFundsForRent { .. } => 31,
        Error::MaxLoadedAccountsDataSizeExceeded => 32,
        Error::InvalidLoadedAccountsDataSizeLimit => 33,
        Error::ResanitizationNeeded => 34,
        Error::ProgramExecutionTemporarilyRestricted { .. } => 35,
        Error::UnbalancedTransaction => 36,
        Error::ProgramCacheHitMaxLimit => 37,
        Error::CommitCancelled => 38,
        Error::BailOut => 39,
        _ => UNKNOWN,
    }
}

#[expect(deprecated, reason = "old errors keep their numbers")]
fn instruction_number(error: &InstructionError) -> u32 {
    use InstructionError as Error;
    match error {
        Error::GenericError => 0,
        Error::InvalidArgument => 1,
        Error::InvalidInstructionData => 2,
        Error::InvalidAccountData => 3,
        Error::AccountDataTooSmall => 4,
        Error::InsufficientFunds => 5,
        Error::IncorrectProgramId => 6,
        Error::MissingRequiredSignature => 7,
        Error::AccountAlreadyInitialized => 8,
        Error::UninitializedAccount => 9,
        Error::UnbalancedInstruction => 10,
        Error::ModifiedProgramId => 11,
        Error::ExternalAccountLamportSpend => 12,
        Error::ExternalAccountDataModified => 13,
        Error::ReadonlyLamportChange => 14,
        Error::ReadonlyDataModified => 15,
        Error::DuplicateAccountIndex => 16,
        Error::ExecutableModified => 17,
        Error::RentEpochModified => 18,
        Error::NotEnoughAccountKeys => 19,
        Error::AccountDataSizeChanged => 20,
        Error::AccountNotExecutable => 21,
        Error::AccountBorrowFailed => 22,
        Error::AccountBorrowOutstanding => 23,
        Error::DuplicateAccountOutOfSync => 24,
        Error::Custom(..) => 25,
        Error::InvalidError => 26,
        Error::ExecutableDataModified => 27,
        Error::ExecutableLamportChange => 28,
        Error::ExecutableAccountNotRentExempt => 29,
        Error::UnsupportedProgramId => 30,
        Error::CallDepth => 31,
        Error::MissingAccount => 32,
        Error::ReentrancyNotAllowed => 33,
        Error::MaxSeedLengthExceeded => 34,
        Error::InvalidSeeds => 35,
        Error::InvalidRealloc => 36,
        Error::ComputationalBudgetExceeded => 37,
        Error::PrivilegeEscalation => 38,
        Error::ProgramEnvironmentSetupFailure => 39,
        Error::ProgramFailedToComplete => 40,
        Error::ProgramFailedToCompile => 41,
        Error::Immutable => 42,
        Error::IncorrectAuthority => 43,
        Error::BorshIoError => 44,
        Error::AccountNotRentExempt => 45,
        Error::InvalidAccountOwner => 46,
        Error::ArithmeticOverflow => 47,
        Error::UnsupportedSysvar => 48,
        Error::IllegalOwner => 49,
        Error::MaxAccountsDataAllocationsExceeded => 50,
        Error::MaxAccountsExceeded => 51,
        Error::MaxInstructionTraceLengthExceeded => 52,
        Error::BuiltinProgramsMustConsumeComputeUnits => 53,
        Error::BailOut => 54,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many errors begin with these bytes and a number, each encoded as the judge does it.
    fn check(start: &[u8]) -> usize {
        let numbers = 0..100u32;
        let errors = numbers.filter_map(|number| {
            let bytes = [start, &number.to_le_bytes(), &[7; 8]].concat();
            wincode::deserialize::<TransactionError>(&bytes).ok()
        });
        let checked = errors.map(|error| {
            let expected = wincode::serialize(&error).expect("the judge made it");
            assert_eq!(encode_error(&error), expected, "{error:?}");
        });
        checked.count()
    }

    #[test]
    fn every_error_is_encoded_as_solana_does_it() {
        // An instruction's error is looked at below: its number follows.
        assert_eq!(check(&[]), 39, "errors of transactions");
        // An instruction failed, the one of index 9.
        assert_eq!(check(&[8, 0, 0, 0, 9]), 55, "errors of instructions");
    }
}
