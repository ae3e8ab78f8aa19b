//! Access lists into plans and the figures that tell how good each plan is.
//!
//! ```text
//! access lists -> InternedBlock (ids, costs, bounds) -> measure(strategy, request) -> Figures
//! ```
//!
//! Figures of several blocks add up: a sum of makespans is the time that the blocks take one
//! after the other.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use lockstep_interface::Address;
use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, Bounds, Interner, Mode, Plan, PlanRequest, Policy, Strategy,
    StrategyError, TransactionIndex, check, plan_by_priority, predict, replay_bound,
};
use serde::Serialize;

use crate::access::AccessList;
use crate::compare::Spread;

/// Repetitions of a measurement, of which the median counts.
const REPETITIONS_MAX: usize = 5;
/// A measurement that took this long altogether is not repeated.
const REPETITION_TIME_MAX: Duration = Duration::from_millis(20);

/// A block as planners see it: dense account ids instead of addresses.
#[derive(Debug)]
pub struct InternedBlock {
    table: AccessTable,
    addresses: Vec<Address>,
    /// The programs of each transaction.
    programs: Vec<Vec<Address>>,
    /// What people call the accounts, where the trace says.
    names: BTreeMap<Address, String>,
    bounds: Bounds,
    /// By number of workers, those that were asked for.
    replay_bounds: RefCell<BTreeMap<NonZeroU32, u64>>,
    priorities: Option<Vec<u64>>,
    estimates: Option<Vec<u64>>,
    seconds: f64,
}

impl InternedBlock {
    /// Numbers the accounts of a block, in order of first appearance, and lets transactions
    /// that only credit an account do so at once.
    pub fn new(lists: &[AccessList]) -> Self {
        let access_count = lists.iter().map(AccessList::len).sum();
        let mut interner = Interner::new();
        let mut table = AccessTable::with_capacity(lists.len(), access_count);
        let seconds = median(|| {
            interner.clear();
            table.clear();
            for list in lists {
                let mut id = |address: &Address| {
                    let hash = interner.hash(address.as_array());
                    interner.intern(address.as_array(), hash)
                };
                let writes: Vec<AccountIndex> = list.writes.iter().map(&mut id).collect();
                let writes = writes.into_iter().map(Access::write);
                let reads = list.reads.iter().map(|address| Access::read(id(address)));
                table.push(writes.chain(reads), list.cost);
            }
            let sites = || {
                let lists = table_order(lists.len()).zip(lists);
                lists.flat_map(|(index, list)| list.credits.iter().map(move |at| (index, *at)))
            };
            let accounts = table.promising_credits(sites());
            table.share_credits(sites(), &accounts);
        });
        let addresses = interner
            .keys()
            .iter()
            .map(|key| Address::new_from_array(*key));
        Self {
            addresses: addresses.collect(),
            programs: lists.iter().map(|list| list.programs.clone()).collect(),
            names: BTreeMap::new(),
            bounds: Bounds::of(&table),
            table,
            replay_bounds: RefCell::default(),
            priorities: None,
            estimates: None,
            seconds,
        }
    }

    /// The same block under the policy that of two conflicting transactions the one with the
    /// higher priority comes first. Its bounds are then those of the block in priority order.
    ///
    /// # Panics
    /// If there are not as many priorities as transactions.
    #[must_use]
    pub fn with_priorities(mut self, priorities: Vec<u64>) -> Self {
        assert_eq!(
            priorities.len(),
            self.table.transaction_count(),
            "every transaction has a priority"
        );
        self.bounds = Bounds::of(&by_priority(&self.table, &priorities));
        self.replay_bounds.take();
        self.priorities = Some(priorities);
        self
    }

    /// The same block with names of its accounts.
    #[must_use]
    pub fn with_names(self, names: impl IntoIterator<Item = (Address, String)>) -> Self {
        Self {
            names: names.into_iter().collect(),
            ..self
        }
    }

    /// An account as people see it: its name, if it has one, and its address.
    pub fn label(&self, account: AccountIndex) -> String {
        let Some(address) = self.addresses.get(account.index()) else {
            return String::new();
        };
        match self.names.get(address) {
            Some(name) => format!("{name} {address}"),
            None => address.to_string(),
        }
    }

