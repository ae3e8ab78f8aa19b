//! Lists the strategies by name: the built-in ones, and those that a user adds.

use std::sync::Arc;

#[cfg(feature = "graph")]
use crate::graph::Colouring;
use crate::strategy::{Auto, Dag, FirstFit, Lanes, Layered, Serial, Strategy, Waits};

/// All built-in strategies, the simplest first; those on the conflict graph are there with the
/// feature `graph`.
pub fn strategies() -> Vec<Box<dyn Strategy>> {
    let on_table: [Box<dyn Strategy>; 7] = [
        Box::new(Serial),
        Box::new(Layered),
        Box::new(FirstFit),
        Box::new(Lanes),
        Box::new(Waits),
        Box::new(Dag),
        Box::new(Auto),
    ];
    let strategies = on_table.into_iter();
    #[cfg(feature = "graph")]
    let strategies = strategies.chain(Colouring::ALL.map(|one| Box::new(one) as Box<dyn Strategy>));
    strategies.collect()
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
    use crate::plan::Plan;
    use crate::request::PlanRequest;
    use crate::strategy::StrategyError;
    use crate::table::AccessTable;

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
