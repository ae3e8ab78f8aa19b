// The C interface of Lockstep. Made of runtime/capi/src by cbindgen: change the source, not this
// file. The page for those that link the library: runtime/docs/c-interface.md.
//
// Rules for all functions:
//
// Pointers. A pointer is NULL, where that is said to be possible, or leads to a value of its type
// that stays as it is until the call has returned; one beside a count leads to as many. Where the
// count is 0 it may be NULL. A pointer that leads elsewhere is undefined behaviour.
//
// Handles. Pointers to incomplete types are numbers that are looked up and never followed. NULL, a
// handle that was freed, one of another kind and a made-up number are refused with a status. A
// handle may be used by several threads at once; one that is freed meanwhile stays usable for the
// calls that have begun.
//
// Ownership. What a call gives through a place of a handle is freed by the caller, by the one
// function of its kind that ends in _free (chains: lockstep_chain_close). A call that fails sets
// that place to NULL. Pointers into what a handle names are valid until it is freed. Functions that
// get bytes copy what they keep.
//
// Errors. The status says what C switches on. If the call fails and `error` is not NULL, it gets an
// error object with a text, which the caller frees; if the call succeeds it gets NULL.
//
// Sizes. A struct whose first field is `size` may grow: set the whole struct to zero, then `size`
// to sizeof. Fields that are left zero mean the usual.
//
// Threads. Any thread may call any function, if nothing else is said. Functions of the embedder's
// are called on the threads that are said there. They must return: no longjmp and no exception may
// leave them. Inside lockstep_program.process, functions of the context alone may be called.


#ifndef LOCKSTEP_H
#define LOCKSTEP_H

#include <stddef.h>
#include <stdint.h>

// The result of a program that fails: Solana's number of the instruction error, such as 1 for
// InvalidArgument, or a code of the program's own.
#define LOCKSTEP_ERROR(number) ((uint64_t)(number) + 1)
#define LOCKSTEP_CUSTOM_ERROR(code) ((uint64_t)(uint32_t)(code) << 32 | 26)


// The number of this interface. It changes when a program that was built with an older header
// would no longer work; functions, fields at the end of structs that state their size, and numbers
// of statuses are added without a change.
#define LOCKSTEP_ABI_VERSION 1

// The transaction is in the block, and did what it was to do.
#define LOCKSTEP_OUTCOME_SUCCEEDED 0

// The transaction is in the block, paid its fee and changed nothing else.
#define LOCKSTEP_OUTCOME_FAILED 1

// The transaction is not in the block and changed nothing.
#define LOCKSTEP_OUTCOME_REFUSED 2

// Signatures are not verified: the caller has done so.
#define LOCKSTEP_CHAIN_TRUSTS_SIGNATURES 1

// Blocks of others are executed serially, one transaction after the other.
#define LOCKSTEP_CHAIN_IS_SERIAL 2

// Transactions that only credit an account do not run at once in blocks that are built.
#define LOCKSTEP_CHAIN_ORDERS_CREDITS 4

// The chain computes no root over all accounts, and gives no proofs and no snapshots.
#define LOCKSTEP_CHAIN_HAS_NO_STATE_ROOT 8

// Receipts carry the log.
#define LOCKSTEP_RECORD_LOGS 1

// The observer gets receipts.
#define LOCKSTEP_OBSERVE_RECEIPTS 1

// The observer gets changed accounts.
#define LOCKSTEP_OBSERVE_CHANGES 2

// The transaction only looks at the account.
#define LOCKSTEP_ACCESS_READ 0

// The transaction may change the account.
#define LOCKSTEP_ACCESS_WRITE 1

// The transaction only adds to the account; such transactions run side by side.
#define LOCKSTEP_ACCESS_CREDIT 2

// The planner chooses the order.
#define LOCKSTEP_MODE_PRODUCE 0

// Of two transactions that conflict the one with the lower number runs first.
#define LOCKSTEP_MODE_REPLAY 1

// A worker runs a lane from its first transaction to its last.
#define LOCKSTEP_DISPATCH_STATIC 0

// An idle worker takes the transaction that has been ready longest.
#define LOCKSTEP_DISPATCH_QUEUED 1

// An idle worker takes, of the transactions that are ready, the one that the plan lists first.
#define LOCKSTEP_DISPATCH_RANKED 2

// What a call came to. The numbers never change; later releases add some.
enum lockstep_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The call did what it was asked.
  LOCKSTEP_STATUS_OK = 0,
  // An argument that is needed is NULL, or the place of a result is not aligned.
  LOCKSTEP_STATUS_NULL_ARGUMENT = 1,
  // A handle was freed, is of another kind, or is no handle at all.
  LOCKSTEP_STATUS_BAD_HANDLE = 2,
  // A size or count is out of range, or a struct states a size that it cannot have.
  LOCKSTEP_STATUS_BAD_SIZE = 3,
  // A value means nothing here: an unknown name or number, a text that is not UTF-8.
  LOCKSTEP_STATUS_BAD_VALUE = 4,
  // The call is not allowed in this place: by a program that runs, or by another thread.
  LOCKSTEP_STATUS_WRONG_PLACE = 5,
  // No block of this id is known, or it lost to a committed one.
  LOCKSTEP_STATUS_UNKNOWN_BLOCK = 6,
  // The block's parent is not known. It may be later.
  LOCKSTEP_STATUS_PARENT_MISSING = 7,
  // The bytes are not the block that they claim to be. Nothing follows for that block.
  LOCKSTEP_STATUS_WRONG_BYTES = 8,
  // The block breaks a rule and is invalid for ever.
  LOCKSTEP_STATUS_INVALID_BLOCK = 9,
  // The block's time is later than is accepted now.
  LOCKSTEP_STATUS_EARLY_BLOCK = 10,
  // The work was cancelled.
  LOCKSTEP_STATUS_CANCELLED = 11,
  // The chain has stopped after a failed commit or a panic: close it and open it again.
  LOCKSTEP_STATUS_STOPPED = 12,
  // The storage failed, or holds something else than a ledger.
  LOCKSTEP_STATUS_STORAGE = 13,
  // The ledger or the snapshot belongs to another genesis, a genesis cannot be used, or the
  // chain has activated a program that was not added to it.
  LOCKSTEP_STATUS_GENESIS = 14,
  // The proof does not prove this.
  LOCKSTEP_STATUS_PROOF = 15,
  // The snapshot is damaged, or of another block than was asked for.
  LOCKSTEP_STATUS_SNAPSHOT = 16,
  // The plan breaks a rule, or the strategy cannot plan this block.
  LOCKSTEP_STATUS_PLAN = 17,
  // The message cannot be written as a transaction, or a key is missing.
  LOCKSTEP_STATUS_MESSAGE = 18,
  // A function of the embedder's has failed.
  LOCKSTEP_STATUS_CALLBACK = 19,
  // The chain computes no state root, which this call needs.
  LOCKSTEP_STATUS_NO_STATE_ROOT = 20,
  // The system refused a thread.
  LOCKSTEP_STATUS_SYSTEM = 21,
  // A defect of this library, caught at the call. Handles that the call used may be of no
  // further use; others are.
  LOCKSTEP_STATUS_INTERNAL = 22,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum lockstep_status lockstep_status;
