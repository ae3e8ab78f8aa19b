//! Ledgers on disk, as the commands around them open, copy, prove and check them.
//!
//! ```text
//! directory -> store, trie -> Chain -> proof, snapshot file
//! snapshot file -> directory
//! directory's log + snapshot -> executed again in memory, root by root     verify
//! ```
//!
//! A ledger's programs are those that it was made with, out of those linked in. Rules, rent and
//! whatever else its genesis decided are those that it keeps, which for one that is made here are
//! today's; its accounts came with its genesis or with a snapshot.

mod load;
mod options;
mod verify;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use lockstep_interface::{Hash, ProgramTable};
use lockstep_market::{market_programs, with_market};
use lockstep_messages::with_messages;
use lockstep_node::{FAUCET_FILE, HISTORY_FOLDER};
use lockstep_programs::builtin_programs;
use lockstep_runtime::bank::Genesis;
use lockstep_runtime::chain::{
    Chain, ChainOptions, OpenError, Parameters,
    snapshot::{self, ExportError, Exported, ImportError, Progress},
};
use lockstep_runtime::threads::{Threads, ThreadsError};
use lockstep_runtime::verify::Verifier;
use lockstep_sbf::with_loaders;
use lockstep_stake::staking::StakingProgram;
use lockstep_store::{BlockRecord, DiskOptions, DiskStore, Store, StoreError, Trie};

use crate::output;

pub use lockstep_node::GENESIS_FILE;

pub use crate::output::OutputError;
pub(crate) use load::{LoadError, check_load};
pub(crate) use options::{Common, base58, parse_address, parse_block_id, show, shown, state_root};
pub use verify::{Difference, Verified, VerifyError, VerifyOptions, verify};
pub(crate) use verify::{state_before, verify_store};

/// Bytes that go to a file, or come from one, at a time.
const BUFFER_SIZE: usize = 1 << 20;

/// Why nothing was done with a ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is no ledger in the directory.
    #[error("{} is not a ledger: {}", path.display(), if *exists {
        "there is no store in it"
    } else {
        "there is no such directory"
    })]
    Absent {
        /// The directory.
        path: PathBuf,
        /// Whether there is something.
        exists: bool,
    },
    /// The store has no block: the command that made it was interrupted.
    #[error("{}: the ledger has no block: remove the directory and make it again", .0.display())]
    Empty(PathBuf),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain cannot be opened.
    #[error("{}: {source}", path.display())]
    Open {
        /// The ledger's directory.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// No snapshot was made.
    #[error("{}: {source}", path.display())]
    Export {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ExportError,
    },
    /// The snapshot was not accepted.
    #[error("{}: {source}", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ImportError,
    },
    /// The snapshot's file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system refused a thread.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// Whether a name in a ledger's directory is that of a part of the ledger.
pub(crate) fn is_ledgers(name: &OsStr) -> bool {
    let is_nodes = name == FAUCET_FILE || name == HISTORY_FOLDER;
    DiskStore::is_part(name) || name == GENESIS_FILE || name == load::LOAD_FILE || is_nodes
}

/// Opens the store of a ledger, which must be there, to read it: if it is in use or cannot be
/// written, a copy of it is opened. All accounts are read if they are to be checked, or if the
/// ledger was not closed in order: O(accounts), and for a copy O(size).
///
/// # Errors
/// If there is no ledger, or its store is damaged, written by a newer release, or cannot be copied.
pub fn open_store(
    path: &Path,
    check_accounts: bool,
    threads: &Threads,
) -> Result<(DiskStore, Trie), LedgerError> {
    if !DiskStore::is_at(path) {
        let (path, exists) = (path.to_owned(), path.exists());
        return Err(LedgerError::Absent { path, exists });
    }
    let options = DiskOptions {
        check_accounts,
        ..DiskOptions::default()
    };
    let (store, trie) = DiskStore::open_to_read(path, options, threads)?;
    if store.tip().is_none() {
        return Err(LedgerError::Empty(path.to_owned()));
    }
    Ok((store, trie))
}

/// Opens the chain of a ledger, which must be there, to read it.
///
/// # Errors
/// As [`open_store`]; or if the log does not fit the accounts.
pub fn open_chain(path: &Path, threads: &Threads) -> Result<Chain, LedgerError> {
    let (store, trie) = open_store(path, false, threads)?;
    chain_of(path, store, trie, threads)
}

/// The chain of a ledger whose store is open.
fn chain_of(
    path: &Path,
    store: DiskStore,
    trie: Trie,
    threads: &Threads,
) -> Result<Chain, LedgerError> {
    let options = chain_options(threads, true);
    let genesis = genesis(path, &store)?;
    Chain::open(Arc::new(store), trie, genesis, options).map_err(not_opened(path))
}

