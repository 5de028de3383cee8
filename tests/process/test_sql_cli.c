/* terrace sql on running nodes: what it prints, what it refuses, and that nobody notices a query
 * that has no end. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/client.h"
#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static const char *directory, *village, *township, *county;
static char incident[64];

static const char endless[] =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
static const char rows_without_end[] =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x, hex(zeroblob(500)) "
    "FROM c";

static int make(void **state)
{
    (void)state;
    directory = drill_up("sql", "code,name,tier,parent\nC,县,county,\nT,镇,township,C\n"
                                "V,村,village,T\n");
    village = strdup(drill_node(directory, "V"));
    township = strdup(drill_node(directory, "T"));
    county = strdup(drill_node(directory, "C"));
    assert_int_equal(terrace_run("-d", village, "put", "incident", "title=河堤 裂缝", "level=2",
                                 "cause=flood", "reporter=张三", "notes=先看一看", NULL),
                     0);
    snprintf(incident, sizeof incident, "%.32s", terrace_output());
    assert_int_equal(terrace_run("-d", village, "put", "incident", "title==1+1", "level=3", NULL),
                     0);
    return 0;
}

/* What a query prints, in this format. */
static const char *asked(const char *node, const char *format, const char *query)
{
    int status = terrace_run("-d", node, "sql", query, "--format", format, NULL);
    if (status != 0)
        fail_msg("%s: %d: %s", query, status, terrace_errors());
    return terrace_output();
}

static void formats(void **state)
{
    static const char query[] = "SELECT title, level, NULL AS gap FROM incident ORDER BY level";
    (void)state;
    assert_string_equal(asked(village, "table", query), "title      level  gap\n"
                                                        "河堤 裂缝      2  \n"
                                                        "=1+1           3  \n");
    assert_string_equal(asked(village, "csv", query), "title,level,gap\r\n"
                                                      "河堤 裂缝,2,\r\n"
                                                      "'=1+1,3,\r\n");
    assert_string_equal(asked(village, "json", query),
                        "[{\"title\":\"河堤 裂缝\",\"level\":2,\"gap\":null},\n"
                        "{\"title\":\"=1+1\",\"level\":3,\"gap\":null}]\n");
    assert_string_equal(asked(village, "ndjson", "SELECT 1.5 AS x, 1 AS x, x'00ff' AS b"),
                        "{\"x\":1.5,\"x_2\":1,\"b\":\"00ff\"}\n");
    assert_string_equal(asked(village, "json", "SELECT 1 AS x WHERE 0"), "[]\n");
    assert_string_equal(asked(village, "table", "SELECT char(27) || '[2J' AS x"), "x\n [2J\n");
    assert_string_equal(asked(village, "csv", "SELECT '-5' AS a, -5 AS b, '' AS c"),
                        "a,b,c\r\n'-5,-5,'\r\n");
}

static void parameters_and_lists(void **state)
{
    char word[80];
    (void)state;
    snprintf(word, sizeof word, "id=%s", incident);
    assert_int_equal(terrace_run("-d", village, "sql", "SELECT title FROM incident WHERE id = :id",
                                 "--param", word, "--format", "csv", NULL),
                     0);
    assert_string_equal(terrace_output(), "title\r\n河堤 裂缝\r\n");
    assert_string_equal(asked(village, "csv", "SELECT place, value FROM incident_notes"),
                        "place,value\r\n1,先看一看\r\n");
    assert_int_equal(terrace_run("-d", village, "sql", "SELECT :x", NULL), 2);
    assert_int_equal(terrace_run("-d", village, "sql", "SELECT :x", "--param", "x", NULL), 2);
}

/* Where private fields aren't held they aren't told. */
static void private_fields_where_they_are_held(void **state)
{
    (void)state;
    node_gets(county, "incident", incident);
    assert_string_equal(asked(village, "csv", "SELECT reporter FROM incident WHERE level = 2"),
                        "reporter\r\n张三\r\n");
    int status = terrace_run("-d", county, "get", "incident", incident, "--json", NULL);
    assert_int_equal(status, 0);
    bool held = strstr(terrace_output(), "张三") != NULL;
    assert_string_equal(asked(county, "csv", "SELECT reporter FROM incident WHERE level = 2"),
                        held ? "reporter\r\n张三\r\n" : "reporter\r\n\r\n");
}

