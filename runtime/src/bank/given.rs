//! The one door for accounts that come from outside: those of a genesis, overrides of a simulation,
//! those that a test sets.

use lockstep_interface::{Account, Address, address::sysvar_ids};
use lockstep_store::Change;
use thiserror::Error;

/// An account was given at the address of a sysvar, which each bank writes itself.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the account {0} is a sysvar, which each bank writes itself: leave it out")]
pub struct SysvarGiven(pub Address);

/// The sysvars that a bank answers from its own surroundings, whatever an account says.
const WRITTEN: [Address; 5] = [
    sysvar_ids::CLOCK,
    sysvar_ids::RENT,
    sysvar_ids::RECENT_BLOCKHASHES,
    sysvar_ids::SLOT_HASHES,
    sysvar_ids::INSTRUCTIONS,
];

/// Whether an address is that of a sysvar which banks write: Clock, Rent, RecentBlockhashes,
/// SlotHashes, Instructions.
pub fn is_written_sysvar(address: &Address) -> bool {
    WRITTEN.contains(address)
}

/// Accounts from outside as a bank takes them: in ascending order of addresses, of several with one
/// address the last, and one without lamports as the default account, which stands for none.
///
/// # Errors
/// If one is a sysvar that banks write, as [`is_written_sysvar`] tells.
///
/// ```
/// use lockstep_interface::{Account, Address, address::sysvar_ids};
/// use lockstep_runtime::bank::given_accounts;
///
/// let address = Address::new_from_array([7; 32]);
/// let dead = Account { data: vec![1].into(), ..Account::wallet(0) };
/// let given = given_accounts(vec![(address, Account::wallet(5)), (address, dead)]).unwrap();
/// assert_eq!(given, [(address, Account::default())]);
/// assert!(given_accounts(vec![(sysvar_ids::RENT, Account::wallet(5))]).is_err());
/// ```
pub fn given_accounts(mut accounts: Vec<Change>) -> Result<Vec<Change>, SysvarGiven> {
    // A stable sort keeps repeats in order, so that the last one can be kept.
    accounts.reverse();
    accounts.sort_by_key(|(address, _)| *address);
    accounts.dedup_by_key(|(address, _)| *address);
    for (address, account) in &mut accounts {
        if is_written_sysvar(address) {
            return Err(SysvarGiven(*address));
        }
        forget_dead(account);
    }
    Ok(accounts)
}

/// Makes an account without lamports the default one, whatever else it holds.
pub(crate) fn forget_dead(account: &mut Account) {
    if !account.exists() {
        *account = Account::default();
    }
}
