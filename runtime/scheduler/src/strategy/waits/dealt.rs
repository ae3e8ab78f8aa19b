//! Deals a block's transactions to lanes in their own order, in one pass.
//!
//! Each transaction goes behind the one that ends last of those that it
//! [depends on](LastUses), where it needs no wait for that one, or to the lane that is free
//! first, if it would start there earlier in spite of the wait:
//!
//! ```text
//! block    0:W a   1:W b   2:W a   3:R a,R b   4:W c
//! lane 0   0 2 3           3 waits for 1
//! lane 1   1 4
//! ```
//!
//! Nothing is sorted and nothing is played through, so this costs about what finding the
//! dependencies does, which is what a dispatcher does. But where a dispatcher would take another
//! transaction a lane stands still: the plan is close to the bound only if chains of conflicts are
//! short against the lanes, as they seldom are with many workers.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the table and the number of lanes"
)]

use super::{LaneInWork, build};
use crate::dependencies::LastUses;
use crate::ids::{TransactionIndex, narrow};
use crate::plan::{LANES_WITH_WAITS_MAX, Plan, Wait};
use crate::request::PlanRequest;
use crate::table::AccessTable;

/// A transaction stays in the lane of its predecessor as long as that lane is ahead by less than
/// this part of what each lane has still to be dealt: other transactions will level the lanes, and
/// every wait costs.
const LEAD_PART: u64 = 2_048;

/// Where and when a transaction ends.
#[derive(Clone, Copy)]
struct Placed {
    end: u64,
    lane: u32,
    /// How many transactions of its lane have finished then.
    finished: u32,
}

struct Lane {
    end: u64,
    content: LaneInWork,
    /// By lane: how many of its transactions have surely finished when this one goes on.
    known: Vec<u32>,
}

struct Deal<'a> {
    table: &'a AccessTable,
    wait: u64,
    /// What is not dealt yet.
    work_left: u64,
    lanes: Vec<Lane>,
    /// By transaction.
    placed: Vec<Placed>,
    /// What the next transaction directly depends on.
    before: Vec<TransactionIndex>,
}

/// One batch of a lane per worker, at most [`LANES_WITH_WAITS_MAX`], and its predicted makespan.
/// O(accesses + accounts + n x lanes).
pub(in super::super) fn dealt(table: &AccessTable, request: &PlanRequest) -> (Plan, u64) {
    let lane_count = (request.workers.get() as usize).min(LANES_WITH_WAITS_MAX);
    let count = table.transaction_count();
    let lanes = (0..lane_count).map(|_| Lane {
        end: 0,
        content: LaneInWork::default(),
        known: vec![0; lane_count],
    });
    let mut deal = Deal {
        table,
        wait: request.costs.wait,
        work_left: table.total_cost(),
        lanes: lanes.collect(),
        placed: Vec::with_capacity(count),
        before: Vec::new(),
    };
    let mut uses = LastUses::new(table.account_count());
    for transaction in table.transactions() {
        deal.before.clear();
        uses.visit(transaction, table.accesses(transaction), |before, _| {
            deal.before.push(before);
        });
        deal.place(transaction);
    }
    let makespan = deal.lanes.iter().map(|lane| lane.end).max();
    let plan = build(deal.lanes.into_iter().map(|lane| lane.content));
    (plan, makespan.unwrap_or(0))
}

