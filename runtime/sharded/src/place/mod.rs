//! Which transaction runs in which round on which shard: a plan whose batches are rounds and whose
//! lanes are shards' shares of them.
//!
//! ```text
//! round 0    shard 0 [ 0 3 ]      shard 1 [ 1 4 6 ]      accounts at home
//!                 accounts move: b from 1 to 0
//! round 1    shard 0 [ 2 5 ]      shard 1 [ 7 ]
//! ```
//! - [`free`](free()) chooses the order, so that few rounds are needed: for those that produce a
//! block.
//! - [`follow`](follow()) keeps a given plan's batches, and chooses the shard of each lane.
//! - [`kept`](kept()) keeps a given order and nothing else of the plan.
//!
//! A planner weighs what it costs to bring accounts together: their bytes, and [`MESSAGE_SIZE`] for
//! each. It prefers the shard that has most of them, and of equals the one with less to do.
//!
//! None of this is trusted: the runtime's checker proves the plan, as it does any other.

mod follow;
mod free;
mod kept;

pub use follow::follow;
pub use free::free;
pub use kept::kept;
use lockstep_scheduler::{AccessMode, AccessTable, Plan, PlanBuilder, TransactionIndex};

/// The home of an account that each shard makes itself, such as a sysvar.
pub const EVERYWHERE: u32 = u32::MAX;
/// Bytes that an account costs to send besides its own: its address, its part of the message and of
/// the time to handle it.
pub const MESSAGE_SIZE: u64 = 64;

/// Where the accounts of a block are when it begins, by account index.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The shard that has each, below `shard_count`, or [`EVERYWHERE`].
    pub homes: Vec<u32>,
    /// The bytes of each.
    pub sizes: Vec<u32>,
    /// Shards, at least 1.
    pub shard_count: u32,
}

impl Layout {
    /// What it costs to send an account.
    fn weight(&self, account: usize) -> u64 {
        u64::from(self.sizes[account]).saturating_add(MESSAGE_SIZE)
    }
}

/// A plan over shards.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Placed {
    /// Its batches are rounds, its lanes what one shard does in one.
    pub plan: Plan,
    /// The shards of each round's lanes, ascending.
    pub shards: Vec<Vec<u32>>,
}

/// Rounds under construction.
struct Rounds {
    shard_count: usize,
    /// By round and shard.
    items: Vec<Vec<Vec<TransactionIndex>>>,
    loads: Vec<Vec<u64>>,
}

impl Rounds {
    fn new(shard_count: u32) -> Self {
        Self {
            shard_count: shard_count as usize,
            items: Vec::new(),
            loads: Vec::new(),
        }
    }

    fn push(&mut self, round: usize, shard: u32, index: TransactionIndex, cost: u64) {
        while self.items.len() <= round {
            self.items.push(vec![Vec::new(); self.shard_count]);
            self.loads.push(vec![0; self.shard_count]);
        }
        let shard = shard as usize;
        self.items[round][shard].push(index);
        let load = &mut self.loads[round][shard];
        *load = load.saturating_add(cost);
    }

    fn load(&self, round: usize, shard: u32) -> u64 {
        let loads = self.loads.get(round);
        loads.map_or(0, |loads| loads[shard as usize])
    }

    fn finish(self) -> Placed {
        let mut builder = PlanBuilder::new();
        let mut shards = Vec::with_capacity(self.items.len());
        for round in self.items {
            let mut lanes = Vec::new();
            for (shard, lane) in (0..).zip(round) {
                if lane.is_empty() {
                    continue;
                }
                lane.into_iter().for_each(|index| builder.push(index));
                builder.end_lane();
                lanes.push(shard);
            }
            if !lanes.is_empty() {
                builder.end_batch();
                shards.push(lanes);
            }
        }
        Placed {
            plan: builder.finish(),
            shards,
        }
    }
}

/// The accounts that a transaction needs to itself, of those that are somewhere.
fn written<'t>(
    table: &'t AccessTable,
    layout: &'t Layout,
    index: TransactionIndex,
) -> impl Iterator<Item = usize> + Clone + 't {
    let accesses = table.accesses(index).iter();
    let written = accesses.filter(|access| access.mode() == AccessMode::Write);
    let written = written.map(|access| access.account().index());
    written.filter(|account| layout.homes[*account] != EVERYWHERE)
}

/// The accounts that it shares with others: that it reads or credits.
fn shared<'t>(
    table: &'t AccessTable,
    layout: &'t Layout,
    index: TransactionIndex,
) -> impl Iterator<Item = usize> + Clone + 't {
    let accesses = table.accesses(index).iter();
    let shared = accesses.filter(|access| access.mode() != AccessMode::Write);
    let shared = shared.map(|access| access.account().index());
    shared.filter(|account| layout.homes[*account] != EVERYWHERE)
}

#[cfg(test)]
mod tests;
