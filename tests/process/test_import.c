/* import and export: what goes in, what is refused and where, killed anywhere and gone on with, and
 * out again without loss. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

enum { MANY = 12000 };

static const char *directory, *village, *above;

static int make(void **state)
{
    (void)state;
    directory = drill_up("import", "code,name,tier,parent\nC,县,county,\nV,村,village,C\n");
    village = strdup(drill_node(directory, "V"));
    above = strdup(drill_node(directory, "C"));
    return 0;
}

static long long records_at(const char *node)
{
    assert_int_equal(terrace_run("-d", node, "--json", "rollup", "records", NULL), 0);
    return terrace_number("value");
}

static void says(const char *words)
{
    if (strstr(terrace_errors(), words) == NULL)
        fail_msg("'%s' is not in: %s", words, terrace_errors());
}

static char *text_of(const char *path)
{
    static char text[4096];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* The file that goes with the county's types. */
static void the_indicators_go_in(void **state)
{
    (void)state;
    if (terrace_run("-d", above, "--json", "import", "indicator", "schema/types/indicators.csv",
                    NULL) != 0)
        fail_msg("%s%s", terrace_output(), terrace_errors());
    assert_int_equal(terrace_number("taken"), 28);
    assert_int_equal(terrace_run("-d", above, "--json", "list", "indicator", "--where",
                                 "computed=true", "--limit", "0", NULL),
                     0);
    size_t count = 0;
    for (const char *at = terrace_output(); (at = strchr(at, '\n')) != NULL; at++)
        count++;
    assert_int_equal(count, 17);
    assert_int_equal(
        terrace_run("-d", above, "--json", "list", "indicator", "--where", "serial=25", NULL), 0);
    const json_t *fields = json_object_get(terrace_json(), "fields");
    assert_string_equal(json_string_value(json_object_get(fields, "target")), "0.90");
    assert_string_equal(json_string_value(json_object_get(fields, "unit")), "‰");
}

static void good_lines_go_in_and_bad_ones_are_named(void **state)
{
    (void)state;
    const char *table =
        terrace_file("a b.csv", "\xef\xbb\xbftitle,level,notes,happened,calls\r\n"
                                "桥面开裂,3,\"[\"\"一\"\",\"\"二\"\"]\",2025-01-02T03:04:05Z,7\r\n"
                                "two lines,9,,,\r\n"
                                "\r\n"
                                "\"多行\n文本, \"\"引\"\"\",4,,1700000000123,-3\r\n"
                                ",1,,,\r\n"
                                "坏 \xff,1,,,\r\n"
                                "short,1\r\n"
                                "a \"b\",1,,,\r\n"
                                "last,2,one item,,\r\n");
    const char *refused = terrace_path("refused.csv");
    long long before = records_at(village);
    assert_int_equal(terrace_run("-d", village, "import", "incident", table, "--dry-run", NULL), 1);
    assert_int_equal(records_at(village), before);
    assert_int_equal(
        terrace_run("-d", village, "import", "incident", table, "--refused", refused, NULL), 1);
    says("a b.csv:3: the field \"level\" of incident: expected a whole number from 1 to 4");
    says("a b.csv:7: the field \"title\" of incident: it is required");
    says("a b.csv:8:3: the text: it is not valid UTF-8");
    says("a b.csv:9: the row: it has 2 cells, the first row has 5");
    says("a b.csv:10:3: the row: a quote stands where none can be");
    assert_string_equal(
        terrace_output()[0] == 'i' ? strtok((char *)(uintptr_t)terrace_output(), ";") : "",
        "incident: 3 taken, 5 refused");
    assert_int_equal(records_at(village), before + 3);
    assert_string_equal(text_of(refused), "title,level,notes,happened,calls\n"
                                          "two lines,9,,,\n,1,,,\n坏 \xff,1,,,\nshort,1\n"
                                          "a \"b\",1,,,\n");
    assert_int_equal(terrace_run("-d", village, "--json", "list", "incident", "--where",
                                 "title=多行\n文本, \"引\"", NULL),
                     0);
    const json_t *fields = json_object_get(terrace_json(), "fields");
    assert_int_equal(json_integer_value(json_object_get(fields, "happened")), 1700000000123);
    assert_int_equal(json_integer_value(json_object_get(fields, "calls")), -3);
    assert_null(json_object_get(fields, "notes"));
}

static void the_same_file_again_is_no_second_import(void **state)
{
    (void)state;
    const char *file = terrace_file("same.ndjson", "{\"title\":\"一\"}\n\n{\"title\":\"二\"}\n");
    long long before = records_at(village);
    assert_int_equal(terrace_run("-d", village, "import", "mediation", file, NULL), 0);
    assert_int_equal(terrace_run("-d", village, "--json", "import", "mediation", file, NULL), 0);
    assert_int_equal(terrace_number("taken"), 0);
    assert_int_equal(terrace_number("taken_before"), 2);
    assert_int_equal(records_at(village), before + 2);
    assert_int_equal(
        terrace_run("-d", village, "import", "mediation", file, "--name", "once more", NULL), 0);
    assert_int_equal(records_at(village), before + 4);
}

