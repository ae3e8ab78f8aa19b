//! Turns a plan that is claimed to be valid into a [`CheckedPlan`], or says why it is not.
//!
//! The checker is small and shares no code with any planner: executing a plan on several threads
//! is memory-safe and equal to a serial run because of what is decided here, and strategies,
//! block producers and files are not trusted. Of the plan it takes the lanes, the waits and the
//! canonical order, and proves what it uses of each. What it refuses:
//!
//! - a transaction that the table does not have, one that occurs twice, one left out;
//! - two conflicting transactions in different lanes of one batch without a wait, or a chain of
//!   lane order and waits, that orders them;
//! - in replay, two conflicting transactions whose canonical order is not block order;
//! - a wait that is senseless (inside a lane, across batches) or that can never end (a circle);
//! - a canonical order that is not, batch by batch, a merge of the batch's lanes.
//!
//! Time: linear in the accesses; with waits, times at most
//! [`LANES_WITH_WAITS_MAX`](crate::LANES_WITH_WAITS_MAX) per wait.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the lengths of the plan and of the table"
)]

use crate::ids::{AccountIndex, TransactionIndex, narrow};
use crate::plan::{Plan, PlanError};
use crate::request::Mode;
use crate::table::AccessTable;

mod lanes;
mod waits;

/// A refused plan, given back to its owner, and the first rule found broken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Refused {
    /// The plan as it was handed in.
    pub plan: Plan,
    /// Why it is no good.
    #[source]
    pub error: PlanError,
}

/// A plan together with the table for which it is valid.
///
/// Every transaction of the table occurs once; conflicting ones are in one lane, in different
/// batches, or ordered by waits that cannot deadlock; in [`Mode::Replay`] conflicting ones are in
/// block order. The table is borrowed and so cannot change: what holds stays so.
#[derive(Clone, Debug)]
pub struct CheckedPlan<'t> {
    plan: Plan,
    table: &'t AccessTable,
    mode: Mode,
}

impl<'t> CheckedPlan<'t> {
    /// The plan.
    #[inline]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The table for which the plan is valid.
    #[inline]
    pub fn table(&self) -> &'t AccessTable {
        self.table
    }

    /// The mode in which the plan was checked.
    #[inline]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Gives the plan away.
    pub fn into_plan(self) -> Plan {
        self.plan
    }
}

/// Checks a plan against the block that it is for.
///
/// # Arguments
/// `plan`: from any source. `table`: the block's accesses. `mode`: in [`Mode::Replay`] the plan
/// must also keep block order between conflicting transactions.
///
/// # Errors
/// The first rule found broken, with the plan given back. Which one comes first, where several
/// are broken, is fixed for one plan but no promise for the next release.
///
/// # Complexity
/// O(transactions + accesses + accounts) without waits, plus O(waits x lanes) with them, plus
/// O(waits) for a plan of dynamic dispatch.
///
/// ```
/// use lockstep_scheduler::{Access, AccessTable, AccountIndex, Mode, Plan, PlanError, check};
///
/// let account = AccountIndex(0);
/// let mut table = AccessTable::new();
/// let write = table.push([Access::write(account)], 1_000);
/// let read = table.push([Access::read(account)], 1_000);
///
/// let plan = Plan::from_nested(vec![vec![vec![write], vec![read]]], vec![]);
/// let refused = check(plan, &table, Mode::Produce).unwrap_err();
/// assert!(matches!(refused.error, PlanError::Conflict { batch: 0, .. }));
///
/// let plan = Plan::from_nested(vec![vec![vec![read]], vec![vec![write]]], vec![]);
/// assert!(check(plan.clone(), &table, Mode::Produce).is_ok());
/// let refused = check(plan, &table, Mode::Replay).unwrap_err();
/// assert!(matches!(refused.error, PlanError::Inverted { .. }));
/// ```
pub fn check(plan: Plan, table: &AccessTable, mode: Mode) -> Result<CheckedPlan<'_>, Box<Refused>> {
    let verdict = match (plan.waits().is_empty(), mode) {
        (true, Mode::Produce) => lanes::check::<false>(&plan, table),
        (true, Mode::Replay) => lanes::check::<true>(&plan, table),
        (false, _) => waits::check(&plan, table, mode),
    };
    match verdict {
        Ok(()) => Ok(CheckedPlan { plan, table, mode }),
        Err(error) => Err(Box::new(Refused { plan, error })),
    }
}

/// Notes which transactions occurred.
struct Coverage {
    seen: Vec<bool>,
    count: usize,
}

impl Coverage {
    fn new(table: &AccessTable) -> Self {
        Self {
            seen: vec![false; table.transaction_count()],
            count: 0,
        }
    }

    /// Refuses a transaction that the table does not have or that occurred before.
    #[inline]
    fn visit(&mut self, transaction: TransactionIndex) -> Result<(), PlanError> {
        let transaction_count = self.seen.len();
        let Some(seen) = self.seen.get_mut(transaction.index()) else {
            return Err(PlanError::Unknown {
                transaction,
                transaction_count,
            });
        };
        if std::mem::replace(seen, true) {
            return Err(PlanError::Repeated { transaction });
        }
        self.count += 1;
        Ok(())
    }

    /// Refuses a plan that left a transaction out.
    fn finish(&self) -> Result<(), PlanError> {
        match self.seen.iter().position(|seen| !seen) {
            Some(missing) => Err(PlanError::Missing {
                transaction: TransactionIndex(narrow(missing)),
            }),
            None => Ok(()),
        }
    }
}

/// Block order per account, as far as a canonical order has been walked.
#[derive(Clone, Copy, Default)]
struct Latest {
    /// One more than the highest-numbered writer so far.
    writer: u32,
    /// One more than the highest-numbered reader so far.
    reader: u32,
}

impl Latest {
    /// Notes a use. Says whether it keeps block order towards all conflicting earlier ones.
    #[inline]
    fn visit(&mut self, transaction: TransactionIndex, is_write: bool) -> bool {
        let own = transaction.0 + 1;
        let mine = if is_write {
            &mut self.writer
        } else {
            &mut self.reader
        };
        let before = *mine;
        *mine = own.max(before);
        self.writer <= own && (!is_write || self.reader <= own)
    }
}

/// Whether two transactions use an account in ways that conflict.
fn conflict_on(
    table: &AccessTable,
    account: AccountIndex,
    one: TransactionIndex,
    other: TransactionIndex,
) -> bool {
    let mode = |transaction| {
        let mut accesses = table.accesses(transaction).iter();
        let access = accesses.find(|access| access.account() == account)?;
        Some(access.mode())
    };
    matches!((mode(one), mode(other)), (Some(one), Some(other)) if one.conflicts_with(other))
}

/// Finds the transaction that `second` must not follow: the last one before it in canonical order
/// that uses the account in a conflicting way and has a higher number.
#[cold]
fn inverted(
    plan: &Plan,
    table: &AccessTable,
    second: TransactionIndex,
    account: AccountIndex,
) -> PlanError {
    let first = plan
        .order()
        .iter()
        .take_while(|&&transaction| transaction != second)
        .filter(|&&transaction| transaction > second)
        .filter(|&&transaction| conflict_on(table, account, transaction, second))
        .last();
    let first = *first.expect("a higher-numbered conflicting use was noted before");
    PlanError::Inverted {
        first,
        second,
        account,
    }
}

#[cfg(test)]
mod tests;
