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

/// What a transaction may do to its accounts, by position.
#[derive(Clone, Copy, Debug)]
pub struct Rights {
    /// Those that it may write.
    pub writable: Positions,
    /// Those of them that it only credits: every instruction that names one declares so, and
    /// nothing else in the transaction uses it.
    pub credit_only: Positions,
}

/// What is known besides the keys once they are collected.
pub(super) struct Collected {
    /// Bytes counted for lookup tables.
    pub(super) table_size: u64,
    pub(super) rights: Rights,
}

/// Appends the transaction's accounts in message order: static keys, then writable, then
/// read-only looked-up ones.
///
/// # Errors
/// Those of [`lookup`], and if the store fails.
pub(super) fn collect_keys(
    keys: &mut Vec<AccountKey>,
    view: &TransactionView<'_>,
    bank: &Bank,
    hasher: &RandomState,
) -> Result<Collected, Halt> {
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
    let programs = &bank.environment().programs;
    Ok(Collected {
        table_size,
        rights: settle_rights(&mut keys[start..], view, programs),
    })
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
/// among the accounts, from invoked programs. Returns which accounts may be written, and which of
/// these instructions only credit, going by what their programs declare; never among the latter
/// are the payer and invoked programs.
///
/// Source of the demotion: Agave's `LoadedMessage::is_writable`.
fn settle_rights(
    keys: &mut [AccountKey],
    view: &TransactionView<'_>,
    programs: &ProgramTable,
) -> Rights {
    let has_upgradeable_loader = keys
        .iter()
        .any(|key| key.address == program_ids::UPGRADEABLE_LOADER);
    let mut credited = Positions::NONE;
    let mut used = Positions::only(PAYER);
    for instruction in view.instructions() {
        let index = usize::from(instruction.program_index);
        used = used.union(Positions::only(index));
        let mut declared = Positions::NONE;
        if let Some(key) = keys.get_mut(index) {
            key.is_writable &= has_upgradeable_loader;
            if let Some(program) = programs.get(&key.address) {
                declared = program.credit_only(instruction.data, instruction.accounts.len());
            }
        }
        for (position, account) in instruction.accounts.iter().enumerate() {
            let account = Positions::only(usize::from(*account));
            if declared.contains(position) {
                credited = credited.union(account);
            } else {
                used = used.union(account);
            }
        }
    }
    let mut writable = Positions::NONE;
    for (position, key) in keys.iter_mut().enumerate() {
        key.is_writable = key.is_writable && !is_reserved(&key.address);
        if key.is_writable {
            writable = writable.union(Positions::only(position));
        }
    }
    Rights {
        writable,
        credit_only: credited.without(used).intersection(writable),
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
