//! A decoded Token instruction and the accounts it names become changed accounts, or an error.
//!
//! The order of the checks is part of consensus, since it decides which error is reported; it is
//! that of SPL Token (`solana-program/token`, `program/src/processor.rs`). All of them come before
//! the first change. Whether an account is the program's own is, as there, mostly not checked
//! here: the interface's setters refuse to change one that is not.

mod authority;
mod initialize;
mod lifecycle;
mod supply;

use std::cell::RefMut;

use lockstep_interface::{Address, InstructionError, InvokeContext, Rent, address::sysvar_ids};

use super::{
    Mint, Multisig, TokenError, TokenInstruction, TokenState, amount_to_text, state::SIGNERS_MAX,
    text_to_amount,
};
use crate::deployed::require_accounts;

/// Carries out one instruction.
pub(super) fn process(
    context: &mut InvokeContext<'_, '_>,
    instruction: &TokenInstruction<'_>,
) -> Result<(), InstructionError> {
    match *instruction {
        TokenInstruction::Transfer { amount, decimals } => {
            supply::transfer(context, amount, decimals)
        }
        TokenInstruction::MintTo { amount, decimals } => supply::mint(context, amount, decimals),
        TokenInstruction::Burn { amount, decimals } => supply::burn(context, amount, decimals),
        TokenInstruction::Approve { amount, decimals } => {
            authority::approve(context, amount, decimals)
        }
        TokenInstruction::Revoke => authority::revoke(context),
        TokenInstruction::SetAuthority { kind, authority } => {
            authority::replace(context, kind, authority)
        }
        TokenInstruction::FreezeAccount => authority::freeze(context, true),
        TokenInstruction::ThawAccount => authority::freeze(context, false),
        TokenInstruction::InitializeMint {
            decimals,
            mint_authority,
            freeze_authority,
            names_rent,
        } => {
            let rent_at = names_rent.then_some(1);
            initialize::mint(context, rent_at, decimals, mint_authority, freeze_authority)
        }
        TokenInstruction::InitializeAccount => initialize::account(context, None, Some(3)),
        TokenInstruction::InitializeAccount2 { owner } => {
            initialize::account(context, Some(owner), Some(2))
        }
        TokenInstruction::InitializeAccount3 { owner } => {
            initialize::account(context, Some(owner), None)
        }
        TokenInstruction::InitializeMultisig {
            required,
            names_rent,
        } => initialize::multisig(context, names_rent.then_some(1), required),
        TokenInstruction::InitializeImmutableOwner => initialize::immutable_owner(context),
        TokenInstruction::CloseAccount => lifecycle::close(context),
        TokenInstruction::SyncNative => lifecycle::sync_native(context),
        TokenInstruction::GetAccountDataSize => {
            with_own_mint(context, |_| Ok(()))?;
            let size = u64::try_from(size_of::<super::TokenAccount>()).unwrap_or(u64::MAX);
            context.set_return_data(&size.to_le_bytes())
        }
        TokenInstruction::AmountToUiAmount { amount } => {
            let text = with_own_mint(context, |mint| Ok(amount_to_text(amount, mint.decimals)))?;
            context.set_return_data(text.as_bytes())
        }
        TokenInstruction::UiAmountToAmount { text } => {
            let amount = with_own_mint(context, |mint| {
                text_to_amount(text, mint.decimals).ok_or(InstructionError::InvalidArgument)
            })?;
            context.set_return_data(&amount.to_le_bytes())
        }
    }
}

/// Fails unless the Token program owns the account at `position`.
fn require_own(context: &InvokeContext<'_, '_>, position: usize) -> Result<(), InstructionError> {
    if context.stable(position)?.owner() != context.program() {
        return Err(InstructionError::IncorrectProgramId);
    }
    Ok(())
}

/// Calls `ask` with the mint at position 0, which has to be the program's own.
fn with_own_mint<T>(
    context: &InvokeContext<'_, '_>,
    ask: impl FnOnce(&Mint) -> Result<T, InstructionError>,
) -> Result<T, InstructionError> {
    require_accounts(context, 1)?;
    require_own(context, 0)?;
    let account = context.account(0)?;
    ask(Mint::read(&account.data).map_err(|_| TokenError::InvalidMint)?)
}

