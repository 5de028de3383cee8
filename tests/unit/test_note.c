/* Notes: bytes and names as another program has them, round trips, each changed bit refused, and
 * what is not understood parked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "replication/format/note.h"

#define CLOCK UINT64_C(1700000000000)
enum { EPOCH = 0x00010002 };

static uint8_t key[KEY_BYTES], secret[SECRET_BYTES];
static struct hash tree_id;
static struct note_head head;

static int start(void **state)
{
    (void)state;
    uint8_t seed[32] = {42};
    if (!crypto_start())
        return -1;
    sign_key_pair(seed, key, secret);
    memset(tree_id.bytes, 0x11, HASH_BYTES);
    head = (struct note_head){key_id_of(key), EPOCH, 77};
    return 0;
}

static void tokens_are_as_expected(void **state)
{
    (void)state;
    static const uint8_t map[] = {0x83, 0x01, 0xc4, 0x08, 0x73, 0xc9, 0xa0, 0x46, 0x22, 0xaf,
                                  0x73, 0x27, 0x02, 0xce, 0x00, 0x01, 0x00, 0x02, 0x03, 0xcf,
                                  0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00};
    static const uint8_t name[] = {0xe5, 0x9a, 0x38, 0x29, 0xe5, 0x0d, 0x56, 0xae, 0xc4, 0x7c, 0x1d,
                                   0x8b, 0x45, 0x86, 0x84, 0xf8, 0xa4, 0x83, 0xa9, 0xae, 0xb8, 0x74,
                                   0x52, 0x56, 0x42, 0x29, 0xd1, 0x42, 0x37, 0x34, 0x1c, 0x0e};
    uint8_t issuer[KEY_BYTES];
    for (size_t i = 0; i < KEY_BYTES; i++)
        issuer[i] = (uint8_t)i;
    struct note_head token = {key_id_of(issuer), EPOCH, CLOCK}, back;
    struct buffer note = {0};
    token_encode(&token, &note);
    assert_int_equal(note.size, sizeof map);
    assert_memory_equal(note.data, map, sizeof map);
    note_sign(&note, HASH_TOKEN, &tree_id, secret, NULL);
    assert_int_equal(note.size, 92);
    struct hash hash = note_hash(span_of_buffer(&note), HASH_TOKEN, &tree_id);
    assert_memory_equal(hash.bytes, name, HASH_BYTES);
    assert_int_equal(note_read_head(span_of_buffer(&note), HASH_TOKEN, &back, NULL), ERR_OK);
    assert_true(key_id_equal(back.signer, token.signer));
    assert_int_equal(back.epoch, EPOCH);
    assert_true(back.k == CLOCK);
    buffer_free(&note);
}

static void each_changed_bit_is_refused(void **state)
{
    (void)state;
    struct buffer note = {0};
    token_encode(&head, &note);
    note_sign(&note, HASH_TOKEN, &tree_id, secret, NULL);
    struct span bytes = span_of_buffer(&note);
    assert_true(note_verify(bytes, HASH_TOKEN, &tree_id, key, NULL));
    for (size_t bit = 0; bit < note.size * 8; bit++) {
        note.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(note_verify(bytes, HASH_TOKEN, &tree_id, key, NULL));
        note.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < note.size; size++)
        assert_false(note_verify(SPAN(note.data, size), HASH_TOKEN, &tree_id, key, NULL));
    struct hash other_tree = tree_id;
    other_tree.bytes[0]++;
    assert_false(note_verify(bytes, HASH_TOKEN, &other_tree, key, NULL));
    assert_false(note_verify(bytes, HASH_HEADS, &tree_id, key, NULL));
    buffer_free(&note);
}

/* A map of these bytes with some signature behind it. */
static struct buffer note_of(const uint8_t *map, size_t size)
{
    struct buffer note = {0};
    uint8_t signature[SIGNATURE_BYTES] = {0};
    buffer_append(&note, map, size);
    buffer_append(&note, signature, sizeof signature);
    return note;
}

