//! Takes transactions from a validator, has them checked, pools them, and sends them to be executed
//! while the validator is leader.
//!
//! A turn does everything that can be done now and never waits. A [`Driver`] outlives sessions:
//! [`detach`](Driver::detach) takes all that a lost session had in flight back into the pool, and
//! the next session goes on with it. What the lost session has executed all the same is found out
//! then, because the chain knows it.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroU32,
    sync::Arc,
};

use ahash::RandomState;
use lockstep_interface::Hash;
use lockstep_runtime::{
    mempool::{Candidate, Mempool, MempoolLimits, Room, Verdict},
    wire::TransactionView,
};
use lockstep_scheduler::{
    Addresses, Arrival, Completion, Orders, StreamBlock, StreamConfig, StreamScheduler, Ticket,
    WorkerIndex,
};

use crate::{
    entries::Entries,
    figures::Figures,
    v4_3::{
        Check, Execution, LeaderState, Outcome, Progress, Received, Request, Session,
        TRANSACTIONS_MAX, Work,
    },
};

/// Transactions that one turn takes from the network.
const RECEIVE_MAX: usize = 4_096;
/// Requests to check that one worker may have.
const CHECKS_MAX: usize = 4;
/// Transactions that the stream chooses from; the pool has the others.
const WINDOW: usize = 8_192;
/// Times that a transaction may come back.
const TRIES_MAX: u32 = 64;

/// How a validator's blocks are scheduled. Times are in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct DriverOptions {
    /// What the pool holds.
    pub pool: MempoolLimits,
    /// How the stream is scheduled.
    pub stream: StreamConfig,
    /// Time after which a transaction is too old: that of 150 blockhashes.
    pub lifetime: u64,
    /// Time over which a block is filled evenly.
    pub fill_time: u64,
    /// Whether transactions that fail are left out, without a fee.
    pub drops_failing: bool,
    /// Time without a word of the validator, or without an answer of a worker, after which the
    /// session is lost.
    pub silence_max: u64,
}

impl DriverOptions {
    /// Blocks of 400 ms, filled over 350 ms as Agave does.
    pub const fn standard(workers: NonZeroU32) -> Self {
        let mut pool = MempoolLimits::STANDARD;
        // Ages are the stream's work: a pool that is asked each millisecond would age all.
        pool.fairness.patience = 1 << 20;
        Self {
            pool,
            stream: StreamConfig::standard(workers),
            lifetime: 60_000_000,
            fill_time: 350_000,
            drops_failing: false,
            silence_max: 3_000_000,
        }
    }
}

/// What a worker has.
#[derive(Debug)]
enum Sent {
    Check(Vec<Hash>),
    Execute(Vec<Ticket>),
}

#[derive(Debug)]
struct Message {
    worker: usize,
    sent: Sent,
    since: u64,
}

/// The room of the stream's window in the eyes of the pool.
struct Window {
    left: usize,
}

impl Room for Window {
    fn offer(&mut self, _: &Candidate) -> Verdict {
        let Some(left) = self.left.checked_sub(1) else {
            return Verdict::Full;
        };
        self.left = left;
        Verdict::Taken
    }
}

/// Schedules for a validator. See the [module](self).
#[derive(Debug)]
pub struct Driver {
    options: DriverOptions,
    pool: Mempool,
    stream: StreamScheduler,
    addresses: Addresses,
    entries: Entries,
    /// The transaction of each ticket, by its index.
    hashes: Vec<Hash>,
    unchecked: VecDeque<Hash>,
    messages: HashMap<u64, Message, RandomState>,
    /// Tokens in the order in which they were given.
    tokens: VecDeque<u64>,
    token: u64,
    checks: Vec<usize>,
    slot: Option<u64>,
    heard: u64,
    orders: Orders,
    received: Vec<Received>,
    figures: Figures,
}

impl Driver {
    /// A driver without a session.
    pub fn new(options: DriverOptions) -> Self {
        Self {
            options,
            pool: Mempool::new(options.pool),
            stream: StreamScheduler::new(options.stream),
            addresses: Addresses::default(),
            entries: Entries::default(),
            hashes: Vec::new(),
            unchecked: VecDeque::new(),
            messages: HashMap::default(),
            tokens: VecDeque::new(),
            token: 0,
            checks: vec![0; options.stream.workers.get() as usize],
            slot: None,
            heard: 0,
            orders: Orders::default(),
            received: Vec::new(),
            figures: Figures::default(),
        }
    }

    /// What has happened so far.
    pub fn figures(&self) -> Figures {
        Figures {
            pooled: self.pool.len() as u64,
            in_flight: self.stream.in_flight_count() as u64,
            ..self.figures
        }
    }

    /// Transactions that are known and not settled.
    pub fn unsettled_count(&self) -> usize {
        self.entries.len()
    }

