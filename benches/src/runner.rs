//! A workload through the runtime's pipeline, and what is measured on the way: the part that
//! commands have in common that run load for real.
//!
//! ```text
//! Workload -> genesis -> Chain -> signed blocks -> pipeline: verify | build | commit
//!                                                    |-> executed serially again, root by root
//!                                                    +-> Measured
//! ```
//!
//! The chain is the one that a node runs: its blocks are sealed, and a second chain with the serial
//! executor judges them by their bytes alone. Making and signing the load is not part of what is
//! measured; it is done between stretches of [`STRETCH`] blocks, while the clock stands still, with
//! the blockhash of the last block before.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Instant;

use lockstep_runtime::bank::Genesis;
use lockstep_runtime::block::Recording;
use lockstep_runtime::chain::{
    BlockError, BuiltBlock, Chain, ChainOptions, CommitError, Executor, OpenError, ProduceError,
    ProduceOptions, Proposal,
};
use lockstep_runtime::engine::Cancel;
use lockstep_runtime::limits::TRANSACTION_COST;
use lockstep_runtime::threads::{Threads, ThreadsError};
use lockstep_runtime::verify::Verifier;
use lockstep_scheduler::{AccessTable, Bounds, CostModel, Mode, Strategy, predict, replay_bound};
use lockstep_store::{MemoryStore, Trie};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::planning::ratio;
use crate::stages::{self, StageTimes};
use crate::workload::Workload;

/// Blocks made ahead; fewer than the 150 blocks for which a blockhash is good.
pub const STRETCH: usize = 64;

/// Why a run does not go on. None of these is a transaction's fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The chain could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A block was not produced.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// A block was not executed serially, for a reason that is not the block's.
    #[error(transparent)]
    Execute(#[from] BlockError),
    /// A block that was executed serially was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The system refused a thread.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// How a workload is run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// The planner.
    pub strategy: &'a dyn Strategy,
    /// Whether the planner may choose the order.
    pub mode: Mode,
    /// Worker threads.
    pub threads: NonZeroUsize,
    /// Whether transactions that only credit an account may do so at once.
    pub credits: bool,
    /// Whether signatures are verified.
    pub verify: bool,
    /// Whether headers carry the root over all accounts.
    pub state_root: bool,
    /// Whether each block is executed serially as well and compared.
    pub checks: bool,
}

impl RunOptions<'_> {
    /// Those of a chain that runs so. Each thread that verifies does so by itself.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn chain_options(&self) -> Result<ChainOptions, ThreadsError> {
        let threads = Threads::new(self.threads.get())?;
        Ok(ChainOptions {
            reader_threads: if self.verify {
                Threads::new(1)?
            } else {
                threads.clone()
            },
            verifier: self.verify.then(Verifier::default),
            shares_credits: self.credits,
            ..ChainOptions::new(threads)
        })
    }
}

/// Time spent in each stage of all blocks.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Seconds {
    /// Bytes to transactions with numbered accounts.
    pub parse: f64,
    /// Signatures.
    pub verify: f64,
    /// Planning.
    pub plan: f64,
    /// The plan's proof.
    pub check: f64,
    /// Taking accounts from the store.
    pub load: f64,
    /// Running transactions.
    pub execute: f64,
    /// Collecting what changed, and the store's work.
    pub commit: f64,
    /// Roots and hashes.
    pub root: f64,
    /// From wire bytes in memory to the last block, final. Stages overlap, so that their times do
    /// not add up to it.
    pub total: f64,
}

impl Seconds {
    /// Seconds of building blocks: all stages but verifying ahead and committing behind.
    pub fn build(&self) -> f64 {
        self.parse + self.plan + self.check + self.load + self.execute + self.root
    }
}

/// What became of the transactions, and the plans' sizes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Blocks.
    pub blocks: usize,
    /// Transactions in all blocks.
    pub transactions: usize,
    /// Those that succeeded.
    pub succeeded: usize,
    /// Those that failed and paid.
    pub failed: usize,
    /// Those that are not part of their block.
    pub refused: usize,
    /// Batches of all plans.
    pub batches: usize,
    /// Lanes of all batches.
    pub lanes: usize,
    /// Static waits of all plans.
    pub waits: usize,
}

/// What was measured of a run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Transactions and plans.
    pub counts: Counts,
    /// Time by stage.
    pub seconds: Seconds,
    /// The same for each of the [stages](stages::NAMES) alone.
    pub stages: [f64; stages::NAMES.len()],
    /// Time that processors worked while the clock ran, all threads together.
    pub cpu_seconds: f64,
    /// Time of the serial executor; 0 without checks.
    pub serial_seconds: f64,
    /// Lower bound / predicted makespan of the plans, by the compute units used.
    pub efficiency: f64,
    /// The first difference from the serial run.
    pub mismatch: Option<String>,
}

