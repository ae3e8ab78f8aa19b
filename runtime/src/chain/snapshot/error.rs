//! Why a snapshot was not made, or not accepted.

use std::{fmt, io};

use lockstep_interface::{Address, Hash};
use lockstep_store::{DecodeError, StoreError};
use thiserror::Error;

use super::{BLOCKS_MAX, MAGIC, TRANSACTIONS_MAX, VERSION};
use crate::{
    block::BlockDecodeError,
    chain::{OpenError, ParameterMismatch, ParametersError, ViewError, error::base58},
};

/// Why no snapshot was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It could not be written.
    #[error("cannot write the snapshot: {0}")]
    Write(#[from] io::Error),
    /// The store failed.
    #[error("cannot make a snapshot: {0}")]
    Store(#[from] StoreError),
    /// A commit failed, and the store may have accounts of a later block.
    #[error("cannot make a snapshot: {0}")]
    Unsettled(#[from] ViewError),
    /// The log lacks a block that the snapshot needs, or has another in its place.
    #[error("cannot make a snapshot: {0}")]
    Log(#[from] OpenError),
    /// The chain computes no state root, which verifying a snapshot needs.
    #[error("cannot make a snapshot: the chain computes no state root")]
    NoStateRoot,
    /// A block has more transactions than the format takes.
    #[error(
        "cannot make a snapshot: the block of slot {slot} has {found} transactions, the format \
         takes up to {TRANSACTIONS_MAX}"
    )]
    TransactionCount {
        /// The block's slot.
        slot: u64,
        /// Its transactions.
        found: usize,
    },
    /// The store shows other accounts than the state root covers.
    #[error("cannot make a snapshot: the state has {stated} accounts, the store shows {found}")]
    AccountCount {
        /// Accounts in the state trie.
        stated: u64,
        /// Accounts in the store.
        found: u64,
    },
}

/// Why a snapshot was not imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It could not be read.
    #[error("snapshot, byte {offset}: cannot read: {source}")]
    Read {
        /// Bytes before the failure.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// Its bytes are not those of a snapshot.
    #[error("snapshot, byte {offset}, {part}: {fault}")]
    Damaged {
        /// Where the part begins.
        offset: u64,
        /// In what.
        part: Part,
        /// What is wrong.
        fault: Box<Fault>,
    },
    /// It was made of a chain with another genesis.
    #[error("the snapshot is of a chain with another genesis: {0}")]
    Genesis(#[from] ParameterMismatch),
    /// It is of another block than the importer wants.
    #[error(
        "the snapshot is of block {}, expected block {}: nothing was imported",
        base58(found),
        base58(expected)
    )]
    OtherBlock {
        /// The block that was asked for.
        expected: Hash,
        /// The snapshot's newest.
        found: Hash,
    },
    /// The store has accounts or blocks already.
    #[error("the store has accounts or blocks: import the snapshot into an empty store")]
    NotEmpty,
    /// The store failed.
    #[error("cannot import the snapshot: {0}")]
    Store(#[from] StoreError),
    /// The imported chain cannot be opened.
    #[error("cannot open the imported chain: {0}")]
    Open(#[from] OpenError),
}

/// A part of a snapshot, numbers from 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The bytes before the first frame.
    Start,
    /// The head.
    Head,
    /// A block.
    Block(usize),
    /// A chunk of accounts.
    Chunk(usize),
    /// The end.
    End,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => formatter.write_str("start"),
            Self::Head => formatter.write_str("head"),
            Self::Block(number) => write!(formatter, "block {number}"),
            Self::Chunk(number) => write!(formatter, "chunk {number} of accounts"),
            Self::End => formatter.write_str("end"),
        }
    }
}

/// What is wrong with a part of a snapshot.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The first bytes are others.
    #[error("expected the first bytes to be {:?}", MAGIC.escape_ascii().to_string())]
    NoSnapshot,
    /// Another release wrote it.
    #[error("version {found}, this release reads version {VERSION}: use the release that wrote it")]
    Version {
        /// Its version.
        found: u16,
    },
    /// The bytes end too soon.
    #[error("the snapshot ends within it")]
    Truncated,
    /// The frame is of another kind than the one expected here.
    #[error("a frame of kind {found} stands in its place")]
    Kind {
        /// The kind.
        found: u8,
    },
    /// The payload is larger than one of its kind can be.
    #[error("{found} bytes, expected at most {limit}")]
    Size {
        /// Most.
        limit: usize,
        /// Stated.
        found: u32,
    },
    /// The payload, or its hash, was changed.
    #[error("its hash is not that of its bytes: the snapshot is damaged, get it again")]
    FrameHash,
    /// A payload is shorter than its fields, or longer.
    #[error("its fields do not fit its {found} bytes")]
    Fields {
        /// Bytes of the payload.
        found: usize,
    },
    /// What its genesis decided is not readable.
    #[error("the parameters of its genesis: {0}")]
    Parameters(ParametersError),
    /// The learned costs are malformed, or higher than any that can be learned.
    #[error("the learned costs are malformed, or higher than any that can be learned")]
    Costs,
    /// A number of blocks that no snapshot has.
    #[error("{found} blocks, expected 1 to {BLOCKS_MAX}")]
    BlockCount {
        /// Stated.
        found: u32,
    },
    /// Blocks are missing between the genesis and the first.
    #[error("{found} blocks that do not begin at the genesis, expected {BLOCKS_MAX}")]
    History {
        /// Stated.
        found: usize,
    },
    /// The header is malformed.
    #[error("header: {0}")]
    Header(BlockDecodeError),
    /// The header does not have the block's id.
    #[error(
        "the header is that of block {}, not of {}",
        base58(found),
        base58(stated)
    )]
    BlockId {
        /// In the snapshot.
        stated: Hash,
        /// Of the header.
        found: Hash,
    },
    /// The block is no child of the one before.
    #[error("it is not a child of the block before, of slot {slot}")]
    Parent {
        /// Slot of the block before.
        slot: u64,
    },
    /// The last block is not the one that the head names.
    #[error("it is not block {}, which the head names as the newest", base58(.0))]
    Newest(Hash),
    /// There are more or fewer message hashes than must be.
    #[error("{found} message hashes, expected {expected}")]
    MessageCount {
        /// Needed.
        expected: usize,
        /// There.
        found: usize,
    },
    /// The message hashes are not those of the block.
    #[error("its message hashes do not give the header's transaction root")]
    TransactionRoot,
    /// The header states no root over all accounts.
    #[error("its header states no state root")]
    NoStateRoot,
    /// An account is malformed.
    #[error("account {address}: {error}")]
    Account {
        /// Its address.
        address: Address,
        /// Why.
        error: DecodeError,
    },
    /// An account without lamports, which does not exist.
    #[error("account {0} has no lamports")]
    AccountMissing(Address),
    /// The address is not above the one before.
    #[error("account {0} is out of order: expected an address above the one before")]
    AccountOrder(Address),
    /// There are more or fewer accounts than the head states.
    #[error("{found} accounts, the head states {stated}")]
    AccountCount {
        /// In the head.
        stated: u64,
        /// There.
        found: u64,
    },
    /// The accounts are not those of the newest block.
    #[error(
        "the accounts have the state root {}, the newest block {}",
        base58(found),
        base58(stated)
    )]
    StateRoot {
        /// In the header, or at the end.
        stated: Hash,
        /// Of the accounts.
        found: Hash,
    },
    /// A frame was lost, added or moved.
    #[error("the digest over all frames is not the stated one: a frame was lost, added or moved")]
    Digest,
    /// Bytes follow the end.
    #[error("bytes follow it")]
    TrailingBytes,
}
