//! Parses, plans, executes, seals and commits blocks of access-list transactions.
//!
//! ```text
//! WireBlock -> ParsedBlock -> PreparedBlock -> Plan -> CheckedPlan
//!           -> ExecutedBlock -> WriteSet -> FrozenBank + receipts
//! ```
//!
//! Each arrow is one function, each stage a type that only the stage before can make. [`engine`]
//! calls them in order. The result of a block is a function of the parent bank and the ordered
//! transactions: neither threads nor plan enter, beyond the order the plan stands for.
//!
//! An embedder names this crate alone: [`interface`], [`scheduler`] and [`store`] are in it.
//!
//! The modules stand in the order in which the data meets them, and each imports only from those
//! above it.
#![deny(unsafe_code)]

/// What programs and the runtime share: accounts, instructions, errors, the `Program` trait.
pub use lockstep_interface as interface;
/// Planning: strategies, plans and their checker.
pub use lockstep_scheduler as scheduler;
/// Accounts at rest: the `Store` trait, its implementations, the state trie.
pub use lockstep_store as store;

pub mod limits;

mod stage;

mod fence;

pub mod threads;

mod merkle;

pub mod wire;

pub mod rules;

pub mod verify;

pub mod block;

pub mod bank;

pub mod prepare;

pub mod execute;

pub mod seal;

pub mod engine;

pub mod mempool;

pub mod chain;

pub mod settle;

pub mod audit;
