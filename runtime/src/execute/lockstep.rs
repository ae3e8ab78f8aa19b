//! Executes a checked plan in lockstep, on accounts loaded before.

use lockstep_interface::{
    Account, Address, Environment, TransactionContext,
    context::{AccountSlot, Scratch},
};
use lockstep_scheduler::{AccessMode, CheckedPlan, TransactionIndex};
use lockstep_store::{Change, StoreError};

use super::{
    ExecuteError, Outcome, Recording,
    bundle::BundleRuns,
    credits::{Credits, Share},
    transaction::process,
    workers::{TransactionCells, run},
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
    let environment = bank.environment();
    let before = accounts.0.clone();
    let credits = Credits::new(plan.table(), threads.count(), environment.rent());
    let bundles = BundleRuns::new(block, recording);
    let make_worker = || {
        let mut scratch = Some(Scratch::default());
        let share = credits.share();
        let bundles = &bundles;
        move |index: TransactionIndex, cells: TransactionCells<'_>| {
            let transaction = &block.transactions()[index.0 as usize];
            let used = scratch.take().unwrap_or_default();
            let surroundings = Surroundings {
                environment,
                addresses: block.addresses(),
                credits: &share,
            };
            let (outcome, used) = if bundles.concern(index) {
                bundles.run(surroundings, index, cells, used)
            } else {
                surroundings.run(transaction, cells, used, recording)
            };
            scratch = Some(used);
            outcome
        }
    };
    let (mut after, mut outcomes) = run(plan, accounts.0, threads, make_worker)?;
    credits.settle(&mut after)?;
    bundles.write_to(&mut outcomes);
    Ok(ExecutedBlock {
        before,
        after,
        outcomes,
    })
}

/// What all transactions of a block share.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'b> {
    pub(super) environment: &'b Environment,
    pub(super) addresses: &'b [Address],
    pub(super) credits: &'b Share<'b>,
}

impl Surroundings<'_> {
    fn run(
        self,
        transaction: &SanitizedTransaction<'_>,
        mut cells: TransactionCells<'_>,
        scratch: Scratch,
        recording: Recording,
    ) -> (Outcome, Scratch) {
        let mut context = TransactionContext::with_scratch(self.environment, scratch);
        let limit = u64::from(transaction.budget.compute_unit_limit);
        context.begin(limit, recording.logs);
        context.set_instructions(&transaction.view);
        for (index, access) in cells.accesses().iter().enumerate() {
            let account = access.account();
            let address = &self.addresses[account.0 as usize];
            let is_signer = transaction.view.is_signer(index);
            context.push(match access.mode() {
                AccessMode::Read => AccountSlot::shared(address, cells.read(index), is_signer),
                AccessMode::Credit => {
                    let base = cells.read(index);
                    self.credits.inspect(base);
                    AccountSlot::credit_only(address, base, is_signer)
                }
                AccessMode::Write => {
                    let mut held = cells.take(index);
                    self.credits.fold(account, &mut held);
                    if transaction.rights.writable.contains(index) {
                        AccountSlot::owned(address, held, is_signer)
                    } else {
                        AccountSlot::lent(address, held, is_signer)
                    }
                }
            });
        }
        let outcome = process(&mut context, transaction, recording);
        for (index, slot) in context.drain().enumerate() {
            let (credited, tried) = (slot.credited(), slot.credit_tried());
            if let Some(account) = slot.into_account() {
                // An account without lamports does not exist for the transactions after.
                cells.put(
                    index,
                    if account.exists() {
                        account
                    } else {
                        Account::default()
                    },
                );
            } else if tried > 0 {
                let account = cells.accesses()[index].account();
                self.credits.add(account, credited, tried);
            }
        }
        (outcome, context.into_scratch())
    }
}

impl ExecutedBlock {
    /// The accounts that differ from before, in ascending order of addresses, and the outcomes by
    /// transaction index.
    pub(crate) fn into_changes(
        self,
        addresses: &[Address],
        threads: &Threads,
    ) -> (Vec<Change>, Vec<Outcome>) {
        let Self {
            before,
            after,
            outcomes,
        } = self;
        let chunk_count = after.len().div_ceil(ACCOUNTS_PER_TASK);
        let chunks = threads.map_indices(chunk_count, |chunk| {
            let start = chunk.saturating_mul(ACCOUNTS_PER_TASK);
            let end = start.saturating_add(ACCOUNTS_PER_TASK).min(after.len());
            let mut changed = Vec::with_capacity(ACCOUNTS_PER_TASK);
            for index in start..end {
                if before[index] != after[index] {
                    let prefix = sort_prefix(&addresses[index]);
                    changed.push((prefix, u32::try_from(index).expect("indices fit 32 bits")));
                }
            }
            changed
        });
        let mut order: Vec<(u64, u32)> = chunks.concat();
        // Almost all addresses differ in their first 8 bytes; the full address breaks ties.
        threads.sort_by_key(&mut order, |(prefix, index)| {
            (*prefix, addresses[*index as usize])
        });
        let mut after = after;
        let changes = order.iter().map(|(_, index)| {
            let index = *index as usize;
            (addresses[index], std::mem::take(&mut after[index]))
        });
        (changes.collect(), outcomes)
    }
}

/// The first bytes of an address as a number that sorts as they do.
#[expect(
    clippy::big_endian_bytes,
    reason = "the order of bytes is the order of addresses"
)]
fn sort_prefix(address: &Address) -> u64 {
    let prefix = address.as_array().first_chunk();
    u64::from_be_bytes(*prefix.expect("an address has 32 bytes"))
}
