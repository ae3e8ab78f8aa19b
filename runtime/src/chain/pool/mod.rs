//! A pool of waiting transactions as the source of blocks, and what it learns of each block.
//!
//! ```text
//! pool -> expire -> select -> build -> settle -> included: forgotten; refused: falls out
//!                     |  ^      |        `-----> no room: waits again
//!                     |  `------'
//!                     |   refill: more, for the room that was lost to refused ones
//!                     `-> (not settled) -------> waits again
//! ```
//!
//! A candidate is held against the state that its block begins with before it is given, and
//! against the state so far when the block is filled again.

mod room;

use std::{mem, sync::Arc};

use lockstep_interface::{Address, TransactionError};
use lockstep_store::{StoreError, sync::Shared};
use room::StateRoom;

use super::{build::BuiltBlock, lost::LostBlock, source::TransactionSource};
use crate::{
    bank::{Bank, FrozenBank},
    block::{Block, BlockLimits},
    mempool::{Accepted, BlockRoom, Candidate, Mempool, Rejection, Selection},
    prepare::BlockUsage,
    threads::Threads,
    verify::{ParsedBlock, Refusal, Signatures},
};

/// Fills one block from a pool. The pool is locked while transactions are chosen and while it
/// learns what became of them, not while the block is built.
///
/// The pool must hold transactions with verified signatures only
/// ([`Signatures::Verify`]): they are not verified again, and other
/// nodes refuse a block with a wrong one.
///
/// ```
/// # use std::{error::Error, sync::Arc};
/// # use lockstep_programs::builtin_programs;
/// # use lockstep_runtime::bank::Genesis;
/// # use lockstep_runtime::block::Recording;
/// # use lockstep_runtime::engine::Cancel;
/// # use lockstep_runtime::threads::Threads;
/// # use lockstep_runtime::chain::{BuildRequest, Chain, ChainOptions, PoolSource};
/// # use lockstep_scheduler::{Auto, Mode};
/// # use lockstep_store::{MemoryStore, Trie};
/// use lockstep_runtime::mempool::{Mempool, MempoolLimits};
/// use lockstep_store::sync::Shared;
///
/// # let options = ChainOptions::new(Threads::new(1)?);
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
    /// What was given for the block, in its order, and is not settled.
    given: Vec<Arc<Candidate>>,
    /// What was dropped meanwhile.
    dropped: Settled,
}

/// The fates of a pool's transactions when a block was built. Those of
/// [`refused`](Self::refused), [`unfit`](Self::unfit) and [`expired`](Self::expired) are in the
/// pool no more.
#[derive(Debug, Default)]
pub struct Settled {
    /// Candidates in the block.
    pub included_count: usize,
    /// Candidates that found no room after all, and wait again.
    pub waiting_count: usize,
    /// Those that broke a rule, and which; of a bundle the first reason that is a transaction's
    /// own. They may be submitted again.
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
            given: Vec::new(),
            dropped: Settled::default(),
        }
    }

    /// Notes what was selected, and gives it.
    fn give(&mut self, selection: Selection, room: StateRoom<'_>) -> ParsedBlock {
        let block = selection.to_block();
        let Selection {
            mut taken,
            mut unfit,
            refused,
            ..
        } = selection;
        self.given.append(&mut taken);
        self.dropped.unfit.append(&mut unfit);
        let refusals = room.refusals.into_iter().map(Refusal::Rule);
        self.dropped
            .refused
            .extend(refused.into_iter().zip(refusals));
        block
    }

    /// Tells the pool what became of its transactions, and the caller too. O(given log n).
    ///
    /// What is in the block is forgotten before the block is final: should the block be discarded,
    /// [`LostBlock::restore`] submits its transactions again. A source that is dropped without
    /// this, because no block was built, gives its transactions back.
    ///
    /// # Panics
    /// If the block was built of something else, and has places that this source never gave.
    pub fn settle(mut self, built: &BuiltBlock) -> Settled {
        let given = mem::take(&mut self.given);
        let mut settled = mem::take(&mut self.dropped);
        let counts = given.iter().map(|candidate| candidate.transactions().len());
        let mut refusals: Vec<Option<&Refusal>> = vec![None; counts.sum()];
        for (place, refusal) in &built.refused {
            refusals[*place as usize] = Some(refusal);
        }
        let mut pool = self.pool.write();
        let dropped_count = settled.refused.len();
        let mut rest = &refusals[..];
        for candidate in given {
            let (own, others) = rest.split_at(candidate.transactions().len());
            rest = others;
            match Fate::of(own) {
                Fate::Included => {
                    pool.forget(candidate.message_hashes());
                    settled.included_count = settled.included_count.saturating_add(1);
                }
                Fate::Refused(refusal) => settled.refused.push((candidate, refusal.clone())),
                Fate::NoRoom => {
                    pool.give_back([&candidate]);
                    settled.waiting_count = settled.waiting_count.saturating_add(1);
                }
            }
        }
        // Last, so that those that they evicted find the room that the others leave.
        for (candidate, _) in &settled.refused[dropped_count..] {
            pool.fall_out(candidate.message_hashes());
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
    /// Drops what is too old for a child of the parent or can not pay there, and takes what the
    /// limits leave room for, by the rules of the pool. What it gave before is given back first.
    fn select(&mut self, parent: &FrozenBank, limits: &BlockLimits) -> ParsedBlock {
        let mut room = StateRoom::new(BlockRoom::new(*limits), parent);
        let selection = {
            let mut pool = self.pool.write();
            pool.give_back(&mem::take(&mut self.given));
            let mut expired = pool.expire(parent.blockhashes());
            self.dropped.expired.append(&mut expired);
            pool.select(&mut room)
        };
        self.give(selection, room)
    }

    fn refill(&mut self, state: &FrozenBank, usage: &BlockUsage<Address>) -> ParsedBlock {
        let mut room = StateRoom::new(BlockRoom::after(usage.clone()), state);
        let selection = self.pool.write().select_more(&mut room);
        self.give(selection, room)
    }
}

impl Drop for PoolSource<'_> {
    fn drop(&mut self) {
        self.pool.write().give_back(&self.given);
    }
}

