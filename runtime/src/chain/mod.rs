//! A chain of blocks on a store: produced, verified, committed, proved, with forks side by side.
//!
//! ```text
//! transactions -> build ---+
//!                          +-> bank in memory, by block id -> commit -> store, durable
//! bytes -> read -> execute-+          |-> discard
//! ```
//!
//! [`BlockEngine`] is what a node's consensus calls; it knows nothing of consensus itself. Building
//! and executing touch memory only; [`BlockEngine::commit`] is the one step that touches the
//! store, atomically, durably, and as often as one likes. [`Chain`] is the engine that owns its
//! [`Store`]. Who keeps accounts and blocks elsewhere works one level lower,
//! with [`engine`](crate::engine) over a [`HostStore`](lockstep_store::HostStore).
//!
//! All calls take `&self` and may come from several threads. Blocks are built and executed one
//! at a time, on the engine's threads; meanwhile others may be read and committed, so that
//! signatures of the next block, execution of this one and the disk's work for the one before
//! overlap. `examples/validator_loop.rs` shows two engines that follow each other.
//!
//! # What operators see
//!
//! Spans (`tracing`) and figures (`metrics`) go to whatever the embedder has installed, and cost
//! next to nothing if that is nothing. No result depends on either.
//!
//! ```text
//! read, build, execute, commit   span, debug  one call of the engine
//!   batch                        span, trace  within build and execute: what the workers run
//!                                             between two barriers, from the one to the other, on
//!                                             the first worker's thread; neighbouring batches of
//!                                             one lane share it. Fields: number (from 0 in the
//!                                             block), batches, lanes, transactions
//!
//! lockstep_blocks_total          counter    by event: built, executed, committed, dropped, invalid
//! lockstep_transactions_total    counter    of built and executed blocks, by outcome: succeeded,
//!                                             failed, refused
//! lockstep_failures_total        counter    failed and refused transactions, by rule
//! lockstep_batches_total         counter    of the plans of built and executed blocks;
//! lockstep_lanes_total           counter      their lanes
//! lockstep_waits_total           counter      and waits
//! lockstep_plan_efficiency       histogram  of the same plans, predicted for the engine's threads:
//!                                             lower bound over makespan, in thousandths
//! lockstep_seconds               histogram  by stage: read, build, execute, commit; whether the
//!                                             call came to something or not
//! lockstep_forks                 gauge      known blocks that are not final and have no child
//! lockstep_unfinal_blocks        gauge      known blocks that are not final, on all forks
//! lockstep_store_lag_slots       gauge      slots between the newest committed and newest known
//! lockstep_missed_notices_total  counter    committed blocks that a subscriber was not told of
//! lockstep_cache_hits_total      counter    accounts that a `CachedStore` had in memory,
//! lockstep_cache_misses_total    counter      and those that it looked for in the store below
//! ```

mod build;
mod commit;
mod error;
mod execute;
mod forks;
mod log;
mod observe;
mod open;
mod parameters;
mod pool;
mod simulate;
pub mod snapshot;
mod source;
mod view;

use std::{
    fmt,
    io::{Read, Write},
    ops::Deref,
    sync::Arc,
};

use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{StateProof, Store, sync::Shared};
use tracing::debug_span;

pub use build::{BuildRequest, BuiltBlock};
pub use commit::Committed;
pub use error::{BlockError, BuildError, CommitError, InvalidBlock, OpenError, Root, UnknownBlock};
pub use execute::{ExecutedBlock, ReadBlock};
pub use log::logged_block;
pub use observe::{CommittedBlock, Subscription};
pub use parameters::{Parameter, ParameterMismatch, Parameters, ParametersError};
pub use pool::{PoolSource, Settled};
pub use simulate::{SimulateError, Simulation};
pub use source::{TransactionSource, VerifiedTransactions};
pub use view::{View, ViewError};

