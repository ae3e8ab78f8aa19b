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
//! An instruction may also declare counters in the account's data that it adds to, and may then
//! read the other fields ([`Program::counters`](lockstep_interface::Program::counters)).
//! Transactions that share an account add to lamports and the same counters and to nothing else, so
//! what one of them can read is left alone by the others. An account of which transactions name
//! different counters is not shared; each counter has the limit of the lamports.
//!
//! This may change as the block runs: a transaction that writes the account may drain it, or its
//! balance may pass the limit. Execution notices it, and asks for the credits to be withdrawn
//! ([`crate::execute::CreditsDependOnOrder`]).

use lockstep_interface::{Account, Address, Counters, Rent};
use lockstep_scheduler::AccountIndex;
use lockstep_store::StoreError;
use thiserror::Error;

use super::PreparedBlock;
use crate::bank::Bank;

/// The most lamports of an account that is credited by several transactions at once, and one more
/// than a transaction may try to add to it. Half of what 64 bits hold, so that the sum fits, and
/// 15 times what the main network has in all accounts together; the limit is ours.
pub const SHARED_BALANCE_MAX: u64 = 1 << 63;

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
    /// Transactions would add to different counters of the account at once.
    #[error("account {address} cannot have shared credits: transactions name different counters")]
    Counters {
        /// The account.
        address: Address,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// True if further additions make no difference to what a transaction may do with the account: it
/// exists, rent-exempt, no rule forbids it to change, and its counters have room.
pub(crate) fn is_creditable(account: &Account, counters: Counters, rent: &Rent) -> bool {
    let has_room = |offset: &u16| {
        let value = Counters::read(&account.data, usize::from(*offset));
        value.is_ok_and(|value| value <= SHARED_BALANCE_MAX)
    };
    account.exists()
        && !account.executable
        && rent.is_exempt(account.lamports, account.data.len())
        && counters.offsets().iter().all(has_room)
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
        let accounts = self.table.promising_credits(self.credits.iter().copied());
        let mut counted = self.counters_of(&accounts);
        let judged = self.creditable(bank, &counted)?;
        let mut judged = judged.into_iter();
        counted.retain(|_| judged.next().expect("one for each"));
        let counted = counted.into_iter();
        let shared = counted.filter_map(|(account, counters)| Some((account, counters?)));
        self.share(shared.collect());
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
        let counted = self.counters_of(accounts);
        let creditable = self.creditable(bank, &counted)?;
        let mut shared = Vec::with_capacity(counted.len());
        for ((account, counters), is_creditable) in counted.into_iter().zip(creditable) {
            let address = self.addresses[account.0 as usize];
            let counters = counters.ok_or(ShareError::Counters { address })?;
            if !is_creditable {
                return Err(ShareError::NotCreditable { address });
            }
            shared.push((account, counters));
        }
        self.share(shared);
        Ok(())
    }

    /// Shares accounts, which are in ascending order.
    fn share(&mut self, shared: Vec<(AccountIndex, Counters)>) {
        let accounts: Vec<_> = shared.iter().map(|(account, _)| *account).collect();
        self.table
            .share_credits(self.credits.iter().copied(), &accounts);
        self.shared_counters = shared;
        self.shared_counters
            .retain(|(_, counters)| !counters.is_empty());
    }

    /// The counters that transactions name of accounts, which are in ascending order; `None` of one
    /// of which they name different ones.
    fn counters_of(&self, accounts: &[AccountIndex]) -> Vec<(AccountIndex, Option<Counters>)> {
        let unnamed = accounts
            .iter()
            .map(|&account| (account, Some(Counters::NONE)));
        let mut counted: Vec<_> = unnamed.collect();
        if counted.is_empty() {
            return counted;
        }
        for (account, counters) in &self.counted {
            let Ok(place) = accounts.binary_search_by_key(&account.0, |account| account.0) else {
                continue;
            };
            let known = &mut counted[place].1;
            *known = known.and_then(|known| known.joined(*counters));
        }
        counted
    }

    /// Which of these accounts qualify. Of one with different counters it does not matter.
    fn creditable(
        &self,
        bank: &Bank,
        counted: &[(AccountIndex, Option<Counters>)],
    ) -> Result<Vec<bool>, StoreError> {
        let address = |(account, _): &(AccountIndex, _)| self.addresses[account.0 as usize];
        let addresses: Vec<Address> = counted.iter().map(address).collect();
        let mut accounts = vec![Account::default(); addresses.len()];
        bank.load(&addresses, &mut accounts)?;
        let rent = bank.environment().rent();
        let judged = accounts.iter().zip(counted);
        Ok(judged
            .map(|(account, (_, counters))| {
                is_creditable(account, counters.unwrap_or_default(), &rent)
            })
            .collect())
    }

    /// The counters of accounts that several transactions add to at once, in ascending order of the
    /// accounts; those without counters are left out.
    pub fn shared_counters(&self) -> &[(AccountIndex, Counters)] {
        &self.shared_counters
    }

    /// Turns credits into writes: those of accounts that some transaction writes; if there are
    /// none, all. Returns true if there were any.
    pub fn withdraw_credits(&mut self) -> bool {
        self.table.withdraw_credits()
    }
}
