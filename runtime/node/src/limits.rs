//! The bounds of a node: on what clients may ask, and on what is kept for them. All are ours
//! except those that name Solana's constant.

use std::time::Duration;

/// Bytes of a request's body, or of a WebSocket message. The largest sensible request names 100
/// accounts or carries 256 transactions in base64.
pub const REQUEST_SIZE_MAX: u32 = 2 << 20;
/// Bytes of an answer.
pub const RESPONSE_SIZE_MAX: u32 = 64 << 20;
/// Requests of a batch.
pub const BATCH_COUNT_MAX: u32 = 256;
/// Connections at once, on both ports together.
pub const CONNECTION_COUNT_MAX: u32 = 1_024;
/// Subscriptions of one connection.
pub const SUBSCRIPTIONS_PER_CONNECTION_MAX: u32 = 1_024;
/// Subscriptions of all connections.
pub const SUBSCRIPTION_COUNT_MAX: usize = 16_384;
/// Notifications that wait for one connection; a connection that lets more wait is closed.
pub const NOTIFICATIONS_WAITING_MAX: u32 = 1_024;
/// Committed blocks that wait for one subscription.
pub const BLOCKS_WAITING_MAX: usize = 64;
/// Bytes of request bodies and of answers that clients have not taken yet, of all connections
/// together.
pub const FLOW_SIZE_MAX: u32 = 256 << 20;
/// Seconds that a client may take nothing of an answer that is ready.
pub const TAKE_NOTHING_SECONDS: u64 = 20;
/// Addresses of clients whose rate is known.
pub const CLIENTS_REMEMBERED_MAX: usize = 1 << 16;
/// Threads for answers that compute or read a little: simulations, single transactions.
pub const READER_COUNT: usize = 4;
/// Threads, of low priority, for answers that go through much: blocks, accounts of a program.
pub const SCANNER_COUNT: usize = 4;
/// Requests of one client that have such a thread or wait for one, of each of the two kinds; the
/// client's other requests wait behind them.
pub const WORK_PER_PEER_MAX: usize = 2;
/// Tokens of a client's rate for a request that is answered from memory.
pub const QUICK_TOKENS: u64 = 1;
/// Tokens for a request that computes or reads a little.
pub const SLOW_TOKENS: u64 = 4;
/// Tokens for a request that goes through much.
pub const SCAN_TOKENS: u64 = 16;
/// Transactions that wait to be verified.
pub const INTAKE_COUNT_MAX: usize = 32_768;
/// Transactions of clients that wait to be passed on to other nodes; more stay with this one.
pub const ONWARD_WAITING_MAX: usize = 8_192;
/// Transactions of other validators that wait for the block of their blockhash.
pub const EARLY_COUNT_MAX: usize = 8_192;
/// Time in which such a transaction is judged again by each newer block, before it is dropped.
pub const EARLY_PATIENCE: Duration = Duration::from_secs(10);
/// Transactions that are verified together.
pub const INTAKE_BATCH_MAX: usize = 1_024;
/// Keys that the verifier of signatures remembers, up to 250 bytes each.
pub const VERIFIER_KEY_COUNT: usize = 7 << 15;

/// Accounts of a `getMultipleAccounts` (`MAX_MULTIPLE_ACCOUNTS`).
pub const MULTIPLE_ACCOUNTS_MAX: usize = 100;
/// Signatures of a `getSignatureStatuses` (`MAX_GET_SIGNATURE_STATUSES_QUERY_ITEMS`).
pub const SIGNATURE_STATUSES_MAX: usize = 256;
/// Entries of a `getSignaturesForAddress`
/// (`MAX_GET_CONFIRMED_SIGNATURES_FOR_ADDRESS2_LIMIT`).
pub const SIGNATURES_FOR_ADDRESS_MAX: usize = 1_000;
/// Whole transactions of a `getTransactionsForAddress`.
pub const TRANSACTIONS_FOR_ADDRESS_MAX: usize = 100;
/// Accounts of a `getRecentPrioritizationFees` (`MAX_TX_ACCOUNT_LOCKS`).
pub const PRIORITIZATION_ACCOUNTS_MAX: usize = 128;
/// Blocks behind the one that made a blockhash in which clients may count on it
/// (`MAX_PROCESSING_AGE`).
pub const BLOCKHASH_BLOCKS: u64 = 150;
/// Slots of a `getBlocks` (`MAX_GET_CONFIRMED_BLOCKS_RANGE`).
pub const BLOCKS_RANGE_MAX: u64 = 500_000;
/// Slots of a `getSlotLeaders` (`MAX_GET_SLOT_LEADERS`).
pub const SLOT_LEADERS_MAX: u64 = 5_000;
/// Filters of a `getProgramAccounts` (`MAX_GET_PROGRAM_ACCOUNT_FILTERS`).
pub const FILTER_COUNT_MAX: usize = 4;
/// Bytes that a filter compares (`MAX_DATA_SIZE`).
pub const FILTER_SIZE_MAX: usize = 128;
/// Accounts that one look-up by program, owner or mint goes through.
pub const INDEXED_ACCOUNTS_MAX: usize = 200_000;
/// Bytes of account data that can be asked for in base58 (`MAX_BASE58_BYTES`).
pub const BASE58_SIZE_MAX: usize = 128;
/// Performance samples that are kept (`PERFORMANCE_SAMPLES_LIMIT`).
pub const PERFORMANCE_SAMPLES_MAX: usize = 720;
/// Seconds of a performance sample (`PERFORMANCE_SAMPLE_INTERVAL`).
pub const PERFORMANCE_SAMPLE_SECONDS: u64 = 60;

/// Slots whose signatures are known without the history: somewhat more than a blockhash lasts.
pub const STATUS_SLOTS: usize = 300;
/// Whole blocks that are kept in memory at the most.
pub const RECENT_BLOCKS_MAX: usize = 150;
/// Bytes of transactions in these blocks; older ones are read from the log.
pub const RECENT_SIZE_MAX: usize = 16 << 20;
/// Milliseconds that a look-up waits for the history to reach the newest block.
pub const HISTORY_WAIT_MILLIS: u64 = 5_000;
/// Milliseconds that `setAccount` waits for its block.
pub const GIVEN_WAIT_MILLIS: u64 = 10_000;
/// Lamports that one airdrop gives at the most: 100,000 SOL.
pub const AIRDROP_MAX: u64 = 100_000 * 1_000_000_000;
