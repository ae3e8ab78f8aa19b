// A host with storage of its own, a source of transactions, observers, snapshots, simulations, plans of
// its own, and a program that shares accounts, invokes others and returns values.

#include <lockstep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lockstep_error *error;

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
#define TRUE(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: not true: %s\n", __LINE__, #condition);                      \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

// The storage: entries in the order of their keys.
struct entry { uint8_t *key, *value; size_t key_size, value_size; };
struct table { struct entry *entries; size_t count, room; int failing, released; };

static int compare(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

// The first entry whose key is not below.
static size_t place_of(const struct table *table, const uint8_t *key, size_t size)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct entry *entry = &table->entries[middle];
        if (compare(entry->key, entry->key_size, key, size) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int is_at(const struct table *table, size_t place, const uint8_t *key, size_t size)
{
    const struct entry *entry = &table->entries[place];
    return place < table->count && compare(entry->key, entry->key_size, key, size) == 0;
}

static uint8_t *copy(const uint8_t *bytes, size_t size)
{
    return memcpy(malloc(size + 1), bytes, size);
}

static uint32_t get(void *user, const lockstep_bytes *keys, size_t count, lockstep_sink *values)
{
    struct table *table = user;
    for (size_t i = 0; i < count; i++) {
        size_t place = place_of(table, keys[i].data, keys[i].size);
        if (is_at(table, place, keys[i].data, keys[i].size))
            lockstep_sink_put(values, table->entries[place].value, table->entries[place].value_size);
        else
            lockstep_sink_skip(values);
    }
    return 0;
}

static uint32_t apply(void *user, const lockstep_write *writes, size_t count)
{
    struct table *table = user;
    if (table->failing)
        return 28;
    for (size_t i = 0; i < count; i++) {
        const lockstep_write *write = &writes[i];
        size_t place = place_of(table, write->key.data, write->key.size);
        struct entry *at = &table->entries[place];
        if (is_at(table, place, write->key.data, write->key.size)) {
            free(at->key);
            free(at->value);
            memmove(at, at + 1, (table->count-- - place - 1) * sizeof *at);
        }
        if (write->value.size == 0)
            continue;
        if (table->count == table->room) {
            table->room = table->room * 2 + 64;
            table->entries = realloc(table->entries, table->room * sizeof *at);
        }
        at = &table->entries[place];
        memmove(at + 1, at, (table->count++ - place) * sizeof *at);
        *at = (struct entry){ copy(write->key.data, write->key.size),
            copy(write->value.data, write->value.size), write->key.size, write->value.size };
    }
    return 0;
}

static uint32_t scan(void *user, lockstep_bytes start, lockstep_bytes end, uint32_t is_descending,
    size_t limit, lockstep_sink *entries)
{
    struct table *table = user;
    size_t first = place_of(table, start.data, start.size);
    size_t last = place_of(table, end.data, end.size);
    for (; first < last && limit > 0; limit--) {
        struct entry *entry = &table->entries[is_descending ? --last : first++];
        lockstep_sink_put(entries, entry->key, entry->key_size);
        lockstep_sink_put(entries, entry->value, entry->value_size);
    }
    return 0;
}

static void release(void *user) { ((struct table *)user)->released++; }

static void empty(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->entries[i].key);
        free(table->entries[i].value);
    }
    free(table->entries);
}

static const lockstep_address VAULT_PROGRAM = { { 9, 1 } }, VAULT = { { 7, 1 } }, SYSTEM = { { 0 } };

