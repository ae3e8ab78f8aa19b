//! Plans the fewest batches that keep block order, with one transaction a lane.
//!
//! A transaction's batch is the length of the longest chain of conflicting transactions before
//! it, found by walking the sparse dependency graph without building it:
//!
//! ```text
//! block   0:W(a)   1:R(a) W(b)   2:R(a)   3:W(a)   4:W(c)
//! batch   0        1             1        2        0
//! ```
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a batch number is less than the number of transactions"
)]

use super::{Strategy, StrategyError};
use crate::dependencies::LastUses;
use crate::plan::Plan;
use crate::request::PlanRequest;
use crate::table::AccessTable;

/// Order-preserving layers, the longest-chain levels of the dependency graph; the same plan in
/// both modes. O(accesses + accounts), whatever the contention.
///
/// Use it where block order is given, conflicts are few, and transactions cost about the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Layered;

impl Strategy for Layered {
    fn name(&self) -> &str {
        "layered"
    }

    fn plan(&self, table: &AccessTable, _: &PlanRequest) -> Result<Plan, StrategyError> {
        Ok(Plan::from_colours(&levels(table)))
    }
}

/// The batch of each transaction.
pub(super) fn levels(table: &AccessTable) -> Vec<u32> {
    let mut uses = LastUses::new(table.account_count());
    let mut levels: Vec<u32> = Vec::with_capacity(table.transaction_count());
    for transaction in table.transactions() {
        let mut level = 0;
        uses.visit(transaction, table.accesses(transaction), |before, _| {
            level = level.max(levels[before.index()] + 1);
        });
        levels.push(level);
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::ids::AccountIndex;

    #[test]
    fn the_example_of_the_module() {
        let [a, b, c] = [0, 1, 2].map(AccountIndex);
        let mut table = AccessTable::new();
        table.push([Access::write(a)], 1);
        table.push([Access::read(a), Access::write(b)], 1);
        table.push([Access::read(a)], 1);
        table.push([Access::write(a)], 1);
        table.push([Access::write(c)], 1);
        assert_eq!(levels(&table), [0, 1, 1, 2, 0]);
    }
}