#else
typedef uint32_t lockstep_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// An account as it was when it was read.
typedef struct lockstep_account lockstep_account;

// A block that was built, or read from bytes.
typedef struct lockstep_block lockstep_block;

// Bytes that this library made.
typedef struct lockstep_buffer lockstep_buffer;

// Asks for the end of a call's work from another thread.
typedef struct lockstep_cancel lockstep_cancel;

// A chain of blocks on a storage.
typedef struct lockstep_chain lockstep_chain;

// The running instruction, for a program of the embedder's, on the thread of its call and until it
// returns.
//
// Functions of the context give 0 for success, else an instruction error as LOCKSTEP_ERROR writes
// it, which the program may return as it is. NULL where a value is needed is `InvalidArgument`; a
// context of another call, thread or place is `ProgramFailedToComplete`. The place of a result may
// be NULL where the program does not want it.
typedef struct lockstep_context lockstep_context;

// Why a call failed: a number and a text.
typedef struct lockstep_error lockstep_error;

// What a chain starts from: accounts, programs, limits.
typedef struct lockstep_genesis lockstep_genesis;

// A plan: batches of lanes of transactions.
typedef struct lockstep_plan lockstep_plan;

// An account, or that there is none, with a proof of it.
typedef struct lockstep_proof lockstep_proof;

// What became of transactions, in their order.
typedef struct lockstep_receipts lockstep_receipts;

// Where a function of the embedder's puts bytes, during its call.
typedef struct lockstep_sink lockstep_sink;

// The state after one block.
typedef struct lockstep_view lockstep_view;

// An observer of committed blocks.
typedef struct lockstep_watch lockstep_watch;

// The address of an account or program: 32 bytes, base58 in texts.
typedef struct lockstep_address {
  // The bytes.
  uint8_t bytes[32];
} lockstep_address;

// The state kept under one address.
typedef struct lockstep_account_fields {
  // The balance, in lamports (10^-9 of a token). An account without lamports does not exist.
  uint64_t lamports;
  // The program that may debit the account and change its data.
  struct lockstep_address owner;
  // 1 for programs, else 0.
  uint32_t executable;
  // The content; may be NULL if there is none.
  const uint8_t *data;
  // Its bytes, at most 10 MiB.
  size_t data_size;
} lockstep_account_fields;

// The functions of a native program. They are called from any thread, several at once, and their
// results must depend on their arguments alone.
typedef struct lockstep_program {
  // sizeof(lockstep_program).
  size_t size;
  // The address that instructions name.
  struct lockstep_address address;
  // A short name for people; it is copied.
  const char *name;
  // Handed to each function.
  void *user;
  // Runs one instruction. Gives 0, what a function of the context gave, or an error by
  // LOCKSTEP_ERROR or LOCKSTEP_CUSTOM_ERROR; any error fails the transaction.
  uint64_t (*process)(void *user, struct lockstep_context *context);
  // The first 64 accounts, one bit for each, to which an instruction of this data does nothing
  // but add: it reaches them through lockstep_context_credit and lockstep_context_add alone, and
  // such instructions run side by side. NULL for none.
  uint64_t (*credit_only)(void *user, const uint8_t *data, size_t data_size, size_t account_count);
  // Writes the offsets of the counters of the account at a position of `credit_only`, in
  // ascending order, at most 4, and gives their number. NULL for none.
  size_t (*counters)(void *user,
                     const uint8_t *data,
                     size_t data_size,
                     size_t position,
                     uint16_t *offsets);
  // Called once, when no genesis and no chain has the program any more. NULL for nothing.
  void (*release)(void *user);
} lockstep_program;

// How much a block may hold; what is 0 is as on Solana's main network. The same for all nodes of a
// network.
typedef struct lockstep_block_limits {
  // sizeof(lockstep_block_limits).
  size_t size;
  // Compute units of all transactions.
  uint64_t compute_units_max;
  // Compute units of all transactions that may write one account.
  uint64_t account_compute_units_max;
  // Bytes of accounts that all transactions allocate.
  uint64_t allocated_size_max;
  // Bytes of all transactions.
  uint64_t transaction_bytes_max;
  // Slots from a block's parent to the block.
  uint64_t slot_gap_max;
  // Transactions.
  uint32_t transaction_count_max;
  // Waits of the plan.
  uint32_t wait_count_max;
} lockstep_block_limits;

// Bytes of the caller's, such as one transaction.
typedef struct lockstep_bytes {
  // The first; may be NULL if there is none.
  const uint8_t *data;
  // How many.
  size_t size;
} lockstep_bytes;

// A change of one entry of an embedder's storage.
typedef struct lockstep_write {
  // The key.
  struct lockstep_bytes key;
  // The new value, never empty; of size 0 if the entry is to go.
  struct lockstep_bytes value;
} lockstep_write;

// The functions of an embedder's storage: entries of bytes under keys of bytes, ordered as memcmp
// orders them, a key before its extensions. Keys have at most 64 bytes.
//
// `get` and `scan` are called from any thread, several at once, also while `apply` runs; a call
// that begins after `apply` has returned sees all of it, and an entry is never seen half changed.
// Each function gives 0, or a number of its own that stands for a failure.
typedef struct lockstep_storage {
  // sizeof(lockstep_storage).
  size_t size;
  // Handed to each function.
  void *user;
  // Puts the values of `count` keys into the sink, in their order: lockstep_sink_put for each
  // that is there, lockstep_sink_skip for each that is not.
  uint32_t (*get)(void *user,
                  const struct lockstep_bytes *keys,
                  size_t count,
                  struct lockstep_sink *values);
  // Makes all changes or none, durable when it returns. No key comes twice. One call at a time.
  uint32_t (*apply)(void *user, const struct lockstep_write *writes, size_t count);
  // Puts entries into the sink, key and value by turns: those from the key `start` on and before
  // the key `end`, in ascending order, or in descending order if `is_descending` is not 0; the
  // first `limit` of them.
  uint32_t (*scan)(void *user,
                   struct lockstep_bytes start,
                   struct lockstep_bytes end,
                   uint32_t is_descending,
                   size_t limit,
                   struct lockstep_sink *entries);
  // Called once, when the chain is closed and nothing reads from it any more. NULL for nothing.
  void (*release)(void *user);
} lockstep_storage;

