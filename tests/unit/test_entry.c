/* Entries: digests as another program computes them, the plain text byte by byte, round trips,
 * and each bound with one step beyond it refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "replication/format/entry.h"

#define CLOCK UINT64_C(1700000000000)
enum { EPOCH = 0x00010002, VERSION = 9 };

static uint8_t key[KEY_BYTES];
static struct author_epoch self;

static int start(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_BYTES; i++)
        key[i] = (uint8_t)i;
    if (!crypto_start())
        return -1;
    self = (struct author_epoch){key_id_of(key), EPOCH};
    return 0;
}

static struct author_epoch other(uint8_t name)
{
    struct author_epoch author = {.epoch = 4};
    memset(author.author.bytes, name, KEY_ID_BYTES);
    return author;
}

static struct dot dot_of(uint8_t name, uint32_t n)
{
    struct author_epoch author = other(name);
    return (struct dot){author.author, author.epoch, n};
}

static const uint8_t body_hi[] = {0x81, 0x01, 0xa2, 'h', 'i'};
static const uint8_t body_empty[] = {0x80};

static struct entry write_of(uint32_t counter)
{
    return (struct entry){.kind = ENTRY_WRITE,
                          .type = 7,
                          .clock = CLOCK,
                          .schema_version = VERSION,
                          .has_record = true,
                          .record = record_id_make(&self, counter),
                          .n = 1,
                          .body = SPAN_OF_ARRAY(body_hi)};
}

static struct entry open_of(void)
{
    return (struct entry){.kind = ENTRY_OPEN,
                          .clock = CLOCK,
                          .schema_version = VERSION,
                          .body = SPAN_OF_ARRAY(body_empty)};
}

static void assert_hash(struct hash hash, const char *expected)
{
    char text[2 * HASH_BYTES + 1];
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", hash.bytes[i]);
    assert_string_equal(text, expected);
}

static void digests_are_as_expected(void **state)
{
    (void)state;
    struct dot context[1] = {dot_of(0xaa, 2)};
    struct entry entry = write_of(5);
    entry.n = 3;
    entry.context = context;
    entry.context_count = 1;
    assert_hash(entry_body_hash(entry.body),
                "38ec5f40d44dfe8e0e227ac48e89fa980829eb0dc471d2aa14e107748463af58");
    assert_hash(entry_digest(&entry, key, EPOCH),
                "5878eafb5ad7a4370844f40e9363a61028a2cf737ee4cd2d6b5ff373956713b3");
    static const uint8_t further[] = {0x05, 0xa1, 'x'};
    entry.kind = 9;
    entry.further = SPAN_OF_ARRAY(further);
    assert_hash(entry_digest(&entry, key, EPOCH),
                "20d0772aad796822c68c91a33082e44c8530f1fa4c0413126b7c708fded855da");
    entry = open_of();
    assert_hash(entry_digest(&entry, key, EPOCH),
                "7a2a6adef26b58da456be3c277540423c1919bd9d87d53a48de03c6922229352");
}

static void holes_keep_the_digest(void **state)
{
    (void)state;
    struct entry whole = write_of(5), hole = write_of(5);
    hole.hole = true;
    hole.body = SPAN_EMPTY;
    hole.body_hash = entry_body_hash(whole.body);
    struct hash a = entry_digest(&whole, key, EPOCH), b = entry_digest(&hole, key, EPOCH);
    assert_true(hash_equal(&a, &b));
    hole.body_hash.bytes[0] ^= 1;
    b = entry_digest(&hole, key, EPOCH);
    assert_false(hash_equal(&a, &b));
}

static void record_ids_name_their_author(void **state)
{
    (void)state;
    struct record_id record = record_id_make(&self, 0x01020304);
    static const uint8_t end[] = {0, 1, 0, 2, 1, 2, 3, 4};
    assert_memory_equal(record.bytes, self.author.bytes, KEY_ID_BYTES);
    assert_memory_equal(record.bytes + KEY_ID_BYTES, end, sizeof end);
    assert_int_equal(record_id_counter(&record), 0x01020304);
    assert_true(record_id_names(&record, &self));
    struct author_epoch author = record_id_author(&record);
    assert_true(record_id_names(&record, &author));
    author.epoch++;
    assert_false(record_id_names(&record, &author));
    author = other(1);
    assert_false(record_id_names(&record, &author));
    struct entry entry = write_of(1);
    entry.n = 8;
    struct dot dot = entry_dot(&entry, &self);
    assert_int_equal(dot.n, 8);
    assert_int_equal(dot.epoch, EPOCH);
    assert_true(key_id_equal(dot.author, self.author));
}

static void the_plain_text_is_as_expected(void **state)
{
    (void)state;
    struct dot context[2] = {dot_of(0xaa, 2), dot_of(0xbb, 200)};
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    struct entry first = open_of(), second = write_of(5), third = write_of(4), fourth = write_of(1);
    third.clock = CLOCK - 3;
    third.n = 2;
    struct author_epoch author = other(0xbb);
    fourth.record = record_id_make(&author, 300);
    fourth.context = context;
    fourth.context_count = 2;
    assert_true(entry_writer_add(writer, &first));
    assert_true(entry_writer_add(writer, &second));
    assert_true(entry_writer_add(writer, &third));
    assert_true(entry_writer_add(writer, &fourth));
    struct buffer plain = {0};
    entry_writer_finish(writer, &plain);
    static const uint8_t expected[] = {
        9,    0x92,                                                                  /* table */
        0xc4, 12,   0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0,    0,   0, 4, /* 1 */
        0xc4, 12,   0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0,    0,   0, 4, /* 2 */
        4,                                                                           /* count */
        0x95, 0,    0,    0,    0,    0x80,                                          /* open */
        0x95, 1,    7,    0,    5,    0x81, 1,    0xa2, 'h',  'i',                   /* own 5 */
        0x96, 1,    7,    0xfd, 0xff, 0x81, 1,    0xa2, 'h',  'i',  2,               /* own 4 */
        0x97, 1,    7,    3,    0x92, 1,    0xcd, 1,    44,                          /* other */
        0x81, 1,    0xa2, 'h',  'i',  1,    0x94, 2,    2,    1,    0xcc, 200,
    };
    assert_int_equal(plain.size, sizeof expected);
    assert_memory_equal(plain.data, expected, sizeof expected);
    buffer_free(&plain);
    entry_writer_free(writer);
}

