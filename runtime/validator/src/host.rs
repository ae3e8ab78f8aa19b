//! Where a member's chain and pool live, and what is told of its blocks.

use std::{fmt, sync::Arc};

use lockstep_interface::Hash;
use lockstep_runtime::{
    block::Receipt,
    chain::{BuiltBlock, Chain, ReadBlock},
    mempool::Mempool,
};
use lockstep_store::sync::Shared;

use crate::failure::EngineFailure;

/// The surroundings of a member's chain. What they are told of may fail, which ends the member.
pub trait Host: fmt::Debug + Send + Sync + 'static {
    /// The chain.
    fn chain(&self) -> &Chain;

    /// The transactions that wait for a block.
    fn pool(&self) -> &Shared<Mempool>;

    /// A block was built here, and is known.
    ///
    /// # Errors
    /// If the results cannot be kept.
    fn built(&self, block: &BuiltBlock) -> Result<(), EngineFailure> {
        let _ = block;
        Ok(())
    }

    /// A block of another member was executed, and is known.
    ///
    /// # Errors
    /// If the results cannot be kept.
    fn executed(&self, block: &ReadBlock, receipts: &[Receipt]) -> Result<(), EngineFailure> {
        let _ = (block, receipts);
        Ok(())
    }

    /// Blocks are about to become durable, oldest first.
    ///
    /// # Errors
    /// If the results cannot be kept.
    fn committing(&self, path: &[Hash]) -> Result<(), EngineFailure> {
        let _ = path;
        Ok(())
    }

    /// They have.
    ///
    /// # Errors
    /// If the results cannot be told.
    fn committed(&self, path: &[Hash]) -> Result<(), EngineFailure> {
        let _ = path;
        Ok(())
    }
}

/// A chain and a pool, and nothing around them.
#[derive(Clone, Debug)]
pub struct PlainHost {
    /// The chain.
    pub chain: Arc<Chain>,
    /// The pool.
    pub pool: Arc<Shared<Mempool>>,
}

impl Host for PlainHost {
    fn chain(&self) -> &Chain {
        &self.chain
    }

    fn pool(&self) -> &Shared<Mempool> {
        &self.pool
    }
}
