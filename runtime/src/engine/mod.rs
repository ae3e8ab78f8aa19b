//! The whole way of a block, stage after stage, for embedders that want one call and keep the
//! accounts and blocks themselves. [`chain`](crate::chain) keeps them for you.
//!
//! Each stage is a function of its own in its module; this one only calls them in order, overlaps
//! planning with loading, and tells an observer when each is done. `examples/embed.rs` shows a
//! ledger with a block from genesis to receipts.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ahash::RandomState;
use lockstep_scheduler::{
    AccessTable, CheckedPlan, Mode, Plan, PlanError, PlanRequest, Strategy, StrategyError,
    TransactionIndex, check,
};
use lockstep_store::StoreError;
use thiserror::Error;
use tracing::Span;

pub use given::{Given, GivenError};

use crate::{
    bank::{Bank, FrozenBank},
    block::Recording,
    execute::{CreditsDependOnOrder, ExecuteError, ExecutedBlock, execute, execute_serial, load},
    prepare::{ParsedBlock, PreparedBlock},
    seal::{BlockReceipts, Seal, WriteSet},
    threads::{Threads, ThreadsError},
    verify::Verifier,
    wire::WireBlock,
};

mod given;

/// A stretch of the way that an observer can time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Bytes to transactions that keep every rule, accounts numbered, signatures left out.
    Parse,
    /// Signatures.
    Verify,
    /// Batches and lanes.
    Plan,
    /// The plan's proof.
    Check,
    /// Loading accounts, as far as planning did not hide it, and running transactions.
    Execute,
    /// Collecting what changed; the store's work on the block before, as far as reading this one
    /// did not hide it.
    Commit,
    /// Delta root, receipts hash, block hash.
    Root,
}

/// Told when a stage is done; a stage may report in several stretches.
pub trait Observer: Send {
    /// The time since the last call, or since the block began, belongs to `stage`.
    fn finished(&mut self, stage: Stage);
}

impl Observer for () {
    fn finished(&mut self, _: Stage) {}
}

/// How a block is to be processed.
#[derive(Clone, Copy, Debug)]
pub struct BlockOptions<'s> {
    /// Who plans.
    pub strategy: &'s dyn Strategy,
    /// Whether the planner may choose the order.
    pub mode: Mode,
    /// Whether signatures are verified.
    pub verify: bool,
    /// What receipts carry.
    pub recording: Recording,
    /// A bank, usually the parent, to make final while this block is being read. Reading hides
    /// the store's work.
    pub finalize: Option<&'s FrozenBank>,
}

/// Tells a block on its way that its result is not wanted any more. Clones are one and the same.
///
/// ```
/// let cancel = lockstep_runtime::engine::Cancel::default();
/// let other_hand = cancel.clone();
/// other_hand.cancel();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks to stop, at the end of the stage that is under way.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A block that has been executed, and is in no bank yet.
#[derive(Debug)]
pub struct UnsealedBlock<'b> {
    /// The bank it was executed in.
    pub bank: Bank,
    /// The transactions and their access table.
    pub prepared: PreparedBlock<'b>,
    /// The plan that was executed.
    pub plan: Plan,
    /// What it changed, and what became of its transactions.
    pub write_set: WriteSet,
}

impl<'b> UnsealedBlock<'b> {
    /// Computes the roots and closes the bank. `seal` is what the header of a block that is to
    /// be published says besides.
    pub fn freeze(mut self, threads: &Threads, seal: Option<&Seal>) -> ProcessedBlock<'b> {
        let (bank, receipts) = self
            .write_set
            .freeze(self.bank, &mut self.prepared, threads, seal);
        ProcessedBlock {
            bank,
            receipts,
            plan: self.plan,
            prepared: self.prepared,
        }
    }
}

/// A processed block.
#[derive(Debug)]
pub struct ProcessedBlock<'b> {
    /// The bank it led to; not final yet.
    pub bank: Arc<FrozenBank>,
    /// What became of each transaction.
    pub receipts: BlockReceipts,
    /// The plan that was executed.
    pub plan: Plan,
    /// The transactions and their access table.
    pub prepared: PreparedBlock<'b>,
}

