//! Turns transactions, waits and ends of lanes and batches, told from left to right, into a plan.

use super::order::canonical_order;
use super::{Lane, Plan, Wait};
use crate::ids::{TransactionIndex, narrow};

/// Builds a [`Plan`] from left to right.
///
/// ```
/// use lockstep_scheduler::{PlanBuilder, TransactionIndex};
///
/// let t = TransactionIndex;
/// let mut builder = PlanBuilder::new();
/// builder.push(t(0));
/// builder.end_lane();
/// builder.push(t(1));
/// builder.wait(t(0)); // the transaction pushed last waits
/// builder.end_batch(); // ends the lane, too
/// assert_eq!(builder.finish().to_string(), "batch 0: [0] [1 after 0]\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct PlanBuilder {
    plan: Plan,
    pub(super) strangers: Vec<Wait>,
    /// Where the waits of the transaction pushed last begin.
    item_waits: usize,
}

impl PlanBuilder {
    /// A builder without transactions.
    pub fn new() -> Self {
        Self::default()
    }

    /// A builder with memory for as many transactions.
    pub fn with_capacity(transaction_count: usize) -> Self {
        let mut builder = Self::default();
        builder.plan.items.reserve_exact(transaction_count);
        builder
    }

    /// Appends a transaction to the current lane.
    #[inline]
    pub fn push(&mut self, transaction: TransactionIndex) {
        self.plan.items.push(transaction);
        self.item_waits = self.plan.waits.len();
    }

    /// Makes the transaction pushed last wait for another one.
    ///
    /// # Panics
    /// If nothing was pushed yet.
    pub fn wait(&mut self, after: TransactionIndex) {
        let transaction = *self
            .plan
            .items
            .last()
            .expect("a wait follows its transaction");
        let wait = Wait { transaction, after };
        let own = &self.plan.waits[self.item_waits..];
        if own.last().is_none_or(|last| *last < wait) {
            self.plan.waits.push(wait);
        } else if let Err(place) = own.binary_search(&wait) {
            self.plan.waits.insert(self.item_waits + place, wait);
        }
    }

    /// Appends the transactions and waits of a lane, and ends the lane.
    pub fn lane(&mut self, lane: Lane<'_>) {
        for (transaction, waits) in lane.steps() {
            self.push(transaction);
            for wait in waits {
                self.wait(wait.after);
            }
        }
        self.end_lane();
    }

    /// Ends the current lane; does nothing if it is empty.
    #[inline]
    pub fn end_lane(&mut self) {
        let end = narrow(self.plan.items.len());
        if end > self.plan.lane_ends.last().copied().unwrap_or(0) {
            self.plan.lane_ends.push(end);
            self.plan.wait_ends.push(narrow(self.plan.waits.len()));
        }
    }

    /// Ends the current lane and the current batch; does nothing if both are empty.
    #[inline]
    pub fn end_batch(&mut self) {
        self.end_lane();
        let end = narrow(self.plan.lane_ends.len());
        if end > self.plan.batch_ends.last().copied().unwrap_or(0) {
            self.plan.batch_ends.push(end);
        }
    }

    /// Ends the current lane and batch and gives the plan. With waits this computes the
    /// canonical order, in O((n + waits) log lanes).
    pub fn finish(mut self) -> Plan {
        self.end_batch();
        let mut plan = self.plan;
        plan.waits.append(&mut self.strangers);
        if plan.waits.is_empty() {
            plan.wait_ends.clear();
        } else {
            plan.order = canonical_order(&plan);
        }
        plan
    }
}
