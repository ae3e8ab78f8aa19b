//! A chain of blocks on a store: produced, verified, committed, proved, with forks side by side.
//!
//! ```text
//! transactions -> build ---+
//!                          +-> bank in memory, by block id -> commit -> store, durable
//! bytes -> read -> execute-+          |-> discard
//! ```
//!
//! [`Chain`] is what a node's consensus calls; it knows nothing of consensus itself. Building and
//! executing touch memory only. [`Chain::commit`] is the one step that touches the store: atomic,
//! durable and idempotent. An embedder with storage of its own implements [`Store`].
//!
//! All calls take `&self` and may come from several threads. Blocks are built and executed one
//! at a time, on the engine's threads; meanwhile others may be read and committed, so that
//! signatures of the next block, execution of this one and the disk's work for the one before
//! overlap. `examples/validator_loop.rs` shows two engines that follow each other.
//!
//! # What operators see
//!
//! Spans (`tracing`) and figures (`metrics`) go to the subscriber and recorder that the embedder
//! has installed, and cost next to nothing without one. No result depends on either.
//!
//! ```text
//! read, build, execute, commit   span, debug  one call of the chain
//!   prepare, plan, check, load,  span, debug  the stages of build and execute, each on the thread
//!   run, seal, root                             that works on it; planning and loading overlap
//!   batch                        span, trace  within run: what the workers run
//!                                             between two barriers, from the one to the other, on
//!                                             the first worker's thread; neighbouring batches of
//!                                             one lane share it. Fields: number (from 0 in the
//!                                             block), batches, lanes, transactions
//!
//! lockstep_blocks_total          counter    by event: built, executed, committed, dropped, invalid
//! lockstep_transactions_total    counter    of built and executed blocks, by outcome: succeeded,
//!                                             failed, refused, no_room (others filled the block)
//! lockstep_failures_total        counter    failed and refused transactions, by rule
//! lockstep_batches_total         counter    of the plans of built and executed blocks;
//! lockstep_lanes_total           counter      their lanes
//! lockstep_waits_total           counter      and waits
//! lockstep_plan_efficiency       histogram  of the same plans if the chain's options ask for it,
//!                                             predicted for the engine's threads: lower bound over
//!                                             makespan, in thousandths
//! lockstep_seconds               histogram  by stage, those of the spans above; whether the call
//!                                             came to something or not
//! lockstep_forks                 gauge      known blocks that are not final and have no child
//! lockstep_unfinal_blocks        gauge      known blocks that are not final, on all forks
//! lockstep_store_lag_slots       gauge      slots between the newest committed and newest known
//! lockstep_missed_notices_total  counter    committed blocks that found a subscriber's queue full
//! lockstep_cache_hits_total      counter    accounts that a `CachedStore` had in memory,
//! lockstep_cache_misses_total    counter      and those that it looked for in the store below
//! ```

mod build;
mod commit;
mod error;
mod execute;
mod fenced_store;
mod fill;
mod forks;
mod log;
mod lost;
mod observe;
mod open;
mod parameters;
pub mod pipeline;
mod pool;
mod simulate;
pub mod snapshot;
mod source;
mod view;
pub mod witness;

