//! Holds what a planner decided: batches of lanes of transactions, as flat plain data.
//!
//! ```text
//! batch 0                     barrier   batch 1
//!   lane 0:  t0 -> t3 -> t4      |        lane 2:  t5
//!   lane 1:  t1 -> t2            |
//!
//! items      t0 t3 t4 t1 t2 t5
//! lane ends        3     5  6
//! batch ends             2  3
//! ```
//!
//! The lanes of a batch run in parallel, each in its own order; a barrier ends the batch. A
//! [`Wait`] orders two transactions of different lanes of one batch. The *canonical order* is
//! the serial order whose result the plan reproduces.
//!
//! A plan is only a claim. It may come from an untrusted strategy or from the wire, so nothing
//! here says that it fits any block: that is what [`check`](crate::check) finds out.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions and counts are bounded by the length of the plan's own vectors"
)]

use std::fmt;

use crate::ids::TransactionIndex;

mod batch;
mod builder;
mod error;
mod graph;
mod order;
mod relabel;

pub use batch::{Batch, Lane};
pub use builder::PlanBuilder;
pub use error::{LANES_WITH_WAITS_MAX, PlanError};
pub use graph::DependencyGraph;

/// `transaction` may not start before `after` has finished.
///
/// Only two transactions in different lanes of one batch need one: inside a lane the lane's
/// order decides, between batches the barrier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Wait {
    /// The one that waits.
    pub transaction: TransactionIndex,
    /// The one that must finish first.
    pub after: TransactionIndex,
}

/// How transactions get to workers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Dispatch {
    /// By the plan: a worker runs a lane from its first transaction to its last.
    #[default]
    Static,
    /// While the workers run, in order of arrival. A transaction is ready once its
    /// predecessor in its lane and all that it waits for have finished. A worker goes on with
    /// the first transaction that it made ready itself; else it takes the one that has been ready
    /// longest.
    ///
    /// Under this and [`Dispatch::Ranked`] any number of lanes may wait, but each transaction
    /// has to name all that it directly depends on: the [checker](crate::check) follows no chains.
    Queued,
    /// While the workers run: an idle worker takes, of the transactions that are ready, the one
    /// that the plan lists first.
    Ranked,
}

impl Dispatch {
    /// The name in files: `static`, `queued` or `ranked`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Queued => "queued",
            Self::Ranked => "ranked",
        }
    }
}

/// Batches of lanes of transactions, in order.
///
/// The lanes of a batch run in parallel, each from its first transaction to its last; a barrier
/// ends the batch. Waits order transactions of different lanes of one batch.
///
/// Two plans are equal when they have the same batches, lanes, waits, and dispatch. Empty lanes and
/// batches do not exist.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// All transactions, batch by batch, lane by lane.
    items: Vec<TransactionIndex>,
    /// Where each lane ends in `items`.
    lane_ends: Vec<u32>,
    /// Where each batch ends in `lane_ends`.
    batch_ends: Vec<u32>,
    /// Sorted by the waiting transaction's place in `items`, then by `after`. Behind them those
    /// whose transaction is not in the plan at all: the checker refuses them.
    waits: Vec<Wait>,
    /// Where each lane's waits end in `waits`; empty without waits.
    wait_ends: Vec<u32>,
    /// The canonical order; empty without waits, where `items` is it.
    order: Vec<TransactionIndex>,
    dispatch: Dispatch,
}

impl Plan {
    /// A plan without transactions.
    pub fn new() -> Self {
        Self::default()
    }

    /// A plan from batches of lanes of transactions; empty lanes and batches are left out.
    ///
    /// Anything goes: indices that no block has, or the same one twice, are the
    /// [checker's](crate::check) business. O(n log n).
    ///
    /// ```
    /// use lockstep_scheduler::{Plan, TransactionIndex};
    ///
    /// let t = TransactionIndex;
    /// let first = vec![vec![t(0), t(2)], vec![t(1)]];
    /// let plan = Plan::from_nested(vec![first, vec![vec![t(3)]]], vec![]);
    /// assert_eq!((plan.batch_count(), plan.lane_count()), (2, 3));
    /// assert_eq!(plan.order(), [t(0), t(2), t(1), t(3)]);
    /// assert_eq!(plan.to_string(), "batch 0: [0 2] [1]\nbatch 1: [3]\n");
    /// ```
    pub fn from_nested(batches: Vec<Vec<Vec<TransactionIndex>>>, mut waits: Vec<Wait>) -> Self {
        let mut builder = PlanBuilder::new();
        waits.sort_unstable();
        waits.dedup();
        let mut used = vec![false; waits.len()];
        for lanes in &batches {
            for lane in lanes {
                for &transaction in lane {
                    builder.push(transaction);
                    let first = waits.partition_point(|wait| wait.transaction < transaction);
                    for (position, wait) in waits.iter().enumerate().skip(first) {
                        if wait.transaction != transaction {
                            break;
                        }
                        if !used[position] {
                            used[position] = true;
                            builder.wait(wait.after);
                        }
                    }
                }
                builder.end_lane();
            }
            builder.end_batch();
        }
        let strangers = waits
            .iter()
            .zip(used)
            .filter(|(_, used)| !used)
            .map(|(wait, _)| *wait);
        builder.strangers.extend(strangers);
        builder.finish()
    }

