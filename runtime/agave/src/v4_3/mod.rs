//! Agave 4.3: `agave-scheduler-bindings` 5.0.0 over `shaq` 3.0.0 and `rts-alloc` 4.0.0, handshake
//! version 4.
//!
//! The only module that knows these layouts and that touches shared memory. What leaves it are
//! plain values; what goes in is sent as Agave wants it. A later pairing gets a module of its own
//! beside this one.
//!
//! # Soundness
//! Shared memory is reached in three ways, and each unsafe block below names the one it relies on.
//!
//! - *Queues.* The handshake hands each file to this process alone, and a [`Session`] joins each
//!   once, in the role that the protocol names. Messages are plain data of the types of both sides.
//! - *Regions of Agave's.* A message that carries an offset transfers the memory: a transaction
//!   from the TPU, the answers of a worker, resolved addresses. Until this side frees it, nothing
//!   else writes or frees it. Each is freed once: regions are handed out as [`Region`], which is
//!   neither cloned nor copied, and [`Session::free`] consumes it.
//! - *Regions of ours.* A batch is allocated here, lent to a worker by a message, and freed after
//!   the worker's answer, which names it. [`Session`] keeps which ones are lent.
//!
//! Agave is trusted to keep its side, as it is trusted with the accounts.

mod handshake;
mod session;

pub use handshake::{HandshakeError, SessionOptions};
pub use session::{
    Answer, Check, Execution, LeaderState, Outcome, Progress, Received, Region, Request, Session,
    TRANSACTIONS_MAX, Work,
};
