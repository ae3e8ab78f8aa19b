//! Calls about the running instruction: what it returns, how deep it is, what it may spend.

use lockstep_interface::limits::RETURN_DATA_SIZE_MAX;

use super::{Arguments, BASE, MOVED_PER_UNIT, OVERLAP, aligned_mut, number, overlap, size_of};
use crate::{fault::Fault, vm::Guest};

/// `sol_set_return_data(data, size)`
pub(super) fn set(guest: &mut Guest, [data, size, ..]: Arguments) -> Result<u64, Fault> {
    let moved = size.checked_div(MOVED_PER_UNIT).unwrap_or(0);
    guest.spend(BASE.saturating_add(moved))?;
    if usize::try_from(size).is_ok_and(|size| size <= RETURN_DATA_SIZE_MAX) {
        let data = guest.bytes(data, size)?.to_vec();
        guest.with(|context, _, _| context.set_return_data(&data))?;
        return Ok(0);
    }
    Fault::refused(format!(
        "Return data too large ({size} > {RETURN_DATA_SIZE_MAX})"
    ))
}

/// `sol_get_return_data(target, size, program)`: the size of all that there is.
pub(super) fn get(
    guest: &mut Guest,
    [target, size, program_at, ..]: Arguments,
) -> Result<u64, Fault> {
    guest.spend(BASE)?;
    let returned = guest.with(|context, _, _| context.return_data().clone());
    let whole = size_of(&returned.data);
    let size = size.min(whole);
    if size == 0 {
        return Ok(whole);
    }
    let moved = size.saturating_add(32).checked_div(MOVED_PER_UNIT);
    guest.spend(moved.unwrap_or(0))?;
    let kept = usize::try_from(size).unwrap_or(usize::MAX);
    guest.bytes_mut(target, size)?;
    guest.bytes_mut(program_at, 32)?;
    if overlap(target, size, program_at, 32) {
        return Fault::refused(OVERLAP);
    }
    let target = guest.bytes_mut(target, size)?;
    target.copy_from_slice(&returned.data[..kept]);
    let program_at = guest.bytes_mut(program_at, 32)?;
    program_at.copy_from_slice(returned.program.as_array());
    Ok(whole)
}

/// `sol_get_stack_height()`
pub(super) fn stack_height(guest: &mut Guest, _: Arguments) -> Result<u64, Fault> {
    guest.spend(BASE)?;
    let depth = guest.with(|context, _, _| context.depth());
    Ok(u64::try_from(depth).unwrap_or(u64::MAX))
}

/// `sol_remaining_compute_units()`
pub(super) fn units_left(guest: &mut Guest, _: Arguments) -> Result<u64, Fault> {
    guest.spend(BASE)?;
    Ok(guest.with(|context, _, _| context.compute_units_left()))
}

/// `sol_get_processed_sibling_instruction(index, sizes, program, data, accounts)`: 0 if there is
/// none. Where the sizes are not what the program expects, they are all that it gets.
pub(super) fn sibling(
    guest: &mut Guest,
    [index, sizes_at, program_at, data_at, accounts_at]: Arguments,
) -> Result<u64, Fault> {
    guest.spend(BASE)?;
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let found = guest.with(|context, _, _| {
        let sibling = context.sibling(index)?;
        let program = *context.address_in_transaction(sibling.program_index)?;
        let mut accounts = Vec::with_capacity(sibling.accounts.len().saturating_mul(34));
        for meta in sibling.accounts {
            accounts.extend_from_slice(context.address_in_transaction(meta.index)?.as_array());
            accounts.extend([meta.is_signer, meta.is_writable].map(u8::from));
        }
        let count = u64::try_from(sibling.accounts.len()).unwrap_or(u64::MAX);
        Some((program, sibling.data.to_vec(), accounts, count))
    });
    let Some((program, data, accounts, count)) = found else {
        return Ok(0);
    };
    let data_size = size_of(&data);
    let sizes = aligned_mut(guest, sizes_at, 16, 8)?;
    if (number(sizes, 0), number(sizes, 8)) != (data_size, count) {
        let (first, second) = sizes.split_at_mut(8);
        first.copy_from_slice(&data_size.to_le_bytes());
        second.copy_from_slice(&count.to_le_bytes());
        return Ok(1);
    }
    let places = [
        (program_at, 32),
        (data_at, data_size),
        (accounts_at, size_of(&accounts)),
        (sizes_at, 16),
    ];
    for (place, (address, size)) in places.iter().enumerate() {
        guest.bytes_mut(*address, *size)?;
        let mut others = places[..place].iter();
        if others.any(|(other, other_size)| overlap(*address, *size, *other, *other_size)) {
            return Fault::refused(OVERLAP);
        }
    }
    guest
        .bytes_mut(program_at, 32)?
        .copy_from_slice(program.as_array());
    guest.bytes_mut(data_at, data_size)?.copy_from_slice(&data);
    guest
        .bytes_mut(accounts_at, size_of(&accounts))?
        .copy_from_slice(&accounts);
    Ok(1)
}
