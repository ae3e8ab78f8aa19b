//! Plans few batches of balanced lanes, one lane a worker.
//!
//! A barrier costs as much as a transaction or several, so a plan with one transaction a lane
//! wastes most of its time when accounts are hot. A lane may hold conflicting transactions: all
//! users of a hot account go to one lane, and the other lanes do meanwhile what does not touch
//! that account.
//!
//! ```text
//! one transaction a lane           lanes
//! a1 | a2 | a3 | a4 | b1           a1 a2 a3 a4 |
//! c1 | b2 |    |    |              b1 b2 c1 d1 |
//! d1 |    |    |    |
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::serial::serial;
use super::{Strategy, StrategyError};
use crate::ids::narrow;
use crate::plan::Plan;
use crate::predict::predict;
use crate::request::{Mode, PlanRequest};
use crate::table::AccessTable;

mod heat;
mod produce;
mod replay;

pub(super) use heat::Heat;
pub(super) use produce::first_attempt;

/// Batches of at most as many lanes as there are workers.
///
/// In produce mode the transactions of the busiest accounts are placed first, and a transaction
/// whose accounts belong to different lanes waits for a later batch, in which accounts belong
/// to lanes anew. A lane takes busy accounts on up to its part of the work, and what would make
/// it longer than the others goes to the next batch, so that a few batches do. In replay mode each
/// transaction goes, in block order, to the first batch and lane that its predecessors allow. Where
/// one lane for everything is predicted to be faster, that is the plan.
///
/// O(accesses + accounts + n log lanes) for a pass; produce mode makes one pass over what is left
/// for each batch of each of at most five attempts, of one in general.
///
/// Use it in produce mode for nearly everything. In replay mode hot accounts need a finer
/// synchronisation than barriers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lanes;

impl Strategy for Lanes {
    fn name(&self) -> &str {
        "lanes"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        let (plan, makespan) = plan(table, request);
        Ok(if makespan >= table.total_cost() {
            serial(table)
        } else {
            plan
        })
    }
}

/// The plan and its predicted makespan, be it worse than serial or not.
pub(super) fn plan(table: &AccessTable, request: &PlanRequest) -> (Plan, u64) {
    match request.mode {
        Mode::Produce => produce::plan(table, request),
        Mode::Replay => {
            let plan = replay::plan(table, request);
            let makespan = predict(&plan, table, request.workers, &request.costs);
            (plan, makespan)
        }
    }
}

/// The lanes of one batch: how long each is, and which is the shortest.
#[derive(Debug)]
struct LaneLengths {
    lane_count_max: usize,
    lengths: Vec<u64>,
    /// Each opened lane once, with a length that it had at some time: lanes only grow, so an
    /// entry that is out of date is found at the top, and is put right there.
    shortest: BinaryHeap<Reverse<(u64, u32)>>,
}

impl LaneLengths {
    fn new(lane_count_max: usize) -> Self {
        Self {
            lane_count_max,
            lengths: Vec::new(),
            shortest: BinaryHeap::new(),
        }
    }

    fn clear(&mut self) {
        self.lengths.clear();
        self.shortest.clear();
    }

    fn length(&self, lane: u32) -> u64 {
        self.lengths[lane as usize]
    }

    fn add(&mut self, lane: u32, cost: u64) {
        let length = &mut self.lengths[lane as usize];
        *length = length.saturating_add(cost);
    }

    /// The shortest lane, the lowest-numbered of several; opens a new one while it may.
    fn shortest(&mut self) -> u32 {
        if self.lengths.len() < self.lane_count_max {
            let lane = narrow(self.lengths.len());
            self.lengths.push(0);
            self.shortest.push(Reverse((0, lane)));
            return lane;
        }
        loop {
            let mut top = self
                .shortest
                .peek_mut()
                .expect("there is at least one worker");
            let (known, lane) = top.0;
            let length = self.lengths[lane as usize];
            if known == length {
                return lane;
            }
            top.0 = (length, lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_lane_is_found() {
        let mut lanes = LaneLengths::new(3);
        for (expected, cost) in [
            (0, 5),
            (1, 2),
            (2, 4),
            (1, 1),
            (1, 3),
            (2, 1),
            (0, 1),
            (2, 9),
        ] {
            assert_eq!(lanes.shortest(), expected);
            lanes.add(expected, cost);
        }
        lanes.add(0, 1);
        assert_eq!(
            (lanes.length(0), lanes.length(1), lanes.length(2)),
            (7, 6, 14)
        );
        assert_eq!(lanes.shortest(), 1);
        lanes.clear();
        assert_eq!((lanes.shortest(), lanes.length(0)), (0, 0));
    }
}
