//! Tests of the chain: blocks built, verified, committed, proved, dropped, opened again, forged
//! and cut off by a kill.
//!
//! A serial replay on banks of its own is the oracle, and plain maps of accounts are the state.
#![allow(
    dead_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "tests count small numbers, fail where something is missing, and share a generator"
)]

#[path = "../common/mod.rs"]
mod common;

#[path = "../block/layout.rs"]
mod layout;

mod forge;
mod market;
mod own_store;
mod setting;

mod activation;
mod blocks;
mod byzantine;
mod crash;
mod faults;
mod fees;
mod fences;
mod forks;
mod handed_pool;
mod observe;
mod pool;
mod reopen;
mod settle;
mod simulate;
mod steps;
mod stretch;
mod threads;
mod views;
mod witness;
