//! An account in the course of a block, whose transactions may change it in turn.

use crate::Account;

/// What an account is now, and what it was before the block, as far as that may be something else.
///
/// ```
/// use lockstep_interface::{Account, context::BlockAccount};
///
/// let mut wallet = BlockAccount::new(Account::wallet(5));
/// assert_eq!(wallet.take_change(), None);
/// wallet.change().lamports = 7;
/// assert_eq!(wallet.take_change(), Some(Account::wallet(7)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct BlockAccount {
    now: Account,
    /// `None` as long as the account has not been changed.
    before: Option<Account>,
}

impl BlockAccount {
    /// An account as a block finds it.
    pub fn new(account: Account) -> Self {
        Self {
            now: account,
            before: None,
        }
    }

    /// The account as it is now.
    #[inline]
    pub fn now(&self) -> &Account {
        &self.now
    }

    /// The account for changes outside of transactions.
    pub fn change(&mut self) -> &mut Account {
        let Self { now, before } = self;
        before.get_or_insert_with(|| now.clone());
        now
    }

    /// The account, if it is not what it was before the block; leaves an empty one behind.
    #[inline]
    pub fn take_change(&mut self) -> Option<Account> {
        let before = self.before.take()?;
        (before != self.now).then(|| std::mem::take(&mut self.now))
    }

    /// The account for a transaction, and the place for what it was before, if that is not known.
    #[inline]
    pub(super) fn lend(&mut self) -> (&mut Account, Option<&mut Option<Account>>) {
        let is_unchanged = self.before.is_none();
        (&mut self.now, is_unchanged.then_some(&mut self.before))
    }
}
