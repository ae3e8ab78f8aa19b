//! What a program of the embedder's can do: its accounts, its meter, its log, calls of others.
//!
//! Each function gives 0 for success, else the number of an instruction error, which the program
//! may return as it is. A context that is not that of the innermost instruction of the calling
//! thread gives the number of `ProgramFailedToComplete`; a NULL where a value is needed, that of
//! `InvalidArgument`. The place of a result may be NULL where the program does not want it.

use lockstep_interface::{AccountMut, InstructionError, InvokeContext};

use crate::{
    given::{Instruction, Seeds, bytes, one, out, room, seeds},
    guard::contained,
    kinds::Context,
    program::{MISUSE, code_of, with_context},
    status::Failure,
    types::{AccountInfo, Address},
};

type Work<R = ()> = Result<R, InstructionError>;

/// Works with the context. A defect of this library fails the transaction, as a panic of a program
/// does.
fn within(context: *mut Context, work: impl FnOnce(&mut InvokeContext<'_, '_>) -> Work) -> u64 {
    let code = contained(|| Ok(with_context(context, |context| code_of(work(context)))));
    code.unwrap_or(MISUSE)
}

/// An argument that cannot be used.
fn usable<T>(argument: Result<T, Failure>) -> Work<T> {
    argument.map_err(|_| InstructionError::InvalidArgument)
}

/// Works with an account that is borrowed exclusively.
fn change(
    context: *mut Context,
    position: usize,
    work: impl FnOnce(&mut AccountMut<'_, '_>) -> Work,
) -> u64 {
    within(context, |context| work(&mut context.account_mut(position)?))
}

/// Gives the address of the running program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_program(
    context: *mut Context,
    program: *mut Address,
) -> u64 {
    // SAFETY: the contract of `given`.
    let program = unsafe { out(program) };
    within(context, |context| {
        program.set((*context.program()).into());
        Ok(())
    })
}

/// Gives the data of the instruction, which is valid until the program returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_data(
    context: *mut Context,
    data: *mut *const u8,
    size: *mut usize,
) -> u64 {
    // SAFETY: the contract of `given`.
    let (data, size) = unsafe { (out(data), out(size)) };
    within(context, |context| {
        data.set(context.data().as_ptr());
        size.set(context.data().len());
        Ok(())
    })
}

/// Gives the number of accounts of the instruction, repeats included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_account_count(
    context: *mut Context,
    count: *mut usize,
) -> u64 {
    // SAFETY: the contract of `given`.
    let count = unsafe { out(count) };
    within(context, |context| {
        count.set(context.account_count());
        Ok(())
    })
}

/// Gives slot and time (seconds since 1970) of the block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_clock(
    context: *mut Context,
    slot: *mut u64,
    unix_timestamp: *mut i64,
) -> u64 {
    // SAFETY: the contract of `given`.
    let (slot, unix_timestamp) = unsafe { (out(slot), out(unix_timestamp)) };
    within(context, |context| {
        let clock = context.sysvars().clock;
        let clock = clock.ok_or(InstructionError::UnsupportedSysvar)?;
        slot.set(clock.slot);
        unix_timestamp.set(clock.unix_timestamp);
        Ok(())
    })
}

/// Gives the account at a position of the instruction, without its data.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_account(
    context: *mut Context,
    position: usize,
    account: *mut AccountInfo,
) -> u64 {
    // SAFETY: the contract of `given`.
    let place = unsafe { out(account) };
    within(context, |context| {
        let account = context.account(position)?;
        place.set(AccountInfo {
            address: (*account.address()).into(),
            owner: account.owner.into(),
            lamports: account.lamports,
            data_size: account.data.len(),
            is_signer: u32::from(account.is_signer()),
            is_writable: u32::from(account.is_writable()),
            executable: u32::from(account.executable),
        });
        Ok(())
    })
}

/// Copies `size` bytes of an account's data from `offset` on to `data`. `AccountDataTooSmall` if it
/// does not have them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_read(
    context: *mut Context,
    position: usize,
    offset: usize,
    data: *mut u8,
    size: usize,
) -> u64 {
    // SAFETY: the contract of `given`.
    let place = unsafe { room(data, size, "data") };
    within(context, |context| {
        let account = context.account(position)?;
        let end = offset.checked_add(size);
        let found = end.and_then(|end| account.data.get(offset..end));
        let found = found.ok_or(InstructionError::AccountDataTooSmall)?;
        usable(place)?.copy(found);
        Ok(())
    })
}

/// Copies `size` bytes to an account's data from `offset` on; the size of the data stays.
/// `AccountDataTooSmall` if they do not fit; `ReadonlyDataModified`, `ExternalAccountDataModified`
/// or `ExecutableDataModified` if the program may not change it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_write(
    context: *mut Context,
    position: usize,
    offset: usize,
    data: *const u8,
    size: usize,
) -> u64 {
    // SAFETY: the contract of `given`.
    let given = unsafe { bytes(data, size, "data") };
    change(context, position, |account| {
        let given = usable(given)?;
        let end = offset.checked_add(given.len());
        let place = account.data_mut()?;
        let place = end.and_then(|end| place.get_mut(offset..end));
        let place = place.ok_or(InstructionError::AccountDataTooSmall)?;
        place.copy_from_slice(given);
        Ok(())
    })
}

