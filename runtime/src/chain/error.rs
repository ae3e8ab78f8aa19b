//! Why a chain refuses a request.

use lockstep_interface::{Address, Hash};
use lockstep_scheduler::AccountIndex;
use lockstep_store::StoreError;
use thiserror::Error;

use super::parameters::{ParameterMismatch, ParametersError};
use crate::{
    bank::{GenesisError, MissingFeature, ResumeError, SysvarGiven},
    block::BlockDecodeError,
    engine::EngineError,
    prepare::LimitExceeded,
    threads::ThreadsError,
};

/// Hashes are shown in base58, as addresses are.
pub(super) fn base58(hash: &Hash) -> Address {
    Address::new_from_array(hash.to_bytes())
}

/// No block of this id is known: this chain never built or executed it, or it was discarded, or it
/// lost to a committed block.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("block {} is not known", base58(.0))]
pub struct UnknownBlock(pub Hash);

/// Why a chain cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store failed, or holds something else than a ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The genesis gives no bank.
    #[error(transparent)]
    Genesis(GenesisError),
    /// The log lacks a block that the chain cannot go on without, or has another in its place.
    #[error("the log's block of slot {slot} {what}")]
    Log {
        /// The slot.
        slot: u64,
        /// What is wrong.
        what: String,
    },
    /// The ledger was made with another genesis.
    #[error("the ledger was made with another genesis: {0}")]
    OtherGenesis(#[from] ParameterMismatch),
    /// The ledger has state roots and the trie of its accounts is missing, or the other way round.
    #[error(
        "{}", if *has_root {
            "the ledger has state roots, and no trie of its accounts was given"
        } else {
            "the ledger has no state roots, and a trie of its accounts was given"
        }
    )]
    StateRoot {
        /// Whether the newest block has a state root.
        has_root: bool,
    },
    /// The parameters of the ledger's genesis cannot be read, or are too many to be kept.
    #[error("the parameters of the ledger's genesis cannot be read: {0}")]
    Parameters(#[source] ParametersError),
    /// The chain has activated a program or rules that are not linked in.
    #[error("the ledger cannot go on: {0}")]
    Missing(#[from] MissingFeature),
    /// The system refused a thread.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

impl From<GenesisError> for OpenError {
    fn from(error: GenesisError) -> Self {
        match error {
            GenesisError::Store(error) => Self::Store(error),
            error => Self::Genesis(error),
        }
    }
}

impl From<ResumeError> for OpenError {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Missing(error) => Self::Missing(error),
            ResumeError::Store(error) => Self::Store(error),
        }
    }
}

/// Why no block was built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The parent is not known.
    #[error("cannot build: {0}")]
    ParentMissing(#[from] UnknownBlock),
    /// The block's header would break a rule: its slot, or its time.
    #[error("cannot build: {0}")]
    Header(#[source] Box<InvalidBlock>),
    /// The caller cancelled the work.
    #[error("cancelled by the caller")]
    Cancelled,
    /// A commit failed before, or a worker panicked; the chain has to be opened again.
    #[error("the chain has stopped after a failed commit or a panic: open it again")]
    Stopped,
    /// An account that is to be put in place is a sysvar.
    #[error("cannot build: {0}")]
    Sysvar(#[from] SysvarGiven),
    /// The source of transactions panicked.
    #[error("cannot build: the source of transactions panicked: {0}")]
    SourcePanicked(String),
    /// Strategy or store failed, or the block cannot be written.
    #[error("cannot build: {0}")]
    Engine(EngineError),
}

impl From<EngineError> for BuildError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Cancelled => Self::Cancelled,
            EngineError::Poisoned => Self::Stopped,
            error => Self::Engine(error),
        }
    }
}

/// Why bytes are not the body of the header that they begin with, or no block at all.
///
/// It tells nothing of the header: anyone can send an honest block's header with another body. So
/// a node refuses the bytes, asks for others, and does not condemn the block's id. Signatures are
/// among it, since a header does not commit to them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WrongBytes {
    /// The bytes are no block within the limits.
    #[error("{0}")]
    Encoding(#[from] BlockDecodeError),
    /// The header states another number of transactions than the body has.
    #[error("the header states {stated} transactions, the body has {found}")]
    TransactionCount {
        /// In the header.
        stated: u32,
        /// In the body.
        found: usize,
    },
    /// The header states the root of other transactions, or the digest of another plan.
    #[error("{0}")]
    Root(#[from] OtherRoot),
    /// A transaction's bytes are no transaction.
    #[error("transaction {position} is malformed: {error}")]
    Malformed {
        /// Its place in the block.
        position: u32,
        /// Why.
        error: crate::wire::ParseError,
    },
    /// A signature is wrong.
    #[error("transaction {position} has a wrong signature")]
    Signature {
        /// Its place in the block.
        position: u32,
    },
}

/// A header that states another root than the block has.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error(
    "the header states the {root} {}, the block has {}",
    base58(stated),
    base58(found)
)]
pub struct OtherRoot {
    /// Which.
    pub root: Root,
    /// In the header.
    pub stated: Hash,
    /// The right one; zeros if the chain computes none.
    pub found: Hash,
}

