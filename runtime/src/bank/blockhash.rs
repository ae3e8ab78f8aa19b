//! The blockhashes that transactions may refer to.

use std::sync::Arc;

use lockstep_interface::{
    Hash,
    sysvar::{RECENT_BLOCKHASHES_MAX, RecentBlockhash},
};

use crate::limits::BLOCKHASHES_MAX;

/// The newest 151 blockhashes of a chain. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct BlockhashQueue {
    /// Newest first, as the sysvar has them.
    blockhashes: Arc<Vec<RecentBlockhash>>,
}

impl BlockhashQueue {
    /// A queue of these blockhashes, oldest first; only the newest 151 count.
    pub fn new(mut blockhashes: Vec<RecentBlockhash>) -> Self {
        blockhashes.reverse();
        blockhashes.truncate(BLOCKHASHES_MAX);
        Self {
            blockhashes: Arc::new(blockhashes),
        }
    }

    /// The queue with one blockhash more.
    #[must_use]
    pub fn with(&self, newest: RecentBlockhash) -> Self {
        let kept = self
            .blockhashes
            .len()
            .min(BLOCKHASHES_MAX.saturating_sub(1));
        let mut blockhashes = Vec::with_capacity(BLOCKHASHES_MAX);
        blockhashes.push(newest);
        blockhashes.extend_from_slice(&self.blockhashes[..kept]);
        Self {
            blockhashes: Arc::new(blockhashes),
        }
    }

    /// The newest blockhash.
    pub fn newest(&self) -> Option<&RecentBlockhash> {
        self.blockhashes.first()
    }

    /// True if a transaction with this blockhash may be processed. Newest first, since most
    /// transactions refer to young blockhashes; at most 151 comparisons.
    pub fn contains(&self, blockhash: &Hash) -> bool {
        let mut blockhashes = self.blockhashes.iter();
        blockhashes.any(|entry| entry.blockhash == *blockhash)
    }

    /// What the RecentBlockhashes sysvar shows: newest first, at most 150.
    pub fn sysvar(&self) -> Vec<RecentBlockhash> {
        let count = self.blockhashes.len().min(RECENT_BLOCKHASHES_MAX);
        self.blockhashes[..count].to_vec()
    }

    /// All blockhashes, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &RecentBlockhash> {
        self.blockhashes.iter().rev()
    }

    /// Those that are in this queue and no longer in `newer`, the queue of a descendant. O(1) for a
    /// child.
    pub(super) fn expired(&self, newer: &Self) -> impl Iterator<Item = &Hash> {
        let oldest = newer.iter().next().map(|entry| entry.blockhash);
        let hashes = self.iter().map(|entry| &entry.blockhash);
        hashes.take_while(move |hash| oldest.is_some_and(|oldest| oldest != **hash))
    }
}
