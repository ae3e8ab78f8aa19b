//! Gives the parts of a plan: its batches, their lanes, and what each transaction of a lane waits
//! for.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions and counts are bounded by the length of the plan's own vectors"
)]

use std::ops::Range;

use super::{Dispatch, Plan, Wait, end_before};
use crate::ids::TransactionIndex;

/// One batch of a [`Plan`].
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    pub(super) plan: &'a Plan,
    pub(super) lane_start: usize,
    pub(super) lane_end: usize,
}

/// One lane of a [`Batch`]: an ordered run of transactions for one worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lane<'a> {
    /// The transactions in the order in which they run; never empty.
    pub transactions: &'a [TransactionIndex],
    /// What they wait for, in the order of the waiting transactions.
    pub waits: &'a [Wait],
}

impl<'a> Lane<'a> {
    /// The transactions in order, each with its own waits.
    ///
    /// ```
    /// use lockstep_scheduler::{Plan, TransactionIndex, Wait};
    ///
    /// let [a, b, c] = [0, 1, 2].map(TransactionIndex);
    /// let wait = Wait { transaction: c, after: a };
    /// let plan = Plan::from_nested(vec![vec![vec![a], vec![b, c]]], vec![wait]);
    /// let steps: Vec<_> = plan.batch(0).lane(1).steps().collect();
    /// assert_eq!(steps, [(b, &[][..]), (c, &[wait][..])]);
    /// ```
    pub fn steps(self) -> impl Iterator<Item = (TransactionIndex, &'a [Wait])> + use<'a> {
        let mut waits = self.waits;
        self.transactions.iter().map(move |&transaction| {
            let is_own = |wait: &&Wait| wait.transaction == transaction;
            let (own, rest) = waits.split_at(waits.iter().take_while(is_own).count());
            waits = rest;
            (transaction, own)
        })
    }
}

impl<'a> Batch<'a> {
    /// The lanes in order, each a non-empty run of transactions.
    #[inline]
    pub fn lanes(self) -> impl ExactSizeIterator<Item = &'a [TransactionIndex]> + Clone + use<'a> {
        self.lanes_with_waits().map(|lane| lane.transactions)
    }

    /// The lanes in order, each with what its transactions wait for.
    #[inline]
    pub fn lanes_with_waits(self) -> impl ExactSizeIterator<Item = Lane<'a>> + Clone + use<'a> {
        (self.lane_start..self.lane_end).map(move |lane| self.plan.lane(lane))
    }

    /// One lane, from 0 within the batch.
    ///
    /// # Panics
    /// If there is no such lane.
    #[inline]
    pub fn lane(self, index: usize) -> Lane<'a> {
        assert!(
            index < self.lane_count(),
            "a batch of {} lanes has no {index}",
            self.lane_count()
        );
        self.plan.lane(self.lane_start + index)
    }

    /// The transactions of neighbouring lanes, lane by lane.
    ///
    /// # Panics
    /// If there are no such lanes.
    #[inline]
    pub fn transactions_of(self, lanes: Range<usize>) -> &'a [TransactionIndex] {
        let count = self.lane_count();
        assert!(
            lanes.start <= lanes.end && lanes.end <= count,
            "a batch of {count} lanes has no {lanes:?}"
        );
        let ends = &self.plan.lane_ends;
        let start = end_before(ends, self.lane_start + lanes.start);
        &self.plan.items[start..end_before(ends, self.lane_start + lanes.end)]
    }

    /// The number of lanes, at least 1.
    #[inline]
    pub fn lane_count(self) -> usize {
        self.lane_end - self.lane_start
    }

    /// The batch's transactions, lane by lane.
    #[inline]
    pub fn transactions(self) -> &'a [TransactionIndex] {
        let (start, end) = self.span();
        &self.plan.items[start..end]
    }

    /// The batch's transactions in canonical order.
    #[inline]
    pub fn order(self) -> &'a [TransactionIndex] {
        let (start, end) = self.span();
        &self.plan.order()[start..end]
    }

    /// How transactions get to workers; the same in all batches of a plan.
    #[inline]
    pub fn dispatch(self) -> Dispatch {
        self.plan.dispatch
    }

    /// The batch's waits, lane by lane.
    #[inline]
    pub fn waits(self) -> &'a [Wait] {
        let ends = &self.plan.wait_ends;
        let end = ends.get(self.lane_end - 1).map_or(0, |&end| end as usize);
        let start = if ends.is_empty() {
            0
        } else {
            end_before(ends, self.lane_start)
        };
        &self.plan.waits[start..end]
    }

    /// Where the batch begins and ends among the plan's transactions.
    fn span(self) -> (usize, usize) {
        let ends = &self.plan.lane_ends;
        (
            end_before(ends, self.lane_start),
            ends[self.lane_end - 1] as usize,
        )
    }
}
