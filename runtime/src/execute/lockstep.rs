//! Executes a checked plan in lockstep, on accounts loaded before.

use lockstep_interface::{
    Account, Address, Environment, TransactionContext,
    context::{AccountSlot, Scratch},
};
use lockstep_scheduler::{Access, AccessMode, CheckedPlan, TransactionIndex};
use lockstep_store::{Change, StoreError};

use super::{
    ExecuteError, Outcome, Recording,
    bundle::BundleRuns,
    credits::{Credits, Share},
    transaction::{forget_empty, process},
    workers::{Lent, TransactionCells, WorkerPanicked, run},
};
use crate::{bank::Bank, prepare::PreparedBlock, sanitize::SanitizedTransaction, threads::Threads};

/// Accounts loaded, or compared, by one task.
const ACCOUNTS_PER_TASK: usize = 1_024;

/// The accounts of a block by account index, as its first transaction sees them.
#[derive(Debug)]
pub struct LoadedAccounts(Vec<Account>);

/// Reads every account of the block once.
///
/// # Errors
/// If the store fails.
pub fn load(
    bank: &Bank,
    block: &PreparedBlock<'_>,
    threads: &Threads,
) -> Result<LoadedAccounts, StoreError> {
    let mut accounts = vec![Account::default(); block.addresses().len()];
    let failure = threads.zip_chunks(
        block.addresses(),
        &mut accounts,
        ACCOUNTS_PER_TASK,
        |addresses, accounts| bank.load(addresses, accounts).err(),
    );
    failure.map_or(Ok(LoadedAccounts(accounts)), Err)
}

/// A block whose transactions have run.
#[derive(Debug)]
pub struct ExecutedBlock {
    before: Vec<Account>,
    after: Vec<Account>,
    outcomes: Vec<Outcome>,
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
    let before = accounts.0.clone();
    let credits = Credits::new(plan.table(), threads.count(), bank.environment().rent());
    let alone = |surroundings: Surroundings<'_>,
                 index: TransactionIndex,
                 cells: TransactionCells<'_>,
                 scratch: Scratch| {
        let transaction = block.transaction(index);
        let accesses = cells.accesses();
        surroundings.run(transaction, accesses, cells.lend(), scratch, recording)
    };
    // Decided once for the block, so that a block without bundles does not pay for them.
    let (mut after, outcomes) = if block.bundles().is_empty() {
        run_each(bank, block, accounts, plan, threads, &credits, alone)?
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
        let (after, mut outcomes) = run_each(bank, block, accounts, plan, threads, &credits, step)?;
        bundles.write_to(&mut outcomes);
        (after, outcomes)
    };
    credits.settle(&mut after)?;
    Ok(ExecutedBlock {
        before,
        after,
        outcomes,
    })
}

/// Calls `step` for each transaction of the plan, on the worker that it belongs to.
fn run_each<S>(
    bank: &Bank,
    block: &PreparedBlock<'_>,
    accounts: LoadedAccounts,
    plan: &CheckedPlan<'_>,
    threads: &Threads,
    credits: &Credits,
    step: S,
) -> Result<(Vec<Account>, Vec<Outcome>), WorkerPanicked>
where
    S: Fn(Surroundings<'_>, TransactionIndex, TransactionCells<'_>, Scratch) -> (Outcome, Scratch)
        + Sync,
{
    let make_worker = || {
        let mut scratch = Some(Scratch::default());
        let share = credits.share();
        let step = &step;
        move |index: TransactionIndex, cells: TransactionCells<'_>| {
            let used = scratch.take().unwrap_or_default();
            let surroundings = Surroundings {
                environment: bank.environment(),
                addresses: block.addresses(),
                credits: &share,
            };
            let (outcome, used) = step(surroundings, index, cells, used);
            scratch = Some(used);
            outcome
        }
    };
    run(plan, accounts.0, threads, make_worker)
}

/// What all transactions of a block share.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'b> {
    pub(super) environment: &'b Environment,
    pub(super) addresses: &'b [Address],
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
        for (index, (access, lent)) in accesses.iter().zip(lent).enumerate() {
            let account = access.account();
            let address = &self.addresses[account.0 as usize];
            let is_signer = transaction.view.is_signer(index);
            match lent {
                Lent::Shared(base) if access.mode() == AccessMode::Credit => {
                    self.credits.inspect(base);
                    context.push(AccountSlot::credit_only(address, base, is_signer));
                }
                Lent::Shared(read) => context.push(AccountSlot::shared(address, read, is_signer)),
                Lent::Exclusive(held) => {
                    self.credits.fold(account, held);
                    context.push(if transaction.writable.contains(index) {
                        AccountSlot::owned(address, held, is_signer)
                    } else {
                        AccountSlot::shared(address, held, is_signer)
                    });
                }
            }
        }
        let outcome = process(&mut context, transaction, recording);
        for (access, slot) in accesses.iter().zip(context.drain()) {
            let (credited, tried) = (slot.credited(), slot.credit_tried());
            if let Some(account) = slot.into_owned() {
                forget_empty(account);
            } else if tried > 0 {
                self.credits.add(access.account(), credited, tried);
            }
        }
        (outcome, context.into_scratch())
    }
}

impl ExecutedBlock {
    /// The accounts that differ from before, in ascending order of addresses, and the outcomes by
    /// transaction index.
    pub(crate) fn into_changes<'a>(
        self,
        addresses: &'a [Address],
        threads: &Threads,
    ) -> (
        impl ExactSizeIterator<Item = Change> + use<'a>,
        Vec<Outcome>,
    ) {
        let Self {
            before,
            mut after,
            outcomes,
        } = self;
        let chunk_count = after.len().div_ceil(ACCOUNTS_PER_TASK);
        let chunks = threads.map_indices(chunk_count, |chunk| {
            let start = chunk.saturating_mul(ACCOUNTS_PER_TASK);
            let end = start.saturating_add(ACCOUNTS_PER_TASK).min(after.len());
            let mut changed = Vec::with_capacity(end.saturating_sub(start));
            for index in start..end {
                if before[index] != after[index] {
                    let index = u32::try_from(index).expect("indices fit 32 bits");
                    changed.push(SortKey::new(&addresses[index as usize], index));
                }
            }
            changed
        });
        let mut order: Vec<SortKey> = chunks.concat();
        threads.sort(&mut order);
        // Almost all addresses differ in their first bytes; whole addresses settle the others.
        for same in order.chunk_by_mut(|one, next| one.prefix() == next.prefix()) {
            same.sort_unstable_by_key(|key| addresses[key.index()]);
        }
        let changes = order.into_iter().map(move |key| {
            let index = key.index();
            (addresses[index], std::mem::take(&mut after[index]))
        });
        (changes, outcomes)
    }
}

/// The first 12 bytes of an address, as a number that sorts as they do, above an account index.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct SortKey(u128);

impl SortKey {
    #[expect(
        clippy::big_endian_bytes,
        reason = "the order of bytes is the order of addresses"
    )]
    fn new(address: &Address, index: u32) -> Self {
        let start = address.as_array().first_chunk();
        let start = u128::from_be_bytes(*start.expect("an address has 32 bytes"));
        Self(start >> u32::BITS << u32::BITS | u128::from(index))
    }

    fn prefix(self) -> u128 {
        self.0 >> u32::BITS
    }

    fn index(self) -> usize {
        let [a, b, c, d, ..] = self.0.to_le_bytes();
        u32::from_le_bytes([a, b, c, d]) as usize
    }
}