    /// Begins with a session, which has as many workers as the stream.
    pub fn attach(&mut self, now: u64) {
        self.heard = now;
        self.figures.sessions += 1;
    }

    /// Whether the session is lost: the validator says nothing, or a worker does not answer.
    pub fn is_lost(&mut self, now: u64) -> bool {
        while let Some(token) = self.tokens.front()
            && !self.messages.contains_key(token)
        {
            self.tokens.pop_front();
        }
        let oldest = self.tokens.front();
        let waits = oldest.map_or(now, |token| self.messages[token].since);
        now.saturating_sub(waits.min(self.heard)) > self.options.silence_max
    }

    /// Takes back all that a lost session had, which is closed then.
    pub fn detach(&mut self, session: Session) {
        self.close();
        for worker in 0..self.options.stream.workers.get() {
            let lost: Vec<Ticket> = self.stream.in_flight(WorkerIndex(worker)).collect();
            for ticket in lost {
                self.complete(ticket, Completion::Retry);
            }
        }
        self.messages.clear();
        self.tokens.clear();
        self.checks.fill(0);
        self.withdraw();
        self.unchecked = self.entries.leave(&session).into();
    }

    /// Does all that can be done now; true if there was something to do.
    pub fn turn(&mut self, session: &mut Session, now: u64) -> bool {
        let mut has_work = false;
        if let Some(progress) = session.progress() {
            self.heard = now;
            self.follow(now, &progress);
            has_work = true;
        }
        has_work |= self.receive(session, now);
        for worker in 0..session.worker_count() {
            while let Some(answer) = session.answer(worker) {
                has_work = true;
                if let Some(message) = self.messages.remove(&answer.token) {
                    self.settle(session, message, answer.outcome);
                }
            }
        }
        self.expire(session, now);
        has_work |= self.send_checks(session, now);
        if self.stream.is_open() {
            self.refill(session, now);
            has_work |= self.execute(session, now);
        } else if self.stream.waiting_count() > 0 {
            self.withdraw();
        }
        has_work
    }

    /// Begins, goes on with, or ends a block.
    fn follow(&mut self, now: u64, progress: &Progress) {
        if progress.state != LeaderState::Ready {
            self.close();
            return;
        }
        if self.slot == Some(progress.slot) {
            self.stream.set_left(progress.cost_left);
            return;
        }
        self.close();
        self.slot = Some(progress.slot);
        self.figures.slots += 1;
        self.addresses.sweep();
        let rest = u64::from(100u8.saturating_sub(progress.percent));
        let block = StreamBlock {
            cost_max: progress.cost_left,
            account_cost_max: self.options.pool.block.account_compute_units_max,
            fill_time: self.options.fill_time * rest / 100,
        };
        self.stream.open(now, block);
    }

    fn close(&mut self) {
        self.stream.close();
        self.slot = None;
    }

    /// Gives what waits in the stream back to the pool.
    fn withdraw(&mut self) {
        let waiting: Vec<Ticket> = self.stream.waiting().collect();
        for ticket in waiting {
            let hash = self.hashes[ticket.index()];
            let cancelled = self.stream.cancel(ticket);
            debug_assert_eq!(cancelled, Ok(()));
            if let Some(entry) = self.entries.get_mut(&hash) {
                entry.release(&mut self.addresses);
                self.pool.give_back(&entry.candidate);
            }
        }
    }

    fn receive(&mut self, session: &mut Session, now: u64) -> bool {
        let mut received = std::mem::take(&mut self.received);
        session.receive(RECEIVE_MAX, &mut received);
        let has_work = !received.is_empty();
        for Received { region, .. } in received.drain(..) {
            self.figures.received += 1;
            let Ok(view) = TransactionView::parse(session.bytes(&region)) else {
                self.figures.refused += 1;
                session.free(region);
                continue;
            };
            let hash = view.message_hash();
            let deadline = now + self.options.lifetime;
            match self.entries.insert(hash, region, deadline) {
                Ok(()) => self.unchecked.push_back(hash),
                Err(region) => {
                    self.figures.repeated += 1;
                    session.free(region);
                }
            }
        }
        self.received = received;
        has_work
    }

