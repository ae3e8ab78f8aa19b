//! Tokens: the states of the Token program, its calls, and what account sets say about them.
//!
//! `#[account(..)]` on a `State` or an `Init` of a [`TokenAccount`] or a [`Mint`] knows, besides
//! the relations of every state, `mint = ..`, `authority = ..` (the owner of a token account, or
//! the authority that mints), `associated` (the address follows from both), and on a `Mint`
//! `decimals = ..` and `freeze = ..`. A value is an account of the set or a field of a state.
//!
//! ```
//! # fn main() {}
//! #[lockstep_sdk::program(id = "P1ggy11111111111111111111111111111111111111")]
//! pub mod piggy {
//!     use lockstep_sdk::{prelude::*, token};
//!
//!     #[derive(Accounts)]
//!     pub struct Save<'a> {
//!         pub owner: Mut<Signer<'a>>,
//!         pub mint: State<'a, Mint>,
//!         #[account(mint = mint, authority = owner)]
//!         pub purse: Mut<State<'a, TokenAccount>>,
//!         #[account(payer = owner, seeds = [b"piggy", owner, mint],
//!             mint = mint, authority = piggy)]
//!         pub piggy: InitIfNeeded<'a, TokenAccount>,
//!         pub token: Program<'a, Token>,
//!         pub system: Program<'a, System>,
//!     }
//!
//!     #[instruction(0)]
//!     pub fn save(accounts: &Save<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
//!         let Save { owner, mint, purse, piggy, .. } = accounts;
//!         token::transfer_checked(purse, mint, piggy, owner, amount).invoke(context)
//!     }
//! }
//! ```

mod calls;
mod relations;
mod state;
mod tallied;

use crate::{
    account::ProgramId,
    interface::{
        Address,
        address::{find_program_address, program_ids},
    },
};

pub use calls::{Call, approve, burn, close_account, mint_to, revoke, transfer, transfer_checked};
#[doc(hidden)]
pub use relations::{
    check_associated, check_decimals, check_named, create_associated, initialize_account,
    initialize_mint,
};
#[doc(hidden)]
pub use state::TokenRelations;
pub use state::{AccountStatus, Mint, OptionalAddress, OptionalU64, TokenAccount};
pub use tallied::{MintReceiver, TokenReceiver, TokenTarget};

/// The Token program, for `Program<'a, Token>`.
///
/// ```
/// use lockstep_sdk::{interface::address::program_ids, prelude::*};
/// assert_eq!(Token::ID, program_ids::TOKEN);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Token {}

impl ProgramId for Token {
    const ID: Address = program_ids::TOKEN;
    const NAME: &'static str = "token";
}

/// The Associated Token Account program, for `Program<'a, AssociatedToken>`.
///
/// ```
/// use lockstep_sdk::{interface::address::program_ids, prelude::*};
/// assert_eq!(AssociatedToken::ID, program_ids::ASSOCIATED_TOKEN);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum AssociatedToken {}

impl ProgramId for AssociatedToken {
    const ID: Address = program_ids::ASSOCIATED_TOKEN;
    const NAME: &'static str = "associated-token";
}

/// The address of `owner`'s associated account of `mint`. A few curve tests.
///
/// ```
/// use lockstep_sdk::{prelude::*, token::associated_address};
/// let [owner, mint] = [1, 2].map(|byte| Address::new_from_array([byte; 32]));
/// assert_ne!(associated_address(&owner, &mint), associated_address(&mint, &owner));
/// ```
pub fn associated_address(owner: &Address, mint: &Address) -> Address {
    let seeds = [owner, &program_ids::TOKEN, mint].map(|seed| seed.as_array().as_slice());
    find_program_address(&seeds, &program_ids::ASSOCIATED_TOKEN).0
}
