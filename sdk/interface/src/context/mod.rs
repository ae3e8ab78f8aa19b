//! One transaction while it runs: its accounts, its meters and its records; and an instruction's
//! view of them.
//!
//! - [`TransactionContext`] owns the accounts that the transaction may write, borrows those it
//!   may only read, and can undo all changes. The runtime keeps one per worker.
//! - [`BlockAccount`] is an account that it may write, as the block's transactions hand it on.
//! - [`InvokeContext`] is what a program gets: the accounts of its instruction and nothing else.
//! - [`AccountRef`] and [`AccountMut`] are borrowed accounts; each setter holds the rule that
//!   guards it. [`StableRef`] shows what others leave alone of an account that they add to.
//!
//! Nothing here allocates for a transaction whose programs do not grow data, invoke, log text or
//! return data.

mod addition;
mod block_account;
mod borrow;
mod counted;
mod diagnostic;
mod invoke;
mod loaded;
mod record;
mod refuse;
mod slot;
mod trace;
mod transaction;

pub use addition::Addition;
pub use block_account::BlockAccount;
pub use borrow::{AccountMut, AccountRef};
pub use counted::StableRef;
pub use diagnostic::{Cause, Diagnostic, PathStep, Rule, Subject};
pub use invoke::InvokeContext;
pub use record::{Event, InnerInstruction, LogEntry, Records, ReturnData};
pub use slot::{AccountSlot, AccountUse};
pub use trace::ProcessedInstruction;
pub use transaction::{InstructionAccount, Scratch, TransactionContext, TransactionInstructions};

#[cfg(test)]
mod tests;
