//! A block, a strategy and a request into what there is to say about the plan: why it takes as
//! long as it does, and what would make it shorter.
//!
//! ```text
//! InternedBlock, strategy, request -> Explanation -+-> JSON (serde), text (the command)
//!                                                  +-> html: one page
//!                                                  +-> dot: the conflict graph
//!                                                  +-> trace_events: the schedule
//! ```
//!
//! Everything is predicted from costs; nothing is run here.

pub mod dot;
mod groups;
pub mod html;
mod schedule;
pub mod trace_events;

use std::num::NonZeroU32;

use lockstep_scheduler::{
    AccountHeat, AccountIndex, Bounds, Plan, PlanRequest, Strategy, StrategyError,
    TransactionIndex, critical_path, heavy_clique, occupancy, predict, what_if,
};
use serde::Serialize;

use crate::planning::{InternedBlock, in_order, ratio};
pub use groups::{GROUPED_ACCOUNTS_MAX, GROUPS_MAX, Group};
pub use schedule::{Pause, Phase, Schedule, Slice};

/// Accounts whose relief is tried out.
pub const ACCOUNTS_MAX: usize = 12;
/// Worker counts for which bound and plan are compared.
pub const WORKER_COUNTS: [u32; 12] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
/// Steps of the search for a heavy clique: below a tenth of a second.
pub const CLIQUE_STEPS_MAX: u64 = 10_000_000;

/// Why a plan takes as long as it does. Times are in cost units.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Name of the strategy.
    pub strategy: String,
    /// `produce` or `replay`.
    pub mode: &'static str,
    /// `throughput` or `priority`.
    pub policy: &'static str,
    /// Workers that the plan is made for.
    pub workers: u32,
    /// Predicted time.
    pub makespan: u64,
    /// What no plan of the mode can beat; in produce mode the heavy clique counts.
    pub lower_bound: u64,
    /// Lower bound / makespan; 1 without transactions.
    pub efficiency: f64,
    /// Cost of the transactions of a heavy clique of the conflict graph: what they need in any
    /// order, as no two of them may run at once.
    pub heavy_clique: u64,
    /// The heaviest chain of conflicts in the order in which the plan runs them.
    pub critical_path: Vec<Step>,
    /// The accounts that block most, the busiest first.
    pub blocking: Vec<Blocking>,
    /// Accounts that are busy together: relieving one of them alone may save nothing.
    pub groups: Vec<Group>,
    /// How well each batch uses the workers.
    pub batches: Vec<BatchFigures>,
    /// The same strategy with other numbers of workers.
    pub scaling: Vec<Scale>,
}

/// One transaction of the critical path.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Step {
    /// Position among the block's planned transactions, from 0.
    pub tx: u32,
    /// An account on which it conflicts with the step before; none for the first.
    pub through: Option<String>,
    /// Cost of the transaction.
    pub cost: u64,
    /// Where the chain up to it ends.
    pub end: u64,
}

/// An account, and what it would save if its uses did not conflict: if it were split, or made
/// commutative.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blocking {
    /// The address.
    pub account: String,
    /// Transactions that write it.
    pub writers: u32,
    /// Transactions that only read it.
    pub readers: u32,
    /// What it needs at least, in any order.
    pub cost: u64,
    /// The predicted makespan without its conflicts.
    pub makespan_without: u64,
    /// What that saves; negative where the strategy makes less of an easier block.
    pub saved: i64,
    /// The lower bound in that case.
    pub lower_bound_without: u64,
}

/// How well a batch uses the workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BatchFigures {
    /// Transactions.
    pub transactions: usize,
    /// Lanes.
    pub lanes: usize,
    /// Cost of its transactions.
    pub work: u64,
    /// Cost of its heaviest lane.
    pub longest_lane: u64,
    /// From its start to its barrier, waits included.
    pub span: u64,
    /// Share of the workers' time that it uses, from 0 to 1.
    pub occupancy: f64,
}

/// Bound and plan for one number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scale {
    /// Workers.
    pub workers: u32,
    /// What no plan of the mode can beat.
    pub lower_bound: u64,
    /// Predicted time of the strategy's plan.
    pub makespan: u64,
    /// Lower bound / makespan.
    pub efficiency: f64,
}

/// A plan together with its explanation and its schedule.
#[derive(Debug)]
pub struct Explained<'a> {
    /// The block.
    pub block: &'a InternedBlock,
    /// The plan.
    pub plan: Plan,
    /// When and where its transactions should run.
    pub schedule: Schedule,
    /// Why it takes as long as it does.
    pub explanation: Explanation,
}

