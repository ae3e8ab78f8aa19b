//! Which candidates go into the next block.
//!
//! ```text
//! queues     open     [ 9  7  7  3  1 ]   by rank; or by arrival
//!            crowded  [ 8  8  6 ]  [ 5 ]
//!                 \      |        /
//! merge        9 8 8 7 7 6 5 3 1          the best head of all queues first
//!                        |
//! room         taken, passed over, put aside, or full
//! ```
//!
//! Twice: first those that have been passed over too often, in order of arrival and within a
//! reserve, then all by rank.
//!
//! A queue of a crowded account is left when that account has no room for some of it, so that a
//! long line for a used-up account costs next to nothing. A candidate that finds another of its
//! accounts used up costs one look, so that a selection takes time linear in the candidates at the
//! worst.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, btree_set::Range},
    sync::Arc,
};

use ahash::RandomState;
use lockstep_interface::Address;

use super::{
    Candidate, Fairness, Room, Slot, Verdict,
    crowds::{Crowds, QueueNumber},
    priority::Arrival,
    risk::{Risk, Stakes},
};
use crate::{prepare::BLOCK_PARTS, verify::ParsedBlock};

/// Candidates in one walk that may find too little of the block left, of any account, before the
/// walk ends: little is left then.
const PASSED_MAX: u32 = 1_024;
/// Candidates of a crowded account's queue that may find that account used up.
const SHUT_MAX: u32 = 16;

/// What a pool gives for one block.
#[derive(Debug, Default)]
pub struct Selection {
    /// The chosen ones: first those whose turn came by age, then by falling priority, then those
    /// that were put aside for their [risk](super), by falling priority.
    pub taken: Vec<Arc<Candidate>>,
    /// How many of them came by age.
    pub aged_count: usize,
    /// Those that the pool dropped because not even an empty block has room for them.
    pub unfit: Vec<Arc<Candidate>>,
    /// Those that the pool dropped because the room refused them, in that order.
    pub refused: Vec<Arc<Candidate>>,
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
struct Reserve {
    size: u64,
    account_size: u64,
    used: u64,
    used_by_account: HashMap<Address, u64, RandomState>,
}

impl Reserve {
    fn new(fairness: &Fairness) -> Self {
        let part = |per_mille: u32| (BLOCK_PARTS / 1_000).saturating_mul(per_mille.into());
        Self {
            size: part(fairness.aged_per_mille),
            account_size: part(fairness.aged_account_per_mille),
            used: 0,
            used_by_account: HashMap::default(),
        }
    }

    /// The first always fits, so that a large one is not passed over for ever.
    fn fits(used: u64, share: u64, size: u64) -> bool {
        used == 0 || used.saturating_add(share) <= size
    }

    fn verdict(&self, slot: &Slot) -> Verdict {
        if !Self::fits(self.used, slot.share, self.size) {
            return Verdict::Full;
        }
        let is_used_up = |address: &&Address| {
            let used = self.used_by_account.get(*address).copied().unwrap_or(0);
            !Self::fits(used, slot.share, self.account_size)
        };
        let mut written = slot.candidate.written().iter();
        written
            .find(is_used_up)
            .map_or(Verdict::Taken, |address| Verdict::Shut(*address))
    }

    fn take(&mut self, slot: &Slot) {
        self.used = self.used.saturating_add(slot.share);
        for address in slot.candidate.written() {
            let used = self.used_by_account.entry(*address).or_default();
            *used = used.saturating_add(slot.share);
        }
    }
}

/// A queue in a merge, and how many of its candidates may still find its account used up.
struct Line<'q, K> {
    queue: QueueNumber,
    rest: Range<'q, (QueueNumber, K)>,
    shut_left: u32,
}

/// Several ordered queues as one.
struct Merge<'q, K> {
    lines: Vec<Line<'q, K>>,
    /// The head of each line that was not left, and the line.
    heads: BinaryHeap<Reverse<(K, usize)>>,
}

impl<'q, K: Copy + Ord> Merge<'q, K> {
    fn new(queues: Vec<Range<'q, (QueueNumber, K)>>) -> Self {
        let mut lines = Vec::with_capacity(queues.len());
        let mut heads = BinaryHeap::with_capacity(queues.len());
        for (line, mut rest) in queues.into_iter().enumerate() {
            let (queue, key) = *rest.next().expect("the queue is not empty");
            heads.push(Reverse((key, line)));
            let shut_left = SHUT_MAX;
            lines.push(Line {
                queue,
                rest,
                shut_left,
            });
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

    /// Goes on after a candidate that found the account of this queue used up.
    fn go_on_after(&mut self, line: usize, shut: QueueNumber) {
        let Line {
            queue, shut_left, ..
        } = &mut self.lines[line];
        if *queue == shut {
            *shut_left = shut_left.saturating_sub(1);
        }
        if *shut_left > 0 {
            self.go_on(line);
        }
    }
}

/// What the walks over the queues came to.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) taken: Vec<Arrival>,
    pub(super) aged_count: usize,
    pub(super) unfit: Vec<Arrival>,
    pub(super) refused: Vec<Arrival>,
}

/// Fills one block.
pub(super) struct Chooser<'c, R> {
    room: &'c mut R,
    crowds: &'c Crowds,
    stakes: Stakes,
    choice: Choice,
    /// What the walk by age settled.
    settled: HashSet<Arrival, RandomState>,
    is_full: bool,
}

