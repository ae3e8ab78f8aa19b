//! Workers that run messages one after the other, and what a discipline makes of them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::load::{StreamLoad, StreamTransaction};

/// The machine and the chain of a simulation. Times are in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct SimulationOptions {
    /// Workers.
    pub workers: u32,
    /// Time of a slot.
    pub slot_time: u64,
    /// Slots, one after the other.
    pub slots: u32,
    /// Compute units of a block.
    pub block_units: u64,
    /// Compute units of a block's transactions that write one account.
    pub account_units: u64,
    /// Time from the beginning of a slot over which its block is filled evenly.
    pub fill_time: u64,
    /// Time of a compute unit.
    pub unit_time: u64,
    /// Time of a transaction besides its compute units.
    pub transaction_time: u64,
    /// Time of a message besides its transactions: recording, committing.
    pub message_time: u64,
    /// Time from an event until the discipline has seen it and its messages are there.
    pub reaction_time: u64,
}

impl SimulationOptions {
    /// Blocks of the main network on a common machine: 20 ns a unit, 5 us a transaction, 25 us a
    /// message, 10 us until a scheduler has seen an event. Agave fills a block in 350 of 400 ms.
    pub const fn mainnet(workers: u32, slot_time: u64) -> Self {
        Self {
            workers,
            slot_time,
            slots: 5,
            block_units: 60_000_000,
            account_units: 24_000_000,
            fill_time: slot_time / 8 * 7,
            unit_time: 20,
            transaction_time: 5_000,
            message_time: 25_000,
            reaction_time: 10_000,
        }
    }
}

/// Transactions that a worker runs back to back and completes together.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The worker.
    pub worker: usize,
    /// Positions in the load.
    pub transactions: Vec<usize>,
}

/// A scheduler under test. It sees what transactions declare, and what they used afterwards.
pub trait Discipline {
    /// What it is called in tables.
    fn name(&self) -> &'static str;
    /// A slot begins, with an empty block.
    fn open(&mut self, now: u64);
    /// A transaction arrives.
    fn arrive(&mut self, now: u64, position: usize, transaction: &StreamTransaction);
    /// A transaction is complete; it has to run again if it found no room in the block.
    fn complete(&mut self, position: usize, transaction: &StreamTransaction, is_included: bool);
    /// Messages for workers.
    fn schedule(&mut self, now: u64, load: &StreamLoad, out: &mut Vec<Message>);
}

/// What a simulation came to.
#[derive(Clone, Debug, Default)]
pub struct StreamFigures {
    /// Lamports of fees of all slots.
    pub fees: u64,
    /// Compute units of all slots.
    pub units: u64,
    /// Transactions included.
    pub included: usize,
    /// Transactions that arrived and were not included.
    pub left: usize,
    /// Parts of the workers' time in which they had nothing, in thousandths.
    pub idle_per_mille: u64,
    /// Times that a worker found no room for a transaction.
    pub refused: u64,
    /// Messages.
    pub messages: u64,
    /// Waits of included transactions, by fee per cost: of the best third, the middle, the worst;
    /// each the median and the 99th percentile in microseconds.
    pub waits: [[u64; 2]; 3],
    /// The longest that one of the best tenth waited, or waits at the end, in microseconds.
    pub longest_wait: u64,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Event {
    Slot,
    Completed(usize),
    Arrived(usize),
    React,
}

struct World<'l> {
    load: &'l StreamLoad,
    options: SimulationOptions,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    queues: Vec<VecDeque<Vec<usize>>>,
    /// The slot for which each transaction that runs has a reservation.
    reserved: Vec<u32>,
    busy: Vec<u64>,
    next_reaction: u64,
    /// With what is reserved for transactions that run.
    block_used: u64,
    account_used: Vec<u64>,
    account_slot: Vec<u32>,
    slot: u32,
    included_at: Vec<Option<u64>>,
    figures: StreamFigures,
}