impl LostBlock {
    /// Submits the block's transactions to a pool again, bundles that came from there as bundles.
    /// Their signatures are taken for right, as they were when the block was read or built.
    ///
    /// `bank` is the one in which a block could include them next, a child of the chain's tip: what
    /// the winning blocks include is rejected as a duplicate. The others count as new. The pool is
    /// not locked while the transactions are read.
    ///
    /// Returns what became of each transaction or bundle.
    ///
    /// ```
    /// # use std::{error::Error, sync::Arc};
    /// # use lockstep_programs::builtin_programs;
    /// # use lockstep_runtime::{bank::Genesis, block::Recording, engine::Cancel};
    /// # use lockstep_runtime::threads::Threads;
    /// # use lockstep_runtime::chain::{BuildRequest, Chain, ChainOptions, PoolSource};
    /// # use lockstep_runtime::mempool::{Mempool, MempoolLimits};
    /// # use lockstep_scheduler::{Auto, Mode};
    /// # use lockstep_store::{MemoryStore, Trie, sync::Shared};
    /// # let threads = Threads::new(1)?;
    /// # let options = ChainOptions::new(threads.clone());
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
    /// # let pool = Shared::new(Mempool::new(MempoolLimits::STANDARD));
    /// let lost = chain.subscribe_lost(64);
    /// let built = chain.build(&request, &mut PoolSource::new(&pool), &Cancel::default())?;
    /// chain.discard(&built.id)?;
    /// let tip = chain.bank(&chain.head().0)?;
    /// while let Ok(block) = lost.try_recv() {
    ///     block.restore(&pool, &tip.child(1, 0), &threads)?;
    /// }
    /// # Ok::<(), Box<dyn Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the store fails; the pool has not changed then.
    pub fn restore(
        &self,
        pool: &Shared<Mempool>,
        bank: &Bank,
        threads: &Threads,
    ) -> Result<Vec<Result<Accepted, Rejection>>, StoreError> {
        let block = Block::decode(self.bytes(), &BlockLimits::UNLIMITED);
        let block = block.expect("the block was known");
        let batch = pool.read().bundled(block.body.transactions());
        let candidates = Candidate::read_batch(&batch, bank, Signatures::Trusted, threads)?;
        let mut pool = pool.write();
        let results = candidates.into_iter();
        Ok(results
            .map(|candidate| candidate.and_then(|candidate| pool.submit(candidate)))
            .collect())
    }
}