// How a chain works, and where its accounts are: a node's own choice.
//
// With `directory` the accounts are on disk, with `storage` in what the embedder has, with
// neither in memory.
typedef struct lockstep_chain_options {
  // sizeof(lockstep_chain_options).
  size_t size;
  // Directory of the accounts and blocks, made if it is missing; NULL for none.
  const char *directory;
  // Functions over the embedder's own storage; NULL for none.
  const struct lockstep_storage *storage;
  // Bytes of accounts of `directory` or `storage` that are kept in memory; 0 for none.
  uint64_t cache_size;
  // Threads that execute blocks, in [1, 1024]; with 1 it is the caller's; 0 for 1.
  uint32_t thread_count;
  // Threads that verify signatures, in [1, 1024]; 0 for those that execute.
  uint32_t reader_thread_count;
  // LOCKSTEP_CHAIN_ flags, or 0.
  uint32_t flags;
  // 0.
  uint32_t reserved;
} lockstep_chain_options;

// A hash: a block's id, a blockhash, or a root.
typedef struct lockstep_hash {
  // The bytes.
  uint8_t bytes[32];
} lockstep_hash;

// What a block says of itself.
typedef struct lockstep_header {
  // The id of the block before.
  struct lockstep_hash parent_id;
  // The slot, above the parent's.
  uint64_t slot;
  // Seconds since 1970.
  int64_t unix_timestamp;
  // Transactions in the block.
  uint32_t transaction_count;
  // 1 if the chain computes a state root, else 0.
  uint32_t has_state_root;
  // Root over the transactions.
  struct lockstep_hash transaction_root;
  // Root over their receipts, in the order of the block.
  struct lockstep_hash receipts_root;
  // Root over the accounts that the block changed.
  struct lockstep_hash delta_root;
  // Root over all accounts after the block; zeros without one.
  struct lockstep_hash state_root;
  // Digest of the block's plan.
  struct lockstep_hash plan_digest;
} lockstep_header;

// What a commit did.
typedef struct lockstep_committed {
  // Blocks that became final: the block, and its ancestors that were not.
  uint64_t block_count;
  // Blocks that were forgotten because they do not descend from it.
  uint64_t dropped_count;
} lockstep_committed;

// Which block is wanted, and of what. Either `transactions` or `select` gives the transactions.
typedef struct lockstep_build_options {
  // sizeof(lockstep_build_options).
  size_t size;
  // Id of the parent, a known block.
  struct lockstep_hash parent;
  // The slot, above the parent's.
  uint64_t slot;
  // Seconds since 1970, as programs will see them.
  int64_t unix_timestamp;
  // Name of the strategy that plans the block; NULL for "auto".
  const char *strategy;
  // The plan to be run in place of a strategy's, over those of `transactions` that are not
  // refused, in their order; NULL for none. It is checked.
  struct lockstep_plan *plan;
  // LOCKSTEP_MODE_PRODUCE if the planner may choose the order, LOCKSTEP_MODE_REPLAY if
  // transactions that conflict keep theirs.
  uint32_t mode;
  // LOCKSTEP_RECORD_ flags: what receipts carry.
  uint32_t recording;
  // The signed transactions.
  const struct lockstep_bytes *transactions;
  // How many.
  size_t transaction_count;
  // Puts signed transactions into the sink, in the order in which they have a right to get in.
  // `round` is 0 at first; as long as transactions were refused and left room, the function is
  // asked for more in rounds 1, 2 and so on, until it puts none. Gives 0, or a number of its own
  // that stands for a failure.
  uint32_t (*select)(void *user,
                     const struct lockstep_header *parent,
                     uint32_t round,
                     struct lockstep_sink *transactions);
  // Handed to `select`.
  void *user;
} lockstep_build_options;

// A transaction of the source that is not in the block that was built of it.
typedef struct lockstep_refused {
  // Its place in all that the source gave, from 0.
  uint32_t position;
  // Solana's number of the transaction error; UINT32_MAX if the bytes are no transaction.
  uint32_t error;
} lockstep_refused;

// What became of a transaction.
typedef struct lockstep_receipt {
  // LOCKSTEP_OUTCOME_SUCCEEDED, _FAILED or _REFUSED.
  uint32_t outcome;
  // Solana's number of the transaction error; UINT32_MAX if there is none, or if the bytes were
  // no transaction.
  uint32_t error;
  // The instruction that failed; UINT32_MAX if none did.
  uint32_t instruction_index;
  // Solana's number of its error; UINT32_MAX if none did.
  uint32_t instruction_error;
  // The program's own code, if that number is 25 (Custom), else 0.
  uint32_t custom_code;
  // Lines of the log, if one was recorded.
  uint32_t log_count;
  // Lamports paid for signatures.
  uint64_t signature_fee;
  // Lamports paid for priority.
  uint64_t priority_fee;
  // Compute units used.
  uint64_t compute_units;
} lockstep_receipt;

// How transactions are simulated.
typedef struct lockstep_simulate_options {
  // sizeof(lockstep_simulate_options).
  size_t size;
  // The slot; 0 for the one after the block's.
  uint64_t slot;
  // Not 0 if `unix_timestamp` counts; else it is the block's time.
  uint32_t has_time;
  // Not 0 if signatures are verified.
  uint32_t verify;
  // Seconds since 1970.
  int64_t unix_timestamp;
  // LOCKSTEP_RECORD_ flags: what receipts carry.
  uint32_t recording;
  // 0.
  uint32_t reserved;
} lockstep_simulate_options;

// What an export wrote.
typedef struct lockstep_exported {
  // Id of the block after which this is the state.
  struct lockstep_hash block_id;
  // The block's slot.
  uint64_t slot;
  // Accounts.
  uint64_t account_count;
  // Bytes.
  uint64_t size;
} lockstep_exported;

// An account that a block has changed.
typedef struct lockstep_change {
  // The address.
  struct lockstep_address address;
  // What is there now; without lamports if it is gone.
  struct lockstep_account_fields account;
} lockstep_change;

