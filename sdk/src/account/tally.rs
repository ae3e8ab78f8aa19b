//! Accounts whose counters are added to, by any number of instructions at once.

use std::marker::PhantomData;

use super::{
    Account, Creditable, Handle,
    stateful::{Found, refuse_unused},
};
use crate::{
    Result,
    access::AccountAccess,
    interface::{Address, Counters, InvokeContext},
    relation::Seed,
    set::Reach,
    state::{Pod, StateData, header_size},
};

/// An account with a state whose counters the instruction adds to, and of which it may read the
/// other fields.
///
/// Additions commute: instructions that only add to the same account run in parallel, unlike those
/// that declare it as `Mut<State<..>>`. Fields with `#[tally]` are counters: their type is `U64`,
/// the state is plain old data, and there are at most four. The macro makes a constant of each, by
/// which it is added to. What a counter has come to is read through [`State`](super::State), by
/// instructions that take their turn with those that add.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::prelude::*;
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1, pod)]
/// pub struct Poll {
///     pub author: Address,
///     #[tally]
///     pub yes: U64,
///     #[tally]
///     pub no: U64,
/// }
///
/// fn vote(poll: &Tally<'_, Poll>, context: &Context<'_, '_>, is_for: bool) -> Result {
///     let choice = if is_for { Poll::YES } else { Poll::NO };
///     poll.add(context, choice, 1)
/// }
///
/// fn author(poll: &Tally<'_, Poll>, context: &Context<'_, '_>) -> Result<Address> {
///     Ok(poll.read(context)?.author)
/// }
///
/// fn result(poll: &State<'_, Poll>, context: &Context<'_, '_>) -> Result<u64> {
///     Ok(poll.read(context)?.yes.get())
/// }
///
/// fn tip(poll: &Tally<'_, Poll>, context: &mut Context<'_, '_>) -> Result {
///     let address = poll.address();
///     context.log(|| format!("a tip for {address}"));
///     poll.credit(context, 5)
/// }
///
/// const _: () = assert!(<Tally<'static, Poll> as AccountSet>::ACCESS[0].is_credit);
/// ```
#[derive(Debug)]
pub struct Tally<'a, T> {
    handle: Handle<'a>,
    state: PhantomData<T>,
}

impl<T> Clone for Tally<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Tally<'_, T> {}

/// A state with counters. `#[state(.., pod)]` implements it where fields have `#[tally]`.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::{account::Tallied, interface::Counters, prelude::*};
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1, pod)]
/// pub struct Poll {
///     #[tally]
///     pub votes: U64,
/// }
///
/// // Behind the discriminator and the bump seed.
/// const _: () = assert!(!<Poll as Tallied>::COUNTERS.is_empty());
/// fn offsets() {
///     assert_eq!(Poll::COUNTERS, Counters::at(&[2]));
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no counters",
    label = "mark the fields that are only added to: `#[tally]`, in a `#[state(1, pod)]`"
)]
pub trait Tallied: StateData<Codec = Pod> + bytemuck::Pod {
    /// Where the account's data has them.
    const COUNTERS: Counters;
    /// The other fields.
    type Stable;

    /// The other fields.
    fn stable(&self) -> Self::Stable;
}

/// A counter of a state, as `Poll::YES`.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::{account::TallyField, prelude::*};
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1, pod)]
/// pub struct Poll {
///     #[tally]
///     pub votes: U64,
/// }
///
/// fn twice(poll: &Tally<'_, Poll>, context: &Context<'_, '_>, field: TallyField<Poll>) -> Result {
///     poll.add(context, field, 2)
/// }
/// ```
#[derive(Debug)]
pub struct TallyField<T> {
    offset: u16,
    state: PhantomData<fn() -> T>,
}

impl<T> Clone for TallyField<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for TallyField<T> {}

impl<T> TallyField<T> {
    /// The counter at an offset of the account's data.
    #[doc(hidden)]
    pub const fn at(offset: u16) -> Self {
        Self {
            offset,
            state: PhantomData,
        }
    }
}

/// Where an account's data has a field of its state.
///
/// # Panics
/// If that is past the first 65,535 bytes; at compile time, where the state is declared.
#[doc(hidden)]
#[expect(clippy::cast_possible_truncation, reason = "checked before")]
pub const fn tally_offset<T: StateData>(field: usize) -> u16 {
    let offset = header_size::<T>().saturating_add(field);
    assert!(
        offset <= u16::MAX as usize,
        "counters lie in the first 65,535 bytes of an account"
    );
    offset as u16
}

impl<'a, T> Tally<'a, T> {
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

impl<T: Tallied> Tally<'_, T> {
    /// Adds to a counter.
    ///
    /// # Errors
    /// `ArithmeticOverflow`.
    pub fn add(
        &self,
        context: &InvokeContext<'_, '_>,
        field: TallyField<T>,
        amount: u64,
    ) -> Result {
        let position = self.handle.position();
        context.add(position, usize::from(field.offset), amount)
    }

    /// The fields of the state that are no counters.
    ///
    /// # Errors
    /// `AccountBorrowFailed` while the account is borrowed for writing.
    pub fn read(&self, context: &InvokeContext<'_, '_>) -> Result<Fields<T::Stable>> {
        self.copy(context).map(|state| Fields(state.stable()))
    }

    /// The state, with zeros for the counters.
    fn copy(&self, context: &InvokeContext<'_, '_>) -> Result<T> {
        let account = context.stable(self.handle.position())?;
        let mut state = T::zeroed();
        account.copy_to(bytemuck::bytes_of_mut(&mut state), header_size::<T>())?;
        Ok(state)
    }
}

impl<T> Seed for Tally<'_, T> {
    type Bytes<'s>
        = &'s [u8; 32]
    where
        Self: 's;

    fn seed(&self) -> &[u8; 32] {
        self.handle.address().as_array()
    }
}

impl<'a, T: Tallied> Creditable<'a> for Tally<'a, T> {}

impl<'a, T: Tallied> Account<'a> for Tally<'a, T> {
    const ACCESS: AccountAccess = AccountAccess::READ.adding(T::COUNTERS);

    fn at(handle: Handle<'a>) -> Self {
        Self {
            handle,
            state: PhantomData,
        }
    }

    fn handle(&self) -> Handle<'a> {
        self.handle
    }

    fn check(&self, context: &InvokeContext<'_, '_>) -> Result {
        let account = context.stable(self.handle.position())?;
        let found = Found {
            owner: *account.owner(),
            size: account.size(),
            tag: account
                .read(0..1)
                .ok()
                .and_then(|bytes| bytes.first().copied()),
        };
        drop(account);
        if !found.holds::<T>() {
            return Err(found.refuse::<T>(context, self.handle));
        }
        if T::DISCRIMINATOR.is_none() && !self.copy(context)?.is_initialized() {
            return Err(refuse_unused::<T>(context, self.handle));
        }
        Ok(())
    }

    fn bump(&self, context: &InvokeContext<'_, '_>) -> Result<Option<u8>> {
        if T::DISCRIMINATOR.is_none() {
            return Ok(None);
        }
        let account = context.stable(self.handle.position())?;
        Ok(account.read(1..2)?.first().copied())
    }
}

impl<T: Tallied> Reach for Tally<'_, T> {
    type Inside<'c>
        = Fields<T::Stable>
    where
        Self: 'c;

    fn reach<'c>(&'c self, context: &'c InvokeContext<'_, '_>) -> Result<Self::Inside<'c>> {
        self.read(context)
    }
}

/// Fields that were copied.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Fields<T>(T);

impl<T> std::ops::Deref for Fields<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
