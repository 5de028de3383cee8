/* Queries that ask for too much: each ends at a bound that it names, in bounded
 * memory, and the engine serves the next as before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "node/sql/sql.h"
#include "tests/unit/furnished_desk.h"

enum { MEMORY_BYTES = 8 << 20, LOOKS_USUAL = 200 };

static struct desk *desk;
static struct sql_engine *engine;
static struct sql_result result;
static struct error error;
static size_t looks, looks_max = LOOKS_USUAL, row_bytes;

/* Where time would be the bound; so it is the same bound on a slow machine. */
static bool look(void *context, struct error *why)
{
    (void)context;
    if (++looks < looks_max)
        return false;
    error_set(why, ERR_TIMEOUT, "the query", "looked at often enough");
    return true;
}

static bool take_columns(void *context, const char *const *names, const char *const *kinds,
                         size_t count)
{
    (void)context;
    (void)names;
    (void)kinds;
    return count > 0;
}

static bool take_row(void *context, struct span row)
{
    (void)context;
    row_bytes += row.size;
    return true;
}

static enum error_code run_text(struct span text)
{
    struct sql_source source = {.view = &desk->port.view,
                                .tree = replica_tree(drive_replica(desk->drive)),
                                .self = "T1",
                                .now_ms = desk->wall_ms};
    struct sql_query query = {.text = text,
                              .time_ms = 600 * 1000,
                              .rows_max = 1000,
                              .stop = look,
                              .columns = take_columns,
                              .row = take_row};
    looks = row_bytes = 0;
    return sql_run(engine, &source, &query, &result, &error);
}

static enum error_code run(const char *text)
{
    return run_text(span_of_text(text));
}

static int begin(void **state)
{
    (void)state;
    desk = desk_furnished();
    for (int i = 0; i < 8; i++)
        desk_put(desk, "incident", "one of many");
    engine =
        sql_engine_new(tree_schema(replica_tree(drive_replica(desk->drive))), MEMORY_BYTES, &error);
    assert_non_null(engine);
    return 0;
}

static int end(void **state)
{
    (void)state;
    sql_engine_free(engine);
    desk_free(desk);
    return 0;
}

#define NUMBERS "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "

/* The word stands in the reason. */
struct hostile {
    const char *text;
    enum error_code code;
    const char *word;
};

