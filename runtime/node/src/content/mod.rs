//! Blocks with what became of their transactions: what the log of a node keeps beyond the chain's
//! own entry, as a note, and what every answer about the past is made of.
//!
//! ```text
//! BuiltBlock --Content::of_built--> Content --note--> log      StoredBlock --of_stored--> Content
//!
//! note   version 1 | height u64 | slot of the parent u64 | zstd of the borsh of all metas
//! ```
//! A block from before a snapshot has no transactions here; one that another command has appended
//! to the ledger has transactions without logs and balances.

mod meta;

use std::sync::Arc;

use lockstep_interface::{Address, Hash};
use lockstep_programs::lookup_table::HEADER_SIZE;
use lockstep_runtime::{
    block::{Block, BlockHeader, BlockLimits, Receipt},
    chain::{BuiltBlock, ReadBlock, View, ViewError, logged_block, logged_note},
    wire::{TransactionView, Version, WireBlock},
};
use lockstep_scheduler::Plan;
use lockstep_store::StoredBlock;
use thiserror::Error;

pub use meta::{InnerCall, TokenBalance, TransactionMeta};

/// The version of notes.
const VERSION: u8 = 1;
/// Bytes of a note in front of the compressed part.
const NOTE_HEAD_SIZE: usize = 17;
/// How hard notes are compressed: zstd's fastest level with a positive number.
const COMPRESSION: i32 = 1;
/// Bytes that a note's metas may take: a defence against damage.
const METAS_SIZE_MAX: usize = 1 << 30;

/// What of a block in the log cannot be used.
#[derive(Debug, Error)]
#[error("the log's block of slot {slot} {what}")]
pub struct ContentError {
    /// Its slot.
    pub slot: u64,
    /// What is wrong.
    pub what: String,
}

/// A block and the results of its transactions.
#[derive(Debug)]
pub struct Content {
    /// Its id, which is also the blockhash that it makes.
    pub id: Hash,
    /// Its header.
    pub header: BlockHeader,
    /// The number of blocks before it.
    pub height: u64,
    /// The slot of its parent.
    pub parent_slot: u64,
    /// Its transactions in canonical order.
    pub transactions: WireBlock,
    /// Their results, one for each.
    pub metas: Vec<TransactionMeta>,
    /// Its plan, over places in that order.
    pub plan: Plan,
}

impl Content {
    /// The content of a block that was built here, `height` blocks above the genesis.
    pub fn of_built(built: &BuiltBlock, height: u64, parent_slot: u64) -> Arc<Self> {
        let block = Block::decode(built.bytes(), &BlockLimits::UNLIMITED);
        let (transactions, plan, _) = block.expect("it was made here").body.into_parts();
        let schedule = &built.schedule;
        let receipts = built.receipts.iter().zip(&schedule.order);
        let metas = receipts.zip(transactions.iter());
        let metas = metas.map(|((receipt, index), bytes)| {
            let view = TransactionView::parse(bytes).expect("it is in a block");
            let mut meta = TransactionMeta::of(receipt);
            if view.version() == Version::V0 {
                let accesses = schedule.table.accesses(*index);
                let address = |place: usize| {
                    let account = accesses[place].account();
                    schedule.addresses[account.0 as usize].to_bytes()
                };
                let start = view.static_keys().len();
                let middle = start.saturating_add(view.writable_lookup_count());
                meta.loaded_writable = (start..middle).map(address).collect();
                meta.loaded_readonly = (middle..view.account_count()).map(address).collect();
            }
            meta
        });
        let metas = metas.collect();
        Arc::new(Self {
            id: built.id,
            header: built.header,
            height,
            parent_slot,
            transactions,
            metas,
            plan,
        })
    }

