//! The orders that waiting candidates are looked up by.
//!
//! A B-tree for each: all, and those at risk, by rank, and the candidates of each payer and the
//! writers of each account by rank, for eviction; each queue by rank and by arrival, for
//! selection. Every operation is O(log n) for each order.

use std::collections::{BTreeSet, btree_set::Range};

use super::{
    crowds::{OPEN, QueueNumber},
    priority::{Arrival, Rank},
    signers::SignerNumber,
};

/// Bytes that a pool's tables take for one candidate besides its accounts, payments and messages:
/// three trees and that of blockhashes, whose nodes may be half empty, and the table of candidates,
/// which may be half empty too.
pub(super) const INDEX_SIZE: usize = 400;
/// Bytes that the table of message hashes takes for one.
pub(super) const MESSAGE_SIZE: usize = 96;
/// Bytes that the table of nonces takes for one.
pub(super) const NONCE_SIZE: usize = 150;

/// Where a waiting candidate is found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) rank: Rank,
    pub(super) queue: QueueNumber,
    pub(super) is_risky: bool,
}

/// Waiting candidates in order.
#[derive(Debug, Default)]
pub(super) struct Index {
    ranks: BTreeSet<Rank>,
    /// Those at risk.
    risky: BTreeSet<Rank>,
    queues_by_rank: BTreeSet<(QueueNumber, Rank)>,
    queues_by_arrival: BTreeSet<(QueueNumber, Arrival)>,
    /// By the number of each account.
    writers: BTreeSet<(QueueNumber, Rank)>,
    payers: BTreeSet<(SignerNumber, Rank)>,
}

impl Index {
    /// Adds a candidate that writes these accounts and has these payers.
    pub(super) fn insert(
        &mut self,
        place: Place,
        writes: impl Iterator<Item = QueueNumber>,
        payers: impl Iterator<Item = SignerNumber>,
    ) {
        let Place { rank, queue, .. } = place;
        self.ranks.insert(rank);
        if place.is_risky {
            self.risky.insert(rank);
        }
        self.queues_by_rank.insert((queue, rank));
        self.queues_by_arrival.insert((queue, rank.arrival));
        self.writers.extend(writes.map(|account| (account, rank)));
        self.payers.extend(payers.map(|payer| (payer, rank)));
    }

    /// Removes such a candidate.
    pub(super) fn remove(
        &mut self,
        place: Place,
        writes: impl Iterator<Item = QueueNumber>,
        payers: impl Iterator<Item = SignerNumber>,
    ) {
        let Place { rank, queue, .. } = place;
        self.ranks.remove(&rank);
        self.risky.remove(&rank);
        self.queues_by_rank.remove(&(queue, rank));
        self.queues_by_arrival.remove(&(queue, rank.arrival));
        for account in writes {
            self.writers.remove(&(account, rank));
        }
        for payer in payers {
            self.payers.remove(&(payer, rank));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ranks.len()
    }

    /// All, the worst first.
    pub(super) fn worst_first(&self) -> impl Iterator<Item = Rank> + '_ {
        self.ranks.iter().rev().copied()
    }

    /// Those at risk, the worst first.
    pub(super) fn risky(&self) -> impl Iterator<Item = Rank> + '_ {
        self.risky.iter().rev().copied()
    }

    /// Those that write an account, the worst first.
    pub(super) fn writers(&self, account: QueueNumber) -> impl Iterator<Item = Rank> + '_ {
        worst_first(&self.writers, account)
    }

    /// Those of a payer, the worst first.
    pub(super) fn of_payer(&self, payer: SignerNumber) -> impl Iterator<Item = Rank> + '_ {
        worst_first(&self.payers, payer)
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

/// The ranks under one number, the worst first.
fn worst_first(set: &BTreeSet<(u64, Rank)>, number: u64) -> impl Iterator<Item = Rank> + '_ {
    let ranks = set.range((number, Rank::FIRST)..=(number, Rank::LAST));
    ranks.rev().map(|(_, rank)| *rank)
}
