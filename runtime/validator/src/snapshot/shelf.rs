//! The snapshots that a member has for others, and which are wanted.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use commonware_cryptography::ed25519::PublicKey;
use lockstep_store::sync::Shared;

use super::offer::Offer;
use crate::limits::{SNAPSHOT_AHEAD_MAX, SNAPSHOTS_KEPT, SnapshotRules};

/// A snapshot with its bytes.
pub(super) struct Ready {
    pub(super) offer: Offer,
    /// The offer, encoded.
    pub(super) encoded: Vec<u8>,
    /// The bytes; they are gone from the folder once the file is closed.
    pub(super) file: File,
    path: PathBuf,
}

impl Drop for Ready {
    fn drop(&mut self) {
        // What cannot be removed is removed at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// Snapshots in a folder of their own, the newest [`SNAPSHOTS_KEPT`].
pub struct Shelf {
    folder: PathBuf,
    rules: SnapshotRules,
    tip: AtomicU64,
    /// For each peer the least height that it has asked for.
    wanted: Shared<BTreeMap<PublicKey, u64>>,
    is_making: AtomicBool,
    ready: Shared<VecDeque<Arc<Ready>>>,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Shelf")
            .field("folder", &self.folder)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Shelf {
    /// An empty shelf; what an earlier process left in the folder is removed.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn new(folder: &Path, rules: SnapshotRules) -> io::Result<Self> {
        super::partial::discard(folder)?;
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            rules,
            tip: AtomicU64::new(0),
            wanted: Shared::default(),
            is_making: AtomicBool::new(false),
            ready: Shared::default(),
        })
    }

    pub(super) fn rules(&self) -> &SnapshotRules {
        &self.rules
    }

    pub(super) fn path(&self, height: u64) -> PathBuf {
        self.folder.join(height.to_string())
    }

    /// The height of the newest durable block.
    pub(super) fn tip(&self) -> u64 {
        self.tip.load(Ordering::Relaxed)
    }

    pub(crate) fn set_tip(&self, height: u64) {
        self.tip.store(height, Ordering::Relaxed);
    }

    /// The newest snapshot of at least this height. If there is none, the next one is made for the
    /// peer.
    pub(super) fn ask(&self, peer: &PublicKey, at_least: u64) -> Option<Arc<Ready>> {
        if let Some(newest) = self.ready.read().back()
            && newest.offer.height() >= at_least
        {
            return Some(Arc::clone(newest));
        }
        if at_least <= self.tip().saturating_add(SNAPSHOT_AHEAD_MAX) {
            self.wanted.write().insert(peer.clone(), at_least);
        }
        None
    }

    /// The snapshot of a height.
    pub(super) fn get(&self, height: u64) -> Option<Arc<Ready>> {
        let ready = self.ready.read();
        ready
            .iter()
            .find(|ready| ready.offer.height() == height)
            .cloned()
    }

    /// Whether a snapshot is to be made of a height.
    pub(super) fn is_due(&self, height: u64) -> bool {
        height.is_multiple_of(self.rules.interval.max(1))
            && !self.is_making.load(Ordering::Relaxed)
            && self.wanted.read().values().any(|wanted| *wanted <= height)
    }

    /// Notes that a snapshot is being made; false if one is already.
    pub(super) fn begin(&self) -> bool {
        !self.is_making.swap(true, Ordering::Relaxed)
    }

    /// Notes that a snapshot is made, or could not be.
    pub(super) fn end(&self, made: Option<Offer>) -> io::Result<()> {
        self.is_making.store(false, Ordering::Relaxed);
        let Some(offer) = made else {
            return Ok(());
        };
        let height = offer.height();
        let path = self.path(height);
        let made = Ready {
            encoded: offer.encode(),
            file: File::open(&path)?,
            offer,
            path,
        };
        let mut ready = self.ready.write();
        ready.push_back(Arc::new(made));
        while ready.len() > SNAPSHOTS_KEPT {
            ready.pop_front();
        }
        self.wanted.write().retain(|_, wanted| *wanted > height);
        Ok(())
    }
}
