/* Roll-ups: the language with its faults, what is for life, what one record gives; and cells under
 * drawn records against a naive count of them all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/rows/rollup_cells.h"
#include "schema/change.h"

static struct error error;

#define HEAD                                                                                       \
    "version: 1\n"                                                                                 \
    "types:\n"                                                                                     \
    "  case:\n"                                                                                    \
    "    number: 5\n"                                                                              \
    "    closed_by: open=no\n"                                                                     \
    "    companion: {number: 6}\n"                                                                 \
    "    fields:\n"                                                                                \
    "      kind: {number: 1, kind: enum, choices: [fire, flood, road]}\n"                          \
    "      people: {number: 2, kind: integer}\n"                                                   \
    "      cost: {number: 3, kind: decimal, scale: 2}\n"                                           \
    "      day: {number: 4, kind: date}\n"                                                         \
    "      phone: {number: 7, kind: text, private: true}\n"                                        \
    "      online: {number: 8, kind: boolean}\n"                                                   \
    "      open: {number: 9, kind: text, length_max: 8}\n"                                         \
    "      name: {number: 10, kind: text, personal: true, length_max: 8}\n"                        \
    "      calls: {number: 11, kind: counter}\n"                                                   \
    "      long: {number: 12, kind: text}\n"                                                       \
    "    rollups:\n"
#define BODY                                                                                       \
    "      by_kind: {number: 16, kind: count, by: [kind], label: {en: By kind, zh: 按类别}}\n"  \
    "      money: {number: 17, kind: sum, of: cost, period: month, at: day}\n"                     \
    "      least: {number: 18, kind: min, of: people, by: [kind, online]}\n"                       \
    "      most: {number: 19, kind: max, of: day}\n"                                               \
    "      mean: {number: 20, kind: average, of: people, where: {_closed: false}}\n"               \
    "      lit: {number: 21, kind: ratio, part: {online: true}, where: {kind: [fire, road]}}\n"    \
    "      words: {number: 22, kind: distinct, of: open, limit: 2, by: kind, period: year}\n"      \
    "      calls_by_day: {number: 23, kind: sum, of: calls, period: day, offset: 480}\n"

static struct schema_source *compile(const char *text)
{
    error_clear(&error);
    return schema_compile(span_of_text(text), "t.yaml", &error);
}

static struct schema *load_source(const struct schema_source *source)
{
    struct span rows[TYPES_MAX];
    for (size_t i = 0; i < source->row_count; i++)
        rows[i] = span_of_buffer(&source->rows[i]);
    struct schema *schema = schema_load_labelled(source->version, rows, source->row_count, &error);
    if (schema == NULL)
        fail_msg("%s: %s", error.what, error.why);
    return schema;
}

static struct schema *load(const char *text)
{
    struct schema_source *source = compile(text);
    if (source == NULL)
        fail_msg("%s: %s (%s)", error.what, error.why, error.next);
    struct schema *schema = load_source(source);
    schema_source_free(source);
    return schema;
}

static void compiles_and_shows(void **state)
{
    struct schema *schema = load(HEAD BODY);
    const struct record_type *type = NULL;
    struct buffer yaml = {0};
    (void)state;
    const struct rollup *words = schema_rollup_named(schema, span_of_text("words"), &type);
    assert_non_null(words);
    assert_int_equal(type->number, 5);
    assert_int_equal(type->rollup_count, 8);
    assert_int_equal(words->limit, 2);
    assert_int_equal(words->period, PERIOD_YEAR);
    assert_string_equal(schema_rollup(schema, 16, NULL)->labels.at[1].text, "按类别");
    schema_show(schema, &yaml);
    buffer_append_byte(&yaml, 0);
    struct schema *again = load((const char *)yaml.data);
    for (size_t i = 0; i < 8; i++)
        assert_true(
            rollup_same(&schema_type(schema, 5)->rollups[i], &schema_type(again, 5)->rollups[i]));
    schema_free(again);
    buffer_free(&yaml);
    schema_free(schema);
}

static void faults_have_places(void **state)
{
    static const struct {
        const char *line, *says;
    } faults[] = {
        {"      a: {number: 15, kind: count}\n", "16"},
        {"      a: {number: 16, kind: cuont}\n", "cuont"},
        {"      a: {number: 16, kind: sum}\n", "\"of\""},
        {"      a: {number: 16, kind: count, of: people}\n", "\"of\""},
        {"      a: {number: 16, kind: sum, of: poeple}\n", "poeple"},
        {"      a: {number: 16, kind: sum, of: kind}\n", "kind enum"},
        {"      a: {number: 16, kind: count, by: [phone]}\n", "isn't private"},
        {"      a: {number: 16, kind: count, by: [name]}\n", "a person's data"},
        {"      a: {number: 16, kind: distinct, of: name, limit: 5}\n", "a person's data"},
        {"      a: {number: 16, kind: distinct, of: open}\n", "limit"},
        {"      a: {number: 16, kind: count, by: [long]}\n", "groups are made by"},
        {"      a: {number: 16, kind: count, by: [kind, people, day, online]}\n", "at most 3"},
        {"      a: {number: 16, kind: count, where: {kind: fier}}\n", "fier"},
        {"      a: {number: 16, kind: count, where: {phone: 1}}\n", "private"},
        {"      a: {number: 16, kind: count, where: {_overdue: true}}\n", "workflow"},
        {"      a: {number: 16, kind: count, where: {_late: true}}\n", "_late"},
        {"      a: {number: 16, kind: ratio}\n", "\"part\""},
        {"      a: {number: 16, kind: count, period: week}\n", "week"},
        {"      a: {number: 16, kind: count, at: day}\n", "go with \"period\""},
        {"      a: {number: 16, kind: count, period: day, at: people}\n", "a date or a time"},
        {"      a: {number: 16, kind: count, period: day, offset: 900}\n", "-840 to 840"},
        {"      records: {number: 16, kind: count}\n", "every node has"},
        {"      a: {number: 16, kind: count}\n      b: {number: 16, kind: count}\n", "already"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        char text[4096];
        snprintf(text, sizeof text, "%s%s", HEAD, faults[i].line);
        struct schema_source *source = compile(text);
        if (source != NULL)
            fail_msg("%s is taken", faults[i].line);
        if (strstr(error.what, "t.yaml:1") == NULL && strstr(error.what, "t.yaml:2") == NULL)
            fail_msg("%s: at %s", faults[i].line, error.what);
        if (strstr(error.why, faults[i].says) == NULL && strstr(error.next, faults[i].says) == NULL)
            fail_msg("%s: %s (%s)", faults[i].line, error.why, error.next);
    }
}

static size_t refused_by(const char *before_text, const char *after_text)
{
    struct schema *before = load(before_text), *after = load(after_text);
    struct schema_changes changes = {0};
    schema_compare(before, after, &changes);
    size_t refused = changes.refused;
    schema_changes_free(&changes);
    schema_free(before);
    schema_free(after);
    return refused;
}

static void a_number_means_the_same_for_life(void **state)
{
    static const char first[] = HEAD "      a: {number: 16, kind: count, by: [kind]}\n";
    (void)state;
    assert_int_equal(refused_by(first, HEAD "      a: {number: 16, kind: count}\n"), 1);
    assert_int_equal(refused_by(first, HEAD "      a: {number: 16, kind: count, by: [kind], "
                                            "where: {online: true}}\n"),
                     1);
    assert_int_equal(refused_by(first, HEAD "      b: {number: 16, kind: count, by: [kind], "
                                            "label: 新}\n"),
                     0);
    assert_int_equal(refused_by(first, HEAD "      b: {number: 17, kind: count}\n"), 0);

    struct schema *before = load(first);
    char text[4096];
    snprintf(text, sizeof text, "%s      b: {number: 17, kind: count}\n", HEAD);
    memcpy(text, "version: 2", 10);
    struct schema_source *written = compile(text);
    struct schema_source *next = schema_succeed(before, written, &error);
    struct schema *after = load_source(next);
    assert_int_equal(schema_type(after, 5)->rollup_count, 2);
    assert_true(schema_rollup(after, 16, NULL)->ended);
    assert_false(schema_rollup(after, 17, NULL)->ended);
    schema_free(after);
    schema_source_free(next);
    schema_source_free(written);
    schema_free(before);
}

/* Figures by a field that follows from others are counted anew when what it follows from changes,
 * though the roll-up is the same. */
