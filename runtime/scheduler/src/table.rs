//! Turns a block's access lists into flat arrays: for each transaction a run of packed accesses
//! and a cost.
//!
//! ```text
//! offsets   0       3     5 ..      one more than there are transactions
//! accesses  a b c | b d | ..        accounts of transaction 0, of transaction 1, ..
//! costs     1000    300     ..      cost units
//! ```
//!
//! On exit every account occurs at most once in a transaction, and no account is both read and
//! credited: uses of an account are either exclusive (writes) or all shared in one way. The table
//! knows neither addresses nor what a transaction does.

use crate::access::{Access, AccessMode};
use crate::ids::{TransactionIndex, block_order, narrow};

/// The access lists and costs of one block, in block order.
///
/// ```
/// use lockstep_scheduler::{Access, AccessTable, AccountIndex, TransactionIndex};
///
/// let (a, b) = (AccountIndex(0), AccountIndex(1));
/// let mut table = AccessTable::new();
/// let first = table.push([Access::write(a), Access::read(b)], 1_000);
/// let second = table.push([Access::read(a), Access::write(a)], 300);
/// assert_eq!(table.accesses(first).len(), 2);
/// assert_eq!(table.accesses(second), [Access::write(a)]); // merged to the stronger mode
/// assert_eq!((table.transaction_count(), table.account_count()), (2, 2));
/// assert_eq!(table.total_cost(), 1_300);
/// assert_eq!(second, TransactionIndex(1));
/// ```
#[derive(Clone, Debug)]
pub struct AccessTable {
    /// Where each transaction's accesses begin, and the end of the last one's.
    offsets: Vec<u32>,
    accesses: Vec<Access>,
    costs: Vec<u64>,
    total_cost: u64,
    /// By account.
    uses: Vec<Uses>,
    credit_count: usize,
}

/// What is known of an account's uses so far.
#[derive(Clone, Copy, Debug, Default)]
struct Uses {
    /// One more than the position of the latest access; 0 for none.
    latest: u32,
    /// The mode of the shared uses, if there are any.
    shared: Option<AccessMode>,
}

impl Uses {
    /// The mode in which the next use is kept.
    #[inline]
    fn admit(&mut self, mode: AccessMode) -> AccessMode {
        if mode.is_write() || *self.shared.get_or_insert(mode) == mode {
            mode
        } else {
            AccessMode::Write
        }
    }
}

