//! Accounts that are busy together. Of eight accounts that every transaction of an exchange writes,
//! relieving one saves nothing: the other seven keep the same transactions apart.
//!
//! ```text
//! transactions   0  1  2  3  4      written by the same transactions, or nearly so: one group
//! pool           x  x  x  x  .
//! vault          x  x  x  x  .      pool, vault
//! oracle         .  .  .  .  x
//! ```

use super::{AccountHeat, blocking_accounts};
use crate::access::{Access, AccessMode};
use crate::bounds::Bounds;
use crate::ids::AccountIndex;
use crate::predict::predict;
use crate::request::PlanRequest;
use crate::strategy::{Strategy, StrategyError};
use crate::table::AccessTable;

/// Some accounts, and the transactions that write at least one of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HotGroup {
    /// The accounts, the busiest first.
    pub accounts: Vec<AccountIndex>,
    /// How many transactions write one of them or more.
    pub transaction_count: u32,
    /// The cost of these transactions together.
    pub cost: u64,
}

impl HotGroup {
    /// The transactions that write one of these accounts. O(accesses + accounts).
    pub fn of(table: &AccessTable, accounts: Vec<AccountIndex>) -> Self {
        let is_member = members(table, &accounts);
        let mut group = Self {
            accounts,
            transaction_count: 0,
            cost: 0,
        };
        for transaction in table.transactions() {
            let mut accesses = table.accesses(transaction).iter();
            if accesses.any(|access| access.is_write() && is_member[access.account().index()]) {
                group.transaction_count = group.transaction_count.saturating_add(1);
                group.cost = group.cost.saturating_add(table.cost(transaction));
            }
        }
        group
    }
}

/// Groups of two or more of the `account_count_max` busiest accounts that are written by the same
/// transactions, the costliest group first.
///
/// A group is led by its busiest account. Another one belongs to it if the transactions that write
/// both cost at least half as much as those that write either. O(accesses + accounts log accounts),
/// and `account_count_max` squared.
pub fn hot_groups(table: &AccessTable, account_count_max: usize) -> Vec<HotGroup> {
    let heats = blocking_accounts(table, account_count_max);
    let shared = shared_work(table, &heats);
    let mut is_taken = vec![false; heats.len()];
    let mut groups = Vec::new();
    for (leader, heat) in heats.iter().enumerate() {
        if is_taken[leader] {
            continue;
        }
        let mut accounts = vec![heat.account];
        for (other, heat) in heats.iter().enumerate().skip(leader.saturating_add(1)) {
            let both = shared[leader][other];
            let either = shared[leader][leader]
                .saturating_add(shared[other][other])
                .saturating_sub(both);
            if !is_taken[other] && both > 0 && both.saturating_mul(2) >= either {
                is_taken[other] = true;
                accounts.push(heat.account);
            }
        }
        if accounts.len() > 1 {
            groups.push(HotGroup::of(table, accounts));
        }
    }
    groups.sort_by_key(|group| u64::MAX.saturating_sub(group.cost));
    groups
}

/// By place of two accounts: the cost of the transactions that write both.
fn shared_work(table: &AccessTable, heats: &[AccountHeat]) -> Vec<Vec<u64>> {
    let mut places = vec![None; table.account_count()];
    for (place, heat) in heats.iter().enumerate() {
        places[heat.account.index()] = Some(place);
    }
    let mut shared = vec![vec![0_u64; heats.len()]; heats.len()];
    let mut written: Vec<usize> = Vec::new();
    for transaction in table.transactions() {
        let cost = table.cost(transaction);
        written.clear();
        let writes = table.accesses(transaction).iter();
        let writes = writes.filter(|access| access.is_write());
        written.extend(writes.filter_map(|access| places[access.account().index()]));
        for &one in &written {
            for &other in &written {
                let sum = &mut shared[one][other];
                *sum = sum.saturating_add(cost);
            }
        }
    }
    shared
}

/// The predicted makespan if no two uses of any of these accounts conflicted, and the lower bound
/// in that case, in cost units. The block is planned once.
///
/// # Errors
/// Those of the strategy.
pub fn what_if_without(
    strategy: &dyn Strategy,
    table: &AccessTable,
    request: &PlanRequest,
    accounts: &[AccountIndex],
) -> Result<(u64, u64), StrategyError> {
    let relieved = without_conflicts_on(table, accounts);
    let plan = strategy.plan(&relieved, request)?;
    let makespan = predict(&plan, &relieved, request.workers, &request.costs);
    let bounds = Bounds::of(&relieved);
    Ok((makespan, bounds.lower_bound(request.mode, request.workers)))
}

/// The same block, with these accounts only credited.
fn without_conflicts_on(table: &AccessTable, accounts: &[AccountIndex]) -> AccessTable {
    let is_relieved = members(table, accounts);
    let mut relieved = AccessTable::with_capacity(table.transaction_count(), table.access_count());
    for transaction in table.transactions() {
        let accesses = table.accesses(transaction).iter().map(|&access| {
            if is_relieved[access.account().index()] {
                Access::new(access.account(), AccessMode::Credit)
            } else {
                access
            }
        });
        relieved.push(accesses, table.cost(transaction));
    }
    relieved
}

/// By account: whether it is one of these.
fn members(table: &AccessTable, accounts: &[AccountIndex]) -> Vec<bool> {
    let mut is_member = vec![false; table.account_count()];
    for account in accounts {
        is_member[account.index()] = true;
    }
    is_member
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::request::Mode;
    use crate::strategy::Waits;

    /// Eight accounts that 60 transactions write together, each with an account of its own, and
    /// 20 transactions on a ninth account that one of the 60 writes, too.
    fn table() -> AccessTable {
        let mut table = AccessTable::new();
        let pool = || (0..8).map(|account| Access::write(AccountIndex(account)));
        let ninth = Access::write(AccountIndex(8));
        for number in 0..60 {
            let own = Access::write(AccountIndex(100 + number));
            let more = (number == 0).then_some(ninth);
            table.push(pool().chain([own]).chain(more), 10_000);
        }
        for _ in 0..20 {
            table.push([ninth], 10_000);
        }
        table
    }

    #[test]
    fn accounts_of_the_same_transactions_are_one_group() {
        let groups = hot_groups(&table(), 16);
        let expected = HotGroup {
            accounts: (0..8).map(AccountIndex).collect(),
            transaction_count: 60,
            cost: 600_000,
        };
        assert_eq!(groups, [expected]);
        assert_eq!(hot_groups(&AccessTable::new(), 16), []);
        // One of the busiest has no company among one.
        assert_eq!(hot_groups(&table(), 1), []);
    }

    #[test]
    fn relieving_one_of_a_group_saves_nothing_and_all_save_much() {
        let table = table();
        let workers = NonZeroU32::new(8).expect("eight is not zero");
        let request = PlanRequest::new(Mode::Replay, workers);
        let without = |accounts: &[AccountIndex]| {
            let priced = what_if_without(&Waits, &table, &request, accounts);
            priced.expect("it plans every block")
        };
        let (before, bound) = without(&[]);
        assert_eq!(bound, 600_000);
        let (one, _) = without(&[AccountIndex(0)]);
        assert_eq!(one, before);
        let group = &hot_groups(&table, 16)[0];
        let (all, bound) = without(&group.accounts);
        // The ninth account's 21 are left.
        assert_eq!(bound, 210_000);
        assert!(all < 220_000, "{all}");
    }
}
