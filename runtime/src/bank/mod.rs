//! Banks: the state at one slot on one fork.
//!
//! An open [`Bank`] is the child of a frozen one and holds what its block's transactions need to
//! know. Executing a block changes nothing; [`Bank::freeze`] takes the write set and gives a
//! [`FrozenBank`], whose reads fall through to its ancestors and then to the store. Several
//! children of one parent may live side by side; finalising one moves its changes to the store.

mod activated;
mod blockhash;
mod costs;
mod fees;
mod genesis;
mod given;
mod inherited;
mod layers;
mod processed;
mod resume;
pub mod root;

use std::{
    slice,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

pub use activated::MissingFeature;
pub(crate) use activated::has_feature;
use activated::{activate, schedule_in};
pub use blockhash::BlockhashQueue;
pub use costs::{CostKind, CostTable};
use genesis::blockhash;
pub use genesis::{Genesis, GenesisError, program_account};
pub(crate) use given::forget_dead;
pub use given::{SysvarGiven, given_accounts, is_written_sysvar};
use inherited::Inherited;
use layers::Layers;
use lockstep_interface::{
    Account, Address, Environment, Hash, ProgramTable, SchemeSet, Sysvars,
    activation::Schedule,
    sysvar::{Clock, SlotHash},
};
use lockstep_store::{BlockBatch, BlockRecord, Change, Store, StoreError, Trie, sync::Shared};
pub use processed::{ImportedSet, MessageKey, ProcessedHistory, ProcessedSet};
pub use resume::{ResumeError, Resumed};

use crate::{
    block::BlockHeader,
    limits::{BLOCKHASHES_MAX, SLOTS_PER_EPOCH},
    rules::FeePolicy,
};

/// The length from which on a store is asked for a list: it locks all of its shards for one, which
/// takes as long as some 60 look-ups of one account each. Bench `sizes`, blocks of 1 and 16.
const LISTED_MIN: usize = 64;

/// What all banks of a ledger share.
#[derive(Debug)]
struct Ledger {
    store: Arc<dyn Store>,
    /// The programs that can be activated.
    linked: ProgramTable,
    fee_policy: FeePolicy,
    history: ProcessedHistory,
    /// The slot of the newest bank whose changes are in the store.
    final_slot: AtomicU64,
}

impl Ledger {
    fn new(
        store: Arc<dyn Store>,
        genesis: (ProgramTable, FeePolicy),
        history: ProcessedHistory,
        final_slot: u64,
    ) -> Arc<Self> {
        let (linked, fee_policy) = genesis;
        Arc::new(Self {
            store,
            linked,
            fee_policy,
            history,
            final_slot: AtomicU64::new(final_slot),
        })
    }
}

/// A block that has been executed: its changes, its hash, and the way to its parent.
#[derive(Debug)]
pub struct FrozenBank {
    ledger: Arc<Ledger>,
    header: BlockHeader,
    block_hash: Hash,
    /// What this bank's state says of activations, those to come included.
    schedule: Arc<Schedule>,
    environment: Environment,
    blockhashes: BlockhashQueue,
    costs: CostTable,
    /// `None` on a chain that computes no state root.
    trie: Option<Trie>,
    /// What children show of this bank and its ancestors; made for the first.
    inherited: OnceLock<Inherited>,
    /// `None` once this bank is final: then the store has all that came before, and this.
    overlay: Shared<Option<Overlay>>,
}

/// What a bank that is not final adds to its parent.
#[derive(Debug)]
struct Overlay {
    parent: Arc<FrozenBank>,
    /// In ascending order of addresses.
    changes: Arc<Vec<Change>>,
    /// Those of this bank and of its ancestors that were not final when it was frozen.
    layers: Layers,
    processed: ProcessedSet,
}

impl Overlay {
    fn new(
        parent: Arc<FrozenBank>,
        slot: u64,
        changes: Vec<Change>,
        processed: ProcessedSet,
    ) -> Self {
        let changes = Arc::new(changes);
        let final_slot = parent.ledger.final_slot.load(Ordering::Acquire);
        let layers = {
            let overlay = parent.overlay.read();
            let below = overlay.as_ref().map(|overlay| &overlay.layers);
            let none = Layers::default();
            below
                .unwrap_or(&none)
                .with(slot, Arc::clone(&changes), final_slot)
        };
        Self {
            parent,
            changes,
            layers,
            processed,
        }
    }
}

/// An open bank: the surroundings of the block that is being executed.
#[derive(Debug)]
pub struct Bank {
    parent: Arc<FrozenBank>,
    slot: u64,
    /// Gets a share of the fees.
    leader: Option<Address>,
    environment: Environment,
    /// The schemes of signatures that hold besides ed25519.
    schemes: SchemeSet,
    /// Accounts that this block writes itself, as its first transaction sees them: sysvars, and the
    /// programs that begin with it. In ascending order of addresses.
    own_accounts: Vec<Change>,
    /// The programs that begin with it.
    begun_programs: Vec<Address>,
    /// A feature without which this block cannot be executed.
    missing: Option<MissingFeature>,
}

/// The results of executing a block; the input of [`Bank::freeze`].
#[derive(Debug)]
pub struct BlockResult {
    /// Changed accounts in strictly ascending order of addresses, sysvar accounts included.
    pub changes: Vec<Change>,
    /// What transactions cost, this block's included.
    pub costs: CostTable,
    /// The included transactions.
    pub processed: ProcessedSet,
    /// What the header says of them.
    pub roots: BlockRoots,
    /// All accounts after the block; `None` on a chain that computes no state root.
    pub trie: Option<Trie>,
}

/// What a header commits to besides the state; zero where it was not computed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BlockRoots {
    /// Number of included transactions.
    pub transaction_count: u32,
    /// See [`transaction_root`](crate::block::transaction_root).
    pub transaction_root: Hash,
    /// See [`receipts_root`](crate::block::receipts_root).
    pub receipts_root: Hash,
    /// See [`delta_root`](root::delta_root).
    pub delta_root: Hash,
    /// See [`plan_digest`](crate::block::plan_digest).
    pub plan_digest: Hash,
}