static uint32_t drawn;

static uint32_t draw(uint32_t below)
{
    drawn = drawn * 1664525u + 1013904223u;
    return (drawn >> 8) % below;
}

struct sample {
    struct entry entry;
    struct dot context[CONTEXT_PAIRS_MAX];
    struct buffer body;
};

static void draw_body(struct sample *sample)
{
    struct buffer *body = &sample->body;
    uint8_t bytes[64];
    memset(bytes, (int)draw(256), sizeof bytes);
    switch (draw(4)) {
    case 0: mp_write_bin(body, SPAN(bytes, draw(64))); break;
    case 1:
        mp_write_array(body, 2);
        mp_write_bin(body, SPAN(bytes, 16));
        mp_write_map(body, 0);
        break;
    case 2:
        sample->entry.hole = true;
        memset(sample->entry.body_hash.bytes, 7, HASH_BYTES);
        return;
    default:
        mp_write_map(body, 2);
        mp_write_int(body, 1);
        mp_write_bin(body, SPAN(bytes, draw(64)));
        mp_write_int(body, -1);
        mp_write_bool(body, true);
    }
    sample->entry.body = span_of_buffer(body);
}

static void draw_sample(struct sample *sample)
{
    static const uint8_t further[] = {0x91, 0xc0, 0x2a};
    *sample = (struct sample){.entry = write_of(1 + draw(4000000000u))};
    struct entry *entry = &sample->entry;
    entry->clock = CLOCK + draw(1000000) - 500000;
    draw_body(sample);
    if (draw(20) == 0) {
        struct entry open = open_of();
        open.kind = draw(2) ? ENTRY_OPEN : ENTRY_CLOSE;
        open.n = 1;
        open.body = entry->body;
        open.hole = false; /* only a write is ever erased */
        *entry = open;
        return;
    }
    if (draw(3) == 0) {
        struct author_epoch author = other((uint8_t)(1 + draw(100)));
        entry->record = record_id_make(&author, 1 + draw(1000));
    }
    entry->n = draw(2) ? 1 : 1 + draw(1000);
    entry->context_count = draw(3) ? draw(4) : draw(CONTEXT_PAIRS_MAX + 1);
    for (size_t i = 0; i < entry->context_count; i++)
        sample->context[i] = dot_of((uint8_t)(1 + i), 1 + draw(100000));
    entry->context = sample->context;
    if (draw(10) == 0) {
        entry->kind = (uint8_t)draw(256);
        if (entry_kind_of_stream(entry->kind))
            entry->kind = 100;
        entry->hole = false;
        entry->strange = true;
        entry->further = draw(2) ? SPAN_OF_ARRAY(further) : SPAN_EMPTY;
        if (entry->kind <= ENTRY_STRIKE && entry->further.size == 0)
            entry->strange = false;
    }
}

