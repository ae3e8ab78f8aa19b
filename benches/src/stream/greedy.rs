//! The rules of Agave's greedy scheduler, written anew, and the same rules by order of arrival.
//!
//! Each pass goes through all that waits, best first, and sends what can be sent now: to the thread
//! that has its accounts in flight, if that is one alone, else to the one with the least in flight.
//! What can not stays where it is. A thread is full when a share of a quarter of a block is in
//! flight on it. A batch is sent when it has 64 transactions or 15 % of 32 shreds of bytes, and at
//! the end of a pass.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::load::{StreamLoad, StreamTransaction};
use super::simulate::{Discipline, Message, SimulationOptions};

const BATCH_MAX: usize = 64;
/// 15 % of the bytes of 32 data shreds.
const BATCH_BYTES: u64 = 4_600;

/// What is in flight of one account.
#[derive(Clone, Debug, Default)]
struct Locks {
    writes: u32,
    /// By thread, reads and writes.
    uses: Vec<u32>,
    threads: u64,
}

/// Agave's greedy scheduler.
#[derive(Debug)]
pub struct Greedy {
    options: SimulationOptions,
    is_by_arrival: bool,
    waiting: BTreeSet<(Reverse<u64>, usize)>,
    locks: Vec<Locks>,
    thread_of: Vec<usize>,
    in_flight: Vec<(u64, u64)>,
    opened: u64,
    block_used: u64,
}

impl Greedy {
    /// As Agave has it: by fee per compute unit.
    pub fn new(options: &SimulationOptions) -> Self {
        Self {
            options: *options,
            is_by_arrival: false,
            waiting: BTreeSet::new(),
            locks: Vec::new(),
            thread_of: Vec::new(),
            in_flight: vec![(0, 0); options.workers as usize],
            opened: 0,
            block_used: 0,
        }
    }

    /// First come, first served.
    pub fn fifo(options: &SimulationOptions) -> Self {
        Self {
            is_by_arrival: true,
            ..Self::new(options)
        }
    }

    fn key(&self, position: usize, transaction: &StreamTransaction) -> (Reverse<u64>, usize) {
        let priority = match self.is_by_arrival {
            true => 0,
            false => transaction.priority(),
        };
        (Reverse(priority), position)
    }

    /// Threads on which a transaction could go as far as accounts are concerned.
    fn allowed(&self, transaction: &StreamTransaction) -> u64 {
        let mut allowed = u64::MAX;
        for access in &transaction.accesses {
            let locks = &self.locks[access.account().index()];
            let held = match access.is_write() || locks.writes > 0 {
                true => locks.threads,
                false => 0,
            };
            match held.count_ones() {
                0 => {}
                1 => allowed &= held,
                _ => return 0,
            }
        }
        allowed
    }

    fn lock(&mut self, transaction: &StreamTransaction, thread: usize) {
        for access in &transaction.accesses {
            let locks = &mut self.locks[access.account().index()];
            locks.uses.resize(self.options.workers as usize, 0);
            locks.uses[thread] += 1;
            locks.threads |= 1 << thread;
            locks.writes += u32::from(access.is_write());
        }
    }

    fn unlock(&mut self, transaction: &StreamTransaction, thread: usize) {
        for access in &transaction.accesses {
            let locks = &mut self.locks[access.account().index()];
            locks.uses[thread] -= 1;
            if locks.uses[thread] == 0 {
                locks.threads &= !(1 << thread);
            }
            locks.writes -= u32::from(access.is_write());
        }
    }

    /// Compute units that may be scheduled now, as the pacer has it.
    fn budget(&self, now: u64) -> u64 {
        let elapsed = (now - self.opened) / 1_000_000;
        let fill = self.options.fill_time / 1_000_000;
        let target = match elapsed >= fill {
            true => self.options.block_units,
            false => self.options.block_units / fill * elapsed,
        };
        target.saturating_sub(self.block_used)
    }
}

impl Discipline for Greedy {
    fn name(&self) -> &'static str {
        if self.is_by_arrival { "fifo" } else { "greedy" }
    }

    fn open(&mut self, now: u64) {
        self.opened = now;
        self.block_used = 0;
    }

    fn arrive(&mut self, _: u64, position: usize, transaction: &StreamTransaction) {
        let last = transaction
            .accesses
            .iter()
            .map(|access| access.account().index() + 1)
            .max();
        self.locks
            .resize(self.locks.len().max(last.unwrap_or(0)), Locks::default());
        self.thread_of
            .resize(self.thread_of.len().max(position + 1), usize::MAX);
        self.waiting.insert(self.key(position, transaction));
    }

    fn complete(&mut self, position: usize, transaction: &StreamTransaction, is_included: bool) {
        let thread = self.thread_of[position];
        self.unlock(transaction, thread);
        self.in_flight[thread].0 -= transaction.limit;
        self.in_flight[thread].1 -= 1;
        match is_included {
            true => self.block_used += transaction.units,
            false => {
                self.waiting.insert(self.key(position, transaction));
            }
        }
    }

    fn schedule(&mut self, now: u64, load: &StreamLoad, out: &mut Vec<Message>) {
        let workers = self.options.workers as usize;
        let target = self.options.block_units / 4 / workers as u64;
        let is_open = |in_flight: &[(u64, u64)], thread: usize| in_flight[thread].0 < target;
        let mut open = (0..workers)
            .filter(|thread| is_open(&self.in_flight, *thread))
            .count();
        let mut budget = self.budget(now);
        if open == 0 || budget == 0 {
            return;
        }
        let mut batches: Vec<(Vec<usize>, u64)> = vec![(Vec::new(), 0); workers];
        let send = |batches: &mut Vec<(Vec<usize>, u64)>, out: &mut Vec<Message>| {
            for (worker, batch) in batches.iter_mut().enumerate() {
                let (transactions, _) = std::mem::take(batch);
                if !transactions.is_empty() {
                    out.push(Message {
                        worker,
                        transactions,
                    });
                }
            }
        };
        let mut sent = Vec::new();
        let waiting = std::mem::take(&mut self.waiting);
        for key in &waiting {
            if open == 0 || budget == 0 {
                break;
            }
            let transaction = &load.transactions[key.1];
            let allowed = self.allowed(transaction);
            let threads = (0..workers).filter(|thread| allowed & (1 << thread) != 0);
            let threads = threads.filter(|thread| is_open(&self.in_flight, *thread));
            let Some(thread) = threads.min_by_key(|thread| self.in_flight[*thread]) else {
                continue;
            };
            self.lock(transaction, thread);
            self.thread_of[key.1] = thread;
            self.in_flight[thread].0 += transaction.limit;
            self.in_flight[thread].1 += 1;
            open -= usize::from(!is_open(&self.in_flight, thread));
            budget = budget.saturating_sub(transaction.limit);
            batches[thread].0.push(key.1);
            batches[thread].1 += transaction.size();
            if batches[thread].0.len() >= BATCH_MAX || batches[thread].1 >= BATCH_BYTES {
                send(&mut batches, out);
            }
            sent.push(*key);
        }
        send(&mut batches, out);
        self.waiting = waiting;
        for key in sent {
            self.waiting.remove(&key);
        }
    }
}
