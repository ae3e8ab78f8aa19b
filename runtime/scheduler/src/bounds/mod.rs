//! Turns a block's access lists and costs into figures that no plan can beat.

mod windows;

use std::num::NonZeroU32;

pub use windows::replay_bound;

use crate::dependencies::LastUses;
use crate::ids::{AccountIndex, narrow};
use crate::request::Mode;
use crate::table::AccessTable;

/// Lower bounds of a block's makespan, in cost units, synchronisation left out.
///
/// Sums saturate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Bounds {
    /// The cost of all transactions: what one worker needs.
    pub work: u64,
    /// The heaviest chain of transactions each of which conflicts with its predecessor, in block
    /// order: what any number of workers needs if block order is kept.
    pub critical_path: u64,
    /// What the busiest account needs in any order: for an account with writers, the cost of
    /// these, which run one at a time, plus the heaviest of its readers, which run beside each
    /// other but beside no writer. 0 without any write.
    pub hottest_account: u64,
    /// The account of that figure, the lowest-numbered of several.
    pub hottest: Option<AccountIndex>,
    /// The cost of the heaviest transaction.
    pub longest_transaction: u64,
    /// What transactions that all conflict with each other need in any order; 0 unless
    /// `Bounds::with_clique` (feature `graph`) was called, as finding them takes a search.
    pub heaviest_clique: u64,
}

#[derive(Clone, Copy, Default)]
struct Account {
    writers: u64,
    heaviest_reader: u64,
    is_written: bool,
}

impl Bounds {
    /// Computes all bounds. O(accesses + accounts).
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use lockstep_scheduler::{Access, AccessTable, AccountIndex, Bounds, Mode};
    ///
    /// let (a, b) = (AccountIndex(0), AccountIndex(1));
    /// let mut table = AccessTable::new();
    /// table.push([Access::write(a)], 30);
    /// table.push([Access::read(a), Access::write(b)], 20);
    /// table.push([Access::read(b)], 10);
    /// let bounds = Bounds::of(&table);
    /// assert_eq!((bounds.work, bounds.critical_path, bounds.hottest_account), (60, 60, 50));
    /// let workers = NonZeroU32::new(2).expect("two is not zero");
    /// assert_eq!(bounds.lower_bound(Mode::Replay, workers), 60);
    /// assert_eq!(bounds.lower_bound(Mode::Produce, workers), 50);
    /// ```
    pub fn of(table: &AccessTable) -> Self {
        let mut accounts = vec![Account::default(); table.account_count()];
        let mut uses = LastUses::new(table.account_count());
        // By transaction: where the heaviest chain to it ends.
        let mut ends: Vec<u64> = Vec::with_capacity(table.transaction_count());
        let mut bounds = Self {
            work: table.total_cost(),
            ..Self::default()
        };
        for transaction in table.transactions() {
            let cost = table.cost(transaction);
            let accesses = table.accesses(transaction);
            let mut start = 0;
            uses.visit(transaction, accesses, |before, _| {
                start = ends[before.index()].max(start);
            });
            let end = start.saturating_add(cost);
            ends.push(end);
            for access in accesses {
                let account = &mut accounts[access.account().index()];
                if access.is_write() {
                    account.writers = account.writers.saturating_add(cost);
                    account.is_written = true;
                } else {
                    account.heaviest_reader = account.heaviest_reader.max(cost);
                }
            }
            bounds.critical_path = bounds.critical_path.max(end);
            bounds.longest_transaction = bounds.longest_transaction.max(cost);
        }
        for (index, account) in accounts.iter().enumerate() {
            let heat = account.writers.saturating_add(account.heaviest_reader);
            let is_hottest = bounds.hottest.is_none() || heat > bounds.hottest_account;
            if account.is_written && is_hottest {
                bounds.hottest_account = heat;
                bounds.hottest = Some(AccountIndex(narrow(index)));
            }
        }
        bounds
    }

    /// What no plan of the mode can beat with as many workers: the share of work, and in replay
    /// the critical path, in produce the hottest account, the longest transaction and the
    /// heaviest clique known.
    pub fn lower_bound(&self, mode: Mode, workers: NonZeroU32) -> u64 {
        let share = self.work.div_ceil(u64::from(workers.get()));
        share.max(match mode {
            Mode::Replay => self.critical_path,
            Mode::Produce => self
                .hottest_account
                .max(self.longest_transaction)
                .max(self.heaviest_clique),
        })
    }
}

/// How much of the possible a makespan reaches: `bound / makespan`, in thousandths, rounded down;
/// 1,000 for an empty block.
///
/// ```
/// assert_eq!(lockstep_scheduler::efficiency_per_mille(940, 1_000), 940);
/// assert_eq!(lockstep_scheduler::efficiency_per_mille(0, 0), 1_000);
/// ```
pub fn efficiency_per_mille(bound: u64, makespan: u64) -> u64 {
    let share = (u128::from(bound) * 1_000).checked_div(u128::from(makespan));
    share.map_or(1_000, |share| u64::try_from(share).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;

    #[test]
    fn an_account_nobody_writes_is_not_hot() {
        let mut table = AccessTable::new();
        for _ in 0..3 {
            table.push([Access::read(AccountIndex(0))], 5);
        }
        let bounds = Bounds::of(&table);
        assert_eq!(
            (bounds.work, bounds.critical_path, bounds.hottest_account),
            (15, 5, 0)
        );
        assert_eq!((bounds.hottest, bounds.longest_transaction), (None, 5));
        assert_eq!(Bounds::of(&AccessTable::new()), Bounds::default());
    }

    #[test]
    fn readers_overlap_each_other_but_no_writer() {
        let account = AccountIndex(2);
        let mut table = AccessTable::new();
        for (cost, writes) in [(3, true), (4, false), (5, false), (6, true)] {
            let access = if writes {
                Access::write(account)
            } else {
                Access::read(account)
            };
            table.push([access], cost);
        }
        let bounds = Bounds::of(&table);
        assert_eq!(
            (bounds.hottest_account, bounds.hottest),
            (14, Some(account))
        );
        assert_eq!(bounds.critical_path, 14);
    }

    #[test]
    fn sums_saturate() {
        let mut table = AccessTable::new();
        for _ in 0..2 {
            table.push([Access::write(AccountIndex(0))], u64::MAX);
        }
        let bounds = Bounds::of(&table);
        assert_eq!((bounds.work, bounds.critical_path), (u64::MAX, u64::MAX));
        assert_eq!(efficiency_per_mille(u64::MAX, 1), u64::MAX);
    }
}
