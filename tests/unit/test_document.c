/* Documents: what is written reads back; what is wrong in one place is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/tree_fixture.h"

static const uint64_t day_ms = 86400000;

static struct document_header branch_header(void)
{
    struct document_header header = {.kind = DOCUMENT_BRANCH,
                                     .seat = "T1",
                                     .term = 7,
                                     .version = 300,
                                     .has_predecessor = true,
                                     .issued_ms = 20000 * day_ms,
                                     .expires_ms = 20400 * day_ms,
                                     .row_count = 400,
                                     .row_bytes = 50675};
    memset(header.tree_id.bytes, 1, HASH_BYTES);
    memset(header.predecessor.bytes, 2, HASH_BYTES);
    memset(header.row_root.bytes, 3, HASH_BYTES);
    return header;
}

static void branch_header_reads_back(void **state)
{
    (void)state;
    struct document_header header = branch_header(), read;
    struct buffer bytes = {0};
    document_header_encode(&header, &bytes);
    assert_int_equal(document_header_decode(span_of_buffer(&bytes), &read, NULL), ERR_OK);
    assert_false(read.first);
    assert_int_equal(read.kind, DOCUMENT_BRANCH);
    assert_string_equal(read.seat, "T1");
    assert_int_equal(read.term, 7);
    assert_int_equal(read.version, 300);
    assert_true(read.has_predecessor);
    assert_true(hash_equal(&read.tree_id, &header.tree_id));
    assert_true(hash_equal(&read.predecessor, &header.predecessor));
    assert_true(hash_equal(&read.row_root, &header.row_root));
    assert_int_equal(read.issued_ms, 20000 * day_ms);
    assert_int_equal(read.expires_ms, 20400 * day_ms);
    assert_int_equal(read.row_count, 400);
    assert_int_equal(read.row_bytes, 50675);
    buffer_free(&bytes);
}

static void root_header_reads_back(void **state)
{
    (void)state;
    struct test_admins admins = admins_of(2, 3, 1);
    struct span names[2] = {span_of_text("county"), span_of_text("village")};
    struct buffer tiers = {0}, bytes = {0};
    text_list_encode(names, 2, &tiers);
    struct document_header header = {.first = true,
                                     .kind = DOCUMENT_ROOT,
                                     .term = 1,
                                     .version = 1,
                                     .tiers = text_list_of(span_of_buffer(&tiers)),
                                     .admins = admins_listed(&admins)};
    document_header_encode(&header, &bytes);
    struct document_header read;
    assert_int_equal(document_header_decode(span_of_buffer(&bytes), &read, NULL), ERR_OK);
    assert_true(read.first);
    assert_int_equal(read.tiers.count, 2);
    assert_true(span_equal(text_list_at(&read.tiers, 1), names[1]));
    assert_int_equal(read.admins.threshold, 2);
    assert_int_equal(read.admins.count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_memory_equal(admin_key(&read.admins, i), admins.keys[i], KEY_BYTES);
    buffer_free(&tiers);
    buffer_free(&bytes);
}

static void types_header_reads_back(void **state)
{
    (void)state;
    struct document_header header = branch_header(), read;
    struct buffer bytes = {0};
    header.kind = DOCUMENT_TYPES;
    header.seat[0] = '\0';
    header.schema_version = 12;
    document_header_encode(&header, &bytes);
    assert_int_equal(document_header_decode(span_of_buffer(&bytes), &read, NULL), ERR_OK);
    assert_int_equal(read.kind, DOCUMENT_TYPES);
    assert_int_equal(read.schema_version, 12);
    buffer_free(&bytes);
}

static struct seat_row full_row(struct buffer *endpoints, struct buffer *fallbacks,
                                struct buffer *cut_off, const struct test_admins *admins)
{
    static const uint8_t hash[HASH_BYTES] = {9, 9, 9};
    struct span urls[2] = {span_of_text("tcp://10.0.0.1:7000"), span_of_text("ipc:///run/t")};
    struct span seats[1] = {span_of_text("T2")};
    struct cut_off places[2] = {{.epoch = 65537, .stream = 3, .seq = 512, .hash = hash},
                                {.epoch = 65538, .stream = 1, .seq = 1 << 20, .hash = hash}};
    struct seat_row row = {.seat = "V1",
                           .name = "万坪镇",
                           .tier = 2,
                           .generation = 4,
                           .term = 9,
                           .admins = admins_listed(admins),
                           .standby = true,
                           .status = SEAT_RELEASED,
                           .moves = 5,
                           .has_seal_key = true,
                           .released_to = span_of_text("T2")};
    text_list_encode(urls, 2, endpoints);
    text_list_encode(seats, 1, fallbacks);
    cut_off_encode(places, 2, cut_off);
    row.endpoints = text_list_of(span_of_buffer(endpoints));
    row.fallbacks = text_list_of(span_of_buffer(fallbacks));
    row.cut_off = span_of_buffer(cut_off);
    memset(row.signing_key, 5, KEY_BYTES);
    memset(row.link_key, 6, KEY_BYTES);
    memset(row.seal_key, 7, KEY_BYTES);
    return row;
}

static void row_reads_back(void **state)
{
    (void)state;
    struct buffer endpoints = {0}, fallbacks = {0}, cut_off = {0}, bytes = {0};
    struct test_admins admins = admins_of(1, 2, 1);
    struct seat_row row = full_row(&endpoints, &fallbacks, &cut_off, &admins), read;
    seat_row_encode(&row, &bytes);
    assert_int_equal(seat_row_decode(span_of_buffer(&bytes), &read, NULL), ERR_OK);
    assert_string_equal(read.seat, "V1");
    assert_string_equal(read.name, "万坪镇");
    assert_int_equal(read.tier, 2);
    assert_int_equal(read.generation, 4);
    assert_int_equal(read.term, 9);
    assert_int_equal(read.admins.count, 2);
    assert_memory_equal(admin_key(&read.admins, 1), admins.keys[1], KEY_BYTES);
    assert_memory_equal(read.signing_key, row.signing_key, KEY_BYTES);
    assert_memory_equal(read.link_key, row.link_key, KEY_BYTES);
    assert_true(read.has_seal_key);
    assert_memory_equal(read.seal_key, row.seal_key, KEY_BYTES);
    assert_int_equal(read.endpoints.count, 2);
    assert_true(span_equal(text_list_at(&read.endpoints, 1), span_of_text("ipc:///run/t")));
    assert_true(span_equal(text_list_at(&read.fallbacks, 0), span_of_text("T2")));
    assert_true(read.standby);
    assert_int_equal(read.status, SEAT_RELEASED);
    assert_int_equal(read.moves, 5);
    assert_true(span_equal(read.released_to, span_of_text("T2")));
    struct cut_off place;
    assert_true(cut_off_at(read.cut_off, 1, &place));
    assert_int_equal(place.epoch, 65538);
    assert_int_equal(place.stream, 1);
    assert_int_equal(place.seq, 1 << 20);
    assert_int_equal(place.hash[0], 9);
    assert_false(cut_off_at(read.cut_off, 2, &place));
    assert_false(cut_off_at(SPAN_EMPTY, 0, &place));
    buffer_free(&bytes);
    buffer_free(&cut_off);
    buffer_free(&fallbacks);
    buffer_free(&endpoints);
}

/* A header or row as a list of fields, one of them replaced, added or left out. */
struct raw_field {
    int number;
    const char *bytes; /* its value, encoded */
    size_t size;
};
#define RAW(number, bytes)                                                                         \
    {                                                                                              \
        (number), (bytes), sizeof(bytes) - 1                                                       \
    }
