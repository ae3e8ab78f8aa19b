//! The embedder's storage as a store of accounts and blocks.
//!
//! ```text
//! key                  value
//! "a" address 32       the account (lockstep_store::encode_account)
//! "b" slot 8           a zero and the block's body
//! "p"                  a zero and parameters of the ledger
//! "r" slot 8           the block's record: id 32 | parent 32 | delta root 32 | flag 1 | root 32
//! ```
//! Slots are big-endian, so that their order is that of the keys. A block is one call of `apply`.

use std::{
    collections::BTreeMap,
    ffi::c_void,
    iter,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{
    BlockBatch, BlockRecord, Change, Store, StoreError, StoredBlock, decode_account,
    encode_account, sync::Shared,
};

use crate::{
    given::{Bytes, Storage, User, Write},
    kinds::Sink,
    sink::fill,
    status::{Failure, Status},
};

/// Entries of a page of accounts, or of records.
const PAGE_COUNT: usize = 1_000;
/// Bytes of a block's record without its slot.
const RECORD_SIZE: usize = 32 + 32 + 32 + 1 + 32;

/// A key and its value.
type Entry = (Vec<u8>, Vec<u8>);

type Get = extern "C" fn(*mut c_void, *const Bytes, usize, *mut Sink) -> u32;
type Apply = extern "C" fn(*mut c_void, *const Write, usize) -> u32;
type Scan = extern "C" fn(*mut c_void, Bytes, Bytes, u32, usize, *mut Sink) -> u32;
type Release = extern "C" fn(*mut c_void);

/// A store over the embedder's functions.
#[derive(Debug)]
pub(crate) struct HostStore {
    user: User,
    get: Get,
    apply: Apply,
    scan: Scan,
    release: Option<Release>,
    /// Whether the chain is open: until then `user` stays the caller's.
    is_owned: Arc<AtomicBool>,
    /// The newest block, as the storage has it.
    tip: Shared<Option<BlockRecord>>,
}

impl Drop for HostStore {
    fn drop(&mut self) {
        if let (Some(release), true) = (self.release, self.is_owned.load(Ordering::SeqCst)) {
            release(self.user.get());
        }
    }
}

fn failed(operation: &'static str, cause: impl Into<String>) -> StoreError {
    let source = cause.into().into();
    StoreError::Medium { operation, source }
}

/// What the embedder's function answered in place of 0.
fn refused(operation: &'static str, number: u32) -> StoreError {
    failed(
        operation,
        format!("the storage's function gave {number}, expected 0"),
    )
}

fn lend(bytes: &[u8]) -> Bytes {
    Bytes {
        data: bytes.as_ptr(),
        size: bytes.len(),
    }
}

/// Bytes behind a zero: an empty value would be none.
fn filled(bytes: &[u8]) -> Vec<u8> {
    [&[0], bytes].concat()
}

/// The bytes behind the zero.
fn content(mut value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if value.is_empty() {
        return Err(failed("read an entry", "its value is empty"));
    }
    value.remove(0);
    Ok(value)
}

fn account_key(address: &Address) -> Vec<u8> {
    [b"a", &address.as_array()[..]].concat()
}

#[expect(clippy::big_endian_bytes, reason = "keys sort as their slots do")]
fn slot_key(kind: u8, slot: u64) -> Vec<u8> {
    [&[kind], &slot.to_be_bytes()[..]].concat()
}

#[expect(clippy::big_endian_bytes, reason = "keys sort as their slots do")]
fn slot_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.get(1..)?.as_array()?))
}

fn encode_record(record: &BlockRecord) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RECORD_SIZE);
    for hash in [record.block_id, record.parent_id, record.delta_root] {
        bytes.extend(hash.to_bytes());
    }
    bytes.push(u8::from(record.state_root.is_some()));
    bytes.extend(record.state_root.unwrap_or_default().to_bytes());
    bytes
}

fn decode_record(slot: u64, bytes: &[u8]) -> Option<BlockRecord> {
    if bytes.len() != RECORD_SIZE {
        return None;
    }
    let hash = |start: usize| {
        let bytes = bytes.get(start..)?.first_chunk()?;
        Some(Hash::new_from_array(*bytes))
    };
    let has_state_root = match bytes.get(96)? {
        0 => false,
        1 => true,
        _ => return None,
    };
    Some(BlockRecord {
        slot,
        block_id: hash(0)?,
        parent_id: hash(32)?,
        delta_root: hash(64)?,
        state_root: hash(97).filter(|_| has_state_root),
    })
}

