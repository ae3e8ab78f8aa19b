//! Calls that move, set and compare memory, and the one that gives it out.

use solana_sbpf::ebpf::MM_HEAP_START;

use super::{Arguments, MOVE, MOVED_PER_UNIT, OVERLAP, aligned_mut, overlap};
use crate::{fault::Fault, vm::Guest};

/// `sol_memcpy_(target, source, size)`
pub(super) fn copy(guest: &mut Guest, [target, source, size, ..]: Arguments) -> Result<u64, Fault> {
    spend(guest, size)?;
    if overlap(source, size, target, size) {
        return Fault::refused(OVERLAP);
    }
    guest.copy(target, source, size)?;
    Ok(0)
}

/// `sol_memmove_(target, source, size)`
pub(super) fn shift(
    guest: &mut Guest,
    [target, source, size, ..]: Arguments,
) -> Result<u64, Fault> {
    spend(guest, size)?;
    guest.copy(target, source, size)?;
    Ok(0)
}

/// `sol_memset_(target, byte, size)`
pub(super) fn set(guest: &mut Guest, [target, byte, size, ..]: Arguments) -> Result<u64, Fault> {
    spend(guest, size)?;
    guest.bytes_mut(target, size)?.fill(byte.to_le_bytes()[0]);
    Ok(0)
}

/// `sol_memcmp_(first, second, size, result)`
pub(super) fn compare(
    guest: &mut Guest,
    [first, second, size, result, _]: Arguments,
) -> Result<u64, Fault> {
    spend(guest, size)?;
    let (first, second) = guest.pair(first, second, size)?;
    let mut pairs = first.iter().zip(second);
    let differing = pairs.find(|(first, second)| first != second);
    let difference = differing.map_or(0, |(first, second)| {
        i32::from(*first).saturating_sub(i32::from(*second))
    });
    aligned_mut(guest, result, 4, 4)?.copy_from_slice(&difference.to_le_bytes());
    Ok(0)
}

/// `sol_alloc_free_(size, freed)`: memory is given out and never taken back.
pub(super) fn alloc_free(guest: &mut Guest, [size, freed, ..]: Arguments) -> Result<u64, Fault> {
    if freed != 0 {
        return Ok(0);
    }
    let start = guest.heap_given.next_multiple_of(8);
    let end = start.saturating_add(size);
    if usize::try_from(end).is_ok_and(|end| end <= guest.heap_size) {
        guest.heap_given = end;
        return Ok(MM_HEAP_START.saturating_add(start));
    }
    Ok(0)
}

fn spend(guest: &mut Guest, size: u64) -> Result<(), Fault> {
    let moved = size.checked_div(MOVED_PER_UNIT).unwrap_or(0);
    guest.spend(moved.max(MOVE))
}
