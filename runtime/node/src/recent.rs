//! The newest blocks in memory, and which transactions are in them: what most answers need.
//!
//! The leader puts a block here when it is durable; an answer finds it without the history, which
//! may be some blocks behind.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use ahash::RandomState;
use lockstep_store::sync::Shared;

use crate::{
    content::Content,
    limits::{RECENT_BLOCKS_MAX, RECENT_SIZE_MAX, STATUS_SLOTS},
};

/// Where a transaction is, and what became of it.
#[derive(Clone, Debug)]
pub struct Status {
    /// The slot of its block.
    pub slot: u64,
    /// Its place in the block.
    pub place: u32,
    /// Its error in Solana's JSON form; `None` for success.
    pub error: Option<Arc<str>>,
}

/// The newest blocks.
#[derive(Debug, Default)]
pub struct Recent(Shared<Blocks>);

#[derive(Debug, Default)]
struct Blocks {
    whole: VecDeque<Arc<Content>>,
    /// Bytes of transactions in `whole`.
    size: usize,
    /// By signature, for look-up only.
    statuses: HashMap<[u8; 64], Status, RandomState>,
    /// The signatures of each block that statuses are known of, oldest first.
    signatures: VecDeque<Vec<[u8; 64]>>,
    head: Option<Head>,
    transaction_count: u64,
}

/// The newest durable block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head {
    /// Its slot.
    pub slot: u64,
    /// The number of blocks before it.
    pub height: u64,
}

impl Recent {
    /// Begins behind a block.
    pub fn begin(&self, head: Head) {
        self.0.write().head = Some(head);
    }

    /// Adds the next block.
    pub fn push(&self, content: &Arc<Content>) {
        let slot = content.slot();
        let transactions = content.iter().zip(0..);
        let statuses = transactions.map(|((view, meta), place)| {
            let error = meta.error.as_deref().map(Arc::from);
            let status = Status { slot, place, error };
            (crate::content::signature_of(&view), status)
        });
        let statuses: Vec<_> = statuses.collect();
        let count = statuses.len() as u64;
        let mut blocks = self.0.write();
        let signatures = statuses.iter().map(|(signature, _)| *signature).collect();
        blocks.signatures.push_back(signatures);
        blocks.statuses.extend(statuses);
        while blocks.signatures.len() > STATUS_SLOTS {
            for signature in blocks.signatures.pop_front().unwrap_or_default() {
                blocks.statuses.remove(&signature);
            }
        }
        blocks.size = blocks.size.saturating_add(content.transactions.size());
        blocks.whole.push_back(Arc::clone(content));
        while blocks.whole.len() > RECENT_BLOCKS_MAX
            || (blocks.size > RECENT_SIZE_MAX && blocks.whole.len() > 1)
        {
            let oldest = blocks.whole.pop_front();
            let size = oldest.map_or(0, |oldest| oldest.transactions.size());
            blocks.size = blocks.size.saturating_sub(size);
        }
        blocks.head = Some(Head {
            slot,
            height: content.height,
        });
        blocks.transaction_count = blocks.transaction_count.saturating_add(count);
    }

    /// The newest durable block.
    pub fn head(&self) -> Head {
        self.0.read().head.unwrap_or_default()
    }

    /// Transactions since the node has started.
    pub fn transaction_count(&self) -> u64 {
        self.0.read().transaction_count
    }

    /// What became of a transaction of the newest blocks.
    pub fn status(&self, signature: &[u8; 64]) -> Option<Status> {
        self.0.read().statuses.get(signature).cloned()
    }

    /// The block of a slot, if it is here.
    pub fn block(&self, slot: u64) -> Option<Arc<Content>> {
        let blocks = self.0.read();
        let place = blocks
            .whole
            .binary_search_by_key(&slot, |block| block.slot());
        place.ok().map(|place| Arc::clone(&blocks.whole[place]))
    }

    /// All blocks that are here, oldest first.
    pub fn blocks(&self) -> Vec<Arc<Content>> {
        self.0.read().whole.iter().cloned().collect()
    }
}
