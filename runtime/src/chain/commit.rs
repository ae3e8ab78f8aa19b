//! Making blocks final: durable first, visible as the head afterwards.

use lockstep_interface::{Account, Hash};
use lockstep_store::{Change, StoreError};

use super::{Chain, error::CommitError, forks::Node};

/// What a commit did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Committed {
    /// Blocks that became final: the block and those of its ancestors that were not; 0 if it was
    /// committed before.
    pub block_count: usize,
    /// Blocks that were forgotten because they do not descend from it.
    pub dropped_count: usize,
}

pub(super) fn commit(chain: &Chain, id: &Hash) -> Result<Committed, CommitError> {
    let _committing = chain.commits.write();
    let path = {
        let forks = chain.forks.read();
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
        let dropped_count = chain.forks.write().elect(&id);
        if let Err(source) = commit_one(chain, &node) {
            chain.forks.write().stop();
            return Err(CommitError::Store { id, source });
        }
        chain.forks.write().advance(&id);
        chain.subscribers.tell(id, *node.bank.header(), &node.entry);
        committed.block_count = committed.block_count.saturating_add(1);
        committed.dropped_count = committed.dropped_count.saturating_add(dropped_count);
    }
    Ok(committed)
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
