//! Calls that hash slices, one after the other.

use sha2::{Digest, Sha256};
use sha3::Keccak256;

use super::{Arguments, MOVE, slices};
use crate::{fault::Fault, limits::HASHED_SLICES_MAX, vm::Guest};

/// What a hash costs besides its slices (`sha256_base_cost`).
pub(super) const BEGIN: u64 = 85;

/// `sol_sha256(slices, count, result)`
pub(super) fn sha256(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    hash::<Sha256>(guest, arguments)
}

/// `sol_keccak256(slices, count, result)`
pub(super) fn keccak256(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    hash::<Keccak256>(guest, arguments)
}

fn hash<D: Digest>(guest: &mut Guest, [list, count, result, ..]: Arguments) -> Result<u64, Fault> {
    if count > HASHED_SLICES_MAX {
        return Fault::refused(format!(
            "expected at most {HASHED_SLICES_MAX} slices to hash, found {count}"
        ));
    }
    guest.spend(BEGIN)?;
    guest.bytes_mut(result, 32)?;
    let mut hasher = D::new();
    for (address, size) in slices(guest, list, count)? {
        guest.spend((size >> 1).max(MOVE))?;
        hasher.update(guest.bytes(address, size)?);
    }
    guest
        .bytes_mut(result, 32)?
        .copy_from_slice(&hasher.finalize());
    Ok(0)
}
