// Calls the interface at random: NULL, freed handles, handles of other kinds, made-up handles, sizes
// that no struct has, places beyond the end, contexts and sinks behind their call and on other
// threads. Where the contract promises an error, there must be one, and never a crash.
//
//   misuse SEED ROUNDS

#include <lockstep.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t below(size_t count) { return (size_t)(next() >> 16) % count; }

#define FAIL(...)                                                                                  \
    do {                                                                                           \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                            \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fprintf(stderr, "\n");                                                                     \
        exit(1);                                                                                   \
    } while (0)

// Handles of all kinds, alive and freed.
enum { HANDLES = 64 };
static struct { void *handle; int kind; int alive; } kept[HANDLES];
enum { GENESIS, CHAIN, BLOCK, VIEW, PROOF, PLAN, CANCEL, BUFFER, RECEIPTS, ACCOUNT, WATCH, KINDS };

// Calls that gave a handle, by its kind, and instructions that ran.
static unsigned long made[KINDS], processed;

static void keep(void *handle, int kind)
{
    size_t place = below(HANDLES);
    made[kind]++;
    if (handle == NULL)
        FAIL("a call that succeeded gave no handle of kind %d", kind);
    if (kept[place].alive) {
        // Leave it to be freed by its owner: forgetting a handle is no misuse, but leaks.
        for (place = 0; place < HANDLES && kept[place].alive; place++)
            ;
        if (place == HANDLES)
            place = below(HANDLES);
    }
    kept[place].handle = handle;
    kept[place].kind = kind;
    kept[place].alive = 1;
}

static lockstep_status release(void *handle, int kind)
{
    switch (kind) {
    case GENESIS: return lockstep_genesis_free(handle);
    case CHAIN: return lockstep_chain_close(handle);
    case BLOCK: return lockstep_block_free(handle);
    case VIEW: return lockstep_view_free(handle);
    case PROOF: return lockstep_proof_free(handle);
    case PLAN: return lockstep_plan_free(handle);
    case CANCEL: return lockstep_cancel_free(handle);
    case BUFFER: return lockstep_buffer_free(handle);
    case RECEIPTS: return lockstep_receipts_free(handle);
    case ACCOUNT: return lockstep_account_free(handle);
    default: return lockstep_watch_free(handle);
    }
}

// A handle for a place of this kind, and whether it must be refused.
static void *any(int kind, int *bad)
{
    size_t place;
    *bad = 1;
    switch (below(20)) {
    case 0: return NULL;
    case 1: return (void *)(uintptr_t)next();
    case 2: return (void *)(uintptr_t)below(4096);
    default:
        for (int tries = 0; tries < 200; tries++) {
            place = below(HANDLES);
            if (kept[place].handle != NULL && (kept[place].kind == kind || below(8) == 0)) {
                *bad = kept[place].kind != kind || !kept[place].alive;
                return kept[place].handle;
            }
        }
        return NULL;
    }
}

static lockstep_genesis *genesis;
static lockstep_hash head;
static lockstep_context *stale_context;
static lockstep_sink *stale_sink;
static const lockstep_address PROGRAM = { { 42 } };

static void *use_context_elsewhere(void *context)
{
    uint64_t units;
    return (void *)(uintptr_t)lockstep_context_units_left(context, &units);
}

// A program that misuses its context.
static uint64_t process(void *user, lockstep_context *context)
{
    uint8_t bytes[64];
    pthread_t thread;
    void *result;
    lockstep_error *error = NULL;
    (void)user;
    processed++;
    if (pthread_create(&thread, NULL, use_context_elsewhere, context) == 0) {
        pthread_join(thread, &result);
        if (result == NULL)
            FAIL("a context worked on another thread");
    }
    if (stale_context != context && lockstep_context_consume(stale_context, 1) == 0)
        FAIL("a context worked behind its call");
    if (lockstep_context_read(context, 0, SIZE_MAX, bytes, 8) == 0
        || lockstep_context_read(context, 0, 0, NULL, 8) == 0
        || lockstep_context_read(context, SIZE_MAX, 0, bytes, 8) == 0
        || lockstep_context_write(context, 99, 0, bytes, 8) == 0
        || lockstep_context_write(context, 0, 0, NULL, 8) == 0
        || lockstep_context_set_owner(context, 0, NULL) == 0
        || lockstep_context_invoke(context, NULL, NULL, 0) == 0
        || lockstep_context_log(context, NULL, 5) == 0
        || lockstep_context_resize(context, 0, SIZE_MAX) == 0
        || lockstep_context_debit(context, 0, UINT64_MAX) == 0
        || lockstep_context_emit(NULL, bytes, 8) == 0)
        FAIL("the context accepted a wrong argument");
    if (lockstep_cancel_new((lockstep_cancel **)&result, &error) != LOCKSTEP_STATUS_WRONG_PLACE)
        FAIL("a program called outside of its context");
    lockstep_error_free(error);
    stale_context = context;
    return next();
}

