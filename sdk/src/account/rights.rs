//! Wrappers that ask for more rights than the account type inside does.

use std::ops::Deref;

use super::{Account, Credit, Handle};
use crate::{
    Result,
    access::AccountAccess,
    interface::{AccountMut, InvokeContext},
    relation::Seed,
    set::Reach,
};

/// A wrapper of one account type with its access.
macro_rules! wrapper {
    ($(#[$doc:meta])* $name:ident, $access:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<A>(A);

        impl<'a, A: Account<'a>> Account<'a> for $name<A> {
            const ACCESS: AccountAccess = A::ACCESS.$access();

            fn at(handle: Handle<'a>) -> Self {
                Self(A::at(handle))
            }

            fn handle(&self) -> Handle<'a> {
                self.0.handle()
            }

            fn check(&self, context: &InvokeContext<'_, '_>) -> Result {
                self.0.check(context)
            }

            fn bump(&self, context: &InvokeContext<'_, '_>) -> Result<Option<u8>> {
                self.0.bump(context)
            }
        }

        impl<A: Reach> Reach for $name<A> {
            type Inside<'c>
                = A::Inside<'c>
            where
                Self: 'c;

            fn reach<'c>(&'c self, context: &'c InvokeContext<'_, '_>) -> Result<A::Inside<'c>> {
                self.0.reach(context)
            }
        }

        impl<A: Seed> Seed for $name<A> {
            type Bytes<'s>
                = A::Bytes<'s>
            where
                Self: 's;

            fn seed(&self) -> A::Bytes<'_> {
                self.0.seed()
            }
        }

        impl<A> Deref for $name<A> {
            type Target = A;

            fn deref(&self) -> &A {
                &self.0
            }
        }
    };
}

wrapper! {
    /// An account that the instruction may change.
    ///
    /// No other transaction that names the account runs at the same time.
    ///
    /// ```
    /// use lockstep_sdk::prelude::*;
    /// /// Takes lamports from an account that the program owns.
    /// fn pay(
    ///     from: &Mut<Unchecked<'_>>,
    ///     to: &Mut<Wallet<'_>>,
    ///     context: &Context<'_, '_>,
    /// ) -> Result {
    ///     from.debit(context, 5)?;
    ///     to.credit(context, 5)
    /// }
    ///
    /// fn clear(account: &Mut<Unchecked<'_>>, context: &Context<'_, '_>) -> Result {
    ///     account.account_mut(context)?.data_mut()?.fill(0);
    ///     Ok(())
    /// }
    /// ```
    Mut, writable
}

wrapper! {
    /// An account that has to sign besides what the type inside asks for, such as one that is
    /// created at an address of the client's choice: `Signed<Init<'a, T>>`.
    ///
    /// ```
    /// use lockstep_sdk::prelude::*;
    /// let access = <Signed<Mut<Wallet<'static>>> as AccountSet>::ACCESS;
    /// assert!(access[0].is_signer && access[0].is_writable);
    /// ```
    Signed, signing
}

impl<'a, A: Account<'a>> Mut<A> {
    /// Borrows lamports, owner and data for writing.
    ///
    /// # Errors
    /// `AccountBorrowFailed` while the account is borrowed otherwise.
    pub fn account_mut<'c, 't>(
        &self,
        context: &'c InvokeContext<'_, 't>,
    ) -> Result<AccountMut<'c, 't>> {
        context.account_mut(self.0.handle().position())
    }

    /// Adds lamports.
    ///
    /// # Errors
    /// `ArithmeticOverflow`, or `AccountBorrowFailed` while the account is borrowed otherwise.
    pub fn credit(&self, context: &InvokeContext<'_, '_>, lamports: u64) -> Result {
        self.account_mut(context)?.credit(lamports)
    }

    /// Takes lamports.
    ///
    /// # Errors
    /// `ExternalAccountLamportSpend` unless the running program owns the account;
    /// `ArithmeticOverflow` if it holds too few; `AccountBorrowFailed` while it is borrowed
    /// otherwise.
    pub fn debit(&self, context: &InvokeContext<'_, '_>, lamports: u64) -> Result {
        self.account_mut(context)?.debit(lamports)
    }
}

/// An account that the instruction may change in every way its owner allows.
///
/// ```
/// use lockstep_sdk::{prelude::*, system};
///
/// fn pay_five<'a>(
///     payer: &impl Writable<'a>,
///     receiver: &impl Creditable<'a>,
///     context: &mut Context<'_, '_>,
/// ) -> Result {
///     system::transfer(payer, receiver, 5).invoke(context)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is declared read-only",
    label = "this needs an account that the instruction may change",
    note = "declare the field as `Mut<..>`"
)]
pub trait Writable<'a>: Account<'a> {}

impl<'a, A: Account<'a>> Writable<'a> for Mut<A> {}
impl<'a, A: Writable<'a>> Writable<'a> for Signed<A> {}

/// An account that lamports can be added to.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// fn accepts<'a>(_: &impl Creditable<'a>) {}
/// fn both(fees: &Credit<'_>, vault: &Mut<Wallet<'_>>) {
///     accepts(fees);
///     accepts(vault);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is declared read-only",
    label = "this needs an account that lamports can be added to",
    note = "declare the field as `Mut<..>`, or as `Credit` if nothing else is done to it"
)]
pub trait Creditable<'a>: Account<'a> {}

impl<'a, A: Account<'a>> Creditable<'a> for Mut<A> {}
impl<'a> Creditable<'a> for Credit<'a> {}
impl<'a, A: Creditable<'a>> Creditable<'a> for Signed<A> {}
