//! Accounts that an instruction creates.

use std::{cell::Cell, ops::Deref};

use super::{Account, Creditable, Handle, Mut, State, Writable};
use crate::{
    Result,
    access::AccountAccess,
    interface::{
        InstructionError, InvokeContext, address::program_ids, context::Rule, limits::SEEDS_MAX,
    },
    relation::{Seed, check_seeds},
    set::Reach,
    state::{OwnState, StateData},
    system::{self, Creation},
    violation::Violation,
};

/// An account that the instruction creates for a `T`, of `T`'s size and rent-exempt; from then on
/// like `Mut<State<T>>`, with all bytes of the state zero until it is set.
///
/// `#[account(payer = ..)]` names the field that pays. The account is derived from `seeds`, or
/// else signs its creation: `Signed<Init<'a, T>>`. Lamports that the account holds already do not
/// keep it from being created. The System program has to be in the set.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::prelude::*;
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1)]
/// pub struct Note {
///     pub written: i64,
/// }
///
/// #[derive(Accounts)]
/// pub struct Write<'a> {
///     pub author: Mut<Signer<'a>>,
///     #[account(payer = author, seeds = [b"note", author])]
///     pub note: Init<'a, Note>,
///     pub system: Program<'a, System>,
/// }
///
/// fn write(accounts: &Write<'_>, context: &Context<'_, '_>) -> Result {
///     let written = context.sysvars().clock()?.unix_timestamp;
///     accounts.note.set(context, &Note { written })
/// }
/// ```
#[derive(Debug)]
pub struct Init<'a, T>(Mut<State<'a, T>>);

/// An account that the instruction creates for a `T` unless it is there already; declared as
/// [`Init`] is.
///
/// **Danger.** Where the account is there, it holds what another call has put in: setting the state
/// as if it were new lets any caller reset it. [`InitIfNeeded::is_new`] tells which it is, and
/// [`InitIfNeeded::set_new`] sets nothing but a new state. Prefer `Init` in an instruction of its
/// own.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::prelude::*;
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1, pod)]
/// pub struct Visits {
///     pub count: U64,
/// }
///
/// #[derive(Accounts)]
/// pub struct Visit<'a> {
///     pub visitor: Mut<Signer<'a>>,
///     #[account(payer = visitor, seeds = [b"visits", visitor])]
///     pub visits: InitIfNeeded<'a, Visits>,
///     pub system: Program<'a, System>,
/// }
///
/// fn visit(accounts: &Visit<'_>, context: &mut Context<'_, '_>) -> Result {
///     accounts.visits.set_new(context, &Visits { count: 0.into() })?;
///     if accounts.visits.is_new() {
///         context.log(|| "welcome".to_owned());
///     }
///     accounts.visits.write(context)?.count.increase(1)
/// }
/// ```
#[derive(Debug)]
pub struct InitIfNeeded<'a, T> {
    state: Mut<State<'a, T>>,
    is_new: Cell<bool>,
}

impl<T> Clone for Init<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Init<'_, T> {}

impl<T> Clone for InitIfNeeded<'_, T> {
    fn clone(&self) -> Self {
        Self {
            state: self.state,
            is_new: self.is_new.clone(),
        }
    }
}

/// What both have of the account inside.
macro_rules! created_type {
    ($name:ident, $state:tt) => {
        impl<'a, T> Deref for $name<'a, T> {
            type Target = Mut<State<'a, T>>;

            fn deref(&self) -> &Self::Target {
                &self.$state
            }
        }

        impl<'a, T: StateData> Writable<'a> for $name<'a, T> {}
        impl<'a, T: StateData> Creditable<'a> for $name<'a, T> {}

        impl<'a, T: StateData> Reach for $name<'a, T> {
            type Inside<'c>
                = <State<'a, T> as Reach>::Inside<'c>
            where
                Self: 'c;

            fn reach<'c>(&'c self, context: &'c InvokeContext<'_, '_>) -> Result<Self::Inside<'c>> {
                self.$state.reach(context)
            }
        }

        impl<T> Seed for $name<'_, T> {
            type Bytes<'s>
                = &'s [u8; 32]
            where
                Self: 's;

            fn seed(&self) -> &[u8; 32] {
                self.address().as_array()
            }
        }
    };
}

