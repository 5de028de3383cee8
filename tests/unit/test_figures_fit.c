/* Figures of a village by all roll-ups of the county's own types, of three years: they fit into one
 * report, and a day's work sends little of it again. How much each takes is printed
 * and stands in docs/schema.md. The figures are as many as there can be: every group that the
 * choices allow, in each month, as far as a village makes so many records in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "replication/format/note.h"
#include "replication/rows/rows.h"
#include "schema/rollup.h"
#include "tests/unit/hostile_desk.h"

enum { YEARS = 3, MONTHS = 12 * YEARS, DAYS = 366 * YEARS, A_MONTH = 300, ROLLUPS_LEAST = 31 };

static struct schema *load_types(void)
{
    const char *path = getenv("TERRACE_COUNTY_TYPES");
    static char text[131072];
    struct error error = {0};
    FILE *file = fopen(path != NULL ? path : "schema/types/county.yaml", "rb");
    assert_non_null(file); /* run in the project's root, or set TERRACE_COUNTY_TYPES */
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    struct schema_source *source = schema_compile(SPAN(text, size), "county.yaml", &error);
    assert_non_null(source);
    struct span *rows = mem_alloc(source->row_count * sizeof *rows);
    for (size_t i = 0; i < source->row_count; i++)
        rows[i] = span_of_buffer(&source->rows[i]);
    struct schema *schema = schema_load(source->version, rows, source->row_count, &error);
    free(rows);
    schema_source_free(source);
    assert_non_null(schema);
    return schema;
}

/* How many values a record may show there; none is one, but for a state, which each has. */
static uint32_t values_of(const struct record_type *type, const struct field *field)
{
    bool always =
        field->required || (type->workflow != NULL && type->workflow->field == field->number);
    uint32_t values = field->kind == FIELD_ENUM      ? field->choice_count
                      : field->kind == FIELD_BOOLEAN ? 2
                                                     : 24;
    return values + !always;
}

static uint32_t groups_of(const struct record_type *type, const struct rollup *rollup)
{
    uint32_t groups = 1;
    for (size_t i = 0; i < rollup->by_count; i++)
        groups *= values_of(type, type_field(type, rollup->by[i]));
    return groups < A_MONTH ? groups : A_MONTH;
}

static uint32_t periods_of(const struct rollup *rollup)
{
    switch (rollup->period) {
    case PERIOD_DAY: return DAYS;
    case PERIOD_MONTH: return MONTHS;
    case PERIOD_YEAR: return YEARS;
    case PERIOD_NONE:
    case PERIOD_COUNT: break;
    }
    return 1;
}

static size_t put_cell(struct desk *desk, const struct rollup *rollup, uint32_t period,
                       struct span group, int64_t value)
{
    bool two = rollup->kind == ROLL_RATIO || rollup->kind == ROLL_AVERAGE;
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct cell cell = {.rollup = rollup->number,
                        .period = period,
                        .group = group,
                        .value_count = two ? 2 : 1,
                        .values = {value, 2 * value}};
    struct buffer row = {0};
    size_t size = cell_key(key, &cell, desk->county->seats[desk->victim].key_id);
    cell_value_encode(&cell, 1, &row);
    assert_int_equal(
        desk->port.put(desk->port.context, TABLE_CELLS, SPAN(key, size), span_of_buffer(&row)),
        ERR_OK);
    buffer_free(&row);
    return 1;
}

/* A group's cell, and of a distinct one more for each value. */
static size_t put_group(struct desk *desk, const struct record_type *type,
                        const struct rollup *rollup, uint32_t period, uint32_t place)
{
    struct buffer group = {0};
    uint32_t values = rollup->kind == ROLL_DISTINCT ? rollup->limit : 0, left = place;
    size_t cells = 0;
    for (uint32_t i = 0; i <= values; i++, left = place) {
        char item[24];
        buffer_clear(&group);
        mp_write_array(&group, (uint32_t)rollup->by_count + (i > 0));
        for (size_t j = 0; j < rollup->by_count; j++) {
            uint32_t of = values_of(type, type_field(type, rollup->by[j]));
            mp_write_uint(&group, left % of);
            left /= of;
        }
        snprintf(item, sizeof item, "item %u of a request", i);
        if (i > 0)
            mp_write_text(&group, item);
        cells += put_cell(desk, rollup, period, span_of_buffer(&group),
                          i > 0 ? 1 : 1 + (int64_t)(place * 37 + period) % A_MONTH);
    }
    buffer_free(&group);
    return cells;
}