static void assert_same(const struct entry *a, const struct entry *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->strange, b->strange);
    assert_int_equal(a->type, b->type);
    assert_true(a->clock == b->clock);
    assert_int_equal(a->schema_version, b->schema_version);
    assert_int_equal(a->has_record, b->has_record);
    if (a->has_record)
        assert_memory_equal(a->record.bytes, b->record.bytes, sizeof a->record.bytes);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->hole, b->hole);
    if (!a->hole)
        assert_true(span_equal(a->body, b->body));
    assert_true(span_equal(a->further, b->further));
    assert_int_equal(a->context_count, b->context_count);
    for (size_t i = 0; i < a->context_count; i++) {
        assert_int_equal(dot_compare(&a->context[i], &b->context[i]), 0);
        assert_int_equal(a->context[i].n, b->context[i].n);
    }
}

static void check_round_trip(const struct sample *samples, size_t count)
{
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    size_t added = 0;
    while (added < count && entry_writer_add(writer, &samples[added].entry))
        added++;
    assert_true(added > 0);
    assert_int_equal(entry_writer_count(writer), added);
    assert_true(entry_writer_clock(writer) == samples[0].entry.clock);
    struct buffer plain = {0};
    entry_writer_finish(writer, &plain);
    assert_true(plain.size <= BLOCK_PLAIN_BYTES_USUAL);
    struct entry_list list;
    assert_int_equal(
        entry_list_decode(span_of_buffer(&plain), &self, entry_writer_clock(writer), &list, NULL),
        ERR_OK);
    assert_int_equal(list.count, added);
    assert_int_equal(list.schema_version, VERSION);
    for (size_t i = 0; i < added; i++) {
        assert_same(&samples[i].entry, &list.entries[i]);
        assert_same(&samples[i].entry, entry_writer_at(writer, i));
        struct hash digest = entry_digest(&list.entries[i], key, EPOCH);
        assert_true(hash_equal(&digest, &entry_writer_digests(writer)[i]));
    }
    entry_list_free(&list);
    buffer_free(&plain);
    entry_writer_free(writer);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    enum { SAMPLES = 60 };
    static struct sample samples[SAMPLES];
    for (drawn = 0; drawn < 40; drawn++) {
        uint32_t seed = drawn;
        for (size_t i = 0; i < SAMPLES; i++)
            draw_sample(&samples[i]);
        check_round_trip(samples, SAMPLES);
        for (size_t i = 0; i < SAMPLES; i++)
            buffer_free(&samples[i].body);
        drawn = seed;
    }
}