// A block that has become final and durable. All pointers are valid during the call of the
// observer, and the receipts are freed behind it.
typedef struct lockstep_committed_block {
  // Its id.
  struct lockstep_hash id;
  // Its header.
  struct lockstep_header header;
  // Its bytes.
  const uint8_t *bytes;
  // How many.
  size_t bytes_size;
  // The receipts of its transactions; NULL unless they were asked for.
  struct lockstep_receipts *receipts;
  // The accounts that it changed, in ascending order of addresses; NULL unless they were asked
  // for.
  const struct lockstep_change *changes;
  // How many.
  size_t change_count;
} lockstep_committed_block;

// An observer of committed blocks.
typedef struct lockstep_observer {
  // sizeof(lockstep_observer).
  size_t size;
  // Handed to each function.
  void *user;
  // Called for each block once it is durable, in the order of blocks, one call at a time, on a
  // thread that is in lockstep_chain_commit. It may call this library.
  void (*committed)(void *user, const struct lockstep_committed_block *block);
  // Called once, when the observer is gone: after the last call of `committed`. NULL for
  // nothing.
  void (*release)(void *user);
  // LOCKSTEP_OBSERVE_ flags, or 0.
  uint32_t flags;
  // Blocks that wait for the observer while another thread is in its call, at most 65,536; one
  // that finds as many waiting is missed. 0 for 1,024.
  uint32_t capacity;
} lockstep_observer;

// What a plan is for.
typedef struct lockstep_plan_options {
  // sizeof(lockstep_plan_options).
  size_t size;
  // Name of the strategy; NULL for "auto".
  const char *strategy;
  // LOCKSTEP_MODE_PRODUCE or LOCKSTEP_MODE_REPLAY.
  uint32_t mode;
  // Workers that the plan is shaped for, at least 1; 0 for 1. It stays valid for any number.
  uint32_t worker_count;
} lockstep_plan_options;

// One account as one transaction uses it.
typedef struct lockstep_access {
  // The account.
  struct lockstep_address address;
  // LOCKSTEP_ACCESS_READ, _WRITE or _CREDIT.
  uint32_t mode;
} lockstep_access;

// What one transaction accesses.
typedef struct lockstep_access_list {
  // The accounts; one that is named twice counts once, in the stronger mode.
  const struct lockstep_access *accesses;
  // How many.
  size_t access_count;
  // What it is expected to cost, in compute units; about a nanosecond each.
  uint64_t cost;
} lockstep_access_list;

// A transaction that may not start before another has finished.
typedef struct lockstep_plan_wait {
  // The one that waits.
  uint32_t transaction;
  // The one that it waits for, in another lane of the same batch.
  uint32_t after;
} lockstep_plan_wait;

// A plan as lists of numbers. The lanes of a batch run in parallel, each in its own order; all
// transactions of a batch have finished before the next batch begins.
//
// Lane i holds `items` from `lane_ends[i - 1]` (0 for the first lane) up to `lane_ends[i]`; batch
// i holds lanes likewise.
typedef struct lockstep_layout {
  // The transactions, batch by batch, lane by lane.
  const uint32_t *items;
  // How many.
  size_t item_count;
  // Where each lane ends in `items`, ascending.
  const uint32_t *lane_ends;
  // How many.
  size_t lane_count;
  // Where each batch ends in `lane_ends`, ascending.
  const uint32_t *batch_ends;
  // How many.
  size_t batch_count;
  // The waits; in ascending order of the waiting transaction's place where they are a result.
  const struct lockstep_plan_wait *waits;
  // How many.
  size_t wait_count;
  // LOCKSTEP_DISPATCH_STATIC, _QUEUED or _RANKED: how transactions get to workers.
  uint32_t dispatch;
  // 0.
  uint32_t reserved;
} lockstep_layout;

// An account of an instruction and the access that is declared for it.
typedef struct lockstep_account_meta {
  // The account.
  struct lockstep_address address;
  // Not 0 if the account has to sign.
  uint32_t is_signer;
  // Not 0 if the instruction may change it.
  uint32_t is_writable;
} lockstep_account_meta;

// A call of a program.
typedef struct lockstep_instruction {
  // The program.
  struct lockstep_address program;
  // The accounts, in the order in which the program expects them.
  const struct lockstep_account_meta *accounts;
  // How many.
  size_t account_count;
  // The program's own encoding of what to do.
  const uint8_t *data;
  // Its bytes.
  size_t data_size;
} lockstep_instruction;

// A transaction to be written and signed.
typedef struct lockstep_message {
  // sizeof(lockstep_message).
  size_t size;
  // The account that pays the fee, and signs.
  struct lockstep_address payer;
  // The id of a recent block.
  struct lockstep_hash blockhash;
  // The instructions.
  const struct lockstep_instruction *instructions;
  // How many.
  size_t instruction_count;
  // The secret keys (ed25519 seeds) of all signers, 32 bytes each, in any order.
  const struct lockstep_hash *keys;
  // How many.
  size_t key_count;
} lockstep_message;

// An account of an instruction, as its program finds it.
typedef struct lockstep_account_info {
  // The address.
  struct lockstep_address address;
  // The program that may debit the account and change its data.
  struct lockstep_address owner;
  // The balance, in lamports.
  uint64_t lamports;
  // Bytes of its data.
  size_t data_size;
  // 1 if it signed the transaction, or the invoking program signed for it, else 0.
  uint32_t is_signer;
  // 1 if the instruction may change it, else 0.
  uint32_t is_writable;
  // 1 for programs, else 0.
  uint32_t executable;
} lockstep_account_info;

// Seeds of an address that the running program derives and signs for.
typedef struct lockstep_seeds {
  // The seeds.
  const struct lockstep_bytes *parts;
  // How many.
  size_t part_count;
} lockstep_seeds;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// LOCKSTEP_ABI_VERSION as the library was built with it. Compare it with that of the header.
//
// Threads: any.
uint32_t lockstep_abi_version(void);

// The version of the library, such as "0.1.0".
//
// Threads: any. The text is static.
const char *lockstep_version(void);

// The status that the failed call gave; LOCKSTEP_STATUS_BAD_HANDLE for a freed error, and
// LOCKSTEP_STATUS_NULL_ARGUMENT for NULL.
//
// Threads: any.
lockstep_status lockstep_error_status(struct lockstep_error *error);

