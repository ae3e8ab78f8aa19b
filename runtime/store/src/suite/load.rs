//! From a seed to blocks of changes, and what a store holds after them.
//!
//! Blocks are functions of their slot alone, so that a process that is started again can go on with
//! them, and another can tell what they left.

use std::collections::BTreeMap;

use lockstep_interface::{Account, Address, Hash, limits::ACCOUNT_DATA_SIZE_MAX};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::fine;
use crate::{BlockBatch, BlockRecord, Change, Serial, Store, StoreError, Trie};

/// The shape of generated blocks.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Accounts that blocks choose from; at least 1.
    pub account_count: u64,
    /// The binary logarithm of the most changes of a block, at most 20; 10,000 changes are the
    /// limit in any case.
    pub change_log: u32,
    /// Whether some accounts grow to 10 MiB.
    pub has_giants: bool,
}

impl Shape {
    /// Blocks of a few dozen changes.
    pub const SMALL: Self = Self {
        account_count: 500,
        change_log: 6,
        has_giants: false,
    };
    /// Blocks of 1 to 10,000 changes, accounts of 0 bytes to 10 MiB.
    pub const FULL: Self = Self {
        account_count: 30_000,
        change_log: 14,
        has_giants: true,
    };

    fn random(slot: u64, what: &str) -> ChaCha8Rng {
        let seed = Sha256::new()
            .chain_update(slot.to_le_bytes())
            .chain_update(what);
        ChaCha8Rng::from_seed(seed.finalize().into())
    }

    /// The changes of a slot; some of them repeat an address.
    pub fn changes(self, slot: u64) -> Vec<Change> {
        let mut random = Self::random(slot, "changes");
        let limit = 1 << random.random_range(0..=self.change_log);
        let count = random.random_range(1..=limit).min(10_000);
        let mut changes: Vec<Change> = (0..count)
            .map(|_| {
                let number = random.random_range(0..self.account_count);
                let size = match random.random_range(0..10) {
                    0..6 => 0,
                    6..9 => random.random_range(1..200),
                    _ => random.random_range(1..2_000),
                };
                (test_address(number), test_account(&mut random, size))
            })
            .collect();
        if self.has_giants && random.random_ratio(1, 8) {
            let number = random.random_range(0..3u64).wrapping_sub(3);
            let size = ACCOUNT_DATA_SIZE_MAX >> random.random_range(0..12);
            changes.push((test_address(number), test_account(&mut random, size)));
        }
        changes
    }

    /// The body of a slot: at most 5,000 bytes.
    pub fn body(slot: u64) -> Vec<u8> {
        let mut random = Self::random(slot, "body");
        let mut body = vec![0; random.random_range(0..5_000)];
        random.fill_bytes(&mut body);
        body
    }
}

/// An address for each number.
pub fn test_address(number: u64) -> Address {
    Address::new_from_array(Sha256::digest(number.to_le_bytes()).into())
}

/// A random account with this number of bytes of data. One in eight is gone.
pub fn test_account(random: &mut impl Rng, size: usize) -> Account {
    let mut data = vec![0; size];
    random.fill_bytes(&mut data);
    let unit = random.random_range(0..8u64);
    Account {
        lamports: unit.wrapping_mul(random.random_range(1..1_000_000u64)),
        data: data.into(),
        owner: test_address(random.random_range(0..5u64)),
        executable: random.random_ratio(1, 9),
    }
}

/// The hash of a slot and a letter.
fn hash(what: u8, slot: u64) -> Hash {
    let digest = Sha256::new()
        .chain_update([what])
        .chain_update(slot.to_le_bytes());
    Hash::new_from_array(digest.finalize().into())
}

/// The id of a slot's block.
pub(super) fn block_id(slot: u64) -> Hash {
    hash(b'b', slot)
}

/// The record of a slot whose parent is the slot before, with its state.
pub(crate) fn record(slot: u64, state: &Trie) -> BlockRecord {
    BlockRecord {
        slot,
        block_id: block_id(slot),
        parent_id: block_id(slot.wrapping_sub(1)),
        delta_root: hash(b'd', slot),
        state_root: Some(state.root()),
    }
}

/// Generated blocks on their way into a store: slots 1, 2, 3, ...
#[derive(Clone, Debug)]
pub struct Producer {
    shape: Shape,
    /// The newest slot that the store acknowledged.
    pub slot: u64,
    trie: Trie,
}

