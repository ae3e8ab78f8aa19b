//! What a transaction adds to numbers that other transactions may be adding to at the same time.

use std::cell::Cell;

use super::AccountUse;
use crate::{Counters, InstructionError};

/// What a transaction adds to a number that others may be adding to as well.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Addition {
    /// The sum; 0 once the transaction is undone.
    pub sum: u64,
    /// The sum of all that it tried to add, also where it failed; saturating. As long as this and
    /// the number, whatever others add, fit 64 bits together, no addition can have overflowed, or
    /// can have been the first to.
    pub tried: u64,
}

impl Addition {
    /// Takes the sum back.
    pub(super) fn undo(&mut self) {
        self.sum = 0;
    }

    /// Adds to a number that was `base` when the last transaction wrote it.
    pub(super) fn add(&mut self, base: u64, amount: u64) -> Result<(), InstructionError> {
        self.check(base, amount)?;
        // Not larger than the number, which fits.
        self.sum = self.sum.saturating_add(amount);
        Ok(())
    }

    /// Notes that an amount is about to be added.
    pub(super) fn check(&mut self, base: u64, amount: u64) -> Result<(), InstructionError> {
        self.tried = self.tried.saturating_add(amount);
        let sum = base.saturating_add(self.sum).checked_add(amount);
        sum.map(|_| ()).ok_or(InstructionError::ArithmeticOverflow)
    }
}

/// What a transaction adds to an account's counters.
#[derive(Debug)]
pub(super) struct Additions {
    counters: Counters,
    /// By counter.
    additions: [Addition; Counters::COUNT_MAX],
}

impl Additions {
    pub(super) fn new(counters: Counters) -> Self {
        Self {
            counters,
            additions: Default::default(),
        }
    }

    /// Each with its offset.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, Addition)> {
        let offsets = self.counters.offsets().iter().copied();
        offsets.zip(self.additions)
    }

    pub(super) fn at_mut(&mut self, offset: usize) -> Option<&mut Addition> {
        self.additions.get_mut(self.counters.place(offset)?)
    }

    pub(super) fn undo(&mut self) {
        self.additions.iter_mut().for_each(Addition::undo);
    }
}

/// A counter to which a transaction adds while others may do the same.
#[derive(Debug)]
pub(super) struct Counting<'s> {
    pub(super) base: u64,
    pub(super) addition: &'s mut Addition,
    pub(super) used: &'s Cell<AccountUse>,
}

impl Counting<'_> {
    pub(super) fn check(self, amount: u64) -> Result<(), InstructionError> {
        self.addition.check(self.base, amount)
    }

    pub(super) fn add(self, amount: u64) -> Result<(), InstructionError> {
        self.addition.add(self.base, amount)?;
        self.used.set(AccountUse::Written);
        Ok(())
    }
}
