//! Builds batches of lanes in free order.
//!
//! For each batch the transactions that are left are sorted, those of the account with the most
//! work left first, and placed one by one:
//!
//! - no account belongs to a lane yet: the lane with the least claimed, which then owns them;
//! - all owned accounts belong to one lane: that lane;
//! - otherwise, or if the lane has no room: left for a later batch.
//!
//! The attempts differ in what room a lane has. A *level* batch limits what lanes claim: an account
//! brings all transactions along whose busiest account it is, and so a busy one is claimed only
//! while all that a lane has claimed is its part of the work. When everything is placed, the ends
//! of long lanes are taken back, so that all lanes end at the same time:
//!
//! ```text
//! placed   a a a a b b | b      kept   a a a a b b |      the ends go to the next batch,
//!          c c d d d e |               c c d d d e |      in which accounts get new lanes
//! ```
//!
//! Few batches are enough then, unless some account bounds the makespan. Such an account must never
//! be idle, and a *short* batch, of a given part of the work left, lets it meet other busy
//! accounts soon; once those are behind it, its remaining work delays no other.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the table; an account's heat is the sum of what is left"
)]

use std::cmp::Reverse;

use super::super::rank::sort_by_falling;
use super::LaneLengths;
use super::heat::{Heat, NOBODY, SEVERAL};
use crate::ids::{TransactionIndex, narrow};
use crate::plan::{Plan, PlanBuilder};
use crate::request::PlanRequest;
use crate::table::AccessTable;

/// A batch is at least this number of barriers long, if there is work enough.
const BARRIERS_PER_BATCH_MIN: u64 = 10;
/// Larger blocks make do with the first two attempts.
const SEARCH_TRANSACTIONS_MAX: usize = 1 << 16;
/// The part of its room that a lane may claim with busy accounts, at first and at least. It falls
/// after a batch whose lanes were on average shorter than three quarters of the longest.
const BUSY_EIGHTHS_FIRST: u64 = 6;
const BUSY_EIGHTHS_MIN: u64 = 2;
/// Every so many-th transaction is placed on trial, and of those at most so many may be left over.
const TRIAL_STEP: u32 = 16;
const TRIAL_LEFT_PART_MAX: usize = 5;
/// The number of no batch that is kept.
const TRIAL: u32 = NOBODY - 1;
/// An account that brings less than this part of a lane along is claimed in any case.
const CLAIM_PART_MIN: u64 = 256;

/// The plan of the first attempt, and its predicted makespan, if that is within 2 % of the
/// bound. It is unless several accounts are hot, and costs a fraction of [`plan`] if not.
///
/// Every batch is a pass over what is left, and where most transactions bridge busy accounts there
/// are dozens. With `is_brief`, an attempt of which a sample says so is not made.
pub(in super::super) fn first_attempt(
    table: &AccessTable,
    request: &PlanRequest,
    heat: Heat,
    is_brief: bool,
) -> Option<(Plan, u64)> {
    let good = good(heat.bound(table, request));
    let mut attempt = Attempt::new(table, request, heat, Shape::Level);
    if is_brief && !attempt.looks_brief() {
        return None;
    }
    attempt.run(good)
}

/// A makespan within 2 % of the bound, after which nothing more is tried.
fn good(bound: u64) -> u64 {
    bound.saturating_add(bound / 50)
}

/// The best plan of some attempts, and its predicted makespan.
pub(super) fn plan(table: &AccessTable, request: &PlanRequest) -> (Plan, u64) {
    let heat = Heat::of(table);
    let bound = heat.bound(table, request);
    if let Some(found) = first_attempt(table, request, heat.clone(), false) {
        return found;
    }
    // Quarters of the work left are the best choice where several accounts are hot.
    let second = Attempt::new(table, request, heat.clone(), Shape::Short(4)).run(u64::MAX);
    let mut best = second.expect("an attempt without limit succeeds");
    for part in [2, 8, 16] {
        let is_small = table.transaction_count() <= SEARCH_TRANSACTIONS_MAX;
        if is_small && best.1 > good(bound).saturating_add(bound / 32) {
            let shape = Shape::Short(part);
            let found = Attempt::new(table, request, heat.clone(), shape).run(best.1);
            best = found.unwrap_or(best);
        }
    }
    best
}

/// What room a lane has in a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Its part of the work left; then all lanes are cut to one length.
    Level,
    /// This part of what the work left needs at least.
    Short(u64),
}

struct Attempt<'a> {
    table: &'a AccessTable,
    request: &'a PlanRequest,
    shape: Shape,
    heat: Heat,
    work: u64,
    /// A lane's greatest length, and in a level batch the most that it claims of busy accounts.
    room: u64,
    /// By lane: what its accounts bring along in a level batch, its length in a short one.
    claimed: LaneLengths,
    lanes: Vec<LaneInWork>,
    /// How much of its room a lane may claim with busy accounts, in eighths.
    busy_eighths: u64,
}

