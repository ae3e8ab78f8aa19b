//! The first bank of a ledger.

use std::sync::Arc;

use lockstep_interface::{
    Account, Environment, Hash, ProgramTable, Rent, RuleSet, Sysvars, address::program_ids,
    sysvar::RecentBlockhash,
};
use lockstep_store::{BlockBatch, BlockRecord, Change, Store, StoreError, sync::Shared};

use super::{BlockhashQueue, FrozenBank, Ledger, ProcessedHistory, root::delta_root};
use crate::{costs::CostTable, limits::LAMPORTS_PER_SIGNATURE, threads::Threads};

/// What a ledger starts from.
#[derive(Debug)]
pub struct Genesis {
    /// The accounts, in any order; the last of an address counts.
    pub accounts: Vec<Change>,
    /// The native programs; each gets an account owned by the native loader.
    pub programs: ProgramTable,
    /// The rules.
    pub rules: RuleSet,
    /// Rent parameters.
    pub rent: Rent,
    /// Blockhashes that are valid in the first block, oldest first; if empty, a fixed one is.
    pub blockhashes: Vec<RecentBlockhash>,
    /// The slot of the first bank.
    pub slot: u64,
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
    /// Today's rules and main-network rent, slot 0, with these accounts and programs.
    pub fn new(accounts: Vec<Change>, programs: ProgramTable) -> Self {
        Self {
            accounts,
            programs,
            rules: RuleSet::Current,
            rent: Rent::MAINNET,
            blockhashes: Vec::new(),
            slot: 0,
        }
    }

    /// Writes the accounts to the store and gives the first, final bank.
    ///
    /// # Errors
    /// If the store fails.
    pub fn open(self, store: Arc<dyn Store>) -> Result<Arc<FrozenBank>, StoreError> {
        let mut accounts = self.accounts;
        for program in self.programs.iter() {
            accounts.push((program.address(), program_account(program.name())));
        }
        // A stable sort keeps repeats in order, so that the last one can be kept.
        accounts.sort_by_key(|(address, _)| *address);
        accounts.reverse();
        accounts.dedup_by_key(|(address, _)| *address);
        accounts.reverse();
        let one_thread = Threads::new(1).expect("one thread needs no pool");
        let root = delta_root(&accounts, &one_thread);
        let mut blockhashes = self.blockhashes;
        if blockhashes.is_empty() {
            let lamports_per_signature = LAMPORTS_PER_SIGNATURE;
            blockhashes.push(RecentBlockhash {
                blockhash: root,
                lamports_per_signature,
            });
        }
        let block_hash: Hash = blockhashes.last().map_or(root, |newest| newest.blockhash);
        let record = BlockRecord {
            slot: self.slot,
            block_id: block_hash,
            parent_id: Hash::default(),
            delta_root: root,
            state_root: None,
        };
        store.commit(&BlockBatch {
            record,
            changes: &accounts,
            body: &[],
        })?;
        Ok(Arc::new(FrozenBank {
            ledger: Arc::new(Ledger {
                store,
                history: ProcessedHistory::default(),
            }),
            slot: self.slot,
            block_hash,
            delta_root: root,
            environment: Environment {
                sysvars: Sysvars {
                    rent: Some(self.rent),
                    ..Sysvars::default()
                },
                rules: self.rules,
                programs: self.programs,
            },
            blockhashes: BlockhashQueue::new(blockhashes),
            costs: CostTable::default(),
            overlay: Shared::new(None),
        }))
    }
}