impl FrozenBank {
    /// The slot.
    pub fn slot(&self) -> u64 {
        self.header.slot
    }

    /// The block's header.
    pub fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// Hash of this block and, through its parent's, of all before: the id of its header, and the
    /// newest blockhash, except after a genesis with blockhashes of its own.
    pub fn block_hash(&self) -> Hash {
        self.block_hash
    }

    /// Root over the accounts that this block changed.
    pub fn delta_root(&self) -> Hash {
        self.header.delta_root
    }

    /// All accounts as hashes; `None` on a chain that computes no state root.
    pub fn trie(&self) -> Option<&Trie> {
        self.trie.as_ref()
    }

    /// The activations that this bank's state keeps, those to come included.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Rules, programs, rent, and sysvars as the block's transactions saw them.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The blockhashes a child's transactions may refer to.
    pub fn blockhashes(&self) -> &BlockhashQueue {
        &self.blockhashes
    }

    /// What transactions cost, as learned up to this block. Children plan with it.
    pub fn costs(&self) -> &CostTable {
        &self.costs
    }

    /// Opens a child for `slot` at the given time in seconds since 1970. What the state activates
    /// up to that slot is there; if something of it is not linked in, the child knows
    /// ([`Bank::missing`]), and no engine executes it.
    ///
    /// # Panics
    /// If the slot is not above this bank's.
    pub fn child(self: &Arc<Self>, slot: u64, unix_timestamp: i64) -> Bank {
        let newest = self.slot();
        assert!(slot > newest, "slot {slot} must be above slot {newest}");
        let mut environment = self.environment.clone();
        let epoch = slot / SLOTS_PER_EPOCH;
        environment.sysvars.clock = Some(Clock {
            slot,
            epoch_start_timestamp: 0,
            epoch,
            leader_schedule_epoch: epoch.saturating_add(1),
            unix_timestamp,
        });
        let begun = self.schedule.begun(Some(newest), slot);
        let begun = activate(begun, &mut environment, &self.ledger.linked);
        let (begun, missing) = match begun {
            Ok(begun) => (begun, None),
            Err(missing) => (Vec::new(), Some(missing)),
        };
        let inherited = self.inherited.get_or_init(|| {
            let newest = SlotHash {
                slot: newest,
                hash: self.block_hash,
            };
            let older = self.environment.sysvars.slot_hashes.as_deref();
            let older = older.map_or(&[][..], Vec::as_slice);
            Inherited::new(&self.blockhashes, newest, older)
        });
        let has_loaders = environment.programs.has_loaders();
        let mut own_accounts = inherited.complete(&mut environment.sysvars, has_loaders);
        let begun_programs = begun.iter().map(|(address, _)| *address).collect();
        if !begun.is_empty() {
            own_accounts.extend(begun);
            own_accounts.sort_unstable_by_key(|(address, _)| *address);
        }
        Bank {
            parent: Arc::clone(self),
            slot,
            leader: None,
            environment,
            schemes: SchemeSet::begun(&self.schedule, slot),
            own_accounts,
            begun_programs,
            missing,
        }
    }

