//! Plans with several strategies and takes the plan with the least predicted makespan.

use super::{Dag, Layered, Strategy, StrategyError, lanes, serial::serial, waits};
use crate::bounds::Bounds;
use crate::ids::narrow;
use crate::plan::Plan;
use crate::predict::predict;
use crate::request::{Mode, PlanRequest};
use crate::table::AccessTable;

/// The best of [`Serial`](crate::Serial), [`Waits`](crate::Waits) of replay mode if transactions
/// are long, the first attempt of [`Lanes`](crate::Lanes), a plan dealt in block order, `Waits`,
/// all of `Lanes`, [`Layered`], and [`Dag`], tried in this order; stops as soon as one is close to
/// the lower bound.
///
/// Planning takes time, too. So a plan of those before `Waits` is taken if it is within 1 % of the
/// bound, one of `Waits` within 3 %: what the others might gain does not pay for trying them. Long
/// transactions are handed out to idle workers, where block order allows it, because then no
/// worker stands idle when costs are wrong. For up to four workers an attempt of `Lanes` that would
/// take long is not made, and the block is dealt to lanes with static waits as it comes, which
/// costs no more than finding what depends on what; that plan is taken if it misses the bound by
/// less than planning on would take, and by 5 % at most. From then on an attempt is only made if it
/// may gain more time than it takes. Ties go to the one tried first: few lanes and no waits cost
/// the workers least. First-fit and the colourings are not tried: with one transaction a lane they
/// pay a barrier per colour where lanes pay a few for all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Auto;

/// The most workers for which planning time is saved. With more there is more to gain by planning,
/// and chains in block order are seldom short against the lanes.
const THRIFTY_WORKERS_MAX: u32 = 4;
/// What all of `Lanes` costs for each access, in cost units.
const LANES_COST: u64 = 200;
/// What planning on costs for each transaction, in cost units.
const PLANNING_COST: u64 = 2_500;

impl Strategy for Auto {
    fn name(&self) -> &str {
        "auto"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        if request.workers.get() == 1 {
            return Ok(serial(table));
        }
        let serially = table.total_cost();
        let mut best = Best(None, serially);
        if waits::is_coarse(table, request) {
            best.offer(Some(waits::ranked(table, request)));
            // The plan in general, and then the rest of the bound need not be known.
            if is_within(best.1, serially.div_ceil(request.workers.get().into()), 100) {
                return Ok(best.into_plan(table));
            }
        }
        let heat = (request.mode == Mode::Produce).then(|| lanes::Heat::of(table));
        let bound = match &heat {
            Some(heat) => heat.bound(table, request),
            None => Bounds::of(table).lower_bound(request.mode, request.workers),
        };
        let within = |makespan: u64, part: u64| is_within(makespan, bound, part);
        if within(best.1, 100) {
            return Ok(best.into_plan(table));
        }
        let is_thrifty = request.workers.get() <= THRIFTY_WORKERS_MAX;
        let enough = bound.saturating_add(planning_cost(table).min(bound / 20));
        best.offer(match heat {
            Some(heat) => lanes::first_attempt(table, request, heat, is_thrifty),
            None => Some(lanes::plan(table, request)),
        });
        if within(best.1, 100) {
            return Ok(best.into_plan(table));
        }
        if is_thrifty {
            best.offer(Some(waits::dealt(table, request)));
            if best.1 <= enough {
                return Ok(best.into_plan(table));
            }
        }
        best.offer(Some(waits::plan(table, request, bound, is_thrifty)));
        if !within(best.1, 32) {
            let is_worth = !is_thrifty || {
                let cost = waits::cost_of_accesses(table, LANES_COST);
                waits::worth(best.1, bound, cost, 0)
            };
            if request.mode == Mode::Produce && is_worth {
                best.offer(Some(lanes::plan(table, request)));
            }
            for plan in [Layered.plan(table, request)?, Dag.plan(table, request)?] {
                let makespan = predict(&plan, table, request.workers, &request.costs);
                best.offer(Some((plan, makespan)));
            }
        }
        Ok(best.into_plan(table))
    }
}

/// Whether a makespan misses a bound by this part of it at most.
fn is_within(makespan: u64, bound: u64, part: u64) -> bool {
    makespan <= bound.saturating_add(bound.div_ceil(part))
}

/// What it costs to plan a block on once it has been dealt.
fn planning_cost(table: &AccessTable) -> u64 {
    PLANNING_COST.saturating_mul(u64::from(narrow(table.transaction_count())))
}

/// The best plan so far, none for the serial one, and its predicted makespan.
struct Best(Option<Plan>, u64);

impl Best {
    fn offer(&mut self, found: Option<(Plan, u64)>) {
        if let Some((plan, makespan)) = found
            && makespan < self.1
        {
            *self = Self(Some(plan), makespan);
        }
    }

    fn into_plan(self, table: &AccessTable) -> Plan {
        self.0.unwrap_or_else(|| serial(table))
    }
}
