//! Accounts without state of ours.

use std::marker::PhantomData;

use super::{Account, Handle, handle::handle_type};
use crate::{
    Result,
    access::AccountAccess,
    interface::{
        AccountMeta, Address, InstructionError, InvokeContext, address::program_ids, context::Rule,
    },
    relation::Seed,
    set::{AccountSet, Cursor},
    violation::Violation,
};

/// An account that signed, read.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// assert!(<Signer<'static> as AccountSet>::ACCESS[0].is_signer);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    handle: Handle<'a>,
}

/// Any account, read and not checked.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// assert!(!<Unchecked<'static> as AccountSet>::ACCESS[0].is_signer);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Unchecked<'a> {
    handle: Handle<'a>,
}

/// An account of the System program: a wallet, or one that does not exist yet.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// fn is_funded(wallet: &Wallet<'_>, context: &Context<'_, '_>) -> Result<bool> {
///     Ok(wallet.lamports(context)? > 0)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Wallet<'a> {
    handle: Handle<'a>,
}

/// An account to which the instruction adds lamports, and of which it wants to know nothing but the
/// address.
///
/// Additions commute: transactions that only credit the same account can run in parallel, unlike
/// those that declare it as [`Mut`](super::Mut).
///
/// ```
/// use lockstep_sdk::prelude::*;
/// fn tip(receiver: &Credit<'_>, context: &mut Context<'_, '_>) -> Result {
///     let address = receiver.address();
///     context.log(|| format!("a tip for {address}"));
///     receiver.credit(context, 5)
/// }
/// assert!(<Credit<'static> as AccountSet>::ACCESS[0].is_credit);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Credit<'a> {
    handle: Handle<'a>,
}

impl<'a> Credit<'a> {
    /// The address.
    pub const fn address(&self) -> &'a Address {
        self.handle.address()
    }

    /// Position and address.
    #[doc(hidden)]
    pub const fn handle(&self) -> Handle<'a> {
        self.handle
    }

    /// Adds lamports.
    ///
    /// # Errors
    /// `ArithmeticOverflow`.
    pub fn credit(&self, context: &InvokeContext<'_, '_>, lamports: u64) -> Result {
        context.credit(self.handle.position(), lamports)
    }
}

/// The account of the program `P`, needed to invoke it. Clients need not name it.
///
/// ```
/// use lockstep_sdk::{access::AddressSource, prelude::*};
/// let access = <Program<'static, System> as AccountSet>::ACCESS;
/// assert_eq!(access[0].source, AddressSource::Fixed(System::ID));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Program<'a, P> {
    handle: Handle<'a>,
    program: PhantomData<P>,
}

/// A program that others know by name and address. `#[program]` implements it.
///
/// ```
/// use lockstep_sdk::prelude::*;
///
/// /// A program that was not written with the SDK.
/// #[derive(Clone, Copy, Debug)]
/// pub enum Oracle {}
///
/// impl ProgramId for Oracle {
///     const ID: Address = Address::new_from_array([8; 32]);
///     const NAME: &'static str = "oracle";
/// }
///
/// fn address(oracle: &Program<'_, Oracle>) -> Address {
///     *oracle.address()
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a program",
    label = "`Program<'a, P>` takes the type that `#[program]` makes, or `System`"
)]
pub trait ProgramId {
    /// Where it lives.
    const ID: Address;
    /// Its name in messages and in the interface description.
    const NAME: &'static str;
}

handle_type!([] Signer<'a>);
handle_type!([] Unchecked<'a>);
handle_type!([] Wallet<'a>);
handle_type!([P] Program<'a, P>);

impl Seed for Credit<'_> {
    type Bytes<'s>
        = &'s [u8; 32]
    where
        Self: 's;

    fn seed(&self) -> &[u8; 32] {
        self.handle.address().as_array()
    }
}

macro_rules! unchecked_type {
    ($name:ident: $access:expr) => {
        impl<'a> Account<'a> for $name<'a> {
            const ACCESS: AccountAccess = $access;

            fn at(handle: Handle<'a>) -> Self {
                Self { handle }
            }

            fn handle(&self) -> Handle<'a> {
                self.handle
            }
        }
    };
}

unchecked_type!(Signer: AccountAccess::READ.signing());
unchecked_type!(Unchecked: AccountAccess::READ);
unchecked_type!(Credit: AccountAccess::READ.credited());

impl<'a> Account<'a> for Wallet<'a> {
    const ACCESS: AccountAccess = AccountAccess::READ;

    fn at(handle: Handle<'a>) -> Self {
        Self { handle }
    }

    fn handle(&self) -> Handle<'a> {
        self.handle
    }

    fn check(&self, context: &InvokeContext<'_, '_>) -> Result {
        let owner = self.account(context)?.owner;
        if owner == program_ids::SYSTEM {
            return Ok(());
        }
        Err(Violation {
            rule: Rule::Owner,
            error: &InstructionError::InvalidAccountOwner,
            expected: &"the System program",
            got: &owner,
        }
        .of_account(context, self.handle))
    }
}

impl<'a, P: ProgramId> AccountSet<'a> for Program<'a, P> {
    const ACCESS: &'static [AccountAccess] = &[AccountAccess::READ.fixed(P::ID)];
    type Args = ();
    type Addresses = ();

    #[inline]
    fn take(accounts: &mut Cursor<'_, '_, 'a>) -> Result<Self> {
        let handle = accounts.skip()?;
        if *handle.address() != P::ID {
            return Err(Violation {
                rule: Rule::Address,
                error: &InstructionError::IncorrectProgramId,
                expected: &format_args!("{} ({})", P::NAME, P::ID),
                got: handle.address(),
            }
            .of_account(accounts.context(), handle));
        }
        Ok(Self {
            handle,
            program: PhantomData,
        })
    }

    #[inline]
    fn check(&self, _context: &mut InvokeContext<'_, '_>, (): &()) -> Result {
        Ok(())
    }

    fn metas((): &(), (): &(), metas: &mut Vec<AccountMeta>) {
        metas.push(AccountMeta::readonly(P::ID, false));
    }
}