use self::{
    forks::Forks,
    observe::{Subscribers, Timed, count_blocks, count_run},
    snapshot::{ExportError, Exported, ImportError, Progress},
};
use crate::{
    bank::{FrozenBank, Genesis},
    block::{BlockHeader, BlockLimits, Receipt},
    engine::{Cancel, Engine},
    prepare::Refusal,
    threads::Threads,
    verify::Verifier,
};

/// Blocks whose records are kept in the log whatever is pruned: those that a lookup table may
/// have been deactivated in, the blockhashes of transactions among them.
pub const LOG_LENGTH_MIN: usize = lockstep_interface::sysvar::RECENT_SLOTS_MAX;

/// What a validator's consensus asks of its ledger.
///
/// Blocks go by their id, the hash of their header. A block is *known* from the time it was built
/// or executed until it is discarded, or loses to a block that is committed.
pub trait BlockEngine: fmt::Debug + Send + Sync {
    /// Id and header of the newest committed block.
    fn head(&self) -> (Hash, BlockHeader);

    /// Builds a block on a known one, of what a source gives.
    ///
    /// # Errors
    /// If the parent is not known, the caller cancelled, or the engine has stopped.
    fn build(
        &self,
        request: &BuildRequest<'_>,
        source: &mut dyn TransactionSource,
        cancel: &Cancel,
    ) -> Result<BuiltBlock, BuildError>;

    /// Reads the bytes of a block and verifies what needs no parent: its encoding, its sizes, its
    /// plan's digest, all signatures. May be called ahead, from any thread.
    ///
    /// # Errors
    /// If the block is invalid.
    fn read(&self, bytes: Arc<[u8]>) -> Result<ReadBlock, InvalidBlock>;

    /// Executes a block on its parent, by its own plan, and holds every root of its header against
    /// the outcome. A block that is known already is not executed again, nor one that is committed
    /// and whose id is still among the blockhashes.
    ///
    /// # Errors
    /// Tells a block that is invalid for ever from one whose parent is missing, and both from
    /// what is no fault of the block.
    fn execute(&self, block: &ReadBlock, cancel: &Cancel) -> Result<ExecutedBlock, BlockError>;

    /// Makes a known block final and durable, its ancestors first, and forgets every block
    /// that does not descend from it. What is committed already stays so: to commit it again
    /// does nothing, as long as its id is among the blockhashes of the head; an older one is not
    /// known any more.
    ///
    /// # Errors
    /// If the block is not known, or the store fails. After a failure of the store nothing is
    /// built, executed or committed any more, and whether the store has the block is unknown until
    /// the chain is opened again. Views go on, each with the state after its own block: older ones
    /// of the head, and those of the blocks behind it, show all of it. A new view of the head shows
    /// what the store still has of it, which its state root proves, and refuses the rest with
    /// [`ViewError::Unsettled`]; on the head nothing is simulated or exported.
    fn commit(&self, id: &Hash) -> Result<Committed, CommitError>;

    /// Forgets a block that is not committed, and all its descendants.
    ///
    /// # Errors
    /// If there is no such block.
    fn discard(&self, id: &Hash) -> Result<(), UnknownBlock>;

    /// The state after a block: the newest committed one, or a known one. It stays what it is
    /// while other blocks are committed.
    ///
    /// # Errors
    /// If there is no such block.
    fn view(&self, at: &Hash) -> Result<View, UnknownBlock>;

    /// Runs transactions, one after the other as far as they depend on each other, on the state
    /// after a block with some accounts replaced. Nothing of it stays.
    ///
    /// # Errors
    /// If the block is not known, a commit failed on it, or the engine fails.
    fn simulate(
        &self,
        at: &Hash,
        simulation: &Simulation,
    ) -> Result<Vec<Result<Receipt, Refusal>>, SimulateError>;

    /// The account at an address after the newest committed block, if there is one, with a proof
    /// against that block's state root: [`verify_proof`](lockstep_store::verify_proof).
    ///
    /// # Errors
    /// If the store fails.
    fn prove(&self, address: &Address) -> Result<ProvenAccount, ViewError>;

