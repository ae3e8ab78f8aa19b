//! The kinds of handles, and what each of them names.

use std::sync::{Arc, LazyLock};

use lockstep_interface::{Account as StoredAccount, ProgramTable};
use lockstep_runtime::{
    block::{BlockHeader, BlockLimits, Receipt},
    chain::{self, ProvenAccount, ReadBlock},
    engine,
    verify::Refusal,
};
use lockstep_scheduler::Plan as PlanData;
use lockstep_store::{Change, sync::Shared};

use crate::{
    handle::{Kind, Table},
    observe::{Observers, Watcher},
    sink::Filled,
    status::Failure,
};

/// Why a call failed: a number and a text.
#[derive(Debug)]
pub struct Error;

/// What a chain starts from: accounts, programs, limits.
#[derive(Debug)]
pub struct Genesis;

/// A chain of blocks on a storage.
#[derive(Debug)]
pub struct Chain;

/// Asks for the end of a call's work from another thread.
#[derive(Debug)]
pub struct Cancel;

/// A block that was built, or read from bytes.
#[derive(Debug)]
pub struct Block;

/// What became of transactions, in their order.
#[derive(Debug)]
pub struct Receipts;

/// The state after one block.
#[derive(Debug)]
pub struct View;

/// An account as it was when it was read.
#[derive(Debug)]
pub struct Account;

/// An account, or that there is none, with a proof of it.
#[derive(Debug)]
pub struct Proof;

/// A plan: batches of lanes of transactions.
#[derive(Debug)]
pub struct Plan;

/// Bytes that this library made.
#[derive(Debug)]
pub struct Buffer;

/// An observer of committed blocks.
#[derive(Debug)]
pub struct Watch;

/// Where a function of the embedder's puts bytes, during its call.
#[derive(Debug)]
pub struct Sink;

/// The running instruction, for a program of the embedder's, on the thread of its call and until it
/// returns.
///
/// Functions of the context give 0 for success, else an instruction error as LOCKSTEP_ERROR writes
/// it, which the program may return as it is. NULL where a value is needed is `InvalidArgument`; a
/// context of another call, thread or place is `ProgramFailedToComplete`. The place of a result may
/// be NULL where the program does not want it.
#[derive(Debug)]
pub struct Context;

/// What a genesis has so far.
#[derive(Clone, Debug)]
pub(crate) struct GenesisParts {
    pub(crate) accounts: Vec<Change>,
    pub(crate) programs: ProgramTable,
    /// Those, and others that the chain can activate.
    pub(crate) linked: ProgramTable,
    pub(crate) limits: BlockLimits,
    pub(crate) slot: u64,
}

/// A chain and its observers.
#[derive(Debug)]
pub(crate) struct OpenChain {
    pub(crate) chain: chain::Chain,
    pub(crate) observers: Observers,
}

/// A block, from here or from elsewhere.
#[derive(Debug)]
pub(crate) enum AnyBlock {
    /// Built here.
    Built(Box<chain::BuiltBlock>),
    /// From bytes.
    Read(Box<ReadBlock>),
}

impl AnyBlock {
    pub(crate) fn id(&self) -> lockstep_interface::Hash {
        match self {
            Self::Built(built) => built.id,
            Self::Read(read) => read.id(),
        }
    }

    pub(crate) fn header(&self) -> &BlockHeader {
        match self {
            Self::Built(built) => &built.header,
            Self::Read(read) => read.header(),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Built(built) => built.bytes(),
            Self::Read(read) => read.bytes(),
        }
    }

    pub(crate) fn plan(&self) -> &PlanData {
        match self {
            Self::Built(built) => &built.plan,
            Self::Read(read) => read.plan(),
        }
    }

    /// Transactions of the source that are not in the block.
    pub(crate) fn refused(&self) -> &[(u32, Refusal)] {
        match self {
            Self::Built(built) => &built.refused,
            Self::Read(_) => &[],
        }
    }
}

/// What became of transactions.
#[derive(Debug)]
pub(crate) enum AnyReceipts {
    /// Those of a block, none of which was refused.
    Block(Arc<Vec<Receipt>>),
    /// Those of a simulation.
    Simulated(Vec<Result<Receipt, Refusal>>),
}

impl AnyReceipts {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Block(receipts) => receipts.len(),
            Self::Simulated(results) => results.len(),
        }
    }

    /// What became of a transaction.
    pub(crate) fn get(&self, index: usize) -> Option<Result<&Receipt, &Refusal>> {
        match self {
            Self::Block(receipts) => receipts.get(index).map(Ok),
            Self::Simulated(results) => results.get(index).map(Result::as_ref),
        }
    }
}

/// A proof and its bytes.
#[derive(Debug)]
pub(crate) struct ProofParts {
    pub(crate) proven: ProvenAccount,
    pub(crate) bytes: Vec<u8>,
}

/// A plan and its lists as C reads them.
#[derive(Debug)]
pub(crate) struct PlanParts {
    pub(crate) plan: PlanData,
    pub(crate) lists: crate::plan::Lists,
}

macro_rules! kinds {
    ($($kind:ident: $number:literal $name:literal $value:ty,)*) => {$(
        impl Kind for $kind {
            type Value = $value;
            const NUMBER: u8 = $number;
            const NAME: &'static str = $name;
            fn table() -> &'static Table<$value> {
                static TABLE: LazyLock<Table<$value>> = LazyLock::new(Table::new);
                &TABLE
            }
        }
    )*};
}

kinds! {
    Error: 1 "error" Failure,
    Genesis: 2 "genesis" Shared<GenesisParts>,
    Chain: 3 "chain" OpenChain,
    Cancel: 4 "cancel" engine::Cancel,
    Block: 5 "block" AnyBlock,
    Receipts: 6 "list of receipts" AnyReceipts,
    View: 7 "view" chain::View,
    Account: 8 "account" StoredAccount,
    Proof: 9 "proof" ProofParts,
    Plan: 10 "plan" PlanParts,
    Buffer: 11 "buffer" Vec<u8>,
    Watch: 12 "observer" Watcher,
    Sink: 13 "sink" Filled,
}
