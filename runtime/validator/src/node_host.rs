//! A member that serves its chain over JSON-RPC: what its blocks came to, on the way to the node.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_interface::Hash;
use lockstep_node::{Follower, content::Content};
use lockstep_runtime::{
    block::Receipt,
    chain::{BuiltBlock, Chain, ReadBlock},
    mempool::Mempool,
};
use lockstep_store::{Change, sync::Shared};

use crate::{failure::EngineFailure, host::Host};

/// The results of a block and the accounts that it changed.
type Results = (Arc<Content>, Vec<Change>);

/// A node as the surroundings of a chain.
#[derive(Debug)]
pub struct NodeHost {
    follower: Follower,
    /// Those of known blocks that are not final.
    results: Shared<BTreeMap<Hash, Results>>,
}

impl NodeHost {
    /// A node that is told of the blocks.
    pub fn new(follower: Follower) -> Self {
        Self {
            follower,
            results: Shared::default(),
        }
    }

    /// What tells the node of its blocks.
    pub fn follower(&self) -> &Follower {
        &self.follower
    }

    fn note(&self, content: Arc<Content>) -> Result<(), EngineFailure> {
        let id = content.id;
        // A block that has lost meanwhile needs no results.
        if let Ok(bank) = self.chain().bank(&id) {
            self.results.write().insert(id, (content, bank.changes()));
            self.follower.advance_tip(&id);
        }
        Ok(())
    }
}

impl Host for NodeHost {
    fn chain(&self) -> &Chain {
        &self.follower.node().chain
    }

    fn pool(&self) -> &Shared<Mempool> {
        self.follower.pool()
    }

    fn built(&self, block: &BuiltBlock) -> Result<(), EngineFailure> {
        let slot = block.header.slot;
        self.note(Content::of_built(block, slot, slot.saturating_sub(1)))
    }

    fn executed(&self, block: &ReadBlock, receipts: &[Receipt]) -> Result<(), EngineFailure> {
        let header = block.header();
        let Ok(state) = self.chain().view(&header.parent_id) else {
            return Ok(());
        };
        let slot = header.slot;
        let parent_slot = slot.saturating_sub(1);
        let content = Content::of_executed(block, receipts, slot, parent_slot, &state);
        self.note(content.map_err(EngineFailure::of)?)
    }

    fn committing(&self, path: &[Hash]) -> Result<(), EngineFailure> {
        let results = self.results.read();
        for (content, _) in path.iter().filter_map(|id| results.get(id)) {
            self.follower.keep(content).map_err(EngineFailure::of)?;
        }
        Ok(())
    }

    fn committed(&self, path: &[Hash]) -> Result<(), EngineFailure> {
        for id in path {
            let told = self.results.write().remove(id);
            if let Some((content, changes)) = told {
                let published = self.follower.publish(content, changes);
                published.map_err(EngineFailure::of)?;
            }
        }
        let head = self.chain().head().1.slot;
        let mut results = self.results.write();
        results.retain(|_, (content, _)| content.slot() > head);
        Ok(())
    }
}