created_type!(Init, 0);
created_type!(InitIfNeeded, state);

impl<'a, T: StateData> Account<'a> for Init<'a, T> {
    const ACCESS: AccountAccess = AccountAccess::READ.writable();

    fn at(handle: Handle<'a>) -> Self {
        Self(Account::at(handle))
    }

    fn handle(&self) -> Handle<'a> {
        self.0.handle()
    }

    fn check(&self, context: &InvokeContext<'_, '_>) -> Result {
        let account = self.0.account(context)?;
        let (owner, size) = (account.owner, account.data.len());
        drop(account);
        if owner == program_ids::SYSTEM && size == 0 {
            return Ok(());
        }
        Err(Violation {
            rule: Rule::Uninitialized,
            error: &InstructionError::AccountAlreadyInitialized,
            expected: &"an account without owner and data",
            got: &format_args!("{size} bytes owned by {owner}"),
        }
        .of_account(context, Account::handle(self)))
    }

    fn bump(&self, context: &InvokeContext<'_, '_>) -> Result<Option<u8>> {
        self.0.bump(context)
    }
}

impl<'a, T: StateData> Account<'a> for InitIfNeeded<'a, T> {
    const ACCESS: AccountAccess = AccountAccess::READ.writable();

    fn at(handle: Handle<'a>) -> Self {
        Self {
            state: Account::at(handle),
            is_new: Cell::new(false),
        }
    }

    fn handle(&self) -> Handle<'a> {
        self.state.handle()
    }

    fn check(&self, context: &InvokeContext<'_, '_>) -> Result {
        let account = self.state.account(context)?;
        let is_new = account.owner == program_ids::SYSTEM && account.data.is_empty();
        drop(account);
        self.is_new.set(is_new);
        if is_new {
            return Ok(());
        }
        self.state.check(context)
    }

    fn bump(&self, context: &InvokeContext<'_, '_>) -> Result<Option<u8>> {
        self.state.bump(context)
    }
}

impl<T: OwnState> InitIfNeeded<'_, T> {
    /// As `create_foreign`, for a state that is there once its account is made.
    ///
    /// # Errors
    /// See [`Init::create_foreign`].
    #[doc(hidden)]
    pub fn create(
        &self,
        context: &mut InvokeContext<'_, '_>,
        payer: Handle<'_>,
        seeds: Option<&[&[u8]]>,
        size: Option<usize>,
    ) -> Result {
        self.create_foreign(context, payer, seeds, size)
    }
}

impl<T: StateData> InitIfNeeded<'_, T> {
    /// True if this instruction has created the account.
    pub fn is_new(&self) -> bool {
        self.is_new.get()
    }

    /// Sets the state if this instruction has created the account, and leaves it alone otherwise.
    ///
    /// # Errors
    /// See `Mut<State<..>>::set`.
    pub fn set_new(&self, context: &InvokeContext<'_, '_>, state: &T) -> Result {
        if !self.is_new() {
            return Ok(());
        }
        self.set(context, state)
    }

    /// Creates the account unless it is there; then checks that `seeds` derive its address.
    /// `#[derive(Accounts)]` writes the call.
    ///
    /// # Errors
    /// See [`Init::create_foreign`]; `InvalidSeeds`.
    #[doc(hidden)]
    pub fn create_foreign(
        &self,
        context: &mut InvokeContext<'_, '_>,
        payer: Handle<'_>,
        seeds: Option<&[&[u8]]>,
        size: Option<usize>,
    ) -> Result {
        if self.is_new() {
            return create(&self.state, context, payer, seeds, size);
        }
        let Some(seeds) = seeds else {
            return Ok(());
        };
        let bump = Account::bump(self, context)?;
        let handle = Account::handle(self);
        check_seeds(context, handle, context.program(), seeds, bump).map(|_| ())
    }
}

