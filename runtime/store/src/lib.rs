//! Accounts at rest: the [`Store`] trait and the in-memory store.
//!
//! A store holds the accounts of the newest finalised bank. It knows no transaction, no block
//! and no fork; banks lay their changes over it.
#![forbid(unsafe_code)]

mod encoding;
mod memory;
mod shard;
pub mod sync;
mod trie;

use std::fmt;

use lockstep_interface::{Account, Address};
use thiserror::Error;

pub use encoding::{DecodeError, account_hash, decode_account, encode_account};
pub use memory::MemoryStore;
pub use trie::{
    PROOF_SIZE_MAX, Parallel, ProofError, ProvenLeaf, SIBLING_COUNT_MAX, Serial, StateProof, Trie,
    key_path, verify_proof,
};

/// One account after a block. An account without lamports is one that ceased to exist.
pub type Change = (Address, Account);

/// Why a store failed. Fatal to the node: a bank cannot go on without its accounts.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The medium failed.
    #[error("account store: {operation}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// What went wrong.
        source: std::io::Error,
    },
}

/// Accounts by address, shared between threads.
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

    /// Applies the changes of a finalised block. Later changes of the same address win.
    ///
    /// # Errors
    /// If the medium fails; the store then still holds the state from before.
    fn commit(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// Number of accounts that exist.
    ///
    /// # Errors
    /// If the medium fails.
    fn account_count(&self) -> Result<usize, StoreError>;

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