    /// Reads accounts into `accounts`; the default account stands for a missing one.
    ///
    /// # Errors
    /// If the store fails.
    pub fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        // Held meanwhile: a bank that became final in between would show its changes in neither.
        let overlay = self.overlay.read();
        let store = &self.ledger.store;
        if addresses.len() < LISTED_MIN {
            for (address, account) in addresses.iter().zip(&mut *accounts) {
                let (address, account) = (slice::from_ref(address), slice::from_mut(account));
                store.load(address, account)?;
            }
        } else {
            store.load(addresses, accounts)?;
        }
        accounts.iter_mut().for_each(forget_dead);
        if let Some(overlay) = &*overlay {
            for (address, account) in addresses.iter().zip(accounts) {
                if let Some(changed) = overlay.layers.get(address) {
                    account.clone_from(changed);
                }
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
        self.load(slice::from_ref(address), &mut account)?;
        let [account] = account;
        Ok(account.exists().then_some(account))
    }

    /// Sets the flag of each transaction that this bank or one before has processed. Looks at no
    /// more ancestors than there are blockhashes: a transaction is in no block before its own
    /// blockhash's.
    pub(crate) fn mark_processed(
        self: &Arc<Self>,
        transactions: &[MessageKey],
        flags: &mut [bool],
    ) {
        let mut bank = Arc::clone(self);
        for _ in 0..BLOCKHASHES_MAX {
            let parent = {
                let overlay = bank.overlay.read();
                let Some(overlay) = &*overlay else {
                    return self.ledger.history.mark(transactions, flags);
                };
                for (transaction, flag) in transactions.iter().zip(flags.iter_mut()) {
                    *flag |= overlay.processed.contains(transaction);
                }
                Arc::clone(&overlay.parent)
            };
            bank = parent;
        }
    }

    /// True once the bank's changes are in the store.
    pub fn is_final(&self) -> bool {
        self.overlay.read().is_none()
    }

    /// The parent; `None` once this bank is final.
    pub fn parent(&self) -> Option<Arc<FrozenBank>> {
        let overlay = self.overlay.read();
        overlay.as_ref().map(|overlay| Arc::clone(&overlay.parent))
    }

    /// The banks that are not final from here on down to the newest that is, youngest first.
    pub(crate) fn unfinal_ancestors(&self) -> Vec<Arc<FrozenBank>> {
        let mut ancestors = Vec::new();
        let mut next = self.parent();
        while let Some(bank) = next.filter(|bank| !bank.is_final()) {
            next = bank.parent();
            ancestors.push(bank);
        }
        ancestors
    }

    /// Makes this bank final: its changes, and those of its ancestors that are not final yet, go
    /// to the store. Banks on other forks must not be used afterwards; this bank and its
    /// descendants may be read meanwhile. One thread at a time may finalise.
    ///
    /// # Errors
    /// If the store fails; the bank is then still not final.
    pub fn finalize(&self) -> Result<(), StoreError> {
        for ancestor in self.unfinal_ancestors().iter().rev() {
            ancestor.finalize_with(&[])?;
        }
        self.finalize_with(&[])
    }

    /// Makes this bank final, whose parent is, and keeps `body` with its block.
    ///
    /// # Errors
    /// If the store fails; the bank is then still not final.
    pub(crate) fn finalize_with(&self, body: &[u8]) -> Result<(), StoreError> {
        {
            let overlay = self.overlay.read();
            let Some(overlay) = &*overlay else {
                return Ok(());
            };
            self.ledger.store.commit(&BlockBatch {
                record: self.record(),
                changes: &overlay.changes,
                body,
            })?;
        }
        let mut overlay = self.overlay.write();
        if let Some(overlay) = overlay.take() {
            self.ledger
                .history
                .push(overlay.processed, &self.blockhashes);
        }
        self.ledger.final_slot.store(self.slot(), Ordering::Release);
        Ok(())
    }

    /// What the store keeps of this bank's block.
    pub fn record(&self) -> BlockRecord {
        BlockRecord {
            slot: self.header.slot,
            block_id: self.block_hash,
            parent_id: self.header.parent_id,
            delta_root: self.header.delta_root,
            state_root: self.header.state_root,
        }
    }

    /// The addresses of the accounts this block changed, in ascending order; none once final.
    pub(crate) fn changed_addresses(&self) -> Vec<Address> {
        let overlay = self.overlay.read();
        let changes = overlay.iter().flat_map(|overlay| &*overlay.changes);
        changes.map(|(address, _)| *address).collect()
    }

    /// The accounts that this block changed, in ascending order of addresses; none once final.
    pub(crate) fn shared_changes(&self) -> Option<Arc<Vec<Change>>> {
        let overlay = self.overlay.read();
        overlay.as_ref().map(|overlay| Arc::clone(&overlay.changes))
    }

    /// The same bank with some accounts replaced, for trying things out, and for executing a part
    /// of a block on the accounts that earlier parts left; it has no trie, and is never final.
    /// `changes` are in strictly ascending order of addresses. O(1).
    pub fn overridden(self: &Arc<Self>, changes: Vec<Change>) -> Arc<Self> {
        Arc::new(Self {
            ledger: Arc::clone(&self.ledger),
            header: self.header,
            block_hash: self.block_hash,
            schedule: Arc::clone(&self.schedule),
            environment: self.environment.clone(),
            blockhashes: self.blockhashes.clone(),
            costs: self.costs.clone(),
            trie: None,
            inherited: OnceLock::new(),
            overlay: Shared::new(Some(Overlay::new(
                Arc::clone(self),
                // Never final.
                u64::MAX,
                changes,
                ProcessedSet::default(),
            ))),
        })
    }

    /// The accounts this block changed, in ascending order of addresses; empty once final.
    pub fn changes(&self) -> Vec<Change> {
        self.overlay
            .read()
            .as_ref()
            .map_or_else(Vec::new, |overlay| overlay.changes.to_vec())
    }
}

impl Bank {
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

