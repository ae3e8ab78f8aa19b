//! Account sets: what takes the accounts of an instruction in order, and then checks them.
//!
//! Every account type is a set of one. `#[derive(Accounts)]` makes a set of a structure whose
//! fields are sets. Taking checks that accounts are there and have the rights that their types
//! ask for; it copies no address. Checking looks at content and relations.

use crate::{
    Result,
    access::{AccountAccess, field_at, position_of},
    account::{Account, Handle},
    interface::{AccountMeta, Address, InstructionError, InvokeContext, context::Rule},
    violation::Violation,
};

/// The accounts of a running instruction that were not taken yet.
///
/// ```
/// use lockstep_sdk::{prelude::*, set::Cursor};
///
/// /// What a client sent in place of a signer, if there is an account at all.
/// fn peeked<'a>(accounts: &mut Cursor<'_, '_, 'a>) -> Result<Option<Address>> {
///     if accounts.left() == 0 || accounts.context().is_signer(accounts.position())? {
///         return Ok(None);
///     }
///     let next = accounts.peek()?;
///     accounts.skip()?;
///     Ok(Some(*next.address()))
/// }
///
/// /// All that an account type does: it takes what its access asks for.
/// fn take_signer<'a>(context: &Context<'_, 'a>) -> Result<Signer<'a>> {
///     let handle = Cursor::new(context).take(<Signer<'_> as Account<'_>>::ACCESS)?;
///     Ok(Signer::at(handle))
/// }
/// ```
#[derive(Debug)]
pub struct Cursor<'c, 'i, 'a> {
    context: &'c InvokeContext<'i, 'a>,
    position: usize,
}

impl<'c, 'i, 'a> Cursor<'c, 'i, 'a> {
    /// All accounts of the instruction.
    #[inline]
    pub fn new(context: &'c InvokeContext<'i, 'a>) -> Self {
        Self {
            context,
            position: 0,
        }
    }

    /// The running instruction.
    #[inline]
    pub fn context(&self) -> &'c InvokeContext<'i, 'a> {
        self.context
    }

    /// The position of the next account.
    #[inline]
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many accounts are left.
    #[inline]
    pub fn left(&self) -> usize {
        self.context.account_count().saturating_sub(self.position)
    }

    /// The next account, whatever its rights.
    ///
    /// # Errors
    /// `MissingAccount`, or what the rules say, if none is left.
    #[inline]
    pub fn peek(&self) -> Result<Handle<'a>> {
        match self.context.address(self.position) {
            Ok(address) => Ok(Handle::new(address, self.position)),
            Err(error) => Err(Violation {
                rule: Rule::Present,
                error: &error,
                expected: &"an account",
                got: &format_args!("{} accounts", self.context.account_count()),
            }
            .at(self.context, self.position, None)),
        }
    }

    /// Takes the next account, whatever its rights.
    ///
    /// # Errors
    /// See [`Cursor::peek`].
    #[inline]
    pub fn skip(&mut self) -> Result<Handle<'a>> {
        let handle = self.peek()?;
        self.position = self.position.saturating_add(1);
        Ok(handle)
    }

    /// Takes the next account, which needs the rights of `access`.
    ///
    /// # Errors
    /// See [`Cursor::peek`]; `MissingRequiredSignature`; `Immutable` if it is read-only and has to
    /// be writable.
    #[inline]
    pub fn take(&mut self, access: AccountAccess) -> Result<Handle<'a>> {
        let handle = self.skip()?;
        let context = self.context;
        if access.is_signer && !context.is_signer(handle.position())? {
            return Err(Violation {
                rule: Rule::Signer,
                error: &InstructionError::MissingRequiredSignature,
                expected: &"a signature",
                got: &"none",
            }
            .of_account(context, handle));
        }
        if access.is_writable && !context.is_writable(handle.position())? {
            return Err(Violation {
                rule: Rule::Writable,
                error: &InstructionError::Immutable,
                expected: &"a writable account",
                got: &"a read-only one",
            }
            .of_account(context, handle));
        }
        Ok(handle)
    }
}

/// Accounts that an instruction takes one after the other: an account type, or a structure of
/// them with `#[derive(Accounts)]`.
///
/// The lifetime is that of the addresses, which outlive the instruction.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// # const ID: Address = Address::new_from_array([9; 32]);
///
/// #[derive(Accounts)]
/// pub struct Pay<'a> {
///     pub payer: Mut<Signer<'a>>,
///     pub receiver: Credit<'a>,
/// }
///
/// let [payer, receiver] = [1, 2].map(|byte| Address::new_from_array([byte; 32]));
/// let mut metas = Vec::new();
/// Pay::metas(&PayAddresses { payer, receiver }, &(), &mut metas);
/// assert!(metas[0].is_signer && metas[1].is_writable);
/// assert_eq!(Pay::ACCESS.len(), metas.len());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an account type",
    label = "the accounts of an instruction are declared by types such as `Signer` or `Mut<State<T>>`",
    note = "values that a client sends are arguments of the instruction's function",
    note = "a structure of accounts is an account set if it has `#[derive(Accounts)]`"
)]
pub trait AccountSet<'a>: Sized {
    /// What the instruction does to each account, in order.
    const ACCESS: &'static [AccountAccess];
    /// The instruction's first arguments, as far as addresses are derived from them.
    type Args;
    /// The addresses that a client has to name; all others follow from them.
    type Addresses;

    /// Takes the accounts from the front, checking presence and rights.
    ///
    /// # Errors
    /// See [`Cursor::take`].
    fn take(accounts: &mut Cursor<'_, '_, 'a>) -> Result<Self>;

    /// Checks content and relations, field by field, and creates what is to be created.
    ///
    /// # Errors
    /// The first rule that is broken.
    fn check(&self, context: &mut InvokeContext<'_, '_>, args: &Self::Args) -> Result;

    /// Does what is declared for the end of the instruction: closes accounts.
    ///
    /// # Errors
    /// What the runtime's rules say.
    fn finish(&self, _context: &mut InvokeContext<'_, '_>) -> Result {
        Ok(())
    }

    /// Appends the accounts of a client's call.
    fn metas(addresses: &Self::Addresses, args: &Self::Args, metas: &mut Vec<AccountMeta>);
}