static void a_writer_says_when_it_is_full(void **state)
{
    (void)state;
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    struct entry entry = write_of(1);
    entry.schema_version = VERSION + 1;
    assert_false(entry_writer_add(writer, &entry));
    for (uint32_t i = 0; i < BLOCK_ENTRIES_USUAL; i++) {
        entry = write_of(i + 1);
        assert_true(entry_writer_add(writer, &entry));
    }
    assert_false(entry_writer_add(writer, &entry));
    assert_int_equal(entry_writer_count(writer), BLOCK_ENTRIES_USUAL);
    entry_writer_free(writer);
}

static void the_author_table_has_an_end(void **state)
{
    (void)state;
    struct dot context[CONTEXT_PAIRS_MAX];
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    size_t added = 0;
    for (uint32_t round = 0; round < 5; round++) {
        struct entry entry = write_of(round + 1);
        for (uint32_t i = 0; i < CONTEXT_PAIRS_MAX; i++) {
            context[i] = dot_of((uint8_t)(i + 1), 1);
            context[i].epoch = round;
        }
        entry.context = context;
        entry.context_count = CONTEXT_PAIRS_MAX;
        added += entry_writer_add(writer, &entry);
    }
    assert_int_equal(added, 3);
    struct buffer plain = {0};
    struct entry_list list;
    entry_writer_finish(writer, &plain);
    assert_int_equal(entry_list_decode(span_of_buffer(&plain), &self, CLOCK, &list, NULL), ERR_OK);
    assert_int_equal(list.entries[2].context_count, CONTEXT_PAIRS_MAX);
    entry_list_free(&list);
    buffer_free(&plain);
    entry_writer_free(writer);
}

static struct entry big_entry(struct buffer *body, uint8_t kind, size_t size)
{
    struct entry entry = write_of(1);
    uint8_t *bytes = mem_alloc(size);
    buffer_clear(body);
    mp_write_map(body, 1);
    mp_write_uint(body, 5);
    mp_write_bin(body, SPAN(bytes, size));
    free(bytes);
    entry.kind = kind;
    entry.body = span_of_buffer(body);
    return entry;
}

static bool fits_alone(struct entry entry)
{
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    bool added = entry_writer_add(writer, &entry);
    struct buffer plain = {0};
    struct entry_list list = {0};
    if (added) {
        entry_writer_finish(writer, &plain);
        assert_true(plain.size <= BLOCK_PAYLOAD_BYTES_MAX);
        assert_int_equal(entry_list_decode(span_of_buffer(&plain), &self, CLOCK, &list, NULL),
                         ERR_OK);
    }
    assert_int_equal(entry_writer_count(writer), added);
    entry_list_free(&list);
    buffer_free(&plain);
    entry_writer_free(writer);
    return added;
}

static void entries_have_a_greatest_size(void **state)
{
    (void)state;
    /* [kind, type, 0, 1, {5: bin16 ...}]: 5 bytes before the body, 5 of it before the bin */
    struct buffer body = {0};
    assert_true(fits_alone(big_entry(&body, ENTRY_WRITE, ENTRY_BYTES_MAX - 10)));
    assert_false(fits_alone(big_entry(&body, ENTRY_WRITE, ENTRY_BYTES_MAX - 9)));
    assert_true(fits_alone(big_entry(&body, ENTRY_CARRY, CARRY_BYTES_MAX - 10)));
    assert_false(fits_alone(big_entry(&body, ENTRY_CARRY, CARRY_BYTES_MAX - 9)));
    assert_false(fits_alone(big_entry(&body, ENTRY_CARRY, 4 * CARRY_BYTES_MAX)));
    buffer_free(&body);
}

static void a_big_entry_waits_for_a_block_of_its_own(void **state)
{
    (void)state;
    struct buffer body = {0};
    struct entry small = write_of(1), big = big_entry(&body, ENTRY_WRITE, 30000);
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    assert_true(entry_writer_add(writer, &small));
    assert_true(entry_writer_add(writer, &big));
    assert_false(entry_writer_add(writer, &big));
    assert_true(entry_writer_add(writer, &small));
    buffer_free(&body);
    assert_int_equal(entry_writer_at(writer, 1)->body.size, 30005);
    assert_memory_equal(entry_writer_at(writer, 0)->body.data, body_hi, sizeof body_hi);
    assert_memory_equal(entry_writer_at(writer, 2)->body.data, body_hi, sizeof body_hi);
    entry_writer_free(writer);
}