    /// The schemes of signatures that hold besides ed25519.
    pub fn schemes(&self) -> SchemeSet {
        self.schemes
    }

    /// The blockhashes transactions may refer to.
    pub fn blockhashes(&self) -> &BlockhashQueue {
        &self.parent.blockhashes
    }

    /// Opens the bank again with other sysvars, for replaying recorded cases.
    #[must_use]
    pub fn with_sysvars(mut self, sysvars: Sysvars) -> Self {
        self.own_accounts = sysvars.accounts();
        self.own_accounts
            .sort_unstable_by_key(|(address, _)| *address);
        self.environment.sysvars = sysvars;
        self
    }

    /// The accounts that this block writes itself, as its first transaction sees them, in ascending
    /// order of addresses: sysvars, and the programs that begin with it.
    pub fn own_accounts(&self) -> &[Change] {
        &self.own_accounts
    }

    /// Whether the block itself makes an account, whatever its transactions do.
    pub fn makes(&self, address: &Address) -> bool {
        let own = &self.own_accounts;
        let place = own.binary_search_by_key(address, |(known, _)| *known);
        is_written_sysvar(address) || place.is_ok()
    }

    /// The programs that begin with this block. Its transactions cannot write their accounts.
    pub(crate) fn begun_programs(&self) -> &[Address] {
        &self.begun_programs
    }