/// A chain that grows by the blocks of a workload, and what was measured on the way.
#[derive(Debug)]
pub struct Runner<'a> {
    options: RunOptions<'a>,
    chain: Chain,
    /// Executes every block again, serially; `None` without checks.
    oracle: Option<Chain>,
    seconds: Seconds,
    stages: [f64; stages::NAMES.len()],
    cpu_seconds: f64,
    counts: Counts,
    serial_seconds: f64,
    makespan: u64,
    lower_bound: u64,
    mismatch: Option<String>,
}

impl<'a> Runner<'a> {
    /// Runs on a chain in memory that holds a workload's genesis accounts.
    ///
    /// # Errors
    /// If the system refuses a thread or the store fails.
    pub fn open(workload: &Workload, options: RunOptions<'a>) -> Result<Self, RunError> {
        let open = |chain_options: ChainOptions| {
            let genesis =
                Genesis::new(workload.genesis().collect(), workload.programs()).without_limits();
            let trie = options.state_root.then(Trie::default);
            Chain::open(Arc::new(MemoryStore::new()), trie, genesis, chain_options)
        };
        let chain_options = options.chain_options()?;
        let oracle = options.checks.then(|| {
            open(ChainOptions {
                threads: Threads::new(1).expect("one thread needs no pool"),
                executor: Executor::Serial,
                ..chain_options.clone()
            })
        });
        let mut runner = Self::on(open(chain_options)?, options);
        runner.oracle = oracle.transpose()?;
        Ok(runner)
    }

    /// Runs on a chain that is there already, whose blocks are not checked.
    pub fn on(chain: Chain, options: RunOptions<'a>) -> Self {
        Self {
            options,
            chain,
            oracle: None,
            seconds: Seconds::default(),
            stages: Default::default(),
            cpu_seconds: 0.0,
            counts: Counts::default(),
            serial_seconds: 0.0,
            makespan: 0,
            lower_bound: 0,
            mismatch: None,
        }
    }

    /// Makes the blocks of these indexes and runs them. `committed` is told of each block that is
    /// final.
    ///
    /// # Errors
    /// See [`RunError`]; blocks that were committed before stay so. A difference from the serial
    /// run is no error, but part of what is measured.
    pub fn run(
        &mut self,
        workload: &Workload,
        indexes: &[usize],
        committed: &(dyn Fn() + Sync),
    ) -> Result<(), RunError> {
        self.run_and_show(workload, indexes, committed, &mut |_| ())
    }

