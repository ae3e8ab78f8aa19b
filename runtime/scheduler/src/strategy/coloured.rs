//! Plans by colouring the explicit conflict graph, one transaction a lane.
//!
//! In produce mode these are the classical heuristics. They know nothing of costs and pay a
//! barrier per colour, so they are here to compare with and to study, not to be fast: the graph
//! has an edge for every conflicting pair, and a block with more than [`CONFLICT_COUNT_MAX`] is
//! refused. In replay mode the order is given, and the plan is that of
//! [`Layered`](super::Layered).

use super::layered::levels;
use super::{Strategy, StrategyError};
use crate::colouring::{colour_count, dsatur, improve, smallest_last, welsh_powell};
use crate::conflict::{CONFLICT_COUNT_MAX, ConflictGraph};
use crate::plan::Plan;
use crate::request::{Mode, PlanRequest};
use crate::table::AccessTable;

/// Greedy colouring by falling degree; see [`welsh_powell`]. Good where few transactions
/// conflict with many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WelshPowell;

/// Greedy colouring in smallest-last order; see [`smallest_last`]. Good on sparse graphs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SmallestLast;

/// Colouring by saturation; see [`dsatur`]. The best of the greedy ones in general.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dsatur;

/// The colouring of [`Dsatur`], improved by tabu search for a fixed number of steps; see
/// [`improve`]. For studying how far the others are from the best.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Iterated {
    /// How many steps the search makes; fewer on graphs where nodes times colours exceed a
    /// million. A count and no clock, so that the plan is the same on every machine.
    pub step_count_max: u64,
}

impl Iterated {
    /// The steps for a colouring. A step looks at every colour for each conflicting node, so
    /// that they are scaled down with the number of nodes times colours.
    fn step_count(&self, colours: &[u32]) -> u64 {
        const CELL_COUNT: usize = 1 << 20;
        let cells = colours.len().saturating_mul(colour_count(colours));
        let scale = cells.div_ceil(CELL_COUNT).max(1);
        self.step_count_max.checked_div(scale as u64).unwrap_or(0)
    }
}

impl Default for Iterated {
    fn default() -> Self {
        Self {
            step_count_max: 20_000,
        }
    }
}

impl Strategy for WelshPowell {
    fn name(&self) -> &str {
        "welsh-powell"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        coloured(self, table, request, welsh_powell)
    }
}

impl Strategy for SmallestLast {
    fn name(&self) -> &str {
        "smallest-last"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        coloured(self, table, request, smallest_last)
    }
}

impl Strategy for Dsatur {
    fn name(&self) -> &str {
        "dsatur"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        coloured(self, table, request, dsatur)
    }
}

impl Strategy for Iterated {
    fn name(&self) -> &str {
        "iterated"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        coloured(self, table, request, |graph| {
            let start = dsatur(graph);
            let mut left = self.step_count(&start);
            improve(graph, start, 1, &mut || match left.checked_sub(1) {
                Some(less) => {
                    left = less;
                    false
                }
                None => true,
            })
        })
    }
}

fn coloured(
    strategy: &dyn Strategy,
    table: &AccessTable,
    request: &PlanRequest,
    colouring: impl Fn(&ConflictGraph) -> Vec<u32>,
) -> Result<Plan, StrategyError> {
    if request.mode == Mode::Replay {
        return Ok(Plan::from_colours(&levels(table)));
    }
    let graph = ConflictGraph::of(table, CONFLICT_COUNT_MAX);
    let graph = graph.ok_or_else(|| StrategyError::TooManyConflicts {
        strategy: strategy.name().to_owned(),
        conflict_count_max: CONFLICT_COUNT_MAX,
    })?;
    Ok(Plan::from_colours(&colouring(&graph)))
}
