//! Markets on the real runtime: what they keep true, and what they refuse.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "small numbers of test cases, and counts of what random sequences did"
)]

use lockstep_testing::Sequences;

mod amm;
mod collection;
mod curve;
mod governance;

/// The sequences of a property test: 400 times as many where the variable `LOCKSTEP_FULL`
/// is set, more than a million actions each.
fn sequences(short: Sequences) -> Sequences {
    let factor = match std::env::var_os("LOCKSTEP_FULL") {
        Some(_) => 400,
        None => 1,
    };
    Sequences {
        count: short.count * factor,
        ..short
    }
}
