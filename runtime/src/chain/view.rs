//! The state after a block, unchanged while the chain goes on.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{Change, Store, StoreError, account_hash, sync::Shared, verify_proof};
use thiserror::Error;

use super::{ProvenAccount, error::base58};
use crate::{bank::FrozenBank, block::BlockHeader};

/// Why a view shows nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The block lost to a committed one, or was discarded.
    #[error("block {} was dropped: it was discarded, or lost to a committed block", base58(.0))]
    Dropped(Hash),
    /// The commit of a block on this one failed, and the account may be that of the later block.
    /// Opened again, the chain knows which of the two blocks is the newest.
    #[error(
        "block {} cannot be read: the commit of the next block failed, open the chain again",
        base58(.0)
    )]
    Unsettled(Hash),
    /// The chain computes no state root, which a proof needs.
    #[error("the chain computes no state root")]
    NoStateRoot,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A block with views of it, and what later blocks have replaced in the store since it became
/// final.
#[derive(Debug)]
pub(super) struct Standpoint {
    bank: Arc<FrozenBank>,
    replaced: Shared<BTreeMap<Address, Account>>,
    is_lost: AtomicBool,
    /// Whether the store may have, wholly or in part, a later block whose changes are not kept
    /// here.
    is_unsettled: bool,
}

impl Standpoint {
    pub(super) fn new(bank: Arc<FrozenBank>, is_unsettled: bool) -> Self {
        Self {
            bank,
            replaced: Shared::default(),
            is_lost: AtomicBool::new(false),
            is_unsettled,
        }
    }

    /// Fails unless the block's state root covers all of these accounts.
    fn check_covered(&self, addresses: &[Address], accounts: &[Account]) -> Result<(), ViewError> {
        let trie = self.bank.trie().ok_or(ViewError::NoStateRoot)?;
        let root = trie.root();
        for (address, account) in addresses.iter().zip(accounts) {
            let hash = account.exists().then(|| account_hash(account));
            let proof = trie.try_prove(address)?;
            let proven = verify_proof(&root, address, hash.as_ref(), &proof);
            proven.map_err(|_| ViewError::Unsettled(self.id()))?;
        }
        Ok(())
    }

    pub(super) fn id(&self) -> Hash {
        self.bank.block_hash()
    }

    pub(super) fn is_final(&self) -> bool {
        self.bank.is_final()
    }

    /// Notes that the block is no longer part of the chain.
    pub(super) fn lose(&self) {
        self.is_lost.store(true, Ordering::SeqCst);
    }

    /// Keeps accounts as they are in the store, before a block replaces them there.
    pub(super) fn keep(&self, accounts: &[Change]) {
        let mut replaced = self.replaced.write();
        for (address, account) in accounts {
            replaced.entry(*address).or_insert_with(|| account.clone());
        }
    }
}

/// The state after one block. Clones share it.
///
/// While there is a view, each commit reads the accounts that its block replaces.
#[derive(Clone, Debug)]
pub struct View(Arc<Standpoint>);

impl View {
    pub(super) fn new(standpoint: Arc<Standpoint>) -> Self {
        Self(standpoint)
    }

    /// The block's header.
    pub fn header(&self) -> &BlockHeader {
        self.0.bank.header()
    }

    /// The block's id.
    pub fn block_id(&self) -> Hash {
        self.0.id()
    }

    /// Reads accounts into `accounts`, which has the same length; the default account stands for
    /// one that does not exist.
    ///
    /// # Errors
    /// If the block lost to another, or the store fails; or if the commit of the next block failed
    /// before this view was made, and one of the accounts is no longer the block's.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), ViewError> {
        self.0.bank.load(addresses, accounts)?;
        // Replaced accounts are noted before the store is written, and looked up after it was
        // read, so an account that is newer than this block is always found here.
        let replaced = self.0.replaced.read();
        if !replaced.is_empty() {
            for (address, account) in addresses.iter().zip(accounts.iter_mut()) {
                if let Some(before) = replaced.get(address) {
                    *account = before.clone();
                }
            }
        }
        if self.0.is_lost.load(Ordering::SeqCst) {
            return Err(ViewError::Dropped(self.0.id()));
        }
        if self.0.is_unsettled {
            self.0.check_covered(addresses, accounts)?;
        }
        Ok(())
    }

    /// Fails if the store may have accounts of a later block that the view does not know.
    pub(super) fn check_settled(&self) -> Result<(), ViewError> {
        let is_settled = !self.0.is_unsettled;
        is_settled
            .then_some(())
            .ok_or(ViewError::Unsettled(self.block_id()))
    }

    /// The bank of the block.
    pub(super) fn bank(&self) -> &FrozenBank {
        &self.0.bank
    }

    /// The accounts behind an address, as [`Store::page`] gives them, and the last address that is
    /// covered; `None` if those are all that follow. The block is final, and no other one becomes
    /// final during the call.
    pub(super) fn page(
        &self,
        store: &dyn Store,
        after: Option<&Address>,
    ) -> Result<(Vec<Change>, Option<Address>), StoreError> {
        let newest = store.page(after)?;
        let last = newest.last().map(|(address, _)| *address);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let end = last.as_ref().map_or(Bound::Unbounded, Bound::Included);
        let replaced = self.0.replaced.read();
        let mut replaced = replaced.range::<Address, _>((start, end)).peekable();
        if replaced.peek().is_none() {
            return Ok((newest, last));
        }
        let mut accounts: BTreeMap<Address, Account> = newest.into_iter().collect();
        accounts.extend(replaced.map(|(address, account)| (*address, account.clone())));
        let accounts = accounts.into_iter();
        let accounts = accounts.filter(|(_, account)| account.exists()).collect();
        Ok((accounts, last))
    }

    /// Reads one account.
    ///
    /// # Errors
    /// As [`View::load`].
    pub fn get(&self, address: &Address) -> Result<Option<Account>, ViewError> {
        let mut account = [Account::default()];
        self.load(std::slice::from_ref(address), &mut account)?;
        let [account] = account;
        Ok(account.exists().then_some(account))
    }

    /// The account at an address, if there is one, with its proof.
    ///
    /// # Errors
    /// As [`View::load`]; or if the chain computes no state root.
    pub fn prove(&self, address: &Address) -> Result<ProvenAccount, ViewError> {
        let trie = self.0.bank.trie().ok_or(ViewError::NoStateRoot)?;
        Ok(ProvenAccount {
            block_id: self.block_id(),
            header: *self.header(),
            account: self.get(address)?,
            proof: trie.try_prove(address)?,
        })
    }
}