fn not_opened(path: &Path) -> impl Fn(OpenError) -> LedgerError {
    |source| LedgerError::Open {
        path: path.to_owned(),
        source,
    }
}

/// The genesis of every ledger that is made here, without its accounts, which a ledger that exists
/// does not need.
fn todays_genesis() -> Genesis {
    Genesis::new(Vec::new(), builtin_programs()).without_limits()
}

/// The programs that ledgers may have been made with, once for the process, as they are linked in
/// once.
static LINKED: OnceLock<ProgramTable> = OnceLock::new();

/// Lets ledgers have these programs besides those of the market, of stakes and of messages, and the
/// loaders.
/// Only the first call counts.
pub(crate) fn link_programs(programs: &ProgramTable) {
    LINKED.get_or_init(|| linked(with_market(programs.clone())));
}

fn linked(programs: ProgramTable) -> ProgramTable {
    with_messages(with_loaders(programs).with(StakingProgram))
}

/// The programs that ledgers may have.
pub(crate) fn linked_programs() -> ProgramTable {
    LINKED.get_or_init(|| linked(market_programs())).clone()
}

/// The genesis of a ledger, without its accounts.
fn genesis(path: &Path, store: &dyn Store) -> Result<Genesis, LedgerError> {
    let Some(kept) = Parameters::kept(store).map_err(not_opened(path))? else {
        return Ok(todays_genesis());
    };
    let genesis = kept.genesis(linked_programs());
    let checked = kept.check(&genesis).map_err(OpenError::from);
    checked.map_err(not_opened(path))?;
    Ok(genesis)
}

fn chain_options(threads: &Threads, verifies_signatures: bool) -> ChainOptions {
    ChainOptions {
        verifier: verifies_signatures.then(Verifier::default),
        ..ChainOptions::new(threads.clone())
    }
}

/// Writes a chain's first state to [`GENESIS_FILE`] in its directory, so that [`verify`] can begin
/// there. Does nothing once there are blocks above it, or if the file is there.
///
/// # Errors
/// If the store fails, or the file cannot be written.
pub fn keep_genesis(chain: &Chain, path: &Path) -> Result<(), LedgerError> {
    let file = path.join(GENESIS_FILE);
    let (_, header) = chain.head();
    if header.slot == chain.parameters().slot && !file.exists() {
        write_snapshot(chain, &file, &mut |_| ())?;
    }
    Ok(())
}

/// Writes a snapshot of a chain to a file, which has its name once it is whole and durable. A file
/// that was there is replaced; a FIFO or a device is written to.
///
/// # Errors
/// If the store fails, or the file cannot be written.
pub fn write_snapshot(
    chain: &Chain,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Exported, LedgerError> {
    output::write(path, |out| {
        let exported = chain.export(out, progress);
        exported.map_err(|source| LedgerError::Export {
            path: path.to_owned(),
            source,
        })
    })
}

/// Makes a ledger of a snapshot file, of the expected block if one is named, in a directory that is
/// missing or empty. Gives the newest block. Whatever goes wrong, the directory is not made.
///
/// # Errors
/// If the file is no snapshot of a ledger, or is damaged; if the directory has something in it, or
/// cannot be written.
pub fn import_snapshot(
    file: &Path,
    path: &Path,
    expected: Option<&Hash>,
    threads: &Threads,
    progress: &mut dyn FnMut(Progress),
) -> Result<BlockRecord, LedgerError> {
    let failed = |source| LedgerError::Import {
        path: file.to_owned(),
        source,
    };
    let parameters = snapshot::parameters(&mut open_file(file)?).map_err(failed)?;
    let genesis = parameters.genesis(linked_programs());
    let mut source = open_file(file)?;
    let build = |store: &DiskStore| {
        snapshot::import(&mut source, store, &genesis, expected, threads, progress)?;
        Ok(store.tip().expect("an import ends with a block"))
    };
    DiskStore::build(path, DiskOptions::default(), threads, build).map_err(|error| match error {
        // Of the ledger's directory, which the error names.
        ImportError::Store(error) => LedgerError::Store(error),
        source => failed(source),
    })
}

fn open_file(path: &Path) -> Result<BufReader<File>, LedgerError> {
    let file = File::open(path).map_err(|source| LedgerError::File {
        path: path.to_owned(),
        source,
    })?;
    Ok(BufReader::with_capacity(BUFFER_SIZE, file))
}
