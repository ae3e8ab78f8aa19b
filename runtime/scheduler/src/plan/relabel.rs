//! Turns a plan into the same plan with its transactions numbered by their canonical place.
//!
//! ```text
//! order 2 0 1        batch 0: [2] [0]        batch 0: [0] [1]
//!                    batch 1: [1]       ->   batch 1: [2]
//! ```
//!
//! A block carries its transactions in canonical order. There the plan says nothing that the
//! positions do not say already but where lanes and batches end, and what waits for what.

use super::{Plan, PlanError, Wait};
use crate::ids::{TransactionIndex, block_order, narrow};

/// The place of a transaction that has none yet.
const NOWHERE: TransactionIndex = TransactionIndex(u32::MAX);

impl Plan {
    /// The same lanes, batches, waits and dispatch, with each transaction numbered by its place
    /// in the canonical order; and that order, which tells the old number of each new one.
    ///
    /// The new plan's own canonical order is `0, 1, 2, ..`. If this plan is valid for a block in
    /// some mode, the new one is valid for the block in canonical order, in replay as well.
    /// O(transactions + waits log waits of one transaction).
    ///
    /// # Errors
    /// [`PlanError::Unknown`] or [`PlanError::Repeated`] if the plan of n transactions does not
    /// hold each of the numbers below n once, [`PlanError::WaitUnknown`] if a wait names another.
    /// Of the checker's other rules none is judged.
    ///
    /// ```
    /// use lockstep_scheduler::{Plan, TransactionIndex};
    ///
    /// let t = TransactionIndex;
    /// let plan = Plan::from_nested(vec![vec![vec![t(2)], vec![t(0)]], vec![vec![t(1)]]], vec![]);
    /// let (relabelled, order) = plan.relabelled()?;
    /// assert_eq!(relabelled.to_string(), "batch 0: [0] [1]\nbatch 1: [2]\n");
    /// assert_eq!(order, [t(2), t(0), t(1)]);
    /// # Ok::<(), lockstep_scheduler::PlanError>(())
    /// ```
    pub fn relabelled(&self) -> Result<(Self, Vec<TransactionIndex>), PlanError> {
        let order = self.order().to_vec();
        let places = places(&order)?;
        let place_of = |transaction: TransactionIndex| places[transaction.index()];
        let mut waits = Vec::with_capacity(self.waits.len());
        for &wait in &self.waits {
            let known = |transaction: TransactionIndex| places.get(transaction.index()).copied();
            let (transaction, after) = known(wait.transaction)
                .zip(known(wait.after))
                .ok_or(PlanError::WaitUnknown { wait })?;
            waits.push(Wait { transaction, after });
        }
        for own in waits.chunk_by_mut(|one, next| one.transaction == next.transaction) {
            own.sort_unstable();
        }
        let canonical = if waits.is_empty() { 0 } else { order.len() };
        let plan = Self {
            items: self.items.iter().copied().map(place_of).collect(),
            lane_ends: self.lane_ends.clone(),
            batch_ends: self.batch_ends.clone(),
            waits,
            wait_ends: self.wait_ends.clone(),
            order: block_order(canonical).collect(),
            dispatch: self.dispatch,
        };
        Ok((plan, order))
    }
}

/// By transaction: its place in `order`.
fn places(order: &[TransactionIndex]) -> Result<Vec<TransactionIndex>, PlanError> {
    let mut places = vec![NOWHERE; narrow(order.len()) as usize];
    for (place, &transaction) in block_order(order.len()).zip(order) {
        let own = places
            .get_mut(transaction.index())
            .ok_or(PlanError::Unknown {
                transaction,
                transaction_count: order.len(),
            })?;
        if *own != NOWHERE {
            return Err(PlanError::Repeated { transaction });
        }
        *own = place;
    }
    Ok(places)
}
