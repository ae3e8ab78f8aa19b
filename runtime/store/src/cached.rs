//! A store with the accounts that were used last in memory.
//!
//! The access lists of a block are known before it runs, so that its accounts are read in a few
//! large calls, in parallel: what is missing here is fetched ahead from the store below.

use std::sync::{
    Weak,
    atomic::{AtomicU64, Ordering},
};

use lockstep_interface::{Account, Address};
use metrics::counter;

use crate::{
    BlockBatch, BlockRecord, Change, Store, StoreError, StoredBlock, Trie,
    sync::Shared,
    table::{AccountTable, SHARD_COUNT, Shard},
};

/// Bytes that an account takes besides its data, about.
const ACCOUNT_SIZE: usize = 120;

/// A store, and a bounded part of its accounts in memory.
///
/// A full cache makes room account by account, in turn. Whether an account is read from memory or
/// from the store below makes no difference but time.
///
/// ```
/// use lockstep_interface::Address;
/// use lockstep_store::{CachedStore, MemoryStore, Store};
///
/// let store = CachedStore::new(MemoryStore::new(), 64 << 20);
/// assert_eq!(store.get(&Address::new_from_array([1; 32]))?, None);
/// assert_eq!(store.counts(), (0, 1));
/// # Ok::<(), lockstep_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct CachedStore<S> {
    store: S,
    /// The newest block whose accounts the cache has: the store below is ahead of it during a
    /// commit.
    tip: Shared<Option<BlockRecord>>,
    accounts: AccountTable,
    /// Held while a block is committed, or while a page is read ahead.
    commits: Shared<()>,
    /// Bytes of one shard.
    shard_size: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How far accounts were read ahead.
#[derive(Debug, Default)]
struct Ahead {
    last: Option<Address>,
    size: usize,
}

