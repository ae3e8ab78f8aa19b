//! Executes a ledger's blocks again and compares every root of every block.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use lockstep_interface::{Address, Hash};
use lockstep_runtime::bank::Genesis;
use lockstep_runtime::block::BlockHeader;
use lockstep_runtime::chain::{
    BlockError, Chain, ChainOptions, CommitError, ReadBlock, logged_block, pipeline,
};
use lockstep_runtime::engine::Cancel;
use lockstep_runtime::threads::Threads;
use lockstep_store::{BlockRecord, DiskStore, MemoryStore, Store, StoreError};

use super::{GENESIS_FILE, LedgerError, chain_options, genesis, open_file, open_store};

/// Blocks after which the log in memory is cut off.
const PRUNE_INTERVAL: usize = 64;

/// How a ledger is verified.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// Threads that execute and verify signatures.
    pub threads: Threads,
    /// Whether signatures are verified.
    pub signatures: bool,
    /// The snapshot to begin at; none for the ledger's own of its genesis.
    pub from: Option<PathBuf>,
}

/// What was executed again, all of it as the ledger has it.
#[derive(Clone, Copy, Debug)]
pub struct Verified {
    /// The block whose state was the first.
    pub first: BlockHeader,
    /// Id of the newest block.
    pub block_id: Hash,
    /// The newest block.
    pub last: BlockHeader,
    /// Blocks that were executed.
    pub block_count: usize,
    /// Transactions that were executed.
    pub transaction_count: u64,
    /// Time that reading, verifying and executing took.
    pub seconds: f64,
}

/// The first block of a ledger that comes to something else than the ledger has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Its slot.
    pub slot: u64,
    /// Its id.
    pub block_id: Hash,
    /// What differs.
    pub cause: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = Address::new_from_array(self.block_id.to_bytes());
        write!(
            formatter,
            "the block of slot {}, {id}, differs: {}",
            self.slot, self.cause
        )
    }
}

/// Why a ledger was not verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Ledger or snapshot cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is nothing to begin at.
    #[error(
        "{}: there is no {GENESIS_FILE}, so a snapshot to begin at has to be named",
        .0.display()
    )]
    NoGenesis(PathBuf),
    /// The snapshot's block is not in the ledger's log.
    #[error("{}: the log has no block {id} of slot {slot}, at which the snapshot is", path.display())]
    NotOnChain {
        /// The ledger's directory.
        path: PathBuf,
        /// The snapshot's slot.
        slot: u64,
        /// The snapshot's block.
        id: Address,
    },
    /// A block's transactions are not in the log.
    #[error(
        "{}: the block of slot {slot} came with a snapshot and without its transactions; begin at \
         that snapshot", path.display()
    )]
    NoTransactions {
        /// The ledger's directory.
        path: PathBuf,
        /// The block's slot.
        slot: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine failed.
    #[error("cannot execute the block of slot {slot}: {source}")]
    Engine {
        /// The block's slot.
        slot: u64,
        /// Why.
        source: BlockError,
    },
    /// A block cannot be committed in memory.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A block differs.
    #[error("{0}")]
    Differs(Difference),
}

