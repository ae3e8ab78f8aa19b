//! Says why a block takes as long as it does: its critical path, transaction by transaction, the
//! accounts that block most, alone and in groups, and what it would save to relieve them.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "counts and positions are bounded by the table; costs are added with saturation"
)]

mod groups;

use std::num::NonZeroU32;

pub use groups::{HotGroup, hot_groups, what_if_without};

use crate::dependencies::LastUses;
use crate::ids::{AccountIndex, TransactionIndex, narrow};
use crate::plan::Plan;
use crate::request::PlanRequest;
use crate::strategy::{Strategy, StrategyError};
use crate::table::AccessTable;

/// One transaction of a critical path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CriticalStep {
    /// The transaction.
    pub transaction: TransactionIndex,
    /// An account on which it conflicts with the step before; `None` for the first step.
    pub through: Option<AccountIndex>,
    /// Where it ends at the earliest, in cost units from the block's start.
    pub end: u64,
}

/// The heaviest chain of transactions in block order, each of which conflicts with the one
/// before. Its last `end` is [`Bounds::critical_path`](crate::Bounds::critical_path).
/// O(accesses + accounts).
pub fn critical_path(table: &AccessTable) -> Vec<CriticalStep> {
    let mut uses = LastUses::new(table.account_count());
    let mut steps: Vec<(Option<TransactionIndex>, CriticalStep)> =
        Vec::with_capacity(table.transaction_count());
    let mut last: Option<CriticalStep> = None;
    for transaction in table.transactions() {
        let (mut previous, mut through, mut start) = (None, None, 0);
        uses.visit(
            transaction,
            table.accesses(transaction),
            |before, account| {
                let end = steps[before.index()].1.end;
                if previous.is_none() || end > start {
                    (previous, through, start) = (Some(before), Some(account), end);
                }
            },
        );
        let step = CriticalStep {
            transaction,
            through,
            end: start.saturating_add(table.cost(transaction)),
        };
        steps.push((previous, step));
        if last.is_none_or(|last| step.end > last.end) {
            last = Some(step);
        }
    }
    let mut path = Vec::new();
    let mut next = last.map(|last| last.transaction);
    while let Some(transaction) = next {
        let (previous, step) = steps[transaction.index()];
        path.push(step);
        next = previous;
    }
    path.reverse();
    path
}

/// How busy one account is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccountHeat {
    /// The account.
    pub account: AccountIndex,
    /// How many transactions write it.
    pub writer_count: u32,
    /// How many transactions share it: they only read it or, all of them, only credit it.
    pub reader_count: u32,
    /// The cost of its writers together and its heaviest sharer: what it needs at least.
    pub cost: u64,
}

/// The accounts that block most, the busiest first: those that are written and that at least two
/// transactions use. O(accesses + accounts log accounts).
pub fn blocking_accounts(table: &AccessTable, count_max: usize) -> Vec<AccountHeat> {
    let mut heats: Vec<AccountHeat> = (0..narrow(table.account_count()))
        .map(|account| AccountHeat {
            account: AccountIndex(account),
            writer_count: 0,
            reader_count: 0,
            cost: 0,
        })
        .collect();
    let mut heaviest_reader = vec![0; heats.len()];
    for transaction in table.transactions() {
        let cost = table.cost(transaction);
        for access in table.accesses(transaction) {
            let index = access.account().index();
            let heat = &mut heats[index];
            if access.is_write() {
                heat.writer_count += 1;
                heat.cost = heat.cost.saturating_add(cost);
            } else {
                heat.reader_count += 1;
                heaviest_reader[index] = cost.max(heaviest_reader[index]);
            }
        }
    }
    for (heat, reader) in heats.iter_mut().zip(heaviest_reader) {
        heat.cost = heat.cost.saturating_add(reader);
    }
    heats.retain(|heat| heat.writer_count > 0 && heat.writer_count + heat.reader_count > 1);
    heats.sort_by_key(|heat| (u64::MAX - heat.cost, heat.account));
    heats.truncate(count_max);
    heats
}

/// What relieving an account would save.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relief {
    /// The account, as it is.
    pub heat: AccountHeat,
    /// The predicted makespan if no two uses of the account conflicted, in cost units.
    pub makespan: u64,
    /// The lower bound in that case.
    pub lower_bound: u64,
}