impl<T: OwnState> Init<'_, T> {
    /// As `create_foreign`, for a state that is there once its account is made.
    ///
    /// # Errors
    /// See [`Init::create_foreign`].
    #[doc(hidden)]
    pub fn create(
        &self,
        context: &mut InvokeContext<'_, '_>,
        payer: Handle<'_>,
        seeds: Option<&[&[u8]]>,
        size: Option<usize>,
    ) -> Result {
        self.create_foreign(context, payer, seeds, size)
    }
}

impl<T: StateData> Init<'_, T> {
    /// True: the instruction creates the account.
    #[doc(hidden)]
    pub fn is_new(&self) -> bool {
        true
    }

    /// Creates the account, at the address that the running program derives from `seeds`; without
    /// them it signs for itself. `#[derive(Accounts)]` writes the call.
    ///
    /// # Errors
    /// What the System program reports; `MissingAccount` if it is not in the instruction;
    /// `InvalidSeeds` if the address is another one; `UnsupportedSysvar` where the bank has no
    /// rent.
    #[doc(hidden)]
    pub fn create_foreign(
        &self,
        context: &mut InvokeContext<'_, '_>,
        payer: Handle<'_>,
        seeds: Option<&[&[u8]]>,
        size: Option<usize>,
    ) -> Result {
        create(&self.0, context, payer, seeds, size)
    }
}

fn create<T: StateData>(
    state: &Mut<State<'_, T>>,
    context: &mut InvokeContext<'_, '_>,
    payer: Handle<'_>,
    seeds: Option<&[&[u8]]>,
    size: Option<usize>,
) -> Result {
    let handle = Account::handle(state);
    let size = size.unwrap_or(T::SIZE).max(T::SIZE);
    let Some(seeds) = seeds else {
        return allocate(state, context, payer, &[], 0, size);
    };
    let bump = check_seeds(context, handle, context.program(), seeds, None)?;
    let bump_seed = [bump];
    let mut all = SmallSeeds::new(seeds);
    allocate(state, context, payer, &[all.with(&bump_seed)], bump, size)
}

/// Seeds and the bump seed, without a heap allocation.
struct SmallSeeds<'s> {
    seeds: [&'s [u8]; SEEDS_MAX],
    count: usize,
}

impl<'s> SmallSeeds<'s> {
    /// At most 15 seeds, which were checked.
    fn new(seeds: &[&'s [u8]]) -> Self {
        let mut all: [&[u8]; SEEDS_MAX] = [&[]; SEEDS_MAX];
        let count = seeds.len().min(SEEDS_MAX.saturating_sub(1));
        all[..count].copy_from_slice(&seeds[..count]);
        Self { seeds: all, count }
    }

    fn with(&mut self, bump: &'s [u8; 1]) -> &[&'s [u8]] {
        self.seeds[self.count] = bump;
        &self.seeds[..=self.count]
    }
}

fn allocate<T: StateData>(
    state: &Mut<State<'_, T>>,
    context: &mut InvokeContext<'_, '_>,
    payer: Handle<'_>,
    signer_seeds: &[&[&[u8]]],
    bump: u8,
    size: usize,
) -> Result {
    let handle = Account::handle(state);
    let minimum = context.sysvars().rent()?.minimum_balance(size);
    let creation = Creation {
        owner: T::OWNER,
        minimum,
        size,
    };
    system::create(context, payer, handle, creation, signer_seeds)?;
    let Some(tag) = T::DISCRIMINATOR else {
        return Ok(());
    };
    let mut data = state.account_mut(context)?.into_data()?;
    let header = data.first_chunk_mut::<2>();
    *header.ok_or(InstructionError::AccountDataTooSmall)? = [tag, bump];
    Ok(())
}
