//! Why a store failed.

use std::{error::Error, path::PathBuf};

use lockstep_interface::{Address, Hash};
use thiserror::Error;

use crate::BlockRecord;

/// Why a store failed. Fatal to the node: a bank cannot go on without its accounts.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The medium of an embedder's store failed.
    #[error("account store: {operation}: {source}")]
    Medium {
        /// What was tried.
        operation: &'static str,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The storage engine failed.
    #[error("account store {}: {operation}: {source}", path.display())]
    Engine {
        /// The store's directory.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The block is no child of the newest block in the store. Nothing was changed.
    #[error(
        "block {} of slot {} with the parent {} does not follow the store's newest, block {} of \
         slot {}",
        base58(&.block.block_id), .block.slot, base58(&.block.parent_id),
        base58(&.tip.block_id), .tip.slot
    )]
    OutOfOrder {
        /// The newest block in the store.
        tip: Box<BlockRecord>,
        /// The one that was to be committed.
        block: Box<BlockRecord>,
    },
    /// There is something else at the store's path. Nothing was changed.
    #[error("{} is not an account store: {found}", path.display())]
    NotAStore {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// A new store was to be made where there is something already. Nothing was changed.
    #[error("{} exists and is not an empty directory: choose another path", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// Where a store is made there is something that no interrupted call has left. Nothing was
    /// changed.
    #[error(
        "{} is in the way, and not of this program: move it elsewhere, or choose another path",
        path.display()
    )]
    Foreign {
        /// The path.
        path: PathBuf,
    },
    /// Another process, or another store of this one, has it open.
    #[error("account store {}: in use by another process", path.display())]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// Another process changes the store faster than it is copied to be read.
    #[error(
        "account store {}: in use by another process, which changes it faster than it is copied: \
         try again later", path.display()
    )]
    Busy {
        /// The store's directory.
        path: PathBuf,
    },
    /// A newer release wrote the store. Nothing was changed.
    #[error(
        "account store {}: written with schema {found}, this release reads up to {known}: open it \
         with a newer release", path.display()
    )]
    Schema {
        /// The store's directory.
        path: PathBuf,
        /// The schema of the store.
        found: u32,
        /// The newest schema that is known here.
        known: u32,
    },
    /// The store contradicts itself: a file was damaged, replaced or lost.
    #[error("account store {}: damaged: {what}", path.display())]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// The contradiction.
        what: String,
    },
    /// Acknowledged blocks are missing.
    #[error(
        "account store {}: slot {acknowledged} was acknowledged, but the files end at {}; restore \
         them, or accept the rollback", path.display(),
        found.map_or_else(|| "no block at all".to_owned(), |slot| format!("slot {slot}"))
    )]
    RolledBack {
        /// The store's directory.
        path: PathBuf,
        /// The newest slot that is known to have been acknowledged.
        acknowledged: u64,
        /// The newest slot that is left.
        found: Option<u64>,
    },
    /// The accounts are not those of the store's newest block.
    #[error(
        "the accounts have the state root {}, the newest block, of slot {slot}, states {}",
        base58(found),
        base58(stated)
    )]
    StateRoot {
        /// The slot of the newest block.
        slot: u64,
        /// The root that the block states.
        stated: Hash,
        /// The root of the accounts.
        found: Hash,
    },
    /// An earlier commit failed and left open whether its block is durable.
    #[error("account store {}: a commit failed before; open the store again", path.display())]
    Stopped {
        /// The store's directory.
        path: PathBuf,
    },
}

#[cfg(feature = "disk")]
impl StoreError {
    /// The same of a store in another directory.
    pub(crate) fn at(mut self, directory: &std::path::Path) -> Self {
        match &mut self {
            Self::Engine { path, .. }
            | Self::NotAStore { path, .. }
            | Self::Exists { path }
            | Self::Foreign { path }
            | Self::Locked { path }
            | Self::Busy { path }
            | Self::Schema { path, .. }
            | Self::Damaged { path, .. }
            | Self::RolledBack { path, .. }
            | Self::Stopped { path } => directory.clone_into(path),
            Self::Medium { .. } | Self::OutOfOrder { .. } | Self::StateRoot { .. } => {}
        }
        self
    }
}

/// Hashes are shown in base58, as addresses are.
fn base58(hash: &Hash) -> Address {
    Address::new_from_array(hash.to_bytes())
}
