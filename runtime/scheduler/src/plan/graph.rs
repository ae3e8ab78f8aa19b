//! Turns a batch into the graph of what directly follows what: along lanes and along waits.
//!
//! ```text
//! lanes [0 2] [1 after 0]        0 -> 2, 0 -> 1
//! ```

use super::{Batch, Wait};
use crate::ids::narrow;

/// The directed graph of a batch's transactions, by their position in
/// [`Batch::transactions`]: an edge leads from each to the next in its lane, and from each to
/// those that wait for it.
///
/// ```
/// use lockstep_scheduler::{DependencyGraph, PlanBuilder, TransactionIndex};
///
/// let t = TransactionIndex;
/// let mut builder = PlanBuilder::new();
/// builder.push(t(5));
/// builder.push(t(7));
/// builder.end_lane();
/// builder.push(t(6));
/// builder.wait(t(5));
/// let plan = builder.finish();
/// let graph = DependencyGraph::of(plan.batch(0));
/// assert_eq!(graph.successors(0), [1, 2]);
/// assert_eq!([0, 1, 2].map(|position| graph.predecessor_count(position)), [0, 1, 1]);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DependencyGraph {
    predecessor_counts: Vec<u32>,
    /// Where each position's successors begin, and the end of the last one's.
    starts: Vec<u32>,
    successors: Vec<u32>,
}

impl DependencyGraph {
    /// The graph of a batch. Waits for transactions of other batches are left out; a checked plan
    /// has none. O(transactions + waits + the highest transaction index).
    pub fn of(batch: Batch<'_>) -> Self {
        let transactions = batch.transactions();
        let highest = transactions
            .iter()
            .map(|transaction| transaction.index())
            .max();
        let mut positions = vec![None; highest.map_or(0, |highest| highest.saturating_add(1))];
        for (position, transaction) in (0_u32..).zip(transactions) {
            positions[transaction.index()] = Some(position);
        }
        let edge = |wait: &Wait| {
            let after = positions.get(wait.after.index()).copied().flatten();
            after.zip(positions[wait.transaction.index()])
        };
        let mut edges = Vec::with_capacity(batch.waits().len());
        let mut first = 0;
        for lane in batch.lanes() {
            let end = narrow(lane.len()).saturating_add(first);
            edges.extend((first..end).zip(first.saturating_add(1)..end));
            first = end;
        }
        edges.extend(batch.waits().iter().filter_map(edge));
        Self::from_edges(transactions.len(), &edges)
    }

    /// The graph of `count` positions with edges `(before, after)` between them. The successors of
    /// a position keep the order in which the edges name them. O(count + edges).
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "counts are bounded by the number of edges, which narrow has checked"
    )]
    pub(crate) fn from_edges(count: usize, edges: &[(u32, u32)]) -> Self {
        let mut predecessor_counts = vec![0; count];
        let mut starts = vec![0_u32; count + 1];
        for &(before, after) in edges {
            predecessor_counts[after as usize] += 1;
            starts[before as usize] += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let mut successors = vec![0; narrow(edges.len()) as usize];
        for &(before, after) in edges.iter().rev() {
            let place = &mut starts[before as usize];
            *place -= 1;
            successors[*place as usize] = after;
        }
        Self {
            predecessor_counts,
            starts,
            successors,
        }
    }

    /// How many transactions have to finish before the one at this position.
    ///
    /// # Panics
    /// If the batch has no such position.
    #[inline]
    pub fn predecessor_count(&self, position: u32) -> u32 {
        self.predecessor_counts[position as usize]
    }

    /// All predecessor counts, by position.
    #[inline]
    pub fn predecessor_counts(&self) -> &[u32] {
        &self.predecessor_counts
    }

    /// The positions that directly follow this one: the next in its lane, then those that wait.
    ///
    /// # Panics
    /// If the batch has no such position.
    #[inline]
    pub fn successors(&self, position: u32) -> &[u32] {
        let bounds = self.starts[position as usize..].first_chunk::<2>();
        let [start, end] = bounds.expect("there is one more start than positions");
        &self.successors[*start as usize..*end as usize]
    }
}