#[derive(Clone, Default)]
struct LaneInWork {
    transactions: Vec<TransactionIndex>,
    length: u64,
    /// What its busy accounts bring along, scaled.
    busy: u64,
}

/// Where a transaction can go, and what its accounts bring along that no lane had claimed, scaled.
struct Offer {
    lane: u32,
    claim: u64,
    busy: u64,
}

impl<'a> Attempt<'a> {
    fn new(table: &'a AccessTable, request: &'a PlanRequest, heat: Heat, shape: Shape) -> Self {
        Self {
            table,
            request,
            shape,
            heat,
            work: table.total_cost(),
            room: 0,
            claimed: LaneLengths::new(request.workers.get() as usize),
            lanes: Vec::new(),
            busy_eighths: BUSY_EIGHTHS_FIRST,
        }
    }

    /// Whether a batch of a sample leaves few transactions over; everything is then as before.
    fn looks_brief(&mut self) -> bool {
        let sample = self.table.transactions().step_by(TRIAL_STEP as usize);
        let mut left: Vec<TransactionIndex> = sample.collect();
        let count = left.len();
        self.room = self.sort(TRIAL, &mut left).div_ceil(u64::from(TRIAL_STEP));
        left.retain(|&transaction| !self.place(TRIAL, transaction));
        for lane in std::mem::take(&mut self.lanes) {
            self.work = self.work.saturating_add(lane.length);
            for transaction in lane.transactions {
                self.heat.put(self.table, transaction);
            }
        }
        left.len() <= count / TRIAL_LEFT_PART_MAX
    }

    /// The plan and its predicted makespan; `None` once it cannot be within `limit`.
    fn run(mut self, limit: u64) -> Option<(Plan, u64)> {
        let mut builder = PlanBuilder::with_capacity(self.table.transaction_count());
        let mut left: Vec<TransactionIndex> = self.table.transactions().collect();
        let barrier = self.request.costs.barrier;
        let shortest = barrier.saturating_mul(BARRIERS_PER_BATCH_MIN);
        let mut now = 0_u64;
        for batch in 0.. {
            let bound = self.sort(batch, &mut left);
            if now.saturating_add(bound) > limit {
                return None;
            }
            if left.is_empty() {
                break;
            }
            if batch > 0 {
                now = now.saturating_add(barrier);
            }
            self.room = match self.shape {
                Shape::Level => bound,
                Shape::Short(part) => bound.div_ceil(part).max(bound.min(shortest)),
            };
            self.claimed.clear();
            left.retain(|&transaction| !self.place(batch, transaction));
            if self.shape == Shape::Level {
                self.cut(shortest, &mut left);
            }
            let longest = self.lanes.iter().map(|lane| lane.length).max();
            now = now.saturating_add(longest.unwrap_or(0));
            self.emit(&mut builder);
        }
        Some((builder.finish(), now))
    }

    /// Sorts what is left by falling work on the busiest account, then on the second-busiest, notes
    /// what the accounts bring along, and returns what all of it needs at least.
    ///
    /// Readers of an account overlap, so only writers make it busy. A writer of a mostly read
    /// account would keep the readers of a whole batch out, and goes last.
    fn sort(&mut self, batch: u32, left: &mut [TransactionIndex]) -> u64 {
        let (mut hottest, mut longest) = (0, 0);
        let mut pairs = Vec::with_capacity(left.len());
        for &transaction in &*left {
            let (mut first, mut second, mut busiest) = (0, 0, None);
            let mut goes_last = false;
            for access in self.table.accesses(transaction) {
                let index = access.account().index();
                let account = &self.heat.accounts[index];
                goes_last |= access.is_write() && account.readers > account.writers;
                if account.writers > first {
                    second = first;
                    first = account.writers;
                    busiest = Some(index);
                } else {
                    second = second.max(account.writers);
                }
            }
            let cost = self.table.cost(transaction);
            longest = longest.max(cost);
            hottest = hottest.max(first);
            pairs.push(if goes_last {
                (0, 0)
            } else {
                (u64::from(first), u64::from(second))
            });
            if let Some(index) = busiest {
                let cost = self.heat.scaled(cost);
                let account = &mut self.heat.accounts[index];
                account.enter(batch);
                account.load = account.load.saturating_add(cost);
            }
        }
        sort_by_falling(left, &pairs);
        let needed = longest.max(self.heat.unscaled(hottest));
        needed.max(self.work.div_ceil(u64::from(self.request.workers.get())))
    }

