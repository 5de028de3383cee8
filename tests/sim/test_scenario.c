/* Scenario files: what is written is read back, and each mistake is told where it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/scenario/fields.h"
#include "sim/world/prng.h"

/* ---- quantities ---- */

static void test_units(void **state)
{
    static const struct {
        enum unit unit;
        const char *text;
        uint64_t low, high;
    } rows[] = {
        {UNIT_TIME, "250 ms", 250, 250},
        {UNIT_TIME, "1.5 h", 5400000, 5400000},
        {UNIT_TIME, "30 days", 2592000000, 2592000000},
        {UNIT_TIME, "10 min - 2 h", 600000, 7200000},
        {UNIT_TIME, "5-20min", 300000, 1200000},
        {UNIT_TIME, "0-50 ms", 0, 50},
        {UNIT_TIME, "0", 0, 0},
        {UNIT_RATE, "16 kbit/s", 2000, 2000},
        {UNIT_RATE, "9600 bit/s", 1200, 1200},
        {UNIT_RATE, "2 Mbit/s", 250000, 250000},
        {UNIT_SIZE, "64 KiB", 65536, 65536},
        {UNIT_SIZE_A_DAY, "5 MB a day", 5000000, 5000000},
        {UNIT_PERMILLE, "10 %", 100, 100},
        {UNIT_PERMILLE, "0.1 %", 1, 1},
        {UNIT_OFTEN, "0.5 a day", 500, 500},
        {UNIT_OFTEN, "1 an hour", 24000, 24000},
        {UNIT_COUNT_A_DAY, "5-50 a day", 5, 50},
        {UNIT_DAYTIME, "08:00-18:00", 480, 1080},
        {UNIT_DAYTIME, "22:00-06:00", 1320, 360},
        {UNIT_MOMENT, "1970-01-01", 0, 0},
        {UNIT_MOMENT, "2026-03-02 08:00", 1772438400000, 1772438400000},
        {UNIT_MOMENT, "2024-02-29 23:59:59.999", 1709251199999, 1709251199999},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t low = 0, high = 0, again_low, again_high;
        const char *meant;
        struct span text = span_of_text(rows[i].text);
        bool is_moment = rows[i].unit == UNIT_MOMENT;
        bool read = is_moment ? unit_read(rows[i].unit, text, &low, &meant)
                              : unit_read_range(rows[i].unit, text, &low, &high, &meant);
        high = is_moment ? low : high;
        if (!read || low != rows[i].low || high != rows[i].high)
            fail_msg("%s: %llu %llu", rows[i].text, (unsigned long long)low,
                     (unsigned long long)high);
        struct buffer printed = {0};
        unit_print_range(rows[i].unit, low, high, &printed);
        read = is_moment ? unit_read(rows[i].unit, span_of_buffer(&printed), &again_low, &meant)
                         : unit_read_range(rows[i].unit, span_of_buffer(&printed), &again_low,
                                           &again_high, &meant);
        again_high = is_moment ? again_low : again_high;
        if (!read || again_low != low || again_high != high)
            fail_msg("%s was printed as %.*s", rows[i].text, (int)printed.size,
                     (const char *)printed.data);
        buffer_free(&printed);
    }
}

