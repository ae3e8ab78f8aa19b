//! Load for stores: many accounts, blocks that change some of them, and the time that commits take.

use std::time::{Duration, Instant};

use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{BlockBatch, BlockRecord, Change, Store, StoreError};
use rand::{Rng, SeedableRng, seq::index::sample};
use rand_chacha::ChaCha8Rng;

/// How large the load is.
#[derive(Clone, Copy, Debug)]
pub struct StoreShape {
    /// Accounts in the store.
    pub account_count: usize,
    /// Accounts that a block changes, in [1, `account_count`].
    pub change_count: usize,
}

/// Blocks of changes, a function of seed and shape.
///
/// ```
/// use lockstep_benches::store_load::{StoreLoad, StoreShape, commit};
/// use lockstep_store::{MemoryStore, Store};
///
/// let shape = StoreShape { account_count: 25, change_count: 10 };
/// let mut load = StoreLoad::new(1, shape);
/// let store = MemoryStore::new();
/// while let Some(block) = load.next_of_fill() {
///     commit(&store, &block)?;
/// }
/// assert_eq!(store.account_count()?, 25);
/// assert_eq!(load.block().len(), 10);
/// # Ok::<(), lockstep_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct StoreLoad {
    shape: StoreShape,
    random: ChaCha8Rng,
    filled: usize,
}

impl StoreLoad {
    /// The load of a seed.
    ///
    /// # Panics
    /// If a block changes no account, or more than there are.
    pub fn new(seed: u64, shape: StoreShape) -> Self {
        assert!((1..=shape.account_count).contains(&shape.change_count));
        Self {
            shape,
            random: ChaCha8Rng::seed_from_u64(seed),
            filled: 0,
        }
    }

    /// The next of the blocks that make all accounts, each once; `None` after the last.
    pub fn next_of_fill(&mut self) -> Option<Vec<Change>> {
        let start = self.filled;
        let end = start.saturating_add(self.shape.change_count);
        let end = end.min(self.shape.account_count);
        self.filled = end;
        (start < end).then(|| self.changes(start..end))
    }

    /// A block that changes accounts at random, each once.
    pub fn block(&mut self) -> Vec<Change> {
        let StoreShape {
            account_count,
            change_count,
        } = self.shape;
        let numbers = sample(&mut self.random, account_count, change_count);
        self.changes(numbers)
    }

    /// New contents for these accounts, in ascending order of address.
    fn changes(&mut self, numbers: impl IntoIterator<Item = usize>) -> Vec<Change> {
        let numbers = numbers.into_iter();
        let mut changes: Vec<Change> = numbers
            .map(|number| (address(number), account(&mut self.random)))
            .collect();
        changes.sort_by_key(|(address, _)| *address);
        changes
    }
}

/// The address of an account by its number.
fn address(number: usize) -> Address {
    let mut random = ChaCha8Rng::seed_from_u64(number as u64);
    Address::new_from_array(random.random())
}

/// Three in four are wallets, the others hold a token account's 165 bytes.
fn account(random: &mut ChaCha8Rng) -> Account {
    let lamports = random.random_range(1..u64::MAX);
    if random.random_ratio(3, 4) {
        return Account::wallet(lamports);
    }
    Account {
        data: vec![random.random(); 165].into(),
        ..Account::wallet(lamports)
    }
}

fn block_id(slot: u64) -> Hash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&slot.to_le_bytes());
    Hash::new_from_array(bytes)
}

/// Commits changes as the block after the newest one; its log has no body. Gives the time that the
/// store took.
///
/// # Errors
/// If the store fails.
pub fn commit(store: &dyn Store, changes: &[Change]) -> Result<Duration, StoreError> {
    let parent = store.tip().map_or(0, |tip| tip.slot);
    let slot = parent.saturating_add(1);
    let record = BlockRecord {
        slot,
        block_id: block_id(slot),
        parent_id: block_id(parent),
        delta_root: Hash::default(),
        state_root: None,
    };
    let batch = BlockBatch {
        record,
        changes,
        body: &[],
    };
    let start = Instant::now();
    store.commit(&batch)?;
    Ok(start.elapsed())
}

/// Whether a store holds what these changes left.
///
/// # Errors
/// If the store fails.
pub fn holds(store: &dyn Store, changes: &[Change]) -> Result<bool, StoreError> {
    let addresses: Vec<Address> = changes.iter().map(|(address, _)| *address).collect();
    let mut found = vec![Account::default(); addresses.len()];
    store.load(&addresses, &mut found)?;
    Ok(changes.iter().map(|(_, account)| account).eq(&found))
}
