//! What a stream scheduler is told once, what it is told of each transaction, and what it says.

use std::num::NonZeroU32;

use crate::access::Access;

/// The most workers that a stream is scheduled for: one bit each of a word.
pub const STREAM_WORKERS_MAX: u32 = 64;
/// The most accounts that one transaction of a stream may name: one bit each of a word.
pub const STREAM_ACCESSES_MAX: usize = 128;

/// A worker, counted from 0.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WorkerIndex(pub u32);

impl WorkerIndex {
    /// The worker as an array position.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The worker as one bit of a word.
    #[inline]
    pub(super) const fn bit(self) -> u64 {
        1 << self.0
    }
}

/// How a stream is scheduled. Times are in the caller's unit. Work is cost as it is expected to be
/// charged: as much less than transactions say as it was of late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamConfig {
    /// Workers; at most [`STREAM_WORKERS_MAX`].
    pub workers: NonZeroU32,
    /// Transactions that may wait at once; those in flight do not count.
    pub waiting_max: usize,
    /// Work in flight at a worker at or below which it gets more.
    pub queue_low: u64,
    /// Work in flight at a worker up to which it gets more; at least `queue_low`.
    pub queue_high: u64,
    /// How much shorter queues are kept while accounts are claimed, as a power of two: a claim
    /// lasts until what is in flight is done.
    pub claimed_shift: u32,
    /// Transactions in flight below which a worker gets more, whatever their work: an estimate
    /// that is far too high must not let a worker run dry.
    pub queue_count_min: u32,
    /// Waiting transactions that may have claims for the sake of one worker; the eldest may always.
    pub claims_max: u32,
    /// Time after its arrival from which a transaction is aged.
    pub age_max: u64,
    /// Thousandths of all cost that go to aged transactions first; in [0, 1000].
    pub aged_per_mille: u32,
    /// Waiting transactions that one call looks at without a place for them, at most: a bound on
    /// the time of a call, not on what is found in the end.
    pub looks_max: u32,
}

impl StreamConfig {
    /// Queues of 2 to 4 milliseconds at the 20 nanoseconds that a unit of cost takes on common
    /// machines, times in microseconds: transactions that wait for two seconds are aged, and get
    /// half a percent of the blocks.
    ///
    /// Chosen by `cargo bench -p lockstep-benches --bench stream -- --compare`: shorter queues pay
    /// for more messages than they gain, longer ones hold accounts that others wait for.
    pub const fn standard(workers: NonZeroU32) -> Self {
        Self {
            workers,
            waiting_max: 131_072,
            queue_low: 100_000,
            queue_high: 200_000,
            claimed_shift: 2,
            queue_count_min: 2,
            claims_max: 1,
            age_max: 2_000_000,
            aged_per_mille: 5,
            looks_max: 4_096,
        }
    }
}

/// A transaction that comes in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The accounts that it uses, each once. A credit counts as a write.
    pub accesses: &'a [Access],
    /// What it pays, in any unit that is the same for all.
    pub fee: u64,
    /// What a block is charged for it at most, in units of cost; at least 1.
    pub cost: u64,
    /// The last time at which it may be sent to a worker.
    pub deadline: u64,
}

/// Why a transaction is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrivalError {
    /// As many wait as may.
    #[error("expected fewer than {max} waiting transactions: cancel or schedule some first")]
    Full {
        /// The limit.
        max: usize,
    },
    /// It names more accounts than a word has bits.
    #[error("expected at most {STREAM_ACCESSES_MAX} accounts, found {count}")]
    TooManyAccesses {
        /// Accounts that it names.
        count: usize,
    },
    /// Its deadline is over.
    #[error("expected a deadline from {now} on, found {deadline}")]
    Late {
        /// The time.
        now: u64,
        /// The deadline.
        deadline: u64,
    },
}

/// A transaction of a stream, from its arrival until it is settled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket {
    pub(super) slot: u32,
    pub(super) turn: u32,
}

impl Ticket {
    /// A number that no other transaction has until this one is settled, and below the number of
    /// those that were ever unsettled at once: a position in a table of the caller's.
    #[inline]
    pub const fn index(self) -> usize {
        self.slot as usize
    }
}

/// What is said of a ticket does not fit what is known of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The transaction was settled before, or never came in.
    #[error("expected an unsettled transaction, found ticket {0:?}")]
    Unknown(Ticket),
    /// The transaction is in flight, where only its worker can settle it.
    #[error("expected a waiting transaction, found ticket {0:?} in flight")]
    InFlight(Ticket),
    /// The transaction waits, so that no worker can have finished it.
    #[error("expected a transaction in flight, found ticket {0:?} waiting")]
    Waiting(Ticket),
}

/// What became of a transaction at its worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Completion {
    /// The block includes it.
    Included {
        /// What the block was charged.
        cost: u64,
    },
    /// No block will: it is settled without a charge.
    Dropped,
    /// It did not run, and waits again with the priority that it had.
    Retry,
}

/// A transaction that a worker is to run after all that it was given before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// The worker.
    pub worker: WorkerIndex,
    /// The transaction.
    pub ticket: Ticket,
}

/// What one call of [`StreamScheduler::schedule`](super::StreamScheduler::schedule) comes to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Orders {
    /// What to send, in this order.
    pub assigned: Vec<Assignment>,
    /// Transactions whose deadline is over: they are settled.
    pub expired: Vec<Ticket>,
}

impl Orders {
    /// Empties both lists and keeps their memory.
    pub fn clear(&mut self) {
        self.assigned.clear();
        self.expired.clear();
    }
}

/// The block that is being made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamBlock {
    /// Units of cost that it still takes.
    pub cost_max: u64,
    /// Units of cost of what may write one account.
    pub account_cost_max: u64,
    /// Time over which its cost is spread evenly, so that what comes late and pays more still
    /// finds room; 0 to fill it as fast as workers can.
    pub fill_time: u64,
}

impl StreamBlock {
    /// A block without limits.
    pub const UNLIMITED: Self = Self {
        cost_max: u64::MAX,
        account_cost_max: u64::MAX,
        fill_time: 0,
    };
}
