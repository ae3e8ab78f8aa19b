//! How much a block may hold.

/// How much a block may hold: policy of a chain, the same for its producers and its verifiers.
///
/// Sizes are in bytes. Compute units are those of Agave's cost model: what transactions request,
/// and the price of their signatures, write locks, instruction data and loaded data, as
/// [`Cost`](crate::rules::Cost) counts them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BlockLimits {
    /// Compute units of all transactions.
    pub compute_units_max: u64,
    /// Compute units of all transactions that may write one account.
    pub account_compute_units_max: u64,
    /// Bytes of accounts that the instructions of all transactions allocate.
    pub allocated_size_max: u64,
    /// Bytes of all transactions, signatures included.
    pub transaction_bytes_max: u64,
    /// Transactions.
    pub transaction_count_max: u32,
    /// Waits of the plan.
    pub wait_count_max: u32,
    /// Slots from a block's parent to the block. A block at the highest slot would be the last one.
    pub slot_gap_max: u64,
}

impl BlockLimits {
    /// Those of Solana's main network, where it has one.
    ///
    /// Compute units are Solana's 60 M of a block (SIMD-0256, `MAX_BLOCK_UNITS`) and 40 % of them
    /// for an account (SIMD-0306, `MAX_WRITABLE_ACCOUNT_UNITS`), and 100 MB of new accounts
    /// (`MAX_BLOCK_ACCOUNTS_DATA_SIZE_DELTA`). Solana bounds the bytes of a block by the shreds of
    /// a slot; 32 MiB are near that. The others are ours: transactions that cost 300 compute units
    /// at least would not fit in greater numbers, and a plan gains little from more than eight
    /// waits for each of them, and 2^32 slots are half a century.
    pub const MAINNET: Self = Self {
        compute_units_max: 60_000_000,
        account_compute_units_max: 24_000_000,
        allocated_size_max: 100_000_000,
        transaction_bytes_max: 32 * 1024 * 1024,
        transaction_count_max: 200_000,
        wait_count_max: 1_600_000,
        slot_gap_max: 1 << 32,
    };

    /// None but those of the encoding; for benchmarks and trusted bytes.
    pub const UNLIMITED: Self = Self {
        compute_units_max: u64::MAX,
        account_compute_units_max: u64::MAX,
        allocated_size_max: u64::MAX,
        transaction_bytes_max: u32::MAX as u64,
        transaction_count_max: u32::MAX,
        wait_count_max: u32::MAX,
        slot_gap_max: u64::MAX,
    };
}
