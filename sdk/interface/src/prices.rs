//! What services of the runtime cost a metered instruction, in compute units: Agave's prices of the
//! same syscalls (`program-runtime/src/execution_budget.rs`).

/// A line of the log (`syscall_base_cost`).
pub const LOG: u64 = 100;
/// Trying one bump seed of a derived address (`create_program_address_units`).
pub const DERIVE: u64 = 1_500;
/// Beginning a hash (`sha256_base_cost`).
pub const HASH: u64 = 85;
/// Moving a few bytes (`mem_op_base_cost`).
pub const MOVE: u64 = 10;
/// Invoking a program (`invoke_units`).
pub const INVOKE: u64 = 946;

/// Bytes that are moved for one unit (`cpi_bytes_per_unit`).
const MOVED_PER_UNIT: u64 = 250;
/// Bytes that are hashed for one unit (`sha256_byte_cost` is 1 for two bytes).
const HASHED_PER_UNIT: u64 = 2;

/// Moving, encoding or decoding this number of bytes.
///
/// ```
/// use lockstep_interface::prices::move_bytes;
/// assert_eq!((move_bytes(0), move_bytes(2_500), move_bytes(10_000)), (10, 10, 40));
/// ```
#[inline]
pub const fn move_bytes(size: usize) -> u64 {
    let units = size as u64 / MOVED_PER_UNIT;
    if units > MOVE { units } else { MOVE }
}

/// Hashing parts of these sizes in bytes.
///
/// ```
/// use lockstep_interface::prices::hash;
/// assert_eq!(hash([32, 8].into_iter()), 85 + 16 + 10);
/// ```
#[inline]
pub fn hash(sizes: impl Iterator<Item = usize>) -> u64 {
    let parts = sizes.map(|size| (size as u64 / HASHED_PER_UNIT).max(MOVE));
    parts.fold(HASH, u64::saturating_add)
}

/// Publishing an event of this number of bytes.
///
/// ```
/// assert_eq!(lockstep_interface::prices::event(40), 240);
/// ```
#[inline]
pub const fn event(size: usize) -> u64 {
    (2 * LOG).saturating_add(size as u64)
}

/// Invoking a program with this number of bytes of data, signing for this number of derived
/// addresses.
///
/// ```
/// assert_eq!(lockstep_interface::prices::invoke(1_000, 1), 946 + 4 + 1_500);
/// ```
#[inline]
pub const fn invoke(data_size: usize, signer_count: usize) -> u64 {
    let moved = data_size as u64 / MOVED_PER_UNIT;
    let signed = DERIVE.saturating_mul(signer_count as u64);
    INVOKE.saturating_add(moved).saturating_add(signed)
}
