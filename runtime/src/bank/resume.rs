//! The newest bank of a ledger that was closed.

use std::sync::{Arc, OnceLock};

use lockstep_interface::{
    Account,
    activation::{SCHEDULE, Schedule},
    sysvar::{RecentBlockhash, SLOT_HASHES_MAX, SlotHash},
};
use lockstep_store::{BlockRecord, Store, StoreError, Trie, sync::Shared};
use thiserror::Error;

use super::{
    BlockhashQueue, CostTable, FrozenBank, Genesis, ImportedSet, Ledger, MissingFeature,
    ProcessedHistory, ProcessedSet, activated::activate, genesis::blockhash,
};
use crate::block::BlockHeader;

/// What a bank knows besides its accounts, as the log of its ledger tells it.
#[derive(Debug)]
pub struct Resumed<'g> {
    /// Programs, rules, rent and first blockhashes of the ledger, and what is linked in; its
    /// accounts do not matter.
    pub genesis: &'g Genesis,
    /// The accounts.
    pub store: Arc<dyn Store>,
    /// The trie over them; `None` on a chain that computes no state root.
    pub trie: Option<Trie>,
    /// The records of the newest blocks, oldest first; 512, or all since the genesis.
    pub records: Vec<BlockRecord>,
    /// The newest block's header.
    pub header: BlockHeader,
    /// What was learned up to it.
    pub costs: CostTable,
    /// The transactions of those blocks among the newest 151 of which the blockhashes of
    /// transactions are not known.
    pub imported: ImportedSet,
    /// The transactions of the others.
    pub processed: Vec<ProcessedSet>,
}

/// Why a ledger does not go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// It has activated what is not linked in.
    #[error(transparent)]
    Missing(#[from] MissingFeature),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Resumed<'_> {
    /// The newest bank, final, with all that was activated up to its slot.
    ///
    /// # Errors
    /// If something of it is not linked in, or the store fails.
    ///
    /// # Panics
    /// If there is no record.
    pub fn open(self) -> Result<Arc<FrozenBank>, ResumeError> {
        let newest = self.records.last().expect("a ledger has a block");
        let mut blockhashes: Vec<RecentBlockhash> = Vec::new();
        let mut records = &self.records[..];
        if records[0].slot == self.genesis.slot && !self.genesis.blockhashes.is_empty() {
            // They stand for the genesis block's id.
            blockhashes.extend(&self.genesis.blockhashes);
            records = &records[1..];
        }
        blockhashes.extend(records.iter().map(|record| blockhash(record.block_id)));
        let blockhashes = BlockhashQueue::new(blockhashes);
        let history = ProcessedHistory::new(self.imported);
        for set in self.processed {
            history.push(set, &blockhashes);
        }
        let mut environment = self.genesis.environment();
        let older = self.records.iter().rev().skip(1);
        let slot_hashes = older.take(SLOT_HASHES_MAX).map(|record| SlotHash {
            slot: record.slot,
            hash: record.block_id,
        });
        environment.sysvars.slot_hashes = Some(Arc::new(slot_hashes.collect()));
        let mut account = [Account::default()];
        self.store.load(&[SCHEDULE], &mut account)?;
        let schedule = Schedule::from_account(&account[0]).unwrap_or_default();
        let linked = self.genesis.linked.clone();
        activate(schedule.begun(None, newest.slot), &mut environment, &linked)?;
        Ok(Arc::new(FrozenBank {
            block_hash: newest.block_id,
            ledger: Ledger::new(
                self.store,
                (linked, self.genesis.fee_policy),
                history,
                newest.slot,
            ),
            header: self.header,
            schedule: Arc::new(schedule),
            environment,
            blockhashes,
            costs: self.costs,
            trie: self.trie,
            inherited: OnceLock::new(),
            overlay: Shared::new(None),
        }))
    }
}
