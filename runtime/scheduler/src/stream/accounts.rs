//! What is known of each account: which workers have it in flight, and what waits for it.

use std::collections::BinaryHeap;

use super::config::WorkerIndex;
use super::order::{Bound, Entry};
use super::slots::{NONE, Slot, Slots};
use crate::access::Access;

/// How the eldest transaction keeps younger ones from an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Bar {
    #[default]
    None,
    /// It reads the account: writers wait.
    Writers,
    /// It writes the account: all wait.
    All,
}

/// Whether a block has room for more that writes an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Room {
    Enough,
    /// What is in flight may leave enough.
    Later,
    Never,
}

/// One account. An account that is in no use takes no memory besides this.
#[derive(Debug)]
pub(super) struct Account {
    /// The workers on which it is in flight, one bit each.
    workers: u64,
    /// Transactions in flight that write it, all on one worker.
    writers: u32,
    /// Where its transactions in flight are counted by worker; [`NONE`] if there are none.
    row: u32,
    /// The waiting transaction that has it reserved to write it.
    claim: u32,
    /// Waiting transactions that have it reserved to read it.
    claim_readers: u32,
    /// Tells the one entry that stands for it among those of a worker from older ones.
    mark: u32,
    /// The worker that has this entry; [`NONE`] if there is none.
    bound_to: u32,
    /// Cost of what writes it in block `used_in`, in flight or included.
    used: u64,
    /// The part of it that is in flight.
    reserved: u64,
    used_in: u32,
    /// The first of those that wait for it, while it is looked at.
    pub(super) exposed: u32,
    pub(super) bar: Bar,
    pub(super) parked: BinaryHeap<Entry>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            workers: 0,
            writers: 0,
            row: NONE,
            claim: NONE,
            claim_readers: 0,
            mark: 0,
            bound_to: NONE,
            used: 0,
            reserved: 0,
            used_in: 0,
            exposed: NONE,
            bar: Bar::None,
            parked: BinaryHeap::new(),
        }
    }
}

impl Account {
    /// The workers on which something is in flight that conflicts with this use.
    #[inline]
    pub(super) fn held(&self, is_write: bool) -> u64 {
        if is_write || self.writers > 0 {
            self.workers
        } else {
            0
        }
    }

    pub(super) fn workers(&self) -> u64 {
        self.workers
    }

    /// Whether another transaction has it reserved in a way that conflicts with this use.
    #[inline]
    pub(super) fn is_claimed(&self, is_write: bool, slot: u32) -> bool {
        let is_written = self.claim != NONE && self.claim != slot;
        is_written || (is_write && self.claim_readers > 0)
    }

    #[inline]
    pub(super) fn is_barred(&self, is_write: bool) -> bool {
        match self.bar {
            Bar::None => false,
            Bar::Writers => is_write,
            Bar::All => true,
        }
    }

    pub(super) fn claim(&mut self, is_write: bool, slot: u32) {
        if is_write {
            self.claim = slot;
        } else {
            self.claim_readers += 1;
        }
    }

    pub(super) fn unclaim(&mut self, is_write: bool) {
        if is_write {
            self.claim = NONE;
        } else {
            self.claim_readers -= 1;
        }
    }

    /// Whether a block with this number has room for more that writes it.
    #[inline]
    pub(super) fn room(&self, block: u32, cost: u64, cost_max: u64) -> Room {
        let (used, reserved) = match self.used_in == block {
            true => (self.used, self.reserved),
            false => (0, 0),
        };
        if used.saturating_add(cost) <= cost_max {
            Room::Enough
        } else if (used - reserved).saturating_add(cost) <= cost_max {
            Room::Later
        } else {
            Room::Never
        }
    }

    pub(super) fn charge(&mut self, block: u32, cost: u64) {
        if self.used_in != block {
            (self.used, self.reserved, self.used_in) = (0, 0, block);
        }
        self.used = self.used.saturating_add(cost);
        self.reserved = self.reserved.saturating_add(cost);
    }

    /// Takes back what was charged too much, if the block is still the one that was charged.
    pub(super) fn refund(&mut self, block: u32, cost: u64, unused: u64) {
        if self.used_in == block {
            self.reserved = self.reserved.saturating_sub(cost);
            self.used = self.used.saturating_sub(unused).max(self.reserved);
        }
    }

    /// An entry for a worker by which the first of those that wait for the account is found. One
    /// that was made before loses its meaning.
    pub(super) fn bind(&mut self, first: &Entry, id: u32, worker: WorkerIndex) -> Bound {
        self.mark = self.mark.wrapping_add(1);
        self.bound_to = worker.0;
        Bound::new(first, id, self.mark)
    }

