//! Rounds that are the batches of a given plan: each lane goes where most of its accounts live.

use lockstep_scheduler::{AccessTable, Dispatch, Plan, TransactionIndex};

use super::{Layout, Placed, Rounds, shared, written};

/// A shard gets no more lanes beyond this part above its share of a batch.
const IMBALANCE_PART: u64 = 8;

/// Places the lanes of a plan on shards, batch by batch. Several lanes may go to one shard, one
/// behind the other. `None` if lanes wait for each other, which they could not do over shards: then
/// [`kept`](super::kept()) keeps the order alone.
///
/// # Complexity
/// O(accesses + lanes x shards), and O(n log n) for the n lanes of a batch.
///
/// ```
/// use lockstep_scheduler::{Access, AccessTable, AccountIndex, Plan, TransactionIndex};
/// use lockstep_sharded::place::{Layout, follow};
///
/// let mut table = AccessTable::new();
/// for account in [0, 1, 2] {
///     table.push([Access::write(AccountIndex(account))], 1_000);
/// }
/// let lanes = [0, 1, 2].map(|index| vec![TransactionIndex(index)]);
/// let plan = Plan::from_nested(vec![lanes.to_vec()], vec![]);
/// let layout = Layout { homes: vec![1, 0, 1], sizes: vec![100; 3], shard_count: 2 };
/// let placed = follow(&table, &layout, &plan).expect("no lane waits");
/// assert_eq!(placed.plan.to_string(), "batch 0: [1] [0 2]\n");
/// ```
pub fn follow(table: &AccessTable, layout: &Layout, plan: &Plan) -> Option<Placed> {
    if !plan.waits().is_empty() || plan.dispatch() != Dispatch::Static {
        return None;
    }
    let mut rounds = Rounds::new(layout.shard_count);
    let mut at = layout.homes.clone();
    // The lane that counted an account last, one more than its number.
    let mut counted = vec![0u32; at.len()];
    let mut number = 0u32;
    for (round, batch) in plan.batches().enumerate() {
        let cost = |lane: &[TransactionIndex]| {
            let costs = lane.iter().map(|index| table.cost(*index));
            costs.fold(0u64, u64::saturating_add)
        };
        let mut lanes: Vec<(u64, &[TransactionIndex])> =
            batch.lanes().map(|lane| (cost(lane), lane)).collect();
        let sum = lanes
            .iter()
            .fold(0u64, |sum, (cost, _)| sum.saturating_add(*cost));
        let share = sum / u64::from(layout.shard_count.max(1));
        let full = share.saturating_add(share / IMBALANCE_PART);
        // The dearest first, so that the cheap ones fill up; those of one cost in the plan's order.
        lanes.sort_by_key(|(cost, _)| std::cmp::Reverse(*cost));
        for (cost, lane) in lanes {
            number = number.saturating_add(1);
            let mut bytes = vec![0u64; layout.shard_count as usize];
            for index in lane {
                let used = written(table, layout, *index).chain(shared(table, layout, *index));
                for account in used {
                    if counted[account] != number {
                        counted[account] = number;
                        let here = &mut bytes[at[account] as usize];
                        *here = here.saturating_add(layout.weight(account));
                    }
                }
            }
            let best = (0..layout.shard_count).min_by_key(|shard| {
                let load = rounds.load(round, *shard);
                let is_full = load > 0 && load.saturating_add(cost) > full;
                (is_full, std::cmp::Reverse(bytes[*shard as usize]), load)
            });
            let shard = best.unwrap_or(0);
            for index in lane {
                rounds.push(round, shard, *index, table.cost(*index));
                for account in written(table, layout, *index) {
                    at[account] = shard;
                }
            }
        }
    }
    Some(rounds.finish())
}
