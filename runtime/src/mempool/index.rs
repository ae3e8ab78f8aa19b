//! The orders that waiting candidates are looked up by.
//!
//! A B-tree for each: all by rank, for eviction; each queue by rank and by arrival, for selection.
//! Every operation is O(log n).

use std::collections::{BTreeSet, btree_set::Range};

use super::{
    crowds::{OPEN, QueueNumber},
    priority::{Arrival, Rank},
};

/// Bytes that a pool's tables take for one candidate besides its accounts and messages: three
/// trees and that of blockhashes, whose nodes may be half empty, and the tables of candidates and
/// payers, which may be half empty too. Measured: pools of 60,000 to 130,000 transfers grew a
/// process by 1,019 to 1,295 bytes for each, of which they account for 1,308.
pub(super) const INDEX_SIZE: usize = 460;
/// Bytes that the table of message hashes takes for one.
pub(super) const MESSAGE_SIZE: usize = 96;

/// Waiting candidates in order.
#[derive(Debug, Default)]
pub(super) struct Index {
    ranks: BTreeSet<Rank>,
    queues_by_rank: BTreeSet<(QueueNumber, Rank)>,
    queues_by_arrival: BTreeSet<(QueueNumber, Arrival)>,
}

impl Index {
    pub(super) fn insert(&mut self, queue: QueueNumber, rank: Rank) {
        self.ranks.insert(rank);
        self.queues_by_rank.insert((queue, rank));
        self.queues_by_arrival.insert((queue, rank.arrival));
    }

    pub(super) fn remove(&mut self, queue: QueueNumber, rank: Rank) {
        self.ranks.remove(&rank);
        self.queues_by_rank.remove(&(queue, rank));
        self.queues_by_arrival.remove(&(queue, rank.arrival));
    }

    pub(super) fn len(&self) -> usize {
        self.ranks.len()
    }

    /// All, the worst first.
    pub(super) fn worst_first(&self) -> impl Iterator<Item = Rank> + '_ {
        self.ranks.iter().rev().copied()
    }

    /// The worst of a queue.
    pub(super) fn worst_of(&self, queue: QueueNumber) -> Option<Rank> {
        let mut queue = self
            .queues_by_rank
            .range((queue, Rank::FIRST)..=(queue, Rank::LAST));
        queue.next_back().map(|(_, rank)| *rank)
    }

    /// Every queue from its best rank on.
    pub(super) fn by_rank(&self) -> Vec<Range<'_, (QueueNumber, Rank)>> {
        let queues = self.queues().into_iter();
        let ranges = queues.map(|queue| {
            self.queues_by_rank
                .range((queue, Rank::FIRST)..=(queue, Rank::LAST))
        });
        ranges.collect()
    }

    /// Every queue from its first arrival on.
    pub(super) fn by_arrival(&self) -> Vec<Range<'_, (QueueNumber, Arrival)>> {
        let queues = self.queues().into_iter();
        let ranges = queues.map(|queue| {
            self.queues_by_arrival
                .range((queue, 0)..=(queue, Arrival::MAX))
        });
        ranges.collect()
    }

    /// The queues that are not empty. O(queues log n).
    fn queues(&self) -> Vec<QueueNumber> {
        let mut queues = Vec::new();
        let mut next = Some(OPEN);
        while let Some(start) = next {
            let first = self.queues_by_arrival.range((start, 0)..).next();
            queues.extend(first.map(|(queue, _)| *queue));
            next = first.and_then(|(queue, _)| queue.checked_add(1));
        }
        queues
    }
}