// What was expected, what was found, where, and what to do, as one line of UTF-8; NULL if `error`
// is NULL or freed.
//
// Threads: any. The text is valid until the error is freed.
const char *lockstep_error_text(struct lockstep_error *error);

// Frees an error; NULL is nothing to free.
//
// Threads: any.
lockstep_status lockstep_error_free(struct lockstep_error *error);

// Makes a genesis without accounts, with the standard programs (System, Compute Budget, Token,
// Associated Token Account, Memo, Address Lookup Table, ed25519) and the limits of Solana's main
// network. It can serve several chains and is not changed by them.
//
// Threads: any. The caller frees the genesis.
lockstep_status lockstep_genesis_new(struct lockstep_genesis **genesis,
                                     struct lockstep_error **error);

// Adds an account; of several of one address the last counts, and one without lamports is none.
//
// Threads: any. Address and account are copied.
lockstep_status lockstep_genesis_add_account(struct lockstep_genesis *genesis,
                                             const struct lockstep_address *address,
                                             const struct lockstep_account_fields *account,
                                             struct lockstep_error **error);

// Adds a native program that the chain begins with; one of the same address is replaced. All nodes
// of a network must have the same programs, which do the same.
//
// Threads: any. The struct is copied; `user` stays the caller's until `release` is called. If the
// call fails, `release` is not called.
lockstep_status lockstep_genesis_add_program(struct lockstep_genesis *genesis,
                                             const struct lockstep_program *program,
                                             struct lockstep_error **error);

// Adds a native program that the chain does not begin with, and that it can activate in a slot of
// its schedule; else as lockstep_genesis_add_program.
//
// Threads: any.
lockstep_status lockstep_genesis_link_program(struct lockstep_genesis *genesis,
                                              const struct lockstep_program *program,
                                              struct lockstep_error **error);

// Sets what blocks may hold, in place of the limits of Solana's main network.
//
// Threads: any. The struct is copied.
lockstep_status lockstep_genesis_set_limits(struct lockstep_genesis *genesis,
                                            const struct lockstep_block_limits *limits,
                                            struct lockstep_error **error);

// Sets the slot of the first block; 0 otherwise.
//
// Threads: any.
lockstep_status lockstep_genesis_set_slot(struct lockstep_genesis *genesis,
                                          uint64_t slot,
                                          struct lockstep_error **error);

// Frees a genesis; NULL is nothing to free. Chains that were opened with it go on.
//
// Threads: any.
lockstep_status lockstep_genesis_free(struct lockstep_genesis *genesis);

// Opens a chain: at its genesis if the storage is empty, else where it was left. A ledger that was
// made with another genesis (programs, limits, slot) is refused.
//
// Threads: any; all calls for the chain may come from several threads. Blocks are built and
// executed one at a time; meanwhile others may be read and committed. The options are copied, and
// the caller closes the chain. If the call fails, `release` of the storage is not called.
// O(accounts of the genesis), or O(accounts) for a storage of the embedder's.
lockstep_status lockstep_chain_open(const struct lockstep_chain_options *options,
                                    struct lockstep_genesis *genesis,
                                    struct lockstep_chain **chain,
                                    struct lockstep_error **error);

// Closes a chain; NULL is nothing to close. Everything else that came of it stays valid: blocks,
// views, receipts. The storage is closed once calls of other threads and views have ended.
//
// Threads: any.
lockstep_status lockstep_chain_close(struct lockstep_chain *chain);

// Gives id and header of the newest committed block; either place may be NULL.
//
// Threads: any.
lockstep_status lockstep_chain_head(struct lockstep_chain *chain,
                                    struct lockstep_hash *id,
                                    struct lockstep_header *header,
                                    struct lockstep_error **error);

// Makes a known block final and durable, its ancestors first, and forgets every block that does
// not descend from it. Then observers are called. A second commit of a block does nothing.
//
// After LOCKSTEP_STATUS_STORAGE it is unknown whether the block is durable, and the chain builds,
// executes and commits nothing more: close it and open it again.
//
// Threads: any. `committed` may be NULL.
lockstep_status lockstep_chain_commit(struct lockstep_chain *chain,
                                      const struct lockstep_hash *id,
                                      struct lockstep_committed *committed,
                                      struct lockstep_error **error);

// Forgets a block that is not committed, and all its descendants.
//
// Threads: any.
lockstep_status lockstep_chain_discard(struct lockstep_chain *chain,
                                       const struct lockstep_hash *id,
                                       struct lockstep_error **error);

// From now on lockstep_chain_execute delays blocks of a later time than this, in seconds since
// 1970, with LOCKSTEP_STATUS_EARLY_BLOCK. Any time is accepted until the first call: the library
// reads no clock.
//
// Threads: any.
lockstep_status lockstep_chain_set_latest_time(struct lockstep_chain *chain,
                                               int64_t unix_timestamp,
                                               struct lockstep_error **error);

// Forgets the log of blocks below `slot`; the newest 512 stay, and so do all accounts. Writes the
// slot below which there is no block any more to `below`, which may be NULL.
//
// Threads: any.
lockstep_status lockstep_chain_prune(struct lockstep_chain *chain,
                                     uint64_t slot,
                                     uint64_t *below,
                                     struct lockstep_error **error);

// Keeps what lets a chain in a directory be opened in a fraction of the time; to be called before
// it is closed. O(accounts), 64 bytes of disk each.
//
// Threads: any.
lockstep_status lockstep_chain_keep_trie(struct lockstep_chain *chain,
                                         struct lockstep_error **error);

// Builds a block of the transactions, or of what `select` gives: by the strategy's plan, or by a
// given one. The block is known afterwards, and touches no storage before it is committed.
// Transactions that break a rule, or that there is no room for, are left out and named
// (lockstep_block_refused); signatures are verified before.
//
// Threads: any; `select` is called on the caller's. Blocks are built and executed one at a time.
// `cancel` may be NULL. The transactions are copied, and the caller frees the block.
lockstep_status lockstep_chain_build(struct lockstep_chain *chain,
                                     const struct lockstep_build_options *options,
                                     struct lockstep_cancel *cancel,
                                     struct lockstep_block **block,
                                     struct lockstep_error **error);

// Reads the bytes of a block and verifies what needs no parent: encoding, sizes, that transactions
// and plan are those of the header, all signatures.
//
// LOCKSTEP_STATUS_WRONG_BYTES says nothing about the block that the header names;
// LOCKSTEP_STATUS_INVALID_BLOCK does.
//
// Threads: any, also while other blocks are executed. The bytes are copied, and the caller frees
// the block.
lockstep_status lockstep_chain_read(struct lockstep_chain *chain,
                                    const uint8_t *data,
                                    size_t size,
                                    struct lockstep_block **block,
                                    struct lockstep_error **error);

