//! The programs out of accounts that a block can call, made ready before it runs.
//!
//! What they are is decided by the accounts of the block's parent alone. Callers do not name the
//! accounts in which files lie, so that reading those while transactions write them would be a
//! race.

use lockstep_interface::{
    Account, Address, Executables, Loader, ProgramTable, executable::ExecutableEntry,
};
use lockstep_store::StoreError;

use crate::{bank::Bank, threads::Threads};

/// The loaders among programs.
pub(crate) struct Loaders<'p>(Vec<(Address, &'p dyn Loader)>);

impl<'p> Loaders<'p> {
    pub(crate) fn of(programs: &'p ProgramTable) -> Self {
        let programs = programs.iter();
        let loaders = programs.filter_map(|program| Some((program.address(), program.loader()?)));
        Self(loaders.collect())
    }

    /// True if an account is one that a loader owns.
    pub(crate) fn own(&self, account: &Account) -> bool {
        self.owner(account).is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn owner(&self, account: &Account) -> Option<&'p dyn Loader> {
        let mut loaders = self.0.iter();
        let found = loaders.find(|(address, _)| *address == account.owner);
        found.map(|(_, loader)| *loader)
    }

    /// The account of the file of the program in an account, if it is one.
    pub(crate) fn file_address(&self, program: &Address, account: &Account) -> Option<Address> {
        self.owner(account)?.file_address(program, account)
    }
}

/// Makes the programs among a block's accounts ready to run, each on a thread of its own.
///
/// # Errors
/// If the store fails.
pub(super) fn executables<'a>(
    bank: &Bank,
    loaders: &Loaders<'_>,
    accounts: impl Iterator<Item = (&'a Address, &'a Account)>,
    threads: &Threads,
) -> Result<Executables, StoreError> {
    let mut programs = Vec::new();
    for (address, account) in accounts {
        if let Some(loader) = loaders.owner(account)
            && let Some(file) = loader.file_address(address, account)
        {
            let own = (file == *address).then(|| account.clone());
            programs.push((*address, file, loader, own));
        }
    }
    if programs.is_empty() {
        return Ok(Executables::default());
    }
    let addresses: Vec<Address> = programs.iter().map(|(_, file, ..)| *file).collect();
    let mut files = vec![Account::default(); addresses.len()];
    bank.load(&addresses, &mut files)?;
    let work = programs.into_iter().zip(files).collect();
    let entries = threads.map_each(work, |((program, file_address, loader, own), file)| {
        let file_size = (own.is_none() && file.exists()).then_some(file.data.len());
        let file = own.unwrap_or(file);
        ExecutableEntry {
            program,
            file: file_address,
            file_size,
            executable: loader.load(&file),
        }
    });
    Ok(Executables::new(entries))
}

/// The same on the calling thread.
///
/// # Errors
/// If the store fails.
pub(super) fn executables_alone<'a>(
    bank: &Bank,
    loaders: &Loaders<'_>,
    accounts: impl Iterator<Item = (&'a Address, &'a Account)>,
) -> Result<Executables, StoreError> {
    executables(bank, loaders, accounts, &Threads::alone())
}