static void test_units_refused(void **state)
{
    static const struct {
        enum unit unit;
        const char *text;
    } rows[] = {
        {UNIT_TIME, "5"},
        {UNIT_TIME, "h"},
        {UNIT_TIME, "5 hh"},
        {UNIT_TIME, "2-1 h"},
        {UNIT_TIME, "1.2345 s"},
        {UNIT_TIME, "1.5 ms"},
        {UNIT_TIME, "-5 h"},
        {UNIT_RATE, "5 kbit"},
        {UNIT_PERMILLE, "10"},
        {UNIT_PERMILLE, "0.01 %"},
        {UNIT_DAYTIME, "24:01"},
        {UNIT_DAYTIME, "8:00"},
        {UNIT_MOMENT, "2026-02-30"},
        {UNIT_MOMENT, "1969-12-31"},
        {UNIT_TIME, "99999999999999999999 days"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t low, high;
        const char *meant;
        if (rows[i].unit == UNIT_MOMENT
                ? unit_read(rows[i].unit, span_of_text(rows[i].text), &low, &meant)
                : unit_read_range(rows[i].unit, span_of_text(rows[i].text), &low, &high, &meant))
            fail_msg("%s was taken", rows[i].text);
    }
}

/* ---- there and back ---- */

static uint64_t draw_number(struct prng *prng, uint64_t min, uint64_t max)
{
    static const uint64_t rounds[] = {1, 1, 10, 60, 1000, 60000, 3600000, 86400000};
    uint64_t most = prng_chance(prng, 500) && max > min + 1000 ? min + 1000 : max;
    uint64_t value = prng_between(prng, min, most);
    uint64_t round = rounds[prng_below(prng, sizeof rounds / sizeof *rounds)];
    uint64_t rounded = value / round * round;
    return rounded >= min ? rounded : value;
}

static void put_number(void *target, size_t offset, size_t width, uint64_t value)
{
    uint32_t small = (uint32_t)value;
    memcpy((uint8_t *)target + offset, width == 8 ? (void *)&value : (void *)&small, width);
}

static void draw_fields(struct prng *prng, const struct scenario_field *fields, void *target)
{
    for (const struct scenario_field *field = fields; field->key != NULL; field++) {
        bool flag = prng_chance(prng, 500);
        uint64_t most = field->max > SCENARIO_SIZE_MAX * 4 ? SCENARIO_SIZE_MAX * 4 : field->max;
        uint64_t low = draw_number(prng, field->min, most), high = draw_number(prng, low, most);
        if (prng_chance(prng, 400))
            continue;
        switch (field->form) {
        case FORM_ONE: put_number(target, field->offset, field->width, low); break;
        case FORM_RANGE:
            put_number(target, field->offset, field->width, low);
            put_number(target, field->offset2, field->width, high);
            break;
        case FORM_SIGNED:
            put_number(target, field->offset, field->width, flag ? low : (uint64_t) - (int64_t)low);
            break;
        case FORM_FLAG: memcpy((uint8_t *)target + field->offset, &flag, sizeof flag); break;
        case FORM_NAME: break;
        }
    }
}

static void draw_selector(struct prng *prng, const struct scenario *scenario,
                          struct selector *selector)
{
    const struct tree_rule *tree = &scenario->tree;
    if (prng_chance(prng, 300))
        memcpy(selector->tier, tree->texts[3 * prng_below(prng, tree->row_count) + 1],
               sizeof selector->tier);
    if (prng_chance(prng, 300))
        memcpy(selector->under, tree->texts[3 * prng_below(prng, tree->row_count)],
               sizeof selector->under);
    if (prng_chance(prng, 300)) {
        selector->seat_count = prng_between(prng, 1, 3);
        selector->seats = mem_alloc(selector->seat_count * sizeof *selector->seats);
        for (size_t i = 0; i < selector->seat_count; i++)
            memcpy(selector->seats[i], tree->texts[3 * prng_below(prng, tree->row_count)],
                   sizeof *selector->seats);
    }
    selector->share_permille = prng_chance(prng, 300) ? (uint32_t)prng_between(prng, 1, 1000) : 0;
    selector->count = prng_chance(prng, 300) ? (uint32_t)prng_between(prng, 1, 9) : 0;
}

static void draw_fault(struct prng *prng, const struct scenario *scenario, struct fault *fault)
{
    fault->kind = (enum fault_kind)prng_below(prng, FAULT_KINDS);
    fault->mischief = MISCHIEF_COUNT;
    fault->ways = WAY_BOTH;
    draw_selector(prng, scenario, &fault->who);
    draw_fields(prng, occasion_fields, &fault->when);
    if (fault->when.every.high > 0)
        fault->when.per_day_milli = 0;
    if (fault->kind == FAULT_HALF_OPEN)
        fault->ways = (enum way)prng_between(prng, WAY_UP, WAY_BOTH);
    if (fault->kind == FAULT_LINK)
        draw_fields(prng, link_fields, &fault->link);
    if (fault->kind == FAULT_DISK)
        draw_fields(prng, disk_fields, &fault->disk);
    if (fault->kind == FAULT_CLOCK)
        draw_fields(prng, clock_fields, &fault->clock);
    if (fault->kind == FAULT_CONDUCT)
        draw_fields(prng, conduct_fields, &fault->conduct);
    if (fault->kind == FAULT_POINT)
        fault->point = (enum fault_point)prng_below(prng, FAULT_POINT_COUNT);
    if (fault->kind == FAULT_INJECT)
        fault->mischief = (enum mischief)prng_below(prng, MISCHIEF_COUNT + 1);
    if (fault->kind == FAULT_MOVE)
        memcpy(fault->to, scenario->tree.texts[0], sizeof fault->to);
    if (fault->kind == FAULT_RESTORE) {
        fault->age = draw_number(prng, 1, SCENARIO_MS_MAX);
        fault->keeps_high_water = prng_chance(prng, 500);
    }
}

static void draw_rules(struct prng *prng, struct scenario *scenario)
{
    static const char *const types[] = {"mediation", "incident", "directive",
                                        "survey",    "matter",   "case"};
    scenario->link_count = prng_below(prng, 4);
    scenario->work_count = prng_below(prng, 4);
    scenario->fault_count = prng_below(prng, 8);
    scenario->expectation_count = prng_below(prng, 4);
    scenario->links = mem_alloc((scenario->link_count + 1) * sizeof *scenario->links);
    scenario->works = mem_alloc((scenario->work_count + 1) * sizeof *scenario->works);
    scenario->faults = mem_alloc((scenario->fault_count + 1) * sizeof *scenario->faults);
    scenario->expectations =
        mem_alloc((scenario->expectation_count + 1) * sizeof *scenario->expectations);
    for (size_t i = 0; i < scenario->link_count; i++) {
        scenario->links[i].profile = scenario->link;
        draw_selector(prng, scenario, &scenario->links[i].who);
        draw_fields(prng, link_fields, &scenario->links[i].profile);
    }
    for (size_t i = 0; i < scenario->work_count; i++) {
        struct work *work = &scenario->works[i];
        draw_selector(prng, scenario, &work->who);
        draw_fields(prng, work_fields, work);
        snprintf(work->type, sizeof work->type, "%s", types[prng_below(prng, 6)]);
        work->total = prng_chance(prng, 500) ? prng_between(prng, 1, 1000) : 0;
        work->per_day.low = work->total > 0 ? 0 : prng_below(prng, 5);
        work->per_day.high = work->total > 0 ? 0 : prng_between(prng, 5, 50);
    }
    for (size_t i = 0; i < scenario->fault_count; i++)
        draw_fault(prng, scenario, &scenario->faults[i]);
    for (size_t i = 0; i < scenario->expectation_count; i++) {
        draw_selector(prng, scenario, &scenario->expectations[i].who);
        scenario->expectations[i].kind = (enum expectation_kind)prng_below(prng, EXPECTATION_KINDS);
        scenario->expectations[i].limit = draw_number(prng, 0, SCENARIO_SIZE_MAX);
    }
}

static struct scenario *draw_scenario(uint64_t seed)
{
    static const char *const texts[] = {NULL, "plain", "a: \"colon\"\tand\nlines \\ #", "半开连接"};
    struct prng prng;
    struct scenario *scenario = mem_alloc(sizeof *scenario);
    prng_seed(&prng, seed);
    scenario_usual(scenario);
    snprintf(scenario->name, sizeof scenario->name, "drawn-%u", (unsigned)seed);
    const char *title = texts[prng_below(&prng, 4)], *because = texts[prng_below(&prng, 4)];
    scenario->title = title == NULL ? NULL : mem_text(title);
    scenario->because = because == NULL ? NULL : mem_text(because);
    scenario->seed = prng_next(&prng);
    draw_fields(&prng, scenario_fields, scenario);
    size_t seats = prng_between(&prng, 1, 9);
    scenario_add_seat(scenario, "A \"1\"", "top", NULL);
    for (size_t i = 1; i < seats; i++) {
        char code[16];
        snprintf(code, sizeof code, "B%u", (unsigned)i);
        scenario_add_seat(scenario, code, "low", "A \"1\"");
    }
    draw_fields(&prng, link_fields, &scenario->link);
    draw_fields(&prng, disk_fields, &scenario->disk);
    draw_fields(&prng, world_fields, &scenario->world);
    draw_fields(&prng, tuning_fields, &scenario->world.tuning);
    draw_rules(&prng, scenario);
    return scenario;
}

static void assert_written(const struct scenario *scenario, const struct buffer *expected)
{
    struct buffer yaml = {0};
    scenario_write(scenario, &yaml);
    if (!span_equal(span_of_buffer(&yaml), span_of_buffer(expected)))
        fail_msg("expected:\n%.*s\nfound:\n%.*s", (int)expected->size, (const char *)expected->data,
                 (int)yaml.size, (const char *)yaml.data);
    buffer_free(&yaml);
}

static void assert_same_selector(const struct selector *a, const struct selector *b)
{
    assert_string_equal(a->tier, b->tier);
    assert_string_equal(a->under, b->under);
    assert_int_equal(a->seat_count, b->seat_count);
    for (size_t i = 0; i < a->seat_count; i++)
        assert_string_equal(a->seats[i], b->seats[i]);
    assert_int_equal(a->share_permille, b->share_permille);
    assert_int_equal(a->count, b->count);
}

/* What the writer leaves out by mistake it would leave out twice: so the structs are compared. */
static void assert_same(const struct scenario *a, const struct scenario *b)
{
    assert_true(a->seed == b->seed && fields_equal(scenario_fields, a, b));
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->title == NULL ? "" : a->title, b->title == NULL ? "" : b->title);
    assert_string_equal(a->because == NULL ? "" : a->because, b->because == NULL ? "" : b->because);
    assert_true(fields_equal(link_fields, &a->link, &b->link));
    assert_true(fields_equal(disk_fields, &a->disk, &b->disk));
    assert_true(fields_equal(world_fields, &a->world, &b->world));
    assert_true(fields_equal(tuning_fields, &a->world.tuning, &b->world.tuning));
    assert_int_equal(a->tree.row_count, b->tree.row_count);
    assert_int_equal(a->link_count, b->link_count);
    assert_int_equal(a->work_count, b->work_count);
    assert_int_equal(a->fault_count, b->fault_count);
    assert_int_equal(a->expectation_count, b->expectation_count);
    for (size_t i = 0; i < a->link_count; i++) {
        assert_same_selector(&a->links[i].who, &b->links[i].who);
        assert_true(fields_equal(link_fields, &a->links[i].profile, &b->links[i].profile));
    }
    for (size_t i = 0; i < a->work_count; i++) {
        assert_same_selector(&a->works[i].who, &b->works[i].who);
        assert_true(fields_equal(work_fields, &a->works[i], &b->works[i]));
        assert_string_equal(a->works[i].type, b->works[i].type);
    }
    for (size_t i = 0; i < a->fault_count; i++) {
        const struct fault *x = &a->faults[i], *y = &b->faults[i];
        assert_same_selector(&x->who, &y->who);
        assert_true(x->kind == y->kind && x->ways == y->ways && x->point == y->point &&
                    x->mischief == y->mischief && x->age == y->age &&
                    x->keeps_high_water == y->keeps_high_water);
        assert_true(fields_equal(occasion_fields, &x->when, &y->when));
        assert_true(fields_equal(link_fields, &x->link, &y->link));
        assert_true(fields_equal(disk_fields, &x->disk, &y->disk));
        assert_true(fields_equal(clock_fields, &x->clock, &y->clock));
        assert_true(fields_equal(conduct_fields, &x->conduct, &y->conduct));
    }
    for (size_t i = 0; i < a->expectation_count; i++) {
        assert_same_selector(&a->expectations[i].who, &b->expectations[i].who);
        assert_true(a->expectations[i].kind == b->expectations[i].kind &&
                    a->expectations[i].limit == b->expectations[i].limit);
    }
}

