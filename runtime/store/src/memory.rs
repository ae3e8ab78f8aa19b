//! Accounts in memory, in shards by the first byte of the address.
//!
//! Sorted changes reach the shards one after the other, and readers wait only for the shard that
//! is being written.

use ahash::RandomState;
use lockstep_interface::{Account, Address};

use crate::{
    Change, Store, StoreError,
    shard::{GROUP_SIZE, Shard},
    sync::Shared,
};

const SHARD_COUNT: usize = 256;

/// The store that forgets everything when it is dropped.
///
/// ```
/// use lockstep_interface::{Account, Address};
/// use lockstep_store::{MemoryStore, Store};
///
/// let store = MemoryStore::new();
/// let address = Address::new_from_array([1; 32]);
/// store.commit(&[(address, Account::wallet(5))])?;
/// assert_eq!(store.get(&address)?, Some(Account::wallet(5)));
/// # Ok::<(), lockstep_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    shards: Box<[Shared<Shard>]>,
    hasher: RandomState,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

/// The shard that an address belongs to.
fn shard_index(address: &Address) -> usize {
    usize::from(address.as_array()[0])
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        let shards = (0..SHARD_COUNT).map(|_| Shared::default()).collect();
        Self {
            shards,
            hasher: RandomState::new(),
        }
    }

    fn hash(&self, address: &Address) -> u64 {
        self.hasher.hash_one(address.as_array())
    }
}

impl Store for MemoryStore {
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        assert_eq!(
            addresses.len(),
            accounts.len(),
            "one account for each address"
        );
        if let ([address], [account]) = (addresses, &mut *accounts) {
            let shard = self.shards[shard_index(address)].read();
            let hash = self.hash(address);
            let entry = shard.find(address, hash, shard.guess(hash));
            *account = entry.map_or_else(Account::default, |entry| shard.account(entry).clone());
            return Ok(());
        }
        // Many addresses meet every shard, so that locking each once is the cheaper way.
        let shards: Vec<_> = self.shards.iter().map(Shared::read).collect();
        let groups = addresses
            .chunks(GROUP_SIZE)
            .zip(accounts.chunks_mut(GROUP_SIZE));
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
            std::hint::black_box(touched);
            for ((address, account), (hash, guess)) in addresses.iter().zip(accounts).zip(&lookups)
            {
                let shard = &shards[shard_index(address)];
                let entry = shard.find(address, *hash, *guess);
                *account =
                    entry.map_or_else(Account::default, |entry| shard.account(entry).clone());
            }
        }
        Ok(())
    }

    fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        let same_shard =
            |one: &Change, other: &Change| shard_index(&one.0) == shard_index(&other.0);
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
                    shard.put(address, account, *hash, entry, |address| self.hash(address));
                }
            }
        }
        Ok(())
    }

    fn account_count(&self) -> Result<usize, StoreError> {
        Ok(self.shards.iter().map(|shard| shard.read().len()).sum())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn equals_an_ordered_map_over_random_changes() {
        let store = MemoryStore::new();
        let mut model = BTreeMap::new();
        let mut seed = 1u64;
        for _ in 0..200 {
            let mut changes = Vec::new();
            for _ in 0..50 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let mut key = [0; 32];
                key[0] = seed.to_le_bytes()[5] & 7;
                key[31] = seed.to_le_bytes()[6] & 31;
                let account = Account::wallet((seed >> 60) & 3);
                changes.push((Address::new_from_array(key), account.clone()));
                model.insert(Address::new_from_array(key), account);
            }
            store.commit(&changes).unwrap();
            model.retain(|_, account| account.exists());
            assert_eq!(store.account_count().unwrap(), model.len());
        }
        for first in 0..8 {
            for last in 0..32 {
                let mut key = [0; 32];
                (key[0], key[31]) = (first, last);
                let address = Address::new_from_array(key);
                assert_eq!(store.get(&address).unwrap(), model.get(&address).cloned());
            }
        }
    }
}
