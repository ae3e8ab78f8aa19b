//! Programs for markets, written with the SDK and designed to run in parallel:
//!
//! - [`swap`], pools that trade two tokens, and routes through two of them;
//! - [`vote`], realms that decide on their treasury;
//! - [`items`], collections of what is minted and sold by the piece;
//! - [`oracle`], prices that many publishers quote;
//! - [`lend`], reserves that lend against each other;
//! - [`book`], markets where orders rest until others meet them.
//!
//! They are not among the built-in programs: [`market_programs`] adds them to those. Each page
//! tells, in a table, what every instruction does to which account, and then what two users share:
//! nothing if they use different objects, and one object's own cost if they use the same.
#![forbid(unsafe_code)]

pub mod items;
pub mod oracle;
pub mod swap;
pub mod vote;

pub mod book;
pub mod lend;

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
    builtin_programs()
        .with(swap::amm::AmmProgram)
        .with(swap::route::router::RouterProgram)
        .with(vote::governance::GovernanceProgram)
        .with(items::collection::CollectionProgram)
        .with(book::order_book::OrderBookProgram)
        .with(lend::lending::LendingProgram)
        .with(oracle::price_oracle::PriceOracleProgram)
}
