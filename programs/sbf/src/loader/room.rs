//! Closing buffers and programs, and giving files more room.

use lockstep_interface::{
    Address, InstructionError, InvokeContext, RuleSet, limits::ACCOUNT_DATA_SIZE_MAX,
};

use super::{
    authority,
    deploy::check_file,
    refuse,
    state::{FILE_HEAD_SIZE, LoaderState, NOTHING_SIZE},
    transfer,
};
use crate::code::Terms;

/// Bytes by which a file's account grows at least (`MINIMUM_EXTEND_PROGRAM_BYTES`, SIMD-0431).
const EXTENSION_SIZE_MIN: usize = 10_240;

/// Ends account 0 and gives its lamports to account 1. A program's file is account 0, and the
/// program account 3.
pub(super) fn close(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.require_accounts(2)?;
    if context.address(0)? == context.address(1)? {
        let error = InstructionError::InvalidArgument;
        let why = "Recipient is the same as the account being closed";
        return refuse(context, error, why);
    }
    let key = *context.address(0)?;
    let state = {
        let mut closed = context.account_mut(0)?;
        let state = LoaderState::of(&closed.data)?;
        closed.resize(NOTHING_SIZE)?;
        state
    };
    match state {
        LoaderState::Nothing => {
            move_lamports(context)?;
            context.log(|| format!("Closed Uninitialized {key}"));
        }
        LoaderState::Buffer { authority } => {
            context.require_accounts(3)?;
            close_checked(context, authority)?;
            context.log(|| format!("Closed Buffer {key}"));
        }
        LoaderState::File { slot, authority } => {
            context.require_accounts(4)?;
            close_program(context, key, slot, authority)?;
        }
        LoaderState::Program { .. } => {
            let error = InstructionError::InvalidArgument;
            return refuse(context, error, "Account does not support closing");
        }
    }
    Ok(())
}

fn close_program(
    context: &mut InvokeContext<'_, '_>,
    file: Address,
    slot: u64,
    authority: Option<Address>,
) -> Result<(), InstructionError> {
    let invalid = InstructionError::InvalidArgument;
    let program = *context.address(3)?;
    let (is_writable, is_owned, state) = {
        let account = context.account_mut(3)?;
        let state = LoaderState::decode(&account.data);
        (account.is_writable(), account.is_owned_by_program(), state)
    };
    if !is_writable {
        return refuse(context, invalid, "Program account is not writable");
    }
    if !is_owned {
        let error = InstructionError::IncorrectProgramId;
        return refuse(context, error, "Program account not owned by loader");
    }
    if context.sysvars().clock()?.slot == slot {
        return refuse(
            context,
            invalid,
            "Program was deployed in this block already",
        );
    }
    match state.ok_or(InstructionError::InvalidAccountData)? {
        LoaderState::Program { file: own } if own == file => {}
        LoaderState::Program { .. } => {
            let why = "ProgramData account does not match ProgramData account";
            return refuse(context, invalid, why);
        }
        _ => return refuse(context, invalid, "Invalid Program account"),
    }
    close_checked(context, authority)?;
    context.retire(3)?;
    context.log(|| format!("Closed Program {program}"));
    Ok(())
}

fn close_checked(
    context: &mut InvokeContext<'_, '_>,
    authority: Option<Address>,
) -> Result<(), InstructionError> {
    authority::check(context, authority, 2, "Account")?;
    move_lamports(context)?;
    LoaderState::Nothing.store(&mut context.account_mut(0)?)
}

fn move_lamports(context: &InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let mut closed = context.account_mut(0)?;
    let mut recipient = context.account_mut(1)?;
    recipient.credit(closed.lamports)?;
    closed.set_lamports(0)
}

/// Gives the file in account 0, of the program in account 1, more room. Account 3 pays its rent.
pub(super) fn extend(
    context: &mut InvokeContext<'_, '_>,
    added: u32,
) -> Result<(), InstructionError> {
    let invalid = InstructionError::InvalidArgument;
    if added == 0 {
        let error = InstructionError::InvalidInstructionData;
        return refuse(context, error, "Additional bytes must be greater than 0");
    }
    check_pair(context)?;
    let (old_size, balance, state) = {
        let file = context.account_mut(0)?;
        (
            file.data.len(),
            file.lamports,
            LoaderState::decode(&file.data),
        )
    };
    let added = usize::try_from(added).unwrap_or(usize::MAX);
    let new_size = old_size.saturating_add(added);
    if new_size > ACCOUNT_DATA_SIZE_MAX {
        let why = format!("{new_size} bytes exceed the most that an account may have");
        return refuse(context, InstructionError::InvalidRealloc, &why);
    }
    let is_whole = new_size == ACCOUNT_DATA_SIZE_MAX;
    if context.rules() >= RuleSet::Current && added < EXTENSION_SIZE_MIN && !is_whole {
        let why = format!(
            "ExtendProgram requires a minimum of {EXTENSION_SIZE_MIN} additional bytes or to \
             extend to maximum size, but only {added} were requested"
        );
        return refuse(context, invalid, &why);
    }
    let slot = context.sysvars().clock()?.slot;
    let authority = match state.ok_or(InstructionError::InvalidAccountData)? {
        LoaderState::File { slot: last, .. } if last == slot => {
            return refuse(
                context,
                invalid,
                "Program was extended in this block already",
            );
        }
        LoaderState::File {
            authority: None, ..
        } => {
            let why = "Cannot extend ProgramData accounts that are not upgradeable";
            return refuse(context, InstructionError::Immutable, why);
        }
        LoaderState::File { authority, .. } => authority,
        _ => {
            let error = InstructionError::InvalidAccountData;
            return refuse(context, error, "ProgramData state is invalid");
        }
    };
    let minimum = context.sysvars().rent()?.minimum_balance(new_size).max(1);
    let missing = minimum.saturating_sub(balance);
    if missing > 0 {
        let (payer, file) = (*context.address(3)?, *context.address(0)?);
        context.invoke(&transfer(&payer, &file, missing))?;
    }
    context.account_mut(0)?.resize(new_size)?;
    // Programs of all versions may grow.
    check_file(context, 0, FILE_HEAD_SIZE, Terms::Deployment)?;
    let state = LoaderState::File { slot, authority };
    state.store(&mut context.account_mut(0)?)?;
    context.retire(1)?;
    context.log(|| format!("Extended ProgramData account by {added} bytes"));
    Ok(())
}

/// Fails unless account 0 is the file's of the program in account 1, and both can be changed.
fn check_pair(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let invalid = InstructionError::InvalidArgument;
    let owner = InstructionError::InvalidAccountOwner;
    let refused = {
        let file = context.account_mut(0)?;
        if !file.is_owned_by_program() {
            Some((owner, "ProgramData owner is invalid"))
        } else if !file.is_writable() {
            Some((invalid, "ProgramData is not writable"))
        } else {
            let program = context.account_mut(1)?;
            if !program.is_writable() {
                Some((invalid, "Program account is not writable"))
            } else if !program.is_owned_by_program() {
                Some((owner, "Program account not owned by loader"))
            } else {
                match LoaderState::of(&program.data)? {
                    LoaderState::Program { file: own } if own == *file.address() => None,
                    LoaderState::Program { .. } => {
                        let why = "Program account does not match ProgramData account";
                        Some((invalid, why))
                    }
                    _ => {
                        let error = InstructionError::InvalidAccountData;
                        Some((error, "Invalid Program account"))
                    }
                }
            }
        }
    };
    match refused {
        Some((error, why)) => refuse(context, error, why),
        None => Ok(()),
    }
}
