//! Programs written with the SDK, on the real runtime.

mod description;
mod encoding;
pub mod examples;
pub mod programs;
mod renamed;
mod rules;
