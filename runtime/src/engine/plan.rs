//! Asks a strategy for a plan, and proves the plan before it is used.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use lockstep_scheduler::{AccessTable, CheckedPlan, Mode, PlanRequest, Strategy, check};

use super::EngineError;
use crate::{stage::stage, threads::Threads};

/// A strategy's plan for these threads, checked.
pub(super) fn plan<'t>(
    table: &'t AccessTable,
    strategy: &dyn Strategy,
    mode: Mode,
    threads: &Threads,
) -> Result<CheckedPlan<'t>, EngineError> {
    let mut name = String::new();
    let planned = {
        let _stage = stage!("plan");
        // A strategy gets shared references alone, so a panic leaves no state half changed.
        catch_unwind(AssertUnwindSafe(|| {
            name.push_str(strategy.name());
            strategy.plan(table, &PlanRequest::new(mode, threads.worker_count()))
        }))
    };
    let plan = match planned {
        Ok(Ok(plan)) => plan,
        Ok(Err(source)) => return Err(EngineError::Strategy { name, source }),
        Err(payload) => {
            let message = panic_message(payload);
            return Err(EngineError::StrategyPanicked { name, message });
        }
    };
    let _stage = stage!("check");
    check(plan, table, mode).map_err(|refused| EngineError::Plan {
        name,
        source: refused.error,
    })
}

/// The text of a panic.
fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("without a text").to_owned();
    // Dropping the payload may panic in turn; leaking it cannot.
    std::mem::forget(payload);
    message
}
