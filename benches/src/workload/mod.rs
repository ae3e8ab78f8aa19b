//! Load for a chain: a workload's name, options and seed into genesis accounts and blocks of
//! signed transactions, or into the bare access lists of the same transactions.
//!
//! ```text
//! "zipf:exponent=0.8" -> WorkloadSpec --+
//! trace file -> Trace ------------------+--> Workload -> genesis, blocks, access lists
//! ```
//!
//! The same seed gives the same bytes on any number of threads. A block is made when it is asked
//! for, since its transactions carry a blockhash that only a running chain knows; nothing of it
//! is kept, so a stream of millions needs the memory of one block.

mod accounts;
mod draft;
mod families;
mod generate;
pub mod keys;
mod lookup;
mod options;
mod sample;

pub use draft::{Draft, Place};
pub use families::recorded::RecordedBlocks;
pub use families::transfers::{Wallets, transfers};
pub use families::{ACCOUNTS, Built, Families, Family, FamilySpec};
pub use generate::{StreamShape, Workload, file_name};
pub use options::{OptionKind, OptionSpec, SpecError, WorkloadSpec};
pub use sample::Zipf;