static void test_there_and_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct scenario *scenario = draw_scenario(seed);
        struct scenario *copy = scenario_copy(scenario);
        struct buffer yaml = {0};
        struct error error = {0};
        scenario_write(scenario, &yaml);
        struct scenario *again =
            scenario_read(span_of_buffer(&yaml), "drawn.yaml", NULL, NULL, &error);
        if (again == NULL)
            fail_msg("seed %llu: %s: %s\n%.*s", (unsigned long long)seed, error.what, error.why,
                     (int)yaml.size, (const char *)yaml.data);
        assert_same(scenario, again);
        assert_written(again, &yaml);
        scenario_free(scenario);
        assert_written(copy, &yaml); /* a copy borrows nothing */
        scenario_free(again);
        scenario_free(copy);
        buffer_free(&yaml);
    }
}

/* Every kind of step, and every thing to look at. */
static const char every_step[] =
    "tree: {shape: 1+1+2}\n"
    "steps:\n"
    "  - put: {record: r, at: 1.1.1, type: matter, to: 1.1.2, fields: {title: a, level: -3}}\n"
    "  - set: {record: r, at: 1.1.1, fields: {s: x, deleted: false}, clock: 12}\n"
    "  - do: {record: r, at: 1.1.1, step: attempt, fields: {notes: n}, refused: invalid}\n"
    "  - delete: {record: r, at: 1.1.2, refused: not_allowed}\n"
    "  - cut: all\n"
    "  - heal: [1.1, 1.1.1]\n"
    "  - together: [{kill: 1.1}, [{power-cut: 1.1.1}, run], {together: [types, run]}]\n"
    "  - start: all\n"
    "  - pause: 1.1\n"
    "  - resume: 1.1\n"
    "  - image: {at: 1.1.1, as: old}\n"
    "  - restore: {at: 1.1.1, image: old, whole: true}\n"
    "  - wipe: 1.1.2\n"
    "  - clone: {at: 1.1.1, as: twin}\n"
    "  - set: {record: r, at: twin, fields: {notes: n, calls: +4}}\n"
    "  - end-clone: twin\n"
    "  - clock: {at: 1.1, offset: -2 days}\n"
    "  - link: {at: 1.1, rate: 16 kbit/s}\n"
    "  - disk: {at: 1.1, lies: true}\n"
    "  - conduct: {at: 1.1, withhold: 100 %}\n"
    "  - half-open: {at: 1.1, ways: up}\n"
    "  - point: {at: 1.1, point: die-after-send}\n"
    "  - inject: {at: 1.1}\n"
    "  - run: 5 min\n"
    "  - wait: 90 days\n"
    "  - expect: {record: r, fields: {s: x, level: ~}, conflicts: [s=y, s=z], deleted: false,\n"
    "      present: true, operations: 2, epoch: 1, parked: 0, quarantined: 0, total: 3,\n"
    "      origins: 3 of 4, complete: {1.1: now}, missing: {1.1: 2}, refused: {forged: 1}}\n"
    "  - expect: {record: r, at: [1, 1.1], conflicts: [], void: [close], surplus: [notes 4]}\n";

