//! A block's way through the stages, from a parsed block to a sealed one.
//!
//! ```text
//! ParsedBlock -> prepare -> execute (How: Planned or Given) -> UnsealedBlock -> seal, freeze
//! ```
//!
//! Each stage is a function of its own in its module; the engine calls them in order, overlaps
//! planning with loading, and keeps what blocks share: threads, the hash key of addresses.
//! [`chain`](crate::chain) keeps accounts and blocks besides.

mod error;
mod plan;
mod seal;

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ahash::RandomState;
pub use error::EngineError;
use lockstep_scheduler::{
    AccessTable, AccountIndex, CheckedPlan, Mode, Plan, Strategy, TransactionIndex, check,
};
use lockstep_store::StoreError;
pub(crate) use seal::included;
pub use seal::{FrozenBlock, SealedBlock};
use tracing::Span;

use crate::{
    bank::Bank,
    block::{Outcome, Recording},
    execute::{ExecuteError, ExecutedBlock, execute, execute_serial, load},
    prepare::PreparedBlock,
    seal::BlockReceipts,
    stage::stage,
    threads::{Threads, ThreadsError},
    verify::{ParsedBlock, Refusal},
};

/// Nanoseconds that preparing a transaction takes on one thread.
const PREPARE_COST: u64 = 400;

/// Nanoseconds of execution that several threads could share: a single transaction is one's.
fn shared_work(table: &AccessTable) -> u64 {
    match table.transaction_count() {
        0 | 1 => 0,
        _ => table.total_cost(),
    }
}

/// Asks the engine to stop work on a block whose result is no longer wanted. Clones share one
/// state.
///
/// ```
/// let cancel = lockstep_runtime::engine::Cancel::default();
/// let clone = cancel.clone();
/// clone.cancel();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks to stop at the end of the stage that is under way: preparing, planning and loading, or
    /// running all transactions. A stage runs to its end, in time linear in the size of its block.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a clone has asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<(), EngineError> {
        if self.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        Ok(())
    }
}

/// Where the plan of a block comes from.
#[derive(Clone, Copy, Debug)]
pub enum How<'h> {
    /// A strategy makes it. Transactions that break a rule are refused, the others run.
    Planned {
        /// The planner.
        strategy: &'h dyn Strategy,
        /// Whether the planner may choose the order.
        mode: Mode,
    },
    /// The block's producer made it, over transactions in its canonical order. It is checked like
    /// any other, and a refused transaction makes the block invalid.
    Given {
        /// The plan.
        plan: &'h Plan,
        /// The accounts that the plan lets several transactions credit at once, in ascending order.
        shared_accounts: &'h [AccountIndex],
    },
}

/// A block that has been executed, and is in no bank yet.
#[derive(Debug)]
pub struct UnsealedBlock<'b> {
    /// The bank it was executed in.
    pub bank: Bank,
    /// The transactions and their access table.
    pub prepared: PreparedBlock<'b>,
    /// The plan that was executed; empty after a serial run.
    pub plan: Plan,
    /// What it changed, and the outcomes of its transactions.
    pub executed: ExecutedBlock,
}

impl UnsealedBlock<'_> {
    /// The result of every transaction, by its place in the wire block.
    pub fn receipts(&self) -> BlockReceipts {
        BlockReceipts::new(&self.prepared, self.executed.outcomes().to_vec())
    }
}

/// Executes blocks on its threads, one at a time.
#[derive(Debug)]
pub struct Engine {
    threads: Threads,
    /// One key for all blocks, so that addresses hash alike in all stages.
    hasher: RandomState,
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
            shares_credits: true,
            is_poisoned: false,
        }
    }

    /// The engine with credits planned as writes, so that those of one account run one by one.
    ///
    /// The same order of transactions gives the same block. Plans differ: a plan with shared
    /// credits may be refused here.
    #[must_use]
    pub fn without_credits(mut self) -> Self {
        self.shares_credits = false;
        self
    }

    /// The threads.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Applies the rules that need no execution, and numbers the block's accounts.
    ///
    /// # Errors
    /// If the chain has activated what is not linked in, or the store fails.
    pub fn prepare<'b>(
        &self,
        bank: &Bank,
        block: &'b ParsedBlock,
    ) -> Result<PreparedBlock<'b>, EngineError> {
        let _stage = stage!("prepare");
        if let Some(missing) = bank.missing() {
            return Err(missing.clone().into());
        }
        let count = block.transactions().len();
        let threads = self.threads.fit(PREPARE_COST, count);
        let prepared = threads.enter(|| PreparedBlock::new(block, bank, &threads, &self.hasher));
        Ok(prepared?)
    }

    /// Plans if need be, and executes a prepared block, without closing its bank. Called from a job
    /// of a pool that the engine was handed, it runs on that job's thread alone.
    ///
    /// # Errors
    /// See [`EngineError`]. The parent is untouched by an error.
    pub fn execute<'b>(
        &mut self,
        bank: Bank,
        mut prepared: PreparedBlock<'b>,
        how: How<'_>,
        recording: Recording,
        cancel: &Cancel,
    ) -> Result<UnsealedBlock<'b>, EngineError> {
        let threads = self.threads.fit(shared_work(prepared.table()), 1);
        self.in_turn(threads, |engine, threads| {
            let run = Run {
                threads,
                workers: engine.threads.worker_count(),
                recording,
                cancel,
            };
            let (plan, executed) = match how {
                How::Planned { strategy, mode } => {
                    // Recording accounts needs exclusive access, so credits are not shared.
                    if engine.shares_credits && !recording.is_exclusive() {
                        prepared.share_credits(&bank)?;
                    }
                    run.planned(&bank, &mut prepared, strategy, mode)?
                }
                How::Given {
                    plan,
                    shared_accounts,
                } => {
                    refuse_none(&prepared)?;
                    prepared.share_given(&bank, shared_accounts)?;
                    run.given(&bank, &prepared, plan)?
                }
            };
            cancel.check()?;
            Ok(UnsealedBlock {
                bank,
                prepared,
                plan,
                executed,
            })
        })
    }

    /// Executes a prepared block with the serial executor, in wire order or the order given, on the
    /// caller's thread.
    ///
    /// # Errors
    /// If the store fails.
    pub fn execute_serial<'b>(
        &self,
        bank: Bank,
        prepared: PreparedBlock<'b>,
        order: Option<&[TransactionIndex]>,
        recording: Recording,
    ) -> Result<UnsealedBlock<'b>, StoreError> {
        let executed = match order {
            Some(order) => execute_serial(&bank, &prepared, order.iter().copied(), recording)?,
            None => {
                let order = prepared.table().transactions();
                execute_serial(&bank, &prepared, order, recording)?
            }
        };
        Ok(UnsealedBlock {
            bank,
            prepared,
            plan: Plan::new(),
            executed,
        })
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
        plan::plan(table, strategy, mode, self.threads.worker_count())
    }

    /// Runs one block's stages on these threads, while no other block does.
    fn in_turn<R: Send>(
        &mut self,
        threads: Threads,
        work: impl FnOnce(&Self, &Threads) -> Result<R, EngineError> + Send,
    ) -> Result<R, EngineError> {
        if self.is_poisoned {
            return Err(EngineError::Poisoned);
        }
        let result = if self.threads.is_inside() {
            work(self, &Threads::alone())
        } else {
            // Events of the stages belong to the caller's span, on any thread.
            let span = Span::current();
            threads.enter_alone(|| span.in_scope(|| work(self, &threads)))
        };
        self.is_poisoned = matches!(result, Err(EngineError::Poisoned));
        result
    }
}