    /// Asks workers to check what came, those with the fewest requests first.
    fn send_checks(&mut self, session: &mut Session, now: u64) -> bool {
        let mut has_work = false;
        while !self.unchecked.is_empty() {
            let workers = self.checks.iter().enumerate();
            let least = workers.min_by_key(|(_, count)| **count);
            let Some((worker, _)) = least.filter(|(_, count)| **count < CHECKS_MAX) else {
                break;
            };
            let count = self.unchecked.len().min(TRANSACTIONS_MAX);
            let mut hashes: Vec<Hash> = self.unchecked.drain(..count).collect();
            let entries = &mut self.entries;
            hashes.retain(|hash| entries.get(hash).is_some());
            let is_placed = hashes.iter().all(|hash| {
                let entry = entries.get_mut(hash);
                entry.is_some_and(|entry| entry.place(session))
            });
            if hashes.is_empty() {
                continue;
            }
            let regions: Vec<_> = hashes
                .iter()
                .filter_map(|hash| entries.get(hash)?.region.as_ref())
                .collect();
            let request = Request {
                work: Work::Check,
                slot_max: u64::MAX,
                token: self.token,
            };
            if !is_placed || !session.send(worker, request, regions.into_iter()) {
                self.figures.full += 1;
                self.unchecked.extend(hashes);
                break;
            }
            self.checks[worker] += 1;
            self.note(worker, Sent::Check(hashes), now);
            has_work = true;
        }
        has_work
    }

    fn note(&mut self, worker: usize, sent: Sent, since: u64) {
        let message = Message {
            worker,
            sent,
            since,
        };
        self.messages.insert(self.token, message);
        self.tokens.push_back(self.token);
        self.token += 1;
    }

    /// Settles what a worker answers.
    fn settle(&mut self, session: &mut Session, message: Message, outcome: Outcome) {
        match (message.sent, outcome) {
            (Sent::Check(hashes), outcome) => {
                self.checks[message.worker] -= 1;
                let Outcome::Checked(checks) = outcome else {
                    // The worker has not looked at them.
                    self.unchecked.extend(hashes);
                    return;
                };
                for (hash, check) in hashes.iter().zip(checks) {
                    self.pool_checked(session, hash, &check);
                }
            }
            (Sent::Execute(tickets), Outcome::Executed(executions)) => {
                for (ticket, execution) in tickets.into_iter().zip(executions) {
                    self.settle_one(session, ticket, execution);
                }
            }
            (Sent::Execute(tickets), _) => {
                for ticket in tickets {
                    self.settle_one(session, ticket, Execution::Again);
                }
            }
        }
    }

    /// Puts a checked transaction into the pool.
    fn pool_checked(&mut self, session: &mut Session, hash: &Hash, check: &Check) {
        let Some(entry) = self.entries.get_mut(hash) else {
            return;
        };
        let balance = check.payer_balance.unwrap_or(u64::MAX);
        let bytes = entry.bytes(session);
        let candidate = match check.refusal {
            None => Candidate::checked_outside(bytes, &check.loaded, balance).ok(),
            Some(_) => None,
        };
        let accepted = candidate.and_then(|candidate| self.pool.submit(candidate).ok());
        let Some(accepted) = accepted else {
            self.figures.refused += 1;
            self.entries
                .remove(hash, Some(session), &mut self.addresses);
            return;
        };
        let bytes = bytes.to_vec();
        if let Ok(view) = TransactionView::parse(&bytes) {
            entry.note_accounts(&view, &check.loaded);
        }
        entry.candidate = Some(accepted.candidate);
        entry.bytes = Vec::new();
        // Those that had to go may come back; until then they take no shared memory.
        for evicted in &accepted.evicted {
            for hash in evicted.message_hashes() {
                let entry = self.entries.get_mut(hash);
                if let Some(region) = entry.and_then(|entry| entry.region.take()) {
                    session.free(region);
                }
            }
        }
    }

    /// Fills the stream's window from the pool.
    fn refill(&mut self, session: &mut Session, now: u64) {
        let left = WINDOW.saturating_sub(self.stream.waiting_count());
        if left == 0 || self.pool.waiting_count() == 0 {
            return;
        }
        let selection = self.pool.select_more(&mut Window { left });
        for candidate in selection.taken {
            let hash = candidate.message_hashes().next().copied();
            let hash = hash.unwrap_or_default();
            let entry = self.entries.get(&hash);
            if entry.is_none_or(|entry| entry.deadline < now) {
                self.figures.expired += 1;
                self.drop(session, &hash);
            } else if !self.enter(now, &hash, &candidate) {
                self.pool.give_back([&candidate]);
            }
        }
    }

    /// Lets the stream schedule a transaction of the pool.
    fn enter(&mut self, now: u64, hash: &Hash, candidate: &Arc<Candidate>) -> bool {
        let Some(entry) = self.entries.get_mut(hash) else {
            return false;
        };
        entry.acquire(&mut self.addresses);
        let arrival = Arrival {
            accesses: &entry.accesses,
            fee: candidate.fee(),
            cost: candidate.compute_units(),
            deadline: entry.deadline,
        };
        let Ok(ticket) = self.stream.arrive(now, &arrival) else {
            entry.release(&mut self.addresses);
            return false;
        };
        let count = self.hashes.len().max(ticket.index() + 1);
        self.hashes.resize(count, Hash::default());
        self.hashes[ticket.index()] = *hash;
        true
    }

