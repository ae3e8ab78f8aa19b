//! From the bytes of a snapshot to a store with its state, every byte verified on the way.

use std::io::Read;

use lockstep_interface::{Address, Hash};
use lockstep_store::{BlockBatch, BlockRecord, Change, Store, Trie, TrieBuilder, decode_account};

use super::{
    BLOCKS_MAX, Progress, RECENT_BLOCKS,
    error::{Fault, ImportError, Part},
    frame::{ACCOUNT_SIZE_MIN, Frame, FrameReader, Kind},
    head::Head,
};
use crate::{
    bank::{CostTable, Genesis},
    block::{BlockHeader, transaction_root},
    chain::log,
    chain::parameters::Parameters,
    threads::Threads,
};

/// What the genesis of a snapshot's chain decided, so that an importer finds its programs. O(head).
///
/// # Errors
/// If the snapshot's beginning is wrong, with byte and cause.
pub fn parameters(source: &mut dyn Read) -> Result<Parameters, ImportError> {
    Ok(read_head(&mut FrameReader::start(source)?)?.parameters)
}

fn read_head(frames: &mut FrameReader<'_>) -> Result<Head, ImportError> {
    let frame = frames.next(Part::Head, &[Kind::Head])?;
    Head::decode(&frame.payload).map_err(|fault| frame.damaged(Part::Head, fault))
}

/// Puts the state of a snapshot into an empty store, and gives the trie of its accounts, with which
/// [`Chain::open`](crate::chain::Chain::open) opens the chain. A snapshot of another block than the
/// `expected` one is refused.
///
/// The store has the newest block if and only if all checks passed. Memory grows by a chunk of
/// accounts, the message hashes of a block, and the trie. O(size of the snapshot).
///
/// # Errors
/// If the snapshot is wrong, with byte, part and cause; or if the store fails. The store is then of
/// no use.
pub fn import(
    source: &mut dyn Read,
    store: &dyn Store,
    genesis: &Genesis,
    expected: Option<&Hash>,
    threads: &Threads,
    progress: &mut dyn FnMut(Progress),
) -> Result<Trie, ImportError> {
    if store.tip().is_some() || !store.page(None)?.is_empty() {
        return Err(ImportError::NotEmpty);
    }
    let mut frames = FrameReader::start(source)?;
    let head = read_head(&mut frames)?;
    if let Some(expected) = expected.filter(|expected| **expected != head.tip) {
        return Err(ImportError::OtherBlock {
            expected: *expected,
            found: head.tip,
        });
    }
    let tip = import_blocks(&mut frames, &head, store, genesis, threads)?;

    let mut accounts = Accounts {
        builder: TrieBuilder::default(),
        last: None,
        so_far: Progress {
            accounts_done: 0,
            account_count: head.account_count,
        },
    };
    let mut number = 0usize;
    let end = loop {
        let part = Part::Chunk(number);
        let frame = frames.next(part, &[Kind::Accounts, Kind::End])?;
        if frame.kind == Kind::End {
            break frame;
        }
        let chunk = accounts.read(&frame.payload);
        let chunk = chunk.map_err(|fault| frame.damaged(part, fault))?;
        store.fill(&chunk)?;
        accounts.builder.push(&chunk, threads)?;
        progress(accounts.so_far);
        number = number.saturating_add(1);
    };
    let trie = std::mem::take(&mut accounts.builder).build(threads)?;
    let checked = accounts.check(trie.root(), &end.payload, &tip.header, frames.digest());
    checked.map_err(|fault| end.damaged(Part::End, fault))?;
    if !frames.is_at_end()? {
        return Err(end.damaged(Part::End, Fault::TrailingBytes));
    }
    tip.commit(store, genesis, &head.costs)?;
    Parameters::of(genesis).keep(store)?;
    Ok(trie)
}

/// A block without its transactions.
struct Summary {
    id: Hash,
    header: BlockHeader,
    message_hashes: Vec<Hash>,
}

/// Reads and checks the blocks; all but the newest are committed.
fn import_blocks(
    frames: &mut FrameReader<'_>,
    head: &Head,
    store: &dyn Store,
    genesis: &Genesis,
    threads: &Threads,
) -> Result<Summary, ImportError> {
    let count = head.block_count as usize;
    let recent = count.saturating_sub(RECENT_BLOCKS);
    let mut newest: Option<Summary> = None;
    for place in 0..count {
        let part = Part::Block(place);
        let frame = frames.next(part, &[Kind::Block])?;
        let wrong = |fault| frame.damaged(part, fault);
        let block = Summary::decode(&frame.payload).map_err(wrong)?;
        match &newest {
            None => check_first(&block, head, genesis, &frame)?,
            Some(parent) => block.check_follows(parent).map_err(wrong)?,
        }
        let is_recent = place >= recent;
        block.check_messages(is_recent, threads).map_err(wrong)?;
        let is_last = place.saturating_add(1) == count;
        if is_last && block.id != head.tip {
            return Err(wrong(Fault::Newest(head.tip)));
        }
        if is_last && block.header.state_root.is_none() {
            return Err(wrong(Fault::NoStateRoot));
        }
        if let Some(parent) = newest.replace(block) {
            parent.commit(store, genesis, &CostTable::default())?;
        }
    }
    Ok(newest.expect("a head states at least one block"))
}