static void test_steps(void **state)
{
    struct error error = {0};
    struct buffer first = {0}, second = {0};
    (void)state;
    struct scenario *scenario =
        scenario_read(span_of_text(every_step), "s.yaml", NULL, NULL, &error);
    if (scenario == NULL)
        fail_msg("%s: %s", error.what, error.why);
    assert_int_equal(scenario->steps.count, 27);
    assert_int_equal(scenario_orders(scenario), 12);
    assert_true(scenario->lasts_ms == (uint64_t)90 * 86400000 + 3600000);
    scenario_write(scenario, &first);
    struct scenario *copy = scenario_copy(scenario);
    scenario_free(scenario);
    assert_written(copy, &first);
    struct scenario *again = scenario_read(span_of_buffer(&first), "w.yaml", NULL, NULL, &error);
    if (again == NULL)
        fail_msg("%s: %s\n%.*s", error.what, error.why, (int)first.size, (char *)first.data);
    scenario_write(again, &second);
    assert_true(span_equal(span_of_buffer(&first), span_of_buffer(&second)));
    assert_int_equal(again->steps.count, copy->steps.count);
    for (size_t i = 0; i < copy->steps.count; i++) {
        const struct step *a = &copy->steps.steps[i], *b = &again->steps.steps[i];
        assert_true(a->kind == b->kind && a->at_count == b->at_count && a->ms == b->ms &&
                    a->has_clock == b->has_clock && a->whole == b->whole &&
                    a->pair_count == b->pair_count && a->member_count == b->member_count);
        assert_string_equal(a->name, b->name);
        assert_string_equal(a->to, b->to);
        assert_string_equal(a->refused, b->refused);
        for (size_t pair = 0; pair < a->pair_count; pair++) {
            assert_string_equal(a->pairs[pair].key, b->pairs[pair].key);
            assert_string_equal(a->pairs[pair].value, b->pairs[pair].value);
        }
    }
    scenario_free(again);
    scenario_free(copy);
    buffer_free(&first);
    buffer_free(&second);
}

