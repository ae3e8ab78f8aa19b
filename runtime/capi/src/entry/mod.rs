//! The functions of the header, one file for each kind of thing.
//!
//! Each reads its arguments by the module `given`, under the contract that is written there, and
//! does its work inside `guard::call`: no panic leaves it.
#![allow(
    unsafe_code,
    clippy::missing_safety_doc,
    reason = "C calls these functions; the contract of all of them is that of the module `given`"
)]

pub mod block;
pub mod chain;
pub mod context;
pub mod error;
pub mod genesis;
pub mod message;
pub mod observe;
pub mod plan;
pub mod receipts;
pub mod sink;
pub mod snapshot;
pub mod state;
pub mod version;
