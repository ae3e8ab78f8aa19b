//! Plans a block as one batch with one lane in block order: no parallelism, one barrier.

use super::{Strategy, StrategyError};
use crate::plan::{Plan, PlanBuilder};
use crate::request::PlanRequest;
use crate::table::AccessTable;

/// One lane in block order. The baseline of every comparison, and the best plan for a block in
/// which everything conflicts. O(transactions).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Serial;

impl Strategy for Serial {
    fn name(&self) -> &str {
        "serial"
    }

    fn plan(&self, table: &AccessTable, _: &PlanRequest) -> Result<Plan, StrategyError> {
        Ok(serial(table))
    }
}

/// The plan with one lane.
pub(super) fn serial(table: &AccessTable) -> Plan {
    let mut builder = PlanBuilder::with_capacity(table.transaction_count());
    for transaction in table.transactions() {
        builder.push(transaction);
    }
    builder.finish()
}