/// For each of the busiest accounts: the makespan if it were split or made commutative, so that
/// its uses no longer conflicted. The block is planned once for each.
///
/// # Errors
/// Those of the strategy.
pub fn what_if(
    strategy: &dyn Strategy,
    table: &AccessTable,
    request: &PlanRequest,
    count_max: usize,
) -> Result<Vec<Relief>, StrategyError> {
    let mut reliefs = Vec::new();
    for heat in blocking_accounts(table, count_max) {
        let (makespan, lower_bound) = what_if_without(strategy, table, request, &[heat.account])?;
        reliefs.push(Relief {
            heat,
            makespan,
            lower_bound,
        });
    }
    Ok(reliefs)
}

/// How well a batch uses the workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Occupancy {
    /// How many transactions the batch has.
    pub transaction_count: usize,
    /// How many lanes.
    pub lane_count: usize,
    /// The cost of its transactions together.
    pub work: u64,
    /// The cost of its heaviest lane.
    pub longest_lane: u64,
    /// From the batch's start to its barrier, waits included, in cost units.
    pub span: u64,
}

impl Occupancy {
    /// How much of the workers' time the batch uses, in thousandths; 1,000 for an empty span.
    pub fn per_mille(&self, workers: NonZeroU32) -> u64 {
        let time = self.span.saturating_mul(u64::from(workers.get()));
        crate::bounds::efficiency_per_mille(self.work, time)
    }
}

/// How well each batch of a plan uses the workers. O(n) on top of [`predict`](crate::predict).
///
/// # Panics
/// If the plan names a transaction that the table does not have.
pub fn occupancy(plan: &Plan, table: &AccessTable, request: &PlanRequest) -> Vec<Occupancy> {
    let cost = |lane: &[TransactionIndex]| {
        lane.iter().fold(0, |sum: u64, &transaction| {
            sum.saturating_add(table.cost(transaction))
        })
    };
    let spans = crate::predict::spans(plan, table, request.workers, &request.costs);
    plan.batches()
        .zip(spans)
        .map(|(batch, span)| Occupancy {
            transaction_count: batch.transactions().len(),
            lane_count: batch.lane_count(),
            work: cost(batch.transactions()),
            longest_lane: batch.lanes().map(cost).max().unwrap_or(0),
            span,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::bounds::Bounds;
    use crate::request::Mode;
    use crate::strategy::{Layered, Waits};

    /// a: 10 + 20, b: 5; 2 reads b after 1 wrote it.
    fn table() -> AccessTable {
        let [a, b] = [0, 1].map(AccountIndex);
        let mut table = AccessTable::new();
        table.push([Access::write(a)], 10);
        table.push([Access::write(b)], 5);
        table.push([Access::write(a), Access::read(b)], 20);
        table.push([], 3);
        table
    }

    #[test]
    fn the_critical_path_names_accounts() {
        let table = table();
        let path = critical_path(&table);
        let step = |transaction, through: Option<u32>, end| CriticalStep {
            transaction: TransactionIndex(transaction),
            through: through.map(AccountIndex),
            end,
        };
        assert_eq!(path, [step(0, None, 10), step(2, Some(0), 30)]);
        assert_eq!(
            path.last().map(|step| step.end),
            Some(Bounds::of(&table).critical_path)
        );
        assert_eq!(critical_path(&AccessTable::new()), []);
    }

    #[test]
    fn relief_shortens_the_path() {
        let table = table();
        let workers = NonZeroU32::new(2).expect("two is not zero");
        let request = PlanRequest {
            costs: crate::CostModel::FREE,
            ..PlanRequest::new(Mode::Replay, workers)
        };
        let heats = blocking_accounts(&table, 9);
        let found: Vec<_> = heats
            .iter()
            .map(|heat| {
                (
                    heat.account.0,
                    heat.writer_count,
                    heat.reader_count,
                    heat.cost,
                )
            })
            .collect();
        assert_eq!(found, [(0, 2, 0, 30), (1, 1, 1, 25)]);
        let reliefs = what_if(&Waits, &table, &request, 1).expect("it plans every block");
        assert_eq!(reliefs.len(), 1);
        assert_eq!((reliefs[0].makespan, reliefs[0].lower_bound), (25, 25));
    }

    #[test]
    fn occupancy_counts_every_batch() {
        let table = table();
        let workers = NonZeroU32::new(2).expect("two is not zero");
        let request = PlanRequest::new(Mode::Replay, workers);
        let plan = Layered
            .plan(&table, &request)
            .expect("it plans every block");
        let batches = occupancy(&plan, &table, &request);
        let found: Vec<_> = batches
            .iter()
            .map(|batch| {
                (
                    batch.transaction_count,
                    batch.work,
                    batch.longest_lane,
                    batch.span,
                )
            })
            .collect();
        assert_eq!(found, [(3, 18, 10, 10), (1, 20, 20, 20)]);
        assert_eq!(batches[0].per_mille(workers), 900);
    }
}
