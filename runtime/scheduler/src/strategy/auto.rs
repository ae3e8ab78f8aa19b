//! Plans with several strategies and takes the plan with the least predicted makespan.

use super::{Lanes, Layered, Serial, Strategy, StrategyError, Waits};
use crate::bounds::Bounds;
use crate::plan::Plan;
use crate::predict::predict;
use crate::request::PlanRequest;
use crate::table::AccessTable;

/// The best of [`Serial`], [`Lanes`], [`Waits`] and [`Layered`], tried in this order; stops as soon
/// as one is within 1 % of the lower bound, as none can be much better.
///
/// Ties go to the one tried first: few lanes and no waits cost the workers least. Complexity is
/// that of the strategies tried; without hot accounts the first two do. First-fit and the
/// colourings are not tried: with one transaction a lane they pay a barrier per colour where lanes
/// pay a few for all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Auto;

impl Strategy for Auto {
    fn name(&self) -> &str {
        "auto"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        let bound = Bounds::of(table).lower_bound(request.mode, request.workers);
        let good = bound.saturating_add(bound.div_ceil(100));
        let candidates: [&dyn Strategy; 4] = [&Serial, &Lanes, &Waits, &Layered];
        let mut best: Option<(u64, Plan)> = None;
        for strategy in candidates {
            let plan = strategy.plan(table, request)?;
            let makespan = predict(&plan, table, request.workers, &request.costs);
            if best.as_ref().is_none_or(|(least, _)| makespan < *least) {
                best = Some((makespan, plan));
            }
            if best.as_ref().is_some_and(|(least, _)| *least <= good) {
                break;
            }
        }
        Ok(best.expect("there are candidates").1)
    }
}
