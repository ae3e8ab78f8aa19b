//! The native programs that a Lockstep runtime starts with, and the calls that clients make to
//! them: [`system`], [`compute_budget`], [`token`], [`associated_token`], [`memo`],
//! [`lookup_table`], [`ed25519`], [`activations`] and [`trace`].
//!
//! Each program turns an [`InvokeContext`](lockstep_interface::InvokeContext) into changed
//! accounts or an error. It knows nothing of transactions, blocks or threads.
#![forbid(unsafe_code)]

pub mod activations;
pub mod associated_token;
pub mod compute_budget;
pub mod demanded;
pub mod ed25519;
pub mod lookup_table;
pub mod memo;
pub mod system;
pub mod token;
pub mod trace;

mod deployed;
mod describe;
mod reader;
#[cfg(test)]
mod testing;

use lockstep_interface::ProgramTable;
use lockstep_sdk::idl::ProgramDescription;

pub use activations::ActivationProgram;
pub use associated_token::AssociatedTokenProgram;
pub use compute_budget::ComputeBudgetProgram;
pub use ed25519::Ed25519Program;
pub use lookup_table::LookupTableProgram;
pub use memo::MemoProgram;
pub use system::SystemProgram;
pub use token::TokenProgram;
pub use trace::TraceProgram;

macro_rules! builtin {
    ($($module:ident: $program:ident,)*) => {
        /// All programs of this crate.
        ///
        /// ```
        /// use lockstep_interface::address::program_ids;
        /// let programs = lockstep_programs::builtin_programs();
        /// let system = programs.get(&program_ids::SYSTEM);
        /// assert_eq!(system.map(|program| program.name()), Some("system"));
        /// ```
        pub fn builtin_programs() -> ProgramTable {
            ProgramTable::new()$(.with($program))*
        }

        /// The interfaces of these programs.
        ///
        /// ```
        /// let system = lockstep_programs::descriptions()[0];
        /// assert_eq!(system.name, "system");
        /// ```
        pub const fn descriptions() -> &'static [ProgramDescription] {
            &[$($module::DESCRIPTION),*]
        }
    };
}

builtin! {
    system: SystemProgram,
    compute_budget: ComputeBudgetProgram,
    token: TokenProgram,
    associated_token: AssociatedTokenProgram,
    memo: MemoProgram,
    lookup_table: LookupTableProgram,
    ed25519: Ed25519Program,
    activations: ActivationProgram,
    trace: TraceProgram,
}
