//! Signatures of Falcon-512 and ML-DSA-44 beside ed25519: verdicts on honest and hostile ones, and
//! blocks that mix them, on chains that have activated them and on others.
#![allow(
    dead_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "tests count small numbers, fail where something is missing, and share a generator"
)]

#[path = "../common/mod.rs"]
mod common;

#[path = "../chain/setting.rs"]
mod setting;

mod blocks;
mod hostile;
mod keys;
