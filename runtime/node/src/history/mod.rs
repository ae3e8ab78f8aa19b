//! What clients ask of the past, and of accounts by what is in them: an index over the log.
//!
//! ```text
//! leader -> slot, once durable -> History::run: content (of memory, or of the log) -> key spaces
//!                                     `-> blocks older than are kept: their keys, then the log
//! ```
//! The log has all that a transaction came to, and the index has only where to look for it, so
//! that it can be lost: it goes on at the block it has come to, and without any progress it is
//! made again from the accounts and the log. It may lag behind the newest block; it never holds up
//! a commit, and `lockstep_history_lag_slots` shows how far it is behind.
//!
//! ```text
//! progress    "cursor"                        newest slot u64 | its block's id 32
//!             "oldest"                        slot u64 of the oldest block that is indexed
//! signatures  signature 64                    slot u64 | place u32
//! addresses   address 32 | slot | place       nothing
//! slots       slot                            height u64 | unix timestamp i64 | bytes u64
//! programs    owning program 32 | account 32  nothing
//! owners      wallet 32 | token account 32    nothing
//! delegates   delegate 32 | token account 32  nothing
//! mints       mint 32 | token account 32      nothing
//! ```
//! Integers in keys are big-endian, so that they sort as numbers do; those in values are
//! little-endian. An account is found under all that it was lately; a look-up compares with what
//! it is now.

mod index;
mod spaces;

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Receiver,
    },
    thread,
    time::{Duration, Instant},
};

use lockstep_interface::Address;
use lockstep_store::{Store, StoreError};
use metrics::gauge;
use thiserror::Error;

use self::{
    index::{Indexed, account_writes, block_writes, forget_writes},
    spaces::{Space, Spaces},
};
use crate::{
    content::{Content, ContentError},
    limits::{HISTORY_WAIT_MILLIS, INDEXED_ACCOUNTS_MAX},
    recent::Recent,
};

const CURSOR: &[u8] = b"cursor";
const OLDEST: &[u8] = b"oldest";
/// Blocks between two cuts of the log.
const PRUNE_INTERVAL: u64 = 256;
/// Slots that are forgotten at a time, several times those between two cuts.
const FORGOTTEN_MAX: usize = 1_024;
/// Slots that are kept whatever the bounds: those that a blockhash is valid for, and some more.
const BLOCKS_KEPT_MIN: u64 = 320;

/// Why the history cannot go on or answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// Its key spaces fail.
    #[error("the history: {0}")]
    Spaces(#[from] io::Error),
    /// The ledger's store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log has a block that cannot be used.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// It is further behind than a client waits.
    #[error("the history is {slots} slots behind: ask again later")]
    Behind {
        /// How far.
        slots: u64,
    },
}

/// Where a transaction is: the slot of its block, and its place in it.
pub type Spot = (u64, u32);

/// Which accounts a look-up is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Those that a program owns.
    Program,
    /// Token accounts of a wallet.
    Owner,
    /// Token accounts with a delegate.
    Delegate,
    /// Token accounts of a mint.
    Mint,
}

/// The index.
#[derive(Debug)]
pub struct History {
    spaces: Spaces,
    cursor: AtomicU64,
    oldest: AtomicU64,
    /// Bytes of the log that the indexed blocks take.
    size: AtomicU64,
    keep: Keep,
}

/// How much of the past is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// Slots; all if 0.
    pub slots: u64,
    /// Bytes of the log, which are blocks and the results of their transactions; all if 0.
    pub bytes: u64,
}

impl Keep {
    fn keeps_all(self) -> bool {
        self.slots == 0 && self.bytes == 0
    }
}

/// A block that is in the log.
#[derive(Clone, Copy, Debug)]
pub struct Logged {
    /// Its slot.
    pub slot: u64,
    /// Bytes that it takes there.
    pub size: u64,
}

