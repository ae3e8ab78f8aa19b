//! Executes a checked plan in lockstep, on accounts loaded before.

use std::{
    mem,
    sync::atomic::{AtomicBool, Ordering},
};

use lockstep_interface::{
    Account, Address, Environment, Executables, TransactionContext,
    address::sysvar_ids,
    context::{AccountSlot, BlockAccount, Scratch},
};
use lockstep_scheduler::{Access, AccessMode, AccountIndex, CheckedPlan, TransactionIndex};
use lockstep_store::{Change, StoreError};

use super::{
    ExecuteError, ExecutedBlock,
    bundle::BundleRuns,
    changes::collect,
    credits::{Credits, Share},
    executables::{Loaders, executables},
    instructions,
    transaction::process,
    workers::{Lent, TransactionCells, Worker, WorkerPanicked, prefetch, run},
};
use crate::{
    bank::{Bank, forget_dead},
    block::{Outcome, Recording},
    prepare::{PreparedBlock, SanitizedTransaction},
    threads::Threads,
};

/// Accounts loaded by one task.
const ACCOUNTS_PER_TASK: usize = 1_024;

/// What a block's transactions find.
#[derive(Debug)]
pub struct LoadedAccounts {
    /// By account index, as the block's first transaction sees them.
    accounts: Vec<BlockAccount>,
    /// The accounts that the block itself changes.
    own: Vec<Change>,
    /// The program accounts among them.
    executables: Executables,
    /// The index of the Instructions sysvar, if a transaction names it.
    instructions: Option<AccountIndex>,
}

/// Reads every account of the block once.
///
/// # Errors
/// If the store fails.
pub fn load(
    bank: &Bank,
    block: &PreparedBlock<'_>,
    threads: &Threads,
) -> Result<LoadedAccounts, StoreError> {
    let mut accounts = vec![BlockAccount::default(); block.addresses().len()];
    let loaders = Loaders::of(&bank.environment().programs);
    let has_programs = AtomicBool::new(false);
    let failure = threads.zip_chunks(
        block.addresses(),
        &mut accounts,
        ACCOUNTS_PER_TASK,
        |addresses, accounts| {
            let mut loaded = vec![Account::default(); addresses.len()];
            let failure = bank.load(addresses, &mut loaded).err();
            if !loaders.is_empty() && loaded.iter().any(|account| loaders.own(account)) {
                has_programs.store(true, Ordering::Relaxed);
            }
            for (account, loaded) in accounts.iter_mut().zip(loaded) {
                *account = BlockAccount::new(loaded);
            }
            failure
        },
    );
    if let Some(error) = failure {
        return Err(error);
    }
    let own = bank.own_changes()?;
    let executables = if has_programs.into_inner() {
        let now = accounts.iter().map(BlockAccount::now);
        executables(bank, &loaders, block.addresses().iter().zip(now), threads)?
    } else {
        Executables::default()
    };
    Ok(LoadedAccounts {
        accounts,
        own,
        executables,
        instructions: instructions_index(block),
    })
}

/// The account index of the Instructions sysvar.
fn instructions_index(block: &PreparedBlock<'_>) -> Option<AccountIndex> {
    let mut addresses = (0..).zip(block.addresses());
    let found = addresses.find(|(_, address)| **address == sysvar_ids::INSTRUCTIONS);
    found.map(|(index, _)| AccountIndex(index))
}

/// Runs all transactions of a plan.
///
/// # Errors
/// If a worker panicked outside of any program, or if credits turn out to depend on their order.
pub fn execute(
    bank: &Bank,
    block: &PreparedBlock<'_>,
    accounts: LoadedAccounts,
    plan: &CheckedPlan<'_>,
    threads: &Threads,
    recording: Recording,
) -> Result<ExecutedBlock, ExecuteError> {
    let LoadedAccounts {
        accounts,
        own,
        executables,
        instructions,
    } = accounts;
    let programs = BlockPrograms {
        executables: &executables,
        instructions,
    };
    let within = Within {
        bank,
        block,
        programs,
    };
    let credits = Credits::new(block, threads.count(), bank.environment().rent());
    let alone = |surroundings: Surroundings<'_>,
                 index: TransactionIndex,
                 cells: TransactionCells<'_>,
                 scratch: Scratch| {
        let transaction = block.transaction(index);
        let accesses = cells.accesses();
        surroundings.run(transaction, accesses, cells.lend(), scratch, recording)
    };
    // Decided once for the block, so that a block without bundles does not pay for them.
    let (mut accounts, outcomes) = if block.bundles().is_empty() {
        run_each(within, accounts, plan, threads, &credits, alone)?
    } else {
        let bundles = BundleRuns::new(block, recording);
        let step = |surroundings: Surroundings<'_>,
                    index: TransactionIndex,
                    cells: TransactionCells<'_>,
                    scratch: Scratch| {
            if bundles.concern(index) {
                bundles.run(surroundings, index, cells, scratch)
            } else {
                alone(surroundings, index, cells, scratch)
            }
        };
        let (accounts, mut outcomes) = run_each(within, accounts, plan, threads, &credits, step)?;
        bundles.write_to(&mut outcomes);
        (accounts, outcomes)
    };
    credits.settle(&mut accounts)?;
    let changes = collect(accounts, block.addresses(), own, threads);
    Ok(ExecutedBlock { changes, outcomes })
}

