//! Test programs in process: a chain over the real runtime that runs blocks when it is told to.
//!
//! Nothing is mocked. A call becomes a signed message, goes through parser, signature check,
//! planner, plan checker, workers and commit, and is then run again by the serial executor, which
//! has to come to the same accounts, receipts and hashes.
//!
//! ```
//! #[lockstep_sdk::program(id = "Counter111111111111111111111111111111111111")]
//! pub mod counter {
//!     use lockstep_sdk::prelude::*;
//!
//!     #[state(1, pod)]
//!     pub struct Counter {
//!         pub count: U64,
//!     }
//!
//!     #[derive(Accounts)]
//!     pub struct Count<'a> {
//!         pub owner: Mut<Signer<'a>>,
//!         #[account(payer = owner, seeds = [b"counter", owner])]
//!         pub counter: Init<'a, Counter>,
//!         pub system: Program<'a, System>,
//!     }
//!
//!     #[instruction(0)]
//!     pub fn count(accounts: &Count<'_>, context: &mut Context<'_, '_>, from: u64) -> Result {
//!         accounts.counter.set(context, &Counter { count: from.into() })
//!     }
//! }
//!
//! # fn main() {
//! use counter::*;
//! use lockstep_sdk::prelude::*;
//! use lockstep_testing::Chain;
//!
//! let mut chain = Chain::builder().program(CounterProgram).build();
//! let owner = chain.wallet("owner");
//! let count = call::count(&CountAddresses { owner }, 7);
//! chain.run(&count).all_ok();
//! let (counter, _) = Count::counter_address(&owner);
//! assert_eq!(chain.state::<Counter>(&counter).count.get(), 7);
//! chain.run(&count).fails(0, InstructionError::AccountAlreadyInitialized).at("counter");
//! # }
//! ```
//!
//! In the order in which a test meets them: [`chain`] holds the accounts, [`keys`] makes the
//! wallets, [`call`] says what to run, [`block`] what became of it, [`failure`] why something
//! failed, [`access`] which accounts it needed, [`explain`] what waited for what, [`logs`] what was
//! logged, [`profile`] and [`units`] what it cost, [`actions`] runs random sequences, [`fuzz`]
//! those of a fuzzer.
//!
//! A chain is a plain value: no global state, no network, no clock. Debuggers and coverage tools
//! see one process. Worker threads are the chain's own, and start with its first block of several
//! calls; [`Builder::threads`] of 1 leaves all work to the thread of the test.
#![forbid(unsafe_code)]

pub mod access;
pub mod actions;
pub mod block;
pub mod call;
pub mod chain;
mod engines;
pub mod explain;
pub mod failure;
pub mod fuzz;
pub mod keys;
pub mod logs;
mod observe;
mod oracle;
mod panics;
pub mod profile;
mod tokens;
mod trace;
pub mod units;

pub use access::{Access, InVain, Inferred};
pub use actions::{Scene, Sequences, explore};
pub use block::{Block, Executed};
pub use call::Call;
pub use chain::{Builder, Chain, Snapshot};
pub use explain::{Explanation, HotAccount, Relief, Wait};
pub use failure::Failure;
pub use fuzz::Fuzz;
pub use profile::{Frame, Profile};
pub use units::Units;

/// Compiles and runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Lamports of one SOL.
pub const SOL: u64 = 1_000_000_000;
