//! The call that finds the key which has signed, as Ethereum signs.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};

use super::{Arguments, key_at};
use crate::{fault::Fault, vm::Guest};

/// What it costs (`secp256k1_recover_cost`).
const COST: u64 = 25_000;
/// Bytes of a signature, and of a key without the byte that says that it is not compressed.
const SIZE: u64 = 64;
/// The results of a call without a key.
const NO_RECOVERY: u64 = 2;
const NO_SIGNATURE: u64 = 3;

/// `sol_secp256k1_recover(hash, recovery, signature, result)`: 2 or 3 if there is no such key. A
/// signature may have either of its two forms.
pub(super) fn recover(
    guest: &mut Guest,
    [hash, recovery, signature, result, _]: Arguments,
) -> Result<u64, Fault> {
    guest.spend(COST)?;
    guest.bytes_mut(result, SIZE)?;
    let hash = key_at(guest, hash)?;
    let signature = guest.bytes(signature, SIZE)?;
    let recovery = u8::try_from(recovery).ok();
    let recovery = recovery.and_then(|recovery| RecoveryId::try_from(recovery).ok());
    let Some(recovery) = recovery else {
        return Ok(NO_RECOVERY);
    };
    let signature = Signature::from_slice(signature);
    let key = signature
        .and_then(|signature| VerifyingKey::recover_from_prehash(&hash, &signature, recovery));
    let Ok(key) = key else {
        return Ok(NO_SIGNATURE);
    };
    let point = key.to_sec1_point(false);
    guest
        .bytes_mut(result, SIZE)?
        .copy_from_slice(&point.as_bytes()[1..]);
    Ok(0)
}