    /// The content of a block of another node that was executed here. `state` is that after its
    /// parent, where lookup tables are looked up.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn of_executed(
        block: &ReadBlock,
        receipts: &[Receipt],
        height: u64,
        parent_slot: u64,
        state: &View,
    ) -> Result<Arc<Self>, ViewError> {
        let mut metas = Vec::with_capacity(receipts.len());
        for (receipt, bytes) in receipts.iter().zip(block.transactions().iter()) {
            let view = TransactionView::parse(bytes).expect("it was executed");
            let mut meta = TransactionMeta::of(receipt);
            let [writable, readonly] = looked_up(state, &view)?;
            meta.loaded_writable = writable;
            meta.loaded_readonly = readonly;
            metas.push(meta);
        }
        Ok(Arc::new(Self {
            id: block.id(),
            header: *block.header(),
            height,
            parent_slot,
            transactions: block.transactions().clone(),
            metas,
            plan: block.plan().clone(),
        }))
    }

    /// The content of a block in the log. O(size).
    ///
    /// # Errors
    /// If the block or its note cannot be read.
    pub fn of_stored(stored: &StoredBlock) -> Result<Self, ContentError> {
        let slot = stored.record.slot;
        let wrong = |what: String| ContentError { slot, what };
        let note = logged_note(&stored.body);
        let note = note.map(decode_note).transpose().map_err(&wrong)?;
        let Some(bytes) = logged_block(&stored.body) else {
            return Ok(Self::without_body(stored));
        };
        let block = Block::decode(bytes, &BlockLimits::UNLIMITED);
        let block = block.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let (transactions, plan, _) = block.body.into_parts();
        let before = slot.saturating_sub(1);
        let (height, parent_slot, metas) = note.unwrap_or((slot, before, Vec::new()));
        if !metas.is_empty() && metas.len() != transactions.len() {
            let (found, expected) = (metas.len(), transactions.len());
            return Err(wrong(format!(
                "has {expected} transactions and the results of {found}"
            )));
        }
        let mut metas = metas;
        metas.resize_with(transactions.len(), TransactionMeta::default);
        Ok(Self {
            id: stored.record.block_id,
            header: block.header,
            height,
            parent_slot,
            transactions,
            metas,
            plan,
        })
    }

    /// A genesis, or a block of which a snapshot has kept the record alone.
    fn without_body(stored: &StoredBlock) -> Self {
        let record = &stored.record;
        Self {
            id: record.block_id,
            header: BlockHeader {
                parent_id: record.parent_id,
                slot: record.slot,
                unix_timestamp: 0,
                transaction_count: 0,
                transaction_root: Hash::default(),
                receipts_root: Hash::default(),
                delta_root: record.delta_root,
                state_root: record.state_root,
                plan_digest: Hash::default(),
            },
            height: if stored.body.is_empty() {
                0
            } else {
                record.slot
            },
            parent_slot: record.slot.saturating_sub(1),
            transactions: WireBlock::default(),
            metas: Vec::new(),
            plan: Plan::new(),
        }
    }

    /// The slot.
    pub fn slot(&self) -> u64 {
        self.header.slot
    }

    /// The bytes that the log keeps with the block.
    ///
    /// # Errors
    /// If compressing fails.
    pub fn note(&self) -> Result<Vec<u8>, std::io::Error> {
        let metas = borsh::to_vec(&self.metas)?;
        let mut note = Vec::with_capacity(NOTE_HEAD_SIZE.saturating_add(metas.len() / 2));
        note.push(VERSION);
        note.extend(self.height.to_le_bytes());
        note.extend(self.parent_slot.to_le_bytes());
        note.extend(zstd::bulk::compress(&metas, COMPRESSION)?);
        Ok(note)
    }

    /// The transaction at a place, parsed.
    pub fn transaction(&self, place: usize) -> Option<TransactionView<'_>> {
        TransactionView::parse(self.transactions.get(place)?).ok()
    }

    /// All transactions with their results.
    pub fn iter(&self) -> impl Iterator<Item = (TransactionView<'_>, &TransactionMeta)> {
        let views = self.transactions.iter();
        let views = views.filter_map(|bytes| TransactionView::parse(bytes).ok());
        views.zip(&self.metas)
    }

    /// The first signature of each transaction.
    pub fn signatures(&self) -> impl Iterator<Item = [u8; 64]> {
        self.iter().map(|(view, _)| signature_of(&view))
    }
}

/// The accounts of a transaction out of lookup tables as a state has them, the writable and the
/// read-only ones.
pub(crate) fn looked_up(
    state: &View,
    view: &TransactionView<'_>,
) -> Result<[Vec<[u8; 32]>; 2], ViewError> {
    let [mut writable, mut readonly] = [Vec::new(), Vec::new()];
    for lookup in view.lookups() {
        let table = state.get(&Address::new_from_array(*lookup.table))?;
        let data = table.map(|table| table.data).unwrap_or_default();
        let addresses = data.get(HEADER_SIZE..).unwrap_or_default();
        let addresses = addresses.as_chunks::<32>().0;
        for (places, found) in [
            (lookup.writable, &mut writable),
            (lookup.readonly, &mut readonly),
        ] {
            let known = places
                .iter()
                .map(|place| addresses.get(usize::from(*place)));
            found.extend(known.map(|address| address.copied().unwrap_or_default()));
        }
    }
    Ok([writable, readonly])
}

/// What a transaction is known by: its first signature.
pub fn signature_of(view: &TransactionView<'_>) -> [u8; 64] {
    view.signatures().first().copied().unwrap_or([0; 64])
}

/// The height of a block with this log entry; `None` if no node made it.
pub fn logged_height(body: &[u8]) -> Option<u64> {
    let (version, rest) = logged_note(body)?.split_first()?;
    let height = rest.first_chunk()?;
    (*version == VERSION).then(|| u64::from_le_bytes(*height))
}

fn decode_note(note: &[u8]) -> Result<(u64, u64, Vec<TransactionMeta>), String> {
    let (head, rest) = note
        .split_first_chunk::<NOTE_HEAD_SIZE>()
        .ok_or("has a note that is cut off")?;
    let [version, numbers @ ..] = *head;
    let [height, parent_slot] = [0, 8].map(|start| {
        let number = numbers.get(start..).and_then(|rest| rest.first_chunk());
        number.copied().map_or(0, u64::from_le_bytes)
    });
    if version != VERSION {
        return Err(format!(
            "has a note of version {version}, expected {VERSION}: a newer release wrote it"
        ));
    }
    let size = zstd::zstd_safe::get_frame_content_size(rest);
    let size = size
        .ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok());
    let size = size.filter(|size| *size <= METAS_SIZE_MAX);
    let size = size.ok_or("has a note of unknown size")?;
    let metas = zstd::bulk::decompress(rest, size);
    let metas = metas.map_err(|error| format!("has a damaged note: {error}"))?;
    let metas = borsh::from_slice(&metas);
    let metas = metas.map_err(|error| format!("has a damaged note: {error}"))?;
    Ok((height, parent_slot, metas))
}

/// The accounts of a transaction in message order: those written out, then the writable, then the
/// read-only ones out of lookup tables.
pub fn account_keys(view: &TransactionView<'_>, meta: &TransactionMeta) -> Vec<Address> {
    let keys = view.static_keys().iter();
    let loaded = meta.loaded_writable.iter().chain(&meta.loaded_readonly);
    keys.chain(loaded)
        .copied()
        .map(Address::new_from_array)
        .collect()
}
