//! What consensus asks of the ledger, and the chain's answers: the only link between the two.
//!
//! ```text
//! propose    build on the parent
//! verify     read and execute: false only for what is invalid for ever
//! finalised  commit, then acknowledge
//! ```
//! Building and executing touch memory only, on any fork; committing is atomic and durable.

use std::{
    collections::BTreeMap,
    fmt,
    io::Write,
    sync::{Arc, mpsc::Receiver},
};

use commonware_utils::sync::Mutex;
use lockstep_interface::{Address, Hash};
use lockstep_runtime::{
    block::{BlockHeader, Recording},
    chain::{
        BlockError, BuildError, BuildRequest, InvalidBlock, LostBlock, PoolSource, ProvenAccount,
        ReadError, WrongBytes,
    },
    engine::Cancel,
    wire::TransactionView,
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::sync::Shared;
use thiserror::Error;

use crate::{failure::EngineFailure, host::Host};

/// Lost blocks that wait for their transactions to be put back.
const LOST_WAITING_MAX: usize = 256;

/// Why a block is not executed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Its bytes are no valid block. What members sign commits to all of them, so this holds on
    /// every member, for ever.
    #[error("invalid bytes: {0}")]
    Bytes(WrongBytes),
    /// It breaks a rule, on every member, for ever.
    #[error("invalid block: {0}")]
    Invalid(Box<InvalidBlock>),
    /// Its parent is not known: it was never executed here, or it has lost.
    #[error("the parent is not known")]
    ParentMissing,
    /// The ledger fails, which says nothing of the block.
    #[error(transparent)]
    Failed(#[from] EngineFailure),
}

/// The ledger of a member as consensus sees it. Calls may block, and come from any thread.
pub trait BlockEngine: fmt::Debug + Send + Sync + 'static {
    /// Id and header of the newest durable block.
    fn head(&self) -> (Hash, BlockHeader);

    /// Whether a block can have children here: it was built or executed, and has not lost.
    fn knows(&self, id: &Hash) -> bool;

    /// Whether transactions wait that fill a block by themselves.
    fn has_full_block(&self) -> bool;

    /// Builds a block on a known one, of the transactions that wait.
    ///
    /// # Errors
    /// If the parent is not known any more, or the ledger fails.
    fn build(&self, parent: &Hash, slot: u64, unix_timestamp: i64) -> Result<Vec<u8>, Refusal>;

    /// Reads and executes a block. One that is known is not executed again.
    ///
    /// # Errors
    /// If the block is invalid, its parent is not known, or the ledger fails.
    fn execute(&self, bytes: Arc<[u8]>) -> Result<(), Refusal>;

    /// Makes a known block final and durable, and its ancestors before it.
    ///
    /// # Errors
    /// If the block is not known, or the ledger fails.
    fn commit(&self, id: &Hash) -> Result<(), EngineFailure>;

    /// An account in the state after the newest durable block, with the proof of it.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn prove(&self, address: &Address) -> Result<ProvenAccount, EngineFailure>;

    /// Writes a snapshot of the state after the newest durable block, whose slot it gives. That
    /// block is decided on before the first byte is written; others may be committed from then on.
    ///
    /// # Errors
    /// If the ledger fails, or `out` does.
    fn export(&self, out: &mut dyn Write) -> Result<u64, EngineFailure>;
}

/// A known block that is not final.
#[derive(Debug)]
struct Pending {
    parent: Hash,
    message_hashes: Vec<Hash>,
}

/// The chain of a host as consensus sees it.
#[derive(Debug)]
pub struct ChainEngine<H> {
    host: Arc<H>,
    recording: Recording,
    /// Blocks that have lost, whose transactions go back into the pool.
    lost: Mutex<Receiver<LostBlock>>,
    pending: Shared<BTreeMap<Hash, Pending>>,
}

impl<H: Host> ChainEngine<H> {
    /// An engine of a host's chain and pool. `recording` is what receipts of built blocks carry.
    pub fn new(host: Arc<H>, recording: Recording) -> Self {
        let lost = Mutex::new(host.chain().subscribe_lost(LOST_WAITING_MAX));
        Self {
            host,
            recording,
            lost,
            pending: Shared::default(),
        }
    }

    /// The host.
    pub fn host(&self) -> &Arc<H> {
        &self.host
    }