static void what_is_wrong_with_the_file_is_said_at_once(void **state)
{
    (void)state;
    const char *table = terrace_file("titel.csv", "titel,level\nx,1\n");
    assert_int_equal(terrace_run("-d", village, "import", "incident", table, NULL), 3);
    says("titel.csv:1: the field \"titel\": incident has no such field");
    says("did you mean \"title\"?");
    assert_int_equal(terrace_run("-d", village, "import", "incident",
                                 terrace_file("none.csv", "level\n1\n"), NULL),
                     3);
    says("doesn't name title");
    assert_int_equal(
        terrace_run("-d", village, "import", "incident", terrace_file("x.dat", ""), NULL), 2);
    says("--format");
    assert_int_equal(terrace_run("-d", village, "import", "incident", terrace_path("no.csv"), NULL),
                     3);
    assert_int_equal(terrace_run("-d", village, "import", "incidnt", table, NULL), 3);
    says("did you mean \"incident\"?");
    assert_int_equal(
        terrace_run("-d", village, "import", "incident", table, "--refused", table, NULL), 3);
}

static void lines_of_json_are_checked_one_by_one(void **state)
{
    (void)state;
    const char *path = terrace_file("lines.jsonl", ""), *file = path;
    FILE *to = fopen(path, "we");
    assert_non_null(to);
    fputs("{\"title\":\"ok\",\"level\":\"2\"}\r\n{\"title\":\"a\",\"title\":\"b\"}\n"
          "[1]\n{\"title\":1.5}\n{\"titel\":\"x\"}\n{\"title\":\"",
          to);
    for (int i = 0; i < 300 << 10; i++)
        fputc('x', to);
    fputs("\"}\n{\"title\":\"end\",\"public\":null,\"_id\":\"\",\"_origin\":\"no field\"}", to);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(terrace_run("-d", village, "import", "incident", file, NULL), 1);
    says("lines.jsonl:2:");
    says("lines.jsonl:3: the line: expected one JSON object");
    says("lines.jsonl:4: the field \"title\" of incident: it holds a number with a fraction");
    says(
        "lines.jsonl:5: the field \"titel\": incident has no such field (did you mean \"title\"?)");
    says("lines.jsonl:6: the line: it is longer than 262144 bytes");
    assert_non_null(strstr(terrace_output(), "incident: 2 taken, 5 refused; 7 rows"));
}

/* The fields alone, a line a record, sorted by the shell. */
static void write_fields(const char *node, const char *type, const char *to)
{
    char command[16384];
    snprintf(command, sizeof command, "\"$0\" -d \"$1\" export %s | LC_ALL=C sort > \"$2\"", type);
    tool("sh", "-c", command, terrace_path("program"), node, to, NULL);
}

static void export_and_import_lose_nothing(void **state)
{
    (void)state;
    const char *file = terrace_file(
        "nasty.ndjson",
        "{\"title\":\"=HYPERLINK(\\\"x\\\")\",\"text\":\"\"}\n{\"title\":\"+1\",\"text\":\"'\"}\n"
        "{\"title\":\"-1\",\"text\":\"'=1\"}\n{\"title\":\"@x\",\"text\":\" blank \"}\n"
        "{\"title\":\"\\tx\",\"text\":\"\\n\"}\n{\"title\":\"＝1\",\"text\":\"a,b;\\\"c\\\"\"}\n"
        "{\"title\":\"''x\",\"additions\":[\"\",\"[1]\",\"=1\",\"多\\n行\"],\"level\":4}\n"
        "{\"title\":\"'tis\",\"effective\":1700000000123,\"answer_wanted\":false}\n"
        "{\"title\":\"t\",\"effective\":-1000,\"expires\":1735787045000,\"kind\":\"order\"}\n");
    const char *csv = terrace_path("nasty.csv"), *first = terrace_path("first"),
               *second = terrace_path("second");
    assert_int_equal(terrace_run("-d", village, "import", "directive", file, NULL), 0);
    write_fields(village, "directive", first);
    assert_int_equal(terrace_run("-d", village, "export", "directive", "--format", "csv", NULL), 0);
    static const char *const harmless[] = {"\r\n\"'=HYPERLINK(\"\"x\"\")\"",
                                           "\r\n'+1,",
                                           "\r\n'-1,",
                                           "\r\n'@x,",
                                           "\r\n\"'\tx\"",
                                           "\r\n'＝1,"};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        if (strstr(terrace_output(), harmless[i]) == NULL)
            fail_msg("%s is not in: %s", harmless[i], terrace_output());
    }
    terrace_file("nasty.csv", terrace_output());
    assert_int_equal(terrace_run("-d", above, "import", "directive", csv, NULL), 0);
    write_fields(above, "directive", second);
    assert_string_not_equal(text_of(first), "");
    tool("cmp", first, second, NULL);
}

/* What a new record shows by itself is in an export, and no hindrance: its first state, and what
 * follows from other fields. */