    /// What the chain has activated up to this slot and is not linked in; without it the block
    /// cannot be executed.
    pub fn missing(&self) -> Option<&MissingFeature> {
        self.missing.as_ref()
    }

    /// True if a lookup table that was deactivated in this slot can still be used.
    pub(crate) fn is_recent(&self, slot: u64) -> bool {
        let sysvars = &self.environment.sysvars;
        sysvars.is_recent_slot(slot).unwrap_or_default()
    }

    /// Reads accounts as the block's first transaction sees them.
    ///
    /// # Errors
    /// If the store fails.
    pub fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        self.parent.load(addresses, accounts)?;
        for (address, account) in addresses.iter().zip(accounts) {
            if let Some(own) = self.own_account(address) {
                *account = own.clone();
            }
        }
        Ok(())
    }

    /// Reads one account as the block's first transaction sees it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn get(&self, address: &Address) -> Result<Option<Account>, StoreError> {
        match self.own_account(address) {
            Some(account) => Ok(Some(account.clone())),
            None => self.parent.get(address),
        }
    }

    /// The accounts that this block writes itself and that its parent has otherwise, in ascending
    /// order of addresses. No transaction can have written them.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) fn own_changes(&self) -> Result<Vec<Change>, StoreError> {
        let mut changed = Vec::new();
        for (address, account) in &self.own_accounts {
            if self.parent.get(address)?.as_ref() != Some(account) {
                changed.push((*address, account.clone()));
            }
        }
        Ok(changed)
    }

    fn own_account(&self, address: &Address) -> Option<&Account> {
        // Sysvars share their first two bytes; almost every other address differs in them.
        let is_candidate = |key: &Address| key.as_array()[..2] == address.as_array()[..2];
        let mut candidates = self
            .own_accounts
            .iter()
            .filter(|(key, _)| is_candidate(key));
        candidates
            .find(|(key, _)| key == address)
            .map(|(_, account)| account)
    }

    /// Closes the bank with the results of executing its block.
    pub fn freeze(self, result: BlockResult) -> Arc<FrozenBank> {
        let clock = self.environment.sysvars.clock.as_ref();
        let header = BlockHeader {
            parent_id: self.parent.block_hash,
            slot: self.slot,
            unix_timestamp: clock.map_or(0, |clock| clock.unix_timestamp),
            transaction_count: result.roots.transaction_count,
            transaction_root: result.roots.transaction_root,
            receipts_root: result.roots.receipts_root,
            delta_root: result.roots.delta_root,
            state_root: result.trie.as_ref().map(Trie::root),
            plan_digest: result.roots.plan_digest,
        };
        let block_hash = header.id();
        let changed = schedule_in(&result.changes);
        let schedule = changed.map_or_else(|| Arc::clone(&self.parent.schedule), Arc::new);
        Arc::new(FrozenBank {
            ledger: Arc::clone(&self.parent.ledger),
            header,
            block_hash,
            schedule,
            environment: self.environment,
            blockhashes: self.parent.blockhashes.with(blockhash(block_hash)),
            costs: result.costs,
            trie: result.trie,
            inherited: OnceLock::new(),
            overlay: Shared::new(Some(Overlay::new(
                self.parent,
                self.slot,
                result.changes,
                result.processed,
            ))),
        })
    }
}

impl Drop for FrozenBank {
    /// Lets go of ancestors one by one: a long chain of banks that are not final must not recurse.
    fn drop(&mut self) {
        let mut next = self.overlay.write().take().map(|overlay| overlay.parent);
        while let Some(bank) = next.and_then(Arc::into_inner) {
            let overlay = bank.overlay.write().take();
            next = overlay.map(|overlay| overlay.parent);
        }
    }
}
