//! Programs written with the SDK, run on real accounts by the interface's own context.

mod ledger;

mod description;
mod encoding;
pub mod examples;
pub mod programs;
mod renamed;
mod rules;
