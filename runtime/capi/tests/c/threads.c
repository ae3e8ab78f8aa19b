// Several threads use the same handles: they build on one chain, read views of it and free what others
// use, until one closes the chain. Each call does what it is asked, or gives a status that says why
// not.

#include <lockstep.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 400 };

static lockstep_chain *chain;
static _Atomic(lockstep_view *) shared_view;
static atomic_ulong slots = 1, read_count, refused_count, observed_count;

static void unexpected(int line, lockstep_status status)
{
    fprintf(stderr, "line %d: status %u\n", line, status);
    exit(1);
}

static void observe(void *user, const lockstep_committed_block *block)
{
    (void)user, (void)block;
    atomic_fetch_add(&observed_count, 1);
}

// Builds on the head and makes the block final, unless another thread was faster.
static void move_on(void)
{
    lockstep_hash head, id;
    lockstep_block *block;
    lockstep_status status = lockstep_chain_head(chain, &head, NULL, NULL);
    if (status == LOCKSTEP_STATUS_OK) {
        lockstep_build_options options = { .size = sizeof options, .parent = head,
            .slot = atomic_fetch_add(&slots, 1) };
        status = lockstep_chain_build(chain, &options, NULL, &block, NULL);
        if (status == LOCKSTEP_STATUS_OK) {
            lockstep_block_header(block, &id, NULL, NULL);
            lockstep_block_free(block);
            status = lockstep_chain_commit(chain, &id, NULL, NULL);
        }
    }
    // A block may lose to one of another thread, and its slot may come after a later one.
    if (status != LOCKSTEP_STATUS_OK && status != LOCKSTEP_STATUS_UNKNOWN_BLOCK
        && status != LOCKSTEP_STATUS_BAD_VALUE && status != LOCKSTEP_STATUS_BAD_HANDLE)
        unexpected(__LINE__, status);
}

static void look(void)
{
    lockstep_hash head;
    lockstep_view *view;
    lockstep_account *account;
    lockstep_address address = { { 6, 167, 213, 23, 24, 199, 116, 201 } };
    if (lockstep_chain_head(chain, &head, NULL, NULL) == LOCKSTEP_STATUS_OK
        && lockstep_chain_view(chain, &head, &view, NULL) == LOCKSTEP_STATUS_OK)
        lockstep_view_free(atomic_exchange(&shared_view, view));
    lockstep_status status
        = lockstep_view_account(atomic_load(&shared_view), &address, &account, NULL);
    if (status == LOCKSTEP_STATUS_OK) {
        atomic_fetch_add(&read_count, 1);
        lockstep_account_free(account);
    } else if (status == LOCKSTEP_STATUS_BAD_HANDLE || status == LOCKSTEP_STATUS_NULL_ARGUMENT) {
        atomic_fetch_add(&refused_count, 1);
    } else {
        unexpected(__LINE__, status);
    }
}

static void *work(void *number)
{
    for (int round = 0; round < ROUNDS; round++) {
        if (number == NULL && round == ROUNDS * 3 / 4)
            lockstep_chain_close(chain);
        if (round % 4 == 0)
            move_on();
        else
            look();
    }
    return NULL;
}

int main(void)
{
    lockstep_genesis *genesis;
    lockstep_watch *watch;
    pthread_t threads[THREADS];
    lockstep_chain_options options = { .size = sizeof options, .thread_count = 2 };
    lockstep_observer observer = { .size = sizeof observer, .committed = observe };
    lockstep_status status = lockstep_genesis_new(&genesis, NULL);
    if (status == LOCKSTEP_STATUS_OK)
        status = lockstep_chain_open(&options, genesis, &chain, NULL);
    if (status == LOCKSTEP_STATUS_OK)
        status = lockstep_chain_observe(chain, &observer, &watch, NULL);
    if (status != LOCKSTEP_STATUS_OK)
        unexpected(__LINE__, status);
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, i == 0 ? NULL : &threads[i]) != 0)
            return 1;
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    lockstep_view_free(atomic_load(&shared_view));
    lockstep_watch_free(watch);
    lockstep_genesis_free(genesis);
    if (lockstep_chain_close(chain) != LOCKSTEP_STATUS_BAD_HANDLE || read_count == 0
        || observed_count == 0)
        return 1;
    return 0;
}