/// A block's slot and record.
fn read_record((key, value): &Entry) -> Result<BlockRecord, StoreError> {
    slot_of(key)
        .and_then(|slot| decode_record(slot, value))
        .ok_or_else(|| failed("read a record", format!("{} bytes are none", value.len())))
}

fn read_account(bytes: &[u8]) -> Result<Account, StoreError> {
    decode_account(bytes).map_err(|error| failed("read an account", error.to_string()))
}

impl HostStore {
    /// Looks for the newest block. `release` is called at the end if `is_owned` is true then.
    pub(crate) fn open(storage: &Storage, is_owned: Arc<AtomicBool>) -> Result<Self, Failure> {
        let missing = |name| {
            let found = format!("{name} of lockstep_storage is NULL");
            Failure::new(Status::NullArgument, found)
        };
        let mut store = Self {
            user: User::new(storage.user),
            get: storage.get.ok_or_else(|| missing("get"))?,
            apply: storage.apply.ok_or_else(|| missing("apply"))?,
            scan: storage.scan.ok_or_else(|| missing("scan"))?,
            release: storage.release,
            is_owned,
            tip: Shared::new(None),
        };
        let newest = store.records_below(None, 1)?;
        store.tip = Shared::new(newest.first().copied());
        Ok(store)
    }

    fn values(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let lent: Vec<Bytes> = keys.iter().map(|key| lend(key)).collect();
        let values = fill(|sink| (self.get)(self.user.get(), lent.as_ptr(), lent.len(), sink));
        let values = values.map_err(|number| refused("get", number))?;
        if values.len() != keys.len() {
            let found = format!("expected {} values, found {}", keys.len(), values.len());
            return Err(failed("get", found));
        }
        Ok(values)
    }

    fn get_one(&self, key: Vec<u8>) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.values(&[key])?.pop().flatten())
    }

    fn write(&self, writes: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<(), StoreError> {
        let lent = writes.iter().map(|(key, value)| Write {
            key: lend(key),
            value: lend(value),
        });
        let lent: Vec<Write> = lent.collect();
        match (self.apply)(self.user.get(), lent.as_ptr(), lent.len()) {
            0 => Ok(()),
            number => Err(refused("apply", number)),
        }
    }

    fn entries(
        &self,
        keys: &Range<Vec<u8>>,
        is_descending: bool,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let (start, end) = (lend(&keys.start), lend(&keys.end));
        let flag = u32::from(is_descending);
        let entries = fill(|sink| (self.scan)(self.user.get(), start, end, flag, limit, sink));
        let entries = entries.map_err(|number| refused("scan", number))?;
        let mut entries = entries.into_iter();
        let mut pairs: Vec<Entry> = Vec::new();
        while let Some(key) = entries.next() {
            let (Some(key), Some(Some(value))) = (key, entries.next()) else {
                return Err(failed("scan", "expected key and value by turns"));
            };
            let is_next = pairs.last().is_none_or(|(last, _)| match is_descending {
                true => key < *last,
                false => key > *last,
            });
            if !keys.contains(&key) || !is_next || pairs.len() >= limit {
                let found = "a key out of order, outside the range, or above the limit";
                return Err(failed("scan", found));
            }
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    /// The records of the newest `count` blocks below a slot, newest first.
    fn records_below(
        &self,
        slot: Option<u64>,
        count: usize,
    ) -> Result<Vec<BlockRecord>, StoreError> {
        let mut end = slot.map_or_else(|| b"s".to_vec(), |slot| slot_key(b'r', slot));
        let mut records: Vec<BlockRecord> = Vec::new();
        while records.len() < count {
            let limit = count.saturating_sub(records.len()).min(PAGE_COUNT);
            let page = self.entries(&(b"r".to_vec()..end), true, limit)?;
            for entry in &page {
                records.push(read_record(entry)?);
            }
            match records.last() {
                Some(last) if page.len() == limit => end = slot_key(b'r', last.slot),
                _ => break,
            }
        }
        Ok(records)
    }

    /// Entries of accounts; an empty value is one that goes.
    fn account_writes<'c>(changes: &'c [Change]) -> impl Iterator<Item = Entry> + use<'c> {
        changes.iter().map(|(address, account)| {
            let value = match account.exists() {
                true => encode_account(account),
                false => Vec::new(),
            };
            (account_key(address), value)
        })
    }
}

