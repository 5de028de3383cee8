/* The pure parts of the command line: widths of texts, arguments, values as JSON, and the shares
 * and choices of a drill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/doctor.h"
#include "cli/drill/check_table.h"
#include "cli/drill/demo_choose.h"
#include "cli/drill/sample.h"
#include "cli/print.h"
#include "cli/value.h"

static void chinese_takes_two_columns(void **state)
{
    (void)state;
    assert_int_equal(text_width("abc"), 3);
    assert_int_equal(text_width("永顺县"), 6);
    assert_int_equal(text_width("é"), 1);
    assert_int_equal(text_width("e\xcc\x81"), 1); /* e and a combining accent */
    assert_int_equal(text_width(""), 0);
    assert_int_equal(text_width("\xff"), 1);
}

static void assert_shown(const char *text, size_t width, const char *expected)
{
    char *shown = text_shown(span_of_text(text), width);
    assert_string_equal(shown, expected);
    free(shown);
}

static void no_text_drives_a_terminal(void **state)
{
    (void)state;
    assert_shown("a\033[2Jb\n", 0, "a [2Jb ");
    assert_shown("甲\xe2\x80\xae乙", 0, "甲 乙"); /* right to left override */
    assert_shown("永顺县城", 5, "永顺…");
    assert_shown("永顺", 4, "永顺");
    assert_shown("abcdef", 4, "abc…");
}

static void columns_stand_straight(void **state)
{
    static const struct table_column columns[] = {{"seat", false}, {"records", true}};
    char *text = NULL;
    size_t size = 0;
    (void)state;
    FILE *out = open_memstream(&text, &size);
    struct table_rows *table = table_new(columns, 2);
    table_cell(table, "%s", "永顺县");
    table_cell(table, "%d", 7);
    table_cell(table, "%s", "T");
    table_cell(table, "%d", 12345678);
    table_print(table, out);
    fclose(out);
    assert_string_equal(text, "seat     records\n永顺县         7\nT       12345678\n");
    free(text);
}

static const struct option_row rows[] = {{"limit", "N", ""}, {"all", NULL, ""}, {NULL, NULL, NULL}};
static const struct command command = {
    .name = "test", .usage = "A [B]", .words_min = 1, .words_max = 2, .options = rows};

static enum error_code parse(struct arguments *arguments, int count, ...)
{
    char *values[8] = {NULL};
    struct error error;
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++)
        values[i + 1] = va_arg(list, char *);
    va_end(list);
    *arguments = (struct arguments){.path = "terrace test"};
    return arguments_parse(&command, count + 1, values, arguments, &error);
}

static void arguments_in_any_order(void **state)
{
    struct arguments arguments;
    struct error error;
    uint64_t number = 0;
    (void)state;
    assert_int_equal(parse(&arguments, 5, "--limit", "12", "a", "--all", "--json"), ERR_OK);
    assert_int_equal(arguments.word_count, 1);
    assert_true(arguments.json);
    assert_true(arguments_flag(&arguments, "all"));
    assert_int_equal(arguments_number(&arguments, "limit", 1, 12, &number, &error), ERR_OK);
    assert_int_equal(number, 12);
    assert_int_equal(arguments_number(&arguments, "limit", 1, 11, &number, &error), ERR_USAGE);
    arguments_free(&arguments);
    assert_int_equal(parse(&arguments, 3, "--limit=3", "--", "--all"), ERR_OK);
    assert_string_equal(arguments.words[0], "--all");
    assert_string_equal(arguments_value(&arguments, "limit"), "3");
    arguments_free(&arguments);
}

static void wrong_arguments_are_refused(void **state)
{
    struct arguments arguments;
    (void)state;
    assert_int_equal(parse(&arguments, 0), ERR_USAGE);
    arguments_free(&arguments);
    assert_int_equal(parse(&arguments, 3, "a", "b", "c"), ERR_USAGE);
    arguments_free(&arguments);
    assert_int_equal(parse(&arguments, 2, "a", "--limit"), ERR_USAGE);
    arguments_free(&arguments);
    assert_int_equal(parse(&arguments, 2, "a", "--all=yes"), ERR_USAGE);
    arguments_free(&arguments);
    assert_int_equal(parse(&arguments, 2, "a", "--nosuch"), ERR_USAGE);
    arguments_free(&arguments);
    assert_int_equal(parse(&arguments, 1, "--help"), ERR_OK);
    assert_true(arguments.help);
    arguments_free(&arguments);
}