/// Calls `step` for each transaction of the plan, on the worker that it belongs to.
fn run_each<S>(
    within: Within<'_>,
    accounts: Vec<BlockAccount>,
    plan: &CheckedPlan<'_>,
    threads: &Threads,
    credits: &Credits,
    step: S,
) -> Result<(Vec<BlockAccount>, Vec<Outcome>), WorkerPanicked>
where
    S: Fn(Surroundings<'_>, TransactionIndex, TransactionCells<'_>, Scratch) -> (Outcome, Scratch)
        + Sync,
{
    let make_worker = || BlockWorker {
        within,
        credits: credits.share(),
        step: &step,
        scratch: Scratch::default(),
    };
    run(plan, accounts, threads, make_worker)
}

/// What the transactions of all threads run in.
#[derive(Clone, Copy)]
struct Within<'b> {
    bank: &'b Bank,
    block: &'b PreparedBlock<'b>,
    programs: BlockPrograms<'b>,
}

/// Runs the transactions of one thread.
struct BlockWorker<'b, S> {
    within: Within<'b>,
    credits: Share<'b>,
    step: &'b S,
    /// Memory that the next transaction uses again.
    scratch: Scratch,
}

impl<S> Worker for BlockWorker<'_, S>
where
    S: Fn(Surroundings<'_>, TransactionIndex, TransactionCells<'_>, Scratch) -> (Outcome, Scratch),
{
    fn run(&mut self, index: TransactionIndex, cells: TransactionCells<'_>) -> Outcome {
        let surroundings = Surroundings {
            environment: self.within.bank.environment(),
            addresses: self.within.block.addresses(),
            programs: self.within.programs,
            credits: &self.credits,
        };
        let scratch = mem::take(&mut self.scratch);
        let (outcome, scratch) = (self.step)(surroundings, index, cells, scratch);
        self.scratch = scratch;
        outcome
    }

    fn prefetch_record(&self, index: TransactionIndex) {
        prefetch(self.within.block.transaction(index));
    }

    fn prefetch_content(&self, index: TransactionIndex) {
        prefetch(self.within.block.transaction(index).view.bytes());
        for access in self.within.block.table().accesses(index) {
            prefetch(&self.within.block.addresses()[access.account().0 as usize]);
        }
    }
}

/// What programs out of accounts need of a block.
#[derive(Clone, Copy)]
pub(super) struct BlockPrograms<'b> {
    pub(super) executables: &'b Executables,
    instructions: Option<AccountIndex>,
}

/// What all transactions of a block share.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'b> {
    pub(super) environment: &'b Environment,
    pub(super) addresses: &'b [Address],
    pub(super) programs: BlockPrograms<'b>,
    pub(super) credits: &'b Share<'b>,
}

impl Surroundings<'_> {
    /// Runs a transaction on what is lent to it: an account for each access, in their order.
    pub(super) fn run<'c>(
        self,
        transaction: &SanitizedTransaction<'_>,
        accesses: &[Access],
        lent: impl Iterator<Item = Lent<'c>>,
        scratch: Scratch,
        recording: Recording,
    ) -> (Outcome, Scratch) {
        let mut context = TransactionContext::with_scratch(self.environment, scratch);
        let limit = u64::from(transaction.budget.compute_unit_limit);
        context.begin(limit, recording.logs);
        context.set_instructions(&transaction.view);
        if !self.programs.executables.is_empty() {
            let heap_size = transaction.budget.heap_size as usize;
            context.set_executables(self.programs.executables, heap_size);
        }
        for (index, (access, lent)) in accesses.iter().zip(lent).enumerate() {
            let account = access.account();
            let address = &self.addresses[account.0 as usize];
            let is_signer = transaction.view.is_signer(index);
            match lent {
                Lent::Shared(base) if access.mode() == AccessMode::Credit => {
                    let counters = self.credits.inspect(account, base);
                    let slot = AccountSlot::credit_only(address, base, counters, is_signer);
                    context.push(slot);
                }
                Lent::Shared(_) if self.programs.instructions == Some(account) => {
                    let addresses =
                        |index: usize| self.addresses[accesses[index].account().0 as usize];
                    let account = instructions::account(transaction, addresses);
                    context.push_instructions(address, account);
                }
                Lent::Shared(read) => context.push(AccountSlot::shared(address, read, is_signer)),
                Lent::Exclusive(held) => {
                    self.credits.fold(account, held);
                    context.push(if transaction.writable.contains(index) {
                        AccountSlot::of_block(address, held, is_signer)
                    } else {
                        AccountSlot::shared(address, held.now(), is_signer)
                    });
                }
            }
        }
        let outcome = process(&mut context, transaction, recording);
        for (access, slot) in accesses.iter().zip(context.drain()) {
            if access.mode() == AccessMode::Credit {
                self.credits.add(access.account(), &slot);
            } else if let Some(account) = slot.into_owned() {
                forget_dead(account);
            }
        }
        (outcome, context.into_scratch())
    }
}