static enum error_code decode(struct span plain)
{
    struct entry_list list;
    struct error error;
    enum error_code code = entry_list_decode(plain, &self, CLOCK, &list, &error);
    assert_true(code == ERR_OK || (list.entries == NULL && list.contexts == NULL));
    entry_list_free(&list);
    return code;
}

/* The text after version and table, with a table of two authors: aa.., bb... */
static enum error_code decode_entries(const uint8_t *entries, size_t size)
{
    struct buffer plain = {0};
    mp_write_uint(&plain, VERSION);
    mp_write_array(&plain, 3);
    for (uint8_t i = 0; i < 3; i++) {
        struct author_epoch author = i == 2 ? self : other(i == 0 ? 0xaa : 0xbb);
        uint8_t bytes[12];
        memcpy(bytes, author.author.bytes, KEY_ID_BYTES);
        write_u32(bytes + KEY_ID_BYTES, author.epoch);
        mp_write_bin(&plain, SPAN_OF_ARRAY(bytes));
    }
    buffer_append(&plain, entries, size);
    enum error_code code = decode(span_of_buffer(&plain));
    buffer_free(&plain);
    return code;
}

#define DECODE(...)                                                                                \
    decode_entries((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void one_form_for_each_entry(void **state)
{
    (void)state;
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 1, 0x80), ERR_OK);
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 1, 0xc4, 0), ERR_OK);
    assert_int_equal(DECODE(1, 0x96, 1, 7, 0, 1, 0x80, 2), ERR_OK);
    assert_int_equal(DECODE(1, 0x97, 1, 7, 0, 1, 0x80, 1, 0x92, 1, 1), ERR_OK);
    assert_int_equal(DECODE(1, 0x98, 1, 7, 0, 1, 0x80, 1, 0x90, 0xc0), ERR_OK);
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 0x92, 2, 1, 0x80), ERR_OK);
    assert_int_equal(DECODE(1, 0x95, 0xcc, 200, 7, 0, 1, 0x80), ERR_OK);

    assert_int_equal(DECODE(0), ERR_MALFORMED);                            /* none */
    assert_int_equal(DECODE(1, 0x94, 1, 7, 0, 1), ERR_MALFORMED);          /* no body */
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 1, 0x80, 0), ERR_MALFORMED); /* more behind */
    assert_int_equal(DECODE(2, 0x95, 1, 7, 0, 1, 0x80), ERR_MALFORMED);    /* one is missing */
    assert_int_equal(DECODE(1, 0x95, 1, 0, 0, 1, 0x80), ERR_MALFORMED);    /* write without type */
    assert_int_equal(DECODE(1, 0x95, 0, 7, 0, 1, 0x80), ERR_MALFORMED);    /* open with a type */
    assert_int_equal(DECODE(1, 0x95, 0, 0, 0, 1, 0x80), ERR_MALFORMED);    /* open, a record */
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 0, 0x80), ERR_MALFORMED);    /* counter 0 */
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 0xff, 0x80), ERR_MALFORMED); /* counter -1 */
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 0xce, 255, 255, 255, 255, 0x80), ERR_OK);
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0, 0x80), ERR_MALFORMED);
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 0x92, 0, 1, 0x80), ERR_MALFORMED); /* place 0 */
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 0x92, 4, 1, 0x80), ERR_MALFORMED); /* place 4 of 3 */
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 0x92, 3, 1, 0x80), ERR_MALFORMED); /* an own one */
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 0x92, 1, 0, 0x80), ERR_MALFORMED); /* counter 0 */
    assert_int_equal(DECODE(1, 0x96, 1, 7, 0, 1, 0x80, 1), ERR_MALFORMED); /* default written */
    assert_int_equal(DECODE(1, 0x96, 1, 7, 0, 1, 0x80, 0), ERR_MALFORMED); /* n = 0 */
    assert_int_equal(DECODE(1, 0x97, 1, 7, 0, 1, 0x80, 2, 0x90), ERR_MALFORMED);
    assert_int_equal(DECODE(1, 0x96, 0, 0, 0, 0, 0x80, 2), ERR_MALFORMED); /* open with n */
    assert_int_equal(DECODE(1, 0x97, 0, 0, 0, 0, 0x80, 1, 0x92, 1, 1), ERR_MALFORMED);
}

