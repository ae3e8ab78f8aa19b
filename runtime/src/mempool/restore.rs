//! Transactions of a block that lost, back in the pool.
//!
//! A block holds the transactions of a bundle one behind the other and does not say that they are
//! one. So the pool remembers the bundles that blocks included, lest half of one comes back.

use std::collections::{HashMap, VecDeque};

use ahash::RandomState;
use lockstep_interface::Hash;

use super::{Candidate, Mempool};
use crate::wire::{TransactionView, WireBlock};

/// Bundles that are remembered; the oldest is forgotten first. A block of Solana's size holds some
/// hundreds at the most.
const BUNDLES_MAX: usize = 16_384;

/// The bundles that blocks included of late.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    /// The messages of each, by its first; for look-up only.
    members: HashMap<Hash, Box<[Hash]>, RandomState>,
    /// The first messages, in the order in which they came.
    order: VecDeque<Hash>,
}

impl Bundles {
    /// Remembers a candidate that a block includes, if it is a bundle.
    pub(super) fn note(&mut self, candidate: &Candidate) {
        let members: Box<[Hash]> = candidate.message_hashes().copied().collect();
        if let [first, _, ..] = *members
            && self.members.insert(first, members).is_none()
        {
            self.order.push_back(first);
            if self.order.len() > BUNDLES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.members.remove(&oldest);
            }
        }
    }

    /// How many of these messages, from the first on, were a bundle; `None` if they were not.
    fn length(&self, messages: &[Hash]) -> Option<u32> {
        let members = self.members.get(messages.first()?)?;
        let is_whole = messages.starts_with(members);
        is_whole.then(|| u32::try_from(members.len()).expect("a bundle is small"))
    }
}

impl Mempool {
    /// The transactions of a block that lost, with those declared bundles that were.
    /// O(transactions).
    ///
    /// `LostBlock::restore` of the chain submits them again.
    pub fn bundled(&self, lost: &WireBlock) -> WireBlock {
        let message = |bytes| TransactionView::parse(bytes).map(|view| view.message_hash());
        // What is no transaction is in no bundle.
        let messages = lost.iter().map(|bytes| message(bytes).unwrap_or_default());
        let messages: Vec<Hash> = messages.collect();
        let mut batch: WireBlock = lost.iter().collect();
        let mut rest = &messages[..];
        let mut start = 0u32;
        while !rest.is_empty() {
            let count = self.bundles.length(rest).unwrap_or(1);
            if count > 1 {
                let declared = batch.bundle(start, count);
                declared.expect("it was a bundle, and lies behind the others");
            }
            start = start.saturating_add(count);
            rest = &rest[count as usize..];
        }
        batch
    }
}
