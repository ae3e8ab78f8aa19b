//! In which order waiting transactions are looked at: by falling priority, then by arrival.

use std::cmp::Ordering;

/// A transaction in a heap. It is checked when it is taken out whether it still stands for
/// anything, so that nothing is ever searched for in a heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) priority: u64,
    pub(super) arrival: u64,
    pub(super) slot: u32,
    pub(super) serial: u32,
}

/// The largest is looked at first.
impl Ord for Entry {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let by_priority = self.priority.cmp(&other.priority);
        by_priority.then(other.arrival.cmp(&self.arrival))
    }
}

impl PartialOrd for Entry {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An account that has the worker that its first waiting transaction has to go to, under that
/// transaction's place in the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bound {
    pub(super) priority: u64,
    pub(super) arrival: u64,
    pub(super) account: u32,
    /// The account's, if nothing has come of the entry yet.
    pub(super) mark: u32,
}

impl Bound {
    pub(super) fn new(first: &Entry, account: u32, mark: u32) -> Self {
        Self {
            priority: first.priority,
            arrival: first.arrival,
            account,
            mark,
        }
    }
}

impl Ord for Bound {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let by_priority = self.priority.cmp(&other.priority);
        by_priority
            .then(other.arrival.cmp(&self.arrival))
            .then(other.account.cmp(&self.account))
            .then(self.mark.cmp(&other.mark))
    }
}

impl PartialOrd for Bound {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq<Entry> for Bound {
    fn eq(&self, other: &Entry) -> bool {
        (self.priority, self.arrival) == (other.priority, other.arrival)
    }
}

/// By what the account stands for.
impl PartialOrd<Entry> for Bound {
    #[inline]
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        let by_priority = self.priority.cmp(&other.priority);
        Some(by_priority.then(other.arrival.cmp(&self.arrival)))
    }
}