static uint32_t select_transactions(void *user, const lockstep_header *parent, uint32_t round,
    lockstep_sink *sink)
{
    uint8_t noise[100] = { 0 };
    (void)user;
    (void)parent;
    if (lockstep_sink_put(stale_sink, noise, 1) == LOCKSTEP_STATUS_OK)
        FAIL("a sink took bytes behind its call");
    if (lockstep_sink_put(sink, NULL, 1) == LOCKSTEP_STATUS_OK)
        FAIL("a sink took bytes from NULL");
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)next();
    lockstep_sink_put(sink, noise, below(sizeof noise));
    if (below(4) == 0)
        lockstep_sink_skip(sink);
    stale_sink = sink;
    return round > 3 || below(5) == 0 ? (uint32_t)next() : 0;
}

static void observe(void *user, const lockstep_committed_block *block)
{
    (void)user;
    if (below(2))
        lockstep_receipts_free(block->receipts);
}

static size_t any_size(size_t right)
{
    switch (below(20)) {
    case 0: return 0;
    case 1: return right - 1 - below(8);
    case 2: return (size_t)next();
    default: return right;
    }
}

// Signs a call of the program that misuses its context, and a transfer that is wrong in some way.
static void sign_one(void)
{
    uint8_t data[8] = { 0 };
    lockstep_hash key = { { 1 } };
    lockstep_address payer;
    lockstep_error *error;
    lockstep_buffer *buffer;
    lockstep_account_meta metas[2] = { { { { 0 } }, 1, 1 }, { { { 3 } }, below(2), below(2) } };
    if (lockstep_key_address(&key, &payer, &error) != LOCKSTEP_STATUS_OK)
        FAIL("no address");
    metas[0].address = payer;
    lockstep_instruction call = { PROGRAM, below(9) ? metas : NULL, 1 + below(2), data, below(9) };
    lockstep_message message = { any_size(sizeof message), payer, head, &call, 1, &key, below(9) > 0 };
    lockstep_status status = lockstep_transaction_sign(&message, below(9) ? &buffer : NULL, NULL);
    if (status == LOCKSTEP_STATUS_OK)
        keep(buffer, BUFFER);
}

static void build_one(void)
{
    int bad, bad_plan, bad_cancel, bad_buffer;
    lockstep_error *error = NULL;
    lockstep_block *block;
    lockstep_bytes list[2] = { { NULL, below(3) }, { (const uint8_t *)"?", 1 } };
    lockstep_chain *chain = any(CHAIN, &bad);
    static uint64_t slot;
    lockstep_plan *plan = below(9) ? NULL : any(PLAN, &bad_plan);
    lockstep_cancel *cancel = below(9) ? NULL : any(CANCEL, &bad_cancel);
    lockstep_buffer *buffer = any(BUFFER, &bad_buffer);
    if (lockstep_buffer_bytes(buffer, &list[1].data, &list[1].size, NULL) != LOCKSTEP_STATUS_OK)
        list[1] = (lockstep_bytes){ (const uint8_t *)"?", 1 };
    lockstep_build_options options = { .size = any_size(sizeof options), .parent = head,
        .slot = below(9) ? ++slot : next() >> below(64),
        .unix_timestamp = below(9) ? 0 : (int64_t)(next() >> below(64)),
        .strategy = below(3) ? NULL : below(5) ? "lanes" : "no such", .plan = plan,
        .mode = (uint32_t)(below(9) ? below(2) : 2), .recording = (uint32_t)(below(9) ? 1 : 2),
        .transactions = below(9) ? list + 1 : list, .transaction_count = below(5) ? 1 : 0,
        .select = below(5) ? NULL : select_transactions };
    if (options.transactions == list && options.transaction_count == 1 && list[0].size > 0)
        bad = 1;
    lockstep_status status = lockstep_chain_build(chain, &options, cancel, &block, &error);
    if (bad && status == LOCKSTEP_STATUS_OK)
        FAIL("a block was built on a bad chain or of bytes at NULL");
    if (status == LOCKSTEP_STATUS_OK)
        keep(block, BLOCK);
    else if (block != NULL && options.size == sizeof options && !bad)
        FAIL("a failed call gave a handle");
    if ((status == LOCKSTEP_STATUS_OK) != (error == NULL))
        FAIL("an error object and status %u", status);
    lockstep_error_free(error);
}