    /// Places a transaction in the batch if it can.
    fn place(&mut self, batch: u32, transaction: TransactionIndex) -> bool {
        let Some(Offer { lane, claim, busy }) = self.offer(batch, transaction) else {
            return false;
        };
        let cost = self.table.cost(transaction);
        let scaled = self.heat.scaled(cost);
        for &access in self.table.accesses(transaction) {
            let account = &mut self.heat.accounts[access.account().index()];
            account.enter(batch);
            if access.is_write() {
                account.writer = lane;
            } else if account.reader == NOBODY {
                account.reader = lane;
            } else if account.reader != lane {
                account.reader = SEVERAL;
            }
            let sum = account.side(access);
            *sum = sum.saturating_sub(scaled);
        }
        self.work = self.work.saturating_sub(cost);
        self.claimed.add(
            lane,
            if self.shape == Shape::Level {
                claim
            } else {
                cost
            },
        );
        let lane = self.lane(lane);
        lane.length = lane.length.saturating_add(cost);
        lane.busy = lane.busy.saturating_add(busy);
        lane.transactions.push(transaction);
        true
    }

    /// The lane to which a transaction can go in this batch.
    fn offer(&mut self, batch: u32, transaction: TransactionIndex) -> Option<Offer> {
        let (mut lane, mut claim, mut busy) = (NOBODY, 0_u64, 0_u64);
        let small = self.heat.scaled(self.room / CLAIM_PART_MIN);
        for access in self.table.accesses(transaction) {
            let account = &self.heat.accounts[access.account().index()];
            if account.batch != batch {
                continue;
            }
            let reader = if access.is_write() {
                account.reader
            } else {
                NOBODY
            };
            for owner in [account.writer, reader] {
                if owner == SEVERAL || (owner != NOBODY && lane != NOBODY && owner != lane) {
                    return None;
                }
                lane = if owner == NOBODY { lane } else { owner };
            }
            if account.writer == NOBODY && account.reader == NOBODY {
                let load = u64::from(account.load);
                claim = claim.saturating_add(load);
                if account.load > small {
                    busy = busy.saturating_add(load);
                }
            }
        }
        let is_new = lane == NOBODY;
        if is_new {
            lane = self.claimed.shortest();
        }
        let room = self.room;
        let busy_room = (room >> self.heat.dropped).saturating_mul(self.busy_eighths) / 8;
        let cost = self.table.cost(transaction);
        let may_claim = self.shape != Shape::Level || is_new || busy == 0;
        let in_work = self.lane(lane);
        let may_claim = may_claim || in_work.busy.saturating_add(busy) <= busy_room;
        let fits = in_work.length == 0 || in_work.length.saturating_add(cost) <= room;
        let has_room = fits && may_claim;
        has_room.then_some(Offer { lane, claim, busy })
    }

    fn lane(&mut self, lane: u32) -> &mut LaneInWork {
        let lane = lane as usize;
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, LaneInWork::default);
        }
        &mut self.lanes[lane]
    }

    /// Takes the ends of long lanes back, such that the batch does the most work for its time, but
    /// leaves it no shorter than `shortest`. Where much is taken back, lanes claim less from then
    /// on.
    fn cut(&mut self, shortest: u64, left: &mut Vec<TransactionIndex>) {
        let mut lengths: Vec<u64> = self.lanes.iter().map(|lane| lane.length).collect();
        lengths.sort_unstable();
        let barrier = self.request.costs.barrier;
        let (mut time, mut done, mut shorter) = (0_u128, 0_u128, 0_u128);
        let longest = lengths.last().copied().unwrap_or(0);
        let mut end = longest;
        for (&length, lane_count) in lengths.iter().zip((1..=narrow(lengths.len())).rev()) {
            let candidate = shorter + u128::from(length) * u128::from(lane_count);
            let candidate_time = u128::from(length.saturating_add(barrier));
            shorter += u128::from(length);
            let is_better =
                done == 0 || candidate.saturating_mul(time) > done.saturating_mul(candidate_time);
            if (length >= shortest || lane_count == 1) && is_better {
                (time, done, end) = (candidate_time, candidate, length);
            }
        }
        let lane_count = u128::from(narrow(lengths.len()));
        self.busy_eighths = if shorter * 4 < u128::from(longest) * lane_count * 3 {
            (self.busy_eighths - 1).max(BUSY_EIGHTHS_MIN)
        } else {
            (self.busy_eighths + 1).min(8)
        };
        for lane in &mut self.lanes {
            while lane.length > end
                && let Some(transaction) = lane.transactions.pop()
            {
                let cost = self.table.cost(transaction);
                lane.length = lane.length.saturating_sub(cost);
                self.work = self.work.saturating_add(cost);
                self.heat.put(self.table, transaction);
                left.push(transaction);
            }
        }
    }

    /// Appends the batch to the plan, the longest lane first.
    fn emit(&mut self, builder: &mut PlanBuilder) {
        // A lane may have been opened in vain, or cut to nothing.
        let mut order: Vec<&mut LaneInWork> = self.lanes.iter_mut().collect();
        order.sort_by_key(|lane| Reverse(lane.length));
        for lane in order {
            for transaction in lane.transactions.drain(..) {
                builder.push(transaction);
            }
            builder.end_lane();
            (lane.length, lane.busy) = (0, 0);
        }
        builder.end_batch();
    }
}
