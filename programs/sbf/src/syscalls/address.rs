//! Calls that derive addresses from a program and seeds.

use lockstep_interface::{
    Address,
    address::create_program_address,
    limits::{SEED_SIZE_MAX, SEEDS_MAX},
};

use super::{Arguments, OVERLAP, key_at, overlap, slices};
use crate::{fault::Fault, vm::Guest};

/// What deriving an address costs, each time that it is tried (`create_program_address_units`).
const DERIVE: u64 = 1_500;

/// `sol_create_program_address(seeds, count, program, result)`: 1 if there is none.
pub(super) fn create(
    guest: &mut Guest,
    [seeds, count, program, result, _]: Arguments,
) -> Result<u64, Fault> {
    guest.spend(DERIVE)?;
    let (seeds, program) = inputs(guest, seeds, count, program)?;
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    let Ok(address) = create_program_address(&seeds, &program) else {
        return Ok(1);
    };
    guest
        .bytes_mut(result, 32)?
        .copy_from_slice(address.as_array());
    Ok(0)
}

/// `sol_try_find_program_address(seeds, count, program, result, bump)`: 1 if there is none.
pub(super) fn find(
    guest: &mut Guest,
    [seeds, count, program, result, bump_at]: Arguments,
) -> Result<u64, Fault> {
    guest.spend(DERIVE)?;
    let (seeds, program) = inputs(guest, seeds, count, program)?;
    for bump in (1..=u8::MAX).rev() {
        let bump = [bump];
        let mut seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
        seeds.push(&bump);
        if let Ok(address) = create_program_address(&seeds, &program) {
            guest.bytes_mut(bump_at, 1)?;
            guest.bytes_mut(result, 32)?;
            if overlap(bump_at, 1, result, 32) {
                return Fault::refused(OVERLAP);
            }
            guest.bytes_mut(bump_at, 1)?.copy_from_slice(&bump);
            guest
                .bytes_mut(result, 32)?
                .copy_from_slice(address.as_array());
            return Ok(0);
        }
        guest.spend(DERIVE)?;
    }
    Ok(1)
}

fn inputs(
    guest: &mut Guest,
    list: u64,
    count: u64,
    program: u64,
) -> Result<(Vec<Vec<u8>>, Address), Fault> {
    let list = slices(guest, list, count)?;
    let seeds = seeds(guest, &list)?;
    Ok((seeds, Address::new_from_array(key_at(guest, program)?)))
}

/// The seeds that slices hold.
pub(super) fn seeds(guest: &mut Guest, list: &[(u64, u64)]) -> Result<Vec<Vec<u8>>, Fault> {
    if list.len() > SEEDS_MAX {
        return Fault::refused(format!(
            "expected at most {SEEDS_MAX} seeds, found {}",
            list.len()
        ));
    }
    let mut seeds = Vec::with_capacity(list.len());
    for (address, size) in list {
        if usize::try_from(*size).is_ok_and(|size| size <= SEED_SIZE_MAX) {
            seeds.push(guest.bytes(*address, *size)?.to_vec());
        } else {
            return Fault::refused(format!(
                "expected a seed of at most {SEED_SIZE_MAX} bytes, found one of {size}"
            ));
        }
    }
    Ok(seeds)
}
