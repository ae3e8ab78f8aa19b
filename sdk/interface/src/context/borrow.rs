//! Borrowed accounts of an instruction. Each setter enforces the rule that guards it, in the
//! order in which Agave's `BorrowedInstructionAccount` reports violations.

use std::cell::{Ref, RefMut};

use super::{AccountSlot, AccountUse, InstructionAccount, TransactionContext};
use crate::{
    Account, AccountData, Address, InstructionError,
    limits::{ACCOUNT_DATA_SIZE_MAX, INSTRUCTION_GROWTH_MAX, TRANSACTION_GROWTH_MAX},
};

/// An account borrowed for reading. Dereferences to [`Account`].
#[derive(Debug)]
pub struct AccountRef<'c, 't> {
    pub(super) slot: Ref<'c, AccountSlot<'t>>,
    pub(super) meta: InstructionAccount,
}

impl AccountRef<'_, '_> {
    /// The address.
    pub fn address(&self) -> &Address {
        self.slot.address()
    }

    /// True if the account signed, or the invoking program signed for it.
    pub fn is_signer(&self) -> bool {
        self.meta.is_signer
    }

    /// True if the instruction may change the account.
    pub fn is_writable(&self) -> bool {
        self.meta.is_writable
    }
}

impl<'c> AccountRef<'c, '_> {
    /// Goes on with the borrow of the data alone.
    #[inline]
    pub fn into_data(self) -> Ref<'c, [u8]> {
        Ref::map(self.slot, |slot| &*slot.account().data)
    }
}

impl std::ops::Deref for AccountRef<'_, '_> {
    type Target = Account;

    #[inline]
    fn deref(&self) -> &Account {
        self.slot.account()
    }
}

/// An account borrowed exclusively. Dereferences to [`Account`] for reading.
///
/// It can be had for read-only accounts too; their setters then report what rule they break.
#[derive(Debug)]
pub struct AccountMut<'c, 't> {
    pub(super) slot: RefMut<'c, AccountSlot<'t>>,
    pub(super) meta: InstructionAccount,
    pub(super) program: &'t Address,
    pub(super) transaction: &'c TransactionContext<'t>,
}

impl std::ops::Deref for AccountMut<'_, '_> {
    type Target = Account;

    #[inline]
    fn deref(&self) -> &Account {
        self.slot.account()
    }
}

impl<'c> AccountMut<'c, '_> {
    /// Goes on with the exclusive borrow of the data alone, for writing, of unchanged length. The
    /// rules are checked once, here.
    ///
    /// # Errors
    /// See [`AccountMut::data_mut`].
    #[inline]
    pub fn into_data(self) -> Result<RefMut<'c, [u8]>, InstructionError> {
        self.check_data_change()?;
        let transaction = self.transaction;
        let data = RefMut::filter_map(self.slot, |slot| {
            let mut undo = transaction.undo.borrow_mut();
            slot.data_mut(&mut undo).map(AccountData::make_mut)
        });
        data.map_err(|_| InstructionError::ReadonlyDataModified)
    }
}

impl AccountMut<'_, '_> {
    /// The address.
    pub fn address(&self) -> &Address {
        self.slot.address()
    }

    /// True if the account signed, or the invoking program signed for it.
    pub fn is_signer(&self) -> bool {
        self.meta.is_signer
    }

    /// True if the instruction may change the account.
    pub fn is_writable(&self) -> bool {
        self.meta.is_writable
    }

    /// True if the running program owns the account.
    #[inline]
    pub fn is_owned_by_program(&self) -> bool {
        self.owner == *self.program
    }

    /// Sets the balance.
    ///
    /// # Errors
    /// `ExternalAccountLamportSpend` if another program owns the account and it would lose
    /// lamports; `ReadonlyLamportChange` if it is read-only; `ExecutableLamportChange` if it is
    /// executable and the rules freeze such accounts.
    #[inline]
    pub fn set_lamports(&mut self, lamports: u64) -> Result<(), InstructionError> {
        if lamports < self.lamports && !self.is_owned_by_program() {
            return Err(self.refuse_owner(InstructionError::ExternalAccountLamportSpend));
        }
        if !self.meta.is_writable {
            return Err(self.refuse_change(InstructionError::ReadonlyLamportChange));
        }
        if self.is_frozen() {
            return Err(InstructionError::ExecutableLamportChange);
        }
        let before = self.lamports;
        let account = self
            .slot
            .owned_mut()
            .ok_or(InstructionError::ReadonlyLamportChange)?;
        account.lamports = lamports;
        self.transaction.add_lamports_change(before, lamports);
        Ok(())
    }

    /// Adds to the balance.
    ///
    /// # Errors
    /// `ArithmeticOverflow`, or what [`AccountMut::set_lamports`] reports.
    #[inline]
    pub fn credit(&mut self, lamports: u64) -> Result<(), InstructionError> {
        if let Some(balances) = self.slot.add_credit(lamports) {
            let (before, after) = balances.map_err(|_| self.refuse_lamports(lamports, true))?;
            self.transaction.add_lamports_change(before, after);
            return Ok(());
        }
        let sum = self.lamports.checked_add(lamports);
        self.set_lamports(sum.ok_or_else(|| self.refuse_lamports(lamports, true))?)
    }

