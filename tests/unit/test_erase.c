/* Holes in stored blocks: bodies leave, also those that a carry holds, and every signature, root
 * and proof holds as before; and the bodies of erase entries, of which nothing but their form is
 * believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "replication/format/carry.h"
#include "schema/erasure.h"

#define CLOCK UINT64_C(1700000000000)
enum { EPOCH = 0x00010002, TYPE = 7, VERSION = 3, ENTRIES = 9 };

static uint8_t key[KEY_BYTES], secret[SECRET_BYTES];
static struct author_epoch self;
static struct hash tree;

static int start(void **state)
{
    (void)state;
    static const uint8_t seed[32] = {42};
    if (!crypto_start())
        return -1;
    sign_key_pair(seed, key, secret);
    self = (struct author_epoch){key_id_of(key), EPOCH};
    memset(tree.bytes, 0x11, HASH_BYTES);
    return 0;
}

/* ---- blocks ---- */

static struct entry entry_about(uint32_t i, struct span body)
{
    return (struct entry){.kind = ENTRY_WRITE,
                          .type = TYPE,
                          .clock = CLOCK + i,
                          .schema_version = VERSION,
                          .has_record = true,
                          .record = record_id_make(&self, 1),
                          .n = 1 + i,
                          .body = body};
}

/* {1: "words N"}, some shorter than a hole, some longer. */
static void words(uint32_t i, struct buffer *body)
{
    char text[128];
    snprintf(text, sizeof text, "words %u %.*s", (unsigned)i, (int)(i * 10),
             "................................................................................");
    buffer_clear(body);
    mp_write_map(body, 1);
    mp_write_uint(body, 1);
    mp_write_text(body, text);
}

static struct buffer make_stored(struct entry_writer *writer, uint16_t number,
                                 struct prepared_block *block)
{
    struct stream_id stream = {self.author, EPOCH, number};
    struct stream_head head = {.seq = 5, .clock = CLOCK};
    struct buffer stored = {0};
    block_make(writer, &tree, &stream, &head, key, secret, NULL, block);
    block_write(block, BLOCK_STORED, &head, &stored);
    entry_writer_free(writer);
    return stored;
}

static struct buffer written(struct prepared_block *block)
{
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    struct buffer body = {0};
    for (uint32_t i = 0; i < ENTRIES; i++) {
        words(i, &body);
        struct entry entry = entry_about(i, span_of_buffer(&body));
        assert_true(entry_writer_add(writer, &entry));
    }
    buffer_free(&body);
    return make_stored(writer, 3, block);
}

static struct prepared_block open_stored(struct span stored, uint16_t number)
{
    struct prepared_block block;
    struct block_context context = {
        .tree_id = tree, .stream = {self.author, EPOCH, number}, .author_key = key};
    assert_int_equal(block_open(stored, &context, &block, NULL), ERR_OK);
    assert_false(block.opaque);
    return block;
}

static bool own_key(void *context, struct key_id author, uint8_t to[static KEY_BYTES])
{
    (void)context;
    memcpy(to, key, KEY_BYTES);
    return key_id_equal(author, self.author);
}

static bool every_third(void *context, const struct entry *entry, const struct hash *digest)
{
    struct hash made = entry_digest(entry, key, EPOCH);
    (void)context;
    assert_true(hash_equal(&made, digest));
    return entry->n % 3 == 0;
}

static bool nothing(void *context, const struct entry *entry, const struct hash *digest)
{
    (void)context;
    (void)entry;
    (void)digest;
    return false;
}

static bool nothing_sealed(void *context, struct key_id author, const struct hash *leaf,
                           struct buffer *left)
{
    (void)context;
    (void)author;
    (void)leaf;
    (void)left;
    return false;
}

static uint32_t erase(struct span stored, uint16_t number, struct buffer *out)
{
    struct stream_id stream = {self.author, EPOCH, number};
    struct block_erasing erasing = {
        .author_key = own_key, .goes = every_third, .left = nothing_sealed};
    bool kept;
    uint32_t count = block_erase(stored, &stream, &erasing, out, &kept);
    assert_false(kept);
    return count;
}

static void a_stored_block_gets_holes_and_holds(void **state)
{
    (void)state;
    struct prepared_block made, block;
    struct buffer stored = written(&made), holed = {0}, again = {0};
    assert_int_equal(erase(span_of_buffer(&stored), 3, &holed), 3);
    block = open_stored(span_of_buffer(&holed), 3);
    assert_true(block.altered);
    assert_true(hash_equal(&block.hash, &made.hash));
    for (uint32_t i = 0; i < ENTRIES; i++) {
        const struct entry *entry = &block.list.entries[i];
        char word[16];
        snprintf(word, sizeof word, "words %u", (unsigned)i);
        bool there = memmem(block.plain.data, block.plain.size, word, strlen(word)) != NULL;
        assert_int_equal(entry->hole, entry->n % 3 == 0);
        assert_int_equal(there, entry->n % 3 != 0);
        assert_true(hash_equal(&block.digests[i], &made.digests[i]));
    }
    /* a second time there is nothing to do, and nothing to do leaves no bytes */
    assert_int_equal(erase(span_of_buffer(&holed), 3, &again), 0);
    assert_int_equal(again.size, 0);
    prepared_block_free(&block);
    prepared_block_free(&made);
    buffer_free(&again);
    buffer_free(&holed);
    buffer_free(&stored);
}

