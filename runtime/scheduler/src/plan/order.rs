//! Turns a plan with waits into its canonical order.
//!
//! Rule: batch by batch; inside a batch without waits, lane by lane; inside one with waits,
//! always the lowest-numbered transaction that is next in its lane and whose awaited
//! transactions are all done. Where waits form a circle, what is left follows lane by lane; the
//! checker then finds a transaction in front of one it waits for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Batch, Plan, Wait};
use crate::ids::{TransactionIndex, narrow};

const NOBODY: u32 = u32::MAX;

/// Arguments: a plan whose items, ends and waits are set. Returns its transactions in canonical
/// order. O((n + waits) log lanes).
pub(super) fn canonical_order(plan: &Plan) -> Vec<TransactionIndex> {
    let mut merge = Merge {
        order: Vec::with_capacity(plan.items.len()),
        done: vec![false; plan.items.len()],
        parked: vec![NOBODY; plan.items.len()],
    };
    for batch in plan.batches() {
        if batch.waits().is_empty() {
            for &transaction in batch.transactions() {
                merge.finish(transaction);
            }
        } else if !merge.in_block_order(batch) {
            merge.batch(batch);
        }
    }
    merge.order
}

struct Merge {
    order: Vec<TransactionIndex>,
    /// By transaction; a valid plan names none beyond its own length.
    done: Vec<bool>,
    /// By transaction: the first lane that is parked until it is done.
    parked: Vec<u32>,
}

/// One lane on its way through a batch.
struct Head<'a> {
    transactions: &'a [TransactionIndex],
    waits: &'a [Wait],
    /// The next lane parked on the same transaction.
    next_parked: u32,
}

impl Merge {
    fn finish(&mut self, transaction: TransactionIndex) {
        self.order.push(transaction);
        if let Some(done) = self.done.get_mut(transaction.index()) {
            *done = true;
        }
    }

    /// Finishes the batch in ascending order if lanes and waits all lead from lower to higher
    /// numbers, so that ascending order is the canonical one. Says whether it did.
    fn in_block_order(&mut self, batch: Batch<'_>) -> bool {
        let ascends = batch.lanes().all(<[_]>::is_sorted)
            && batch
                .waits()
                .iter()
                .all(|wait| wait.after < wait.transaction);
        if !ascends {
            return false;
        }
        let start = self.order.len();
        for &transaction in batch.transactions() {
            self.finish(transaction);
        }
        // One that waits for a later batch, or for no transaction, would never start.
        let is_done = |wait: &Wait| self.done.get(wait.after.index()) == Some(&true);
        if batch.waits().iter().all(is_done) {
            // The lanes are ascending runs, which this sort merges.
            self.order[start..].sort();
            return true;
        }
        for &transaction in batch.transactions() {
            if let Some(done) = self.done.get_mut(transaction.index()) {
                *done = false;
            }
        }
        self.order.truncate(start);
        false
    }

    fn batch(&mut self, batch: Batch<'_>) {
        let mut heads: Vec<Head<'_>> = batch
            .lanes_with_waits()
            .map(|lane| Head {
                transactions: lane.transactions,
                waits: lane.waits,
                next_parked: NOBODY,
            })
            .collect();
        let mut ready = BinaryHeap::new();
        for lane in 0..narrow(heads.len()) {
            self.advance(&mut heads, lane, &mut ready);
        }
        while let Some(Reverse((transaction, lane))) = ready.pop() {
            self.finish(transaction);
            let head = &mut heads[lane as usize];
            head.transactions = &head.transactions[1..];
            self.advance(&mut heads, lane, &mut ready);
            let mut woken = match self.parked.get_mut(transaction.index()) {
                Some(first) => std::mem::replace(first, NOBODY),
                None => NOBODY,
            };
            while woken != NOBODY {
                let next = std::mem::replace(&mut heads[woken as usize].next_parked, NOBODY);
                self.advance(&mut heads, woken, &mut ready);
                woken = next;
            }
        }
        for head in heads {
            // Only a circle leaves anything; no transaction of a later batch must find it parked.
            if let Some(wait) = head.waits.first()
                && let Some(parked) = self.parked.get_mut(wait.after.index())
            {
                *parked = NOBODY;
            }
            for &transaction in head.transactions {
                self.finish(transaction);
            }
        }
    }

    /// Makes the lane's next transaction ready, or parks the lane on what it waits for.
    fn advance(
        &mut self,
        heads: &mut [Head<'_>],
        lane: u32,
        ready: &mut BinaryHeap<Reverse<(TransactionIndex, u32)>>,
    ) {
        let head = &mut heads[lane as usize];
        let Some(&transaction) = head.transactions.first() else {
            return;
        };
        while let Some((wait, rest)) = head.waits.split_first() {
            if wait.transaction != transaction {
                break;
            }
            let after = wait.after.index();
            match self.done.get(after) {
                Some(true) => head.waits = rest,
                Some(false) => {
                    head.next_parked = std::mem::replace(&mut self.parked[after], lane);
                    return;
                }
                None => return,
            }
        }
        ready.push(Reverse((transaction, lane)));
    }
}
