//! A block executed on nothing but its witness.

use std::sync::Arc;

use lockstep_interface::{Address, Hash};
use lockstep_store::{BlockRecord, MemoryStore, PartialTrie, Store as _};

use super::{HEADERS_MAX, Witness, WitnessError, needed, tables};
use crate::{
    bank::{CostTable, FrozenBank, Genesis, ImportedSet, Resumed},
    block::{BlockHeader, Receipt, Recording},
    chain::{
        Executor,
        error::{InvalidBlock, Root},
        execute::{Failure, ReadBlock, Terms, expect, in_order, prepare, run, seal},
    },
    engine::{Cancel, Engine},
    threads::Threads,
    verify::Signatures,
};

/// A block that does what its header says.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its id.
    pub id: Hash,
    /// Its header.
    pub header: BlockHeader,
    /// The receipts of its transactions, in its order.
    pub receipts: Vec<Receipt>,
}

impl Witness {
    /// Executes the block on the accounts of the witness, and compares every root of its header.
    /// `genesis` is that of the chain, as the verifier knows it; its accounts do not matter.
    ///
    /// Without a store, O(accounts of the block). See the [module](super) for what is shown, and
    /// what is not.
    ///
    /// # Errors
    /// [`WitnessError::Invalid`] if the block breaks a rule; all other errors are about the
    /// witness, and tell nothing of the block.
    pub fn check(
        &self,
        genesis: &Genesis,
        signatures: Signatures<'_>,
        threads: &Threads,
    ) -> Result<Checked, WitnessError> {
        let block = Arc::clone(&self.block);
        let read = ReadBlock::read(block, &genesis.limits, signatures, threads)?;
        self.check_headers(read.header(), genesis)?;
        self.check_order()?;
        let part = PartialTrie::read(&self.part, &self.accounts, threads)?;
        let mut tables = tables(read.parsed()).into_iter();
        if let Some(table) = tables.find(|table| !self.knows(table)) {
            return Err(WitnessError::AccountMissing(table));
        }
        let parent = self.parent(genesis)?;
        let stated = parent.header().state_root;
        let stated = stated.ok_or(WitnessError::NoStateRoot)?;
        match self.execute(&read, &parent, &part, genesis, threads) {
            // An account that is not the parent's is no evidence against the block.
            Err(WitnessError::Invalid(_)) if part.roots(&[], threads)?[0] != stated => {
                Err(WitnessError::OtherState)
            }
            executed => executed,
        }
    }

    fn execute(
        &self,
        read: &ReadBlock,
        parent: &Arc<FrozenBank>,
        part: &PartialTrie<'_>,
        genesis: &Genesis,
        threads: &Threads,
    ) -> Result<Checked, WitnessError> {
        let header = *read.header();

        let mut engine = Engine::with_threads(threads.clone());
        let prepared = prepare(&engine, read, parent, &genesis.limits).map_err(failed)?;
        let needed = needed(&prepared.0, &prepared.1)?;
        if let Some(address) = needed.into_iter().find(|address| !self.knows(address)) {
            return Err(WitnessError::AccountMissing(address));
        }
        let terms = Terms {
            limits: &genesis.limits,
            executor: Executor::Lockstep,
            recording: Recording::NONE,
            cancel: &Cancel::default(),
        };
        let unsealed = run(&mut engine, read, prepared, &terms);
        let unsealed = unsealed.map_err(failed)?;
        let seal = seal(&unsealed, &header);
        let frozen = unsealed.freeze(&seal, threads)?;
        let [before, after] = part.roots(&frozen.bank.changes(), threads)?;
        if parent.header().state_root != Some(before) {
            return Err(WitnessError::OtherState);
        }
        let found = frozen.bank.header();
        expect(Root::Receipts, header.receipts_root, found.receipts_root)
            .and_then(|()| expect(Root::Delta, header.delta_root, found.delta_root))
            .and_then(|()| expect(Root::State, header.state_root.unwrap_or_default(), after))
            .map_err(invalid)?;
        Ok(Checked {
            id: read.id(),
            header,
            receipts: in_order(frozen.receipts, read),
        })
    }

    /// Fails unless the headers are those before the block, as many as it can show something of.
    fn check_headers(&self, block: &BlockHeader, genesis: &Genesis) -> Result<(), WitnessError> {
        let mut expected = block.parent_id;
        let mut slot = block.slot;
        for (place, header) in self.headers.iter().enumerate().rev() {
            if header.id() != expected || header.slot >= slot {
                return Err(WitnessError::Headers(place));
            }
            (expected, slot) = (header.parent_id, header.slot);
        }
        let first = self.headers.first().ok_or(WitnessError::Headers(0))?;
        let is_whole = first.slot == genesis.slot && first.parent_id == Hash::default();
        if !is_whole && self.headers.len() != HEADERS_MAX {
            return Err(WitnessError::Headers(0));
        }
        Ok(())
    }

    fn check_order(&self) -> Result<(), WitnessError> {
        let mut pairs = (1..).zip(self.accounts.windows(2));
        match pairs.find(|(_, pair)| pair[0].0 >= pair[1].0) {
            Some((place, _)) => Err(WitnessError::AccountOrder(place)),
            None => Ok(()),
        }
    }

    fn knows(&self, address: &Address) -> bool {
        let accounts = &self.accounts;
        accounts
            .binary_search_by_key(address, |(known, _)| *known)
            .is_ok()
    }

    /// The parent's bank, of what the witness has of it.
    fn parent(&self, genesis: &Genesis) -> Result<Arc<FrozenBank>, WitnessError> {
        let store = MemoryStore::new();
        store.fill(&self.accounts)?;
        let records = self.headers.iter().map(|header| BlockRecord {
            slot: header.slot,
            block_id: header.id(),
            parent_id: header.parent_id,
            delta_root: header.delta_root,
            state_root: header.state_root,
        });
        let header = self.headers.last().ok_or(WitnessError::Headers(0))?;
        let resumed = Resumed {
            genesis,
            store: Arc::new(store),
            trie: None,
            records: records.collect(),
            header: *header,
            costs: CostTable::default(),
            imported: ImportedSet::default(),
            processed: Vec::new(),
        };
        Ok(resumed.open()?)
    }
}

fn invalid(reason: impl Into<InvalidBlock>) -> WitnessError {
    WitnessError::Invalid(Box::new(reason.into()))
}

fn failed(failure: Failure) -> WitnessError {
    match failure {
        Failure::Invalid(reason) => WitnessError::Invalid(reason),
        Failure::Engine(error) => WitnessError::Engine(error),
    }
}
