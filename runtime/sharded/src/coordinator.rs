//! The coordinator: plans a block over shards, tells each its part, and joins what they did.
//!
//! ```text
//! PreparedBlock -> credits shared -> homes -> placed, checked -> route -> parts -> reports
//!               -> accounts, outcomes -> ExecutedBlock, which is sealed like any other
//! ```
//! Where a result would depend on the order of credits, the block is planned and run again with
//! fewer of them, as the runtime's engine does it: at most three times in all.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    num::NonZeroUsize,
};

use lockstep_interface::{Account, Address, ProgramTable};
use lockstep_runtime::{
    bank::{Bank, FrozenBank, Genesis},
    chain::Parameters,
    execute::ExecutedBlock,
    interface::Hash,
    prepare::PreparedBlock,
    threads::Threads,
};
use lockstep_scheduler::{AccountIndex, Mode, Plan, check};
use lockstep_store::{Change, StoreError};

use crate::{
    Figures, Launch, Partition, ShardError,
    cluster::{Cluster, Rules, Start},
    homes::{Homes, Number, TASK_SIZE},
    joined::{count, crossing, join},
    message::{Key, Part, Sent, sent},
    parts::{fill, named, setting},
    place::{EVERYWHERE, Layout, Placed, follow, free, kept},
    route::Route,
};

/// The most workers. Each is connected with each, so that their connections grow with the square.
pub const SHARDS_MAX: u32 = 256;

/// What fixes the order of a block's transactions.
#[derive(Clone, Copy, Debug)]
pub enum Order<'p> {
    /// The planner chooses it, so that few rounds are needed; for producing a block. The plan's
    /// order is then the block's.
    Free,
    /// The block has it.
    Kept,
    /// The block has it, and a plan over it that its producer made: the plan's batches become
    /// rounds, unless its lanes wait for each other. A wrong plan makes the block invalid.
    Planned {
        /// The plan.
        plan: &'p Plan,
        /// The accounts that the plan lets several transactions credit at once, in ascending order.
        shared_accounts: &'p [AccountIndex],
    },
}

/// A block that was executed over shards.
#[derive(Debug)]
pub struct Execution {
    /// What it did, as the runtime's own executors give it.
    pub executed: ExecutedBlock,
    /// The plan by which it ran; its batches were rounds.
    pub plan: Plan,
    /// What it cost.
    pub figures: Figures,
}

/// What the shards have of the newest block that they executed.
#[derive(Debug)]
struct Pending {
    /// Its parent.
    parent: Hash,
    slot: u64,
    /// What it changed.
    changes: Vec<Change>,
    /// The accounts that it uses.
    used: Vec<Number>,
}

/// Executes blocks of one chain over several workers, one at a time.
///
/// ```
/// use lockstep_programs::builtin_programs;
/// use lockstep_runtime::bank::Genesis;
/// use lockstep_sharded::{Partition, Sharded};
///
/// let genesis = Genesis::new(Vec::new(), builtin_programs());
/// let sharded = Sharded::threads(4, &genesis, Partition::Learned)?;
/// assert_eq!(sharded.count(), 4);
/// # Ok::<(), lockstep_sharded::ShardError>(())
/// ```
#[derive(Debug)]
pub struct Sharded {
    start: Start,
    count: u32,
    partition: Partition,
    cluster: Option<Cluster>,
    homes: Homes,
    /// What the coordinator does between blocks' parts is spread over these.
    pool: Threads,
    shares_credits: bool,
    /// The first time that no block has had.
    time: u64,
    /// The block whose state the shards have, once the one under way is dropped.
    base: Option<Hash>,
    pending: Option<Pending>,
    keeps: bool,
    /// Accounts that the coordinator has changed since the shards had them.
    forgotten: Vec<Address>,
}

impl Sharded {
    /// Workers that are threads of this process. `genesis` is that of the chain; its accounts do
    /// not matter.
    ///
    /// # Errors
    /// If the count is not in 1 to [`SHARDS_MAX`], the chain has loaders, or the system refuses a
    /// thread.
    pub fn threads(
        count: u32,
        genesis: &Genesis,
        partition: Partition,
    ) -> Result<Self, ShardError> {
        Self::new(Start::Threads(rules(genesis)?), count, partition)
    }