static void what_a_field_follows_from_is_part_of_what_is_counted(void **state)
{
    static const char types[] = "version: 1\n"
                                "types:\n"
                                "  sheet:\n"
                                "    number: 5\n"
                                "    fields:\n"
                                "      a: {number: 1, kind: integer}\n"
                                "      b: {number: 2, kind: integer}\n"
                                "      mean: {number: 3, kind: integer, weighted: {a: %s, b: 1}}\n"
                                "      level: {number: 4, kind: enum, choices: [high, low],\n"
                                "        band: {of: mean, from: {high: %s, low: 0}}}\n"
                                "    rollups:\n"
                                "      by: {number: 16, kind: count, by: [level]}\n"
                                "      high: {number: 17, kind: count, where: {level: high}}\n"
                                "      sum: {number: 18, kind: sum, of: mean}\n"
                                "      share: {number: 19, kind: ratio, part: {level: low}}\n"
                                "      plain: {number: 20, kind: sum, of: a}\n";
    static const char *const drawn[][2] = {{"1", "80"}, {"1", "80"}, {"2", "80"}, {"1", "90"}};
    struct schema *schemas[4];
    int64_t prints[4][5];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char text[2048];
        snprintf(text, sizeof text, types, drawn[i][0], drawn[i][1]);
        schemas[i] = load(text);
        const struct record_type *type = schema_type(schemas[i], 5);
        for (size_t k = 0; k < 5; k++)
            prints[i][k] = rollup_fingerprint(&type->rollups[k], type);
    }
    for (size_t k = 0; k < 5; k++) {
        assert_true(rollup_same(&schema_type(schemas[0], 5)->rollups[k],
                                &schema_type(schemas[2], 5)->rollups[k]));
        assert_true(prints[0][k] == prints[1][k]);
        assert_int_equal(prints[0][k] != prints[2][k], k < 4);           /* weights */
        assert_int_equal(prints[0][k] != prints[3][k], k < 4 && k != 2); /* bands */
    }
    for (size_t i = 0; i < 4; i++)
        schema_free(schemas[i]);
}