static void each_ends_at_its_bound(void **state)
{
    static const struct hostile queries[] = {
        {NUMBERS "SELECT max(x) FROM c", ERR_TIMEOUT, "looked at"},
        {NUMBERS "SELECT x FROM c", ERR_OVERSIZE, "1000 rows"},
        {NUMBERS "SELECT count(*) FROM (SELECT x FROM c ORDER BY hex(randomblob(99)))",
         ERR_OVERSIZE, "memory"},
        {NUMBERS "SELECT count(DISTINCT hex(randomblob(99))) FROM c", ERR_OVERSIZE, "memory"},
        {NUMBERS "SELECT count(*) FROM (SELECT x % 99999999, hex(randomblob(99)) "
                 "FROM c GROUP BY "
                 "1, 2)",
         ERR_OVERSIZE, "memory"},
        {"WITH RECURSIVE c(x) AS (SELECT hex(randomblob(99)) UNION SELECT "
         "hex(randomblob(99)) FROM "
         "c) SELECT max(x) FROM c",
         ERR_OVERSIZE, "memory"},
        {"SELECT count(*) FROM incident a, incident b, incident c, incident d, "
         "incident e, "
         "incident f",
         ERR_TIMEOUT, "looked at"},
        {"SELECT count(*) FROM history a, history b, columns c, columns d, "
         "columns e",
         ERR_TIMEOUT, "looked at"},
        {"SELECT sum(length(a.value)) FROM json_each('[1,2,3,4,5,6,7,8,9]') a, "
         "json_each('[1,2,3,4,5,6,7,8,9]') b, columns c, columns d, columns e",
         ERR_TIMEOUT, "looked at"},
        {"SELECT zeroblob(100000000)", ERR_OVERSIZE, "131072 bytes"},
        {"SELECT group_concat(hex(zeroblob(9000))) FROM columns", ERR_OVERSIZE, "131072 bytes"},
        {"SELECT hex(hex(hex(zeroblob(60000))))", ERR_OVERSIZE, "131072 bytes"},
        {"SELECT quote(zeroblob(100000))", ERR_OVERSIZE, "131072 bytes"},
        {"SELECT json_group_array(hex(zeroblob(9000))) FROM columns", ERR_OVERSIZE, "131072 bytes"},
        {NUMBERS ", d AS (SELECT hex(zeroblob(60000)) AS x) SELECT d.x, d.x, "
                 "d.x, d.x, d.x FROM d",
         ERR_OVERSIZE, "a row of"},
        {"SELECT x'00' LIKE hex(zeroblob(4000))", ERR_USAGE, "too complex"},
        {"SELECT load_extension('a')", ERR_NOT_ALLOWED, "allowed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        const struct hostile *hostile = &queries[i];
        sqlite3_memory_highwater(1);
        looks_max = strcmp(hostile->word, "memory") == 0 ? 100 * LOOKS_USUAL : LOOKS_USUAL;
        run(hostile->text);
        if (error.code != hostile->code || strstr(error.why, hostile->word) == NULL)
            fail_msg("%s: %s: %s", hostile->text, error_name(error.code), error.why);
        assert_true(sqlite3_memory_highwater(0) <= MEMORY_BYTES);
        assert_true(row_bytes <= 1 << 20);
        assert_int_equal(run("SELECT count(*) FROM mediation"), ERR_OK);
    }
}

/* `between` between `count` pieces, and what stands around them. */
static enum error_code run_repeated(const char *before, const char *piece, const char *between,
                                    const char *after, size_t count)
{
    struct buffer text = {0};
    buffer_append_span(&text, span_of_text(before));
    for (size_t i = 0; i < count; i++) {
        buffer_append_span(&text, span_of_text(i == 0 ? "" : between));
        buffer_append_span(&text, span_of_text(piece));
    }
    buffer_append_span(&text, span_of_text(after));
    enum error_code code = run_text(span_of_buffer(&text));
    buffer_free(&text);
    return code;
}

static void no_text_is_too_deep_or_long(void **state)
{
    static const struct {
        const char *before, *piece, *between, *after;
        size_t count;
        enum error_code code;
        const char *word;
    } texts[] = {
        {"SELECT ", "1", ",", "", 1000000, ERR_USAGE, "65536 at most"},
        {"SELECT ", "1", ",", "", 10000, ERR_USAGE, "too many columns"},
        {"SELECT 1 IN (", "?", ",", ")", 10000, ERR_USAGE, "too many SQL variables"},
        {"SELECT ", "(", "", "1", 20000, ERR_USAGE, ""},
        {"SELECT ", "1", "+", "", 20000, ERR_USAGE, "depth"},
        {"SELECT ", "NOT ", "", "1", 10000, ERR_USAGE, ""},
        {"SELECT * FROM ", "(SELECT * FROM ", "", "seats", 4000, ERR_USAGE, ""},
        {"", "SELECT 1", " UNION ALL ", "", 3000, ERR_USAGE, "compound"},
        {"SELECT * FROM ", "seats", ",", "", 5000, ERR_USAGE, "too many FROM"},
        {"SELECT count(", "1", ",", ")", 5000, ERR_USAGE, "too many arguments"},
        {"WITH ", "a AS (SELECT 1)", ",", " SELECT 1", 3000, ERR_USAGE, "duplicate"},
        {"SELECT 'a' ", "COLLATE nocase", " ", "", 3000, ERR_OK, ""},
        {"SELECT 1 ORDER BY ", "1", ",", "", 20000, ERR_USAGE, "too many terms"},
        {"SELECT '", "''", "", "'", 30000, ERR_OK, ""},
        {"SELECT count(*) FROM seats WHERE seat IN (", "'a'", ",", ")", 10000, ERR_OK, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sqlite3_memory_highwater(1);
        enum error_code code = run_repeated(texts[i].before, texts[i].piece, texts[i].between,
                                            texts[i].after, texts[i].count);
        if (code != texts[i].code || strstr(error.why, texts[i].word) == NULL)
            fail_msg("%s%s%s: %s: %s", texts[i].before, texts[i].piece, texts[i].between,
                     error_name(error.code), error.why);
        assert_true(sqlite3_memory_highwater(0) <= MEMORY_BYTES);
        assert_int_equal(run("SELECT count(*) FROM mediation"), ERR_OK);
    }
}

/* More large statements than the memory would hold: none is kept, and nobody
 * else lacks memory. */
static void large_statements_are_not_kept(void **state)
{
    char piece[32];
    (void)state;
    assert_int_equal(run("SELECT count(*) FROM mediation"), ERR_OK);
    sqlite3_int64 before = sqlite3_memory_used();
    for (int i = 0; i < 100; i++) {
        snprintf(piece, sizeof piece, "(%d)", i);
        if (run_repeated("VALUES ", piece, ",", "", 900) != ERR_OK)
            fail_msg("%d: %s", i, error.why);
        assert_int_equal(run_repeated("SELECT count(*) FROM (VALUES ", piece, ",", ")", 9000),
                         ERR_OK);
    }
    assert_true(sqlite3_memory_used() < before + (5 << 20));
    assert_int_equal(run("SELECT count(*) FROM mediation"), ERR_OK);
}

/* What is kept of small ones ends as well. */
static void kept_statements_are_bounded(void **state)
{
    char text[64];
    sqlite3_int64 used = 0;
    (void)state;
    for (int i = 0; i < 400; i++) {
        snprintf(text, sizeof text, "SELECT count(*), %d FROM incident", i);
        assert_int_equal(run(text), ERR_OK);
        if (i == 100)
            used = sqlite3_memory_used();
    }
    assert_true(sqlite3_memory_used() < used + (64 << 10));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(each_ends_at_its_bound),
        TEST(no_text_is_too_deep_or_long),
        TEST(large_statements_are_not_kept),
        TEST(kept_statements_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
