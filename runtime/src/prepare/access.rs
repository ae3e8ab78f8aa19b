//! The access list: which accounts a transaction names, in message order.

use ahash::RandomState;
use lockstep_interface::{Address, Counters, RuleSet};

use super::sanitize::Halt;
use crate::{
    bank::Bank,
    limits::LOADED_TABLE_SIZE,
    rules::{AccountKey, lookup::lookup},
    wire::TransactionView,
};

/// Appends the transaction's accounts in message order: static keys, then writable, then
/// read-only looked-up ones. Returns the bytes counted for lookup tables. Rights are as the
/// message asks for them; [`Uses`](crate::rules::locks::Uses) settles them.
///
/// # Errors
/// Those of [`lookup`], and if the store fails.
pub(super) fn collect_keys(
    keys: &mut Vec<AccountKey>,
    view: &TransactionView<'_>,
    bank: &Bank,
    hasher: &RandomState,
) -> Result<u32, Halt> {
    keys.extend(view.static_keys().iter().enumerate().map(|(index, key)| {
        let is_writable = view.is_writable_static(index);
        account_key(Address::new_from_array(*key), is_writable, hasher)
    }));
    let table_count = view.lookups().len();
    if table_count == 0 {
        return Ok(0);
    }
    resolve(keys, view, bank, hasher)?;
    Ok(match bank.environment().rules {
        RuleSet::December2024 => 0,
        RuleSet::Current | RuleSet::SbpfVersion3 => u32::try_from(table_count)
            .unwrap_or(u32::MAX)
            .saturating_mul(LOADED_TABLE_SIZE),
    })
}

fn account_key(address: Address, is_writable: bool, hasher: &RandomState) -> AccountKey {
    AccountKey {
        address,
        hash: hasher.hash_one(address.as_array()),
        is_writable,
        is_only_credited: false,
        counters: Counters::NONE,
    }
}

fn resolve(
    keys: &mut Vec<AccountKey>,
    view: &TransactionView<'_>,
    bank: &Bank,
    hasher: &RandomState,
) -> Result<(), Halt> {
    let mut readonly = Vec::new();
    for table in view.lookups() {
        let account = bank.get(&Address::new_from_array(*table.table))?;
        let writable_count = table.writable.len();
        let positions = table.writable.iter().chain(table.readonly).copied();
        let mut found = 0usize;
        lookup(
            account.as_ref(),
            positions,
            bank.slot(),
            |slot| bank.is_recent(slot),
            |address| {
                let is_writable = found < writable_count;
                found = found.saturating_add(1);
                let key = account_key(address, is_writable, hasher);
                if is_writable {
                    keys.push(key)
                } else {
                    readonly.push(key)
                }
            },
        )?;
    }
    keys.append(&mut readonly);
    Ok(())
}