use std::{
    io::{Read, Write},
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{Change, StateProof, Store, StoreError, sync::Shared};

pub use build::{BuildRequest, BuiltBlock, Schedule};
pub use commit::Committed;
pub use error::{
    BlockError, BuildError, CommitError, InvalidBlock, OpenError, OtherRoot, ReadError, Root,
    UnknownBlock, WrongBytes,
};
pub use execute::{AcceptedBlock, ReadBlock};
pub use fill::REFILLS_MAX;
pub use log::{logged_block, logged_note};
pub use lost::LostBlock;
pub use observe::{CommittedBlock, Interest, Subscription};
pub use parameters::{Parameter, ParameterMismatch, Parameters, ParametersError};
pub use pipeline::{ProduceError, ProduceOptions, Proposal};
pub use pool::{PoolSource, Settled};
pub use simulate::{SimulateError, Simulated, Simulation};
pub use source::TransactionSource;
pub use view::{View, ViewError};

use self::{
    forks::Forks,
    lost::Lost,
    observe::Subscribers,
    snapshot::{ExportError, Exported, ImportError, Progress},
};
use crate::{
    bank::{FrozenBank, Genesis},
    block::{BlockHeader, BlockLimits, Recording},
    engine::Engine,
    threads::Threads,
    verify::{Signatures, Verifier},
};

/// Blocks whose records are kept in the log whatever is pruned: those that a lookup table may
/// have been deactivated in, the blockhashes of transactions among them.
pub const LOG_LENGTH_MIN: usize = lockstep_interface::sysvar::SLOT_HASHES_MAX;

/// What [`Chain::prune`] did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pruned {
    /// The log has no block below this slot any more.
    pub below: u64,
    /// Whether blocks below the slot that was asked for had to stay, for being among the newest
    /// [`LOG_LENGTH_MIN`].
    pub is_held_back: bool,
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

/// How a [`Chain`] works: a node's own choice. What all nodes of a network must agree on is in its
/// [`Genesis`].
#[derive(Clone, Debug)]
pub struct ChainOptions {
    /// Threads that execute blocks.
    pub threads: Threads,
    /// Threads that verify signatures. Others than those that execute let the system overlap
    /// the two.
    pub reader_threads: Threads,
    /// Verifies the signatures of blocks and simulations. `None` if the caller has verified them,
    /// as for its own log, or needs no verdict.
    pub verifier: Option<Verifier>,
    /// Whether transactions that only credit an account may do so at once in blocks built here.
    pub shares_credits: bool,
    /// What executes the blocks of others.
    pub executor: Executor,
    /// Whether `lockstep_plan_efficiency` is recorded, which costs about as much as planning does.
    pub predicts_efficiency: bool,
    /// The account that blocks built here name as their leader, on a chain that pays leaders.
    pub leader: Option<Address>,
    /// What receipts of the blocks of others carry. Balances are left out, since recording them
    /// needs accounts that no two transactions share.
    pub recording: Recording,
}

impl ChainOptions {
    /// Executes, and verifies signatures, on these threads. The other options have their usual
    /// values.
    pub fn new(threads: Threads) -> Self {
        Self {
            reader_threads: threads.clone(),
            threads,
            verifier: Some(Verifier::default()),
            shares_credits: true,
            executor: Executor::Lockstep,
            predicts_efficiency: false,
            leader: None,
            recording: Recording::NONE,
        }
    }

    /// The engine of a chain, on these threads.
    fn engine(&self, threads: Threads) -> Engine {
        let engine = Engine::with_threads(threads);
        if self.shares_credits {
            engine
        } else {
            engine.without_credits()
        }
    }

    /// Whether signatures are verified.
    pub fn signatures(&self) -> Signatures<'_> {
        self.verifier
            .as_ref()
            .map_or(Signatures::Trusted, Signatures::Verify)
    }
}

/// What executes a block that came from elsewhere.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Executor {
    /// All threads, by the block's plan.
    #[default]
    Lockstep,
    /// The serial twin, one transaction after the other on the caller's thread: the oracle that
    /// every block's header can be held against.
    Serial,
}

/// What a validator's consensus asks of its ledger: blocks built, read, executed, committed and
/// discarded, on a store that the chain owns.
///
/// Blocks go by their id, the hash of their header. A block is *known* from the time it was built
/// or executed until it is discarded, or loses to a block that is committed.
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
    lost: Lost,
    /// The latest time of a block that is executed, in seconds since 1970.
    latest_time: AtomicI64,
    /// Held for writing while the log is pruned, for reading while a snapshot is written.
    exports: Shared<()>,
}

impl Chain {
    /// The leader that blocks built here name.
    fn leader(&self) -> Option<Address> {
        let pays_leader = self.parameters.fee_policy.pays_leader();
        self.options.leader.filter(|_| pays_leader)
    }

    /// The options.
    pub fn options(&self) -> &ChainOptions {
        &self.options
    }

    /// What blocks may hold.
    pub fn limits(&self) -> &BlockLimits {
        &self.parameters.limits
    }

    /// What the chain's genesis decided besides accounts.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The bank of a known block, for its blockhashes and for making transactions. Its accounts
    /// are those of the block only while it is the head or descends from it, and those of the head
    /// only until a commit fails. A [view](Chain::view) shows them for longer, and says when it
    /// cannot.
    ///
    /// # Errors
    /// If there is no such block.
    pub fn bank(&self, id: &Hash) -> Result<Arc<FrozenBank>, UnknownBlock> {
        self.forks.read().bank(id)
    }

