//! The store on disk: every finalised block is one atomic, durable batch.
//!
//! ```text
//! commit:  order checked -> batch (record, tip, body, changes) -> fsync -> anchor -> acknowledged
//! behind:  changes of several blocks -> merged -> sorted files -> marked as applied
//! open:    engine's recovery -> schema -> log of records -> anchor -> changes that are not applied
//!          -> the trie that was kept, or all accounts, against the root
//! ```
//! After a crash at any instant the store opens at the last acknowledged block, or at the one that
//! was on its way, whole. Damage is refused with an error that says where; nothing is repaired by
//! guessing. How the bytes lie: `layout.rs`.

mod accounts;
mod anchor;
mod build;
mod copy;
mod kept;
mod layout;
mod mark;
mod medium;
mod open;
mod pending;
#[cfg(test)]
mod tests;

use std::{
    error::Error,
    ffi::OsStr,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use lockstep_interface::{Account, Address};
use sha2::{Digest, Sha256};

use self::{
    accounts::{Accounts, Applier},
    anchor::Anchor,
    copy::Copy,
    layout::{
        PARAMETERS_KEY, RECORDS, TIP_KEY, changes_key, decode_header, encode_changes,
        encode_header, encode_record, put, put_in, record_key, remove, slot_key,
    },
    medium::{Medium, Space, Write},
    pending::Run,
};
use crate::{
    BlockBatch, BlockRecord, Change, Parallel, Store, StoreError, StoredBlock, Trie, sync::Shared,
};

/// Blocks that are pruned in one batch.
const PRUNE_COUNT: usize = 1_000;

/// How a store on disk is opened.
#[derive(Clone, Copy, Debug)]
pub struct DiskOptions {
    /// Bytes of file content kept in memory for reading; 64 MiB by default.
    pub cache_size: u64,
    /// Bytes of changes that are put into sorted files at once, in the background; at least 64 KiB
    /// are sensible, up to four times as many wait in memory, and what waits is read again when the
    /// store is opened. 32 MiB by default, at most a second's work for a busy chain: more means
    /// fewer files.
    pub buffer_size: u64,
    /// Bytes of memory for the trie's accounts, 160 each, as in a [`TrieBound`](crate::TrieBound):
    /// those that changes and proofs seldom come to are read from a file. None by default: all of
    /// them are in memory.
    pub trie_size: Option<usize>,
    /// Opens the store even if acknowledged blocks were lost, at the newest whole block that is
    /// left. False by default.
    pub accept_rollback: bool,
    /// Reads all accounts and compares their root with the newest block's, also where the trie was
    /// kept ([`Store::keep_trie`]). Without it, damage to an account's bytes is found when the
    /// account is read. False by default.
    pub check_accounts: bool,
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self {
            cache_size: 64 << 20,
            buffer_size: 32 << 20,
            trie_size: None,
            accept_rollback: false,
            check_accounts: false,
        }
    }
}

impl DiskOptions {
    /// Options of a store that takes no more than `size` bytes of memory, for a state of any size
    /// that has a tenth of that many accounts at the most: half of it in all, the rest being for
    /// what a chain keeps of its newest blocks.
    ///
    /// ```
    /// let options = lockstep_store::DiskOptions::within(512 << 20);
    /// assert_eq!((options.cache_size, options.trie_size), (32 << 20, Some(128 << 20)));
    /// ```
    pub fn within(size: u64) -> Self {
        let default = Self::default();
        Self {
            cache_size: (size / 16).min(default.cache_size),
            buffer_size: (size / 64).clamp(64 << 10, default.buffer_size),
            trie_size: Some(usize::try_from(size / 4).unwrap_or(usize::MAX)),
            ..default
        }
    }
}

/// Accounts and blocks in a directory of their own.
#[derive(Debug)]
pub struct DiskStore {
    accounts: Arc<Accounts>,
    applier: Applier,
    head: Shared<Head>,
    /// Where the files are if not in the directory. It goes after they are closed.
    copy: Option<Copy>,
}

/// What a commit changes besides the medium.
#[derive(Debug)]
struct Head {
    tip: Option<BlockRecord>,
    anchor: Anchor,
    /// True once a commit failed: whether its block is durable is then unknown.
    is_stopped: bool,
    /// Whether there may be a kept trie, which the next block makes useless.
    is_trie_kept: bool,
}

