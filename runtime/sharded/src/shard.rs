//! One shard: its accounts, and its part of a block, step by step.
//!
//! ```text
//! Part -> begin;  at each time: parcels -> step -> parcels;  end -> Report
//! ```
//! A round is executed as a block of its own by the runtime's engine, one lane on one thread, on
//! the accounts as they are here. What a block does lies above what the blocks before left, until
//! the coordinator says with the next part whether it is kept.
//!
//! After a fault a shard goes through the block's times without doing anything, so that no other
//! shard waits for it, and the report says what the fault was.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use ahash::RandomState;
use lockstep_interface::{Account, Address, Counters, Hash, activation::SCHEDULE};
use lockstep_runtime::{
    bank::{Bank, CostTable, FrozenBank, Genesis, ImportedSet, Resumed, given_accounts},
    block::{BlockHeader, Outcome, Recording},
    engine::Engine,
    execute::{ExecuteError, ExecutedBlock, execute, load},
    prepare::{PreparedBlock, SHARED_BALANCE_MAX, ShareError},
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::WireBlock,
};
use lockstep_scheduler::{AccountIndex, Mode, Plan, check};
use lockstep_store::{BlockRecord, Change, MemoryStore, Store as _};

use crate::message::{
    Key, Parcel, Part, Report, Sends, Sent, Setting, Step, Sum, Told, decode, encode, received,
    sent,
};

/// For look-up; the coordinator sorts what is told of all entries.
type Table<V> = HashMap<Address, V, RandomState>;

/// Why a step stops.
#[derive(Debug)]
enum Stop {
    /// A result depends on the order of credits.
    Order,
    /// A fault.
    Fault(String),
}

fn fault(what: &str, error: impl fmt::Display) -> Stop {
    Stop::Fault(format!("{what}: {error}"))
}

/// A shard's accounts, and what they are executed with.
pub(crate) struct Shard {
    genesis: Genesis,
    engine: Engine,
    threads: Threads,
    /// As the newest block that was kept left them.
    accounts: Table<Account>,
    block: Option<Block>,
}

/// A block under way.
struct Block {
    steps: std::vec::IntoIter<Step>,
    /// What its transactions run in; none after a fault.
    scene: Option<Arc<Scene>>,
    /// Accounts since the block began; `None` for one that has moved away.
    now: Table<Option<Account>>,
    /// Accounts of other shards.
    copies: Table<Account>,
    /// What was credited to them.
    sums: Table<Sum>,
    report: Report,
}

/// The banks of a block.
struct Scene {
    /// The parent, without accounts.
    parent: Arc<FrozenBank>,
    /// What transactions are sanitized against: lookup tables and nonces as the block begins.
    start: Bank,
}

impl fmt::Debug for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.accounts.len();
        let mut debug = formatter.debug_struct("Shard");
        debug.field("accounts", &count).finish_non_exhaustive()
    }
}

impl Shard {
    /// A shard without accounts, of the chain with this genesis.
    pub(crate) fn new(genesis: Genesis, threads: Threads) -> Self {
        Self {
            genesis,
            engine: Engine::with_threads(threads.clone()),
            threads,
            accounts: Table::default(),
            block: None,
        }
    }

    /// Begins a block, whose steps follow.
    pub(crate) fn begin(&mut self, part: Part) {
        if let Some(before) = self.block.take().filter(|_| part.keeps) {
            before.now.into_iter().for_each(|(address, account)| {
                match account {
                    Some(account) => self.accounts.insert(address, account),
                    None => self.accounts.remove(&address),
                };
            });
        }
        if part.clears {
            self.accounts.clear();
        }
        for key in &part.forgotten {
            self.accounts.remove(&Address::new_from_array(*key));
        }
        let mut report = Report::default();
        let scene = changes(part.given).and_then(|given| {
            self.accounts.extend(given);
            scene(&self.genesis, &part.setting, part.named)
        });
        let scene = scene
            .map_err(|stop| note(&mut report, stop))
            .ok()
            .map(Arc::new);
        self.block = Some(Block {
            steps: part.steps.into_iter(),
            scene,
            now: Table::default(),
            copies: Table::default(),
            sums: Table::default(),
            report,
        });
    }

