//! Opens a ledger on disk for a workload, with its accounts cached in memory.

use std::path::Path;
use std::sync::Arc;

use lockstep_benches::runner::{RunOptions, Runner};
use lockstep_benches::workload::Workload;
use lockstep_runtime::bank::Genesis;
use lockstep_runtime::chain::{Chain, OpenError, Parameters};
use lockstep_runtime::threads::ThreadsError;
use lockstep_store::{CachedStore, DiskOptions, DiskStore, PageCounts, StoreError};

use crate::ledger::{LedgerError, LoadError, check_load, keep_genesis, linked_programs};

/// Why a ledger cannot be run on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DurableError {
    /// It could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not go on with the load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its first state could not be kept.
    #[error(transparent)]
    Genesis(#[from] LedgerError),
    /// The system refused a thread.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// A ledger in a directory, and its load.
#[derive(Debug)]
pub(crate) struct Durable<'a> {
    pub(crate) runner: Runner<'a>,
    store: Arc<CachedStore<DiskStore>>,
    pages: Option<Arc<PageCounts>>,
}

impl<'a> Durable<'a> {
    /// Opens the ledger where it was left, or makes it with the workload's accounts. Keeps
    /// `cache_size` bytes of accounts in memory.
    ///
    /// # Errors
    /// If the directory is no ledger, is in use, is damaged, or was made for another load.
    pub(crate) fn open(
        workload: &Workload,
        path: &Path,
        disk_options: DiskOptions,
        cache_size: usize,
        options: RunOptions<'a>,
    ) -> Result<Self, DurableError> {
        let chain_options = options.chain_options()?;
        let (disk, trie) = DiskStore::open(path, disk_options, &chain_options.threads)?;
        let pages = trie.page_counts();
        let store = Arc::new(CachedStore::warm(disk, cache_size)?);
        let kept = Parameters::kept(&*store)?;
        let linked = linked_programs();
        let programs = kept.map_or_else(
            || linked.clone(),
            |kept| kept.genesis(linked.clone()).programs,
        );
        let genesis = Genesis::new(workload.genesis().collect(), programs);
        let genesis = genesis.with_linked(linked).without_limits();
        let root = genesis.delta_root(&chain_options.threads);
        let root = root.map_err(OpenError::from)?;
        let dynamic = Arc::<CachedStore<DiskStore>>::clone(&store);
        let chain = Chain::open(dynamic, trie, genesis, chain_options)?;
        check_load(&chain, path, workload, &root)?;
        keep_genesis(&chain, path)?;
        let runner = Runner::on(chain, options);
        Ok(Self {
            runner,
            store,
            pages,
        })
    }

    /// Closes the ledger so that it is opened fast.
    ///
    /// # Errors
    /// If the store fails; nothing is lost.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        self.runner.chain().keep_trie()
    }

    /// Pages of the trie read and written, if its memory has a bound.
    pub(crate) fn page_counts(&self) -> Option<(u64, u64)> {
        self.pages.as_ref().map(|pages| pages.get())
    }

    /// Accounts read from memory, and looked for on disk.
    pub(crate) fn cache_counts(&self) -> (u64, u64) {
        self.store.counts()
    }
}