impl<'a> Explained<'a> {
    /// Plans a block and explains the plan. The block is planned once more for each of
    /// [`WORKER_COUNTS`], each of up to [`ACCOUNTS_MAX`] accounts and each of up to twice
    /// [`GROUPS_MAX`] groups of accounts.
    ///
    /// # Errors
    /// If a documented bound keeps the strategy from planning the block.
    pub fn new(
        block: &'a InternedBlock,
        strategy: &dyn Strategy,
        request: &PlanRequest,
    ) -> Result<Self, StrategyError> {
        let strategy = &block.under_policy(strategy);
        let table = block.table();
        let plan = strategy.plan(table, request)?;
        let makespan = predict(&plan, table, request.workers, &request.costs);
        let clique = heavy_clique(table, CLIQUE_STEPS_MAX);
        let bounds = block.bounds().with_clique(&clique);
        let lower_bound = bounds.lower_bound(block.bound_mode(request), request.workers);
        let lower_bound = lower_bound.max(block.lower_bound(request));
        let explanation = Explanation {
            strategy: strategy.name().to_owned(),
            mode: request.mode.name(),
            policy: block.policy().name(),
            workers: request.workers.get(),
            makespan,
            lower_bound,
            efficiency: ratio(lower_bound, makespan),
            heavy_clique: clique.cost,
            critical_path: path(block, plan.order()),
            blocking: blocking(block, strategy, request, makespan)?,
            groups: groups::groups(block, strategy, request, makespan)?,
            batches: batches(block, &plan, request),
            scaling: scaling(block, &bounds, strategy, request)?,
        };
        Ok(Self {
            block,
            schedule: Schedule::of(&plan, table, request),
            plan,
            explanation,
        })
    }

    /// The address of an account as text.
    pub(crate) fn address(&self, account: AccountIndex) -> String {
        address(self.block, account)
    }
}

fn address(block: &InternedBlock, account: AccountIndex) -> String {
    block.label(account)
}

/// A time that is subtracted from others.
fn signed(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// The heaviest chain of conflicts of the block in this order.
fn path(block: &InternedBlock, order: &[TransactionIndex]) -> Vec<Step> {
    let sorted = in_order(block.table(), order);
    let steps = critical_path(&sorted).into_iter();
    let steps = steps.map(|step| Step {
        tx: order
            .get(step.transaction.index())
            .map_or(u32::MAX, |original| original.0),
        through: step.through.map(|account| address(block, account)),
        cost: sorted.cost(step.transaction),
        end: step.end,
    });
    steps.collect()
}

fn blocking(
    block: &InternedBlock,
    strategy: &dyn Strategy,
    request: &PlanRequest,
    makespan: u64,
) -> Result<Vec<Blocking>, StrategyError> {
    let reliefs = what_if(strategy, block.table(), request, ACCOUNTS_MAX)?;
    let reliefs = reliefs.into_iter().map(|relief| {
        let AccountHeat {
            account,
            writer_count,
            reader_count,
            cost,
        } = relief.heat;
        Blocking {
            account: address(block, account),
            writers: writer_count,
            readers: reader_count,
            cost,
            makespan_without: relief.makespan,
            saved: signed(makespan).saturating_sub(signed(relief.makespan)),
            lower_bound_without: relief.lower_bound,
        }
    });
    Ok(reliefs.collect())
}

fn batches(block: &InternedBlock, plan: &Plan, request: &PlanRequest) -> Vec<BatchFigures> {
    let batches = occupancy(plan, block.table(), request).into_iter();
    let batches = batches.map(|batch| BatchFigures {
        transactions: batch.transaction_count,
        lanes: batch.lane_count,
        work: batch.work,
        longest_lane: batch.longest_lane,
        span: batch.span,
        occupancy: ratio(
            batch.work,
            batch.span.saturating_mul(u64::from(request.workers.get())),
        ),
    });
    batches.collect()
}

fn scaling(
    block: &InternedBlock,
    bounds: &Bounds,
    strategy: &dyn Strategy,
    request: &PlanRequest,
) -> Result<Vec<Scale>, StrategyError> {
    let counts = WORKER_COUNTS.into_iter().filter_map(NonZeroU32::new);
    let scales = counts.map(|workers| {
        let request = PlanRequest {
            workers,
            ..*request
        };
        let plan = strategy.plan(block.table(), &request)?;
        let makespan = predict(&plan, block.table(), workers, &request.costs);
        let lower_bound = bounds.lower_bound(block.bound_mode(&request), workers);
        let lower_bound = lower_bound.max(block.lower_bound(&request));
        Ok(Scale {
            workers: workers.get(),
            lower_bound,
            makespan,
            efficiency: ratio(lower_bound, makespan),
        })
    });
    scales.collect()
}

#[cfg(test)]
mod tests;
