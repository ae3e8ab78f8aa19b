//! The `lockstep` command, with the strategies and workloads that come with Lockstep.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Blocks free megabytes on one thread that another has asked for; this allocator takes that
/// well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    lockstep::cli(&lockstep::Catalogue::default())
}
