//! Why the calls of a block did not all run at once: which waited for which, on which accounts,
//! and what relieving these would save.

use std::{collections::BTreeMap, fmt, num::NonZeroU32};

use lockstep_runtime::limits::TRANSACTION_COST;
use lockstep_scheduler::{
    Access as Use, AccessMode, AccessTable, AccountHeat, AccountIndex, Auto, Mode, PlanRequest,
    Strategy, blocking_accounts, hot_groups, predict, what_if_without,
};
use lockstep_sdk::interface::Address;

use crate::block::{Block, Executed};

/// Accounts whose relief is tried out.
const ACCOUNTS_MAX: usize = 12;
/// Groups of accounts whose relief is tried out.
const GROUPS_MAX: usize = 6;
/// Waits that the text shows.
const WAITS_SHOWN: usize = 10;
/// Workers that an explanation is made for, as `lockstep plan` does.
const WORKERS: NonZeroU32 = NonZeroU32::new(8).expect("eight is not zero");

/// An account that calls of a block wait for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HotAccount {
    /// Its address.
    pub address: Address,
    /// What instructions call it, each name once: `raffle::buy.pot`. None where no instruction
    /// names it: then it only pays fees.
    pub names: Vec<String>,
    /// The state that it holds, if its program has a name for it.
    pub state: Option<&'static str>,
    /// The fields of that state which the block changed.
    pub changed: Vec<&'static str>,
    /// Calls that may change it.
    pub writers: u32,
    /// Calls that share it: they only read it or, all of them, only credit it.
    pub sharers: u32,
}

impl fmt::Display for HotAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names.as_slice() {
            [] => formatter.write_str("a payer of fees")?,
            names => write!(formatter, "`{}`", names.join("`, `"))?,
        }
        match self.state {
            Some(state) => write!(formatter, " ({state}, {})", self.address)?,
            None => write!(formatter, " ({})", self.address)?,
        }
        if !self.changed.is_empty() {
            write!(formatter, ", changed: `{}`", self.changed.join("`, `"))?;
        }
        Ok(())
    }
}

/// A call that waited for another one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wait {
    /// The call that waited.
    pub call: usize,
    /// The nearest call before it that it conflicts with on these accounts.
    pub before: usize,
    /// The accounts, as places in [`Explanation::accounts`].
    pub accounts: Vec<usize>,
}

/// What it would save if no two uses of some accounts conflicted: if they were split, or their
/// changes were made commutative.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Relief {
    /// The accounts, as places in [`Explanation::accounts`]; several where the same calls use
    /// them, so that relieving one alone saves little.
    pub accounts: Vec<usize>,
    /// The predicted time without these conflicts, in cost units.
    pub cost_without: u64,
    /// The part of the block's predicted time that this saves, in thousandths; 0 if it saves none.
    pub saved_per_mille: u64,
}

/// Why the calls of a block did not all run at once. Times are in cost units: the compute units
/// that calls used, and what each transaction costs besides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// Workers that it is made for.
    pub workers: NonZeroU32,
    /// The cost of all calls together: what one worker takes.
    pub cost: u64,
    /// The predicted time of the plan that `auto` makes in the order of the calls.
    pub predicted: u64,
    /// The accounts that calls wait for, the busiest first.
    pub accounts: Vec<HotAccount>,
    /// Which call waited for which, in the order of the calls.
    pub waits: Vec<Wait>,
    /// What relieving accounts would save, the most first; where the same is saved, by fewer.
    pub reliefs: Vec<Relief>,
    /// What the calls do: `raffle::buy`.
    calls: Vec<String>,
}

impl Block {
    /// Why the calls of the block did not all run at once, on 8 workers: which call waited for
    /// which, on which accounts by name, and what relieving them would save. Printed, it is the
    /// answer as text.
    ///
    /// ```
    /// use lockstep_programs::system::instruction::transfer;
    /// use lockstep_testing::Chain;
    ///
    /// let mut chain = Chain::new();
    /// let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| chain.wallet(name));
    /// let block = chain.run_block([transfer(&alice, &bob, 1), transfer(&alice, &carol, 2)]);
    /// let explanation = block.explain();
    /// assert_eq!((explanation.waits[0].call, explanation.waits[0].before), (1, 0));
    /// assert_eq!(explanation.accounts[0].names, ["system::transfer.source"]);
    /// assert!(explanation.reliefs[0].saved_per_mille > 300);
    /// ```
    pub fn explain(&self) -> Explanation {
        self.explain_on(WORKERS)
    }

