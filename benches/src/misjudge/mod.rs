//! Strategies that are told wrong costs: how good plans stay when estimates are off.
//!
//! Costs are estimates, and a plan's lanes are as level as these are right. [`Misjudged`] shows its
//! strategy each cost up to some per cent too high or too low; the makespan of the plan is
//! predicted from the true ones.

use std::sync::Arc;

use lockstep_scheduler::{AccessTable, Plan, PlanRequest, Strategy, StrategyError};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A strategy that plans with wrong costs.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::sync::Arc;
/// use lockstep_benches::misjudge::Misjudged;
/// use lockstep_scheduler::{AccessTable, Mode, PlanRequest, Strategy, strategy};
///
/// let mut table = AccessTable::new();
/// for _ in 0..8 {
///     table.push([], 1_000);
/// }
/// let lanes: Arc<dyn Strategy> = strategy("lanes").expect("it is built in").into();
/// let request = PlanRequest::new(Mode::Produce, NonZeroU32::MIN);
/// let right = lanes.plan(&table, &request)?;
/// let misjudged = Misjudged::new(lanes, 0, 1);
/// assert_eq!(misjudged.plan(&table, &request)?, right);
/// # Ok::<(), lockstep_scheduler::StrategyError>(())
/// ```
#[derive(Debug)]
pub struct Misjudged {
    strategy: Arc<dyn Strategy>,
    per_cent: u8,
    seed: u64,
}

impl Misjudged {
    /// The strategy with every cost wrong by up to `per_cent`, 0 to 100, evenly drawn from `seed`
    /// in block order. More than 100 is taken for 100.
    pub fn new(strategy: Arc<dyn Strategy>, per_cent: u8, seed: u64) -> Self {
        Self {
            strategy,
            per_cent: per_cent.min(100),
            seed,
        }
    }

    /// The block as the strategy sees it. O(accesses).
    fn distort(&self, table: &AccessTable) -> AccessTable {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let error = u64::from(self.per_cent).saturating_mul(10);
        let factors = 1_000_u64.saturating_sub(error)..=1_000_u64.saturating_add(error);
        let (transactions, accesses) = (table.transaction_count(), table.access_count());
        let mut distorted = AccessTable::with_capacity(transactions, accesses);
        for transaction in table.transactions() {
            let factor = rng.random_range(factors.clone());
            let cost = u128::from(table.cost(transaction)).saturating_mul(factor.into()) / 1_000;
            let accesses = table.accesses(transaction).iter().copied();
            distorted.push(accesses, u64::try_from(cost).unwrap_or(u64::MAX));
        }
        distorted
    }
}

impl Strategy for Misjudged {
    fn name(&self) -> &str {
        self.strategy.name()
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        self.strategy.plan(&self.distort(table), request)
    }
}

#[cfg(test)]
mod tests;
