//! Plans by priority: of two conflicting transactions the one with the higher priority runs
//! first, as if the block had been in priority order and were replayed.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use crate::ids::TransactionIndex;
use crate::plan::{Plan, PlanBuilder};
use crate::request::{Mode, PlanRequest};
use crate::strategy::{Strategy, StrategyError};
use crate::table::AccessTable;

/// What decides the order of conflicting transactions in produce mode.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Policy {
    /// The planner, for the shortest makespan.
    #[default]
    Throughput,
    /// The priorities, for instance fees per compute unit.
    Priority,
}

impl Policy {
    /// Both policies.
    pub const ALL: [Self; 2] = [Self::Throughput, Self::Priority];

    /// The policy's name on the command line: `throughput` or `priority`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Priority => "priority",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is no policy's name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown policy {0:?}, expected \"throughput\" or \"priority\"")]
pub struct ParsePolicyError(pub String);

impl FromStr for Policy {
    type Err = ParsePolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|policy| policy.name() == text);
        found.ok_or_else(|| ParsePolicyError(text.to_owned()))
    }
}

/// Plans a block so that of two conflicting transactions the one with the higher priority runs
/// first, and of two with the same priority the one with the lower index.
///
/// The plan is valid in produce mode; it is the strategy's replay plan for the block in
/// priority order. `request.mode` is not looked at. O(n log n) on top of the strategy.
///
/// # Errors
/// Those of the strategy.
///
/// # Panics
/// If there are not as many priorities as transactions.
///
/// ```
/// use std::num::NonZeroU32;
/// use lockstep_scheduler::{
///     Access, AccessTable, AccountIndex, Mode, PlanRequest, plan_by_priority, strategy,
/// };
///
/// let mut table = AccessTable::new();
/// for _ in 0..3 {
///     table.push([Access::write(AccountIndex(0))], 1);
/// }
/// let request = PlanRequest::new(Mode::Produce, NonZeroU32::MIN);
/// let layered = strategy("layered").expect("it is built in");
/// let plan = plan_by_priority(layered.as_ref(), &table, &[5, 9, 5], &request)?;
/// assert_eq!(plan.to_string(), "batch 0: [1]\nbatch 1: [0]\nbatch 2: [2]\n");
/// # Ok::<(), lockstep_scheduler::StrategyError>(())
/// ```
pub fn plan_by_priority(
    strategy: &dyn Strategy,
    table: &AccessTable,
    priorities: &[u64],
    request: &PlanRequest,
) -> Result<Plan, StrategyError> {
    assert_eq!(
        priorities.len(),
        table.transaction_count(),
        "every transaction has a priority"
    );
    let mut order: Vec<TransactionIndex> = table.transactions().collect();
    order.sort_by_key(|transaction| Reverse(priorities[transaction.index()]));
    let mut sorted = AccessTable::with_capacity(table.transaction_count(), table.access_count());
    for &transaction in &order {
        sorted.push(
            table.accesses(transaction).iter().copied(),
            table.cost(transaction),
        );
    }
    let plan = strategy.plan(
        &sorted,
        &PlanRequest {
            mode: Mode::Replay,
            ..*request
        },
    )?;
    let original = |transaction: TransactionIndex| order[transaction.index()];
    let mut builder = PlanBuilder::with_capacity(order.len());
    for batch in plan.batches() {
        for lane in batch.lanes_with_waits() {
            for (transaction, waits) in lane.steps() {
                builder.push(original(transaction));
                for wait in waits {
                    builder.wait(original(wait.after));
                }
            }
            builder.end_lane();
        }
        builder.end_batch();
    }
    Ok(builder.finish().with_dispatch(plan.dispatch()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_names_go_both_ways() {
        for policy in Policy::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("fees".parse::<Policy>().is_err());
    }
}
