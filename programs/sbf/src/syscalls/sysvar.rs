//! Calls that tell facts about the block.

use lockstep_interface::{
    Address, InstructionError, InvokeContext, address::sysvar_ids, sysvar::encode_slot_hashes,
};
use solana_sbpf::ebpf::MM_INPUT_START;

use super::{
    Arguments, BASE, INVALID_POINTER, MOVE, MOVED_PER_UNIT, UNALIGNED, aligned_mut, key_at, size_of,
};
use crate::{fault::Fault, vm::Guest};

/// The results of `sol_get_sysvar`.
const TOO_LONG: u64 = 1;
const UNKNOWN: u64 = 2;
/// Slots of an epoch, and by how many a leader schedule is known ahead.
const SLOTS_PER_EPOCH: u64 = 432_000;
/// A count, which is 0, and room for 512 epochs with three numbers each.
const STAKE_HISTORY_SIZE: usize = 8 + 512 * 32;
/// Numbers, a blockhash and points of rewards, and whether they are handed out.
const NO_REWARDS: [u8; 81] = [0; 81];

/// `sol_get_clock_sysvar(result)`
pub(super) fn clock(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    fixed(guest, arguments, 40, |context| {
        Ok(context.sysvars().clock()?.encode())
    })
}

/// `sol_get_rent_sysvar(result)`: padded to a multiple of 8 bytes.
pub(super) fn rent(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    fixed(guest, arguments, 24, |context| {
        Ok(context.sysvars().rent()?.encode())
    })
}

/// `sol_get_epoch_schedule_sysvar(result)`: the flag is padded to 8 bytes.
pub(super) fn epoch_schedule(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    fixed(guest, arguments, 40, |_| {
        let mut bytes = encoded_schedule();
        bytes.splice(17..17, [0; 7]);
        Ok(bytes)
    })
}

/// `sol_get_last_restart_slot(result)`: no chain of the runtime was restarted at a slot.
pub(super) fn last_restart_slot(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    fixed(guest, arguments, 8, |_| Ok(vec![0; 8]))
}

/// `sol_get_epoch_rewards_sysvar(result)`: no chain of the runtime hands out rewards by epochs.
pub(super) fn epoch_rewards(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    let [result, ..] = arguments;
    if result < MM_INPUT_START && !result.is_multiple_of(16) {
        guest.spend(BASE.saturating_add(96))?;
        guest.bytes_mut(result, 96)?;
        return Fault::refused(UNALIGNED);
    }
    fixed(guest, arguments, 96, |_| Ok(NO_REWARDS.to_vec()))
}

/// `sol_get_epoch_stake(account)`: no chain of the runtime has stakes.
pub(super) fn epoch_stake(guest: &mut Guest, [account, ..]: Arguments) -> Result<u64, Fault> {
    if account == 0 {
        guest.spend(BASE)?;
        return Ok(0);
    }
    guest.spend(BASE.saturating_add(MOVE))?;
    key_at(guest, account)?;
    Ok(0)
}

/// `sol_get_sysvar(address, result, offset, size)`: 2 if there is no such sysvar, 1 if it is
/// shorter.
pub(super) fn any(
    guest: &mut Guest,
    [sysvar, result, offset, size, _]: Arguments,
) -> Result<u64, Fault> {
    let moved = size.checked_div(MOVED_PER_UNIT).unwrap_or(0);
    guest.spend(BASE.saturating_add(moved.max(MOVE)))?;
    outside_of_accounts(result)?;
    let sysvar = Address::new_from_array(key_at(guest, sysvar)?);
    guest.bytes_mut(result, size)?;
    let end = offset.checked_add(size);
    let end = end.ok_or(InstructionError::ArithmeticOverflow)?;
    let Some(bytes) = guest.with(|context, _, _| encoded(context, &sysvar)) else {
        return Ok(UNKNOWN);
    };
    let range = usize::try_from(offset).ok().zip(usize::try_from(end).ok());
    let Some(bytes) = range.and_then(|(start, end)| bytes.get(start..end)) else {
        return Ok(TOO_LONG);
    };
    guest.bytes_mut(result, size)?.copy_from_slice(bytes);
    Ok(0)
}

/// The bytes of a sysvar's account; no chain of the runtime has stakes.
fn encoded(context: &InvokeContext<'_, '_>, sysvar: &Address) -> Option<Vec<u8>> {
    match *sysvar {
        sysvar_ids::CLOCK => context.sysvars().clock.map(|clock| clock.encode()),
        sysvar_ids::RENT => context.sysvars().rent.map(|rent| rent.encode()),
        sysvar_ids::SLOT_HASHES => {
            let list = context.sysvars().slot_hashes.as_ref();
            list.map(|list| encode_slot_hashes(list))
        }
        sysvar_ids::STAKE_HISTORY => Some(vec![0; STAKE_HISTORY_SIZE]),
        sysvar_ids::EPOCH_SCHEDULE => Some(encoded_schedule()),
        sysvar_ids::LAST_RESTART_SLOT => Some(vec![0; 8]),
        sysvar_ids::EPOCH_REWARDS => Some(NO_REWARDS.to_vec()),
        _ => None,
    }
}

/// Epochs of one length, from the first on.
fn encoded_schedule() -> Vec<u8> {
    let mut bytes = SLOTS_PER_EPOCH.to_le_bytes().to_vec();
    bytes.extend_from_slice(&SLOTS_PER_EPOCH.to_le_bytes());
    bytes.extend_from_slice(&[0; 1 + 8 + 8]);
    bytes
}

/// Writes a sysvar as a structure of this many bytes, the last of which may be padding.
fn fixed(
    guest: &mut Guest,
    [result, ..]: Arguments,
    size: u64,
    bytes: fn(&InvokeContext<'_, '_>) -> Result<Vec<u8>, InstructionError>,
) -> Result<u64, Fault> {
    guest.spend(BASE.saturating_add(size))?;
    outside_of_accounts(result)?;
    aligned_mut(guest, result, size, 8)?;
    let bytes = guest.with(|context, _, _| bytes(context))?;
    let target = guest.bytes_mut(result, size)?;
    target.fill(0);
    let size = size_of(&bytes).min(size);
    guest.bytes_mut(result, size)?.copy_from_slice(&bytes);
    Ok(0)
}

/// Refuses a result that would lie in the image (SIMD-0459).
fn outside_of_accounts(address: u64) -> Result<(), Fault> {
    match address < MM_INPUT_START {
        true => Ok(()),
        false => Fault::refused(INVALID_POINTER),
    }
}
