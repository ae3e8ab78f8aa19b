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
use crate::ids::{AccountIndex, TransactionIndex};
use crate::table::AccessTable;

/// A write that only credits: the transaction, and the account's position in its access list.
pub type CreditSite = (TransactionIndex, usize);

impl AccessTable {
    /// The accounts that are worth being credited at once, in ascending order: at least two of
    /// the `sites` credit them, and more than transactions read them.
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
        let mut counts = vec![0_u32; self.account_count()];
        let mut accounts = Vec::new();
        for (transaction, position) in sites {
            let account = self.accesses(transaction)[position].account();
            let count = &mut counts[account.index()];
            *count = count.saturating_add(1);
            if *count == 2 {
                accounts.push(account);
            }
        }
        if accounts.is_empty() {
            return accounts;
        }
        for access in self.all_accesses() {
            if access.mode() == AccessMode::Read {
                let count = &mut counts[access.account().index()];
                *count = count.saturating_sub(1);
            }
        }
        accounts.retain(|account| counts[account.index()] > 0);
        accounts.sort_unstable();
        accounts
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

    /// Makes writes of all credits of accounts that somebody also writes, or of all credits if
    /// there are no such accounts. Says whether anything changed. O(accesses + accounts).
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
    fn the_smaller_group_writes() {
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
        // Account 1 has as many readers as creditors, account 2 a single creditor.
        let accounts = table.promising_credits(sites.iter().copied());
        assert_eq!(accounts, [AccountIndex(0)]);
        table.share_credits(sites.iter().copied(), &accounts);
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