// A vault whose first eight bytes count what it was paid. 'd': pays lamports in through the System
// program and counts them, side by side with others. 'r': resizes. 'v': returns its own address.
static uint64_t vault(void *user, lockstep_context *context)
{
    const uint8_t *data;
    size_t size, count;
    lockstep_address self;
    lockstep_account_info info;
    (void)user;
    uint64_t slot, units, result = lockstep_context_consume(context, 50);
    int64_t time;
    if (result || (result = lockstep_context_data(context, &data, &size)))
        return result;
    lockstep_context_program(context, &self);
    lockstep_context_account_count(context, &count);
    lockstep_context_clock(context, &slot, &time);
    lockstep_context_units_left(context, &units);
    if (size == 0 || memcmp(&self, &VAULT_PROGRAM, sizeof self) || time != 1700000000 || units == 0)
        return LOCKSTEP_ERROR(1);
    if (data[0] == 'd' && count == 3) {
        uint8_t pay[12] = { 2, 0, 0, 0, data[1] };
        lockstep_account_info payer;
        if ((result = lockstep_context_account(context, 1, &payer)))
            return result;
        lockstep_account_meta metas[2] = { { payer.address, 1, 1 }, { VAULT, 0, 1 } };
        lockstep_instruction call = { SYSTEM, metas, 2, pay, sizeof pay };
        if ((result = lockstep_context_invoke(context, &call, NULL, 0)))
            return result;
        return lockstep_context_add(context, 0, 0, data[1]);
    }
    if ((result = lockstep_context_account(context, 0, &info)))
        return result;
    if (data[0] == 'r')
        return lockstep_context_resize(context, 0, info.data_size + data[1]);
    if (data[0] == 'v') {
        lockstep_context_log(context, (const uint8_t *)"a vault", 7);
        lockstep_context_emit(context, info.address.bytes, sizeof info.address);
        return lockstep_context_set_return(context, info.address.bytes, sizeof info.address);
    }
    return LOCKSTEP_CUSTOM_ERROR(data[0]);
}

static uint64_t credit_only(void *user, const uint8_t *data, size_t size, size_t account_count)
{
    (void)user;
    return size > 0 && data[0] == 'd' && account_count == 3 ? 1 : 0;
}

static size_t counters(void *user, const uint8_t *data, size_t size, size_t position, uint16_t *offsets)
{
    (void)user, (void)data, (void)size;
    offsets[0] = 0;
    return position == 0 ? 1 : 0;
}

static unsigned programs_released;
static void release_program(void *user) { (void)user, programs_released++; }

static lockstep_address wallet_of(uint8_t number)
{
    lockstep_hash key = { { number } };
    lockstep_address address;
    OK(lockstep_key_address(&key, &address, &error));
    return address;
}

static lockstep_buffer *call_vault(uint8_t payer, char what, uint8_t amount, lockstep_hash blockhash)
{
    uint8_t data[2] = { (uint8_t)what, amount };
    lockstep_hash key = { { payer } };
    lockstep_account_meta metas[3] = { { VAULT, 0, 1 }, { wallet_of(payer), 1, 1 }, { SYSTEM, 0, 0 } };
    lockstep_instruction call = { VAULT_PROGRAM, metas, what == 'd' ? 3 : 1, data, sizeof data };
    lockstep_message message = { sizeof message, wallet_of(payer), blockhash, &call, 1, &key, 1 };
    lockstep_buffer *buffer;
    OK(lockstep_transaction_sign(&message, &buffer, &error));
    return buffer;
}

static lockstep_bytes bytes_of(lockstep_buffer *buffer)
{
    lockstep_bytes bytes;
    OK(lockstep_buffer_bytes(buffer, &bytes.data, &bytes.size, &error));
    return bytes;
}

// A source: three deposits at first, nothing afterwards.
struct source { lockstep_hash parent; unsigned rounds; };
static uint32_t select_deposits(void *user, const lockstep_header *parent, uint32_t round,
    lockstep_sink *sink)
{
    struct source *source = user;
    (void)parent;
    source->rounds++;
    for (uint8_t payer = 1; round == 0 && payer <= 3; payer++) {
        lockstep_buffer *buffer = call_vault(payer, 'd', payer, source->parent);
        lockstep_bytes bytes = bytes_of(buffer);
        TRUE(lockstep_sink_put(sink, bytes.data, bytes.size) == LOCKSTEP_STATUS_OK);
        OK(lockstep_buffer_free(buffer));
    }
    return 0;
}
static uint32_t select_nothing(void *user, const lockstep_header *parent, uint32_t round,
    lockstep_sink *sink)
{
    (void)user, (void)parent, (void)round, (void)sink;
    return 5;
}