    pub(super) fn is_bound_to(&self, worker: WorkerIndex) -> bool {
        self.bound_to == worker.0
    }

    /// Whether this is the entry that stands for the account.
    pub(super) fn is_bound_by(&self, bound: &Bound) -> bool {
        self.bound_to != NONE && self.mark == bound.mark
    }

    /// Notes that the worker's entry is gone.
    pub(super) fn unbind(&mut self) {
        self.bound_to = NONE;
    }

    /// Lets a waiting transaction wait for it. `waiting` are all that wait.
    pub(super) fn park(&mut self, entry: Entry, waiting: usize, slots: &Slots) {
        // At least half of these stand for nothing.
        if self.parked.len() > waiting.saturating_mul(2).saturating_add(64) {
            self.parked.retain(|entry| slots.is_valid(entry));
        }
        self.parked.push(entry);
    }

    /// The first of those that wait for it.
    pub(super) fn first(&mut self, slots: &Slots) -> Option<Entry> {
        while let Some(first) = self.parked.peek() {
            if slots.is_valid(first) {
                return Some(*first);
            }
            self.parked.pop();
        }
        None
    }
}

/// All accounts, and how often each is in flight on each worker.
#[derive(Debug)]
pub(super) struct Accounts {
    accounts: Vec<Account>,
    /// Rows of one number for each worker.
    rows: Vec<u32>,
    free: Vec<u32>,
    workers: usize,
}

impl Accounts {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            accounts: Vec::new(),
            rows: Vec::new(),
            free: Vec::new(),
            workers,
        }
    }

    /// Makes place for the accounts of a transaction.
    pub(super) fn reserve(&mut self, accesses: &[Access]) {
        let indexes = accesses.iter().map(|access| access.account().index() + 1);
        let count = indexes.max().unwrap_or(0);
        if count > self.accounts.len() {
            self.accounts.resize_with(count, Account::default);
        }
    }

    #[inline]
    pub(super) fn get(&self, account: u32) -> &Account {
        &self.accounts[account as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, account: u32) -> &mut Account {
        &mut self.accounts[account as usize]
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> u32 {
        crate::ids::narrow(self.accounts.len())
    }

    /// Whether a transaction has an account in flight or keeps others from it.
    #[cfg(test)]
    pub(super) fn is_taken(&self, account: u32) -> bool {
        let account = self.get(account);
        let is_claimed = account.claim != NONE || account.claim_readers > 0;
        account.workers != 0 || is_claimed || account.bar != Bar::None
    }

    /// Notes that a transaction that uses an account is in flight on a worker.
    pub(super) fn lock(&mut self, account: u32, is_write: bool, worker: WorkerIndex) {
        let place = &mut self.accounts[account as usize];
        if place.row == NONE {
            place.row = self.free.pop().unwrap_or_else(|| {
                let row = self.rows.len() / self.workers;
                self.rows.resize(self.rows.len() + self.workers, 0);
                crate::ids::narrow(row)
            });
        }
        self.rows[place.row as usize * self.workers + worker.index()] += 1;
        place.workers |= worker.bit();
        place.writers += u32::from(is_write);
    }

    /// Notes that such a transaction is no longer in flight. True if something that waits for
    /// the account may have a place now.
    pub(super) fn unlock(&mut self, account: u32, is_write: bool, worker: WorkerIndex) -> bool {
        let place = &mut self.accounts[account as usize];
        let count = &mut self.rows[place.row as usize * self.workers + worker.index()];
        *count -= 1;
        place.writers -= u32::from(is_write);
        let is_last = *count == 0;
        if is_last {
            place.workers &= !worker.bit();
            if place.workers == 0 {
                self.free.push(place.row);
                place.row = NONE;
            }
        }
        is_last || (is_write && place.writers == 0)
    }

    /// Whether another transaction stands before this one at some account of it, and which.
    /// Claims stand before all, the eldest's bar before those without claims.
    pub(super) fn blocked_by(&self, id: u32, slot: &Slot, is_eldest: bool) -> Option<u32> {
        let passes_bars = is_eldest || slot.has_claims();
        let blocker = slot.accesses.iter().find(|access| {
            let account = self.get(access.account().0);
            let is_write = is_write(**access);
            account.is_claimed(is_write, id) || (!passes_bars && account.is_barred(is_write))
        });
        blocker.map(|access| access.account().0)
    }
}

/// A stream knows no credits: what is not a read is a write.
#[inline]
pub(super) fn is_write(access: Access) -> bool {
    !matches!(access.mode(), crate::access::AccessMode::Read)
}
