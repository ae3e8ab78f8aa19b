//! The system calls of compiled programs: Solana's, at Agave's costs.
//!
//! A call takes five numbers from the program's registers and gives one back. Each spends its
//! compute units first and looks at memory then, in Agave's order.

mod address;
mod bls;
mod bn254;
mod cpi;
mod curve;
mod hash;
mod log;
mod memory;
mod poseidon;
mod recover;
mod result;
mod sysvar;

use std::panic::{AssertUnwindSafe, catch_unwind};

use solana_sbpf::{
    elf::ElfError,
    program::{BuiltinFunctionDefinition, BuiltinProgram},
};

use crate::{code::Terms, fault::Fault, vm::Guest};

/// What most calls cost at least (`syscall_base_cost`).
const BASE: u64 = 100;
/// What moving a few bytes costs (`mem_op_base_cost`).
const MOVE: u64 = 10;
/// Bytes that are moved for one unit (`cpi_bytes_per_unit`).
const MOVED_PER_UNIT: u64 = 250;

/// Why calls are refused, in the words of Agave's logs.
const UNALIGNED: &str = "Unaligned pointer";
const OVERLAP: &str = "Overlapping copy";
const INVALID_POINTER: &str = "Invalid pointer";

/// The call that only programs have which were deployed long ago.
const FORMER: &str = "sol_alloc_free_";

/// The arguments of a call.
type Arguments = [u64; 5];
pub(crate) type Call = fn(&mut Guest, Arguments) -> Result<u64, Fault>;

/// Makes a call without letting a panic reach the machine, which cannot unwind.
fn guarded(guest: &mut Guest, call: Call, arguments: Arguments) -> Result<u64, Fault> {
    let result = catch_unwind(AssertUnwindSafe(|| call(guest, arguments)));
    result.unwrap_or_else(|panic| {
        guest.panic = Some(panic);
        Err(Fault::Panic)
    })
}

macro_rules! system_calls {
    ($($type:ident, $name:literal, $call:path;)*) => {
        $(
            struct $type;

            impl BuiltinFunctionDefinition<Guest> for $type {
                type Error = Fault;

                fn rust(
                    guest: &mut Guest,
                    first: u64,
                    second: u64,
                    third: u64,
                    fourth: u64,
                    fifth: u64,
                ) -> Result<u64, Fault> {
                    guarded(guest, $call, [first, second, third, fourth, fifth])
                }
            }
        )*

        /// The call of this name.
        #[cfg(test)]
        pub(crate) fn call_named(name: &str) -> Option<Call> {
            match name {
                $($name => Some($call),)*
                _ => None,
            }
        }

        /// Gives programs the system calls that they may have.
        ///
        /// # Errors
        /// If two have names of one hash.
        pub(crate) fn register(
            program: &mut BuiltinProgram<Guest>,
            terms: Terms,
        ) -> Result<(), ElfError> {
            $(if !terms.are_of_new_programs() || $name != FORMER {
                <$type>::register(program, $name)?;
            })*
            Ok(())
        }
    };
}

