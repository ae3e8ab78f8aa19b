//! Account locks: how many accounts a transaction may name, and which of them it may write.
//!
//! Source: Agave's `validate_account_locks` and `LoadedMessage::is_writable`.

use lockstep_interface::{
    Address, Counters, Positions, Program, TransactionError,
    address::{RESERVED, program_ids},
    program::declared,
};
use smallvec::SmallVec;

use crate::{fence::fenced, limits::ACCOUNT_LOCKS_MAX, wire::InstructionView};

/// The position of the account that pays.
pub(crate) const PAYER: usize = 0;

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
    /// The counters in its data that it is credited with besides lamports.
    pub counters: Counters,
}

/// What a transaction's instructions do to its accounts, going by what their programs declare.
pub(crate) struct Uses {
    has_upgradeable_loader: bool,
    /// Accounts that instructions only credit.
    credited: Positions,
    /// The counters of those that have any, each account once.
    counters: SmallVec<[(u8, Counters); 2]>,
    /// Accounts that are used otherwise; always among them are the payer and invoked programs.
    used: Positions,
}

impl Uses {
    /// No instruction yet.
    pub(crate) fn new(keys: &[AccountKey]) -> Self {
        Self {
            has_upgradeable_loader: keys
                .iter()
                .any(|key| key.address == program_ids::UPGRADEABLE_LOADER),
            credited: Positions::NONE,
            counters: SmallVec::new(),
            used: Positions::only(PAYER),
        }
    }

    /// Adds an instruction of `program`, `None` if it names one that is not linked in. Takes the
    /// write lock from the program's account, unless the upgradeable loader is among the accounts.
    pub(crate) fn add(
        &mut self,
        keys: &mut [AccountKey],
        instruction: &InstructionView<'_>,
        program: Option<&dyn Program>,
    ) {
        let index = usize::from(instruction.program_index);
        self.used = self.used.union(Positions::only(index));
        if let Some(key) = keys.get_mut(index) {
            key.is_writable &= self.has_upgradeable_loader;
        }
        let count = instruction.accounts.len();
        // One that panics has declared nothing, and is judged when it runs.
        let asked = program.map(|program| {
            fenced(|| declared(program, instruction.data, count).collect::<SmallVec<[_; 2]>>())
        });
        let asked = asked.and_then(Result::ok).unwrap_or_default();
        let mut asked = asked.into_iter().peekable();
        for (position, index) in instruction.accounts.iter().enumerate() {
            match asked.next_if(|(credited, _)| *credited == position) {
                Some((_, counters)) => self.credit(*index, counters),
                None => self.used = self.used.union(Positions::only(usize::from(*index))),
            }
        }
    }

    /// Adds a declaration of an account. One of which declarations do not go together is used
    /// otherwise.
    fn credit(&mut self, account: u8, counters: Counters) {
        let position = Positions::only(usize::from(account));
        self.credited = self.credited.union(position);
        if counters.is_empty() {
            return;
        }
        match self.counters.iter().find(|(known, _)| *known == account) {
            Some((_, known)) if known.joined(counters).is_none() => {
                self.used = self.used.union(position);
            }
            Some(_) => {}
            None => self.counters.push((account, counters)),
        }
    }

    /// Takes write locks from built-in programs and sysvars, and from the programs that begin with
    /// the block, and marks the accounts that all instructions together only credit. Returns the
    /// accounts that may be written.
    ///
    /// Source of the demotions: Agave's `LoadedMessage::is_writable`.
    pub(crate) fn settle(self, keys: &mut [AccountKey], begun: &[Address]) -> Positions {
        let only_credited = self.credited.without(self.used);
        let mut writable = Positions::NONE;
        for (position, key) in keys.iter_mut().enumerate() {
            key.is_writable &= !is_reserved(&key.address) && !begun.contains(&key.address);
            if key.is_writable {
                writable = writable.union(Positions::only(position));
                key.is_only_credited = only_credited.contains(position);
            }
        }
        for (account, counters) in self.counters {
            keys[usize::from(account)].counters = counters;
        }
        writable
    }
}

/// True for addresses that no transaction may lock for writing.
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
pub(crate) fn check_locks(keys: &[AccountKey]) -> Result<(), TransactionError> {
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
