/* Each history's scenario says what must come of it; told a little differently, it must fail. That
 * all of them hold as they stand is a test of its own for each (suite scenario). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/run/run.h"

static const struct variant {
    const char *name;
    const char *old, *new; /* in its file, each time it stands there */
} variants[] = {
    {"01-authority", "{s: v2}, clock: 11", "{s: v3}, clock: 11"},
    {"02-clock-and-tier", "  - image: {as: before, at: T1}\n",
     "  - image: {as: before, at: T1}\n  - cut: V1\n"},
    {"03-absent-90-days", "- delete: {record: r, at: T1}",
     "- set: {record: r, at: T1, fields: {s: kept}}"},
    {"07-overdue-rises-once", "offset: -20000 days", "offset: 0"},
    {"07-overdue-rises-once", "wait: 110 min", "wait: 130 min"},
    {"09-a-late-write", "operations: 6", "operations: 5"},
    {"17-a-directive", "- cut: V3", "- cut: V2"},
    {"18-fifty-and-sixty", "first: 51", "first: 52"},
    {"18-fifty-and-sixty", "- restore: {image: forty, at: V1}", "- kill: V1"},
    {"19-an-old-image", "calls: 4}", "calls: 5}"},
    {"19-an-old-image", "- restore: {image: old, at: V1}", "- kill: V1"},
    {"20-a-cloned-disk-elsewhere", "elsewhere: true", "elsewhere: false"},
    {"20-a-cloned-disk-exact", "as: V1b}", "as: V1b, elsewhere: true}"},
    {"21-three-branches", "image: disk, at: V1, whole: true", "image: disk, at: V1"},
    {"22-power-cuts", "die-after-commit", "die-in-commit"},
    {"22-power-cuts", "- restore: {image: yesterday, at: V1}", "- kill: V1"},
    {"23-the-same-image-twice", "- restore: {image: full, at: V1}",
     "- restore: {image: full, at: V1, whole: true}"},
    {"24-two-lawful-signers", "  - sign: {change: admit, seat: V9, at: T1, as: again}\n", ""},
    {"24-two-lawful-signers", "  - sign: {change: overrule, seat: T1, at: C}\n", ""},
    {"26-moved-while-offline", "{title: k, s: closed}", "{title: k, s: open}"},
    {"26-moved-while-offline", "  - set: {record: r, at: T1, fields: {s: t-late}}\n", ""},
    {"26-the-county-let-in", "  - extend: {record: r, at: T1, to: [C]}\n", ""},
    {"27-after-a-theft", "s: before, level", "s: thief, level"},
    {"28-heard-late", "change: revoke, seat: V1, at: T1, as: theft, told: false",
     "change: admit, seat: V1, at: T1, as: theft, told: false"},
    {"32-two-days-ahead", "  - cut: V1\n", ""},
    {"32-two-days-ahead", "offset: 2 days", "offset: 0"},
    {"07-over-its-fallback", ", fallback: T2", ""},
    {"07-over-its-fallback", "- withhold: {at: C, to: T1, of: V1}", "- wait: 1 min"},
    {"33-quiet-withheld-silent", "to: C, of: V2", "to: C, of: V1"},
    {"33-quiet-withheld-silent", "- kill: V3", "- kill: V1"},
    {"34-a-tail-unsent", "of: V1, stream: 1", "of: V1, stream: 2"},
    {"35-complete-from-the-village", ", fallback: T2", ""},
    {"35-complete-from-the-village", "  - cut: T1\n  - heal: V1\n", "  - heal: V1\n"},
    {"36-a-moved-village-under-folds", "  fold-tier: county\n", ""},
    {"36-a-moved-village-under-folds", "  - cut: A\n", ""},
    {"37-closed-above-a-dead-village", "- delete: {record: r, at: T1}",
     "- set: {record: r, at: T1, fields: {s: kept}}"},
    {"37-closed-above-a-dead-village", "- kill: V1", "- kill: T1\n  - start: T1"},
    {"39-a-fallback-is-a-wire", ", fallback: T2", ""},
    {"39-a-fallback-is-a-wire", "- kill: T2", "- wait: 1 min"},
    {"40-the-parent-forgets", "- wipe: T1", "- kill: T1"},
    {"42-restart-and-half-open", "        - heal: T1\n", ""},
    {"43-all-villages-return", "type: survey, ", ""},
    {"45-a-stick", "first: 2,", "first: 7,"},
    {"46-a-commit-fails", "commit-full", "die-after-commit"},
    {"47-types-ahead", "  - cut: V1\n", ""},
    {"48-erased-and-it-comes-back", "  - erase: {record: r, at: V1}\n", ""},
    {"48-erased-and-it-comes-back", "at: C, fields: [s]}",
     "at: C, fields: [notes], refused: "
     "not_found}"},
    {"50-1970-and-2099", "expires: 2025-02-06 17:00", "expires: 2025-08-06 17:00"},
    {"50-1970-and-2099", "offset: 27000 days", "offset: 0"},
};