static void plan_one(void)
{
    int bad;
    lockstep_access accesses[4];
    lockstep_access_list lists[3];
    uint32_t items[3] = { (uint32_t)below(4), (uint32_t)below(4), (uint32_t)below(4) };
    uint32_t ends[3] = { (uint32_t)below(3), (uint32_t)below(4), (uint32_t)below(5) };
    lockstep_plan_wait wait = { (uint32_t)below(4), (uint32_t)below(4) };
    lockstep_plan *plan;
    lockstep_layout layout = { .items = below(9) ? items : NULL, .item_count = below(4),
        .lane_ends = ends, .lane_count = below(4), .batch_ends = ends, .batch_count = below(4),
        .waits = &wait, .wait_count = below(2), .dispatch = (uint32_t)below(4) };
    memset(accesses, 0, sizeof accesses);
    for (int i = 0; i < 4; i++) {
        accesses[i].address.bytes[0] = (uint8_t)below(3);
        accesses[i].mode = (uint32_t)below(4);
    }
    for (int i = 0; i < 3; i++)
        lists[i] = (lockstep_access_list){ below(9) ? accesses : NULL, below(5), next() };
    lockstep_plan_options options = { any_size(sizeof options), below(5) ? NULL : "dsatur",
        (uint32_t)below(3), (uint32_t)next() };
    if (lockstep_plan_new(&options, lists, below(4), &plan, NULL) == LOCKSTEP_STATUS_OK)
        keep(plan, PLAN);
    if (lockstep_plan_from_layout(&layout, &plan, NULL) == LOCKSTEP_STATUS_OK)
        keep(plan, PLAN);
    lockstep_plan *used = any(PLAN, &bad);
    uint64_t makespan, bound;
    lockstep_status status = lockstep_plan_check(used, lists, below(4), (uint32_t)below(3), NULL);
    if (bad && status == LOCKSTEP_STATUS_OK)
        FAIL("a bad plan was checked");
    lockstep_plan_predict(used, lists, below(4), 0, (uint32_t)next(), &makespan, &bound, NULL);
    status = lockstep_plan_layout(used, below(9) ? &layout : NULL, NULL);
    if (bad && status == LOCKSTEP_STATUS_OK)
        FAIL("a bad plan has lists");
}

static void ask_one(void)
{
    int bad;
    const uint8_t *data = (const uint8_t *)"noise";
    size_t size = 5, count;
    lockstep_hash id = head;
    lockstep_header header;
    lockstep_receipt receipt;
    lockstep_refused refused[2];
    lockstep_account_fields fields = { .lamports = 1 };
    lockstep_address address = { { (uint8_t)below(3) } };
    lockstep_view *view;
    lockstep_proof *proof;
    lockstep_account *account;
    lockstep_receipts *receipts;
    lockstep_block *block;
    lockstep_chain *chain = any(CHAIN, &bad);
    lockstep_block *used = any(BLOCK, &bad);
    lockstep_block_bytes(used, below(9) ? &data : NULL, &size, NULL);
    if (lockstep_block_header(used, &id, &header, NULL) == LOCKSTEP_STATUS_OK && bad)
        FAIL("a bad block has a header");
    lockstep_block_refused(used, below(2) ? refused : NULL, below(3) ? 0 : 2, &count, NULL);
    if (lockstep_block_receipts(used, &receipts, NULL) == LOCKSTEP_STATUS_OK)
        keep(receipts, RECEIPTS);
    if (lockstep_chain_read(chain, data, below(size + 1), &block, NULL) == LOCKSTEP_STATUS_OK)
        keep(block, BLOCK);
    if (lockstep_chain_execute(chain, used, NULL, &receipts, NULL) == LOCKSTEP_STATUS_OK
        && receipts != NULL)
        keep(receipts, RECEIPTS);
    lockstep_receipts_get(any(RECEIPTS, &bad), below(3) ? 0 : SIZE_MAX, &receipt, NULL);
    if (lockstep_chain_view(chain, below(9) ? &id : NULL, &view, NULL) == LOCKSTEP_STATUS_OK)
        keep(view, VIEW);
    if (lockstep_view_account(any(VIEW, &bad), &address, &account, NULL) == LOCKSTEP_STATUS_OK
        && account != NULL)
        keep(account, ACCOUNT);
    if (lockstep_view_prove(any(VIEW, &bad), &address, &proof, NULL) == LOCKSTEP_STATUS_OK)
        keep(proof, PROOF);
    if (lockstep_account_get(any(ACCOUNT, &bad), &fields, NULL) != LOCKSTEP_STATUS_OK)
        fields.data_size = 0;
    else if (bad)
        FAIL("a bad account has fields");
    if (lockstep_proof_get(any(PROOF, &bad), &data, &size, &header, NULL) != LOCKSTEP_STATUS_OK) {
        data = (const uint8_t *)"noise";
        size = 5;
    }
    lockstep_proof_verify(&id, &address, below(2) ? &fields : NULL, data, size, NULL);
    lockstep_bytes bytes = { data, size };
    if (lockstep_chain_simulate(chain, &id, &bytes, 1, NULL, &receipts, NULL) == LOCKSTEP_STATUS_OK)
        keep(receipts, RECEIPTS);
    if (below(32) == 0)
        lockstep_chain_commit(chain, &id, NULL, NULL);
    else if (below(4) == 0)
        lockstep_chain_discard(chain, &id, NULL);
}

