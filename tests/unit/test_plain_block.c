/* One entry of a block read alone, by the check in its record's row: the same as out of the whole
 * block, and never another, whatever rots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "replication/rows/rows.h"
#include "tests/unit/furnished_desk.h"

#define CLOCK UINT64_C(1700000000000)
enum { EPOCH = 0x00010002, VERSION = 3, BLOCKS = 60, ROWS_MAX = 400, RECORDS_MAX = 40 };

static uint8_t key[KEY_BYTES], secret[SECRET_BYTES];
static struct author_epoch self, other;
static uint32_t drawn = 11;

static int start(void **state)
{
    static const uint8_t seed[32] = {42};
    (void)state;
    if (!crypto_start())
        return -1;
    sign_key_pair(seed, key, secret);
    self = (struct author_epoch){key_id_of(key), EPOCH};
    other = (struct author_epoch){{{1, 2, 3}}, EPOCH};
    return 0;
}

static uint32_t draw(uint32_t below)
{
    drawn = drawn * 1103515245 + 12345;
    return (drawn >> 16) % below;
}

/* Of all that an entry may say: openings, others' records, contexts, holes, unknown kinds. */
static struct entry entry_drawn(struct buffer *body, struct dot *context)
{
    bool stream = draw(9) == 0;
    buffer_clear(body);
    mp_write_map(body, 1);
    mp_write_uint(body, draw(1000));
    mp_write_uint(body, draw(2) == 0 ? draw(100) : UINT64_C(1) << draw(60));
    struct entry entry = {.kind = stream         ? ENTRY_CLOSE
                                  : draw(9) == 0 ? 77
                                                 : ENTRY_WRITE,
                          .type = (uint16_t)(stream ? 0 : 1 + draw(4)),
                          .clock = CLOCK + draw(5000),
                          .schema_version = VERSION,
                          .has_record = !stream,
                          .n = 1,
                          .body = span_of_buffer(body)};
    if (!stream)
        entry.record = record_id_make(draw(4) == 0 ? &other : &self, 1 + draw(90000));
    entry.strange = entry.kind == 77;
    if (!stream && draw(3) == 0) {
        entry.n = 2 + draw(70);
        *context = (struct dot){other.author, other.epoch, 1 + draw(300)};
        entry.context = context;
        entry.context_count = draw(2);
    }
    if (entry.kind == ENTRY_WRITE && draw(6) == 0) {
        entry.body_hash = entry_body_hash(entry.body);
        entry.hole = true;
    }
    return entry;
}

static struct buffer block_drawn(struct prepared_block *block)
{
    struct stream_id stream = {self.author, EPOCH, 3, 0};
    struct stream_head head = {.seq = 1 + draw(500), .clock = CLOCK - 5};
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    struct buffer body = {0}, stored = {0};
    struct prepared_block made;
    for (uint32_t count = 1 + draw(60); count > 0; count--) {
        struct dot context;
        struct entry entry = entry_drawn(&body, &context);
        assert_true(entry_writer_add(writer, &entry));
    }
    block_make(writer, &hash_zero, &stream, &head, key, secret, NULL, &made);
    block_write(&made, BLOCK_STORED, &head, &stored);
    struct block_context context = {.stream = stream, .author_key = key};
    assert_int_equal(block_open(span_of_buffer(&stored), &context, block, NULL), ERR_OK);
    prepared_block_free(&made);
    entry_writer_free(writer);
    buffer_free(&body);
    return stored;
}

static bool same_entry(const struct entry *a, const struct entry *b)
{
    bool same = a->kind == b->kind && a->strange == b->strange && a->type == b->type &&
                a->clock == b->clock && a->schema_version == b->schema_version &&
                a->has_record == b->has_record && a->n == b->n && a->hole == b->hole &&
                memcmp(&a->record, &b->record, sizeof a->record) == 0 &&
                span_equal(a->body, b->body) && a->context_count == b->context_count;
    for (size_t i = 0; same && i < a->context_count; i++)
        same = dot_compare(&a->context[i], &b->context[i]) == 0;
    return same;
}

/* Whether the entry at a place of these bytes is the block's; *read: it was read and passed for it.
 */
