//! What the commands around a ledger on disk share.

use std::path::Path;

use clap::Args;
use indicatif::ProgressBar;
use lockstep_interface::{Address, Hash};
use lockstep_runtime::block::BlockHeader;
use lockstep_runtime::chain::Chain;
use lockstep_runtime::chain::snapshot::Progress;
use lockstep_runtime::threads::Threads;
use lockstep_store::{DiskStore, Trie};

use super::{LedgerError, chain_of, open_store};
use crate::failure::Failure;
use crate::source::all_cores;
use crate::terminal;
use crate::text;

/// Most worker threads.
const THREADS_MAX: u64 = 1_024;

/// Options of all these commands.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Worker threads; one for each core if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=THREADS_MAX))]
    threads: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress and no notes
    #[arg(long)]
    pub(crate) quiet: bool,
}

impl Common {
    /// The threads.
    pub(crate) fn threads(&self) -> Result<Threads, Failure> {
        let count = self.threads.and_then(|count| usize::try_from(count).ok());
        Threads::new(count.unwrap_or_else(|| all_cores().get())).map_err(Failure::other)
    }

    /// Opens the store of a ledger to read it, and notes if that is a copy.
    pub(crate) fn open_store(
        &self,
        path: &Path,
        check_accounts: bool,
        threads: &Threads,
    ) -> Result<(DiskStore, Trie), LedgerError> {
        let (store, trie) = open_store(path, check_accounts, threads)?;
        if let Some(size) = store.copied()
            && !self.quiet
        {
            terminal::note(&format!(
                "note: {}: in use or not writable, so a copy of {} bytes is read",
                path.display(),
                text::thousands(size)
            ));
        }
        Ok((store, trie))
    }

    /// Opens the chain of a ledger in the same way.
    pub(crate) fn open_chain(&self, path: &Path) -> Result<Chain, Failure> {
        let threads = self.threads()?;
        let (store, trie) = self.open_store(path, false, &threads)?;
        Ok(chain_of(path, store, trie, &threads)?)
    }

    /// A bar, whose length is known once there is progress.
    pub(crate) fn bar(&self, unit: &str) -> ProgressBar {
        text::progress(0, self.quiet, unit)
    }
}

/// Shows how far a snapshot has come.
pub(crate) fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.account_count);
    bar.set_position(progress.accounts_done);
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Output(error) => error.into(),
            LedgerError::Export { .. } | LedgerError::Threads(_) => Self::other(error),
            error => Self::usage(error),
        }
    }
}

/// An address from the command line.
pub(crate) fn parse_address(text: &str) -> Result<Address, String> {
    let expected = "not an address, which is 32 bytes in base58";
    text.parse().map_err(|_| expected.to_owned())
}

/// A block's id from the command line.
pub(crate) fn parse_block_id(text: &str) -> Result<Hash, String> {
    let expected = "not a block's id, which is 32 bytes in base58";
    let bytes: Result<Address, _> = text.parse();
    let bytes = bytes.map_err(|_| expected.to_owned())?;
    Ok(Hash::new_from_array(bytes.to_bytes()))
}

/// A hash as people know it.
pub(crate) fn base58(hash: &Hash) -> String {
    Address::new_from_array(hash.to_bytes()).to_string()
}

/// The state root of a header; ledgers on disk have one.
pub(crate) fn state_root(header: &BlockHeader) -> String {
    base58(&header.state_root.unwrap_or_default())
}

/// A path as text.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
