//! A decoded instruction becomes calls of the System and Token programs, or an error.
//!
//! The order of the checks is that of SPL's program (`program/src/processor.rs`), since it decides
//! which error is reported.

use lockstep_interface::{
    AccountMeta, Address, InstructionError, InvokeContext, address::program_ids,
};

use super::{AssociatedTokenError, AssociatedTokenInstruction, associated_address};
use crate::{
    deployed::require_accounts,
    system,
    token::{Mint, TokenAccount, TokenInstruction, TokenState, instruction as token},
};

/// Carries out one instruction.
pub(super) fn process(
    context: &mut InvokeContext<'_, '_>,
    instruction: AssociatedTokenInstruction,
) -> Result<(), InstructionError> {
    match instruction {
        AssociatedTokenInstruction::Create => create(context, false),
        AssociatedTokenInstruction::CreateIdempotent => create(context, true),
        AssociatedTokenInstruction::RecoverNested => recover(context),
    }
}

/// Creates the account at position 1 for the wallet at 2 and the mint at 3.
fn create(
    context: &mut InvokeContext<'_, '_>,
    is_idempotent: bool,
) -> Result<(), InstructionError> {
    require_accounts(context, 6)?;
    let payer = *context.address(0)?;
    let [wallet, mint] = [context.address(2)?, context.address(3)?];
    let token_program = context.address(5)?;
    let (account, bump) = associated_address(wallet, token_program, mint);
    if account != *context.address(1)? {
        return Err(InstructionError::InvalidSeeds);
    }
    if is_idempotent && is_there(context, token_program, wallet, mint)? {
        return Ok(());
    }
    if context.account(1)?.owner != program_ids::SYSTEM {
        return Err(InstructionError::IllegalOwner);
    }
    let rent = *context.sysvars().rent()?;
    let size = account_size(context, token_program, mint)?;
    let held = context.account(1)?.lamports;
    let minimum = rent
        .minimum_balance(usize::try_from(size).unwrap_or(usize::MAX))
        .max(1);

    let bump = [bump];
    let [wallet_seed, program_seed, mint_seed] =
        [wallet, token_program, mint].map(|seed| seed.as_array().as_slice());
    let seeds: [&[&[u8]]; 1] = [&[wallet_seed, program_seed, mint_seed, &bump]];
    if held > 0 {
        let missing = minimum.saturating_sub(held);
        if missing > 0 {
            context.invoke(&system::instruction::transfer(&payer, &account, missing))?;
        }
        let allocate = system::instruction::allocate(&account, size);
        context.invoke_signed(&allocate, &seeds)?;
        let assign = system::instruction::assign(&account, token_program);
        context.invoke_signed(&assign, &seeds)?;
    } else {
        let create =
            system::instruction::create_account(&payer, &account, minimum, size, token_program);
        context.invoke_signed(&create, &seeds)?;
    }
    let writable = AccountMeta::writable(account, false);
    context.invoke(&TokenInstruction::InitializeImmutableOwner.call(vec![writable]))?;
    context.invoke(&token::initialize_account(&account, mint, wallet))
}

/// True if the account at position 1 is the wallet's account of the mint already.
fn is_there(
    context: &InvokeContext<'_, '_>,
    token_program: &Address,
    wallet: &Address,
    mint: &Address,
) -> Result<bool, InstructionError> {
    let account = context.account(1)?;
    if account.owner != *token_program {
        return Ok(false);
    }
    let Ok(state) = TokenAccount::read(&account.data) else {
        return Ok(false);
    };
    if state.owner != *wallet {
        return Err(AssociatedTokenError::InvalidOwner.into());
    }
    if state.mint != *mint {
        return Err(InstructionError::InvalidAccountData);
    }
    Ok(true)
}

/// Asks the token program how many bytes an account of the mint has.
fn account_size(
    context: &mut InvokeContext<'_, '_>,
    token_program: &Address,
    mint: &Address,
) -> Result<u64, InstructionError> {
    if *token_program != program_ids::TOKEN {
        return Err(InstructionError::IncorrectProgramId);
    }
    let mint = AccountMeta::readonly(*mint, false);
    context.invoke(&TokenInstruction::GetAccountDataSize.call(vec![mint]))?;
    let returned = context.return_data();
    if returned.program != *token_program {
        return Err(InstructionError::IncorrectProgramId);
    }
    let size = <[u8; 8]>::try_from(returned.data.as_slice());
    size.map(u64::from_le_bytes)
        .map_err(|_| InstructionError::InvalidInstructionData)
}

/// Empties and closes the account at position 0, which belongs to the associated account at 3.
fn recover(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    require_accounts(context, 7)?;
    let [nested, nested_mint, target] = [
        context.address(0)?,
        context.address(1)?,
        context.address(2)?,
    ];
    let [owner, owner_mint, wallet] = [
        context.address(3)?,
        context.address(4)?,
        context.address(5)?,
    ];
    let token_program = context.address(6)?;
    let derived = |wallet, mint| associated_address(wallet, token_program, mint);
    let (derived_owner, bump) = derived(wallet, owner_mint);
    let is_derived = derived_owner == *owner
        && derived(owner, nested_mint).0 == *nested
        && derived(wallet, nested_mint).0 == *target;
    if !is_derived {
        return Err(InstructionError::InvalidSeeds);
    }
    if !context.is_signer(5)? {
        return Err(InstructionError::MissingRequiredSignature);
    }
    require_owner(context, 4, token_program)?;
    require_holder(context, 3, token_program, wallet)?;
    let amount = require_holder(context, 0, token_program, owner)?;
    require_owner(context, 1, token_program)?;
    let decimals = Mint::read(&context.account(1)?.data)?.decimals;
    if *token_program != program_ids::TOKEN {
        return Err(InstructionError::IncorrectProgramId);
    }

    let bump = [bump];
    let [wallet_seed, program_seed, mint_seed] =
        [wallet, token_program, owner_mint].map(|seed| seed.as_array().as_slice());
    let seeds: [&[&[u8]]; 1] = [&[wallet_seed, program_seed, mint_seed, &bump]];
    let moved = token::transfer_checked([nested, nested_mint, target], owner, amount, decimals);
    context.invoke_signed(&moved, &seeds)?;
    let closed = token::close_account(nested, wallet, owner);
    context.invoke_signed(&closed, &seeds)
}

/// Fails unless the token program owns the account at `position`.
fn require_owner(
    context: &InvokeContext<'_, '_>,
    position: usize,
    token_program: &Address,
) -> Result<(), InstructionError> {
    if context.account(position)?.owner != *token_program {
        return Err(InstructionError::IllegalOwner);
    }
    Ok(())
}

/// Fails unless the account at `position` holds tokens of `holder`; gives how many.
fn require_holder(
    context: &InvokeContext<'_, '_>,
    position: usize,
    token_program: &Address,
    holder: &Address,
) -> Result<u64, InstructionError> {
    require_owner(context, position, token_program)?;
    let account = context.account(position)?;
    let state = TokenAccount::read(&account.data)?;
    if state.owner != *holder {
        return Err(AssociatedTokenError::InvalidOwner.into());
    }
    Ok(state.amount.get())
}
