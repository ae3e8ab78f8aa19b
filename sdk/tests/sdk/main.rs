//! Programs written with the SDK, on the real runtime.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::duplicate_underscore_argument,
    clippy::too_many_arguments,
    reason = "programs as an author might write them, and small numbers of test cases"
)]

mod clients;
pub mod costs;
mod crowd;
mod description;
mod documented;
mod encoding;
pub mod examples;
pub mod failures;
pub mod macros;
pub mod poll;
pub mod programs;
pub mod raffle;
mod renamed;
mod rules;
mod sizes;
