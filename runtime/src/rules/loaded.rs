//! Loaded data: how many bytes a transaction's accounts may take, and which programs can run.

use lockstep_interface::{Account, RuleSet, TransactionError, address::program_ids};

use crate::limits::LOADED_ACCOUNT_SIZE;

/// Bytes counted for a loaded account.
///
/// Source: Agave's `load_transaction_accounts`, and SIMD-0186.
pub(crate) fn loaded_size(account: &Account, rules: RuleSet) -> u64 {
    let data = u64::try_from(account.data.len()).unwrap_or(u64::MAX);
    if rules == RuleSet::Current && account.exists() {
        data.saturating_add(LOADED_ACCOUNT_SIZE)
    } else {
        data
    }
}

/// Whether the account of an instruction's program can run.
///
/// # Errors
/// `ProgramAccountNotFound` or `InvalidProgramForExecution`; they fail the transaction before its
/// first instruction.
pub(crate) fn check_program(program: &Account, rules: RuleSet) -> Result<(), TransactionError> {
    if !program.exists() {
        return Err(TransactionError::ProgramAccountNotFound);
    }
    let is_frozen_rule_broken = rules.freezes_executable_accounts() && !program.executable;
    if program.owner != program_ids::NATIVE_LOADER || is_frozen_rule_broken {
        return Err(TransactionError::InvalidProgramForExecution);
    }
    Ok(())
}
