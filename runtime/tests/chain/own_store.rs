//! A store as an embedder would write it: ordered maps, kept as a whole in one file.
//!
//! Each change makes a new state, writes it to a file beside, gives that the file's name, and only
//! then shows it to readers. So there is no instant at which a reader, or a process that is started
//! again, could find half of a block.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    ops::Bound,
    path::{Path, PathBuf},
    sync::Arc,
};

use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{
    BlockBatch, BlockRecord, Change, Store, StoreError, StoredBlock, decode_account,
    encode_account, sync::Shared,
};

/// Accounts of a page.
const PAGE_SIZE: usize = 100;

/// The maps, and what is written of them.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default)]
struct State {
    accounts: BTreeMap<[u8; 32], Vec<u8>>,
    blocks: BTreeMap<u64, Block>,
    parameters: Option<Vec<u8>>,
}

#[derive(BorshDeserialize, BorshSerialize, Clone, Debug)]
struct Block {
    block_id: [u8; 32],
    parent_id: [u8; 32],
    delta_root: [u8; 32],
    state_root: Option<[u8; 32]>,
    body: Vec<u8>,
}

impl Block {
    fn record(&self, slot: u64) -> BlockRecord {
        BlockRecord {
            slot,
            block_id: Hash::new_from_array(self.block_id),
            parent_id: Hash::new_from_array(self.parent_id),
            delta_root: Hash::new_from_array(self.delta_root),
            state_root: self.state_root.map(Hash::new_from_array),
        }
    }
}

impl State {
    fn put(&mut self, changes: &[Change]) {
        for (address, account) in changes {
            if account.exists() {
                let bytes = encode_account(account);
                self.accounts.insert(address.to_bytes(), bytes);
            } else {
                self.accounts.remove(address.as_array());
            }
        }
    }

    fn tip(&self) -> Option<BlockRecord> {
        let (slot, block) = self.blocks.last_key_value()?;
        Some(block.record(*slot))
    }
}

/// Accounts and blocks in one file.
#[derive(Debug)]
pub(crate) struct FileStore {
    path: PathBuf,
    /// Readers take the state as it is, and are not disturbed by the next.
    state: Shared<Arc<State>>,
}

fn failed(operation: &'static str, error: std::io::Error) -> StoreError {
    let source = error.into();
    StoreError::Medium { operation, source }
}

impl FileStore {
    /// Opens the store in a directory, or makes one.
    pub(crate) fn open(directory: &Path) -> Self {
        let path = directory.join("state");
        let state = fs::read(&path).map_or_else(
            |_| State::default(),
            |bytes| borsh::from_slice(&bytes).expect("the file was written as a whole"),
        );
        Self {
            path,
            state: Shared::new(Arc::new(state)),
        }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read())
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> Result<(), StoreError> {
        let mut next = State::clone(&self.state());
        change(&mut next);
        let unfinished = self.path.with_extension("unfinished");
        let bytes = borsh::to_vec(&next).expect("memory takes all bytes");
        let written = File::create(&unfinished).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &self.path)
        });
        written.map_err(|error| failed("write the state", error))?;
        *self.state.write() = Arc::new(next);
        Ok(())
    }
}

impl Store for FileStore {
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        let state = self.state();
        for (address, account) in addresses.iter().zip(accounts) {
            *account = match state.accounts.get(address.as_array()) {
                Some(bytes) => decode_account(bytes).expect("only accounts are put here"),
                None => Account::default(),
            };
        }
        Ok(())
    }

    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError> {
        let record = block.record;
        if record.is_repeat(self.tip().as_ref())? {
            return Ok(());
        }
        self.change(|state| {
            state.put(block.changes);
            let kept = Block {
                block_id: record.block_id.to_bytes(),
                parent_id: record.parent_id.to_bytes(),
                delta_root: record.delta_root.to_bytes(),
                state_root: record.state_root.map(|root| root.to_bytes()),
                body: block.body.to_vec(),
            };
            state.blocks.insert(record.slot, kept);
        })
    }

    fn tip(&self) -> Option<BlockRecord> {
        self.state().tip()
    }

    fn block(&self, slot: u64) -> Result<Option<StoredBlock>, StoreError> {
        let state = self.state();
        Ok(state.blocks.get(&slot).map(|block| StoredBlock {
            record: block.record(slot),
            body: block.body.clone(),
        }))
    }

    fn records(&self, count: usize) -> Result<Vec<BlockRecord>, StoreError> {
        let state = self.state();
        let newest = state.blocks.iter().rev().take(count);
        let mut records: Vec<BlockRecord> =
            newest.map(|(slot, block)| block.record(*slot)).collect();
        records.reverse();
        Ok(records)
    }

    fn prune(&self, slot: u64) -> Result<(), StoreError> {
        let Some(tip) = self.tip() else {
            return Ok(());
        };
        self.change(|state| state.blocks = state.blocks.split_off(&slot.min(tip.slot)))
    }

    fn page(&self, after: Option<&Address>) -> Result<Vec<Change>, StoreError> {
        let state = self.state();
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(*after.as_array()));
        let accounts = state.accounts.range((start, Bound::Unbounded));
        let page = accounts.take(PAGE_SIZE).map(|(address, bytes)| {
            let account = decode_account(bytes).expect("only accounts are put here");
            (Address::new_from_array(*address), account)
        });
        Ok(page.collect())
    }

    fn fill(&self, accounts: &[Change]) -> Result<(), StoreError> {
        self.change(|state| state.put(accounts))
    }

    fn parameters(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state().parameters.clone())
    }

    fn keep_parameters(&self, parameters: &[u8]) -> Result<(), StoreError> {
        self.change(|state| state.parameters = Some(parameters.to_vec()))
    }
}
