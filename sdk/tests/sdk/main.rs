//! Programs written with the SDK, run on real accounts by the interface's own context.

mod ledger;

pub mod examples;
