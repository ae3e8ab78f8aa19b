//! Programs for markets, written with the SDK and designed to run in parallel:
//!
//! - [`swap`], pools that trade two tokens;
//! - [`router`], trades through two of these pools;
//! - [`book`], markets where orders rest until others meet them;
//! - [`lend`], reserves that lend against each other;
//! - [`oracle`], prices that many publishers quote;
//! - [`vote`], realms that decide on their treasury;
//! - [`items`], collections of what is minted and sold by the piece;
//! - [`pay`], escrows and streams;
//! - [`channel`], payments that two parties settle off the chain;
//! - [`duel`], games that they play off the chain, and [`nim`], a judge of one;
//! - [`supply`], lots of goods and their custody;
//! - [`grid`], a game whose map is made of accounts;
//! - [`vault`], lamports that hash-based one-time keys hold.
//!
//! What pools and reserves compute is in [`curve`] and [`debt`], which know no accounts.
//!
//! They are not among the built-in programs: [`market_programs`] adds them to those. Each page
//! tells, in a table, what every instruction does to which account, and then what two users share:
//! nothing if they use different objects, and one object's own cost if they use the same.
#![forbid(unsafe_code)]
#![allow(
    clippy::module_inception,
    reason = "a program may have the name of its page"
)]

pub mod book;
pub mod channel;
pub mod curve;
pub mod debt;
pub mod duel;
pub mod grid;
pub mod items;
pub mod lend;
pub mod nim;
pub mod oracle;
pub mod pay;
pub mod router;
pub mod supply;
pub mod swap;
pub mod vault;
pub mod vote;

use lockstep_interface::ProgramTable;
use lockstep_programs::builtin_programs;

/// The built-in programs and those of this crate.
///
/// ```
/// let programs = lockstep_market::market_programs();
/// let amm = programs.get(&lockstep_market::swap::amm::ID);
/// assert_eq!(amm.map(|program| program.name()), Some("amm"));
/// ```
pub fn market_programs() -> ProgramTable {
    with_market(builtin_programs())
}

/// The programs of a table and those of this crate.
#[must_use]
pub fn with_market(programs: ProgramTable) -> ProgramTable {
    programs
        .with(swap::amm::AmmProgram)
        .with(router::router::RouterProgram)
        .with(vote::governance::GovernanceProgram)
        .with(items::collection::CollectionProgram)
        .with(pay::payments::PaymentsProgram)
        .with(channel::channels::ChannelsProgram)
        .with(duel::duels::DuelsProgram)
        .with(nim::nim::NimProgram)
        .with(supply::supply::SupplyProgram)
        .with(grid::grid::GridProgram)
        .with(book::order_book::OrderBookProgram)
        .with(lend::lending::LendingProgram)
        .with(oracle::price_oracle::PriceOracleProgram)
        .with(vault::vaults::VaultsProgram)
}

/// Compiles and runs the examples of the chapter that these programs are the examples of.
#[cfg(doctest)]
#[doc = include_str!("../../../sdk/docs/parallelism.md")]
struct Parallelism;
