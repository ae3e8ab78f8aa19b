//! The C interface of Lockstep, for validators in other languages. `include/lockstep.h` is made of
//! this source; `runtime/docs/c-interface.md` is the page for those that link it.
//!
//! ```text
//! C -> entry -> given (pointers become values) -> guard (no panic leaves)
//!        `-> handle (a number becomes what it names) -> lockstep-runtime, lockstep-scheduler
//! lockstep-runtime -> storage, program, source, observe -> the embedder's functions
//! ```
//! No type of Rust crosses. C sees incomplete types, whose pointers are numbers that are looked up,
//! and structs of integers and pointers. `unsafe` code is in `given`, which has the argument for
//! what C hands in, in `program::current`, which has one for the running instruction, and in
//! [`entry`], which calls `given` and is what C calls.
#![deny(unsafe_code)]

mod status;

mod handle;

mod types;

mod sync;

mod sink;

mod given;

mod plan;

mod observe;

mod kinds;

mod program;

mod guard;

mod source;

mod storage;

mod open;

pub mod entry;

pub use given::{
    Access, AccessList, AccountMeta, BlockLimits, BuildOptions, Bytes, ChainOptions,
    CommittedBlock, Instruction, Message, Observer, PlanLayout, PlanOptions, PlanWait, Program,
    Seeds, SimulateOptions, Storage, Write,
};
pub use kinds::{
    Account, Block, Buffer, Cancel, Chain, Context, Error, Genesis, Plan, Proof, Receipts, Sink,
    View, Watch,
};
pub use open::{
    CHAIN_HAS_NO_STATE_ROOT, CHAIN_IS_SERIAL, CHAIN_ORDERS_CREDITS, CHAIN_TRUSTS_SIGNATURES,
};
pub use status::Status;
pub use types::{
    AccountFields, AccountInfo, Address, Change, Committed, Exported, Hash, Header, OUTCOME_FAILED,
    OUTCOME_REFUSED, OUTCOME_SUCCEEDED, Receipt, Refused,
};
