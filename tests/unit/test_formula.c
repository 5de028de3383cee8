/* Formulas of indicators: exact, bounded, and told where they are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "node/sql/formula.h"

static bool figure(void *context, struct span name, struct fraction *value)
{
    static const struct {
        const char *name;
        struct fraction value;
    } figures[] = {{"settled", {9, 1}},      {"closed", {12, 1}}, {"none", {0, 1}},
                   {"missing", {0, 0}},      {"average", {7, 2}}, {"huge", {INT64_MAX, 1}},
                   {"tiny", {1, INT64_MAX}}, {"rate_2", {-5, 4}}};
    ++*(unsigned *)context;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        if (span_equal(name, span_of_text(figures[i].name))) {
            *value = figures[i].value;
            return true;
        }
    }
    return false;
}

static void what_is_worked_out(void **state)
{
    static const struct {
        const char *text;
        int64_t over, under;
    } rows[] = {
        {"settled / closed * 100", 75, 1},
        {"100*settled/closed", 75, 1},
        {"settled", 9, 1},
        {" ( settled + 1 ) / 4 ", 5, 2},
        {"1 - settled / closed", 1, 4},
        {"-settled + - -1", -8, 1},
        {"2 - 1 - 1", 0, 1},
        {"8 / 4 / 2", 1, 1},
        {"average * rate_2", -35, 8},
        {"1/3 + 1/3 + 1/3", 1, 1},
        {"huge * tiny", 1, 1},
        {"settled / none", 0, 0},
        {"missing + 1", 0, 0},
        {"huge + 1", 0, 0},
        {"-huge", -INT64_MAX, 1},
        {"tiny * tiny", 0, 0},
        {"none / 5", 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned asked = 0;
        struct fraction value;
        struct error error;
        if (formula_work_out(rows[i].text, figure, &asked, &value, &error) != ERR_OK)
            fail_msg("%s: %s", rows[i].text, error.why);
        if (value.over != rows[i].over && value.under != 0)
            fail_msg("%s: %lld", rows[i].text, (long long)value.over);
        assert_int_equal(value.under, rows[i].under);
    }
}

static void what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        enum error_code code;
        size_t column;
    } rows[] = {
        {"", ERR_MALFORMED, 1},
        {"settled /", ERR_MALFORMED, 10},
        {"settled closed", ERR_MALFORMED, 9},
        {"(1 + 2", ERR_MALFORMED, 7},
        {"1 + )", ERR_MALFORMED, 5},
        {"1.5", ERR_MALFORMED, 2},
        {"settled / unknown", ERR_NOT_FOUND, 11},
        {"99999999999999999999", ERR_MALFORMED, 21},
        {"1 + 已办结", ERR_MALFORMED, 5},
        {"((((((((((((((((1))))))))))))))))", ERR_MALFORMED, 17},
        {"----------------1", ERR_MALFORMED, 17},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned asked = 0;
        struct fraction value = {1, 1};
        struct error error;
        assert_int_equal(formula_work_out(rows[i].text, figure, &asked, &value, &error),
                         rows[i].code);
        if (error.column != rows[i].column)
            fail_msg("%s: column %zu", rows[i].text, (size_t)error.column);
        assert_int_equal(value.under, 0);
    }
}

static void what_is_rounded(void **state)
{
    static const struct {
        struct fraction value;
        uint8_t scale;
        int64_t rounded;
    } rows[] = {{{2, 3}, 2, 67},  {{1, 3}, 2, 33},   {{1, 2}, 0, 1},     {{-1, 2}, 0, -1},
                {{1, 200}, 2, 1}, {{-1, 201}, 2, 0}, {{75, 1}, 2, 7500}, {{9, 20}, 0, 0},
                {{0, 1}, 5, 0},   {{3, 2}, 0, 2},    {{5, 3}, 0, 2},     {{4, 3}, 0, 1}};
    int64_t rounded = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(fraction_round(rows[i].value, rows[i].scale, &rounded));
        assert_int_equal(rounded, rows[i].rounded);
    }
    assert_false(fraction_round((struct fraction){0, 0}, 2, &rounded));
    assert_false(fraction_round((struct fraction){INT64_MAX, 1}, 2, &rounded));
    assert_true(fraction_compare((struct fraction){2, 3}, (struct fraction){3, 4}) < 0);
    assert_true(fraction_compare((struct fraction){-1, 2}, (struct fraction){-2, 3}) > 0);
    assert_int_equal(fraction_compare(fraction_of(6, 8), fraction_of(3, 4)), 0);
    assert_int_equal(fraction_of(-6, -8).over, 3);
    assert_int_equal(fraction_of(6, -8).over, -3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_worked_out),
        cmocka_unit_test(what_is_wrong),
        cmocka_unit_test(what_is_rounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
