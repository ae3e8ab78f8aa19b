//! What the log keeps of a block: its bytes, or a summary if it came with a snapshot; and what the
//! next bank has to know besides.
//!
//! ```text
//! a block     block, which begins with a byte 1 | learned costs | bytes of these, u32
//! with a note block | note | bytes of it, u32 | learned costs | 2^31 + bytes of these, u32
//! a summary   0 | header 214 | message hashes, 32 each | learned costs | bytes of these, u32
//! genesis     nothing
//! ```
//! Integers are little-endian.

use std::sync::Arc;

use lockstep_interface::Hash;
use lockstep_store::{BlockRecord, StoredBlock};

use super::error::OpenError;
use crate::{
    bank::{CostTable, MessageKey},
    block::{Block, BlockHeader, BlockLimits},
    threads::Threads,
    wire::TransactionView,
};

/// The first byte of a summary.
const SUMMARY: u8 = 0;

/// Set in the size of the costs where a note is in front of them.
const NOTED: u32 = 1 << 31;

/// What the log keeps of a block.
pub(super) type Entry = Arc<Vec<u8>>;

/// Appends to a block's bytes the costs learned up to it.
pub(super) fn encode(mut block: Vec<u8>, costs: &CostTable) -> Entry {
    let costs = costs.encode();
    let size = u32::try_from(costs.len()).expect("costs take some kilobytes");
    block.extend(costs);
    block.extend(size.to_le_bytes());
    Arc::new(block)
}

/// The summary of a block that came with a snapshot.
pub(super) fn encode_summary(
    header: &BlockHeader,
    message_hashes: &[Hash],
    costs: &CostTable,
) -> Entry {
    let mut summary = vec![SUMMARY];
    summary.extend(header.encode());
    summary.extend(message_hashes.iter().flat_map(|hash| hash.to_bytes()));
    encode(summary, costs)
}

/// An entry with a note, in place of the one that it may have.
pub(super) fn with_note(entry: &[u8], note: &[u8]) -> Option<Entry> {
    let Parts { block, costs, .. } = split(entry)?;
    let note_size = u32::try_from(note.len()).ok()?;
    let costs_size = u32::try_from(costs.len()).ok()? | NOTED;
    let size = entry.len().saturating_add(note.len()).saturating_add(4);
    let mut noted = Vec::with_capacity(size);
    noted.extend_from_slice(block);
    noted.extend_from_slice(note);
    noted.extend(note_size.to_le_bytes());
    noted.extend_from_slice(costs);
    noted.extend(costs_size.to_le_bytes());
    Some(Arc::new(noted))
}

/// The note that [`Chain::attach`](super::Chain::attach) has left with a block, as the log of a
/// store keeps it; `None` if there is none.
pub fn logged_note(body: &[u8]) -> Option<&[u8]> {
    split(body)?.note
}

/// The bytes of a block as the log of a store keeps it; `None` if there are none: of the genesis,
/// and of blocks from before the snapshot that a ledger was made of.
pub fn logged_block(body: &[u8]) -> Option<&[u8]> {
    let Parts { block, .. } = split(body)?;
    (block.first() != Some(&SUMMARY)).then_some(block)
}

/// An entry taken apart.
struct Parts<'e> {
    block: &'e [u8],
    note: Option<&'e [u8]>,
    costs: &'e [u8],
}

fn split(entry: &[u8]) -> Option<Parts<'_>> {
    let (rest, size) = entry.split_last_chunk()?;
    let size = u32::from_le_bytes(*size);
    let (rest, costs) = split_end(rest, size & !NOTED)?;
    let (block, note) = if size & NOTED == 0 {
        (rest, None)
    } else {
        let (rest, size) = rest.split_last_chunk()?;
        let (block, note) = split_end(rest, u32::from_le_bytes(*size))?;
        (block, Some(note))
    };
    Some(Parts { block, note, costs })
}

/// The last `size` bytes, and those before them.
fn split_end(bytes: &[u8], size: u32) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(size as usize)?)
}

/// The complaint about a block of the log.
pub(super) fn wrong(slot: u64, what: impl Into<String>) -> OpenError {
    let what = what.into();
    OpenError::Log { slot, what }
}

/// The header of a block in the log. That of a genesis, which has no body, is made of its record.
pub(super) fn header(stored: &StoredBlock) -> Result<BlockHeader, OpenError> {
    let StoredBlock { record, body } = stored;
    if body.is_empty() {
        return Ok(genesis_header(record));
    }
    let bytes = body.strip_prefix(&[SUMMARY]).unwrap_or(body);
    let header = bytes.get(..BlockHeader::SIZE);
    let header = header.and_then(|header| BlockHeader::decode(header).ok());
    let header = header.ok_or_else(|| wrong(record.slot, "is no block"))?;
    check_id(&header, record)?;
    Ok(header)
}

fn check_id(header: &BlockHeader, record: &BlockRecord) -> Result<(), OpenError> {
    if header.id() == record.block_id {
        return Ok(());
    }
    Err(wrong(record.slot, "is not the block that its record names"))
}