#define BIN32(byte)                                                                                \
    "\xc4\x20" byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte     \
        byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte

enum { RAW_FIELDS_MAX = 16 };

static void raw_write(const struct raw_field *fields, const struct raw_field *change,
                      struct buffer *out)
{
    uint32_t count = 0;
    bool done = change->bytes == NULL && change->number == 0;
    struct buffer body = {0};
    for (size_t i = 0; i <= RAW_FIELDS_MAX; i++) {
        bool at_end = fields[i].bytes == NULL;
        if (!done && (at_end || mp_key_compare(change->number, fields[i].number) <= 0)) {
            if (change->bytes != NULL) {
                mp_write_int(&body, change->number);
                buffer_append(&body, change->bytes, change->size);
                count++;
            }
            done = true;
            if (!at_end && change->number == fields[i].number)
                continue;
        }
        if (at_end)
            break;
        mp_write_int(&body, fields[i].number);
        buffer_append(&body, fields[i].bytes, fields[i].size);
        count++;
    }
    mp_write_map(out, count);
    buffer_append_span(out, span_of_buffer(&body));
    buffer_free(&body);
}

struct refusal {
    const char *name;
    struct raw_field change; /* bytes NULL: the field is left out */
    enum error_code expected;
};

static const struct raw_field good_branch[] = {
    RAW(1, BIN32("\x01")), RAW(2, "\x02"),         RAW(3, "\xa2T1"), RAW(4, "\x07"),
    RAW(5, "\x03"),        RAW(7, "\x20"),         RAW(8, "\x21"),   RAW(9, "\x02"),
    RAW(10, "\x60"),       RAW(11, BIN32("\x03")), {0, NULL, 0}};