impl<S: Store> CachedStore<S> {
    /// The store with a cache of about `size` bytes; an account without data takes 120 of them.
    pub fn new(store: S, size: usize) -> Self {
        Self {
            tip: Shared::new(store.tip()),
            store,
            accounts: AccountTable::new(),
            commits: Shared::default(),
            shard_size: size.div_ceil(SHARD_COUNT),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The same with accounts read ahead, in the order of their addresses, until there is room for
    /// no more; about a second for a million on disk.
    ///
    /// # Errors
    /// If the store below fails.
    pub fn warm(store: S, size: usize) -> Result<Self, StoreError> {
        let cached = Self::new(store, size);
        let mut ahead = Ahead::default();
        while cached.read_page(&mut ahead)? {}
        Ok(cached)
    }

    /// Reads accounts ahead, as [`CachedStore::warm`] does, of a store that is in use meanwhile,
    /// for as long as the store is held. A commit waits for the page that is being read.
    ///
    /// # Errors
    /// If the store below fails.
    pub fn read_ahead(cached: &Weak<Self>) -> Result<(), StoreError> {
        let mut ahead = Ahead::default();
        while let Some(cached) = cached.upgrade() {
            if !cached.read_page(&mut ahead)? {
                break;
            }
        }
        Ok(())
    }

    /// Reads the next page ahead. False if there is none, or no room for it.
    fn read_page(&self, ahead: &mut Ahead) -> Result<bool, StoreError> {
        let _still = self.commits.write();
        let page = self.store.page(ahead.last.as_ref())?;
        let sizes = page.iter().map(|(_, account)| {
            let data_size = account.data.len();
            data_size.saturating_add(ACCOUNT_SIZE)
        });
        ahead.size = sizes.fold(ahead.size, usize::saturating_add);
        let size = self.shard_size.saturating_mul(SHARD_COUNT);
        let Some((newest, _)) = page.last().filter(|_| ahead.size <= size) else {
            return Ok(false);
        };
        ahead.last = Some(*newest);
        self.write(&page);
        Ok(true)
    }

    /// The store below.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// How many accounts were read from memory, and how many were looked for in the store below.
    pub fn counts(&self) -> (u64, u64) {
        (
            self.hits.load(Ordering::Relaxed),
            self.misses.load(Ordering::Relaxed),
        )
    }

    /// Keeps what the store below has got.
    fn write(&self, changes: &[Change]) {
        self.accounts
            .apply(changes, |shard| shard.shrink(self.shard_size));
    }

    /// Counts reads, for the owner and for whatever recorder of `metrics` the embedder has.
    fn count(&self, hits: usize, misses: usize) {
        if hits > 0 {
            self.hits.fetch_add(hits as u64, Ordering::Relaxed);
            counter!("lockstep_cache_hits_total").increment(hits as u64);
        }
        if misses > 0 {
            self.misses.fetch_add(misses as u64, Ordering::Relaxed);
            counter!("lockstep_cache_misses_total").increment(misses as u64);
        }
    }
}

impl<S: Store> Store for CachedStore<S> {
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        let mut missed: Vec<(usize, u64)> = Vec::new();
        self.accounts
            .load(addresses, accounts, |place, write_count| {
                missed.push((place, write_count));
            });
        self.count(addresses.len().saturating_sub(missed.len()), missed.len());
        if missed.is_empty() {
            return Ok(());
        }
        let keys: Vec<Address> = missed.iter().map(|(place, _)| addresses[*place]).collect();
        let mut found = vec![Account::default(); keys.len()];
        self.store.load(&keys, &mut found)?;
        for ((place, write_count), account) in missed.into_iter().zip(found) {
            if account.exists() {
                // A writer of the shard may have written a newer state of the account meanwhile.
                let missed = (addresses[place], account);
                let shrink = |shard: &mut Shard| shard.shrink(self.shard_size);
                self.accounts.fill(&missed, write_count, shrink);
                accounts[place] = missed.1;
            }
        }
        Ok(())
    }

    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError> {
        let _alone = self.commits.write();
        self.store.commit(block)?;
        self.write(block.changes);
        *self.tip.write() = self.store.tip();
        Ok(())
    }

    fn tip(&self) -> Option<BlockRecord> {
        *self.tip.read()
    }

    fn block(&self, slot: u64) -> Result<Option<StoredBlock>, StoreError> {
        self.store.block(slot)
    }

    fn records(&self, count: usize) -> Result<Vec<BlockRecord>, StoreError> {
        self.store.records(count)
    }

    fn prune(&self, slot: u64) -> Result<(), StoreError> {
        self.store.prune(slot)
    }

    fn page(&self, after: Option<&Address>) -> Result<Vec<Change>, StoreError> {
        self.store.page(after)
    }

    fn fill(&self, accounts: &[Change]) -> Result<(), StoreError> {
        let _alone = self.commits.write();
        self.store.fill(accounts)?;
        self.write(accounts);
        Ok(())
    }

    fn parameters(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.parameters()
    }

    fn keep_parameters(&self, parameters: &[u8]) -> Result<(), StoreError> {
        self.store.keep_parameters(parameters)
    }

    fn keep_trie(&self, trie: &Trie) -> Result<(), StoreError> {
        self.store.keep_trie(trie)
    }

    fn account_count(&self) -> Result<usize, StoreError> {
        self.store.account_count()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc, thread};

    use lockstep_interface::Hash;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{MemoryStore, suite};

    fn address(number: u16) -> Address {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&number.to_le_bytes());
        Address::new_from_array(key)
    }

    fn commit(store: &dyn Store, slot: u64, changes: &[Change]) {
        let id = |slot: u64| Hash::new_from_array([slot.to_le_bytes()[0]; 32]);
        let record = BlockRecord {
            slot,
            block_id: id(slot),
            parent_id: id(slot.wrapping_sub(1)),
            delta_root: Hash::default(),
            state_root: None,
        };
        let block = BlockBatch {
            record,
            changes,
            body: b"",
        };
        store.commit(&block).unwrap();
    }

    #[test]
    fn keeps_the_rules_of_a_store() {
        for size in [0, 10_000, 64 << 20] {
            suite::run(|| CachedStore::new(MemoryStore::new(), size));
        }
    }

