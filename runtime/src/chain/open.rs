//! Opening a chain: at its genesis, or where it was left.

use std::sync::Arc;

use lockstep_interface::{Hash, sysvar::RECENT_SLOTS_MAX};
use lockstep_store::{BlockRecord, Store, Trie, sync::Shared};

use super::{Chain, ChainOptions, error::OpenError, forks::Forks, log};
use crate::{
    bank::{FrozenBank, Genesis, ProcessedSet, Resumed},
    block::{Block, BlockHeader, BlockLimits},
    costs::CostTable,
    engine::Engine,
    limits::BLOCKHASHES_MAX,
    sanitize::message_hash,
    threads::Threads,
    wire::TransactionView,
};

impl Chain {
    /// Opens the chain in a store, of which `trie` is the trie of all accounts. An empty store
    /// gets the genesis; of a store with blocks only programs, rules, rent and first blockhashes of
    /// the genesis count, which must be those that it was made with.
    ///
    /// A store with blocks is checked against its log as far as the log is needed to go on.
    /// O(genesis accounts), or O(transactions of the newest 151 blocks).
    ///
    /// # Errors
    /// If the store fails or its log does not fit.
    pub fn open(
        store: Arc<dyn Store>,
        trie: Trie,
        genesis: Genesis,
        options: ChainOptions,
    ) -> Result<Self, OpenError> {
        let head = match store.tip() {
            None => genesis.open_rooted(Arc::clone(&store), &trie, &options.threads)?,
            Some(tip) => resume(&store, tip, trie, &genesis, &options.threads)?,
        };
        let engine = Engine::with_threads(options.threads.clone());
        let engine = if options.shares_credits {
            engine
        } else {
            engine.without_credits()
        };
        Ok(Self {
            options,
            store,
            engine: Shared::new(engine),
            forks: Shared::new(Forks::new(head)),
            commits: Shared::new(()),
        })
    }
}

fn resume(
    store: &Arc<dyn Store>,
    tip: BlockRecord,
    trie: Trie,
    genesis: &Genesis,
    threads: &Threads,
) -> Result<Arc<FrozenBank>, OpenError> {
    let records = store.records(RECENT_SLOTS_MAX.saturating_add(1))?;
    let mut header = None;
    let mut costs = CostTable::default();
    let mut processed = Vec::new();
    let recent = records.len().saturating_sub(BLOCKHASHES_MAX);
    for record in &records[recent..] {
        let Some(stored) = store.block(record.slot)? else {
            return Err(missing(record.slot, "is missing"));
        };
        if stored.body.is_empty() && record.slot == genesis.slot {
            header = Some(genesis_header(record));
            continue;
        }
        let entry = Logged::decode(record, &stored.body)?;
        processed.push(entry.processed(threads));
        if record.slot == tip.slot {
            header = Some(entry.block.header);
            costs = entry.costs;
        }
    }
    let header = header.ok_or_else(|| missing(tip.slot, "is missing"))?;
    let resumed = Resumed {
        genesis,
        store: Arc::clone(store),
        trie: Some(trie),
        records,
        header,
        costs,
        processed,
    };
    Ok(resumed.open())
}

fn missing(slot: u64, what: impl Into<String>) -> OpenError {
    let what = what.into();
    OpenError::Log { slot, what }
}

/// The header of a genesis, which has no body.
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

/// A block as the log has it.
struct Logged {
    block: Block,
    costs: CostTable,
}

impl Logged {
    fn decode(record: &BlockRecord, body: &[u8]) -> Result<Self, OpenError> {
        let slot = record.slot;
        let parts = log::block(body).zip(log::costs(body));
        let (bytes, costs) = parts.ok_or_else(|| missing(slot, "is no block"))?;
        // The limits may have changed since.
        let block = Block::decode(bytes, &BlockLimits::UNLIMITED);
        let block = block.map_err(|error| missing(slot, format!("cannot be read: {error}")))?;
        if block.header.id() != record.block_id {
            return Err(missing(slot, "is another than its record names"));
        }
        Ok(Self { block, costs })
    }

    /// Its transactions, for refusing them in later blocks.
    fn processed(&self, threads: &Threads) -> ProcessedSet {
        let transactions = self.block.body.transactions();
        let messages = threads.map_indices(transactions.len(), |index| {
            let bytes = transactions.get(index)?;
            let view = TransactionView::parse(bytes).ok()?;
            let blockhash = Hash::new_from_array(*view.recent_blockhash());
            Some((blockhash, message_hash(&view)))
        });
        let mut processed = ProcessedSet::with_capacity(transactions.len());
        for (blockhash, message_hash) in messages.into_iter().flatten() {
            processed.insert_message(blockhash, &message_hash);
        }
        processed
    }
}