static const struct refusal branch_refusals[] = {
    {"no tree named", {1, NULL, 0}, ERR_MALFORMED},
    {"tree id too short", RAW(1, "\xc4\x01\x01"), ERR_MALFORMED},
    {"no kind", {2, NULL, 0}, ERR_MALFORMED},
    {"kind 0", RAW(2, "\x00"), ERR_MALFORMED},
    {"a kind of later times", RAW(2, "\x06"), ERR_PARKED},
    {"no seat", {3, NULL, 0}, ERR_MALFORMED},
    {"empty seat", RAW(3, "\xa0"), ERR_MALFORMED},
    {"seat with a line break", RAW(3, "\xa2T\n"), ERR_MALFORMED},
    {"seat is no text", RAW(3, "\xc4\x02T1"), ERR_MALFORMED},
    {"seat of 33 bytes",
     RAW(3, "\xd9\x21"
            "abcdefghijklmnopqrstuvwxyz0123456"),
     ERR_OVERSIZE},
    {"no version", {5, NULL, 0}, ERR_MALFORMED},
    {"negative version", RAW(5, "\xff"), ERR_MALFORMED},
    {"version not in its shortest form", RAW(5, "\xcc\x03"), ERR_MALFORMED},
    {"expires before it was issued", RAW(8, "\x1f"), ERR_MALFORMED},
    {"a date after the year 10000", RAW(7, "\xcf\x00\x01\x00\x00\x00\x00\x00\x00"), ERR_MALFORMED},
    {"4097 rows", RAW(9, "\xcd\x10\x01"), ERR_OVERSIZE},
    {"1 MiB of rows and a byte", RAW(10, "\xce\x00\x10\x00\x01"), ERR_OVERSIZE},
    {"10 MB of rows", RAW(10, "\xce\x00\x98\x96\x80"), ERR_OVERSIZE},
    {"rows without bytes", {10, NULL, 0}, ERR_MALFORMED},
    {"rows without a root", {11, NULL, 0}, ERR_MALFORMED},
    {"a root without rows", {9, NULL, 0}, ERR_MALFORMED},
    {"must be understood", RAW(-1, "\xc3"), ERR_PARKED},
    {"decided moves of 2", RAW(16, "\x91\x92\xa1V\xa1T"), ERR_MALFORMED},
    {"65 decided moves", RAW(16, "\xdc\x00\x41" BIN32("\x01") BIN32("\x02")), ERR_OVERSIZE},
    {"a decided move of no seat", RAW(16, "\x91\x93\xa0\xa1T\x01"), ERR_MALFORMED},
    {"may be ignored", RAW(200, "\xa2no"), ERR_OK},
    {"number out of range", RAW(2000, "\xa2no"), ERR_MALFORMED},
    {"float", RAW(200, "\xca\x00\x00\x00\x00"), ERR_MALFORMED},
};

