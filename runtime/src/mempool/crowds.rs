//! How many candidates wait for each account, and which accounts are crowded.
//!
//! An account becomes crowded when as many wait for it as a limit says. It gets a queue of its own
//! then, for those that come after: who finds the account used up for this block can leave all of
//! them alone. Everybody else is in one common queue, the open one.

use std::collections::HashMap;

use ahash::RandomState;
use lockstep_interface::Address;

/// A queue, numbered in the order in which they were made.
pub(super) type QueueNumber = u64;

/// The queue of those that wait for no crowded account.
pub(super) const OPEN: QueueNumber = 0;

/// Bytes that the count of one account takes, as table slots go: an address and a [`Crowd`], and
/// as much again, since a table may be half empty.
pub(super) const ACCOUNT_SIZE: usize = 112;

/// Those that wait for one account.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    count: u32,
    /// [`OPEN`] until the account is crowded.
    queue: QueueNumber,
}

/// Waiting candidates by written account.
#[derive(Debug)]
pub(super) struct Crowds {
    /// For look-up only.
    accounts: HashMap<Address, Crowd, RandomState>,
    /// The number at which an account becomes crowded.
    threshold: u32,
    queue_count: QueueNumber,
}

impl Crowds {
    pub(super) fn new(threshold: u32) -> Self {
        Self {
            accounts: HashMap::default(),
            threshold,
            queue_count: OPEN,
        }
    }

    /// The account that most wait for, the first of several, with their number and its queue.
    pub(super) fn busiest(&self, written: &[Address]) -> Option<(Address, u32, QueueNumber)> {
        let crowd = |address: &Address| self.accounts.get(address).copied().unwrap_or_default();
        let crowds = written.iter().map(|address| (address, crowd(address)));
        let busiest = crowds.rev().max_by_key(|(_, crowd)| crowd.count)?;
        Some((*busiest.0, busiest.1.count, busiest.1.queue))
    }

    /// Counts a candidate in and says which queue it goes to: that of its busiest account.
    pub(super) fn enter(&mut self, written: &[Address]) -> QueueNumber {
        let home = self.busiest(written);
        let home = home.filter(|(_, count, _)| *count >= self.threshold);
        for address in written {
            let crowd = self.accounts.entry(*address).or_default();
            crowd.count = crowd.count.checked_add(1).expect("a pool is smaller");
        }
        let Some((address, _, mut queue)) = home else {
            return OPEN;
        };
        if queue == OPEN {
            self.queue_count = self.queue_count.checked_add(1).expect("64 bits last");
            queue = self.queue_count;
            self.accounts.entry(address).or_default().queue = queue;
        }
        queue
    }

    /// Counts a candidate out.
    pub(super) fn leave(&mut self, written: &[Address]) {
        for address in written {
            let crowd = self.accounts.get_mut(address).expect("it was counted in");
            crowd.count = crowd.count.checked_sub(1).expect("it was counted in");
            if crowd.count == 0 {
                self.accounts.remove(address);
            }
        }
    }
}