static void open_one(void)
{
    int bad;
    lockstep_chain *chain;
    lockstep_watch *watch;
    lockstep_cancel *cancel;
    lockstep_storage storage = { .size = any_size(sizeof storage) };
    lockstep_chain_options options = { .size = any_size(sizeof options),
        .thread_count = below(9) ? 1 : (uint32_t)next() | 4096, .flags = below(9) ? 0 : 99,
        .storage = below(9) ? NULL : &storage };
    lockstep_observer observer = { .size = any_size(sizeof observer), .committed = observe,
        .flags = (uint32_t)below(5), .capacity = (uint32_t)below(3) };
    void *from = below(4) ? genesis : any(GENESIS, &bad);
    if (lockstep_chain_open(&options, from, &chain, NULL) == LOCKSTEP_STATUS_OK)
        keep(chain, CHAIN);
    if (lockstep_chain_observe(any(CHAIN, &bad), &observer, &watch, NULL) == LOCKSTEP_STATUS_OK)
        keep(watch, WATCH);
    if (lockstep_cancel_new(&cancel, NULL) == LOCKSTEP_STATUS_OK)
        keep(cancel, CANCEL);
    if (below(9) == 0)
        lockstep_cancel_ask(any(CANCEL, &bad), NULL);
    lockstep_chain_head(any(CHAIN, &bad), below(2) ? &head : NULL, NULL, NULL);
}

static void free_one(void)
{
    size_t place = below(HANDLES);
    if (kept[place].handle == NULL)
        return;
    int alive = kept[place].alive, wrong = (kept[place].kind + 1) % KINDS;
    if (release(kept[place].handle, wrong) != LOCKSTEP_STATUS_BAD_HANDLE)
        FAIL("a handle of kind %d was freed as one of kind %d", kept[place].kind, wrong);
    lockstep_status status = release(kept[place].handle, kept[place].kind);
    if (status != (alive ? LOCKSTEP_STATUS_OK : LOCKSTEP_STATUS_BAD_HANDLE))
        FAIL("freeing a handle, alive %d: status %u", alive, status);
    kept[place].alive = 0;
}

int main(int count, char **arguments)
{
    state = count > 1 ? strtoull(arguments[1], NULL, 10) * 2 + 1 : 1;
    long rounds = count > 2 ? strtol(arguments[2], NULL, 10) : 1000;
    lockstep_hash key = { { 1 } };
    lockstep_address payer;
    lockstep_account_fields wallet = { .lamports = 1000000000 };
    lockstep_program program = { .size = sizeof program, .address = PROGRAM, .name = "misuse",
        .process = process };
    if (lockstep_genesis_new(&genesis, NULL) != LOCKSTEP_STATUS_OK
        || lockstep_key_address(&key, &payer, NULL) != LOCKSTEP_STATUS_OK
        || lockstep_genesis_add_account(genesis, &payer, &wallet, NULL) != LOCKSTEP_STATUS_OK
        || lockstep_genesis_add_program(genesis, &program, NULL) != LOCKSTEP_STATUS_OK)
        FAIL("no genesis");
    void (*const works[])(void) = { sign_one, build_one, plan_one, ask_one, open_one, free_one,
        build_one, ask_one, sign_one };
    for (long i = 0; i < rounds; i++)
        works[below(sizeof works / sizeof *works)]();
    for (size_t place = 0; place < HANDLES; place++)
        if (kept[place].alive)
            release(kept[place].handle, kept[place].kind);
    lockstep_genesis_free(genesis);
    // Misuse among calls that fail anyway would show nothing.
    for (int kind = CHAIN; kind < KINDS; kind++)
        if (made[kind] == 0 && rounds >= 5000)
            FAIL("no handle of kind %d was ever made", kind);
    if (processed == 0 && rounds >= 5000)
        FAIL("no program ran");
    return 0;
}
