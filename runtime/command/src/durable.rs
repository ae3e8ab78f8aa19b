//! Runs a workload on a durable ledger, stages of different blocks side by side.
//!
//! ```text
//! block n + 2   signatures verified             a thread of their own for each of some blocks
//! block n + 1   built: executed, roots, bytes   the engine's threads
//! block n       committed, durable              one thread
//! ```
//!
//! Each stage works on a block of its own, and the system shares the cores among them: while one
//! waits for the disk or for a barrier, another works. Making and signing the load is not part of
//! what is measured; it is done between stretches of [`STRETCH`] blocks, while the clock stands
//! still, with the blockhash of the last block before.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "measured times do not add up to more than a duration holds"
)]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use lockstep_interface::Hash;
use lockstep_programs::builtin_programs;
use lockstep_runtime::bank::Genesis;
use lockstep_runtime::block::Recording;
use lockstep_runtime::chain::{
    BlockEngine, BuildError, BuildRequest, BuiltBlock, Chain, ChainOptions, CommitError, OpenError,
    VerifiedTransactions,
};
use lockstep_runtime::engine::Cancel;
use lockstep_runtime::threads::{Threads, ThreadsError};
use lockstep_runtime::verify::Verifier;
use lockstep_runtime::{block::BlockLimits, wire::WireBlock};
use lockstep_scheduler::{Mode, Strategy};
use lockstep_store::{CachedStore, DiskOptions, DiskStore, StoreError, sync::Shared};

use crate::ledger::{LedgerError, keep_genesis};
use lockstep_benches::workload::Workload;

/// Blocks made ahead; fewer than the 150 blocks for which a blockhash is good.
pub(crate) const STRETCH: usize = 64;

/// How a durable ledger is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DurableOptions<'a> {
    /// The ledger's directory.
    pub(crate) path: &'a Path,
    /// Who plans.
    pub(crate) strategy: &'a dyn Strategy,
    /// Whether the planner may choose the order.
    pub(crate) mode: Mode,
    /// Worker threads, and as many for signatures.
    pub(crate) threads: NonZeroUsize,
    /// Whether transactions that only credit an account may do so at once.
    pub(crate) credits: bool,
    /// Whether signatures are verified.
    pub(crate) verify: bool,
    /// Bytes of accounts kept in memory.
    pub(crate) cache_size: usize,
}

/// Why a durable ledger does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DurableError {
    /// It could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was made for other load.
    #[error(
        "{}: the ledger has other accounts than the workload; give it a directory of its own",
        path.display()
    )]
    OtherLoad {
        /// The ledger's directory.
        path: PathBuf,
    },
    /// Its first state could not be kept.
    #[error(transparent)]
    Genesis(#[from] LedgerError),
    /// A block was not built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A block was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The system refused a thread.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// What was measured while the clock ran.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// Blocks committed.
    pub(crate) blocks: usize,
    /// Transactions handed in.
    pub(crate) transactions: usize,
    /// Those that succeeded.
    pub(crate) succeeded: usize,
    /// Those that failed and paid.
    pub(crate) failed: usize,
    /// Those that are in no block.
    pub(crate) refused: usize,
    /// From signed bytes in memory to the last block, durable.
    pub(crate) total: Duration,
    /// Time that verifying was at work.
    pub(crate) verify: Duration,
    /// Time that building was at work.
    pub(crate) build: Duration,
    /// Time that committing was at work.
    pub(crate) commit: Duration,
}

/// A ledger in a directory, and its load.
#[derive(Debug)]
pub(crate) struct Durable<'a> {
    options: DurableOptions<'a>,
    chain: Chain,
    store: Arc<CachedStore<DiskStore>>,
    measured: Measured,
}

impl<'a> Durable<'a> {
    /// Opens the ledger where it was left, or makes it with the workload's accounts.
    ///
    /// # Errors
    /// If the directory is no ledger, is in use, is damaged, or holds another workload's accounts.
    pub(crate) fn open(
        workload: &Workload,
        options: DurableOptions<'a>,
    ) -> Result<Self, DurableError> {
        let chain_options = ChainOptions {
            threads: Threads::new(options.threads.get())?,
            reader_threads: Threads::new(1)?,
            verifier: Verifier::default(),
            limits: BlockLimits::UNLIMITED,
            verifies_signatures: options.verify,
            shares_credits: options.credits,
        };
        let disk_options = DiskOptions::default();
        let (disk, trie) = DiskStore::open(options.path, disk_options, &chain_options.threads)?;
        let store = Arc::new(CachedStore::warm(disk, options.cache_size)?);
        let genesis = Genesis::new(workload.genesis().collect(), builtin_programs());
        let first = genesis.accounts.first().map(|(address, _)| *address);
        let dynamic = Arc::<CachedStore<DiskStore>>::clone(&store);
        let chain = Chain::open(dynamic, trie, genesis, chain_options)?;
        let (head, _) = chain.head();
        let bank = chain.bank(&head).expect("the head is known");
        if let Some(first) = first
            && bank.get(&first)?.is_none()
        {
            let path = options.path.to_owned();
            return Err(DurableError::OtherLoad { path });
        }
        keep_genesis(&chain, options.path)?;
        Ok(Self {
            options,
            chain,
            store,
            measured: Measured::default(),
        })
    }

    /// The chain.
    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Accounts read from memory, and looked for on disk.
    pub(crate) fn cache_counts(&self) -> (u64, u64) {
        self.store.counts()
    }

