//! Schedules the blocks of an unmodified Agave validator.
//!
//! ```text
//! Agave: TPU ----> receive -> check (a worker) -> pool --select--> stream --> execute (workers)
//!        progress -> leader state, units left ------------------------^            |
//!                      pool <- retried, slot over ---------------------------------+--> settled
//! ```
//!
//! Since Agave 4.0 a validator started with `--enable-scheduler-bindings` hands transactions to an
//! external process over shared memory, and executes what that process sends back. This crate is
//! such a process: the [pool](lockstep_runtime::mempool) of waiting transactions, the
//! [stream scheduler](lockstep_scheduler::StreamScheduler), and the protocol of one pairing of
//! versions, [`v4_3`].
//!
//! The command is `lockstep-agave --socket scheduler_bindings.ipc`; how to run it beside a
//! validator: `runtime/docs/agave.md`.
#![deny(unsafe_code)]

#[allow(
    unsafe_code,
    reason = "shared memory; the module states why it is sound"
)]
pub mod v4_3;

mod entries;

mod figures;

pub mod driver;

pub use driver::{Driver, DriverOptions};
pub use figures::Figures;