    /// The same on another number of workers.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use lockstep_programs::system::instruction::transfer;
    /// use lockstep_testing::Chain;
    ///
    /// let mut chain = Chain::new();
    /// let [alice, bob] = ["alice", "bob"].map(|name| chain.wallet(name));
    /// let block = chain.run_block([transfer(&alice, &bob, 1), transfer(&alice, &bob, 2)]);
    /// let on_one = block.explain_on(NonZeroU32::MIN);
    /// // One worker is no faster without conflicts than with them.
    /// assert!(on_one.reliefs.iter().all(|relief| relief.cost_without == on_one.cost));
    /// ```
    pub fn explain_on(&self, workers: NonZeroU32) -> Explanation {
        let included = Included::of(self);
        let request = PlanRequest::new(Mode::Replay, workers);
        let plan = Auto.plan(&included.table, &request);
        let plan = plan.expect("auto plans every block");
        let predicted = predict(&plan, &included.table, workers, &request.costs);
        let (hot, places) = included.hot();
        let mut names = self.account_names();
        let accounts = hot.iter().map(|heat| {
            let address = included.addresses[heat.account.index()];
            let (state, changed) = self.state_of(&address);
            HotAccount {
                address,
                names: names.remove(&address).unwrap_or_default(),
                state,
                changed,
                writers: heat.writer_count,
                sharers: heat.reader_count,
            }
        });
        Explanation {
            workers,
            cost: included.table.total_cost(),
            predicted,
            accounts: accounts.collect(),
            waits: included.waits(&places),
            reliefs: included.reliefs(&request, predicted, (&hot, &places)),
            calls: self
                .executed()
                .iter()
                .map(|executed| self.names_in(executed))
                .collect(),
        }
    }

