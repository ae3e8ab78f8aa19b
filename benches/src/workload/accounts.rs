//! Genesis accounts that the trace program reads and writes.

use lockstep_interface::address::program_ids;
use lockstep_interface::{Account, Address, Rent};
use lockstep_programs::trace;

/// What fee payers begin with, in lamports. Ten million of it still fit 64 bits.
pub(super) const PAYER_BALANCE: u64 = 1_000_000_000_000;

/// Lamports of written accounts above the rent-exempt minimum: the trace program credits wallets
/// from them.
const SPARE_LAMPORTS: u64 = 1_000_000_000;

/// An account that the trace program may write, with this number of bytes of data.
pub(super) fn written_account(size: usize) -> Account {
    let minimum = Rent::MAINNET.minimum_balance(size);
    Account {
        lamports: minimum.saturating_add(SPARE_LAMPORTS),
        data: vec![0; size].into(),
        owner: trace::ADDRESS,
        executable: false,
    }
}

/// An account that no transaction writes, with its own address as content.
pub(super) fn read_account(address: &Address) -> Account {
    Account {
        lamports: Rent::MAINNET.minimum_balance(address.as_array().len()),
        data: address.as_array().as_slice().into(),
        owner: program_ids::LOADER_2,
        executable: false,
    }
}
