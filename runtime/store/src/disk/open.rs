//! Opens a store: nothing is served before everything fits together.
//!
//! ```text
//! path -> engine's recovery -> schema -> records, one the child of the other, up to the tip
//!      -> anchor: nothing acknowledged is missing -> changes that are not applied are at hand
//!      -> the kept trie, or else all accounts, have the tip's state root
//! ```

use std::{
    fs::{self, TryLockError},
    io::ErrorKind,
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

use super::{
    DiskOptions, DiskStore, Head,
    accounts::{Accounts, Applier},
    anchor::{Acknowledged, Anchor, NAME, sync_directory},
    failed, guarded, kept,
    layout::{
        APPLIED_KEY, RECORDS, SCHEMA, SCHEMA_KEY, SCHEMA_UNPENDING, TIP_KEY, decode_header,
        decode_record, put,
    },
    medium::{Fjall, Medium, Space},
};
use crate::{
    BlockRecord, Parallel, Store, StoreError, Trie, TrieBound, TrieBuilder, build_trie, load_trie,
    sync::Shared,
};

/// The engine's directory in the store's.
pub(super) const ENGINE: &str = "engine";
/// The same while it is made; it gets its name once it is complete.
const UNFINISHED: &str = "engine.unfinished";

/// See [`DiskStore::open`]. Errors of the open store name `named`, whose copy may be at `path`.
pub(crate) fn open(
    path: &Path,
    named: &Path,
    options: DiskOptions,
    parallel: &impl Parallel,
) -> Result<(DiskStore, Trie), StoreError> {
    prepare(path)?;
    let anchored = open_anchor(path)?;
    if !path.join(ENGINE).exists() {
        if let Some(Some((acknowledged, _))) = anchored.1
            && !options.accept_rollback
        {
            return Err(StoreError::RolledBack {
                path: path.to_owned(),
                acknowledged,
                found: None,
            });
        }
        create(path, options)?;
    }
    let medium = Arc::new(open_engine(path, ENGINE, options)?);
    open_on(named, anchored, medium, options, parallel)
}

/// How often, and for how long each time, is waited for a store that is in use. A process that is
/// being started holds the locks of the one that starts it for an instant.
pub(super) const LOCK_TRIES: u32 = 50;
pub(super) const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Opens the anchor, and with it locks the store.
pub(crate) fn open_anchor(path: &Path) -> Result<(Anchor, Option<Acknowledged>), StoreError> {
    let mut tries = 0..LOCK_TRIES;
    loop {
        match Anchor::open(path) {
            Ok(anchor) => return Ok(anchor),
            Err(TryLockError::WouldBlock) if tries.next().is_some() => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {
                let path = path.to_owned();
                return Err(StoreError::Locked { path });
            }
            Err(TryLockError::Error(error)) => return Err(failed(path, "open the anchor", error)),
        }
    }
}

/// Opens or makes the engine in a directory of the store's.
pub(crate) fn open_engine(
    path: &Path,
    name: &str,
    options: DiskOptions,
) -> Result<Fjall, StoreError> {
    guarded(path, "open the files", || {
        Fjall::open(&path.join(name), options.cache_size, options.buffer_size)
    })
}

/// Makes the engine of a new store. An interrupted call leaves nothing under the right name.
fn create(path: &Path, options: DiskOptions) -> Result<(), StoreError> {
    let failed = |error| failed(path, "make the store", error);
    let unfinished = path.join(UNFINISHED);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(failed)?;
    }
    let medium = open_engine(path, UNFINISHED, options)?;
    let schema = vec![put(SCHEMA_KEY, &SCHEMA.to_le_bytes())];
    guarded(path, "write the schema", || medium.write(schema))?;
    drop(medium);
    fs::rename(unfinished, path.join(ENGINE)).map_err(failed)?;
    sync_directory(path).map_err(failed)
}

/// Opens a store on a medium that recovered.
pub(crate) fn open_on(
    path: &Path,
    (anchor, acknowledged): (Anchor, Option<Acknowledged>),
    medium: Arc<dyn Medium>,
    options: DiskOptions,
    parallel: &impl Parallel,
) -> Result<(DiskStore, Trie), StoreError> {
    let is_readable = acknowledged.is_some();
    let acknowledged: Acknowledged = acknowledged.flatten();
    let applied = prepare_schema(path, &*medium)?;
    let accounts = Accounts::new(path.to_owned(), medium, applied);
    let accounts = Arc::new(accounts);
    let store = DiskStore {
        applier: Applier::start(Arc::clone(&accounts), options.buffer_size)?,
        accounts,
        head: Shared::new(Head {
            tip: None,
            anchor,
            is_stopped: false,
            is_trie_kept: true,
        }),
        copy: None,
    };
    let tip = store.check_log()?;
    if !options.accept_rollback {
        store.check_acknowledged(tip.as_ref(), acknowledged)?;
    }
    if let Some(tip) = tip {
        store.accounts.read_pending(tip.slot)?;
        store.check_changes()?;
    }
    store.head.write().tip = tip;
    let bound = options.trie_size.map(|size| TrieBound {
        directory: path.to_owned(),
        size,
    });
    let kept = tip
        .filter(|_| !options.check_accounts && !options.accept_rollback)
        .and_then(|tip| kept::read(path, &tip, bound.as_ref(), parallel));
    let trie = match (kept, bound) {
        (Some(trie), _) => trie,
        (None, Some(bound)) => build_trie(&store, TrieBuilder::bounded(bound), parallel)?,
        (None, None) => load_trie(&store, parallel)?,
    };
    if tip.is_none() && trie != Trie::default() {
        return Err(store.damaged("there are accounts, but no block".to_owned()));
    }

    // Everything fits; from here on the store is written.
    let newest = tip.map(|tip| (tip.slot, tip.block_id));
    if newest != acknowledged || !is_readable {
        let repaired = store.head.write().anchor.repair(newest);
        repaired.map_err(|error| failed(path, "repair the anchor", error))?;
    }
    Ok((store, trie))
}

