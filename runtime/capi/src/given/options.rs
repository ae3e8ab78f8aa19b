//! Options and functions of the embedder's: structs that state their own size, so that they can
//! grow. A field that is zero means its usual value.
#![allow(
    unsafe_code,
    reason = "each struct is declared to be one that may grow"
)]

use std::ffi::{c_char, c_void};

use super::{message::Bytes, pointer::Grows};
use crate::{
    kinds::{Context, Plan, Receipts, Sink},
    types::{Address, Change, Hash, Header},
};

/// How a chain works, and where its accounts are: a node's own choice.
///
/// With `directory` the accounts are on disk, with `storage` in what the embedder has, with
/// neither in memory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ChainOptions {
    /// sizeof(lockstep_chain_options).
    pub size: usize,
    /// Directory of the accounts and blocks, made if it is missing; NULL for none.
    pub directory: *const c_char,
    /// Functions over the embedder's own storage; NULL for none.
    pub storage: *const Storage,
    /// Bytes of accounts of `directory` or `storage` that are kept in memory; 0 for none.
    pub cache_size: u64,
    /// Threads that execute blocks, in [1, 1024]; with 1 it is the caller's; 0 for 1.
    pub thread_count: u32,
    /// Threads that verify signatures, in [1, 1024]; 0 for those that execute.
    pub reader_thread_count: u32,
    /// LOCKSTEP_CHAIN_ flags, or 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

/// How much a block may hold; what is 0 is as on Solana's main network. The same for all nodes of a
/// network.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BlockLimits {
    /// sizeof(lockstep_block_limits).
    pub size: usize,
    /// Compute units of all transactions.
    pub compute_units_max: u64,
    /// Compute units of all transactions that may write one account.
    pub account_compute_units_max: u64,
    /// Bytes of accounts that all transactions allocate.
    pub allocated_size_max: u64,
    /// Bytes of all transactions.
    pub transaction_bytes_max: u64,
    /// Slots from a block's parent to the block.
    pub slot_gap_max: u64,
    /// Transactions.
    pub transaction_count_max: u32,
    /// Waits of the plan.
    pub wait_count_max: u32,
}

/// The functions of a native program. They are called from any thread, several at once, and their
/// results must depend on their arguments alone.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// sizeof(lockstep_program).
    pub size: usize,
    /// The address that instructions name.
    pub address: Address,
    /// A short name for people; it is copied.
    pub name: *const c_char,
    /// Handed to each function.
    pub user: *mut c_void,
    /// Runs one instruction. Gives 0, what a function of the context gave, or an error by
    /// LOCKSTEP_ERROR or LOCKSTEP_CUSTOM_ERROR; any error fails the transaction.
    pub process: Option<extern "C" fn(user: *mut c_void, context: *mut Context) -> u64>,
    /// The first 64 accounts, one bit for each, to which an instruction of this data does nothing
    /// but add: it reaches them through lockstep_context_credit and lockstep_context_add alone, and
    /// such instructions run side by side. NULL for none.
    pub credit_only: Option<
        extern "C" fn(
            user: *mut c_void,
            data: *const u8,
            data_size: usize,
            account_count: usize,
        ) -> u64,
    >,
    /// Writes the offsets of the counters of the account at a position of `credit_only`, in
    /// ascending order, at most 4, and gives their number. NULL for none.
    pub counters: Option<
        extern "C" fn(
            user: *mut c_void,
            data: *const u8,
            data_size: usize,
            position: usize,
            offsets: *mut u16,
        ) -> usize,
    >,
    /// Called once, when no genesis and no chain has the program any more. NULL for nothing.
    pub release: Option<extern "C" fn(user: *mut c_void)>,
}

/// A change of one entry of an embedder's storage.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Write {
    /// The key.
    pub key: Bytes,
    /// The new value, never empty; of size 0 if the entry is to go.
    pub value: Bytes,
}

/// The functions of an embedder's storage: entries of bytes under keys of bytes, ordered as memcmp
/// orders them, a key before its extensions. Keys have at most 64 bytes.
///
/// `get` and `scan` are called from any thread, several at once, also while `apply` runs; a call
/// that begins after `apply` has returned sees all of it, and an entry is never seen half changed.
/// Each function gives 0, or a number of its own that stands for a failure.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Storage {
    /// sizeof(lockstep_storage).
    pub size: usize,
    /// Handed to each function.
    pub user: *mut c_void,
    /// Puts the values of `count` keys into the sink, in their order: lockstep_sink_put for each
    /// that is there, lockstep_sink_skip for each that is not.
    pub get: Option<
        extern "C" fn(
            user: *mut c_void,
            keys: *const Bytes,
            count: usize,
            values: *mut Sink,
        ) -> u32,
    >,
    /// Makes all changes or none, durable when it returns. No key comes twice. One call at a time.
    pub apply: Option<extern "C" fn(user: *mut c_void, writes: *const Write, count: usize) -> u32>,
    /// Puts entries into the sink, key and value by turns: those from the key `start` on and before
    /// the key `end`, in ascending order, or in descending order if `is_descending` is not 0; the
    /// first `limit` of them.
    pub scan: Option<
        extern "C" fn(
            user: *mut c_void,
            start: Bytes,
            end: Bytes,
            is_descending: u32,
            limit: usize,
            entries: *mut Sink,
        ) -> u32,
    >,
    /// Called once, when the chain is closed and nothing reads from it any more. NULL for nothing.
    pub release: Option<extern "C" fn(user: *mut c_void)>,
}

