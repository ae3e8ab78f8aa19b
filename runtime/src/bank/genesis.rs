//! The first bank of a ledger.

use std::sync::{Arc, OnceLock};

use lockstep_interface::{
    Account, Environment, Hash, ProgramTable, Rent, RuleSet, Sysvars, address::program_ids,
    sysvar::RecentBlockhash,
};
use lockstep_store::{BlockBatch, Change, Store, StoreError, Trie, sync::Shared};
use thiserror::Error;

use super::{
    BlockhashQueue, CostTable, FrozenBank, Ledger, ProcessedHistory, SysvarGiven, given_accounts,
    root::delta_root,
};
use crate::{
    block::{BlockHeader, BlockLimits},
    limits::LAMPORTS_PER_SIGNATURE,
    threads::Threads,
};

/// What a ledger starts from.
#[derive(Debug)]
pub struct Genesis {
    /// The accounts, in any order, as [`given_accounts`] takes them; the last of an address counts.
    pub accounts: Vec<Change>,
    /// The native programs; each gets an account owned by the native loader.
    pub programs: ProgramTable,
    /// The rules.
    pub rules: RuleSet,
    /// Rent parameters.
    pub rent: Rent,
    /// Blockhashes that are valid in the first block, oldest first; if empty, the id of the genesis
    /// block is.
    pub blockhashes: Vec<RecentBlockhash>,
    /// The slot of the first bank.
    pub slot: u64,
    /// What blocks may hold.
    pub limits: BlockLimits,
}

/// Why a genesis gives no bank.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// One of its accounts is a sysvar.
    #[error("genesis: {0}")]
    Sysvar(#[from] SysvarGiven),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The account of a native program.
pub fn program_account(name: &str) -> Account {
    Account {
        lamports: 1,
        data: name.as_bytes().into(),
        owner: program_ids::NATIVE_LOADER,
        executable: true,
    }
}

impl Genesis {
    /// The main network's rules, rent and limits of today, slot 0, these accounts and programs.
    pub fn new(accounts: Vec<Change>, programs: ProgramTable) -> Self {
        Self {
            accounts,
            programs,
            rules: RuleSet::Current,
            rent: Rent::MAINNET,
            blockhashes: Vec::new(),
            slot: 0,
            limits: BlockLimits::MAINNET,
        }
    }

    /// The same with blocks that may hold anything; for benchmarks and trusted bytes.
    #[must_use]
    pub fn without_limits(self) -> Self {
        Self {
            limits: BlockLimits::UNLIMITED,
            ..self
        }
    }

    /// Root over the accounts, those of programs included, as the header of the genesis block
    /// states it. O(n log n) for n accounts.
    ///
    /// # Errors
    /// If an account is a sysvar.
    pub fn delta_root(&self, threads: &Threads) -> Result<Hash, SysvarGiven> {
        let accounts = first_accounts(self.accounts.clone(), &self.programs)?;
        Ok(delta_root(&accounts, threads))
    }

    /// Writes the accounts to the store and gives the first, final bank, of a chain that computes
    /// no state root.
    ///
    /// # Errors
    /// If an account is a sysvar, or the store fails.
    pub fn open(self, store: Arc<dyn Store>) -> Result<Arc<FrozenBank>, GenesisError> {
        let one_thread = Threads::new(1).expect("one thread needs no pool");
        self.open_with(store, None, &one_thread)
    }

    /// The same for a chain that does: `trie` is that of the accounts that the store has already.
    ///
    /// # Errors
    /// If an account is a sysvar, or the store fails.
    pub fn open_rooted(
        self,
        store: Arc<dyn Store>,
        trie: &Trie,
        threads: &Threads,
    ) -> Result<Arc<FrozenBank>, GenesisError> {
        self.open_with(store, Some(trie), threads)
    }

    pub(crate) fn open_with(
        self,
        store: Arc<dyn Store>,
        trie: Option<&Trie>,
        threads: &Threads,
    ) -> Result<Arc<FrozenBank>, GenesisError> {
        let environment = self.environment();
        let accounts = first_accounts(self.accounts, &self.programs)?;
        let trie = trie.map(|trie| trie.try_update(&accounts, threads));
        let trie = trie.transpose()?;
        let header = BlockHeader {
            parent_id: Hash::default(),
            slot: self.slot,
            unix_timestamp: 0,
            transaction_count: 0,
            transaction_root: Hash::default(),
            receipts_root: Hash::default(),
            delta_root: delta_root(&accounts, threads),
            state_root: trie.as_ref().map(Trie::root),
            plan_digest: Hash::default(),
        };
        let mut blockhashes = self.blockhashes;
        if blockhashes.is_empty() {
            blockhashes.push(blockhash(header.id()));
        }
        let bank = FrozenBank {
            block_hash: header.id(),
            header,
            ledger: Ledger::new(store, ProcessedHistory::default(), self.slot),
            environment,
            blockhashes: BlockhashQueue::new(blockhashes),
            costs: CostTable::default(),
            trie,
            inherited: OnceLock::new(),
            overlay: Shared::new(None),
        };
        bank.ledger.store.commit(&BlockBatch {
            record: bank.record(),
            changes: &accounts,
            body: &[],
        })?;
        Ok(Arc::new(bank))
    }

    /// What transactions see before there is any block.
    pub(super) fn environment(&self) -> Environment {
        Environment {
            sysvars: Sysvars {
                rent: Some(self.rent),
                ..Sysvars::default()
            },
            rules: self.rules,
            programs: self.programs.clone(),
        }
    }
}

/// What a genesis of these accounts and programs begins with, in ascending order of addresses.
fn first_accounts(
    mut accounts: Vec<Change>,
    programs: &ProgramTable,
) -> Result<Vec<Change>, SysvarGiven> {
    for program in programs.iter() {
        accounts.push((program.address(), program_account(program.name())));
    }
    let mut accounts = given_accounts(accounts)?;
    accounts.retain(|(_, account)| account.exists());
    Ok(accounts)
}

/// A block's id as transactions refer to it.
pub(super) fn blockhash(id: Hash) -> RecentBlockhash {
    RecentBlockhash {
        blockhash: id,
        lamports_per_signature: LAMPORTS_PER_SIGNATURE,
    }
}
