//! From options to a chain: its threads, its storage, its genesis.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lockstep_runtime::{
    bank::Genesis,
    chain::{self, Chain, Executor},
    threads::Threads,
};
use lockstep_store::{CachedStore, DiskOptions, DiskStore, MemoryStore, Store, Trie, load_trie};

use crate::{
    given::{ChainOptions, Storage},
    kinds::GenesisParts,
    status::{Failure, Status},
    storage::HostStore,
};

/// Signatures are not verified: the caller has done so.
pub const CHAIN_TRUSTS_SIGNATURES: u32 = 1;
/// Blocks of others are executed serially, one transaction after the other.
pub const CHAIN_IS_SERIAL: u32 = 2;
/// Transactions that only credit an account do not run at once in blocks that are built.
pub const CHAIN_ORDERS_CREDITS: u32 = 4;
/// The chain computes no root over all accounts, and gives no proofs and no snapshots.
pub const CHAIN_HAS_NO_STATE_ROOT: u32 = 8;
const FLAGS: u32 =
    CHAIN_TRUSTS_SIGNATURES | CHAIN_IS_SERIAL | CHAIN_ORDERS_CREDITS | CHAIN_HAS_NO_STATE_ROOT;

/// Threads of one pool.
const THREADS_MAX: u32 = 1_024;

/// What a chain is opened with.
#[derive(Debug)]
pub(crate) struct Opening {
    options: chain::ChainOptions,
    cache_size: usize,
    has_state_root: bool,
    place: Place,
    /// Whether the chain is open, so that the embedder's storage belongs to it.
    is_open: Arc<AtomicBool>,
}

/// Where accounts and blocks are.
#[derive(Debug)]
enum Place {
    Memory,
    Directory(PathBuf),
    Host(Storage),
}

fn threads(count: u32, name: &str) -> Result<Threads, Failure> {
    if count > THREADS_MAX {
        let found = format!("{name} is {count}, at most {THREADS_MAX} are possible");
        return Err(Failure::new(Status::BadSize, found));
    }
    Ok(Threads::new(count.max(1) as usize)?)
}

impl Opening {
    /// Checks options; `directory` and `storage` are those that its pointers lead to.
    pub(crate) fn new(
        options: &ChainOptions,
        directory: Option<&str>,
        storage: Option<Storage>,
    ) -> Result<Self, Failure> {
        let flags = options.flags;
        if flags & !FLAGS != 0 || options.reserved != 0 {
            let found = format!(
                "flags {flags:#x} and reserved {:#x} of lockstep_chain_options, expected flags \
                 within {FLAGS:#x} and 0",
                options.reserved
            );
            return Err(Failure::new(Status::BadValue, found));
        }
        let place = match (directory, storage) {
            (None, None) => Place::Memory,
            (Some(directory), None) => Place::Directory(directory.into()),
            (None, Some(storage)) => Place::Host(storage),
            (Some(_), Some(_)) => {
                let found = "directory and storage are both set, expected one of them at most";
                return Err(Failure::new(Status::BadValue, found));
            }
        };
        let mut chain = chain::ChainOptions::new(threads(options.thread_count, "thread_count")?);
        if options.reader_thread_count > 0 {
            let name = "reader_thread_count";
            chain.reader_threads = threads(options.reader_thread_count, name)?;
        }
        if flags & CHAIN_TRUSTS_SIGNATURES != 0 {
            chain.verifier = None;
        }
        if flags & CHAIN_IS_SERIAL != 0 {
            chain.executor = Executor::Serial;
        }
        chain.shares_credits = flags & CHAIN_ORDERS_CREDITS == 0;
        Ok(Self {
            options: chain,
            cache_size: usize::try_from(options.cache_size).unwrap_or(usize::MAX),
            has_state_root: flags & CHAIN_HAS_NO_STATE_ROOT == 0,
            place,
            is_open: Arc::default(),
        })
    }

    /// Opens the chain at its genesis, or where it was left.
    pub(crate) fn open(self, parts: &GenesisParts) -> Result<Chain, Failure> {
        let (store, trie) = self.storage()?;
        let trie = trie.filter(|_| self.has_state_root);
        let chain = Chain::open(store, trie, genesis(parts), self.options)?;
        self.is_open.store(true, Ordering::SeqCst);
        Ok(chain)
    }

    /// Opens the chain of a snapshot. On disk nothing is left of one that is refused.
    pub(crate) fn import(
        self,
        parts: &GenesisParts,
        source: &mut dyn std::io::Read,
        expected: Option<&lockstep_interface::Hash>,
    ) -> Result<Chain, Failure> {
        if !self.has_state_root {
            let found = "a snapshot is verified by the state root: clear that flag";
            return Err(Failure::new(Status::NoStateRoot, found));
        }
        if let Place::Directory(directory) = &self.place {
            let threads = &self.options.threads;
            DiskStore::build(directory, DiskOptions::default(), threads, |store| {
                let first = genesis(parts);
                chain::snapshot::import(source, store, &first, expected, threads, &mut |_| {})
            })?;
            return self.open(parts);
        }
        let (store, _) = self.storage()?;
        let options = self.options;
        let chain = Chain::import(
            source,
            store,
            genesis(parts),
            options,
            expected,
            &mut |_| {},
        )?;
        self.is_open.store(true, Ordering::SeqCst);
        Ok(chain)
    }

    /// The storage, and the trie of its accounts.
    fn storage(&self) -> Result<(Arc<dyn Store>, Option<Trie>), Failure> {
        let threads = &self.options.threads;
        Ok(match &self.place {
            Place::Memory => (Arc::new(MemoryStore::new()), Some(Trie::default())),
            Place::Directory(directory) => {
                let (store, trie) = DiskStore::open(directory, DiskOptions::default(), threads)?;
                (self.cached(store), Some(trie))
            }
            Place::Host(storage) => {
                let store = HostStore::open(storage, Arc::clone(&self.is_open))?;
                // A chain without state roots states none, and needs no trie.
                let trie = match self.has_state_root {
                    true => Some(load_trie(&store, threads)?),
                    false => None,
                };
                (self.cached(store), trie)
            }
        })
    }

    fn cached(&self, store: impl Store + 'static) -> Arc<dyn Store> {
        match self.cache_size {
            0 => Arc::new(store),
            size => Arc::new(CachedStore::new(store, size)),
        }
    }
}

fn genesis(parts: &GenesisParts) -> Genesis {
    Genesis {
        limits: parts.limits,
        slot: parts.slot,
        linked: parts.linked.clone(),
        ..Genesis::new(parts.accounts.clone(), parts.programs.clone())
    }
}
