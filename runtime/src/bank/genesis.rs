//! The first bank of a ledger.

use std::{
    mem,
    sync::{Arc, OnceLock},
};

use lockstep_interface::{
    Account, Environment, Hash, ProgramTable, Rent, RuleSet, Sysvars,
    activation::{ACTIVATIONS_MAX, FEATURE_NAME_SIZE_MAX, SCHEDULE, Schedule},
    address::program_ids,
    sysvar::RecentBlockhash,
};
use lockstep_store::{BlockBatch, Change, Store, StoreError, Trie, sync::Shared};
use thiserror::Error;

use super::{
    BlockhashQueue, CostTable, FrozenBank, Ledger, MissingFeature, ProcessedHistory, SysvarGiven,
    activated::{activate, schedule_in},
    given_accounts,
    root::delta_root,
};
use crate::{
    block::{BlockHeader, BlockLimits},
    limits::LAMPORTS_PER_SIGNATURE,
    rules::FeePolicy,
    threads::Threads,
};

/// What a ledger starts from.
#[derive(Debug)]
pub struct Genesis {
    /// The accounts, in any order, as [`given_accounts`] takes them; the last of an address counts.
    pub accounts: Vec<Change>,
    /// The native programs; each gets an account owned by the native loader.
    pub programs: ProgramTable,
    /// The programs that the chain can activate: all that are linked in.
    pub linked: ProgramTable,
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
    /// What becomes of fees.
    pub fee_policy: FeePolicy,
}

/// Why a genesis gives no bank.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// One of its accounts is a sysvar.
    #[error("genesis: {0}")]
    Sysvar(#[from] SysvarGiven),
    /// A feature begins with it, or before, that is not linked in.
    #[error("genesis: {0}")]
    Missing(#[from] MissingFeature),
    /// The schedule has more activations, or longer names, than its account has room for.
    #[error(
        "genesis: expected at most {ACTIVATIONS_MAX} activations with names of at most \
         {FEATURE_NAME_SIZE_MAX} bytes, found more"
    )]
    Schedule,
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
    /// The main network's rules, rent and limits of today, slot 0, fees burned, these accounts and
    /// programs.
    pub fn new(accounts: Vec<Change>, programs: ProgramTable) -> Self {
        Self {
            accounts,
            linked: programs.clone(),
            programs,
            rules: RuleSet::Current,
            rent: Rent::MAINNET,
            blockhashes: Vec::new(),
            slot: 0,
            limits: BlockLimits::MAINNET,
            fee_policy: FeePolicy::BURNED,
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

    /// The same with these programs for the chain to activate, besides those that it begins with.
    #[must_use]
    pub fn with_linked(self, linked: ProgramTable) -> Self {
        Self { linked, ..self }
    }

    /// The same with fees that are split.
    #[must_use]
    pub fn with_fee_policy(self, fee_policy: FeePolicy) -> Self {
        Self { fee_policy, ..self }
    }

    /// The same with a schedule of activations, and the authority that may change it.
    ///
    /// # Errors
    /// If there are too many of them, or a name is too long.
    pub fn with_schedule(mut self, schedule: &Schedule) -> Result<Self, GenesisError> {
        let account = schedule.to_account(&self.rent);
        let account = account.ok_or(GenesisError::Schedule)?;
        self.accounts.push((SCHEDULE, account));
        Ok(self)
    }

    /// Root over the accounts, those of programs included, as the header of the genesis block
    /// states it. O(n log n) for n accounts.
    ///
    /// # Errors
    /// If an account is a sysvar, or a feature that begins here is not linked in.
    pub fn delta_root(&self, threads: &Threads) -> Result<Hash, GenesisError> {
        let mut environment = self.environment();
        let accounts = self.first_accounts(self.accounts.clone(), &mut environment)?;
        Ok(delta_root(&accounts, threads))
    }

    /// Writes the accounts to the store and gives the first, final bank, of a chain that computes
    /// no state root.
    ///
    /// # Errors
    /// If an account is a sysvar, a feature that begins here is not linked in, or the store fails.
    pub fn open(self, store: Arc<dyn Store>) -> Result<Arc<FrozenBank>, GenesisError> {
        let one_thread = Threads::new(1).expect("one thread needs no pool");
        self.open_with(store, None, &one_thread)
    }

    /// The same for a chain that does: `trie` is that of the accounts that the store has already.
    ///
    /// # Errors
    /// If an account is a sysvar, a feature that begins here is not linked in, or the store fails.
    pub fn open_rooted(
        self,
        store: Arc<dyn Store>,
        trie: &Trie,
        threads: &Threads,
    ) -> Result<Arc<FrozenBank>, GenesisError> {
        self.open_with(store, Some(trie), threads)
    }

    pub(crate) fn open_with(
        mut self,
        store: Arc<dyn Store>,
        trie: Option<&Trie>,
        threads: &Threads,
    ) -> Result<Arc<FrozenBank>, GenesisError> {
        let mut environment = self.environment();
        let accounts = mem::take(&mut self.accounts);
        let accounts = self.first_accounts(accounts, &mut environment)?;
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
            ledger: Ledger::new(
                store,
                (self.linked, self.fee_policy),
                ProcessedHistory::default(),
                self.slot,
            ),
            schedule: Arc::new(schedule_in(&accounts).unwrap_or_default()),
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

    /// What the chain begins with, in ascending order of addresses. Adds to the environment what
    /// begins with it.
    fn first_accounts(
        &self,
        mut accounts: Vec<Change>,
        environment: &mut Environment,
    ) -> Result<Vec<Change>, GenesisError> {
        for program in self.programs.iter() {
            accounts.push((program.address(), program_account(program.name())));
        }
        let mut accounts = given_accounts(accounts)?;
        if let Some(schedule) = schedule_in(&accounts) {
            let begun = schedule.begun(None, self.slot);
            accounts.extend(activate(begun, environment, &self.linked)?);
            accounts = given_accounts(accounts)?;
        }
        accounts.retain(|(_, account)| account.exists());
        Ok(accounts)
    }

    /// What transactions see before there is any block and any activation.
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

/// A block's id as transactions refer to it.
pub(super) fn blockhash(id: Hash) -> RecentBlockhash {
    RecentBlockhash {
        blockhash: id,
        lamports_per_signature: LAMPORTS_PER_SIGNATURE,
    }
}
