//! Accounts that the program owns become mints, token accounts and multisigs.

use lockstep_interface::{Address, InstructionError, InvokeContext, Rent};

use super::{rent, require_accounts, require_own, write};
use crate::token::{
    Mint, Multisig, NATIVE_MINT, TokenAccount, TokenError, TokenState, state::SIGNERS_MAX,
};

/// Makes the account at position 0 a mint.
pub(super) fn mint(
    context: &InvokeContext<'_, '_>,
    rent_at: Option<usize>,
    decimals: u8,
    mint_authority: Address,
    freeze_authority: Option<Address>,
) -> Result<(), InstructionError> {
    require_accounts(context, rent_at.map_or(1, following))?;
    let rent = rent(context, rent_at)?;
    check_new::<Mint>(context, &rent)?;
    write::<Mint>(context, 0)?.initialize(mint_authority, decimals, freeze_authority);
    Ok(())
}

/// Makes the account at position 0 a token account of the mint at 1, owned by `owner` or else by
/// the account at 2.
pub(super) fn account(
    context: &InvokeContext<'_, '_>,
    owner: Option<Address>,
    rent_at: Option<usize>,
) -> Result<(), InstructionError> {
    require_accounts(context, rent_at.map_or(2, following))?;
    let owner = match owner {
        Some(owner) => owner,
        None => *context.address(2)?,
    };
    let rent = rent(context, rent_at)?;
    check_new::<TokenAccount>(context, &rent)?;
    let mint = *context.address(1)?;
    let native = if mint == NATIVE_MINT {
        let lamports = context.account(0)?.lamports;
        let reserve = rent.minimum_balance(size_of::<TokenAccount>());
        let amount = lamports.checked_sub(reserve).ok_or(TokenError::Overflow)?;
        Some((reserve, amount))
    } else {
        require_own(context, 1)?;
        let mint = context.account(1)?;
        Mint::read(&mint.data).map_err(|_| TokenError::InvalidMint)?;
        None
    };
    write::<TokenAccount>(context, 0)?.initialize(mint, owner, native);
    Ok(())
}

/// Makes the account at position 0 a multisig of the accounts behind it and Rent.
pub(super) fn multisig(
    context: &InvokeContext<'_, '_>,
    rent_at: Option<usize>,
    required: u8,
) -> Result<(), InstructionError> {
    let first = rent_at.map_or(1, following);
    require_accounts(context, first)?;
    let rent = rent(context, rent_at)?;
    check_new::<Multisig>(context, &rent)?;
    let valid = 1..=SIGNERS_MAX;
    let count = context.account_count().saturating_sub(first);
    if !valid.contains(&count) {
        return Err(TokenError::InvalidNumberOfProvidedSigners.into());
    }
    if !valid.contains(&usize::from(required)) {
        return Err(TokenError::InvalidNumberOfRequiredSigners.into());
    }
    let mut multisig = write::<Multisig>(context, 0)?;
    multisig.required = required;
    multisig.count = u8::try_from(count).unwrap_or(u8::MAX);
    multisig.is_initialized = 1;
    for (position, signer) in (first..).zip(multisig.signers.iter_mut().take(count)) {
        *signer = *context.address(position)?;
    }
    Ok(())
}

/// Checks that the account at position 0 could be made a token account.
pub(super) fn immutable_owner(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    require_accounts(context, 1)?;
    let account = context.account(0)?;
    check_unused::<TokenAccount>(&account.data)
}

/// Checks that the account at position 0 has the size of a `T`, is not in use, and is rent-exempt.
fn check_new<T: TokenState>(
    context: &InvokeContext<'_, '_>,
    rent: &Rent,
) -> Result<(), InstructionError> {
    let account = context.account(0)?;
    check_unused::<T>(&account.data)?;
    if !rent.is_exempt(account.lamports, account.data.len()) {
        return Err(TokenError::NotRentExempt.into());
    }
    Ok(())
}

fn check_unused<T: TokenState>(data: &[u8]) -> Result<(), InstructionError> {
    if T::read_any(data)?.is_initialized() {
        return Err(TokenError::AlreadyInUse.into());
    }
    Ok(())
}

/// The number of accounts of which the one at `position` is the last.
fn following(position: usize) -> usize {
    position.saturating_add(1)
}
