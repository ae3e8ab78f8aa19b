//! The transactions that can run and that no worker has taken: in order of arrival, or by rank.

use super::{
    sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    wait::Padded,
};

/// What an empty slot holds; no batch has as many transactions.
const EMPTY: u32 = u32::MAX;

/// A queue with a slot for each transaction, since each is put at most once.
///
/// ```text
/// slots    [ t0 | t1 | t4 | .. | .. ]
///                 head      tail          a worker that draws a ticket owns that slot
/// ```
#[derive(Debug)]
pub(super) struct Queue {
    slots: Box<[AtomicU32]>,
    /// Tickets drawn.
    head: Padded<AtomicUsize>,
    /// Slots filled, or about to be.
    tail: Padded<AtomicUsize>,
}

impl Queue {
    /// A queue for positions below `capacity`, some of which are in it.
    pub(super) fn new(capacity: usize, positions: impl Iterator<Item = u32>) -> Self {
        let mut slots: Vec<u32> = positions.collect();
        let tail = slots.len();
        slots.resize(capacity, EMPTY);
        Self {
            slots: slots.into_iter().map(AtomicU32::new).collect(),
            head: Padded::default(),
            tail: Padded(AtomicUsize::new(tail)),
        }
    }

    /// Puts a position, with all that its worker did before.
    pub(super) fn put(&self, position: u32) {
        let slot = self.tail.0.fetch_add(1, Ordering::Relaxed);
        self.slots[slot].store(position, Ordering::Release);
    }

    /// Takes what is in the worker's slot, if anything. `ticket` names the slot; it is drawn
    /// here, and is to be handed in again until something was found.
    pub(super) fn take(&self, ticket: &mut Option<usize>) -> Option<u32> {
        let ticket = *ticket.get_or_insert_with(|| self.head.0.fetch_add(1, Ordering::Relaxed));
        // A ticket past the last slot finds nothing, ever.
        let position = self.slots.get(ticket)?.load(Ordering::Acquire);
        (position != EMPTY).then_some(position)
    }
}

/// A set from which the lowest position is taken, as one bit for each position.
///
/// A bit of `summary` says that the word of that number may have bits. It is set after a bit of
/// the word was set. The worker that takes a word's last bit clears it, and sets it again if the
/// word has a bit by then. Each of these steps acquires and releases. So a worker that clears a
/// summary bit sees the bit for which it was set, and no bit is lost.
#[derive(Debug)]
pub(super) struct Ranks {
    summary: Box<[AtomicU64]>,
    words: Box<[AtomicU64]>,
}

impl Ranks {
    /// A set of positions below `capacity`, some of which are in it.
    pub(super) fn new(capacity: usize, positions: impl Iterator<Item = u32>) -> Self {
        let word_count = capacity.div_ceil(BITS);
        let empty = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        let ranks = Self {
            summary: empty(word_count.div_ceil(BITS)),
            words: empty(word_count),
        };
        positions.for_each(|position| ranks.put(position));
        ranks
    }

    /// Puts a position, with all that its worker did before.
    pub(super) fn put(&self, position: u32) {
        let (word, bit) = place(position as usize);
        self.words[word].fetch_or(bit, Ordering::AcqRel);
        let (summary, bit) = place(word);
        self.summary[summary].fetch_or(bit, Ordering::AcqRel);
    }

    /// Whether a position below this one is in the set; may miss one that is being put.
    pub(super) fn has_below(&self, limit: u32) -> bool {
        let (limit_word, limit_bit) = place(limit as usize);
        let (last_summary, word_bit) = place(limit_word);
        let summaries = &self.summary[..=last_summary];
        summaries.iter().enumerate().any(|(index, summary)| {
            let words = summary.load(Ordering::Relaxed);
            let before = if index == last_summary {
                word_bit.wrapping_sub(1)
            } else {
                u64::MAX
            };
            words & before != 0
        }) || self.words[limit_word].load(Ordering::Relaxed) & limit_bit.wrapping_sub(1) != 0
    }

    /// Takes the lowest position; may miss one that is being put.
    pub(super) fn take(&self) -> Option<u32> {
        for (index, summary) in self.summary.iter().enumerate() {
            let mut words = summary.load(Ordering::Acquire);
            while words != 0 {
                let word = position(index, words);
                if let Some(found) = self.take_from(word) {
                    return Some(found);
                }
                words &= words.wrapping_sub(1);
            }
        }
        None
    }

    fn take_from(&self, word: usize) -> Option<u32> {
        let mut bits = self.words[word].load(Ordering::Relaxed);
        while bits != 0 {
            let lowest = bits & bits.wrapping_neg();
            let before = self.words[word].fetch_and(!lowest, Ordering::AcqRel);
            bits = before & !lowest;
            if bits == 0 {
                let (summary, bit) = place(word);
                self.summary[summary].fetch_and(!bit, Ordering::AcqRel);
                if self.words[word].load(Ordering::Acquire) != 0 {
                    self.summary[summary].fetch_or(bit, Ordering::AcqRel);
                }
            }
            if before & lowest != 0 {
                let found = position(word, lowest);
                return Some(u32::try_from(found).expect("positions have 32 bits"));
            }
        }
        None
    }
}

const BITS: usize = u64::BITS as usize;

/// The word of a position, and its bit there.
fn place(position: usize) -> (usize, u64) {
    (position / BITS, 1 << (position % BITS))
}

/// The position of a word's lowest bit.
fn position(word: usize, bits: u64) -> usize {
    let bit = bits.trailing_zeros() as usize;
    word.saturating_mul(BITS).saturating_add(bit)
}
