//! Plans as lists that C reads, and a plan of the embedder's in a strategy's place.

use lockstep_scheduler::{
    AccessTable, Dispatch, Mode, Plan, PlanRequest, Strategy, StrategyError, strategy,
};

use crate::{
    given::{PlanLayout, PlanWait},
    kinds::PlanParts,
    status::{Failure, Status, unknown_number},
};

/// The lists of a plan.
#[derive(Debug)]
pub(crate) struct Lists {
    items: Vec<u32>,
    lane_ends: Vec<u32>,
    batch_ends: Vec<u32>,
    waits: Vec<PlanWait>,
    order: Vec<u32>,
    dispatch: Dispatch,
}

/// A count within a plan, whose transactions have numbers of 32 bits.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("a plan has fewer than 2^32 of anything")
}

impl Lists {
    fn of(plan: &Plan) -> Self {
        let mut lane_ends = Vec::with_capacity(plan.lane_count());
        let mut batch_ends = Vec::with_capacity(plan.batch_count());
        let mut end = 0usize;
        for batch in plan.batches() {
            for lane in batch.lanes() {
                end = end.saturating_add(lane.len());
                lane_ends.push(narrow(end));
            }
            batch_ends.push(narrow(lane_ends.len()));
        }
        let waits = plan.waits().iter().map(|wait| PlanWait {
            transaction: wait.transaction.0,
            after: wait.after.0,
        });
        Self {
            items: plan.lane_order().iter().map(|item| item.0).collect(),
            lane_ends,
            batch_ends,
            waits: waits.collect(),
            order: plan.order().iter().map(|item| item.0).collect(),
            dispatch: plan.dispatch(),
        }
    }

    /// The lists, as long as these live.
    pub(crate) fn layout(&self) -> PlanLayout {
        PlanLayout {
            items: self.items.as_ptr(),
            item_count: self.items.len(),
            lane_ends: self.lane_ends.as_ptr(),
            lane_count: self.lane_ends.len(),
            batch_ends: self.batch_ends.as_ptr(),
            batch_count: self.batch_ends.len(),
            waits: self.waits.as_ptr(),
            wait_count: self.waits.len(),
            dispatch: match self.dispatch {
                Dispatch::Static => 0,
                Dispatch::Queued => 1,
                Dispatch::Ranked => 2,
            },
            reserved: 0,
        }
    }

    /// All transactions in canonical order.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }
}

impl PlanParts {
    pub(crate) fn new(plan: Plan) -> Self {
        let lists = Lists::of(&plan);
        Self { plan, lists }
    }
}

/// The embedder's plan, whatever the block is; the engine checks it.
#[derive(Debug)]
pub(crate) struct GivenPlan(pub(crate) Plan);

impl Strategy for GivenPlan {
    fn name(&self) -> &str {
        "given"
    }

    fn plan(&self, _table: &AccessTable, _request: &PlanRequest) -> Result<Plan, StrategyError> {
        Ok(self.0.clone())
    }
}

/// The strategy of a name; `auto` without one.
pub(crate) fn strategy_of(name: Option<&str>) -> Result<Box<dyn Strategy>, Failure> {
    let name = name.unwrap_or("auto");
    strategy(name).ok_or_else(|| {
        let known = lockstep_scheduler::strategies();
        let known: Vec<&str> = known.iter().map(|strategy| strategy.name()).collect();
        let known = known.join(", ");
        Failure::new(
            Status::BadValue,
            format!("unknown strategy \"{name}\", expected one of: {known}"),
        )
    })
}

/// The mode of a number.
pub(crate) fn mode_of(number: u32) -> Result<Mode, Failure> {
    match number {
        0 => Ok(Mode::Produce),
        1 => Ok(Mode::Replay),
        number => Err(unknown_number("mode", number, &["produce", "replay"])),
    }
}