static void periods_are_those_of_the_calendar(void **state)
{
    struct rollup rollup = {.period = PERIOD_MONTH};
    char text[32];
    (void)state;
    int64_t leap = INT64_C(951782400000); /* 2000-02-29T00:00Z */
    rollup_period_text(&rollup, rollup_period_of(&rollup, leap), text);
    assert_string_equal(text, "2000-02");
    assert_int_equal(rollup_period_end_ms(&rollup, rollup_period_of(&rollup, leap)),
                     INT64_C(951868800000));
    rollup.period = PERIOD_DAY;
    rollup.offset = 480;
    rollup_period_text(&rollup, rollup_period_of(&rollup, leap - 1), text);
    assert_string_equal(text, "2000-02-29"); /* eight o'clock in China */
    assert_int_equal(rollup_period_end_ms(&rollup, rollup_period_of(&rollup, leap)),
                     leap + 16 * 3600 * 1000);
    rollup_period_text(&rollup, rollup_period_of(&rollup, -1), text);
    assert_string_equal(text, "1970-01-01");
    rollup.offset = 0;
    rollup_period_text(&rollup, rollup_period_of(&rollup, -1), text);
    assert_string_equal(text, "1969-12-31");
    rollup.period = PERIOD_YEAR;
    rollup_period_text(&rollup, rollup_period_of(&rollup, -1), text);
    assert_string_equal(text, "1969");
    for (int64_t day = -200000; day < 200000; day += 77) {
        rollup.period = PERIOD_MONTH;
        int32_t month = rollup_period_of(&rollup, day * 86400000);
        assert_true(rollup_period_end_ms(&rollup, month) > day * 86400000);
        assert_true(rollup_period_end_ms(&rollup, month - 1) <= day * 86400000);
    }
}

