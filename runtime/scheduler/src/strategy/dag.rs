//! Plans nothing but the dependencies, and leaves the rest to the workers.
//!
//! ```text
//! block          0:W a    1:W b    2:W a,R b    3:R b
//!
//! plan           [0] [1] [2 after 0,1] [3 after 1]        idle workers take what is ready
//! ```
//!
//! This is how runtimes without a plan work: each transaction counts the ones that it still has
//! to wait for, and those that have none left go through a queue that all workers share. It is
//! here so that plans are compared with such a dispatcher by running both.

use super::serial::serial;
use super::{Strategy, StrategyError};
use crate::dependencies::Dependencies;
use crate::ids::TransactionIndex;
use crate::plan::{Dispatch, Plan, PlanBuilder};
use crate::request::PlanRequest;
use crate::table::AccessTable;

/// One batch of [queued](Dispatch::Queued) dispatch: each transaction is a lane, and waits for
/// what it directly depends on in block order, in both modes. For one worker it is the plan of
/// [`Serial`](crate::Serial).
///
/// O(accesses + accounts), sorting each transaction's dependencies apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dag;

impl Strategy for Dag {
    fn name(&self) -> &str {
        "dag"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        if request.workers.get() == 1 {
            return Ok(serial(table));
        }
        let plan = dispatched(&Dependencies::of(table), table.transactions());
        Ok(plan.with_dispatch(Dispatch::Queued))
    }
}

/// One batch in which each transaction is a lane, in the order given, and waits for all that it
/// directly depends on. O(transactions + dependencies).
pub(super) fn dispatched(
    dependencies: &Dependencies,
    order: impl ExactSizeIterator<Item = TransactionIndex>,
) -> Plan {
    let mut builder = PlanBuilder::with_capacity(order.len());
    for transaction in order {
        builder.push(transaction);
        for &before in dependencies.of_transaction(transaction) {
            builder.wait(before);
        }
        builder.end_lane();
    }
    builder.finish()
}
