/* terrace sql at a terminal and in a pipe: what is typed over several lines, Ctrl-C, the memory of
 * lines, Chinese text, commands with a point, errors with their lines. */
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static const char *directory, *program;
static char C[512];

/* One terminal at a time. */
static struct {
    int terminal;
    pid_t child;
    struct termios before; /* as it was made */
    size_t size, seen;     /* what is awaited comes behind `seen` */
    char shown[1 << 16];
} at = {.terminal = -1};

static int make(void **state)
{
    (void)state;
    directory = drill_up("prompt", "code,name,tier,parent\nC,县,county,\n");
    snprintf(C, sizeof C, "%s", drill_node(directory, "C"));
    node_put(C, "incident", "河堤裂缝");
    node_put(C, "incident", "路灯");
    return 0;
}

static void open_prompt(const char *memory)
{
    struct winsize window = {.ws_row = 50, .ws_col = 200};
    int inner;
    memset(&at, 0, sizeof at);
    assert_int_equal(openpty(&at.terminal, &inner, NULL, NULL, &window), 0);
    assert_int_equal(tcgetattr(inner, &at.before), 0);
    at.child = fork();
    if (at.child == 0) {
        close(at.terminal);
        setenv("TERM", "xterm", 1);
        setenv("TERRACE_SQL_HISTORY", memory, 1);
        if (login_tty(inner) == 0)
            execl(program, "terrace", "-d", C, "sql", (char *)NULL);
        _exit(126);
    }
    close(inner);
    assert_true(at.child > 0);
}

static bool read_more(void)
{
    struct pollfd wait = {.fd = at.terminal, .events = POLLIN};
    ssize_t got = poll(&wait, 1, UNTIL_MS) == 1
                      ? read(at.terminal, at.shown + at.size, sizeof at.shown - 1 - at.size)
                      : -1;
    at.size += got > 0 ? (size_t)got : 0;
    at.shown[at.size] = '\0';
    return got > 0;
}

/* Until it was shown behind what was awaited before. */
static void await(const char *text)
{
    char *found = NULL;
    while ((found = strstr(at.shown + at.seen, text)) == NULL) {
        if (!read_more())
            fail_msg("%s was not shown after: %s", text, at.shown + at.seen);
    }
    at.seen = (size_t)(found - at.shown) + strlen(text);
}

static void type(const char *text)
{
    assert_int_equal(write(at.terminal, text, strlen(text)), strlen(text));
}

/* Types it again and again until something is shown. */
static void press_until(const char *key, const char *text)
{
    struct pollfd wait = {.fd = at.terminal, .events = POLLIN};
    for (int i = 0; strstr(at.shown + at.seen, text) == NULL; i++) {
        assert_true(i < UNTIL_MS / 500);
        type(key);
        while (strstr(at.shown + at.seen, text) == NULL && poll(&wait, 1, 500) == 1)
            assert_true(read_more());
    }
    await(text);
}

