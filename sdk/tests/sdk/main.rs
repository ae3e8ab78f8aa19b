//! Programs written with the SDK, on the real runtime.

mod crowd;
mod description;
mod documented;
mod encoding;
pub mod examples;
pub mod failures;
pub mod macros;
pub mod programs;
pub mod raffle;
mod renamed;
mod rules;
mod sizes;