/// Checks the first block, and with it that the head is of the chain of this genesis.
fn check_first(
    block: &Summary,
    head: &Head,
    genesis: &Genesis,
    frame: &Frame,
) -> Result<(), ImportError> {
    let wrong = |fault| Err(frame.damaged(Part::Block(0), fault));
    let slot = block.header.slot;
    let found = head.block_count as usize;
    if slot != genesis.slot && found < BLOCKS_MAX {
        return wrong(Fault::History { found });
    }
    head.parameters.check(genesis)?;
    let (stated, found) = (block.id, block.header.id());
    if stated != found {
        return wrong(Fault::BlockId { stated, found });
    }
    Ok(())
}

impl Summary {
    fn decode(payload: &[u8]) -> Result<Self, Fault> {
        let wrong_fields = Fault::Fields {
            found: payload.len(),
        };
        let parts = payload.split_first_chunk().and_then(|(id, rest)| {
            let (header, hashes) = rest.split_at_checked(BlockHeader::SIZE)?;
            Some((id, header, hashes))
        });
        let Some((id, header, hashes)) = parts else {
            return Err(wrong_fields);
        };
        let (hashes, []) = hashes.as_chunks() else {
            return Err(wrong_fields);
        };
        Ok(Self {
            id: Hash::new_from_array(*id),
            header: BlockHeader::decode(header).map_err(Fault::Header)?,
            message_hashes: hashes.iter().copied().map(Hash::new_from_array).collect(),
        })
    }

    fn check_follows(&self, parent: &Self) -> Result<(), Fault> {
        let (stated, found) = (self.id, self.header.id());
        if stated != found {
            return Err(Fault::BlockId { stated, found });
        }
        let (header, before) = (&self.header, &parent.header);
        let goes_back = header.slot <= before.slot || header.unix_timestamp < before.unix_timestamp;
        if header.parent_id != parent.id || goes_back {
            let slot = before.slot;
            return Err(Fault::Parent { slot });
        }
        Ok(())
    }

    fn check_messages(&self, is_recent: bool, threads: &Threads) -> Result<(), Fault> {
        let count = self.header.transaction_count as usize;
        let expected = if is_recent { count } else { 0 };
        let found = self.message_hashes.len();
        if found != expected {
            return Err(Fault::MessageCount { expected, found });
        }
        let is_right = !is_recent
            || transaction_root(&self.message_hashes, threads) == self.header.transaction_root;
        is_right.then_some(()).ok_or(Fault::TransactionRoot)
    }

    fn commit(
        &self,
        store: &dyn Store,
        genesis: &Genesis,
        costs: &CostTable,
    ) -> Result<(), ImportError> {
        let header = &self.header;
        let record = BlockRecord {
            slot: header.slot,
            block_id: self.id,
            parent_id: header.parent_id,
            delta_root: header.delta_root,
            state_root: header.state_root,
        };
        let summary = log::encode_summary(header, &self.message_hashes, costs);
        let is_genesis = header.slot == genesis.slot;
        let body: &[u8] = if is_genesis { &[] } else { &summary };
        let changes = &[];
        store.commit(&BlockBatch {
            record,
            changes,
            body,
        })?;
        Ok(())
    }
}

/// The accounts that were read so far.
struct Accounts {
    builder: TrieBuilder,
    last: Option<Address>,
    so_far: Progress,
}

impl Accounts {
    /// The accounts of a chunk.
    fn read(&mut self, mut rest: &[u8]) -> Result<Vec<Change>, Fault> {
        let wrong_fields = Fault::Fields { found: rest.len() };
        if rest.is_empty() {
            return Err(wrong_fields);
        }
        let mut accounts = Vec::new();
        while !rest.is_empty() {
            let size = account_size(rest).and_then(|size| rest.split_at_checked(size));
            let (bytes, others) = size.ok_or_else(|| wrong_fields.clone())?;
            let (address, account) = bytes
                .split_first_chunk()
                .expect("an account begins with its address");
            let address = Address::new_from_array(*address);
            let account = decode_account(account);
            let account = account.map_err(|error| Fault::Account { address, error })?;
            if !account.exists() {
                return Err(Fault::AccountMissing(address));
            }
            if self.last.is_some_and(|last| last >= address) {
                return Err(Fault::AccountOrder(address));
            }
            self.last = Some(address);
            accounts.push((address, account));
            rest = others;
        }
        let done = &mut self.so_far.accounts_done;
        *done = done.saturating_add(accounts.len() as u64);
        Ok(accounts)
    }

    /// Compares the counts and roots that head and end state with the accounts that were read.
    fn check(
        &self,
        found_root: Hash,
        end: &[u8],
        tip: &BlockHeader,
        digest: Hash,
    ) -> Result<(), Fault> {
        let (found, stated) = (self.so_far.accounts_done, self.so_far.account_count);
        if found != stated {
            return Err(Fault::AccountCount { stated, found });
        }
        let ([root, stated_digest], []) = end.as_chunks::<32>() else {
            return Err(Fault::Fields { found: end.len() });
        };
        let found = found_root;
        let in_header = tip.state_root.ok_or(Fault::NoStateRoot)?;
        for stated in [in_header, Hash::new_from_array(*root)] {
            if stated != found {
                return Err(Fault::StateRoot { stated, found });
            }
        }
        if *stated_digest != digest.to_bytes() {
            return Err(Fault::Digest);
        }
        Ok(())
    }
}

/// Bytes of the account, with its address, that these begin with.
fn account_size(bytes: &[u8]) -> Option<usize> {
    let size = bytes.get(..ACCOUNT_SIZE_MIN)?.last_chunk()?;
    let size = u32::from_le_bytes(*size) as usize;
    size.checked_add(ACCOUNT_SIZE_MIN)
}
