//! A store that fails once, at any of its calls, or panics in each.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use lockstep_interface::{Account, Address};
use lockstep_store::{
    BlockBatch, BlockRecord, Change, MemoryStore, Store, StoreError, StoredBlock,
};

/// Counts its calls and fails the one that is due. While it is told to, all of them panic.
#[derive(Debug)]
pub(crate) struct FailingStore {
    inner: MemoryStore,
    calls: AtomicU32,
    fails_at: AtomicU32,
    panics: AtomicBool,
}

impl FailingStore {
    pub(crate) fn new() -> Self {
        Self {
            inner: MemoryStore::new(),
            calls: AtomicU32::new(0),
            fails_at: AtomicU32::new(u32::MAX),
            panics: AtomicBool::new(false),
        }
    }

    /// Makes the call number `call` from now on fail, counted from 0.
    pub(crate) fn fail_at(&self, call: u32) {
        self.calls.store(0, Ordering::Relaxed);
        self.fails_at.store(call, Ordering::Relaxed);
    }

    /// Whether all calls panic from now on.
    #[allow(dead_code, reason = "an engine leaves it to its chain")]
    pub(crate) fn panic(&self, panics: bool) {
        self.panics.store(panics, Ordering::Relaxed);
    }

    /// Whether fewer calls than this came since then.
    pub(crate) fn has_spared(&self, call: u32) -> bool {
        self.calls.load(Ordering::Relaxed) <= call
    }

    /// Calls the store below, unless this call is due to fail.
    fn call<R>(
        &self,
        operation: &'static str,
        work: impl FnOnce() -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        assert!(!self.panics.load(Ordering::Relaxed), "the disk is on fire");
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if call == self.fails_at.load(Ordering::Relaxed) {
            let source = "on purpose".into();
            return Err(StoreError::Medium { operation, source });
        }
        work()
    }
}

impl Store for FailingStore {
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        self.call("load", || self.inner.load(addresses, accounts))
    }

    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError> {
        self.call("commit", || self.inner.commit(block))
    }

    fn tip(&self) -> Option<BlockRecord> {
        self.inner.tip()
    }

    fn block(&self, slot: u64) -> Result<Option<StoredBlock>, StoreError> {
        self.call("read a block", || self.inner.block(slot))
    }

    fn records(&self, count: usize) -> Result<Vec<BlockRecord>, StoreError> {
        self.call("read the log", || self.inner.records(count))
    }

    fn prune(&self, slot: u64) -> Result<(), StoreError> {
        self.call("prune", || self.inner.prune(slot))
    }

    fn page(&self, after: Option<&Address>) -> Result<Vec<Change>, StoreError> {
        self.call("read a page", || self.inner.page(after))
    }

    fn fill(&self, accounts: &[Change]) -> Result<(), StoreError> {
        self.call("fill", || self.inner.fill(accounts))
    }

    fn parameters(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.call("read the parameters", || self.inner.parameters())
    }

    fn keep_parameters(&self, parameters: &[u8]) -> Result<(), StoreError> {
        self.call("keep the parameters", || {
            self.inner.keep_parameters(parameters)
        })
    }
}
