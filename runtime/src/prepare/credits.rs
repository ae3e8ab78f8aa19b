//! Decides which accounts of a block several transactions may credit at once.
//!
//! A transaction *only credits* an account if every instruction that names it declares so
//! ([`AccountKey::is_only_credited`](crate::rules::AccountKey)). Such transactions need no order
//! among themselves as long as the result of none depends on what the others added. Two rules
//! could make it depend: the rent-exempt minimum, which a credit must not leave an account below,
//! and the limit of 64 bits. So an account is shared if
//!
//! - many transactions only credit it, and few use it otherwise (its readers then write it);
//! - it exists at the block's start, rent-exempt and with at most [`SHARED_BALANCE_MAX`]
//!   lamports, and is no program.
//!
//! This may change as the block runs: a transaction that writes the account may drain it, or its
//! balance may pass the limit. Execution notices it, and asks for the credits to be withdrawn
//! ([`crate::execute::CreditsDependOnOrder`]).

use lockstep_interface::{Account, Address, Rent};
use lockstep_scheduler::AccountIndex;
use lockstep_store::StoreError;
use thiserror::Error;

use super::PreparedBlock;
use crate::bank::Bank;

/// The most lamports of an account that is credited by several transactions at once, and one more
/// than a transaction may try to add to it. Half of what 64 bits hold, so that the sum fits, and
/// 15 times what the main network has in all accounts together; the limit is ours.
pub(crate) const SHARED_BALANCE_MAX: u64 = 1 << 63;

/// Why the accounts that a producer named cannot be credited by several transactions at once.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShareError {
    /// The list is not a strictly ascending list of the block's accounts.
    #[error(
        "shared account {index} at place {place} must be above the one before it and below {count}"
    )]
    Order {
        /// The place in the list.
        place: usize,
        /// What is there.
        index: u32,
        /// The number of accounts in the block.
        count: usize,
    },
    /// The account does not exist, is not rent-exempt, or is a program.
    #[error(
        "account {address} cannot have shared credits: it is missing, not rent-exempt, too rich or \
         a program"
    )]
    NotCreditable {
        /// The account.
        address: Address,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// True if further lamports make no difference to what a transaction may do with the account:
/// it exists, rent-exempt, and no rule forbids it to change.
pub(crate) fn is_creditable(account: &Account, rent: &Rent) -> bool {
    account.exists() && !account.executable && rent.is_exempt(account.lamports, account.data.len())
}

/// Which of these accounts qualify.
fn creditable(bank: &Bank, addresses: &[Address]) -> Result<Vec<bool>, StoreError> {
    let mut accounts = vec![Account::default(); addresses.len()];
    bank.load(addresses, &mut accounts)?;
    let rent = bank.environment().rent();
    let accounts = accounts.iter();
    Ok(accounts
        .map(|account| is_creditable(account, &rent))
        .collect())
}

impl PreparedBlock<'_> {
    /// Lets transactions that only credit an account do so at once, where that is sound and
    /// worth it. Only the accesses change.
    ///
    /// Recording balances needs exclusive access, so a block that records them must not call this.
    /// O(transactions + accounts), and O(accesses) more if any account qualifies.
    ///
    /// # Errors
    /// If the store fails.
    pub fn share_credits(&mut self, bank: &Bank) -> Result<(), StoreError> {
        let mut accounts = self.table.promising_credits(self.credits.iter().copied());
        let mut creditable = creditable(bank, &self.addresses_of(&accounts))?.into_iter();
        accounts.retain(|_| creditable.next().expect("one for each"));
        self.share(&accounts);
        Ok(())
    }

    /// Lets transactions credit these accounts at once, as the block's producer did. Accounts are
    /// named by index in ascending order.
    ///
    /// # Errors
    /// If the list is out of order, an account does not qualify, or the store fails.
    pub fn share_given(
        &mut self,
        bank: &Bank,
        accounts: &[AccountIndex],
    ) -> Result<(), ShareError> {
        let count = self.addresses.len();
        let mut next = 0;
        for (place, account) in accounts.iter().enumerate() {
            if account.0 < next || account.0 as usize >= count {
                let index = account.0;
                return Err(ShareError::Order {
                    place,
                    index,
                    count,
                });
            }
            next = account.0.saturating_add(1);
        }
        let addresses = self.addresses_of(accounts);
        let creditable = creditable(bank, &addresses)?;
        if let Some(place) = creditable.iter().position(|is_creditable| !is_creditable) {
            let address = addresses[place];
            return Err(ShareError::NotCreditable { address });
        }
        self.share(accounts);
        Ok(())
    }

    fn share(&mut self, accounts: &[AccountIndex]) {
        self.table
            .share_credits(self.credits.iter().copied(), accounts);
    }

    fn addresses_of(&self, accounts: &[AccountIndex]) -> Vec<Address> {
        let address = |account: &AccountIndex| self.addresses[account.0 as usize];
        accounts.iter().map(address).collect()
    }

    /// Turns credits into writes: those of accounts that some transaction writes; if there are
    /// none, all. Returns true if there were any.
    pub fn withdraw_credits(&mut self) -> bool {
        self.table.withdraw_credits()
    }
}
