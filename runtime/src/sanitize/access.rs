//! The access list: which accounts a transaction locks, and which of them for writing.

use ahash::RandomState;
use lockstep_interface::{
    Address, Positions, Program, RuleSet, TransactionError,
    address::{RESERVED, program_ids},
};

use super::{Halt, lookup::lookup};
use crate::{
    bank::Bank,
    limits::{ACCOUNT_LOCKS_MAX, LOADED_TABLE_SIZE},
    wire::{InstructionView, TransactionView},
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
    /// True if it is writable and only credited: every instruction that names it declares so, and
    /// nothing else in the transaction uses it.
    pub is_only_credited: bool,
}

/// Appends the transaction's accounts in message order: static keys, then writable, then
/// read-only looked-up ones. Returns the bytes counted for lookup tables. Rights are as the
/// message asks for them; [`Uses`] settles them.
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
        RuleSet::Current => u32::try_from(table_count)
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

/// What a transaction's instructions do to its accounts, going by what their programs declare.
pub(super) struct Uses {
    has_upgradeable_loader: bool,
    /// Accounts that instructions only credit.
    credited: Positions,
    /// Accounts that are used otherwise; always among them are the payer and invoked programs.
    used: Positions,
}

impl Uses {
    /// No instruction yet.
    pub(super) fn new(keys: &[AccountKey]) -> Self {
        Self {
            has_upgradeable_loader: keys
                .iter()
                .any(|key| key.address == program_ids::UPGRADEABLE_LOADER),
            credited: Positions::NONE,
            used: Positions::only(PAYER),
        }
    }

    /// Adds an instruction of `program`, `None` if nobody knows the one that it names. Takes the
    /// write lock from the program's account, unless the upgradeable loader is among the accounts.
    pub(super) fn add(
        &mut self,
        keys: &mut [AccountKey],
        instruction: &InstructionView<'_>,
        program: Option<&dyn Program>,
    ) {
        let index = usize::from(instruction.program_index);
        self.used = self.used.union(Positions::only(index));
        let mut declared = Positions::NONE;
        if let Some(key) = keys.get_mut(index) {
            key.is_writable &= self.has_upgradeable_loader;
        }
        if let Some(program) = program {
            declared = program.credit_only(instruction.data, instruction.accounts.len());
        }
        for (position, account) in instruction.accounts.iter().enumerate() {
            let account = Positions::only(usize::from(*account));
            if declared.contains(position) {
                self.credited = self.credited.union(account);
            } else {
                self.used = self.used.union(account);
            }
        }
    }

    /// Takes write locks from built-in programs and sysvars, and marks the accounts that all
    /// instructions together only credit. Returns the accounts that may be written.
    ///
    /// Source of the demotions: Agave's `LoadedMessage::is_writable`.
    pub(super) fn settle(self, keys: &mut [AccountKey]) -> Positions {
        let only_credited = self.credited.without(self.used);
        let mut writable = Positions::NONE;
        for (position, key) in keys.iter_mut().enumerate() {
            key.is_writable = key.is_writable && !is_reserved(&key.address);
            if key.is_writable {
                writable = writable.union(Positions::only(position));
                key.is_only_credited = only_credited.contains(position);
            }
        }
        writable
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
