//! Turns an access table into a plan: one trait, the built-in planners, and look-up by name.
//!
//! A strategy is trusted with nothing but time: whatever it returns goes through
//! [`check`](crate::check) before anything runs.

use std::fmt;
use std::sync::Arc;

use crate::plan::Plan;
use crate::request::PlanRequest;
use crate::table::AccessTable;

mod auto;
mod coloured;
mod dag;
mod first_fit;
mod lanes;
mod layered;
mod rank;
mod serial;
mod waits;

pub use auto::Auto;
pub use coloured::{Dsatur, Iterated, SmallestLast, WelshPowell};
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
    /// The block's explicit conflict graph would be larger than the strategy accepts.
    #[error(
        "strategy {strategy} takes at most {conflict_count_max} conflicting pairs, and this block \
         has more"
    )]
    TooManyConflicts {
        /// The strategy.
        strategy: String,
        /// The most pairs that it accepts.
        conflict_count_max: usize,
    },
}

/// All built-in strategies, the simplest first.
pub fn strategies() -> Vec<Box<dyn Strategy>> {
    vec![
        Box::new(Serial),
        Box::new(Layered),
        Box::new(FirstFit),
        Box::new(Lanes),
        Box::new(Waits),
        Box::new(Dag),
        Box::new(Auto),
        Box::new(WelshPowell),
        Box::new(SmallestLast),
        Box::new(Dsatur),
        Box::new(Iterated::default()),
    ]
}

/// The built-in strategy of that name.
///
/// ```
/// use lockstep_scheduler::strategy;
///
/// assert_eq!(strategy("layered").expect("it is built in").name(), "layered");
/// assert!(strategy("Layered").is_none());
/// ```
pub fn strategy(name: &str) -> Option<Box<dyn Strategy>> {
    strategies()
        .into_iter()
        .find(|strategy| strategy.name() == name)
}

/// Built-in strategies and those that a user adds, looked up by name.
#[derive(Clone, Debug)]
pub struct Registry {
    strategies: Vec<Arc<dyn Strategy>>,
}

impl Registry {
    /// The built-in strategies.
    pub fn new() -> Self {
        Self {
            strategies: strategies().into_iter().map(Arc::from).collect(),
        }
    }

    /// Adds a strategy; it replaces one of the same name, which is returned.
    pub fn register(&mut self, strategy: impl Strategy + 'static) -> Option<Arc<dyn Strategy>> {
        let strategy: Arc<dyn Strategy> = Arc::new(strategy);
        match self
            .strategies
            .iter_mut()
            .find(|known| known.name() == strategy.name())
        {
            Some(known) => Some(std::mem::replace(known, strategy)),
            None => {
                self.strategies.push(strategy);
                None
            }
        }
    }

    /// The strategy of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Strategy>> {
        self.strategies
            .iter()
            .find(|strategy| strategy.name() == name)
    }

    /// All strategies, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Strategy>> {
        self.strategies.iter()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registered_strategy_is_found_and_may_replace_another() {
        #[derive(Debug)]
        struct Mine(&'static str);
        impl Strategy for Mine {
            fn name(&self) -> &str {
                self.0
            }
            fn plan(&self, _: &AccessTable, _: &PlanRequest) -> Result<Plan, StrategyError> {
                Ok(Plan::new())
            }
        }
        let mut registry = Registry::new();
        let count = registry.iter().count();
        assert!(registry.get("mine").is_none());
        assert!(registry.register(Mine("mine")).is_none());
        assert!(registry.register(Mine("lanes")).is_some());
        assert!(registry.get("mine").is_some());
        assert_eq!(registry.iter().count(), count.saturating_add(1));
    }

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<String> = strategies()
            .iter()
            .map(|strategy| strategy.name().to_owned())
            .collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), strategies().len());
    }
}
