//! Accounts and blocks in memory.

use std::collections::BTreeMap;

use lockstep_interface::{Account, Address};

use crate::{
    BlockBatch, BlockRecord, Change, SCAN_SIZE, Store, StoreError, StoredBlock,
    encoding::HEAD_SIZE,
    sync::Shared,
    table::{AccountTable, shard_index},
};

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
    accounts: AccountTable,
    /// The blocks by slot; the newest is never taken out.
    log: Shared<BTreeMap<u64, StoredBlock>>,
    parameters: Shared<Option<Vec<u8>>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            accounts: AccountTable::new(),
            log: Shared::default(),
            parameters: Shared::default(),
        }
    }
}

impl Store for MemoryStore {
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        self.accounts.load(addresses, accounts, |_, _| ());
        Ok(())
    }

    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError> {
        if block.record.is_repeat(self.tip().as_ref())? {
            return Ok(());
        }
        self.accounts.apply(block.changes, |_| ());
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

    fn records(&self, count: usize) -> Result<Vec<BlockRecord>, StoreError> {
        let log = self.log.read();
        let skipped = log.len().saturating_sub(count);
        Ok(log
            .values()
            .skip(skipped)
            .map(|block| block.record)
            .collect())
    }

    fn prune(&self, slot: u64) -> Result<(), StoreError> {
        let mut log = self.log.write();
        let newest = log.last_key_value().map_or(0, |(newest, _)| *newest);
        let kept = log.split_off(&slot.min(newest));
        *log = kept;
        Ok(())
    }

    fn page(&self, after: Option<&Address>) -> Result<Vec<Change>, StoreError> {
        let first = after.map_or(0, shard_index);
        let is_behind = |(address, _): &&Change| after.is_none_or(|after| address > after);
        for shard in &self.accounts.shards()[first..] {
            let shard = shard.read();
            let mut accounts: Vec<&Change> = shard.accounts().filter(is_behind).collect();
            accounts.sort_unstable_by_key(|(address, _)| *address);
            let mut size = 0usize;
            let shown = accounts.into_iter().take_while(|(_, account)| {
                let is_shown = size < SCAN_SIZE;
                size = size.saturating_add(HEAD_SIZE.saturating_add(account.data.len()));
                is_shown
            });
            let shown: Vec<Change> = shown.cloned().collect();
            if !shown.is_empty() {
                return Ok(shown);
            }
        }
        Ok(Vec::new())
    }

    fn fill(&self, accounts: &[Change]) -> Result<(), StoreError> {
        self.accounts.apply(accounts, |_| ());
        Ok(())
    }

    fn parameters(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.parameters.read().clone())
    }

    fn keep_parameters(&self, parameters: &[u8]) -> Result<(), StoreError> {
        *self.parameters.write() = Some(parameters.to_vec());
        Ok(())
    }

    fn account_count(&self) -> Result<usize, StoreError> {
        let shards = self.accounts.shards().iter();
        Ok(shards.map(|shard| shard.read().len()).sum())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::suite;

    #[test]
    fn keeps_the_rules_of_a_store() {
        suite::run(MemoryStore::new);
    }

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
            store.accounts.apply(&changes, |_| ());
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