fn genesis_header(record: &BlockRecord) -> BlockHeader {
    BlockHeader {
        parent_id: record.parent_id,
        slot: record.slot,
        unix_timestamp: 0,
        transaction_count: 0,
        transaction_root: Hash::default(),
        receipts_root: Hash::default(),
        delta_root: record.delta_root,
        state_root: record.state_root,
        plan_digest: Hash::default(),
    }
}

/// A block as the log has it, read.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) header: BlockHeader,
    pub(super) costs: CostTable,
    pub(super) messages: Messages,
}

/// The messages of a block's transactions.
#[derive(Debug)]
pub(super) enum Messages {
    /// Each with its blockhash.
    Full(Vec<MessageKey>),
    /// Of a summary.
    Hashes(Vec<Hash>),
}

impl Logged {
    /// Reads a block of the log. O(transactions) hashes.
    pub(super) fn read(stored: &StoredBlock, threads: &Threads) -> Result<Self, OpenError> {
        let slot = stored.record.slot;
        let header = header(stored)?;
        let (costs, messages) = if stored.body.is_empty() {
            (CostTable::default(), Messages::Full(Vec::new()))
        } else {
            let parts = split(&stored.body).and_then(|Parts { block, costs, .. }| {
                let costs = CostTable::decode(costs)?;
                Some((block, costs))
            });
            let (block, costs) = parts.ok_or_else(|| wrong(slot, "is no block"))?;
            let messages = match block.strip_prefix(&[SUMMARY]) {
                Some(summary) => Messages::summarized(summary),
                None => Messages::of_block(block, threads),
            };
            (costs, messages.map_err(|what| wrong(slot, what))?)
        };
        Ok(Self {
            header,
            costs,
            messages,
        })
    }

    /// The hashes of the block's messages, in its order.
    pub(super) fn message_hashes(self) -> Vec<Hash> {
        match self.messages {
            Messages::Hashes(hashes) => hashes,
            Messages::Full(messages) => messages
                .iter()
                .map(|message| message.message_hash)
                .collect(),
        }
    }
}

impl Messages {
    fn summarized(summary: &[u8]) -> Result<Self, String> {
        let hashes = summary.get(BlockHeader::SIZE..).unwrap_or_default();
        let (hashes, []) = hashes.as_chunks::<32>() else {
            return Err("has a part of a hash".to_owned());
        };
        let hashes = hashes.iter().copied().map(Hash::new_from_array);
        Ok(Self::Hashes(hashes.collect()))
    }

    fn of_block(bytes: &[u8], threads: &Threads) -> Result<Self, String> {
        // The limits may have changed since.
        let block = Block::decode(bytes, &BlockLimits::UNLIMITED);
        let block = block.map_err(|error| format!("cannot be read: {error}"))?;
        let transactions = block.body.transactions();
        let messages = threads.map_indices(transactions.len(), |index| {
            let view = TransactionView::parse(transactions.get(index)?).ok()?;
            Some(MessageKey::of(&view))
        });
        let messages: Option<Vec<MessageKey>> = messages.into_iter().collect();
        let messages = messages.ok_or("has a malformed transaction")?;
        Ok(Self::Full(messages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_taken_apart_as_it_was_put_together() {
        let table = CostTable::default();
        let entry = encode(b"head".to_vec(), &table);
        assert_eq!(logged_block(&entry), Some(b"head".as_slice()));
        assert_eq!(split(&entry).unwrap().costs, table.encode());
        assert_eq!(logged_note(&entry), None);
        assert_eq!(logged_block(&entry[1..]), Some(b"ead".as_slice()));
        for end in 0..4 {
            assert_eq!(logged_block(&entry[..end]), None);
        }
        assert!(split(&[1, 2, 255, 0, 0, 0]).is_none());
    }

    #[test]
    fn a_note_lies_between_block_and_costs_and_can_be_replaced() {
        let table = CostTable::default();
        let plain = encode(b"head".to_vec(), &table);
        let empty = with_note(&plain, b"").unwrap();
        assert_eq!(logged_note(&empty), Some(b"".as_slice()));
        let noted = with_note(&empty, b"a note").unwrap();
        assert_eq!(logged_block(&noted), Some(b"head".as_slice()));
        assert_eq!(logged_note(&noted), Some(b"a note".as_slice()));
        assert_eq!(split(&noted).unwrap().costs, table.encode());
        assert_eq!(noted.len(), plain.len() + 4 + 6);
        for end in 0..12 {
            assert_eq!(logged_block(&noted[noted.len() - end..]), None);
        }
    }

    #[test]
    fn a_summary_is_no_block_and_keeps_header_and_hashes() {
        let record = BlockRecord {
            slot: 7,
            block_id: Hash::default(),
            parent_id: Hash::new_from_array([3; 32]),
            delta_root: Hash::default(),
            state_root: None,
        };
        let header = genesis_header(&record);
        let hashes = [[1; 32], [2; 32]].map(Hash::new_from_array);
        let body = encode_summary(&header, &hashes, &CostTable::default()).to_vec();
        assert_eq!(logged_block(&body), None);
        let block_id = header.id();
        let record = BlockRecord { block_id, ..record };
        let threads = Threads::new(1).unwrap();
        let entry = Logged::read(&StoredBlock { record, body }, &threads).unwrap();
        assert_eq!(entry.header, header);
        assert_eq!(entry.message_hashes(), hashes);
    }
}