impl History {
    /// Opens the index in a directory, or in memory. One that is damaged, or is of another ledger
    /// than `store`, is removed and made again. No block may be committed meanwhile.
    ///
    /// # Errors
    /// If the directory cannot be used or the store fails.
    pub fn open(path: Option<&Path>, store: &dyn Store, keep: Keep) -> Result<Self, HistoryError> {
        let mut spaces = match path {
            None => Spaces::memory(),
            Some(path) => match Spaces::open(path) {
                Ok(spaces) => spaces,
                Err(error) => {
                    tracing::warn!(%error, "the history is damaged and made again");
                    std::fs::remove_dir_all(path)?;
                    Spaces::open(path)?
                }
            },
        };
        let mut cursor = known_cursor(&spaces, store)?;
        if cursor.is_none()
            && let Some(path) = path
            && spaces.get(Space::Progress, CURSOR)?.is_some()
        {
            tracing::warn!("the history is of another ledger and made again");
            drop(spaces);
            std::fs::remove_dir_all(path)?;
            spaces = Spaces::open(path)?;
        }
        let first = store.records(usize::MAX)?.first().map(|record| record.slot);
        let first = first.unwrap_or_default();
        if cursor.is_none() {
            index_accounts(&spaces, store)?;
            // The first block is indexed like the others.
            cursor = Some(first.saturating_sub(1));
        }
        let oldest = spaces.get(Space::Progress, OLDEST)?;
        let oldest = oldest.as_deref().and_then(number).unwrap_or(first);
        let mut size = 0u64;
        let (start, end) = (key_of(0), key_of(u64::MAX));
        spaces.scan(Space::Slots, &start, &end, &mut |_, value| {
            size = size.saturating_add(logged_size(value));
            true
        })?;
        Ok(Self {
            spaces,
            size: AtomicU64::new(size),
            cursor: AtomicU64::new(cursor.unwrap_or_default()),
            oldest: AtomicU64::new(oldest),
            keep,
        })
    }

    /// The slots of the log that are not indexed yet, oldest first.
    ///
    /// # Errors
    /// If the store fails.
    pub fn missing(&self, store: &dyn Store) -> Result<Vec<u64>, HistoryError> {
        let cursor = self.cursor();
        let is_new = self.spaces.get(Space::Progress, CURSOR)?.is_none();
        let records = store.records(usize::MAX)?.into_iter();
        let slots = records.map(|record| record.slot);
        Ok(slots.filter(|slot| is_new || *slot > cursor).collect())
    }

    /// Indexes these slots, and then those that come, until the sender is gone.
    ///
    /// # Errors
    /// If the key spaces or the store fail. The chain goes on without a history.
    pub fn run(
        &self,
        missing: Vec<u64>,
        coming: &Receiver<Logged>,
        recent: &Recent,
        store: &Arc<dyn Store>,
    ) -> Result<(), HistoryError> {
        let mut indexed = Indexed::default();
        let mut since_prune = 0u64;
        let coming = std::iter::from_fn(|| coming.recv().ok());
        let coming = coming.map(|logged| (logged.slot, Some(logged.size)));
        let missing = missing.into_iter().map(|slot| (slot, None));
        for (slot, size) in missing.chain(coming) {
            let known = recent.block(slot).zip(size);
            let (content, size) = match known {
                Some(known) => known,
                None => match store.block(slot)? {
                    Some(stored) => {
                        let content = Content::of_stored(&stored)?;
                        (Arc::new(content), stored.body.len() as u64)
                    }
                    // It was pruned meanwhile.
                    None => continue,
                },
            };
            let mut writes = block_writes(&content, size);
            writes.extend(account_writes(&content, &**store, &mut indexed)?);
            let cursor = [&slot.to_le_bytes()[..], content.id.as_ref()].concat();
            writes.push((Space::Progress, CURSOR.to_vec(), Some(cursor)));
            self.spaces.write(writes)?;
            self.cursor.store(slot, Ordering::Release);
            let total = self.size.fetch_add(size, Ordering::Relaxed);
            let total = total.saturating_add(size);
            let lag = recent.head().slot.saturating_sub(slot);
            gauge!("lockstep_history_lag_slots").set(f64::from(u32::try_from(lag).unwrap_or(0)));
            since_prune = since_prune.saturating_add(1);
            let is_over = self.keep.bytes > 0 && total > self.keep.bytes;
            let is_time = since_prune >= PRUNE_INTERVAL || is_over;
            if !self.keep.keeps_all() && is_time {
                since_prune = 0;
                self.forget(slot, &**store)?;
            }
        }
        Ok(())
    }

