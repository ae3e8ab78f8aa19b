//! The oracle: transactions one after the other on an ordered map, written to be obviously right.
//!
//! It shares with the lockstep executor what a transaction does to its accounts, and nothing of
//! interning, planning, loading, lanes or threads.

use std::{collections::BTreeMap, ops::RangeInclusive};

use lockstep_interface::{Account, Address, TransactionContext, context::AccountSlot};
use lockstep_scheduler::TransactionIndex;
use lockstep_store::{Change, StoreError};

use super::{
    bundle::{cancelled, failure},
    transaction::{forget_empty, process},
};
use crate::{
    bank::Bank,
    block::{Outcome, Recording},
    prepare::{PreparedBlock, bundles::Turn},
};

/// A block whose transactions have run one after the other.
#[derive(Debug)]
pub struct SerialBlock {
    /// Accounts that differ from before, in ascending order of addresses.
    pub(crate) changes: Vec<Change>,
    /// By transaction index.
    pub(crate) outcomes: Vec<Outcome>,
}

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
) -> Result<SerialBlock, StoreError> {
    let mut state: State = BTreeMap::new();
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
    let mut changes = Vec::new();
    for (address, account) in state {
        if bank.get(&address)?.unwrap_or_default() != account {
            changes.push((address, account));
        }
    }
    let outcomes = outcomes
        .into_iter()
        .map(|outcome| outcome.expect("the order names it"));
    Ok(SerialBlock {
        changes,
        outcomes: outcomes.collect(),
    })
}

/// The accounts that the block has written so far.
type State = BTreeMap<Address, Account>;

fn run_bundle(
    bank: &Bank,
    block: &PreparedBlock<'_>,
    members: RangeInclusive<u32>,
    state: &mut State,
    recording: Recording,
) -> Result<Vec<Outcome>, StoreError> {
    let count = members.clone().count();
    let touched = members.clone().map(TransactionIndex);
    let touched = touched.flat_map(|index| block.access_list(index));
    let touched = touched.map(|(address, _)| (address, state.get(&address).cloned()));
    let before: Vec<(Address, Option<Account>)> = touched.collect();
    let mut outcomes = Vec::new();
    for index in members.map(TransactionIndex) {
        let outcome = run_one(bank, block, index, state, recording)?;
        if let Some(error) = failure(&outcome) {
            for (address, account) in before {
                match account {
                    Some(account) => state.insert(address, account),
                    None => state.remove(&address),
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
    let keys: Vec<(Address, bool)> = block.access_list(index).collect();
    let mut accounts = Vec::with_capacity(keys.len());
    for (address, _) in &keys {
        let account = match state.get(address) {
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
    let held = keys.iter().zip(&mut accounts).enumerate();
    for (position, ((address, is_writable), account)) in held {
        let is_signer = transaction.view.is_signer(position);
        context.push(if *is_writable {
            AccountSlot::owned(address, account, is_signer)
        } else {
            AccountSlot::shared(address, account, is_signer)
        });
    }
    let outcome = process(&mut context, transaction, recording);
    drop(context);
    let left = keys.into_iter().zip(accounts);
    for ((address, _), mut account) in left.filter(|((_, is_writable), _)| *is_writable) {
        forget_empty(&mut account);
        state.insert(address, account);
    }
    Ok(outcome)
}
