//! Programs that carry messages and tokens between chains, each with validators of its own.
//!
//! ```text
//! chain A   outbox::send -> message account --(certified header, inclusion)--> inbox::accept   B
//!           outbox::settle <--(certified header, mark, or none past the deadline)-- mark account
//! ```
//! - [`light_client`]: follows another chain by the signatures of its members.
//! - [`outbox`]: messages as accounts, until their outcome is proved.
//! - [`inbox`]: accepts each message once, before its deadline, in order if asked.
//! - [`bridge`]: locks tokens on one chain and mints them on the other, and back.
//!
//! All four have the same addresses on every chain. The calls of a relayer are in [`relay`]. What
//! checks certificates and proofs is [`lockstep_light`], in the light client and in [`evidence`];
//! there is no second verifier. The page `runtime/docs/messages.md` tells what is trusted and what
//! can go wrong.
#![forbid(unsafe_code)]
#![allow(
    clippy::module_inception,
    reason = "a program may have the name of its page"
)]

pub mod bridge;
pub mod evidence;
pub mod inbox;
pub mod light_client;
pub mod outbox;
pub mod relay;

use lockstep_interface::ProgramTable;

/// The programs of a table and those of this crate.
///
/// ```
/// use lockstep_interface::ProgramTable;
/// let programs = lockstep_messages::with_messages(ProgramTable::new());
/// let outbox = programs.get(&lockstep_messages::outbox::ID);
/// assert_eq!(outbox.map(|program| program.name()), Some("outbox"));
/// ```
#[must_use]
pub fn with_messages(programs: ProgramTable) -> ProgramTable {
    programs
        .with(light_client::LightClientProgram)
        .with(outbox::OutboxProgram)
        .with(inbox::InboxProgram)
        .with(bridge::BridgeProgram)
}