static void tables_of_the_node(void **state)
{
    (void)state;
    assert_string_equal(asked(township, "csv", "SELECT seat, uplink FROM links ORDER BY seat"),
                        "seat,uplink\r\nC,1\r\nV,0\r\n");
    assert_string_equal(asked(township, "csv", "SELECT seat, name, parent FROM seats"),
                        "seat,name,parent\r\nC,县,\r\nT,镇,C\r\nV,村,T\r\n");
    assert_non_null(strstr(asked(village, "csv",
                                 "EXPLAIN QUERY PLAN SELECT * FROM incident WHERE status = "
                                 "'reported' AND level = 2"),
                           "status =, level ="));
    assert_string_equal(asked(village, "csv",
                              "SELECT count(*) FROM incident WHERE status = "
                              "'reported' AND level >= 2"),
                        "count(*)\r\n2\r\n");
}

static void faults(void **state)
{
    (void)state;
    assert_int_equal(terrace_run("-d", village, "sql", "SELECT 县, titel FROM incident", NULL), 2);
    assert_non_null(strstr(terrace_errors(), "SELECT 县, titel FROM incident\n         ^"));
    assert_int_equal(terrace_run("-d", village, "sql", "SELECT titel FROM incident", NULL), 2);
    assert_non_null(strstr(terrace_errors(), "did you mean title?"));
    assert_int_equal(terrace_run("-d", village, "sql", "DELETE FROM incident", NULL), 3);
    assert_int_equal(terrace_run("-d", village, "sql", "ATTACH 'x' AS y", NULL), 3);
    assert_int_equal(terrace_run("-d", village, "sql", "SELECT 1", "--format", "xml", NULL), 2);
    assert_int_equal(terrace_run("-d", village, "sql", endless, "--timeout", "1", NULL), 5);
    assert_non_null(strstr(terrace_errors(), "its limit"));
}

/* More of them than there are threads, and none is noticed. */
static void what_has_no_end_disturbs_nobody(void **state)
{
    enum { QUERIES = 3, WRITES = 20 };
    pid_t queries[QUERIES];
    (void)state;
    for (int i = 0; i < QUERIES; i++)
        queries[i] = background("-d", township, "sql", endless, "--timeout", "600", NULL);
    for (int i = 0; i < WRITES; i++)
        node_gets(county, "incident", node_put(township, "incident", "meanwhile"));
    for (int i = 0; i < QUERIES; i++)
        assert_true(background_runs(queries[i]));
    assert_int_equal(status_number(township, "commits") > 0, 1);
    assert_int_equal(terrace_run("-d", township, "list", "incident", NULL), 0);
    for (int i = 0; i < QUERIES; i++)
        background_stop(queries[i]);
    /* who is gone asks no more: the threads are free */
    assert_string_equal(asked(township, "csv", "SELECT count(*) FROM incident"),
                        "count(*)\r\n22\r\n");
}

/* Whether the last answer of a request has come; `used`: of `in`, 0 in the beginning. */
static bool has_ended(const struct buffer *in, size_t *used, struct api_answer *answer)
{
    struct error error;
    size_t size;
    answer->status = API_MORE;
    while (answer->status == API_MORE && *used < in->size &&
           (size = answer_size(SPAN(in->data + *used, in->size - *used))) != 0) {
        assert_true(size != SIZE_MAX);
        assert_int_equal(api_answer_decode(SPAN(in->data + *used + 4, size - 4), answer, &error),
                         ERR_OK);
        *used += size;
    }
    return answer->status != API_MORE;
}

static void receive(int made, struct buffer *in)
{
    buffer_reserve(in, 1 << 16);
    ssize_t got = recv(made, in->data + in->size, 1 << 16, 0);
    assert_true(got > 0);
    in->size += (size_t)got;
}

/* The last answer of a request, past whatever comes before it. */
static struct api_answer last_answer(int made, struct buffer *in)
{
    struct api_answer answer;
    size_t used = 0;
    while (!has_ended(in, &used, &answer))
        receive(made, in);
    return answer;
}

static void who_does_not_read_is_cut_off(void **state)
{
    struct buffer args = {0}, out = {0}, in = {0};
    struct error error;
    int made = client_socket(village, &error);
    (void)state;
    assert_true(made >= 0);
    mp_write_map(&args, 1);
    mp_write_text(&args, "text");
    mp_write_text(&args, rows_without_end);
    api_request_encode(1, "sql", span_of_buffer(&args), &out);
    assert_int_equal(send(made, out.data, out.size, MSG_NOSIGNAL), out.size);
    /* it ends by itself, and is out of the way of others, before anything is read: its rows fill
     * what may wait, and then its time is up */
    for (int i = 0; i < 4; i++)
        assert_int_equal(terrace_run("-d", village, "sql", endless, "--timeout", "4", NULL), 5);
    assert_int_equal(fcntl(made, F_SETFL, 0), 0);
    struct api_answer answer = last_answer(made, &in);
    assert_int_equal(answer.status, API_ERROR);
    assert_int_equal(answer.error.code, ERR_TIMEOUT);
    assert_non_null(strstr(answer.error.why, "were not read"));
    close(made);
    buffer_free(&args);
    buffer_free(&out);
    buffer_free(&in);
}

