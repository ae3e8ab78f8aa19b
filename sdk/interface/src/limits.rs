//! The limits of one transaction that programs can meet. Each is consensus, and each follows
//! Agave; the name of Agave's constant stands beside it.

/// Bytes of one account's data, in [0, 10 MiB] (`MAX_PERMITTED_DATA_LENGTH`).
pub const ACCOUNT_DATA_SIZE_MAX: usize = 10 * 1024 * 1024;
/// Bytes by which a transaction's accounts may grow in sum
/// (`MAX_PERMITTED_ACCOUNTS_DATA_ALLOCATIONS_PER_TRANSACTION`).
pub const TRANSACTION_GROWTH_MAX: i64 = 20 * 1024 * 1024;
/// Bytes by which one account may grow in one top-level instruction; the System program called
/// at the top level is exempt (`MAX_PERMITTED_DATA_INCREASE`).
pub const INSTRUCTION_GROWTH_MAX: usize = 10 * 1024;
/// Instructions of a transaction, invoked ones included
/// (`MAX_INSTRUCTION_TRACE_LENGTH`).
pub const INSTRUCTION_TRACE_MAX: usize = 64;
/// Nested instructions: the top level and four invokes (`MAX_INSTRUCTION_STACK_DEPTH`).
pub const INSTRUCTION_STACK_MAX: usize = 5;
/// Accounts of one instruction, repeats included (`MAX_ACCOUNTS_PER_INSTRUCTION`).
pub const INSTRUCTION_ACCOUNTS_MAX: usize = 255;
/// Bytes of an invoked instruction's data (`MAX_INSTRUCTION_DATA_LEN`).
pub const INVOKED_DATA_SIZE_MAX: usize = 10 * 1024;
/// Bytes of return data (`MAX_RETURN_DATA`).
pub const RETURN_DATA_SIZE_MAX: usize = 1024;
/// Bytes of log text of one transaction (`LOG_MESSAGES_BYTES_LIMIT`).
pub const LOG_SIZE_MAX: usize = 10_000;
/// Bytes of one seed of a derived address (`MAX_SEED_LEN`).
pub const SEED_SIZE_MAX: usize = 32;
/// Seeds of one derived address (`MAX_SEEDS`).
pub const SEEDS_MAX: usize = 16;
/// Derived signers of one invoke (`MAX_SIGNERS`).
pub const DERIVED_SIGNERS_MAX: usize = 16;
/// Bytes of heap of a program that is an account, unless its transaction asks for more
/// (`MIN_HEAP_FRAME_BYTES`).
pub const HEAP_SIZE_MIN: usize = 32 * 1024;
/// The most that it can ask for (`MAX_HEAP_FRAME_BYTES`).
pub const HEAP_SIZE_MAX: usize = 256 * 1024;
/// Bytes of events of one transaction. Lockstep's own; Solana carries events in logs.
pub const EVENT_SIZE_MAX: usize = 10_000;

const _: () = assert!(INSTRUCTION_GROWTH_MAX < ACCOUNT_DATA_SIZE_MAX);
