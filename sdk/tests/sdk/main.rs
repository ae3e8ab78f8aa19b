//! Programs written with the SDK, on the real runtime.

mod crowd;
mod description;
mod documented;
mod encoding;
pub mod examples;
mod failures;
mod macros;
pub mod programs;
mod raffle;
mod renamed;
mod rules;
mod sizes;
