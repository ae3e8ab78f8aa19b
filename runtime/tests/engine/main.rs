//! Tests of whole blocks through the engine.
//!
//! The serial executor is the oracle: whatever the plan and however many threads, receipts, changed
//! accounts and roots must be those of the serial run.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of test cases, and overflow panics here"
)]

#[path = "../common/mod.rs"]
mod common;

mod audit;
mod banks;
mod bundles;
mod costs;
mod credits;
mod golden;
mod hostile;
mod mempool;
mod options;
mod property;
mod rules;
mod store;
mod waits;