static void what_follows_by_itself_is_left_out(void **state)
{
    (void)state;
    const char *formats[] = {"csv", "ndjson"}, *names[] = {"follows.csv", "follows.ndjson"};
    const char *sheets = terrace_file("sheets.csv", "title,village,station,township,county\n"
                                                    "一,90,80,70,60\n二,10,20,30,40\n");
    assert_int_equal(terrace_run("-d", village, "import", "assessment", sheets, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            terrace_run("-d", village, "export", "assessment", "--format", formats[i], NULL), 0);
        assert_non_null(strstr(terrace_output(), "failed"));
        const char *file = terrace_file(names[i], terrace_output());
        assert_int_equal(terrace_run("-d", above, "import", "assessment", file, NULL), 0);
        assert_non_null(strstr(terrace_output(), "assessment: 2 taken, 0 refused"));
    }
    const char *later = terrace_file("later.csv", "title,status\n三,graded\n");
    assert_int_equal(terrace_run("-d", above, "import", "assessment", later, NULL), 1);
}

static void the_standard_input_is_a_file_too(void **state)
{
    (void)state;
    long long before = records_at(village);
    const char *file = terrace_file("piped", "title\r\n甲\r\n乙\r\n");
    static const char command[] =
        "\"$0\" -d \"$1\" import incident - --format csv < \"$2\" && cat \"$2\" |"
        " \"$0\" -d \"$1\" import incident - --format csv > \"$3\"";
    const char *said = terrace_path("said");
    tool("sh", "-c", command, terrace_path("program"), village, file, said, NULL);
    assert_non_null(strstr(text_of(said), "0 taken, 0 refused, 2 taken before"));
    assert_int_equal(records_at(village), before + 2);
}

static const char *file_of_many(void)
{
    const char *path = terrace_path("many.ndjson");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    for (int i = 0; i < MANY; i++)
        fprintf(file, "{\"title\":\"第 %d 件\",\"people\":%d,\"place\":\"many\"}\n", i, i % 4 + 1);
    assert_int_equal(fclose(file), 0);
    return path;
}

struct progress {
    pid_t import;
    long long least;
};

static bool records_have_come(const void *context)
{
    const struct progress *progress = context;
    if (records_at(village) >= progress->least)
        return true;
    if (!background_runs(progress->import))
        fail_msg("the import ended with %d too early", background_wait(progress->import));
    return false;
}

static void wait_for_records(pid_t import, long long least)
{
    until(records_have_come, &(struct progress){import, least}, "so many records are imported");
}

/* Killed twice, and its node once: each record exactly once. */
static void a_killed_import_goes_on(void **state)
{
    (void)state;
    const char *file = file_of_many();
    long long before = records_at(village);
    for (int i = 1; i <= 2; i++) {
        pid_t pid = background("-d", village, "import", "mediation", file, NULL);
        wait_for_records(pid, before + i * MANY / 6);
        kill(pid, SIGKILL);
        background_wait(pid);
    }
    pid_t pid = background("-d", village, "import", "mediation", file, NULL);
    wait_for_records(pid, before + MANY / 2);
    drill_act(directory, "kill", "V");
    int status = background_wait(pid);
    assert_true(status == 4 || status == 0);
    drill_act(directory, "start", "V");
    assert_int_equal(terrace_run("-d", village, "--json", "import", "mediation", file, NULL), 0);
    assert_int_equal(terrace_number("rows"), MANY);
    assert_int_equal(terrace_number("taken") + terrace_number("taken_before"), MANY);
    assert_int_equal(records_at(village), before + MANY);
    const char *said = terrace_path("said");
    static const char command[] = "\"$0\" -d \"$1\" export mediation --where place=many |"
                                  " sed 's/\"_id\":\"[0-9a-f]*\"//' | sort -u | wc -l > \"$2\"";
    tool("sh", "-c", command, terrace_path("program"), village, said, NULL);
    assert_int_equal(atoi(text_of(said)), MANY);
}

/* Who reads the output has gone, or its disk is full: said, and the rest is not asked for. */
static void an_output_that_cannot_be_written_is_said(void **state)
{
    static const char command[] =
        "\"$0\" -d \"$1\" $2 mediation $3 > /dev/full 2> \"$4\"; test $? = 1";
    static const char *const words[][2] = {
        {"export", "--ids"}, {"--json list", "--limit 0"}, {"list", "--limit 0"}};
    const char *said = terrace_path("said");
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        tool("sh", "-c", command, terrace_path("program"), village, words[i][0], words[i][1], said,
             NULL);
        assert_non_null(strstr(text_of(said), "standard output"));
    }
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_indicators_go_in),
        cmocka_unit_test(good_lines_go_in_and_bad_ones_are_named),
        cmocka_unit_test(the_same_file_again_is_no_second_import),
        cmocka_unit_test(what_is_wrong_with_the_file_is_said_at_once),
        cmocka_unit_test(lines_of_json_are_checked_one_by_one),
        cmocka_unit_test(export_and_import_lose_nothing),
        cmocka_unit_test(what_follows_by_itself_is_left_out),
        cmocka_unit_test(the_standard_input_is_a_file_too),
        cmocka_unit_test(a_killed_import_goes_on),
        cmocka_unit_test(an_output_that_cannot_be_written_is_said),
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