    /// Takes from the balance.
    ///
    /// # Errors
    /// `ArithmeticOverflow` if there is too little, or what [`AccountMut::set_lamports`] reports.
    pub fn debit(&mut self, lamports: u64) -> Result<(), InstructionError> {
        let rest = self.lamports.checked_sub(lamports);
        self.set_lamports(rest.ok_or_else(|| self.refuse_lamports(lamports, false))?)
    }

    /// Gives the account to another program.
    ///
    /// # Errors
    /// `ModifiedProgramId` unless the running program owns the account, it is writable, and its
    /// data is all zero.
    pub fn set_owner(&mut self, owner: &Address) -> Result<(), InstructionError> {
        let allowed = self.is_owned_by_program()
            && self.meta.is_writable
            && !self.is_frozen()
            && self.data.iter().all(|byte| *byte == 0);
        if !allowed {
            return Err(self.refuse_handover());
        }
        let account = self
            .slot
            .owned_mut()
            .ok_or(InstructionError::ModifiedProgramId)?;
        account.owner = *owner;
        Ok(())
    }

    /// Makes the account a program, or no program.
    ///
    /// # Errors
    /// `ExecutableAccountNotRentExempt` if its lamports are below the rent-exempt minimum;
    /// `ExecutableModified` unless the running program owns the account and it is writable.
    pub fn set_executable(&mut self, is_executable: bool) -> Result<(), InstructionError> {
        let rent = self.transaction.environment().rent();
        if !rent.is_exempt(self.lamports, self.data.len()) {
            return Err(InstructionError::ExecutableAccountNotRentExempt);
        }
        if !self.is_owned_by_program() || !self.meta.is_writable {
            return Err(InstructionError::ExecutableModified);
        }
        if self.executable != is_executable {
            let account = self.slot.owned_mut();
            let account = account.ok_or(InstructionError::ExecutableModified)?;
            account.executable = is_executable;
        }
        Ok(())
    }

    /// The data for writing, of unchanged length.
    ///
    /// # Errors
    /// `ExecutableDataModified`, `ReadonlyDataModified` or `ExternalAccountDataModified`.
    #[inline]
    pub fn data_mut(&mut self) -> Result<&mut [u8], InstructionError> {
        self.check_data_change()?;
        Ok(self.writable_data()?.make_mut())
    }

    /// Cuts the data or extends it with zeros.
    ///
    /// # Errors
    /// `AccountDataSizeChanged` if another program owns the account; `InvalidRealloc` above
    /// 10 MiB, or if it grows by more than 10 KiB in one top-level instruction other than one of
    /// the System program or the upgradeable loader; `MaxAccountsDataAllocationsExceeded` if the
    /// transaction's accounts grow by more than 20 MiB; or what [`AccountMut::data_mut`] reports.
    pub fn resize(&mut self, size: usize) -> Result<(), InstructionError> {
        let before = self.data.len();
        if size != before && !self.is_owned_by_program() {
            return Err(self.refuse_owner(InstructionError::AccountDataSizeChanged));
        }
        let grown = size.saturating_sub(self.slot.size_at_entry);
        if size > ACCOUNT_DATA_SIZE_MAX
            || (grown > INSTRUCTION_GROWTH_MAX && !self.transaction.grows_freely())
        {
            return Err(self.refuse_size(size));
        }
        if self.transaction.growth_after(before, size) > TRANSACTION_GROWTH_MAX {
            return Err(self.refuse_growth(size));
        }
        self.check_data_change()?;
        if size != before {
            self.transaction.set_growth(before, size);
            self.writable_data()?.resize(size);
        }
        // Also where the size stays: a read-only account would have been refused.
        self.slot.mark(AccountUse::Written);
        Ok(())
    }

    #[inline]
    fn writable_data(&mut self) -> Result<&mut AccountData, InstructionError> {
        let mut undo = self.transaction.undo.borrow_mut();
        self.slot
            .data_mut(&mut undo)
            .ok_or(InstructionError::ReadonlyDataModified)
    }

    #[inline]
    pub(super) fn check_data_change(&self) -> Result<(), InstructionError> {
        if self.is_frozen() {
            return Err(InstructionError::ExecutableDataModified);
        }
        if !self.meta.is_writable {
            return Err(self.refuse_change(InstructionError::ReadonlyDataModified));
        }
        if !self.is_owned_by_program() {
            return Err(self.refuse_owner(InstructionError::ExternalAccountDataModified));
        }
        Ok(())
    }

    #[inline]
    fn is_frozen(&self) -> bool {
        self.executable
            && self
                .transaction
                .environment()
                .rules
                .freezes_executable_accounts()
    }
}
