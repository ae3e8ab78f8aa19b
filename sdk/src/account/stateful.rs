//! Accounts with state of a program written with this SDK.

use std::marker::PhantomData;

use super::{Account, Handle, Mut, Writable, handle::handle_type};
use crate::{
    Result,
    access::AccountAccess,
    interface::{
        Address, InstructionError, InvokeContext,
        address::program_ids,
        context::Rule,
        limits::{ACCOUNT_DATA_SIZE_MAX, INSTRUCTION_GROWTH_MAX},
        prices,
    },
    set::Reach,
    state::{Codec, Place, StateData, header_size},
    system,
    violation::Violation,
};

/// An account that holds a `T`: the program of `T` owns it, and its data begins with `T`'s
/// discriminator.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::prelude::*;
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1)]
/// pub struct Price {
///     pub lamports: u64,
/// }
///
/// fn doubled(price: &State<'_, Price>, context: &Context<'_, '_>) -> Result<u64> {
///     let price = price.read(context)?;
///     price.lamports.checked_mul(2).ok_or(InstructionError::ArithmeticOverflow)
/// }
///
/// fn double(price: &Mut<State<'_, Price>>, context: &Context<'_, '_>) -> Result {
///     let mut price = price.write(context)?;
///     let doubled = price.lamports.checked_mul(2);
///     price.lamports = doubled.ok_or(InstructionError::ArithmeticOverflow)?;
///     Ok(())
/// }
///
/// fn replace(price: &Mut<State<'_, Price>>, context: &Context<'_, '_>, lamports: u64) -> Result {
///     price.set(context, &Price { lamports })
/// }
///
/// fn end(
///     price: &Mut<State<'_, Price>>,
///     receiver: &Mut<Wallet<'_>>,
///     context: &Context<'_, '_>,
/// ) -> Result {
///     price.close(context, receiver.handle())
/// }
/// ```
#[derive(Debug)]
pub struct State<'a, T> {
    handle: Handle<'a>,
    state: PhantomData<T>,
}

impl<T> Clone for State<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for State<'_, T> {}

handle_type!([T] State<'a, T>);

impl<'a, T: StateData> Account<'a> for State<'a, T> {
    const ACCESS: AccountAccess = AccountAccess::READ;

    fn at(handle: Handle<'a>) -> Self {
        Self {
            handle,
            state: PhantomData,
        }
    }

    fn handle(&self) -> Handle<'a> {
        self.handle
    }

    #[inline]
    fn check(&self, context: &InvokeContext<'_, '_>) -> Result {
        let account = self.account(context)?;
        let found = Found {
            owner: account.owner,
            size: account.data.len(),
            tag: account.data.first().copied(),
        };
        drop(account);
        if !found.holds::<T>() {
            return Err(found.refuse::<T>(context, self.handle));
        }
        // Only states of layouts that come from elsewhere can be there without being in use.
        if T::DISCRIMINATOR.is_none() && !self.read(context)?.is_initialized() {
            return Err(refuse_unused::<T>(context, self.handle));
        }
        Ok(())
    }

    #[inline]
    fn bump(&self, context: &InvokeContext<'_, '_>) -> Result<Option<u8>> {
        if T::DISCRIMINATOR.is_none() {
            return Ok(None);
        }
        Ok(self.account(context)?.data.get(1).copied())
    }
}

impl<T: StateData> Reach for State<'_, T> {
    type Inside<'c>
        = <T::Codec as Codec<T>>::Ref<'c>
    where
        Self: 'c;

    fn reach<'c>(&'c self, context: &'c InvokeContext<'_, '_>) -> Result<Self::Inside<'c>> {
        self.read(context)
    }
}

impl<'a, T: StateData> State<'a, T> {
    /// Borrows the state for reading. State in the borsh format is decoded here; plain old data
    /// stays where it is.
    ///
    /// # Errors
    /// `AccountBorrowFailed` while the account is borrowed for writing; `InvalidAccountData` if
    /// the data cannot be decoded.
    #[inline]
    pub fn read<'c>(
        &self,
        context: &'c InvokeContext<'_, '_>,
    ) -> Result<<T::Codec as Codec<T>>::Ref<'c>> {
        let data = self.account(context)?.into_data();
        if T::Codec::COPIES {
            context.charge(prices::move_bytes(data.len()))?;
        }
        T::Codec::read(data, header_size::<T>()).ok_or_else(|| self.undecodable(context))
    }

    /// Only an account that is declared as `Mut<State<..>>` can be written.
    ///
    /// # Errors
    /// None: this does not compile, and says why.
    pub fn write(&self, _context: &InvokeContext<'_, '_>) -> Result
    where
        Self: Writable<'a>,
    {
        Ok(())
    }

    #[cold]
    fn undecodable(&self, context: &InvokeContext<'_, '_>) -> InstructionError {
        Violation {
            rule: Rule::Encoding,
            error: &InstructionError::InvalidAccountData,
            expected: &T::NAME,
            got: &"bytes that are none",
        }
        .of_account(context, self.handle)
    }
}