static void contexts_are_sorted_and_of_others(void **state)
{
    (void)state;
    assert_int_equal(DECODE(1, 0x97, 1, 7, 0, 1, 0x80, 1, 0x94, 1, 1, 2, 1), ERR_OK);
    assert_int_equal(DECODE(1, 0x97, 1, 7, 0, 1, 0x80, 1, 0x94, 2, 1, 1, 1), ERR_MALFORMED);
    assert_int_equal(DECODE(1, 0x97, 1, 7, 0, 1, 0x80, 1, 0x94, 1, 1, 1, 2), ERR_MALFORMED);
    assert_int_equal(DECODE(1, 0x97, 1, 7, 0, 1, 0x80, 1, 0x92, 3, 1), ERR_MALFORMED); /* own */
    assert_int_equal(DECODE(1, 0x97, 1, 7, 0, 1, 0x80, 1, 0x92, 1, 0), ERR_MALFORMED); /* n 0 */
    assert_int_equal(DECODE(1, 0x97, 1, 7, 0, 1, 0x80, 1, 0x91, 1), ERR_MALFORMED);    /* half */
}

static void clocks_stay_in_range(void **state)
{
    (void)state;
    const uint64_t most = (UINT64_C(1) << 48) - 1 - CLOCK;
    for (uint64_t step = most - 1; step <= most + 1; step++) {
        uint8_t text[] = {1, 0x95, 1, 7, 0xcf, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x80};
        write_u64(text + 5, step);
        assert_int_equal(decode_entries(text, sizeof text), step > most ? ERR_MALFORMED : ERR_OK);
    }
    uint8_t lowest[] = {1, 0x95, 1, 7, 0xd3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x80};
    write_u64(lowest + 5, (uint64_t) - (int64_t)CLOCK);
    assert_int_equal(decode_entries(lowest, sizeof lowest), ERR_OK);
    write_u64(lowest + 5, (uint64_t) - (int64_t)CLOCK - 1);
    assert_int_equal(decode_entries(lowest, sizeof lowest), ERR_MALFORMED);
    write_u64(lowest + 5, (uint64_t)INT64_MIN);
    assert_int_equal(decode_entries(lowest, sizeof lowest), ERR_MALFORMED);
}

static void bodies_have_four_forms(void **state)
{
    (void)state;
    uint8_t salted[7 + 18 + 2] = {1, 0x95, 1, 7, 0, 1, 0x92, 0xc4, 16};
    salted[sizeof salted - 2] = 0x80;
    assert_int_equal(decode_entries(salted, sizeof salted - 1), ERR_OK);
    salted[sizeof salted - 2] = 0xc4;
    assert_int_equal(decode_entries(salted, sizeof salted), ERR_MALFORMED);
    uint8_t hole[7 + 34] = {1, 0x95, 1, 7, 0, 1, 0x91, 0xc4, 32};
    assert_int_equal(decode_entries(hole, sizeof hole), ERR_OK);
    hole[8] = 31;
    assert_int_equal(decode_entries(hole, sizeof hole - 1), ERR_MALFORMED);
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 1, 0xc0), ERR_MALFORMED);
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 1, 5), ERR_MALFORMED);
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 1, 0xa1, 'a'), ERR_MALFORMED);
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 1, 0x90), ERR_MALFORMED);
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 1, 0x93, 1, 2, 3), ERR_MALFORMED);
    assert_int_equal(DECODE(1, 0x95, 1, 7, 0, 1, 0x82, 2, 1, 1, 1), ERR_MALFORMED); /* unsorted */
}

