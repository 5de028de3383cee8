/* YAML: right positions, plain words, and nothing that our files don't need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/yaml.h"

static struct error error;

static struct yaml *parse(const char *text)
{
    error_clear(&error);
    return yaml_parse(span_of_text(text), "seats.yaml", &error);
}

static void assert_refused(const char *text, enum error_code code, unsigned line, unsigned column,
                           const char *part)
{
    struct yaml *yaml = parse(text);
    if (yaml != NULL)
        fail_msg("taken: %s", text);
    char what[40];
    snprintf(what, sizeof what, "seats.yaml:%u:%u", line, column);
    assert_string_equal(error.what, what);
    assert_int_equal(error.code, code);
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
    if (strstr(error.why, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, error.why);
    assert_true(strlen(error.next) > 0);
}

static void assert_finish_fails(struct yaml *yaml, const char *what, const char *why,
                                const char *next)
{
    struct error said;
    assert_false(yaml_finish(yaml, &said));
    assert_string_equal(said.what, what);
    assert_string_equal(said.why, why);
    assert_string_equal(said.next, next);
    assert_true(said.code != ERR_OK);
}

static void all_kinds_of_values_are_read(void **state)
{
    (void)state;
    struct yaml *yaml = parse("name: 永顺\n"
                              "quoted: \"a\\nb\"\n"
                              "count: 42\n"
                              "on: true\n"
                              "off: false\n"
                              "seats: [a, 'b']\n"
                              "link:\n"
                              "  port: 7070\n");
    assert_non_null(yaml);
    struct yaml_node *root = yaml_root(yaml), *seats, *link;
    struct span text;
    uint64_t number = 7;
    bool flag = false;
    assert_true(yaml_get_text(root, "name", true, &text));
    assert_true(span_equal(text, span_of_text("永顺")));
    assert_true(yaml_get_text(root, "quoted", true, &text));
    assert_true(span_equal(text, span_of_text("a\nb")));
    assert_true(yaml_get_uint(root, "count", true, 1, 42, &number));
    assert_int_equal(number, 42);
    assert_true(yaml_get_bool(root, "on", true, &flag));
    assert_true(flag);
    assert_true(yaml_get_bool(root, "off", true, &flag));
    assert_false(flag);
    assert_true(yaml_get_list(root, "seats", true, &seats));
    assert_int_equal(yaml_size(seats), 2);
    assert_true(span_equal(yaml_text(yaml_list_at(seats, 1)), span_of_text("b")));
    assert_true(yaml_get_map(root, "link", true, &link));
    assert_true(yaml_get_uint(link, "port", true, 1, 65535, &number));
    assert_int_equal(number, 7070);
    assert_int_equal(yaml_line(link), 8);
    assert_int_equal(yaml_column(link), 3);
    assert_true(yaml_finish(yaml, &error));
    yaml_free(yaml);
}

static void absent_keys_leave_the_default(void **state)
{
    (void)state;
    struct yaml *yaml = parse("a: 1\n");
    struct yaml_node *root = yaml_root(yaml), *map = root;
    uint64_t number = 7;
    bool flag = true;
    struct span text = span_of_text("default");
    assert_true(yaml_get_uint(root, "number", false, 0, 9, &number));
    assert_true(yaml_get_bool(root, "flag", false, &flag));
    assert_true(yaml_get_text(root, "text", false, &text));
    assert_true(yaml_get_map(root, "map", false, &map));
    assert_int_equal(number, 7);
    assert_true(flag);
    assert_int_equal(text.size, 7);
    assert_null(map);
    assert_true(yaml_get_uint(map, "number", false, 0, 9, &number)); /* no map, no keys */
    assert_false(yaml_get_uint(map, "number", true, 0, 9, &number));
    assert_non_null(yaml_map_get(root, "a"));
    assert_true(yaml_finish(yaml, &error));
    yaml_free(yaml);
}