static void nothing_is_touched_unasked(void **state)
{
    (void)state;
    struct prepared_block made;
    struct buffer stored = written(&made), holed = {0};
    struct stream_id stream = {self.author, EPOCH, 3};
    struct block_erasing erasing = {.author_key = own_key, .goes = nothing, .left = nothing_sealed};
    bool kept;
    assert_int_equal(block_erase(span_of_buffer(&stored), &stream, &erasing, &holed, &kept), 0);
    erasing.goes = every_third;
    for (size_t size = 0; size < stored.size; size += 7) /* what can't be read stays as it is */
        assert_int_equal(block_erase(SPAN(stored.data, size), &stream, &erasing, &holed, &kept), 0);
    assert_int_equal(holed.size, 0);
    prepared_block_free(&made);
    buffer_free(&stored);
}

static void what_is_carried_gets_holes_and_proves_itself(void **state)
{
    (void)state;
    static const uint32_t places[] = {0, 1, 2, 4, 5};
    struct prepared_block made, carrier, block;
    struct buffer stored = written(&made), body = {0}, outer, holed = {0}, again = {0};
    struct prepared_block decoded = open_stored(span_of_buffer(&stored), 3);
    assert_int_equal(carry_encode(&decoded, places, 5, NULL, &body), 5);
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    struct entry entry = entry_about(0, span_of_buffer(&body));
    entry.kind = ENTRY_CARRY;
    assert_true(entry_writer_add(writer, &entry));
    outer = make_stored(writer, 4, &carrier);
    assert_int_equal(erase(span_of_buffer(&outer), 4, &holed), 2);
    block = open_stored(span_of_buffer(&holed), 4);
    assert_true(hash_equal(&block.hash, &carrier.hash));
    assert_true(block.list.entries[0].holed);
    assert_false(block.list.entries[0].hole);
    struct carry carry;
    struct record_id record = record_id_make(&self, 1);
    assert_int_equal(
        carry_open(block.list.entries[0].body, &tree, key, NULL, TYPE, &record, &carry), ERR_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(carry.list.entries[i].hole, (places[i] + 1) % 3 == 0);
        assert_true(hash_equal(&carry.digests[i], &made.digests[places[i]]));
    }
    assert_int_equal(erase(span_of_buffer(&holed), 4, &again), 0);
    carry_free(&carry);
    prepared_block_free(&block);
    prepared_block_free(&decoded);
    prepared_block_free(&carrier);
    prepared_block_free(&made);
    buffer_free(&holed);
    buffer_free(&outer);
    buffer_free(&body);
    buffer_free(&stored);
}

/* Nobody makes a hole of what can't be erased: an opening, an extension, an erase entry. */
static void only_writes_have_holes(void **state)
{
    (void)state;
    for (unsigned kind = ENTRY_OPEN; kind <= ENTRY_STRIKE; kind++) {
        bool of_stream = entry_kind_of_stream((uint8_t)kind);
        struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
        struct entry entry = entry_about(0, SPAN_EMPTY);
        struct entry_list list;
        struct buffer plain = {0};
        entry.kind = (uint8_t)kind;
        entry.type = of_stream ? 0 : TYPE;
        entry.has_record = !of_stream;
        entry.hole = true;
        assert_true(entry_writer_add(writer, &entry));
        entry_writer_finish(writer, &plain);
        enum error_code code = entry_list_decode(span_of_buffer(&plain), &self, CLOCK, &list, NULL);
        assert_int_equal(code, kind == ENTRY_WRITE ? ERR_OK : ERR_MALFORMED);
        entry_list_free(&list);
        entry_writer_free(writer);
        buffer_free(&plain);
    }
}

/* ---- what an erase entry says ---- */

static struct erased_operation erased_of(uint32_t n, const struct buffer *rest)
{
    struct erased_operation erased = {{{{'V'}}, EPOCH, n}, {{(uint8_t)n}}, span_of_buffer(rest)};
    return erased;
}

/* {1: "zhao", 2: 7, -3: ..., -1: true, -6: ...}: what stays of it */
static void what_stays_of_a_body(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0x83, 1, 0xc0, 2, 0xc0, 0xff, 0xc3};
    struct buffer body = {0}, rest = {0};
    mp_write_map(&body, 4);
    mp_write_int(&body, 1);
    mp_write_text(&body, "zhao");
    mp_write_int(&body, 2);
    mp_write_int(&body, 7);
    mp_write_int(&body, FIELD_ENDORSES);
    mp_write_map(&body, 0);
    mp_write_int(&body, FIELD_DELETED);
    mp_write_bool(&body, true);
    erasure_rest(span_of_buffer(&body), &rest);
    assert_true(span_equal(span_of_buffer(&rest), SPAN_OF_ARRAY(expected)));
    assert_true(erasure_touches(span_of_buffer(&body), (int32_t[]){5, 2}, 2));
    assert_false(erasure_touches(span_of_buffer(&body), (int32_t[]){5, 3}, 2));
    buffer_free(&rest);
    buffer_free(&body);
}

