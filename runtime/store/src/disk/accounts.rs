//! The accounts of a store on disk: those on the medium, and what the newest blocks changed.
//!
//! ```text
//! commit -> changes in the block's batch -> pending -> merged, sorted, put into sorted files
//!                                              ^-- read first
//! ```
//! A block is durable with its changes as one value in its batch. Its accounts follow in bulk, on a
//! thread of the store's, past the engine's journal and its buffer in memory; then the marker of
//! what is applied moves, and the changes up to it go. Opening reads the changes behind the marker.
//!
//! *Why that is right after a crash at any instant.* Changes are whole accounts, so repeating them
//! gives the same. Those behind the marker hold the newest state of every account that was changed
//! behind it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use lockstep_interface::{Account, Address};

use super::{
    failed, guarded,
    layout::{
        ACCOUNTS, APPLIED_KEY, account_key, changes_key, decode_changes, decode_entry,
        encode_account_entry, put, remove,
    },
    medium::{Medium, Space},
    pending::{Pending, Run},
};
use crate::{Change, SCAN_SIZE, StoreError, decode_account, sync::Shared};

/// How many times as many bytes as are applied at once may wait before a commit waits as well.
const WAITING_MAX: usize = 4;

/// What the store and its thread share.
#[derive(Debug)]
pub(super) struct Accounts {
    path: PathBuf,
    medium: Arc<dyn Medium>,
    pending: Shared<Pending>,
    /// The slot up to which blocks are applied, if any is; locked while more of them are.
    applied: Shared<Option<u64>>,
    /// Why nothing more can be applied.
    failure: Shared<Option<StoreError>>,
}

impl Accounts {
    /// Accounts of a medium, where blocks up to a slot are applied.
    pub(super) fn new(path: PathBuf, medium: Arc<dyn Medium>, applied: Option<u64>) -> Self {
        Self {
            path,
            medium,
            pending: Shared::default(),
            applied: Shared::new(applied),
            failure: Shared::default(),
        }
    }

