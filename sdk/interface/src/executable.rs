//! Programs that are accounts: what a loader makes of them, and which of them a block can call.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{Account, Address, InstructionError, InvokeContext};

/// A program out of an account, ready to run.
pub trait Executable: fmt::Debug + Send + Sync {
    /// Runs one instruction. The result must depend on the context alone.
    ///
    /// # Errors
    /// An error fails the whole transaction, also where an invoking program ignores it.
    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError>;
}

/// A program that makes programs of the accounts which it owns.
///
/// What a block can call is decided before it runs, by the accounts of its parent: a program that
/// is written in a block can be called from the next one on.
pub trait Loader: fmt::Debug + Send + Sync {
    /// The account that holds the file of the program at an address, which may be the program's
    /// own; `None` if `account` is no program. `account` is one that the loader owns.
    fn file_address(&self, program: &Address, account: &Account) -> Option<Address>;

    /// Makes the program in a file's account ready to run; `None` if there is none that can run.
    /// Called by several threads at once, and for every block that names the program, so that a
    /// loader is to keep what it has made. That may save time, and must not change a result.
    fn load(&self, file: &Account) -> Option<Arc<dyn Executable>>;
}

/// A program account of a block.
#[derive(Debug)]
pub struct ExecutableEntry {
    /// The address of the program.
    pub program: Address,
    /// The account of its file.
    pub file: Address,
    /// Bytes of data of that account, if it is not the program's own and exists.
    pub file_size: Option<usize>,
    /// What runs; `None` if the program cannot be called.
    pub executable: Option<Arc<dyn Executable>>,
}

/// The program accounts that a block can call, as its parent has them.
///
/// An entry changes once, from there on for all of the block, when a transaction deploys, changes
/// or closes its program. That transaction has the program's account for writing and callers have
/// it for reading, so that the plan orders them as it orders accesses to accounts.
///
/// ```
/// use lockstep_interface::{Address, executable::Executables};
///
/// let none = Executables::default();
/// assert!(none.is_empty() && none.get(&Address::default()).is_none());
/// ```
#[derive(Debug, Default)]
pub struct Executables {
    /// In ascending order of addresses, each with whether it was retired in this block.
    entries: Vec<(ExecutableEntry, AtomicBool)>,
}

impl Executables {
    /// The program accounts of a block; of two with one address the first counts.
    pub fn new(mut entries: Vec<ExecutableEntry>) -> Self {
        entries.sort_by_key(|entry| entry.program);
        entries.dedup_by_key(|entry| entry.program);
        let entries = entries.into_iter();
        Self {
            entries: entries
                .map(|entry| (entry, AtomicBool::new(false)))
                .collect(),
        }
    }

    /// True if the block has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What runs for the program at an address; `None` if there is no program that can be called.
    /// O(log programs).
    pub fn get(&self, program: &Address) -> Option<&dyn Executable> {
        let (entry, is_retired) = self.find(program)?;
        // The plan orders this after a transaction that retired the program.
        match is_retired.load(Ordering::Acquire) {
            true => None,
            false => entry.executable.as_deref(),
        }
    }

    /// What is known of the program account at an address.
    pub fn entry(&self, program: &Address) -> Option<&ExecutableEntry> {
        self.find(program).map(|(entry, _)| entry)
    }

    /// Ends the calls of a program for the rest of the block. Returns false if that was so already.
    pub(crate) fn retire(&self, program: &Address) -> bool {
        let found = self.find(program);
        found.is_some_and(|(_, is_retired)| !is_retired.swap(true, Ordering::AcqRel))
    }

    /// Takes it back. Only for the transaction that has the program's account for writing.
    pub fn restore(&self, program: &Address) {
        if let Some((_, is_retired)) = self.find(program) {
            is_retired.store(false, Ordering::Release);
        }
    }

    /// True if the program at an address can no longer be called in this block, since a transaction
    /// has changed it.
    pub fn is_retired(&self, program: &Address) -> bool {
        let found = self.find(program);
        found.is_some_and(|(_, is_retired)| is_retired.load(Ordering::Acquire))
    }

    fn find(&self, program: &Address) -> Option<&(ExecutableEntry, AtomicBool)> {
        let found = self
            .entries
            .binary_search_by(|(entry, _)| entry.program.cmp(program));
        self.entries.get(found.ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Idle;

    impl Executable for Idle {
        fn process(&self, _: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
            Ok(())
        }
    }

    fn entry(number: u8, is_there: bool) -> ExecutableEntry {
        let executable: Option<Arc<dyn Executable>> = match is_there {
            true => Some(Arc::new(Idle)),
            false => None,
        };
        ExecutableEntry {
            program: Address::new_from_array([number; 32]),
            file: Address::default(),
            file_size: None,
            executable,
        }
    }

    #[test]
    fn a_retired_program_is_not_called_until_it_is_restored() {
        let executables = Executables::new(vec![entry(3, true), entry(1, true), entry(2, false)]);
        let [first, second, third, other] =
            [1, 2, 3, 4].map(|number| Address::new_from_array([number; 32]));
        assert!(executables.get(&first).is_some() && executables.get(&third).is_some());
        assert!(executables.get(&second).is_none(), "it cannot run");
        assert!(executables.entry(&second).is_some() && executables.entry(&other).is_none());
        assert!(executables.retire(&third) && !executables.retire(&third));
        assert!(!executables.retire(&other), "it is no program of the block");
        assert!(executables.get(&third).is_none() && executables.is_retired(&third));
        assert!(executables.get(&first).is_some() && !executables.is_retired(&first));
        executables.restore(&third);
        assert!(executables.get(&third).is_some() && !executables.is_retired(&third));
    }
}
