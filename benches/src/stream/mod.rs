//! Judges schedulers of a stream in a simulator of workers: fees and compute units of each slot,
//! waits, and what workers do without.
//!
//! ```text
//! trace or synthetic load -> StreamLoad -+
//! planned, greedy, fifo --> Discipline --+-> simulate -> StreamFigures
//! ```
//!
//! Everything is a function of the load, the discipline and the options: no clock, no thread. Time
//! is in nanoseconds.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a simulation counts far below 64 bits"
)]

mod greedy;
mod load;
mod planned;
mod simulate;

pub use greedy::Greedy;
pub use load::{StreamLoad, StreamTransaction};
pub use planned::Planned;
pub use simulate::{Discipline, Message, SimulationOptions, StreamFigures, simulate};