/// What tells whether an account holds a state.
pub(super) struct Found {
    pub(super) owner: Address,
    pub(super) size: usize,
    /// The first byte of the data.
    pub(super) tag: Option<u8>,
}

impl Found {
    /// Whether it is an account of a `T`, in use or not.
    #[inline]
    pub(super) fn holds<T: StateData>(&self) -> bool {
        let is_sized = match T::DISCRIMINATOR {
            Some(_) => self.size >= T::SIZE,
            // Nothing but the size tells untagged states apart.
            None => self.size == T::SIZE,
        };
        let is_tagged = T::DISCRIMINATOR.is_none() || self.tag == T::DISCRIMINATOR;
        self.owner == T::OWNER && is_tagged && is_sized
    }

    /// Tells which of the rules is broken.
    #[cold]
    pub(super) fn refuse<T: StateData>(
        &self,
        context: &InvokeContext<'_, '_>,
        handle: Handle<'_>,
    ) -> InstructionError {
        let Self { owner, size, tag } = self;
        if *owner != T::OWNER {
            let is_absent = *owner == program_ids::SYSTEM && *size == 0;
            let error = if is_absent {
                &InstructionError::UninitializedAccount
            } else {
                &InstructionError::InvalidAccountOwner
            };
            return Violation {
                rule: Rule::Owner,
                error,
                expected: &T::OWNER,
                got: owner,
            }
            .of_account(context, handle);
        }
        if T::DISCRIMINATOR.is_some() && *tag != T::DISCRIMINATOR {
            return Violation {
                rule: Rule::Discriminator,
                error: &InstructionError::InvalidAccountData,
                expected: &format_args!("{} of {}", T::DISCRIMINATOR.unwrap_or(0), T::NAME),
                got: &format_args!("{}", tag.unwrap_or(0)),
            }
            .of_account(context, handle);
        }
        let error = if *size < T::SIZE {
            &InstructionError::AccountDataTooSmall
        } else {
            &InstructionError::InvalidAccountData
        };
        Violation {
            rule: Rule::Size,
            error,
            expected: &format_args!("{} bytes", T::SIZE),
            got: size,
        }
        .of_account(context, handle)
    }
}

/// The error for an account whose state is not in use.
#[cold]
pub(super) fn refuse_unused<T: StateData>(
    context: &InvokeContext<'_, '_>,
    handle: Handle<'_>,
) -> InstructionError {
    Violation {
        rule: Rule::Uninitialized,
        error: &InstructionError::UninitializedAccount,
        expected: &format_args!("a {} in use", T::NAME),
        got: &"one that holds nothing yet",
    }
    .of_account(context, handle)
}

