/* Private fields as people use them, on real nodes: given late, handed on, told to those who may
 * know, in and out by files, and back on a new machine. */
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

/* `terrace -d NODE WORDS...` must end with 0; what it prints is in terrace_output. */
#define AT(node, ...)                                                                              \
    do {                                                                                           \
        if (terrace_run("-d", node, __VA_ARGS__, NULL) != 0)                                       \
            fail_msg("%s: %s", #__VA_ARGS__, terrace_errors());                                    \
    } while (0)
#define SAYS(text) assert_non_null(strstr(terrace_output(), text))
#define SAYS_NOT(text) assert_null(strstr(terrace_output(), text))

enum { SILENT, HANDED, KEPT, CASES };
static char ids[CASES][64];
static char county[256], township[256], village[256], other[256];

struct shown {
    const char *node, *id, *text;
};

static bool is_shown(const void *context)
{
    const struct shown *shown = context;
    return terrace_run("-d", shown->node, "get", "mediation", shown->id, NULL) == 0 &&
           strstr(terrace_output(), shown->text) != NULL;
}

static void comes_to(const char *node, const char *id, const char *text)
{
    struct shown shown = {node, id, text};
    until(is_shown, &shown, text);
}

static void put(int which, const char *title, const char *field)
{
    if (terrace_run("-d", village, "put", "mediation", title, field, NULL) != 0)
        fail_msg("%s: %s", title, terrace_errors());
    assert_int_equal(sscanf(terrace_output(), "%63s", ids[which]), 1);
}

static void nothing_is_kept_where_nothing_is_said(void)
{
    long long before = status_number(village, "entries");
    put(SILENT, "title=a wall", NULL);
    assert_int_equal(status_number(village, "entries") - before, 2); /* and the stream's opening */
    AT(village, "get", "mediation", ids[SILENT]);
    SAYS("private: nothing given yet");
    put(HANDED, "title=a well", "phone=13800000001");
    put(KEPT, "title=a dog", "phone=13800000002");
    assert_int_equal(status_number(village, "entries") - before, 6);
    assert_int_equal(status_number(village, "records"), CASES);
    AT(village, "list", "mediation");
    SAYS("13800000001");
}

static void who_may_know(void)
{
    AT(village, "do", "escalate", "mediation", ids[HANDED]);
    comes_to(township, ids[HANDED], "13800000001");
    SAYS("private: parties, phone: held by V1, T1");
    AT(village, "extend", "mediation", ids[SILENT], "T1");
    comes_to(township, ids[SILENT], "a wall");
    SAYS("private: not held here");
    assert_int_not_equal(
        terrace_run("-d", township, "set", "mediation", ids[SILENT], "phone=13800000009", NULL), 0);
    assert_non_null(strstr(terrace_errors(), "only V1, where it was made, can give the first"));
    AT(village, "set", "mediation", ids[SILENT], "phone=13800000003", "place=by the river");
    comes_to(township, ids[SILENT], "by the river");
    SAYS_NOT("13800000003");
    AT(village, "extend", "mediation", ids[SILENT], "T1", "--private");
    comes_to(township, ids[SILENT], "13800000003");
    AT(township, "set", "mediation", ids[SILENT], "phone=13800000004");
    comes_to(village, ids[SILENT], "13800000004");
    AT(village, "history", "mediation", ids[SILENT]);
    SAYS("private fields created");
    assert_false(node_has(county, "mediation", ids[SILENT]));
    assert_int_equal(status_number(township, "records"), 2);
}

/* Into a file and out of it: what is private goes along where it is held, to whoever reads the
 * file in. */
static void in_and_out_by_files(void)
{
    char path[512];
    FILE *file;
    AT(village, "export", "mediation", "--format", "csv");
    SAYS("13800000002");
    snprintf(path, sizeof path, "%s", terrace_path("cases.csv"));
    assert_non_null(file = fopen(path, "w"));
    assert_true(fputs("title,parties,phone\nfrom a file,\"[\"\"Zhang\"\"]\",13800000005\n"
                      "without,,\n",
                      file) >= 0);
    assert_int_equal(fclose(file), 0);
    AT(other, "import", "mediation", path);
    AT(other, "import", "mediation", path); /* twice is once */
    assert_int_equal(status_number(other, "records"), 2);
    AT(other, "export", "mediation", "--format", "csv");
    SAYS("13800000005");
    SAYS("Zhang");
    AT(other, "list", "mediation", "--where", "phone=13800000005");
    SAYS("from a file");
    SAYS_NOT("without");
    AT(township, "export", "mediation", "--format", "csv");
    SAYS_NOT("13800000002");
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(terrace_path(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* As a file, without what follows from the steps taken. */
static void export_to(const char *name)
{
    AT(village, "export", "mediation");
    FILE *file = fopen(terrace_path(name), "w");
    assert_non_null(file);
    for (const char *at = terrace_output(); *at != '\0'; at = strchr(at, '\n') + 1) {
        json_t *line = json_loadb(at, (size_t)(strchr(at, '\n') - at), 0, NULL);
        assert_int_equal(json_object_del(line, "status"), 0);
        assert_int_equal(json_dumpf(line, file, JSON_COMPACT), 0);
        assert_true(fputc('\n', file) != EOF);
        json_decref(line);
    }
    assert_int_equal(fclose(file), 0);
}

static void import_says(const char *name, const char *option, int status, const char *taken)
{
    char path[512];
    snprintf(path, sizeof path, "%s", terrace_path(name));
    if (terrace_run("-d", village, "import", "mediation", path, option, NULL) != status ||
        strstr(terrace_output(), taken) == NULL)
        fail_msg("%s: %s%s", name, terrace_output(), terrace_errors());
}

/* Files that were written before an erasure: what they say of a record whose words are gone doesn't
 * come back by them, as far as a line tells which record it was. */
static void what_is_erased_stays_out_of_imports(void)
{
    char line[256];
    long long records = status_number(village, "records");
    AT(village, "set", "mediation", ids[KEPT], "phone=13800000007");
    AT(village, "export", "mediation", "--format", "csv");
    SAYS(",phone,_id\r\n");
    export_to("old.ndjson");
    snprintf(line, sizeof line, "phone,title,_id\n13800000002,a dog,%s\n", ids[KEPT]);
    write_file("older.csv", line);
    snprintf(line, sizeof line, "title,_id\na dog,%s\n", ids[KEPT]);
    write_file("title.csv", line);
    import_says("older.csv", "--dry-run", 0, "1 good, 0 refused");
    AT(village, "erase", "mediation", ids[KEPT], "phone");
    AT(village, "set", "mediation", ids[KEPT], "phone=13800000008");
    export_to("new.ndjson");
    import_says("older.csv", "--dry-run", 1, "0 good, 1 refused");
    assert_non_null(
        strstr(terrace_errors(), "older.csv:2: phone: what V1:1#3 said of it was erased"));
    import_says("older.csv", NULL, 1, "0 taken, 1 refused");
    import_says("old.ndjson", NULL, 1, "2 taken, 1 refused");
    assert_non_null(strstr(terrace_errors(), "phone: what V1:1#3 said of it was erased"));
    assert_null(strstr(terrace_errors(), "(_id)"));
    import_says("title.csv", NULL, 0, "1 taken, 0 refused");
    import_says("new.ndjson", NULL, 0, "3 taken, 0 refused");
    write_file("nameless.csv", "title,_id\nno telling,\n");
    import_says("nameless.csv", NULL, 0, "1 taken, 0 refused");
    assert_non_null(strstr(terrace_errors(), "1 lines don't say which record they were exported"));
    write_file("mangled.csv", "title,_id\nno telling,6.5E+31\n");
    import_says("mangled.csv", NULL, 1, "0 taken, 1 refused");
    assert_non_null(strstr(terrace_errors(), "mangled.csv:2: _id: found \"6.5E+31\""));
    assert_int_equal(status_number(village, "records"), records + 2 + 1 + 3 + 1);
    AT(village, "list", "mediation", "--limit", "0");
    SAYS("13800000008");
    SAYS_NOT("13800000007");
    SAYS_NOT("13800000002");
}

/* What the township held comes back, what the old disk alone held doesn't, and is given anew. */
static void a_new_machine(const char *directory)
{
    assert_int_equal(terrace_run("drill", "replace", "V1", "--dir", directory, NULL), 0);
    comes_to(village, ids[HANDED], "13800000001");
    comes_to(village, ids[SILENT], "13800000004");
    assert_false(node_has(village, "mediation", ids[KEPT]));
    AT(village, "set", "mediation", ids[SILENT], "phone=13800000006");
    comes_to(township, ids[SILENT], "13800000006");
    assert_int_equal(status_number(village, "quarantine"), 0);
    assert_int_equal(status_number(village, "parked"), 0);
}

static void private_fields_on_real_nodes(void **state)
{
    (void)state;
    const char *directory = drill_up("private", tree_of_five);
    snprintf(county, sizeof county, "%s", drill_node(directory, "C"));
    snprintf(township, sizeof township, "%s", drill_node(directory, "T1"));
    snprintf(village, sizeof village, "%s", drill_node(directory, "V1"));
    snprintf(other, sizeof other, "%s", drill_node(directory, "V2"));
    nothing_is_kept_where_nothing_is_said();
    who_may_know();
    in_and_out_by_files();
    what_is_erased_stays_out_of_imports();
    a_new_machine(directory);
    drill_down(directory);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(private_fields_on_real_nodes, terrace_drill_end),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
