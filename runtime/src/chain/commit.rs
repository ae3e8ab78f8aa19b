//! Making blocks final: durable first, visible as the head afterwards.

use lockstep_interface::{Account, Hash};
use lockstep_store::{Change, StoreError};

use super::{
    Chain,
    error::CommitError,
    forks::Node,
    observe::{CommittedBlock, count_blocks},
};
use crate::stage::stage;

/// What a commit did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Committed {
    /// Blocks that became final: the block, and its ancestors that were not final; 0 if it was
    /// committed before.
    pub block_count: usize,
    /// Blocks that were forgotten because they do not descend from it.
    pub dropped_count: usize,
}

impl Chain {
    /// Makes a known block final and durable, its ancestors first, and forgets every block
    /// that does not descend from it. A second commit of a block does nothing, as long as its id
    /// is among the blockhashes of the head; an older block is no longer known.
    ///
    /// # Errors
    /// If the block is not known, or the store fails. After a failure of the store the chain
    /// refuses to build, execute and commit, and it is unknown whether the store has the block
    /// until the chain is opened again. Views go on, each with the state after its own block. A
    /// view of the head or of an earlier block that was made before shows all of that state. A new
    /// view of the head shows the accounts that its state root proves to be its own, and refuses
    /// the others with [`ViewError::Unsettled`](super::ViewError); simulation and export on the
    /// head are refused.
    pub fn commit(&self, id: &Hash) -> Result<Committed, CommitError> {
        let _stage = stage!("commit");
        let committed = self.commit_path(id)?;
        count_blocks("committed", committed.block_count);
        count_blocks("dropped", committed.dropped_count);
        self.show_forks();
        Ok(committed)
    }

    fn commit_path(&self, id: &Hash) -> Result<Committed, CommitError> {
        let _committing = self.commits.write();
        let path = {
            let forks = self.forks.read();
            if forks.is_stopped() {
                return Err(CommitError::Stopped);
            }
            if forks.is_committed(id) {
                return Ok(Committed::default());
            }
            forks.path(id)?
        };
        let mut committed = Committed::default();
        for node in path {
            let id = node.bank.block_hash();
            let lost = self.forks.write().elect(&id);
            let block = CommittedBlock::new(&node);
            if let Err(source) = commit_one(self, &node) {
                self.forks.write().stop();
                return Err(CommitError::Store { id, source });
            }
            self.forks.write().advance(&id);
            self.subscribers.tell(&block);
            committed.block_count = committed.block_count.saturating_add(1);
            committed.dropped_count = committed.dropped_count.saturating_add(lost.len());
            self.lost.tell(&lost);
        }
        Ok(committed)
    }
}

/// Commits a child of the head.
fn commit_one(chain: &Chain, node: &Node) -> Result<(), StoreError> {
    let standpoints = chain.forks.write().standpoints();
    let mut standpoints = standpoints
        .into_iter()
        .filter(|standpoint| standpoint.is_final());
    if let Some(first) = standpoints.next() {
        let addresses = node.bank.changed_addresses();
        let mut accounts = vec![Account::default(); addresses.len()];
        chain.store.load(&addresses, &mut accounts)?;
        let before: Vec<Change> = addresses.into_iter().zip(accounts).collect();
        first.keep(&before);
        standpoints.for_each(|standpoint| standpoint.keep(&before));
    }
    node.bank.finalize_with(&node.entry)
}
