//! Blocks that were dropped before they became final, for those that put their transactions back.

use std::sync::{
    Arc,
    mpsc::{self, Receiver, SyncSender, TrySendError},
};

use lockstep_interface::Hash;
use lockstep_store::sync::Shared;
use metrics::counter;

use super::{
    Chain,
    forks::Node,
    log::{self, Entry},
};
use crate::block::BlockHeader;

/// A block that was discarded, or that lost to one that was committed.
#[derive(Clone, Debug)]
pub struct LostBlock {
    /// Its id.
    pub id: Hash,
    /// Its header.
    pub header: BlockHeader,
    entry: Entry,
}

impl LostBlock {
    /// The block's bytes.
    pub fn bytes(&self) -> &[u8] {
        log::logged_block(&self.entry).expect("the entry was made with a block")
    }
}

/// All that want to be told of lost blocks.
#[derive(Debug, Default)]
pub(super) struct Lost(Shared<Vec<SyncSender<LostBlock>>>);

impl Lost {
    /// Tells of blocks that were dropped just now. Those whose queue is full miss them.
    pub(super) fn tell(&self, nodes: &[Node]) {
        for node in nodes {
            let block = LostBlock {
                id: node.bank.block_hash(),
                header: *node.bank.header(),
                entry: Arc::clone(&node.entry),
            };
            self.0
                .write()
                .retain(|sender| match sender.try_send(block.clone()) {
                    Ok(()) => true,
                    Err(TrySendError::Full(_)) => {
                        counter!("lockstep_missed_notices_total").increment(1);
                        true
                    }
                    Err(TrySendError::Disconnected(_)) => false,
                });
        }
    }
}

impl Chain {
    /// From now on puts every block that is dropped in a queue of at most `capacity`: discarded,
    /// or on a fork that lost to a block that is committed, older slots first. A queue that is full
    /// slows nothing down: its owner misses the block.
    pub fn subscribe_lost(&self, capacity: usize) -> Receiver<LostBlock> {
        let (sender, receiver) = mpsc::sync_channel(capacity);
        self.lost.0.write().push(sender);
        receiver
    }
}
