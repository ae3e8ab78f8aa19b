//! Load for the runtime, and what measures it: recorded traces, generated workloads, and the
//! laboratory: comparing and explaining plans, auditing access lists, colouring graphs.
//!
//! ```text
//! trace file -> Trace ------------+--> access lists -> plans and their figures
//! workload name, options, seed ---+--> genesis accounts and blocks of signed wire bytes
//! graph file -> conflict graph -> colourings
//! trace or synthetic stream -> simulated workers -> fees and compute units of each scheduler
//! ```
//!
//! Nothing here decides what a block's result is; that is the runtime's work.
#![forbid(unsafe_code)]
#![allow(
    clippy::float_arithmetic,
    reason = "statistics are floats; none of them becomes state"
)]

pub mod access;
pub mod audit;
pub mod compare;
pub mod cores;
pub mod dimacs;
pub mod estimates;
pub mod explain;
pub mod misjudge;
pub mod plan_file;
pub mod planning;
pub mod runner;
pub mod stages;
pub mod store_load;
pub mod stream;
pub mod text_file;
pub mod trace;
pub mod workload;
