//! The nouns that the runtime and native programs share: addresses, accounts, instructions,
//! sysvars, limits and rules, the [`Program`] trait, and the [`InvokeContext`] through which a
//! program sees the accounts of its instruction.
//!
//! This crate knows no block, no bank, no thread and no disk.
#![forbid(unsafe_code)]

pub mod account;
pub mod activation;
pub mod address;
pub mod context;
pub mod counters;
pub mod executable;
pub mod instruction;
pub mod limits;
pub mod nonce;
pub mod positions;
pub mod prices;
pub mod program;
pub mod rent;
pub mod rules;
pub mod scheme;
pub mod sysvar;

pub use account::{Account, AccountData};
pub use address::Address;
pub use context::{AccountMut, AccountRef, InvokeContext, TransactionContext};
pub use counters::Counters;
pub use executable::{Executable, Executables, Loader};
pub use instruction::{AccountMeta, Instruction, InstructionRef};
pub use positions::Positions;
pub use program::{Environment, Names, Program, ProgramTable};
pub use rent::Rent;
pub use rules::RuleSet;
pub use scheme::{SchemeSet, SignatureScheme};
pub use solana_hash::Hash;
pub use solana_instruction_error::InstructionError;
pub use solana_signature::Signature;
pub use solana_transaction_error::TransactionError;
pub use sysvar::Sysvars;
