//! Where the unsettled transactions of a stream are kept: a slab, whose places are used again.

use super::PAID_MAX;
use super::config::{Arrival, STREAM_ACCESSES_MAX, Ticket, TicketError, WorkerIndex};
use super::order::Entry;
use crate::access::Access;
use crate::ids::narrow;

/// No slot, or no account.
pub(super) const NONE: u32 = u32::MAX;

/// What becomes of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// The slot is free.
    Free,
    /// It has one valid entry in some heap or list, or is looked at.
    Waiting,
    /// A worker has it.
    InFlight(WorkerIndex),
}

/// One transaction.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) accesses: Vec<Access>,
    /// The accounts that it has a claim on, by position in `accesses`.
    pub(super) claimed: u128,
    /// The worker that it goes to in the end, if it has a claim.
    pub(super) kept: u32,
    pub(super) priority: u64,
    pub(super) arrival: u64,
    pub(super) arrived: u64,
    pub(super) deadline: u64,
    pub(super) cost: u64,
    /// What its worker's queue was lengthened by.
    pub(super) work: u64,
    /// The number of the block that it was assigned to.
    pub(super) block: u32,
    /// Changes when the slot is freed.
    pub(super) turn: u32,
    /// Changes when an entry of the transaction becomes invalid while it waits.
    pub(super) serial: u32,
    pub(super) state: State,
    /// The account that it was the first to wait for, until it is looked at.
    pub(super) exposed_by: u32,
}

impl Slot {
    fn new() -> Self {
        Self {
            accesses: Vec::new(),
            claimed: 0,
            kept: NONE,
            priority: 0,
            arrival: 0,
            arrived: 0,
            deadline: 0,
            cost: 0,
            work: 0,
            block: 0,
            turn: 0,
            serial: 0,
            state: State::Free,
            exposed_by: NONE,
        }
    }

    pub(super) fn has_claims(&self) -> bool {
        self.claimed != 0
    }
}

/// All unsettled transactions.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    arrivals: u64,
}

const _: () = assert!(STREAM_ACCESSES_MAX == u128::BITS as usize);

impl Slots {
    /// Lets a transaction in, to wait.
    pub(super) fn insert(&mut self, now: u64, arrival: &Arrival<'_>) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::new());
            narrow(self.slots.len() - 1)
        });
        let place = &mut self.slots[slot as usize];
        place.accesses.clear();
        place.accesses.extend_from_slice(arrival.accesses);
        place.claimed = 0;
        place.priority = priority(arrival.fee, arrival.cost);
        place.arrival = self.arrivals;
        place.arrived = now;
        place.deadline = arrival.deadline;
        place.cost = arrival.cost.max(1);
        place.work = 0;
        place.serial = place.serial.wrapping_add(1);
        place.state = State::Waiting;
        place.exposed_by = NONE;
        self.arrivals += 1;
        slot
    }

    /// Settles a transaction.
    pub(super) fn remove(&mut self, slot: u32) {
        let place = &mut self.slots[slot as usize];
        place.state = State::Free;
        place.turn = place.turn.wrapping_add(1);
        place.serial = place.serial.wrapping_add(1);
        self.free.push(slot);
    }

    #[inline]
    pub(super) fn get(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[slot as usize]
    }

    pub(super) fn ticket(&self, slot: u32) -> Ticket {
        let turn = self.get(slot).turn;
        Ticket { slot, turn }
    }

    /// The slot of an unsettled transaction.
    pub(super) fn find(&self, ticket: Ticket) -> Result<u32, TicketError> {
        let found = self.slots.get(ticket.slot as usize);
        let is_known =
            found.is_some_and(|slot| slot.turn == ticket.turn && slot.state != State::Free);
        if is_known {
            Ok(ticket.slot)
        } else {
            Err(TicketError::Unknown(ticket))
        }
    }

    /// The entry that stands for a waiting transaction, at a priority.
    pub(super) fn entry(&self, slot: u32, priority: u64) -> Entry {
        let place = self.get(slot);
        Entry {
            priority,
            arrival: place.arrival,
            slot,
            serial: place.serial,
        }
    }

    /// Whether an entry stands for a waiting transaction.
    #[inline]
    pub(super) fn is_valid(&self, entry: &Entry) -> bool {
        let place = self.get(entry.slot);
        place.serial == entry.serial && place.state == State::Waiting
    }

    /// All slots that hold a transaction.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Slot)> {
        let slots = (0..).zip(&self.slots);
        slots.filter(|(_, slot)| slot.state != State::Free)
    }
}

/// Fee per cost, in millionths.
fn priority(fee: u64, cost: u64) -> u64 {
    let cost = cost.max(1);
    // Nearly every fee is small enough for 64 bits, whose division takes a fraction of the time.
    let millionths = fee.checked_mul(1_000_000).map_or_else(
        || u64::try_from(u128::from(fee) * 1_000_000 / u128::from(cost)),
        |millionths| Ok(millionths / cost),
    );
    millionths.map_or(PAID_MAX, |priority| priority.min(PAID_MAX))
}
