//! Banks: the state at one slot on one fork.
//!
//! An open [`Bank`] is the child of a frozen one and holds what its block's transactions need to
//! know. Executing a block changes nothing; [`Bank::freeze`] takes the write set and gives a
//! [`FrozenBank`], whose reads fall through to its ancestors and then to the store. Several
//! children of one parent may live side by side; finalising one moves its changes to the store.

mod blockhash;
mod genesis;
mod processed;
pub mod root;

use std::sync::Arc;

pub use blockhash::BlockhashQueue;
pub use genesis::{Genesis, program_account};
use lockstep_interface::{
    Account, Address, Environment, Hash, Sysvars,
    sysvar::{Clock, RECENT_SLOTS_MAX, RecentBlockhash},
};
use lockstep_store::{BlockBatch, BlockRecord, Change, Store, StoreError, sync::Shared};
pub use processed::{ProcessedHistory, ProcessedSet};
use sha2::{Digest, Sha256};

use crate::{
    costs::CostTable,
    limits::{LAMPORTS_PER_SIGNATURE, SLOTS_PER_EPOCH},
    sanitize::SanitizedTransaction,
};

/// What all banks of a ledger share.
#[derive(Debug)]
struct Ledger {
    store: Arc<dyn Store>,
    history: ProcessedHistory,
}

/// A block that has been executed: its changes, its hash, and the way to its parent.
#[derive(Debug)]
pub struct FrozenBank {
    ledger: Arc<Ledger>,
    slot: u64,
    block_hash: Hash,
    delta_root: Hash,
    environment: Environment,
    blockhashes: BlockhashQueue,
    costs: CostTable,
    /// `None` once this bank is final: then the store has all that came before, and this.
    overlay: Shared<Option<Overlay>>,
}

/// What a bank that is not final adds to its parent.
#[derive(Debug)]
struct Overlay {
    parent: Arc<FrozenBank>,
    /// In ascending order of addresses.
    changes: Vec<Change>,
    processed: ProcessedSet,
}

/// An open bank: the surroundings of the block that is being executed.
#[derive(Debug)]
pub struct Bank {
    parent: Arc<FrozenBank>,
    slot: u64,
    environment: Environment,
    /// Sysvar accounts as this block shows them, in ascending order of addresses.
    sysvar_accounts: Vec<Change>,
}

/// What executing a block came to; the input of [`Bank::freeze`].
#[derive(Debug)]
pub struct BlockResult {
    /// Changed accounts in strictly ascending order of addresses, sysvar accounts included.
    pub changes: Vec<Change>,
    /// What transactions cost, this block's included.
    pub costs: CostTable,
    /// The included transactions.
    pub processed: ProcessedSet,
    /// How many those are.
    pub transaction_count: usize,
    /// Hash over the receipts of the included transactions.
    pub receipts_hash: Hash,
    /// The root over `changes`.
    pub delta_root: Hash,
}

impl FrozenBank {
    /// The slot.
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// Hash of this block and, through its parent's, of all before; the newest blockhash.
    pub fn block_hash(&self) -> Hash {
        self.block_hash
    }

    /// Root over the accounts that this block changed.
    pub fn delta_root(&self) -> Hash {
        self.delta_root
    }

    /// The blockhashes a child's transactions may refer to.
    pub fn blockhashes(&self) -> &BlockhashQueue {
        &self.blockhashes
    }

    /// What transactions cost, as learned up to this block. Children plan with it.
    pub fn costs(&self) -> &CostTable {
        &self.costs
    }

    /// Opens a child for `slot` at the given time in seconds since 1970.
    ///
    /// # Panics
    /// If the slot is not above this bank's.
    pub fn child(self: &Arc<Self>, slot: u64, unix_timestamp: i64) -> Bank {
        assert!(
            slot > self.slot,
            "slot {slot} does not follow slot {}",
            self.slot
        );
        let mut environment = self.environment.clone();
        let epoch = slot / SLOTS_PER_EPOCH;
        environment.sysvars.clock = Some(Clock {
            slot,
            epoch_start_timestamp: 0,
            epoch,
            leader_schedule_epoch: epoch.saturating_add(1),
            unix_timestamp,
        });
        environment.sysvars.recent_blockhashes = Some(Arc::new(self.blockhashes.sysvar()));
        environment.sysvars.environment_blockhash = self.blockhashes.newest().copied();
        environment.sysvars.recent_slots = Some(Arc::new(self.recent_slots()));
        Bank::open(Arc::clone(self), slot, environment)
    }

    /// This bank's slot and those of its ancestors, newest first, at most 512.
    fn recent_slots(&self) -> Vec<u64> {
        let older = self.environment.sysvars.recent_slots.as_deref();
        let older = older.into_iter().flatten().copied();
        let slots = std::iter::once(self.slot).chain(older);
        slots.take(RECENT_SLOTS_MAX).collect()
    }

