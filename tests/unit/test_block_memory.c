/* Blocks that a reader has opened: found by what lies in the store, never past it, and bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "replication/rows/block_memory.h"

#define CLOCK UINT64_C(1700000000000)
enum { EPOCH = 0x00010002, TYPE = 7, VERSION = 3, BLOCKS = 100, ROOMY = 64 << 20 };

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
    return 0;
}

static struct stream_id stream_of(uint16_t number)
{
    return (struct stream_id){self.author, EPOCH, number, 0};
}

/* The stored form of a block of one entry, the `seq`th of its stream. */
static struct buffer stored_block(uint16_t number, uint32_t seq, const char *text)
{
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    struct stream_id stream = stream_of(number);
    struct stream_head head = {.seq = seq, .clock = CLOCK};
    struct prepared_block block;
    struct buffer body = {0}, stored = {0};
    mp_write_map(&body, 1);
    mp_write_uint(&body, 1);
    mp_write_text(&body, text);
    struct entry entry = {.kind = ENTRY_WRITE,
                          .type = TYPE,
                          .clock = CLOCK,
                          .schema_version = VERSION,
                          .has_record = true,
                          .record = record_id_make(&self, 1),
                          .n = 1,
                          .body = span_of_buffer(&body)};
    assert_true(entry_writer_add(writer, &entry));
    block_make(writer, &tree, &stream, &head, key, secret, NULL, &block);
    block_write(&block, BLOCK_STORED, &head, &stored);
    prepared_block_free(&block);
    entry_writer_free(writer);
    buffer_free(&body);
    return stored;
}

static struct prepared_block opened(struct span stored, uint16_t number)
{
    struct prepared_block block;
    struct block_context context = {
        .tree_id = tree, .stream = stream_of(number), .author_key = key};
    assert_int_equal(block_open(stored, &context, &block, NULL), ERR_OK);
    return block;
}

static struct buffer copy_of(const struct buffer *bytes)
{
    struct buffer copy = {0};
    buffer_append_span(&copy, span_of_buffer(bytes));
    return copy;
}

static struct remembered_block *keep(struct block_memory *memory, uint16_t number,
                                     const struct buffer *stored)
{
    struct prepared_block block = opened(span_of_buffer(stored), number);
    struct buffer moved = copy_of(stored);
    return block_memory_keep(memory, &block, &moved);
}

static bool same_bytes(void *context, struct span stored)
{
    return span_equal(span_of_buffer(context), stored);
}

static struct remembered_block *find(struct block_memory *memory, enum remembered_as as,
                                     uint16_t number, uint32_t seq, struct buffer *stored)
{
    struct stream_id stream = stream_of(number);
    return block_memory_find(memory, as, &stream, seq, same_bytes, stored);
}

static bool has(struct block_memory *memory, uint16_t number, uint32_t seq, struct buffer *stored)
{
    struct remembered_block *found = find(memory, REMEMBERED_OPENED, number, seq, stored);
    if (found != NULL)
        block_memory_done(memory, found);
    return found != NULL;
}

static void a_block_is_found_by_its_place_and_its_bytes(void **state)
{
    (void)state;
    struct block_memory *memory = block_memory_new(ROOMY);
    struct buffer stored = stored_block(3, 5, "as it was signed");
    block_memory_done(memory, keep(memory, 3, &stored));
    struct remembered_block *found = find(memory, REMEMBERED_OPENED, 3, 5, &stored);
    assert_non_null(found);
    assert_int_equal(remembered_block(found)->list.count, 1);
    block_memory_done(memory, found);
    assert_false(has(memory, 4, 5, &stored));
    assert_false(has(memory, 3, 6, &stored));
    assert_true(has(memory, 3, 5, &stored));
    block_memory_free(memory);
    buffer_free(&stored);
}

