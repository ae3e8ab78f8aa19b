//! What is left of the block that is being made, and how fast it may be used.

use super::StreamScheduler;
use super::config::StreamBlock;

/// The block that is being made, if any, and what is in flight towards it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OpenBlock {
    limits: Option<StreamBlock>,
    start: u64,
    /// Cost that is left, apart from what is in flight.
    left: u64,
    in_flight: u64,
    /// What of it was assigned since the block began, as it is expected to be charged. What is
    /// left of the block before does not keep workers from beginning this one.
    in_flight_work: u64,
    number: u32,
}

impl OpenBlock {
    pub(super) fn limits(&self) -> Option<StreamBlock> {
        self.limits
    }

    /// Counts blocks, so that what was counted in another one is told from what is of this one.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Cost that may still be assigned.
    pub(super) fn available(&self) -> u64 {
        self.left.saturating_sub(self.in_flight)
    }

    pub(super) fn assign(&mut self, cost: u64, work: u64) {
        self.in_flight = self.in_flight.saturating_add(cost);
        self.in_flight_work = self.in_flight_work.saturating_add(work);
    }

    /// Notes that something in flight, assigned to the block of a number, was charged for what it
    /// used.
    pub(super) fn settle(&mut self, number: u32, cost: u64, work: u64, charged: u64) {
        self.in_flight = self.in_flight.saturating_sub(cost);
        if number == self.number {
            self.in_flight_work = self.in_flight_work.saturating_sub(work);
        }
        self.left = self.left.saturating_sub(charged);
    }

    /// Whether the block may be given more now, as far as its fill time goes.
    pub(super) fn is_on_pace(&self, now: u64) -> bool {
        let Some(limits) = self.limits else {
            return false;
        };
        let elapsed = now.saturating_sub(self.start);
        if limits.fill_time == 0 || elapsed >= limits.fill_time {
            return true;
        }
        let expected = self.left.saturating_sub(self.in_flight_work);
        let spent = limits.cost_max.saturating_sub(expected);
        let due = u128::from(limits.cost_max) * u128::from(elapsed) / u128::from(limits.fill_time);
        u128::from(spent) < due
    }
}

impl StreamScheduler {
    /// Begins a block: from now on transactions are assigned. What is in flight counts towards it.
    /// O(set aside x log waiting).
    pub fn open(&mut self, now: u64, limits: StreamBlock) {
        self.block.limits = Some(limits);
        self.block.start = now;
        self.block.left = limits.cost_max;
        self.block.in_flight_work = 0;
        self.block.number = self.block.number.wrapping_add(1);
        self.offer_aside();
        while let Some(entry) = self.shut.pop() {
            self.ready.push(entry);
        }
    }

    /// Ends the block: nothing is assigned until the next one is open.
    pub fn close(&mut self) {
        self.block.limits = None;
    }

    /// Whether a block is open.
    pub fn is_open(&self) -> bool {
        self.block.limits.is_some()
    }

    /// What is left of the block's cost apart from what is in flight, where the caller knows
    /// better than what completions add up to: others may fill the block, too.
    pub fn set_left(&mut self, cost: u64) {
        self.block.left = cost;
        self.offer_room();
    }

    /// Has those looked at again that found too little left of the block, if there is enough for
    /// one of them now.
    pub(super) fn offer_room(&mut self) {
        if !self.aside.is_empty() && self.aside_cost_min <= self.block.available() {
            self.offer_aside();
        }
    }

    fn offer_aside(&mut self) {
        self.aside_cost_min = u64::MAX;
        while let Some(entry) = self.aside.pop() {
            self.ready.push(entry);
        }
    }
}