    /// Removes what is indexed of blocks that are not kept; the log is the leader's to cut. The
    /// newest ones, which the log keeps in any case, stay.
    fn forget(&self, newest: u64, store: &dyn Store) -> Result<(), HistoryError> {
        let below = match self.keep.slots {
            0 => 0,
            slots => newest.saturating_sub(slots),
        };
        let end = newest.saturating_sub(BLOCKS_KEPT_MIN);
        for slot in self.slots(self.oldest(), end, FORGOTTEN_MAX)? {
            let size = self.size.load(Ordering::Relaxed);
            let is_over = self.keep.bytes > 0 && size > self.keep.bytes;
            if slot >= below && !is_over {
                break;
            }
            let value = self.spaces.get(Space::Slots, &key_of(slot))?;
            let mut writes = match store.block(slot)? {
                Some(stored) => forget_writes(&Content::of_stored(&stored)?),
                None => Vec::new(),
            };
            let next = slot.saturating_add(1);
            writes.push((Space::Slots, key_of(slot).to_vec(), None));
            writes.push((
                Space::Progress,
                OLDEST.to_vec(),
                Some(next.to_le_bytes().to_vec()),
            ));
            self.spaces.write(writes)?;
            let own = value.as_deref().map_or(0, logged_size);
            self.size.fetch_sub(own.min(size), Ordering::Relaxed);
            self.oldest.store(next, Ordering::Release);
        }
        Ok(())
    }

    /// The newest slot that is indexed.
    pub fn cursor(&self) -> u64 {
        self.cursor.load(Ordering::Acquire)
    }

    /// A slot at or below the oldest block that is indexed.
    pub fn oldest(&self) -> u64 {
        self.oldest.load(Ordering::Acquire)
    }

