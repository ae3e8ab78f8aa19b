//! Asks a strategy for a plan, and proves the plan before it is used.

use std::num::NonZeroU32;

use lockstep_scheduler::{AccessTable, CheckedPlan, Mode, PlanRequest, Strategy, check};

use super::EngineError;
use crate::{fence::fenced, stage::stage};

/// A strategy's plan for this number of workers, checked.
pub(super) fn plan<'t>(
    table: &'t AccessTable,
    strategy: &dyn Strategy,
    mode: Mode,
    workers: NonZeroU32,
) -> Result<CheckedPlan<'t>, EngineError> {
    let mut name = String::new();
    let planned = {
        let _stage = stage!("plan");
        // A strategy gets shared references alone, so a panic leaves no state half changed.
        fenced(|| {
            name.push_str(strategy.name());
            strategy.plan(table, &PlanRequest::new(mode, workers))
        })
    };
    let plan = match planned {
        Ok(Ok(plan)) => plan,
        Ok(Err(source)) => return Err(EngineError::Strategy { name, source }),
        Err(message) => return Err(EngineError::StrategyPanicked { name, message }),
    };
    let _stage = stage!("check");
    check(plan, table, mode).map_err(|refused| EngineError::Plan {
        name,
        source: refused.error,
    })
}