struct seen { unsigned blocks, receipts, changes, released; uint64_t slot; };
static void observe(void *user, const lockstep_committed_block *block)
{
    struct seen *seen = user;
    size_t count;
    lockstep_error *failure;
    TRUE(lockstep_receipts_count(block->receipts, &count, &failure) == LOCKSTEP_STATUS_OK);
    TRUE(block->header.slot > seen->slot && block->bytes_size > 0);
    seen->slot = block->header.slot;
    seen->blocks++;
    seen->receipts += count;
    for (size_t i = 0; i < block->change_count; i++)
        seen->changes += memcmp(&block->changes[i].address, &VAULT, sizeof VAULT) == 0;
}
static void release_seen(void *user) { ((struct seen *)user)->released++; }

// A stream in memory.
struct stream { uint8_t *bytes; size_t size, place; };
static uint32_t write_stream(void *user, const uint8_t *data, size_t size)
{
    struct stream *stream = user;
    stream->bytes = realloc(stream->bytes, stream->size + size + 1);
    memcpy(stream->bytes + stream->size, data, size);
    stream->size += size;
    return 0;
}
static uint32_t read_stream(void *user, uint8_t *data, size_t capacity, size_t *size)
{
    struct stream *stream = user;
    size_t left = stream->size - stream->place;
    *size = left < capacity ? left : capacity;
    memcpy(data, stream->bytes + stream->place, *size);
    stream->place += *size;
    return 0;
}

static lockstep_genesis *make_genesis(void)
{
    lockstep_genesis *genesis;
    OK(lockstep_genesis_new(&genesis, &error));
    for (uint8_t number = 1; number <= 3; number++) {
        lockstep_address address = wallet_of(number);
        lockstep_account_fields wallet = { .lamports = 1000000000 };
        OK(lockstep_genesis_add_account(genesis, &address, &wallet, &error));
    }
    lockstep_account_fields account = { .lamports = 10000000, .owner = VAULT_PROGRAM,
        .data = (uint8_t[8]){ 0 }, .data_size = 8 };
    OK(lockstep_genesis_add_account(genesis, &VAULT, &account, &error));
    lockstep_program program = { .size = sizeof program, .address = VAULT_PROGRAM, .name = "vault",
        .process = vault, .credit_only = credit_only, .counters = counters,
        .release = release_program };
    OK(lockstep_genesis_add_program(genesis, &program, &error));
    lockstep_block_limits limits = { .size = sizeof limits, .transaction_count_max = 100 };
    OK(lockstep_genesis_set_limits(genesis, &limits, &error));
    return genesis;
}

static lockstep_account_fields vault_after(lockstep_chain *chain, lockstep_hash id,
    lockstep_account **account)
{
    lockstep_view *view;
    lockstep_account_fields fields;
    OK(lockstep_chain_view(chain, &id, &view, &error));
    OK(lockstep_view_account(view, &VAULT, account, &error));
    OK(lockstep_account_get(*account, &fields, &error));
    lockstep_address nothing = { { 99 } };
    lockstep_account *none;
    OK(lockstep_view_account(view, &nothing, &none, &error));
    TRUE(none == NULL);
    OK(lockstep_view_free(view));
    return fields;
}

// Runs a plan of its own: the deposits in two lanes, which share the vault.
static void build_by_plan(lockstep_chain *chain, lockstep_hash parent)
{
    lockstep_buffer *buffers[2] = { call_vault(1, 'd', 10, parent), call_vault(2, 'd', 20, parent) };
    lockstep_bytes list[2] = { bytes_of(buffers[0]), bytes_of(buffers[1]) };
    uint32_t items[2] = { 1, 0 }, lanes[2] = { 1, 2 }, batches[1] = { 2 }, twice[2] = { 1, 1 };
    lockstep_layout layout = { .items = items, .item_count = 2, .lane_ends = lanes,
        .lane_count = 2, .batch_ends = batches, .batch_count = 1 };
    lockstep_plan *plan;
    lockstep_block *block;
    OK(lockstep_plan_from_layout(&layout, &plan, &error));
    lockstep_build_options options = { .size = sizeof options, .parent = parent, .slot = 50,
        .unix_timestamp = 1700000000, .plan = plan, .transactions = list, .transaction_count = 2 };
    OK(lockstep_chain_build(chain, &options, NULL, &block, &error));
    OK(lockstep_plan_free(plan));
    OK(lockstep_block_plan(block, &plan, &error));
    OK(lockstep_plan_layout(plan, &layout, &error));
    TRUE(layout.lane_count == 2 && layout.batch_count == 1 && layout.item_count == 2);
    OK(lockstep_plan_free(plan));
    OK(lockstep_block_free(block));
    layout = (lockstep_layout){ .items = twice, .item_count = 2, .lane_ends = lanes,
        .lane_count = 2, .batch_ends = batches, .batch_count = 1 };
    OK(lockstep_plan_from_layout(&layout, &options.plan, &error));
    FAILS(lockstep_chain_build(chain, &options, NULL, &block, &error), LOCKSTEP_STATUS_PLAN);
    OK(lockstep_plan_free(options.plan));
    OK(lockstep_buffer_free(buffers[0]));
    OK(lockstep_buffer_free(buffers[1]));
}

