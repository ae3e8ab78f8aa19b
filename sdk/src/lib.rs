//! Write native programs for Lockstep.
//!
//! A program says once, in the types of an account set's fields, what it does to which account.
//! From that one declaration follow the checks before the program runs, the access list that the
//! planner turns into parallelism, the client's call, and the description of the interface.
//! What each access type costs other transactions is in the crate's README.
//!
//! ```
//! # fn main() {}
//! #[lockstep_sdk::program(id = "Greet11111111111111111111111111111111111111")]
//! pub mod greeter {
//!     use lockstep_sdk::prelude::*;
//!
//!     #[state(1)]
//!     pub struct Greeting {
//!         pub count: u64,
//!     }
//!
//!     #[derive(Accounts)]
//!     pub struct Greet<'a> {
//!         pub visitor: Mut<Signer<'a>>,
//!         #[account(payer = visitor, seeds = [b"greeting", visitor])]
//!         pub greeting: Init<'a, Greeting>,
//!         pub system: Program<'a, System>,
//!     }
//!
//!     #[instruction(0)]
//!     pub fn greet(accounts: &Greet<'_>, context: &mut Context<'_, '_>) -> Result {
//!         accounts.greeting.set(context, &Greeting { count: 1 })
//!     }
//! }
//! ```
//!
//! In the order in which the data of an instruction meets them: [`program`](mod@program) takes the
//! instruction apart, [`set`] takes and checks its accounts as the types of [`account`] and
//! [`access`] say, [`state`] and [`data`] decode their content, [`relation`] checks how they belong
//! together; [`event`], [`error`] and [`violation`] tell the outside, [`system`], [`token`],
//! [`ed25519`] and [`forward`] call other programs, and [`idl`] describes it all.
#![forbid(unsafe_code)]

pub mod access;
pub mod account;
pub mod data;
pub mod ed25519;
pub mod error;
pub mod event;
pub mod forward;
pub mod idl;
pub mod pod;
pub mod prelude;
pub mod program;
pub mod relation;
pub mod set;
pub mod state;
pub mod system;
pub mod token;
pub mod violation;

pub use bytemuck;
pub use lockstep_derive::program;
pub use lockstep_interface as interface;

/// What a program's functions return: nothing or a value, or Solana's instruction error.
///
/// ```
/// use lockstep_sdk::{Result, interface::InstructionError};
/// fn half(lamports: u64) -> Result<u64> {
///     lamports.checked_div(2).ok_or(InstructionError::ArithmeticOverflow)
/// }
/// assert_eq!(half(4), Ok(2));
/// ```
pub type Result<T = (), E = interface::InstructionError> = std::result::Result<T, E>;

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
