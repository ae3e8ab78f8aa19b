//! Rounds whose order the planner chooses: first what needs no move, then what does, spread evenly.
//!
//! ```text
//! round 0   transactions whose accounts are at one shard, there
//! round 1   the others, each where most bytes of its accounts are; an account is at one shard for
//!           the whole round, and no shard gets more than its share
//! round 2   those that asked for an account at another shard, or for a shard that was full; and so
//! on
//! ```
//! With the order free a hot account costs one move a round, not one a transaction.

use lockstep_scheduler::{AccessTable, TransactionIndex};

use super::{Layout, Placed, Rounds, shared, written};

/// Rounds after which what is left runs on one shard. Each costs a barrier over the network, and
/// these leave next to nothing: see `what_is_left_is_next_to_nothing`.
const ROUNDS_MAX: usize = 16;
/// A shard may get this part above its share of a round.
const IMBALANCE_PART: u64 = 20;

/// Where an account is in the round that is being filled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pin {
    Free,
    /// Read or credited, on several shards.
    Shared,
    /// Read or credited, on one shard.
    SharedAt(u32),
    /// Written.
    At(u32),
}

/// Places a block's transactions in rounds, in an order of the planner's.
///
/// # Arguments
/// `table` has the accesses, `layout` where each of its accounts is.
///
/// # Complexity
/// O(accesses x accounts of a transaction x rounds), at most 17 rounds.
///
/// ```
/// use lockstep_scheduler::{Access, AccessTable, AccountIndex, Mode, check};
/// use lockstep_sharded::place::{Layout, free};
///
/// let [a, b] = [0, 1].map(|account| Access::write(AccountIndex(account)));
/// let mut table = AccessTable::new();
/// for accesses in [vec![a], vec![a, b], vec![b], vec![a, b], vec![b]] {
///     table.push(accesses, 1_000);
/// }
/// let layout = Layout { homes: vec![0, 1], sizes: vec![100, 500], shard_count: 2 };
/// let placed = free(&table, &layout);
/// // Each shard begins with what needs no move.
/// assert_eq!(placed.shards.first(), Some(&vec![0, 1]));
/// assert!(check(placed.plan, &table, Mode::Produce).is_ok());
/// ```
pub fn free(table: &AccessTable, layout: &Layout) -> Placed {
    let mut planner = Planner {
        table,
        layout,
        rounds: Rounds::new(layout.shard_count),
        at: layout.homes.clone(),
        pins: vec![Pin::Free; layout.homes.len()],
        touched: Vec::new(),
        calm: calm(table, layout),
    };
    let mut pending: Vec<TransactionIndex> = table.transactions().collect();
    for round in 0..ROUNDS_MAX {
        if pending.is_empty() {
            break;
        }
        pending = planner.fill(round, pending);
    }
    for index in pending {
        planner.rounds.push(ROUNDS_MAX, 0, index, table.cost(index));
    }
    planner.rounds.finish()
}

/// Accounts that more transactions share than write: they are shared in the first round.
fn calm(table: &AccessTable, layout: &Layout) -> Vec<bool> {
    let mut uses = vec![(0u32, 0u32); layout.homes.len()];
    for index in table.transactions() {
        for account in written(table, layout, index) {
            uses[account].0 = uses[account].0.saturating_add(1);
        }
        for account in shared(table, layout, index) {
            uses[account].1 = uses[account].1.saturating_add(1);
        }
    }
    let calm = uses.into_iter().map(|(writes, shares)| shares > writes);
    calm.collect()
}

struct Planner<'t> {
    table: &'t AccessTable,
    layout: &'t Layout,
    rounds: Rounds,
    /// Where each account is when the round begins.
    at: Vec<u32>,
    pins: Vec<Pin>,
    /// The accounts with a pin.
    touched: Vec<usize>,
    calm: Vec<bool>,
}

impl Planner<'_> {
    /// Fills a round. Gives what is left.
    fn fill(&mut self, round: usize, pending: Vec<TransactionIndex>) -> Vec<TransactionIndex> {
        // What has to move has no share in the first round.
        let here = pending
            .iter()
            .filter(|index| round > 0 || self.is_local(**index));
        let costs = here.map(|index| self.table.cost(*index));
        let sum = costs.fold(0u64, u64::saturating_add);
        let share = sum.div_ceil(u64::from(self.layout.shard_count.max(1)));
        let full = share.saturating_add(share / IMBALANCE_PART);
        let mut left = Vec::new();
        for index in pending {
            match self.choose(round, index, full) {
                Some(shard) => self.put(round, index, shard),
                None => left.push(index),
            }
        }
        for account in self.touched.drain(..) {
            if let Pin::At(shard) = self.pins[account] {
                self.at[account] = shard;
            }
            self.pins[account] = Pin::Free;
        }
        left
    }

    /// Whether all that a transaction writes is at one shard.
    fn is_local(&self, index: TransactionIndex) -> bool {
        let mut shards = written(self.table, self.layout, index).map(|account| self.at[account]);
        let first = shards.next();
        shards.all(|shard| Some(shard) == first)
    }

    /// The shard on which a transaction can run in a round.
    fn choose(&self, round: usize, index: TransactionIndex, full: u64) -> Option<u32> {
        let (table, layout) = (self.table, self.layout);
        let (written, shared) = (written(table, layout, index), shared(table, layout, index));
        let mut required = None;
        let mut require = |shard: u32| *required.get_or_insert(shard) == shard;
        for account in written.clone() {
            let fits = match self.pins[account] {
                Pin::Free => round > 0 || !self.calm[account],
                Pin::Shared => false,
                Pin::SharedAt(shard) | Pin::At(shard) => require(shard),
            };
            // Nothing moves in the first round.
            if !fits || (round == 0 && !require(self.at[account])) {
                return None;
            }
        }
        for account in shared.clone() {
            if let Pin::At(shard) = self.pins[account]
                && !require(shard)
            {
                return None;
            }
        }
        let cost = table.cost(index);
        let has_room = |shard: &u32| {
            let load = self.rounds.load(round, *shard);
            load == 0 || load.saturating_add(cost) <= full
        };
        if let Some(shard) = required {
            return Some(shard).filter(has_room);
        }
        let bytes_at = |shard: u32| {
            let here = written.clone().filter(|account| self.at[*account] == shard);
            here.fold(0u64, |sum, account| {
                sum.saturating_add(layout.weight(account))
            })
        };
        let near = written
            .clone()
            .chain(shared)
            .map(|account| self.at[account]);
        let near = near.filter(has_room).min_by_key(|shard| {
            let load = self.rounds.load(round, *shard);
            (std::cmp::Reverse(bytes_at(*shard)), load, *shard)
        });
        let least = || {
            let shards = (0..layout.shard_count).filter(has_room);
            shards.min_by_key(|shard| self.rounds.load(round, *shard))
        };
        near.or_else(least)
    }

    fn put(&mut self, round: usize, index: TransactionIndex, shard: u32) {
        let (table, layout) = (self.table, self.layout);
        self.rounds.push(round, shard, index, table.cost(index));
        for account in written(table, layout, index) {
            if self.pins[account] == Pin::Free {
                self.touched.push(account);
            }
            self.pins[account] = Pin::At(shard);
        }
        for account in shared(table, layout, index) {
            let pin = &mut self.pins[account];
            *pin = match *pin {
                Pin::Free => {
                    self.touched.push(account);
                    Pin::SharedAt(shard)
                }
                Pin::SharedAt(other) if other != shard => Pin::Shared,
                pin => pin,
            };
        }
    }
}