/// Makes sure that there is a store's directory, with an anchor.
fn prepare(path: &Path) -> Result<(), StoreError> {
    let failed = |operation| move |error| failed(path, operation, error);
    let not_a_store = |found| {
        let path = path.to_owned();
        Err(StoreError::NotAStore { path, found })
    };
    let is_empty = match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(path).map_err(failed("make the directory"))?;
            true
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return not_a_store("it is a file");
        }
        Err(error) => return Err(failed("read the directory")(error)),
    };
    if is_empty {
        return Anchor::create(path).map_err(failed("make the anchor"));
    }
    if !path.join(NAME).is_file() {
        return not_a_store("the directory holds other files");
    }
    Ok(())
}

/// Checks that the store has the schema that is known here, and brings one of an older schema up
/// to date. Gives the slot up to which blocks are applied.
fn prepare_schema(path: &Path, medium: &dyn Medium) -> Result<Option<u64>, StoreError> {
    let damaged = |what: &str| StoreError::Damaged {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    let read =
        |key: &'static [u8]| guarded(path, "read the schema", || medium.get(Space::State, key));
    let schema = read(SCHEMA_KEY)?.and_then(|schema| schema.as_ref().try_into().ok());
    match schema.map(u32::from_le_bytes) {
        Some(SCHEMA) => match read(APPLIED_KEY)? {
            None => Ok(None),
            Some(slot) => match slot.as_ref().try_into() {
                Ok(slot) => Ok(Some(u64::from_le_bytes(slot))),
                Err(_) => Err(damaged("the slot of what is applied is none")),
            },
        },
        Some(SCHEMA_UNPENDING) => {
            let tip = read(TIP_KEY)?.and_then(|tip| decode_record(&tip));
            let applied = tip.map(|tip| tip.slot);
            let mut writes = vec![put(SCHEMA_KEY, &SCHEMA.to_le_bytes())];
            writes.extend(applied.map(|slot| put(APPLIED_KEY, &slot.to_le_bytes())));
            guarded(path, "write the schema", || medium.write(writes))?;
            Ok(applied)
        }
        None | Some(0) => Err(damaged("there is no schema")),
        Some(found) => Err(StoreError::Schema {
            path: path.to_owned(),
            found,
            known: SCHEMA,
        }),
    }
}

impl DiskStore {
    /// Checks that what each block of the log changed is applied or at hand.
    fn check_changes(&self) -> Result<(), StoreError> {
        let mut lost = None;
        let (start, end) = RECORDS;
        self.call("read the log", |medium| {
            medium.scan(Space::State, &start, &end, &mut |_, value| {
                let record = decode_header(value).map(|(record, _)| record);
                lost = record.filter(|record| !self.accounts.has(record.slot));
                lost.is_none()
            })
        })?;
        match lost {
            Some(record) => {
                Err(self.damaged(format!("the changes of slot {} are missing", record.slot)))
            }
            None => Ok(()),
        }
    }

    /// Checks that each record is the child of the one before, and the last of them the tip.
    fn check_log(&self) -> Result<Option<BlockRecord>, StoreError> {
        let mut newest: Option<BlockRecord> = None;
        let mut failure = None;
        let (start, end) = RECORDS;
        self.call("read the log", |medium| {
            medium.scan(Space::State, &start, &end, &mut |key, value| {
                let record = decode_header(value).map(|(record, _)| record);
                let fits = record.filter(|record| {
                    super::record_key(record.slot) == *key
                        && newest.is_none_or(|newest| record.follows(&newest))
                });
                if fits.is_none() {
                    let after = newest.map_or(0, |newest| newest.slot);
                    failure = Some(format!("the log breaks off after slot {after}"));
                }
                newest = fits;
                failure.is_none()
            })
        })?;
        if let Some(what) = failure {
            return Err(self.damaged(what));
        }
        let tip = self.call("read the tip", |medium| medium.get(Space::State, TIP_KEY))?;
        let tip = tip.map(|tip| decode_record(&tip));
        if tip != newest.map(Some) {
            let what = "the log does not end at the newest block".to_owned();
            return Err(self.damaged(what));
        }
        if let Some(newest) = newest {
            self.block(newest.slot)?;
        }
        Ok(newest)
    }

    /// Checks that the newest block is not older than the newest acknowledged one.
    fn check_acknowledged(
        &self,
        tip: Option<&BlockRecord>,
        acknowledged: Acknowledged,
    ) -> Result<(), StoreError> {
        let Some((slot, block_id)) = acknowledged else {
            return Ok(());
        };
        let found = tip.map(|tip| tip.slot);
        if found.is_none_or(|found| found < slot) {
            return Err(StoreError::RolledBack {
                path: self.path().to_owned(),
                acknowledged: slot,
                found,
            });
        }
        let is_other = tip.is_some_and(|tip| tip.slot == slot && tip.block_id != block_id);
        if is_other {
            let what = format!("slot {slot} was acknowledged with another block");
            return Err(self.damaged(what));
        }
        Ok(())
    }
}