/// Checks that the account at `position` is the mint of `expected` and, if told, has so many
/// decimals.
fn check_mint(
    context: &InvokeContext<'_, '_>,
    position: usize,
    expected: &Address,
    decimals: u8,
) -> Result<(), InstructionError> {
    if context.address(position)? != expected {
        return Err(TokenError::MintMismatch.into());
    }
    let account = context.account(position)?;
    check_decimals(Mint::read(&account.data)?, Some(decimals))
}

fn check_decimals(mint: &Mint, decimals: Option<u8>) -> Result<(), InstructionError> {
    if decimals.is_some_and(|decimals| decimals != mint.decimals) {
        return Err(TokenError::MintDecimalsMismatch.into());
    }
    Ok(())
}

/// Checks that the account at `position` is the expected authority, and that it signed; of a
/// multisig, that enough of the accounts behind it did.
#[inline]
fn check_authority(
    context: &InvokeContext<'_, '_>,
    expected: &Address,
    position: usize,
) -> Result<(), InstructionError> {
    if context.address(position)? != expected {
        return Err(TokenError::OwnerMismatch.into());
    }
    let authority = context.account(position)?;
    if authority.owner == *context.program() && authority.data.len() == size_of::<Multisig>() {
        let signers = position.saturating_add(1);
        return check_multisig(context, Multisig::read(&authority.data)?, signers);
    }
    if !authority.is_signer() {
        return Err(InstructionError::MissingRequiredSignature);
    }
    Ok(())
}

/// Each of the multisig's signers counts once, even if the multisig lists it twice and the
/// instruction names it twice.
fn check_multisig(
    context: &InvokeContext<'_, '_>,
    multisig: &Multisig,
    first: usize,
) -> Result<(), InstructionError> {
    // The deployed program stops at such a count; no account of its own has one.
    let signers = multisig.signers.get(..usize::from(multisig.count));
    let signers = signers.ok_or(InstructionError::ProgramFailedToComplete)?;
    let mut matched = [false; SIGNERS_MAX];
    for position in first..context.account_count() {
        let address = context.address(position)?;
        for (signer, matched) in signers.iter().zip(&mut matched) {
            if signer == address && !*matched {
                if !context.is_signer(position)? {
                    return Err(InstructionError::MissingRequiredSignature);
                }
                *matched = true;
            }
        }
    }
    let count = matched.iter().filter(|matched| **matched).count();
    if count < usize::from(multisig.required) {
        return Err(InstructionError::MissingRequiredSignature);
    }
    Ok(())
}

/// Rent parameters: of the account at `position`, or else the bank's.
fn rent(
    context: &InvokeContext<'_, '_>,
    position: Option<usize>,
) -> Result<Rent, InstructionError> {
    let Some(position) = position else {
        return context.sysvars().rent().copied();
    };
    if *context.address(position)? != sysvar_ids::RENT {
        return Err(InstructionError::InvalidArgument);
    }
    let account = context.account(position)?;
    Rent::decode(&account.data).ok_or(InstructionError::InvalidArgument)
}

/// The state at `position`, which is in use, without what others may be adding to it.
fn stable<T: TokenState>(
    context: &InvokeContext<'_, '_>,
    position: usize,
) -> Result<T, InstructionError> {
    let mut state = T::zeroed();
    let account = context.stable(position)?;
    if account.size() != size_of::<T>() {
        return Err(InstructionError::InvalidAccountData);
    }
    account.copy_to(bytemuck::bytes_of_mut(&mut state), 0)?;
    T::read(bytemuck::bytes_of(&state))?;
    Ok(state)
}

/// A sum that does not fit, as the program reports it.
fn overflow(error: InstructionError) -> InstructionError {
    match error {
        InstructionError::ArithmeticOverflow => TokenError::Overflow.into(),
        error => error,
    }
}

/// Borrows the state at `position`, which was read before, for writing.
fn write<'c, T: TokenState>(
    context: &'c InvokeContext<'_, '_>,
    position: usize,
) -> Result<RefMut<'c, T>, InstructionError> {
    let data = context.account_mut(position)?.into_data()?;
    RefMut::filter_map(data, |data| T::write(data).ok())
        .map_err(|_| InstructionError::InvalidAccountData)
}