impl Producer {
    /// Goes on where a store ends; `trie` is that of its accounts.
    pub fn after(shape: Shape, store: &dyn Store, trie: Trie) -> Self {
        let slot = store.tip().map_or(0, |tip| tip.slot);
        Self { shape, slot, trie }
    }

    /// Commits the next block and gives its slot. If that fails, it is still the next.
    ///
    /// # Errors
    /// The store's.
    pub fn commit(&mut self, store: &dyn Store) -> Result<u64, StoreError> {
        let slot = self.slot.wrapping_add(1);
        let changes = self.shape.changes(slot);
        let trie = self.trie.update(&changes, &Serial);
        store.commit(&BlockBatch {
            record: record(slot, &trie),
            changes: &changes,
            body: &Shape::body(slot),
        })?;
        (self.slot, self.trie) = (slot, trie);
        Ok(slot)
    }
}

/// What a store holds after a [`Producer`]'s blocks.
#[derive(Clone, Debug)]
pub struct Model {
    shape: Shape,
    /// The newest slot.
    pub slot: u64,
    /// The accounts that exist after it.
    pub accounts: BTreeMap<Address, Account>,
}

impl Model {
    /// The state before the first block.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            slot: 0,
            accounts: BTreeMap::new(),
        }
    }

    /// Goes on to the state after a slot; an earlier one changes nothing.
    pub fn advance(&mut self, slot: u64) {
        while self.slot < slot {
            self.slot = self.slot.wrapping_add(1);
            self.accounts.extend(self.shape.changes(self.slot));
        }
        self.accounts.retain(|_, account| account.exists());
    }

    /// Compares every account of a store with the state, and the newest five blocks.
    ///
    /// # Errors
    /// The first difference in words, or the store's error.
    pub fn check(&self, store: &dyn Store) -> Result<(), String> {
        let mut expected = self.accounts.iter();
        let mut difference = None;
        let scan = store.scan(&mut |accounts| {
            for (address, account) in accounts {
                if difference.is_none() && expected.next() != Some((address, account)) {
                    difference = Some(format!("account {address} at slot {}", self.slot));
                }
            }
            Ok(())
        });
        scan.map_err(|error| error.to_string())?;
        if let Some((address, _)) = expected.next() {
            difference = difference.or(Some(format!("account {address} is missing")));
        }
        for slot in (1..=self.slot).rev().take(5) {
            let block = store.block(slot).map_err(|error| error.to_string())?;
            let block = block.ok_or_else(|| format!("block {slot} is missing"))?;
            if block.body != Shape::body(slot) || block.record.block_id != block_id(slot) {
                difference = Some(format!("block {slot}"));
            }
        }
        difference.map_or(Ok(()), Err)
    }
}

/// Blocks of a rule's own on their way into a store.
pub(super) struct Written<'s> {
    pub(super) store: &'s dyn Store,
    trie: Trie,
}

impl<'s> Written<'s> {
    /// Starts with an empty store.
    pub(super) fn on(store: &'s dyn Store) -> Self {
        let trie = Trie::default();
        Self { store, trie }
    }

    /// The record of the next block, if it has these changes.
    pub(super) fn next(&self, slot: u64, changes: &[Change]) -> (BlockRecord, Trie) {
        let trie = self.trie.update(changes, &Serial);
        let parent_id = self.store.tip().map_or(Hash::default(), |tip| tip.block_id);
        let record = BlockRecord {
            parent_id,
            ..record(slot, &trie)
        };
        (record, trie)
    }

    /// Commits the block of a slot and gives its record.
    #[track_caller]
    pub(super) fn commit(&mut self, slot: u64, changes: &[Change], body: &[u8]) -> BlockRecord {
        let (record, trie) = self.next(slot, changes);
        fine(self.store.commit(&BlockBatch {
            record,
            changes,
            body,
        }));
        self.trie = trie;
        record
    }

    /// Commits a wallet's new balance.
    #[track_caller]
    pub(super) fn pay(&mut self, slot: u64, number: u64, lamports: u64) -> BlockRecord {
        let change = (test_address(number), Account::wallet(lamports));
        self.commit(slot, &[change], &slot.to_le_bytes())
    }
}
