/* watch: every change once, in pieces, across restarts of reader and node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

enum { MANY = 4000, PIECE = 700 };

static const char *directory, *village, *above;
static char cursor[64];

static int make(void **state)
{
    (void)state;
    directory = drill_up("watch", "code,name,tier,parent\nC,县,county,\nV,村,village,C\n");
    village = strdup(drill_node(directory, "V"));
    above = strdup(drill_node(directory, "C"));
    return 0;
}

/* The lines of one run as objects; the last gives the cursor to go on with. */
static json_t *lines_of_output(void)
{
    json_t *lines = json_array(), *line;
    const char *text = terrace_output();
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        line = json_loadb(text, size, 0, NULL);
        assert_non_null(line);
        snprintf(cursor, sizeof cursor, "%s", json_string_value(json_object_get(line, "cursor")));
        if (json_object_get(line, "id") != NULL)
            json_array_append_new(lines, line);
        else
            json_decref(line);
        text += size + (text[size] == '\n');
    }
    return lines;
}

static json_t *watch(const char *node, const char *type, const char *limit)
{
    int status = terrace_run("-d", node, "--json", "watch", type, "--no-wait", "--cursor", cursor,
                             "--limit", limit, NULL);
    if (status != 0)
        fail_msg("watch ended with %d: %s", status, terrace_errors());
    return lines_of_output();
}

static void begins(void)
{
    strcpy(cursor, "0000000000000000000000000000");
}

static void is_change(const json_t *line, const char *change, const char *seat)
{
    assert_string_equal(json_string_value(json_object_get(line, "change")), change);
    assert_string_equal(json_string_value(json_object_get(line, "seat")), seat);
}

static bool conflicts_are_listed(const void *node)
{
    assert_int_equal(terrace_run("-d", node, "--json", "conflicts", NULL), 0);
    return terrace_output()[0] != '\0';
}

struct operations {
    const char *node, *id;
    long long least;
};

static bool has_operations(const void *context)
{
    const struct operations *wanted = context;
    assert_int_equal(terrace_run("-d", wanted->node, "--json", "get", "incident", wanted->id, NULL),
                     0);
    return terrace_number("operations") >= wanted->least;
}

static void each_kind_of_change(void **state)
{
    (void)state;
    char id[64];
    snprintf(id, sizeof id, "%s", node_put(village, "incident", "桥面开裂"));
    node_gets(above, "incident", id);
    drill_act(directory, "cut", "V");
    assert_int_equal(terrace_run("-d", village, "set", "incident", id, "place=东", NULL), 0);
    assert_int_equal(terrace_run("-d", above, "set", "incident", id, "place=西", NULL), 0);
    drill_act(directory, "heal", "V");
    until(conflicts_are_listed, village, "the village lists the conflict");
    assert_int_equal(terrace_run("-d", village, "delete", "incident", id, NULL), 0);
    until(has_operations, &(struct operations){above, id, 4}, "the county has the deletion");
    begins();
    json_t *lines = watch(village, "incident", "100");
    assert_int_equal(json_array_size(lines), 4);
    is_change(json_array_get(lines, 0), "created", "V");
    is_change(json_array_get(lines, 1), "conflict", "V");
    is_change(json_array_get(lines, 2), "conflict", "C");
    is_change(json_array_get(lines, 3), "deleted", "V");
    json_decref(lines);
    lines = watch(village, "incident", "100");
    assert_int_equal(json_array_size(lines), 0);
    json_decref(lines);
}

