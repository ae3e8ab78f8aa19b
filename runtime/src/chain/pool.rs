//! A pool of waiting transactions as the source of blocks, and what it learns of each block.
//!
//! ```text
//! pool -> expire -> select -> build -> settle -> included, refused: forgotten
//!                     |                  `-----> no room: waits again
//!                     `-> (not settled) -------> waits again
//! ```

use std::sync::Arc;

use lockstep_interface::TransactionError;
use lockstep_store::sync::Shared;

use super::{build::BuiltBlock, source::TransactionSource};
use crate::{
    bank::FrozenBank,
    block::BlockLimits,
    mempool::{BlockRoom, Candidate, Mempool, Selection},
    verify::{ParsedBlock, Refusal},
};

/// Fills one block from a pool. The pool is locked while transactions are chosen and while it
/// learns what became of them, not while the block is built.
///
/// The pool must hold transactions with verified signatures only
/// ([`Signatures::Verify`](crate::verify::Signatures)): they are not verified again, and other
/// nodes refuse a block with a wrong one.
///
/// ```
/// # use std::{error::Error, sync::Arc};
/// # use lockstep_programs::builtin_programs;
/// # use lockstep_runtime::bank::Genesis;
/// # use lockstep_runtime::block::Recording;
/// # use lockstep_runtime::engine::Cancel;
/// # use lockstep_runtime::{block::BlockLimits, threads::Threads};
/// # use lockstep_runtime::chain::{BuildRequest, Chain, ChainOptions, PoolSource};
/// # use lockstep_scheduler::{Auto, Mode};
/// # use lockstep_store::{MemoryStore, Trie};
/// use lockstep_runtime::mempool::{Mempool, MempoolLimits};
/// use lockstep_store::sync::Shared;
///
/// # let options = ChainOptions::new(Threads::new(1)?, BlockLimits::MAINNET);
/// # let genesis = Genesis::new(Vec::new(), builtin_programs());
/// # let store = Arc::new(MemoryStore::new());
/// # let chain = Chain::open(store, Trie::default(), genesis, options)?;
/// # let request = BuildRequest {
/// #     parent: chain.head().0,
/// #     slot: 1,
/// #     unix_timestamp: 0,
/// #     strategy: &Auto,
/// #     mode: Mode::Produce,
/// #     recording: Recording::NONE,
/// # };
/// let pool = Shared::new(Mempool::new(MempoolLimits::STANDARD));
/// let mut source = PoolSource::new(&pool);
/// let built = chain.build(&request, &mut source, &Cancel::default())?;
/// let settled = source.settle(&built);
/// assert_eq!((settled.included_count, settled.refused.len()), (0, 0));
/// # Ok::<(), Box<dyn Error>>(())
/// ```
#[derive(Debug)]
pub struct PoolSource<'p> {
    pool: &'p Shared<Mempool>,
    /// What was given for the block, and is not settled.
    selection: Selection,
    expired: Vec<Arc<Candidate>>,
}

/// What became of the transactions of a pool when a block was built. Those of
/// [`refused`](Self::refused), [`unfit`](Self::unfit) and [`expired`](Self::expired) are in the
/// pool no more.
#[derive(Debug, Default)]
pub struct Settled {
    /// Candidates in the block.
    pub included_count: usize,
    /// Candidates that found no room after all, and wait again.
    pub waiting_count: usize,
    /// Those that broke a rule, and which; of a bundle the first reason that is a transaction's
    /// own. Whoever sent one may send it again.
    pub refused: Vec<(Arc<Candidate>, Refusal)>,
    /// Those that not even an empty block has room for.
    pub unfit: Vec<Arc<Candidate>>,
    /// Those whose blockhash is too old for a child of the parent.
    pub expired: Vec<Arc<Candidate>>,
}

impl<'p> PoolSource<'p> {
    /// A source for the next block.
    pub fn new(pool: &'p Shared<Mempool>) -> Self {
        Self {
            pool,
            selection: Selection::default(),
            expired: Vec::new(),
        }
    }

    /// Tells the pool what became of its transactions, and the caller too. O(given log n).
    ///
    /// What is in the block is forgotten before the block is final: should the block be discarded,
    /// its transactions have to be submitted again. A source that is dropped without this, because
    /// no block was built, gives its transactions back.
    ///
    /// # Panics
    /// If the block was built of something else, and has places that this source never gave.
    pub fn settle(mut self, built: &BuiltBlock) -> Settled {
        let Selection { taken, unfit, .. } = std::mem::take(&mut self.selection);
        let mut settled = Settled {
            unfit,
            expired: std::mem::take(&mut self.expired),
            ..Settled::default()
        };
        let counts = taken.iter().map(|candidate| candidate.transactions().len());
        let mut refusals: Vec<Option<&Refusal>> = vec![None; counts.sum()];
        for (place, refusal) in &built.refused {
            refusals[*place as usize] = Some(refusal);
        }
        let mut pool = self.pool.write();
        let mut rest = &refusals[..];
        for candidate in taken {
            let (own, others) = rest.split_at(candidate.transactions().len());
            rest = others;
            match Fate::of(own) {
                Fate::Included => {
                    pool.forget(candidate.message_hashes());
                    settled.included_count = settled.included_count.saturating_add(1);
                }
                Fate::Refused(refusal) => {
                    pool.forget(candidate.message_hashes());
                    settled.refused.push((candidate, refusal.clone()));
                }
                Fate::NoRoom => {
                    pool.give_back([&candidate]);
                    settled.waiting_count = settled.waiting_count.saturating_add(1);
                }
            }
        }
        settled
    }
}

/// What became of a candidate.
enum Fate<'r> {
    Included,
    Refused(&'r Refusal),
    NoRoom,
}

impl<'r> Fate<'r> {
    /// By the refusals of its transactions. A bundle is in the block whole or not at all, and
    /// those of its transactions that have no reason of their own are cancelled.
    fn of(transactions: &[Option<&'r Refusal>]) -> Self {
        const CANCELLED: Refusal = Refusal::Rule(TransactionError::CommitCancelled);
        let refusals = || transactions.iter().copied().flatten();
        let own = refusals().find(|refusal| **refusal != CANCELLED);
        match own.or_else(|| refusals().next()) {
            None => Self::Included,
            Some(Refusal::Rule(
                TransactionError::WouldExceedMaxBlockCostLimit
                | TransactionError::WouldExceedMaxAccountCostLimit,
            )) => Self::NoRoom,
            Some(refusal) => Self::Refused(refusal),
        }
    }
}

impl TransactionSource for PoolSource<'_> {
    /// Drops what is too old for a child of the parent, and takes what the limits leave room for,
    /// by the rules of the pool. What it gave before is given back first.
    fn select(&mut self, parent: &FrozenBank, limits: &BlockLimits) -> ParsedBlock {
        let mut pool = self.pool.write();
        pool.give_back(&self.selection.taken);
        self.expired.append(&mut pool.expire(parent.blockhashes()));
        let mut selection = pool.select(&mut BlockRoom::new(*limits));
        selection.unfit.append(&mut self.selection.unfit);
        self.selection = selection;
        self.selection.to_block()
    }
}

impl Drop for PoolSource<'_> {
    fn drop(&mut self) {
        self.pool.write().give_back(&self.selection.taken);
    }
}
