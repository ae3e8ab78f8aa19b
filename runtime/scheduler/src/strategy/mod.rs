//! Turns an access table into a plan: one trait and the planners on it.
//!
//! A strategy is trusted with nothing but time: whatever it returns goes through
//! [`check`](crate::check) before anything runs.

use std::fmt;

use crate::plan::Plan;
use crate::request::PlanRequest;
use crate::table::AccessTable;

mod auto;
mod dag;
mod first_fit;
mod lanes;
mod layered;
mod rank;
mod serial;
mod waits;

pub use auto::Auto;
pub use dag::Dag;
pub use first_fit::FirstFit;
pub use lanes::Lanes;
pub use layered::Layered;
pub use serial::Serial;
pub use waits::Waits;

/// A way to plan a block.
///
/// A strategy is deterministic: the same table and request give the same plan, on every machine
/// and in every build. It keeps no state from block to block.
pub trait Strategy: Send + Sync + fmt::Debug {
    /// The name on the command line and in reports.
    fn name(&self) -> &str;

    /// Plans a block.
    ///
    /// # Errors
    /// [`StrategyError`] where a documented bound keeps a strategy from planning the block.
    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError>;
}

/// Why a strategy does not plan a block.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StrategyError {
    /// The block or the request is beyond what the strategy can do.
    #[error("strategy {strategy} cannot plan this block: {reason}")]
    Unsupported {
        /// The strategy.
        strategy: String,
        /// The limit and what was found.
        reason: String,
    },
}