    /// From now on puts every block that is committed in a queue, once it is durable. A queue that
    /// is full slows nothing down: its owner misses the block.
    pub fn subscribe(&self, interest: Interest) -> Subscription {
        self.subscribers.subscribe(interest)
    }

    /// From now on [`Chain::execute`] delays blocks of a later time than this, in seconds since
    /// 1970, with [`BlockError::Early`]. Any time is accepted until the first call, since the chain
    /// reads no clock. An embedder calls it with its own clock's time and the drift that it allows.
    pub fn set_latest_time(&self, unix_timestamp: i64) {
        self.latest_time.store(unix_timestamp, Ordering::Relaxed);
    }

    /// Forgets the log of blocks below `slot`; the newest [`LOG_LENGTH_MIN`] stay. Says what is
    /// gone, and whether that minimum held back more.
    ///
    /// # Errors
    /// If the store fails.
    pub fn prune(&self, slot: u64) -> Result<Pruned, StoreError> {
        let _exporting = self.exports.write();
        let _committing = self.commits.write();
        let records = self.store.records(LOG_LENGTH_MIN)?;
        let oldest_needed = records.first().map_or(0, |record| record.slot);
        let below = slot.min(oldest_needed);
        self.store.prune(below)?;
        Ok(Pruned {
            below,
            is_held_back: slot > oldest_needed,
        })
    }

    /// Keeps what lets the store be opened in a fraction of the time, for a chain that is about to
    /// be closed: the trie of its head ([`Store::keep_trie`]). Of no use once another block is
    /// committed.
    ///
    /// # Errors
    /// If the store fails; nothing is lost.
    pub fn keep_trie(&self) -> Result<(), StoreError> {
        let _committing = self.commits.write();
        let head = Arc::clone(self.forks.read().head());
        match head.trie() {
            Some(trie) => self.store.keep_trie(trie),
            None => Ok(()),
        }
    }