impl Store for HostStore {
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        assert_eq!(addresses.len(), accounts.len(), "one account an address");
        if addresses.is_empty() {
            return Ok(());
        }
        let keys: Vec<Vec<u8>> = addresses.iter().map(account_key).collect();
        for (value, account) in self.values(&keys)?.iter().zip(accounts) {
            *account = match value {
                Some(bytes) => read_account(bytes)?,
                None => Account::default(),
            };
        }
        Ok(())
    }

    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError> {
        let record = block.record;
        let mut tip = self.tip.write();
        if record.is_repeat(tip.as_ref())? {
            return Ok(());
        }
        // The last change of an address counts.
        let mut writes: BTreeMap<_, _> = Self::account_writes(block.changes).collect();
        let slot = record.slot;
        writes.insert(slot_key(b'r', slot), encode_record(&record));
        writes.insert(slot_key(b'b', slot), filled(block.body));
        self.write(&writes)?;
        *tip = Some(record);
        Ok(())
    }

    fn tip(&self) -> Option<BlockRecord> {
        *self.tip.read()
    }

    fn block(&self, slot: u64) -> Result<Option<StoredBlock>, StoreError> {
        let mut values = self.values(&[slot_key(b'r', slot), slot_key(b'b', slot)])?;
        let (body, record) = (values.pop().flatten(), values.pop().flatten());
        let (Some(body), Some(record)) = (body, record) else {
            return Ok(None);
        };
        let record = read_record(&(slot_key(b'r', slot), record))?;
        let body = content(body)?;
        Ok(Some(StoredBlock { record, body }))
    }

    fn records(&self, count: usize) -> Result<Vec<BlockRecord>, StoreError> {
        let mut records = self.records_below(None, count)?;
        records.reverse();
        Ok(records)
    }

    fn prune(&self, slot: u64) -> Result<(), StoreError> {
        let Some(tip) = self.tip() else {
            return Ok(());
        };
        let below = slot.min(tip.slot);
        loop {
            let keys = b"r".to_vec()..slot_key(b'r', below);
            let page = self.entries(&keys, false, PAGE_COUNT)?;
            let slots: Option<Vec<u64>> = page.iter().map(|(key, _)| slot_of(key)).collect();
            let slots = slots.ok_or_else(|| failed("prune", "a key of a record without a slot"))?;
            let gone = slots.iter().flat_map(|slot| {
                let keys = [slot_key(b'r', *slot), slot_key(b'b', *slot)];
                keys.into_iter().zip(iter::repeat(Vec::new()))
            });
            let gone: BTreeMap<_, _> = gone.collect();
            if gone.is_empty() {
                return Ok(());
            }
            self.write(&gone)?;
        }
    }

    fn page(&self, after: Option<&Address>) -> Result<Vec<Change>, StoreError> {
        // The least key behind one is the key and a zero.
        let start = after.map_or_else(
            || b"a".to_vec(),
            |after| [account_key(after), vec![0]].concat(),
        );
        let page = self.entries(&(start..b"b".to_vec()), false, PAGE_COUNT)?;
        let accounts = page.iter().map(|(key, value)| {
            let address = key.get(1..).and_then(|key| <[u8; 32]>::try_from(key).ok());
            let address = address.ok_or_else(|| {
                failed(
                    "read a page",
                    format!("a key of an account has {} bytes", key.len()),
                )
            })?;
            Ok((Address::new_from_array(address), read_account(value)?))
        });
        accounts.collect()
    }

    fn fill(&self, accounts: &[Change]) -> Result<(), StoreError> {
        if accounts.is_empty() {
            return Ok(());
        }
        self.write(&Self::account_writes(accounts).collect())
    }

    fn parameters(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.get_one(b"p".to_vec())?.map(content).transpose()
    }

    fn keep_parameters(&self, parameters: &[u8]) -> Result<(), StoreError> {
        self.write(&BTreeMap::from([(b"p".to_vec(), filled(parameters))]))
    }
}

#[cfg(test)]
mod tests;