    /// Waits until a slot is indexed.
    ///
    /// # Errors
    /// If that takes longer than a client waits.
    pub fn reach(&self, slot: u64) -> Result<(), HistoryError> {
        let start = Instant::now();
        while self.cursor() < slot {
            if start.elapsed() > Duration::from_millis(HISTORY_WAIT_MILLIS) {
                let slots = slot.saturating_sub(self.cursor());
                return Err(HistoryError::Behind { slots });
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Where a transaction is.
    ///
    /// # Errors
    /// If the key spaces fail.
    pub fn spot(&self, signature: &[u8; 64]) -> Result<Option<Spot>, HistoryError> {
        let value = self.spaces.get(Space::Signatures, signature)?;
        Ok(value.and_then(|value| {
            let (slot, place) = value.split_first_chunk()?;
            let place = place.first_chunk()?;
            Some((u64::from_le_bytes(*slot), u32::from_le_bytes(*place)))
        }))
    }

    /// Where the transactions of an address are, newest first or oldest first: those from `start`
    /// to before `end`, at most `limit`.
    ///
    /// # Errors
    /// If the key spaces fail.
    pub fn spots(
        &self,
        address: &Address,
        (start, end): (Spot, Spot),
        limit: usize,
        is_ascending: bool,
    ) -> Result<Vec<Spot>, HistoryError> {
        let key = |(slot, place): Spot| spot_key(address, slot, place);
        let mut spots = Vec::new();
        let mut visit = |key: &[u8], _: &[u8]| {
            spots.extend(spot_of(key));
            spots.len() < limit
        };
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (start, end) = (key(start), key(end));
        if is_ascending {
            self.spaces
                .scan(Space::Addresses, &start, &end, &mut visit)?;
        } else {
            self.spaces
                .scan_back(Space::Addresses, &start, &end, &mut visit)?;
        }
        Ok(spots)
    }

    /// The slots with a block, from `first` to `last`, at most `limit`.
    ///
    /// # Errors
    /// If the key spaces fail.
    pub fn slots(&self, first: u64, last: u64, limit: usize) -> Result<Vec<u64>, HistoryError> {
        let mut slots = Vec::new();
        if limit == 0 {
            return Ok(slots);
        }
        // The next key after the last slot's is that with a zero byte more.
        let end = [&key_of(last)[..], &[0]].concat();
        self.spaces
            .scan(Space::Slots, &key_of(first), &end, &mut |key, _| {
                slots.extend(slot_of(key));
                slots.len() < limit
            })?;
        Ok(slots)
    }

    /// Height and time of a slot's block.
    ///
    /// # Errors
    /// If the key spaces fail.
    pub fn slot(&self, slot: u64) -> Result<Option<(u64, i64)>, HistoryError> {
        let value = self.spaces.get(Space::Slots, &key_of(slot))?;
        Ok(value.and_then(|value| {
            let (height, time) = value.split_first_chunk()?;
            let time = time.first_chunk()?;
            Some((u64::from_le_bytes(*height), i64::from_le_bytes(*time)))
        }))
    }

    /// Accounts that are, or were lately, of a program, wallet, delegate or mint; `None` if they
    /// are more than a look-up goes through.
    ///
    /// # Errors
    /// If the key spaces fail.
    pub fn accounts(&self, kind: Kind, of: &Address) -> Result<Option<Vec<Address>>, HistoryError> {
        let space = match kind {
            Kind::Program => Space::Programs,
            Kind::Owner => Space::Owners,
            Kind::Delegate => Space::Delegates,
            Kind::Mint => Space::Mints,
        };
        let start = [of.to_bytes(), [0; 32]].concat();
        let end = [&of.to_bytes()[..], &[0xff; 33]].concat();
        let mut accounts = Vec::new();
        self.spaces.scan(space, &start, &end, &mut |key, _| {
            let address = key.get(32..).and_then(|key| key.first_chunk());
            accounts.extend(address.copied().map(Address::new_from_array));
            accounts.len() <= INDEXED_ACCOUNTS_MAX
        })?;
        Ok((accounts.len() <= INDEXED_ACCOUNTS_MAX).then_some(accounts))
    }
}

/// The slot that an index has come to; `None` if it has none, or one that is not the ledger's.
fn known_cursor(spaces: &Spaces, store: &dyn Store) -> Result<Option<u64>, HistoryError> {
    let Some(cursor) = spaces.get(Space::Progress, CURSOR)? else {
        return Ok(None);
    };
    let Some((slot, id)) = cursor.split_first_chunk() else {
        return Ok(None);
    };
    let slot = u64::from_le_bytes(*slot);
    let stored = store.block(slot)?;
    Ok(stored
        .is_some_and(|stored| stored.record.block_id.as_ref() == id)
        .then_some(slot))
}

/// Indexes all accounts of a store.
fn index_accounts(spaces: &Spaces, store: &dyn Store) -> Result<(), HistoryError> {
    let mut failure = Ok(());
    store.scan(&mut |accounts| {
        if failure.is_ok() {
            let accounts = accounts.iter();
            let writes = accounts.flat_map(|(address, account)| index::keys_of(address, account));
            failure = spaces.write(writes.collect());
        }
        Ok(())
    })?;
    Ok(failure?)
}

/// The bytes that a block takes in the log, of its slot's value; an index of old does not say.
fn logged_size(value: &[u8]) -> u64 {
    value.get(16..).and_then(number).unwrap_or_default()
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.first_chunk()?))
}

/// A slot as a key.
fn key_of(slot: u64) -> [u8; 8] {
    #[expect(
        clippy::big_endian_bytes,
        reason = "big-endian numbers sort as numbers do"
    )]
    slot.to_be_bytes()
}

fn slot_of(key: &[u8]) -> Option<u64> {
    #[expect(
        clippy::big_endian_bytes,
        reason = "big-endian numbers sort as numbers do"
    )]
    Some(u64::from_be_bytes(*key.first_chunk()?))
}

fn spot_key(address: &Address, slot: u64, place: u32) -> Vec<u8> {
    let mut key = address.to_bytes().to_vec();
    key.extend(key_of(slot));
    key.extend(&key_of(place.into())[4..]);
    key
}

fn spot_of(key: &[u8]) -> Option<Spot> {
    let rest = key.get(32..)?;
    let (slot, place) = rest.split_first_chunk::<8>()?;
    let place = slot_of(&[&[0; 4], place].concat())?;
    Some((slot_of(slot)?, u32::try_from(place).ok()?))
}
