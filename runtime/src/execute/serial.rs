//! The oracle: transactions one after the other on an ordered map, written to be obviously right.
//!
//! It shares with the lockstep executor what a transaction does to its accounts, and nothing of
//! interning, planning, loading, lanes or threads: which accounts a transaction names is read from
//! its message and from lookup tables once more.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::RangeInclusive,
};

use lockstep_interface::{
    Account, Address, Executables, TransactionContext, address::sysvar_ids, context::AccountSlot,
};
use lockstep_scheduler::TransactionIndex;
use lockstep_store::{Change, StoreError};

use super::{
    ExecutedBlock,
    executables::{Loaders, executables_alone},
    instructions,
    transaction::{cancelled, failure, process},
};
use crate::{
    bank::{Bank, forget_dead},
    block::{Outcome, Recording},
    prepare::{PreparedBlock, SanitizedTransaction, bundles::Turn},
    rules::lookup::lookup,
};

/// Runs the block's transactions in the given order, which names each once. A bundle runs where
/// its last transaction stands.
///
/// # Errors
/// If the store fails.
pub fn execute_serial(
    bank: &Bank,
    block: &PreparedBlock<'_>,
    order: impl IntoIterator<Item = TransactionIndex>,
    recording: Recording,
) -> Result<ExecutedBlock, StoreError> {
    let mut state = State {
        accounts: BTreeMap::new(),
        executables: programs(bank, block)?,
    };
    let mut outcomes: Vec<Option<Outcome>> = vec![None; block.table().transaction_count()];
    for index in order {
        match block.bundles().turn(index) {
            Turn::Alone => {
                let outcome = run_one(bank, block, index, &mut state, recording)?;
                outcomes[index.0 as usize] = Some(outcome);
            }
            Turn::Bundle(members) => {
                let first = *members.start() as usize;
                let bundle = run_bundle(bank, block, members, &mut state, recording)?;
                for (outcome, place) in bundle.into_iter().zip(&mut outcomes[first..]) {
                    *place = Some(outcome);
                }
            }
            Turn::Void => {}
        }
    }
    let mut changes = bank.own_changes()?;
    for (address, account) in state.accounts {
        if bank.get(&address)?.unwrap_or_default() != account {
            changes.push((address, account));
        }
    }
    changes.sort_unstable_by_key(|(address, _)| *address);
    let outcomes = outcomes
        .into_iter()
        .map(|outcome| outcome.expect("the order names it"));
    Ok(ExecutedBlock {
        changes,
        outcomes: outcomes.collect(),
    })
}

/// What the block has done so far.
struct State {
    /// The accounts that it has written.
    accounts: BTreeMap<Address, Account>,
    /// The program accounts that it can call.
    executables: Executables,
}

/// The program accounts among those that a block names, as its parent has them.
fn programs(bank: &Bank, block: &PreparedBlock<'_>) -> Result<Executables, StoreError> {
    let loaders = Loaders::of(&bank.environment().programs);
    if loaders.is_empty() {
        return Ok(Executables::default());
    }
    let mut accounts: BTreeMap<Address, Account> = BTreeMap::new();
    for index in block.table().transactions() {
        for address in named_accounts(bank, block.transaction(index))? {
            if let Entry::Vacant(place) = accounts.entry(address) {
                place.insert(bank.get(&address)?.unwrap_or_default());
            }
        }
    }
    executables_alone(bank, &loaders, accounts.iter())
}

/// Runs the only transaction of a block on these accounts, whatever the bank has of them. Gives the
/// outcome, and all accounts afterwards. Programs out of accounts are not called.
///
/// # Errors
/// If the store fails.
pub(crate) fn execute_on(
    bank: &Bank,
    block: &PreparedBlock<'_>,
    accounts: impl IntoIterator<Item = Change>,
) -> Result<(Outcome, BTreeMap<Address, Account>), StoreError> {
    let mut state = State {
        accounts: accounts.into_iter().collect(),
        executables: Executables::default(),
    };
    let first = TransactionIndex(0);
    let outcome = run_one(bank, block, first, &mut state, Recording::NONE)?;
    Ok((outcome, state.accounts))
}

