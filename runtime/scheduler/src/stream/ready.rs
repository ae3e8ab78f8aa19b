//! The transactions that are to be looked at: a heap for each range of priorities.
//!
//! With a hundred thousand in one heap, every operation would go through 17 levels of memory that
//! is in no cache. Most of what comes pays little, and is put on a heap that is not looked at for
//! long; what is taken comes from the small heap of the best.

use std::collections::BinaryHeap;

use super::order::Entry;

/// Bits of a priority behind its first one that tell ranges apart: within a range priorities
/// differ by 3 %.
const FINE_BITS: u32 = 5;
const FINE: u64 = 1 << FINE_BITS;
const RANGES: usize = (64 - FINE_BITS as usize + 1) << FINE_BITS;
const WORDS: usize = RANGES.div_ceil(64);

/// Entries by falling priority, then by arrival.
#[derive(Debug)]
pub(super) struct Ready {
    ranges: Vec<BinaryHeap<Entry>>,
    /// Which heaps hold something, one bit each.
    used: [u64; WORDS],
    /// No word above this one has a bit.
    top: usize,
    len: usize,
}

impl Ready {
    pub(super) fn new() -> Self {
        Self {
            ranges: (0..RANGES).map(|_| BinaryHeap::new()).collect(),
            used: [0; WORDS],
            top: 0,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let range = range(entry.priority);
        self.ranges[range].push(entry);
        self.used[range / 64] |= 1 << (range % 64);
        self.top = self.top.max(range / 64);
        self.len += 1;
    }

    #[inline]
    pub(super) fn peek(&mut self) -> Option<&Entry> {
        let range = self.first()?;
        self.ranges[range].peek()
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        let range = self.first()?;
        let entry = self.ranges[range].pop();
        if self.ranges[range].is_empty() {
            self.used[range / 64] &= !(1 << (range % 64));
        }
        self.len -= 1;
        entry
    }

    /// Drops all entries for which this is false.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&Entry) -> bool) {
        for (range, heap) in self.ranges.iter_mut().enumerate() {
            self.len -= heap.len();
            heap.retain(&is_kept);
            self.len += heap.len();
            if heap.is_empty() {
                self.used[range / 64] &= !(1 << (range % 64));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.ranges.iter().flatten()
    }

    /// The range of the highest priorities that has an entry.
    #[inline]
    fn first(&mut self) -> Option<usize> {
        while self.used[self.top] == 0 {
            self.top = self.top.checked_sub(1)?;
        }
        let bit = self.used[self.top].ilog2() as usize;
        Some(self.top * 64 + bit)
    }
}

/// Rises with the priority.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a shifted priority is below twice FINE, and the sum below RANGES"
)]
fn range(priority: u64) -> usize {
    let exponent = priority.checked_ilog2().unwrap_or(0);
    let coarse = exponent.saturating_sub(FINE_BITS);
    let is_fine = exponent < FINE_BITS;
    // The leading bit counts as one step of the coarse number.
    let steps = if is_fine { 0 } else { u64::from(coarse) * FINE };
    (steps + (priority >> coarse)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_rise_with_priorities() {
        let mut priorities: Vec<u64> = (0..200).collect();
        priorities.extend((8..64).flat_map(|bit| {
            let power = 1u64 << bit;
            [
                power - 1,
                power,
                power + 1,
                power + power / 3,
                power + power / 2,
            ]
        }));
        priorities.sort_unstable();
        assert!(priorities.is_sorted_by_key(|priority| range(*priority)));
        assert!(range(1_000_000) < range(1_040_000));
        assert_eq!(range(0), 0);
        assert_eq!(range(u64::MAX), RANGES - 1);
    }

    #[test]
    fn entries_come_in_order() {
        let mut ready = Ready::new();
        let priorities = [7, 0, 900, 31, 32, 33, u64::MAX, 1 << 40, 900, 64, 65];
        for (arrival, priority) in (0..).zip(priorities) {
            ready.push(Entry {
                priority,
                arrival,
                slot: 0,
                serial: 0,
            });
        }
        ready.retain(|entry| entry.priority != 64);
        assert_eq!(ready.len(), 10);
        let mut found = Vec::new();
        while let Some(entry) = ready.pop() {
            found.push((entry.priority, entry.arrival));
        }
        let expected = [
            (u64::MAX, 6),
            (1 << 40, 7),
            (900, 2),
            (900, 8),
            (65, 10),
            (33, 5),
            (32, 4),
            (31, 3),
            (7, 0),
            (0, 1),
        ];
        assert_eq!(found, expected);
        assert!(ready.peek().is_none());
    }
}
