//! Tokens move, come into being, and go.

use lockstep_interface::{Address, InstructionError, InvokeContext};

use super::{
    check_authority, check_decimals, check_mint, overflow, require_accounts, require_own, stable,
    write,
};
use crate::token::{Mint, TokenAccount, TokenError, TokenState};

/// Where a token account has its amount.
const AMOUNT: usize = std::mem::offset_of!(TokenAccount, amount);
/// Where a mint has its supply.
const SUPPLY: usize = std::mem::offset_of!(Mint, supply);

/// How many tokens the delegate may still move if one acts and none if the owner does.
type Allowance = Option<u64>;

/// What a transfer of an amount comes to.
struct Moved {
    allowance: Allowance,
    is_native: bool,
}

/// Moves tokens from position 0 to the next but the mint, if there are `decimals` to be checked.
pub(super) fn transfer(
    context: &InvokeContext<'_, '_>,
    amount: u64,
    decimals: Option<u8>,
) -> Result<(), InstructionError> {
    let target = if decimals.is_some() { 2 } else { 1 };
    let Some(moved) = check_transfer(context, target, amount, decimals)? else {
        return Ok(());
    };
    let mut account = context.account_mut(0)?;
    if moved.is_native {
        account.debit(amount)?;
    }
    let source = TokenAccount::write(account.data_mut()?)?;
    source.amount.decrease(amount)?;
    spend(source, moved.allowance);
    drop(account);

    if moved.is_native {
        context.credit(target, amount)?;
    }
    context.add(target, AMOUNT, amount)
}

/// Checks a transfer without changing anything. `None` if source and target are the same account.
fn check_transfer(
    context: &InvokeContext<'_, '_>,
    target_at: usize,
    amount: u64,
    decimals: Option<u8>,
) -> Result<Option<Moved>, InstructionError> {
    let authority_at = target_at.saturating_add(1);
    require_accounts(context, authority_at.saturating_add(1))?;
    let source_account = context.account(0)?;
    let source = TokenAccount::read(&source_account.data)?;
    let target = stable::<TokenAccount>(context, target_at)?;

    if source.is_frozen() || target.is_frozen() {
        return Err(TokenError::AccountFrozen.into());
    }
    if source.amount.get() < amount {
        return Err(TokenError::InsufficientFunds.into());
    }
    if source.mint != target.mint {
        return Err(TokenError::MintMismatch.into());
    }
    if let Some(decimals) = decimals {
        check_mint(context, 1, &source.mint, decimals)?;
    }
    let is_same = source_account.address() == context.address(target_at)?;
    let allowance = check_spender(context, source, authority_at, amount)?;
    if is_same || amount == 0 {
        require_own(context, 0)?;
        require_own(context, target_at)?;
    }
    if is_same {
        return Ok(None);
    }
    context.fits(target_at, AMOUNT, amount).map_err(overflow)?;
    let is_native = source.is_native();
    if is_native {
        let rest = source_account.lamports.checked_sub(amount);
        rest.ok_or(TokenError::Overflow)?;
        context.credit_fits(target_at, amount).map_err(overflow)?;
    }
    Ok(Some(Moved {
        allowance,
        is_native,
    }))
}

/// Checks that the account at `position` may take `amount` out of `source`, as its owner or as its
/// delegate.
#[inline]
fn check_spender(
    context: &InvokeContext<'_, '_>,
    source: &TokenAccount,
    position: usize,
    amount: u64,
) -> Result<Allowance, InstructionError> {
    let address = context.address(position)?;
    if source.delegate.get() != Some(address) {
        check_authority(context, &source.owner, position)?;
        return Ok(None);
    }
    check_authority(context, address, position)?;
    let rest = source.delegated_amount.get().checked_sub(amount);
    Ok(Some(rest.ok_or(TokenError::InsufficientFunds)?))
}

/// Notes what is left to the delegate. One that may move nothing more is no delegate any longer.
fn spend(source: &mut TokenAccount, allowance: Allowance) {
    if let Some(rest) = allowance {
        source.delegated_amount.set(rest);
        if rest == 0 {
            source.delegate.set(None);
        }
    }
}

/// Mints tokens to an account.
pub(super) fn mint(
    context: &InvokeContext<'_, '_>,
    amount: u64,
    decimals: Option<u8>,
) -> Result<(), InstructionError> {
    require_accounts(context, 3)?;
    check_minting(context, decimals)?;
    if amount == 0 {
        require_own(context, 0)?;
        require_own(context, 1)?;
    }
    context.fits(1, AMOUNT, amount).map_err(overflow)?;
    context.fits(0, SUPPLY, amount).map_err(overflow)?;
    context.add(1, AMOUNT, amount)?;
    context.add(0, SUPPLY, amount)
}

/// Burns tokens of an account.
pub(super) fn burn(
    context: &InvokeContext<'_, '_>,
    amount: u64,
    decimals: Option<u8>,
) -> Result<(), InstructionError> {
    require_accounts(context, 3)?;
    let allowance = check_burning(context, amount, decimals)?;
    if amount == 0 {
        require_own(context, 0)?;
        require_own(context, 1)?;
    }
    // That there are enough was checked above.
    let supply = Mint::read(&context.account(1)?.data)?.supply;
    let supply = supply.get().checked_sub(amount);
    let supply = supply.ok_or(TokenError::Overflow)?;
    let mut account = write::<TokenAccount>(context, 0)?;
    account.amount.decrease(amount)?;
    spend(&mut account, allowance);
    drop(account);
    write::<Mint>(context, 1)?.supply.set(supply);
    Ok(())
}

/// Mint at position 0, target at 1, authority at 2.
fn check_minting(
    context: &InvokeContext<'_, '_>,
    decimals: Option<u8>,
) -> Result<(), InstructionError> {
    let target = stable::<TokenAccount>(context, 1)?;
    if target.is_frozen() {
        return Err(TokenError::AccountFrozen.into());
    }
    check_ordinary(&target)?;
    check_mint_address(context, 0, &target.mint)?;
    let mint = stable::<Mint>(context, 0)?;
    check_decimals(&mint, decimals)?;
    let authority = mint.mint_authority.get().ok_or(TokenError::FixedSupply)?;
    check_authority(context, authority, 2)
}

/// Source at position 0, mint at 1, authority at 2.
fn check_burning(
    context: &InvokeContext<'_, '_>,
    amount: u64,
    decimals: Option<u8>,
) -> Result<Allowance, InstructionError> {
    let source = context.account(0)?;
    let source = TokenAccount::read(&source.data)?;
    let mint = context.account(1)?;
    let mint = Mint::read(&mint.data)?;
    if source.is_frozen() {
        return Err(TokenError::AccountFrozen.into());
    }
    check_ordinary(source)?;
    if source.amount.get() < amount {
        return Err(TokenError::InsufficientFunds.into());
    }
    check_mint_address(context, 1, &source.mint)?;
    check_decimals(mint, decimals)?;
    if source.is_abandoned() {
        return Ok(None);
    }
    check_spender(context, source, 2, amount)
}

fn check_ordinary(account: &TokenAccount) -> Result<(), InstructionError> {
    if account.is_native() {
        return Err(TokenError::NativeNotSupported.into());
    }
    Ok(())
}

fn check_mint_address(
    context: &InvokeContext<'_, '_>,
    position: usize,
    expected: &Address,
) -> Result<(), InstructionError> {
    if context.address(position)? != expected {
        return Err(TokenError::MintMismatch.into());
    }
    Ok(())
}
