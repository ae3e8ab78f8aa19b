//! Schedules a stream: transactions come in one by one, and workers get the next ones to run.
//!
//! ```text
//! arrive -> waiting -> schedule -> in flight on one worker -> complete -> settled, or waits again
//!             |  ^         |
//!             |  +- expose +-> parked on the account that it waits for
//!             +-> cancel, expire
//! ```
//!
//! The planner of whole [`Plan`](crate::Plan)s knows all transactions of a block before the first
//! runs. Here they come while others run, and the next decision is made when a worker has room. A
//! lane is the queue of a worker, which runs it from front to back; what would be a wait between
//! two lanes is kept back until the transaction that it waits for is complete.
//!
//! Like the planner it is pure: it knows accounts by number, runs nothing and reads no clock. Time
//! comes in as a number that never falls, in any unit. The same calls give the same orders.
//!
//! # What is promised
//! - Two transactions in flight at once that conflict are on one worker, which runs them in the
//!   order in which they were assigned.
//! - Every transaction is in one place: waiting, in flight, or settled. It is assigned at most
//!   once for each time that it waits.
//! - A worker gets nothing while the work in flight there is above [`StreamConfig::queue_low`] and
//!   it has [`StreamConfig::queue_count_min`] transactions. Short queues keep few accounts busy,
//!   and leave the choice of what is next until it must be made.
//! - A block gets no more cost than [`StreamBlock::cost_max`], nor an account more than
//!   [`StreamBlock::account_cost_max`], if no transaction costs more than it said.
//! - Of two waiting transactions that write one account and use no other, at the same cost, the one
//!   with more fee per cost goes first, and of equals the one that came first, unless the other has
//!   a claim or is the eldest.
//!
//! # Order
//! Waiting transactions are looked at by fee per cost, then by arrival. One that has no place now
//! is parked on an account that stands in its way, and looked at again when that account changes.
//! So each look costs O(accesses + log waiting), and a line of thousands for one hot account is not
//! looked at again and again: only its first is.
//!
//! | what is in flight in the way of it | what happens |
//! |---|---|
//! | nothing | it goes to the least busy worker that has room |
//! | on one worker, which has room | it goes there, behind that |
//! | on one worker without room | it is the worker's to take as soon as there is room |
//! | on several workers | it reserves accounts until all but one of them are done |
//!
//! In the last case one worker is kept, the one with the longest line: its chain goes on. When it
//! is the transaction's turn there, it *claims* its accounts on the others, and those that are not
//! in flight; nothing that conflicts with a claim is assigned before it. So a transaction over two
//! hot accounts, which would else never find both free, waits for the queue of one worker only.
//! While there are claims queues are shorter, and at most [`StreamConfig::claims_max`] are made for
//! the sake of one worker: a claim keeps accounts from all others for as long as it lasts.
//!
//! *No deadlock.* A transaction claims only while no claim of another stands in its way, so at that
//! moment it waits for none. Suppose that claims wait for each other in a cycle, and look at the
//! last claim made in it: its transaction waited for none then, so the claim that it waits for
//! now was made later, which contradicts the choice. What is in flight waits for nothing.
//!
//! # Age
//! A transaction that has waited for [`StreamConfig::age_max`] is aged. The *eldest*, one at a
//! time, goes before all others: it is looked at first, and nothing that conflicts with it is
//! assigned before it, claims that were made before excepted. Those are finite and no new ones are
//! made, so it is passed over at most once for each of them. A share of the cost of all that is
//! assigned, [`StreamConfig::aged_per_mille`], pays for the aged, oldest first. So a transaction of
//! cost `c` that waits behind aged ones of cost `a` is assigned before others of cost
//! `1000 (a + c) / aged_per_mille` are, unless its block has no room for it.
//!
//! ```
//! use std::num::NonZeroU32;
//! use lockstep_scheduler::{
//!     Access, AccountIndex, Arrival, Completion, Orders, StreamBlock, StreamConfig,
//!     StreamScheduler, WorkerIndex,
//! };
//!
//! let workers = NonZeroU32::new(2).expect("two is not zero");
//! let mut stream = StreamScheduler::new(StreamConfig::standard(workers));
//! let [a, b, c] = [0, 1, 2].map(|number| Access::write(AccountIndex(number)));
//! let mut arrive = |stream: &mut StreamScheduler, accesses: &[Access], fee| {
//!     let arrival = Arrival { accesses, fee, cost: 1_000, deadline: 90 };
//!     stream.arrive(0, &arrival).expect("there is room")
//! };
//! let first = arrive(&mut stream, &[a], 30);
//! let second = arrive(&mut stream, &[b], 20);
//! let third = arrive(&mut stream, &[a, b, c], 10);
//!
//! let mut orders = Orders::default();
//! stream.open(0, StreamBlock::UNLIMITED);
//! stream.schedule(0, &mut orders);
//! let assigned = |orders: &Orders| {
//!     let assigned = orders.assigned.iter();
//!     assigned.map(|order| (order.worker, order.ticket)).collect::<Vec<_>>()
//! };
//! // The third conflicts with both and can be on one worker only.
//! assert_eq!(assigned(&orders), [(WorkerIndex(0), first), (WorkerIndex(1), second)]);
//!
//! stream.complete(second, Completion::Included { cost: 900 })?;
//! stream.schedule(1, &mut orders);
//! assert_eq!(assigned(&orders), [(WorkerIndex(0), third)]);
//! # Ok::<(), lockstep_scheduler::TicketError>(())
//! ```
#![expect(
    clippy::arithmetic_side_effects,
    reason = "counts and positions are bounded by the unsettled transactions; costs saturate"
)]