    /// What a call does: the names of its instructions.
    fn names_in(&self, executed: &Executed) -> String {
        let instructions = executed.call.instructions.iter();
        let names = instructions.map(|instruction| self.instruction_name(instruction));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// The calls that are part of a block, as a planner sees them.
struct Included {
    table: AccessTable,
    /// By transaction of the table.
    calls: Vec<usize>,
    /// By account of the table.
    addresses: Vec<Address>,
}

impl Included {
    fn of(block: &Block) -> Self {
        let mut known = BTreeMap::new();
        let (mut table, mut calls) = (AccessTable::new(), Vec::new());
        let mut addresses = Vec::new();
        for (call, executed) in block.executed().iter().enumerate() {
            if executed.result.is_err() {
                continue;
            }
            let uses = executed.accesses.iter().map(|access| {
                let index = *known.entry(access.address).or_insert_with(|| {
                    addresses.push(access.address);
                    addresses.len().saturating_sub(1)
                });
                let index = u32::try_from(index).expect("a block names fewer than 2^32 accounts");
                let mode = match (access.is_credit, access.is_writable) {
                    (true, _) => AccessMode::Credit,
                    (false, true) => AccessMode::Write,
                    (false, false) => AccessMode::Read,
                };
                Use::new(AccountIndex(index), mode)
            });
            let cost = TRANSACTION_COST.saturating_add(executed.compute_units());
            table.push(uses, cost);
            calls.push(call);
        }
        Self {
            table,
            calls,
            addresses,
        }
    }

    /// The accounts that block, the busiest first, and for each account its place among them.
    fn hot(&self) -> (Vec<AccountHeat>, Vec<Option<usize>>) {
        let hot = blocking_accounts(&self.table, usize::MAX);
        let mut places = vec![None; self.addresses.len()];
        for (place, heat) in hot.iter().enumerate() {
            places[heat.account.index()] = Some(place);
        }
        (hot, places)
    }

    /// For each call, the nearest earlier ones that it conflicts with.
    fn waits(&self, places: &[Option<usize>]) -> Vec<Wait> {
        const MODES: [AccessMode; 3] = [AccessMode::Read, AccessMode::Credit, AccessMode::Write];
        let mut latest = vec![[None; MODES.len()]; self.addresses.len()];
        let mut waits = Vec::new();
        for (transaction, call) in self.table.transactions().zip(&self.calls) {
            let mut before: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for access in self.table.accesses(transaction) {
                let account = access.account().index();
                let earlier = MODES.iter().zip(&mut latest[account]);
                let mut nearest = None;
                for (mode, last) in earlier {
                    if mode.conflicts_with(access.mode()) {
                        nearest = nearest.max(*last);
                    }
                    if *mode == access.mode() {
                        *last = Some(*call);
                    }
                }
                if let (Some(nearest), Some(place)) = (nearest, places[account]) {
                    before.entry(nearest).or_default().push(place);
                }
            }
            waits.extend(before.into_iter().map(|(before, accounts)| Wait {
                call: *call,
                before,
                accounts,
            }));
        }
        waits
    }

    /// What relieving the busiest accounts would save, one by one and together.
    fn reliefs(
        &self,
        request: &PlanRequest,
        predicted: u64,
        (hot, places): (&[AccountHeat], &[Option<usize>]),
    ) -> Vec<Relief> {
        let single = hot.iter().take(ACCOUNTS_MAX);
        let groups = hot_groups(&self.table, ACCOUNTS_MAX).into_iter();
        let sets = single.map(|heat| vec![heat.account]);
        let sets = sets.chain(groups.take(GROUPS_MAX).map(|group| group.accounts));
        let reliefs = sets.filter_map(|set| {
            let without = what_if_without(&Auto, &self.table, request, &set);
            let (cost_without, _) = without.ok()?;
            let saved = predicted.saturating_sub(cost_without).saturating_mul(1_000);
            Some(Relief {
                accounts: set
                    .iter()
                    .filter_map(|account| places[account.index()])
                    .collect(),
                cost_without,
                saved_per_mille: saved.checked_div(predicted).unwrap_or(0),
            })
        });
        let mut reliefs: Vec<Relief> = reliefs.collect();
        reliefs.sort_by_key(|relief| (relief.cost_without, relief.accounts.len()));
        reliefs
    }
}

impl Explanation {
    /// What the call at an index does.
    fn name(&self, call: usize) -> &str {
        self.calls.get(call).map_or("", String::as_str)
    }

    /// Accounts by their shortest names, as a sentence has them.
    fn list(&self, accounts: &[usize]) -> String {
        let accounts = accounts
            .iter()
            .filter_map(|place| self.accounts.get(*place));
        let names = accounts.map(|account| match account.names.first() {
            Some(name) => format!(
                "`{}`",
                name.split_once('.').map_or(&**name, |(_, field)| field)
            ),
            None => account.address.to_string(),
        });
        names.collect::<Vec<_>>().join(" and ")
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            workers,
            cost,
            predicted,
            ..
        } = self;
        writeln!(
            formatter,
            "{} calls cost {cost} units; {workers} workers take {predicted}, {} of that",
            self.calls.len(),
            Percent(per_mille(*predicted, *cost))
        )?;
        if self.waits.is_empty() {
            return writeln!(formatter, "no call waits for another one");
        }
        formatter.write_str("accounts that calls wait for:\n")?;
        for account in self.accounts.iter().take(ACCOUNTS_MAX) {
            let HotAccount {
                writers, sharers, ..
            } = account;
            writeln!(
                formatter,
                "  {account}; {writers} write it, {sharers} share it"
            )?;
        }
        formatter.write_str("what relieving them saves, split or made commutative:\n")?;
        for relief in &self.reliefs {
            let saved = Percent(relief.saved_per_mille);
            writeln!(formatter, "  {saved:>7}  {}", self.list(&relief.accounts))?;
        }
        formatter.write_str("which call waits for which:\n")?;
        for wait in self.waits.iter().take(WAITS_SHOWN) {
            let Wait {
                call,
                before,
                accounts,
            } = wait;
            let (name, other) = (self.name(*call), self.name(*before));
            let accounts = self.list(accounts);
            writeln!(
                formatter,
                "  call {call} ({name}) for call {before} ({other}): {accounts}"
            )?;
        }
        match self.waits.len().saturating_sub(WAITS_SHOWN) {
            0 => Ok(()),
            more => writeln!(formatter, "  and {more} more"),
        }
    }
}

/// A share in thousandths; 1,000 of nothing.
fn per_mille(part: u64, whole: u64) -> u64 {
    let part = part.saturating_mul(1_000);
    part.checked_div(whole).unwrap_or(1_000)
}

/// Thousandths as a percentage.
struct Percent(u64);

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(per_mille) = self;
        formatter.pad(&format!("{}.{} %", per_mille / 10, per_mille % 10))
    }
}
