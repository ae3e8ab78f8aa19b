//! The call that hashes elements of the field of BN254, as proofs of knowledge do.

use solana_poseidon::{Endianness, Parameters, hashv};

use super::{Arguments, slices};
use crate::{fault::Fault, vm::Guest};

/// Elements of one hash.
const ELEMENTS_MAX: u64 = 12;
/// What a hash costs, and each element times their number (`poseidon_cost_coefficient_*`).
const BEGIN: u64 = 542;
const SQUARE: u64 = 61;
/// The result of a call whose elements are none.
const INVALID: u64 = 1;

/// `sol_poseidon(parameters, endianness, slices, count, result)`: 1 if a slice is no element.
pub(super) fn hash(
    guest: &mut Guest,
    [parameters, order, list, count, result]: Arguments,
) -> Result<u64, Fault> {
    let Ok(parameters) = Parameters::try_from(parameters) else {
        return Fault::refused(format!("expected parameters 0, found {parameters}"));
    };
    let Ok(order) = Endianness::try_from(order) else {
        return Fault::refused(format!(
            "expected 0 for big endian or 1 for little endian bytes, found {order}"
        ));
    };
    if count > ELEMENTS_MAX {
        return Fault::refused(format!(
            "expected at most {ELEMENTS_MAX} elements to hash, found {count}"
        ));
    }
    let elements = SQUARE.saturating_mul(count).saturating_mul(count);
    guest.spend(BEGIN.saturating_add(elements))?;
    guest.bytes_mut(result, 32)?;
    let mut elements = Vec::new();
    for (address, size) in slices(guest, list, count)? {
        elements.push(guest.bytes(address, size)?.to_vec());
    }
    let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
    let Ok(hash) = hashv(parameters, order, &elements) else {
        return Ok(INVALID);
    };
    guest.bytes_mut(result, 32)?.copy_from_slice(&hash.0);
    Ok(0)
}
