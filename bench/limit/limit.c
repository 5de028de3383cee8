/* What the parts could do without us: the bare disk, the bare store, and one thread that does by
 * hand the least that a node must do with what arrives.
 *
 *     bench_limit sync DIR COUNT              4 KiB and fdatasync, one after the other
 *     bench_limit commit DIR COUNT            durable LMDB commits of one record each
 *     bench_limit batch DIR COUNT EACH        durable LMDB commits of so many records, with one
 * index bench_limit arrive DIR COUNT            blocks: decompress, hash, verify, unpack, store,
 * index bench_limit open DIR COUNT              from opening a store of so many records to the
 * first
 *
 * One line of JSON each. */
#include <fcntl.h>
#include <lmdb.h>
#include <msgpack.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "bench/corpus.h"

enum {
    PAGE_BYTES = 4096,
    KEY_BYTES = 12,
    HASH_BYTES = 32,
    BLOCK_RECORDS = 256,
    BLOCKS_A_COMMIT = 16,
    ZSTD_LEVEL = 1,
    INDEX_GROUPS = 303,
};
#define MAP_BYTES (UINT64_C(16) << 30)

struct store {
    MDB_env *environment;
    MDB_txn *transaction;
    MDB_dbi records, index;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench_limit: %s\n", what);
    exit(1);
}

static void begin(struct store *store)
{
    must(mdb_txn_begin(store->environment, NULL, 0, &store->transaction) == 0, "begin");
}

static void commit(struct store *store)
{
    must(mdb_txn_commit(store->transaction) == 0, "commit");
}

static void open_store(struct store *store, const char *directory)
{
    mkdir(directory, 0700);
    must(mdb_env_create(&store->environment) == 0 &&
             mdb_env_set_mapsize(store->environment, MAP_BYTES) == 0 &&
             mdb_env_set_maxdbs(store->environment, 2) == 0 &&
             mdb_env_open(store->environment, directory, 0, 0600) == 0,
         "opening a store");
    begin(store);
    must(mdb_dbi_open(store->transaction, "records", MDB_CREATE, &store->records) == 0 &&
             mdb_dbi_open(store->transaction, "index", MDB_CREATE, &store->index) == 0,
         "its tables");
    commit(store);
}

static void key_of(uint64_t number, uint8_t key[static KEY_BYTES])
{
    memset(key, 0, KEY_BYTES);
    for (size_t i = 0; i < 8; i++)
        key[KEY_BYTES - 1 - i] = (uint8_t)(number >> (8 * i));
}