/// Which block is wanted, and of what. Either `transactions` or `select` gives the transactions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BuildOptions {
    /// sizeof(lockstep_build_options).
    pub size: usize,
    /// Id of the parent, a known block.
    pub parent: Hash,
    /// The slot, above the parent's.
    pub slot: u64,
    /// Seconds since 1970, as programs will see them.
    pub unix_timestamp: i64,
    /// Name of the strategy that plans the block; NULL for "auto".
    pub strategy: *const c_char,
    /// The plan to be run in place of a strategy's, over those of `transactions` that are not
    /// refused, in their order; NULL for none. It is checked.
    pub plan: *mut Plan,
    /// LOCKSTEP_MODE_PRODUCE if the planner may choose the order, LOCKSTEP_MODE_REPLAY if
    /// transactions that conflict keep theirs.
    pub mode: u32,
    /// LOCKSTEP_RECORD_ flags: what receipts carry.
    pub recording: u32,
    /// The signed transactions.
    pub transactions: *const Bytes,
    /// How many.
    pub transaction_count: usize,
    /// Puts signed transactions into the sink, in the order in which they have a right to get in.
    /// `round` is 0 at first; as long as transactions were refused and left room, the function is
    /// asked for more in rounds 1, 2 and so on, until it puts none. Gives 0, or a number of its own
    /// that stands for a failure.
    pub select: Option<
        extern "C" fn(
            user: *mut c_void,
            parent: *const Header,
            round: u32,
            transactions: *mut Sink,
        ) -> u32,
    >,
    /// Handed to `select`.
    pub user: *mut c_void,
}

/// How transactions are simulated.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SimulateOptions {
    /// sizeof(lockstep_simulate_options).
    pub size: usize,
    /// The slot; 0 for the one after the block's.
    pub slot: u64,
    /// Not 0 if `unix_timestamp` counts; else it is the block's time.
    pub has_time: u32,
    /// Not 0 if signatures are verified.
    pub verify: u32,
    /// Seconds since 1970.
    pub unix_timestamp: i64,
    /// LOCKSTEP_RECORD_ flags: what receipts carry.
    pub recording: u32,
    /// 0.
    pub reserved: u32,
}

/// What a plan is for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions {
    /// sizeof(lockstep_plan_options).
    pub size: usize,
    /// Name of the strategy; NULL for "auto".
    pub strategy: *const c_char,
    /// LOCKSTEP_MODE_PRODUCE or LOCKSTEP_MODE_REPLAY.
    pub mode: u32,
    /// Workers that the plan is shaped for, at least 1; 0 for 1. It stays valid for any number.
    pub worker_count: u32,
}

/// A block that has become final and durable. All pointers are valid during the call of the
/// observer, and the receipts are freed behind it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CommittedBlock {
    /// Its id.
    pub id: Hash,
    /// Its header.
    pub header: Header,
    /// Its bytes.
    pub bytes: *const u8,
    /// How many.
    pub bytes_size: usize,
    /// The receipts of its transactions; NULL unless they were asked for.
    pub receipts: *mut Receipts,
    /// The accounts that it changed, in ascending order of addresses; NULL unless they were asked
    /// for.
    pub changes: *const Change,
    /// How many.
    pub change_count: usize,
}

/// An observer of committed blocks.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Observer {
    /// sizeof(lockstep_observer).
    pub size: usize,
    /// Handed to each function.
    pub user: *mut c_void,
    /// Called for each block once it is durable, in the order of blocks, one call at a time, on a
    /// thread that is in lockstep_chain_commit. It may call this library.
    pub committed: Option<extern "C" fn(user: *mut c_void, block: *const CommittedBlock)>,
    /// Called once, when the observer is gone: after the last call of `committed`. NULL for
    /// nothing.
    pub release: Option<extern "C" fn(user: *mut c_void)>,
    /// LOCKSTEP_OBSERVE_ flags, or 0.
    pub flags: u32,
    /// Blocks that wait for the observer while another thread is in its call, at most 65,536; one
    /// that finds as many waiting is missed. 0 for 1,024.
    pub capacity: u32,
}

/// Declares structs of options: all fields of the first release are there.
macro_rules! grow {
    ($($options:ty, $name:literal;)*) => {$(
        // SAFETY: `repr(C)`, the size first, integers, arrays of bytes, pointers and optional
        // function pointers; the sizes of the fields leave no padding at the end.
        unsafe impl Grows for $options {
            const NAME: &'static str = $name;
            const SIZE_MIN: usize = size_of::<Self>();
        }
    )*};
}

grow! {
    ChainOptions, "lockstep_chain_options";
    BlockLimits, "lockstep_block_limits";
    Program, "lockstep_program";
    Storage, "lockstep_storage";
    BuildOptions, "lockstep_build_options";
    SimulateOptions, "lockstep_simulate_options";
    PlanOptions, "lockstep_plan_options";
    Observer, "lockstep_observer";
}