    /// The same block of which strategies are told these costs, by transaction; plans are judged
    /// by the true ones.
    ///
    /// # Panics
    /// If there are not as many estimates as transactions.
    #[must_use]
    pub fn with_estimates(mut self, estimates: Vec<u64>) -> Self {
        assert_eq!(
            estimates.len(),
            self.table.transaction_count(),
            "every transaction has an estimate"
        );
        self.estimates = Some(estimates);
        self
    }

    /// The accesses.
    pub fn table(&self) -> &AccessTable {
        &self.table
    }

    /// The accounts by id.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The programs that a transaction's instructions name; none if they are not known.
    pub fn programs(&self, transaction: TransactionIndex) -> &[Address] {
        self.programs
            .get(transaction.index())
            .map_or(&[], Vec::as_slice)
    }

    /// Seconds that numbering the accounts took, the median of some runs.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// What no plan can beat.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// What no plan of the mode can beat; in block order the [`replay_bound`].
    pub fn lower_bound(&self, request: &PlanRequest) -> u64 {
        match self.bound_mode(request) {
            Mode::Produce => self.bounds.lower_bound(Mode::Produce, request.workers),
            Mode::Replay => self.replay_bound(request.workers),
        }
    }

    /// The bound in the order that the policy gives, found once for each number of workers.
    fn replay_bound(&self, workers: NonZeroU32) -> u64 {
        let known = self.replay_bounds.borrow().get(&workers).copied();
        known.unwrap_or_else(|| {
            let bound = match &self.priorities {
                Some(priorities) => replay_bound(&by_priority(&self.table, priorities), workers),
                None => replay_bound(&self.table, workers),
            };
            self.replay_bounds.borrow_mut().insert(workers, bound);
            bound
        })
    }

    /// The mode whose bounds hold: a plan by priority is a replay of the priority order.
    pub(crate) fn bound_mode(&self, request: &PlanRequest) -> Mode {
        match self.policy() {
            Policy::Priority => Mode::Replay,
            Policy::Throughput => request.mode,
        }
    }

    /// What orders conflicting transactions in produce mode.
    pub fn policy(&self) -> Policy {
        match self.priorities {
            Some(_) => Policy::Priority,
            None => Policy::Throughput,
        }
    }

    /// The strategy under the block's policy: by priority if the block has priorities. It plans
    /// this block and any other with as many transactions.
    pub fn under_policy<'a>(&'a self, strategy: &'a dyn Strategy) -> UnderPolicy<'a> {
        UnderPolicy {
            strategy,
            priorities: self.priorities.as_deref(),
            estimates: self.estimates.as_deref(),
        }
    }
}

/// A strategy that keeps to the policy of one block, and is told the costs that the block is
/// estimated at.
#[derive(Clone, Copy, Debug)]
pub struct UnderPolicy<'a> {
    strategy: &'a dyn Strategy,
    priorities: Option<&'a [u64]>,
    estimates: Option<&'a [u64]>,
}

impl UnderPolicy<'_> {
    /// The block as the strategy is told of it; `None` if that is how it is.
    fn told(&self, table: &AccessTable) -> Option<AccessTable> {
        let estimates = self.estimates?;
        let mut told = AccessTable::with_capacity(estimates.len(), table.access_count());
        for (transaction, &cost) in table.transactions().zip(estimates) {
            told.push(table.accesses(transaction).iter().copied(), cost);
        }
        Some(told)
    }

    fn plan_told(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        match self.priorities {
            Some(priorities) => plan_by_priority(self.strategy, table, priorities, request),
            None => self.strategy.plan(table, request),
        }
    }
}

impl Strategy for UnderPolicy<'_> {
    fn name(&self) -> &str {
        self.strategy.name()
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        self.plan_told(self.told(table).as_ref().unwrap_or(table), request)
    }
}

/// The indices of as many transactions, in block order.
fn table_order(count: usize) -> impl Iterator<Item = TransactionIndex> {
    (0u32..).map(TransactionIndex).take(count)
}