static enum error_code head_code(const uint8_t *map, size_t size, enum hash_context context)
{
    struct note_head back;
    struct buffer note = note_of(map, size);
    enum error_code code = note_read_head(span_of_buffer(&note), context, &back, NULL);
    buffer_free(&note);
    return code;
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define SIGNER 1, 0xc4, 8, 1, 2, 3, 4, 5, 6, 7, 8

static void heads_have_one_form(void **state)
{
    (void)state;
    assert_int_equal(head_code(BYTES(0x83, SIGNER, 2, 3, 3, 4), HASH_TOKEN), ERR_OK);
    assert_int_equal(head_code(BYTES(0x83, SIGNER, 2, 3, 3, 4), HASH_RECEIPT), ERR_OK);
    assert_int_equal(head_code(BYTES(0x84, SIGNER, 2, 3, 3, 4, 9, 5), HASH_TOKEN), ERR_OK);
    assert_int_equal(head_code(BYTES(0x84, SIGNER, 2, 3, 3, 4, 0xff, 5), HASH_TOKEN), ERR_PARKED);
    assert_int_equal(head_code(BYTES(0x82, SIGNER, 2, 3), HASH_TOKEN), ERR_MALFORMED);
    assert_int_equal(head_code(BYTES(0x82, SIGNER, 3, 3), HASH_TOKEN), ERR_MALFORMED);
    assert_int_equal(head_code(BYTES(0x82, 2, 3, 3, 4), HASH_TOKEN), ERR_MALFORMED);
    assert_int_equal(head_code(BYTES(0x83, SIGNER, 3, 3, 2, 4), HASH_TOKEN), ERR_MALFORMED);
    assert_int_equal(head_code(BYTES(0x83, SIGNER, 2, 3, 3, 4, 0), HASH_TOKEN), ERR_MALFORMED);
    assert_int_equal(
        head_code(BYTES(0x83, SIGNER, 2, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0, 3, 4), HASH_TOKEN),
        ERR_MALFORMED); /* epoch 2^32 */
    assert_int_equal(
        head_code(BYTES(0x83, SIGNER, 2, 3, 3, 0xcf, 0, 1, 0, 0, 0, 0, 0, 0), HASH_TOKEN),
        ERR_MALFORMED); /* clock 2^48 */
    assert_int_equal(
        head_code(BYTES(0x83, SIGNER, 2, 3, 3, 0xcf, 0, 1, 0, 0, 0, 0, 0, 0), HASH_HEADS), ERR_OK);
    struct note_head back;
    uint8_t *large = mem_alloc(NOTE_BYTES_MAX + 1);
    assert_int_equal(note_read_head(SPAN(large, NOTE_BYTES_MAX + 1), HASH_HEADS, &back, NULL),
                     ERR_OVERSIZE);
    assert_int_equal(note_read_head(SPAN(large, SIGNATURE_BYTES), HASH_HEADS, &back, NULL),
                     ERR_MALFORMED);
    assert_int_equal(note_read_head(SPAN_EMPTY, HASH_HEADS, &back, NULL), ERR_MALFORMED);
    free(large);
}

static struct token_ref token_of(void)
{
    struct token_ref token = {.present = true, .clock_ms = CLOCK};
    memset(token.issuer.bytes, 5, KEY_ID_BYTES);
    memset(token.hash8, 6, sizeof token.hash8);
    return token;
}

static void check_statement(const struct heads_statement *statement)
{
    struct heads_statement back;
    struct buffer note = {0}, again = {0};
    statement_encode(statement, &note);
    size_t size = note.size;
    note_sign(&note, HASH_HEADS, &tree_id, secret, NULL);
    assert_int_equal(statement_decode(span_of_buffer(&note), &back, NULL), ERR_OK);
    assert_true(key_id_equal(back.head.signer, head.signer));
    assert_true(back.head.k == head.k && back.head.epoch == head.epoch);
    assert_true(back.clock_ms == statement->clock_ms && back.report == statement->report);
    assert_int_equal(back.token.present, statement->token.present);
    assert_int_equal(back.stream_count, statement->stream_count);
    for (size_t i = 0; i < back.stream_count; i++)
        assert_memory_equal(&back.streams[i], &statement->streams[i], sizeof back.streams[i]);
    statement_encode(&back, &again);
    assert_true(span_equal(span_of_buffer(&again), SPAN(note.data, size)));
    statement_free(&back);
    for (size_t part = 0; part < note.size; part += 1 + note.size / 500)
        assert_int_equal(statement_decode(SPAN(note.data, part), &back, NULL), ERR_MALFORMED);
    buffer_free(&again);
    buffer_free(&note);
}

static void statements_are_read_back(void **state)
{
    (void)state;
    static struct statement_stream streams[STATEMENT_STREAMS_MAX];
    memset(streams, 0, sizeof streams);
    struct heads_statement statement = {.head = head, .clock_ms = CLOCK};
    check_statement(&statement);
    statement.token = token_of();
    statement.report = 12;
    statement.streams = streams;
    for (size_t i = 0; i < STATEMENT_STREAMS_MAX; i++) {
        streams[i].number = (uint16_t)(i * 257);
        streams[i].seq = (uint32_t)(STREAM_ENTRIES_MAX - i);
        memset(streams[i].hash.bytes, (int)i, HASH_BYTES);
        streams[i].subtree = i % 2 == 0;
        if (streams[i].subtree)
            streams[i].tier = (uint8_t)(i % TIERS_MAX);
        else
            snprintf(streams[i].end, sizeof streams[i].end, "a-seat-with-a-name-of-32-bytes%02d",
                     (int)i % 100);
    }
    static const size_t counts[] = {1, 3, STATEMENT_STREAMS_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        statement.stream_count = counts[i];
        check_statement(&statement);
    }
}

static enum error_code statement_code(const uint8_t *map, size_t size)
{
    struct heads_statement statement;
    struct buffer note = note_of(map, size);
    enum error_code code = statement_decode(span_of_buffer(&note), &statement, NULL);
    assert_true(code == ERR_OK || statement.streams == NULL);
    statement_free(&statement);
    buffer_free(&note);
    return code;
}

#define NINE 9, 9, 9, 9, 9, 9, 9, 9, 9
#define TEN NINE, 9
#define HASH 0xc4, 32, TEN, TEN, TEN, 9, 9
#define LINE(number) 0x94, number, 5, HASH, 2

static void statements_have_one_form(void **state)
{
    (void)state;
#define STATEMENT(n, ...) statement_code(BYTES(n, SIGNER, 2, 3, 3, 4, __VA_ARGS__))
    assert_int_equal(STATEMENT(0x84, 8, 7), ERR_OK);
    assert_int_equal(STATEMENT(0x85, 8, 7, 0x20, 1), ERR_OK);
    assert_int_equal(STATEMENT(0x85, 8, 7, 0xfe, 1), ERR_PARKED);
    assert_int_equal(STATEMENT(0x84, 5, 0x90), ERR_MALFORMED); /* no clock */
    assert_int_equal(STATEMENT(0x85, 7, 3, 8, 7), ERR_MALFORMED);
    assert_int_equal(STATEMENT(0x85, 5, 0x92, LINE(1), LINE(2), 8, 7), ERR_OK);
    assert_int_equal(STATEMENT(0x85, 5, 0x92, LINE(2), LINE(1), 8, 7), ERR_MALFORMED);
    assert_int_equal(STATEMENT(0x85, 5, 0x92, LINE(2), LINE(2), 8, 7), ERR_MALFORMED);
    assert_int_equal(STATEMENT(0x85, 5, 0x91, 0x93, 1, 5, HASH, 8, 7), ERR_MALFORMED);
    assert_int_equal(STATEMENT(0x85, 5, 0x91, 0x94, 1, 5, HASH, 16, 8, 7), ERR_MALFORMED);
    assert_int_equal(STATEMENT(0x85, 5, 0x91, 0x94, 1, 5, HASH, 0xa0, 8, 7), ERR_MALFORMED);
    assert_int_equal(STATEMENT(0x85, 5, 0x91, 0x94, 1, 5, HASH, 0xa1, 7, 8, 7), ERR_MALFORMED);
    assert_int_equal(STATEMENT(0x85, 5, 0xdc, 1, 1, 8, 7), ERR_MALFORMED); /* 257 */
    assert_int_equal(STATEMENT(0x85, 5, 0xdd, 255, 255, 255, 255), ERR_MALFORMED);
    assert_int_equal(STATEMENT(0x85, 4, 0x92, 1, 2, 8, 7), ERR_MALFORMED);
}

static void check_report(const struct cell_report *report)
{
    struct cell_report back;
    struct buffer note = {0}, again = {0};
    report_encode(report, &note);
    size_t size = note.size;
    note_sign(&note, HASH_CELLS, &tree_id, secret, NULL);
    assert_int_equal(report_decode(span_of_buffer(&note), &back, NULL), ERR_OK);
    assert_true(back.head.k == head.k);
    assert_int_equal(back.token.present, report->token.present);
    assert_int_equal(back.cell_count, report->cell_count);
    for (size_t i = 0; i < back.cell_count; i++) {
        const struct cell *a = &back.cells[i], *b = &report->cells[i];
        assert_int_equal(cell_compare(a, b), 0);
        assert_int_equal(a->value_count, b->value_count);
        for (size_t j = 0; j < a->value_count; j++)
            assert_true(a->values[j] == b->values[j]);
    }
    report_encode(&back, &again);
    assert_true(span_equal(span_of_buffer(&again), SPAN(note.data, size)));
    report_free(&back);
    for (size_t part = 0; part < note.size; part += 1 + note.size / 500)
        assert_int_equal(report_decode(SPAN(note.data, part), &back, NULL), ERR_MALFORMED);
    buffer_free(&again);
    buffer_free(&note);
}

static void reports_are_read_back(void **state)
{
    (void)state;
    static const uint8_t groups[4][4] = {{0x90}, {0x91, 1}, {0x91, 0xa1, 'x'}, {0x92, 5, 6}};
    static const size_t sizes[4] = {1, 2, 3, 3};
    static struct cell cells[REPORT_CELLS_MAX];
    memset(cells, 0, sizeof cells);
    struct cell_report report = {.head = head};
    check_report(&report);
    report.token = token_of();
    report.cells = cells;
    for (size_t i = 0; i < REPORT_CELLS_MAX; i++) {
        cells[i].rollup = (uint16_t)(1 + i / 512);
        cells[i].period = (uint32_t)(i / 4);
        cells[i].group = SPAN(groups[i % 4], sizes[i % 4]);
        cells[i].value_count = (uint8_t)(i % 7 == 0 ? CELL_VALUES_MAX : i % 3);
        for (size_t j = 0; j < cells[i].value_count; j++)
            cells[i].values[j] = j % 2 ? -(int64_t)i : INT64_MAX - (int64_t)i;
    }
    static const size_t counts[] = {1, 20, REPORT_CELLS_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        report.cell_count = counts[i];
        check_report(&report);
    }
}

static enum error_code report_code(const uint8_t *map, size_t size)
{
    struct cell_report report;
    struct buffer note = note_of(map, size);
    enum error_code code = report_decode(span_of_buffer(&note), &report, NULL);
    assert_true(code == ERR_OK || report.cells == NULL);
    report_free(&report);
    buffer_free(&note);
    return code;
}

static void reports_have_one_form(void **state)
{
    (void)state;
#define PART(bytes, cells) 0x93, HASH, bytes, cells
#define REPORT(n, ...) report_code(BYTES(n, SIGNER, 2, 3, 3, 4, __VA_ARGS__))
    assert_int_equal(REPORT(0x84, 7, 0x90), ERR_OK);
    assert_int_equal(REPORT(0x84, 7, 0x92, 0x94, 1, 0x90, 1, 0x90, 0x94, 1, 0x90, 2, 0x90), ERR_OK);
    assert_int_equal(REPORT(0x84, 7, 0x92, 0x94, 1, 0x90, 2, 0x90, 0x94, 1, 0x90, 1, 0x90),
                     ERR_MALFORMED); /* not sorted */
    assert_int_equal(REPORT(0x84, 7, 0x92, 0x94, 1, 0x90, 1, 0x90, 0x94, 1, 0x90, 1, 0x90),
                     ERR_MALFORMED); /* not unique */
    assert_int_equal(REPORT(0x84, 7, 0x91, 0x93, 1, 0x90, 1), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 7, 0x91, 0x94, 1, 0x80, 1, 0x90), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 7, 0x91, 0x94, 1, 0x99, NINE, 1, 0x90), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 7, 0x91, 0x94, 1, 0x90, 1, 0x99, NINE), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 7, 0xdc, 4, 1), ERR_MALFORMED); /* 1,025 */
    assert_int_equal(REPORT(0x84, 5, 0xc4, 8, 1, 2, 3, 4, 5, 6, 7, 8), ERR_PARKED);
    assert_int_equal(REPORT(0x85, 4, 1, 7, 0x90), ERR_PARKED); /* what has changed alone */
    assert_int_equal(REPORT(0x85, 7, 0x90, 8, 0x92, 1, 2), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 8, 0x91, PART(1, 1)), ERR_OK);
    assert_int_equal(REPORT(0x84, 8, 0x92, PART(1, 1), PART(0x7f, 0x7f)), ERR_OK);
    assert_int_equal(REPORT(0x84, 8, 0x90), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 8, 0x91, PART(0, 1)), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 8, 0x91, PART(1, 0)), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 8, 0x91, 0x92, HASH, 1), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 8, 0x91, 0x93, HASH, 0xcd, 0x20, 0x01, 1), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 8, 0x91, 0x93, HASH, 1, 0xcd, 0x01, 0x01), ERR_MALFORMED);
    assert_int_equal(REPORT(0x84, 8, 0xdc, 0x01, 0x01), ERR_MALFORMED); /* 257 */
    assert_int_equal(REPORT(0x85, 7, 0x91, 0x94, 1, 0x90, 1, 0x90, 8, 0x91, PART(1, 1)),
                     ERR_MALFORMED); /* either or */
    assert_int_equal(REPORT(0x85, 7, 0x90, 9, 1), ERR_OK);
    assert_int_equal(REPORT(0x85, 7, 0x90, 0xff, 1), ERR_PARKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_as_expected),   cmocka_unit_test(each_changed_bit_is_refused),
        cmocka_unit_test(heads_have_one_form),      cmocka_unit_test(statements_are_read_back),
        cmocka_unit_test(statements_have_one_form), cmocka_unit_test(reports_are_read_back),
        cmocka_unit_test(reports_have_one_form),
    };
    return cmocka_run_group_tests_name("note", tests, start, NULL);
}
