//! Buffers written, deployed as programs, and put in place of the files that programs have.

use lockstep_interface::{
    Address, InstructionError, InvokeContext, RuleSet,
    address::{find_program_address, program_ids, sysvar_ids},
    limits::ACCOUNT_DATA_SIZE_MAX,
};

use super::{
    authority::{check, check_signed},
    create_account, refuse,
    state::{BUFFER_HEAD_SIZE, FILE_HEAD_SIZE, LoaderState, PROGRAM_SIZE},
};
use crate::code::{Code, Terms};

/// Makes account 0 a buffer whose authority is account 1.
pub(super) fn initialize(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.require_accounts(2)?;
    let state = LoaderState::of(&context.account_mut(0)?.data)?;
    if state != LoaderState::Nothing {
        let error = InstructionError::AccountAlreadyInitialized;
        return refuse(context, error, "Buffer account already initialized");
    }
    let authority = Some(*context.address(1)?);
    LoaderState::Buffer { authority }.store(&mut context.account_mut(0)?)
}

/// Writes into the file of account 0, a buffer whose authority is account 1.
pub(super) fn write(
    context: &mut InvokeContext<'_, '_>,
    offset: u32,
    bytes: &[u8],
) -> Result<(), InstructionError> {
    context.require_accounts(2)?;
    let state = LoaderState::of(&context.account_mut(0)?.data)?;
    let LoaderState::Buffer { authority } = state else {
        let error = InstructionError::InvalidAccountData;
        return refuse(context, error, "Invalid Buffer account");
    };
    check(context, authority, 1, "Buffer")?;
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let start = start.saturating_add(BUFFER_HEAD_SIZE);
    let end = start.saturating_add(bytes.len());
    let size = {
        let mut buffer = context.account_mut(0)?;
        let data = buffer.data_mut()?;
        if let Some(target) = data.get_mut(start..end) {
            target.copy_from_slice(bytes);
            return Ok(());
        }
        data.len()
    };
    let why = format!("Write overflow: {size} < {end}");
    refuse(context, InstructionError::AccountDataTooSmall, &why)
}

/// Fails unless the file at an offset of an account's data is a program that may be deployed, by
/// these terms.
pub(super) fn check_file(
    context: &mut InvokeContext<'_, '_>,
    position: usize,
    start: usize,
    terms: Terms,
) -> Result<(), InstructionError> {
    let loaded = {
        let account = context.account(position)?;
        let file = account.data.get(start..);
        let file = file.ok_or(InstructionError::AccountDataTooSmall)?;
        Code::load(file, terms)
    };
    match loaded {
        Ok(_) => Ok(()),
        Err(error) => refuse(
            context,
            InstructionError::InvalidAccountData,
            &error.to_string(),
        ),
    }
}

/// What a file in a buffer is held against.
fn terms(rules: RuleSet) -> Terms {
    match rules.refuses_older_bytecode() {
        true => Terms::NewestDeployment,
        false => Terms::Deployment,
    }
}

/// Fails unless the account at a position is a sysvar.
fn check_sysvar(
    context: &InvokeContext<'_, '_>,
    position: usize,
    sysvar: &Address,
) -> Result<(), InstructionError> {
    match context.address(position)? == sysvar {
        true => Ok(()),
        false => Err(InstructionError::InvalidArgument),
    }
}

/// Fails unless the account at `position` is a buffer with a file, whose authority signs as the
/// account at `signer`. Gives its lamports, and the bytes of the file.
fn check_buffer(
    context: &mut InvokeContext<'_, '_>,
    position: usize,
    signer: usize,
) -> Result<(u64, usize), InstructionError> {
    let (is_writable, is_owned, state, lamports, size) = {
        let buffer = context.account_mut(position)?;
        (
            buffer.is_writable(),
            buffer.is_owned_by_program(),
            LoaderState::of(&buffer.data),
            buffer.lamports,
            buffer.data.len(),
        )
    };
    let invalid = InstructionError::InvalidArgument;
    // Earlier the rights were first missed where the buffer is changed.
    let is_checked = context.rules() >= RuleSet::Current;
    if is_checked && !is_writable {
        return refuse(context, invalid, "Buffer account not writeable");
    }
    if is_checked && !is_owned {
        let error = InstructionError::IncorrectProgramId;
        return refuse(context, error, "Buffer account not owned by loader");
    }
    let LoaderState::Buffer { authority } = state? else {
        return refuse(context, invalid, "Invalid Buffer account");
    };
    check_signed(context, authority, signer, "Buffer")?;
    match size.checked_sub(BUFFER_HEAD_SIZE) {
        None | Some(0) => {
            let error = InstructionError::InvalidAccountData;
            refuse(context, error, "Buffer account too small")
        }
        Some(size) => Ok((lamports, size)),
    }
}

