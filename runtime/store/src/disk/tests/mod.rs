//! The store on disk against a map in memory: in order, after kills, with damaged files and failing
//! writes.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "tests make their load with plain arithmetic"
)]

mod build;
mod crash;
mod damage;
mod faults;
mod power;
mod steps;

use std::{collections::BTreeMap, fmt, path::Path};

use lockstep_interface::{Account, Address, Hash, limits::ACCOUNT_DATA_SIZE_MAX};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::{
    DiskOptions, DiskStore,
    medium::{Fjall, Medium, Space, Visitor, Write},
};
use crate::{BlockBatch, BlockRecord, Change, Serial, Store, StoreError, Trie};

/// The shape of generated blocks.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Accounts that blocks choose from.
    account_count: u64,
    /// The binary logarithm of the most changes of a block, except that 10,000 is the limit.
    change_log: u32,
    /// Whether some accounts grow to 10 MiB.
    has_giants: bool,
}

impl Shape {
    /// Blocks of a few dozen changes.
    const SMALL: Self = Self {
        account_count: 500,
        change_log: 6,
        has_giants: false,
    };
    /// Blocks of 1 to 10,000 changes, accounts of 0 bytes to 10 MiB.
    const FULL: Self = Self {
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

    /// The changes of a slot.
    fn changes(self, slot: u64) -> Vec<Change> {
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
                (address(number), account(&mut random, size))
            })
            .collect();
        if self.has_giants && random.random_ratio(1, 8) {
            let number = self.account_count + random.random_range(0..3);
            let size = ACCOUNT_DATA_SIZE_MAX >> random.random_range(0..12);
            changes.push((address(number), account(&mut random, size)));
        }
        changes
    }

    /// The body of a slot.
    fn body(slot: u64) -> Vec<u8> {
        let mut random = Self::random(slot, "body");
        let mut body = vec![0; random.random_range(0..5_000)];
        random.fill_bytes(&mut body);
        body
    }
}

fn address(number: u64) -> Address {
    Address::new_from_array(Sha256::digest(number.to_le_bytes()).into())
}

/// One in eight is gone.
fn account(random: &mut ChaCha8Rng, size: usize) -> Account {
    let mut data = vec![0; size];
    random.fill_bytes(&mut data);
    Account {
        lamports: random.random_range(0..8u64) * random.random_range(1..1_000_000u64),
        data: data.into(),
        owner: address(random.random_range(0..5u64)),
        executable: random.random_ratio(1, 9),
    }
}

fn block_id(slot: u64) -> Hash {
    Hash::new_from_array(Sha256::digest([slot.to_le_bytes(), [1; 8]].concat()).into())
}

/// The record of a slot. Slot 1 is the first.
fn record(slot: u64, state: &Trie) -> BlockRecord {
    BlockRecord {
        slot,
        block_id: block_id(slot),
        parent_id: block_id(slot - 1),
        delta_root: Hash::new_from_array(Sha256::digest(slot.to_le_bytes()).into()),
        state_root: Some(state.root()),
    }
}

/// Generated blocks on their way into a store.
struct Producer {
    shape: Shape,
    slot: u64,
    trie: Trie,
}

impl Producer {
    /// Goes on where a store ends.
    fn after(shape: Shape, store: &DiskStore, trie: Trie) -> Self {
        let slot = store.tip().map_or(0, |tip| tip.slot);
        Self { shape, slot, trie }
    }

    /// Commits the next block. If that fails, it is still the next.
    fn commit(&mut self, store: &DiskStore) -> Result<u64, StoreError> {
        let slot = self.slot + 1;
        let changes = self.shape.changes(slot);
        let trie = self.trie.update(&changes, &Serial);
        let batch = BlockBatch {
            record: record(slot, &trie),
            changes: &changes,
            body: &Shape::body(slot),
        };
        store.commit(&batch)?;
        (self.slot, self.trie) = (slot, trie);
        Ok(slot)
    }
}

/// What a store should hold.
#[derive(Clone)]
struct Model {
    shape: Shape,
    slot: u64,
    accounts: BTreeMap<Address, Account>,
}

impl Model {
    fn new(shape: Shape) -> Self {
        let accounts = BTreeMap::new();
        Self {
            shape,
            slot: 0,
            accounts,
        }
    }

    fn advance(&mut self, slot: u64) {
        while self.slot < slot {
            self.slot += 1;
            self.accounts.extend(self.shape.changes(self.slot));
        }
        self.accounts.retain(|_, account| account.exists());
    }

    /// Compares every account of a store, and the last few blocks.
    fn check(&self, store: &DiskStore) -> Result<(), String> {
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

/// A medium with a fault in its writes.
struct Faulty<F> {
    inner: Fjall,
    /// What is done instead of a write.
    write: F,
}

impl<F> fmt::Debug for Faulty<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Faulty").finish_non_exhaustive()
    }
}

impl<F> Medium for Faulty<F>
where
    F: Fn(&Fjall, Vec<Write>) -> Result<(), fjall::Error> + Send + Sync,
{
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<fjall::Slice>, fjall::Error> {
        self.inner.get(space, key)
    }

    fn write(&self, writes: Vec<Write>) -> Result<(), fjall::Error> {
        (self.write)(&self.inner, writes)
    }

    fn scan(
        &self,
        space: Space,
        start: &[u8],
        end: &[u8],
        visit: &mut Visitor<'_>,
    ) -> Result<(), fjall::Error> {
        self.inner.scan(space, start, end, visit)
    }
}

/// Small buffers, so that small tests meet sorted files and compactions.
fn options() -> DiskOptions {
    DiskOptions {
        cache_size: 1 << 20,
        buffer_size: 64 << 10,
        accept_rollback: false,
    }
}

fn open(path: &Path) -> Result<(DiskStore, Trie), StoreError> {
    DiskStore::open(path, options(), &Serial)
}

/// 1 in the ordinary run, 10 if LOCKSTEP_FULL is set.
fn scale() -> usize {
    if std::env::var_os("LOCKSTEP_FULL").is_some() {
        10
    } else {
        1
    }
}