/* Entries were erased, more came behind, a page rotted: the bytes are others. */
static void what_lies_otherwise_in_the_store_is_not_remembered(void **state)
{
    (void)state;
    struct block_memory *memory = block_memory_new(ROOMY);
    struct buffer stored = stored_block(3, 5, "as it was signed");
    for (size_t at = 0; at < stored.size; at++) {
        struct buffer damaged = copy_of(&stored);
        block_memory_done(memory, keep(memory, 3, &stored));
        damaged.data[at] ^= 1;
        assert_false(has(memory, 3, 5, &damaged));
        damaged.size = at;
        assert_false(has(memory, 3, 5, &damaged));
        buffer_free(&damaged);
    }
    block_memory_free(memory);
    buffer_free(&stored);
}

/* Who still looks at the former bytes keeps them, beside the new ones. */
static void a_block_in_use_outlives_its_successor(void **state)
{
    (void)state;
    struct block_memory *memory = block_memory_new(0);
    struct buffer former = stored_block(3, 5, "former"), now = stored_block(3, 5, "now");
    struct remembered_block *in_use = keep(memory, 3, &former);
    assert_false(has(memory, 3, 5, &now));
    struct remembered_block *newer = keep(memory, 3, &now);
    assert_int_not_equal(remembered_block(in_use)->list.entries[0].body.size,
                         remembered_block(newer)->list.entries[0].body.size);
    assert_true(has(memory, 3, 5, &former));
    assert_true(has(memory, 3, 5, &now));
    block_memory_done(memory, in_use);
    block_memory_done(memory, newer);
    assert_false(has(memory, 3, 5, &former)); /* there is room for none that nobody uses */
    assert_false(has(memory, 3, 5, &now));
    block_memory_free(memory);
    buffer_free(&former);
    buffer_free(&now);
}

/* What was decompressed alone was never verified: it must not pass for a block that was. */
static void a_text_is_no_opened_block(void **state)
{
    (void)state;
    struct block_memory *memory = block_memory_new(ROOMY);
    struct buffer stored = stored_block(3, 5, "as it was signed"), moved = copy_of(&stored);
    struct stream_id stream = stream_of(3);
    struct plain_block text;
    assert_true(plain_block_open(span_of_buffer(&stored), &text));
    block_memory_done(memory, block_memory_keep_text(memory, &stream, 5, &text, &moved));
    assert_null(find(memory, REMEMBERED_OPENED, 3, 5, &stored));
    struct remembered_block *found = find(memory, REMEMBERED_TEXT, 3, 5, &stored);
    assert_non_null(found);
    assert_int_equal(remembered_text(found)->count, 1);
    block_memory_done(memory, found);
    stored.data[stored.size - 1] ^= 1;
    assert_null(find(memory, REMEMBERED_TEXT, 3, 5, &stored));
    block_memory_free(memory);
    buffer_free(&stored);
}

static void what_was_used_longest_ago_makes_room(void **state)
{
    (void)state;
    struct block_memory *memory = block_memory_new(ROOMY);
    struct buffer first = stored_block(1, 5, "the first");
    block_memory_done(memory, keep(memory, 1, &first));
    for (uint16_t number = 2; number <= BLOCKS; number++) {
        struct buffer stored = stored_block(number, 5, "another");
        block_memory_done(memory, keep(memory, number, &stored));
        assert_true(has(memory, 1, 5, &first)); /* and so it is used */
        buffer_free(&stored);
    }
    unsigned held = 0;
    for (uint16_t number = 2; number <= BLOCKS; number++) {
        struct buffer stored = stored_block(number, 5, "another");
        bool newer = number > BLOCKS - BLOCK_MEMORY_BLOCKS_MAX + 1;
        assert_int_equal(has(memory, number, 5, &stored), newer);
        held += newer;
        buffer_free(&stored);
    }
    assert_int_equal(held, BLOCK_MEMORY_BLOCKS_MAX - 1);
    block_memory_free(memory);
    buffer_free(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_found_by_its_place_and_its_bytes),
        cmocka_unit_test(what_lies_otherwise_in_the_store_is_not_remembered),
        cmocka_unit_test(a_block_in_use_outlives_its_successor),
        cmocka_unit_test(a_text_is_no_opened_block),
        cmocka_unit_test(what_was_used_longest_ago_makes_room),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
