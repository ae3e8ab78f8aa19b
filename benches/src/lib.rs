//! Load for the runtime, and what measures it: recorded traces, generated workloads, and the
//! bookkeeping of the `lockstep` command.
//!
//! ```text
//! trace file -> Trace ------------+--> access lists -> plans and their figures
//! workload name, options, seed ---+--> genesis accounts and blocks of signed wire bytes
//! graph file -> conflict graph -> colourings
//! ```
//!
//! Nothing here decides what a block's result is; that is the runtime's work.
#![forbid(unsafe_code)]
#![allow(
    clippy::float_arithmetic,
    clippy::print_stdout,
    reason = "statistics are floats and the command prints; neither becomes state"
)]

pub mod access;
pub mod audit;
pub mod chain;
pub mod compare;
pub mod conformance;
pub mod dimacs;
pub mod durable;
pub mod explain;
pub mod ledger;
pub mod misjudge;
pub mod planning;
pub mod trace;
pub mod workload;