/// Makes account 2 the program of the buffer in account 3, whose file goes to account 1. Account 0
/// pays, account 7 is the authority.
pub(super) fn deploy(
    context: &mut InvokeContext<'_, '_>,
    size_max: u64,
) -> Result<(), InstructionError> {
    context.require_accounts(4)?;
    let (payer, file) = (*context.address(0)?, *context.address(1)?);
    check_sysvar(context, 4, &sysvar_ids::RENT)?;
    let rent = *context.sysvars().rent()?;
    check_sysvar(context, 5, &sysvar_ids::CLOCK)?;
    let slot = context.sysvars().clock()?.slot;
    context.require_accounts(8)?;
    let authority = Some(*context.address(7)?);
    let program = check_new_program(context)?;
    let (_, file_size) = check_buffer(context, 3, 7)?;
    let size_max = usize::try_from(size_max).unwrap_or(usize::MAX);
    let size = FILE_HEAD_SIZE.saturating_add(size_max);
    if size_max < file_size {
        let error = InstructionError::AccountDataTooSmall;
        let why = "Max data length is too small to hold Buffer data";
        return refuse(context, error, why);
    }
    let invalid = InstructionError::InvalidArgument;
    if size > ACCOUNT_DATA_SIZE_MAX {
        return refuse(context, invalid, "Max data length is too large");
    }
    let (derived, bump) =
        find_program_address(&[program.as_array()], &program_ids::UPGRADEABLE_LOADER);
    if derived != file {
        return refuse(context, invalid, "ProgramData address is not derived");
    }
    // The buffer's lamports pay for the file's account.
    {
        let mut buffer = context.account_mut(3)?;
        let mut payer = context.account_mut(0)?;
        payer.credit(buffer.lamports)?;
        buffer.set_lamports(0)?;
    }
    let lamports = rent.minimum_balance(size).max(1);
    let create = create_account(&payer, &file, lamports, size);
    context.invoke_signed(&create, &[&[program.as_array(), &[bump]]])?;
    check_file(context, 3, BUFFER_HEAD_SIZE, terms(context.rules()))?;
    copy_file(context, 1, 3, LoaderState::File { slot, authority })?;
    context.account_mut(3)?.resize(BUFFER_HEAD_SIZE)?;
    {
        let mut account = context.account_mut(2)?;
        LoaderState::Program { file }.store(&mut account)?;
        account.set_executable(true)?;
    }
    context.retire(2)?;
    context.log(|| format!("Deployed program {program}"));
    Ok(())
}

/// Fails unless account 2 can become a program. Gives its address.
fn check_new_program(context: &mut InvokeContext<'_, '_>) -> Result<Address, InstructionError> {
    let rent = *context.sysvars().rent()?;
    let (program, state, size, lamports) = {
        let account = context.account_mut(2)?;
        let state = LoaderState::of(&account.data)?;
        (
            *account.address(),
            state,
            account.data.len(),
            account.lamports,
        )
    };
    if state != LoaderState::Nothing {
        let error = InstructionError::AccountAlreadyInitialized;
        return refuse(context, error, "Program account already initialized");
    }
    if size < PROGRAM_SIZE {
        let error = InstructionError::AccountDataTooSmall;
        return refuse(context, error, "Program account too small");
    }
    if lamports < rent.minimum_balance(size) {
        let error = InstructionError::ExecutableAccountNotRentExempt;
        return refuse(context, error, "Program account not rent-exempt");
    }
    Ok(program)
}

/// Writes the head of a file's account and the file of a buffer behind it, and fills the rest with
/// zeros.
fn copy_file(
    context: &InvokeContext<'_, '_>,
    file: usize,
    buffer: usize,
    state: LoaderState,
) -> Result<(), InstructionError> {
    let mut file = context.account_mut(file)?;
    state.store(&mut file)?;
    let buffer = context.account_mut(buffer)?;
    let bytes = buffer.data.get(BUFFER_HEAD_SIZE..);
    let bytes = bytes.ok_or(InstructionError::AccountDataTooSmall)?;
    let room = file.data_mut()?.get_mut(FILE_HEAD_SIZE..);
    let (target, rest) = room
        .and_then(|room| room.split_at_mut_checked(bytes.len()))
        .ok_or(InstructionError::AccountDataTooSmall)?;
    target.copy_from_slice(bytes);
    rest.fill(0);
    Ok(())
}

