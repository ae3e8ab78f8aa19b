//! Builds batches of lanes in free order.
//!
//! For each batch the transactions that are left are sorted, those of the account with the most
//! work left first, and placed one by one:
//!
//! - no account belongs to a lane yet: the shortest lane, which then owns the accounts;
//! - all owned accounts belong to one lane: that lane;
//! - otherwise, or if the lane has reached the batch's length: left for a later batch.
//!
//! What matters is that the busiest account is never idle, as it bounds the makespan. Sorting its
//! transactions by their second-busiest account does that: each batch lets it meet other busy
//! accounts, and once those are behind it, its remaining work disturbs nobody. For this the
//! batches must be short against the whole, so the attempts differ in a batch's share of the
//! work that is left.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the table; an account's heat is the sum of what is left"
)]

use super::super::rank::sort_by_falling;
use super::LaneLengths;
use crate::ids::{TransactionIndex, narrow};
use crate::plan::{Plan, PlanBuilder};
use crate::request::PlanRequest;
use crate::table::AccessTable;

/// A batch is at least so many barriers long, if there is work enough.
const BARRIERS_PER_BATCH_MIN: u64 = 10;
/// Larger blocks make do with the first two attempts.
const SEARCH_TRANSACTIONS_MAX: usize = 1 << 16;

/// The plan of the first attempt, and its predicted makespan, if that is within 3 % of the
/// bound. It is unless several accounts are hot, and costs a fraction of [`plan`] if not.
pub(super) fn first_attempt(table: &AccessTable, request: &PlanRequest) -> Option<(Plan, u64)> {
    let heat = Heat::of(table);
    let good = good(heat.bound(table.total_cost(), request));
    Attempt::new(table, request, heat, 1).run(good)
}

/// A makespan within 3 % of the bound, after which nothing more is tried.
fn good(bound: u64) -> u64 {
    bound.saturating_add(bound / 32)
}

/// The best plan of some attempts, and its predicted makespan.
pub(super) fn plan(table: &AccessTable, request: &PlanRequest) -> (Plan, u64) {
    if let Some(found) = first_attempt(table, request) {
        return found;
    }
    // Quarters of the work left are the best choice where several accounts are hot.
    let heat = Heat::of(table);
    let bound = heat.bound(table.total_cost(), request);
    let good = good(bound);
    let second = Attempt::new(table, request, heat.clone(), 4).run(u64::MAX);
    let mut best = second.expect("an attempt without limit succeeds");
    for share in [2, 8, 16] {
        let is_small = table.transaction_count() <= SEARCH_TRANSACTIONS_MAX;
        if is_small && best.1 > good.saturating_add(bound / 32) {
            let found = Attempt::new(table, request, heat.clone(), share).run(best.1);
            best = found.unwrap_or(best);
        }
    }
    best
}

/// The work that is left per account.
#[derive(Clone)]
struct Heat {
    writers: Vec<u64>,
    readers: Vec<u64>,
}

impl Heat {
    fn of(table: &AccessTable) -> Self {
        let count = table.account_count();
        let mut heat = Self {
            writers: vec![0; count],
            readers: vec![0; count],
        };
        for transaction in table.transactions() {
            let cost = table.cost(transaction);
            for access in table.accesses(transaction) {
                let side = if access.is_write() {
                    &mut heat.writers
                } else {
                    &mut heat.readers
                };
                let sum = &mut side[access.account().index()];
                *sum = sum.saturating_add(cost);
            }
        }
        heat
    }

    /// What the work left needs at least.
    fn bound(&self, work: u64, request: &PlanRequest) -> u64 {
        let share = work.div_ceil(u64::from(request.workers.get()));
        share.max(self.writers.iter().copied().max().unwrap_or(0))
    }

    /// The work left on a transaction's busiest and second-busiest accounts.
    ///
    /// Readers of an account overlap, so only writers make it busy. One who writes what is mostly
    /// read would keep the readers of a whole batch out, and goes last.
    fn of_transaction(&self, table: &AccessTable, transaction: TransactionIndex) -> (u64, u64) {
        let (mut first, mut second) = (0, 0);
        for access in table.accesses(transaction) {
            let account = access.account().index();
            let heat = self.writers[account];
            if access.is_write() && self.readers[account] > heat {
                return (0, 0);
            }
            if heat > first {
                second = first;
                first = heat;
            } else {
                second = second.max(heat);
            }
        }
        (first, second)
    }

    fn take(&mut self, table: &AccessTable, transaction: TransactionIndex) {
        let cost = table.cost(transaction);
        for access in table.accesses(transaction) {
            let side = if access.is_write() {
                &mut self.writers
            } else {
                &mut self.readers
            };
            let sum = &mut side[access.account().index()];
            *sum = sum.saturating_sub(cost);
        }
    }
}

const NOBODY: u32 = u32::MAX;
/// Readers in several lanes.
const SEVERAL: u32 = u32::MAX - 1;

/// Which lanes use an account in the current batch.
#[derive(Clone, Copy)]
struct Owner {
    batch: u32,
    writer: u32,
    reader: u32,
}

