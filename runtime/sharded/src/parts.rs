//! What the shards are told of a block: what its transactions see, and each shard's steps.

use lockstep_interface::{Account, Address, activation::SCHEDULE};
use lockstep_runtime::{
    bank::Bank,
    prepare::{Lifetime, PreparedBlock},
};
use lockstep_scheduler::{CheckedPlan, TransactionIndex};

use crate::{
    ShardError,
    message::{Key, Part, Sends, Sent, Setting, Step, sent},
    place::Placed,
    route::{Kind, Message, Route},
};

/// What transactions see of the blocks before.
pub(crate) fn setting(bank: &Bank) -> Result<Setting, ShardError> {
    let parent = bank.parent();
    let header = parent.header();
    let sysvars = &parent.environment().sysvars;
    let older = sysvars.slot_hashes.iter().flat_map(|list| list.iter());
    let clock = bank.environment().sysvars.clock.as_ref();
    let schedule = parent.get(&SCHEDULE)?.unwrap_or_default();
    let (_, schedule) = sent(&SCHEDULE, &schedule);
    Ok(Setting {
        parent: (header.slot, header.unix_timestamp),
        block: (bank.slot(), clock.map_or(0, |clock| clock.unix_timestamp)),
        parent_id: parent.block_hash().to_bytes(),
        older: older
            .map(|known| (known.slot, known.hash.to_bytes()))
            .collect(),
        schedule,
    })
}

/// The lookup tables and nonces that a block's transactions are sanitized with.
pub(crate) fn named(bank: &Bank, prepared: &PreparedBlock<'_>) -> Result<Vec<Sent>, ShardError> {
    let mut addresses = Vec::new();
    for (index, transaction) in prepared.table().transactions().zip(prepared.transactions()) {
        let tables = transaction.view.lookups();
        addresses.extend(tables.map(|table| Address::new_from_array(*table.table)));
        if let Lifetime::Nonce { account } = transaction.lifetime {
            let named = prepared.access_list(index).nth(usize::from(account));
            addresses.extend(named.map(|(address, _)| address));
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    let mut accounts = vec![Account::default(); addresses.len()];
    bank.load(&addresses, &mut accounts)?;
    let named = addresses.iter().zip(&accounts);
    Ok(named
        .map(|(address, account)| sent(address, account))
        .collect())
}

/// Writes the steps of a block into its parts.
pub(crate) fn fill(
    parts: &mut [Part],
    prepared: &PreparedBlock<'_>,
    checked: &CheckedPlan<'_>,
    placed: &Placed,
    route: &Route,
) {
    let addresses = prepared.addresses();
    let key = |account: usize| -> Key { addresses[account].to_bytes() };
    let rounds = checked.plan().batch_count();
    let count = rounds.saturating_add(2);
    for part in parts.iter_mut() {
        part.steps = vec![Step::default(); count];
    }
    let batches = checked.plan().batches().zip(&placed.shards);
    for (round, (batch, shards)) in batches.enumerate() {
        let step = round.saturating_add(1);
        for (lane, shard) in batch.lanes().zip(shards) {
            let bytes = |index: &TransactionIndex| {
                (index.0, prepared.transaction(*index).view.bytes().to_vec())
            };
            let transactions = &mut parts[*shard as usize].steps[step].transactions;
            transactions.extend(lane.iter().map(bytes));
        }
        for (shard, account) in &route.credited[round] {
            parts[*shard as usize].steps[step]
                .shared
                .push(key(*account));
        }
    }
    for (time, messages) in route.messages.iter().enumerate() {
        for message in messages {
            let Message {
                from,
                to,
                kind,
                account,
            } = *message;
            let sends = &mut parts[from as usize].steps[time].sends;
            let place = sends.iter().position(|sends| sends.to == to);
            let place = place.unwrap_or_else(|| {
                sends.push(Sends {
                    to,
                    ..Sends::default()
                });
                sends.len().saturating_sub(1)
            });
            let sends = &mut sends[place];
            match kind {
                Kind::Move => sends.moved.push(key(account)),
                Kind::Copy => sends.copied.push(key(account)),
                Kind::Sum => sends.summed.push(key(account)),
            }
        }
    }
    trim(parts);
}

/// Leaves out first and last times at which no shard does anything.
fn trim(parts: &mut [Part]) {
    let is_idle = |parts: &[Part], step: usize| {
        let mut steps = parts.iter().filter_map(|part| part.steps.get(step));
        steps.all(|step| step.transactions.is_empty() && step.sends.is_empty())
    };
    if is_idle(parts, 0) {
        parts.iter_mut().for_each(|part| drop(part.steps.remove(0)));
    }
    let last = parts.first().map_or(0, |part| part.steps.len());
    // The last time receives what the time before it sends.
    let before = last.checked_sub(2);
    let sends = |part: &Part| before.is_some_and(|before| !part.steps[before].sends.is_empty());
    if last > 1 && !parts.iter().any(sends) {
        parts.iter_mut().for_each(|part| drop(part.steps.pop()));
    }
}