/* What a seat in the middle writes goes up and down, in two streams. */
static void a_change_in_two_streams_is_told_once(void **state)
{
    (void)state;
    char id[64];
    drill_down(directory);
    const char *tall = drill_up("watch tall", "code,name,tier,parent\nC,县,county,\n"
                                              "T,镇,township,C\nV,村,village,T\n");
    const char *top = drill_node(tall, "C"), *middle = drill_node(tall, "T"),
               *bottom = drill_node(tall, "V");
    const char *nodes[] = {top, middle, bottom};
    snprintf(id, sizeof id, "%s", node_put(bottom, "incident", "桥面开裂"));
    for (size_t i = 0; i < 2; i++)
        node_gets(nodes[i], "incident", id);
    assert_int_equal(terrace_run("-d", middle, "set", "incident", id, "level=3", NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        until(has_operations, &(struct operations){nodes[i], id, 2}, "both operations are there");
        begins();
        json_t *lines = watch(nodes[i], "incident", "100");
        assert_int_equal(json_array_size(lines), 2);
        is_change(json_array_get(lines, 1), "changed", "T");
        json_decref(lines);
    }
    drill_down(tall);
    assert_int_equal(terrace_run("drill", "start", "--dir", directory, "--all", NULL), 0);
    terrace_drill_begin(directory);
}

/* It waits; what comes is told; the county hears of the village's. */
static void a_watch_waits_for_what_comes(void **state)
{
    (void)state;
    const char *said = terrace_path("said");
    static const char command[] =
        "\"$0\" -d \"$1\" --json watch incident --limit 3 --cursor \"$4\" > \"$3\" & watch=$!; "
        "for i in 1 2 3; do \"$0\" -d \"$2\" put incident title=$i >/dev/null || exit 1; done; "
        "wait $watch";
    begins();
    json_decref(watch(above, "incident", "1000000"));
    tool("sh", "-c", command, terrace_path("program"), above, village, said, cursor, NULL);
    tool("sh", "-c", "test $(grep -c '\"created\"' \"$0\") = 3", said, NULL);
}

static const char *file_of_many(void)
{
    const char *path = terrace_path("many.ndjson");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    for (int i = 0; i < MANY; i++)
        fprintf(file, "{\"title\":\"第 %d 件\"}\n", i);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void count_new(json_t *seen, const json_t *lines)
{
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(lines, i), "id"));
        if (json_object_get(seen, id) != NULL)
            fail_msg("%s was told twice", id);
        json_object_set_new(seen, id, json_true());
    }
}

/* The next piece, when it has any line. */
static bool a_piece_comes(const void *seen)
{
    char piece[16];
    snprintf(piece, sizeof piece, "%d", PIECE);
    json_t *lines = watch(above, "incident", piece);
    size_t count = json_array_size(lines);
    count_new((json_t *)(uintptr_t)seen, lines);
    json_decref(lines);
    return count > 0;
}

/* While they come in, in pieces, the node killed twice. */
static void no_change_is_missed_or_told_twice(void **state)
{
    (void)state;
    json_t *seen = json_object();
    begins();
    json_decref(watch(above, "incident", "1000000"));
    pid_t import = background("-d", village, "import", "incident", file_of_many(), NULL);
    int kills = 0;
    while (json_object_size(seen) < MANY) {
        until(a_piece_comes, seen, "the next piece of the village's records");
        if (kills < 2 && json_object_size(seen) > (size_t)(kills + 1) * MANY / 3) {
            drill_act(directory, "kill", "C");
            drill_act(directory, "start", "C");
            kills++;
        }
    }
    assert_int_equal(background_wait(import), 0);
    assert_int_equal(kills, 2);
    assert_false(a_piece_comes(seen));
    assert_int_equal(json_object_size(seen), MANY);
    json_decref(seen);
}

static void a_cursor_of_another_life_is_refused(void **state)
{
    (void)state;
    static const char *const cursors[] = {"ffffffffffffffff000000000000",
                                          "0000000000000001000012345678"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            terrace_run("-d", above, "watch", "--no-wait", "--cursor", cursors[i], NULL), 1);
        assert_non_null(strstr(terrace_errors(), "older than what is remembered"));
        assert_non_null(strstr(terrace_errors(), "next: begin again"));
    }
    assert_int_equal(terrace_run("-d", above, "watch", "--cursor", "12", NULL), 2);
    assert_int_equal(terrace_run("-d", above, "watch", "incidnt", "--no-wait", NULL), 3);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_change),
        cmocka_unit_test(a_change_in_two_streams_is_told_once),
        cmocka_unit_test(a_watch_waits_for_what_comes),
        cmocka_unit_test(no_change_is_missed_or_told_twice),
        cmocka_unit_test(a_cursor_of_another_life_is_refused),
    };
    if (count != 2)
        return 2;
    unsetenv("TERRACE_DIR");
    terrace_use(values[1]);
    background_use(values[1]);
    char *program = realpath(values[1], NULL);
    tool("ln", "-s", program, terrace_path("program"), NULL);
    free(program);
    int failed = cmocka_run_group_tests(tests, make, terrace_drill_end);
    terrace_leave();
    return failed;
}
