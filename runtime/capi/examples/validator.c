// Two validators in one process: one produces blocks, the other verifies them, both commit. A
// native program in C counts its calls; a fork loses; an account is proved to a light client.

#include <lockstep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lockstep_error *error;

// Ends the process if a call gives another status than expected.
static void expect(int line, lockstep_status found, lockstep_status expected)
{
    if (found != expected) {
        const char *text = error ? lockstep_error_text(error) : "no error";
        fprintf(stderr, "line %d: status %u, expected %u: %s\n", line, found, expected, text);
        exit(1);
    }
    lockstep_error_free(error);
    error = NULL;
}
#define OK(call) expect(__LINE__, call, LOCKSTEP_STATUS_OK)
#define FAILS(call, status) expect(__LINE__, call, status)

static const lockstep_address COUNTER_PROGRAM = { { 9, 9, 9 } };
static const lockstep_address COUNTER = { { 7, 7, 7 } };
static const lockstep_address SYSTEM = { { 0 } };

// Counts in an account's first eight bytes how often it was called; odd data is refused.
static uint64_t count_calls(void *user, lockstep_context *context)
{
    uint8_t bytes[8];
    const uint8_t *data;
    size_t size;
    lockstep_context_data(context, &data, &size);
    if (size % 2 == 1)
        return LOCKSTEP_CUSTOM_ERROR(77);
    uint64_t result = lockstep_context_consume(context, 100);
    if (result == 0)
        result = lockstep_context_read(context, 0, 0, bytes, sizeof bytes);
    if (result != 0)
        return result;
    for (size_t place = 0; place < sizeof bytes && ++bytes[place] == 0; place++)
        ;
    const char *text = user;
    lockstep_context_log(context, (const uint8_t *)text, strlen(text));
    return lockstep_context_write(context, 0, 0, bytes, sizeof bytes);
}

static void note(void *user, const lockstep_committed_block *block)
{
    *(unsigned *)user += block->header.transaction_count;
}

static lockstep_address wallet_of(uint8_t number)
{
    lockstep_hash key = { { number } };
    lockstep_address address;
    OK(lockstep_key_address(&key, &address, &error));
    return address;
}

// Signs a transaction of one instruction.
static lockstep_buffer *sign(uint8_t payer, lockstep_hash blockhash, lockstep_instruction call)
{
    lockstep_hash key = { { payer } };
    lockstep_message message = { .size = sizeof message, .payer = wallet_of(payer),
        .blockhash = blockhash, .instructions = &call, .instruction_count = 1, .keys = &key,
        .key_count = 1 };
    lockstep_buffer *signed_transaction;
    OK(lockstep_transaction_sign(&message, &signed_transaction, &error));
    return signed_transaction;
}

static lockstep_buffer *pay(uint8_t from, uint8_t to, uint8_t lamports, lockstep_hash blockhash)
{
    uint8_t data[12] = { 2, 0, 0, 0, lamports };
    lockstep_account_meta accounts[2] = { { wallet_of(from), 1, 1 }, { wallet_of(to), 0, 1 } };
    return sign(from, blockhash, (lockstep_instruction){ SYSTEM, accounts, 2, data, sizeof data });
}

static lockstep_buffer *count(uint8_t payer, uint8_t size, lockstep_hash blockhash)
{
    lockstep_account_meta meta = { COUNTER, 0, 1 };
    uint8_t data[2] = { 0 };
    return sign(payer, blockhash, (lockstep_instruction){ COUNTER_PROGRAM, &meta, 1, data, size });
}

// Builds a block of transfers and calls on a parent.
static lockstep_block *build(lockstep_chain *chain, lockstep_hash parent, uint64_t slot)
{
    enum { COUNT = 5 };
    lockstep_buffer *buffers[COUNT] = { pay(1, 2, slot, parent), pay(3, 4, slot, parent),
        count(2, 0, parent), count(4, 0, parent), count(1, 1, parent) };
    lockstep_bytes transactions[COUNT];
    for (int i = 0; i < COUNT; i++)
        OK(lockstep_buffer_bytes(buffers[i], &transactions[i].data, &transactions[i].size, &error));
    lockstep_build_options options = { .size = sizeof options, .parent = parent, .slot = slot,
        .unix_timestamp = 1700000000, .mode = LOCKSTEP_MODE_PRODUCE,
        .recording = LOCKSTEP_RECORD_LOGS, .transactions = transactions,
        .transaction_count = COUNT };
    lockstep_block *block;
    OK(lockstep_chain_build(chain, &options, NULL, &block, &error));
    for (int i = 0; i < COUNT; i++)
        OK(lockstep_buffer_free(buffers[i]));
    return block;
}

