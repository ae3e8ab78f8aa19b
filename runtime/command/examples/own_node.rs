//! The whole `lockstep` command with a program of one's own: a new chain of its node has it, and
//! `verify`, `inspect`, `prove` and `replay` know it.
//!
//! ```sh
//! cargo run --release -p lockstep --example own_node -- node --ledger DIR
//! cargo run --release -p lockstep --example own_node -- verify DIR
//! ```

use std::process::ExitCode;

use lockstep::Catalogue;
use poll::poll::PollProgram;

/// A program like any that `lockstep new` makes.
#[path = "../../../sdk/examples/poll.rs"]
#[allow(
    clippy::module_inception,
    unnameable_types,
    unreachable_pub,
    reason = "the file is a library of its own"
)]
mod poll;

fn main() -> ExitCode {
    let mut catalogue = Catalogue::default();
    catalogue.programs = catalogue.programs.with(PollProgram);
    lockstep::cli(&catalogue)
}