static void an_erase_entry_says_what_it_was_told(void **state)
{
    (void)state;
    struct buffer rest = {0}, operations = {0}, body = {0};
    mp_write_map(&rest, 1);
    mp_write_int(&rest, 3);
    mp_write_nil(&rest);
    for (uint32_t n = 1; n <= 3; n++) {
        struct erased_operation erased = erased_of(n, &rest);
        erasure_put_operation(&operations, &erased);
    }
    erasure_encode(span_of_buffer(&operations), 3, span_of_text("asked for"), &body);
    assert_int_equal(erasure_check(span_of_buffer(&body)), ERR_OK);
    struct erasure erasure = erasure_of(span_of_buffer(&body));
    assert_int_equal(erasure.count, 3);
    assert_true(span_equal(erasure.reason, span_of_text("asked for")));
    assert_int_equal(erasure_operation(&erasure, 2).dot.n, 3);
    assert_true(span_equal(erasure_operation(&erasure, 1).rest, span_of_buffer(&rest)));
    buffer_free(&body);
    buffer_free(&operations);
    buffer_free(&rest);
}

/* The verdict on a body with one operation whose rest is {key: value}. */
static enum error_code verdict_on(int32_t number, struct span value)
{
    struct buffer rest = {0}, operations = {0}, body = {0};
    mp_write_map(&rest, 1);
    mp_write_int(&rest, number);
    buffer_append_span(&rest, value);
    struct erased_operation erased = erased_of(1, &rest);
    erasure_put_operation(&operations, &erased);
    erasure_encode(span_of_buffer(&operations), 1, SPAN_EMPTY, &body);
    enum error_code code = erasure_check(span_of_buffer(&body));
    buffer_free(&body);
    buffer_free(&operations);
    buffer_free(&rest);
    return code;
}

#define VERDICT(number, ...) verdict_on(number, SPAN_OF_ARRAY(((const uint8_t[]){__VA_ARGS__})))

/* An erase entry takes away; it puts no words in anybody's mouth. */
static void an_erase_entry_writes_nothing(void **state)
{
    (void)state;
    assert_int_equal(VERDICT(1, 0xc0), ERR_OK);                  /* nil */
    assert_int_equal(VERDICT(1, 0xa1, 'x'), ERR_INVALID);        /* another value */
    assert_int_equal(VERDICT(FIELD_DELETED, 0xc3), ERR_OK);      /* true */
    assert_int_equal(VERDICT(FIELD_DELETED, 0xc0), ERR_INVALID); /* nil */
    assert_int_equal(VERDICT(FIELD_TRANSITION, 4), ERR_OK);      /* a step */
    assert_int_equal(VERDICT(FIELD_TRANSITION, 0), ERR_INVALID); /* none */
    assert_int_equal(VERDICT(FIELD_TO, 0xa1, 'T'), ERR_OK);      /* a seat */
    assert_int_equal(VERDICT(FIELD_TO, 0xa0), ERR_INVALID);      /* none */
    assert_int_equal(VERDICT(FIELD_REMOVE, 0x90), ERR_INVALID);  /* no items */
    assert_int_equal(VERDICT(FIELD_ENDORSES, 0x80), ERR_PARKED); /* not of a rest */
    assert_int_equal(VERDICT(-20, 0xc0), ERR_PARKED);            /* not known */
}

static void other_forms_are_refused(void **state)
{
    (void)state;
    static const uint8_t forms[][8] = {
        {0x80},                /* nothing */
        {0x81, 1, 0x90},       /* no operations */
        {0x81, 1, 0xc0},       /* nil */
        {0x81, 1, 0x91, 0x90}, /* an operation without anything */
        {0x81, 2, 0xa1, 'x'},  /* a reason alone */
        {0xc0},                /* no map */
    };
    static const size_t sizes[] = {1, 3, 3, 4, 4, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_int_equal(erasure_check(SPAN(forms[i], sizes[i])), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stored_block_gets_holes_and_holds),
        cmocka_unit_test(nothing_is_touched_unasked),
        cmocka_unit_test(what_is_carried_gets_holes_and_proves_itself),
        cmocka_unit_test(only_writes_have_holes),
        cmocka_unit_test(what_stays_of_a_body),
        cmocka_unit_test(an_erase_entry_says_what_it_was_told),
        cmocka_unit_test(an_erase_entry_writes_nothing),
        cmocka_unit_test(other_forms_are_refused),
    };
    return cmocka_run_group_tests_name("erase", tests, start, NULL);
}
