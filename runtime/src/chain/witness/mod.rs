//! Witnesses: all of a state that one block needs, so that it can be checked without a ledger.
//!
//! ```text
//! block, its parent's trie -> accounts it touches, part of the trie, headers   Chain::witness
//! witness, rules           -> executed, every root of the header compared      Witness::check
//! ```
//! A verifier needs no store and trusts no one: the accounts are proved against the state root of
//! the parent's header, whose id the block names; older headers are linked by their ids. What it
//! knows by itself are the chain's rules, as [`Parameters`] have them, and the
//! programs.
//!
//! Not shown is that a transaction is in no earlier block: that takes the messages of 151 blocks.

mod check;
mod encoding;

use std::{collections::BTreeSet, sync::Arc};

pub use check::Checked;
use lockstep_interface::{Account, Address, activation::SCHEDULE, sysvar::SLOT_HASHES_MAX};
use lockstep_store::{Change, PartialTrieError, StoreError};
use thiserror::Error;

use super::{
    Chain, Parameters,
    error::{InvalidBlock, OpenError, ReadError, UnknownBlock},
    execute::ReadBlock,
    log,
};
use crate::{
    bank::{Bank, ResumeError},
    block::BlockHeader,
    engine::{Engine, EngineError},
    execute::Loaders,
    prepare::PreparedBlock,
    verify::{ParsedBlock, Signatures},
};

/// Headers before a block, of which a transaction can show something: its blockhash, or the slot in
/// which a lookup table was deactivated.
pub const HEADERS_MAX: usize = SLOT_HASHES_MAX + 1;

/// A block, and what it needs of its chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Witness {
    /// The rules of the chain, as its ledger keeps them. A verifier that knows the chain compares
    /// them with its own: with other rules the same block can have another outcome.
    pub parameters: Parameters,
    /// The block's bytes.
    pub block: Arc<[u8]>,
    /// The headers before it, oldest first, at most [`HEADERS_MAX`]; the last is its parent's.
    pub headers: Vec<BlockHeader>,
    /// The accounts that it reads or writes, as its parent has them, in ascending order of
    /// addresses; the default account stands for one that does not exist.
    pub accounts: Vec<Change>,
    /// The part of the parent's trie that proves them ([`lockstep_store::PartialTrie`]).
    pub part: Vec<u8>,
}

/// Why there is no witness, or why it shows nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The block's bytes are wrong.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The parent is not known.
    #[error("cannot make a witness: {0}")]
    ParentMissing(#[from] UnknownBlock),
    /// The chain computes no state root, so nothing can be proved.
    #[error("the chain computes no state root")]
    NoStateRoot,
    /// The witness ends too soon, goes on behind its end, or has a field of no meaning.
    #[error("the witness is malformed: {0}")]
    Malformed(&'static str),
    /// The headers are not those before the block.
    #[error("header {0} of the witness is not that of the block before")]
    Headers(usize),
    /// The accounts are not in the order of their addresses.
    #[error("account {0} of the witness is out of order")]
    AccountOrder(usize),
    /// An account that the block needs is not among them.
    #[error("the witness lacks the account {0}")]
    AccountMissing(Address),
    /// The part of the trie is malformed, or hides an account.
    #[error("the witness proves nothing: {0}")]
    Part(#[from] PartialTrieError),
    /// The accounts are those of another state than the parent's.
    #[error("the witness is of another state than the block's parent states")]
    OtherState,
    /// The block breaks a rule: it is invalid on every node, for ever.
    #[error("the block is invalid: {0}")]
    Invalid(#[source] Box<InvalidBlock>),
    /// The engine failed, or lacks a program.
    #[error(transparent)]
    Engine(EngineError),
    /// The chain's log lacks a header.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<EngineError> for WitnessError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<ResumeError> for WitnessError {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Missing(error) => Self::Engine(error.into()),
            ResumeError::Store(error) => Self::Store(error),
        }
    }
}

impl Chain {
    /// The witness of a block whose parent is known here. O(accounts of the block x depth of the
    /// trie).
    ///
    /// # Errors
    /// If the bytes are no block, the parent is not known, or the store fails.
    pub fn witness(&self, block: Arc<[u8]>) -> Result<Witness, WitnessError> {
        // Its signatures are for those to verify that check the witness.
        let signatures = Signatures::Trusted;
        let threads = &self.options.reader_threads;
        let read = ReadBlock::read(block, self.limits(), signatures, threads)?;
        // No commit changes the state below the parent meanwhile.
        let _settled = self.settled();
        let parent = self.forks.read().parent(&read.header().parent_id)?;
        let trie = parent.trie().ok_or(WitnessError::NoStateRoot)?;
        let header = read.header();
        let bank = parent.child(header.slot, header.unix_timestamp);
        let bank = bank.with_leader(read.leader());
        let engine = Engine::new(1).expect("one thread needs no pool");
        let prepared = engine.prepare(&bank, read.parsed())?;
        let mut addresses = tables(read.parsed());
        addresses.extend(needed(&bank, &prepared)?);
        let addresses: Vec<Address> = addresses.into_iter().collect();
        let mut accounts = vec![Account::default(); addresses.len()];
        parent.load(&addresses, &mut accounts)?;
        let accounts: Vec<Change> = addresses.into_iter().zip(accounts).collect();
        let part = trie.part(&accounts)?;
        Ok(Witness {
            parameters: self.parameters.clone(),
            headers: self.headers_to(&parent)?,
            block: Arc::clone(read.bytes()),
            accounts,
            part,
        })
    }

    /// The headers up to a bank's, oldest first.
    fn headers_to(
        &self,
        bank: &Arc<crate::bank::FrozenBank>,
    ) -> Result<Vec<BlockHeader>, WitnessError> {
        let mut headers = vec![*bank.header()];
        let unfinal = bank.unfinal_ancestors();
        headers.extend(unfinal.iter().map(|bank| *bank.header()));
        let oldest = headers.last().map_or(0, |header| header.slot);
        let records = self.store.records(HEADERS_MAX)?;
        for record in records.iter().rev().filter(|record| record.slot < oldest) {
            let stored = self.store.block(record.slot)?;
            let stored = stored.ok_or_else(|| log::wrong(record.slot, "is missing"))?;
            headers.push(log::header(&stored)?);
        }
        headers.truncate(HEADERS_MAX);
        headers.reverse();
        Ok(headers)
    }
}

/// The lookup tables that a block's transactions read.
fn tables(block: &ParsedBlock) -> BTreeSet<Address> {
    let views = block.transactions().iter().map(|one| block.view(one));
    let lookups = views.flat_map(|view| view.lookups());
    let tables = lookups.map(|lookup| Address::new_from_array(*lookup.table));
    tables.collect()
}

/// The accounts besides, of which a block reads or writes the one or the other: those that it names
/// or writes itself, and the files of the programs among them.
fn needed(bank: &Bank, prepared: &PreparedBlock<'_>) -> Result<Vec<Address>, StoreError> {
    let own = bank.own_accounts().iter().map(|(address, _)| *address);
    let block = prepared.addresses().iter().copied();
    let own = own.chain(bank.fee_receivers());
    let mut needed: Vec<Address> = own.chain(block).chain([SCHEDULE]).collect();
    let loaders = Loaders::of(&bank.environment().programs);
    if !loaders.is_empty() {
        let mut accounts = vec![Account::default(); needed.len()];
        bank.load(&needed, &mut accounts)?;
        let named = needed.iter().zip(&accounts);
        let files = named.filter_map(|(address, account)| loaders.file_address(address, account));
        let files: Vec<Address> = files.collect();
        needed.extend(files);
    }
    Ok(needed)
}