    #[test]
    fn reads_what_the_store_has_whatever_the_size() {
        for size in [0, 60_000, 1 << 20] {
            let store = CachedStore::new(MemoryStore::new(), size);
            let mut model: BTreeMap<Address, Account> = BTreeMap::new();
            let mut random = ChaCha8Rng::seed_from_u64(size as u64);
            for slot in 1..100 {
                let changes: Vec<Change> = (0..random.random_range(0..200))
                    .map(|_| {
                        let mut account = Account::wallet(random.random_range(0..3));
                        account.data = vec![1; random.random_range(0..64)].into();
                        (address(random.random_range(0..1_000)), account)
                    })
                    .collect();
                commit(&store, slot, &changes);
                model.extend(changes);
                model.retain(|_, account| account.exists());
                let addresses: Vec<Address> = (0..random.random_range(1..300))
                    .map(|_| address(random.random_range(0..1_000)))
                    .collect();
                let mut accounts = vec![Account::wallet(9); addresses.len()];
                store.load(&addresses, &mut accounts).unwrap();
                for (address, account) in addresses.iter().zip(accounts) {
                    assert_eq!(account, model.get(address).cloned().unwrap_or_default());
                }
                let shards = store.accounts.shards().iter();
                let held: usize = shards.map(|shard| shard.read().size()).sum();
                assert!(held <= size.next_multiple_of(SHARD_COUNT), "{held}");
            }
            let (hits, misses) = store.counts();
            assert_eq!(hits > 0, size > 0, "{hits} hits and {misses} misses");
        }
    }

    #[test]
    fn what_was_read_ahead_is_not_looked_for() {
        let below = MemoryStore::new();
        let changes: Vec<Change> = (0..100)
            .map(|number| (address(number), Account::wallet(7)))
            .collect();
        commit(&below, 1, &changes);
        let store = CachedStore::warm(below, 1 << 20).unwrap();
        for number in 0..100 {
            let found = store.get(&address(number)).unwrap();
            assert_eq!(found, Some(Account::wallet(7)));
        }
        assert_eq!(store.counts(), (100, 0));
        let store = CachedStore::warm(store, 100).unwrap();
        assert_eq!(store.account_count().unwrap(), 100);
    }

    #[test]
    fn a_store_in_use_is_read_ahead() {
        let below = MemoryStore::new();
        let changes: Vec<Change> = (0..2_000)
            .map(|number| (address(number), Account::wallet(7)))
            .collect();
        commit(&below, 1, &changes);
        let store = Arc::new(CachedStore::new(below, 1 << 20));
        let held = Arc::downgrade(&store);
        let reader = thread::spawn(move || CachedStore::read_ahead(&held));
        for slot in 2..50 {
            let number = u16::try_from(slot * 40).unwrap();
            commit(&*store, slot, &[(address(number), Account::wallet(slot))]);
        }
        reader.join().unwrap().unwrap();
        for number in 0..2_000_u16 {
            let slot = u64::from(number / 40);
            let is_changed = number % 40 == 0 && slot > 1 && slot < 50;
            let expected = if is_changed { slot } else { 7 };
            let found = store.get(&address(number)).unwrap();
            assert_eq!(found, Some(Account::wallet(expected)), "{number}");
        }
        assert_eq!(store.counts(), (2_000, 0));
    }

    #[test]
    fn a_reader_that_was_overtaken_leaves_nothing_old() {
        let store = &CachedStore::new(MemoryStore::new(), 1 << 20);
        let key = address(7);
        commit(store, 1, &[(key, Account::wallet(1))]);
        let mut missed = Vec::new();
        let other = AccountTable::new();
        other.load(&[key], &mut [Account::default()], |_, count| {
            missed.push(count)
        });
        // Between the miss and the fill, a block is written.
        other.apply(&[(key, Account::wallet(2))], |_| ());
        other.fill(&(key, Account::wallet(1)), missed[0], |_| ());
        let mut found = [Account::default()];
        other.load(&[key], &mut found, |_, _| ());
        assert_eq!(found, [Account::wallet(2)]);

        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for slot in 2..2_000 {
                    commit(store, slot, &[(key, Account::wallet(slot))]);
                }
            });
            let mut newest = 0;
            while !writer.is_finished() {
                let lamports = store.get(&key).unwrap().unwrap().lamports;
                assert!(lamports >= newest, "{lamports} after {newest}");
                newest = lamports;
            }
        });
        assert_eq!(store.get(&key).unwrap(), Some(Account::wallet(1_999)));
    }
}