static size_t put_rollup(struct desk *desk, const struct record_type *type,
                         const struct rollup *rollup, uint32_t from)
{
    size_t cells = 0;
    for (uint32_t period = from; period < periods_of(rollup); period++) {
        for (uint32_t place = 0; place < groups_of(type, rollup); place++)
            cells += put_group(desk, type, rollup, period, place);
    }
    return cells;
}

/* What a day changes: one group of the last period of each. */
static void work_a_day(struct desk *desk, const struct schema *schema)
{
    desk->port.begin(desk->port.context);
    for (size_t i = 0; i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        for (size_t j = 0; j < type->rollup_count; j++) {
            struct buffer group = {0};
            mp_write_array(&group, (uint32_t)type->rollups[j].by_count);
            for (size_t k = 0; k < type->rollups[j].by_count; k++)
                mp_write_uint(&group, 0);
            put_cell(desk, &type->rollups[j], periods_of(&type->rollups[j]) - 1,
                     span_of_buffer(&group), 100000);
            buffer_free(&group);
        }
    }
    assert_int_equal(desk->port.commit(desk->port.context), ERR_OK);
}

static struct cell_report next_report(struct desk *desk, uint32_t link)
{
    struct cell_report report = {0};
    for (unsigned i = 0; i < 5; i++) {
        const struct heard *heard = desk_find(desk, link, SAY_REPORT);
        if (heard != NULL && report_decode(span_of_buffer(&heard->body), &report, NULL) == ERR_OK)
            return report;
        desk_wait(desk, 60 * 1000);
    }
    fail_msg("no report");
    return report;
}

static size_t bytes_of(const struct cell_report *report, const struct cell_report *but)
{
    size_t bytes = 0;
    for (size_t i = 0; i < report->part_count; i++) {
        bool known = false;
        for (size_t j = 0; but != NULL && j < but->part_count; j++)
            known = known || hash_equal(&report->parts[i].name, &but->parts[j].name);
        bytes += known ? 0 : report->parts[i].bytes;
    }
    return bytes;
}

static size_t cells_in(const struct cell_report *report)
{
    size_t cells = 0;
    for (size_t i = 0; i < report->part_count; i++)
        cells += report->parts[i].cells;
    return cells;
}

/* The parent has all of it: the next one may be signed. */
static void say_through(struct desk *desk, uint32_t link, const struct cell_report *report)
{
    struct buffer body = {0};
    mp_write_array(&body, 5);
    mp_write_bin(&body, SPAN_OF_ARRAY(report->head.signer.bytes));
    mp_write_uint(&body, report->head.epoch);
    mp_write_uint(&body, report->head.k);
    mp_write_bool(&body, false);
    mp_write_array(&body, 0);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_PARTS_WANTED, &body);
    assert_int_equal(desk_run(desk), ERR_OK);
}

static void three_years_of_a_village_fit(void **state)
{
    (void)state;
    struct schema *schema = load_types();
    struct desk *desk = desk_new(SEAT_T1, NULL);
    size_t cells = 0, rollups = 0;
    desk->port.begin(desk->port.context);
    for (size_t i = 0; i < schema->type_count; i++) {
        for (size_t j = 0; j < schema->types[i].rollup_count; j++, rollups++)
            cells += put_rollup(desk, &schema->types[i], &schema->types[i].rollups[j], 0);
    }
    assert_int_equal(desk->port.commit(desk->port.context), ERR_OK);
    assert_true(rollups >= ROLLUPS_LEAST);
    uint32_t link = desk_live(desk, SEAT_C);
    struct cell_report first = next_report(desk, link);
    print_message("%zu roll-ups: %zu figures, %zu bytes in %zu parts\n", rollups, cells,
                  bytes_of(&first, NULL), first.part_count);
    assert_in_range(cells_in(&first), cells, REPORT_PARTED_CELLS_MAX);
    assert_true(bytes_of(&first, NULL) <= REPORT_BYTES_MAX);
    assert_true(first.part_count <= REPORT_PARTS_MAX);
    assert_int_equal(replica_alarm_count(drive_replica(desk->drive)), 0);

    say_through(desk, link, &first);
    work_a_day(desk, schema);
    desk_put(desk, "incident", "a");
    struct cell_report second = next_report(desk, link);
    size_t again = bytes_of(&second, &first);
    print_message("a day that touches each of them: %zu bytes go again\n", again);
    assert_in_range(again, 1, bytes_of(&second, NULL) / 2);
    assert_in_range(cells_in(&second), cells, REPORT_PARTED_CELLS_MAX);
    report_free(&first);
    report_free(&second);
    desk_free(desk);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(three_years_of_a_village_fit)};
    return crypto_start() ? cmocka_run_group_tests_name("figures_fit", tests, NULL, NULL) : 1;
}
