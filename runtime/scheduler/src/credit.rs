//! Decides which writes of a block become credits: of those that may, the ones that let more
//! transactions run at once.
//!
//! ```text
//! table of reads and writes, writes that only credit -> promising_credits -> accounts
//!        accounts that may be credited at once      -> share_credits     -> table with credits
//! ```
//!
//! Between the two steps the caller judges the accounts by what this crate does not know: their
//! content. A table keeps an account's shared uses in one mode, so an account that is both read
//! and credited is decided here: the larger group shares, the smaller writes.

use crate::access::{Access, AccessMode};
use crate::ids::{AccountIndex, TransactionIndex, narrow};
use crate::table::AccessTable;

/// A write that only credits: the transaction, and the account's position in its access list.
pub type CreditSite = (TransactionIndex, usize);

/// Credited at once are accounts that at least this part of the block credits; ours. The others
/// do not bound the makespan of fewer workers than that.
const WARM_PART: usize = 256;
/// The same for accounts that some transaction reads or writes. These are easier to plan for in one
/// lane than for groups that exclude each other, unless they are busy.
const HOT_PART: usize = 64;
/// And they are credited at least so many times for each other use. Groups that exclude each other
/// leave workers idle at each change; where changes are frequent, no planner here comes near the
/// bound, and the makespan depends on luck.
const CREDITS_PER_OTHER_USE: usize = 8;

/// What the transactions of a block do to an account.
#[derive(Clone, Copy)]
struct Tally {
    account: AccountIndex,
    credit_count: usize,
    reader_count: usize,
    /// Those that only credit are among them.
    writer_count: usize,
}

impl Tally {
    fn is_promising(&self, transaction_count: usize) -> bool {
        let is_alone = self.reader_count == 0 && self.writer_count == self.credit_count;
        let is_hot = self.credit_count.saturating_mul(HOT_PART) >= transaction_count;
        let others = self.writer_count.saturating_sub(self.credit_count);
        let others = others.saturating_add(self.reader_count);
        let is_calm = others.saturating_mul(CREDITS_PER_OTHER_USE) <= self.credit_count;
        is_alone || (is_hot && is_calm)
    }
}

impl AccessTable {
    /// The accounts that are worth being credited at once, in ascending order: those that some
    /// part of the block credits and no other transaction uses, and those that a larger part
    /// credits and few others use. `sites` are all writes that only credit.
    ///
    /// O(sites + accounts), and O(accesses) more if there is any.
    ///
    /// # Panics
    /// If a site is not in the table.
    ///
    /// ```
    /// use lockstep_scheduler::{Access, AccessTable, AccountIndex};
    ///
    /// let mut table = AccessTable::new();
    /// let shop = AccountIndex(0);
    /// let sites: Vec<_> = (1..4)
    ///     .map(|wallet| {
    ///         let accesses = [Access::write(AccountIndex(wallet)), Access::write(shop)];
    ///         (table.push(accesses, 1_000), 1)
    ///     })
    ///     .collect();
    /// let accounts = table.promising_credits(sites.iter().copied());
    /// assert_eq!(accounts, [shop]);
    /// table.share_credits(sites.iter().copied(), &accounts);
    /// assert!(!table.conflict(sites[0].0, sites[1].0));
    /// ```
    pub fn promising_credits(
        &self,
        sites: impl IntoIterator<Item = CreditSite>,
    ) -> Vec<AccountIndex> {
        let transaction_count = self.transaction_count();
        let mut counts = vec![0_u32; self.account_count()];
        let mut highest = 1;
        for (transaction, position) in sites {
            let count = &mut counts[self.accesses(transaction)[position].account().index()];
            *count = count.saturating_add(1);
            highest = highest.max(*count);
        }
        let is_warm = |count: u32| {
            count > 1 && (count as usize).saturating_mul(WARM_PART) >= transaction_count
        };
        if !is_warm(highest) {
            return Vec::new();
        }
        // From here on a count is replaced by one more than its account's place among these.
        let mut tallies = Vec::new();
        for (account, count) in counts.iter_mut().enumerate() {
            let credit_count = std::mem::take(count);
            if is_warm(credit_count) {
                tallies.push(Tally {
                    account: AccountIndex(narrow(account)),
                    credit_count: credit_count as usize,
                    reader_count: 0,
                    writer_count: 0,
                });
                *count = narrow(tallies.len());
            }
        }
        for access in self.all_accesses() {
            let place = counts[access.account().index()].checked_sub(1);
            let Some(tally) = place.and_then(|place| tallies.get_mut(place as usize)) else {
                continue;
            };
            let count = if access.is_write() {
                &mut tally.writer_count
            } else {
                &mut tally.reader_count
            };
            *count = count.saturating_add(1);
        }
        tallies.retain(|tally| tally.is_promising(transaction_count));
        tallies.iter().map(|tally| tally.account).collect()
    }

    /// Makes credits of the `sites` on these accounts, and writes of all reads of these accounts.
    ///
    /// Sites on other accounts, and those that are no writes, stay as they are.
    /// O(sites + accounts), and O(accesses) more if an account is named.
    ///
    /// # Panics
    /// If a site or an account is not in the table.
    pub fn share_credits(
        &mut self,
        sites: impl IntoIterator<Item = CreditSite>,
        accounts: &[AccountIndex],
    ) {
        if accounts.is_empty() {
            return;
        }
        let mut is_shared = vec![false; self.account_count()];
        for account in accounts {
            is_shared[account.index()] = true;
        }
        self.change_modes(|access| match access.mode() {
            AccessMode::Read if is_shared[access.account().index()] => AccessMode::Write,
            mode => mode,
        });
        for (transaction, position) in sites {
            let access = self.accesses(transaction)[position];
            if access.is_write() && is_shared[access.account().index()] {
                self.credit(transaction, position);
            }
        }
    }