static const struct raw_field good_row[] = {
    RAW(1, "\xa2V1"),      RAW(3, "\x02"), RAW(4, "\x01"), RAW(5, BIN32("\x05")),
    RAW(6, BIN32("\x06")), RAW(7, "\x01"), {0, NULL, 0}};

static const struct refusal row_refusals[] = {
    {"no seat", {1, NULL, 0}, ERR_MALFORMED},
    {"no signing key", {5, NULL, 0}, ERR_MALFORMED},
    {"no link key", {6, NULL, 0}, ERR_MALFORMED},
    {"name with a NUL",
     RAW(2, "\xa3"
            "a\0b"),
     ERR_MALFORMED},
    {"name that is not UTF-8", RAW(2, "\xa2\xc3\x28"), ERR_MALFORMED},
    {"tier 16", RAW(3, "\x10"), ERR_MALFORMED},
    {"generation of 5 bytes", RAW(4, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00"), ERR_MALFORMED},
    {"status 4", RAW(12, "\x04"), ERR_MALFORMED},
    {"standby is no truth", RAW(11, "\x01"), ERR_MALFORMED},
    {"threshold 0", RAW(8, "\x92\x00\x91" BIN32("\x01")), ERR_MALFORMED},
    {"threshold above its keys", RAW(8, "\x92\x02\x91" BIN32("\x01")), ERR_MALFORMED},
    {"one admin key twice", RAW(8, "\x92\x02\x92" BIN32("\x01") BIN32("\x01")), ERR_MALFORMED},
    {"no admin keys", RAW(8, "\x92\x01\x90"), ERR_MALFORMED},
    {"two admin keys", RAW(8, "\x92\x02\x92" BIN32("\x01") BIN32("\x02")), ERR_OK},
    {"nine endpoints",
     RAW(9, "\x99\xa1"
            "a\xa1"
            "b\xa1"
            "c\xa1"
            "d\xa1"
            "e\xa1"
            "f\xa1"
            "g\xa1"
            "h\xa1"
            "i"),
     ERR_OVERSIZE},
    {"endpoints are no list",
     RAW(9, "\xa1"
            "a"),
     ERR_MALFORMED},
    {"cut-off place of 3", RAW(14, "\x91\x93\x01\x01\x01"), ERR_MALFORMED},
    {"cut-off stream 65536", RAW(14, "\x91\x94\x01\xce\x00\x01\x00\x00\x01" BIN32("\x01")),
     ERR_MALFORMED},
    {"must be understood", RAW(-2, "\xc0"), ERR_PARKED},
    {"trusted notes of 2", RAW(17, "\x91\x92\x01\x01"), ERR_MALFORMED},
    {"trusted notes of 65 epochs", RAW(17, "\xdc\x00\x41" BIN32("\x01") BIN32("\x02")),
     ERR_OVERSIZE},
    {"may be ignored", RAW(200, "\x91\x01"), ERR_OK},
};

static void a_wrong_field_is_refused_by_name(void **state)
{
    (void)state;
    struct document_header header;
    struct seat_row row;
    for (size_t i = 0; i < sizeof branch_refusals / sizeof branch_refusals[0]; i++) {
        struct buffer bytes = {0};
        struct error error = {0};
        raw_write(good_branch, &branch_refusals[i].change, &bytes);
        enum error_code code = document_header_decode(span_of_buffer(&bytes), &header, &error);
        if (code != branch_refusals[i].expected || error.code != code)
            fail_msg("header, %s: %s: %s", branch_refusals[i].name, error_name(code), error.why);
        buffer_free(&bytes);
    }
    for (size_t i = 0; i < sizeof row_refusals / sizeof row_refusals[0]; i++) {
        struct buffer bytes = {0};
        struct error error = {0};
        raw_write(good_row, &row_refusals[i].change, &bytes);
        enum error_code code = seat_row_decode(span_of_buffer(&bytes), &row, &error);
        if (code != row_refusals[i].expected || error.code != code)
            fail_msg("row, %s: %s: %s", row_refusals[i].name, error_name(code), error.why);
        buffer_free(&bytes);
    }
}

static void what_the_changes_start_from_is_good(void **state)
{
    (void)state;
    struct raw_field none = {0, NULL, 0};
    struct document_header header;
    struct seat_row row;
    struct buffer bytes = {0};
    raw_write(good_branch, &none, &bytes);
    assert_int_equal(document_header_decode(span_of_buffer(&bytes), &header, NULL), ERR_OK);
    buffer_clear(&bytes);
    raw_write(good_row, &none, &bytes);
    assert_int_equal(seat_row_decode(span_of_buffer(&bytes), &row, NULL), ERR_OK);
    for (size_t cut = 0; cut < bytes.size; cut++)
        assert_int_equal(seat_row_decode(SPAN(bytes.data, cut), &row, NULL), ERR_MALFORMED);
    buffer_append_byte(&bytes, 0xc0);
    assert_int_equal(seat_row_decode(span_of_buffer(&bytes), &row, NULL), ERR_MALFORMED);
    buffer_free(&bytes);
}

static void a_large_header_or_row_is_refused_unread(void **state)
{
    (void)state;
    uint8_t *bytes = mem_alloc(DOCUMENT_ROW_BYTES_MAX + 1);
    struct document_header header;
    struct seat_row row;
    assert_int_equal(
        document_header_decode(SPAN(bytes, DOCUMENT_HEADER_BYTES_MAX + 1), &header, NULL),
        ERR_OVERSIZE);
    assert_int_equal(seat_row_decode(SPAN(bytes, DOCUMENT_ROW_BYTES_MAX + 1), &row, NULL),
                     ERR_OVERSIZE);
    free(bytes);
}

static void envelope_sign(const struct test_admins *signers, struct buffer *envelope)
{
    struct document_header header = branch_header();
    struct buffer bytes = {0};
    document_header_encode(&header, &bytes);
    document_sign(span_of_buffer(&bytes), (const uint8_t(*)[SECRET_BYTES])signers->secrets,
                  signers->count, envelope);
    buffer_free(&bytes);
}

static bool signed_by(const struct buffer *envelope, const struct test_admins *admins)
{
    struct document_envelope opened;
    struct admin_keys listed = admins_listed(admins);
    assert_int_equal(document_open(span_of_buffer(envelope), &opened, NULL), ERR_OK);
    return document_signed_by(&opened, &listed, NULL);
}

static void a_threshold_counts_different_keys(void **state)
{
    (void)state;
    struct test_admins three = admins_of(3, 3, 1), two_of_four = admins_of(2, 4, 3);
    struct test_admins others = admins_of(1, 2, 20), none = {0};
    struct buffer envelope = {0};
    envelope_sign(&three, &envelope);
    assert_true(signed_by(&envelope, &three));
    assert_false(signed_by(&envelope, &two_of_four)); /* only key 3 is in both */
    two_of_four.threshold = 1;
    assert_true(signed_by(&envelope, &two_of_four));
    assert_false(signed_by(&envelope, &others));
    assert_false(signed_by(&envelope, &none));
    buffer_free(&envelope);
}

static void one_secret_signs_once(void **state)
{
    (void)state;
    struct test_admins twice = admins_of(2, 2, 1), two = admins_of(2, 2, 1);
    memcpy(twice.secrets[1], twice.secrets[0], SECRET_BYTES);
    struct buffer envelope = {0};
    struct document_envelope opened;
    envelope_sign(&twice, &envelope);
    assert_int_equal(document_open(span_of_buffer(&envelope), &opened, NULL), ERR_OK);
    assert_int_equal(opened.signature_count, 1);
    assert_false(signed_by(&envelope, &two));
    /* nor does a list of admins that names one key twice count it twice */
    memcpy(two.keys[1], two.keys[0], KEY_BYTES);
    assert_false(signed_by(&envelope, &two));
    buffer_free(&envelope);
}

/* The two signatures of an envelope exchanged, or one of them repeated. */
static void signatures_stand_in_order(void **state)
{
    (void)state;
    enum { PAIR_BYTES = 1 + 2 + KEY_ID_BYTES + 2 + SIGNATURE_BYTES };
    struct test_admins two = admins_of(2, 2, 1);
    struct buffer envelope = {0};
    struct document_envelope opened;
    struct error error;
    envelope_sign(&two, &envelope);
    uint8_t *last = envelope.data + envelope.size - PAIR_BYTES, pair[PAIR_BYTES];
    memcpy(pair, last, PAIR_BYTES);
    memcpy(last, last - PAIR_BYTES, PAIR_BYTES);
    assert_int_equal(document_open(span_of_buffer(&envelope), &opened, &error), ERR_MALFORMED);
    assert_non_null(strstr(error.why, "not sorted"));
    memcpy(last - PAIR_BYTES, pair, PAIR_BYTES);
    assert_int_equal(document_open(span_of_buffer(&envelope), &opened, &error), ERR_MALFORMED);
    buffer_free(&envelope);
}

static void no_single_bit_can_change(void **state)
{
    (void)state;
    struct test_admins two = admins_of(2, 2, 1);
    struct admin_keys listed = admins_listed(&two);
    struct buffer envelope = {0};
    struct document_envelope opened;
    envelope_sign(&two, &envelope);
    for (size_t bit = 0; bit < envelope.size * 8; bit++) {
        envelope.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (document_open(span_of_buffer(&envelope), &opened, NULL) == ERR_OK &&
            document_signed_by(&opened, &listed, NULL))
            fail_msg("bit %zu changed, and it is still signed", bit);
        envelope.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(signed_by(&envelope, &two));
    buffer_free(&envelope);
}

static void names_of_things_differ_by_context(void **state)
{
    (void)state;
    struct span bytes = span_of_text("bytes");
    struct hash document = document_hash(bytes), tree = document_tree_id(bytes);
    struct hash row = document_row_hash(bytes), root = document_rows_root(&bytes, 1);
    struct hash none = document_rows_root(NULL, 0);
    assert_false(hash_equal(&document, &tree));
    assert_false(hash_equal(&document, &row));
    assert_true(hash_equal(&row, &root)); /* a tree of one leaf */
    assert_true(hash_equal(&none, &hash_zero));
}

static void rows_are_ordered_by_seat_generation_standby(void **state)
{
    (void)state;
    struct seat_row a = {.seat = "V1", .generation = 2}, b = a;
    assert_int_equal(seat_row_compare(&a, &b), 0);
    b.standby = true;
    assert_true(seat_row_compare(&a, &b) < 0);
    a.generation = 3;
    assert_true(seat_row_compare(&a, &b) > 0);
    strcpy(b.seat, "V10");
    assert_true(seat_row_compare(&a, &b) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branch_header_reads_back),
        cmocka_unit_test(root_header_reads_back),
        cmocka_unit_test(types_header_reads_back),
        cmocka_unit_test(row_reads_back),
        cmocka_unit_test(what_the_changes_start_from_is_good),
        cmocka_unit_test(a_wrong_field_is_refused_by_name),
        cmocka_unit_test(a_large_header_or_row_is_refused_unread),
        cmocka_unit_test(a_threshold_counts_different_keys),
        cmocka_unit_test(one_secret_signs_once),
        cmocka_unit_test(signatures_stand_in_order),
        cmocka_unit_test(no_single_bit_can_change),
        cmocka_unit_test(names_of_things_differ_by_context),
        cmocka_unit_test(rows_are_ordered_by_seat_generation_standby),
    };
    assert_true(crypto_start());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
