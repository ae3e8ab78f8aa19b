//! The ordered key spaces under a history, on disk or in memory.
//!
//! A batch of writes is atomic, also across a crash. On disk it is not durable at once: what a
//! loss of power takes is always the newest, and the history makes it again from the log.

use std::{collections::BTreeMap, io, ops::Bound, path::Path};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable as _};
use lockstep_store::sync::Shared;

/// Bytes of a key space's newest part that are kept in memory.
const BUFFER_SIZE: u64 = 8 << 20;
/// Bytes of file content kept in memory for reading.
const CACHE_SIZE: u64 = 16 << 20;

/// A key space.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Space {
    /// How far the history is.
    Progress,
    /// Signature to place.
    Signatures,
    /// Address and place to nothing.
    Addresses,
    /// Slot to height and time.
    Slots,
    /// Program and account to nothing.
    Programs,
    /// Owner and token account to mint.
    Owners,
    /// Delegate and token account to mint.
    Delegates,
    /// Mint and token account to nothing.
    Mints,
}

impl Space {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Progress, "progress"),
        (Self::Signatures, "signatures"),
        (Self::Addresses, "addresses"),
        (Self::Slots, "slots"),
        (Self::Programs, "programs"),
        (Self::Owners, "owners"),
        (Self::Delegates, "delegates"),
        (Self::Mints, "mints"),
    ];
}

/// A key that is set or, without a value, removed.
pub(crate) type Write = (Space, Vec<u8>, Option<Vec<u8>>);

/// Values by number of the key space, and key.
type Tree = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

/// Sees a key and its value, and tells whether it wants more.
pub(crate) type Visitor<'v> = dyn FnMut(&[u8], &[u8]) -> bool + 'v;

/// Key spaces.
pub(crate) enum Spaces {
    Memory(Shared<Tree>),
    Disk {
        database: Database,
        spaces: Vec<Keyspace>,
    },
}

impl std::fmt::Debug for Spaces {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Memory(_) => "Spaces::Memory",
            Self::Disk { .. } => "Spaces::Disk",
        })
    }
}

impl Spaces {
    /// Empty ones in memory.
    pub(crate) fn memory() -> Self {
        Self::Memory(Shared::default())
    }

    /// Those in a directory, which is made if it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, io::Error> {
        let database = Database::builder(path)
            .cache_size(CACHE_SIZE)
            .worker_threads(1)
            .open()
            .map_err(io::Error::other)?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(BUFFER_SIZE);
        let spaces = Space::ALL.map(|(_, name)| database.keyspace(name, options));
        let spaces = spaces.into_iter().collect::<Result<_, _>>();
        let spaces = spaces.map_err(io::Error::other)?;
        Ok(Self::Disk { database, spaces })
    }

    /// The value of a key.
    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, io::Error> {
        match self {
            Self::Memory(map) => Ok(map.read().get(&(space as u8, key.to_vec())).cloned()),
            Self::Disk { spaces, .. } => {
                let value = spaces[space as usize].get(key).map_err(io::Error::other)?;
                Ok(value.map(|value| value.to_vec()))
            }
        }
    }

    /// Does all of the writes or none.
    pub(crate) fn write(&self, writes: Vec<Write>) -> Result<(), io::Error> {
        match self {
            Self::Memory(map) => {
                let mut map = map.write();
                for (space, key, value) in writes {
                    match value {
                        Some(value) => map.insert((space as u8, key), value),
                        None => map.remove(&(space as u8, key)),
                    };
                }
                Ok(())
            }
            Self::Disk { database, spaces } => {
                let mut batch = database.batch().durability(Some(PersistMode::Buffer));
                for (space, key, value) in writes {
                    match value {
                        Some(value) => batch.insert(&spaces[space as usize], key, value),
                        None => batch.remove(&spaces[space as usize], key),
                    }
                }
                batch.commit().map_err(io::Error::other)
            }
        }
    }

    /// Shows the keys from `start` to before `end`, in ascending order.
    pub(crate) fn scan(
        &self,
        space: Space,
        start: &[u8],
        end: &[u8],
        visit: &mut Visitor<'_>,
    ) -> Result<(), io::Error> {
        if start >= end {
            return Ok(());
        }
        match self {
            Self::Memory(map) => {
                let tag = space as u8;
                let map = map.read();
                let range = (tag, start.to_vec())..(tag, end.to_vec());
                for ((_, key), value) in map.range(range) {
                    if !visit(key, value) {
                        break;
                    }
                }
            }
            Self::Disk { database, spaces } => {
                let range = (Bound::Included(start), Bound::Excluded(end));
                let snapshot = database.snapshot();
                for entry in snapshot.range::<&[u8], _>(&spaces[space as usize], range) {
                    let (key, value) = entry.into_inner().map_err(io::Error::other)?;
                    if !visit(&key, &value) {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// The same in descending order.
    pub(crate) fn scan_back(
        &self,
        space: Space,
        start: &[u8],
        end: &[u8],
        visit: &mut Visitor<'_>,
    ) -> Result<(), io::Error> {
        if start >= end {
            return Ok(());
        }
        match self {
            Self::Memory(map) => {
                let tag = space as u8;
                let map = map.read();
                let range = (tag, start.to_vec())..(tag, end.to_vec());
                for ((_, key), value) in map.range(range).rev() {
                    if !visit(key, value) {
                        break;
                    }
                }
            }
            Self::Disk { database, spaces } => {
                let range = (Bound::Included(start), Bound::Excluded(end));
                let snapshot = database.snapshot();
                let entries = snapshot.range::<&[u8], _>(&spaces[space as usize], range);
                for entry in entries.rev() {
                    let (key, value) = entry.into_inner().map_err(io::Error::other)?;
                    if !visit(&key, &value) {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}