/// Cuts an account's data or extends it with zeros. `InvalidRealloc` above 10 MiB, or if it grows
/// by more than 10 KiB in one instruction of the transaction; what lockstep_context_write gives.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_context_resize(
    context: *mut Context,
    position: usize,
    size: usize,
) -> u64 {
    change(context, position, |account| account.resize(size))
}

/// Gives an account, whose data must be all zero, to another program. `ModifiedProgramId` if the
/// program may not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_set_owner(
    context: *mut Context,
    position: usize,
    owner: *const Address,
) -> u64 {
    // SAFETY: the contract of `given`.
    let owner = unsafe { one(owner, "owner") };
    change(context, position, |account| {
        account.set_owner(&(*usable(owner)?).into())
    })
}

/// Takes lamports from an account of the program's. `ArithmeticOverflow` if it has fewer;
/// `ExternalAccountLamportSpend` if it is another program's; `ReadonlyLamportChange`.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_context_debit(
    context: *mut Context,
    position: usize,
    lamports: u64,
) -> u64 {
    change(context, position, |account| account.debit(lamports))
}

/// Adds lamports to an account; the only way, with lockstep_context_add, to change one that
/// `credit_only` of the program names. `ArithmeticOverflow`; `ReadonlyLamportChange`.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_context_credit(
    context: *mut Context,
    position: usize,
    lamports: u64,
) -> u64 {
    within(context, |context| context.credit(position, lamports))
}

/// Adds to a counter: 8 bytes, little-endian, unsigned, at `offset` of the data of an account that
/// `credit_only` of the program names, one of those that `counters` gives.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_context_add(
    context: *mut Context,
    position: usize,
    offset: usize,
    amount: u64,
) -> u64 {
    within(context, |context| context.add(position, offset, amount))
}

/// Spends compute units. `ComputationalBudgetExceeded` if fewer are left. A program must spend some
/// in every loop: nothing else ends it.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_context_consume(context: *mut Context, units: u64) -> u64 {
    within(context, |context| context.consume(units))
}

/// Gives the compute units that are left to the transaction.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_units_left(
    context: *mut Context,
    units: *mut u64,
) -> u64 {
    // SAFETY: the contract of `given`.
    let units = unsafe { out(units) };
    within(context, |context| {
        units.set(context.compute_units_left());
        Ok(())
    })
}

/// Logs a line of text; bytes that are not UTF-8 are replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_log(
    context: *mut Context,
    text: *const u8,
    size: usize,
) -> u64 {
    // SAFETY: the contract of `given`.
    let text = unsafe { bytes(text, size, "text") };
    within(context, |context| {
        let text = usable(text)?;
        context.log(|| String::from_utf8_lossy(text).into_owned());
        Ok(())
    })
}

/// Publishes a value for observers. `ProgramFailedToComplete` if the transaction's exceed their
/// limit in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_emit(
    context: *mut Context,
    data: *const u8,
    size: usize,
) -> u64 {
    // SAFETY: the contract of `given`.
    let data = unsafe { bytes(data, size, "data") };
    within(context, |context| context.emit(usable(data)?.to_vec()))
}

/// Leaves bytes for the program that invoked this one, at most 1,024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_set_return(
    context: *mut Context,
    data: *const u8,
    size: usize,
) -> u64 {
    // SAFETY: the contract of `given`.
    let data = unsafe { bytes(data, size, "data") };
    within(context, |context| context.set_return_data(usable(data)?))
}

/// Copies what the last invoked program left to `data`, as much as `capacity`, and gives its size
/// and the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_return(
    context: *mut Context,
    data: *mut u8,
    capacity: usize,
    size: *mut usize,
    program: *mut Address,
) -> u64 {
    // SAFETY: the contract of `given`.
    let (place, size, program) = unsafe {
        let place = room(data, capacity, "data");
        (place, out(size), out(program))
    };
    within(context, |context| {
        let left = context.return_data();
        usable(place)?.copy(&left.data);
        size.set(left.data.len());
        program.set(left.program.into());
        Ok(())
    })
}

/// Calls another program with accounts of this instruction; this program signs for the addresses
/// that it derives from each list of seeds. Any error fails the transaction, also if the program
/// goes on: `MissingAccount`, `PrivilegeEscalation`, `CallDepth`, what the called program gives,
/// and others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_context_invoke(
    context: *mut Context,
    instruction: *const Instruction,
    signers: *const Seeds,
    signer_count: usize,
) -> u64 {
    // SAFETY: the contract of `given`.
    let (instruction, signers) = unsafe {
        let instruction = one(instruction, "instruction").and_then(|one| one.read());
        (instruction, seeds(signers, signer_count))
    };
    within(context, |context| {
        let (instruction, signers) = (usable(instruction)?, usable(signers)?);
        let signers: Vec<&[&[u8]]> = signers.iter().map(Vec::as_slice).collect();
        context.invoke_signed(&instruction, &signers)
    })
}
