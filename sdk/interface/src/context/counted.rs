//! Accounts to which instructions add while others may do the same: their counters, and what others
//! leave alone of them.
//!
//! All of it does for an account that the instruction has for itself what it would do for a shared
//! one, so that a program has one way for both.

use std::{cell::Ref, ops::Range};

use super::{AccountSlot, AccountUse, InvokeContext};
use crate::{Account, Address, Counters, InstructionError};

/// An account of which everything can be read but what others may be adding to: its lamports and
/// its counters.
#[derive(Debug)]
pub struct StableRef<'c, 'i, 't> {
    slot: Ref<'c, AccountSlot<'t>>,
    counters: Counters,
    context: &'c InvokeContext<'i, 't>,
    position: usize,
}

impl<'i, 't> InvokeContext<'i, 't> {
    /// Borrows the account at `position` for reading what no addition changes. Of one that the
    /// program did not declare to add to only ([`Program::counters`](crate::Program::counters))
    /// that is all of it.
    ///
    /// # Errors
    /// `MissingAccount` (or what the rules say) past the end; `PrivilegeEscalation` if the program
    /// declared that it credits the account and wants to know nothing of it; `AccountBorrowFailed`
    /// while an [`AccountMut`](super::AccountMut) of the same account is alive.
    pub fn stable(&self, position: usize) -> Result<StableRef<'_, 'i, 't>, InstructionError> {
        let meta = self.meta(position)?;
        let counters = self.counters_at(position);
        if counters.is_some_and(|counters| counters.is_empty()) {
            return Err(self.refuse_credited(position));
        }
        let slot = &self.transaction().slots()[usize::from(meta.index)];
        let Ok(slot) = slot.try_borrow() else {
            return Err(self.refuse_borrow(position, meta));
        };
        slot.mark(AccountUse::Read);
        slot.borrow_as(position);
        Ok(StableRef {
            slot,
            counters: counters.unwrap_or_default(),
            context: self,
            position,
        })
    }

    /// Fails if the counter at `offset` of the data of the account at `position` has no room for
    /// `amount`, as [`InvokeContext::add`] would; for checks that come before all changes.
    ///
    /// # Errors
    /// As [`InvokeContext::add`], but it checks no right to change the account.
    pub fn fits(
        &self,
        position: usize,
        offset: usize,
        amount: u64,
    ) -> Result<(), InstructionError> {
        self.check_declared(position, offset)?;
        let mut account = self.borrow_mut(position, self.meta(position)?)?;
        let checked = match account.slot.counter_mut(offset) {
            Some(counter) => counter.check(amount),
            None => counter_after(&account.data, offset, amount).map(|_| ()),
        };
        checked.map_err(|error| account.refuse_addition(error, offset, amount))
    }

    /// Fails if the account at `position` has no room for `lamports` more, as
    /// [`InvokeContext::credit`] would; for checks that come before all changes.
    ///
    /// # Errors
    /// As [`InvokeContext::credit`], but it checks no right to change the account.
    pub fn credit_fits(&self, position: usize, lamports: u64) -> Result<(), InstructionError> {
        let mut account = self.borrow_mut(position, self.meta(position)?)?;
        let fits = match account.slot.check_credit(lamports) {
            Some(fits) => fits.is_ok(),
            None => account.lamports.checked_add(lamports).is_some(),
        };
        fits.then_some(())
            .ok_or_else(|| account.refuse_lamports(lamports, true))
    }

    /// Adds to the counter at `offset` of the data of the account at `position`, an 8-byte
    /// little-endian unsigned number, whether or not the program declared that it only does this.
    ///
    /// # Errors
    /// `MissingAccount` (or what the rules say) past the end; `PrivilegeEscalation` if the program
    /// declared the account without this counter; `AccountBorrowFailed` while another borrow of the
    /// same account is alive; `AccountDataTooSmall` if the counter is not within the data;
    /// `ArithmeticOverflow`; what [`AccountMut::data_mut`](super::AccountMut::data_mut) reports.
    pub fn add(&self, position: usize, offset: usize, amount: u64) -> Result<(), InstructionError> {
        self.check_declared(position, offset)?;
        let mut account = self.borrow_mut(position, self.meta(position)?)?;
        account.check_data_change()?;
        let added = match account.slot.counter_mut(offset) {
            Some(counter) => counter.add(amount),
            None => match counter_after(&account.data, offset, amount) {
                Ok(sum) => return Counters::write(account.data_mut()?, offset, sum),
                Err(error) => Err(error),
            },
        };
        added.map_err(|error| account.refuse_addition(error, offset, amount))
    }

    fn check_declared(&self, position: usize, offset: usize) -> Result<(), InstructionError> {
        match self.counters_at(position) {
            Some(counters) if counters.place(offset).is_none() => {
                Err(self.refuse_counter(position, counters, offset))
            }
            _ => Ok(()),
        }
    }
}

/// A counter of some data once an amount is added.
fn counter_after(data: &[u8], offset: usize, amount: u64) -> Result<u64, InstructionError> {
    let sum = Counters::read(data, offset)?.checked_add(amount);
    sum.ok_or(InstructionError::ArithmeticOverflow)
}

impl<'t> StableRef<'_, '_, 't> {
    /// The address.
    pub fn address(&self) -> &'t Address {
        self.slot.address()
    }

    /// The program that owns the account.
    pub fn owner(&self) -> &Address {
        &self.account().owner
    }

    /// Bytes of the data.
    pub fn size(&self) -> usize {
        self.account().data.len()
    }

    /// Bytes of the data without a counter among them.
    ///
    /// # Errors
    /// `PrivilegeEscalation` if there is one; `AccountDataTooSmall` past the end.
    pub fn read(&self, range: Range<usize>) -> Result<&[u8], InstructionError> {
        if let Some(offset) = self.counters.met_by(&range) {
            return Err(self.context.refuse_reading(self.position, offset, &range));
        }
        let data = self.account().data.get(range);
        data.ok_or(InstructionError::AccountDataTooSmall)
    }

    /// Copies as many bytes of the data as `copy` takes, from `start` on, with zeros for the
    /// counters.
    ///
    /// # Errors
    /// `AccountDataTooSmall` past the end.
    pub fn copy_to(&self, copy: &mut [u8], start: usize) -> Result<(), InstructionError> {
        let data = self.account().data.get(start..);
        let data = data.and_then(|data| data.get(..copy.len()));
        copy.copy_from_slice(data.ok_or(InstructionError::AccountDataTooSmall)?);
        self.counters.clear(copy, start);
        Ok(())
    }

    fn account(&self) -> &Account {
        self.slot.account()
    }
}
