//! Where the bytes of a store on disk lie: three ordered key spaces that are written together,
//! atomically and durably. The one module that names fjall, besides errors.

use std::{fmt, ops::Bound, path::Path, sync::Arc};

use fjall::{
    Database, Error, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, OwnedWriteBatch,
    PersistMode, Readable as _, Slice, compaction::Leveled,
};

/// Values from this size on lie apart from the keys of the block log, so that compaction does not
/// move them.
const BODY_SEPARATION_SIZE: u32 = 1 << 10;

/// Sorted files that may overlap before they are merged into those that do not. Accounts change
/// all over, so each merge rewrites all of them: the fewer merges the better, as long as the engine
/// does not hold up writers, which it does from 20 files on.
const OVERLAPPING_COUNT_MAX: u8 = 8;

/// The end of the names of journals, which lie in the engine's directory itself. A journal only
/// grows behind what is written in it; of all other files, each is written once or replaced.
pub(crate) const JOURNAL_END: &str = "jnl";

/// A key space. What must fit together lies in one, so that damage cannot tear it apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Space {
    /// Schema, newest record, records and accounts.
    State,
    /// Bodies of blocks by slot.
    Bodies,
    /// Changes that the accounts do not have yet, by slot.
    Changes,
}

/// How many buffers of changes are kept in memory, so that most of them are gone when they would
/// leave it.
const CHANGES_BUFFERS: u64 = 8;

/// A key that is to be set or, without a value, removed.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) space: Space,
    pub(crate) key: Slice,
    pub(crate) value: Option<Slice>,
}

/// Sees a key and its value, and tells whether it wants more.
pub(crate) type Visitor<'v> = dyn FnMut(&[u8], &[u8]) -> bool + 'v;

/// An ordered key-value medium.
pub(crate) trait Medium: fmt::Debug + Send + Sync {
    /// The value of a key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Slice>, Error>;

    /// The values of two keys at one moment: of a write that touches both, both show or none.
    fn get_both(&self, keys: [(Space, &[u8]); 2]) -> Result<[Option<Slice>; 2], Error>;

    /// Does all of the writes or none, and returns once they would survive a loss of power. No
    /// key may occur twice.
    fn write(&self, writes: Vec<Write>) -> Result<(), Error>;

    /// Sets keys of the state in strictly ascending order, or removes those without a value: all or
    /// none of them, durably. They are not written to the journal, and take the place of what was
    /// written before.
    fn ingest(
        &self,
        entries: &mut dyn Iterator<Item = (Slice, Option<Slice>)>,
    ) -> Result<(), Error>;

    /// Shows keys from `start` to before `end` in ascending order, as of now.
    fn scan(
        &self,
        space: Space,
        start: &[u8],
        end: &[u8],
        visit: &mut Visitor<'_>,
    ) -> Result<(), Error>;
}

/// The medium of fjall, an LSM tree with a journal.
pub(crate) struct Fjall {
    database: Database,
    state: Keyspace,
    bodies: Keyspace,
    changes: Keyspace,
}

impl fmt::Debug for Fjall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fjall").finish_non_exhaustive()
    }
}

impl Fjall {
    /// Opens the medium in a directory; makes it if there is none. Sizes are those of
    /// [`DiskOptions`](crate::DiskOptions).
    pub(crate) fn open(path: &Path, cache_size: u64, buffer_size: u64) -> Result<Self, Error> {
        // With several workers, one of them only ever waits for the others, and it waits busily.
        let database = Database::builder(path)
            .cache_size(cache_size)
            .worker_threads(1)
            .open()?;
        let keyspace = move |buffer_size| {
            let compaction = Leveled::default().with_l0_threshold(OVERLAPPING_COUNT_MAX);
            KeyspaceCreateOptions::default()
                .max_memtable_size(buffer_size)
                .compaction_strategy(Arc::new(compaction))
        };
        let separation = KvSeparationOptions::default().separation_threshold(BODY_SEPARATION_SIZE);
        let state = database.keyspace("state", || keyspace(buffer_size))?;
        let bodies = database.keyspace("bodies", || {
            keyspace(buffer_size).with_kv_separation(Some(separation))
        })?;
        let changes = database.keyspace("changes", || {
            keyspace(buffer_size.saturating_mul(CHANGES_BUFFERS))
        })?;
        Ok(Self {
            database,
            state,
            bodies,
            changes,
        })
    }

    fn keyspace(&self, space: Space) -> &Keyspace {
        match space {
            Space::State => &self.state,
            Space::Bodies => &self.bodies,
            Space::Changes => &self.changes,
        }
    }
}

impl Medium for Fjall {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Slice>, Error> {
        self.keyspace(space).get(key)
    }

    fn get_both(
        &self,
        [(one, key), (other, other_key)]: [(Space, &[u8]); 2],
    ) -> Result<[Option<Slice>; 2], Error> {
        let snapshot = self.database.snapshot();
        let value = snapshot.get(self.keyspace(one), key)?;
        Ok([value, snapshot.get(self.keyspace(other), other_key)?])
    }

    fn write(&self, writes: Vec<Write>) -> Result<(), Error> {
        let batch = OwnedWriteBatch::with_capacity(self.database.clone(), writes.len());
        let mut batch = batch.durability(Some(PersistMode::SyncAll));
        for Write { space, key, value } in writes {
            let keyspace = self.keyspace(space);
            match value {
                Some(value) => batch.insert(keyspace, key, value),
                None => batch.remove(keyspace, key),
            }
        }
        batch.commit()
    }

    fn ingest(
        &self,
        entries: &mut dyn Iterator<Item = (Slice, Option<Slice>)>,
    ) -> Result<(), Error> {
        let mut ingestion = self.state.start_ingestion()?;
        for (key, value) in entries {
            match value {
                Some(value) => ingestion.write(key, value)?,
                None => ingestion.write_tombstone(key)?,
            }
        }
        ingestion.finish()
    }

    fn scan(
        &self,
        space: Space,
        start: &[u8],
        end: &[u8],
        visit: &mut Visitor<'_>,
    ) -> Result<(), Error> {
        let range = (Bound::Included(start), Bound::Excluded(end));
        for entry in self.keyspace(space).range::<&[u8], _>(range) {
            let (key, value) = entry.into_inner()?;
            if !visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }
}