static void simulate(lockstep_chain *chain, lockstep_hash at)
{
    lockstep_buffer *buffers[3] = { call_vault(1, 'v', 0, at), call_vault(1, 'r', 4, at),
        call_vault(1, 'x', 0, at) };
    lockstep_bytes list[4] = { bytes_of(buffers[0]), bytes_of(buffers[1]), bytes_of(buffers[2]),
        { (const uint8_t *)"noise", 5 } };
    lockstep_simulate_options options = { .size = sizeof options, .has_time = 1,
        .unix_timestamp = 1700000000, .recording = LOCKSTEP_RECORD_LOGS };
    lockstep_receipts *receipts;
    lockstep_receipt found[8];
    lockstep_buffer *log;
    size_t count;
    OK(lockstep_chain_simulate(chain, &at, list, 4, &options, &receipts, &error));
    OK(lockstep_receipts_list(receipts, 0, found, 8, &count, &error));
    TRUE(count == 4 && found[0].outcome == LOCKSTEP_OUTCOME_SUCCEEDED && found[0].log_count > 2);
    TRUE(found[1].outcome == LOCKSTEP_OUTCOME_SUCCEEDED && found[1].compute_units >= 50);
    TRUE(found[2].outcome == LOCKSTEP_OUTCOME_FAILED && found[2].custom_code == 'x');
    TRUE(found[2].error == 8 && found[2].instruction_error == 25 && found[2].instruction_index == 0);
    TRUE(found[3].outcome == LOCKSTEP_OUTCOME_REFUSED && found[3].error == UINT32_MAX);
    OK(lockstep_receipts_log(receipts, 0, &log, &error));
    lockstep_bytes text = bytes_of(log);
    TRUE(text.size > 30 && memcmp(text.data, "Program ", 8) == 0);
    OK(lockstep_buffer_free(log));
    OK(lockstep_receipts_free(receipts));
    for (int i = 0; i < 3; i++)
        OK(lockstep_buffer_free(buffers[i]));
}

