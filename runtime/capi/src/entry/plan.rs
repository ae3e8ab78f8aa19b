//! Plans alone: access lists in, plan out. Needs no chain.

use std::num::NonZeroU32;

use lockstep_scheduler::{Bounds, CostModel, PlanRequest, check, predict};

use super::error::free;
use crate::{
    given::{
        self, AccessList, PlanLayout, PlanOptions, access_table, one, out, place, plan_of, text,
    },
    guard::{brief, call},
    handle,
    kinds::{Error, Plan, PlanParts},
    plan::{mode_of, strategy_of},
    status::{Failure, Status},
};

/// The transaction only looks at the account.
pub const ACCESS_READ: u32 = 0;
/// The transaction may change the account.
pub const ACCESS_WRITE: u32 = 1;
/// The transaction only adds to the account; such transactions run side by side.
pub const ACCESS_CREDIT: u32 = 2;

/// The planner chooses the order.
pub const MODE_PRODUCE: u32 = 0;
/// Of two transactions that conflict the one with the lower number runs first.
pub const MODE_REPLAY: u32 = 1;

/// A worker runs a lane from its first transaction to its last.
pub const DISPATCH_STATIC: u32 = 0;
/// An idle worker takes the transaction that has been ready longest.
pub const DISPATCH_QUEUED: u32 = 1;
/// An idle worker takes, of the transactions that are ready, the one that the plan lists first.
pub const DISPATCH_RANKED: u32 = 2;

/// Workers of a prediction.
fn workers(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

/// Plans transactions by what they access, and checks the plan. Transactions have the numbers of
/// their places in the list.
///
/// Threads: any. The lists are not kept, and the caller frees the plan. Complexity: O(accesses) for
/// "auto", "lanes" and the other strategies on the list of accesses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_plan_new(
    options: *const PlanOptions,
    transactions: *const AccessList,
    transaction_count: usize,
    plan: *mut *mut Plan,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (wanted, plan, error) = unsafe {
        let wanted = given::options(options)
            .and_then(|wanted| Ok((wanted, text(wanted.strategy, "strategy")?)));
        (wanted, place(plan), out(error))
    };
    call(error, || {
        let plan = plan.required("plan")?;
        let (wanted, name) = wanted?;
        let (strategy, mode) = (strategy_of(name)?, mode_of(wanted.mode)?);
        // SAFETY: the contract of `given`.
        let table = unsafe { access_table(transactions, transaction_count) }?;
        let request = PlanRequest::new(mode, workers(wanted.worker_count));
        let made = strategy.plan(&table, &request)?;
        let checked = check(made, &table, mode).map_err(|refused| refused.error)?;
        plan.set(handle::put::<Plan>(PlanParts::new(checked.into_plan())));
        Ok(())
    })
}

/// Makes a plan of lists. It is a claim until it is checked: by lockstep_plan_check, or by
/// lockstep_chain_build, to which it may be given.
///
/// Threads: any. The lists are copied, and the caller frees the plan.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_plan_from_layout(
    layout: *const PlanLayout,
    plan: *mut *mut Plan,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (made, plan, error) = unsafe {
        let made = one(layout, "layout").and_then(|layout| {
            if layout.reserved != 0 {
                let found = "reserved of lockstep_layout is not 0";
                return Err(Failure::new(Status::BadValue, found));
            }
            plan_of(layout)
        });
        (made, place(plan), out(error))
    };
    call(error, || {
        let plan = plan.required("plan")?;
        plan.set(handle::put::<Plan>(PlanParts::new(made?)));
        Ok(())
    })
}

/// Proves that a plan holds every transaction once and never runs two at once that conflict, and,
/// for LOCKSTEP_MODE_REPLAY, that those keep their order. LOCKSTEP_STATUS_PLAN names the rule that
/// it breaks.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_plan_check(
    plan: *mut Plan,
    transactions: *const AccessList,
    transaction_count: usize,
    mode: u32,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let error = unsafe { out(error) };
    call(error, || {
        let parts = handle::get(plan)?;
        let mode = mode_of(mode)?;
        // SAFETY: the contract of `given`.
        let table = unsafe { access_table(transactions, transaction_count) }?;
        let checked = check(parts.plan.clone(), &table, mode);
        checked.map_err(|refused| refused.error)?;
        Ok(())
    })
}

/// Predicts how long a plan runs on some workers, and the least that any plan of the mode could
/// take, both in the unit of the costs; either place may be NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_plan_predict(
    plan: *mut Plan,
    transactions: *const AccessList,
    transaction_count: usize,
    mode: u32,
    worker_count: u32,
    makespan: *mut u64,
    lower_bound: *mut u64,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (makespan, lower_bound, error) = unsafe { (out(makespan), out(lower_bound), out(error)) };
    call(error, || {
        let parts = handle::get(plan)?;
        let (mode, workers) = (mode_of(mode)?, workers(worker_count));
        // SAFETY: the contract of `given`.
        let table = unsafe { access_table(transactions, transaction_count) }?;
        // A prediction is of plans that are right.
        let checked = check(parts.plan.clone(), &table, mode).map_err(|refused| refused.error)?;
        makespan.set(predict(
            checked.plan(),
            &table,
            workers,
            &CostModel::STANDARD,
        ));
        lower_bound.set(Bounds::of(&table).lower_bound(mode, workers));
        Ok(())
    })
}

/// Gives the lists of a plan.
///
/// Threads: any. The lists are valid until the plan is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_plan_layout(
    plan: *mut Plan,
    layout: *mut PlanLayout,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (layout, error) = unsafe { (out(layout), out(error)) };
    call(error, || {
        let layout = layout.required("layout")?;
        layout.set(handle::get(plan)?.lists.layout());
        Ok(())
    })
}

/// Gives all transactions of a plan in its canonical order: the serial order whose result the plan
/// reproduces.
///
/// Threads: any. The list is valid until the plan is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_plan_order(
    plan: *mut Plan,
    order: *mut *const u32,
    count: *mut usize,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (order, count, error) = unsafe { (out(order), out(count), out(error)) };
    call(error, || {
        let (order, count) = (order.required("order")?, count.required("count")?);
        let parts = handle::get(plan)?;
        order.set(parts.lists.order().as_ptr());
        count.set(parts.lists.order().len());
        Ok(())
    })
}

/// Frees a plan; NULL is nothing to free.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_plan_free(plan: *mut Plan) -> Status {
    brief(|| free(plan))
}
