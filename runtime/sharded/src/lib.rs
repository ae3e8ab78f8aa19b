//! One block executed over several processes, each of which has a part of the accounts.
//!
//! ```text
//! access table, homes -> Placed: rounds x shards        homes, place: a plan, checked like any
//! other Placed, homes       -> Route: what goes where, when   route
//! Route, transactions -> Part of each shard             message
//! Part -> step: receive, run a round, send -> Report    shard, on the dataflow of flow
//! Reports             -> ExecutedBlock                  joined; the coordinator does it all
//! ```
//!
//! A round of a plan is a batch, and a shard's share of it is a lane: the runtime's own checker
//! proves that no two shards touch an account in one round unless both read or both credit it. So
//! the result is that of a serial run in the plan's order, for any number of shards and any
//! partition.
//!
//! The coordinator has the chain: store, trie, headers. Shards keep accounts in memory, as their
//! newest block left them; an account that no shard has is handed out of the coordinator's store
//! when a block names it first. A shard that is lost therefore loses nothing: the block fails with
//! an error that names it, and is executed again by those that are left, or by new ones.
//!
//! `docs/sharded.md` of the runtime says what it gains, and where one machine is the better answer.
#![forbid(unsafe_code)]

mod error;

pub mod place;

mod homes;

mod route;

mod message;

mod figures;

mod shard;

mod flow;

mod cluster;

mod parts;

mod joined;

mod coordinator;

pub use cluster::{Launch, work};
pub use coordinator::{Execution, Order, SHARDS_MAX, Sharded};
pub use error::ShardError;
pub use figures::{Figures, RoundFigures};
pub use homes::Partition;
