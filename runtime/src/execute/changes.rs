//! From the accounts that a block leaves to those that it changed, in the order of addresses.
//!
//! ```text
//! accounts   [ task 0 ][ task 1 ][ task 2 ]     each compares, and takes out what has changed,
//!                |         |         |          by the first bits of the addresses
//! shares     [ 0.. ][ 1.. ][ 2.. ]   ...        each sorted by one task
//! changes    [                            ]     one share behind the other
//! ```

use lockstep_interface::{Address, context::BlockAccount};
use lockstep_store::Change;

use crate::threads::Threads;

/// Accounts compared by one task.
const ACCOUNTS_PER_TASK: usize = 2_048;
/// Accounts of a block whose changes are sorted as one share: making shares takes longer.
const ACCOUNTS_UNSHARED: usize = 512;
/// First bits of an address that say which share it belongs to, in [0, 8].
const SHARE_BITS: u32 = 5;
/// Shares.
const SHARE_COUNT: usize = 1 << SHARE_BITS;
/// Bits of the first byte that do not count.
const SHARE_SHIFT: u32 = u8::BITS - SHARE_BITS;
/// Changes of a task in a share that hardly ever take a second allocation, if addresses are random.
const SHARE_CAPACITY: usize = ACCOUNTS_PER_TASK * 3 / 2 / SHARE_COUNT;

/// The share that an address belongs to. Ascending addresses have ascending shares.
fn share_of(address: &Address) -> usize {
    usize::from(address.as_array()[0]) >> SHARE_SHIFT
}

/// The changed accounts among those of a block, and `others`, in ascending order of addresses.
///
/// O(accounts), and O(n log n) for n changes, spread over the threads.
///
/// # Panics
/// If two changes have one address.
pub(super) fn collect(
    mut accounts: Vec<BlockAccount>,
    addresses: &[Address],
    others: Vec<Change>,
    threads: &Threads,
) -> Vec<Change> {
    if accounts.len() <= ACCOUNTS_UNSHARED {
        let pairs = accounts.iter_mut().zip(addresses);
        let changed =
            pairs.filter_map(|(account, address)| Some((*address, account.take_change()?)));
        return sorted(vec![changed.collect(), others]);
    }
    let parts = threads.map_chunks_mut(&mut accounts, ACCOUNTS_PER_TASK, |start, chunk| {
        let mut shares = [const { Vec::new() }; SHARE_COUNT];
        shares.fill_with(|| Vec::with_capacity(SHARE_CAPACITY));
        for (account, address) in chunk.iter_mut().zip(&addresses[start..]) {
            if let Some(changed) = account.take_change() {
                shares[share_of(address)].push((*address, changed));
            }
        }
        shares
    });
    let mut shares: [Vec<Vec<Change>>; SHARE_COUNT] = [const { Vec::new() }; SHARE_COUNT];
    for part in parts {
        for (share, changes) in shares.iter_mut().zip(part) {
            share.push(changes);
        }
    }
    for other in others {
        shares[share_of(&other.0)].push(vec![other]);
    }
    let sorted = threads.map_each(shares.into(), sorted);
    let mut changes = Vec::with_capacity(sorted.iter().map(Vec::len).sum());
    for mut share in sorted {
        changes.append(&mut share);
    }
    changes
}

/// The changes of all parts in ascending order of addresses.
fn sorted(parts: Vec<Vec<Change>>) -> Vec<Change> {
    let mut changes = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    for mut part in parts {
        changes.append(&mut part);
    }
    let keys = changes.iter().zip(0u32..);
    let mut order: Vec<SortKey> = keys
        .map(|((address, _), index)| SortKey::new(address, index))
        .collect();
    order.sort_unstable();
    // Almost all addresses differ in their first bytes; whole addresses settle the others.
    for same in order.chunk_by_mut(|one, next| one.prefix() == next.prefix()) {
        let address = |key: &SortKey| changes[key.index()].0;
        same.sort_unstable_by_key(address);
        let ascends = same.is_sorted_by(|one, next| address(one) < address(next));
        assert!(ascends, "a transaction has written a sysvar");
    }
    let moved = order.iter().map(|key| {
        let (address, account) = &mut changes[key.index()];
        (*address, std::mem::take(account))
    });
    moved.collect()
}

/// The first 12 bytes of an address, as a number that sorts as they do, above an index.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct SortKey(u128);

impl SortKey {
    #[expect(
        clippy::big_endian_bytes,
        reason = "the order of bytes is the order of addresses"
    )]
    fn new(address: &Address, index: u32) -> Self {
        let start = address.as_array().first_chunk();
        let start = u128::from_be_bytes(*start.expect("an address has 32 bytes"));
        Self(start >> u32::BITS << u32::BITS | u128::from(index))
    }

    fn prefix(self) -> u128 {
        self.0 >> u32::BITS
    }

    fn index(self) -> usize {
        let [a, b, c, d, ..] = self.0.to_le_bytes();
        u32::from_le_bytes([a, b, c, d]) as usize
    }
}

#[cfg(test)]
mod tests {
    use lockstep_interface::Account;

    use super::*;

    fn address(number: u32) -> Address {
        let mut bytes = [0; 32];
        // Many addresses share their first 12 bytes.
        let [low, high, ..] = number.wrapping_mul(0x9e37_79b1).to_le_bytes();
        (bytes[0], bytes[31]) = (high, low);
        bytes[30] = number.to_le_bytes()[1];
        bytes[29] = number.to_le_bytes()[0];
        Address::new_from_array(bytes)
    }

    #[test]
    fn changes_come_in_the_order_of_addresses_on_any_number_of_threads() {
        let addresses: Vec<Address> = (0..5_000).map(address).collect();
        let accounts = addresses.iter().zip(0u64..).map(|(_, number)| {
            let mut account = BlockAccount::new(Account::wallet(5));
            // One in four changes, one in four is changed back, two are left alone.
            if number % 4 < 2 {
                account.change().lamports = if number % 4 == 0 { 5 } else { 6 };
            }
            account
        });
        let accounts: Vec<BlockAccount> = accounts.collect();
        let other = (Address::new_from_array([0x77; 32]), Account::wallet(1));
        let mut expected: Vec<Change> = (0..5_000)
            .filter(|number| number % 4 == 1)
            .map(|number| (address(number), Account::wallet(6)))
            .chain([other.clone()])
            .collect();
        expected.sort_unstable_by_key(|(address, _)| *address);
        for count in [1, 2, 5] {
            let threads = Threads::new(count).expect("threads can be started");
            let others = vec![other.clone()];
            let changes = collect(accounts.clone(), &addresses, others, &threads);
            assert_eq!(changes, expected, "{count}");
        }
    }

    #[test]
    #[should_panic(expected = "a transaction has written a sysvar")]
    fn an_address_cannot_change_twice() {
        let mut account = BlockAccount::default();
        account.change().lamports = 1;
        let other = (address(7), Account::wallet(2));
        let threads = Threads::new(1).expect("one thread needs no pool");
        collect(vec![account], &[address(7)], vec![other], &threads);
    }
}