impl Deal<'_> {
    fn place(&mut self, transaction: TransactionIndex) {
        let cost = self.table.cost(transaction);
        self.work_left = self.work_left.saturating_sub(cost);
        let number = self.lane();
        let start = self.wait(transaction, number);
        let lane = &mut self.lanes[number];
        lane.content.transactions.push(transaction);
        lane.end = start.saturating_add(cost);
        self.placed.push(Placed {
            end: lane.end,
            lane: narrow(number),
            finished: narrow(lane.content.transactions.len()),
        });
    }

    /// The lane for the next transaction.
    fn lane(&self) -> usize {
        let mut free = 0;
        for (number, lane) in self.lanes.iter().enumerate().skip(1) {
            if lane.end < self.lanes[free].end {
                free = number;
            }
        }
        let placed = self.before.iter().map(|before| self.placed[before.index()]);
        let Some(last) = placed.max_by_key(|before| before.end) else {
            return free;
        };
        let start = self.lanes[free].end.max(last.end.saturating_add(self.wait));
        let lead = self.work_left / (LEAD_PART * u64::from(narrow(self.lanes.len())));
        let last = last.lane as usize;
        if start.saturating_add(lead) < self.lanes[last].end {
            free
        } else {
            last
        }
    }

    /// Lets the transaction wait in its lane for the last one of each other lane that it depends
    /// on, unless that one is known to have finished. Returns when the waits are over.
    fn wait(&mut self, transaction: TransactionIndex, number: usize) -> u64 {
        let Lane {
            end,
            content,
            known,
        } = &mut self.lanes[number];
        let waits = &mut content.waits;
        let first = waits.len();
        let lane_of = |wait: &Wait| self.placed[wait.after.index()].lane as usize;
        for &after in &self.before {
            let Placed { lane, finished, .. } = self.placed[after.index()];
            let lane = lane as usize;
            if lane == number || known[lane] >= finished {
                continue;
            }
            known[lane] = finished;
            match waits[first..].iter_mut().find(|wait| lane_of(wait) == lane) {
                Some(wait) => wait.after = after,
                None => waits.push(Wait { transaction, after }),
            }
        }
        waits[first..].sort_unstable();
        waits[first..].iter().fold(*end, |now, wait| {
            now.max(self.placed[wait.after.index()].end)
                .saturating_add(self.wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::access::Access;
    use crate::check::check;
    use crate::ids::AccountIndex;
    use crate::predict::predict;
    use crate::request::Mode;

    fn request(workers: u32) -> PlanRequest {
        let workers = NonZeroU32::new(workers).expect("tests ask for at least one worker");
        PlanRequest::new(Mode::Produce, workers)
    }

    #[test]
    fn a_transaction_follows_the_last_of_its_predecessors() {
        let [a, b, c] = [0, 1, 2].map(AccountIndex);
        let mut table = AccessTable::new();
        for accesses in [
            &[Access::write(a)][..],
            &[Access::write(b)],
            &[Access::write(a)],
            &[Access::read(a), Access::read(b)],
            &[Access::write(c)],
        ] {
            table.push(accesses.iter().copied(), 1_000);
        }
        let (plan, makespan) = dealt(&table, &request(2));
        assert_eq!(plan.to_string(), "batch 0: [0 2 3 after 1] [1 4]\n");
        assert_eq!(makespan, 3_100);
    }

    #[test]
    fn the_plan_keeps_the_rules_and_takes_as_long_as_predicted() {
        let mut table = AccessTable::new();
        let mut state = 1_u64;
        let mut draw = |below: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005) | 1;
            let drawn = u32::try_from(state >> 33).expect("31 bits fit");
            drawn.checked_rem(below).expect("not below 0")
        };
        for _ in 0..500 {
            let accesses = [draw(9), 9 + draw(200), 9 + draw(200)].map(AccountIndex);
            let is_write = draw(3) == 0;
            let modes = accesses.map(|account| {
                if is_write {
                    Access::write(account)
                } else {
                    Access::read(account)
                }
            });
            table.push(modes, u64::from(draw(2_000)));
        }
        for workers in [2, 3, 8] {
            let request = request(workers);
            let (plan, makespan) = dealt(&table, &request);
            let predicted = predict(&plan, &table, request.workers, &request.costs);
            assert_eq!(makespan, predicted, "{workers}");
            assert!(
                check(plan.clone(), &table, Mode::Replay).is_ok(),
                "{workers}"
            );
            assert!(plan.waits().len() > 50, "{workers}: {}", plan.waits().len());
        }
    }
}
