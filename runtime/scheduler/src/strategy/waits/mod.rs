//! Plans one batch of lanes whose order towards each other is kept by static waits.
//!
//! A barrier stops every lane; a [`Wait`](crate::Wait) stops one lane until one transaction of
//! another has finished. All waits are known before anything runs, so the workers need no
//! dispatcher: one progress counter a lane is enough.
//!
//! ```text
//! lane 0   a1 -------- a2 ---- ab ---
//! lane 1   b1 -- b2 -- c1 ---|       |- b3      ab waits for b2, b3 waits for ab
//! ```
//!
//! Two steps: *list scheduling* plays the block through on imagined workers, which gives every
//! transaction a lane and a place in a sequence ([`produce`], [`replay`]); *linking* finds the
//! waits that this sequence needs and leaves out those that others imply ([`link`]).

use std::num::NonZeroU32;

use self::produce::Rank;
use super::serial::serial;
use super::{Strategy, StrategyError};
use crate::bounds::Bounds;
use crate::ids::{TransactionIndex, narrow};
use crate::plan::{Dispatch, LANES_WITH_WAITS_MAX, Lane, Plan, PlanBuilder, Wait};
use crate::predict::predict;
use crate::request::{Mode, PlanRequest};
use crate::table::AccessTable;

mod dealt;
mod link;
mod packed;
mod produce;
mod replay;

pub(super) use dealt::dealt;

/// One batch, a lane per worker (at most [`LANES_WITH_WAITS_MAX`]), static waits between lanes.
///
/// In produce mode it always starts the runnable transaction whose accounts have the most work
/// left; in replay mode the one that begins the heaviest chain, block order kept. Where one lane
/// without waits is predicted to be as fast, that is the plan.
///
/// Lanes are as level as the costs are right. In replay mode, where a chain that starts late
/// holds everything up, transactions that cost much against a wait are therefore not dealt to
/// lanes: each is one of its own, those with the heaviest chains first, and under
/// [ranked dispatch](crate::Dispatch::Ranked) idle workers take the first that is ready. Where that
/// misses the bound by more than 3 %, lanes are packed around the heaviest chains, and taken if
/// they gain enough.
///
/// O(accesses + accounts + n log n + waits x lanes).
///
/// Use it wherever accounts are hot: it comes closest to the lower bounds, in replay by far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Waits;

impl Strategy for Waits {
    fn name(&self) -> &str {
        "waits"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        if request.workers.get() == 1 {
            return Ok(serial(table));
        }
        let bound = Bounds::of(table).lower_bound(request.mode, request.workers);
        let (plan, makespan) = plan(table, request, bound, false);
        Ok(if makespan >= table.total_cost() {
            serial(table)
        } else {
            plan
        })
    }
}

/// The plan and its predicted makespan, be it worse than serial or not. `bound` is the lower
/// bound of the makespan. If `is_thrifty`, only an attempt that is [`worth`] its time is made.
pub(super) fn plan(
    table: &AccessTable,
    request: &PlanRequest,
    bound: u64,
    is_thrifty: bool,
) -> (Plan, u64) {
    let lane_count = (request.workers.get() as usize).min(LANES_WITH_WAITS_MAX);
    match request.mode {
        Mode::Produce => best_attempt(table, request, lane_count, bound, is_thrifty),
        Mode::Replay if is_coarse(table, request) => coarse(table, request, lane_count, bound),
        Mode::Replay => {
            let schedule = replay::schedule(table, request, lane_count);
            link(table, request, lane_count, &schedule)
        }
    }
}

/// Lanes are packed where they gain at least this part of the makespan. Else idle workers take what
/// is ready: they stay busy where costs are wrong, and lanes wait.
const PACKING_GAIN_PART: u64 = 32;

/// The plan for idle workers or, where that leaves much to be gained, one that is
/// [packed](packed) around the heaviest chains.
fn coarse(
    table: &AccessTable,
    request: &PlanRequest,
    lane_count: usize,
    bound: u64,
) -> (Plan, u64) {
    let mut found = ranked(table, request);
    let good = bound.saturating_add(bound / 32);
    if makespan(&found) <= good || table.transaction_count() > packed::TRANSACTIONS_MAX {
        return found;
    }
    let packed = packed::plan(table, request, lane_count, &found.0, good);
    if makespan(&packed.ranked) < makespan(&found) {
        found = packed.ranked;
    }
    let gain = makespan(&found).saturating_sub(makespan(&packed.lanes));
    if gain > makespan(&found) / PACKING_GAIN_PART {
        found = packed.lanes;
    }
    found
}

/// The plan in block order that idle workers take transactions from, those with the heaviest chains
/// first, and its predicted makespan.
pub(super) fn ranked(table: &AccessTable, request: &PlanRequest) -> (Plan, u64) {
    let plan = replay::ranked(table).with_dispatch(Dispatch::Ranked);
    let makespan = predict(&plan, table, request.workers, &request.costs);
    (plan, makespan)
}