/// Runs a load through a discipline.
///
/// # Panics
/// If the discipline has two workers run transactions that conflict, or one twice.
pub fn simulate(
    load: &StreamLoad,
    discipline: &mut dyn Discipline,
    options: SimulationOptions,
) -> StreamFigures {
    let workers = options.workers as usize;
    let mut world = World {
        load,
        options,
        events: BinaryHeap::new(),
        queues: vec![VecDeque::new(); workers],
        reserved: vec![0; load.transactions.len()],
        busy: vec![0; workers],
        next_reaction: u64::MAX,
        block_used: 0,
        account_used: vec![0; load.account_count],
        account_slot: vec![0; load.account_count],
        slot: 0,
        included_at: vec![None; load.transactions.len()],
        figures: StreamFigures::default(),
    };
    world.run(discipline);
    world.finish()
}

impl World<'_> {
    fn run(&mut self, discipline: &mut dyn Discipline) {
        let end = self.options.slot_time * u64::from(self.options.slots);
        self.push(0, Event::Slot);
        if let Some(first) = self.load.transactions.first() {
            self.push(first.arrival, Event::Arrived(0));
        }
        let mut out = Vec::new();
        while let Some(Reverse((now, event))) = self.events.pop() {
            if now >= end {
                break;
            }
            match event {
                Event::Slot => {
                    self.slot += 1;
                    self.block_used = 0;
                    discipline.open(now);
                    self.push(now + self.options.slot_time, Event::Slot);
                }
                Event::Arrived(position) => {
                    discipline.arrive(now, position, &self.load.transactions[position]);
                    if let Some(next) = self.load.transactions.get(position + 1) {
                        self.push(next.arrival, Event::Arrived(position + 1));
                    }
                }
                Event::Completed(worker) => {
                    self.complete(now, worker, discipline);
                    self.start(now, worker);
                }
                // Another turn was asked for before this one, and has been.
                Event::React if now != self.next_reaction => continue,
                Event::React => {
                    self.next_reaction = u64::MAX;
                    discipline.schedule(now, self.load, &mut out);
                    for message in out.drain(..) {
                        self.send(now, message);
                    }
                    // While a block is filled over time, time passing is an event too.
                    self.react(now + 100_000);
                    continue;
                }
            }
            self.react(now + self.options.reaction_time);
        }
    }

    fn push(&mut self, at: u64, event: Event) {
        self.events.push(Reverse((at, event)));
    }

    /// Lets the discipline have its turn at a time, or before.
    fn react(&mut self, at: u64) {
        if at < self.next_reaction {
            self.next_reaction = at;
            self.push(at, Event::React);
        }
    }

    fn send(&mut self, now: u64, message: Message) {
        self.check(&message);
        self.figures.messages += 1;
        self.queues[message.worker].push_back(message.transactions);
        if self.queues[message.worker].len() == 1 {
            self.start(now, message.worker);
        }
    }

    /// Fails if the message conflicts with one of another worker.
    fn check(&self, message: &Message) {
        // Sampled: the schedulers' own tests check every message.
        if !self.figures.messages.is_multiple_of(64) {
            return;
        }
        for position in &message.transactions {
            let mine = &self.load.transactions[*position];
            for (worker, queue) in self.queues.iter().enumerate() {
                for other in queue.iter().flatten() {
                    assert_ne!(other, position, "sent twice");
                    let other = &self.load.transactions[*other];
                    let is_apart = worker != message.worker && mine.conflicts_with(other);
                    assert!(!is_apart, "two workers run what conflicts");
                }
            }
        }
    }

    /// Has a worker begin the first message of its queue. Like Agave's, it reserves what each
    /// transaction asks for, and leaves out those for which there is no room.
    fn start(&mut self, now: u64, worker: usize) {
        let Some(message) = self.queues[worker].front().cloned() else {
            return;
        };
        let mut time = self.options.message_time;
        for position in message {
            let transaction = &self.load.transactions[position];
            time += self.options.transaction_time;
            self.reserved[position] = 0;
            if self.has_room(transaction) {
                self.reserved[position] = self.slot;
                self.charge(transaction, 0, transaction.limit);
                time += transaction.units * self.options.unit_time;
            }
        }
        self.busy[worker] += time;
        self.push(now + time, Event::Completed(worker));
    }

    fn complete(&mut self, now: u64, worker: usize, discipline: &mut dyn Discipline) {
        let message = self.queues[worker].pop_front().expect("it was begun");
        for position in message {
            let transaction = &self.load.transactions[position];
            let reserved = self.reserved[position];
            let is_included = reserved != 0;
            if is_included {
                // What ends in the next slot is of its block.
                let limit = if reserved == self.slot {
                    transaction.limit
                } else {
                    0
                };
                self.charge(transaction, limit, transaction.units);
                self.figures.fees += transaction.fee;
                self.figures.units += transaction.units;
                self.figures.included += 1;
                self.included_at[position] = Some(now);
            } else {
                self.figures.refused += 1;
            }
            discipline.complete(position, transaction, is_included);
        }
    }

    /// The accounts that count what writes them, with what they have counted in this slot.
    fn written(transaction: &StreamTransaction) -> impl Iterator<Item = usize> + '_ {
        let written = transaction
            .accesses
            .iter()
            .filter(|access| access.is_write());
        written.map(|access| access.account().index())
    }

    fn has_room(&mut self, transaction: &StreamTransaction) -> bool {
        let limit = transaction.limit;
        for account in Self::written(transaction) {
            if self.account_slot[account] != self.slot {
                self.account_slot[account] = self.slot;
                self.account_used[account] = 0;
            }
            if self.account_used[account] + limit > self.options.account_units {
                return false;
            }
        }
        self.block_used + limit <= self.options.block_units
    }

    /// Counts a transaction in place of what was reserved for it.
    fn charge(&mut self, transaction: &StreamTransaction, reserved: u64, units: u64) {
        self.block_used = self.block_used - reserved + units;
        for account in Self::written(transaction) {
            if self.account_slot[account] != self.slot {
                self.account_slot[account] = self.slot;
                self.account_used[account] = 0;
            }
            self.account_used[account] = self.account_used[account] - reserved + units;
        }
    }

    fn finish(self) -> StreamFigures {
        let mut figures = self.figures;
        let end = self.options.slot_time * u64::from(self.options.slots);
        let transactions = &self.load.transactions;
        let arrived = transactions
            .iter()
            .take_while(|transaction| transaction.arrival < end);
        let arrived = arrived.count();
        figures.left = arrived - figures.included;
        let busy: u64 = self.busy.iter().map(|busy| (*busy).min(end)).sum();
        figures.idle_per_mille = 1_000 - busy * 1_000 / (end * u64::from(self.options.workers));
        let mut order: Vec<usize> = (0..arrived).collect();
        order.sort_by_key(|position| Reverse(transactions[*position].priority()));
        let wait = |position: &usize| {
            let done = self.included_at[*position];
            done.map(|done| (done - transactions[*position].arrival) / 1_000)
        };
        for (class, figures) in figures.waits.iter_mut().enumerate() {
            let range = class * arrived / 3..(class + 1) * arrived / 3;
            let mut waits: Vec<u64> = order[range].iter().filter_map(wait).collect();
            waits.sort_unstable();
            for (figure, per_cent) in figures.iter_mut().zip([50, 99]) {
                *figure = waits
                    .get(waits.len() * per_cent / 100)
                    .copied()
                    .unwrap_or(0);
            }
        }
        let best = order[..arrived / 10].iter().map(|position| {
            let done = self.included_at[*position].unwrap_or(end);
            (done - transactions[*position].arrival) / 1_000
        });
        figures.longest_wait = best.max().unwrap_or(0);
        figures
    }
}
