//! Programs written with the SDK, on the real runtime.

mod description;
mod documented;
mod encoding;
pub mod examples;
mod macros;
pub mod programs;
mod renamed;
mod rules;
mod sizes;
