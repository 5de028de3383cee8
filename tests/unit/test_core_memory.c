/* An idle core is small: what one node's replica keeps in memory, its tree included, so that a tree
 * of hundreds of thousands fits in one simulator. Counted by the allocator, before and after. The
 * types are on a shelf that all trees of the process share: they count once a process. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/drive.h"
#include "sim/world/county.h"
#include "sim/world/memory_store.h"

#if defined(__SANITIZE_ADDRESS__)
size_t __sanitizer_get_current_allocated_bytes(void);
static size_t allocated_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes();
}
#else
static size_t allocated_bytes(void)
{
    return mallinfo2().uordblks;
}
#endif

static void ignore_send(void *context, uint32_t link, enum channel channel, uint8_t type,
                        struct span body)
{
    (void)context, (void)link, (void)channel, (void)type, (void)body;
}

static void ignore_close(void *context, uint32_t link)
{
    (void)context, (void)link;
}

static void ignore_answer(void *context, const struct answer *answer)
{
    (void)context;
    assert_int_equal(answer->error.code, ERR_OK);
}

static void fill_options(const struct county *county, size_t seat, struct replica_options *options)
{
    memset(options, 0, sizeof *options);
    options->tree_id = county->tree_id;
    memcpy(options->seat, county->seats[seat].code, sizeof options->seat);
    memcpy(options->signing_key, county->seats[seat].signing_key, KEY_BYTES);
    memcpy(options->signing_secret, county->seats[seat].signing_secret, SECRET_BYTES);
    options->seal = county->seats[seat].seal;
}

static void take_documents(struct drive *drive, const struct county *county, size_t seat)
{
    size_t count;
    struct county_document *documents = county_documents(county, seat, 0, &count);
    for (size_t i = 0; i < count; i++) {
        struct event event = {.kind = EVENT_DOCUMENT, .wall_ms = 1, .tick_ms = 1};
        event.document.envelope = documents[i].envelope;
        event.document.rows = documents[i].rows;
        event.document.row_count = documents[i].row_count;
        event.document.places = documents[i].places;
        event.document.proofs = documents[i].proofs;
        assert_int_equal(drive_batch(drive, &event, 1), ERR_OK);
    }
    county_documents_free(documents, count);
}

static void write_one(struct drive *drive)
{
    struct buffer fields = {0};
    struct event event = {.kind = EVENT_WRITE, .wall_ms = 2, .tick_ms = 2};
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "title");
    mp_write_text(&fields, "x");
    event.write.type = span_of_text("incident");
    event.write.fields = span_of_buffer(&fields);
    assert_int_equal(drive_batch(drive, &event, 1), ERR_OK);
    buffer_free(&fields);
}

enum types { TYPES_SHARED, TYPES_ALONE, TYPES_LARGER };

/* What the core of the last seat of `rows` takes once its store holds the tree and a record. */
static size_t idle_bytes(const struct county_row *rows, size_t count, enum types types)
{
    struct county *county = county_new(rows, count, 7);
    struct memory_store *store = memory_store_new();
    struct drive_ports ports = {
        .link = {.send = ignore_send, .close = ignore_close},
        .answer = ignore_answer,
    };
    struct replica_options options;
    struct drive *drive;
    memory_store_port(store, &ports.store);
    if (types == TYPES_LARGER)
        county_raise_types(county);
    fill_options(county, count - 1, &options);
    if (types != TYPES_ALONE)
        options.shelf = county->shelf;
    assert_int_equal(drive_open(&options, &ports, &drive, NULL), ERR_OK);
    take_documents(drive, county, count - 1);
    write_one(drive);
    drive_close(drive);

    options.high_water_readable = memory_store_high_water(store, &options.high_water);
    assert_true(options.high_water_readable);
    size_t before = allocated_bytes();
    assert_int_equal(drive_open(&options, &ports, &drive, NULL), ERR_OK);
    size_t bytes = allocated_bytes() - before;
    const struct tree *tree = replica_tree(drive_replica(drive));
    assert_non_null(tree_schema(tree));
    assert_int_equal(tree_schema(tree) == tree_schema(county->tree), types != TYPES_ALONE);
    assert_int_equal(schema_shelf_count(county->shelf), 1);
    drive_close(drive);
    memory_store_free(store);
    county_free(county);
    return bytes;
}

static void a_village_of_three_tiers_is_within_the_limit(void **state)
{
    static const struct county_row rows[] = {
        {"C", "county", NULL}, {"T", "township", "C"}, {"V", "village", "T"}};
    (void)state;
    size_t bytes = idle_bytes(rows, 3, TYPES_SHARED), alone = idle_bytes(rows, 3, TYPES_ALONE);
    size_t larger = idle_bytes(rows, 3, TYPES_LARGER);
    print_message("an idle core of a village in three tiers: %zu bytes; with types of its own "
                  "%zu; of a county with a workflow %zu\n",
                  bytes, alone, larger);
    assert_in_range(bytes, 1024, CORE_IDLE_BYTES_MAX);
    assert_true(alone > bytes);
    /* the rows of its types themselves; freed chunks that the allocator keeps count as well */
    assert_in_range(larger, 1024, CORE_IDLE_BYTES_MAX + 1152);
}

static void siblings_cost_it_nothing(void **state)
{
    struct county_row rows[203] = {{"C", "county", NULL}, {"T", "township", "C"}};
    char codes[201][8];
    (void)state;
    for (size_t i = 0; i < 201; i++) {
        snprintf(codes[i], sizeof codes[i], "V%zu", i);
        rows[i + 2] = (struct county_row){codes[i], "village", "T"};
    }
    size_t alone = idle_bytes(rows, 3, TYPES_SHARED);
    size_t among = idle_bytes(rows, 203, TYPES_SHARED);
    assert_in_range(among, 1024, alone + 2048); /* a longer proof for its own row */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_village_of_three_tiers_is_within_the_limit),
        cmocka_unit_test(siblings_cost_it_nothing),
    };
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
