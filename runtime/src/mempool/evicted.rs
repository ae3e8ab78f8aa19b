//! Evicted candidates that come back if what took their place falls out.
//!
//! ```text
//! evicted by X     [ 7  5  5 ]    X is forgotten: they are dropped
//!                                 X falls out: the best come back as far as there is room, and
//!                                    the others hang on the first of these
//!                                 X is evicted by Y: they hang on Y, and X with them
//! ```
//!
//! Such a candidate waits for nothing and counts towards no limit but one on memory, where the
//! worst are dropped. A candidate falls out if it is refused, expired, unfit, or dropped by a
//! caller; it is forgotten if a block includes it.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    mem,
    sync::Arc,
};

use super::{
    Candidate, Mempool, State,
    places::{Gone, Newcomer},
    priority::{Arrival, Rank},
};

/// Of the candidates that hang on one that fell out, how many may find no room before the others
/// are not tried.
const MISSES_MAX: u32 = 16;

/// What hangs on a candidate, the best first. Some may have been dropped since.
pub(super) type Hanging = BinaryHeap<Reverse<Rank>>;

/// The evicted candidates.
#[derive(Debug, Default)]
pub(super) struct Evicted {
    ranks: BTreeSet<Rank>,
    bytes: usize,
    /// Entries of all that hang, those of dropped candidates included.
    hanging_count: usize,
}

impl Evicted {
    pub(super) fn len(&self) -> usize {
        self.ranks.len()
    }
}

impl Mempool {
    /// Evicts candidates for one that is in the pool now. Gives them, best first.
    ///
    /// O(log n) for each, amortised.
    pub(super) fn evict(&mut self, gone: &Gone, by: Arrival) -> Vec<Arc<Candidate>> {
        let mut hanging = Hanging::new();
        let mut evicted = Vec::with_capacity(gone.len());
        for rank in gone {
            self.leave(rank.arrival);
            let slot = self.slots.get_mut(&rank.arrival).expect("it was found");
            slot.state = State::Evicted;
            hanging.append(&mut mem::take(&mut slot.hanging));
            hanging.push(Reverse(*rank));
            self.evicted.hanging_count = self.evicted.hanging_count.saturating_add(1);
            self.evicted.ranks.insert(*rank);
            let memory = slot.candidate.memory();
            self.evicted.bytes = self.evicted.bytes.saturating_add(memory);
            evicted.push(Arc::clone(&slot.candidate));
        }
        self.hang(hanging, by);
        while self.evicted.bytes > self.limits.evicted_bytes {
            let worst = self.evicted.ranks.last().copied();
            let worst = worst.expect("what takes memory is there");
            self.drop_evicted(worst);
        }
        self.sweep();
        evicted
    }

    /// Drops the entries of dropped candidates once they are more than all else together.
    fn sweep(&mut self) {
        let Evicted {
            ranks,
            hanging_count,
            ..
        } = &mut self.evicted;
        if *hanging_count > self.slots.len().saturating_mul(2) {
            // The order in which slots are swept makes no difference.
            let sizes = self.slots.values_mut().map(|slot| {
                slot.hanging.retain(|Reverse(rank)| ranks.contains(rank));
                slot.hanging.len()
            });
            *hanging_count = sizes.sum();
        }
    }

    fn hang(&mut self, mut hanging: Hanging, on: Arrival) {
        let slot = self.slots.get_mut(&on).expect("it is in the pool");
        slot.hanging.append(&mut hanging);
    }

    /// Drops an evicted candidate.
    pub(super) fn drop_evicted(&mut self, rank: Rank) {
        if self.evicted.ranks.remove(&rank) {
            let slot = self.unlist(rank.arrival);
            let memory = slot.candidate.memory();
            self.evicted.bytes = self.evicted.bytes.saturating_sub(memory);
        }
    }

    /// Drops all that hung on a candidate that is forgotten.
    pub(super) fn drop_hanging(&mut self, hanging: Hanging) {
        for Reverse(rank) in hanging {
            self.evicted.hanging_count = self.evicted.hanging_count.saturating_sub(1);
            self.drop_evicted(rank);
        }
    }

    /// Lets what hung on a candidate that fell out come back, as far as there is room.
    ///
    /// O(log n) for each that comes back, and for a fixed number besides.
    pub(super) fn bring_back(&mut self, mut hanging: Hanging) {
        let mut first = None;
        let mut left = Vec::new();
        while left.len() < MISSES_MAX as usize {
            let Some(Reverse(rank)) = hanging.pop() else {
                break;
            };
            if !self.evicted.ranks.contains(&rank) {
                self.evicted.hanging_count = self.evicted.hanging_count.saturating_sub(1);
                continue;
            }
            let slot = &self.slots[&rank.arrival];
            let newcomer = Newcomer {
                candidate: &slot.candidate,
                rank,
                share: slot.share,
                is_risky: slot.is_risky,
            };
            if self.places(&newcomer).is_ok_and(|gone| gone.is_empty()) {
                self.evicted.ranks.remove(&rank);
                let memory = slot.candidate.memory();
                self.evicted.bytes = self.evicted.bytes.saturating_sub(memory);
                self.evicted.hanging_count = self.evicted.hanging_count.saturating_sub(1);
                self.enter(rank.arrival);
                first.get_or_insert(rank.arrival);
            } else {
                left.push(Reverse(rank));
            }
        }
        hanging.extend(left);
        match first {
            Some(first) => self.hang(hanging, first),
            None => self.drop_hanging(hanging),
        }
    }
}