impl<'c, R: Room> Chooser<'c, R> {
    pub(super) fn new(room: &'c mut R, crowds: &'c Crowds) -> Self {
        let stakes = Stakes::new(room.left());
        Self {
            room,
            crowds,
            stakes,
            choice: Choice::default(),
            settled: HashSet::default(),
            is_full: false,
        }
    }

    /// Chooses among those whose turn came by age: by arrival, within the reserve.
    ///
    /// `aged` gives the candidate that arrived then, or `None` if its turn has not come; those
    /// that came later are younger.
    pub(super) fn choose_aged<'p>(
        &mut self,
        queues: Vec<Range<'_, (QueueNumber, Arrival)>>,
        aged: impl Fn(Arrival) -> Option<&'p Slot>,
        fairness: &Fairness,
    ) {
        let mut reserve = Reserve::new(fairness);
        let mut merge = Merge::new(queues);
        let mut passed_left = PASSED_MAX;
        while let Some((arrival, line)) = merge.pop() {
            let Some(slot) = aged(arrival) else {
                continue;
            };
            let verdict = match reserve.verdict(slot) {
                Verdict::Taken => self.offer(slot),
                Verdict::Full => break,
                other => other,
            };
            match verdict {
                Verdict::Taken => {
                    reserve.take(slot);
                    self.choice.aged_count = self.choice.aged_count.saturating_add(1);
                    merge.go_on(line);
                }
                Verdict::Refused => merge.go_on(line),
                Verdict::Full => break,
                Verdict::Passed | Verdict::Shut(_) if !self.room.could_take(&slot.candidate) => {
                    self.choice.unfit.push(arrival);
                    merge.go_on(line);
                }
                Verdict::Shut(account) => {
                    merge.go_on_after(line, self.crowds.get(&account).queue());
                }
                Verdict::Passed if passed_left == 0 => break,
                Verdict::Passed => {
                    passed_left = passed_left.saturating_sub(1);
                    merge.go_on(line);
                }
            }
        }
        let Choice {
            taken,
            unfit,
            refused,
            ..
        } = &self.choice;
        self.settled
            .extend(taken.iter().chain(unfit).chain(refused));
    }

    /// Chooses by key until the room is full. Those that risk too much of it come last.
    pub(super) fn choose<'p, K: Copy + Ord>(
        mut self,
        queues: Vec<Range<'_, (QueueNumber, K)>>,
        slot: impl Fn(K) -> &'p Slot,
    ) -> Choice {
        let mut merge = Merge::new(queues);
        let mut aside = Vec::new();
        let mut passed_left = PASSED_MAX;
        while !self.is_full && passed_left > 0 {
            let Some((key, line)) = merge.pop() else {
                break;
            };
            let slot = slot(key);
            if self.settled.contains(&slot.rank.arrival) {
                merge.go_on(line);
                continue;
            }
            if self.is_risky(slot) {
                aside.push(slot);
                merge.go_on(line);
                continue;
            }
            match self.offer(slot) {
                Verdict::Taken | Verdict::Refused => merge.go_on(line),
                Verdict::Full => {}
                Verdict::Shut(account) => {
                    merge.go_on_after(line, self.crowds.get(&account).queue());
                }
                Verdict::Passed => {
                    passed_left = passed_left.saturating_sub(1);
                    merge.go_on(line);
                }
            }
        }
        passed_left = PASSED_MAX;
        for slot in aside {
            if self.is_full || passed_left == 0 {
                break;
            }
            if self.offer(slot) == Verdict::Passed {
                passed_left = passed_left.saturating_sub(1);
            }
        }
        self.choice
    }

    /// Whether a candidate has to wait until those that risk nothing have been offered.
    fn is_risky(&self, slot: &Slot) -> bool {
        match self.stakes.risk(&slot.candidate) {
            Risk::None => false,
            Risk::Own => !self.stakes.allow(slot.share),
            Risk::Others => true,
        }
    }

    fn offer(&mut self, slot: &Slot) -> Verdict {
        let verdict = self.room.offer(&slot.candidate);
        match verdict {
            Verdict::Taken => {
                self.stakes.take(&slot.candidate, slot.share);
                self.choice.taken.push(slot.rank.arrival);
            }
            Verdict::Refused => self.choice.refused.push(slot.rank.arrival),
            Verdict::Full => self.is_full = true,
            Verdict::Passed | Verdict::Shut(_) => {}
        }
        verdict
    }
}