    /// Takes what others sent, and does the next step. Gives what is sent: receiver and bytes.
    pub(crate) fn step(&mut self, parcels: &[Vec<u8>]) -> Vec<(u64, Vec<u8>)> {
        let Some(mut block) = self.block.take() else {
            return Vec::new();
        };
        let step = block.steps.next().unwrap_or_default();
        let (count, outcomes) = (step.transactions.len(), block.report.outcomes.len());
        let done = self.try_step(&mut block, parcels, &step);
        let messages = done.unwrap_or_else(|stop| {
            note(&mut block.report, stop);
            block.scene = None;
            Vec::new()
        });
        let units = block.report.outcomes[outcomes..]
            .iter()
            .map(|(_, told)| match told {
                Told::Included(_, [_, _, units]) => *units,
                Told::Refused(_) => 0,
            });
        let units = units.fold(0, u64::saturating_add);
        let bytes = messages.iter().map(|(_, bytes)| bytes.len() as u64);
        let bytes = bytes.fold(0, u64::saturating_add);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        block.report.work.push((count, units, bytes));
        self.block = Some(block);
        messages
    }

    /// What the shard did, behind its last step; its accounts wait for the next part.
    pub(crate) fn end(&mut self) -> Report {
        let Some(block) = &mut self.block else {
            return Report::default();
        };
        let mut report = std::mem::take(&mut block.report);
        for (address, account) in &block.now {
            let Some(account) = account else {
                continue;
            };
            match self.accounts.get(address) {
                Some(before) if before == account => {}
                Some(_) => report.changed.push(sent(address, account)),
                None => report.moved.push(sent(address, account)),
            }
        }
        report
    }

    fn try_step(
        &self,
        block: &mut Block,
        parcels: &[Vec<u8>],
        step: &Step,
    ) -> Result<Vec<(u64, Vec<u8>)>, Stop> {
        if block.scene.is_none() {
            return Ok(Vec::new());
        }
        let mut summed = Vec::new();
        for parcel in parcels {
            let parcel = decode::<Parcel>(parcel);
            let parcel = parcel.map_err(|_| Stop::Fault("a parcel is malformed".to_owned()))?;
            let moved = changes(parcel.moved)?.into_iter();
            block
                .now
                .extend(moved.map(|(address, account)| (address, Some(account))));
            block.copies.extend(changes(parcel.copied)?);
            summed.extend(parcel.summed);
        }
        for (key, sum) in summed {
            let address = Address::new_from_array(key);
            let account = self.owned(block, &address).cloned();
            let account = account.ok_or_else(|| lacking(&address, "it was credited"))?;
            block.now.insert(address, Some(added(account, &sum)?));
        }
        if !step.transactions.is_empty() {
            self.run(block, step)?;
        }
        let sends = step.sends.iter().map(|sends| self.pack(block, sends));
        sends.collect()
    }

    /// Executes a round.
    fn run(&self, block: &mut Block, step: &Step) -> Result<(), Stop> {
        let scene = block.scene.clone();
        let scene = scene.ok_or_else(|| Stop::Fault("the block has no scene".to_owned()))?;
        let transactions = step.transactions.iter();
        let wire = WireBlock::from_iter(transactions.map(|(_, bytes)| bytes));
        let parsed = ParsedBlock::new(wire, Signatures::Trusted, &self.threads);
        let prepared = self.engine.prepare(&scene.start, &parsed);
        let mut prepared = prepared.map_err(|error| fault("preparing", error))?;
        if let Some((position, refusal)) = prepared.refused().first() {
            return Err(fault(
                &format!("transaction {position} of a round is refused"),
                refusal,
            ));
        }
        let is_made = |address: &Address| scene.start.makes(address);
        let mut accounts = Vec::with_capacity(prepared.addresses().len());
        for address in prepared
            .addresses()
            .iter()
            .filter(|address| !is_made(address))
        {
            let found = self
                .owned(block, address)
                .or_else(|| block.copies.get(address));
            let found = found.ok_or_else(|| lacking(address, "a transaction names it"))?;
            accounts.push((*address, found.clone()));
        }
        accounts.sort_unstable_by_key(|(address, _)| *address);
        let (slot, time) = (scene.start.slot(), unix_timestamp(&scene.start));
        let bank = scene.parent.overridden(accounts).child(slot, time);
        let credited = credited(&prepared, &step.shared);
        prepared
            .share_given(&bank, &credited)
            .map_err(|error| match error {
                ShareError::NotCreditable { .. } => Stop::Order,
                error => fault("sharing credits", error),
            })?;
        let executed = run_alone(&bank, &prepared, &self.threads)?;
        let counters = counters(&prepared, &credited);
        for (address, account) in executed.changes() {
            if is_made(address) {
                continue;
            }
            if self.owned(block, address).is_some() {
                block.now.insert(*address, Some(account.clone()));
                continue;
            }
            let base = block.copies.get(address);
            let base = base.ok_or_else(|| lacking(address, "a transaction changed it"))?;
            let counters = counters.get(address);
            let counters = counters.ok_or_else(|| lacking(address, "it is written"))?;
            let sum = block.sums.entry(*address).or_default();
            add(sum, base, account, *counters)?;
        }
        let outcomes = step.transactions.iter().zip(executed.outcomes());
        let told =
            outcomes.map(|((index, _), outcome): (_, &Outcome)| (*index, Told::new(outcome)));
        block.report.outcomes.extend(told);
        Ok(())
    }

