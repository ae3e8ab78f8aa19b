//! What a call came to: a number that C switches on, and a text for people.

use std::ffi::CString;

use lockstep_runtime::{
    bank::SysvarGiven,
    chain::{
        BlockError, BuildError, CommitError, OpenError, ReadError, SimulateError, UnknownBlock,
        ViewError,
        snapshot::{ExportError, ImportError},
    },
    engine::EngineError,
    threads::ThreadsError,
    wire::MessageError,
};
use lockstep_scheduler::{PlanError, StrategyError};
use lockstep_store::{ProofError, StoreError};

/// What a call came to. The numbers never change; later releases add some.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// The call did what it was asked.
    Ok = 0,
    /// An argument that is needed is NULL, or the place of a result is not aligned.
    NullArgument = 1,
    /// A handle was freed, is of another kind, or is no handle at all.
    BadHandle = 2,
    /// A size or count is out of range, or a struct states a size that it cannot have.
    BadSize = 3,
    /// A value means nothing here: an unknown name or number, a text that is not UTF-8.
    BadValue = 4,
    /// The call is not allowed in this place: by a program that runs, or by another thread.
    WrongPlace = 5,
    /// No block of this id is known, or it lost to a committed one.
    UnknownBlock = 6,
    /// The block's parent is not known. It may be later.
    ParentMissing = 7,
    /// The bytes are not the block that they claim to be. Nothing follows for that block.
    WrongBytes = 8,
    /// The block breaks a rule and is invalid for ever.
    InvalidBlock = 9,
    /// The block's time is later than is accepted now.
    EarlyBlock = 10,
    /// The work was cancelled.
    Cancelled = 11,
    /// The chain has stopped after a failed commit or a panic: close it and open it again.
    Stopped = 12,
    /// The storage failed, or holds something else than a ledger.
    Storage = 13,
    /// The ledger or the snapshot belongs to another genesis, a genesis cannot be used, or the
    /// chain has activated a program that was not added to it.
    Genesis = 14,
    /// The proof does not prove this.
    Proof = 15,
    /// The snapshot is damaged, or of another block than was asked for.
    Snapshot = 16,
    /// The plan breaks a rule, or the strategy cannot plan this block.
    Plan = 17,
    /// The message cannot be written as a transaction, or a key is missing.
    Message = 18,
    /// A function of the embedder's has failed.
    Callback = 19,
    /// The chain computes no state root, which this call needs.
    NoStateRoot = 20,
    /// The system refused a thread.
    System = 21,
    /// A defect of this library, caught at the call. Handles that the call used may be of no
    /// further use; others are.
    Internal = 22,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    text: CString,
}

impl Failure {
    pub(crate) fn new(status: Status, text: impl Into<String>) -> Self {
        let text: String = text.into();
        // A zero would end the text in C.
        let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
        Self { status, text }
    }

    pub(crate) fn status(&self) -> Status {
        self.status
    }

    pub(crate) fn text(&self) -> &CString {
        &self.text
    }

    fn of(status: Status, error: &impl std::fmt::Display) -> Self {
        Self::new(status, error.to_string())
    }
}

/// A number that should have been one of those of `names`, which begin at 0.
pub(crate) fn unknown_number(what: &str, found: u32, names: &[&str]) -> Failure {
    let last = names.len().saturating_sub(1);
    let names = names.join(", ");
    let found = format!("{what} is {found}, expected a number from 0 to {last}: {names}");
    Failure::new(Status::BadValue, found)
}