    /// Sends workers what they are to run next.
    fn execute(&mut self, session: &mut Session, now: u64) -> bool {
        let mut orders = std::mem::take(&mut self.orders);
        self.stream.schedule(now, &mut orders);
        for ticket in &orders.expired {
            let hash = self.hashes[ticket.index()];
            self.drop(session, &hash);
            self.figures.expired += 1;
        }
        let has_work = !orders.assigned.is_empty();
        let mut batches = vec![Vec::new(); session.worker_count()];
        for order in &orders.assigned {
            let worker = order.worker.index();
            batches[worker].push(order.ticket);
            if batches[worker].len() == TRANSACTIONS_MAX {
                let batch = std::mem::take(&mut batches[worker]);
                self.send(session, worker, batch, now);
            }
        }
        for (worker, batch) in batches.into_iter().enumerate() {
            if !batch.is_empty() {
                self.send(session, worker, batch, now);
            }
        }
        self.orders = orders;
        has_work
    }

    /// Sends a worker transactions to execute; they wait again if there is no room.
    fn send(&mut self, session: &mut Session, worker: usize, batch: Vec<Ticket>, now: u64) {
        let hashes: Vec<Hash> = batch
            .iter()
            .map(|ticket| self.hashes[ticket.index()])
            .collect();
        let entries = &mut self.entries;
        let is_placed = hashes.iter().all(|hash| {
            let entry = entries.get_mut(hash);
            entry.is_some_and(|entry| entry.place(session))
        });
        let regions: Vec<_> = hashes
            .iter()
            .filter_map(|hash| entries.get(hash)?.region.as_ref())
            .collect();
        let request = Request {
            work: Work::Execute {
                drop_on_failure: self.options.drops_failing,
                all_or_nothing: false,
            },
            slot_max: self.slot.unwrap_or(0),
            token: self.token,
        };
        if is_placed && session.send(worker, request, regions.into_iter()) {
            self.figures.executed += batch.len() as u64;
            self.note(worker, Sent::Execute(batch), now);
            return;
        }
        self.figures.full += 1;
        for ticket in batch {
            self.complete(ticket, Completion::Retry);
        }
    }

    /// Settles one transaction that was executed, or has it wait again.
    fn settle_one(&mut self, session: &mut Session, ticket: Ticket, execution: Execution) {
        let hash = self.hashes[ticket.index()];
        match execution {
            Execution::Included { cost } => {
                self.complete(ticket, Completion::Included { cost });
                self.figures.included += 1;
                self.figures.cost += cost;
                if let Some(entry) = self.entries.get(&hash) {
                    self.figures.fees += entry.candidate.as_ref().map_or(0, |one| one.fee());
                }
                self.forget(session, &hash);
            }
            Execution::Processed => {
                self.complete(ticket, Completion::Dropped);
                self.figures.processed += 1;
                self.forget(session, &hash);
            }
            Execution::NoRoom => {
                // Until the validator says how much is left.
                self.stream.set_left(0);
                self.figures.retried += 1;
                self.complete(ticket, Completion::Retry);
            }
            Execution::Again => {
                let entry = self.entries.get_mut(&hash);
                let tries = entry.map_or(u32::MAX, |entry| {
                    entry.tries += 1;
                    entry.tries
                });
                if tries <= TRIES_MAX {
                    self.figures.retried += 1;
                    self.complete(ticket, Completion::Retry);
                } else {
                    self.complete(ticket, Completion::Dropped);
                    self.drop(session, &hash);
                }
            }
            Execution::Refused { .. } => {
                self.complete(ticket, Completion::Dropped);
                self.drop(session, &hash);
            }
        }
    }

    fn complete(&mut self, ticket: Ticket, completion: Completion) {
        let completed = self.stream.complete(ticket, completion);
        completed.expect("a worker has each transaction once");
    }

    /// Forgets a transaction that a block includes.
    fn forget(&mut self, session: &mut Session, hash: &Hash) {
        self.pool.forget([hash]);
        self.entries
            .remove(hash, Some(session), &mut self.addresses);
    }

    /// Forgets a transaction that no block includes.
    fn drop(&mut self, session: &mut Session, hash: &Hash) {
        self.figures.dropped += 1;
        self.pool.fall_out([hash]);
        self.entries
            .remove(hash, Some(session), &mut self.addresses);
    }

    /// Forgets what is too old and neither in the stream nor being checked.
    fn expire(&mut self, session: &mut Session, now: u64) {
        while let Some(hash) = self.entries.next_late(now) {
            let entry = self.entries.get(&hash);
            // The stream has its own deadlines, and workers answer.
            let is_elsewhere =
                entry.is_none_or(|entry| !entry.accesses.is_empty() || entry.candidate.is_none());
            if !is_elsewhere {
                self.figures.expired += 1;
                self.drop(session, &hash);
            }
        }
    }
}