int main(void)
{
    lockstep_genesis *genesis;
    OK(lockstep_genesis_new(&genesis, &error));
    for (uint8_t number = 1; number <= 4; number++) {
        lockstep_address address = wallet_of(number);
        lockstep_account_fields wallet = { .lamports = 1000000000 };
        OK(lockstep_genesis_add_account(genesis, &address, &wallet, &error));
    }
    lockstep_account_fields counter = { .lamports = 1000000, .owner = COUNTER_PROGRAM,
        .data = (uint8_t[8]){ 0 }, .data_size = 8 };
    OK(lockstep_genesis_add_account(genesis, &COUNTER, &counter, &error));
    lockstep_program program = { .size = sizeof program, .address = COUNTER_PROGRAM,
        .name = "counter", .user = "counted", .process = count_calls };
    OK(lockstep_genesis_add_program(genesis, &program, &error));

    lockstep_chain_options options = { .size = sizeof options, .thread_count = 2 };
    lockstep_chain *producer, *verifier;
    OK(lockstep_chain_open(&options, genesis, &producer, &error));
    OK(lockstep_chain_open(&options, genesis, &verifier, &error));
    unsigned observed = 0;
    lockstep_observer observer = { .size = sizeof observer, .user = &observed, .committed = note };
    lockstep_watch *watch;
    OK(lockstep_chain_observe(verifier, &observer, &watch, &error));

    lockstep_hash head, id, rival;
    const uint8_t *data;
    size_t size;
    OK(lockstep_chain_head(producer, &head, NULL, &error));
    for (uint64_t slot = 1; slot <= 3; slot++) {
        // Two forks: of the first one nothing stays.
        lockstep_block *block = build(producer, head, slot + 10);
        OK(lockstep_block_header(block, &rival, NULL, &error));
        OK(lockstep_block_free(block));
        block = build(producer, head, slot);
        OK(lockstep_block_header(block, &id, NULL, &error));

        lockstep_receipts *receipts;
        lockstep_receipt receipt;
        size_t failed = 0, receipt_count;
        OK(lockstep_block_receipts(block, &receipts, &error));
        OK(lockstep_receipts_count(receipts, &receipt_count, &error));
        for (size_t i = 0; i < receipt_count; i++) {
            OK(lockstep_receipts_get(receipts, i, &receipt, &error));
            failed += receipt.outcome == LOCKSTEP_OUTCOME_FAILED && receipt.custom_code == 77;
        }
        OK(lockstep_receipts_free(receipts));

        // The other validator trusts nothing but the rules.
        lockstep_block *read;
        OK(lockstep_block_bytes(block, &data, &size, &error));
        OK(lockstep_chain_read(verifier, data, size, &read, &error));
        OK(lockstep_chain_execute(verifier, read, NULL, NULL, &error));
        OK(lockstep_chain_commit(verifier, &id, NULL, &error));

        lockstep_committed committed;
        OK(lockstep_chain_commit(producer, &id, &committed, &error));
        printf("slot %d: %zu receipts, %zu failed, %d dropped\n", (int)slot, receipt_count, failed,
            (int)committed.dropped_count);
        FAILS(lockstep_chain_commit(producer, &rival, NULL, &error), LOCKSTEP_STATUS_UNKNOWN_BLOCK);
        head = id;
        OK(lockstep_block_free(block));
        OK(lockstep_block_free(read));
        FAILS(lockstep_block_header(read, &id, NULL, &error), LOCKSTEP_STATUS_BAD_HANDLE);
    }

    // A light client has a header, and asks for an account.
    lockstep_view *view;
    lockstep_proof *proof;
    lockstep_account *account;
    lockstep_account_fields fields;
    lockstep_header header;
    OK(lockstep_chain_view(verifier, &head, &view, &error));
    OK(lockstep_view_prove(view, &COUNTER, &proof, &error));
    OK(lockstep_proof_get(proof, &data, &size, &header, &error));
    OK(lockstep_proof_account(proof, &account, &error));
    OK(lockstep_account_get(account, &fields, &error));
    OK(lockstep_proof_verify(&header.state_root, &COUNTER, &fields, data, size, &error));
    printf("counter: %d calls, proven; %u transactions observed\n", fields.data[0], observed);
    fields.lamports++;
    FAILS(lockstep_proof_verify(&header.state_root, &COUNTER, &fields, data, size, &error),
        LOCKSTEP_STATUS_PROOF);
    OK(lockstep_account_free(account));
    OK(lockstep_proof_free(proof));
    OK(lockstep_view_free(view));
    OK(lockstep_watch_free(watch));
    OK(lockstep_chain_close(producer));
    OK(lockstep_chain_close(verifier));
    OK(lockstep_genesis_free(genesis));
    return 0;
}