    /// What one receiver gets.
    fn pack(&self, block: &mut Block, sends: &Sends) -> Result<(u64, Vec<u8>), Stop> {
        let mut parcel = Parcel::default();
        let addresses = |keys: &[Key]| -> Vec<Address> {
            keys.iter().copied().map(Address::new_from_array).collect()
        };
        for address in addresses(&sends.moved) {
            let account = self.owned(block, &address);
            let account = account.ok_or_else(|| lacking(&address, "it is to move"))?;
            parcel.moved.push(sent(&address, account));
            block.now.insert(address, None);
        }
        for address in addresses(&sends.copied) {
            let account = self.owned(block, &address);
            let account = account.ok_or_else(|| lacking(&address, "it is to be copied"))?;
            parcel.copied.push(sent(&address, account));
        }
        for address in addresses(&sends.summed) {
            // None if all transactions that credit it failed.
            let sum = block.sums.remove(&address).unwrap_or_default();
            parcel.summed.push((address.to_bytes(), sum));
        }
        Ok((u64::from(sends.to), encode(&parcel)))
    }

    /// An account that the shard has now.
    fn owned<'a>(&'a self, block: &'a Block, address: &Address) -> Option<&'a Account> {
        match block.now.get(address) {
            Some(account) => account.as_ref(),
            None => self.accounts.get(address),
        }
    }
}

fn note(report: &mut Report, stop: Stop) {
    match stop {
        Stop::Order => report.depends_on_order = true,
        Stop::Fault(reason) => {
            let step = report.work.len() as u64;
            report.failure.get_or_insert((step, reason));
        }
    }
}

fn lacking(address: &Address, why: &str) -> Stop {
    Stop::Fault(format!(
        "expected the account {address} here, found none: {why}"
    ))
}

fn changes(sent: Vec<Sent>) -> Result<Vec<Change>, Stop> {
    let changes = sent.into_iter().map(received).collect::<Result<_, _>>();
    changes.map_err(|_| Stop::Fault("an account is malformed".to_owned()))
}

fn unix_timestamp(bank: &Bank) -> i64 {
    let clock = bank.environment().sysvars.clock.as_ref();
    clock.map_or(0, |clock| clock.unix_timestamp)
}

/// The banks of a block, of what its shards are told of the blocks before.
fn scene(genesis: &Genesis, setting: &Setting, named: Vec<Sent>) -> Result<Scene, Stop> {
    let Setting {
        parent: (parent_slot, parent_time),
        block: (slot, time),
        parent_id,
        older,
        schedule,
    } = setting;
    let store = MemoryStore::new();
    let (_, schedule) = received((SCHEDULE.to_bytes(), schedule.clone()))
        .map_err(|_| Stop::Fault("the schedule is malformed".to_owned()))?;
    if schedule.exists() {
        let kept = store.fill(&[(SCHEDULE, schedule)]);
        kept.map_err(|error| fault("keeping the schedule", error))?;
    }
    let zero = Hash::default();
    let newest_first = [(*parent_slot, *parent_id)];
    let newest_first = newest_first.iter().chain(older);
    let mut records: Vec<BlockRecord> = newest_first
        .map(|(slot, block_id)| BlockRecord {
            slot: *slot,
            block_id: Hash::new_from_array(*block_id),
            parent_id: zero,
            delta_root: zero,
            state_root: None,
        })
        .collect();
    records.reverse();
    let header = BlockHeader {
        parent_id: zero,
        slot: *parent_slot,
        unix_timestamp: *parent_time,
        transaction_count: 0,
        transaction_root: zero,
        receipts_root: zero,
        delta_root: zero,
        state_root: None,
        plan_digest: zero,
    };
    let resumed = Resumed {
        genesis,
        store: Arc::new(store),
        trie: None,
        records,
        header,
        costs: CostTable::default(),
        imported: ImportedSet::default(),
        processed: Vec::new(),
    };
    let parent = resumed
        .open()
        .map_err(|error| fault("opening the parent", error))?;
    let named = given_accounts(changes(named)?).map_err(|error| fault("its tables", error))?;
    if slot <= parent_slot {
        return Err(Stop::Fault(format!(
            "slot {slot} is not above slot {parent_slot}"
        )));
    }
    let start = parent.overridden(named).child(*slot, *time);
    if let Some(missing) = start.missing() {
        return Err(fault("opening the block", missing));
    }
    Ok(Scene { parent, start })
}