// Executes a block that was read on its parent, by its own plan, and holds every root of its
// header against the outcome. The block is known afterwards.
//
// LOCKSTEP_STATUS_INVALID_BLOCK: it is invalid for ever. LOCKSTEP_STATUS_PARENT_MISSING and
// LOCKSTEP_STATUS_EARLY_BLOCK: it may be right later.
//
// Threads: any. `cancel` may be NULL. `receipts` may be NULL; else it gets the receipts, which the
// caller frees, or NULL if the block was known already and has not been executed again.
lockstep_status lockstep_chain_execute(struct lockstep_chain *chain,
                                       struct lockstep_block *block,
                                       struct lockstep_cancel *cancel,
                                       struct lockstep_receipts **receipts,
                                       struct lockstep_error **error);

// Gives id and header of a block; either place may be NULL.
//
// Threads: any.
lockstep_status lockstep_block_header(struct lockstep_block *block,
                                      struct lockstep_hash *id,
                                      struct lockstep_header *header,
                                      struct lockstep_error **error);

// Gives the bytes of a block, as lockstep_chain_read takes them.
//
// Threads: any. The bytes are valid until the block is freed.
lockstep_status lockstep_block_bytes(struct lockstep_block *block,
                                     const uint8_t **data,
                                     size_t *size,
                                     struct lockstep_error **error);

// Gives the receipts of a block that was built, in the order of the block.
//
// Threads: any. The caller frees the receipts.
lockstep_status lockstep_block_receipts(struct lockstep_block *block,
                                        struct lockstep_receipts **receipts,
                                        struct lockstep_error **error);

// Gives the plan of a block, over its transactions in the order of the block.
//
// Threads: any. The caller frees the plan.
lockstep_status lockstep_block_plan(struct lockstep_block *block,
                                    struct lockstep_plan **plan,
                                    struct lockstep_error **error);

// Writes the transactions of the source that are not in a block that was built to `list`, as many
// as `capacity`, and their number to `count`. With a capacity of 0, `list` may be NULL.
//
// Threads: any.
lockstep_status lockstep_block_refused(struct lockstep_block *block,
                                       struct lockstep_refused *list,
                                       size_t capacity,
                                       size_t *count,
                                       struct lockstep_error **error);

// Frees a block; NULL is nothing to free. The chain that knows it goes on to do so.
//
// Threads: any.
lockstep_status lockstep_block_free(struct lockstep_block *block);

// Makes a handle by which another thread can end a call: at the end of the stage that is under
// way, in time linear in the size of its block.
//
// Threads: any. The caller frees it.
lockstep_status lockstep_cancel_new(struct lockstep_cancel **cancel, struct lockstep_error **error);

// Asks all calls that have the handle to end with LOCKSTEP_STATUS_CANCELLED, those to come too.
//
// Threads: any.
lockstep_status lockstep_cancel_ask(struct lockstep_cancel *cancel, struct lockstep_error **error);

// Frees a cancel handle; NULL is nothing to free.
//
// Threads: any.
lockstep_status lockstep_cancel_free(struct lockstep_cancel *cancel);

// Gives the number of receipts.
//
// Threads: any.
lockstep_status lockstep_receipts_count(struct lockstep_receipts *receipts,
                                        size_t *count,
                                        struct lockstep_error **error);

// Gives the receipt of the transaction at `index`, in the order of the block or of the simulation.
//
// Threads: any. Complexity: O(1).
lockstep_status lockstep_receipts_get(struct lockstep_receipts *receipts,
                                      size_t index,
                                      struct lockstep_receipt *receipt,
                                      struct lockstep_error **error);

// Writes the receipts from `first` on to `list`, as many as there are and as `capacity`, and how
// many that are to `count`, which may be NULL.
//
// Threads: any. Complexity: O(receipts written).
lockstep_status lockstep_receipts_list(struct lockstep_receipts *receipts,
                                       size_t first,
                                       struct lockstep_receipt *list,
                                       size_t capacity,
                                       size_t *count,
                                       struct lockstep_error **error);

// Gives the log of the transaction at `index` as text, a line for each entry, or why it was
// refused; empty if no log was recorded (LOCKSTEP_RECORD_LOGS).
//
// Threads: any. The caller frees the buffer, whose bytes are UTF-8 and end with no zero.
lockstep_status lockstep_receipts_log(struct lockstep_receipts *receipts,
                                      size_t index,
                                      struct lockstep_buffer **text,
                                      struct lockstep_error **error);

// Frees receipts; NULL is nothing to free.
//
// Threads: any.
lockstep_status lockstep_receipts_free(struct lockstep_receipts *receipts);

// Gives the bytes of a buffer.
//
// Threads: any. The bytes are valid until the buffer is freed.
lockstep_status lockstep_buffer_bytes(struct lockstep_buffer *buffer,
                                      const uint8_t **data,
                                      size_t *size,
                                      struct lockstep_error **error);

// Frees a buffer; NULL is nothing to free.
//
// Threads: any.
lockstep_status lockstep_buffer_free(struct lockstep_buffer *buffer);

// Gives the state after a known block, the newest committed one among them. It stays as it is
// while other blocks are committed, each of which keeps what it replaces as long as a view is
// there.
//
// Threads: any. The caller frees the view.
lockstep_status lockstep_chain_view(struct lockstep_chain *chain,
                                    const struct lockstep_hash *at,
                                    struct lockstep_view **view,
                                    struct lockstep_error **error);

// Gives id and header of the block of a view; either place may be NULL.
//
// Threads: any.
lockstep_status lockstep_view_header(struct lockstep_view *view,
                                     struct lockstep_hash *id,
                                     struct lockstep_header *header,
                                     struct lockstep_error **error);

// Reads the account at an address; `account` gets NULL if there is none.
//
// Threads: any. The caller frees the account.
lockstep_status lockstep_view_account(struct lockstep_view *view,
                                      const struct lockstep_address *address,
                                      struct lockstep_account **account,
                                      struct lockstep_error **error);

// Proves the account at an address, or that there is none, against the state root of the view's
// block.
//
// Threads: any. The caller frees the proof.
lockstep_status lockstep_view_prove(struct lockstep_view *view,
                                    const struct lockstep_address *address,
                                    struct lockstep_proof **proof,
                                    struct lockstep_error **error);