/* ---- cells against a naive count ---- */

enum { RECORDS = 24, CHANGES = 4000, KINDS = 4, PEOPLE = 5, LIMIT = 3 };

struct drawn {
    bool there;
    unsigned kind, people; /* 0: not given */
    bool online;
};

static uint64_t draw_state;

static unsigned below(unsigned count)
{
    draw_state = draw_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(draw_state >> 33) % count;
}

static enum read_answer get_nothing(void *context, enum table table, struct span key,
                                    struct span *value)
{
    (void)context, (void)table, (void)key, (void)value;
    return READ_ABSENT;
}

static enum read_answer find_nothing(void *context, enum table table, struct span from,
                                     struct span *key, struct span *value)
{
    (void)context, (void)table, (void)from, (void)key, (void)value;
    return READ_ABSENT;
}

static void share_of(enum rollup_kind kind, const struct drawn *drawn, struct rollup_share *share)
{
    *share = (struct rollup_share){0};
    bool valued = kind != ROLL_COUNT && kind != ROLL_RATIO;
    if (!drawn->there || (valued && drawn->people == 0))
        return;
    share->there = true;
    mp_write_uint(&share->group, drawn->kind);
    share->group_count = 1;
    int64_t value = (int64_t)drawn->people * 1000 - 2500;
    share->value_count = kind == ROLL_AVERAGE || kind == ROLL_RATIO ? 2 : 1;
    share->values[0] = kind == ROLL_COUNT ? 1 : kind == ROLL_RATIO ? drawn->online : value;
    share->values[1] = 1;
    if (kind == ROLL_MIN || kind == ROLL_MAX) {
        uint8_t bytes[8];
        write_u64(bytes, (uint64_t)value ^ (uint64_t)1 << 63);
        mp_write_bin(&share->value, SPAN_OF_ARRAY(bytes));
    } else if (kind == ROLL_DISTINCT) {
        mp_write_int(&share->value, value);
    }
}

static bool read_cell(const struct cell_desk *desk, struct cell *cell)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct span row;
    struct key_id origin;
    uint64_t report;
    size_t size = cell_key(key, cell, desk->own);
    return desk->view->get(desk->view->context, TABLE_CELLS, SPAN(key, size), &row) == READ_FOUND &&
           cell_parse(SPAN(key, size), row, cell, &origin, &report);
}

static void compare_kind(const struct cell_desk *desk, const struct rollup *rollup,
                         const struct drawn *records, unsigned kind)
{
    int64_t values[2] = {0}, tally[PEOPLE + 1] = {0};
    unsigned count = 0, distinct = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        struct rollup_share share;
        if (records[i].kind == kind) {
            share_of(rollup->kind, &records[i], &share);
            bool less = rollup->kind == ROLL_MIN && share.values[0] < values[0];
            bool more = rollup->kind == ROLL_MAX && share.values[0] > values[0];
            if (share.there && (rollup->kind == ROLL_MIN || rollup->kind == ROLL_MAX))
                values[0] = count == 0 || less || more ? share.values[0] : values[0];
            else if (share.there)
                values[0] += share.values[0], values[1] += share.values[1];
            count += share.there;
            distinct += share.there && tally[records[i].people]++ == 0;
            rollup_share_free(&share);
        }
    }
    struct buffer group = {0};
    mp_write_array(&group, 1);
    mp_write_uint(&group, kind);
    struct cell cell = {.rollup = rollup->number, .group = span_of_buffer(&group)};
    bool there = read_cell(desk, &cell);
    bool zero = values[0] == 0 && (rollup->kind == ROLL_SUM || count == 0);
    if (rollup->kind == ROLL_DISTINCT) {
        assert_int_equal(there ? cell.values[0] : 0, distinct);
    } else if (count == 0 || zero) {
        assert_true(!there || cell.values[0] == 0);
    } else {
        assert_true(there);
        assert_int_equal(cell.values[0], values[0]);
        if (cell.value_count == 2)
            assert_int_equal(cell.values[1], values[1]);
    }
    buffer_free(&group);
    for (unsigned people = 1; rollup->kind == ROLL_DISTINCT && people < PEOPLE; people++) {
        struct buffer told = {0};
        mp_write_array(&told, 2);
        mp_write_uint(&told, kind);
        mp_write_int(&told, (int64_t)people * 1000 - 2500);
        struct cell value = {.rollup = rollup->number, .group = span_of_buffer(&told)};
        assert_int_equal(read_cell(desk, &value), distinct <= LIMIT && tally[people] > 0);
        buffer_free(&told);
    }
}

