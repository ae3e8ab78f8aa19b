//! Lamports of token accounts: an account is closed, or wrapped lamports are counted anew.

use lockstep_interface::{
    InstructionError, InvokeContext,
    address::{INCINERATOR, program_ids},
};

use super::{check_authority, require_accounts, require_own, write};
use crate::token::{TokenAccount, TokenError, TokenState};

/// Deletes the token account at position 0 and gives its lamports to position 1.
pub(super) fn close(context: &InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    require_accounts(context, 3)?;
    if context.address(0)? == context.address(1)? {
        return Err(InstructionError::InvalidAccountData);
    }
    let account = context.account(0)?;
    let state = TokenAccount::read(&account.data)?;
    if !state.is_native() && state.amount.get() != 0 {
        return Err(TokenError::NonNativeHasBalance.into());
    }
    if !state.is_abandoned() {
        let closer = state.close_authority.get().unwrap_or(&state.owner);
        check_authority(context, closer, 2)?;
    } else if *context.address(1)? != INCINERATOR {
        // An account without an owner gives no gain when it is closed.
        return Err(InstructionError::InvalidAccountData);
    }
    let lamports = account.lamports;
    drop(account);
    let sum = context.account(1)?.lamports.checked_add(lamports);
    let sum = sum.ok_or(TokenError::Overflow)?;

    context.account_mut(1)?.set_lamports(sum)?;
    let mut account = context.account_mut(0)?;
    account.set_lamports(0)?;
    account.resize(0)?;
    account.set_owner(&program_ids::SYSTEM)
}

/// Counts the lamports of the account at position 0, all but its reserve, as its tokens.
pub(super) fn sync_native(context: &InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    require_accounts(context, 1)?;
    require_own(context, 0)?;
    let account = context.account(0)?;
    let state = TokenAccount::read(&account.data)?;
    let reserve = state.native_reserve.get();
    let reserve = reserve.ok_or(TokenError::NonNativeNotSupported)?.get();
    let amount = account.lamports.checked_sub(reserve);
    let amount = amount.ok_or(TokenError::Overflow)?;
    if amount < state.amount.get() {
        return Err(TokenError::InvalidState.into());
    }
    drop(account);
    write::<TokenAccount>(context, 0)?.amount.set(amount);
    Ok(())
}