    /// Opens a chain of a snapshot, in an empty store. The genesis is that of the chain; the same
    /// parts of it matter as for [`Chain::open`].
    ///
    /// An importer that trusts a block names its id as the `expected` one, and a snapshot of any
    /// other is refused: the id proves everything that the next blocks depend on, as [`snapshot`]
    /// explains.
    ///
    /// # Errors
    /// As [`snapshot::import`], after which the store is of no use.
    pub fn import(
        source: &mut dyn Read,
        store: Arc<dyn Store>,
        genesis: Genesis,
        options: ChainOptions,
        expected: Option<&Hash>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ImportError> {
        let threads = &options.threads;
        let trie = snapshot::import(source, &*store, &genesis, expected, threads, progress)?;
        Ok(Self::open(store, trie, genesis, options)?)
    }

    /// Id and header of the newest committed block.
    pub fn head(&self) -> (Hash, BlockHeader) {
        let forks = self.forks.read();
        let head = forks.head();
        (head.block_hash(), *head.header())
    }

    /// Keeps bytes of the embedder's with a known block that is not final, in place of those that
    /// were there: they become durable with it, and go when it is pruned. They enter neither the
    /// block nor any root; [`logged_note`] finds them in the log.
    ///
    /// ```
    /// # use std::{error::Error, sync::Arc};
    /// # use lockstep_programs::builtin_programs;
    /// # use lockstep_runtime::{bank::Genesis, block::Recording, engine::Cancel};
    /// # use lockstep_runtime::{threads::Threads, verify::ParsedBlock};
    /// # use lockstep_runtime::chain::{BuildRequest, Chain, ChainOptions, logged_note};
    /// # use lockstep_scheduler::{Auto, Mode};
    /// # use lockstep_store::{MemoryStore, Trie};
    /// # let options = ChainOptions::new(Threads::new(1)?);
    /// # let genesis = Genesis::new(Vec::new(), builtin_programs());
    /// # let store = Arc::new(MemoryStore::new());
    /// # let chain = Chain::open(store, Trie::default(), genesis, options)?;
    /// # let request = BuildRequest {
    /// #     parent: chain.head().0,
    /// #     slot: 1,
    /// #     unix_timestamp: 0,
    /// #     strategy: &Auto,
    /// #     mode: Mode::Produce,
    /// #     recording: Recording::NONE,
    /// # };
    /// let built = chain.build(&request, &mut ParsedBlock::default(), &Cancel::default())?;
    /// chain.attach(&built.id, b"logs of slot 1")?;
    /// chain.commit(&built.id)?;
    /// let logged = chain.store().block(1)?.expect("it was committed");
    /// assert_eq!(logged_note(&logged.body), Some(&b"logs of slot 1"[..]));
    /// # Ok::<(), Box<dyn Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such block, or it is final.
    ///
    /// # Panics
    /// If the note has 2^31 bytes or more.
    pub fn attach(&self, id: &Hash, note: &[u8]) -> Result<(), UnknownBlock> {
        assert!(note.len() < 1 << 31, "a note has less than 2^31 bytes");
        self.forks.write().replace_entry(id, |entry| {
            log::with_note(entry, note).expect("the entry was made here, and the sizes fit")
        })
    }

    /// Forgets a block that is not committed, and all its descendants.
    ///
    /// # Errors
    /// If there is no such block.
    pub fn discard(&self, id: &Hash) -> Result<(), UnknownBlock> {
        // A block that is becoming final stays.
        let settled = self.settled();
        let lost = self.forks.write().discard(id)?;
        drop(settled);
        self.lost.tell(&lost);
        self.show_forks();
        Ok(())
    }

    /// The state after a block: the newest committed one, or a known one. The view stays as it is
    /// while other blocks are committed.
    ///
    /// # Errors
    /// If there is no such block.
    pub fn view(&self, at: &Hash) -> Result<View, UnknownBlock> {
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

    /// Shows all accounts after the newest committed block, in ascending order of addresses, some
    /// megabytes at a time. Gives the view of that block. Other blocks may be committed meanwhile,
    /// and wait at most until a page has been read. O(accounts).
    ///
    /// # Errors
    /// If the store fails, or a commit failed before.
    pub fn scan(&self, visit: &mut dyn FnMut(&[Change])) -> Result<View, ViewError> {
        let view = {
            let _settled = self.settled();
            self.forks.write().head_view()
        };
        view.check_settled()?;
        let mut after = None;
        loop {
            let (page, last) = {
                let _settled = self.settled();
                view.page(&*self.store, after.as_ref())?
            };
            visit(&page);
            after = last;
            if after.is_none() {
                return Ok(view);
            }
        }
    }

    /// The account at an address after the newest committed block, if there is one, with a proof
    /// against that block's state root: [`verify_proof`](lockstep_store::verify_proof).
    ///
    /// # Errors
    /// If the store fails.
    pub fn prove(&self, address: &Address) -> Result<ProvenAccount, ViewError> {
        let view = {
            let _settled = self.settled();
            self.forks.write().head_view()
        };
        view.prove(address)
    }

    /// Writes a [snapshot] of the state after the newest committed block, from which
    /// [`Chain::import`] makes a chain that goes on there. Other blocks may be committed meanwhile:
    /// a commit waits at most until a page of some megabytes has been read.
    ///
    /// The same chain gives the same bytes: its store and its history in memory do not enter.
    /// Memory grows by a few megabytes, by the accounts that are replaced meanwhile, and by one
    /// block while the log is read. `out` is given large pieces and is not flushed.
    ///
    /// # Errors
    /// If the store or `out` fails, or if a commit failed before; the bytes written up to then are
    /// of no use.
    pub fn export(
        &self,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Exported, ExportError> {
        snapshot::export(self, out, progress)
    }

    fn show_forks(&self) {
        observe::show_forks(&self.forks.read());
    }

    /// Calls `work` with the engine, once no other block is being executed. A job of the chain's
    /// own threads gets an engine of its own instead: the other block may be waiting for that job.
    fn with_engine<R>(&self, work: impl FnOnce(&mut Engine) -> R) -> R {
        if self.options.threads.is_inside() {
            return work(&mut self.options.engine(Threads::alone()));
        }
        work(&mut self.engine.write())
    }

    /// Waits until no block becomes final.
    fn settled(&self) -> impl Deref<Target = ()> + '_ {
        self.commits.read()
    }
}