static void cells_are_the_naive_count(void **state)
{
    static const struct view nothing = {
        .get = get_nothing, .next = find_nothing, .previous = find_nothing};
    (void)state;
    for (unsigned kind = 0; kind < ROLL_KIND_COUNT; kind++) {
        struct rollup rollup = {.number = (uint16_t)(16 + kind),
                                .kind = (enum rollup_kind)kind,
                                .limit = kind == ROLL_DISTINCT ? LIMIT : 0};
        struct drawn records[RECORDS] = {{0}};
        struct updates *updates = updates_new();
        updates_begin(updates, &nothing);
        struct cell_desk desk = {.view = updates_view(updates), .updates = updates};
        struct cell_whose whose = {.here = true};
        draw_state = kind + 1;
        for (unsigned i = 0; i < CHANGES; i++) {
            struct drawn *record = &records[below(RECORDS)];
            struct rollup_share before, after;
            share_of(rollup.kind, record, &before);
            *record = (struct drawn){below(4) > 0, below(KINDS), below(PEOPLE), below(2) == 0};
            share_of(rollup.kind, record, &after);
            if (before.there)
                rollup_cells_put(&desk, &rollup, &whose, &before, -1);
            if (after.there)
                rollup_cells_put(&desk, &rollup, &whose, &after, 1);
            rollup_share_free(&before);
            rollup_share_free(&after);
            for (unsigned one = 0; one < KINDS && i % 16 == 0; one++)
                compare_kind(&desk, &rollup, records, one);
        }
        updates_free(updates);
    }
}

static void a_sum_beyond_its_bounds_is_flagged(void **state)
{
    static const struct view nothing = {
        .get = get_nothing, .next = find_nothing, .previous = find_nothing};
    struct updates *updates = updates_new();
    (void)state;
    updates_begin(updates, &nothing);
    struct cell_desk desk = {.view = updates_view(updates), .updates = updates};
    struct rollup rollup = {.number = 16, .kind = ROLL_SUM};
    struct rollup_share share = {.there = true, .value_count = 1, .values = {INT64_MAX}};
    struct buffer group = {0};
    mp_write_array(&group, 0);
    struct cell cell = {.rollup = 16, .group = span_of_buffer(&group)};
    rollup_cells_put(&desk, &rollup, &(struct cell_whose){.here = true}, &share, 1);
    assert_true(read_cell(&desk, &cell));
    assert_int_equal(cell.value_count, 1);
    rollup_cells_put(&desk, &rollup, &(struct cell_whose){.here = true}, &share, 1);
    cell.group = span_of_buffer(&group);
    assert_true(read_cell(&desk, &cell));
    assert_int_equal(cell.value_count, 2); /* one more than a sum has: it says so */
    assert_int_equal(cell.values[0], INT64_MAX);
    buffer_free(&group);
    updates_free(updates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiles_and_shows),
        cmocka_unit_test(faults_have_places),
        cmocka_unit_test(a_number_means_the_same_for_life),
        cmocka_unit_test(what_a_field_follows_from_is_part_of_what_is_counted),
        cmocka_unit_test(periods_are_those_of_the_calendar),
        cmocka_unit_test(cells_are_the_naive_count),
        cmocka_unit_test(a_sum_beyond_its_bounds_is_flagged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