static void free_keys_are_walked_in_order(void **state)
{
    (void)state;
    struct yaml *yaml = parse("zeta: 1\nalpha: 2\n");
    struct yaml_node *root = yaml_root(yaml);
    struct span key;
    assert_int_equal(yaml_size(root), 2);
    assert_true(span_equal(yaml_text(yaml_map_at(root, 0, &key)), span_of_text("1")));
    assert_true(span_equal(key, span_of_text("zeta")));
    struct yaml_node *value = yaml_map_at(root, 1, &key);
    assert_true(span_equal(key, span_of_text("alpha")));
    assert_int_equal(yaml_line(value), 2);
    assert_int_equal(yaml_column(value), 8);
    assert_true(yaml_finish(yaml, &error));
    yaml_complain(value, "expected a seat, found \"%s\"", "2");
    assert_finish_fails(yaml, "seats.yaml:2:8", "expected a seat, found \"2\"",
                        "correct what stands there");
    yaml_free(yaml);
}

static void a_list_may_be_the_root(void **state)
{
    (void)state;
    struct yaml *yaml = parse("- a\n- [b]\n- {c: d}\n- null\n");
    struct yaml_node *root = yaml_root(yaml);
    assert_true(yaml_is_list(root));
    assert_true(yaml_is_text(yaml_list_at(root, 0)));
    assert_true(yaml_is_list(yaml_list_at(root, 1)));
    assert_true(yaml_is_map(yaml_list_at(root, 2)));
    assert_false(yaml_is_text(yaml_list_at(root, 3)));
    struct span text;
    assert_false(yaml_get_text(root, "name", false, &text));
    assert_finish_fails(yaml, "seats.yaml:1:1",
                        "\"name\": expected a map with this key, found a list",
                        "correct what stands there");
    yaml_free(yaml);
}

static void an_unknown_key_has_its_place_and_its_neighbour(void **state)
{
    (void)state;
    struct yaml *yaml = parse("name: a\nlink:\n  adress: b\n  port: 1\nzzz: 1\n");
    struct yaml_node *root = yaml_root(yaml), *link;
    struct span text;
    uint64_t port;
    assert_true(yaml_get_text(root, "name", true, &text));
    assert_true(yaml_get_map(root, "link", true, &link));
    assert_true(yaml_get_uint(link, "port", true, 0, 9, &port));
    assert_true(yaml_get_text(link, "address", false, &text));
    assert_finish_fails(yaml, "seats.yaml:3:3", "the key \"adress\" is not known here",
                        "did you mean \"address\"?");
    yaml_free(yaml);
}

static void an_unknown_key_without_neighbour_lists_the_known(void **state)
{
    (void)state;
    struct yaml *yaml = parse("name: a\nzzz: 1\n");
    struct span text;
    yaml_get_text(yaml_root(yaml), "name", true, &text);
    yaml_get_text(yaml_root(yaml), "tier", false, &text);
    assert_finish_fails(yaml, "seats.yaml:2:1", "the key \"zzz\" is not known here",
                        "the keys known here are: name, tier");
    yaml_free(yaml);
}

static void a_missing_key_may_be_misspelt(void **state)
{
    (void)state;
    struct yaml *yaml = parse("tiers: 1\nnaem: a\n");
    struct span text = SPAN_EMPTY;
    assert_false(yaml_get_text(yaml_root(yaml), "name", true, &text));
    yaml_get_text(yaml_root(yaml), "tiers", true, &text);
    assert_finish_fails(yaml, "seats.yaml:2:1",
                        "the key \"naem\" is not known here, and \"name\" is missing",
                        "did you mean \"name\"?");
    yaml_free(yaml);
    yaml = parse("tier: 1\ntimer: 2\n");
    assert_false(yaml_get_text(yaml_root(yaml), "tiers", true, &text));
    yaml_get_text(yaml_root(yaml), "tier", true, &text);
    yaml_get_text(yaml_root(yaml), "timer", true, &text);
    assert_finish_fails(yaml, "seats.yaml:1:1", "the key \"tiers\" is missing",
                        "add the key \"tiers\" to the map that begins here");
    yaml_free(yaml);
}

static void assert_wrong(const char *text, const char *what, const char *why)
{
    struct yaml *yaml = parse(text);
    assert_non_null(yaml);
    struct yaml_node *root = yaml_root(yaml), *node;
    struct span span;
    uint64_t number;
    bool flag;
    bool good = yaml_get_uint(root, "number", false, 1, 100, &number);
    good = yaml_get_bool(root, "flag", false, &flag) && good;
    good = yaml_get_text(root, "text", false, &span) && good;
    good = yaml_get_map(root, "map", false, &node) && good;
    good = yaml_get_list(root, "list", false, &node) && good;
    assert_false(good);
    assert_finish_fails(yaml, what, why, "correct what stands there");
    yaml_free(yaml);
}