fn run_bundle(
    bank: &Bank,
    block: &PreparedBlock<'_>,
    members: RangeInclusive<u32>,
    state: &mut State,
    recording: Recording,
) -> Result<Vec<Outcome>, StoreError> {
    let count = members.clone().count();
    let mut before: Vec<(Address, Option<Account>)> = Vec::new();
    for index in members.clone().map(TransactionIndex) {
        let keys = named_accounts(bank, block.transaction(index))?;
        let accounts = &state.accounts;
        before.extend(
            keys.into_iter()
                .map(|key| (key, accounts.get(&key).cloned())),
        );
    }
    let retired = |state: &State| -> Vec<Address> {
        let named = before.iter().map(|(address, _)| *address);
        named
            .filter(|address| state.executables.is_retired(address))
            .collect()
    };
    let retired_before = retired(state);
    let mut outcomes = Vec::new();
    for index in members.map(TransactionIndex) {
        let outcome = run_one(bank, block, index, state, recording)?;
        if let Some(error) = failure(&outcome) {
            for program in retired(state) {
                if !retired_before.contains(&program) {
                    state.executables.restore(&program);
                }
            }
            for (address, account) in before {
                match account {
                    Some(account) => state.accounts.insert(address, account),
                    None => state.accounts.remove(&address),
                };
            }
            return Ok(cancelled(count, outcomes.len(), error));
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn run_one(
    bank: &Bank,
    block: &PreparedBlock<'_>,
    index: TransactionIndex,
    state: &mut State,
    recording: Recording,
) -> Result<Outcome, StoreError> {
    let transaction = block.transaction(index);
    let keys = named_accounts(bank, transaction)?;
    let mut accounts = Vec::with_capacity(keys.len());
    for address in &keys {
        let account = match state.accounts.get(address) {
            Some(account) => account.clone(),
            None => bank.get(address)?.unwrap_or_default(),
        };
        accounts.push(account);
    }

    let mut context = TransactionContext::new(bank.environment());
    context.begin(
        u64::from(transaction.budget.compute_unit_limit),
        recording.logs,
    );
    context.set_instructions(&transaction.view);
    if !state.executables.is_empty() {
        let heap_size = transaction.budget.heap_size as usize;
        context.set_executables(&state.executables, heap_size);
    }
    for (position, (address, account)) in keys.iter().zip(&mut accounts).enumerate() {
        let is_signer = transaction.view.is_signer(position);
        if *address == sysvar_ids::INSTRUCTIONS {
            let account = instructions::account(transaction, |index| keys[index]);
            context.push_instructions(address, account);
            continue;
        }
        context.push(if transaction.writable.contains(position) {
            AccountSlot::owned(address, account, is_signer)
        } else {
            AccountSlot::shared(address, account, is_signer)
        });
    }
    let outcome = process(&mut context, transaction, recording);
    drop(context);
    for (position, (address, mut account)) in keys.into_iter().zip(accounts).enumerate() {
        if transaction.writable.contains(position) {
            forget_dead(&mut account);
            state.accounts.insert(address, account);
        }
    }
    Ok(outcome)
}

/// The accounts that a transaction names, in message order: those written out in its message, then
/// the writable, then the read-only ones out of lookup tables.
fn named_accounts(
    bank: &Bank,
    transaction: &SanitizedTransaction<'_>,
) -> Result<Vec<Address>, StoreError> {
    let keys = transaction.view.static_keys().iter();
    let mut keys: Vec<Address> = keys.copied().map(Address::new_from_array).collect();
    let mut readonly = Vec::new();
    for table in transaction.view.lookups() {
        let account = bank.get(&Address::new_from_array(*table.table))?;
        for (positions, found) in [(table.writable, &mut keys), (table.readonly, &mut readonly)] {
            lookup(
                account.as_ref(),
                positions.iter().copied(),
                bank.slot(),
                |slot| bank.is_recent(slot),
                |address| found.push(address),
            )
            .expect("the transaction was sanitized against the same bank");
        }
    }
    keys.append(&mut readonly);
    Ok(keys)
}
