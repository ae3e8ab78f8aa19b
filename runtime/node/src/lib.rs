//! A single-node chain over Solana's JSON-RPC, which Solana's clients and tools drive unchanged.
//!
//! ```text
//! client -> server -> intake -> pool -> leader: built, durable -> recent -> answers
//!             |                                    |-> history -> answers about the past
//!             `<--------- answers <----------------`-> subscribers
//! ```
//! The node is an embedder like any other: it uses the chain by its public interface. What a
//! transaction came to is kept in the chain's log beside its block, so that everything else here
//! can be lost and made again.
//!
//! How to start it, its methods and its bounds: `runtime/docs/node.md`.
#![forbid(unsafe_code)]

pub mod limits;

pub mod keys;

pub mod genesis;

pub mod content;

mod ledger;

mod recent;

mod history;

mod samples;

mod intake;

mod leader;

mod subscribers;

mod node;

mod follower;

mod parsed;

mod workers;

mod rpc;

mod guard;

mod flow;

mod browser;

mod server;

mod figures;

mod serve;

pub mod client;

pub use figures::install_figures;
pub use follower::Follower;
pub use history::{History, HistoryError, Keep, Kind, Logged, Spot};
pub use intake::{Intake, IntakeError};
pub use leader::{Given, LeaderError, Pace, Published, RECORDING, Warp};
pub use ledger::{
    FAUCET_FILE, GENESIS_FILE, HISTORY_FOLDER, Ledger, LedgerError, LedgerOptions, Place,
};
pub use node::{BlockReadError, Certifier, Certify, Node, NodeError, NodeOptions, Running};
pub use parsed::{AccountJsonError, account_of_json, explain_instruction};
pub use recent::{Head, Recent, Status};
pub use samples::{Sample, Samples};
pub use serve::{Ready, raise_file_limit, serve, serve_running};
pub use server::{Figures, Server, ServerOptions};
pub use subscribers::Subscribers;
