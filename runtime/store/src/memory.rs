//! Accounts in memory, in shards by the first byte of the address.
//!
//! Sorted changes reach the shards one after the other, and readers wait only for the shard that
//! is being written.

use std::collections::BTreeMap;

use ahash::RandomState;
use lockstep_interface::{Account, Address};

use crate::{
    BlockBatch, BlockRecord, Change, SCAN_SIZE, Store, StoreError, StoredBlock,
    block::is_repeat,
    encoding::HEAD_SIZE,
    shard::{GROUP_SIZE, Shard},
    sync::Shared,
};

const SHARD_COUNT: usize = 256;

/// The store that forgets everything when it is dropped.
///
/// ```
/// use lockstep_interface::{Account, Address, Hash};
/// use lockstep_store::{BlockBatch, BlockRecord, MemoryStore, Store};
///
/// let store = MemoryStore::new();
/// let address = Address::new_from_array([1; 32]);
/// let record = BlockRecord {
///     slot: 1,
///     block_id: Hash::new_from_array([9; 32]),
///     parent_id: Hash::default(),
///     delta_root: Hash::default(),
///     state_root: None,
/// };
/// let changes = &[(address, Account::wallet(5))];
/// let body = b"transactions";
/// store.commit(&BlockBatch { record, changes, body })?;
/// assert_eq!(store.get(&address)?, Some(Account::wallet(5)));
/// assert_eq!(store.tip(), Some(record));
/// assert_eq!(store.block(1)?.expect("not pruned").body, body);
/// # Ok::<(), lockstep_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    shards: Box<[Shared<Shard>]>,
    hasher: RandomState,
    /// The blocks by slot; the newest is never taken out.
    log: Shared<BTreeMap<u64, StoredBlock>>,
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
            log: Shared::default(),
        }
    }

    fn hash(&self, address: &Address) -> u64 {
        self.hasher.hash_one(address.as_array())
    }

    /// Writes the changes of a block, shard by shard.
    fn apply(&self, changes: &[Change]) {
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

    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError> {
        if is_repeat(self.tip().as_ref(), &block.record)? {
            return Ok(());
        }
        self.apply(block.changes);
        let stored = StoredBlock {
            record: block.record,
            body: block.body.to_vec(),
        };
        self.log.write().insert(block.record.slot, stored);
        Ok(())
    }

    fn tip(&self) -> Option<BlockRecord> {
        let log = self.log.read();
        log.last_key_value().map(|(_, newest)| newest.record)
    }

    fn block(&self, slot: u64) -> Result<Option<StoredBlock>, StoreError> {
        Ok(self.log.read().get(&slot).cloned())
    }

    fn prune(&self, slot: u64) -> Result<(), StoreError> {
        let mut log = self.log.write();
        let newest = log.last_key_value().map_or(0, |(newest, _)| *newest);
        let kept = log.split_off(&slot.min(newest));
        *log = kept;
        Ok(())
    }

    fn scan(
        &self,
        visit: &mut dyn FnMut(&[Change]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for shard in &self.shards {
            let mut accounts: Vec<Change> = shard.read().accounts().to_vec();
            accounts.sort_unstable_by_key(|(address, _)| *address);
            let mut rest = &accounts[..];
            while !rest.is_empty() {
                let mut size = 0usize;
                let count = rest.iter().take_while(|(_, account)| {
                    let is_first = size == 0;
                    size = size.saturating_add(HEAD_SIZE.saturating_add(account.data.len()));
                    is_first || size <= SCAN_SIZE
                });
                let (shown, later) = rest.split_at(count.count());
                visit(shown)?;
                rest = later;
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
            store.apply(&changes);
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