    /// The store's directory, which errors name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Calls the medium.
    pub(super) fn call<R>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&dyn Medium) -> Result<R, fjall::Error>,
    ) -> Result<R, StoreError> {
        guarded(&self.path, operation, || work(&*self.medium))
    }

    pub(super) fn damaged(&self, what: String) -> StoreError {
        let path = self.path.clone();
        StoreError::Damaged { path, what }
    }

    /// Reads the changes that are not applied, of blocks up to a slot.
    pub(super) fn read_pending(&self, newest: u64) -> Result<(), StoreError> {
        let applied = *self.applied.read();
        let start = changes_key(applied.map_or(0, |slot| slot.saturating_add(1)));
        let end = changes_key(newest.saturating_add(1));
        let mut failure = Ok(());
        let mut pending = self.pending.write();
        self.call("read the changes", |medium| {
            medium.scan(Space::Changes, &start, &end, &mut |key, value| {
                match decode_changes(key, value) {
                    Some((slot, changes)) => pending.push(Run::new(slot, changes)),
                    None => {
                        failure = Err(self.damaged(format!("the changes of {key:02x?} are none")));
                    }
                }
                failure.is_ok()
            })
        })?;
        failure
    }

    /// Whether the changes of a block are applied or at hand.
    pub(super) fn has(&self, slot: u64) -> bool {
        self.applied.read().is_some_and(|applied| slot <= applied)
            || self.pending.read().slots().any(|run| run == slot)
    }

    pub(super) fn load(
        &self,
        addresses: &[Address],
        accounts: &mut [Account],
    ) -> Result<(), StoreError> {
        for (address, account) in addresses.iter().zip(accounts) {
            let changed = self.pending.read().get(address).cloned();
            *account = match changed {
                Some(account) if account.exists() => account,
                Some(_) => Account::default(),
                None => self.load_applied(address)?,
            };
        }
        Ok(())
    }

    fn load_applied(&self, address: &Address) -> Result<Account, StoreError> {
        let key = account_key(address);
        let value = self.call("read an account", |medium| medium.get(Space::State, &key))?;
        match value {
            Some(value) => decode_account(&value)
                .map_err(|error| self.damaged(format!("account {address}: {error}"))),
            None => Ok(Account::default()),
        }
    }

    /// See [`Store::page`](crate::Store::page).
    pub(super) fn page(&self, after: Option<&Address>) -> Result<Vec<Change>, StoreError> {
        // Nothing is applied during the call.
        let pending = self.pending.read();
        let (applied, is_last) = self.applied_page(after)?;
        let end = applied.last().filter(|_| !is_last).map(|(key, _)| *key);
        let mut changed = pending.range(after, end.as_ref());
        let mut page: Vec<Change> = Vec::with_capacity(applied.len());
        for (address, account) in applied {
            let account = changed.remove(&address).cloned().unwrap_or(account);
            page.push((address, account));
        }
        let new = changed
            .into_iter()
            .map(|(key, account)| (*key, account.clone()));
        page.extend(new);
        page.retain(|(_, account)| account.exists());
        page.sort_by_key(|(address, _)| *address);
        if page.is_empty() && end.is_some() {
            // All of this page are gone, and there are others behind.
            drop(pending);
            return self.page(end.as_ref());
        }
        Ok(page)
    }

    /// The same of accounts on the medium; whether they are the last.
    fn applied_page(&self, after: Option<&Address>) -> Result<(Vec<Change>, bool), StoreError> {
        let mut shown: Vec<Change> = Vec::new();
        let mut size = 0usize;
        let mut failure = Ok(());
        let (first, end) = ACCOUNTS;
        // The next key after one is that with a zero byte more.
        let start = after.map_or(first.to_vec(), |after| {
            [account_key(after).as_slice(), &[0]].concat()
        });
        self.call("read all accounts", |medium| {
            medium.scan(Space::State, &start, &end, &mut |key, value| {
                match decode_entry(key, value) {
                    Some(Ok(change)) => shown.push(change),
                    Some(Err(error)) => {
                        failure = Err(self.damaged(format!("account of key {key:02x?}: {error}")));
                    }
                    None => failure = Err(self.damaged(format!("{key:02x?} is no key"))),
                }
                size = size.saturating_add(value.len());
                failure.is_ok() && size < SCAN_SIZE
            })
        })?;
        failure.map(|()| (shown, size < SCAN_SIZE))
    }

    /// Applies what is pending.
    pub(super) fn apply(&self) -> Result<(), StoreError> {
        let mut applied = self.applied.write();
        let pending = self.pending.read().clone();
        let Some(newest) = pending.newest() else {
            return Ok(());
        };
        self.ingest(pending.merged())?;
        let mut writes = vec![put(APPLIED_KEY, &newest.to_le_bytes())];
        let slots = pending.slots();
        writes.extend(slots.map(|slot| remove(Space::Changes, &changes_key(slot))));
        self.call("mark what is applied", |medium| medium.write(writes))?;
        *applied = Some(newest);
        self.pending.write().forget(newest);
        Ok(())
    }

    /// Puts accounts on the medium, in strictly ascending order of addresses.
    pub(super) fn ingest(&self, accounts: Vec<&Change>) -> Result<(), StoreError> {
        if accounts.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let mut entries = accounts
            .into_iter()
            .map(|change| encode_account_entry(change, &mut bytes));
        self.call("write accounts", |medium| medium.ingest(&mut entries))
    }

    /// Refuses to go on once something could not be applied.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match &*self.failure.read() {
            Some(_) => Err(StoreError::Stopped {
                path: self.path.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// The thread that applies, as long as there is this.
#[derive(Debug)]
pub(super) struct Applier {
    accounts: Arc<Accounts>,
    /// Bytes that are applied at once.
    size: usize,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Applier {
    /// Starts the thread.
    pub(super) fn start(accounts: Arc<Accounts>, size: u64) -> Result<Self, StoreError> {
        let (wake, woken) = sync_channel(1);
        let shared = Arc::clone(&accounts);
        let builder = thread::Builder::new().name("lockstep-store".to_owned());
        let thread = builder.spawn(move || {
            while woken.recv().is_ok() {
                if let Err(error) = shared.apply() {
                    *shared.failure.write() = Some(error);
                    return;
                }
            }
        });
        let thread = thread.map_err(|error| failed(&accounts.path, "start a thread", error))?;
        Ok(Self {
            accounts,
            size: usize::try_from(size).unwrap_or(usize::MAX),
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// Takes over what a durable block changed.
    pub(super) fn push(&self, run: Run) -> Result<(), StoreError> {
        let size = {
            let mut pending = self.accounts.pending.write();
            pending.push(run);
            pending.size()
        };
        if size >= self.size.saturating_mul(WAITING_MAX) {
            self.accounts.apply()?;
        } else if size >= self.size
            && let Some(wake) = &self.wake
        {
            match wake.try_send(()) {
                // It is at work, and looks again afterwards.
                Ok(()) | Err(TrySendError::Full(())) => {}
                Err(TrySendError::Disconnected(())) => self.accounts.check()?,
            }
        }
        Ok(())
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            // It does not panic; what it failed with is in `failure`.
            let _ = thread.join();
        }
    }
}
