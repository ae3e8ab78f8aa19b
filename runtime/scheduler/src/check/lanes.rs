//! Checks a plan without waits: one pass over the accesses in canonical order.
//!
//! Lanes are numbered from 1 through the whole plan, so "in an earlier batch" is "a lower number
//! than the current batch's first lane", and nothing is reset at a barrier.

use super::{Coverage, Latest, conflict_on, inverted};
use crate::ids::{AccountIndex, TransactionIndex};
use crate::plan::{Batch, Plan, PlanError};
use crate::table::AccessTable;

/// The latest users of an account, as lane numbers; 0 for none.
#[derive(Clone, Copy, Default)]
struct Users {
    writer: u32,
    reader: u32,
    /// The last reader's lane before `reader`, always lower.
    reader_before: u32,
}

impl Users {
    /// Notes a use in `lane`. Says whether every conflicting use in the batch is in the same lane.
    ///
    /// Lanes come in ascending order, so a second lane is noticed by its first conflicting use.
    #[inline]
    fn visit(&mut self, is_write: bool, lane: u32, first_lane: u32) -> bool {
        let elsewhere = |user: u32| user >= first_lane && user != lane;
        let mut conflict = elsewhere(self.writer);
        if is_write {
            conflict |= elsewhere(self.reader) | elsewhere(self.reader_before);
            self.writer = lane;
        } else if self.reader != lane {
            self.reader_before = self.reader;
            self.reader = lane;
        }
        !conflict
    }
}

/// Refuses a plan without waits that breaks a rule; block order is a rule if `REPLAY`.
pub(super) fn check<const REPLAY: bool>(plan: &Plan, table: &AccessTable) -> Result<(), PlanError> {
    let mut coverage = Coverage::new(table);
    let mut users = vec![Users::default(); table.account_count()];
    let latest_count = if REPLAY { table.account_count() } else { 0 };
    let mut latest = vec![Latest::default(); latest_count];
    let mut lane = 0;
    for (batch_index, batch) in plan.batches().enumerate() {
        let first_lane = lane + 1;
        for transactions in batch.lanes() {
            lane += 1;
            for &transaction in transactions {
                coverage.visit(transaction)?;
                for access in table.accesses(transaction) {
                    let account = access.account();
                    if !users[account.index()].visit(access.is_write(), lane, first_lane) {
                        return Err(conflict(batch, batch_index, table, transaction, account));
                    }
                    if REPLAY && !latest[account.index()].visit(transaction, access.is_write()) {
                        return Err(inverted(plan, table, transaction, account));
                    }
                }
            }
        }
    }
    coverage.finish()
}

/// Finds the other side of a conflict that was noticed at `second`.
#[cold]
fn conflict(
    batch: Batch<'_>,
    batch_index: usize,
    table: &AccessTable,
    second: TransactionIndex,
    account: AccountIndex,
) -> PlanError {
    let first = batch
        .lanes()
        .take_while(|lane| !lane.contains(&second))
        .flatten()
        .filter(|&&transaction| conflict_on(table, account, transaction, second))
        .last();
    let first = *first.expect("a conflicting use in an earlier lane was noted before");
    PlanError::Conflict {
        first,
        second,
        account,
        batch: batch_index,
    }
}
