//! Accounts at rest: the [`Store`] trait, a store in memory, one on disk, and the [`Trie`] that
//! gives all accounts one root.
//!
//! A store holds the accounts of the newest finalised bank, and a log of the finalised blocks. It
//! knows no transaction and no fork; banks lay their changes over it.
//!
//! An embedder with storage of its own implements [`Store`] over it, checks the implementation by
//! `suite::run` (feature `suite`), and has everything that a chain does over the stores here.
#![deny(unsafe_code)]

mod block;
mod cached;
#[cfg(feature = "disk")]
mod disk;
mod encoding;
mod error;
mod memory;
mod sha256;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
pub mod sync;
mod table;
mod trie;

use std::fmt;

use lockstep_interface::{Account, Address};

pub use block::{BlockBatch, BlockRecord, StoredBlock};
pub use cached::CachedStore;
#[cfg(feature = "disk")]
pub use disk::{DiskOptions, DiskStore};
pub use encoding::{DecodeError, account_hash, account_hashes, decode_account, encode_account};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use sha256::{HASHED_ALONE_SIZE, Messages};
pub use trie::{
    LAYER_DEPTH_MAX, PROOF_SIZE_MAX, PageCounts, Parallel, PartialTrie, PartialTrieError,
    ProofError, ProvenLeaf, SIBLING_COUNT_MAX, Serial, StateProof, Trie, TrieBound, TrieBuilder,
    key_path, key_paths, merge_layer, merge_nodes, verify_proof,
};

/// One account after a block. An account without lamports is one that ceased to exist.
pub type Change = (Address, Account);

/// Bytes of accounts at which a page ends.
pub(crate) const SCAN_SIZE: usize = 4 << 20;

/// Accounts by address, shared between threads, and the log of blocks that made them.
///
/// One thread at a time commits or prunes; any number may read meanwhile. A reader sees each
/// account as it was before a block or as it is after it, never a mixture, and never older than
/// the tip that it has seen. Calls behind the end of a commit see all of it.
///
/// The rules below are tests in `suite`, behind the feature of that name.
pub trait Store: fmt::Debug + Send + Sync {
    /// Reads the accounts of `addresses` into `accounts`, the default account (no lamports)
    /// standing for one that does not exist.
    ///
    /// Both slices have the same length. Reading many at once lets a store overlap the waits
    /// for memory or disk.
    ///
    /// # Errors
    /// If the medium fails; `accounts` is then of no use.
    ///
    /// # Panics
    /// If the slices differ in length.
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError>;

    /// Applies a finalised block as a whole: its accounts, its record and its body.
    ///
    /// Committing the newest block once more changes nothing, so that a commit whose outcome is
    /// unknown can be repeated; [`BlockRecord::is_repeat`] tells. Of several changes of an address
    /// the last counts, and an account without lamports is removed. A store that outlives its
    /// process has the block durably at the end, and opens after a failure at any instant with all
    /// of the block or with nothing of it.
    ///
    /// # Errors
    /// If the block does not follow the newest one, which changes nothing; or if the medium fails.
    /// The tip is then the one from before, and each account that the block changes may be the one
    /// or the other, until the store is opened again.
    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError>;

    /// The record of the newest block; `None` before the first commit.
    fn tip(&self) -> Option<BlockRecord>;

    /// The block of a slot, unless there was none or it was pruned.
    ///
    /// # Errors
    /// If the medium fails.
    fn block(&self, slot: u64) -> Result<Option<StoredBlock>, StoreError>;

    /// The records of the newest `count` blocks, or of all if there are fewer, oldest first.
    ///
    /// # Errors
    /// If the medium fails.
    fn records(&self, count: usize) -> Result<Vec<BlockRecord>, StoreError>;

    /// Forgets the blocks of slots below `slot`, except the newest; their accounts stay.
    ///
    /// # Errors
    /// If the medium fails; some of the blocks may then be gone, always the oldest.
    fn prune(&self, slot: u64) -> Result<(), StoreError>;

    /// The accounts behind an address, or from the first on, in ascending order of addresses: some
    /// megabytes of them, and none only behind the last.
    ///
    /// No block may be committed during the call. Between calls one may.
    ///
    /// # Errors
    /// If the medium fails.
    fn page(&self, after: Option<&Address>) -> Result<Vec<Change>, StoreError>;

    /// Puts accounts into a store outside any block, for a state that comes in pieces. Until a
    /// block is committed that states the root of the whole, the store is not to be used; one on
    /// disk is refused when it is opened.
    ///
    /// # Errors
    /// If the medium fails.
    fn fill(&self, accounts: &[Change]) -> Result<(), StoreError>;

    /// What [`Store::keep_parameters`] was given last; `None` before.
    ///
    /// # Errors
    /// If the medium fails.
    fn parameters(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps some kilobytes that belong to the ledger as a whole, in place of those that were
    /// there: what a chain has to know before it goes on with the ledger. They are durable at the
    /// end.
    ///
    /// # Errors
    /// If the medium fails.
    fn keep_parameters(&self, parameters: &[u8]) -> Result<(), StoreError>;

    /// Keeps the trie of the newest block's accounts until the next block is committed, if the
    /// store has a use for it when it is opened again; one of other accounts is passed over.
    /// Without effect by default.
    ///
    /// O(accounts) on disk, 64 bytes each.
    ///
    /// # Errors
    /// If the medium fails; the store is as it was.
    fn keep_trie(&self, trie: &Trie) -> Result<(), StoreError> {
        let _ = trie;
        Ok(())
    }

    /// Shows all accounts in ascending order of their addresses, page by page.
    ///
    /// No block may be committed meanwhile.
    ///
    /// # Errors
    /// If the medium fails, or `visit` does.
    fn scan(
        &self,
        visit: &mut dyn FnMut(&[Change]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut page = self.page(None)?;
        while let Some((last, _)) = page.last() {
            let last = *last;
            visit(&page)?;
            page = self.page(Some(&last))?;
        }
        Ok(())
    }

    /// Number of accounts that exist; O(accounts) on disk.
    ///
    /// # Errors
    /// If the medium fails.
    fn account_count(&self) -> Result<usize, StoreError> {
        let mut count = 0usize;
        self.scan(&mut |accounts| {
            count = count.saturating_add(accounts.len());
            Ok(())
        })?;
        Ok(count)
    }

    /// Reads one account.
    ///
    /// # Errors
    /// If the medium fails.
    fn get(&self, address: &Address) -> Result<Option<Account>, StoreError> {
        let mut account = [Account::default()];
        self.load(std::slice::from_ref(address), &mut account)?;
        let [account] = account;
        Ok(account.exists().then_some(account))
    }
}

/// Makes the trie of all accounts of a store, and compares its root with the one that the newest
/// block states.
///
/// O(accounts); about a second for a million in memory.
///
/// # Errors
/// If the store fails, or its accounts are not those of its newest block.
pub fn load_trie(store: &dyn Store, parallel: &impl Parallel) -> Result<Trie, StoreError> {
    build_trie(store, TrieBuilder::default(), parallel)
}

/// The same by a builder that may have a bound.
pub(crate) fn build_trie(
    store: &dyn Store,
    mut builder: TrieBuilder,
    parallel: &impl Parallel,
) -> Result<Trie, StoreError> {
    store.scan(&mut |accounts| builder.push(accounts, parallel))?;
    let trie = builder.build(parallel)?;
    if let Some(tip) = store.tip()
        && let Some(stated) = tip.state_root
        && stated != trie.root()
    {
        return Err(StoreError::StateRoot {
            slot: tip.slot,
            stated,
            found: trie.root(),
        });
    }
    Ok(trie)
}