static void put(struct store *store, uint64_t number, struct span record, bool with_index)
{
    uint8_t key[KEY_BYTES], place[4 + KEY_BYTES] = {0};
    key_of(number, key);
    MDB_val name = {sizeof key, key}, value = {record.size, (void *)(uintptr_t)record.data};
    must(mdb_put(store->transaction, store->records, &name, &value, MDB_APPEND) == 0, "put");
    if (!with_index)
        return;
    uint64_t group = number * UINT64_C(0x9e3779b97f4a7c15) % INDEX_GROUPS;
    place[2] = (uint8_t)(group >> 8);
    place[3] = (uint8_t)group;
    memcpy(place + 4, key, sizeof key);
    MDB_val entry = {sizeof place, place}, nothing = {0, place};
    must(mdb_put(store->transaction, store->index, &entry, &nothing, 0) == 0, "put in the index");
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void print_each(uint64_t *each, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += each[i];
    qsort(each, count, sizeof *each, by_size);
    printf("{\"count\":%zu,\"per_s\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", count,
           (double)count * 1e9 / (double)sum, (double)each[count / 2] / 1e3,
           (double)each[count * 99 / 100] / 1e3);
}

static void print_rate(size_t count, uint64_t spent_ns, double bytes_a_record)
{
    printf("{\"count\":%zu,\"per_s\":%.1f,\"bytes_a_record\":%.1f}\n", count,
           (double)count * 1e9 / (double)spent_ns, bytes_a_record);
}

static void measure_sync(const char *directory, size_t count, size_t unused)
{
    static const uint8_t page[PAGE_BYTES] = {1};
    char path[4096];
    uint64_t *each = mem_alloc((count + 1) * sizeof *each);
    (void)unused;
    mkdir(directory, 0700);
    snprintf(path, sizeof path, "%s/page", directory);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (size_t i = 0; i < count; i++) {
        uint64_t began_ns = now_ns();
        must(pwrite(file, page, sizeof page, 0) == PAGE_BYTES && fdatasync(file) == 0, "sync");
        each[i] = now_ns() - began_ns;
    }
    print_each(each, count);
    close(file);
    free(each);
}

static void measure_commit(const char *directory, size_t count, size_t unused)
{
    struct store store;
    struct corpus corpus;
    uint64_t *each = mem_alloc((count + 1) * sizeof *each);
    (void)unused;
    corpus_make(&corpus, 0, count);
    open_store(&store, directory);
    for (size_t i = 0; i < count; i++) {
        uint64_t began_ns = now_ns();
        begin(&store);
        put(&store, i, corpus_record(&corpus, i), false);
        commit(&store);
        each[i] = now_ns() - began_ns;
    }
    print_each(each, count);
    mdb_env_close(store.environment);
    corpus_free(&corpus);
    free(each);
}

static void measure_batch(const char *directory, size_t count, size_t each)
{
    struct store store;
    struct corpus corpus;
    corpus_make(&corpus, 0, count);
    open_store(&store, directory);
    uint64_t began_ns = now_ns();
    for (size_t i = 0; i < count; i += each) {
        begin(&store);
        for (size_t k = i; k < i + each && k < count; k++)
            put(&store, k, corpus_record(&corpus, k), true);
        commit(&store);
    }
    print_rate(count, now_ns() - began_ns, 0);
    mdb_env_close(store.environment);
    corpus_free(&corpus);
}

/* One signed block as it would arrive. */
struct block {
    size_t first, count, plain_bytes;
    struct buffer payload;
    uint8_t root[HASH_BYTES], signature[crypto_sign_BYTES];
};

static void hash_records(const struct span *records, size_t count, uint8_t root[static HASH_BYTES])
{
    crypto_generichash_state all;
    uint8_t one[HASH_BYTES];
    crypto_generichash_init(&all, NULL, 0, HASH_BYTES);
    for (size_t i = 0; i < count; i++) {
        crypto_generichash(one, sizeof one, records[i].data, records[i].size, NULL, 0);
        crypto_generichash_update(&all, one, sizeof one);
    }
    crypto_generichash_final(&all, root, HASH_BYTES);
}

static void make_block(const struct corpus *corpus, size_t first, const uint8_t *secret,
                       struct block *block)
{
    struct span records[BLOCK_RECORDS];
    size_t left = corpus->count - first;
    *block = (struct block){.first = first, .count = left < BLOCK_RECORDS ? left : BLOCK_RECORDS};
    for (size_t i = 0; i < block->count; i++) {
        records[i] = corpus_record(corpus, first + i);
        block->plain_bytes += records[i].size;
    }
    hash_records(records, block->count, block->root);
    buffer_reserve(&block->payload, ZSTD_compressBound(block->plain_bytes));
    block->payload.size = ZSTD_compress(block->payload.data, block->payload.capacity,
                                        records[0].data, block->plain_bytes, ZSTD_LEVEL);
    crypto_sign_detached(block->signature, NULL, block->root, HASH_BYTES, secret);
}

static void arrive(struct store *store, const struct block *block, const uint8_t *public_key)
{
    struct span records[BLOCK_RECORDS];
    uint8_t root[HASH_BYTES], *plain = mem_alloc(block->plain_bytes);
    size_t at = 0;
    must(ZSTD_decompress(plain, block->plain_bytes, block->payload.data, block->payload.size) ==
             block->plain_bytes,
         "decompressing");
    for (size_t i = 0; i < block->count; i++) {
        msgpack_unpacked unpacked;
        size_t begin_at = at;
        msgpack_unpacked_init(&unpacked);
        must(msgpack_unpack_next(&unpacked, (const char *)plain, block->plain_bytes, &at) ==
                 MSGPACK_UNPACK_SUCCESS,
             "unpacking");
        msgpack_unpacked_destroy(&unpacked);
        records[i] = SPAN(plain + begin_at, at - begin_at);
    }
    hash_records(records, block->count, root);
    must(memcmp(root, block->root, sizeof root) == 0 &&
             crypto_sign_verify_detached(block->signature, root, sizeof root, public_key) == 0,
         "verifying");
    for (size_t i = 0; i < block->count; i++)
        put(store, block->first + i, records[i], true);
    free(plain);
}

static void measure_arrive(const char *directory, size_t count, size_t unused)
{
    struct store store;
    struct corpus corpus;
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    size_t block_count = (count + BLOCK_RECORDS - 1) / BLOCK_RECORDS, payload_bytes = 0;
    struct block *blocks = mem_alloc((block_count + 1) * sizeof *blocks);
    (void)unused;
    crypto_sign_keypair(public_key, secret);
    corpus_make(&corpus, 0, count);
    for (size_t i = 0; i < block_count; i++) {
        make_block(&corpus, i * BLOCK_RECORDS, secret, &blocks[i]);
        payload_bytes += blocks[i].payload.size + sizeof blocks[i].signature;
    }
    open_store(&store, directory);
    uint64_t began_ns = now_ns();
    begin(&store);
    for (size_t i = 0; i < block_count; i++) {
        arrive(&store, &blocks[i], public_key);
        if (i % BLOCKS_A_COMMIT == BLOCKS_A_COMMIT - 1) {
            commit(&store);
            begin(&store);
        }
    }
    commit(&store);
    print_rate(count, now_ns() - began_ns, (double)payload_bytes / (double)count);
    mdb_env_close(store.environment);
    for (size_t i = 0; i < block_count; i++)
        buffer_free(&blocks[i].payload);
    free(blocks);
    corpus_free(&corpus);
}

static void measure_open(const char *directory, size_t count, size_t unused)
{
    struct store store;
    struct corpus corpus;
    uint8_t key[KEY_BYTES];
    MDB_val name = {sizeof key, key}, value;
    (void)unused;
    corpus_make(&corpus, 0, count);
    open_store(&store, directory);
    begin(&store);
    for (size_t i = 0; i < count; i++)
        put(&store, i, corpus_record(&corpus, i), false);
    commit(&store);
    mdb_env_close(store.environment);
    uint64_t began_ns = now_ns();
    open_store(&store, directory);
    begin(&store);
    key_of(count / 2, key);
    must(mdb_get(store.transaction, store.records, &name, &value) == 0, "get");
    printf("{\"count\":%zu,\"ms\":%.3f}\n", count, (double)(now_ns() - began_ns) / 1e6);
    mdb_txn_abort(store.transaction);
    mdb_env_close(store.environment);
    corpus_free(&corpus);
}

static const struct task {
    const char *name;
    void (*run)(const char *directory, size_t count, size_t each);
} tasks[] = {
    {"sync", measure_sync},     {"commit", measure_commit}, {"batch", measure_batch},
    {"arrive", measure_arrive}, {"open", measure_open},
};

int main(int argc, char **argv)
{
    must(sodium_init() >= 0, "no cryptography here");
    for (size_t i = 0; argc >= 4 && i < sizeof tasks / sizeof *tasks; i++) {
        if (strcmp(argv[1], tasks[i].name) != 0)
            continue;
        size_t each = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
        tasks[i].run(argv[2], strtoull(argv[3], NULL, 10), each > 0 ? each : 1);
        return 0;
    }
    fprintf(stderr, "bench_limit: sync | commit | batch | arrive | open, DIR COUNT [EACH]\n");
    return 2;
}
