//! Accounts that an instruction creates.

use std::ops::Deref;

use super::{Account, Creditable, Handle, Mut, State, Writable};
use crate::{
    Result,
    access::AccountAccess,
    interface::{InstructionError, InvokeContext, address::program_ids, context::Rule},
    relation::check_seeds,
    state::StateData,
    system,
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

impl<T> Clone for Init<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Init<'_, T> {}

impl<'a, T> Deref for Init<'a, T> {
    type Target = Mut<State<'a, T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a, T: StateData> Writable<'a> for Init<'a, T> {}
impl<'a, T: StateData> Creditable<'a> for Init<'a, T> {}

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

impl<T: StateData> Init<'_, T> {
    /// Creates the account, which signs for itself. `#[derive(Accounts)]` writes the call.
    ///
    /// # Errors
    /// What the System program reports; `MissingAccount` if it is not in the instruction;
    /// `UnsupportedSysvar` where the bank has no rent.
    #[doc(hidden)]
    pub fn create(&self, context: &mut InvokeContext<'_, '_>, payer: Handle<'_>) -> Result {
        self.allocate(context, payer, &[], 0)
    }

    /// Creates the account at the address that the running program derives from `seeds`.
    /// `#[derive(Accounts)]` writes the call.
    ///
    /// # Errors
    /// `InvalidSeeds` if the address is another one; else see [`Init::create`].
    #[doc(hidden)]
    pub fn create_derived(
        &self,
        context: &mut InvokeContext<'_, '_>,
        payer: Handle<'_>,
        seeds: &[&[u8]],
    ) -> Result {
        let handle = Account::handle(self);
        let bump = check_seeds(context, handle, context.program(), seeds, None)?;
        let bump_seed = [bump];
        let mut all = seeds.to_vec();
        all.push(&bump_seed);
        self.allocate(context, payer, &[&all], bump)
    }

    fn allocate(
        &self,
        context: &mut InvokeContext<'_, '_>,
        payer: Handle<'_>,
        signer_seeds: &[&[&[u8]]],
        bump: u8,
    ) -> Result {
        let handle = Account::handle(self);
        let minimum = context.sysvars().rent()?.minimum_balance(T::SIZE);
        system::create(context, payer, handle, minimum, T::SIZE, signer_seeds)?;
        let Some(tag) = T::DISCRIMINATOR else {
            return Ok(());
        };
        let mut data = self.account_mut(context)?.into_data()?;
        let header = data.first_chunk_mut::<2>();
        *header.ok_or(InstructionError::AccountDataTooSmall)? = [tag, bump];
        Ok(())
    }
}