    /// As [`Runner::run`], and shows each block.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn run_and_show(
        &mut self,
        workload: &Workload,
        indexes: &[usize],
        committed: &(dyn Fn() + Sync),
        show: &mut dyn FnMut(&BuiltBlock),
    ) -> Result<(), RunError> {
        for stretch in indexes.chunks(STRETCH) {
            let (head, header) = self.chain.head();
            let slots = header.slot.saturating_add(1)..;
            let proposals: Vec<Proposal> = slots
                .zip(stretch)
                .map(|(slot, index)| Proposal {
                    slot,
                    // A slot takes 400 ms.
                    unix_timestamp: i64::try_from(slot.saturating_mul(2) / 5).unwrap_or(i64::MAX),
                    transactions: workload.block(*index, head.to_bytes()),
                })
                .collect();
            let sizes = proposals.iter().map(|proposal| proposal.transactions.len());
            let given: usize = sizes.sum();
            let blocks = self.produce(proposals, committed)?;
            self.counts.transactions = self.counts.transactions.saturating_add(given);
            for block in &blocks {
                show(block);
                self.count(block);
                self.judge(block);
            }
            self.compare(&blocks)?;
        }
        Ok(())
    }

    /// Runs blocks through the pipeline while the clock runs.
    fn produce(
        &mut self,
        proposals: Vec<Proposal>,
        committed: &(dyn Fn() + Sync),
    ) -> Result<Vec<BuiltBlock>, RunError> {
        let options = ProduceOptions {
            strategy: self.options.strategy,
            mode: self.options.mode,
            recording: Recording::NONE,
        };
        let mut blocks = Vec::with_capacity(proposals.len());
        let (before, cpu, start) = (StageTimes::now(), cpu_seconds(), Instant::now());
        let keep = |block| blocks.push(block);
        let proposals = proposals.into_iter();
        let produced = self
            .chain
            .produce(proposals, &options, keep, |_| committed());
        self.seconds.total += start.elapsed().as_secs_f64();
        self.cpu_seconds += cpu_seconds() - cpu;
        let now = StageTimes::now();
        for (sum, more) in self.stages.iter_mut().zip(now.each_since(&before)) {
            *sum += more;
        }
        let seconds = &mut self.seconds;
        for (sum, names) in [
            (&mut seconds.parse, &["parse", "prepare"][..]),
            (&mut seconds.verify, &["verify"]),
            (&mut seconds.plan, &["plan"]),
            (&mut seconds.check, &["check"]),
            (&mut seconds.load, &["load"]),
            (&mut seconds.execute, &["run"]),
            (&mut seconds.commit, &["commit"]),
            (&mut seconds.root, &["seal", "root"]),
        ] {
            *sum += now.seconds_since(&before, names);
        }
        produced?;
        Ok(blocks)
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// What was measured so far.
    pub fn measured(&self) -> Measured {
        Measured {
            counts: self.counts,
            seconds: self.seconds,
            stages: self.stages,
            cpu_seconds: self.cpu_seconds,
            serial_seconds: self.serial_seconds,
            efficiency: ratio(self.lower_bound, self.makespan),
            mismatch: self.mismatch.clone(),
        }
    }

    fn count(&mut self, block: &BuiltBlock) {
        let receipts = block.receipts.iter();
        let succeeded = receipts.filter(|receipt| receipt.status.is_ok()).count();
        let failed = block.receipts.len().saturating_sub(succeeded);
        let counts = &mut self.counts;
        for (sum, more) in [
            (&mut counts.blocks, 1),
            (&mut counts.succeeded, succeeded),
            (&mut counts.failed, failed),
            (&mut counts.refused, block.refused.len()),
            (&mut counts.batches, block.plan.batch_count()),
            (&mut counts.lanes, block.plan.lane_count()),
            (&mut counts.waits, block.plan.waits().len()),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// Predicts the plan's makespan with the compute units that were used in the end.
    fn judge(&mut self, block: &BuiltBlock) {
        let table = used_table(block);
        let workers = u32::try_from(self.options.threads.get())
            .ok()
            .and_then(NonZeroU32::new);
        let workers = workers.unwrap_or(NonZeroU32::MAX);
        let makespan = predict(&block.schedule.plan, &table, workers, &CostModel::STANDARD);
        let bound = match self.options.mode {
            Mode::Produce => Bounds::of(&table).lower_bound(Mode::Produce, workers),
            Mode::Replay => replay_bound(&table, workers),
        };
        self.makespan = self.makespan.saturating_add(makespan);
        self.lower_bound = self.lower_bound.saturating_add(bound);
    }

    /// Executes the blocks again, serially, from their bytes, and notes the first difference.
    fn compare(&mut self, blocks: &[BuiltBlock]) -> Result<(), RunError> {
        let Some(oracle) = &self.oracle else {
            return Ok(());
        };
        if self.mismatch.is_some() {
            return Ok(());
        }
        for block in blocks {
            let bytes = block.bytes().into();
            let start = Instant::now();
            let executed = match oracle.read(bytes) {
                Ok(read) => match oracle.execute(&read, &Cancel::default()) {
                    Err(BlockError::Invalid { reason, .. }) => Err(reason.to_string()),
                    executed => Ok(executed?),
                },
                Err(error) => Err(error.to_string()),
            };
            let accepted = match executed {
                Ok(accepted) => accepted,
                Err(reason) => {
                    let slot = block.header.slot;
                    let cause = format!("block {slot} is not what the serial run gives: {reason}");
                    self.mismatch = Some(cause);
                    return Ok(());
                }
            };
            oracle.commit(&accepted.id)?;
            self.serial_seconds += start.elapsed().as_secs_f64();
            self.mismatch = difference(&self.chain, oracle, block, accepted.receipts.as_deref());
        }
        Ok(())
    }
}

/// What the transactions of a block access, with the costs that were used in the end.
pub(crate) fn used_table(block: &BuiltBlock) -> AccessTable {
    let declared = &block.schedule.table;
    let mut costs = vec![0; declared.transaction_count()];
    for (index, receipt) in block.schedule.order.iter().zip(block.receipts.iter()) {
        costs[index.index()] = TRANSACTION_COST.saturating_add(receipt.compute_units);
    }
    let mut table =
        AccessTable::with_capacity(declared.transaction_count(), declared.access_count());
    for index in declared.transactions() {
        table.push(
            declared.accesses(index).iter().copied(),
            costs[index.index()],
        );
    }
    table
}

/// What a header does not commit to, compared: receipts in full, and the costs that were learned
/// up to the newest block.
fn difference(
    chain: &Chain,
    oracle: &Chain,
    block: &BuiltBlock,
    receipts: Option<&Vec<lockstep_runtime::block::Receipt>>,
) -> Option<String> {
    let slot = block.header.slot;
    if receipts.is_some_and(|receipts| *receipts != *block.receipts) {
        return Some(format!(
            "block {slot} has other receipts than the serial run"
        ));
    }
    let costs = |chain: &Chain| chain.bank(&block.id).map(|bank| bank.costs().digest());
    match (costs(chain), costs(oracle)) {
        (Ok(parallel), Ok(serial)) if parallel != serial => Some(format!(
            "block {slot} taught other costs than the serial run"
        )),
        _ => None,
    }
}

/// Seconds that processors have worked for this process.
#[expect(
    clippy::cast_precision_loss,
    reason = "a time for people needs no 64 bits"
)]
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A number a second; 0 if no time passed, since nothing was done then.
#[expect(
    clippy::cast_precision_loss,
    reason = "a rate for people needs no 64 bits"
)]
pub fn rate(count: usize, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}