mod accounts;
mod addresses;
mod block;
mod config;
mod look;
mod order;
mod ready;
mod slots;
#[cfg(test)]
mod tests;

use std::collections::{BinaryHeap, VecDeque};

use accounts::{Accounts, Bar, is_write};
pub use addresses::Addresses;
use block::OpenBlock;
pub use config::{
    Arrival, ArrivalError, Assignment, Completion, Orders, STREAM_ACCESSES_MAX, STREAM_WORKERS_MAX,
    StreamBlock, StreamConfig, Ticket, TicketError, WorkerIndex,
};
use order::{Bound, Entry};
use ready::Ready;
use slots::{NONE, Slots, State};

use crate::access::Access;

/// The priority of what has a claim, unless another claim stands in its way.
const FIRST: u64 = u64::MAX;
/// The priority of the eldest, and of claimants behind a claim: whatever has the claim that they
/// wait for may wait for the same account, and has to be found before them.
const SECOND: u64 = u64::MAX - 1;
/// The highest priority that can be paid for.
const PAID_MAX: u64 = u64::MAX - 2;

/// All of a transaction's cost, in parts.
const USED_PARTS: u64 = 1 << USED_BITS;
const USED_BITS: u32 = 16;
/// How much one transaction moves what is known of all, as a power of two.
const USED_SHIFT: u32 = 6;

/// What a worker has in flight.
#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    work: u64,
    count: u32,
}

/// Schedules transactions that arrive one by one. See the [module](self).
#[derive(Debug)]
pub struct StreamScheduler {
    config: StreamConfig,
    slots: Slots,
    accounts: Accounts,
    /// Those to be looked at.
    ready: Ready,
    /// For each worker, accounts whose first waiting transaction has to go there.
    bound: Vec<BinaryHeap<Bound>>,
    queues: Vec<Queue>,
    /// Workers that get more, one bit each.
    filling: u64,
    block: OpenBlock,
    /// Those that the block has too little left for, until that changes.
    aside: Vec<Entry>,
    /// The least cost of one of them.
    aside_cost_min: u64,
    /// Those that write an account for which the block takes no more.
    shut: Vec<Entry>,
    /// Those that may be aged, in order of arrival, by slot and turn.
    ages: VecDeque<(u32, u32)>,
    /// The aged transaction that goes before all others.
    eldest: u32,
    /// Thousandths of cost that the aged may still have of what was assigned.
    aged_credit: u128,
    /// For each worker, waiting transactions with claims that go to it in the end.
    claims: Vec<u32>,
    /// The sum of `claims`.
    claimants: u32,
    /// Parts in [`USED_PARTS`] of their cost that transactions were charged of late.
    used: u64,
    waiting: usize,
    in_flight: usize,
}