static void counts_that_cannot_be_are_refused(void **state)
{
    (void)state;
    assert_int_equal(DECODE(0xcd, 4, 1, 0x95, 1, 7, 0, 1, 0x80), ERR_MALFORMED); /* 1,025 */
    assert_int_equal(DECODE(0xcd, 4, 0, 0x95, 1, 7, 0, 1, 0x80), ERR_MALFORMED); /* 1,024 */
    assert_int_equal(DECODE(0xce, 255, 255, 255, 255), ERR_MALFORMED);
    static const uint8_t table[] = {9, 0xdd, 255, 255, 255, 255, 0xc4, 12};
    assert_int_equal(decode(SPAN_OF_ARRAY(table)), ERR_MALFORMED);
    uint8_t long_table[4 + 256 * 14 + 1] = {9, 0xdc, 1, 0};
    for (size_t i = 0; i < 256; i++)
        memcpy(long_table + 4 + i * 14, "\xc4\x0c", 2);
    assert_int_equal(decode(SPAN_OF_ARRAY(long_table)), ERR_MALFORMED);
    struct buffer bomb = {0}; /* a context of 65 pairs */
    static const uint8_t head[] = {1, 0x97, 1, 7, 0, 1, 0x80, 1, 0xdc, 0, 130};
    buffer_append(&bomb, head, sizeof head);
    for (size_t i = 0; i < 130; i++)
        buffer_append_byte(&bomb, 1);
    assert_int_equal(decode_entries(bomb.data, bomb.size), ERR_MALFORMED);
    buffer_free(&bomb);
    struct entry_list list;
    assert_int_equal(entry_list_decode(SPAN_OF_ARRAY(table), &self, UINT64_C(1) << 48, &list, NULL),
                     ERR_MALFORMED);
}

static void no_part_of_a_text_is_a_text(void **state)
{
    (void)state;
    static struct sample sample;
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    drawn = 5;
    for (size_t i = 0; i < 20; i++) {
        draw_sample(&sample);
        assert_true(entry_writer_add(writer, &sample.entry));
        buffer_free(&sample.body);
    }
    struct buffer plain = {0};
    entry_writer_finish(writer, &plain);
    for (size_t size = 0; size < plain.size; size++) {
        uint8_t *part = mem_alloc(size + 1);
        memcpy(part, plain.data, size);
        uint8_t *exact = mem_copy(part, size == 0 ? 1 : size);
        assert_int_equal(decode(SPAN(exact, size)), ERR_MALFORMED);
        free(exact);
        free(part);
    }
    buffer_free(&plain);
    entry_writer_free(writer);
}

static void check_open(const struct stream_open *open)
{
    struct stream_open back;
    struct buffer body = {0};
    stream_open_encode(open, &body);
    assert_int_equal(stream_open_decode(span_of_buffer(&body), &back, NULL), ERR_OK);
    assert_memory_equal(&back, open, sizeof back);
    for (size_t size = 0; size < body.size; size++)
        assert_int_equal(stream_open_decode(SPAN(body.data, size), &back, NULL), ERR_MALFORMED);
    buffer_free(&body);
}

static void openings_are_read_back(void **state)
{
    (void)state;
    struct stream_open open;
    memset(&open, 0, sizeof open);
    check_open(&open);
    open.class = CLASS_BULK;
    open.holders = HOLDERS_SUBTREE;
    open.tier = 4;
    check_open(&open);
    memset(&open, 0, sizeof open);
    open.class = CLASS_NORMAL;
    open.holders = HOLDERS_PATH;
    open.seat_count = HOLDERS_MAX;
    for (int i = 0; i < HOLDERS_MAX; i++)
        snprintf(open.seats[i], sizeof open.seats[i], "seat-%d", i);
    open.continues = true;
    open.continues_epoch = EPOCH;
    open.continues_number = 3;
    open.continues_seq = STREAM_ENTRIES_MAX;
    memset(open.continues_hash.bytes, 9, HASH_BYTES);
    open.epoch_count = 2;
    open.epochs[0] = 7;
    open.epochs[1] = UINT32_MAX;
    open.has_instance = true;
    memset(open.instance, 8, sizeof open.instance);
    check_open(&open);
}

