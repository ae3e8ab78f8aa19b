//! Valid plans of shapes that no built-in strategy makes, and one with a planted fault.

use lockstep_scheduler::{
    AccessTable, Dispatch, FirstFit, Mode, Plan, PlanBuilder, PlanRequest, Strategy, StrategyError,
    TransactionIndex, strategies,
};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Lanes and batches drawn from the conflict relation; each batch's lanes in random order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomLanes(pub(crate) u64);

/// Lanes with static waits, dealt at random; often more lanes than workers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomWaits(pub(crate) u64);

/// The same lanes and waits, handed out transaction by transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomDispatch(pub(crate) u64, pub(crate) Dispatch);

/// Colours a conflict graph from which one transaction's writes were left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canary {
    /// Whose writes it does not see.
    pub(crate) blind_to: TransactionIndex,
}

/// The built-in strategies, and plans of shapes that none of them makes.
pub(crate) fn all_strategies(seed: u64) -> Vec<Box<dyn Strategy>> {
    let mut all = strategies();
    all.push(Box::new(RandomLanes(seed)));
    all.push(Box::new(RandomWaits(seed)));
    all.push(Box::new(RandomDispatch(seed, Dispatch::Queued)));
    all.push(Box::new(RandomDispatch(seed, Dispatch::Ranked)));
    all
}

/// The order to plan in: the block's, or in produce mode any.
fn order(table: &AccessTable, mode: Mode, random: &mut ChaCha8Rng) -> Vec<TransactionIndex> {
    let mut order: Vec<_> = table.transactions().collect();
    if mode == Mode::Produce {
        order.shuffle(random);
    }
    order
}

impl Strategy for RandomLanes {
    fn name(&self) -> &str {
        "random-lanes"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.0);
        let mut batches = Vec::new();
        let mut lanes: Vec<Vec<TransactionIndex>> = Vec::new();
        let close_one_in = random.random_range(2..200);
        for transaction in order(table, request.mode, &mut random) {
            let conflicts = |lane: &Vec<TransactionIndex>| {
                lane.iter().any(|other| table.conflict(*other, transaction))
            };
            let mut hit: Vec<usize> = (0..lanes.len())
                .filter(|lane| conflicts(&lanes[*lane]))
                .collect();
            if hit.len() > 1 || random.random_ratio(1, close_one_in) {
                batches.push(std::mem::take(&mut lanes));
                hit.clear();
            }
            let free = random.random_range(0..=lanes.len());
            let lane = hit.first().copied().unwrap_or(free);
            if lane == lanes.len() {
                lanes.push(Vec::new());
            }
            lanes[lane].push(transaction);
        }
        batches.push(lanes);
        for lanes in &mut batches {
            lanes.shuffle(&mut random);
        }
        Ok(Plan::from_nested(batches, Vec::new()))
    }
}

impl Strategy for RandomWaits {
    fn name(&self) -> &str {
        "random-waits"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        let mut random = ChaCha8Rng::seed_from_u64(self.0);
        let order = order(table, request.mode, &mut random);
        let mut builder = PlanBuilder::with_capacity(order.len());
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(random.random_range(1..=rest.len()));
            rest = later;
            push_batch(&mut builder, table, batch, &mut random);
        }
        Ok(builder.finish())
    }
}

/// Deals a batch to lanes; each transaction waits for all conflicting ones before it in other
/// lanes, and now and then for one that it would not have to wait for.
fn push_batch(
    builder: &mut PlanBuilder,
    table: &AccessTable,
    batch: &[TransactionIndex],
    random: &mut ChaCha8Rng,
) {
    let lane_count = random.random_range(1..=40);
    let lane_of: Vec<usize> = batch
        .iter()
        .map(|_| random.random_range(0..lane_count))
        .collect();
    for lane in 0..lane_count {
        for (place, transaction) in batch.iter().enumerate() {
            if lane_of[place] != lane {
                continue;
            }
            builder.push(*transaction);
            for (before, other) in batch[..place].iter().enumerate() {
                let must_wait = table.conflict(*other, *transaction);
                if lane_of[before] != lane && (must_wait || random.random_ratio(1, 50)) {
                    builder.wait(*other);
                }
            }
        }
        builder.end_lane();
    }
    builder.end_batch();
}

impl Strategy for RandomDispatch {
    fn name(&self) -> &str {
        self.1.name()
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        let plan = RandomWaits(self.0).plan(table, request)?;
        Ok(plan.with_dispatch(self.1))
    }
}

impl Strategy for Canary {
    fn name(&self) -> &str {
        "canary"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        let mut seen = AccessTable::new();
        for transaction in table.transactions() {
            let is_blind = transaction == self.blind_to;
            let accesses = table.accesses(transaction).iter().copied();
            let accesses = accesses.filter(|access| !is_blind || !access.is_write());
            seen.push(accesses, table.cost(transaction));
        }
        FirstFit.plan(&seen, request)
    }
}
