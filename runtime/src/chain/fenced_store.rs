//! An embedder's store behind a fence: a panic in it is an error of the call.

use std::sync::Arc;

use lockstep_interface::{Account, Address};
use lockstep_store::{BlockBatch, BlockRecord, Change, Store, StoreError, StoredBlock, Trie};

use crate::fence::fenced;

/// A store whose panics are errors. That of [`Store::tip`], which can give none, is its caller's;
/// it is asked while a chain is opened.
#[derive(Debug)]
pub(super) struct FencedStore(pub(super) Arc<dyn Store>);

impl FencedStore {
    fn call<R>(
        &self,
        operation: &'static str,
        call: impl FnOnce(&dyn Store) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        fenced(|| call(&*self.0)).unwrap_or_else(|message| {
            Err(StoreError::Medium {
                operation,
                source: format!("panicked: {message}").into(),
            })
        })
    }
}

impl Store for FencedStore {
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        self.call("load", |store| store.load(addresses, accounts))
    }

    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError> {
        self.call("commit", |store| store.commit(block))
    }

    fn tip(&self) -> Option<BlockRecord> {
        self.0.tip()
    }

    fn block(&self, slot: u64) -> Result<Option<StoredBlock>, StoreError> {
        self.call("read a block", |store| store.block(slot))
    }

    fn records(&self, count: usize) -> Result<Vec<BlockRecord>, StoreError> {
        self.call("read the records", |store| store.records(count))
    }

    fn prune(&self, slot: u64) -> Result<(), StoreError> {
        self.call("prune", |store| store.prune(slot))
    }

    fn page(&self, after: Option<&Address>) -> Result<Vec<Change>, StoreError> {
        self.call("read a page", |store| store.page(after))
    }

    fn fill(&self, accounts: &[Change]) -> Result<(), StoreError> {
        self.call("fill", |store| store.fill(accounts))
    }

    fn parameters(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.call("read the parameters", |store| store.parameters())
    }

    fn keep_parameters(&self, parameters: &[u8]) -> Result<(), StoreError> {
        self.call("keep the parameters", |store| {
            store.keep_parameters(parameters)
        })
    }

    fn keep_trie(&self, trie: &Trie) -> Result<(), StoreError> {
        self.call("keep the trie", |store| store.keep_trie(trie))
    }

    fn scan(
        &self,
        visit: &mut dyn FnMut(&[Change]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.call("scan", |store| store.scan(visit))
    }

    fn account_count(&self) -> Result<usize, StoreError> {
        self.call("count the accounts", |store| store.account_count())
    }
}