    /// A plan with one transaction a lane: transaction `i` runs in batch `batch_of[i]`. Inside a
    /// batch the lanes are in block order. Linear in the transactions and the largest number.
    pub fn from_colours(batch_of: &[u32]) -> Self {
        let batch_count = batch_of.iter().max().map_or(0, |&last| last as usize + 1);
        let mut starts = vec![0_u32; batch_count];
        for &batch in batch_of {
            starts[batch as usize] += 1;
        }
        let mut batch_ends = Vec::with_capacity(batch_count);
        let mut total = 0;
        for start in &mut starts {
            let size = std::mem::replace(start, total);
            total += size;
            // A number that no transaction has is no batch.
            if size > 0 {
                batch_ends.push(total);
            }
        }
        let mut items = vec![TransactionIndex(0); batch_of.len()];
        for (index, &batch) in (0..total).zip(batch_of) {
            let place = &mut starts[batch as usize];
            items[*place as usize] = TransactionIndex(index);
            *place += 1;
        }
        Self {
            items,
            lane_ends: (1..=total).collect(),
            batch_ends,
            ..Self::default()
        }
    }

    /// The same lanes and waits under another dispatch.
    #[must_use]
    pub fn with_dispatch(self, dispatch: Dispatch) -> Self {
        Self { dispatch, ..self }
    }

    /// How transactions get to workers.
    #[inline]
    pub fn dispatch(&self) -> Dispatch {
        self.dispatch
    }

    /// All transactions in canonical order, the serial order whose result the plan reproduces:
    /// batch by batch; inside a batch without waits, lane by lane; inside one with waits, always
    /// the lowest-numbered transaction whose predecessors in its lane and whose awaited
    /// transactions are all done.
    ///
    /// A replay plan of one batch with waits thus has the block's own order.
    #[inline]
    pub fn order(&self) -> &[TransactionIndex] {
        if self.waits.is_empty() {
            &self.items
        } else {
            &self.order
        }
    }

    /// All transactions as they are laid out: batch by batch, lane by lane.
    #[inline]
    pub fn lane_order(&self) -> &[TransactionIndex] {
        &self.items
    }

    /// The number of transactions.
    #[inline]
    pub fn transaction_count(&self) -> usize {
        self.items.len()
    }

    /// The number of batches, which is also the number of barriers.
    #[inline]
    pub fn batch_count(&self) -> usize {
        self.batch_ends.len()
    }

    /// The number of lanes in all batches together.
    #[inline]
    pub fn lane_count(&self) -> usize {
        self.lane_ends.len()
    }

    /// All waits, in the order in which the lanes meet them.
    #[inline]
    pub fn waits(&self) -> &[Wait] {
        &self.waits
    }

    /// The batches in order.
    #[inline]
    pub fn batches(&self) -> impl ExactSizeIterator<Item = Batch<'_>> + Clone {
        (0..self.batch_count()).map(|index| self.batch(index))
    }

    /// One batch, from 0.
    ///
    /// # Panics
    /// If there is no such batch.
    #[inline]
    pub fn batch(&self, index: usize) -> Batch<'_> {
        let lane_end = self.batch_ends[index] as usize;
        let lane_start = end_before(&self.batch_ends, index);
        Batch {
            plan: self,
            lane_start,
            lane_end,
        }
    }

    /// Batches of lanes of transactions, as [`Plan::from_nested`] takes them.
    pub fn to_nested(&self) -> Vec<Vec<Vec<TransactionIndex>>> {
        self.batches()
            .map(|batch| batch.lanes().map(<[_]>::to_vec).collect())
            .collect()
    }

    /// One lane of the whole plan, counted through all batches.
    #[inline]
    fn lane(&self, index: usize) -> Lane<'_> {
        let start = end_before(&self.lane_ends, index);
        let waits = match self.wait_ends.get(index) {
            Some(&end) => &self.waits[end_before(&self.wait_ends, index)..end as usize],
            None => &[],
        };
        Lane {
            transactions: &self.items[start..self.lane_ends[index] as usize],
            waits,
        }
    }

    /// The same plan with a canonical order that no builder would give it.
    #[cfg(test)]
    pub(crate) fn with_forged_order(self, order: Vec<TransactionIndex>) -> Self {
        Self { order, ..self }
    }

    /// Waits whose transaction is not in the plan.
    pub(crate) fn stranger_waits(&self) -> &[Wait] {
        &self.waits[self.wait_ends.last().map_or(0, |&end| end as usize)..]
    }
}

/// Where run `index` begins, given where each run ends.
#[inline]
fn end_before(ends: &[u32], index: usize) -> usize {
    index
        .checked_sub(1)
        .map_or(0, |before| ends[before] as usize)
}

impl fmt::Display for Plan {
    /// One line a batch: `batch 0: [0 2] [1 after 0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, batch) in self.batches().enumerate() {
            write!(f, "batch {number}:")?;
            for lane in batch.lanes_with_waits() {
                write!(f, " [")?;
                for (place, (transaction, waits)) in lane.steps().enumerate() {
                    let space = if place == 0 { "" } else { " " };
                    write!(f, "{space}{transaction}")?;
                    let mut word = " after ";
                    for wait in waits {
                        write!(f, "{word}{}", wait.after)?;
                        word = ",";
                    }
                }
                write!(f, "]")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