impl DiskStore {
    /// Opens the store in a directory, and makes one if the directory is empty or missing. Gives
    /// the trie of its accounts as well, since their root is compared with the newest block's.
    ///
    /// O(accounts + blocks in the log), a tenth of the time if it was closed with its trie
    /// ([`Store::keep_trie`]); `parallel` hashes.
    ///
    /// ```
    /// use lockstep_interface::{Account, Address, Hash};
    /// use lockstep_store::{BlockBatch, BlockRecord, DiskOptions, DiskStore, Serial, Store};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let options = DiskOptions::default();
    /// let changes = &[(Address::new_from_array([1; 32]), Account::wallet(5))];
    /// {
    ///     let (store, trie) = DiskStore::open(folder.path(), options, &Serial)?;
    ///     let record = BlockRecord {
    ///         slot: 1,
    ///         block_id: Hash::new_from_array([9; 32]),
    ///         parent_id: Hash::default(),
    ///         delta_root: Hash::default(),
    ///         state_root: Some(trie.update(changes, &Serial).root()),
    ///     };
    ///     store.commit(&BlockBatch { record, changes, body: b"" })?;
    /// }
    /// let (store, trie) = DiskStore::open(folder.path(), options, &Serial)?;
    /// assert_eq!(store.tip().and_then(|tip| tip.state_root), Some(trie.root()));
    /// assert_eq!(store.get(&changes[0].0)?, Some(Account::wallet(5)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there is something else at the path, if the store is in use, if a newer release wrote
    /// it, if it is damaged or lacks acknowledged blocks, or if the file system fails.
    pub fn open(
        path: impl AsRef<Path>,
        options: DiskOptions,
        parallel: &impl Parallel,
    ) -> Result<(Self, Trie), StoreError> {
        open::open(path.as_ref(), path.as_ref(), options, parallel)
    }

    /// Opens the store in a directory to read it. If the directory cannot be written, or another
    /// process has the store open, its files are copied to the system's directory for temporary
    /// files, and the copy is opened; it goes when the store is closed. The copy of a store in use
    /// is that of one moment, at or after the newest block that was acknowledged before the call.
    ///
    /// O(size of the files), and as [`DiskStore::open`].
    ///
    /// # Errors
    /// As [`DiskStore::open`]; if there is no space for the copy; or if another process changes
    /// the files faster than they are copied.
    pub fn open_to_read(
        path: impl AsRef<Path>,
        options: DiskOptions,
        parallel: &impl Parallel,
    ) -> Result<(Self, Trie), StoreError> {
        let path = path.as_ref();
        match open::open(path, path, options, parallel) {
            Err(error) if copy::is_called_for(&error) => copy::open(path, options, parallel),
            opened => opened,
        }
    }

    /// Bytes of the copy that is open in place of the store; `None` if the store is.
    pub fn copied(&self) -> Option<u64> {
        self.copy.as_ref().map(Copy::size)
    }

    /// Makes a store in a directory that is missing or empty. It lies beside, under a name of its
    /// own, until `work` has filled it: an interrupted or failed call leaves nothing at `path`. The
    /// next call removes what an interrupted one has left beside it, which it knows by a mark. Of
    /// several calls at once for one path, one makes the store.
    ///
    /// # Errors
    /// If there is something at the path, if the same is being done already, if the file system
    /// fails, or if `work` does.
    pub fn build<R, E: From<StoreError>>(
        path: impl AsRef<Path>,
        options: DiskOptions,
        parallel: &impl Parallel,
        work: impl FnOnce(&Self) -> Result<R, E>,
    ) -> Result<R, E> {
        let unfinished = build::begin(path.as_ref())?;
        let built = Self::open(&unfinished.directory, options, parallel)
            .map_err(E::from)
            .and_then(|(store, _)| work(&store));
        unfinished.end(built)
    }

    /// True if there is a store at the path, or what was one.
    pub fn is_at(path: impl AsRef<Path>) -> bool {
        path.as_ref().join(anchor::NAME).is_file()
    }

    /// True for the names of the files and directories that a store has in its directory.
    pub fn is_part(name: &OsStr) -> bool {
        [anchor::NAME, open::ENGINE, kept::NAME, kept::UNFINISHED]
            .map(OsStr::new)
            .contains(&name)
    }

    /// The store's directory.
    pub fn path(&self) -> &Path {
        self.accounts.path()
    }