static char *text_of_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "scenarios/histories/%s.yaml", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = mem_alloc(1 << 16);
    size_t size = fread(text, 1, (1 << 16) - 1, file);
    assert_true(size > 0);
    fclose(file);
    return text;
}

static char *changed(const char *text, const char *old, const char *new)
{
    struct buffer out = {0};
    const char *found;
    size_t times = 0;
    for (; (found = strstr(text, old)) != NULL; text = found + strlen(old), times++) {
        buffer_append(&out, text, (size_t)(found - text));
        buffer_append_span(&out, span_of_text(new));
    }
    buffer_append(&out, text, strlen(text) + 1);
    assert_true(times > 0);
    return (char *)out.data;
}

static struct scenario *read_text(const char *text, const char *name)
{
    struct error error = {0};
    struct scenario *scenario = scenario_read(span_of_text(text), name, NULL, NULL, &error);
    if (scenario == NULL)
        fail_msg("%s: %s", name, error.what);
    return scenario;
}

/* Until one order doesn't hold. */
static bool holds(const struct scenario *scenario)
{
    bool held = true;
    for (uint64_t order = 0; held && order < scenario_orders(scenario); order++) {
        struct run_options options = {.order = order};
        struct run_result result;
        struct error error = {0};
        assert_int_equal(run_scenario(scenario, &options, &result, &error), ERR_OK);
        held = result.outcome == OUTCOME_HELD;
        run_result_clear(&result);
    }
    return held;
}

static void test_told_differently(void **state)
{
    size_t missed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const struct variant *variant = &variants[i];
        char *text = text_of_file(variant->name);
        char *other = changed(text, variant->old, variant->new);
        struct scenario *scenario = read_text(other, variant->name);
        if (holds(scenario)) {
            print_error("%s holds though it says \"%s\" for \"%s\"\n", variant->name, variant->new,
                        variant->old);
            missed++;
        }
        scenario_free(scenario);
        free(other);
        free(text);
    }
    assert_int_equal(missed, 0);
}

/* What is written of it is read as the same. */
static void test_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        struct buffer once = {0}, twice = {0};
        char *text = text_of_file(variants[i].name);
        struct scenario *first = read_text(text, variants[i].name);
        scenario_write(first, &once);
        buffer_append_byte(&once, '\0');
        struct scenario *second = read_text((const char *)once.data, variants[i].name);
        scenario_write(second, &twice);
        buffer_append_byte(&twice, '\0');
        assert_string_equal((const char *)once.data, (const char *)twice.data);
        assert_int_equal(first->steps.count, second->steps.count);
        assert_int_equal(scenario_orders(first), scenario_orders(second));
        for (size_t step = 0; step < first->steps.count; step++) {
            assert_int_equal(first->steps.steps[step].kind, second->steps.steps[step].kind);
            assert_int_equal(first->steps.steps[step].pair_count,
                             second->steps.steps[step].pair_count);
        }
        scenario_free(first);
        scenario_free(second);
        buffer_free(&once);
        buffer_free(&twice);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_differently),
        cmocka_unit_test(test_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