/// Fails if a transaction of a given block is refused before it runs.
fn refuse_none(prepared: &PreparedBlock<'_>) -> Result<(), EngineError> {
    match prepared.refused().first() {
        Some((position, refusal)) => Err(EngineError::Refused {
            position: *position,
            refusal: refusal.clone(),
        }),
        None => Ok(()),
    }
}

/// What all runs of one block share.
struct Run<'e> {
    threads: &'e Threads,
    /// Workers that plans are made for; fewer may run them.
    workers: NonZeroU32,
    recording: Recording,
    cancel: &'e Cancel,
}

impl Run<'_> {
    /// Executes by a plan that is made here; plans again, with fewer credits, where a result would
    /// depend on their order.
    fn planned(
        &self,
        bank: &Bank,
        prepared: &mut PreparedBlock<'_>,
        strategy: &dyn Strategy,
        mode: Mode,
    ) -> Result<(Plan, ExecutedBlock), EngineError> {
        loop {
            let plan = |table| plan::plan(table, strategy, mode, self.workers);
            match self.execute(bank, prepared, plan) {
                // Fewer each time. Without credits no result depends on their order.
                Err(EngineError::CreditsDependOnOrder) => {
                    assert!(prepared.withdraw_credits(), "credits were shared");
                }
                result => return result,
            }
        }
    }

    /// Executes by the producer's plan.
    fn given(
        &self,
        bank: &Bank,
        prepared: &PreparedBlock<'_>,
        given: &Plan,
    ) -> Result<(Plan, ExecutedBlock), EngineError> {
        // The checker is far cheaper than executing, so a wrong plan costs little.
        let (plan, executed) = self.execute(bank, prepared, |table| {
            let _stage = stage!("check");
            let checked = check(given.clone(), table, Mode::Replay);
            checked.map_err(|refused| EngineError::Given(refused.error))
        })?;
        let mut outcomes = (0..).zip(executed.outcomes());
        let refused = outcomes.find_map(|(position, outcome)| match outcome {
            Outcome::Refused(error) => Some((position, Refusal::Rule(error.clone()))),
            Outcome::Included(_) => None,
        });
        match refused {
            Some((position, refusal)) => Err(EngineError::Refused { position, refusal }),
            None => Ok((plan, executed)),
        }
    }

    /// Makes the plan while accounts are loaded, and runs it.
    fn execute<'t>(
        &self,
        bank: &Bank,
        prepared: &'t PreparedBlock<'_>,
        plan: impl FnOnce(&'t AccessTable) -> Result<CheckedPlan<'t>, EngineError> + Send,
    ) -> Result<(Plan, ExecutedBlock), EngineError> {
        self.cancel.check()?;
        let (plan, accounts) = self.threads.join(
            || plan(prepared.table()),
            || {
                let _stage = stage!("load");
                load(bank, prepared, self.threads)
            },
        );
        let (plan, accounts) = (plan?, accounts?);
        self.cancel.check()?;
        let executed = {
            let _stage = stage!("run");
            execute(
                bank,
                prepared,
                accounts,
                &plan,
                self.threads,
                self.recording,
            )
        };
        let executed = executed.map_err(|error| match error {
            ExecuteError::CreditsDependOnOrder(_) => EngineError::CreditsDependOnOrder,
            ExecuteError::WorkerPanicked => EngineError::Poisoned,
        })?;
        Ok((plan.into_plan(), executed))
    }
}
