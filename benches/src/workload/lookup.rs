//! Address lookup tables as accounts.

use lockstep_interface::address::program_ids;
use lockstep_interface::{Account, Address, Rent};
use lockstep_runtime::wire::LookupTable;
use sha2::{Digest, Sha256};

/// Most addresses of a table: a position is one byte.
pub(super) const TABLE_SIZE_MAX: usize = 256;

/// Bytes before the addresses (Solana: `LOOKUP_TABLE_META_SIZE`).
const HEADER_SIZE: usize = 56;

/// A table with an address of its own.
pub(super) fn table(number: usize, addresses: Vec<Address>) -> LookupTable {
    assert!(addresses.len() <= TABLE_SIZE_MAX, "positions are one byte");
    let number = u64::try_from(number).expect("a length fits u64");
    LookupTable {
        address: derived_address(b"lookup table", number, 0),
        addresses,
    }
}

/// The account of a table that was filled before the first slot and is never deactivated.
///
/// Header, little endian: type 1 as `u32`; slot of deactivation, `u64::MAX` for never; slot of
/// the last extension; first index of that extension as `u8`; whether there is an authority, the
/// authority, and two bytes of padding, all zero.
pub(super) fn table_account(table: &LookupTable) -> (Address, Account) {
    let mut data = 1_u32.to_le_bytes().to_vec();
    data.extend_from_slice(&u64::MAX.to_le_bytes());
    data.resize(HEADER_SIZE, 0);
    for address in &table.addresses {
        data.extend_from_slice(address.as_array());
    }
    let account = Account {
        lamports: Rent::MAINNET.minimum_balance(data.len()),
        data: data.into(),
        owner: program_ids::ADDRESS_LOOKUP_TABLE,
        executable: false,
    };
    (table.address, account)
}

/// The address of a thing that never signs: a hash of what it is and two numbers.
pub(super) fn derived_address(kind: &[u8], number: u64, seed: u64) -> Address {
    let hasher = Sha256::new()
        .chain_update(b"lockstep ")
        .chain_update(kind)
        .chain_update(number.to_le_bytes())
        .chain_update(seed.to_le_bytes());
    Address::new_from_array(hasher.finalize().into())
}