/// Why a block could not be processed. None of these is a transaction's fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The strategy gave up.
    #[error("strategy {name}: {source}")]
    Strategy {
        /// Its name.
        name: String,
        /// Why.
        source: StrategyError,
    },
    /// The strategy panicked. The engine goes on.
    #[error("strategy {name} panicked: {message}")]
    StrategyPanicked {
        /// Its name; empty if it panicked while it was asked.
        name: String,
        /// What it said, or that it was no text.
        message: String,
    },
    /// The strategy's plan breaks a rule.
    #[error("the plan of strategy {name} is wrong: {source}")]
    Plan {
        /// Its name.
        name: String,
        /// The rule.
        source: PlanError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller did not want the result any more.
    #[error("cancelled")]
    Cancelled,
    /// A worker panicked outside of any program; the engine accepts no further block.
    #[error("a worker panicked outside of any program; the engine is poisoned")]
    Poisoned,
}

/// Processes blocks on its threads.
#[derive(Debug)]
pub struct Engine {
    threads: Threads,
    /// One key for all blocks, so that addresses hash alike in all stages.
    hasher: RandomState,
    verifier: Verifier,
    /// Whether transactions that only credit an account may do so at once.
    shares_credits: bool,
    is_poisoned: bool,
}

impl Engine {
    /// An engine with `thread_count` worker threads of its own.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn new(thread_count: usize) -> Result<Self, ThreadsError> {
        Ok(Self::with_threads(Threads::new(thread_count)?))
    }

    /// An engine on threads that it is handed.
    pub fn with_threads(threads: Threads) -> Self {
        Self {
            threads,
            hasher: RandomState::new(),
            verifier: Verifier::default(),
            shares_credits: true,
            is_poisoned: false,
        }
    }

    /// The engine with transactions that only credit an account in an order, as if they wrote it.
    ///
    /// Blocks come out the same for the same order of transactions. Plans differ: one that was
    /// made where credits are shared may be refused here.
    #[must_use]
    pub fn without_credits(mut self) -> Self {
        self.shares_credits = false;
        self
    }

    /// The threads.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Processes a block as the next of `bank`'s parent.
    ///
    /// # Errors
    /// See [`EngineError`]. The parent is untouched by an error.
    pub fn process<'b>(
        &mut self,
        bank: Bank,
        block: &'b WireBlock,
        options: &BlockOptions<'_>,
        observer: &mut dyn Observer,
    ) -> Result<ProcessedBlock<'b>, EngineError> {
        self.in_turn(|engine| {
            let run = engine.run(options, None);
            let unsealed = run.execute_all(bank, block, observer)?;
            let processed = unsealed.freeze(run.threads, None);
            observer.finished(Stage::Root);
            Ok(processed)
        })
    }

    /// The first stages alone: parses a block, applies the rules that need no execution, and
    /// numbers its accounts. Signatures are the caller's business.
    ///
    /// # Errors
    /// If the store fails.
    pub fn prepare<'b>(
        &self,
        bank: &Bank,
        block: &'b WireBlock,
    ) -> Result<PreparedBlock<'b>, StoreError> {
        self.threads.enter(|| {
            let parsed = ParsedBlock::parse(block, &self.threads);
            parsed.prepare(bank, &self.threads, &self.hasher)
        })
    }

    /// Plans and executes a prepared block, without closing its bank.
    ///
    /// # Errors
    /// See [`EngineError`]. The parent is untouched by an error.
    pub fn execute<'b>(
        &mut self,
        bank: Bank,
        mut prepared: PreparedBlock<'b>,
        options: &BlockOptions<'_>,
        cancel: &Cancel,
    ) -> Result<UnsealedBlock<'b>, EngineError> {
        self.in_turn(|engine| {
            let run = engine.run(options, Some(cancel));
            if run.shares_credits {
                prepared.share_credits(&bank)?;
            }
            run.execute_prepared(bank, prepared, &mut ())
        })
    }

    /// Executes a prepared block by the plan it came with, without closing its bank.
    ///
    /// # Errors
    /// See [`GivenError`]. The parent is untouched by an error.
    pub fn execute_given<'b>(
        &mut self,
        bank: Bank,
        prepared: PreparedBlock<'b>,
        given: Given<'_>,
        cancel: &Cancel,
    ) -> Result<UnsealedBlock<'b>, GivenError> {
        self.in_turn(|engine| given.execute(&engine.threads, bank, prepared, cancel))
    }

    /// Plans for as many workers as there are threads, and checks the plan.
    ///
    /// # Errors
    /// If the strategy gives up or its plan is wrong.
    pub fn plan<'t>(
        &self,
        table: &'t AccessTable,
        strategy: &dyn Strategy,
        mode: Mode,
    ) -> Result<CheckedPlan<'t>, EngineError> {
        plan(table, strategy, mode, &self.threads, &mut ())
    }

    /// Runs one block's stages on the threads, while no other block does.
    fn in_turn<R: Send, E: Send + IsPoisoned>(
        &mut self,
        work: impl FnOnce(&Self) -> Result<R, E> + Send,
    ) -> Result<R, E> {
        if self.is_poisoned {
            return Err(E::POISONED);
        }
        // What the stages tell of belongs to the caller's span, on whatever thread they run.
        let span = Span::current();
        let result = self.threads.enter_alone(|| span.in_scope(|| work(self)));
        self.is_poisoned = matches!(&result, Err(error) if error.is_poisoned());
        result
    }

    fn run<'e>(&'e self, options: &'e BlockOptions<'e>, cancel: Option<&'e Cancel>) -> Run<'e> {
        Run {
            threads: &self.threads,
            hasher: &self.hasher,
            verifier: &self.verifier,
            // Balances are known only to who has the account for himself.
            shares_credits: self.shares_credits && !options.recording.balances,
            options,
            cancel,
        }
    }

    /// Processes a block with the serial executor, in wire order or the order given.
    ///
    /// # Errors
    /// If the store fails.
    pub fn process_serial(
        &self,
        bank: Bank,
        block: &WireBlock,
        order: Option<&[TransactionIndex]>,
        verify: bool,
        recording: Recording,
    ) -> Result<(Arc<FrozenBank>, BlockReceipts), EngineError> {
        let threads = Threads::new(1).expect("one thread needs no pool");
        let mut parsed = ParsedBlock::parse(block, &threads);
        if verify {
            parsed.verify(&self.verifier, &threads);
        }
        let mut prepared = parsed.prepare(&bank, &threads, &self.hasher)?;
        let wire_order: Vec<TransactionIndex>;
        let order = match order {
            Some(order) => order,
            None => {
                wire_order = prepared.table().transactions().collect();
                &wire_order
            }
        };
        let executed = execute_serial(&bank, &prepared, order.iter().copied(), recording)?;
        let write_set = WriteSet::from_serial(&bank, executed)?;
        Ok(write_set.freeze(bank, &mut prepared, &threads, None))
    }
}