impl AccessTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::with_capacity(0, 0)
    }

    /// An empty table with memory for as many transactions and accesses.
    pub fn with_capacity(transaction_count: usize, access_count: usize) -> Self {
        let mut offsets = Vec::with_capacity(transaction_count.saturating_add(1));
        offsets.push(0);
        Self {
            offsets,
            accesses: Vec::with_capacity(access_count),
            costs: Vec::with_capacity(transaction_count),
            total_cost: 0,
            uses: Vec::new(),
            credit_count: 0,
        }
    }

    /// Forgets all transactions and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.accesses.clear();
        self.costs.clear();
        self.total_cost = 0;
        self.uses.clear();
        self.credit_count = 0;
    }

    /// Appends a transaction; `cost` is in cost units (compute units, about a nanosecond each).
    ///
    /// An account named more than once is kept once, at its first place, in the strongest of its
    /// modes: a transaction never conflicts with itself. An account that was read before is not
    /// credited but written, and one that was credited before is not read but written, so that the
    /// shared uses of an account never conflict: readers and creditors in turn could have as many
    /// conflicts as pairs. Linear in the accesses. Memory grows with the largest account id, so
    /// ids should be dense.
    ///
    /// # Panics
    /// With `u32::MAX` accesses or more in one block.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "positions are bounded by Vec's length"
    )]
    pub fn push(
        &mut self,
        accesses: impl IntoIterator<Item = Access>,
        cost: u64,
    ) -> TransactionIndex {
        let start = self.accesses.len();
        for access in accesses {
            let account = access.account().index();
            if account >= self.uses.len() {
                self.uses.resize(account + 1, Uses::default());
            }
            let uses = &mut self.uses[account];
            let seen = uses.latest as usize;
            if seen > start {
                let kept = &mut self.accesses[seen - 1];
                let mode = kept.mode().strongest(access.mode());
                self.credit_count -= usize::from(kept.mode() == AccessMode::Credit);
                self.credit_count += usize::from(mode == AccessMode::Credit);
                *kept = Access::new(kept.account(), mode);
            } else {
                let mode = uses.admit(access.mode());
                self.credit_count += usize::from(mode == AccessMode::Credit);
                self.accesses.push(Access::new(access.account(), mode));
                uses.latest = narrow(self.accesses.len());
            }
        }
        let transaction = TransactionIndex(narrow(self.costs.len()));
        self.offsets.push(narrow(self.accesses.len()));
        self.costs.push(cost);
        self.total_cost = self.total_cost.saturating_add(cost);
        transaction
    }

    /// The number of transactions.
    #[inline]
    pub fn transaction_count(&self) -> usize {
        self.costs.len()
    }

    /// One more than the largest account id, 0 without any.
    #[inline]
    pub fn account_count(&self) -> usize {
        self.uses.len()
    }

    /// The number of accesses that only credit.
    #[inline]
    pub fn credit_count(&self) -> usize {
        self.credit_count
    }

    /// The number of accesses of all transactions together.
    #[inline]
    pub fn access_count(&self) -> usize {
        self.accesses.len()
    }

    /// The accounts that a transaction uses, each once, in the order in which it named them.
    ///
    /// # Panics
    /// If the table has no such transaction.
    #[inline]
    pub fn accesses(&self, transaction: TransactionIndex) -> &[Access] {
        let index = transaction.index();
        match self
            .offsets
            .get(index..)
            .and_then(<[u32]>::first_chunk::<2>)
        {
            Some([start, end]) => &self.accesses[*start as usize..*end as usize],
            None => panic!(
                "no transaction {transaction} in a table of {}",
                self.costs.len()
            ),
        }
    }

    /// The accesses of all transactions, in block order.
    pub(crate) fn all_accesses(&self) -> impl Iterator<Item = Access> + '_ {
        self.accesses.iter().copied()
    }

    /// Gives each access, in block order, the mode that `mode_of` says, and forgets the modes
    /// that accounts were shared in before. A mode that would mix readers and creditors of an
    /// account becomes a write, as in [`AccessTable::push`].
    pub(crate) fn change_modes(&mut self, mut mode_of: impl FnMut(Access) -> AccessMode) {
        for uses in &mut self.uses {
            uses.shared = None;
        }
        self.credit_count = 0;
        for access in &mut self.accesses {
            let account = access.account();
            let mode = self.uses[account.index()].admit(mode_of(*access));
            self.credit_count = self
                .credit_count
                .saturating_add(usize::from(mode == AccessMode::Credit));
            *access = Access::new(account, mode);
        }
    }

    /// Turns the access at `position` of a transaction into a credit, unless the account is read.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "positions are bounded by Vec's length"
    )]
    pub(crate) fn credit(&mut self, transaction: TransactionIndex, position: usize) {
        let start = self.offsets[transaction.index()] as usize;
        let access = &mut self.accesses[start + position];
        let mode = self.uses[access.account().index()].admit(AccessMode::Credit);
        self.credit_count += usize::from(mode == AccessMode::Credit);
        *access = Access::new(access.account(), mode);
    }

    /// The estimated cost of a transaction, in cost units.
    ///
    /// # Panics
    /// If the table has no such transaction.
    #[inline]
    pub fn cost(&self, transaction: TransactionIndex) -> u64 {
        self.costs[transaction.index()]
    }

    /// The cost of all transactions together, saturating.
    #[inline]
    pub fn total_cost(&self) -> u64 {
        self.total_cost
    }

    /// All transactions in block order.
    pub fn transactions(&self) -> impl ExactSizeIterator<Item = TransactionIndex> + Clone + use<> {
        block_order(self.transaction_count())
    }

    /// Whether two transactions conflict, by comparing their access lists pair by pair.
    ///
    /// This is the definition, for tools and small graphs; it costs the product of the two
    /// lengths, and no planner calls it.
    pub fn conflict(&self, one: TransactionIndex, other: TransactionIndex) -> bool {
        one != other
            && self.accesses(one).iter().any(|a| {
                self.accesses(other)
                    .iter()
                    .any(|b| a.account() == b.account() && a.mode().conflicts_with(b.mode()))
            })
    }
}

impl Default for AccessTable {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccountIndex;

    #[test]
    fn duplicates_are_merged_within_a_transaction_only() {
        let account = AccountIndex;
        let mut table = AccessTable::with_capacity(2, 4);
        for _ in 0..2 {
            let first = table.push([Access::write(account(4)), Access::read(account(1))], 5);
            let second = table.push(
                [
                    Access::read(account(1)),
                    Access::read(account(2)),
                    Access::write(account(1)),
                    Access::read(account(2)),
                    Access::read(account(1)),
                ],
                7,
            );
            assert_eq!(
                table.accesses(first),
                [Access::write(account(4)), Access::read(account(1))]
            );
            assert_eq!(
                table.accesses(second),
                [Access::write(account(1)), Access::read(account(2))]
            );
            assert!(table.conflict(first, second) && !table.conflict(second, second));
            assert_eq!((table.transaction_count(), table.access_count()), (2, 4));
            assert_eq!((table.account_count(), table.total_cost()), (5, 12));
            table.clear();
            assert_eq!((table.transaction_count(), table.account_count()), (0, 0));
        }
    }

    #[test]
    fn a_transaction_may_name_no_account() {
        let mut table = AccessTable::new();
        let empty = table.push([], 1);
        let other = table.push([Access::read(AccountIndex(0))], u64::MAX);
        assert!(table.accesses(empty).is_empty());
        assert!(!table.conflict(empty, other));
        assert_eq!(table.total_cost(), u64::MAX);
    }

    #[test]
    #[should_panic(expected = "no transaction 1 in a table of 1")]
    fn an_unknown_transaction_panics() {
        let mut table = AccessTable::new();
        table.push([], 1);
        table.accesses(TransactionIndex(1));
    }
}
