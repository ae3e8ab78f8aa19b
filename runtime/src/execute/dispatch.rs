//! Hands the transactions of a batch to whoever is idle, as soon as they can run.
//!
//! Each transaction counts what it still has to wait for. Whoever finishes a transaction lowers
//! its successors' counts; it goes on with the first successor that has none left, and puts the
//! others into a queue that all workers share.
//!
//! ```text
//! slots    [ t0 | t1 | t4 | .. | .. ]     as many as transactions: each is queued once at most
//!                 head      tail          a worker that draws a ticket owns that slot
//! ```
//!
//! Nothing here takes a lock. A worker whose slot is empty waits until it is filled, or until all
//! transactions have finished and it never will be.

use lockstep_scheduler::{Batch, DependencyGraph};

use super::{
    barrier::{Barrier, Poisoned},
    sync::{AtomicU32, AtomicUsize, Ordering},
    wait::{Padded, Patience},
};

/// What an empty slot holds; no batch has as many transactions.
const EMPTY: u32 = u32::MAX;

/// The transactions of a batch by their position in it, and which of them can run.
#[derive(Debug)]
pub(super) struct Dispatcher {
    graph: DependencyGraph,
    /// By position: predecessors that have not finished. Not used where there is at most one.
    missing: Box<[AtomicU32]>,
    slots: Box<[AtomicU32]>,
    /// Tickets drawn.
    head: Padded<AtomicUsize>,
    /// Slots filled, or about to be.
    tail: Padded<AtomicUsize>,
    /// Transactions that have finished, as far as their workers have told.
    finished: Padded<AtomicUsize>,
}

impl Dispatcher {
    /// Ready to work on a batch that the checker has accepted. O(transactions + waits).
    pub(super) fn new(batch: Batch<'_>) -> Self {
        let graph = DependencyGraph::of(batch);
        let counts = graph.predecessor_counts();
        let roots = (0u32..).zip(counts).filter(|(_, count)| **count == 0);
        let mut slots: Vec<u32> = roots.map(|(position, _)| position).collect();
        let root_count = slots.len();
        slots.resize(counts.len(), EMPTY);
        Self {
            missing: counts.iter().copied().map(AtomicU32::new).collect(),
            slots: slots.into_iter().map(AtomicU32::new).collect(),
            graph,
            head: Padded::default(),
            tail: Padded(AtomicUsize::new(root_count)),
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

    /// The transaction that has been ready longest; `None` if there will be no other.
    fn take(&self, untold: &mut usize, barrier: &Barrier) -> Result<Option<u32>, Poisoned> {
        let ticket = self.head.0.fetch_add(1, Ordering::Relaxed);
        let Some(slot) = self.slots.get(ticket) else {
            self.tell(untold);
            return Ok(None);
        };
        let mut patience = Patience::default();
        loop {
            let position = slot.load(Ordering::Acquire);
            if position != EMPTY {
                return Ok(Some(position));
            }
            self.tell(untold);
            if self.finished.0.load(Ordering::Acquire) == self.slots.len() {
                return Ok(None);
            }
            barrier.check()?;
            patience.wait();
        }
    }

    fn tell(&self, untold: &mut usize) {
        if *untold > 0 {
            self.finished.0.fetch_add(*untold, Ordering::Release);
            *untold = 0;
        }
    }

    /// After a transaction has finished: one that can run now, the others go to the queue.
    fn release(&self, position: u32) -> Option<u32> {
        let mut next = None;
        for &successor in self.graph.successors(position) {
            let is_ready = self.graph.predecessor_count(successor) == 1
                || self.missing[successor as usize].fetch_sub(1, Ordering::AcqRel) == 1;
            if is_ready && next.is_none() {
                next = Some(successor);
            } else if is_ready {
                let slot = self.tail.0.fetch_add(1, Ordering::Relaxed);
                self.slots[slot].store(successor, Ordering::Release);
            }
        }
        next
    }
}
