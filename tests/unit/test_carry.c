/* Carry entries: what comes out is what its author signed, or nothing. */
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

#define CLOCK UINT64_C(1700000000000)
enum { EPOCH = 0x00010002, TYPE = 7 };

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

/* A block of a stream: its opening when it is the first, then writes of `bytes` each on records 1,
 * 2, 1, 2 ... */
static struct prepared_block block_of(uint16_t number, uint32_t seq, uint32_t count, size_t bytes)
{
    struct stream_id stream = {self.author, EPOCH, number};
    struct stream_head head = {.seq = seq, .clock = CLOCK};
    struct stream_open open = {.class = 1, .holders = HOLDERS_SELF};
    struct entry_writer *writer = entry_writer_new(&self, key, 3);
    struct prepared_block block;
    struct buffer body = {0};
    char *text = mem_alloc(bytes + 1);
    memset(text, 'x', bytes);
    for (uint32_t i = 0; i < count; i++) {
        bool opens = seq == 0 && i == 0;
        buffer_clear(&body);
        if (opens) {
            stream_open_encode(&open, &body);
        } else {
            mp_write_map(&body, 1);
            mp_write_uint(&body, 1);
            mp_write_text(&body, text);
        }
        struct entry entry = {.kind = opens ? ENTRY_OPEN : ENTRY_WRITE,
                              .type = opens ? 0 : TYPE,
                              .clock = CLOCK + i % 3,
                              .schema_version = 3,
                              .has_record = !opens,
                              .record = record_id_make(&self, 1 + i % 2),
                              .n = opens ? 1 : 1 + i,
                              .body = span_of_buffer(&body)};
        assert_true(entry_writer_add(writer, &entry));
    }
    block_make(writer, &tree, &stream, &head, key, secret, NULL, &block);
    assert_int_equal(entry_list_decode(span_of_buffer(&block.plain), &self, block.header.clock,
                                       &block.list, NULL),
                     ERR_OK);
    entry_writer_free(writer);
    buffer_free(&body);
    free(text);
    return block;
}

static enum error_code open_of(const struct buffer *body, uint32_t counter, struct carry *carry)
{
    struct record_id record = record_id_make(&self, counter);
    return carry_open(span_of_buffer(body), &tree, key, NULL, TYPE, &record, carry);
}

static void check_entries(const struct carry *carry, const struct prepared_block *block,
                          const uint32_t *places, size_t count)
{
    assert_int_equal(carry->list.count, count);
    assert_int_equal(carry->header.seq, block->header.seq);
    for (size_t i = 0; i < count; i++) {
        const struct entry *from = &block->list.entries[places[i]], *to = &carry->list.entries[i];
        assert_int_equal(carry->places[i], places[i]);
        assert_true(hash_equal(&carry->digests[i], &block->digests[places[i]]));
        assert_true(span_equal(from->body, to->body));
        assert_int_equal(from->clock, to->clock);
        assert_int_equal(from->n, to->n);
    }
}

static void what_is_carried_comes_out_as_it_was(void **state)
{
    (void)state;
    static const uint32_t places[] = {1, 3, 4 + 1, 99};
    struct prepared_block block = block_of(3, 0, 100, 20);
    for (size_t count = 1; count <= 4; count++) {
        struct buffer body = {0};
        struct carry carry;
        assert_int_equal(carry_encode(&block, places, count, &block, &body), count);
        assert_int_equal(open_of(&body, 2, &carry), ERR_OK);
        check_entries(&carry, &block, places, count);
        assert_non_null(carry.open);
        assert_int_equal(carry.open->class, 1);
        carry_free(&carry);
        buffer_free(&body);
    }
    prepared_block_free(&block);
}

/* More than one entry holds goes into several. */
static void much_is_carried_in_parts(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct prepared_block block = block_of(3, 50, COUNT * 2, 1000);
    uint32_t places[COUNT];
    size_t done = 0, parts = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        places[i] = 2 * i;
    for (; done < COUNT; parts++) {
        struct buffer body = {0};
        struct carry carry;
        size_t taken = carry_encode(&block, places + done, COUNT - done, NULL, &body);
        assert_in_range(taken, 1, COUNT);
        assert_true(body.size <= CARRY_BYTES_MAX - 64);
        assert_int_equal(open_of(&body, 1, &carry), ERR_OK);
        check_entries(&carry, &block, places + done, taken);
        assert_null(carry.open);
        carry_free(&carry);
        buffer_free(&body);
        done += taken;
    }
    assert_true(parts >= 1);
    prepared_block_free(&block);
}

/* Who carries may leave the opening out, by another number of its field; never change what is said.
 */
static void no_single_change_changes_what_is_said(void **state)
{
    (void)state;
    static const uint32_t places[] = {1, 3};
    struct prepared_block block = block_of(3, 0, 9, 5);
    struct buffer body = {0};
    unsigned taken = 0;
    carry_encode(&block, places, 2, &block, &body);
    for (size_t at = 0; at < body.size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct carry carry;
            body.data[at] ^= (uint8_t)(1 << bit);
            if (open_of(&body, 2, &carry) == ERR_OK) {
                check_entries(&carry, &block, places, 2);
                assert_null(carry.open);
                carry_free(&carry);
                taken++;
            }
            body.data[at] ^= (uint8_t)(1 << bit);
        }
    }
    assert_true(taken < 8);
    buffer_free(&body);
    prepared_block_free(&block);
}

static void what_does_not_belong_is_refused(void **state)
{
    (void)state;
    static const uint32_t both[] = {1, 2}, opening[] = {0, 1}, one[] = {1};
    struct prepared_block block = block_of(3, 0, 9, 5), other = block_of(4, 0, 9, 5);
    struct buffer body = {0};
    struct carry carry;
    struct hash another = {{7}};
    struct record_id record = record_id_make(&self, 2);
    carry_encode(&block, both, 2, NULL, &body); /* of two records */
    assert_int_equal(open_of(&body, 2, &carry), ERR_MALFORMED);
    buffer_clear(&body);
    carry_encode(&block, opening, 2, NULL, &body); /* what is no operation */
    assert_int_equal(open_of(&body, 2, &carry), ERR_MALFORMED);
    buffer_clear(&body);
    carry_encode(&block, one, 1, &other, &body); /* another stream's opening */
    assert_int_equal(open_of(&body, 2, &carry), ERR_MALFORMED);
    buffer_clear(&body);
    carry_encode(&block, one, 1, &block, &body);
    assert_int_equal(open_of(&body, 1, &carry), ERR_MALFORMED); /* another record's */
    assert_int_equal(carry_open(span_of_buffer(&body), &another, key, NULL, TYPE, &record, &carry),
                     ERR_FORGED); /* another tree's */
    assert_int_equal(carry_open(span_of_buffer(&body), &tree, key, NULL, TYPE + 1, &record, &carry),
                     ERR_MALFORMED);
    assert_int_equal(open_of(&body, 2, &carry), ERR_OK);
    carry_free(&carry);
    buffer_free(&body);
    prepared_block_free(&other);
    prepared_block_free(&block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_carried_comes_out_as_it_was),
        cmocka_unit_test(much_is_carried_in_parts),
        cmocka_unit_test(no_single_change_changes_what_is_said),
        cmocka_unit_test(what_does_not_belong_is_refused),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
