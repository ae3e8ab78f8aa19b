//! Token accounts and mints to which any number of instructions add at once.

use std::mem::offset_of;

use super::{Mint, TokenAccount, TokenRelations};
use crate::{
    account::{Account, Tallied, Tally, Writable, tally_offset},
    interface::{Address, Counters},
};

/// What others leave alone of a token account that they add to.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// fn owner(till: &Tally<'_, TokenAccount>, context: &Context<'_, '_>) -> Result<Address> {
///     Ok(till.read(context)?.owner)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokenReceiver {
    /// The mint.
    pub mint: Address,
    /// Whose tokens these are.
    pub owner: Address,
    /// Whether nothing can be moved.
    pub is_frozen: bool,
}

/// What others leave alone of a mint whose supply they add to.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// fn decimals(mint: &Tally<'_, Mint>, context: &Context<'_, '_>) -> Result<u8> {
///     Ok(mint.read(context)?.decimals)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MintReceiver {
    /// The address that may mint.
    pub mint_authority: Option<Address>,
    /// Digits behind the decimal point of one token.
    pub decimals: u8,
}

impl Tallied for TokenAccount {
    const COUNTERS: Counters = Counters::at(&[tally_offset::<Self>(offset_of!(Self, amount))]);
    type Stable = TokenReceiver;

    fn stable(&self) -> TokenReceiver {
        TokenReceiver {
            mint: self.mint,
            owner: self.owner,
            is_frozen: self.is_frozen(),
        }
    }
}

impl Tallied for Mint {
    const COUNTERS: Counters = Counters::at(&[tally_offset::<Self>(offset_of!(Self, supply))]);
    type Stable = MintReceiver;

    fn stable(&self) -> MintReceiver {
        MintReceiver {
            mint_authority: self.mint_authority.get().copied(),
            decimals: self.decimals,
        }
    }
}

impl TokenRelations for TokenReceiver {
    fn mint(&self) -> Option<&Address> {
        Some(&self.mint)
    }

    fn authority(&self) -> Option<&Address> {
        Some(&self.owner)
    }

    fn decimals(&self) -> Option<u8> {
        None
    }
}

impl TokenRelations for MintReceiver {
    fn mint(&self) -> Option<&Address> {
        None
    }

    fn authority(&self) -> Option<&Address> {
        self.mint_authority.as_ref()
    }

    fn decimals(&self) -> Option<u8> {
        Some(self.decimals)
    }
}

/// An account that tokens can be added to, or a mint whose supply can be: one that the instruction
/// may change, or a [`Tally`], which others may be adding to as well.
///
/// ```
/// use lockstep_sdk::{prelude::*, token};
/// type Purse<'a> = Mut<State<'a, TokenAccount>>;
/// fn pay(
///     purse: &Purse<'_>,
///     till: &Tally<'_, TokenAccount>,
///     owner: &Signer<'_>,
///     context: &mut Context<'_, '_>,
/// ) -> Result {
///     token::transfer(purse, till, owner, 5).invoke(context)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is declared read-only",
    label = "this needs an account that tokens can be added to",
    note = "declare the field as `Mut<..>`, or as `Tally<..>` if nothing else is done to it"
)]
pub trait TokenTarget<'a>: Account<'a> {}

impl<'a, A: Writable<'a>> TokenTarget<'a> for A {}
impl<'a> TokenTarget<'a> for Tally<'a, TokenAccount> {}
impl<'a> TokenTarget<'a> for Tally<'a, Mint> {}
