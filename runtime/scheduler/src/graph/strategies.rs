//! Plans by colouring the explicit conflict graph, one transaction a lane.
//!
//! In produce mode these are the classical heuristics. They know nothing of costs and pay a
//! barrier per colour, so they are here to compare with and to study, not to be fast: the graph
//! has an edge for every conflicting pair, and a block with more than [`CONFLICT_COUNT_MAX`] is
//! refused. In replay mode the order is given, and the plan is that of [`Layered`].

use super::colouring::{colour_count, dsatur, improve, smallest_last, welsh_powell};
use super::conflict::{CONFLICT_COUNT_MAX, ConflictGraph};
use crate::plan::Plan;
use crate::request::{Mode, PlanRequest};
use crate::strategy::{Layered, Strategy, StrategyError};
use crate::table::AccessTable;

/// A colouring of the conflict graph as a strategy: each colour is a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colouring {
    /// Greedy by falling degree; see [`welsh_powell`]. Good where few transactions conflict with
    /// many.
    WelshPowell,
    /// Greedy in smallest-last order; see [`smallest_last`]. Good on sparse graphs.
    SmallestLast,
    /// By saturation; see [`dsatur`]. The best of the greedy ones in general.
    Dsatur,
    /// [`Colouring::Dsatur`], improved by tabu search for a fixed number of steps; see
    /// [`improve`]. For studying how far the others are from the best.
    Iterated {
        /// How many steps the search makes; fewer on graphs where nodes times colours exceed a
        /// million. A count and no clock, so that the plan is the same on every machine.
        step_count_max: u64,
    },
}

impl Colouring {
    /// All of them, the simplest first.
    pub const ALL: [Self; 4] = [
        Self::WelshPowell,
        Self::SmallestLast,
        Self::Dsatur,
        Self::Iterated {
            step_count_max: 20_000,
        },
    ];

    fn colours(self, graph: &ConflictGraph) -> Vec<u32> {
        match self {
            Self::WelshPowell => welsh_powell(graph),
            Self::SmallestLast => smallest_last(graph),
            Self::Dsatur => dsatur(graph),
            Self::Iterated { step_count_max } => {
                let start = dsatur(graph);
                let mut left = step_count(step_count_max, &start);
                improve(graph, start, 1, &mut || match left.checked_sub(1) {
                    Some(less) => {
                        left = less;
                        false
                    }
                    None => true,
                })
            }
        }
    }
}

impl Strategy for Colouring {
    fn name(&self) -> &str {
        match self {
            Self::WelshPowell => "welsh-powell",
            Self::SmallestLast => "smallest-last",
            Self::Dsatur => "dsatur",
            Self::Iterated { .. } => "iterated",
        }
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        if request.mode == Mode::Replay {
            return Layered.plan(table, request);
        }
        let graph = ConflictGraph::of(table, CONFLICT_COUNT_MAX);
        let graph = graph.ok_or_else(|| StrategyError::Unsupported {
            strategy: self.name().to_owned(),
            reason: format!(
                "it takes at most {CONFLICT_COUNT_MAX} conflicting pairs, and this block has more"
            ),
        })?;
        Ok(Plan::from_colours(&self.colours(&graph)))
    }
}

/// The steps for a colouring. A step looks at every colour for each conflicting node, so that
/// they are scaled down with the number of nodes times colours.
fn step_count(step_count_max: u64, colours: &[u32]) -> u64 {
    const CELL_COUNT: usize = 1 << 20;
    let cells = colours.len().saturating_mul(colour_count(colours));
    let scale = cells.div_ceil(CELL_COUNT).max(1);
    step_count_max.checked_div(scale as u64).unwrap_or(0)
}