/// Transactions that cost so many waits on average are worth a wait each.
const WAITS_PER_TRANSACTION_MIN: u64 = 32;

/// Whether transactions are so long that handing them out one by one costs next to nothing.
pub(super) fn is_coarse(table: &AccessTable, request: &PlanRequest) -> bool {
    let waits = u64::from(narrow(table.transaction_count())).saturating_mul(request.costs.wait);
    table.total_cost() >= waits.saturating_mul(WAITS_PER_TRANSACTION_MIN)
}

/// How the attempts in produce mode rank transactions, how often they do so anew, and up to how
/// many transactions the attempt is worth its time. The first is close to the bound in general.
/// Where transactions use many busy accounts their sum tells better how long a clique is, and with
/// many workers for the busy accounts the work left on each has to be looked at again.
const ATTEMPTS: [(Rank, usize, usize); 5] = [
    (Rank::Busiest, 1, usize::MAX),
    (Rank::Sum, 1, usize::MAX),
    (Rank::Busiest, 32, 1 << 16),
    (Rank::Sum, 32, 1 << 16),
    (Rank::Sum, 512, 1 << 10),
];

/// What an attempt costs for each access, in cost units, besides one for each time it ranks.
const ATTEMPT_COST: u64 = 45;
/// What it costs for each access that it looks at to find what keeps a transaction waiting.
const STEP_COST: u64 = 15;
/// The part of the way down to the lower bound that an attempt is trusted to go, half as much after
/// each attempt that gained nothing.
const HOPED_PART: u64 = 4;

/// Whether to look for a plan below `makespan` may gain more time than the `cost` of looking, after
/// this number of attempts that gained nothing.
pub(super) fn worth(makespan: u64, bound: u64, cost: u64, vain_count: u32) -> bool {
    let hope = makespan.saturating_sub(bound) / HOPED_PART;
    hope.checked_shr(vain_count).unwrap_or(0) > cost
}

/// What it costs to do something that takes `units` for each access.
pub(super) fn cost_of_accesses(table: &AccessTable, units: u64) -> u64 {
    units.saturating_mul(u64::from(narrow(table.access_count())))
}

/// The best plan of some attempts, which end when one is within 3 % of the lower bound.
fn best_attempt(
    table: &AccessTable,
    request: &PlanRequest,
    lane_count: usize,
    bound: u64,
    is_thrifty: bool,
) -> (Plan, u64) {
    let good = bound.saturating_add(bound / 32);
    let mut best = None;
    let (mut vain_count, mut step_count) = (0_u32, 0_u64);
    for (rank, round_count, transaction_count_max) in ATTEMPTS {
        if table.transaction_count() > transaction_count_max {
            break;
        }
        let is_worth = |best: &(Plan, u64)| {
            let rounds = round_count.min(table.transaction_count());
            let units = ATTEMPT_COST.saturating_add(u64::from(narrow(rounds)));
            let steps = step_count.saturating_mul(STEP_COST);
            let cost = cost_of_accesses(table, units).saturating_add(steps);
            worth(makespan(best), bound, cost, vain_count)
        };
        if is_thrifty && !best.as_ref().is_none_or(is_worth) {
            continue;
        }
        let played = produce::schedule(table, request, lane_count, rank, round_count);
        step_count = played.step_count;
        let found = link(table, request, lane_count, &played.schedule);
        best = match best {
            Some(best) if makespan(&best) <= makespan(&found) => {
                vain_count = vain_count.saturating_add(1);
                Some(best)
            }
            _ => Some(found),
        };
        if best.as_ref().is_some_and(|best| makespan(best) <= good) {
            break;
        }
    }
    best.expect("the first attempt takes every block")
}

fn makespan(found: &(Plan, u64)) -> u64 {
    found.1
}

/// The plan of a schedule and its predicted makespan.
fn link(
    table: &AccessTable,
    request: &PlanRequest,
    lane_count: usize,
    schedule: &[Slot],
) -> (Plan, u64) {
    let plan = link::plan(table, schedule, lane_count);
    let workers = NonZeroU32::new(narrow(lane_count)).expect("there is at least one lane");
    let makespan = predict(&plan, table, workers, &request.costs);
    (plan, makespan)
}

/// A transaction and the lane in which it runs. A schedule lists them in an order in which they
/// could start: behind everything that they have to wait for.
#[derive(Clone, Copy, Debug)]
struct Slot {
    transaction: TransactionIndex,
    lane: u32,
}

/// A lane as it grows; its waits in the order of the waiting transactions.
#[derive(Clone, Default)]
struct LaneInWork {
    transactions: Vec<TransactionIndex>,
    waits: Vec<Wait>,
}

/// One batch of lanes.
fn build(lanes: impl IntoIterator<Item = LaneInWork>) -> Plan {
    let mut builder = PlanBuilder::new();
    for lane in lanes {
        builder.lane(Lane {
            transactions: &lane.transactions,
            waits: &lane.waits,
        });
    }
    builder.finish()
}