    /// Workers that are processes on this machine, each of which [works](crate::work) with the
    /// programs that are linked in here.
    ///
    /// # Errors
    /// As [`Sharded::threads`], or if a process cannot be started.
    pub fn processes(
        count: u32,
        genesis: &Genesis,
        partition: Partition,
        launch: Launch,
    ) -> Result<Self, ShardError> {
        Self::new(Start::Processes(rules(genesis)?, launch), count, partition)
    }

    fn new(start: Start, count: u32, partition: Partition) -> Result<Self, ShardError> {
        check_count(count)?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            pool: Threads::new(cores)?,
            cluster: Some(Cluster::start(&start, count)?),
            start,
            count,
            partition,
            homes: Homes::new(count, partition),
            shares_credits: true,
            time: 0,
            base: None,
            pending: None,
            keeps: false,
            forgotten: Vec::new(),
        })
    }

    /// The same with credits planned as writes.
    #[must_use]
    pub fn without_credits(self) -> Self {
        Self {
            shares_credits: false,
            ..self
        }
    }

    /// How many workers there are, also while they are stopped.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The ids of the workers' processes, by number; none if they are threads, or stopped.
    pub fn process_ids(&self) -> Vec<u32> {
        self.cluster
            .as_ref()
            .map(Cluster::process_ids)
            .unwrap_or_default()
    }

    /// Stops the workers, if they run, and starts as many new ones, which have no account yet. With
    /// another count than before, what was learned of homes is forgotten.
    ///
    /// # Errors
    /// As [`Sharded::processes`].
    pub fn restart(&mut self, count: u32) -> Result<(), ShardError> {
        check_count(count)?;
        self.cluster = None;
        if count == self.count {
            self.homes.clear();
        } else {
            self.homes = Homes::new(count, self.partition);
        }
        (self.count, self.time, self.base, self.pending) = (count, 0, None, None);
        self.forgotten.clear();
        self.cluster = Some(Cluster::start(&self.start, count)?);
        Ok(())
    }

    /// Executes a block whose transactions have been sanitized against `bank`. Shards keep what it
    /// did once [`Sharded::keep`] says so.
    ///
    /// Signatures are not verified here. O(accesses x shards) for the coordinator, besides
    /// encoding what is sent.
    ///
    /// # Errors
    /// See [`ShardError`]. After [`ShardError::Lost`] the workers have been stopped, and the block
    /// can be executed again behind [`Sharded::restart`]; after all others the next block starts
    /// from accounts that are handed out anew.
    pub fn execute(
        &mut self,
        bank: &Bank,
        prepared: &mut PreparedBlock<'_>,
        order: Order<'_>,
    ) -> Result<Execution, ShardError> {
        let bundles = prepared.wire().bundles().len();
        if bundles > 0 {
            return Err(ShardError::Bundles(bundles));
        }
        match order {
            Order::Planned {
                plan,
                shared_accounts,
            } => {
                prepared.share_given(bank, shared_accounts)?;
                let checked = check(plan.clone(), prepared.table(), Mode::Replay);
                checked.map_err(|refused| ShardError::Plan(refused.error))?;
            }
            Order::Free | Order::Kept if self.shares_credits => prepared.share_credits(bank)?,
            Order::Free | Order::Kept => {}
        }
        let mut attempts = 0u32;
        loop {
            attempts = attempts.saturating_add(1);
            let done = self.attempt(bank, prepared, order);
            match done {
                Ok(Some(mut execution)) => {
                    execution.figures.attempts = attempts;
                    return Ok(execution);
                }
                Ok(None) => {
                    // Fewer each time. Without credits no result depends on their order.
                    let is_given = matches!(order, Order::Planned { .. });
                    if is_given || !prepared.withdraw_credits() {
                        return Err(ShardError::CreditsDependOnOrder);
                    }
                }
                Err(error) => {
                    if matches!(error, ShardError::Lost { .. }) {
                        self.cluster = None;
                    }
                    self.homes.clear();
                    (self.base, self.pending) = (None, None);
                    return Err(error);
                }
            }
        }
    }

    /// As [`Sharded::execute`]; where a worker is lost, starts as many workers as are left, and
    /// executes the block again. Gives the losses too.
    ///
    /// # Errors
    /// As [`Sharded::execute`], and if the only worker is lost.
    pub fn execute_with_those_left(
        &mut self,
        bank: &Bank,
        prepared: &mut PreparedBlock<'_>,
        order: Order<'_>,
    ) -> Result<(Execution, Vec<ShardError>), ShardError> {
        let mut losses = Vec::new();
        loop {
            match self.execute(bank, prepared, order) {
                Ok(execution) => return Ok((execution, losses)),
                Err(error @ ShardError::Lost { .. }) if self.count > 1 => {
                    losses.push(error);
                    self.restart(self.count.saturating_sub(1))?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells that the block that was executed last led to this bank: its children are next. Without
    /// it shards drop what the block did.
    pub fn keep(&mut self, bank: &FrozenBank) {
        let header = bank.header();
        let is_it = |pending: &&mut Pending| {
            pending.parent == header.parent_id && pending.slot == header.slot
        };
        let Some(pending) = self.pending.as_mut().filter(is_it) else {
            return;
        };
        self.keeps = true;
        self.base = Some(bank.block_hash());
        // What was changed behind the transactions: shares of the fees, which may also make an
        // account what it was before.
        let mut other: BTreeMap<Address, Account> = pending.changes.drain(..).collect();
        for (address, account) in bank.changes() {
            match other.entry(address) {
                Entry::Occupied(executed) if *executed.get() == account => drop(executed.remove()),
                Entry::Occupied(_) => {}
                Entry::Vacant(place) => {
                    place.insert(account);
                }
            }
        }
        self.forgotten = other.into_keys().collect();
    }

    /// Plans and runs the block once; `None` if a result depends on the order of credits.
    ///
    /// Shards are stricter than the engine here: it asks for a rent-exempt account at its first
    /// credit, they ask for one when a round begins. So they never accept what the engine refuses.
    fn attempt(
        &mut self,
        bank: &Bank,
        prepared: &PreparedBlock<'_>,
        order: Order<'_>,
    ) -> Result<Option<Execution>, ShardError> {
        let clears = self.turn_to(bank);
        let is_made = |address: &Address| bank.makes(address);
        let (table, addresses) = (prepared.table(), prepared.addresses());
        let (layout, accounts) = self.homes.layout(table, addresses, is_made, &self.pool);
        let (placed, mode) = place(prepared, &layout, order);
        let Placed { plan, shards } = placed;
        let checked = check(plan, table, mode);
        let checked = checked.map_err(|refused| ShardError::Plan(refused.error))?;
        let (owners, given) = self.hand_out(bank, addresses, &accounts)?;
        let placed = Placed {
            plan: checked.plan().clone(),
            shards,
        };
        let route = Route::new(table, &layout, &owners, &placed);
        let mut parts = self.parts(bank, prepared, given, clears)?;
        fill(&mut parts, prepared, &checked, &placed, &route);
        let steps = parts.first().map_or(0, |part| part.steps.len());
        self.time = self.time.saturating_add(steps as u64);
        let parent = bank.parent().block_hash();
        self.pending = Some(Pending {
            parent,
            slot: bank.slot(),
            changes: Vec::new(),
            used: accounts.into_iter().flatten().collect(),
        });
        let cluster = self.cluster.as_mut().ok_or(ShardError::Stopped)?;
        let reports = cluster.run(parts, &self.pool)?;
        let Some((executed, mut figures)) = join(bank, prepared, reports, &self.pool)? else {
            return Ok(None);
        };
        figures.messages = count(&route);
        figures.crossing = crossing(table, &layout);
        for (address, account) in executed.changes() {
            if let Some(number) = self.homes.number(address) {
                self.homes.resize(number, account.data.len());
            }
        }
        if let Some(pending) = &mut self.pending {
            pending.changes = executed.changes().to_vec();
        }
        Ok(Some(Execution {
            executed,
            plan: checked.into_plan(),
            figures,
        }))
    }

    /// Makes the shards' state that of the bank's parent, as far as telling them with the next part
    /// does. True if they are to forget all accounts.
    fn turn_to(&mut self, bank: &Bank) -> bool {
        let parent = bank.parent().block_hash();
        if let Some(pending) = self.pending.take() {
            // Accounts of a block go home whether it is kept or not: those that were handed out for
            // it are there, and those that have moved for it are back where they were, if it is
            // dropped.
            if self.keeps {
                let used = pending.used.into_iter();
                used.for_each(|account| self.homes.arrive(account));
            }
        }
        for address in &self.forgotten {
            self.homes.forget(address);
        }
        let clears = self.base != Some(parent);
        if clears {
            self.homes.clear();
            self.base = Some(parent);
        }
        clears
    }

    /// Where each account is, and what is handed out of the store to its home.
    fn hand_out(
        &mut self,
        bank: &Bank,
        addresses: &[Address],
        accounts: &[Option<Number>],
    ) -> Result<(Vec<u32>, Vec<Vec<Sent>>), ShardError> {
        let mut given = vec![Vec::new(); self.count as usize];
        let mut owners = Vec::with_capacity(addresses.len());
        let (mut wanted, mut missing) = (Vec::new(), Vec::new());
        for (address, account) in addresses.iter().zip(accounts) {
            let Some(account) = *account else {
                owners.push(EVERYWHERE);
                continue;
            };
            if self.homes.shard(account).is_none() {
                self.homes.arrive(account);
                wanted.push(*address);
                missing.push(account);
            }
            owners.push(self.homes.shard(account).unwrap_or(EVERYWHERE));
        }
        let found = self.pool.map_chunks(&wanted, TASK_SIZE, |wanted| {
            let mut found = vec![Account::default(); wanted.len()];
            bank.load(wanted, &mut found)?;
            let found = wanted.iter().zip(&found);
            let found =
                found.map(|(address, account)| (account.data.len(), sent(address, account)));
            Ok(found.collect())
        });
        let found: Vec<Vec<(usize, Sent)>> =
            found.into_iter().collect::<Result<_, StoreError>>()?;
        for (number, (size, account)) in missing.into_iter().zip(found.into_iter().flatten()) {
            let home = self.homes.shard(number).unwrap_or_default();
            given[home as usize].push(account);
            self.homes.resize(number, size);
        }
        Ok((owners, given))
    }

    /// The parts of a block, without steps.
    fn parts(
        &mut self,
        bank: &Bank,
        prepared: &PreparedBlock<'_>,
        given: Vec<Vec<Sent>>,
        clears: bool,
    ) -> Result<Vec<Part>, ShardError> {
        let setting = setting(bank)?;
        let named = named(bank, prepared)?;
        let keeps = std::mem::take(&mut self.keeps);
        let forgotten = std::mem::take(&mut self.forgotten);
        let forgotten: Vec<Key> = forgotten.iter().map(Address::to_bytes).collect();
        let parts = given.into_iter().map(|given| Part {
            time: self.time,
            keeps,
            clears,
            forgotten: forgotten.clone(),
            setting: setting.clone(),
            named: named.clone(),
            given,
            steps: Vec::new(),
        });
        Ok(parts.collect())
    }
}

fn check_count(count: u32) -> Result<(), ShardError> {
    let max = SHARDS_MAX;
    match (1..=max).contains(&count) {
        true => Ok(()),
        false => Err(ShardError::Count { count, max }),
    }
}

fn rules(genesis: &Genesis) -> Result<Rules, ShardError> {
    let has_loader = |programs: &ProgramTable| {
        let mut programs = programs.iter();
        programs.any(|program| program.loader().is_some())
    };
    if has_loader(&genesis.programs) || has_loader(&genesis.linked) {
        return Err(ShardError::Loaders);
    }
    Ok(Rules {
        parameters: Parameters::of(genesis),
        linked: genesis.linked.clone(),
    })
}

fn place(prepared: &PreparedBlock<'_>, layout: &Layout, order: Order<'_>) -> (Placed, Mode) {
    let table = prepared.table();
    match order {
        Order::Free => (free(table, layout), Mode::Produce),
        Order::Kept => (kept(table, layout), Mode::Replay),
        Order::Planned { plan, .. } => {
            let placed = follow(table, layout, plan);
            (placed.unwrap_or_else(|| kept(table, layout)), Mode::Replay)
        }
    }
}
