//! Address lookup tables: from the positions a v0 message names to addresses.

use lockstep_interface::{Account, Address, TransactionError, address::program_ids};

/// Bytes before the first address of a table (`LOOKUP_TABLE_META_SIZE`).
pub const TABLE_HEADER_SIZE: usize = 56;

/// A decoded table.
struct Table<'a> {
    deactivation_slot: u64,
    last_extended_slot: u64,
    /// Addresses that were there before the last extension.
    extension_start: usize,
    addresses: &'a [[u8; 32]],
}

/// The addresses at `positions` of a table account, as a block at `slot` may use them.
///
/// `recent_slots` tells whether a slot is among the recent ones, in which a deactivated table can
/// still be used.
///
/// # Errors
/// `AddressLookupTableNotFound` if there is no such account or the table is deactivated;
/// `InvalidAddressLookupTableOwner`; `InvalidAddressLookupTableData`;
/// `InvalidAddressLookupTableIndex`.
pub(crate) fn lookup(
    account: Option<&Account>,
    positions: impl Iterator<Item = u8>,
    slot: u64,
    recent_slots: impl Fn(u64) -> bool,
    mut found: impl FnMut(Address),
) -> Result<(), TransactionError> {
    let account = account.ok_or(TransactionError::AddressLookupTableNotFound)?;
    if account.owner != program_ids::ADDRESS_LOOKUP_TABLE {
        return Err(TransactionError::InvalidAddressLookupTableOwner);
    }
    let table = Table::decode(&account.data);
    let table = table.ok_or(TransactionError::InvalidAddressLookupTableData)?;
    let end = table.deactivation_slot;
    let is_active = end == u64::MAX || end == slot || recent_slots(end);
    if !is_active {
        return Err(TransactionError::AddressLookupTableNotFound);
    }
    // Addresses added in this very slot cannot be used before the next.
    let usable = if slot > table.last_extended_slot {
        table.addresses
    } else {
        table
            .addresses
            .get(..table.extension_start)
            .unwrap_or(table.addresses)
    };
    for position in positions {
        let address = usable.get(usize::from(position));
        let address = address.ok_or(TransactionError::InvalidAddressLookupTableIndex)?;
        found(Address::new_from_array(*address));
    }
    Ok(())
}

impl<'a> Table<'a> {
    fn decode(data: &'a [u8]) -> Option<Self> {
        let (header, addresses) = data.split_first_chunk::<TABLE_HEADER_SIZE>()?;
        let (kind, rest) = header.split_first_chunk::<4>()?;
        let (deactivation_slot, rest) = rest.split_first_chunk::<8>()?;
        let (last_extended_slot, rest) = rest.split_first_chunk::<8>()?;
        let (extension_start, has_authority) = (*rest.first()?, *rest.get(1)?);
        let (addresses, remainder) = addresses.as_chunks::<32>();
        let is_table = u32::from_le_bytes(*kind) == 1 && has_authority <= 1;
        (is_table && remainder.is_empty()).then_some(Self {
            deactivation_slot: u64::from_le_bytes(*deactivation_slot),
            last_extended_slot: u64::from_le_bytes(*last_extended_slot),
            extension_start: usize::from(extension_start),
            addresses,
        })
    }
}
