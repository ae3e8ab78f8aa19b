//! Plans the fewest batches that keep block order, with one transaction a lane.
//!
//! A transaction's batch is the length of the longest chain of conflicting transactions before
//! it. This walks the sparse dependency graph (last writer, readers since) without building it:
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

/// The first batches that come after an account's uses so far.
#[derive(Clone, Copy, Default)]
struct Next {
    after_writers: u32,
    /// At least `after_writers`.
    after_all: u32,
}

/// The batch of each transaction.
pub(super) fn levels(table: &AccessTable) -> Vec<u32> {
    let mut accounts = vec![Next::default(); table.account_count()];
    let level_of = |transaction| {
        let accesses = table.accesses(transaction);
        let mut level = 0;
        for access in accesses {
            let next = &accounts[access.account().index()];
            level = level.max(if access.is_write() {
                next.after_all
            } else {
                next.after_writers
            });
        }
        for access in accesses {
            let next = &mut accounts[access.account().index()];
            if access.is_write() {
                *next = Next {
                    after_writers: level + 1,
                    after_all: level + 1,
                };
            } else {
                next.after_all = next.after_all.max(level + 1);
            }
        }
        level
    };
    table.transactions().map(level_of).collect()
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