/// The indices of accounts among those of a round, in ascending order.
fn credited(prepared: &PreparedBlock<'_>, shared: &[Key]) -> Vec<AccountIndex> {
    let mut shared = shared.to_vec();
    shared.sort_unstable();
    let addresses = (0..).zip(prepared.addresses());
    let is_shared =
        addresses.filter(|(_, address)| shared.binary_search(address.as_array()).is_ok());
    is_shared.map(|(index, _)| AccountIndex(index)).collect()
}

/// All transactions of a round, one after the other.
fn run_alone(
    bank: &Bank,
    prepared: &PreparedBlock<'_>,
    threads: &Threads,
) -> Result<ExecutedBlock, Stop> {
    let lane = prepared.table().transactions().collect();
    let plan = Plan::from_nested(vec![vec![lane]], Vec::new());
    let plan = check(plan, prepared.table(), Mode::Replay);
    let plan = plan.map_err(|refused| fault("planning", refused.error))?;
    let accounts = load(bank, prepared, threads).map_err(|error| fault("loading", error))?;
    let executed = execute(bank, prepared, accounts, &plan, threads, Recording::NONE);
    executed.map_err(|error| match error {
        ExecuteError::CreditsDependOnOrder(_) => Stop::Order,
        error => fault("executing", error),
    })
}

/// The counters of the accounts that a round credits.
fn counters(
    prepared: &PreparedBlock<'_>,
    credited: &[AccountIndex],
) -> BTreeMap<Address, Counters> {
    let counted = prepared.shared_counters();
    let counters = credited.iter().map(|index| {
        let place = counted.binary_search_by_key(&index.0, |(account, _)| account.0);
        let counters = place.map_or(Counters::NONE, |place| counted[place].1);
        (prepared.addresses()[index.0 as usize], counters)
    });
    counters.collect()
}

/// Adds to a sum what a round added to an account.
fn add(sum: &mut Sum, base: &Account, after: &Account, counters: Counters) -> Result<(), Stop> {
    let plus = |sum: u64, before: u64, after: u64| {
        let added = after
            .checked_sub(before)
            .and_then(|added| sum.checked_add(added));
        added
            .filter(|sum| *sum <= SHARED_BALANCE_MAX)
            .ok_or(Stop::Order)
    };
    sum.0 = plus(sum.0, base.lamports, after.lamports)?;
    for offset in counters.offsets() {
        let read = |account: &Account| {
            let value = Counters::read(&account.data, usize::from(*offset));
            value.map_err(|_| Stop::Order)
        };
        let place = sum.1.iter().position(|(known, _)| known == offset);
        let place = place.unwrap_or_else(|| {
            sum.1.push((*offset, 0));
            sum.1.len().saturating_sub(1)
        });
        let counter = &mut sum.1[place].1;
        *counter = plus(*counter, read(base)?, read(after)?)?;
    }
    Ok(())
}

/// An account with a sum added.
fn added(mut account: Account, (lamports, counters): &Sum) -> Result<Account, Stop> {
    let plus = |before: u64, added: u64| {
        let sum = before.checked_add(added);
        sum.filter(|sum| added == 0 || *sum <= SHARED_BALANCE_MAX)
            .ok_or(Stop::Order)
    };
    account.lamports = plus(account.lamports, *lamports)?;
    for (offset, added) in counters.iter().filter(|(_, added)| *added > 0) {
        let offset = usize::from(*offset);
        let before = Counters::read(&account.data, offset).map_err(|_| Stop::Order)?;
        let sum = plus(before, *added)?;
        Counters::write(account.data.make_mut(), offset, sum).map_err(|_| Stop::Order)?;
    }
    Ok(account)
}