    /// Calls the medium.
    fn call<R>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&dyn Medium) -> Result<R, fjall::Error>,
    ) -> Result<R, StoreError> {
        self.accounts.call(operation, work)
    }

    fn damaged(&self, what: String) -> StoreError {
        self.accounts.damaged(what)
    }

    /// Refuses to write after a failure.
    fn check_running(&self, head: &Head) -> Result<(), StoreError> {
        if head.is_stopped {
            let path = self.path().to_owned();
            return Err(StoreError::Stopped { path });
        }
        self.accounts.check()
    }

    /// Removes the kept trie before something else becomes the newest state.
    fn forget_trie(&self, head: &mut Head) -> Result<(), StoreError> {
        if head.is_trie_kept {
            let removed = kept::remove(self.path());
            removed.map_err(|error| failed(self.path(), "remove the kept trie", error))?;
            head.is_trie_kept = false;
        }
        Ok(())
    }

    /// Writes what belongs to no block.
    fn write_outside(&self, operation: &'static str, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut head = self.head.write();
        self.check_running(&head)?;
        head.is_stopped = true;
        self.call(operation, |medium| medium.write(writes))?;
        head.is_stopped = false;
        Ok(())
    }
}

/// The writes of a block; changes are in strictly ascending order of addresses.
fn writes(block: &BlockBatch<'_>, changes: &[Change]) -> Vec<Write> {
    let BlockBatch { record, body, .. } = block;
    let header = encode_header(record, Sha256::digest(body).into());
    vec![
        put(&record_key(record.slot), &header),
        put(TIP_KEY, &encode_record(record)),
        put_in(Space::Bodies, &slot_key(record.slot), body),
        put_in(
            Space::Changes,
            &changes_key(record.slot),
            &encode_changes(changes),
        ),
    ]
}

/// The changes without those that a later one of the same address replaces.
fn last_of_each(changes: &[Change]) -> Vec<Change> {
    if changes.is_sorted_by(|(one, _), (other, _)| one < other) {
        return changes.to_vec();
    }
    let mut changes: Vec<Change> = changes.iter().rev().cloned().collect();
    // A stable sort keeps the last change of an address before the others.
    changes.sort_by_key(|(address, _)| *address);
    changes.dedup_by_key(|(address, _)| *address);
    changes
}

/// The error of a file operation that failed.
fn failed(path: &Path, operation: &'static str, source: std::io::Error) -> StoreError {
    let path = path.to_owned();
    StoreError::Engine {
        path,
        operation,
        source: Box::new(source),
    }
}

/// What the engine's error means to a store.
fn explained(path: &Path, operation: &'static str, error: fjall::Error) -> StoreError {
    let damaged = |what: String| StoreError::Damaged {
        path: path.to_owned(),
        what: format!("cannot {operation}: {what}"),
    };
    match error {
        fjall::Error::Io(error) => failed(path, operation, error),
        fjall::Error::Locked => StoreError::Locked {
            path: path.to_owned(),
        },
        fjall::Error::Poisoned => StoreError::Stopped {
            path: path.to_owned(),
        },
        fjall::Error::InvalidVersion(_) => damaged("the engine's version is unreadable".to_owned()),
        fjall::Error::JournalRecovery(error) => damaged(format!("journal: {error:?}")),
        fjall::Error::Storage(error) => match error.source() {
            // The cause keeps its own words, and the path and operation are ours.
            Some(cause) => StoreError::Engine {
                path: path.to_owned(),
                operation,
                source: cause.to_string().into(),
            },
            None => damaged(format!(
                "a file is missing or not what was written: {error:?}"
            )),
        },
        error => damaged(format!("{error:?}")),
    }
}

/// Calls the engine. What it panics with, on bytes that it did not write, is an error here.
fn guarded<R>(
    path: &Path,
    operation: &'static str,
    work: impl FnOnce() -> Result<R, fjall::Error>,
) -> Result<R, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| explained(path, operation, error)),
        Err(_) => Err(StoreError::Damaged {
            path: path.to_owned(),
            what: format!("cannot {operation}: the storage engine gave up on what it found"),
        }),
    }
}