/* A socket over which this text was asked so many times, with ten minutes to run each. */
static int ask_at(const char *node, const char *text, uint64_t times)
{
    struct buffer args = {0}, out = {0};
    struct error error;
    int made = client_socket(node, &error);
    assert_true(made >= 0);
    mp_write_map(&args, 2);
    mp_write_text(&args, "text");
    mp_write_text(&args, text);
    mp_write_text(&args, "timeout_ms");
    mp_write_uint(&args, 600 * 1000);
    for (uint64_t i = 1; i <= times; i++)
        api_request_encode(i, "sql", span_of_buffer(&args), &out);
    assert_int_equal(send(made, out.data, out.size, MSG_NOSIGNAL), out.size);
    assert_int_equal(fcntl(made, F_SETFL, 0), 0);
    buffer_free(&args);
    buffer_free(&out);
    return made;
}

/* The queue of queries fills and says so; writes, links and lists go on beside it. */
static void a_full_queue_is_refused(void **state)
{
    struct buffer in = {0};
    int asked_at = ask_at(township, endless, 70);
    (void)state;
    struct api_answer answer = last_answer(asked_at, &in);
    assert_int_equal(answer.status, API_ERROR);
    assert_int_equal(answer.error.code, ERR_FULL);
    assert_non_null(strstr(answer.error.why, "wait already"));
    node_gets(county, "incident", node_put(township, "incident", "beside a full queue"));
    assert_int_equal(terrace_run("-d", township, "list", "incident", NULL), 0);
    close(asked_at); /* who has gone waits no more */
    assert_string_equal(asked(township, "csv", "SELECT 1"), "1\r\n1\r\n");
    buffer_free(&in);
}

static bool is_answered(const void *node)
{
    return terrace_run("-d", node, "sql", "SELECT 1", NULL) == 0;
}

/* A snapshot keeps the pages that writes replace: it is given up before the file has grown far. */
static void a_snapshot_is_not_held_for_ever(void **state)
{
    enum { WRITES_MAX = 5000 };
    char path[600];
    struct buffer in = {0};
    (void)state;
    snprintf(path, sizeof path, "%s/node.yaml", county);
    FILE *config = fopen(path, "ae");
    assert_non_null(config);
    fputs("sql:\n  growth_mib: 1\n", config);
    assert_int_equal(fclose(config), 0);
    drill_act(directory, "kill", "C");
    drill_act(directory, "start", "C");
    until(is_answered, county, "the node runs again");
    int asked_at = ask_at(county, endless, 1);
    struct pollfd answered = {.fd = asked_at, .events = POLLIN};
    struct api_answer answer;
    size_t used = 0;
    for (int i = 0; !has_ended(&in, &used, &answer); i++) {
        assert_true(i < WRITES_MAX);
        node_put(county, "incident", "beside a long query");
        if (poll(&answered, 1, 0) == 1)
            receive(asked_at, &in);
    }
    assert_int_equal(answer.status, API_ERROR);
    assert_int_equal(answer.error.code, ERR_OVERSIZE);
    assert_non_null(strstr(answer.error.why, "had to grow"));
    close(asked_at);
    buffer_free(&in);
}

/* A node that is to stop doesn't wait for a query. */
static void a_stop_ends_queries(void **state)
{
    pid_t query = background("-d", village, "sql", endless, "--timeout", "600", NULL);
    (void)state;
    assert_string_equal(asked(village, "csv", "SELECT 1"), "1\r\n1\r\n");
    drill_down(directory);
    assert_int_equal(background_wait(query), 4);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(parameters_and_lists),
        cmocka_unit_test(private_fields_where_they_are_held),
        cmocka_unit_test(tables_of_the_node),
        cmocka_unit_test(faults),
        cmocka_unit_test(what_has_no_end_disturbs_nobody),
        cmocka_unit_test(who_does_not_read_is_cut_off),
        cmocka_unit_test(a_full_queue_is_refused),
        cmocka_unit_test(a_snapshot_is_not_held_for_ever),
        cmocka_unit_test(a_stop_ends_queries),
    };
    if (argc != 2)
        return 2;
    unsetenv("TERRACE_DIR");
    terrace_use(argv[1]);
    background_use(argv[1]);
    int failed = cmocka_run_group_tests(tests, make, terrace_drill_end);
    terrace_leave();
    return failed;
}