impl<T: StateData> Mut<State<'_, T>> {
    /// Borrows the state for writing. Plain old data is changed where it lies; state in the borsh
    /// format is decoded here and encoded when the borrow ends.
    ///
    /// # Errors
    /// `AccountBorrowFailed` while the account is borrowed otherwise; what
    /// [`AccountMut::data_mut`](crate::interface::AccountMut::data_mut) reports;
    /// `InvalidAccountData` if the data cannot be decoded.
    #[inline]
    pub fn write<'c>(
        &self,
        context: &'c InvokeContext<'_, '_>,
    ) -> Result<<T::Codec as Codec<T>>::Mut<'c>> {
        let data = self.account_mut(context)?.into_data()?;
        if T::Codec::COPIES {
            // Decoded here, and encoded when the guard goes.
            context.charge(prices::move_bytes(data.len()).saturating_mul(2))?;
        }
        let place = Place {
            failure: context,
            position: self.position(),
            name: T::NAME,
        };
        T::Codec::write(data, header_size::<T>(), place).ok_or_else(|| self.undecodable(context))
    }

    /// Replaces the state.
    ///
    /// # Errors
    /// `AccountBorrowFailed` while the account is borrowed otherwise; what
    /// [`AccountMut::data_mut`](crate::interface::AccountMut::data_mut) reports;
    /// `AccountDataTooSmall` if a list or text is longer than declared.
    pub fn set(&self, context: &InvokeContext<'_, '_>, state: &T) -> Result {
        let mut data = self.account_mut(context)?.into_data()?;
        let size = data.len();
        context.charge(prices::move_bytes(size))?;
        let body = data.get_mut(header_size::<T>()..);
        let stored = body.and_then(|body| T::Codec::store(state, body));
        drop(data);
        stored.ok_or_else(|| {
            Violation {
                rule: Rule::Size,
                error: &InstructionError::AccountDataTooSmall,
                expected: &format_args!("{} that fits into {size} bytes", T::NAME),
                got: &"a longer one",
            }
            .of_account(context, self.handle())
        })
    }

    /// Replaces the state of an account that is as large as what it holds (`#[state(1, growing)]`):
    /// resizes it first, as [`resize`](Self::resize) does.
    ///
    /// # Errors
    /// As `set` and `resize`.
    ///
    /// ```
    /// # fn main() {}
    /// use lockstep_sdk::prelude::*;
    ///
    /// # const ID: Address = Address::new_from_array([9; 32]);
    /// #[state(1, growing)]
    /// pub struct Board {
    ///     pub lines: Vec<String>,
    /// }
    ///
    /// #[derive(Accounts)]
    /// pub struct Post<'a> {
    ///     pub author: Mut<Signer<'a>>,
    ///     pub board: Mut<State<'a, Board>>,
    ///     pub system: Program<'a, System>,
    /// }
    ///
    /// fn post(accounts: &Post<'_>, context: &mut Context<'_, '_>, line: String) -> Result {
    ///     let mut lines = accounts.board.read(context)?.lines.clone();
    ///     lines.push(line);
    ///     accounts.board.store(context, &accounts.author, &Board { lines })
    /// }
    ///
    /// fn wipe(accounts: &Post<'_>, context: &mut Context<'_, '_>) -> Result {
    ///     accounts.board.resize(context, accounts.author.handle(), Board::SIZE)
    /// }
    /// ```
    pub fn store<'p>(
        &self,
        context: &mut InvokeContext<'_, '_>,
        payer: &impl Writable<'p>,
        state: &T,
    ) -> Result {
        let size = header_size::<T>().saturating_add(T::Codec::size(state));
        self.resize(context, payer.handle(), size.max(T::SIZE))?;
        self.set(context, state)
    }

    /// Cuts the account's data or extends it with zeros, and moves the difference in rent: from
    /// `payer`, which signs, where it grows, and to `payer` where it shrinks. By 10 KiB at most in
    /// one instruction; the System program has to be in the set.
    /// `#[account(realloc = .., payer = ..)]` does this before the instruction runs.
    ///
    /// # Errors
    /// `InvalidRealloc` if it grows by more, above 10 MiB, or below the state's smallest size; what
    /// the System program reports.
    pub fn resize(
        &self,
        context: &mut InvokeContext<'_, '_>,
        payer: Handle<'_>,
        size: usize,
    ) -> Result {
        let handle = self.handle();
        let account = self.account(context)?;
        let (held, before) = (account.lamports, account.data.len());
        drop(account);
        if size == before {
            return Ok(());
        }
        let growth = size.saturating_sub(before);
        if size < T::SIZE || growth > INSTRUCTION_GROWTH_MAX || size > ACCOUNT_DATA_SIZE_MAX {
            return Err(self.refuse_size(context, before, size));
        }
        let rent = context.sysvars().rent()?;
        let (old, minimum) = (rent.minimum_balance(before), rent.minimum_balance(size));
        if size > before {
            system::fund(context, payer, handle, minimum.saturating_sub(held))?;
            return self.account_mut(context)?.resize(size);
        }
        // What the account holds beyond its rent stays: it is not the payer's.
        let freed = old.min(held).saturating_sub(minimum);
        let mut account = self.account_mut(context)?;
        account.resize(size)?;
        account.debit(freed)?;
        drop(account);
        context.account_mut(payer.position())?.credit(freed)
    }

    #[cold]
    fn refuse_size(
        &self,
        context: &InvokeContext<'_, '_>,
        before: usize,
        size: usize,
    ) -> InstructionError {
        Violation {
            rule: Rule::Size,
            error: &InstructionError::InvalidRealloc,
            expected: &format_args!(
                "{} to {} bytes, at most {INSTRUCTION_GROWTH_MAX} more than {before}",
                T::SIZE,
                ACCOUNT_DATA_SIZE_MAX
            ),
            got: &size,
        }
        .of_account(context, self.handle())
    }

    /// Deletes the account: all lamports go to `receiver`, the data is dropped, the System program
    /// becomes the owner. `#[account(close = receiver)]` does this when the instruction ends. The
    /// receiver is a `Mut`, or a `Credit` if nothing else is done to it.
    ///
    /// # Errors
    /// `AccountBorrowFailed` while either account is borrowed.
    pub fn close(&self, context: &InvokeContext<'_, '_>, receiver: Handle<'_>) -> Result {
        let mut account = self.account_mut(context)?;
        let lamports = account.lamports;
        account.debit(lamports)?;
        account.resize(0)?;
        account.set_owner(&program_ids::SYSTEM)?;
        drop(account);
        context.credit(receiver.position(), lamports)
    }
}