impl Store for DiskStore {
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        assert_eq!(
            addresses.len(),
            accounts.len(),
            "one account for each address"
        );
        self.accounts.load(addresses, accounts)
    }

    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError> {
        let mut head = self.head.write();
        self.check_running(&head)?;
        if block.record.is_repeat(head.tip.as_ref())? {
            return Ok(());
        }
        self.forget_trie(&mut head)?;
        let changes = last_of_each(block.changes);
        let writes = writes(block, &changes);
        // Until the end is reached, the outcome is unknown.
        head.is_stopped = true;
        self.call("commit a block", |medium| medium.write(writes))?;
        head.anchor
            .set(Some((block.record.slot, block.record.block_id)))
            .map_err(|error| failed(self.path(), "write the anchor", error))?;
        self.applier.push(Run::new(block.record.slot, changes))?;
        head.tip = Some(block.record);
        head.is_stopped = false;
        Ok(())
    }

    fn tip(&self) -> Option<BlockRecord> {
        self.head.read().tip
    }

    fn block(&self, slot: u64) -> Result<Option<StoredBlock>, StoreError> {
        // The block may be pruned meanwhile: half of it would pass for damage.
        let keys: [(Space, &[u8]); 2] = [
            (Space::State, &record_key(slot)),
            (Space::Bodies, &slot_key(slot)),
        ];
        let [header, body] = self.call("read a block", |medium| medium.get_both(keys))?;
        let Some(header) = header else {
            return Ok(None);
        };
        let header = decode_header(&header).zip(body);
        let block = header.and_then(|((record, hash), body)| {
            let is_whole = record.slot == slot && Sha256::digest(&body)[..] == hash;
            is_whole.then(|| StoredBlock {
                record,
                body: body.to_vec(),
            })
        });
        let damaged = || self.damaged(format!("the block of slot {slot} is not what was stored"));
        block.map(Some).ok_or_else(damaged)
    }

    fn records(&self, count: usize) -> Result<Vec<BlockRecord>, StoreError> {
        let newest = self.tip().map_or(0, |tip| tip.slot);
        // Slots without a block are rare, so the first window is usually enough.
        let mut window = u64::try_from(count).unwrap_or(u64::MAX);
        loop {
            let start = newest.saturating_sub(window);
            let mut records = Vec::new();
            let mut damaged = false;
            let end = RECORDS.1;
            self.call("read the log", |medium| {
                medium.scan(Space::State, &record_key(start), &end, &mut |_, value| {
                    let header = decode_header(value);
                    damaged |= header.is_none();
                    records.extend(header.map(|(record, _)| record));
                    !damaged
                })
            })?;
            if damaged {
                return Err(self.damaged("a record of the log is none".to_owned()));
            }
            if records.len() >= count || start == 0 {
                let excess = records.len().saturating_sub(count);
                records.drain(..excess);
                return Ok(records);
            }
            window = window.saturating_mul(4).saturating_add(1);
        }
    }

    fn prune(&self, slot: u64) -> Result<(), StoreError> {
        let head = self.head.write();
        let end = head.tip.map_or(0, |tip| tip.slot.min(slot));
        loop {
            let mut writes = Vec::new();
            let (start, end) = (record_key(0), record_key(end));
            self.call("read the log", |medium| {
                medium.scan(Space::State, &start, &end, &mut |key, _| {
                    writes.push(remove(Space::State, key));
                    writes.push(remove(Space::Bodies, &key[1..]));
                    writes.len() < PRUNE_COUNT.saturating_mul(2)
                })
            })?;
            if writes.is_empty() {
                return Ok(());
            }
            self.call("prune the log", |medium| medium.write(writes))?;
        }
    }

    fn page(&self, after: Option<&Address>) -> Result<Vec<Change>, StoreError> {
        self.accounts.page(after)
    }

    fn fill(&self, accounts: &[Change]) -> Result<(), StoreError> {
        let mut head = self.head.write();
        self.check_running(&head)?;
        self.forget_trie(&mut head)?;
        head.is_stopped = true;
        self.accounts.apply()?;
        self.accounts
            .ingest(last_of_each(accounts).iter().collect())?;
        head.is_stopped = false;
        Ok(())
    }

    fn parameters(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let parameters = self.call("read the parameters", |medium| {
            medium.get(Space::State, PARAMETERS_KEY)
        })?;
        Ok(parameters.map(|parameters| parameters.to_vec()))
    }

    fn keep_trie(&self, trie: &Trie) -> Result<(), StoreError> {
        let mut head = self.head.write();
        self.check_running(&head)?;
        let Some(tip) = head.tip.filter(|tip| tip.state_root == Some(trie.root())) else {
            return Ok(());
        };
        head.is_trie_kept = true;
        let kept = kept::write(self.path(), &tip, trie);
        kept.map_err(|error| failed(self.path(), "keep the trie", error))
    }

    fn keep_parameters(&self, parameters: &[u8]) -> Result<(), StoreError> {
        self.write_outside("keep the parameters", vec![put(PARAMETERS_KEY, parameters)])
    }
}