struct Attempt<'a> {
    table: &'a AccessTable,
    request: &'a PlanRequest,
    /// A batch is at most this part of the work left.
    share: u64,
    heat: Heat,
    work: u64,
    owners: Vec<Owner>,
    lengths: LaneLengths,
    lanes: Vec<Vec<TransactionIndex>>,
}

impl<'a> Attempt<'a> {
    fn new(table: &'a AccessTable, request: &'a PlanRequest, heat: Heat, share: u64) -> Self {
        let nobody = Owner {
            batch: NOBODY,
            writer: NOBODY,
            reader: NOBODY,
        };
        Self {
            table,
            request,
            share,
            heat,
            work: table.total_cost(),
            owners: vec![nobody; table.account_count()],
            lengths: LaneLengths::new(request.workers.get() as usize),
            lanes: Vec::new(),
        }
    }

    /// The plan and its predicted makespan; `None` once it cannot be within `limit`.
    fn run(mut self, limit: u64) -> Option<(Plan, u64)> {
        let mut builder = PlanBuilder::with_capacity(self.table.transaction_count());
        let mut left: Vec<TransactionIndex> = self.table.transactions().collect();
        let barrier = self.request.costs.barrier;
        let mut now = 0_u64;
        for batch in 0.. {
            let bound = self.sort(&mut left);
            let end = now.saturating_add(bound);
            if end > limit {
                return None;
            }
            if left.is_empty() {
                break;
            }
            let shortest = bound.min(barrier.saturating_mul(BARRIERS_PER_BATCH_MIN));
            self.place_batch(batch, &mut left, bound.div_ceil(self.share).max(shortest));
            now = now
                .saturating_add(self.lengths.longest())
                .saturating_add(barrier);
            self.emit(&mut builder);
        }
        Some((builder.finish(), now))
    }

    /// Sorts what is left by falling heat and returns what it needs at least.
    fn sort(&self, left: &mut [TransactionIndex]) -> u64 {
        let mut hottest = 0;
        let mut pairs = Vec::with_capacity(left.len());
        for &transaction in &*left {
            let heat = self.heat.of_transaction(self.table, transaction);
            hottest = hottest.max(heat.0).max(self.table.cost(transaction));
            pairs.push(heat);
        }
        sort_by_falling(left, &pairs);
        hottest.max(self.work.div_ceil(u64::from(self.request.workers.get())))
    }

    /// Places what it can in a batch of the given length; what it cannot stays in `left`.
    fn place_batch(&mut self, batch: u32, left: &mut Vec<TransactionIndex>, length: u64) {
        self.lengths.clear();
        left.retain(|&transaction| {
            let Some(lane) = self.lane_for(batch, transaction, length) else {
                return true;
            };
            self.place(batch, lane, transaction);
            false
        });
    }

    /// The lane to which a transaction can go in this batch.
    fn lane_for(&mut self, batch: u32, transaction: TransactionIndex, length: u64) -> Option<u32> {
        let mut lane = NOBODY;
        for access in self.table.accesses(transaction) {
            let owner = &self.owners[access.account().index()];
            if owner.batch != batch {
                continue;
            }
            let reader = if access.is_write() {
                owner.reader
            } else {
                NOBODY
            };
            for owner in [owner.writer, reader] {
                if owner == SEVERAL || (owner != NOBODY && lane != NOBODY && owner != lane) {
                    return None;
                }
                lane = if owner == NOBODY { lane } else { owner };
            }
        }
        if lane == NOBODY {
            lane = self.lengths.shortest();
        }
        let before = self.lengths.length(lane);
        let fits = before == 0 || before.saturating_add(self.table.cost(transaction)) <= length;
        fits.then_some(lane)
    }

    fn place(&mut self, batch: u32, lane: u32, transaction: TransactionIndex) {
        for access in self.table.accesses(transaction) {
            let owner = &mut self.owners[access.account().index()];
            if owner.batch != batch {
                *owner = Owner {
                    batch,
                    writer: NOBODY,
                    reader: NOBODY,
                };
            }
            if access.is_write() {
                owner.writer = lane;
            } else if owner.reader == NOBODY {
                owner.reader = lane;
            } else if owner.reader != lane {
                owner.reader = SEVERAL;
            }
        }
        let cost = self.table.cost(transaction);
        self.heat.take(self.table, transaction);
        self.work = self.work.saturating_sub(cost);
        self.lengths.add(lane, cost);
        if self.lanes.len() <= lane as usize {
            self.lanes.resize_with(lane as usize + 1, Vec::new);
        }
        self.lanes[lane as usize].push(transaction);
    }

    /// Appends the batch to the plan, the longest lane first.
    fn emit(&mut self, builder: &mut PlanBuilder) {
        let mut order: Vec<u32> = (0..narrow(self.lengths.lengths.len())).collect();
        order.sort_by_key(|&lane| std::cmp::Reverse(self.lengths.length(lane)));
        for lane in order {
            // A lane may have been opened in vain.
            let Some(transactions) = self.lanes.get_mut(lane as usize) else {
                continue;
            };
            for transaction in transactions.drain(..) {
                builder.push(transaction);
            }
            builder.end_lane();
        }
        builder.end_batch();
    }
}