static enum error_code open_of_bytes(const uint8_t *bytes, size_t size)
{
    struct stream_open open;
    return stream_open_decode(SPAN(bytes, size), &open, NULL);
}

#define OPEN(...)                                                                                  \
    open_of_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void openings_not_understood_are_parked(void **state)
{
    (void)state;
    assert_int_equal(OPEN(0x82, 1, 0, 2, 0x91, 0), ERR_OK);
    assert_int_equal(OPEN(0x83, 1, 0, 2, 0x91, 0, 0x20, 5), ERR_OK); /* unknown, may be ignored */
    assert_int_equal(OPEN(0x83, 1, 0, 2, 0x91, 0, 0xff, 5), ERR_PARKED);         /* -1 */
    assert_int_equal(OPEN(0x83, 1, 0, 2, 0x91, 0, 3, 0xa1, 'a'), ERR_MALFORMED); /* no path */
    assert_int_equal(OPEN(0x83, 1, 0, 2, 0x91, 0, 4, 0xc4, 0), ERR_PARKED);
    assert_int_equal(OPEN(0x82, 1, 0, 2, 0x91, 3), ERR_PARKED);
    assert_int_equal(OPEN(0x81, 1, 0), ERR_MALFORMED);
    assert_int_equal(OPEN(0x82, 1, 3, 2, 0x91, 0), ERR_MALFORMED); /* class 3 */
    assert_int_equal(OPEN(0x82, 1, 0, 2, 0x90), ERR_MALFORMED);
    assert_int_equal(OPEN(0x82, 1, 0, 2, 0x91, 1), ERR_MALFORMED);             /* path of none */
    assert_int_equal(OPEN(0x82, 1, 0, 2, 0x92, 1, 0xa1, 10), ERR_MALFORMED);   /* control */
    assert_int_equal(OPEN(0x82, 1, 0, 2, 0x92, 1, 0xa0), ERR_MALFORMED);       /* no name */
    assert_int_equal(OPEN(0x82, 1, 0, 2, 0x92, 2, TIERS_MAX), ERR_MALFORMED);  /* tier 16 */
    assert_int_equal(OPEN(0x82, 1, 0, 2, 0x92, 0, 0), ERR_MALFORMED);          /* self and more */
    assert_int_equal(OPEN(0x83, 1, 0, 2, 0x91, 0, 5, 0x91, 1), ERR_MALFORMED); /* continues */
    assert_int_equal(OPEN(0x83, 1, 0, 2, 0x91, 0, 7, 0xc4, 1, 1), ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_as_expected),
        cmocka_unit_test(holes_keep_the_digest),
        cmocka_unit_test(record_ids_name_their_author),
        cmocka_unit_test(the_plain_text_is_as_expected),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_writer_says_when_it_is_full),
        cmocka_unit_test(the_author_table_has_an_end),
        cmocka_unit_test(entries_have_a_greatest_size),
        cmocka_unit_test(a_big_entry_waits_for_a_block_of_its_own),
        cmocka_unit_test(one_form_for_each_entry),
        cmocka_unit_test(contexts_are_sorted_and_of_others),
        cmocka_unit_test(clocks_stay_in_range),
        cmocka_unit_test(bodies_have_four_forms),
        cmocka_unit_test(counts_that_cannot_be_are_refused),
        cmocka_unit_test(no_part_of_a_text_is_a_text),
        cmocka_unit_test(openings_are_read_back),
        cmocka_unit_test(openings_not_understood_are_parked),
    };
    return cmocka_run_group_tests_name("entry", tests, start, NULL);
}