impl From<UnknownBlock> for Failure {
    fn from(error: UnknownBlock) -> Self {
        Self::of(Status::UnknownBlock, &error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::of(Status::Storage, &error)
    }
}

impl From<ThreadsError> for Failure {
    fn from(error: ThreadsError) -> Self {
        Self::of(Status::System, &error)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let status = match &error {
            OpenError::Genesis(_) | OpenError::Missing(_) | OpenError::OtherGenesis(_) => {
                Status::Genesis
            }
            OpenError::Threads(_) => Status::System,
            _ => Status::Storage,
        };
        Self::of(status, &error)
    }
}

/// The status of a failure of the engine that is no fault of a given block.
fn status_of(error: &EngineError) -> Status {
    match error {
        EngineError::Cancelled => Status::Cancelled,
        EngineError::Poisoned => Status::Stopped,
        EngineError::Store(_) => Status::Storage,
        EngineError::Missing(_) => Status::Genesis,
        EngineError::Strategy { .. } | EngineError::Plan { .. } => Status::Plan,
        _ => Status::Internal,
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let status = match &error {
            BuildError::ParentMissing(_) => Status::UnknownBlock,
            BuildError::Header(_) | BuildError::Sysvar(_) => Status::BadValue,
            BuildError::Cancelled => Status::Cancelled,
            BuildError::Stopped => Status::Stopped,
            BuildError::SourcePanicked(_) => Status::Callback,
            BuildError::Engine(error) => status_of(error),
            _ => Status::Internal,
        };
        Self::of(status, &error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let status = match &error {
            ReadError::Bytes(_) => Status::WrongBytes,
            _ => Status::InvalidBlock,
        };
        Self::of(status, &error)
    }
}

impl From<BlockError> for Failure {
    fn from(error: BlockError) -> Self {
        let status = match &error {
            BlockError::Invalid { .. } => Status::InvalidBlock,
            BlockError::ParentMissing { .. } => Status::ParentMissing,
            BlockError::Early { .. } => Status::EarlyBlock,
            BlockError::Cancelled => Status::Cancelled,
            BlockError::Stopped => Status::Stopped,
            BlockError::Engine(error) => status_of(error),
            _ => Status::Internal,
        };
        Self::of(status, &error)
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        let status = match &error {
            CommitError::Unknown(_) => Status::UnknownBlock,
            CommitError::Stopped => Status::Stopped,
            _ => Status::Storage,
        };
        Self::of(status, &error)
    }
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Self {
        let status = match &error {
            ViewError::Dropped(_) => Status::UnknownBlock,
            ViewError::Unsettled(_) => Status::Stopped,
            ViewError::NoStateRoot => Status::NoStateRoot,
            _ => Status::Storage,
        };
        Self::of(status, &error)
    }
}

impl From<SimulateError> for Failure {
    fn from(error: SimulateError) -> Self {
        let status = match &error {
            SimulateError::Unknown(_) => Status::UnknownBlock,
            SimulateError::Slot { .. } | SimulateError::Sysvar(_) => Status::BadValue,
            SimulateError::Unsettled(_) => Status::Stopped,
            SimulateError::Engine(error) => status_of(error),
            _ => Status::Internal,
        };
        Self::of(status, &error)
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let status = match &error {
            ExportError::Write(_) => Status::Callback,
            ExportError::Unsettled(_) => Status::Stopped,
            ExportError::NoStateRoot => Status::NoStateRoot,
            _ => Status::Storage,
        };
        Self::of(status, &error)
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let status = match &error {
            ImportError::Read { .. } => Status::Callback,
            ImportError::Genesis(_) => Status::Genesis,
            ImportError::NotEmpty | ImportError::Store(_) | ImportError::Open(_) => Status::Storage,
            _ => Status::Snapshot,
        };
        Self::of(status, &error)
    }
}

impl From<SysvarGiven> for Failure {
    fn from(error: SysvarGiven) -> Self {
        Self::of(Status::BadValue, &error)
    }
}

impl From<ProofError> for Failure {
    fn from(error: ProofError) -> Self {
        Self::of(Status::Proof, &error)
    }
}

impl From<StrategyError> for Failure {
    fn from(error: StrategyError) -> Self {
        Self::of(Status::Plan, &error)
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::of(Status::Plan, &error)
    }
}

impl From<MessageError> for Failure {
    fn from(error: MessageError) -> Self {
        Self::of(Status::Message, &error)
    }
}
