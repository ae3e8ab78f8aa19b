//! Accounts that are marked executable, as a deployed program has them.
//!
//! A deployed program works on copies of its accounts. After it has invoked another program they
//! are brought up to date, except for those of executable accounts, and at its end all copies are
//! written back: what the other program changed in an executable account is then found to be
//! changed by the wrong one, and the instruction fails.
//!
//! Source: Agave's `translate_accounts_common` (`program-runtime/src/cpi.rs`), which passes
//! executable accounts by, and `deserialize_parameters`.

use lockstep_interface::{Account, InstructionError, InvokeContext};

/// The executable accounts that the instruction may change, by position, as they are.
pub(super) fn note(
    context: &InvokeContext<'_, '_>,
) -> Result<Vec<(usize, Account)>, InstructionError> {
    let mut executables = Vec::new();
    for position in 0..context.account_count() {
        if !context.is_writable(position)? {
            continue;
        }
        let account = context.account(position)?;
        if account.executable {
            executables.push((position, account.clone()));
        }
    }
    Ok(executables)
}

/// Fails if one of them is another account now.
///
/// # Errors
/// The runtime's, for what writing the copy back comes to: `ExternalAccountLamportSpend`,
/// `ExternalAccountDataModified`, `ModifiedProgramId`, or `UnbalancedInstruction`.
pub(super) fn compare(
    context: &InvokeContext<'_, '_>,
    before: &[(usize, Account)],
) -> Result<(), InstructionError> {
    let mut is_balanced = true;
    for (position, copy) in before {
        let account = context.account(*position)?;
        if copy.lamports < account.lamports {
            return Err(InstructionError::ExternalAccountLamportSpend);
        }
        if copy.data != account.data {
            return Err(InstructionError::ExternalAccountDataModified);
        }
        if copy.owner != account.owner {
            return Err(InstructionError::ModifiedProgramId);
        }
        is_balanced &= copy.lamports == account.lamports;
    }
    if is_balanced {
        Ok(())
    } else {
        Err(InstructionError::UnbalancedInstruction)
    }
}
