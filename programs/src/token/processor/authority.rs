//! Rights: delegates, authorities, frozen accounts.

use lockstep_interface::{Address, InstructionError, InvokeContext};

use super::{check_authority, check_mint, require_accounts, write};
use crate::token::{AccountStatus, AuthorityKind, Mint, TokenAccount, TokenError, TokenState};

/// Names a delegate for the account at position 0.
pub(super) fn approve(
    context: &InvokeContext<'_, '_>,
    amount: u64,
    decimals: Option<u8>,
) -> Result<(), InstructionError> {
    let delegate_at: usize = if decimals.is_some() { 2 } else { 1 };
    let owner_at = delegate_at.saturating_add(1);
    require_accounts(context, owner_at.saturating_add(1))?;
    let account = context.account(0)?;
    let source = TokenAccount::read(&account.data)?;
    check_not_frozen(source)?;
    if let Some(decimals) = decimals {
        check_mint(context, 1, &source.mint, decimals)?;
    }
    check_authority(context, &source.owner, owner_at)?;
    drop(account);
    let mut source = write::<TokenAccount>(context, 0)?;
    source.delegate.set(Some(*context.address(delegate_at)?));
    source.delegated_amount.set(amount);
    Ok(())
}

/// Takes the delegate of the account at position 0 away.
pub(super) fn revoke(context: &InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    require_accounts(context, 1)?;
    let account = context.account(0)?;
    let source = TokenAccount::read(&account.data)?;
    require_accounts(context, 2)?;
    check_not_frozen(source)?;
    check_authority(context, &source.owner, 1)?;
    drop(account);
    drop_delegate(&mut *write::<TokenAccount>(context, 0)?);
    Ok(())
}

/// Replaces an authority of the mint or token account at position 0, whichever its size tells.
pub(super) fn replace(
    context: &InvokeContext<'_, '_>,
    kind: AuthorityKind,
    authority: Option<Address>,
) -> Result<(), InstructionError> {
    require_accounts(context, 2)?;
    let size = context.account(0)?.data.len();
    if size == size_of::<TokenAccount>() {
        replace_of_account(context, kind, authority)
    } else if size == size_of::<Mint>() {
        replace_of_mint(context, kind, authority)
    } else {
        Err(InstructionError::InvalidArgument)
    }
}

fn replace_of_account(
    context: &InvokeContext<'_, '_>,
    kind: AuthorityKind,
    authority: Option<Address>,
) -> Result<(), InstructionError> {
    let account = context.account(0)?;
    let state = TokenAccount::read(&account.data)?;
    check_not_frozen(state)?;
    match kind {
        AuthorityKind::AccountOwner => {
            check_authority(context, &state.owner, 1)?;
            drop(account);
            let owner = authority.ok_or(TokenError::InvalidInstruction)?;
            let mut state = write::<TokenAccount>(context, 0)?;
            state.owner = owner;
            drop_delegate(&mut state);
            if state.is_native() {
                state.close_authority.set(None);
            }
        }
        AuthorityKind::CloseAccount => {
            let closer = state.close_authority.get().unwrap_or(&state.owner);
            check_authority(context, closer, 1)?;
            drop(account);
            write::<TokenAccount>(context, 0)?
                .close_authority
                .set(authority);
        }
        AuthorityKind::MintTokens | AuthorityKind::FreezeAccount => {
            return Err(TokenError::AuthorityTypeNotSupported.into());
        }
    }
    Ok(())
}

fn replace_of_mint(
    context: &InvokeContext<'_, '_>,
    kind: AuthorityKind,
    authority: Option<Address>,
) -> Result<(), InstructionError> {
    let account = context.account(0)?;
    let mint = Mint::read(&account.data)?;
    // What was given up once cannot be taken back.
    let (present, given_up) = match kind {
        AuthorityKind::MintTokens => (&mint.mint_authority, TokenError::FixedSupply),
        AuthorityKind::FreezeAccount => (&mint.freeze_authority, TokenError::MintCannotFreeze),
        AuthorityKind::AccountOwner | AuthorityKind::CloseAccount => {
            return Err(TokenError::AuthorityTypeNotSupported.into());
        }
    };
    check_authority(context, present.get().ok_or(given_up)?, 1)?;
    drop(account);
    let mut mint = write::<Mint>(context, 0)?;
    match kind {
        AuthorityKind::MintTokens => mint.mint_authority.set(authority),
        _ => mint.freeze_authority.set(authority),
    }
    Ok(())
}

/// Freezes or thaws the account at position 0, as the freeze authority of the mint at 1 wants.
pub(super) fn freeze(
    context: &InvokeContext<'_, '_>,
    is_frozen: bool,
) -> Result<(), InstructionError> {
    require_accounts(context, 3)?;
    let account = context.account(0)?;
    let state = TokenAccount::read(&account.data)?;
    if state.is_frozen() == is_frozen {
        return Err(TokenError::InvalidState.into());
    }
    if state.is_native() {
        return Err(TokenError::NativeNotSupported.into());
    }
    if *context.address(1)? != state.mint {
        return Err(TokenError::MintMismatch.into());
    }
    let mint_account = context.account(1)?;
    let mint = Mint::read(&mint_account.data)?;
    let authority = mint.freeze_authority.get();
    check_authority(context, authority.ok_or(TokenError::MintCannotFreeze)?, 2)?;
    drop((account, mint_account));
    write::<TokenAccount>(context, 0)?.set_status(if is_frozen {
        AccountStatus::Frozen
    } else {
        AccountStatus::Initialized
    });
    Ok(())
}

fn check_not_frozen(account: &TokenAccount) -> Result<(), InstructionError> {
    if account.is_frozen() {
        return Err(TokenError::AccountFrozen.into());
    }
    Ok(())
}

fn drop_delegate(account: &mut TokenAccount) {
    account.delegate.set(None);
    account.delegated_amount.set(0);
}
