//! The fee policy: what becomes of the fees that a block's transactions have paid.

use lockstep_interface::{Account, Address, Rent};
use thiserror::Error;

/// What a share is counted in: parts of the fees of a block.
pub const FEE_PARTS: u16 = 10_000;

/// How the fees of each block are split: a part for the block's leader, a part for the account out
/// of which stakers are paid, and the rest is burned.
///
/// All nodes of a network must agree on it. It is a parameter of the ledger.
///
/// ```
/// use lockstep_runtime::{bank::FrozenBank, rules::FeePolicy};
/// use lockstep_interface::Address;
///
/// let pool = Address::new_from_array([7; 32]);
/// let policy = FeePolicy::new(5_000, 2_500, pool)?;
/// let split = policy.split(10_003);
/// // What does not divide is burned.
/// assert_eq!((split.leader, split.stakers, split.burned), (5_001, 2_500, 2_502));
/// assert!(FeePolicy::new(9_000, 1_001, pool).is_err());
/// # Ok::<(), lockstep_runtime::rules::FeePolicyError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FeePolicy {
    leader_parts: u16,
    staker_parts: u16,
    stakers: Address,
}

/// Shares that are no policy.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum FeePolicyError {
    /// The shares are more than all.
    #[error(
        "the leader gets {leader_parts} and stakers get {staker_parts} of {FEE_PARTS} parts of the \
         fees: lower one of them, their sum is at most {FEE_PARTS}"
    )]
    Shares {
        /// The leader's.
        leader_parts: u16,
        /// The stakers'.
        staker_parts: u16,
    },
    /// Stakers get nothing, and an account is named for it.
    #[error("stakers get no part of the fees, and their account {0} is named: leave it out")]
    UnusedAccount(Address),
}

/// The fees of a block, split. The three add up to them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FeeSplit {
    /// Lamports for the block's leader, rounded down.
    pub leader: u64,
    /// Lamports for the stakers' account, rounded down.
    pub stakers: u64,
    /// Lamports that cease to exist.
    pub burned: u64,
}

impl FeePolicy {
    /// All fees are burned.
    pub const BURNED: Self = Self {
        leader_parts: 0,
        staker_parts: 0,
        stakers: Address::new_from_array([0; 32]),
    };

    /// A policy by which the leader and the stakers' account get these shares, in [`FEE_PARTS`].
    ///
    /// # Errors
    /// If these are more than all, or an account is named to which nothing goes: one policy has one
    /// form.
    pub fn new(
        leader_parts: u16,
        staker_parts: u16,
        stakers: Address,
    ) -> Result<Self, FeePolicyError> {
        if u32::from(leader_parts).saturating_add(staker_parts.into()) > FEE_PARTS.into() {
            return Err(FeePolicyError::Shares {
                leader_parts,
                staker_parts,
            });
        }
        if staker_parts == 0 && stakers != Self::BURNED.stakers {
            return Err(FeePolicyError::UnusedAccount(stakers));
        }
        Ok(Self {
            leader_parts,
            staker_parts,
            stakers,
        })
    }

    /// The parts for the leader, in [0, [`FEE_PARTS`]].
    pub fn leader_parts(&self) -> u16 {
        self.leader_parts
    }

    /// The parts for stakers, in [0, [`FEE_PARTS`]].
    pub fn staker_parts(&self) -> u16 {
        self.staker_parts
    }

    /// The account that gets the stakers' parts; `None` if they get none.
    pub fn stakers(&self) -> Option<Address> {
        (self.staker_parts > 0).then_some(self.stakers)
    }

    /// Whether blocks may name a leader: if one gets something.
    pub fn pays_leader(&self) -> bool {
        self.leader_parts > 0
    }

    /// Splits the fees of a block, in lamports.
    pub fn split(&self, fees: u64) -> FeeSplit {
        let part = |parts: u16| {
            let product = u128::from(fees).saturating_mul(parts.into());
            let part = product.checked_div(FEE_PARTS.into()).unwrap_or_default();
            u64::try_from(part).expect("a part of the fees is at most the fees")
        };
        let (leader, stakers) = (part(self.leader_parts), part(self.staker_parts));
        FeeSplit {
            leader,
            stakers,
            burned: fees.saturating_sub(leader).saturating_sub(stakers),
        }
    }
}

/// Adds lamports to an account that may receive a share of fees; false, and nothing is changed, if
/// it may not: an executable one, one that would hold less than makes it rent-exempt, or more than
/// 2^64 - 1 lamports.
///
/// Source: Agave's `deposit_fees`, except that any program may own the account: those of validators
/// are not the System program's.
pub(crate) fn receive_share(account: &mut Account, lamports: u64, rent: &Rent) -> bool {
    let sum = account.lamports.checked_add(lamports);
    let sum = sum.filter(|sum| rent.is_exempt(*sum, account.data.len()) && !account.executable);
    if let Some(sum) = sum {
        account.lamports = sum;
    }
    sum.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_fees() {
        let stakers = Address::new_from_array([1; 32]);
        for (leader, staker) in [(0, 0), (10_000, 0), (0, 10_000), (1, 9_999), (3_333, 3_333)] {
            let account = if staker == 0 {
                Address::default()
            } else {
                stakers
            };
            let policy = FeePolicy::new(leader, staker, account).unwrap();
            for fees in [0, 1, 4_999, 5_000, 10_001, u64::MAX] {
                let split = policy.split(fees);
                let sum = [split.leader, split.stakers, split.burned];
                assert_eq!(sum.map(u128::from).iter().sum::<u128>(), fees.into());
                let exact = u128::from(fees) * u128::from(leader) / 10_000;
                assert_eq!(u128::from(split.leader), exact);
            }
        }
        assert_eq!(FeePolicy::BURNED.split(77).burned, 77);
    }

    #[test]
    fn a_policy_has_one_form() {
        let account = Address::new_from_array([1; 32]);
        assert!(FeePolicy::new(10_000, 0, Address::default()).is_ok());
        let error = FeePolicy::new(10_000, 1, account).unwrap_err();
        assert!(error.to_string().contains("their sum is at most 10000"));
        let error = FeePolicy::new(1, 0, account).unwrap_err();
        assert_eq!(error, FeePolicyError::UnusedAccount(account));
    }

    #[test]
    fn an_account_below_its_minimum_receives_nothing() {
        let rent = Rent::MAINNET;
        let minimum = rent.minimum_balance(0);
        let received = |before: Account, lamports| {
            let mut account = before;
            receive_share(&mut account, lamports, &rent).then_some(account.lamports)
        };
        assert_eq!(received(Account::default(), minimum), Some(minimum));
        assert_eq!(received(Account::default(), minimum - 1), None);
        assert_eq!(received(Account::wallet(minimum), 1), Some(minimum + 1));
        assert_eq!(received(Account::wallet(u64::MAX), 1), None);
        let program = Account {
            executable: true,
            ..Account::wallet(minimum)
        };
        assert_eq!(received(program, 1), None);
    }
}
