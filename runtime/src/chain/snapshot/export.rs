//! From a chain to the bytes of a snapshot.

use std::io::Write;

use lockstep_interface::{Address, Hash};
use lockstep_store::{BlockRecord, Change, StoredBlock, encode_account};

use super::{
    BLOCKS_MAX, CHUNK_SIZE, Progress, RECENT_BLOCKS, TRANSACTIONS_MAX,
    error::ExportError,
    frame::{FrameWriter, Kind},
    head::Head,
};
use crate::{
    bank::FrozenBank,
    chain::{
        Chain, OpenError, Parameters,
        log::{self, Logged},
    },
    threads::Threads,
};

/// What was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Exported {
    /// Id of the block after which this is the state.
    pub block_id: Hash,
    /// The block's slot.
    pub slot: u64,
    /// Accounts.
    pub account_count: u64,
    /// Blocks whose headers came along.
    pub block_count: usize,
    /// Bytes of the snapshot.
    pub size: u64,
}

/// See [`Chain::export`].
pub(in crate::chain) fn export(
    chain: &Chain,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<Exported, ExportError> {
    // The log is not pruned while it is read.
    let exporting = chain.exports.read();
    let (view, records) = {
        let _settled = chain.commits.read();
        let view = chain.forks.write().head_view();
        view.check_settled()?;
        (view, chain.store.records(BLOCKS_MAX)?)
    };
    let head = head(view.bank(), &chain.parameters, records.len())?;
    let mut frames = FrameWriter::start(out)?;
    let encoded = head.encode().map_err(OpenError::Parameters)?;
    frames.write(Kind::Head, &encoded)?;
    write_blocks(chain, &records, &mut frames)?;
    drop(exporting);
    let mut accounts = AccountWriter {
        frames,
        chunk: Vec::with_capacity(CHUNK_SIZE),
        progress,
        so_far: Progress {
            accounts_done: 0,
            account_count: head.account_count,
        },
    };
    let mut after: Option<Address> = None;
    loop {
        let (page, last) = {
            // No block becomes final while a page is read.
            let _settled = chain.commits.read();
            view.page(&*chain.store, after.as_ref())?
        };
        accounts.write(&page)?;
        after = last;
        if after.is_none() {
            break;
        }
    }
    let mut frames = accounts.finish()?;
    let state_root = view.header().state_root.ok_or(ExportError::NoStateRoot)?;
    let digest = frames.digest();
    frames.write(Kind::End, &[state_root.to_bytes(), digest].concat())?;
    Ok(Exported {
        block_id: head.tip,
        slot: view.header().slot,
        account_count: head.account_count,
        block_count: head.block_count as usize,
        size: frames.size(),
    })
}

fn write_blocks(
    chain: &Chain,
    records: &[BlockRecord],
    frames: &mut FrameWriter<'_>,
) -> Result<(), ExportError> {
    let recent = records.len().saturating_sub(RECENT_BLOCKS);
    for (place, record) in records.iter().enumerate() {
        let slot = record.slot;
        let stored = chain.store.block(slot)?;
        let stored = stored.ok_or_else(|| log::wrong(slot, "is missing"))?;
        let payload = block_payload(&stored, place >= recent, &chain.options.threads)?;
        frames.write(Kind::Block, &payload)?;
    }
    Ok(())
}

fn block_payload(
    stored: &StoredBlock,
    is_recent: bool,
    threads: &Threads,
) -> Result<Vec<u8>, ExportError> {
    let header = log::header(stored)?;
    let mut payload = stored.record.block_id.to_bytes().to_vec();
    payload.extend(header.encode());
    if is_recent {
        let hashes = Logged::read(stored, threads)?.message_hashes();
        let found = hashes.len();
        let slot = stored.record.slot;
        if found > TRANSACTIONS_MAX {
            return Err(ExportError::TransactionCount { slot, found });
        }
        payload.extend(hashes.iter().flat_map(|hash| hash.to_bytes()));
    }
    Ok(payload)
}

fn head(
    bank: &FrozenBank,
    parameters: &Parameters,
    block_count: usize,
) -> Result<Head, ExportError> {
    let trie = bank.trie().ok_or(ExportError::NoStateRoot)?;
    Ok(Head {
        tip: bank.block_hash(),
        account_count: trie.account_count() as u64,
        block_count: u32::try_from(block_count).expect("at most 512"),
        parameters: parameters.clone(),
        costs: bank.costs().clone(),
    })
}

/// Writes accounts in chunks that depend on the accounts alone.
struct AccountWriter<'w, 'p> {
    frames: FrameWriter<'w>,
    chunk: Vec<u8>,
    progress: &'p mut dyn FnMut(Progress),
    so_far: Progress,
}

impl<'w> AccountWriter<'w, '_> {
    fn write(&mut self, accounts: &[Change]) -> Result<(), ExportError> {
        for (address, account) in accounts {
            let bytes = encode_account(account);
            let size = bytes.len().saturating_add(address.as_array().len());
            if self.chunk.len().saturating_add(size) > CHUNK_SIZE {
                self.flush()?;
            }
            self.chunk.extend_from_slice(address.as_array());
            self.chunk.extend_from_slice(&bytes);
            self.so_far.accounts_done = self.so_far.accounts_done.saturating_add(1);
        }
        (self.progress)(self.so_far);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        if !self.chunk.is_empty() {
            self.frames.write(Kind::Accounts, &self.chunk)?;
            self.chunk.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<FrameWriter<'w>, ExportError> {
        self.flush()?;
        let (found, stated) = (self.so_far.accounts_done, self.so_far.account_count);
        if found != stated {
            return Err(ExportError::AccountCount { stated, found });
        }
        Ok(self.frames)
    }
}