// Frees a view; NULL is nothing to free.
//
// Threads: any.
lockstep_status lockstep_view_free(struct lockstep_view *view);

// Gives the fields of an account.
//
// Threads: any. The data is valid until the account is freed.
lockstep_status lockstep_account_get(struct lockstep_account *account,
                                     struct lockstep_account_fields *fields,
                                     struct lockstep_error **error);

// Frees an account; NULL is nothing to free.
//
// Threads: any.
lockstep_status lockstep_account_free(struct lockstep_account *account);

// Gives the bytes of a proof, at most 8,260, as lockstep_proof_verify takes them, and the header
// that states the root. `header` may be NULL.
//
// Threads: any. The bytes are valid until the proof is freed.
lockstep_status lockstep_proof_get(struct lockstep_proof *proof,
                                   const uint8_t **data,
                                   size_t *size,
                                   struct lockstep_header *header,
                                   struct lockstep_error **error);

// Gives the account that is proved; NULL if it is proved that there is none.
//
// Threads: any. The caller frees the account.
lockstep_status lockstep_proof_account(struct lockstep_proof *proof,
                                       struct lockstep_account **account,
                                       struct lockstep_error **error);

// Checks that in the state with this root the account at `address` is this one, or that there is
// none if `account` is NULL. LOCKSTEP_STATUS_PROOF: the proof does not prove it. Needs no chain.
//
// Threads: any.
lockstep_status lockstep_proof_verify(const struct lockstep_hash *state_root,
                                      const struct lockstep_address *address,
                                      const struct lockstep_account_fields *account,
                                      const uint8_t *data,
                                      size_t size,
                                      struct lockstep_error **error);

// Frees a proof; NULL is nothing to free.
//
// Threads: any.
lockstep_status lockstep_proof_free(struct lockstep_proof *proof);

// Runs transactions in their order on the state after a known block, and drops the result.
// `options` may be NULL: then signatures are not verified, the slot is the one after the block's,
// the time is the block's, and logs are recorded.
//
// Threads: any; it runs on the caller's and holds up commits alone. The transactions are copied,
// and the caller frees the receipts.
lockstep_status lockstep_chain_simulate(struct lockstep_chain *chain,
                                        const struct lockstep_hash *at,
                                        const struct lockstep_bytes *transactions,
                                        size_t transaction_count,
                                        const struct lockstep_simulate_options *options,
                                        struct lockstep_receipts **receipts,
                                        struct lockstep_error **error);

// Writes a snapshot of the state after the newest committed block: `write` gets pieces of some
// megabytes, on the caller's thread, takes all of each, and gives 0 or a number of its own that
// stands for a failure. The same chain gives the same bytes. `exported` may be NULL.
//
// Threads: any; blocks may be committed meanwhile.
lockstep_status lockstep_chain_export(struct lockstep_chain *chain,
                                      uint32_t (*write)(void*, const uint8_t *data, size_t size),
                                      void *user,
                                      struct lockstep_exported *exported,
                                      struct lockstep_error **error);

// Opens the chain of a snapshot, in an empty storage: `read` is called until the snapshot ends, on
// the caller's thread. It writes at most `capacity` bytes to `data` and their number to `size`, 0
// only at the end, and gives 0 or a number of its own that stands for a failure.
//
// The genesis must be that of the chain. With `expected`, the id of a block that the caller
// trusts, a snapshot of any other block is refused, and its maker need not be trusted; without it
// (NULL), it must be.
//
// On disk nothing is left of a snapshot that is refused; a storage of the embedder's is to be
// emptied.
//
// Threads: any. The caller closes the chain, as after lockstep_chain_open.
lockstep_status lockstep_chain_import(const struct lockstep_chain_options *options,
                                      struct lockstep_genesis *genesis,
                                      uint32_t (*read)(void*,
                                                       uint8_t *data,
                                                       size_t capacity,
                                                       size_t *size),
                                      void *user,
                                      const struct lockstep_hash *expected,
                                      struct lockstep_chain **chain,
                                      struct lockstep_error **error);

// From now on calls an observer for every block that is committed, once it is durable.
//
// Threads: any. The struct is copied; `user` stays the caller's until `release` is called. If the
// call fails, `release` is not called. The caller frees the observer.
lockstep_status lockstep_chain_observe(struct lockstep_chain *chain,
                                       const struct lockstep_observer *observer,
                                       struct lockstep_watch **watch,
                                       struct lockstep_error **error);

// Gives the number of blocks that found the observer's queue full.
//
// Threads: any.
lockstep_status lockstep_watch_missed(struct lockstep_watch *watch,
                                      uint64_t *missed,
                                      struct lockstep_error **error);

// Ends an observer; NULL is nothing to end. No call begins afterwards; one that another thread is
// in goes on, and `release` is called behind it, else here.
//
// Threads: any, the observer's own function among them.
lockstep_status lockstep_watch_free(struct lockstep_watch *watch);

// Plans transactions by what they access, and checks the plan. Transactions have the numbers of
// their places in the list.
//
// Threads: any. The lists are not kept, and the caller frees the plan. Complexity: O(accesses) for
// "auto", "lanes" and the other strategies on the list of accesses.
lockstep_status lockstep_plan_new(const struct lockstep_plan_options *options,
                                  const struct lockstep_access_list *transactions,
                                  size_t transaction_count,
                                  struct lockstep_plan **plan,
                                  struct lockstep_error **error);

// Makes a plan of lists. It is a claim until it is checked: by lockstep_plan_check, or by
// lockstep_chain_build, to which it may be given.
//
// Threads: any. The lists are copied, and the caller frees the plan.
lockstep_status lockstep_plan_from_layout(const struct lockstep_layout *layout,
                                          struct lockstep_plan **plan,
                                          struct lockstep_error **error);

// Proves that a plan holds every transaction once and never runs two at once that conflict, and,
// for LOCKSTEP_MODE_REPLAY, that those keep their order. LOCKSTEP_STATUS_PLAN names the rule that
// it breaks.
//
// Threads: any.
lockstep_status lockstep_plan_check(struct lockstep_plan *plan,
                                    const struct lockstep_access_list *transactions,
                                    size_t transaction_count,
                                    uint32_t mode,
                                    struct lockstep_error **error);

// Predicts how long a plan runs on some workers, and the least that any plan of the mode could
// take, both in the unit of the costs; either place may be NULL.
//
// Threads: any.
lockstep_status lockstep_plan_predict(struct lockstep_plan *plan,
                                      const struct lockstep_access_list *transactions,
                                      size_t transaction_count,
                                      uint32_t mode,
                                      uint32_t worker_count,
                                      uint64_t *makespan,
                                      uint64_t *lower_bound,
                                      struct lockstep_error **error);

