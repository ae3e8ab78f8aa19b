//! How states go on from epoch to epoch: what joins and leaves, and what is earned.
//!
//! ```text
//! epoch n     additions of even and odd epochs, apart      delegate, deactivate
//! its end     what joins and leaves is taken, rewards are divided      advance, roll
//! ```

use lockstep_sdk::{interface::Rent, prelude::*};

use crate::{
    reward::{HISTORY, Indexes, earned, index_at, keep, oldest, part, spread},
    staking::{Collected, Epochs, Stake, StakingError, Validator, Vault},
};

impl Epochs {
    /// What joins and leaves with the end of an epoch; forgets it.
    pub(crate) fn take(&mut self, epoch: u64) -> (u64, u64) {
        let (joining, leaving) = match is_even(epoch) {
            true => (&mut self.joining_even, &mut self.leaving_even),
            false => (&mut self.joining_odd, &mut self.leaving_odd),
        };
        taken(joining, leaving)
    }
}

impl Validator {
    /// A validator without stake, in epoch 0.
    pub fn new(identity: Address, key: Address, vault: Address, commission: u16) -> Self {
        Self {
            identity,
            key,
            vault,
            commission: commission.into(),
            next_commission: commission.into(),
            epoch: 0.into(),
            active: 0.into(),
            common: 0.into(),
            indexes: [U128::new(0); HISTORY],
            is_jailed: false.into(),
            offence: 0.into(),
            joining_even: 0.into(),
            joining_odd: 0.into(),
            leaving_even: 0.into(),
            leaving_odd: 0.into(),
        }
    }

    fn take(&mut self, epoch: u64) -> (u64, u64) {
        let (joining, leaving) = match is_even(epoch) {
            true => (&mut self.joining_even, &mut self.leaving_even),
            false => (&mut self.joining_odd, &mut self.leaving_odd),
        };
        taken(joining, leaving)
    }

    /// Lamports that will be active after this epoch, as far as is known.
    pub(crate) fn next_active(&self, epoch: u64) -> Result<u64> {
        let (joining, leaving) = match is_even(epoch) {
            true => (self.joining_even, self.leaving_even),
            false => (self.joining_odd, self.leaving_odd),
        };
        changed(self.active.get(), joining.get(), leaving.get())
    }

    /// Goes on to the next epoch; gives what operator and delegators have earned in this one.
    pub(crate) fn step(&mut self, course: &Epochs) -> Result<(u64, u64)> {
        let (epoch, now) = (self.epoch.get(), course.epoch.get());
        let next = epoch.saturating_add(1);
        let common = index_at(&course.indexes, now, next);
        let active = self.active.get();
        let gross = match common {
            Some(common) => earned(active, common.wrapping_sub(self.common.get()))?,
            // Longer ago than indexes are kept: forfeited.
            None => 0,
        };
        let commission = part(gross, self.commission.get());
        let rest = gross.saturating_sub(commission);
        let (growth, _) = spread(rest, active);
        let index = index_at(&self.indexes, epoch, epoch).unwrap_or_default();
        keep(&mut self.indexes, next, index.wrapping_add(growth));
        let oldest = oldest(&course.indexes, now);
        self.common.set(common.unwrap_or(oldest));
        let (joining, leaving) = self.take(epoch);
        self.active.set(match self.is_jailed.get() {
            true => 0,
            false => changed(active, joining, leaving)?,
        });
        self.commission = self.next_commission;
        self.epoch.set(next);
        Ok((commission, rest))
    }
}

impl Stake {
    /// What it has earned since it was paid, with a validator that was rolled up to `now`. Notes
    /// it as paid.
    pub(crate) fn settle(&mut self, indexes: &Indexes, now: u64) -> Result<u64> {
        let (since, paid) = (self.since.get(), self.paid.get());
        let end = self.until.get().min(now);
        if end <= paid {
            return Ok(0);
        }
        let start = match paid > since {
            true => self.index.get(),
            false => index_at(indexes, now, since).unwrap_or(oldest(indexes, now)),
        };
        let index = index_at(indexes, now, end).unwrap_or(start);
        self.paid.set(end);
        self.index.set(index);
        earned(self.amount.get(), index.wrapping_sub(start))
    }

    pub(crate) fn is_delegated(&self) -> bool {
        self.validator != Address::default()
    }
}

pub(crate) fn is_even(epoch: u64) -> bool {
    epoch & 1 == 0
}

/// Two counters, which begin again.
fn taken(joining: &mut U64, leaving: &mut U64) -> (u64, u64) {
    let taken = (joining.get(), leaving.get());
    joining.set(0);
    leaving.set(0);
    taken
}

pub(crate) fn sum(one: u64, other: u64) -> Result<u64> {
    let sum = one.checked_add(other);
    sum.ok_or(InstructionError::ArithmeticOverflow)
}

/// Active stake after some has joined and some has left.
pub(crate) fn changed(active: u64, joining: u64, leaving: u64) -> Result<u64> {
    let rest = sum(active, joining)?.checked_sub(leaving);
    rest.ok_or(InstructionError::ArithmeticOverflow)
}

/// The epoch of the present slot.
pub(crate) fn epoch_now(epoch_slots: U64, context: &Context<'_, '_>) -> Result<u64> {
    let slot = context.sysvars().clock()?.slot;
    let epoch = slot.checked_div(epoch_slots.get());
    epoch.ok_or(InstructionError::InvalidAccountData)
}

/// The lamports of an account of this size beyond rent.
pub(crate) fn available(lamports: u64, size: usize, context: &Context<'_, '_>) -> Result<u64> {
    let rent: &Rent = context.sysvars().rent()?;
    Ok(lamports.saturating_sub(rent.minimum_balance(size)))
}

/// The present epoch, and whether a validator is jailed. Fails if what changes now could not be
/// told from what changed two epochs ago.
pub(crate) fn present(
    epochs: &Tally<'_, Epochs>,
    validator: &Tally<'_, Validator>,
    context: &Context<'_, '_>,
) -> Result<(u64, bool)> {
    let course = epochs.read(context)?;
    let now = epoch_now(course.epoch_slots, context)?;
    let state = validator.read(context)?;
    let behind = course.epoch.get().min(state.epoch.get());
    require!(behind.saturating_add(1) >= now, StakingError::Behind);
    Ok((now, state.is_jailed.get()))
}

/// Pays the owner of a stake what it has earned.
pub(crate) fn pay(
    owner: &Mut<Signer<'_>>,
    stake: &Mut<State<'_, Stake>>,
    (validator, vault): (&Tally<'_, Validator>, &Mut<State<'_, Vault>>),
    context: &mut Context<'_, '_>,
) -> Result<u64> {
    let amount = {
        let state = validator.read(context)?;
        require!(
            state.vault == *vault.address(),
            InstructionError::InvalidArgument
        );
        stake
            .write(context)?
            .settle(&state.indexes, state.epoch.get())?
    };
    vault.debit(context, amount)?;
    owner.credit(context, amount)?;
    let stake = *stake.address();
    Collected { stake, amount }.emit(context)?;
    Ok(amount)
}
