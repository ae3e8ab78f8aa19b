//! Which candidates go into the next block.
//!
//! ```text
//! queues     open     [ 9  7  7  3  1 ]   by rank; or by arrival
//!            crowded  [ 8  8  6 ]  [ 5 ]
//!                 \      |        /
//! merge        9 8 8 7 7 6 5 3 1          the best head of all queues first
//!                        |
//! room         taken, passed over, or full
//! ```
//!
//! Twice: first those that have been passed over too often, in order of arrival and within a
//! reserve, then everybody by rank. A queue is left when too many of its candidates in a row of
//! tries found no room, so that a long line for a used-up account costs next to nothing.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, btree_set::Range},
    sync::Arc,
};

use ahash::RandomState;
use lockstep_interface::Address;

use super::{
    Candidate, Fairness,
    crowds::{OPEN, QueueNumber},
    priority::Arrival,
};
use crate::{
    block::BlockLimits,
    prepare::{BlockUsage, Demand},
    verify::ParsedBlock,
};

/// Candidates of the open queue that may find no room, besides as many as were taken from it.
const OPEN_MISSES_MAX: u32 = 1_024;
/// The same for the queue of a crowded account; all of them want the same account.
const CROWD_MISSES_MAX: u32 = 16;

/// What a block's room says to a candidate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is in.
    Taken,
    /// There is no room for it, but there may be for others.
    Passed,
    /// There is no room for anybody.
    Full,
}

/// What is left of a block's limits while it is being filled.
pub trait Room {
    /// Takes the candidate in if there is room for it.
    ///
    /// A room with nobody in it that passes over a candidate will never take it; the pool drops
    /// such a one when its turn comes by age.
    fn offer(&mut self, candidate: &Candidate) -> Verdict;
}

/// What a block's limits leave, counted as its builder and its verifiers do.
///
/// A bundle asks for all its transactions together, so that it may be passed over where its
/// transactions one by one would not be, never the other way round.
#[derive(Debug)]
pub struct BlockRoom(BlockUsage<Address>);

impl BlockRoom {
    /// An empty block under these limits. That on waits is the planner's.
    pub fn new(limits: BlockLimits) -> Self {
        Self(BlockUsage::new(limits))
    }
}

impl Room for BlockRoom {
    fn offer(&mut self, candidate: &Candidate) -> Verdict {
        let (usage, limits) = (&self.0, self.0.limits());
        if usage.transaction_count() >= limits.transaction_count_max
            || usage.compute_units() >= limits.compute_units_max
        {
            return Verdict::Full;
        }
        let count = u32::try_from(candidate.transactions().len());
        let demand = Demand {
            transaction_count: count.expect("a bundle is small"),
            compute_units: candidate.compute_units(),
            size: candidate.size(),
            writes: candidate.written(),
        };
        match self.0.admit(&demand) {
            Ok(()) => Verdict::Taken,
            Err(_) => Verdict::Passed,
        }
    }
}

/// What a pool gives for one block.
#[derive(Debug, Default)]
pub struct Selection {
    /// The chosen ones: first those whose turn came by age, then by falling priority.
    pub taken: Vec<Arc<Candidate>>,
    /// How many of them came by age.
    pub aged_count: usize,
    /// Those that the pool dropped because not even an empty block has room for them.
    pub unfit: Vec<Arc<Candidate>>,
}

impl Selection {
    /// The transactions of those taken, in their order, with bundles declared.
    pub fn to_block(&self) -> ParsedBlock {
        let mut block = ParsedBlock::default();
        for candidate in &self.taken {
            candidate.push_to(&mut block);
        }
        block
    }
}

/// The part of a block for those that were passed over too often.
#[derive(Debug)]
struct Reserve<'f> {
    fairness: &'f Fairness,
    used: u64,
    used_by_account: HashMap<Address, u64, RandomState>,
}

impl<'f> Reserve<'f> {
    fn new(fairness: &'f Fairness) -> Self {
        Self {
            fairness,
            used: 0,
            used_by_account: HashMap::default(),
        }
    }

    /// The first always fits, so that a large one is not passed over for ever.
    fn fits(used: u64, cost: u64, limit: u64) -> bool {
        used == 0 || used.saturating_add(cost) <= limit
    }

    fn verdict(&self, candidate: &Candidate) -> Verdict {
        let (cost, limit) = (candidate.cost(), self.fairness.aged_account_cost);
        if !Self::fits(self.used, cost, self.fairness.aged_cost) {
            return Verdict::Full;
        }
        let has_room = |address: &Address| {
            let used = self.used_by_account.get(address).copied().unwrap_or(0);
            Self::fits(used, cost, limit)
        };
        if candidate.written().iter().all(has_room) {
            Verdict::Taken
        } else {
            Verdict::Passed
        }
    }