/// Why the bytes of a block were not read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes are at fault, whatever block their header names.
    #[error("these bytes are not the block they claim to be: {0}")]
    Bytes(#[from] WrongBytes),
    /// The header itself is at fault: it commits to what breaks a rule.
    #[error("invalid block {}: {reason}", base58(id))]
    Invalid {
        /// The block.
        id: Hash,
        /// The rule.
        #[source]
        reason: Box<InvalidBlock>,
    },
}

/// A rule that a block breaks. Its header commits to what breaks it, so the block's id is invalid
/// on every node, for ever.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvalidBlock {
    /// The header states another root than execution gives.
    #[error("{0}")]
    Root(#[from] OtherRoot),
    /// The block holds more than it may.
    #[error("{0}")]
    Limit(#[from] LimitExceeded<AccountIndex>),
    /// The slot is not above the parent's.
    #[error("slot {slot} must be above the parent's slot {parent}")]
    Slot {
        /// In the header.
        slot: u64,
        /// The parent's.
        parent: u64,
    },
    /// The slot is further from the parent's than slots can be.
    #[error("slot {slot} is more than {gap_max} above the parent's slot {parent}")]
    SlotGap {
        /// In the header.
        slot: u64,
        /// The parent's.
        parent: u64,
        /// [`BlockLimits::slot_gap_max`](crate::block::BlockLimits).
        gap_max: u64,
    },
    /// The time is before the parent's.
    #[error("time {unix_timestamp} is before the parent's time {parent}, in seconds since 1970")]
    Time {
        /// In the header.
        unix_timestamp: i64,
        /// The parent's.
        parent: i64,
    },
    /// The block names a leader.
    #[error("the block names the leader {0}, and the chain pays leaders no share of the fees")]
    Leader(Address),
    /// A transaction, the plan or a limit breaks a rule.
    #[error("{0}")]
    Content(#[source] EngineError),
}

/// What a header commits to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Root {
    /// The transactions.
    Transactions,
    /// Their receipts.
    Receipts,
    /// The changed accounts.
    Delta,
    /// All accounts.
    State,
    /// The plan.
    Plan,
}

impl std::fmt::Display for Root {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Transactions => "transaction root",
            Self::Receipts => "receipts root",
            Self::Delta => "delta root",
            Self::State => "state root",
            Self::Plan => "plan digest",
        })
    }
}

/// Why a block was not executed, or not accepted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The block breaks a rule and need not be tried again.
    #[error("invalid block {}: {reason}", base58(id))]
    Invalid {
        /// The block.
        id: Hash,
        /// The rule.
        #[source]
        reason: Box<InvalidBlock>,
    },
    /// The block's parent is not known. It may be later.
    #[error("block {} waits for its parent: {parent}", base58(id))]
    ParentMissing {
        /// The block.
        id: Hash,
        /// The parent.
        #[source]
        parent: UnknownBlock,
    },
    /// The block's time is later than [`Chain::set_latest_time`](super::Chain) allows. It may be
    /// right later.
    #[error(
        "block {} is of {unix_timestamp}, later than {latest}, the latest that is accepted now \
         (seconds since 1970): try it again later",
        base58(id)
    )]
    Early {
        /// The block.
        id: Hash,
        /// Its time, in seconds since 1970.
        unix_timestamp: i64,
        /// The latest that is accepted now.
        latest: i64,
    },
    /// The caller cancelled the work.
    #[error("cancelled by the caller")]
    Cancelled,
    /// A commit failed before, or a worker panicked; the chain has to be opened again.
    #[error("the chain has stopped after a failed commit or a panic: open it again")]
    Stopped,
    /// The store failed.
    #[error("cannot execute: {0}")]
    Engine(EngineError),
}

impl From<EngineError> for BlockError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Cancelled => Self::Cancelled,
            EngineError::Poisoned => Self::Stopped,
            error => Self::Engine(error),
        }
    }
}

/// Why a block was not committed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The block is not known, or it lost to a committed one.
    #[error("cannot commit: {0}")]
    Unknown(#[from] UnknownBlock),
    /// The store failed. Opening the chain again shows whether the block is durable.
    #[error("cannot commit block {}: {source}", base58(id))]
    Store {
        /// The block.
        id: Hash,
        /// Why.
        source: StoreError,
    },
    /// A commit failed before; the chain has to be opened again.
    #[error("the chain has stopped after a failed commit: open it again")]
    Stopped,
}
