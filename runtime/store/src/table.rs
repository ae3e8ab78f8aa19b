//! Accounts by address in shards, for look-ups by many threads while one writes.
//!
//! Sorted changes reach the shards one after the other, and readers wait only for the shard that
//! is being written. Addresses are hashed with a secret, so that addresses which collide cannot be
//! chosen.

use ahash::RandomState;
use hashbrown::{HashTable, hash_table::Entry};
use lockstep_interface::{Account, Address};

use crate::{Change, sync::Shared};

pub(crate) const SHARD_COUNT: usize = 256;

/// Accounts that exist, by address.
#[derive(Debug)]
pub(crate) struct AccountTable {
    shards: Box<[Shared<Shard>]>,
    hasher: RandomState,
}

/// The accounts whose addresses have one first byte.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    accounts: HashTable<Change>,
    write_count: u64,
    /// Bytes of account data.
    data_size: usize,
    /// The place of the table that makes room next.
    hand: usize,
}

/// The shard that an address belongs to.
pub(crate) fn shard_index(address: &Address) -> usize {
    usize::from(address.as_array()[0])
}

impl AccountTable {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARD_COUNT).map(|_| Shared::default()).collect();
        Self {
            shards,
            hasher: RandomState::new(),
        }
    }

    pub(crate) fn shards(&self) -> &[Shared<Shard>] {
        &self.shards
    }

    /// Reads accounts. For one that is not there, `accounts` gets the default account, and `miss`
    /// its place and how often its shard had been written.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub(crate) fn load(
        &self,
        addresses: &[Address],
        accounts: &mut [Account],
        mut miss: impl FnMut(usize, u64),
    ) {
        assert_eq!(
            addresses.len(),
            accounts.len(),
            "one account for each address"
        );
        let mut read = |place, shard: &Shard, address: &Address, account: &mut Account| {
            let found = shard.find(address, &self.hasher);
            if found.is_none() {
                miss(place, shard.write_count);
            }
            *account = found.cloned().unwrap_or_default();
        };
        if let ([address], [account]) = (addresses, &mut *accounts) {
            let shard = self.shards[shard_index(address)].read();
            return read(0, &shard, address, account);
        }
        // Many addresses meet every shard, so that locking each once is the cheaper way.
        let shards: Vec<_> = self.shards.iter().map(Shared::read).collect();
        for (place, (address, account)) in addresses.iter().zip(accounts).enumerate() {
            read(place, &shards[shard_index(address)], address, account);
        }
    }

    /// Writes changes shard by shard, and calls `written` with each shard that was.
    pub(crate) fn apply(&self, changes: &[Change], mut written: impl FnMut(&mut Shard)) {
        let same_shard =
            |one: &Change, other: &Change| shard_index(&one.0) == shard_index(&other.0);
        for run in changes.chunk_by(same_shard) {
            let mut shard = self.shards[shard_index(&run[0].0)].write();
            for change in run {
                shard.put(change, &self.hasher);
            }
            shard.write_count = shard.write_count.wrapping_add(1);
            written(&mut shard);
        }
    }

    /// Adds an account that was missed, unless its shard has been written since.
    pub(crate) fn fill(&self, missed: &Change, write_count: u64, filled: impl FnOnce(&mut Shard)) {
        let mut shard = self.shards[shard_index(&missed.0)].write();
        if shard.write_count == write_count {
            shard.put(missed, &self.hasher);
            filled(&mut shard);
        }
    }
}

impl Shard {
    /// All accounts, in no order of meaning.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Change> {
        self.accounts.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Bytes of memory, about: a place and a half of the table for each account, and its data.
    pub(crate) fn size(&self) -> usize {
        const ENTRY_SIZE: usize = size_of::<Change>() * 3 / 2;
        let entries = self.accounts.len().saturating_mul(ENTRY_SIZE);
        entries.saturating_add(self.data_size)
    }

    /// Takes accounts out, in turn, until the others take at most `size` bytes.
    pub(crate) fn shrink(&mut self, size: usize) {
        while self.size() > size && !self.accounts.is_empty() {
            let place = self.hand.checked_rem(self.accounts.num_buckets());
            let place = place.unwrap_or(0);
            self.hand = place.saturating_add(1);
            if let Ok(entry) = self.accounts.get_bucket_entry(place) {
                let ((_, account), _) = entry.remove();
                self.data_size = self.data_size.saturating_sub(account.data.len());
            }
        }
    }

    fn find(&self, address: &Address, hasher: &RandomState) -> Option<&Account> {
        let hash = hasher.hash_one(address.as_array());
        let found = self.accounts.find(hash, |(known, _)| known == address);
        found.map(|(_, account)| account)
    }

    /// Stores an account, or removes it if it does not exist.
    fn put(&mut self, (address, account): &Change, hasher: &RandomState) {
        let hash = |address: &Address| hasher.hash_one(address.as_array());
        let is_same = |(known, _): &Change| known == address;
        let entry = self
            .accounts
            .entry(hash(address), is_same, |(known, _)| hash(known));
        let before = match &entry {
            Entry::Occupied(entry) => entry.get().1.data.len(),
            Entry::Vacant(_) => 0,
        };
        let mut after = 0;
        match entry {
            Entry::Occupied(entry) if !account.exists() => {
                entry.remove();
            }
            Entry::Vacant(_) if !account.exists() => {}
            entry => {
                after = account.data.len();
                entry.insert((*address, account.clone()));
            }
        }
        let size = self.data_size.saturating_sub(before);
        self.data_size = size.saturating_add(after);
    }
}
