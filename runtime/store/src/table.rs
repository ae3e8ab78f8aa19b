//! Accounts by address in shards, for look-ups by many threads while one writes.
//!
//! Sorted changes reach the shards one after the other, and readers wait only for the shard that
//! is being written.

use ahash::RandomState;
use lockstep_interface::{Account, Address};

use crate::{
    Change,
    shard::{GROUP_SIZE, Shard},
    sync::Shared,
};

pub(crate) const SHARD_COUNT: usize = 256;

/// Accounts that exist, by address.
#[derive(Debug)]
pub(crate) struct AccountTable {
    shards: Box<[Shared<Shard>]>,
    hasher: RandomState,
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

    fn hash(&self, address: &Address) -> u64 {
        self.hasher.hash_one(address.as_array())
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
        if let ([address], [account]) = (addresses, &mut *accounts) {
            let shard = self.shards[shard_index(address)].read();
            let hash = self.hash(address);
            match shard.find(address, hash, shard.guess(hash)) {
                Some(entry) => *account = shard.account(entry).clone(),
                None => {
                    *account = Account::default();
                    miss(0, shard.write_count());
                }
            }
            return;
        }
        // Many addresses meet every shard, so that locking each once is the cheaper way.
        let shards: Vec<_> = self.shards.iter().map(Shared::read).collect();
        let groups = addresses
            .chunks(GROUP_SIZE)
            .zip(accounts.chunks_mut(GROUP_SIZE));
        let mut place = 0usize;
        for (addresses, accounts) in groups {
            let mut lookups = [(0u64, 0u32); GROUP_SIZE];
            for (address, lookup) in addresses.iter().zip(&mut lookups) {
                let hash = self.hash(address);
                *lookup = (hash, shards[shard_index(address)].guess(hash));
            }
            let mut touched = 0;
            for (address, (_, guess)) in addresses.iter().zip(&lookups) {
                touched ^= shards[shard_index(address)].touch(*guess);
            }
            // Sharing data writes their count.
            for (address, (_, guess)) in addresses.iter().zip(&lookups) {
                touched ^= shards[shard_index(address)].touch_data(*guess);
            }
            std::hint::black_box(touched);
            for ((address, account), (hash, guess)) in addresses.iter().zip(accounts).zip(&lookups)
            {
                let shard = &shards[shard_index(address)];
                match shard.find(address, *hash, *guess) {
                    Some(entry) => *account = shard.account(entry).clone(),
                    None => {
                        *account = Account::default();
                        miss(place, shard.write_count());
                    }
                }
                place = place.saturating_add(1);
            }
        }
    }

    /// Writes changes shard by shard, and calls `written` with each shard that was.
    pub(crate) fn apply(
        &self,
        changes: &[Change],
        mut written: impl FnMut(&mut Shard, Rehash<'_>),
    ) {
        let same_shard =
            |one: &Change, other: &Change| shard_index(&one.0) == shard_index(&other.0);
        let rehash = |address: &Address| self.hash(address);
        for run in changes.chunk_by(same_shard) {
            let mut shard = self.shards[shard_index(&run[0].0)].write();
            for group in run.chunks(GROUP_SIZE) {
                let mut lookups = [(0u64, 0u32); GROUP_SIZE];
                for ((address, _), lookup) in group.iter().zip(&mut lookups) {
                    let hash = self.hash(address);
                    *lookup = (hash, shard.guess(hash));
                }
                let touched = lookups
                    .iter()
                    .fold(0, |sum, (_, guess)| sum ^ shard.touch(*guess));
                std::hint::black_box(touched);
                for ((address, account), (hash, guess)) in group.iter().zip(&lookups) {
                    let entry = shard.find(address, *hash, *guess);
                    shard.put(address, account, *hash, entry, rehash);
                }
            }
            shard.count_write();
            written(&mut shard, &rehash);
        }
    }

    /// Adds an account that was missed, unless its shard has been written since.
    pub(crate) fn fill(
        &self,
        address: &Address,
        account: &Account,
        write_count: u64,
        filled: impl FnOnce(&mut Shard, Rehash<'_>),
    ) {
        let mut shard = self.shards[shard_index(address)].write();
        if shard.write_count() == write_count {
            let hash = self.hash(address);
            let entry = shard.find(address, hash, shard.guess(hash));
            let rehash = |address: &Address| self.hash(address);
            shard.put(address, account, hash, entry, rehash);
            filled(&mut shard, &rehash);
        }
    }
}

/// The hash of an address.
pub(crate) type Rehash<'t> = &'t dyn Fn(&Address) -> u64;