impl StreamScheduler {
    /// A scheduler without transactions, and without a block to put them into.
    ///
    /// # Panics
    /// With more than [`STREAM_WORKERS_MAX`] workers.
    pub fn new(config: StreamConfig) -> Self {
        let count = config.workers.get();
        assert!(
            count <= STREAM_WORKERS_MAX,
            "a stream has at most 64 workers"
        );
        let workers = count as usize;
        Self {
            config,
            slots: Slots::default(),
            accounts: Accounts::new(workers),
            ready: Ready::new(),
            bound: (0..workers).map(|_| BinaryHeap::new()).collect(),
            queues: vec![Queue::default(); workers],
            filling: u64::MAX >> (STREAM_WORKERS_MAX - count),
            block: OpenBlock::default(),
            aside: Vec::new(),
            aside_cost_min: u64::MAX,
            shut: Vec::new(),
            ages: VecDeque::new(),
            eldest: NONE,
            aged_credit: 0,
            claims: vec![0; workers],
            claimants: 0,
            used: USED_PARTS,
            waiting: 0,
            in_flight: 0,
        }
    }

    /// How the stream is scheduled.
    pub fn config(&self) -> &StreamConfig {
        &self.config
    }

    /// The number of transactions that wait.
    pub fn waiting_count(&self) -> usize {
        self.waiting
    }

    /// The number of transactions that workers have.
    pub fn in_flight_count(&self) -> usize {
        self.in_flight
    }

    /// Work in flight on a worker, in units of cost.
    pub fn queued_work(&self, worker: WorkerIndex) -> u64 {
        self.queues[worker.index()].work
    }

    /// Lets a transaction wait. O(accesses + log waiting).
    ///
    /// # Errors
    /// [`ArrivalError`]; nothing has changed then.
    pub fn arrive(&mut self, now: u64, arrival: &Arrival<'_>) -> Result<Ticket, ArrivalError> {
        let max = self.config.waiting_max;
        if self.waiting >= max {
            return Err(ArrivalError::Full { max });
        }
        let count = arrival.accesses.len();
        if count > STREAM_ACCESSES_MAX {
            return Err(ArrivalError::TooManyAccesses { count });
        }
        let deadline = arrival.deadline;
        if deadline < now {
            return Err(ArrivalError::Late { now, deadline });
        }
        self.accounts.reserve(arrival.accesses);
        let slot = self.slots.insert(now, arrival);
        self.waiting += 1;
        let priority = self.slots.get(slot).priority;
        self.ready.push(self.slots.entry(slot, priority));
        let ticket = self.slots.ticket(slot);
        self.ages.push_back((slot, ticket.turn));
        self.trim_ages();
        Ok(ticket)
    }

    /// Takes out a transaction that waits. O(accesses x log waiting).
    ///
    /// # Errors
    /// If it does not wait.
    pub fn cancel(&mut self, ticket: Ticket) -> Result<(), TicketError> {
        let slot = self.slots.find(ticket)?;
        if self.slots.get(slot).state != State::Waiting {
            return Err(TicketError::InFlight(ticket));
        }
        self.settle_waiting(slot);
        Ok(())
    }

    /// Settles all transactions that wait and whose deadline is over, which would else be found
    /// out when they are looked at. O(unsettled), for now and then.
    pub fn expire(&mut self, now: u64, expired: &mut Vec<Ticket>) {
        let slots = self.slots.iter();
        let late = slots.filter(|(_, slot)| slot.state == State::Waiting && slot.deadline < now);
        let late: Vec<u32> = late.map(|(slot, _)| slot).collect();
        for slot in late {
            expired.push(self.slots.ticket(slot));
            self.settle_waiting(slot);
        }
    }