static bool is_of_block(const struct prepared_block *block, struct plain_block *plain, size_t place,
                        bool *read)
{
    struct entry_list one;
    struct hash digest;
    *read = plain_block_entry(plain, place, &self, key, &one, &digest);
    if (!*read)
        return true;
    *read = digest_check(&digest) == digest_check(&block->digests[place]);
    bool same = !*read || (hash_equal(&digest, &block->digests[place]) &&
                           same_entry(one.entries, &block->list.entries[place]));
    entry_list_free(&one);
    return same;
}

static void each_entry_alone_is_as_in_its_block(void **state)
{
    (void)state;
    for (int i = 0; i < BLOCKS; i++) {
        struct prepared_block block;
        struct plain_block plain;
        bool read;
        struct buffer stored = block_drawn(&block);
        assert_true(plain_block_open(span_of_buffer(&stored), &plain));
        assert_int_equal(plain.count, block.list.count);
        for (size_t k = 0; k < plain.count; k++) { /* some forward, some from the end */
            size_t place = i % 2 == 0 ? k : plain.count - 1 - k;
            assert_true(is_of_block(&block, &plain, place, &read));
            assert_true(read);
        }
        assert_true(is_of_block(&block, &plain, plain.count, &read) && !read);
        plain_block_free(&plain);
        prepared_block_free(&block);
        buffer_free(&stored);
    }
}

static void no_flipped_bit_passes_for_another_entry(void **state)
{
    size_t told = 0, refused = 0;
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct prepared_block block;
        struct buffer stored = block_drawn(&block);
        for (size_t bit = 0; bit < 8 * stored.size; bit++) {
            struct plain_block plain;
            stored.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            bool opened = plain_block_open(span_of_buffer(&stored), &plain);
            for (size_t place = 0; opened && place < block.list.count; place++) {
                bool read;
                assert_true(is_of_block(&block, &plain, place, &read));
                told += read;
                refused += !read;
            }
            if (opened)
                plain_block_free(&plain);
            stored.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        prepared_block_free(&block);
        buffer_free(&stored);
    }
    assert_true(told > 0 && refused > 0);
}

/* ---- records ---- */

/* A view of a store in which one row is another. */
struct changed {
    const struct view *below;
    enum table table;
    struct span key, value;
};

static enum read_answer changed_get(void *context, enum table table, struct span sought,
                                    struct span *value)
{
    struct changed *changed = context;
    if (table == changed->table && span_equal(sought, changed->key)) {
        *value = changed->value;
        return READ_FOUND;
    }
    return changed->below->get(changed->below->context, table, sought, value);
}

static enum read_answer changed_next(void *context, enum table table, struct span from,
                                     struct span *key_found, struct span *value)
{
    struct changed *changed = context;
    return changed->below->next(changed->below->context, table, from, key_found, value);
}

static enum read_answer changed_previous(void *context, enum table table, struct span from,
                                         struct span *key_found, struct span *value)
{
    struct changed *changed = context;
    return changed->below->previous(changed->below->context, table, from, key_found, value);
}

struct folded {
    uint8_t key[RECORD_KEY_BYTES];
    struct buffer canonical; /* as the whole block has it */
};

/* False: it can't be read. `whole`: without its row's check. */
static bool fold(const struct view *view, const struct tree *tree, const uint8_t *record,
                 bool whole, struct buffer *canonical)
{
    struct block_cache cache = {0};
    struct record_row row;
    struct record_id id;
    uint16_t number;
    buffer_clear(canonical);
    if (!record_key_parse(view, SPAN(record, RECORD_KEY_BYTES), &number, &id) ||
        record_row_read(view, record, &row) != ERR_OK || !row.located) {
        record_free(row.state);
        return false;
    }
    assert_true(row.checked);
    row.checked = !whole;
    struct record_state *state =
        record_from_creation(&cache, view, tree, schema_type(tree_schema(tree), number), &id, &row);
    if (state != NULL)
        record_canonical(state, canonical);
    block_cache_free(&cache);
    bool read = state != NULL;
    record_free(state);
    return read;
}

/* No record of these may read as something else than it is; how many read at all. */
static size_t fold_all(const struct view *view, const struct tree *tree,
                       const struct folded *folded, size_t count)
{
    struct buffer now = {0};
    size_t read = 0;
    for (size_t i = 0; i < count; i++) {
        if (!fold(view, tree, folded[i].key, false, &now))
            continue;
        assert_true(span_equal(span_of_buffer(&now), span_of_buffer(&folded[i].canonical)));
        read++;
    }
    buffer_free(&now);
    return read;
}