/// Puts the buffer in account 2 in place of the file in account 0 of the program in account 1. What
/// the buffer's lamports leave goes to account 3; account 6 is the authority.
pub(super) fn upgrade(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.require_accounts(3)?;
    let file = *context.address(0)?;
    check_sysvar(context, 4, &sysvar_ids::RENT)?;
    context.sysvars().rent()?;
    check_sysvar(context, 5, &sysvar_ids::CLOCK)?;
    let slot = context.sysvars().clock()?.slot;
    context.require_accounts(7)?;
    let authority = Some(*context.address(6)?);
    let program = check_program(context, &file)?;
    let (buffer_lamports, file_size) = check_buffer(context, 2, 6)?;
    let minimum = check_old_file(context, slot, buffer_lamports, file_size)?;
    check_file(context, 2, BUFFER_HEAD_SIZE, terms(context.rules()))?;
    copy_file(context, 0, 2, LoaderState::File { slot, authority })?;
    {
        // The file's account keeps the rent-exempt minimum, the rest is given back.
        let mut file = context.account_mut(0)?;
        let mut buffer = context.account_mut(2)?;
        let mut spill = context.account_mut(3)?;
        let sum = file.lamports.saturating_add(buffer_lamports);
        spill.credit(sum.saturating_sub(minimum))?;
        buffer.set_lamports(0)?;
        file.set_lamports(minimum)?;
        buffer.resize(BUFFER_HEAD_SIZE)?;
    }
    context.retire(1)?;
    context.log(|| format!("Upgraded program {program}"));
    Ok(())
}

/// Fails unless account 1 is a program whose file is this one. Gives its address.
fn check_program(
    context: &mut InvokeContext<'_, '_>,
    file: &Address,
) -> Result<Address, InstructionError> {
    let (program, is_writable, is_owned, state) = {
        let account = context.account_mut(1)?;
        (
            *account.address(),
            account.is_writable(),
            account.is_owned_by_program(),
            LoaderState::of(&account.data),
        )
    };
    let invalid = InstructionError::InvalidArgument;
    if !is_writable {
        return refuse(context, invalid, "Program account not writeable");
    }
    if !is_owned {
        let error = InstructionError::IncorrectProgramId;
        return refuse(context, error, "Program account not owned by loader");
    }
    match state? {
        LoaderState::Program { file: own } if own == *file => Ok(program),
        LoaderState::Program { .. } => {
            refuse(context, invalid, "Program and ProgramData account mismatch")
        }
        _ => {
            let error = InstructionError::InvalidAccountData;
            refuse(context, error, "Invalid Program account")
        }
    }
}

/// Fails unless the file in account 0 can be replaced by one of this many bytes. Gives the lamports
/// that its account is to have.
fn check_old_file(
    context: &mut InvokeContext<'_, '_>,
    slot: u64,
    buffer_lamports: u64,
    file_size: usize,
) -> Result<u64, InstructionError> {
    let rent = *context.sysvars().rent()?;
    let (size, lamports, state) = {
        let file = context.account_mut(0)?;
        (file.data.len(), file.lamports, LoaderState::of(&file.data))
    };
    let minimum = rent.minimum_balance(size).max(1);
    if size < FILE_HEAD_SIZE.saturating_add(file_size) {
        let error = InstructionError::AccountDataTooSmall;
        return refuse(context, error, "ProgramData account not large enough");
    }
    if lamports.saturating_add(buffer_lamports) < minimum {
        let error = InstructionError::InsufficientFunds;
        let why = "Buffer account balance too low to fund upgrade";
        return refuse(context, error, why);
    }
    let LoaderState::File {
        slot: last,
        authority,
    } = state?
    else {
        let error = InstructionError::InvalidAccountData;
        return refuse(context, error, "Invalid ProgramData account");
    };
    if last == slot {
        let error = InstructionError::InvalidArgument;
        return refuse(context, error, "Program was deployed in this block already");
    }
    check(context, authority, 6, "Program")?;
    Ok(minimum)
}