    /// What was measured so far.
    pub(crate) fn measured(&self) -> Measured {
        self.measured
    }

    /// Makes the blocks of these indexes, at most [`STRETCH`], and runs them. `committed` is told
    /// of each block that is durable.
    ///
    /// # Errors
    /// See [`DurableError`]; blocks that were committed before stay so.
    pub(crate) fn run(
        &mut self,
        workload: &Workload,
        indexes: &[usize],
        committed: &(dyn Fn() + Sync),
    ) -> Result<(), DurableError> {
        let (head, header) = self.chain.head();
        let blocks: Vec<WireBlock> = indexes
            .iter()
            .map(|index| workload.block(*index, head.to_bytes()))
            .collect();
        let count: usize = blocks.iter().map(WireBlock::len).sum();
        let start = Instant::now();
        let stretch = self.run_blocks(blocks, head, header.slot, committed);
        let measured = &mut self.measured;
        measured.total += start.elapsed();
        let stretch = stretch?;
        measured.verify += stretch.verify;
        measured.build += stretch.build;
        measured.commit += stretch.commit;
        for (sum, more) in [
            (&mut measured.transactions, count),
            (&mut measured.blocks, indexes.len()),
            (&mut measured.succeeded, stretch.succeeded),
            (&mut measured.failed, stretch.failed),
            (&mut measured.refused, stretch.refused),
        ] {
            *sum = sum.saturating_add(more);
        }
        Ok(())
    }

    /// Runs the three stages on threads of their own.
    fn run_blocks(
        &self,
        blocks: Vec<WireBlock>,
        mut parent: Hash,
        mut slot: u64,
        committed: &(dyn Fn() + Sync),
    ) -> Result<Measured, DurableError> {
        let blocks: Vec<Shared<Option<WireBlock>>> = blocks
            .into_iter()
            .map(|block| Shared::new(Some(block)))
            .collect();
        let blocks = &blocks;
        let (to_commit, built) = mpsc::sync_channel::<Hash>(1);
        let mut measured = Measured::default();
        thread::scope(|scope| {
            // Each thread verifies every so-many-th block all by itself, so that none waits for
            // another at the end of a block.
            let verifier_count = self.options.threads.get();
            let mut verified = Vec::with_capacity(verifier_count);
            let mut verifiers = Vec::with_capacity(verifier_count);
            for first in 0..verifier_count {
                let (to_build, receiver) = mpsc::sync_channel(1);
                verified.push(receiver);
                verifiers.push(scope.spawn(move || {
                    let mut busy = Duration::ZERO;
                    for block in blocks.iter().skip(first).step_by(verifier_count) {
                        let block = block.write().take().expect("each block is taken once");
                        let start = Instant::now();
                        let verified = self.verify(block);
                        busy += start.elapsed();
                        if to_build.send(verified).is_err() {
                            break;
                        }
                    }
                    busy
                }));
            }
            let committer = scope.spawn(move || -> Result<Duration, DurableError> {
                let mut busy = Duration::ZERO;
                for id in built {
                    let start = Instant::now();
                    self.chain.commit(&id)?;
                    busy += start.elapsed();
                    committed();
                }
                Ok(busy)
            });
            let mut failure = None;
            let in_order = verified
                .iter()
                .cycle()
                .map_while(|receiver| receiver.recv().ok());
            for (mut transactions, refused) in in_order.take(blocks.len()) {
                let start = Instant::now();
                slot = slot.saturating_add(1);
                let block = match self.build(parent, slot, &mut transactions) {
                    Ok(block) => block,
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                };
                measured.build += start.elapsed();
                count(&mut measured, refused, &block);
                parent = block.id;
                if to_commit.send(parent).is_err() {
                    break;
                }
            }
            drop((to_commit, verified));
            for verifier in verifiers {
                measured.verify += verifier.join().expect("verifying does not panic");
            }
            measured.commit = committer.join().expect("committing does not panic")?;
            failure.map_or(Ok(measured), Err)
        })
    }

    fn verify(&self, block: WireBlock) -> (VerifiedTransactions, usize) {
        if !self.options.verify {
            return (VerifiedTransactions::trusted(block), 0);
        }
        let threads = &self.chain.options().reader_threads;
        let verifier = &self.chain.options().verifier;
        let (transactions, refused) = VerifiedTransactions::verify(block, verifier, threads);
        (transactions, refused.len())
    }

    fn build(
        &self,
        parent: Hash,
        slot: u64,
        transactions: &mut VerifiedTransactions,
    ) -> Result<BuiltBlock, DurableError> {
        let request = BuildRequest {
            parent,
            slot,
            // A slot takes 400 ms.
            unix_timestamp: i64::try_from(slot.saturating_mul(2) / 5).unwrap_or(i64::MAX),
            strategy: self.options.strategy,
            mode: self.options.mode,
            recording: Recording::NONE,
        };
        let built = self.chain.build(&request, transactions, &Cancel::default());
        Ok(built?)
    }
}

fn count(measured: &mut Measured, refused: usize, block: &BuiltBlock) {
    let receipts = block.receipts.iter();
    let succeeded = receipts.filter(|receipt| receipt.status.is_ok()).count();
    let failed = block.receipts.len().saturating_sub(succeeded);
    let refused = refused.saturating_add(block.refused.len());
    for (sum, more) in [
        (&mut measured.succeeded, succeeded),
        (&mut measured.failed, failed),
        (&mut measured.refused, refused),
    ] {
        *sum = sum.saturating_add(more);
    }
}
