//! What C gives to a call, as Rust values: the one place where its pointers are read and written.
//!
//! # The argument
//!
//! Every `unsafe` function here has the same contract, which the header states as the caller's
//! part. A pointer is either NULL or it points to a value of its type (for a list: to as many as
//! the count beside it says) that stays valid and unchanged until the call has returned; one that a
//! result is written to may be written. Under it:
//!
//! 1. NULL, a misaligned pointer and a list larger than memory are errors and are not read.
//! 2. Every type that is read is `repr(C)` and made of integers, pointers and optional function
//!    pointers, of which each pattern of bits is a value. Numbers with a meaning, such as a mode,
//!    are read as integers and checked afterwards.
//! 3. What is read is lent for the lifetime of the call and copied if it is kept.
//! 4. A result is written, not assigned, so that nothing of the caller's is dropped or read; no
//!    reference to the place exists.
//! 5. A function pointer is called with arguments of the types that the header states.
//!
//! A pointer that points elsewhere is not found out. Handles are none of this: they are numbers in
//! the shape of pointers, and are looked up and never followed ([`handle`](crate::handle)).

mod message;
mod options;
mod plan;
mod pointer;
#[cfg(test)]
pub(crate) mod testing;

pub use message::{AccountMeta, Bytes, Instruction, Message, Seeds};
pub(crate) use message::{message, seeds, slices};
pub use options::{
    BlockLimits, BuildOptions, ChainOptions, CommittedBlock, Observer, PlanOptions, Program,
    SimulateOptions, Storage, Write,
};
pub use plan::{Access, AccessList, PlanLayout, PlanWait};
pub(crate) use plan::{access_table, plan_of};
pub(crate) use pointer::{
    Out, User, bytes, one, optional, options, out, place, places, room, text,
};
