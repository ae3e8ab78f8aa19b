//! The block format: what is encoded decodes to the same, each value in one way only, within its
//! limits, and whatever else comes is refused with the place named.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "tests count small numbers and fail where something is missing"
)]

mod document;
mod generate;
mod header;
mod hostile;
mod layout;
mod parts;
mod roots;
mod round_trip;
