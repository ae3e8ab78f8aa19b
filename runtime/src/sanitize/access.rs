//! The access list: which accounts a transaction locks, and which of them for writing.

use ahash::RandomState;
use lockstep_interface::{
    Address, Positions, ProgramTable, RuleSet, TransactionError,
    address::{RESERVED, program_ids},
};

use super::{Halt, lookup::lookup};
use crate::{
    bank::Bank,
    limits::{ACCOUNT_LOCKS_MAX, LOADED_TABLE_SIZE},
    wire::TransactionView,
};

/// The position of the account that pays.
const PAYER: usize = 0;

const _: () = assert!(ACCOUNT_LOCKS_MAX <= Positions::COUNT);

/// An account that a transaction locks.
#[derive(Clone, Copy, Debug)]
pub struct AccountKey {
    /// Which account.
    pub address: Address,
    /// Hash of the address, computed once per block and transaction, for look-up only.
    pub hash: u64,
    /// True if it is locked for writing.
    pub is_writable: bool,
}

/// Appends the transaction's accounts in message order: static keys, then writable, then
/// read-only looked-up ones. Returns the bytes counted for lookup tables.
///
/// # Errors
/// Those of [`lookup`], and if the store fails.
pub(super) fn collect_keys(
    keys: &mut Vec<AccountKey>,
    view: &TransactionView<'_>,
    bank: &Bank,
    hasher: &RandomState,
) -> Result<u64, Halt> {
    let start = keys.len();
    for (index, key) in view.static_keys().iter().enumerate() {
        let is_writable = view.is_writable_static(index);
        keys.push(account_key(
            Address::new_from_array(*key),
            is_writable,
            hasher,
        ));
    }
    let mut table_size = 0u64;
    if view.lookups().next().is_some() {
        resolve(keys, view, bank, hasher)?;
        if bank.environment().rules == RuleSet::Current {
            let tables = u64::try_from(view.lookups().count()).unwrap_or(u64::MAX);
            table_size = tables.saturating_mul(LOADED_TABLE_SIZE);
        }
    }
    demote(&mut keys[start..], view);
    Ok(table_size)
}

fn account_key(address: Address, is_writable: bool, hasher: &RandomState) -> AccountKey {
    AccountKey {
        address,
        hash: hasher.hash_one(address.as_array()),
        is_writable,
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

/// Takes write locks from built-in programs and sysvars, and, unless the upgradeable loader is
/// among the accounts, from invoked programs.
///
/// Source: Agave's `LoadedMessage::is_writable`.
fn demote(keys: &mut [AccountKey], view: &TransactionView<'_>) {
    let has_upgradeable_loader = keys
        .iter()
        .any(|key| key.address == program_ids::UPGRADEABLE_LOADER);
    if !has_upgradeable_loader {
        for instruction in view.instructions() {
            if let Some(program) = keys.get_mut(usize::from(instruction.program_index)) {
                program.is_writable = false;
            }
        }
    }
    for key in keys.iter_mut().filter(|key| key.is_writable) {
        key.is_writable = !is_reserved(&key.address);
    }
}

/// True for addresses that nobody may lock for writing.
fn is_reserved(address: &Address) -> bool {
    RESERVED_BY_FIRST_BYTE[usize::from(address.as_array()[0])] && RESERVED.contains(address)
}

/// Which first bytes reserved addresses have; spares almost every account the full search.
const RESERVED_BY_FIRST_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut index = 0;
    while index < RESERVED.len() {
        table[RESERVED[index].as_array()[0] as usize] = true;
        index += 1;
    }
    table
};

/// Refuses too many locks, and accounts named twice.
///
/// # Errors
/// `TooManyAccountLocks` or `AccountLoadedTwice`.
pub(super) fn check_locks(keys: &[AccountKey]) -> Result<(), TransactionError> {
    if keys.len() > ACCOUNT_LOCKS_MAX {
        return Err(TransactionError::TooManyAccountLocks);
    }
    for (index, key) in keys.iter().enumerate() {
        let before = &keys[..index];
        if before
            .iter()
            .any(|other| other.hash == key.hash && other.address == key.address)
        {
            return Err(TransactionError::AccountLoadedTwice);
        }
    }
    Ok(())
}

/// The positions of accounts locked for writing.
pub(super) fn writable(keys: &[AccountKey]) -> Positions {
    let writable = keys.iter().enumerate().filter(|(_, key)| key.is_writable);
    writable.fold(Positions::NONE, |all, (position, _)| {
        all.union(Positions::only(position))
    })
}

/// The positions of accounts locked for writing that instructions only credit, going by what
/// their programs declare. O(accounts named by all instructions), without hashing.
///
/// Never among them: the payer, and invoked programs.
pub(super) fn credit_only(
    keys: &[AccountKey],
    view: &TransactionView<'_>,
    programs: &ProgramTable,
) -> Positions {
    let mut credited = Positions::NONE;
    let mut used = Positions::only(PAYER);
    for instruction in view.instructions() {
        let program = usize::from(instruction.program_index);
        used = used.union(Positions::only(program));
        let program = keys.get(program).and_then(|key| programs.get(&key.address));
        let declared = program.map_or(Positions::NONE, |program| {
            program.credit_only(instruction.data, instruction.accounts.len())
        });
        for (position, account) in instruction.accounts.iter().enumerate() {
            let account = Positions::only(usize::from(*account));
            if declared.contains(position) {
                credited = credited.union(account);
            } else {
                used = used.union(account);
            }
        }
    }
    credited.without(used).intersection(writable(keys))
}
