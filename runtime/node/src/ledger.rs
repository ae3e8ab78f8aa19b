//! Opens the chain of a node: a ledger in a directory, or one in memory.
//!
//! ```text
//! DIR/                the store, as `lockstep inspect`, `verify` and `prove` know it
//! DIR/faucet.json     the secret key of the faucet, for its owner alone
//! DIR/history         key spaces of the history; removed, they are made again
//! ```

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use lockstep_interface::ProgramTable;
use lockstep_runtime::{
    bank::Genesis,
    chain::{Chain, ChainOptions, OpenError, Parameters},
    threads::{Threads, ThreadsError},
    verify::Verifier,
    wire::SigningKey,
};
use lockstep_store::{CachedStore, DiskOptions, DiskStore, MemoryStore, Store, StoreError, Trie};
use thiserror::Error;

use crate::{
    genesis::{GenesisFile, GenesisFileError},
    keys::{address_of, random_key, read_key, write_key},
    limits::VERIFIER_KEY_COUNT,
};

/// The file of the faucet's key in a ledger's directory.
pub const FAUCET_FILE: &str = "faucet.json";
/// The history's directory in a ledger's directory.
pub const HISTORY_FOLDER: &str = "history";
/// The file in a ledger's directory that holds its first state, as a snapshot.
pub const GENESIS_FILE: &str = "genesis.snapshot";

/// Where the ledger is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In memory; it goes with the node.
    Memory,
    /// In a directory, which is made if it is missing.
    Disk(PathBuf),
}

/// Why a ledger cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The chain cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The genesis file is of no use.
    #[error(transparent)]
    Genesis(#[from] GenesisFileError),
    /// A genesis was given for a ledger that has one.
    #[error(
        "{0}: the ledger has its genesis already: start without a genesis file and without \
         compiled programs"
    )]
    HasGenesis(PathBuf),
    /// The key of the faucet can be neither read nor written.
    #[error("the key of the faucet: {0}")]
    Faucet(io::Error),
    /// The system refused a thread.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// The system refused the thread that reads ahead.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// A chain that a node works on.
#[derive(Debug)]
pub struct Ledger {
    /// The chain.
    pub chain: Chain,
    /// The key that airdrops come from; `None` if the ledger has none.
    pub faucet: Option<SigningKey>,
    /// The history's directory; `None` in memory.
    pub history: Option<PathBuf>,
}

/// How a ledger is opened.
#[derive(Clone, Debug)]
pub struct LedgerOptions {
    /// Where it is.
    pub place: Place,
    /// The genesis of a new one; the default of one for development if there is none.
    pub genesis: Option<GenesisFile>,
    /// The programs that are linked in. An old ledger has those that it was made with, and those
    /// that it has activated.
    pub programs: ProgramTable,
    /// The programs of a new ledger, unless its genesis file names others that are linked in.
    pub new_programs: ProgramTable,
    /// The faucet's key; without one, a new ledger makes one and keeps it.
    pub faucet: Option<SigningKey>,
    /// Threads that execute.
    pub threads: usize,
    /// How the store of a ledger on disk is opened.
    pub disk: DiskOptions,
    /// Bytes of accounts of a ledger on disk that are kept in memory.
    pub cache_size: usize,
}

impl Ledger {
    /// Opens the ledger, or makes it.
    ///
    /// # Errors
    /// If there is something else at its place, it is in use or damaged, or the genesis is of no
    /// use.
    pub fn open(options: &LedgerOptions) -> Result<Self, LedgerError> {
        let threads = Threads::new(options.threads)?;
        let mut chain_options = ChainOptions {
            reader_threads: Threads::new(1)?,
            verifier: Some(Verifier::new(VERIFIER_KEY_COUNT)),
            ..ChainOptions::new(threads.clone())
        };
        match &options.place {
            Place::Memory => {
                let store = Arc::new(MemoryStore::new());
                let faucet = match &options.faucet {
                    Some(key) => *key,
                    None => random_key().map_err(LedgerError::Faucet)?,
                };
                let genesis = new_genesis(options, &faucet)?;
                chain_options.leader = Some(address_of(&faucet));
                let chain = Chain::open(store, Trie::default(), genesis, chain_options)?;
                Ok(Self {
                    chain,
                    faucet: Some(faucet),
                    history: None,
                })
            }
            Place::Disk(path) => {
                let (disk, trie) = DiskStore::open(path, options.disk, &threads)?;
                let is_new = disk.tip().is_none();
                if !is_new && options.genesis.is_some() {
                    return Err(LedgerError::HasGenesis(path.clone()));
                }
                let faucet = faucet_key(path, options.faucet, is_new)?;
                let genesis = match (&faucet, is_new) {
                    (Some(key), true) => new_genesis(options, key)?,
                    _ => kept_genesis(&disk, &options.programs)?,
                };
                chain_options.leader = faucet.as_ref().map(address_of);
                let store = Arc::new(CachedStore::new(disk, options.cache_size));
                read_ahead(&store)?;
                let chain = Chain::open(store, trie, genesis, chain_options)?;
                Ok(Self {
                    chain,
                    faucet,
                    history: Some(path.join(HISTORY_FOLDER)),
                })
            }
        }
    }
}

/// Reads accounts into the cache on a thread of its own.
fn read_ahead(store: &Arc<CachedStore<DiskStore>>) -> Result<(), LedgerError> {
    let store = Arc::downgrade(store);
    let builder = thread::Builder::new().name("lockstep-warm".to_owned());
    let started = builder.spawn(move || {
        if let Err(error) = CachedStore::read_ahead(&store) {
            tracing::error!(%error, "accounts cannot be read ahead");
        }
    });
    started.map(|_| ()).map_err(LedgerError::Thread)
}

fn new_genesis(options: &LedgerOptions, faucet: &SigningKey) -> Result<Genesis, LedgerError> {
    let file = options.genesis.clone().unwrap_or_default();
    Ok(file.genesis(
        &address_of(faucet),
        &options.new_programs,
        &options.programs,
    )?)
}

/// The genesis that a ledger keeps, without its accounts.
fn kept_genesis(store: &dyn Store, programs: &ProgramTable) -> Result<Genesis, OpenError> {
    let kept = Parameters::kept(store)?;
    Ok(kept.map_or_else(
        || Genesis::new(Vec::new(), programs.clone()),
        |kept| kept.genesis(programs.clone()),
    ))
}

/// The key that is given, or kept, or made for a new ledger.
fn faucet_key(
    path: &Path,
    given: Option<SigningKey>,
    is_new: bool,
) -> Result<Option<SigningKey>, LedgerError> {
    let file = path.join(FAUCET_FILE);
    if given.is_some() {
        return Ok(given);
    }
    if file.is_file() {
        return read_key(&file).map(Some).map_err(LedgerError::Faucet);
    }
    if !is_new {
        return Ok(None);
    }
    let key = random_key().map_err(LedgerError::Faucet)?;
    write_key(&file, &key).map_err(LedgerError::Faucet)?;
    Ok(Some(key))
}
