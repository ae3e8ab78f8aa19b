//! A chain of banks that grows block by block, and what is measured on the way: the part that
//! commands have in common that run load for real.
//!
//! ```text
//! Workload -> genesis -> Chain -> step: wire bytes -> frozen bank, timed by stage
//!                                   |-> the same block serially, compared
//!                                   +-> Measured
//! ```

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Instant;

use lockstep_programs::builtin_programs;
use lockstep_runtime::audit::used_costs;
use lockstep_runtime::bank::{Bank, FrozenBank, Genesis};
use lockstep_runtime::block::Recording;
use lockstep_runtime::engine::{
    BlockOptions, Engine, EngineError, Observer, ProcessedBlock, Stage,
};
use lockstep_runtime::threads::ThreadsError;
use lockstep_runtime::wire::WireBlock;
use lockstep_scheduler::{Bounds, CostModel, Mode, Strategy, TransactionIndex, predict};
use lockstep_store::{MemoryStore, StoreError};
use serde::Serialize;

use crate::planning::ratio;
use crate::workload::Workload;

/// Why a chain does not go on. None of these is a transaction's fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// A block could not be processed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system refused a thread.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// How a chain's blocks are processed.
#[derive(Clone, Copy, Debug)]
pub struct ChainOptions<'a> {
    /// Who plans.
    pub strategy: &'a dyn Strategy,
    /// Whether the planner may choose the order.
    pub mode: Mode,
    /// Worker threads.
    pub threads: NonZeroUsize,
    /// Whether transactions that only credit an account may do so at once.
    pub credits: bool,
    /// Whether signatures are verified.
    pub verify: bool,
    /// Whether each block is run serially as well and compared.
    pub checks: bool,
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
    /// Running transactions.
    pub execute: f64,
    /// Collecting what changed, and the store's work.
    pub commit: f64,
    /// Roots and hashes.
    pub root: f64,
    /// From wire bytes in memory to the last frozen bank, final.
    pub total: f64,
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

/// What was measured of a chain.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Transactions and plans.
    pub counts: Counts,
    /// Time by stage.
    pub seconds: Seconds,
    /// Time of the serial executor; 0 without checks.
    pub serial_seconds: f64,
    /// Lower bound / predicted makespan of the plans, by the compute units used.
    pub efficiency: f64,
    /// The first difference from the serial run.
    pub mismatch: Option<String>,
}

/// A chain of banks that grows block by block, and what was measured on the way.
#[derive(Debug)]
pub struct Chain<'a> {
    options: ChainOptions<'a>,
    engine: Engine,
    tip: Arc<FrozenBank>,
    watch: StopWatch,
    counts: Counts,
    serial_seconds: f64,
    makespan: u64,
    lower_bound: u64,
    mismatch: Option<String>,
}

impl<'a> Chain<'a> {
    /// A chain that holds a workload's genesis accounts in memory.
    ///
    /// # Errors
    /// If the system refuses a thread or the store fails.
    pub fn open(workload: &Workload, options: ChainOptions<'a>) -> Result<Self, ChainError> {
        let genesis = Genesis::new(workload.genesis().collect(), builtin_programs());
        let engine = Engine::new(options.threads.get())?;
        Ok(Self {
            options,
            engine: if options.credits {
                engine
            } else {
                engine.without_credits()
            },
            tip: genesis.open(Arc::new(MemoryStore::new()))?,
            watch: StopWatch::new(),
            counts: Counts::default(),
            serial_seconds: 0.0,
            makespan: 0,
            lower_bound: 0,
            mismatch: None,
        })
    }

    /// Makes a block of the workload, processes it, which makes the block before final, and
    /// checks it if that is wanted.
    ///
    /// # Errors
    /// See [`ChainError`]; a difference from the serial run is none, but part of what is measured.
    pub fn step(&mut self, workload: &Workload, index: usize) -> Result<(), ChainError> {
        let wire = workload.block(index, self.tip.block_hash().to_bytes());
        self.watch.start();
        let bank = self.child();
        let options = BlockOptions {
            strategy: self.options.strategy,
            mode: self.options.mode,
            verify: self.options.verify,
            recording: Recording::NONE,
            finalize: Some(&self.tip),
        };
        let processed = self.engine.process(bank, &wire, &options, &mut self.watch);
        self.watch.stop();
        let processed = processed?;
        self.count(&wire, &processed);
        self.judge(&processed);
        if self.options.checks {
            self.compare(&wire, &processed)?;
        }
        self.tip = processed.bank;
        Ok(())
    }

    /// Makes the last block final; those before were while the next was being read.
    ///
    /// # Errors
    /// If the store fails.
    pub fn finish(&mut self) -> Result<(), ChainError> {
        self.watch.start();
        self.tip.finalize()?;
        self.watch.finished(Stage::Commit);
        self.watch.stop();
        Ok(())
    }