/* A rotten check costs the whole block's opening, and no record; a rotten block costs records, and
 * shows nothing wrong. */
static void no_rotten_row_shows_something_else(void **state)
{
    static struct row_at rows[ROWS_MAX];
    struct folded folded[RECORDS_MAX];
    size_t records = 0, checks = 0, lost = 0;
    (void)state;
    struct desk *desk = desk_furnished();
    const struct tree *tree = replica_tree(drive_replica(desk->drive));
    size_t count = desk_rows_of(desk, rows, ROWS_MAX);
    for (size_t i = 0; i < count && records < RECORDS_MAX; i++) {
        struct folded *one = &folded[records];
        if (rows[i].table != TABLE_RECORDS || rows[i].value.data[0] != 0x93)
            continue;
        *one = (struct folded){.canonical = {0}};
        memcpy(one->key, rows[i].key.data, RECORD_KEY_BYTES);
        assert_true(fold(&desk->port.view, tree, one->key, true, &one->canonical));
        records++;
    }
    assert_true(records > 1);
    assert_int_equal(fold_all(&desk->port.view, tree, folded, records), records);
    for (size_t i = 0; i < count; i++) {
        struct buffer *value = &rows[i].value;
        struct changed changed = {&desk->port.view, rows[i].table, span_of_buffer(&rows[i].key),
                                  span_of_buffer(value)};
        struct view view = {&changed, changed_get, changed_next, changed_previous, NULL};
        bool record = rows[i].table == TABLE_RECORDS && value->data[0] == 0x93;
        for (size_t bit = 0; (record || rows[i].table == TABLE_BLOCKS) && bit < 8 * value->size;
             bit += record ? 1 : 5) {
            value->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            size_t read = fold_all(&view, tree, folded, records);
            bool check = record && bit / 8 >= value->size - 8;
            assert_true(!check || read == records);
            checks += check;
            lost += records - read;
            value->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    assert_true(checks > 0 && lost > 0);
    for (size_t i = 0; i < records; i++)
        buffer_free(&folded[i].canonical);
    rows_free(rows, count);
    desk_free(desk);
}

/* Rows as a program wrote them that knew no check. */
static void a_row_without_a_check_is_read_as_ever(void **state)
{
    static struct row_at rows[ROWS_MAX];
    size_t tried = 0;
    (void)state;
    struct desk *desk = desk_furnished();
    const struct tree *tree = replica_tree(drive_replica(desk->drive));
    size_t count = desk_rows_of(desk, rows, ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct record_row row;
        struct buffer former = {0};
        if (rows[i].table != TABLE_RECORDS || rows[i].value.data[0] != 0x93)
            continue;
        struct mp_reader reader = mp_reader(span_of_buffer(&rows[i].value));
        mp_read_array(&reader);
        mp_write_array(&former, 2);
        mp_write_uint(&former, mp_read_uint(&reader));
        mp_write_uint(&former, mp_read_uint(&reader));
        struct changed changed = {&desk->port.view, TABLE_RECORDS, span_of_buffer(&rows[i].key),
                                  span_of_buffer(&former)};
        struct view view = {&changed, changed_get, changed_next, changed_previous, NULL};
        struct block_cache cache = {0};
        struct record_id id;
        uint16_t number;
        assert_int_equal(record_row_read(&view, rows[i].key.data, &row), ERR_OK);
        assert_true(row.located && !row.checked);
        assert_true(record_key_parse(&view, span_of_buffer(&rows[i].key), &number, &id));
        struct record_state *read = record_from_creation(
            &cache, &view, tree, schema_type(tree_schema(tree), number), &id, &row);
        assert_non_null(read);
        assert_non_null(cache.block);
        record_free(read);
        block_cache_free(&cache);
        buffer_free(&former);
        tried++;
    }
    assert_true(tried > 1);
    rows_free(rows, count);
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_entry_alone_is_as_in_its_block),
        cmocka_unit_test(no_flipped_bit_passes_for_another_entry),
        cmocka_unit_test(no_rotten_row_shows_something_else),
        cmocka_unit_test(a_row_without_a_check_is_read_as_ever),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