static int close_prompt(void)
{
    int status;
    while (read_more())
        ;
    close(at.terminal);
    assert_int_equal(waitpid(at.child, &status, 0), at.child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Ctrl-D: it may come between two prompts. */
static int leave_prompt(void)
{
    type("\4");
    return close_prompt();
}

static void statements_are_typed(void **state)
{
    (void)state;
    open_prompt("");
    await("sql> ");
    type("SELECT title,\n");
    await("...> ");
    type("';' AS x FROM incident\n");
    await("...> ");
    type("WHERE title = '河堤裂缝'; SELECT 6 * 7 AS n;\n");
    await("title     x\r\n河堤裂缝  ;\r\n");
    await("n\r\n42\r\n");
    await("sql> ");
    type("SELECT 县 FROM incident;\n");
    await("  SELECT 县 FROM incident;\r\n         ^\r\n");
    await("sql> ");
    type("DELETE FROM incident;\n");
    await("records are written by `terrace put`");
    await("sql> ");
    assert_int_equal(leave_prompt(), 0);
}

static void commands_with_a_point(void **state)
{
    (void)state;
    open_prompt("");
    await("sql> ");
    type(".help\n");
    await(".mode [FORMAT]");
    type(".tables inc%\n");
    await("incident_notes");
    assert_null(strstr(at.shown, "mediation"));
    type(".tables\n");
    await("mediation");
    type(".schema INCIDENT\n");
    await("TIME TEXT");
    type(".mode\n");
    await("table\r\n");
    type(".mode ndjson\n");
    type("SELECT count(*) AS n FROM incident;\n");
    await("{\"n\":2}\r\n");
    type(".mode paper\n");
    await("table, csv, json or ndjson");
    type(".open x\n");
    await("there is no .open");
    type(".quit\n");
    assert_int_equal(close_prompt(), 0);
}

/* At the prompt it drops what was typed, in a query the query; neither ends the program. */
static void control_c(void **state)
{
    (void)state;
    open_prompt("");
    await("sql> ");
    type("SELECT never,\n");
    await("...> ");
    type("finished\3");
    await("^C");
    await("sql> ");
    type("SELECT 'begun' AS a;\n");
    await("\r\nbegun\r\n");
    await("sql> ");
    type("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM "
         "c;\n");
    await("FROM c;");
    press_until("\3", "it was ended by Ctrl-C"); /* the query may not have begun yet */
    await("sql> ");
    type("SELECT 'again' AS a;\n");
    await("\r\nagain\r\n");
    await("sql> ");
    assert_int_equal(leave_prompt(), 0);
}

/* Keys typed while a query runs wait for the next line, Ctrl-D, too; the terminal is as it was. */
static void keys_typed_ahead(void **state)
{
    (void)state;
    struct termios after;
    open_prompt("");
    await("sql> ");
    type("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 200000)"
         " SELECT count(*) AS n FROM c;\nSELECT 'ahead' AS a;\n\4");
    await("n\r\n200000\r\n");
    await("\r\nahead\r\n");
    while (read_more())
        ;
    assert_int_equal(tcgetattr(at.terminal, &after), 0);
    assert_int_equal(after.c_lflag, at.before.c_lflag);
    assert_memory_equal(after.c_cc, at.before.c_cc, sizeof after.c_cc);
    assert_int_equal(close_prompt(), 0);
}

static size_t size_of(const char *path)
{
    FILE *file = fopen(path, "r");
    char text[4096];
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    if (file != NULL)
        fclose(file);
    return strstr(text, "remember") == NULL && size > 0 ? 1 : size;
}

static void lines_are_remembered_where_that_is_wanted(void **state)
{
    (void)state;
    char memory[512];
    snprintf(memory, sizeof memory, "%s", terrace_path("lines"));
    open_prompt(memory);
    await("sql> ");
    type("SELECT 'remember';\n");
    await("sql> ");
    assert_int_equal(leave_prompt(), 0);
    assert_true(size_of(memory) > 1);
    open_prompt(memory);
    await("sql> ");
    type("\20"); /* Ctrl-P: the line before */
    await("SELECT 'remember';");
    type("\n");
    await("\r\nremember\r\n");
    await("sql> ");
    assert_int_equal(leave_prompt(), 0);
    assert_int_equal(unlink(memory), 0);
    open_prompt("");
    await("sql> ");
    type("SELECT 'remember';\n");
    await("\r\nremember\r\n");
    await("sql> ");
    assert_int_equal(leave_prompt(), 0);
    assert_int_equal(size_of(memory), 0);
}

/* `terrace sql < FILE`. */
static int piped(const char *text)
{
    terrace_reads(terrace_file("queries.sql", text));
    return terrace_run("-d", C, "sql", "--format", "csv", NULL);
}

static void a_pipe_names_lines(void **state)
{
    (void)state;
    assert_int_equal(piped("-- two;\nSELECT 1 AS a;\n\nSELECT count(*) AS n\nFROM incident"), 0);
    assert_string_equal(terrace_output(), "a\r\n1\r\nn\r\n2\r\n");
    assert_int_equal(piped("SELECT 1 AS a;\n\nSELECT 2,\n  titel FROM incident;\nSELECT 3;"), 2);
    assert_string_equal(terrace_output(), "a\r\n1\r\n");
    assert_non_null(strstr(terrace_errors(), "line 4 of the standard input"));
    assert_non_null(strstr(terrace_errors(), "  titel FROM incident;\n    ^"));
    assert_int_equal(piped("SELECT 1;\n\nDELETE FROM incident;\n"), 3);
    assert_non_null(strstr(terrace_errors(), "line 3 of the standard input"));
    assert_int_equal(piped("SELECT 1;\nSELECT hex(zeroblob(100000000));\n"), 3);
    assert_non_null(strstr(terrace_errors(), "line 2 of the standard input"));
    assert_int_equal(piped("SELECT '\xff'"), 3);
    assert_int_equal(piped(""), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_typed),
        cmocka_unit_test(commands_with_a_point),
        cmocka_unit_test(control_c),
        cmocka_unit_test(keys_typed_ahead),
        cmocka_unit_test(lines_are_remembered_where_that_is_wanted),
        cmocka_unit_test(a_pipe_names_lines),
    };
    if (argc != 2)
        return 2;
    unsetenv("TERRACE_DIR");
    program = argv[1];
    terrace_use(argv[1]);
    background_use(argv[1]);
    int failed = cmocka_run_group_tests(tests, make, terrace_drill_end);
    terrace_leave();
    return failed;
}