static void values_there_and_back(void **state)
{
    static const char text[] = "{\"a\":[1,-2,true,null,\"村\"],\"b\":{\"c\":9223372036854775807}}";
    struct buffer bytes = {0};
    (void)state;
    json_t *before = json_loads(text, 0, NULL);
    assert_true(value_from_json(before, &bytes));
    json_t *after = value_json(span_of_buffer(&bytes));
    assert_true(json_equal(before, after));
    json_decref(after);
    json_decref(before);
    buffer_clear(&bytes);
    mp_write_uint(&bytes, UINT64_MAX);
    after = value_json(span_of_buffer(&bytes));
    assert_string_equal(json_string_value(after), "18446744073709551615");
    json_decref(after);
    buffer_clear(&bytes);
    mp_write_bin(&bytes, SPAN("\x01\xab", 2));
    after = value_json(span_of_buffer(&bytes));
    assert_string_equal(json_string_value(after), "01ab");
    json_decref(after);
    assert_null(value_json(SPAN("\x92\x01", 2))); /* an array of two that has one */
    buffer_free(&bytes);
}

/* A county of 3 townships with 4 villages each. */
static struct drill_seat seats[16];
static struct drill_type types[] = {{1, "stays", CIRCLE_ORIGIN, true},
                                    {2, "rises", CIRCLE_PATH, true},
                                    {3, "falls", CIRCLE_SUBTREE, true}};
static struct drill drill = {
    .lock = -1, .seats = seats, .seat_count = 16, .types = types, .type_count = 3};

static int make_drill_seats(void **state)
{
    (void)state;
    for (size_t i = 0; i < 16; i++) {
        seats[i].parent = i == 0 ? DRILL_NO_SEAT : i < 4 ? 0 : 1 + (i - 4) / 4;
        seats[i].child_count = i == 0 ? 3 : i < 4 ? 4 : 0;
        seats[i].key[0] = (uint8_t)i;
        snprintf(seats[i].code, sizeof seats[i].code, "S%02zu", i);
    }
    return 0;
}

static void a_load_has_its_shares(void **state)
{
    struct sample_share shares[16];
    bool chosen[16];
    uint64_t records = 0, downward = 0;
    (void)state;
    memset(chosen, true, sizeof chosen);
    sample_plan(&drill, chosen, 20001, shares);
    for (size_t i = 0; i < 16; i++) {
        records += shares[i].records;
        downward += shares[i].downward;
        assert_true(shares[i].records == 1250 || shares[i].records == 1251);
        assert_true(shares[i].downward == 0 || seats[i].child_count != 0);
    }
    assert_int_equal(records, 20001);
    assert_int_equal(downward, 100);
    chosen[0] = false;
    sample_plan(&drill, chosen, 20, shares);
    assert_int_equal(shares[0].records, 0);
    assert_int_equal(shares[1].records, 2);
}

static void a_record_belongs_to_its_circle(void **state)
{
    struct check_table table;
    struct record_id id = {{0}};
    (void)state;
    check_table_new(&drill, &table);
    for (size_t origin = 0; origin < 16; origin++) {
        struct key_id key = key_id_of(seats[origin].key);
        assert_int_equal(check_table_seat_of(&table, key), origin);
    }
    struct key_id village = key_id_of(seats[5].key);
    memcpy(id.bytes, village.bytes, KEY_ID_BYTES);
    struct check_record *stays = check_table_find(&table, 1, &id);
    struct check_record *rises = check_table_find(&table, 2, &id);
    assert_ptr_not_equal(stays, rises);
    assert_ptr_equal(check_table_find(&table, 2, &id), rises);
    assert_int_equal(stays->holders, 1);
    assert_int_equal(rises->holders, 3);
    assert_true(check_belongs(&table, stays, 5));
    assert_false(check_belongs(&table, stays, 1));
    assert_true(check_belongs(&table, rises, 1) && check_belongs(&table, rises, 0));
    assert_false(check_belongs(&table, rises, 2) || check_belongs(&table, rises, 6));
    struct key_id township = key_id_of(seats[2].key);
    memcpy(id.bytes, township.bytes, KEY_ID_BYTES);
    struct check_record *falls = check_table_find(&table, 3, &id);
    assert_int_equal(falls->holders, 5);
    assert_true(check_belongs(&table, falls, 2) && check_belongs(&table, falls, 8));
    assert_false(check_belongs(&table, falls, 0) || check_belongs(&table, falls, 5));
    memset(id.bytes, 0xee, KEY_ID_BYTES); /* nobody of this tree */
    struct check_record *strange = check_table_find(&table, 2, &id);
    assert_int_equal(strange->holders, 0);
    assert_false(check_belongs(&table, strange, 0));
    check_table_free(&table);
}