    /// Says what became of a transaction in flight. O(accesses x log waiting).
    ///
    /// # Errors
    /// If it is not in flight.
    pub fn complete(&mut self, ticket: Ticket, completion: Completion) -> Result<(), TicketError> {
        let slot = self.slots.find(ticket)?;
        let State::InFlight(worker) = self.slots.get(slot).state else {
            return Err(TicketError::Waiting(ticket));
        };
        self.in_flight -= 1;
        self.leave_worker(slot, worker);
        let place = self.slots.get(slot);
        let (cost, work, number) = (place.cost, place.work, place.block);
        let charged = match completion {
            Completion::Included { cost: charged } => {
                self.learn(cost, charged);
                charged
            }
            Completion::Dropped | Completion::Retry => 0,
        };
        self.block.settle(number, cost, work, charged);
        let unused = cost.saturating_sub(charged);
        for position in 0..self.slots.get(slot).accesses.len() {
            let (account, is_write) = self.access(slot, position);
            if is_write {
                self.accounts.get_mut(account).refund(number, cost, unused);
            }
            if self.accounts.unlock(account, is_write, worker) {
                self.expose(account);
            }
        }
        if completion == Completion::Retry {
            self.wait_again(slot);
        } else {
            self.slots.remove(slot);
        }
        self.offer_room();
        Ok(())
    }