    /// The last bank.
    pub fn tip(&self) -> &FrozenBank {
        &self.tip
    }

    /// What was measured so far.
    pub fn measured(&self) -> Measured {
        Measured {
            counts: self.counts,
            seconds: self.watch.seconds,
            serial_seconds: self.serial_seconds,
            efficiency: ratio(self.lower_bound, self.makespan),
            mismatch: self.mismatch.clone(),
        }
    }

    /// A bank for the next slot; a slot takes 400 ms.
    fn child(&self) -> Bank {
        let slot = self.tip.slot().saturating_add(1);
        let time = slot.saturating_mul(2).checked_div(5).unwrap_or_default();
        self.tip
            .child(slot, i64::try_from(time).unwrap_or(i64::MAX))
    }

    fn count(&mut self, wire: &WireBlock, processed: &ProcessedBlock<'_>) {
        let (succeeded, failed, refused) = processed.receipts.counts();
        let plan = &processed.plan;
        let counts = &mut self.counts;
        for (sum, more) in [
            (&mut counts.blocks, 1),
            (&mut counts.transactions, wire.len()),
            (&mut counts.succeeded, succeeded),
            (&mut counts.failed, failed),
            (&mut counts.refused, refused),
            (&mut counts.batches, plan.batch_count()),
            (&mut counts.lanes, plan.lane_count()),
            (&mut counts.waits, plan.waits().len()),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// Predicts the plan's makespan with the compute units that were used in the end.
    fn judge(&mut self, processed: &ProcessedBlock<'_>) {
        let table = used_costs(&processed.prepared, &processed.receipts);
        let workers = u32::try_from(self.options.threads.get())
            .ok()
            .and_then(NonZeroU32::new);
        let workers = workers.unwrap_or(NonZeroU32::MAX);
        let makespan = predict(&processed.plan, &table, workers, &CostModel::STANDARD);
        let bound = Bounds::of(&table).lower_bound(self.options.mode, workers);
        self.makespan = self.makespan.saturating_add(makespan);
        self.lower_bound = self.lower_bound.saturating_add(bound);
    }

    /// Runs the block again, serially in the plan's canonical order, and notes any difference.
    fn compare(
        &mut self,
        wire: &WireBlock,
        processed: &ProcessedBlock<'_>,
    ) -> Result<(), ChainError> {
        let order: &[TransactionIndex] = processed.plan.order();
        let bank = self.child();
        let start = Instant::now();
        let serial = self.engine.process_serial(
            bank,
            wire,
            Some(order),
            self.options.verify,
            Recording::NONE,
        );
        self.serial_seconds += start.elapsed().as_secs_f64();
        let (bank, receipts) = serial?;
        let parallel = &processed.bank;
        let difference = if receipts != processed.receipts {
            let mut pairs = receipts.iter().zip(processed.receipts.iter());
            let position = pairs.position(|(serial, parallel)| serial != parallel);
            let position = position.unwrap_or_else(|| receipts.iter().len());
            Some(format!("the receipt of transaction {position} differs"))
        } else if bank.delta_root() != parallel.delta_root() {
            Some("the roots differ".to_owned())
        } else if bank.block_hash() != parallel.block_hash() {
            Some("the block hashes differ".to_owned())
        } else if bank.costs().digest() != parallel.costs().digest() {
            Some("the learned costs differ".to_owned())
        } else {
            None
        };
        if let (None, Some(difference)) = (&self.mismatch, difference) {
            let block = parallel.slot();
            self.mismatch = Some(format!(
                "block {block} is not what the serial run gives: {difference}"
            ));
        }
        Ok(())
    }
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

/// Adds up the time of each stage.
#[derive(Debug)]
struct StopWatch {
    started: Instant,
    last: Instant,
    seconds: Seconds,
}

impl StopWatch {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            last: now,
            seconds: Seconds::default(),
        }
    }

    fn start(&mut self) {
        self.started = Instant::now();
        self.last = self.started;
    }

    fn stop(&mut self) {
        self.seconds.total += self.started.elapsed().as_secs_f64();
    }
}

impl Observer for StopWatch {
    fn finished(&mut self, stage: Stage) {
        let now = Instant::now();
        let seconds = &mut self.seconds;
        let sum = match stage {
            Stage::Parse => &mut seconds.parse,
            Stage::Verify => &mut seconds.verify,
            Stage::Plan => &mut seconds.plan,
            Stage::Check => &mut seconds.check,
            Stage::Execute => &mut seconds.execute,
            Stage::Commit => &mut seconds.commit,
            Stage::Root => &mut seconds.root,
        };
        *sum += now.duration_since(self.last).as_secs_f64();
        self.last = now;
    }
}