static void wrong_forms_say_what_was_expected(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0",   "101",   "-1",  "1.0",  "0x1",
                                          "1e1", "\"5\"", "007", "five", "18446744073709551617"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[64], why[128];
        snprintf(text, sizeof text, "a: 1\nnumber: %s\n", numbers[i]);
        const char *bare = numbers[i][0] == '"' ? "5" : numbers[i];
        snprintf(why, sizeof why, "\"number\": expected a whole number from 1 to 100, found \"%s\"",
                 bare);
        assert_wrong(text, "seats.yaml:2:9", why);
    }
    assert_wrong("flag: maybe\n", "seats.yaml:1:7",
                 "\"flag\": expected true or false, found \"maybe\"");
    assert_wrong("flag: yes\n", "seats.yaml:1:7",
                 "\"flag\": expected true or false, found \"yes\"");
    assert_wrong("text: [a]\n", "seats.yaml:1:7", "\"text\": expected a text, found a list");
    assert_wrong("text:\n", "seats.yaml:1:6", "\"text\": expected a text, found nothing");
    assert_wrong("map: 1\n", "seats.yaml:1:6", "\"map\": expected a map, found \"1\"");
    assert_wrong("list: {}\n", "seats.yaml:1:7", "\"list\": expected a list, found a map");
    assert_wrong("number: 0\nflag: 3\n", "seats.yaml:1:9", /* the first one wins */
                 "\"number\": expected a whole number from 1 to 100, found \"0\"");
}

static void duplicate_keys_are_refused(void **state)
{
    (void)state;
    assert_refused("a: 1\nb: 2\na: 3\n", ERR_MALFORMED, 3, 1, "the first is in line 1");
    assert_refused("x:\n  - {p: 1, q: 2, p: 3}\n", ERR_MALFORMED, 2, 18, "\"p\"");
    assert_refused("a: 1\n'a': 2\n", ERR_MALFORMED, 2, 1, "second time");
    assert_refused("b: 1\na: 1\nb: 2\na: 2\nb: 3\n", ERR_MALFORMED, 3, 1, "\"b\"");
}

static void anchors_aliases_and_tags_are_refused(void **state)
{
    (void)state;
    assert_refused("a: &x 1\n", ERR_MALFORMED, 1, 4, "anchors");
    assert_refused("a: &x [1]\n", ERR_MALFORMED, 1, 4, "anchors");
    assert_refused("a: &x {b: 1}\n", ERR_MALFORMED, 1, 4, "anchors");
    assert_refused("b: 1\na: *x\n", ERR_MALFORMED, 2, 4, "aliases");
    assert_refused("a: !!int 1\n", ERR_MALFORMED, 1, 4, "tags");
    assert_refused("a: !mine [1]\n", ERR_MALFORMED, 1, 4, "tags");
    assert_refused("!!map {a: 1}\n", ERR_MALFORMED, 1, 1, "tags");
}

static void other_things_are_refused_too(void **state)
{
    (void)state;
    assert_refused("", ERR_MALFORMED, 1, 1, "empty");
    assert_refused("# only a comment\n", ERR_MALFORMED, 1, 1, "empty");
    assert_refused("a: 1\n---\nb: 2\n", ERR_MALFORMED, 2, 1, "second document");
    assert_refused("a: 1\n[b]: 2\n", ERR_MALFORMED, 2, 1, "a key must be a text");
    assert_refused("a: 永\xff\n", ERR_MALFORMED, 1, 5, "0xff");
    assert_refused("ab: \"x\\0y\"\n", ERR_MALFORMED, 1, 5, "zero");
    assert_refused("a: x\nb: y\x01z\n", ERR_MALFORMED, 2, 5, "not YAML");
    error_clear(&error);
    assert_null(yaml_parse(SPAN("a: b\0c", 6), "seats.yaml", &error));
    assert_string_equal(error.what, "seats.yaml:1:5");
    assert_null(yaml_parse(span_of_text("a: &x 1"), "seats.yaml", NULL));
}

