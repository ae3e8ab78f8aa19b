//! The blockhashes that transactions may refer to.

use std::sync::Arc;

use lockstep_interface::{
    Hash,
    sysvar::{RECENT_BLOCKHASHES_MAX, RecentBlockhash},
};

use crate::limits::BLOCKHASHES_MAX;

/// The newest 151 blockhashes of a chain, oldest first. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct BlockhashQueue(Arc<Vec<RecentBlockhash>>);

impl BlockhashQueue {
    /// A queue of these blockhashes, oldest first; only the newest 151 count.
    pub fn new(mut blockhashes: Vec<RecentBlockhash>) -> Self {
        let excess = blockhashes.len().saturating_sub(BLOCKHASHES_MAX);
        blockhashes.drain(..excess);
        Self(Arc::new(blockhashes))
    }

    /// The queue with one blockhash more.
    #[must_use]
    pub fn with(&self, newest: RecentBlockhash) -> Self {
        let mut blockhashes = Vec::with_capacity(BLOCKHASHES_MAX.saturating_add(1));
        blockhashes.extend_from_slice(&self.0);
        blockhashes.push(newest);
        Self::new(blockhashes)
    }

    /// The newest blockhash.
    pub fn newest(&self) -> Option<&RecentBlockhash> {
        self.0.last()
    }

    /// True if a transaction with this blockhash may be processed. Newest first, since most
    /// transactions refer to young blockhashes; at most 151 comparisons.
    pub fn contains(&self, blockhash: &Hash) -> bool {
        self.0
            .iter()
            .rev()
            .any(|entry| entry.blockhash == *blockhash)
    }

    /// What the RecentBlockhashes sysvar shows: newest first, at most 150.
    pub fn sysvar(&self) -> Vec<RecentBlockhash> {
        self.0
            .iter()
            .rev()
            .take(RECENT_BLOCKHASHES_MAX)
            .copied()
            .collect()
    }

    /// All blockhashes, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &RecentBlockhash> {
        self.0.iter()
    }
}
