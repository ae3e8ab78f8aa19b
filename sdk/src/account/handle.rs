//! Position and address of an account: what every account type is made of.

use crate::{
    Result,
    interface::{AccountRef, Address, InvokeContext},
};

/// An account of the running instruction, by position. Every account type dereferences to it.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// fn lamports_of_both(
///     first: &Signer<'_>,
///     second: &Mut<Wallet<'_>>,
///     context: &Context<'_, '_>,
/// ) -> Result<u64> {
///     let sum = first.lamports(context)?.checked_add(second.lamports(context)?);
///     sum.ok_or(InstructionError::ArithmeticOverflow)
/// }
///
/// /// Functions that take any account take a handle.
/// fn owner_of(account: Handle<'_>, context: &Context<'_, '_>) -> Result<Address> {
///     Ok(account.account(context)?.owner)
/// }
/// fn owner_of_first(first: &Signer<'_>, context: &Context<'_, '_>) -> Result<Address> {
///     owner_of(first.handle(), context)
/// }
///
/// let address = Address::new_from_array([7; 32]);
/// let handle = Handle::new(&address, 2);
/// assert_eq!((handle.address(), handle.position()), (&address, 2));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Handle<'a> {
    address: &'a Address,
    position: usize,
}

impl<'a> Handle<'a> {
    /// The account at `position`, which has this address.
    pub const fn new(address: &'a Address, position: usize) -> Self {
        Self { address, position }
    }

    /// The address.
    pub const fn address(&self) -> &'a Address {
        self.address
    }

    /// The position in the instruction.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Position and address, as functions want them that take any account.
    pub const fn handle(&self) -> Handle<'a> {
        *self
    }

    /// Borrows lamports, owner and data for reading.
    ///
    /// # Errors
    /// `AccountBorrowFailed` while the account is borrowed for writing.
    #[inline]
    pub fn account<'c, 't>(
        &self,
        context: &'c InvokeContext<'_, 't>,
    ) -> Result<AccountRef<'c, 't>> {
        context.account(self.position)
    }

    /// The balance in lamports.
    ///
    /// # Errors
    /// `AccountBorrowFailed` while the account is borrowed for writing.
    pub fn lamports(&self, context: &InvokeContext<'_, '_>) -> Result<u64> {
        Ok(self.account(context)?.lamports)
    }
}

/// Makes a type that is nothing but a handle an account type.
macro_rules! handle_type {
    ([$($generics:tt)*] $name:ty) => {
        impl<'a, $($generics)*> std::ops::Deref for $name {
            type Target = $crate::account::Handle<'a>;

            #[inline]
            fn deref(&self) -> &Self::Target {
                &self.handle
            }
        }

        impl<'a, $($generics)*> $crate::relation::Seed for $name {
            type Bytes<'s>
                = &'s [u8; 32]
            where
                Self: 's;

            fn seed(&self) -> &[u8; 32] {
                self.handle.address().as_array()
            }
        }
    };
}

pub(super) use handle_type;
