//! Calls about the running instruction: what it returns, how deep it is, what it may spend.

use lockstep_interface::limits::RETURN_DATA_SIZE_MAX;

use super::{Arguments, BASE, MOVED_PER_UNIT, overlap, size_of};
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
        "expected at most {RETURN_DATA_SIZE_MAX} bytes of return data, found {size}"
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
        return Fault::refused("return data and its program in places that overlap");
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
