//! Hands the transactions of a batch to idle workers, as soon as they can run.
//!
//! Each transaction counts its unfinished predecessors. The worker that finishes a transaction
//! lowers the counts of its successors. A successor whose count is zero is ready: the worker goes
//! on with the first of them, and puts the others into a [`ReadySet`] that all workers share.
//!
//! Nothing here takes a lock. A worker that finds nothing ready looks again until something is,
//! or until all transactions have finished.

use lockstep_scheduler::{Batch, DependencyGraph, Dispatch};

use super::{
    barrier::{Barrier, Poisoned},
    ready::{Queue, Ranks},
    sync::{AtomicU32, AtomicUsize, Ordering},
    wait::Padded,
};

/// The transactions of a batch by their position in it, and which of them can run.
#[derive(Debug)]
pub(super) struct Dispatcher {
    graph: DependencyGraph,
    /// By position: unfinished predecessors. A transaction with at most one does not use it.
    missing: Box<[AtomicU32]>,
    ready: ReadySet,
    transaction_count: usize,
    /// Transactions that have finished and that their workers have added here.
    finished: Padded<AtomicUsize>,
}

/// The transactions that can run and that no worker has taken.
#[derive(Debug)]
enum ReadySet {
    Queue(Box<Queue>),
    Ranks(Ranks),
}

impl Dispatcher {
    /// Ready to work on a batch that the checker has accepted. O(transactions + waits).
    pub(super) fn new(batch: Batch<'_>) -> Self {
        let graph = DependencyGraph::of(batch);
        let counts = graph.predecessor_counts();
        let roots = (0u32..).zip(counts).filter(|(_, count)| **count == 0);
        let roots = roots.map(|(position, _)| position);
        Self {
            missing: counts.iter().copied().map(AtomicU32::new).collect(),
            ready: match batch.dispatch() {
                Dispatch::Ranked => ReadySet::Ranks(Ranks::new(counts.len(), roots)),
                Dispatch::Queued | Dispatch::Static => {
                    ReadySet::Queue(Box::new(Queue::new(counts.len(), roots)))
                }
            },
            transaction_count: counts.len(),
            graph,
            finished: Padded::default(),
        }
    }

    /// Takes part until all transactions have finished, each run by one worker.
    ///
    /// # Errors
    /// If another worker has panicked.
    pub(super) fn work(&self, barrier: &Barrier, mut run: impl FnMut(u32)) -> Result<(), Poisoned> {
        let mut untold = 0usize;
        while let Some(first) = self.take(&mut untold, barrier)? {
            let mut next = Some(first);
            while let Some(position) = next {
                run(position);
                untold = untold.saturating_add(1);
                next = self.release(position);
            }
        }
        Ok(())
    }

    /// The next transaction to run; `None` if there will be no other.
    fn take(&self, untold: &mut usize, barrier: &Barrier) -> Result<Option<u32>, Poisoned> {
        let mut ticket = None;
        let mut patience = barrier.patience();
        loop {
            let found = match &self.ready {
                ReadySet::Queue(queue) => queue.take(&mut ticket),
                ReadySet::Ranks(ranks) => ranks.take(),
            };
            if found.is_some() {
                return Ok(found);
            }
            if *untold > 0 {
                self.finished.0.fetch_add(*untold, Ordering::Release);
                *untold = 0;
            }
            if self.finished.0.load(Ordering::Acquire) == self.transaction_count {
                return Ok(None);
            }
            barrier.check()?;
            patience.wait();
        }
    }

    /// After a transaction has finished: its successor that the worker goes on with, if any. Under
    /// ranked dispatch it is the lowest of all that are ready, so the set would give it back.
    fn release(&self, position: u32) -> Option<u32> {
        let mut next = None;
        for &successor in self.graph.successors(position) {
            let is_ready = self.graph.predecessor_count(successor) == 1
                || self.missing[successor as usize].fetch_sub(1, Ordering::AcqRel) == 1;
            if !is_ready {
                continue;
            }
            match (&self.ready, next) {
                (_, None) => next = Some(successor),
                (ReadySet::Queue(queue), Some(_)) => queue.put(successor),
                (ReadySet::Ranks(ranks), Some(other)) => {
                    ranks.put(successor.max(other));
                    next = Some(successor.min(other));
                }
            }
        }
        if let (ReadySet::Ranks(ranks), Some(position)) = (&self.ready, next)
            && ranks.has_below(position)
        {
            ranks.put(position);
            next = None;
        }
        next
    }
}