/// An error that may mean that the engine is broken.
trait IsPoisoned {
    const POISONED: Self;
    fn is_poisoned(&self) -> bool;
}

impl IsPoisoned for EngineError {
    const POISONED: Self = Self::Poisoned;

    fn is_poisoned(&self) -> bool {
        matches!(self, Self::Poisoned)
    }
}

impl IsPoisoned for GivenError {
    const POISONED: Self = Self::Engine(EngineError::Poisoned);

    fn is_poisoned(&self) -> bool {
        matches!(self, Self::Engine(EngineError::Poisoned))
    }
}

/// One block's way through the stages.
struct Run<'e> {
    threads: &'e Threads,
    hasher: &'e RandomState,
    verifier: &'e Verifier,
    shares_credits: bool,
    options: &'e BlockOptions<'e>,
    cancel: Option<&'e Cancel>,
}

impl Run<'_> {
    fn execute_all<'b>(
        &self,
        bank: Bank,
        block: &'b WireBlock,
        observer: &mut dyn Observer,
    ) -> Result<UnsealedBlock<'b>, EngineError> {
        let (prepared, finalized) = self.threads.join(
            || self.prepare(&bank, block, observer),
            || self.options.finalize.map_or(Ok(()), FrozenBank::finalize),
        );
        finalized?;
        let prepared = prepared?;
        observer.finished(Stage::Commit);
        self.execute_prepared(bank, prepared, observer)
    }

    fn execute_prepared<'b>(
        &self,
        bank: Bank,
        mut prepared: PreparedBlock<'b>,
        observer: &mut dyn Observer,
    ) -> Result<UnsealedBlock<'b>, EngineError> {
        let (plan, executed) = loop {
            self.check_cancelled()?;
            match self.execute(&bank, &prepared, observer)? {
                Ok(done) => break done,
                // Fewer each time, and without any nothing can depend on their order.
                Err(CreditsDependOnOrder) => {
                    assert!(prepared.withdraw_credits(), "credits were shared");
                }
            }
        };
        self.check_cancelled()?;
        let write_set = WriteSet::new(&bank, &prepared, executed, self.threads)?;
        observer.finished(Stage::Commit);
        Ok(UnsealedBlock {
            bank,
            prepared,
            plan,
            write_set,
        })
    }

    fn check_cancelled(&self) -> Result<(), EngineError> {
        if self.cancel.is_some_and(Cancel::is_cancelled) {
            return Err(EngineError::Cancelled);
        }
        Ok(())
    }

    fn prepare<'b>(
        &self,
        bank: &Bank,
        block: &'b WireBlock,
        observer: &mut dyn Observer,
    ) -> Result<PreparedBlock<'b>, EngineError> {
        let mut parsed = ParsedBlock::parse(block, self.threads);
        observer.finished(Stage::Parse);
        if self.options.verify {
            parsed.verify(self.verifier, self.threads);
            observer.finished(Stage::Verify);
        }
        self.check_cancelled()?;
        let mut prepared = parsed.prepare(bank, self.threads, self.hasher)?;
        if self.shares_credits {
            prepared.share_credits(bank)?;
        }
        observer.finished(Stage::Parse);
        Ok(prepared)
    }

    /// Plans, checks, loads and executes the block.
    fn execute(
        &self,
        bank: &Bank,
        prepared: &PreparedBlock<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Result<(Plan, ExecutedBlock), CreditsDependOnOrder>, EngineError> {
        let (plan, accounts) = self.threads.join(
            || {
                let BlockOptions { strategy, mode, .. } = *self.options;
                plan(prepared.table(), strategy, mode, self.threads, observer)
            },
            || load(bank, prepared, self.threads),
        );
        let (plan, accounts) = (plan?, accounts?);
        let (threads, recording) = (self.threads, self.options.recording);
        let executed = execute(bank, prepared, accounts, &plan, threads, recording);
        observer.finished(Stage::Execute);
        match executed {
            Ok(executed) => Ok(Ok((plan.into_plan(), executed))),
            Err(ExecuteError::CreditsDependOnOrder(again)) => Ok(Err(again)),
            Err(ExecuteError::WorkerPanicked) => Err(EngineError::Poisoned),
        }
    }
}

fn plan<'t>(
    table: &'t AccessTable,
    strategy: &dyn Strategy,
    mode: Mode,
    threads: &Threads,
    observer: &mut dyn Observer,
) -> Result<CheckedPlan<'t>, EngineError> {
    let mut name = String::new();
    // A strategy is handed nothing that it could leave half done.
    let planned = catch_unwind(AssertUnwindSafe(|| {
        name.push_str(strategy.name());
        strategy.plan(table, &PlanRequest::new(mode, threads.worker_count()))
    }));
    let plan = match planned {
        Ok(Ok(plan)) => plan,
        Ok(Err(source)) => return Err(EngineError::Strategy { name, source }),
        Err(payload) => {
            let message = panic_message(payload);
            return Err(EngineError::StrategyPanicked { name, message });
        }
    };
    observer.finished(Stage::Plan);
    let plan = check(plan, table, mode);
    let plan = plan.map_err(|refused| EngineError::Plan {
        name,
        source: refused.error,
    })?;
    observer.finished(Stage::Check);
    Ok(plan)
}

/// What a panic said.
fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("without a text").to_owned();
    // Dropping the payload may panic in turn; leaking it cannot.
    std::mem::forget(payload);
    message
}
