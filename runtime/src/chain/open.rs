//! Opening a chain: at its genesis, or where it was left.

use std::sync::{Arc, atomic::AtomicI64};

use lockstep_interface::{ProgramTable, sysvar::SLOT_HASHES_MAX};
use lockstep_store::{BlockRecord, Store, StoreError, Trie, sync::Shared};

use super::{
    Chain, ChainOptions,
    error::OpenError,
    fenced_store::FencedStore,
    forks::Forks,
    log::{self, Logged, Messages},
    lost::Lost,
    observe::{self, Subscribers},
    parameters::Parameters,
};
use crate::{
    bank::{
        FrozenBank, Genesis, ImportedSet, MessageKey, MissingFeature, ProcessedSet, Resumed,
        has_feature,
    },
    limits::BLOCKHASHES_MAX,
    threads::Threads,
};

impl Chain {
    /// Opens the chain in a store, of which `trie` is the trie of all accounts: the one that
    /// `DiskStore::open` or [`load_trie`](lockstep_store::load_trie) gives; `None` for a chain that
    /// computes no state root. An empty store gets the genesis. For a store with blocks,
    /// programs, rules, rent, first blockhashes and slot of the genesis must be those that it was
    /// made with. The store keeps them as [`Parameters`]; one without them gets them now. What the
    /// chain has activated since is taken from what is linked in.
    ///
    /// A store with blocks is checked against the part of its log that the chain needs to go on.
    /// O(genesis accounts), or O(transactions of the newest 151 blocks).
    ///
    /// # Errors
    /// If the store fails or its log does not fit, or if it was made with another genesis.
    pub fn open(
        store: Arc<dyn Store>,
        trie: impl Into<Option<Trie>>,
        genesis: Genesis,
        options: ChainOptions,
    ) -> Result<Self, OpenError> {
        let store: Arc<dyn Store> = Arc::new(FencedStore(store));
        let trie = trie.into();
        observe::describe();
        let parameters = Parameters::of(&genesis);
        let linked = genesis.linked.clone();
        let head = match store.tip() {
            None => genesis.open_with(Arc::clone(&store), trie.as_ref(), &options.threads)?,
            Some(tip) => {
                if tip.state_root.is_some() != trie.is_some() {
                    return Err(OpenError::StateRoot {
                        has_root: tip.state_root.is_some(),
                    });
                }
                if let Some(kept) = Parameters::kept(&*store)? {
                    kept.check(&genesis)?;
                }
                check_root(&tip, trie.as_ref())?;
                resume(&store, tip, trie, &genesis, &options.threads)?
            }
        };
        parameters.keep(&*store)?;
        foretell_missing(&head, &linked);
        let engine = options.engine(options.threads.clone());
        Ok(Self {
            options,
            parameters,
            store,
            engine: Shared::new(engine),
            forks: Shared::new(Forks::new(head)),
            commits: Shared::new(()),
            subscribers: Subscribers::default(),
            lost: Lost::default(),
            latest_time: AtomicI64::new(i64::MAX),
            exports: Shared::new(()),
        })
    }
}

/// Says while there is time what the chain will need and is not linked in.
fn foretell_missing(head: &FrozenBank, linked: &ProgramTable) {
    let to_come = head.schedule().activations.iter();
    for activation in to_come.filter(|one| one.slot > head.slot()) {
        let feature = &activation.feature;
        if !has_feature(feature, linked) {
            let missing = MissingFeature::from(activation);
            tracing::warn!(head = head.slot(), "{missing}");
        }
    }
}

/// Refuses a trie of other accounts than the newest block's.
fn check_root(tip: &BlockRecord, trie: Option<&Trie>) -> Result<(), StoreError> {
    match (tip.state_root, trie.map(Trie::root)) {
        (Some(stated), Some(found)) if stated != found => Err(StoreError::StateRoot {
            slot: tip.slot,
            stated,
            found,
        }),
        _ => Ok(()),
    }
}

fn resume(
    store: &Arc<dyn Store>,
    tip: BlockRecord,
    trie: Option<Trie>,
    genesis: &Genesis,
    threads: &Threads,
) -> Result<Arc<FrozenBank>, OpenError> {
    let records = store.records(SLOT_HASHES_MAX.saturating_add(1))?;
    let mut newest = None;
    let mut imported = ImportedSet::default();
    let mut processed = Vec::new();
    let recent = records.len().saturating_sub(BLOCKHASHES_MAX);
    for record in &records[recent..] {
        let stored = store.block(record.slot)?;
        let stored = stored.ok_or_else(|| log::wrong(record.slot, "is missing"))?;
        if stored.body.is_empty() && record.slot != genesis.slot {
            return Err(log::wrong(record.slot, "is no block"));
        }
        let entry = Logged::read(&stored, threads)?;
        match &entry.messages {
            Messages::Hashes(hashes) => imported.extend(record.block_id, hashes),
            Messages::Full(messages) => processed.push(processed_set(messages)),
        }
        newest = Some((entry.header, entry.costs));
    }
    let newest = newest.filter(|(header, _)| header.slot == tip.slot);
    let (header, costs) = newest.ok_or_else(|| log::wrong(tip.slot, "is missing"))?;
    let resumed = Resumed {
        genesis,
        store: Arc::clone(store),
        trie,
        records,
        header,
        costs,
        imported,
        processed,
    };
    Ok(resumed.open()?)
}

/// A block's transactions, for refusing them in later blocks.
fn processed_set(messages: &[MessageKey]) -> ProcessedSet {
    let mut processed = ProcessedSet::with_capacity(messages.len());
    for message in messages {
        processed.insert(*message);
    }
    processed
}