static void syntax_errors_have_their_place(void **state)
{
    (void)state;
    assert_refused("a: 1\nb: [1, 2\nc: 3\n", ERR_MALFORMED, 3, 2, "not YAML");
    assert_refused("a: 1\n\tb: 2\n", ERR_MALFORMED, 2, 1, "not YAML");
    assert_refused("a: 'x\n", ERR_MALFORMED, 2, 1, "began in line 1");
}

static char *repeated(const char *unit, size_t times)
{
    size_t size = strlen(unit);
    char *text = mem_alloc(size * times + 1);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * size, unit, size);
    return text;
}

static void assert_bomb_refused(const char *unit, size_t times, enum error_code code)
{
    char *text = repeated(unit, times);
    struct yaml *yaml = parse(text);
    assert_null(yaml);
    assert_int_equal(error.code, code);
    free(text);
}

/* Each of them would take minutes if it were not refused early. */
static void bombs_are_refused_early(void **state)
{
    (void)state;
    assert_bomb_refused("[", 400000, ERR_OVERSIZE);
    assert_string_equal(error.what, "seats.yaml:1:17");
    assert_bomb_refused("{", 400000, ERR_OVERSIZE);
    assert_bomb_refused("[\n", 400000, ERR_OVERSIZE);
    assert_bomb_refused("- ", 400000, ERR_OVERSIZE);
    assert_bomb_refused("? ", 400000, ERR_OVERSIZE);
    assert_bomb_refused("{a: ", 200000, ERR_OVERSIZE);
    assert_bomb_refused("a", (1 << 20) + 1, ERR_OVERSIZE);
}

static void depth_16_is_taken_and_17_is_not(void **state)
{
    (void)state;
    struct yaml *yaml = parse("[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]");
    assert_non_null(yaml);
    yaml_free(yaml);
    assert_refused("[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]", ERR_OVERSIZE, 1, 17, "deeper");
}

static void large_files_of_many_keys_are_read(void **state)
{
    (void)state;
    enum { KEYS = 60000 };
    struct buffer text = {0};
    for (unsigned i = 0; i < KEYS; i++) {
        char line[32];
        int size = snprintf(line, sizeof line, "k%05u: %u\n", i, i);
        buffer_append(&text, line, (size_t)size);
    }
    struct yaml *yaml = yaml_parse(span_of_buffer(&text), "large", &error);
    assert_non_null(yaml);
    assert_int_equal(yaml_size(yaml_root(yaml)), KEYS);
    for (size_t i = 0; i < KEYS; i++) {
        struct span key;
        yaml_map_at(yaml_root(yaml), i, &key);
    }
    assert_true(yaml_finish(yaml, &error));
    yaml_free(yaml);
    buffer_append(&text, "k00007: 1\n", 10);
    assert_null(yaml_parse(span_of_buffer(&text), "large", &error));
    assert_string_equal(error.what, "large:60001:1");
    buffer_free(&text);
}

static void long_names_keep_their_end(void **state)
{
    (void)state;
    char *name = repeated("directory/", 40);
    assert_null(yaml_parse(span_of_text("a: &x"), name, &error));
    assert_non_null(strstr(error.what, "directory/:1:4"));
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_of_values_are_read),
        cmocka_unit_test(absent_keys_leave_the_default),
        cmocka_unit_test(free_keys_are_walked_in_order),
        cmocka_unit_test(a_list_may_be_the_root),
        cmocka_unit_test(an_unknown_key_has_its_place_and_its_neighbour),
        cmocka_unit_test(an_unknown_key_without_neighbour_lists_the_known),
        cmocka_unit_test(a_missing_key_may_be_misspelt),
        cmocka_unit_test(wrong_forms_say_what_was_expected),
        cmocka_unit_test(duplicate_keys_are_refused),
        cmocka_unit_test(anchors_aliases_and_tags_are_refused),
        cmocka_unit_test(other_things_are_refused_too),
        cmocka_unit_test(syntax_errors_have_their_place),
        cmocka_unit_test(bombs_are_refused_early),
        cmocka_unit_test(depth_16_is_taken_and_17_is_not),
        cmocka_unit_test(large_files_of_many_keys_are_read),
        cmocka_unit_test(long_names_keep_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
