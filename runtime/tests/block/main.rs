//! The block format: what is encoded decodes to the same, each value in one way only, within its
//! limits, and whatever else comes is refused with the place named.
#![allow(
    dead_code,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "tests count small numbers, fail where something is missing, and share a generator"
)]

#[path = "../common/mod.rs"]
mod common;

mod document;
mod generate;
mod header;
mod hostile;
mod judge;
mod layout;
mod parts;
mod roots;
mod round_trip;
mod usage;
