//! Loaded data: how many bytes a transaction's accounts may take, and which programs can run.

use lockstep_interface::{Account, RuleSet, TransactionError, address::program_ids};

use crate::limits::LOADED_ACCOUNT_SIZE;

/// Bytes counted for a loaded account.
///
/// Source: Agave's `load_transaction_accounts`, and SIMD-0186.
pub(crate) fn loaded_size(account: &Account, rules: RuleSet) -> u64 {
    match account.exists() {
        true => stored_size(account.data.len(), rules),
        false => u64::try_from(account.data.len()).unwrap_or(u64::MAX),
    }
}

/// Bytes counted for an account that exists, by the size of its data.
pub(crate) fn stored_size(size: usize, rules: RuleSet) -> u64 {
    let data = u64::try_from(size).unwrap_or(u64::MAX);
    match rules {
        RuleSet::Current | RuleSet::SbpfVersion3 => data.saturating_add(LOADED_ACCOUNT_SIZE),
        RuleSet::December2024 => data,
    }
}

/// Whether the account of an instruction's program can run. `is_loaded` tells that a loader of the
/// chain owns it; what it makes of the account shows when the instruction runs.
///
/// # Errors
/// `ProgramAccountNotFound` or `InvalidProgramForExecution`; they fail the transaction before its
/// first instruction.
pub(crate) fn check_program(
    program: &Account,
    is_loaded: bool,
    rules: RuleSet,
) -> Result<(), TransactionError> {
    if !program.exists() {
        return Err(TransactionError::ProgramAccountNotFound);
    }
    let is_frozen_rule_broken = rules.freezes_executable_accounts() && !program.executable;
    let is_run = program.owner == program_ids::NATIVE_LOADER || is_loaded;
    if !is_run || is_frozen_rule_broken {
        return Err(TransactionError::InvalidProgramForExecution);
    }
    Ok(())
}
