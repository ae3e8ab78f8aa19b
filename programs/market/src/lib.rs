//! Programs for markets, written with the SDK and designed to run in parallel: [`swap`], pools that
//! trade two tokens, [`vote`], realms that decide on their treasury, and [`items`], collections of
//! what is minted and sold by the piece.
//!
//! They are not among the built-in programs: [`market_programs`] adds them to those. Each page
//! tells, in a table, what every instruction does to which account, and then what two users share:
//! nothing if they use different objects, and one object's own cost if they use the same.
#![forbid(unsafe_code)]

pub mod items;
pub mod swap;
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
        .with(vote::governance::GovernanceProgram)
        .with(items::collection::CollectionProgram)
}