/// A block's table in falling order of priorities, in block order where these are equal.
fn by_priority(table: &AccessTable, priorities: &[u64]) -> AccessTable {
    let mut order: Vec<_> = table.transactions().collect();
    order.sort_by_key(|transaction| Reverse(priorities[transaction.index()]));
    in_order(table, &order)
}

/// A block's table with its transactions in another order; account ids stay.
pub(crate) fn in_order(table: &AccessTable, order: &[TransactionIndex]) -> AccessTable {
    let mut sorted = AccessTable::with_capacity(order.len(), table.access_count());
    for &transaction in order {
        let accesses = table.accesses(transaction).iter().copied();
        sorted.push(accesses, table.cost(transaction));
    }
    sorted
}

/// Lower bounds in cost units, of one block or summed over several.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct BoundFigures {
    /// Cost of all transactions.
    pub work: u64,
    /// The heaviest chain of conflicts in block order.
    pub critical_path: u64,
    /// What the busiest account needs in any order.
    pub hottest_account: u64,
}

/// How good a plan is, or several blocks' plans together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Name of the strategy.
    pub strategy: String,
    /// `produce` or `replay`.
    pub mode: &'static str,
    /// Workers that the plan is made for.
    pub workers: u32,
    /// Batches.
    pub batches: usize,
    /// Lanes of all batches.
    pub lanes: usize,
    /// Static waits.
    pub waits: usize,
    /// Predicted time, in cost units.
    pub cost_makespan: u64,
    /// What no plan of the mode can beat, in cost units.
    pub cost_lower_bound: u64,
    /// The bounds it comes from.
    pub bounds: BoundFigures,
    /// Lower bound / makespan; 1 without transactions.
    pub efficiency: f64,
    /// Seconds for numbering accounts and planning.
    pub plan_seconds: f64,
    /// Seconds for checking the plan.
    pub check_seconds: f64,
    /// Whether the checker found the plan right.
    pub valid: bool,
    /// What it found wrong.
    #[serde(skip)]
    pub fault: Option<String>,
}

impl Figures {
    /// Figures of no block at all.
    pub fn empty(strategy: &str, request: &PlanRequest) -> Self {
        Self {
            strategy: strategy.to_owned(),
            mode: request.mode.name(),
            workers: request.workers.get(),
            batches: 0,
            lanes: 0,
            waits: 0,
            cost_makespan: 0,
            cost_lower_bound: 0,
            bounds: BoundFigures::default(),
            efficiency: 1.0,
            plan_seconds: 0.0,
            check_seconds: 0.0,
            valid: true,
            fault: None,
        }
    }

    /// Adds the figures of the next block.
    pub fn add(&mut self, next: &Self) {
        self.batches = self.batches.saturating_add(next.batches);
        self.lanes = self.lanes.saturating_add(next.lanes);
        self.waits = self.waits.saturating_add(next.waits);
        self.cost_makespan = self.cost_makespan.saturating_add(next.cost_makespan);
        self.cost_lower_bound = self.cost_lower_bound.saturating_add(next.cost_lower_bound);
        let (sum, bounds) = (&mut self.bounds, &next.bounds);
        sum.work = sum.work.saturating_add(bounds.work);
        sum.critical_path = sum.critical_path.saturating_add(bounds.critical_path);
        sum.hottest_account = sum.hottest_account.saturating_add(bounds.hottest_account);
        self.efficiency = ratio(self.cost_lower_bound, self.cost_makespan);
        self.plan_seconds += next.plan_seconds;
        self.check_seconds += next.check_seconds;
        self.valid &= next.valid;
        if self.fault.is_none() {
            self.fault.clone_from(&next.fault);
        }
    }
}

