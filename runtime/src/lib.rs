//! Parses, plans, executes and commits blocks of access-list transactions.
//!
//! ```text
//! WireBlock -> ParsedBlock -> PreparedBlock -> Plan -> CheckedPlan
//!           -> ExecutedBlock -> WriteSet -> FrozenBank + receipts
//! ```
//!
//! Each arrow is one function, each stage a type that only the stage before can make. [`engine`]
//! calls them in order. The result of a block is a function of the parent bank and the ordered
//! transactions: neither threads nor plan enter, beyond the order the plan stands for.
#![deny(unsafe_code)]

pub mod audit;
pub mod bank;
pub mod block;
pub mod chain;
pub mod commit;
pub mod costs;
pub mod engine;
pub mod execute;
pub mod limits;
pub mod mempool;
mod merkle;
pub mod prepare;
pub mod sanitize;
pub mod threads;
pub mod verify;
pub mod wire;