    /// Reads accounts into `accounts`; the default account stands for a missing one.
    ///
    /// # Errors
    /// If the store fails.
    pub fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        let overlay = self.overlay.read();
        let Some(overlay) = &*overlay else {
            return self.ledger.store.load(addresses, accounts);
        };
        overlay.parent.load(addresses, accounts)?;
        for (address, account) in addresses.iter().zip(accounts) {
            if let Ok(index) = overlay
                .changes
                .binary_search_by(|(key, _)| key.cmp(address))
            {
                *account = overlay.changes[index].1.clone();
            }
        }
        Ok(())
    }

    /// Reads one account.
    ///
    /// # Errors
    /// If the store fails.
    pub fn get(&self, address: &Address) -> Result<Option<Account>, StoreError> {
        let mut account = [Account::default()];
        self.load(std::slice::from_ref(address), &mut account)?;
        let [account] = account;
        Ok(account.exists().then_some(account))
    }

    /// Sets the flag of each transaction that this bank or one before has processed.
    pub(crate) fn mark_processed(
        &self,
        transactions: &[SanitizedTransaction<'_>],
        flags: &mut [bool],
    ) {
        let overlay = self.overlay.read();
        let Some(overlay) = &*overlay else {
            return self.ledger.history.mark(transactions, flags);
        };
        for (transaction, flag) in transactions.iter().zip(flags.iter_mut()) {
            *flag |= overlay.processed.contains(transaction);
        }
        overlay.parent.mark_processed(transactions, flags);
    }

    /// Makes this bank final: its changes, and those of its ancestors that are not final yet, go
    /// to the store. Banks on other forks must not be used afterwards; this bank and its
    /// descendants may be read meanwhile. One thread at a time may finalise.
    ///
    /// # Errors
    /// If the store fails; the bank is then still not final.
    pub fn finalize(&self) -> Result<(), StoreError> {
        {
            let overlay = self.overlay.read();
            let Some(overlay) = &*overlay else {
                return Ok(());
            };
            overlay.parent.finalize()?;
            let record = BlockRecord {
                slot: self.slot,
                block_id: self.block_hash,
                parent_id: overlay.parent.block_hash,
                delta_root: self.delta_root,
                state_root: None,
            };
            self.ledger.store.commit(&BlockBatch {
                record,
                changes: &overlay.changes,
                body: &[],
            })?;
        }
        let mut overlay = self.overlay.write();
        if let Some(overlay) = overlay.take() {
            self.ledger
                .history
                .push(overlay.processed, &self.blockhashes);
        }
        Ok(())
    }

    /// The accounts this block changed, in ascending order of addresses; empty once final.
    pub fn changes(&self) -> Vec<Change> {
        self.overlay
            .read()
            .as_ref()
            .map_or_else(Vec::new, |overlay| overlay.changes.clone())
    }
}

impl Bank {
    fn open(parent: Arc<FrozenBank>, slot: u64, environment: Environment) -> Self {
        let mut sysvar_accounts = environment.sysvars.accounts();
        sysvar_accounts.sort_unstable_by_key(|(address, _)| *address);
        Self {
            parent,
            slot,
            environment,
            sysvar_accounts,
        }
    }

    /// The slot.
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// The parent.
    pub fn parent(&self) -> &Arc<FrozenBank> {
        &self.parent
    }

    /// Sysvars, rules and programs.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The blockhashes transactions may refer to.
    pub fn blockhashes(&self) -> &BlockhashQueue {
        &self.parent.blockhashes
    }

    /// Opens the bank again with other sysvars, for replaying recorded cases.
    #[must_use]
    pub fn with_sysvars(mut self, sysvars: Sysvars) -> Self {
        self.environment.sysvars = sysvars;
        Self::open(self.parent, self.slot, self.environment)
    }

    /// True if a lookup table that was deactivated in this slot can still be used.
    pub(crate) fn is_recent(&self, slot: u64) -> bool {
        let recent = self.environment.sysvars.recent_slots.as_deref();
        recent.is_some_and(|slots| slots.contains(&slot))
    }

    /// Reads accounts as the block's first transaction sees them.
    ///
    /// # Errors
    /// If the store fails.
    pub fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        self.parent.load(addresses, accounts)?;
        for (address, account) in addresses.iter().zip(accounts) {
            if let Some(sysvar) = self.sysvar_account(address) {
                *account = sysvar.clone();
            }
        }
        Ok(())
    }

    /// Reads one account as the block's first transaction sees it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn get(&self, address: &Address) -> Result<Option<Account>, StoreError> {
        match self.sysvar_account(address) {
            Some(account) => Ok(Some(account.clone())),
            None => self.parent.get(address),
        }
    }

    /// The sysvar accounts as this block shows them, in ascending order of addresses.
    pub(crate) fn sysvar_accounts(&self) -> &[Change] {
        &self.sysvar_accounts
    }

    fn sysvar_account(&self, address: &Address) -> Option<&Account> {
        // Sysvars share their first two bytes; almost every other address differs in them.
        let is_candidate = |key: &Address| key.as_array()[..2] == address.as_array()[..2];
        let mut candidates = self
            .sysvar_accounts
            .iter()
            .filter(|(key, _)| is_candidate(key));
        candidates
            .find(|(key, _)| key == address)
            .map(|(_, account)| account)
    }

    /// Closes the bank with what executing its block came to.
    ///
    /// The block hash is SHA-256 over the domain `lockstep-block`, the parent's block hash, the
    /// slot, the number of included transactions, the delta root and the receipts hash.
    pub fn freeze(self, result: BlockResult) -> Arc<FrozenBank> {
        let count = u64::try_from(result.transaction_count).expect("a count fits 64 bits");
        let digest = Sha256::new()
            .chain_update(b"lockstep-block")
            .chain_update(self.parent.block_hash)
            .chain_update(self.slot.to_le_bytes())
            .chain_update(count.to_le_bytes())
            .chain_update(result.delta_root)
            .chain_update(result.receipts_hash)
            .finalize();
        let block_hash = Hash::new_from_array(digest.into());
        let newest = RecentBlockhash {
            blockhash: block_hash,
            lamports_per_signature: LAMPORTS_PER_SIGNATURE,
        };
        Arc::new(FrozenBank {
            ledger: Arc::clone(&self.parent.ledger),
            slot: self.slot,
            block_hash,
            delta_root: result.delta_root,
            environment: self.environment,
            blockhashes: self.parent.blockhashes.with(newest),
            costs: result.costs,
            overlay: Shared::new(Some(Overlay {
                parent: self.parent,
                changes: result.changes,
                processed: result.processed,
            })),
        })
    }
}