    fn take(&mut self, candidate: &Candidate) {
        self.used = self.used.saturating_add(candidate.cost());
        for address in candidate.written() {
            let used = self.used_by_account.entry(*address).or_default();
            *used = used.saturating_add(candidate.cost());
        }
    }
}

/// A queue in a merge, and how many of its candidates may still find no room.
struct Line<'q, K> {
    rest: Range<'q, (QueueNumber, K)>,
    misses_left: u32,
}

/// Several ordered queues as one.
pub(super) struct Merge<'q, K> {
    lines: Vec<Line<'q, K>>,
    /// The head of each line that was not left, and the line.
    heads: BinaryHeap<Reverse<(K, usize)>>,
}

impl<'q, K: Copy + Ord> Merge<'q, K> {
    fn new(queues: Vec<Range<'q, (QueueNumber, K)>>) -> Self {
        let mut lines = Vec::with_capacity(queues.len());
        let mut heads = BinaryHeap::with_capacity(queues.len());
        for (line, mut rest) in queues.into_iter().enumerate() {
            if let Some((queue, key)) = rest.next() {
                heads.push(Reverse((*key, line)));
                let misses_left = if *queue == OPEN {
                    OPEN_MISSES_MAX
                } else {
                    CROWD_MISSES_MAX
                };
                lines.push(Line { rest, misses_left });
            }
        }
        Self { lines, heads }
    }

    /// The best key of all, and its line, which is left unless [`go_on`](Self::go_on) follows.
    fn pop(&mut self) -> Option<(K, usize)> {
        self.heads.pop().map(|Reverse(head)| head)
    }

    /// Puts the line's next candidate among the heads.
    fn go_on(&mut self, line: usize) {
        if let Some((_, key)) = self.lines[line].rest.next() {
            self.heads.push(Reverse((*key, line)));
        }
    }

    /// Goes on after a candidate that was taken, or that found no room.
    fn settle(&mut self, line: usize, is_taken: bool) {
        let left = &mut self.lines[line].misses_left;
        *left = if is_taken {
            left.saturating_add(1)
        } else {
            left.saturating_sub(1)
        };
        if *left > 0 {
            self.go_on(line);
        }
    }
}

/// What a walk over the queues came to.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) taken: Vec<Arrival>,
    pub(super) unfit: Vec<Arrival>,
    /// Whether the room is full.
    pub(super) is_full: bool,
}

/// Chooses among those whose turn came by age: by arrival, within the reserve.
///
/// `aged` gives the candidate that arrived then, or `None` if its turn has not come; who came
/// later is younger. The very first is always taken, or unfit.
pub(super) fn choose_aged<'p>(
    queues: Vec<Range<'_, (QueueNumber, Arrival)>>,
    aged: impl Fn(Arrival) -> Option<&'p Candidate>,
    fairness: &Fairness,
    room: &mut impl Room,
) -> Choice {
    let mut choice = Choice::default();
    let mut reserve = Reserve::new(fairness);
    let mut merge = Merge::new(queues);
    while let Some((arrival, line)) = merge.pop() {
        let Some(candidate) = aged(arrival) else {
            continue;
        };
        let verdict = match reserve.verdict(candidate) {
            Verdict::Taken => room.offer(candidate),
            Verdict::Full => break,
            Verdict::Passed => Verdict::Passed,
        };
        match verdict {
            Verdict::Taken => {
                reserve.take(candidate);
                choice.taken.push(arrival);
                merge.settle(line, true);
            }
            Verdict::Passed if choice.taken.is_empty() => {
                choice.unfit.push(arrival);
                merge.go_on(line);
            }
            Verdict::Passed => merge.settle(line, false),
            Verdict::Full => {
                choice.is_full = true;
                break;
            }
        }
    }
    choice
}

/// Chooses by key until the room is full.
pub(super) fn choose<'p, K: Copy + Ord>(
    queues: Vec<Range<'_, (QueueNumber, K)>>,
    candidate: impl Fn(K) -> (Arrival, &'p Candidate),
    room: &mut impl Room,
) -> Choice {
    let mut choice = Choice::default();
    let mut merge = Merge::new(queues);
    while let Some((key, line)) = merge.pop() {
        let (arrival, candidate) = candidate(key);
        match room.offer(candidate) {
            Verdict::Taken => {
                choice.taken.push(arrival);
                merge.settle(line, true);
            }
            Verdict::Passed => merge.settle(line, false),
            Verdict::Full => {
                choice.is_full = true;
                break;
            }
        }
    }
    choice
}
