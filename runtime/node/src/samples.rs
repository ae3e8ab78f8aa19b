//! How much the chain did in each of the last minutes.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use lockstep_store::sync::Shared;

use crate::{
    content::Content,
    limits::{PERFORMANCE_SAMPLE_SECONDS, PERFORMANCE_SAMPLES_MAX},
};

/// Slots and transactions of a stretch of time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The newest slot.
    pub slot: u64,
    /// Slots that went by.
    pub slot_count: u64,
    /// Transactions in their blocks.
    pub transaction_count: u64,
    /// Seconds.
    pub seconds: u64,
}

/// The samples, newest last.
#[derive(Debug)]
pub struct Samples(Shared<State>);

#[derive(Debug)]
struct State {
    samples: VecDeque<Sample>,
    start: Instant,
    first_slot: Option<u64>,
    slot: u64,
    transaction_count: u64,
}

impl Samples {
    pub(crate) fn new() -> Self {
        Self(Shared::new(State {
            samples: VecDeque::new(),
            start: Instant::now(),
            first_slot: None,
            slot: 0,
            transaction_count: 0,
        }))
    }

    pub(crate) fn add(&self, content: &Content) {
        let mut state = self.0.write();
        let state = &mut *state;
        state.slot = content.slot();
        state.first_slot.get_or_insert(content.slot());
        let count = content.transactions.len() as u64;
        state.transaction_count = state.transaction_count.saturating_add(count);
        if state.start.elapsed() < Duration::from_secs(PERFORMANCE_SAMPLE_SECONDS) {
            return;
        }
        let sample = state.current();
        state.samples.push_back(sample);
        if state.samples.len() > PERFORMANCE_SAMPLES_MAX {
            state.samples.pop_front();
        }
        state.start = Instant::now();
        state.first_slot = None;
        state.transaction_count = 0;
    }

    /// At most `limit` samples, newest first. Before the first minute is over, what there is of it.
    pub fn newest(&self, limit: usize) -> Vec<Sample> {
        let state = self.0.read();
        if state.samples.is_empty() {
            return vec![state.current()].into_iter().take(limit).collect();
        }
        state.samples.iter().rev().take(limit).copied().collect()
    }
}

impl State {
    fn current(&self) -> Sample {
        let first = self.first_slot.unwrap_or(self.slot);
        Sample {
            slot: self.slot,
            slot_count: self.slot.saturating_sub(first).saturating_add(1),
            transaction_count: self.transaction_count,
            seconds: self.start.elapsed().as_secs().max(1),
        }
    }
}
