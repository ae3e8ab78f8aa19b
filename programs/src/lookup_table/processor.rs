//! A decoded instruction becomes a changed table, or an error.
//!
//! The order of the checks is Agave's, since it decides which error is reported.

use lockstep_interface::{
    Address, InstructionError, InvokeContext,
    address::{create_program_address, program_ids},
};

use super::{ADDRESSES_MAX, HEADER_SIZE, LookupTableInstruction, TableHeader};
use crate::system;

/// Carries out one instruction.
pub(super) fn process(
    context: &mut InvokeContext<'_, '_>,
    instruction: &LookupTableInstruction<'_>,
) -> Result<(), InstructionError> {
    match *instruction {
        LookupTableInstruction::Create { recent_slot, bump } => create(context, recent_slot, bump),
        LookupTableInstruction::Freeze => freeze(context),
        LookupTableInstruction::Extend { addresses } => extend(context, addresses),
        LookupTableInstruction::Deactivate => deactivate(context),
        LookupTableInstruction::Close => close(context),
    }
}

/// Creates a table at position 0 for the authority at 1, paid by position 2.
fn create(
    context: &mut InvokeContext<'_, '_>,
    recent_slot: u64,
    bump: u8,
) -> Result<(), InstructionError> {
    let table = *context.address(0)?;
    let authority = *context.address(1)?;
    let payer = *context.address(2)?;
    if !context.is_signer(2)? {
        return Err(InstructionError::MissingRequiredSignature);
    }
    if !context.sysvars().is_recent_slot(recent_slot)? {
        return Err(InstructionError::InvalidInstructionData);
    }
    let slot = recent_slot.to_le_bytes();
    let bump = [bump];
    let seeds: [&[u8]; 3] = [authority.as_array(), &slot, &bump];
    // Solana reports a failed derivation under its number.
    let derived = create_program_address(&seeds, context.program());
    let derived = derived.map_err(|error| InstructionError::Custom(error as u32))?;
    if table != derived {
        return Err(InstructionError::InvalidArgument);
    }
    let account = context.account(0)?;
    if account.owner == program_ids::ADDRESS_LOOKUP_TABLE {
        // The first to create it had the same right to.
        return Ok(());
    }
    let held = account.lamports;
    drop(account);
    pay_rent(context, &payer, HEADER_SIZE, held)?;
    let size = u64::try_from(HEADER_SIZE).unwrap_or(u64::MAX);
    context.invoke_signed(&system::instruction::allocate(&table, size), &[&seeds])?;
    let assign = system::instruction::assign(&table, &program_ids::ADDRESS_LOOKUP_TABLE);
    context.invoke_signed(&assign, &[&seeds])?;
    write(context, &TableHeader::new(authority))
}

fn freeze(context: &InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let (mut header, address_count) = changeable(context)?;
    if !header.is_active() {
        return Err(InstructionError::InvalidArgument);
    }
    if address_count == 0 {
        return Err(InstructionError::InvalidInstructionData);
    }
    header.authority = None;
    write(context, &header)
}

/// Adds addresses to the table at position 0; what its rent lacks is paid by position 2.
fn extend(
    context: &mut InvokeContext<'_, '_>,
    addresses: &[[u8; 32]],
) -> Result<(), InstructionError> {
    let (mut header, address_count) = changeable(context)?;
    if !header.is_active() || address_count >= ADDRESSES_MAX {
        return Err(InstructionError::InvalidArgument);
    }
    let new_count = address_count.saturating_add(addresses.len());
    if addresses.is_empty() || new_count > ADDRESSES_MAX {
        return Err(InstructionError::InvalidInstructionData);
    }
    let slot = context.sysvars().clock()?.slot;
    if slot != header.last_extended_slot {
        header.last_extended_slot = slot;
        let start = u8::try_from(address_count);
        header.last_extended_start = start.map_err(|_| InstructionError::InvalidAccountData)?;
    }
    let mut account = context.account_mut(0)?;
    let old_size = account.data.len();
    let new_size = old_size.saturating_add(addresses.as_flattened().len());
    account.resize(new_size)?;
    let added = account.data_mut()?.get_mut(old_size..);
    let added = added.ok_or(InstructionError::InvalidAccountData)?;
    added.copy_from_slice(addresses.as_flattened());
    let held = account.lamports;
    drop(account);
    write(context, &header)?;

    if missing_rent(context, new_size, held)? > 0 {
        let payer = *context.address(2)?;
        if !context.is_signer(2)? {
            return Err(InstructionError::MissingRequiredSignature);
        }
        pay_rent(context, &payer, new_size, held)?;
    }
    Ok(())
}

fn deactivate(context: &InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let (mut header, _) = changeable(context)?;
    if !header.is_active() {
        return Err(InstructionError::InvalidArgument);
    }
    header.deactivation_slot = context.sysvars().clock()?.slot;
    write(context, &header)
}

/// Deletes the table at position 0 and gives its lamports to position 2.
fn close(context: &InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    require_authority(context)?;
    context.require_accounts(3)?;
    if context.address(0)? == context.address(2)? {
        return Err(InstructionError::InvalidArgument);
    }
    let (header, _) = changeable(context)?;
    let slot = context.sysvars().clock()?.slot;
    let end = header.deactivation_slot;
    let is_recent = context.sysvars().is_recent_slot(end)?;
    if header.is_active() || end == slot || is_recent {
        return Err(InstructionError::InvalidArgument);
    }
    let mut account = context.account_mut(0)?;
    let lamports = account.lamports;
    account.resize(0)?;
    account.set_lamports(0)?;
    drop(account);
    context.account_mut(2)?.credit(lamports)
}

/// Fails unless position 0 is a table and position 1 signed.
fn require_authority(context: &InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    if context.account(0)?.owner != *context.program() {
        return Err(InstructionError::InvalidAccountOwner);
    }
    if !context.is_signer(1)? {
        return Err(InstructionError::MissingRequiredSignature);
    }
    Ok(())
}

/// The head of the table at position 0, which position 1 may change, and how many addresses it has.
fn changeable(context: &InvokeContext<'_, '_>) -> Result<(TableHeader, usize), InstructionError> {
    require_authority(context)?;
    let (header, address_count) = TableHeader::decode(&context.account(0)?.data)?;
    let authority = header.authority.ok_or(InstructionError::Immutable)?;
    if authority != *context.address(1)? {
        return Err(InstructionError::IncorrectAuthority);
    }
    Ok((header, address_count))
}

fn write(context: &InvokeContext<'_, '_>, header: &TableHeader) -> Result<(), InstructionError> {
    let mut account = context.account_mut(0)?;
    let bytes = account.data_mut()?.first_chunk_mut::<HEADER_SIZE>();
    *bytes.ok_or(InstructionError::InvalidAccountData)? = header.encode();
    Ok(())
}

/// The lamports that a table of this size lacks.
fn missing_rent(
    context: &InvokeContext<'_, '_>,
    size: usize,
    held: u64,
) -> Result<u64, InstructionError> {
    let minimum = context.sysvars().rent()?.minimum_balance(size).max(1);
    Ok(minimum.saturating_sub(held))
}

/// Moves the lamports that the table at position 0 lacks out of `payer`.
fn pay_rent(
    context: &mut InvokeContext<'_, '_>,
    payer: &Address,
    size: usize,
    held: u64,
) -> Result<(), InstructionError> {
    let missing = missing_rent(context, size, held)?;
    if missing == 0 {
        return Ok(());
    }
    let table = *context.address(0)?;
    context.invoke(&system::instruction::transfer(payer, &table, missing))
}
