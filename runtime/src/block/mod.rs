//! What a block is, as pure data: a header, transactions in canonical order, their plan.
//!
//! ```text
//! Block { header, body }   <-> bytes
//! header                    -> id
//! message hashes, receipts  -> roots, and proofs that a transaction is among them
//! ```
//!
//! Nothing here runs a transaction or judges a plan: a decoded block is well-formed and no more.
//! Its plan is a claim until [`check`](lockstep_scheduler::check) has accepted it, its header until
//! the roots have been computed anew.
//!
//! What follows is `FORMAT.md` beside this file.
//!
#![doc = include_str!("FORMAT.md")]

mod body;
mod codec;
mod error;
mod error_code;
mod header;
mod limits;
mod plan;
mod receipt;
mod roots;

pub use body::{Block, BlockBody, BodyParts};
pub use error::{BlockDecodeError, BodyError};
pub use error_code::encode_error;
pub use header::BlockHeader;
pub use limits::BlockLimits;
pub(crate) use plan::digest;
pub use plan::plan_digest;
pub(crate) use receipt::append_receipt;
pub use receipt::{Details, Outcome, Receipt, Recording, receipts_hash};
pub use roots::{
    InclusionProof, prove_inclusion, receipts_root, transaction_root, verify_inclusion,
};
