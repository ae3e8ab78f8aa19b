//! Accounts that are busy together: by the transactions that write them, and by the program that
//! these transactions run.

use lockstep_interface::Address;
use lockstep_market::market_programs;
use lockstep_scheduler::{
    AccountIndex, HotGroup, PlanRequest, Strategy, StrategyError, blocking_accounts, hot_groups,
    what_if_without,
};
use serde::Serialize;

use super::{address, signed};
use crate::planning::InternedBlock;

/// The busiest accounts, which are put into groups.
pub const GROUPED_ACCOUNTS_MAX: usize = 64;
/// Groups of each kind whose relief is tried out.
pub const GROUPS_MAX: usize = 6;

/// Accounts that are busy together, and what it would save if no two uses of any of them
/// conflicted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The program whose transactions write them; none where the transactions are the same.
    pub program: Option<String>,
    /// The addresses, the busiest first.
    pub accounts: Vec<String>,
    /// Transactions that write one of them or more.
    pub transactions: u32,
    /// The cost of these transactions together.
    pub cost: u64,
    /// The predicted makespan without the conflicts.
    pub makespan_without: u64,
    /// What that saves; negative where the strategy makes less of an easier block.
    pub saved: i64,
    /// The lower bound in that case.
    pub lower_bound_without: u64,
}

/// The groups by transactions, then those by program, the costliest first.
pub(super) fn groups(
    block: &InternedBlock,
    strategy: &dyn Strategy,
    request: &PlanRequest,
    makespan: u64,
) -> Result<Vec<Group>, StrategyError> {
    let table = block.table();
    let mut found: Vec<(Option<Address>, HotGroup)> = Vec::new();
    let alike = hot_groups(table, GROUPED_ACCOUNTS_MAX).into_iter();
    found.extend(alike.take(GROUPS_MAX).map(|group| (None, group)));
    for (program, group) in by_program(block).into_iter().take(GROUPS_MAX) {
        // The same accounts are priced once.
        let mut known = found.iter();
        if !known.any(|(_, known)| same_accounts(known, &group)) {
            found.push((Some(program), group));
        }
    }
    let groups = found.into_iter().map(|(program, group)| {
        let (without, lower_bound) = what_if_without(strategy, table, request, &group.accounts)?;
        let accounts = group.accounts.iter();
        Ok(Group {
            program: program.as_ref().map(program_name),
            accounts: accounts.map(|account| address(block, *account)).collect(),
            transactions: group.transaction_count,
            cost: group.cost,
            makespan_without: without,
            saved: signed(makespan).saturating_sub(signed(without)),
            lower_bound_without: lower_bound,
        })
    });
    groups.collect()
}

fn same_accounts(one: &HotGroup, other: &HotGroup) -> bool {
    one.accounts.len() == other.accounts.len()
        && one
            .accounts
            .iter()
            .all(|account| other.accounts.contains(account))
}

/// The name of a built-in program, or the address.
fn program_name(program: &Address) -> String {
    let known = market_programs();
    let known = known.get(program);
    known.map_or_else(|| program.to_string(), |program| program.name().to_owned())
}

/// The busiest accounts by the program that most of the work on them runs; of several such
/// programs, such as one that sets a budget for any other, the one with the least work elsewhere.
fn by_program(block: &InternedBlock) -> Vec<(Address, HotGroup)> {
    let table = block.table();
    let heats = blocking_accounts(table, GROUPED_ACCOUNTS_MAX);
    let mut places = vec![None; table.account_count()];
    for (place, heat) in heats.iter().enumerate() {
        places[heat.account.index()] = Some(place);
    }
    let mut programs: Vec<Program> = Vec::new();
    for transaction in table.transactions() {
        let cost = table.cost(transaction);
        for program in block.programs(transaction) {
            let known = programs.iter().position(|known| known.address == *program);
            let known = known.unwrap_or_else(|| {
                programs.push(Program::new(*program, heats.len()));
                programs.len().saturating_sub(1)
            });
            programs[known].work = programs[known].work.saturating_add(cost);
            for access in table.accesses(transaction) {
                if let (true, Some(place)) = (access.is_write(), places[access.account().index()]) {
                    let on = &mut programs[known].on_accounts[place];
                    *on = on.saturating_add(cost);
                }
            }
        }
    }
    let mut members: Vec<Vec<AccountIndex>> = vec![Vec::new(); programs.len()];
    for (place, heat) in heats.iter().enumerate() {
        let ranked = programs.iter().enumerate();
        let best = ranked.max_by_key(|(_, program)| {
            let elsewhere = program.work.saturating_sub(program.on_accounts[place]);
            (program.on_accounts[place], std::cmp::Reverse(elsewhere))
        });
        if let Some((number, program)) = best
            && program.on_accounts[place] > 0
        {
            members[number].push(heat.account);
        }
    }
    let groups = programs.into_iter().zip(members);
    let groups = groups.filter(|(_, accounts)| accounts.len() > 1);
    let groups = groups.map(|(program, accounts)| (program.address, HotGroup::of(table, accounts)));
    let mut groups: Vec<(Address, HotGroup)> = groups.collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.cost));
    groups
}

/// A program, the cost of its transactions, and that of those which write each busy account.
struct Program {
    address: Address,
    work: u64,
    on_accounts: Vec<u64>,
}

impl Program {
    fn new(address: Address, account_count: usize) -> Self {
        Self {
            address,
            work: 0,
            on_accounts: vec![0; account_count],
        }
    }
}