/// An account set of its own name, declared with `#[derive(Accounts)]`.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// # const ID: Address = Address::new_from_array([9; 32]);
///
/// #[derive(Accounts)]
/// pub struct Ring<'a> {
///     pub visitor: Signer<'a>,
/// }
///
/// assert_eq!(Ring::PROGRAM, ID);
/// assert_eq!(Ring::FORWARDED.len(), 1 + Ring::ACCESS.len());
/// ```
pub trait Accounts<'a>: AccountSet<'a> {
    /// The program whose instructions take it.
    const PROGRAM: Address;
    /// The program's account, and then those of the set: what another program needs to call it.
    const FORWARDED: &'static [AccountAccess];
}

impl<'a, A: Account<'a>> AccountSet<'a> for A {
    const ACCESS: &'static [AccountAccess] = &[A::ACCESS];
    type Args = ();
    type Addresses = Address;

    #[inline]
    fn take(accounts: &mut Cursor<'_, '_, 'a>) -> Result<Self> {
        accounts.take(A::ACCESS).map(A::at)
    }

    #[inline]
    fn check(&self, context: &mut InvokeContext<'_, '_>, (): &()) -> Result {
        Account::check(self, context)
    }

    fn metas(address: &Address, (): &(), metas: &mut Vec<AccountMeta>) {
        metas.push(AccountMeta {
            address: *address,
            is_signer: A::ACCESS.is_signer,
            is_writable: A::ACCESS.is_writable,
        });
    }
}

/// What the fields of an account or of a set can be reached through: a borrow of the account's
/// state, or the set itself. `#[account(..)]` follows routes such as `desk.raffle.authority` with
/// it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no fields to name",
    label = "fields of a `State<..>` and of sets in the set can be named"
)]
pub trait Reach {
    /// The borrow.
    type Inside<'c>: std::ops::Deref
    where
        Self: 'c;

    /// Borrows it.
    ///
    /// # Errors
    /// As `State::read`.
    fn reach<'c>(&'c self, context: &'c InvokeContext<'_, '_>) -> Result<Self::Inside<'c>>;
}

/// The address of an account of a set, as a client's call has it.
///
/// # Panics
/// If the set has no such account, which does not compile where the program reads it.
#[doc(hidden)]
pub fn address_in<'a, S: AccountSet<'a>>(
    addresses: &S::Addresses,
    args: &S::Args,
    names: &[&str],
) -> Address {
    let mut metas = Vec::with_capacity(S::ACCESS.len());
    S::metas(addresses, args, &mut metas);
    let position = position_of(S::ACCESS, names);
    let meta = position.and_then(|position| metas.get(position));
    meta.expect("the set has the account").address
}

/// True if there may be two accounts of which neither may repeat: only then is there something for
/// [`check_distinct`] to find.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "indices of a list, and an overflow here would not compile"
)]
pub(crate) const fn may_collide(access: &[AccountAccess]) -> bool {
    let mut count = 0;
    let mut index = 0;
    while index < access.len() {
        let entry = access[index];
        if entry.count_max > 1 && !entry.repeats {
            return true;
        }
        if entry.is_writable && !entry.may_repeat {
            // The last entry may stand for several accounts.
            count += if index + 1 == access.len() { 2 } else { 1 };
        }
        index += 1;
    }
    count > 1
}

/// Fails if two writable accounts are one and neither may repeat, or if one account stands twice
/// in a rest that does not say `repeats`. O(accounts squared), in pointers.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn check_distinct(context: &InvokeContext<'_, '_>, access: &[AccountAccess]) -> Result {
    let Some(last) = access.len().checked_sub(1) else {
        return Ok(());
    };
    let entry_at = |position: usize| access[position.min(last)];
    let count = context.account_count();
    for position in 0..count {
        let entry = entry_at(position);
        let is_single = entry.count_max > 1 && !entry.repeats;
        let is_own = entry.is_writable && !entry.may_repeat;
        if !is_single && !is_own {
            continue;
        }
        let address = context.address(position)?;
        for earlier in 0..position {
            let other = entry_at(earlier);
            let is_in_rest = earlier >= last && position >= last;
            let may_be_same = if is_in_rest {
                entry.repeats
            } else {
                !is_own || !other.is_writable || other.may_repeat
            };
            // Each account of a transaction has one address in memory. The program's own stands
            // for absent accounts.
            if !may_be_same
                && std::ptr::eq(address, context.address(earlier)?)
                && address != context.program()
            {
                let expected: &dyn std::fmt::Display = match is_in_rest {
                    true => &"each account once, since the field does not say `repeats`",
                    false => &"another account than every other writable one",
                };
                return Err(Violation {
                    rule: Rule::Distinct,
                    error: &InstructionError::InvalidArgument,
                    expected,
                    got: &format_args!("that of `{}`", field_at(access, earlier)),
                }
                .of_account(context, Handle::new(address, position)));
            }
        }
    }
    Ok(())
}