    /// Writes a [snapshot] of the state after the newest committed block, from which
    /// [`Chain::import`] makes a chain that goes on there. Other blocks may be committed meanwhile:
    /// they wait for a page of some megabytes to be read at most.
    ///
    /// The same chain gives the same bytes, whatever its store and its history in memory. Memory
    /// grows by a few megabytes, by the accounts that are replaced meanwhile, and while the log is
    /// read by one block. `out` is given large pieces and is not flushed.
    ///
    /// # Errors
    /// If the store or `out` fails, or if a commit failed before; what was written is then of no
    /// use.
    fn export(
        &self,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Exported, ExportError>;
}

/// An account and its proof.
#[derive(Clone, Debug)]
pub struct ProvenAccount {
    /// Id of the block after which this is the account.
    pub block_id: Hash,
    /// The block's header, which states the root.
    pub header: BlockHeader,
    /// The account; `None` if there is none, which is then what is proved.
    pub account: Option<Account>,
    /// The proof.
    pub proof: StateProof,
}

/// How a [`Chain`] works. The same for all nodes of a network are only the limits.
#[derive(Clone, Debug)]
pub struct ChainOptions {
    /// Threads that execute blocks.
    pub threads: Threads,
    /// Threads that verify signatures. Others than those that execute let the system overlap
    /// the two.
    pub reader_threads: Threads,
    /// Verifies the signatures of blocks.
    pub verifier: Verifier,
    /// What blocks may hold.
    pub limits: BlockLimits,
    /// Whether the signatures of blocks are verified when they are read. False only for bytes
    /// that were verified before they came here, such as one's own log.
    pub verifies_signatures: bool,
    /// Whether transactions that only credit an account may do so at once in blocks built here.
    pub shares_credits: bool,
}

/// A [`BlockEngine`] that owns its store.
#[derive(Debug)]
pub struct Chain {
    options: ChainOptions,
    parameters: Parameters,
    store: Arc<dyn Store>,
    engine: Shared<Engine>,
    forks: Shared<Forks>,
    /// Held while blocks become final.
    commits: Shared<()>,
    subscribers: Subscribers,
    /// Held while the log is cut off; whoever reads it for a snapshot holds off that.
    exports: Shared<()>,
}

impl Chain {
    /// The options.
    pub fn options(&self) -> &ChainOptions {
        &self.options
    }

    /// What the chain's genesis decided besides accounts.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The bank of a known block, for who makes transactions or looks at blockhashes. Its accounts
    /// are those of the block only while it is the head or descends from it, and those of the head
    /// only until a commit fails; a [view](BlockEngine::view) shows them for longer, and tells.
    ///
    /// # Errors
    /// If there is no such block.
    pub fn bank(&self, id: &Hash) -> Result<Arc<FrozenBank>, UnknownBlock> {
        self.forks.read().bank(id)
    }

    /// From now on puts every block that is committed in a queue of at most `capacity`, once it is
    /// durable. A queue that is full slows nothing down: its owner misses the block.
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.subscribers.subscribe(capacity)
    }

    /// Forgets the log of blocks below `slot`; the newest [`LOG_LENGTH_MIN`] stay.
    ///
    /// # Errors
    /// If the store fails.
    pub fn prune(&self, slot: u64) -> Result<(), lockstep_store::StoreError> {
        let _exporting = self.exports.write();
        let _committing = self.commits.write();
        let records = self.store.records(LOG_LENGTH_MIN)?;
        let oldest_needed = records.first().map_or(0, |record| record.slot);
        self.store.prune(slot.min(oldest_needed))
    }