/// Plans a block, checks the plan and predicts how long it takes. Times are the median of up to
/// five runs, of which the first pays for memory that a running chain already has.
///
/// # Errors
/// If a documented bound keeps the strategy from planning the block.
pub fn measure(
    block: &InternedBlock,
    strategy: &dyn Strategy,
    request: &PlanRequest,
) -> Result<(Figures, Plan), StrategyError> {
    let strategy = &block.under_policy(strategy);
    let told = strategy.told(&block.table);
    let told = told.as_ref().unwrap_or(&block.table);
    let mut planned = Ok(Plan::new());
    let plan_seconds = median(|| planned = strategy.plan_told(told, request));
    let plan = planned?;
    let mut fault = None;
    let check_seconds = median_with(
        || plan.clone(),
        |plan| {
            let checked = check(plan, &block.table, request.mode);
            fault = checked.err().map(|refused| refused.error.to_string());
        },
    );
    // A plan that is not one of the block has no makespan.
    let makespan = match fault {
        None => predict(&plan, &block.table, request.workers, &request.costs),
        Some(_) => u64::MAX,
    };
    let lower_bound = block.lower_bound(request);
    let figures = Figures {
        batches: plan.batch_count(),
        lanes: plan.lane_count(),
        waits: plan.waits().len(),
        cost_makespan: makespan,
        cost_lower_bound: lower_bound,
        bounds: BoundFigures {
            work: block.bounds.work,
            critical_path: block.bounds.critical_path,
            hottest_account: block.bounds.hottest_account,
        },
        efficiency: ratio(lower_bound, makespan),
        plan_seconds: block.seconds + plan_seconds,
        check_seconds,
        valid: fault.is_none(),
        fault,
        ..Figures::empty(strategy.name(), request)
    };
    Ok((figures, plan))
}

/// `part / whole` as a fraction; 1 where both are nothing.
#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio for people needs no 64 bits"
)]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// Seconds of the median of several runs.
fn median(mut work: impl FnMut()) -> f64 {
    median_with(|| (), |()| work())
}

/// Seconds of the median of several runs, what makes their input not counted.
fn median_with<T>(mut input: impl FnMut() -> T, mut work: impl FnMut(T)) -> f64 {
    let mut times = Vec::with_capacity(REPETITIONS_MAX);
    let mut total = Duration::ZERO;
    while times.len() < REPETITIONS_MAX && total < REPETITION_TIME_MAX {
        let item = input();
        let start = Instant::now();
        work(item);
        let elapsed = start.elapsed();
        times.push(elapsed.as_secs_f64());
        total = total.saturating_add(elapsed);
    }
    Spread::of(times).median
}

/// How many transactions use an account, and what they cost.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Heat {
    /// Transactions that write it.
    pub writers: u64,
    /// Transactions that only read it.
    pub readers: u64,
    /// Cost of its writers.
    pub cost: u64,
}

/// Accounts over all blocks of a stream: how many there are and which are written most.
#[derive(Debug, Default)]
pub struct AccountCensus {
    heat: HashMap<Address, Heat>,
}

impl AccountCensus {
    /// Adds a block.
    pub fn add(&mut self, lists: &[AccessList]) {
        for list in lists {
            for address in &list.writes {
                let heat = self.heat.entry(*address).or_default();
                heat.writers = heat.writers.saturating_add(1);
                heat.cost = heat.cost.saturating_add(list.cost);
            }
            for address in &list.reads {
                let heat = self.heat.entry(*address).or_default();
                heat.readers = heat.readers.saturating_add(1);
            }
        }
    }

    /// The number of different accounts.
    pub fn count(&self) -> usize {
        self.heat.len()
    }

    /// The accounts whose writers cost most, the heaviest first, equal ones by address.
    pub fn hottest(&self, count: usize) -> Vec<(Address, Heat)> {
        #[expect(clippy::iter_over_hash_type, reason = "sorted below by a total order")]
        fn collect(heat: &HashMap<Address, Heat>) -> Vec<(Address, Heat)> {
            let mut all = Vec::with_capacity(heat.len());
            for (address, heat) in heat {
                all.push((*address, *heat));
            }
            all
        }
        let mut all = collect(&self.heat);
        all.retain(|(_, heat)| heat.writers > 0);
        all.sort_unstable_by_key(|(address, heat)| (std::cmp::Reverse(heat.cost), *address));
        all.truncate(count);
        all
    }
}