    /// Makes writes of all credits of accounts that some transaction writes, or of all credits if
    /// there are no such accounts. Returns true if anything changed. O(accesses + accounts).
    pub fn withdraw_credits(&mut self) -> bool {
        if self.credit_count() == 0 {
            return false;
        }
        let mut is_written = vec![false; self.account_count()];
        for access in self.all_accesses().filter(|access| access.is_write()) {
            is_written[access.account().index()] = true;
        }
        let is_credit = |access: Access| access.mode() == AccessMode::Credit;
        let is_mixed = |access: Access| is_credit(access) && is_written[access.account().index()];
        let any_mixed = self.all_accesses().any(is_mixed);
        self.change_modes(|access| {
            if is_mixed(access) || (!any_mixed && is_credit(access)) {
                AccessMode::Write
            } else {
                access.mode()
            }
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accesses as `(account, mode)` of each transaction.
    fn table(transactions: &[&[(u32, AccessMode)]]) -> AccessTable {
        let mut table = AccessTable::new();
        for accesses in transactions {
            let access = |&(account, mode)| Access::new(AccountIndex(account), mode);
            table.push(accesses.iter().map(access), 1);
        }
        table
    }

    fn modes(table: &AccessTable) -> Vec<Vec<AccessMode>> {
        let modes = |transaction| {
            table
                .accesses(transaction)
                .iter()
                .map(|a| a.mode())
                .collect()
        };
        table.transactions().map(modes).collect()
    }

    use AccessMode::{Credit, Read, Write};

    #[test]
    fn readers_of_a_shared_account_write() {
        let mut table = table(&[
            &[(0, Write), (1, Write)],
            &[(0, Write), (1, Write)],
            &[(0, Read), (1, Read)],
            &[(0, Write), (1, Read)],
            &[(2, Write)],
        ]);
        let sites: Vec<CreditSite> = [(0, 0), (0, 1), (1, 0), (1, 1), (4, 0)]
            .map(|(transaction, position)| (TransactionIndex(transaction), position))
            .to_vec();
        table.share_credits(sites.iter().copied(), &[AccountIndex(0)]);
        let expected = [
            vec![Credit, Write],
            vec![Credit, Write],
            vec![Write, Read],
            vec![Write, Read],
            vec![Write],
        ];
        assert_eq!(modes(&table), expected);
        assert_eq!(table.credit_count(), 2);
        let late = table.push(
            [
                Access::read(AccountIndex(0)),
                Access::credit(AccountIndex(1)),
            ],
            1,
        );
        assert!(table.accesses(late).iter().all(|access| access.is_write()));
    }

    #[test]
    fn few_may_use_a_shared_account_otherwise_and_none_a_cool_one() {
        for (credits, strangers, writers, expected) in [
            (1, 0, 0, 0),
            (2, 510, 0, 1),
            (2, 511, 0, 0),
            (8, 0, 1, 1),
            (7, 0, 1, 0),
            (8, 503, 1, 1),
            (8, 504, 1, 0),
        ] {
            let mut table = AccessTable::new();
            let mut sites: Vec<CreditSite> = Vec::new();
            for _ in 0..credits {
                sites.push((table.push([Access::write(AccountIndex(0))], 1), 0));
            }
            for stranger in 1..=strangers {
                table.push([Access::write(AccountIndex(stranger))], 1);
            }
            for _ in 0..writers {
                table.push([Access::write(AccountIndex(0))], 1);
            }
            let found = table.promising_credits(sites).len();
            assert_eq!(found, expected, "{credits} {strangers} {writers}");
        }
    }

    #[test]
    fn credits_are_withdrawn_where_somebody_writes_first() {
        let mut table = table(&[
            &[(0, Credit), (1, Credit)],
            &[(0, Credit), (1, Credit)],
            &[(0, Write)],
        ]);
        assert!(table.withdraw_credits());
        let expected = [vec![Write, Credit], vec![Write, Credit], vec![Write]];
        assert_eq!(
            (modes(&table), table.credit_count()),
            (expected.to_vec(), 2)
        );
        assert!(table.withdraw_credits());
        let expected = [vec![Write, Write], vec![Write, Write], vec![Write]];
        assert_eq!(
            (modes(&table), table.credit_count()),
            (expected.to_vec(), 0)
        );
        assert!(!table.withdraw_credits());
    }

    #[test]
    fn a_table_shares_an_account_in_one_way() {
        let table = table(&[
            &[(0, Credit), (1, Read), (2, Credit), (2, Credit)],
            &[(0, Read), (1, Credit), (2, Read), (2, Credit)],
            &[(0, Credit), (1, Read), (2, Credit), (2, Write)],
        ]);
        let expected = [
            vec![Credit, Read, Credit],
            vec![Write, Write, Write],
            vec![Credit, Read, Write],
        ];
        assert_eq!(
            (modes(&table), table.credit_count()),
            (expected.to_vec(), 3)
        );
    }
}