    /// The transactions that a worker has, in no order. O(unsettled), for when it is lost: each of
    /// them is to be completed.
    pub fn in_flight(&self, worker: WorkerIndex) -> impl Iterator<Item = Ticket> + '_ {
        self.tickets(State::InFlight(worker))
    }

    /// The transactions that wait, in no order. O(unsettled).
    pub fn waiting(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.tickets(State::Waiting)
    }

    /// The accounts that an unsettled transaction uses, as it named them.
    ///
    /// # Errors
    /// If it is settled.
    pub fn accesses(&self, ticket: Ticket) -> Result<&[Access], TicketError> {
        let slot = self.slots.find(ticket)?;
        Ok(&self.slots.get(slot).accesses)
    }

    fn tickets(&self, state: State) -> impl Iterator<Item = Ticket> + '_ {
        let slots = self.slots.iter();
        let found = slots.filter(move |(_, slot)| slot.state == state);
        found.map(|(slot, _)| self.slots.ticket(slot))
    }

    fn access(&self, slot: u32, position: usize) -> (u32, bool) {
        let access = self.slots.get(slot).accesses[position];
        (access.account().0, is_write(access))
    }

    /// Lets a transaction that was in flight wait as before.
    fn wait_again(&mut self, slot: u32) {
        let place = self.slots.get_mut(slot);
        place.state = State::Waiting;
        place.serial = place.serial.wrapping_add(1);
        let (priority, turn) = (place.priority, place.turn);
        self.ready.push(self.slots.entry(slot, priority));
        self.ages.push_back((slot, turn));
        self.waiting += 1;
    }

    /// Settles a transaction that waits.
    fn settle_waiting(&mut self, slot: u32) {
        self.step_back(slot);
        self.slots.remove(slot);
        self.waiting -= 1;
        // Entries at the end of the order are not reached, so that they are cleared now and then.
        if self.ready.len() > self.waiting.saturating_mul(2).saturating_add(1_024) {
            let slots = &self.slots;
            self.ready.retain(|entry| slots.is_valid(entry));
        }
    }

    /// Takes a waiting transaction's hands off all accounts: it is not the first of those that
    /// wait for one, claims none and is not the eldest. Its entry becomes invalid.
    fn step_back(&mut self, slot: u32) {
        let place = self.slots.get_mut(slot);
        place.serial = place.serial.wrapping_add(1);
        let exposed_by = self.unexpose(slot);
        if exposed_by != NONE {
            self.expose(exposed_by);
        }
        let place = self.slots.get_mut(slot);
        let claimed = std::mem::take(&mut place.claimed);
        if claimed != 0 {
            let kept = place.kept;
            self.end_claims(kept);
        }
        let was_eldest = self.unseat(slot);
        if claimed == 0 && !was_eldest {
            return;
        }
        for position in 0..self.slots.get(slot).accesses.len() {
            let (account, is_write) = self.access(slot, position);
            if claimed & (1 << position) != 0 {
                self.accounts.get_mut(account).unclaim(is_write);
            }
            self.expose(account);
        }
    }

    /// Lifts the bars of a transaction if it is the eldest.
    fn unseat(&mut self, slot: u32) -> bool {
        if self.eldest != slot {
            return false;
        }
        self.eldest = NONE;
        for position in 0..self.slots.get(slot).accesses.len() {
            let (account, _) = self.access(slot, position);
            self.accounts.get_mut(account).bar = Bar::None;
        }
        true
    }

    /// Has the first of those that wait for an account looked at, unless one is already.
    fn expose(&mut self, account: u32) {
        if let Some(first) = self.leader(account) {
            let place = self.accounts.get_mut(account);
            place.parked.pop();
            place.exposed = first.slot;
            self.slots.get_mut(first.slot).exposed_by = account;
            self.ready.push(first);
        }
    }

    /// The first of those that wait for an account, unless one before it is looked at already.
    #[inline]
    fn leader(&mut self, account: u32) -> Option<Entry> {
        let place = self.accounts.get_mut(account);
        let first = place.first(&self.slots)?;
        let exposed = place.exposed;
        let is_free = exposed == NONE || self.slots.entry(exposed, self.goes_by(exposed)) < first;
        is_free.then_some(first)
    }

    /// The priority by which a waiting transaction is looked at: with a claim or by age it goes
    /// first.
    fn goes_by(&self, slot: u32) -> u64 {
        let place = self.slots.get(slot);
        if place.has_claims() {
            FIRST
        } else if slot == self.eldest {
            SECOND
        } else {
            place.priority
        }
    }

    /// Notes that a transaction is not the first of those that wait for an account any more, and
    /// returns that account.
    fn unexpose(&mut self, slot: u32) -> u32 {
        let exposed_by = std::mem::replace(&mut self.slots.get_mut(slot).exposed_by, NONE);
        if exposed_by != NONE {
            let account = self.accounts.get_mut(exposed_by);
            if account.exposed == slot {
                account.exposed = NONE;
            }
        }
        exposed_by
    }

    /// Keeps the list of ages near the number of those that wait.
    fn trim_ages(&mut self) {
        let enough = self.waiting.saturating_mul(2).saturating_add(64);
        if self.ages.len() > enough {
            let slots = &self.slots;
            self.ages.retain(|(slot, turn)| {
                let slot = slots.get(*slot);
                slot.turn == *turn && slot.state == State::Waiting
            });
        }
    }

    /// Moves what is known of charges towards one of them.
    fn learn(&mut self, cost: u64, charged: u64) {
        let parts = (charged.min(cost) << USED_BITS).checked_div(cost);
        let parts = parts.map_or(USED_PARTS, |parts| parts.min(USED_PARTS));
        self.used = self.used - (self.used >> USED_SHIFT) + (parts >> USED_SHIFT);
    }

    /// How much shorter queues are kept while accounts are claimed, as a power of two.
    fn shortened(&self) -> u32 {
        match self.claimants {
            0 => 0,
            _ => self.config.claimed_shift,
        }
    }

    /// Notes that a transaction has no claims any more.
    fn end_claims(&mut self, kept: u32) {
        self.claims[kept as usize] -= 1;
        self.claimants -= 1;
    }

    /// Takes a transaction's work off a worker's queue.
    fn leave_worker(&mut self, slot: u32, worker: WorkerIndex) {
        let queue = &mut self.queues[worker.index()];
        queue.work = queue.work.saturating_sub(self.slots.get(slot).work);
        queue.count -= 1;
        let Queue { work, count } = *queue;
        let is_low = work <= self.config.queue_low >> self.shortened();
        if is_low || count < self.config.queue_count_min {
            self.filling |= worker.bit();
        }
    }
}