    /// Opens a chain of a snapshot, in an empty store. The genesis is that of the chain; of it
    /// count what counts for [`Chain::open`].
    ///
    /// Who trusts in a block compares its id with the [head](BlockEngine::head)'s: whatever the
    /// next blocks depend on is then proved, as [`snapshot`] explains.
    ///
    /// # Errors
    /// As [`snapshot::import`], after which the store is of no use.
    pub fn import(
        source: &mut dyn Read,
        store: Arc<dyn Store>,
        genesis: Genesis,
        options: ChainOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ImportError> {
        let trie = snapshot::import(source, &*store, &genesis, &options.threads, progress)?;
        Ok(Self::open(store, trie, genesis, options)?)
    }

    fn show_forks(&self) {
        observe::show_forks(&self.forks.read());
    }

    /// Waits until no block becomes final.
    fn settled(&self) -> impl Deref<Target = ()> + '_ {
        self.commits.read()
    }
}

impl BlockEngine for Chain {
    fn head(&self) -> (Hash, BlockHeader) {
        let forks = self.forks.read();
        let head = forks.head();
        (head.block_hash(), *head.header())
    }

    fn build(
        &self,
        request: &BuildRequest<'_>,
        source: &mut dyn TransactionSource,
        cancel: &Cancel,
    ) -> Result<BuiltBlock, BuildError> {
        let _span = debug_span!("build", slot = request.slot).entered();
        let _timed = Timed::start("build");
        let built = build::build(self, request, source, cancel)?;
        count_blocks("built", 1);
        count_run(&built.plan, &built.receipts, &built.refused);
        self.show_forks();
        Ok(built)
    }

    fn read(&self, bytes: Arc<[u8]>) -> Result<ReadBlock, InvalidBlock> {
        let _span = debug_span!("read", size = bytes.len()).entered();
        let _timed = Timed::start("read");
        let read = ReadBlock::read(bytes, &self.options);
        if read.is_err() {
            count_blocks("invalid", 1);
        }
        read
    }

    fn execute(&self, block: &ReadBlock, cancel: &Cancel) -> Result<ExecutedBlock, BlockError> {
        let _span = debug_span!("execute", slot = block.header().slot).entered();
        let _timed = Timed::start("execute");
        let executed = execute::execute(self, block, cancel);
        match &executed {
            Ok(executed) => {
                if let Some(receipts) = &executed.receipts {
                    count_blocks("executed", 1);
                    count_run(block.block().body.plan(), receipts, &[]);
                }
            }
            Err(BlockError::Invalid { .. }) => count_blocks("invalid", 1),
            Err(_) => {}
        }
        self.show_forks();
        executed
    }

    fn commit(&self, id: &Hash) -> Result<Committed, CommitError> {
        let _span = debug_span!("commit").entered();
        let _timed = Timed::start("commit");
        let committed = commit::commit(self, id)?;
        count_blocks("committed", committed.block_count);
        count_blocks("dropped", committed.dropped_count);
        self.show_forks();
        Ok(committed)
    }

    fn discard(&self, id: &Hash) -> Result<(), UnknownBlock> {
        // A block that is becoming final can not be dropped any more.
        let settled = self.settled();
        self.forks.write().discard(id)?;
        drop(settled);
        self.show_forks();
        Ok(())
    }

    fn view(&self, at: &Hash) -> Result<View, UnknownBlock> {
        {
            let mut forks = self.forks.write();
            if forks.parent(at).is_ok() {
                return forks.view(at);
            }
        }
        // The head's state is not its own while a child of it becomes final.
        let _settled = self.settled();
        self.forks.write().view(at)
    }

    fn simulate(
        &self,
        at: &Hash,
        simulation: &Simulation,
    ) -> Result<Vec<Result<Receipt, Refusal>>, SimulateError> {
        simulate::simulate(self, at, simulation)
    }

    fn prove(&self, address: &Address) -> Result<ProvenAccount, ViewError> {
        let view = {
            let _settled = self.settled();
            self.forks.write().head_view()
        };
        view.prove(address)
    }

    fn export(
        &self,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Exported, ExportError> {
        snapshot::export(self, out, progress)
    }
}
