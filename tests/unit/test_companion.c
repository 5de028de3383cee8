/* A companion's writes are salted, and nothing else is; who may begin one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/rows/rows.h"
#include "schema/extension.h"
#include "sim/world/county.h"

static const char types_text[] = "version: 1\n"
                                 "types:\n"
                                 "  visit:\n"
                                 "    number: 1\n"
                                 "    circle: origin\n"
                                 "    class: normal\n"
                                 "    companion: {number: 2}\n"
                                 "    fields:\n"
                                 "      title: {number: 1, kind: text, required: true}\n"
                                 "      name: {number: 3, kind: text, private: true}\n";

static struct schema *load_types(void)
{
    struct error error = {0};
    struct schema_source *source = schema_compile(span_of_text(types_text), "visit.yaml", &error);
    if (source == NULL)
        fail_msg("%s: %s", error.what, error.why);
    struct span rows[2];
    for (size_t i = 0; i < 2; i++)
        rows[i] = span_of_buffer(&source->rows[i]);
    struct schema *schema = schema_load(source->version, rows, 2, &error);
    schema_source_free(source);
    assert_non_null(schema);
    return schema;
}

/* The verdict on {number: "x"}, salted or not. */
static enum error_code verdict(const struct record_type *type, enum entry_kind kind, int number,
                               bool salted)
{
    static const uint8_t salt[BODY_SALT_BYTES] = {7};
    struct buffer fields = {0}, body = {0};
    struct entry entry = {.kind = kind, .n = 2};
    mp_write_map(&fields, 1);
    mp_write_uint(&fields, (uint64_t)number);
    if (kind == ENTRY_EXTEND) {
        mp_write_array(&fields, 1);
        mp_write_text(&fields, "T1");
    } else {
        mp_write_text(&fields, "x");
    }
    if (salted)
        body_salted(salt, span_of_buffer(&fields), &body);
    else
        buffer_append_span(&body, span_of_buffer(&fields));
    entry.body = span_of_buffer(&body);
    enum error_code code = entry_check_body(&entry, type, type, false);
    buffer_free(&fields);
    buffer_free(&body);
    return code;
}

static void salt_stands_in_companions_writes_alone(void **state)
{
    (void)state;
    struct schema *schema = load_types();
    const struct record_type *visit = schema_type(schema, 1), *private = schema_type(schema, 2);
    assert_int_equal(verdict(private, ENTRY_WRITE, 3, true), ERR_OK);
    assert_int_equal(verdict(private, ENTRY_WRITE, 3, false), ERR_INVALID);
    assert_int_equal(verdict(visit, ENTRY_WRITE, 1, false), ERR_OK);
    assert_int_equal(verdict(visit, ENTRY_WRITE, 1, true), ERR_INVALID);
    assert_int_equal(verdict(private, ENTRY_EXTEND, EXTEND_SEATS, false), ERR_OK);
    assert_int_equal(verdict(private, ENTRY_EXTEND, EXTEND_SEATS, true), ERR_INVALID);
    assert_int_equal(verdict(visit, ENTRY_EXTEND, EXTEND_SEATS, false), ERR_OK);
    assert_int_equal(verdict(visit, ENTRY_EXTEND, EXTEND_SEATS, true), ERR_INVALID);
    schema_free(schema);
}

/* What begins a record of the author `of`, written by `by` in an epoch. */
static enum beginning begins(const struct county *county, const struct record_type *type,
                             struct key_id of, struct key_id by, uint32_t epoch,
                             const struct entry *like)
{
    struct author_epoch maker = {.author = of, .epoch = 1u << 16},
                        writer = {.author = by, .epoch = epoch};
    struct entry entry = *like;
    entry.record = record_id_make(&maker, 1);
    return entry_begins(county->tree, type, &entry, &writer);
}

static void the_makers_seat_begins_a_companion(void **state)
{
    (void)state;
    static const struct county_row seats[] = {
        {"C", "county", NULL}, {"T1", "township", "C"}, {"V1", "village", "T1"}};
    const uint32_t first = 1u << 16, later = 2u << 16;
    struct schema *schema = load_types();
    const struct record_type *visit = schema_type(schema, 1), *private = schema_type(schema, 2);
    struct county *county = county_new(seats, 3, 5);
    const size_t township = 1, place = 2;
    struct key_id v1 = county->seats[place].key_id;
    struct key_id t1 = county->seats[township].key_id, nobody = {{9}};
    const struct entry entry = {.kind = ENTRY_WRITE, .n = 1},
                       second = {.kind = ENTRY_WRITE, .n = 2},
                       saw = {.kind = ENTRY_WRITE, .n = 1, .context_count = 1},
                       extension = {.kind = ENTRY_EXTEND, .n = 1};
    assert_int_equal(begins(county, visit, v1, v1, first, &entry), BEGINS);
    assert_int_equal(begins(county, visit, v1, v1, later, &entry), BEGINS_NOT);
    assert_int_equal(begins(county, private, v1, v1, first, &entry), BEGINS);
    assert_int_equal(begins(county, private, v1, v1, later, &entry), BEGINS);
    assert_int_equal(begins(county, private, v1, v1, later, &second), BEGINS_NOT);
    assert_int_equal(begins(county, private, v1, v1, later, &saw), BEGINS_NOT);
    assert_int_equal(begins(county, private, v1, v1, later, &extension), BEGINS_NOT);
    assert_int_equal(begins(county, private, v1, t1, first, &entry), BEGINS_NOT);
    assert_int_equal(begins(county, private, nobody, t1, first, &entry), BEGINS_WHO_KNOWS);
    assert_int_equal(begins(county, private, nobody, nobody, first, &entry), BEGINS);
    county_sign(county, &(struct county_change){.kind = COUNTY_REPLACE,
                                                .seat = place,
                                                .by = county->seats[place].parent,
                                                .again = true});
    struct key_id newer = county->seats[place].key_id;
    assert_false(key_id_equal(newer, v1));
    assert_int_equal(begins(county, private, v1, newer, first, &entry), BEGINS);
    assert_int_equal(begins(county, visit, v1, newer, first, &entry), BEGINS_NOT);
    county_free(county);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(salt_stands_in_companions_writes_alone),
        cmocka_unit_test(the_makers_seat_begins_a_companion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