/// Executes the blocks of a ledger again in memory, from a snapshot on, and compares ids and roots.
/// `progress` is given the number of blocks that are done, and of all.
///
/// # Errors
/// If a block differs; or if the ledger cannot be opened, or not be executed from there.
pub fn verify(
    path: &Path,
    options: &VerifyOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Verified, VerifyError> {
    let (store, _) = open_store(path, true, &options.threads)?;
    verify_store(path, &store, options, progress)
}

/// The same for a ledger whose store is open.
pub(crate) fn verify_store(
    path: &Path,
    store: &DiskStore,
    options: &VerifyOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Verified, VerifyError> {
    let (chain, records) = begin(path, store, options)?;
    let (_, first) = chain.head();
    let clock = Instant::now();
    let replay = Replay {
        path,
        store,
        chain: &chain,
        records: &records,
    };
    let transaction_count = replay.run(progress)?;
    let (block_id, last) = chain.head();
    Ok(Verified {
        first,
        block_id,
        last,
        block_count: records.len(),
        transaction_count,
        seconds: clock.elapsed().as_secs_f64(),
    })
}

/// The chain in memory after the last block below a slot: executed again, root by root.
///
/// # Errors
/// As [`verify`].
pub(crate) fn state_before(
    path: &Path,
    store: &DiskStore,
    options: &VerifyOptions,
    slot: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Chain, VerifyError> {
    let (chain, records) = begin(path, store, options)?;
    let end = records.partition_point(|record| record.slot < slot);
    let replay = Replay {
        path,
        store,
        chain: &chain,
        records: &records[..end],
    };
    replay.run(progress)?;
    Ok(chain)
}

/// A chain in memory at the first state, and the blocks behind it.
fn begin(
    path: &Path,
    store: &DiskStore,
    options: &VerifyOptions,
) -> Result<(Chain, Vec<BlockRecord>), VerifyError> {
    let file = match &options.from {
        Some(file) => file.clone(),
        None => {
            let file = path.join(GENESIS_FILE);
            if !file.is_file() {
                return Err(VerifyError::NoGenesis(path.to_owned()));
            }
            file
        }
    };
    let chain = import(&file, genesis(path, store)?, options)?;
    let (first_id, first) = chain.head();
    let mut records = store.records(usize::MAX)?;
    let start = records.iter().position(|record| record.slot == first.slot);
    let start = start.filter(|start| records[*start].block_id == first_id);
    let start = start.ok_or_else(|| VerifyError::NotOnChain {
        path: path.to_owned(),
        slot: first.slot,
        id: Address::new_from_array(first_id.to_bytes()),
    })?;
    records.drain(..=start);
    Ok((chain, records))
}

/// The state that is begun with, as a chain in memory.
fn import(file: &Path, genesis: Genesis, options: &VerifyOptions) -> Result<Chain, LedgerError> {
    let mut source = open_file(file)?;
    let store = Arc::new(MemoryStore::new());
    let options = ChainOptions {
        // One thread reads a whole block, beside others that read the next ones.
        reader_threads: Threads::new(1)?,
        ..chain_options(&options.threads, options.signatures)
    };
    let imported = Chain::import(&mut source, store, genesis, options, None, &mut |_| ());
    imported.map_err(|source| LedgerError::Import {
        path: file.to_owned(),
        source,
    })
}

/// A log, and a chain in memory that it is executed on.
struct Replay<'r> {
    path: &'r Path,
    store: &'r dyn Store,
    chain: &'r Chain,
    /// Those of the blocks, from the child of the chain's head on.
    records: &'r [BlockRecord],
}

impl Replay<'_> {
    /// Gives the number of transactions, or says what is wrong with the first block that is.
    fn run(&self, progress: &mut dyn FnMut(usize, usize)) -> Result<u64, VerifyError> {
        let mut transaction_count = 0u64;
        let mut executed = 0usize..;
        let mut committed = 1usize..;
        pipeline::run(
            self.records.iter(),
            self.chain.overlap(),
            |record| (record, self.read(record)),
            |(record, block)| -> Result<Hash, VerifyError> {
                let count = self.execute(record, &block?)?;
                transaction_count = transaction_count.saturating_add(count.into());
                let done = executed.next().unwrap_or_default().saturating_add(1);
                progress(done, self.records.len());
                Ok(record.block_id)
            },
            |id| {
                self.chain.commit(&id)?;
                // The log in memory is cut off from time to time.
                if committed
                    .next()
                    .is_some_and(|count| count.is_multiple_of(PRUNE_INTERVAL))
                {
                    self.chain.prune(u64::MAX)?;
                }
                Ok(())
            },
        )?;
        Ok(transaction_count)
    }

    /// Reads the block of a record from the log, and verifies what needs no parent.
    fn read(&self, record: &BlockRecord) -> Result<ReadBlock, VerifyError> {
        let slot = record.slot;
        let stored = self.store.block(slot)?;
        let stored = stored.ok_or_else(|| differs(record, "it is missing"))?;
        let bytes = logged_block(&stored.body).ok_or_else(|| VerifyError::NoTransactions {
            path: self.path.to_owned(),
            slot,
        })?;
        let block = self.chain.read(bytes.into());
        block.map_err(|error| differs(record, error))
    }

    /// Executes a block, which must come to what the log has. Gives its number of transactions.
    fn execute(&self, record: &BlockRecord, block: &ReadBlock) -> Result<u32, VerifyError> {
        let slot = record.slot;
        let executed = self.chain.execute(block, &Cancel::default());
        let executed = executed.map_err(|error| match error {
            BlockError::Invalid { reason, .. } => differs(record, reason),
            BlockError::ParentMissing { .. } => differs(record, "it is no child of the one before"),
            source => VerifyError::Engine { slot, source },
        })?;
        let header = block.header();
        let as_executed = BlockRecord {
            slot: header.slot,
            block_id: executed.id,
            parent_id: header.parent_id,
            delta_root: header.delta_root,
            state_root: header.state_root,
        };
        if as_executed != *record {
            return Err(differs(record, "the log's record of it is another"));
        }
        Ok(header.transaction_count)
    }
}

fn differs(record: &BlockRecord, cause: impl fmt::Display) -> VerifyError {
    VerifyError::Differs(Difference {
        slot: record.slot,
        block_id: record.block_id,
        cause: cause.to_string(),
    })
}