// Gives the lists of a plan.
//
// Threads: any. The lists are valid until the plan is freed.
lockstep_status lockstep_plan_layout(struct lockstep_plan *plan,
                                     struct lockstep_layout *layout,
                                     struct lockstep_error **error);

// Gives all transactions of a plan in its canonical order: the serial order whose result the plan
// reproduces.
//
// Threads: any. The list is valid until the plan is freed.
lockstep_status lockstep_plan_order(struct lockstep_plan *plan,
                                    const uint32_t **order,
                                    size_t *count,
                                    struct lockstep_error **error);

// Frees a plan; NULL is nothing to free.
//
// Threads: any.
lockstep_status lockstep_plan_free(struct lockstep_plan *plan);

// Gives the address of an ed25519 key: its public key. `key` is the 32 byte seed.
//
// Threads: any.
lockstep_status lockstep_key_address(const struct lockstep_hash *key,
                                     struct lockstep_address *address,
                                     struct lockstep_error **error);

// Writes and signs a transaction in Solana's legacy format, for tests and tools.
//
// Threads: any. Everything is copied, and the caller frees the buffer.
lockstep_status lockstep_transaction_sign(const struct lockstep_message *message,
                                          struct lockstep_buffer **transaction,
                                          struct lockstep_error **error);

// Puts an entry into a sink; the bytes are copied.
//
// Threads: any, as long as the function that was given the sink has not returned.
lockstep_status lockstep_sink_put(struct lockstep_sink *sink, const uint8_t *data, size_t size);

// Puts into a sink that an entry is missing.
//
// Threads: as lockstep_sink_put.
lockstep_status lockstep_sink_skip(struct lockstep_sink *sink);

// Gives the address of the running program.
uint64_t lockstep_context_program(struct lockstep_context *context,
                                  struct lockstep_address *program);

// Gives the data of the instruction, which is valid until the program returns.
uint64_t lockstep_context_data(struct lockstep_context *context,
                               const uint8_t **data,
                               size_t *size);

// Gives the number of accounts of the instruction, repeats included.
uint64_t lockstep_context_account_count(struct lockstep_context *context, size_t *count);

// Gives slot and time (seconds since 1970) of the block.
uint64_t lockstep_context_clock(struct lockstep_context *context,
                                uint64_t *slot,
                                int64_t *unix_timestamp);

// Gives the account at a position of the instruction, without its data.
uint64_t lockstep_context_account(struct lockstep_context *context,
                                  size_t position,
                                  struct lockstep_account_info *account);

// Copies `size` bytes of an account's data from `offset` on to `data`. `AccountDataTooSmall` if it
// does not have them.
uint64_t lockstep_context_read(struct lockstep_context *context,
                               size_t position,
                               size_t offset,
                               uint8_t *data,
                               size_t size);

// Copies `size` bytes to an account's data from `offset` on; the size of the data stays.
// `AccountDataTooSmall` if they do not fit; `ReadonlyDataModified`, `ExternalAccountDataModified`
// or `ExecutableDataModified` if the program may not change it.
uint64_t lockstep_context_write(struct lockstep_context *context,
                                size_t position,
                                size_t offset,
                                const uint8_t *data,
                                size_t size);

// Cuts an account's data or extends it with zeros. `InvalidRealloc` above 10 MiB, or if it grows
// by more than 10 KiB in one instruction of the transaction; what lockstep_context_write gives.
uint64_t lockstep_context_resize(struct lockstep_context *context, size_t position, size_t size);

// Gives an account, whose data must be all zero, to another program. `ModifiedProgramId` if the
// program may not.
uint64_t lockstep_context_set_owner(struct lockstep_context *context,
                                    size_t position,
                                    const struct lockstep_address *owner);

// Takes lamports from an account of the program's. `ArithmeticOverflow` if it has fewer;
// `ExternalAccountLamportSpend` if it is another program's; `ReadonlyLamportChange`.
uint64_t lockstep_context_debit(struct lockstep_context *context,
                                size_t position,
                                uint64_t lamports);

// Adds lamports to an account; the only way, with lockstep_context_add, to change one that
// `credit_only` of the program names. `ArithmeticOverflow`; `ReadonlyLamportChange`.
uint64_t lockstep_context_credit(struct lockstep_context *context,
                                 size_t position,
                                 uint64_t lamports);

// Adds to a counter: 8 bytes, little-endian, unsigned, at `offset` of the data of an account that
// `credit_only` of the program names, one of those that `counters` gives.
uint64_t lockstep_context_add(struct lockstep_context *context,
                              size_t position,
                              size_t offset,
                              uint64_t amount);

// Spends compute units. `ComputationalBudgetExceeded` if fewer are left. A program must spend some
// in every loop: nothing else ends it.
uint64_t lockstep_context_consume(struct lockstep_context *context, uint64_t units);

// Gives the compute units that are left to the transaction.
uint64_t lockstep_context_units_left(struct lockstep_context *context, uint64_t *units);

// Logs a line of text; bytes that are not UTF-8 are replaced.
uint64_t lockstep_context_log(struct lockstep_context *context, const uint8_t *text, size_t size);

// Publishes a value for observers. `ProgramFailedToComplete` if the transaction's exceed their
// limit in bytes.
uint64_t lockstep_context_emit(struct lockstep_context *context, const uint8_t *data, size_t size);

// Leaves bytes for the program that invoked this one, at most 1,024.
uint64_t lockstep_context_set_return(struct lockstep_context *context,
                                     const uint8_t *data,
                                     size_t size);

// Copies what the last invoked program left to `data`, as much as `capacity`, and gives its size
// and the program.
uint64_t lockstep_context_return(struct lockstep_context *context,
                                 uint8_t *data,
                                 size_t capacity,
                                 size_t *size,
                                 struct lockstep_address *program);

// Calls another program with accounts of this instruction; this program signs for the addresses
// that it derives from each list of seeds. Any error fails the transaction, also if the program
// goes on: `MissingAccount`, `PrivilegeEscalation`, `CallDepth`, what the called program gives,
// and others.
uint64_t lockstep_context_invoke(struct lockstep_context *context,
                                 const struct lockstep_instruction *instruction,
                                 const struct lockstep_seeds *signers,
                                 size_t signer_count);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LOCKSTEP_H */