int main(int argument_count, char **arguments)
{
    struct table table = { 0 };
    lockstep_storage storage = { .size = sizeof storage, .user = &table, .get = get, .apply = apply,
        .scan = scan, .release = release };
    lockstep_chain_options options = { .size = sizeof options, .storage = &storage,
        .thread_count = 2, .cache_size = argument_count > 2 ? 1 << 20 : 0 };
    lockstep_genesis *genesis = make_genesis();
    lockstep_chain *chain;
    lockstep_hash head, id;
    lockstep_block *block;
    struct seen seen = { 0 };
    lockstep_watch *watch;
    OK(lockstep_chain_open(&options, genesis, &chain, &error));
    lockstep_observer observer = { .size = sizeof observer, .user = &seen, .committed = observe,
        .release = release_seen, .flags = LOCKSTEP_OBSERVE_RECEIPTS | LOCKSTEP_OBSERVE_CHANGES };
    OK(lockstep_chain_observe(chain, &observer, &watch, &error));
    for (uint64_t slot = 1; slot <= 4; slot++) {
        OK(lockstep_chain_head(chain, &head, NULL, &error));
        struct source source = { .parent = head };
        lockstep_build_options wanted = { .size = sizeof wanted, .parent = head, .slot = slot,
            .unix_timestamp = 1700000000, .select = select_deposits, .user = &source };
        OK(lockstep_chain_build(chain, &wanted, NULL, &block, &error));
        TRUE(source.rounds >= 1);
        OK(lockstep_block_header(block, &id, NULL, &error));
        OK(lockstep_chain_commit(chain, &id, NULL, &error));
        OK(lockstep_block_free(block));
        if (slot == 2) {
            // Opened again, it goes on where it was left.
            OK(lockstep_chain_close(chain));
            TRUE(table.released == 1);
            OK(lockstep_chain_open(&options, genesis, &chain, &error));
            OK(lockstep_watch_free(watch));
            TRUE(seen.released == 1 && seen.blocks == 2);
            OK(lockstep_chain_observe(chain, &observer, &watch, &error));
        }
        lockstep_build_options failing = wanted;
        failing.parent = id, failing.slot = slot + 1, failing.select = select_nothing;
        FAILS(lockstep_chain_build(chain, &failing, NULL, &block, &error), LOCKSTEP_STATUS_CALLBACK);
    }
    TRUE(seen.blocks == 4 && seen.receipts == 12 && seen.changes == 4);
    lockstep_account *account;
    lockstep_account_fields fields = vault_after(chain, id, &account);
    TRUE(fields.lamports == 10000000 + 4 * 6 && fields.data[0] == 4 * 6);
    OK(lockstep_account_free(account));
    build_by_plan(chain, id);
    simulate(chain, id);

    // A copy on disk, from a snapshot of a block that is known by its id.
    struct stream stream = { 0 };
    lockstep_exported exported;
    lockstep_chain *copied;
    lockstep_chain_options on_disk = { .size = sizeof on_disk, .directory = arguments[1] };
    OK(lockstep_chain_export(chain, write_stream, &stream, &exported, &error));
    TRUE(exported.size == stream.size && memcmp(&exported.block_id, &id, sizeof id) == 0);
    FAILS(lockstep_chain_import(&on_disk, genesis, read_stream, &stream, &head, &copied, &error),
        LOCKSTEP_STATUS_SNAPSHOT);
    stream.place = 0;
    OK(lockstep_chain_import(&on_disk, genesis, read_stream, &stream, &id, &copied, &error));
    fields = vault_after(copied, id, &account);
    TRUE(fields.lamports == 10000000 + 4 * 6);
    OK(lockstep_account_free(account));
    OK(lockstep_chain_keep_trie(copied, &error));
    OK(lockstep_chain_close(copied));
    OK(lockstep_chain_open(&on_disk, genesis, &copied, &error));
    OK(lockstep_chain_head(copied, &head, NULL, &error));
    TRUE(memcmp(&head, &id, sizeof id) == 0);
    OK(lockstep_chain_close(copied));
    free(stream.bytes);

    // A storage that fails stops the chain, and another genesis is refused.
    lockstep_build_options wanted = { .size = sizeof wanted, .parent = id, .slot = 9,
        .unix_timestamp = 1700000000 };
    OK(lockstep_chain_build(chain, &wanted, NULL, &block, &error));
    OK(lockstep_block_header(block, &head, NULL, &error));
    table.failing = 1;
    FAILS(lockstep_chain_commit(chain, &head, NULL, &error), LOCKSTEP_STATUS_STORAGE);
    table.failing = 0;
    FAILS(lockstep_chain_commit(chain, &head, NULL, &error), LOCKSTEP_STATUS_STOPPED);
    OK(lockstep_block_free(block));
    OK(lockstep_watch_free(watch));
    OK(lockstep_chain_close(chain));
    lockstep_genesis *other;
    OK(lockstep_genesis_new(&other, &error));
    FAILS(lockstep_chain_open(&options, other, &chain, &error), LOCKSTEP_STATUS_GENESIS);
    TRUE(chain == NULL && table.released == 2 && seen.released == 2);
    OK(lockstep_genesis_free(other));
    OK(lockstep_genesis_free(genesis));
    TRUE(programs_released == 1);
    empty(&table);
    printf("all is as it should be\n");
    return 0;
}