static void a_demonstration_chooses_by_shape(void **state)
{
    struct demo_choice choice;
    (void)state;
    demo_choose(&drill, &choice);
    assert_int_equal(choice.cut_count, 6);
    assert_int_equal(choice.kill_count, 3);
    assert_true(choice.kill[0] && !choice.cut[0]);
    for (size_t i = 0; i < 16; i++)
        assert_false(choice.cut[i] && choice.kill[i]);
    demo_choice_free(&choice);
    struct drill one = {.seats = seats, .seat_count = 1};
    seats[0].child_count = 0;
    demo_choose(&one, &choice);
    assert_int_equal(choice.cut_count, 0);
    assert_int_equal(choice.kill_count, 1);
    demo_choice_free(&choice);
    seats[0].child_count = 3;
}

/* Whether doctor has a note of the store's size for so many of a hundred bytes. */
static bool size_is_noted(int used)
{
    struct doctor doctor = {.findings = json_array()};
    json_t *status = json_pack("{s:{s:i, s:i}}", "room", "used_bytes", used, "map_bytes", 100);
    bool noted = false;
    const json_t *finding;
    size_t index;
    doctor_status(&doctor, status);
    json_array_foreach(doctor.findings, index, finding)
    {
        const char *what = json_string_value(json_object_get(finding, "what"));
        noted = noted || strstr(what, "that it may have") != NULL;
    }
    json_decref(status);
    json_decref(doctor.findings);
    return noted;
}

static void a_store_that_fills_up_is_noted(void **state)
{
    (void)state;
    assert_false(size_is_noted(80));
    assert_true(size_is_noted(81));
    assert_true(size_is_noted(90));
    assert_false(size_is_noted(91)); /* the node's own alarm by then */
}

static bool old_news_are_told(const char *uplink, uint64_t age_ms)
{
    struct doctor doctor = {.findings = json_array()};
    json_t *status = json_pack("{s:I, s:{s:s}}", "token_ms", (json_int_t)(wall_now_ms() - age_ms),
                               "uplink", "state", uplink);
    bool told = false;
    const json_t *finding;
    size_t index;
    doctor_status(&doctor, status);
    json_array_foreach(doctor.findings, index, finding)
    {
        const char *what = json_string_value(json_object_get(finding, "what"));
        told = told || strstr(what, "no news come from the root") != NULL;
    }
    json_decref(status);
    json_decref(doctor.findings);
    return told;
}

/* A parent that passes nothing on any more: its link lives, and the time from the root grows old.
 * Without a link nobody is to blame. */
static void a_parent_that_passes_nothing_on_is_noticed(void **state)
{
    (void)state;
    assert_true(old_news_are_told("live", CLOCK_SUSPECT_MS + 60000));
    assert_false(old_news_are_told("live", CLOCK_SUSPECT_MS - 60000));
    assert_false(old_news_are_told("dialling", CLOCK_SUSPECT_MS + 60000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chinese_takes_two_columns),
        cmocka_unit_test(no_text_drives_a_terminal),
        cmocka_unit_test(columns_stand_straight),
        cmocka_unit_test(arguments_in_any_order),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(values_there_and_back),
        cmocka_unit_test(a_load_has_its_shares),
        cmocka_unit_test(a_record_belongs_to_its_circle),
        cmocka_unit_test(a_demonstration_chooses_by_shape),
        cmocka_unit_test(a_store_that_fills_up_is_noted),
        cmocka_unit_test(a_parent_that_passes_nothing_on_is_noticed),
    };
    print_start();
    return crypto_start() ? cmocka_run_group_tests(tests, make_drill_seats, NULL) : 1;
}