/* ---- mistakes ---- */

#define TREE "tree: {shape: 1+2}\n"

struct mistake {
    const char *yaml;
    unsigned line, column;
    const char *says; /* a part of what, why or next */
};

static const struct mistake mistakes[] = {
    {"title: x\n", 1, 1, "\"tree\" is missing"},
    {"tre: {shape: 1+2}\n", 1, 1, "tree"},
    {"- a\n", 1, 1, "expected a scenario"},
    {"tree: {shape: 2+2}\n", 1, 15, "the root's 1 first"},
    {"tree: {shape: 1+2, seats: []}\n", 1, 7, "expected one of"},
    {"tree: {}\n", 1, 7, "expected one of"},
    {"tree: {file: none.csv}\n", 1, 14, "can't be read"},
    {"tree: {shape: 1+2, tiers: [a]}\n", 1, 27, "expected 2 names"},
    {"tree:\n  seats:\n    - {seat: A, tier: top}\n    - {seat: B, tier: low, parent: C}\n", 4, 7,
     "no tree"},
    {"tree:\n  seats:\n    - {seat: A}\n", 3, 7, "\"tier\" is missing"},
    {TREE "tuning: {credit: 64 kB}\n", 2, 18, "expected 131070 B"},
    {TREE "lasts: 2 hh\n", 2, 8, "did you mean 'h'"},
    {TREE "lasts: 5\n", 2, 8, "expected a time"},
    {TREE "lasts: 0\n", 2, 8, "expected 1 ms"},
    {TREE "lasts: {a: 1}\n", 2, 8, "found a map"},
    {TREE "begins: 2026-02-30\n", 2, 9, "a date and time"},
    {TREE "seed: -1\n", 2, 7, "whole number"},
    {TREE "link: {rate: 16 kbit}\n", 2, 14, "did you mean 'kbit/s'"},
    {TREE "link: {ratee: 1 B/s}\n", 2, 8, "rate"},
    {TREE "link: {loss: 2000 %}\n", 2, 14, "expected 0 to 100 %"},
    {TREE "link: {overtaking: maybe}\n", 2, 20, "true or false"},
    {TREE "link: {window: 8-18}\n", 2, 16, "hours of the day"},
    {TREE "disk: {sync: 9-2 ms}\n", 2, 14, "expected a time"},
    {TREE "work:\n  - {type: incidents, records: 5 a day}\n", 3, 12, "did you mean 'incident'"},
    {TREE "work:\n  - {type: incident}\n", 3, 5, "'records'"},
    {TREE "work:\n  - {records: 5, tier: county}\n", 3, 15, "expected a number a day"},
    {TREE "work:\n  - {records: 5 a day, tier: villages}\n", 3, 30, "no tier 'villages'"},
    {TREE "faults:\n  - {fault: cot}\n", 3, 13, "did you mean 'cut'"},
    {TREE "faults:\n  - {tier: county}\n", 3, 5, "\"fault\" is missing"},
    {TREE "faults:\n  - {fault: cut, seats: ['1.3']}\n", 3, 26, "did you mean '1.1'"},
    {TREE "faults:\n  - {fault: cut, seats: []}\n", 3, 25, "at least one"},
    {TREE "faults:\n  - {fault: cut, under: X9}\n", 3, 25, "no seat 'X9'"},
    {TREE "faults:\n  - {fault: cut, age: 3 h}\n", 3, 18, "age"},
    {TREE "faults:\n  - {fault: restore}\n", 3, 5, "\"age\" is missing"},
    {TREE "faults:\n  - {fault: point}\n", 3, 5, "\"point\" is missing"},
    {TREE "faults:\n  - {fault: point, point: die-in-comit}\n", 3, 27,
     "did you mean 'die-in-commit'"},
    {TREE "faults:\n  - {fault: half-open, ways: upp}\n", 3, 30, "did you mean 'up'"},
    {TREE "faults:\n  - {fault: link}\n", 3, 5, "\"link\" is missing"},
    {TREE "faults:\n  - {fault: cut, every: 1 h, often: 1 a day}\n", 3, 5, "not both"},
    {TREE "faults:\n  - {fault: cut, share: 0 %}\n", 3, 25, "expected 0.1 %"},
    {TREE "faults: {fault: cut}\n", 2, 9, "expected a list"},
    {TREE "faults:\n  - cut\n", 3, 5, "expected a map"},
    {TREE "expect:\n  - {equl: 2 h}\n", 3, 5, "equal"},
    {TREE "expect:\n  - {equal: 2 h, age: 1 day}\n", 3, 23, "one expectation"},
    {TREE "expect:\n  - {backlog: 2 h}\n", 3, 15, "expected a number"},
    {TREE "steps:\n  - rum\n", 3, 5, "did you mean 'run'"},
    {TREE "steps:\n  - {cot: all}\n", 3, 6, "cut"},
    {TREE "steps:\n  - {cut: '1.3'}\n", 3, 11, "no seat '1.3'"},
    {TREE "steps:\n  - {put: {at: '1.1'}}\n", 3, 11, "\"record\" is missing"},
    {TREE "steps:\n  - {set: {record: r}}\n", 3, 11, "\"at\" is missing"},
    {TREE "steps:\n  - {set: {record: r, at: '1.1', fields: {x: 1}}}\n", 3, 46, "no 'x'"},
    {TREE "steps:\n  - {set: {record: r, at: '1', fields: {level: a}}}\n", 3, 48, "whole number"},
    {TREE "steps:\n  - {set: {record: r, at: '1', refused: no}}\n", 3, 11, "name of an error"},
    {TREE "steps:\n  - {wait: 5}\n", 3, 12, "expected a time"},
    {TREE "steps:\n  - {together: [run]}\n", 3, 16, "2 to 8"},
    {TREE "steps:\n  - {expect: {fields: {s: x}}}\n", 3, 14, "\"record\" is missing"},
    {TREE "steps:\n  - {expect: {at: '1'}}\n", 3, 14, "nothing is expected"},
    {TREE "steps:\n  - {expect: {complete: {X: now}}}\n", 3, 29, "no seat 'X'"},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const struct mistake *row = &mistakes[i];
        struct error error = {0};
        struct scenario *scenario =
            scenario_read(span_of_text(row->yaml), "file.yaml", NULL, NULL, &error);
        char place[64];
        snprintf(place, sizeof place, "file.yaml:%u:%u", row->line, row->column);
        if (scenario != NULL)
            fail_msg("taken:\n%s", row->yaml);
        bool said = strstr(error.why, row->says) != NULL || strstr(error.next, row->says) != NULL;
        if (!said || strcmp(error.what, place) != 0 || error.next[0] == '\0')
            fail_msg("%s\nexpected %s ... %s\nfound %s: %s; %s", row->yaml, place, row->says,
                     error.what, error.why, error.next);
    }
}

/* ---- shapes and selectors ---- */

static void test_shape(void **state)
{
    struct error error = {0};
    (void)state;
    struct scenario *scenario =
        scenario_read(span_of_text("tree: {shape: 1+3+7}\n"), "s.yaml", NULL, NULL, &error);
    assert_non_null(scenario);
    struct county *county = scenario_county(scenario);
    assert_int_equal(county->seat_count, 11);
    size_t children[4] = {0};
    for (size_t i = 4; i < 11; i++)
        children[county->seats[i].parent]++;
    assert_int_equal(children[1] + children[2] + children[3], 7);
    for (size_t i = 1; i < 4; i++)
        assert_in_range(children[i], 2, 3);
    assert_int_equal(county_find(county, "1.1.1"), 4);
    struct selector selector = {.tier = "village", .under = "1.2"};
    size_t taken = 0;
    for (size_t i = 0; i < 11; i++)
        taken += selector_takes(&selector, scenario, county, i);
    assert_int_equal(taken, children[2]);
    county_free(county);
    scenario_free(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),          cmocka_unit_test(test_units_refused),
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_shape),          cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
