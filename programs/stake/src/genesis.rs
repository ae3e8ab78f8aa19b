//! The accounts that a network begins with.

use lockstep_interface::{Account, Address, Rent};
use lockstep_sdk::{prelude::*, state::to_account};

use crate::{
    EPOCHS, MEMBERS, REWARDS,
    members::{MEMBERS_MAX, list},
    reward::{HISTORY, PARTS},
    staking::{Deposit, Epochs, ID, Members, Register, Stake, Validator, Vault},
};

/// What a network's staking goes by, for ever.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// Slots of an epoch, at least 1.
    pub epoch_slots: u64,
    /// Epochs that a stake rests after its last one, in which it can still be slashed.
    pub cooldown_epochs: u64,
    /// What an offence costs, in parts of 10,000 of the stake.
    pub slash_parts: u16,
    /// Lamports of active stake that a member has at least.
    pub stake_min: u64,
}

/// A validator that a network begins with, and its stake, active from the first epoch on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Founder {
    /// Its operator, and the owner of the stake.
    pub identity: Address,
    /// The ed25519 key of its votes.
    pub key: Address,
    /// What it keeps of the rewards of its delegators, in parts of 10,000.
    pub commission: u16,
    /// Lamports.
    pub stake: u64,
}

/// The accounts of the program, for a genesis: terms, members, the rewards' account, and
/// validators with their vaults and stakes.
///
/// # Errors
/// `InvalidArgument` if an epoch has no slot, shares are more than all, there are more founders
/// than members, or one has less stake than a member has; `ArithmeticOverflow` if all together have
/// more than a number holds.
pub fn genesis(terms: &Terms, founders: &[Founder]) -> Result<Vec<(Address, Account)>> {
    let are_parts = |parts: u16| parts <= PARTS;
    let is_founder = |founder: &Founder| {
        are_parts(founder.commission) && founder.stake > 0 && founder.stake >= terms.stake_min
    };
    let are_valid = terms.epoch_slots > 0
        && are_parts(terms.slash_parts)
        && founders.len() <= MEMBERS_MAX
        && founders.iter().all(is_founder);
    if !are_valid {
        return Err(InstructionError::InvalidArgument);
    }
    let mut accounts = Vec::new();
    let mut members = Vec::new();
    let mut total = 0u64;
    for founder in founders {
        let sum = total.checked_add(founder.stake);
        total = sum.ok_or(InstructionError::ArithmeticOverflow)?;
        list(&mut members, founder.key, founder.stake, terms.stake_min);
        accounts.extend(found(founder)?);
    }
    let none = U128::new(0);
    let epochs = Epochs {
        epoch_slots: terms.epoch_slots.into(),
        cooldown_epochs: terms.cooldown_epochs.into(),
        slash_parts: terms.slash_parts.into(),
        stake_min: terms.stake_min.into(),
        network: Address::default(),
        epoch: 0.into(),
        active: total.into(),
        owed: 0.into(),
        indexes: [none; HISTORY],
        joining_even: 0.into(),
        joining_odd: 0.into(),
        leaving_even: 0.into(),
        leaving_odd: 0.into(),
    };
    let rewards = Account {
        lamports: Rent::MAINNET.minimum_balance(0),
        owner: ID,
        ..Account::default()
    };
    accounts.extend([
        (EPOCHS, to_account(&epochs, 0)?),
        (MEMBERS, to_account(&Members { members }, 0)?),
        (REWARDS, rewards),
    ]);
    Ok(accounts)
}

/// Validator, vault and stake of a founder.
fn found(founder: &Founder) -> Result<[(Address, Account); 3]> {
    let (address, bump) = Register::validator_address(&founder.key);
    let (vault, vault_bump) = Register::vault_address(&address);
    let (stake, stake_bump) = Deposit::stake_address(&founder.identity, 0);
    let mut validator = Validator::new(founder.identity, founder.key, vault, founder.commission);
    validator.active.set(founder.stake);
    let delegated = Stake {
        owner: founder.identity,
        amount: founder.stake.into(),
        validator: address,
        since: 0.into(),
        until: u64::MAX.into(),
        paid: 0.into(),
        index: 0.into(),
    };
    let mut held = to_account(&delegated, stake_bump)?;
    let sum = held.lamports.checked_add(founder.stake);
    held.lamports = sum.ok_or(InstructionError::ArithmeticOverflow)?;
    Ok([
        (address, to_account(&validator, bump)?),
        (
            vault,
            to_account(&Vault { validator: address }, vault_bump)?,
        ),
        (stake, held),
    ])
}
