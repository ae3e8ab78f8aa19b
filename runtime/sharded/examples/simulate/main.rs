//! Prints the tables of `runtime/docs/sharded.md`: what sharded execution gains up to 1,000 cores,
//! by the crate's own planner and a model of network and coordinator.
//!
//! ```sh
//! cargo run --release --example simulate
//! ```
#![allow(clippy::print_stdout, reason = "what it prints is its purpose")]

mod model;

fn main() {
    print!("{}", model::tables());
}