system_calls! {
    Abort, "abort", log::abort;
    Panic, "sol_panic_", log::panic;
    Log, "sol_log_", log::text;
    Log64, "sol_log_64_", log::numbers;
    LogAddress, "sol_log_pubkey", log::address;
    LogUnits, "sol_log_compute_units_", log::units;
    LogData, "sol_log_data", log::data;
    Copy, "sol_memcpy_", memory::copy;
    Move, "sol_memmove_", memory::shift;
    Set, "sol_memset_", memory::set;
    Compare, "sol_memcmp_", memory::compare;
    AllocFree, "sol_alloc_free_", memory::alloc_free;
    Sha256, "sol_sha256", hash::sha256;
    Keccak256, "sol_keccak256", hash::keccak256;
    Create, "sol_create_program_address", address::create;
    Find, "sol_try_find_program_address", address::find;
    Clock, "sol_get_clock_sysvar", sysvar::clock;
    Rent, "sol_get_rent_sysvar", sysvar::rent;
    EpochSchedule, "sol_get_epoch_schedule_sysvar", sysvar::epoch_schedule;
    LastRestartSlot, "sol_get_last_restart_slot", sysvar::last_restart_slot;
    EpochRewards, "sol_get_epoch_rewards_sysvar", sysvar::epoch_rewards;
    Sysvar, "sol_get_sysvar", sysvar::any;
    SetReturnData, "sol_set_return_data", result::set;
    GetReturnData, "sol_get_return_data", result::get;
    StackHeight, "sol_get_stack_height", result::stack_height;
    Sibling, "sol_get_processed_sibling_instruction", result::sibling;
    UnitsLeft, "sol_remaining_compute_units", result::units_left;
    EpochStake, "sol_get_epoch_stake", sysvar::epoch_stake;
    CurveValidate, "sol_curve_validate_point", curve::validate;
    CurveOperate, "sol_curve_group_op", curve::operate;
    CurveSum, "sol_curve_multiscalar_mul", curve::sum_products;
    CurveDecompress, "sol_curve_decompress", bls::decompress;
    CurvePair, "sol_curve_pairing_map", bls::pair;
    Bn254, "sol_alt_bn128_group_op", bn254::operate;
    Bn254Compression, "sol_alt_bn128_compression", bn254::compress;
    Poseidon, "sol_poseidon", poseidon::hash;
    Recover, "sol_secp256k1_recover", recover::recover;
    InvokeRust, "sol_invoke_signed_rust", cpi::invoke_rust;
    InvokeC, "sol_invoke_signed_c", cpi::invoke_c;
}

/// A list of slices in memory: address and size of each.
fn slices(guest: &mut Guest, address: u64, count: u64) -> Result<Vec<(u64, u64)>, Fault> {
    let bytes = aligned(guest, address, count.saturating_mul(16), 8)?;
    let slices = bytes.as_chunks::<16>().0.iter();
    let slices = slices.map(|slice| (number(slice, 0), number(slice, 8)));
    Ok(slices.collect())
}

/// The bytes of values that are aligned.
fn aligned(guest: &mut Guest, address: u64, size: u64, align: u64) -> Result<&[u8], Fault> {
    // First the access, then the alignment, as their errors are reported in this order.
    let is_aligned = size == 0 || address.is_multiple_of(align);
    let bytes = guest.bytes(address, size)?;
    match is_aligned {
        true => Ok(bytes),
        false => Fault::refused(UNALIGNED),
    }
}

/// The bytes of values that are aligned, for writing.
fn aligned_mut(guest: &mut Guest, address: u64, size: u64, align: u64) -> Result<&mut [u8], Fault> {
    let is_aligned = size == 0 || address.is_multiple_of(align);
    let bytes = guest.bytes_mut(address, size)?;
    match is_aligned {
        true => Ok(bytes),
        false => Fault::refused(UNALIGNED),
    }
}

/// The number at an offset of bytes; 0 past their end.
fn number(bytes: &[u8], offset: usize) -> u64 {
    let bytes = bytes.get(offset..).and_then(|bytes| bytes.first_chunk());
    u64::from_le_bytes(bytes.copied().unwrap_or_default())
}

/// The number at an address.
fn number_at(guest: &mut Guest, address: u64) -> Result<u64, Fault> {
    Ok(number(aligned(guest, address, 8, 8)?, 0))
}

/// The 32 bytes of an address or a hash at an address.
fn key_at(guest: &mut Guest, address: u64) -> Result<[u8; 32], Fault> {
    let bytes = guest.bytes(address, 32)?.first_chunk().copied();
    Ok(bytes.unwrap_or_default())
}

/// True if two ranges have a byte in common.
fn overlap(first: u64, first_size: u64, second: u64, second_size: u64) -> bool {
    match first > second {
        true => first.saturating_sub(second) < second_size,
        false => second.saturating_sub(first) < first_size,
    }
}

fn size_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
