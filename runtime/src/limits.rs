//! The limits of a transaction in a bank. All are consensus and follow Agave; the name of
//! Agave's constant stands beside each. Limits of the wire are in [`crate::wire::limits`], those
//! that programs meet in [`lockstep_interface::limits`].

/// Accounts a transaction may lock, looked-up ones included (`MAX_TX_ACCOUNT_LOCKS`).
pub const ACCOUNT_LOCKS_MAX: usize = 64;
/// Transactions of a bundle; a bundle locks at most [`ACCOUNT_LOCKS_MAX`] accounts in all (Jito's
/// block engine has the same number).
pub const BUNDLE_COUNT_MAX: u32 = 5;
/// Top-level instructions of a transaction (SIMD-0160; today's rules only).
pub const INSTRUCTIONS_MAX: usize = 64;
/// Fee of each required signature in lamports (`DEFAULT_TARGET_LAMPORTS_PER_SIGNATURE`).
pub const LAMPORTS_PER_SIGNATURE: u64 = 5_000;
/// Signatures of ed25519 that one of Falcon-512 counts as, in fees and in a block's limits; ours.
/// Verifying it with its address takes 0.43 times the processor's time of one of ed25519 alone in
/// one run, by estimate 3 times that of one in a batch; the rest is for its 1,563 bytes.
pub const FALCON_512_SIGNATURES: u64 = 4;
/// The same for one of ML-DSA-44: 0.9 times, by estimate 6 times, and 3,732 bytes.
pub const ML_DSA_44_SIGNATURES: u64 = 10;
/// Compute units of an instruction that calls no built-in program, unless the transaction says
/// otherwise (`DEFAULT_INSTRUCTION_COMPUTE_UNIT_LIMIT`).
pub const INSTRUCTION_COMPUTE_UNITS: u32 = 200_000;
/// Compute units of a transaction (`MAX_COMPUTE_UNIT_LIMIT`).
pub const COMPUTE_UNITS_MAX: u32 = 1_400_000;
/// Bytes of heap a transaction may ask for at least (`MIN_HEAP_FRAME_BYTES`).
pub const HEAP_SIZE_MIN: u32 = 32 * 1024;
/// Bytes of heap a transaction may ask for at most (`MAX_HEAP_FRAME_BYTES`).
pub const HEAP_SIZE_MAX: u32 = 256 * 1024;
/// Heap sizes are multiples of this.
pub const HEAP_SIZE_STEP: u32 = 1024;
/// Bytes of account data a transaction may load (`MAX_LOADED_ACCOUNTS_DATA_SIZE_BYTES`).
pub const LOADED_DATA_SIZE_MAX: u32 = 64 * 1024 * 1024;
/// Bytes counted for each loaded account besides its data, under today's rules
/// (`TRANSACTION_ACCOUNT_BASE_SIZE`, SIMD-0186).
pub const LOADED_ACCOUNT_SIZE: u64 = 64;
/// Bytes counted for each lookup table used, under today's rules
/// (`ADDRESS_LOOKUP_TABLE_BASE_SIZE`, SIMD-0186).
pub const LOADED_TABLE_SIZE: u32 = 8_248;
/// Bytes that a transaction's own instructions can allocate
/// (`MAX_PERMITTED_ACCOUNTS_DATA_ALLOCATIONS_PER_TRANSACTION`).
pub const ALLOCATED_SIZE_MAX: u64 = 20 * 1024 * 1024;
/// Compute units that a signature takes of a block (`SIGNATURE_COST`).
pub const SIGNATURE_COST: u64 = 720;
/// The same for a signature that the ed25519 program verifies (`ED25519_VERIFY_STRICT_COST`).
pub const ED25519_COST: u64 = 2_400;
/// The same for the secp256k1 program (`SECP256K1_VERIFY_COST`).
pub const SECP256K1_COST: u64 = 6_690;
/// The same for the secp256r1 program (`SECP256R1_VERIFY_COST`).
pub const SECP256R1_COST: u64 = 4_800;
/// Compute units that a write lock takes of a block (`WRITE_LOCK_UNITS`).
pub const WRITE_LOCK_COST: u64 = 300;
/// Bytes of instruction data that take a compute unit of a block (`INSTRUCTION_DATA_BYTES_COST`).
pub const INSTRUCTION_BYTES_PER_COST: u64 = 4;
/// Compute units that a page of data that may be loaded takes of a block (`DEFAULT_HEAP_COST`).
pub const LOADED_PAGE_COST: u64 = 8;
/// Bytes of such a page (`ACCOUNT_DATA_COST_PAGE_SIZE`).
pub const LOADED_PAGE_SIZE: u64 = 32 * 1024;
/// Micro-lamports of a lamport; prices of compute units are in micro-lamports.
pub const MICRO_LAMPORTS: u128 = 1_000_000;
/// Blockhashes a transaction may refer to: the newest and 150 before it
/// (`MAX_PROCESSING_AGE` and one).
pub const BLOCKHASHES_MAX: usize = 151;
/// Slots of an epoch (`DEFAULT_SLOTS_PER_EPOCH`).
pub const SLOTS_PER_EPOCH: u64 = 432_000;
/// Kinds of transactions whose costs a bank remembers; the limit is ours.
pub const COST_KINDS_MAX: usize = 1_024;
/// Cost units of a transaction besides what its instructions use: taking its fee, lending and
/// returning its accounts. The figure is ours; a transfer takes about as many nanoseconds.
pub const TRANSACTION_COST: u64 = 300;
/// Children of a node of the delta tree (`MERKLE_FANOUT`).
pub const MERKLE_FANOUT: usize = 16;

const _: () = assert!(COMPUTE_UNITS_MAX as usize > INSTRUCTION_COMPUTE_UNITS as usize);
