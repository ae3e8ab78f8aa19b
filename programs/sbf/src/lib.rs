//! Unmodified compiled Solana programs, ELF files for the SBPF machine, as programs of a Lockstep
//! chain.
//!
//! [`SbfProgram::load`] makes a [`Program`](lockstep_interface::Program) of a file's bytes; the
//! runtime, every planner and the test harness run it like a native one. What it may do is judged
//! by the invoke context, as for all programs. What it cannot do is harm: it runs in memory of its
//! own and spends a unit for each instruction.
//!
#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod buffers;
mod cache;
mod code;
mod fault;
mod image;
mod limits;
pub mod loader;
#[cfg(test)]
mod points;
mod program;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod recorded_calls;
mod sync;
mod syscalls;
#[cfg(test)]
mod tests;
mod vm;

pub use code::LoadError;
pub use loader::{
    instruction::{LoaderInstruction, file_address},
    state::{FILE_HEAD_SIZE, LoaderState, program_accounts},
    with_interpreting_loaders, with_loaders,
};
pub use program::SbfProgram;
