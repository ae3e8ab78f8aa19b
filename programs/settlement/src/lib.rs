//! Programs that settle one chain, a rollup with a sequencer of its own, on another, its base.
//!
//! ```text
//! base      settlement::deposit -> demand --(included)--> settlement::exit -> lamports, once
//!                                    |                          ^
//! rollup                       gateway::credit            gateway::exit -> exit account
//! ```
//! - [`settlement`], on the base: holds deposits, takes claims of the rollup's blocks with a bond,
//!   lets them fall by a refutation, makes them final after a window, and pays exits.
//! - [`gateway`], on the rollup: credits deposits, and takes lamports that leave.
//!
//! What a claim is, and what refutes it, a third program knows, the judge; the runtime has one
//! (`lockstep_runtime::settle::Judge`), which is linked into the base with the rollup's rules.
#![forbid(unsafe_code)]
#![allow(
    clippy::module_inception,
    reason = "a program may have the name of its page"
)]

mod claims;
pub mod gateway;
pub mod settlement;

pub use claims::{CLAIM_SIZE, ClaimBytes, Head, blockhashes_of, follows, parse};