    /// The blocks from the head's child to a known one.
    fn path(&self, id: &Hash) -> Vec<Hash> {
        let (head, _) = self.host.chain().head();
        let pending = self.pending.read();
        let parents = std::iter::successors(Some(*id), |id| Some(pending.get(id)?.parent));
        let mut path: Vec<Hash> = parents.take_while(|id| *id != head).collect();
        path.reverse();
        path
    }

    /// Forgets what has become final, and puts back what has lost.
    fn settle(&self, path: &[Hash]) -> Result<(), EngineFailure> {
        let chain = self.host.chain();
        {
            let mut pending = self.pending.write();
            let mut pool = self.host.pool().write();
            for id in path {
                if let Some(block) = pending.remove(id) {
                    pool.forget(&block.message_hashes);
                }
            }
            pending.retain(|id, _| chain.bank(id).is_ok());
        }
        let lost: Vec<LostBlock> = self.lost.lock().try_iter().collect();
        let (head, header) = chain.head();
        let Ok(tip) = chain.bank(&head) else {
            return Ok(());
        };
        let next = tip.child(header.slot.saturating_add(1), header.unix_timestamp);
        for block in lost {
            let threads = &chain.options().reader_threads;
            let restored = block.restore(self.host.pool(), &next, threads);
            restored.map_err(EngineFailure::of)?;
        }
        Ok(())
    }
}

impl<H: Host> BlockEngine for ChainEngine<H> {
    fn head(&self) -> (Hash, BlockHeader) {
        self.host.chain().head()
    }

    fn knows(&self, id: &Hash) -> bool {
        self.host.chain().bank(id).is_ok()
    }

    fn has_full_block(&self) -> bool {
        self.host.pool().read().fills_block()
    }

    fn build(&self, parent: &Hash, slot: u64, unix_timestamp: i64) -> Result<Vec<u8>, Refusal> {
        let request = BuildRequest {
            parent: *parent,
            slot,
            unix_timestamp,
            strategy: &Auto,
            mode: Mode::Produce,
            recording: self.recording,
        };
        let mut source = PoolSource::new(self.host.pool());
        let built = self
            .host
            .chain()
            .build(&request, &mut source, &Cancel::default())
            .map_err(|error| match error {
                BuildError::ParentMissing(_) => Refusal::ParentMissing,
                error => EngineFailure::of(error).into(),
            })?;
        source.settle(&built);
        // The pool has forgotten its transactions.
        self.pending.write().insert(
            built.id,
            Pending {
                parent: *parent,
                message_hashes: Vec::new(),
            },
        );
        self.host.built(&built)?;
        Ok(built.bytes().to_vec())
    }

    fn execute(&self, bytes: Arc<[u8]>) -> Result<(), Refusal> {
        let chain = self.host.chain();
        let block = chain.read(bytes).map_err(|error| match error {
            ReadError::Bytes(error) => Refusal::Bytes(error),
            ReadError::Invalid { reason, .. } => Refusal::Invalid(reason),
            error => EngineFailure::of(error).into(),
        })?;
        let accepted = chain.execute(&block, &Cancel::default());
        let accepted = accepted.map_err(|error| match error {
            BlockError::Invalid { reason, .. } => Refusal::Invalid(reason),
            BlockError::ParentMissing { .. } => Refusal::ParentMissing,
            error => EngineFailure::of(error).into(),
        })?;
        if let Some(receipts) = &accepted.receipts {
            let hashes = block.transactions().iter();
            let hashes = hashes.filter_map(|bytes| TransactionView::parse(bytes).ok());
            let pending = Pending {
                parent: block.header().parent_id,
                message_hashes: hashes.map(|view| view.message_hash()).collect(),
            };
            self.pending.write().insert(accepted.id, pending);
            self.host.executed(&block, receipts)?;
        }
        Ok(())
    }

    fn commit(&self, id: &Hash) -> Result<(), EngineFailure> {
        let path = self.path(id);
        self.host.committing(&path)?;
        let committed = self.host.chain().commit(id);
        committed.map_err(EngineFailure::of)?;
        self.host.committed(&path)?;
        self.settle(&path)
    }

    fn prove(&self, address: &Address) -> Result<ProvenAccount, EngineFailure> {
        let proven = self.host.chain().prove(address);
        proven.map_err(EngineFailure::of)
    }

    fn export(&self, out: &mut dyn Write) -> Result<u64, EngineFailure> {
        let exported = self.host.chain().export(out, &mut |_| ());
        Ok(exported.map_err(EngineFailure::of)?.slot)
    }
}
