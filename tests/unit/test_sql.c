/* SQL over a view in memory: what each table shows, that plans read no more than they say, and what
 * a query may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/sql/sql.h"
#include "tests/unit/furnished_desk.h"

enum { MEMORY = 64 << 20, WORDS_MAX = 1 << 16, MANY = 200 };

static struct desk *desk;
static struct sql_engine *engine;
static char words[WORDS_MAX];
static struct sql_result result;
static struct error error;
static struct buffer parameters;

static const struct tree *tree_now(void)
{
    return replica_tree(drive_replica(desk->drive));
}

static void add(const char *text, size_t size)
{
    size_t used = strlen(words);
    if (used + size < WORDS_MAX) {
        memcpy(words + used, text, size);
        words[used + size] = '\0';
    }
}

static bool take_columns(void *context, const char *const *names, const char *const *kinds,
                         size_t count)
{
    (void)context;
    (void)names;
    (void)kinds;
    assert_true(count > 0);
    return true;
}

static void add_value(struct mp_reader *reader)
{
    char number[32];
    struct span text;
    switch (mp_peek(reader)) {
    case MP_INT:
        snprintf(number, sizeof number, "%lld", (long long)mp_read_int(reader));
        add(number, strlen(number));
        break;
    case MP_STR:
        text = mp_read_str(reader);
        add((const char *)text.data, text.size);
        break;
    case MP_ARRAY:
        assert_int_equal(mp_read_array(reader), 1);
        text = mp_read_str(reader);
        add((const char *)text.data, text.size);
        break;
    case MP_BIN:
        mp_read_bin(reader);
        add("BYTES", 5);
        break;
    case MP_NIL:
        mp_read_nil(reader);
        add("NULL", 4);
        break;
    case MP_BOOL:
    case MP_MAP:
    case MP_END:
    case MP_BAD: fail();
    }
}

static bool take_row(void *context, struct span row)
{
    struct mp_reader reader = mp_reader(row);
    uint32_t count = mp_read_array(&reader);
    (void)context;
    if (words[0] != '\0')
        add("; ", 2);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            add("|", 1);
        add_value(&reader);
    }
    mp_read_end(&reader);
    assert_false(reader.failed);
    return true;
}

static bool (*stop)(void *context, struct error *why); /* NULL: nobody */
static uint64_t time_ms = 60000, rows_max = 1000000;

static enum error_code run(const char *text)
{
    struct sql_source source = {.view = &desk->port.view,
                                .tree = tree_now(),
                                .self = "T1",
                                .now_ms = desk->wall_ms,
                                .freshness_ms = 1500 * 1000};
    struct sql_query query = {.text = span_of_text(text),
                              .parameters = span_of_buffer(&parameters),
                              .time_ms = time_ms,
                              .rows_max = rows_max,
                              .stop = stop,
                              .columns = take_columns,
                              .row = take_row};
    words[0] = '\0';
    return sql_run(engine, &source, &query, &result, &error);
}

/* The rows as "a|b; c|d". */
static const char *rows(const char *text)
{
    if (run(text) != ERR_OK)
        fail_msg("%s: %s", text, error.why);
    return words;
}

static int begin(void **state)
{
    (void)state;
    desk = desk_furnished();
    engine = sql_engine_new(tree_schema(tree_now()), MEMORY, &error);
    assert_non_null(engine);
    return 0;
}

static int end(void **state)
{
    (void)state;
    sql_engine_free(engine);
    desk_free(desk);
    buffer_free(&parameters);
    stop = NULL;
    time_ms = 60000;
    rows_max = 1000000;
    return 0;
}

static void put_many(void)
{
    for (int i = 0; i < MANY; i++) {
        char title[32];
        snprintf(title, sizeof title, "number %03d", i);
        desk_put(desk, "incident", title);
        if (i % 10 == 9)
            desk_wait(desk, 1000);
    }
}

/* ---- tables ---- */

static void types_have_tables(void **state)
{
    (void)state;
    assert_string_equal(rows("SELECT title, origin FROM mediation"), "own|T1");
    assert_string_equal(rows("SELECT title, origin FROM directive WHERE origin = 'T1'"), "down|T1");
    assert_string_equal(rows("SELECT count(*) FROM incident WHERE origin = 'T1'"), "1");
    assert_string_equal(rows("SELECT circle FROM incident WHERE title = 'path'"), "T1 C");
    assert_string_equal(
        rows("SELECT length(id), length(author), substr(id, 1, 16) = author FROM mediation"),
        "32|16|1");
    assert_string_equal(rows("SELECT created = changed, created LIKE '20__-__-__T__:__:__.___Z' "
                             "FROM mediation"),
                        "1|1");
}

static void what_is_deleted_is_no_row(void **state)
{
    struct record_id id;
    (void)state;
    rows("SELECT id FROM mediation");
    assert_true(record_id_parse(span_of_text(words), &id));
    desk_event(desk, &(struct event){.kind = EVENT_WRITE,
                                     .write = {.kind = WRITE_DELETE,
                                               .type = span_of_text("mediation"),
                                               .record = id}});
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_string_equal(rows("SELECT count(*) FROM mediation"), "0");
}

static void fixed_tables_have_rows(void **state)
{
    (void)state;
    assert_string_equal(rows("SELECT seat, parent FROM seats ORDER BY seat"),
                        "C|NULL; T1|C; V1|T1; V2|T1");
    assert_string_equal(rows("SELECT name, number FROM types WHERE name = 'incident'"),
                        "incident|2");
    assert_string_equal(rows("SELECT kind FROM columns WHERE table_name = 'incident' AND name IN "
                             "('id', 'title', 'created') ORDER BY name"),
                        "TIME TEXT; RECORD TEXT; TEXT");
    assert_string_equal(rows("SELECT type, change FROM history WHERE type = 'mediation'"),
                        "mediation|created");
    assert_string_equal(rows("SELECT kind, count(*) > 0 FROM quarantine GROUP BY kind ORDER BY 1"),
                        "quarantined|1; waiting|1");
    assert_string_equal(rows("SELECT count(*) FROM conflicts"), "0");
    assert_string_equal(rows("SELECT count(*) FROM links"), "0");
    assert_string_equal(rows("SELECT name, value, expected FROM rollups WHERE name = 'records'"),
                        "records|3|3");
    assert_string_equal(rows("SELECT key, value FROM rollups WHERE name = 'records' AND grouped_by "
                             "= 'type' ORDER BY key"),
                        "directive|1; incident|1; mediation|1");
    assert_true(atoi(rows("SELECT count(*) FROM rollups")) > 1);
    assert_int_equal(run("SELECT * FROM rollups WHERE name = 'none'"), ERR_NOT_FOUND);
}

/* What `list` leaves out is a row like others, and a hidden column says so. */
static void what_is_past_is_said(void **state)
{
    (void)state;
    sql_engine_free(engine);
    desk_free(desk);
    desk = desk_new(SEAT_C, NULL); /* the root makes tokens itself */
    engine = sql_engine_new(tree_schema(tree_now()), MEMORY, &error);
    struct record_type *type = (struct record_type *)(uintptr_t)schema_type_named(
        tree_schema(tree_now()), span_of_text("incident"));
    desk_put(desk, "incident", "left open");
    desk_event(desk,
               &(struct event){.kind = EVENT_WRITE,
                               .write = {.kind = WRITE_PUT, .type = span_of_text("incident")}});
    struct buffer *fields = &desk->bodies[desk->event_count - 1];
    mp_write_map(fields, 2);
    mp_write_text(fields, "title");
    mp_write_text(fields, "done with");
    mp_write_text(fields, "s");
    mp_write_text(fields, "closed");
    desk->events[desk->event_count - 1].write.fields = span_of_buffer(fields);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_string_equal(rows("SELECT count(*), sum(past) FROM incident"), "2|0");
    type->retention_days = 1;
    desk_wait(desk, 10 * UINT64_C(86400000));
    assert_string_equal(rows("SELECT title FROM incident WHERE past"), "done with");
    assert_string_equal(rows("SELECT title FROM incident WHERE NOT past"), "left open");
    assert_null(strstr(rows("SELECT name FROM pragma_table_info('incident')"), "past"));
    assert_string_equal(rows("SELECT count(*) FROM columns WHERE table_name = 'incident' AND name "
                             "= 'past'"),
                        "1");
}

/* The count that everybody knows stands beside `query_list`'s. */
static void history_by_key_is_history(void **state)
{
    char all[64];
    (void)state;
    snprintf(all, sizeof all, "%.60s", rows("SELECT count(*) FROM history"));
    assert_string_equal(rows("SELECT count(*) FROM history h JOIN (SELECT id FROM incident UNION "
                             "SELECT id FROM mediation UNION SELECT id FROM directive) r ON "
                             "h.id = r.id"),
                        all);
    assert_string_equal(rows("SELECT count(*) FROM history WHERE type = 'mediation' OR id = "
                             "(SELECT id FROM directive)"),
                        "2");
}

/* ---- plans ---- */

static void plans_read_their_rows_alone(void **state)
{
    char id[40], text[256];
    (void)state;
    put_many();
    rows("SELECT id FROM incident WHERE changed || '' = 'number 100'");
    assert_int_equal(result.opened, MANY + 2); /* the furnished two beside them */
    rows("SELECT id FROM incident WHERE title || '' = 'number 100'");
    assert_int_equal(result.opened, 0);
    rows("SELECT id FROM incident WHERE title = 'number 100'");
    assert_int_equal(result.opened, 0);
    rows("SELECT changed FROM incident WHERE title = 'number 100'");
    assert_int_equal(result.opened, 1);
    assert_string_equal(rows("SELECT count(*) FROM incident WHERE title = 'none'"), "0");
    assert_int_equal(result.opened, 0);
    rows("SELECT changed FROM incident WHERE title >= 'number 190' AND title < 'number 195'");
    assert_int_equal(result.opened, 5);
    rows("SELECT id FROM incident WHERE title = 'number 100'");
    snprintf(id, sizeof id, "%.39s", words);
    snprintf(text, sizeof text, "SELECT title FROM incident WHERE id = '%s'", id);
    assert_string_equal(rows(text), "number 100");
    assert_int_equal(result.opened, 1);
    assert_string_equal(rows("SELECT title FROM incident ORDER BY created DESC, 1 LIMIT 0"), "");
    rows("SELECT created FROM incident ORDER BY created DESC LIMIT 7");
    assert_int_equal(result.opened, 7);
    rows("SELECT id FROM incident ORDER BY id LIMIT 3");
    assert_int_equal(result.opened, 3);
    assert_string_equal(rows("SELECT count(*) FROM incident WHERE origin = 'V1'"), "1");
    assert_true(result.opened < 10);
    assert_string_equal(rows("SELECT count(*) FROM incident WHERE id = 'none'"), "0");
    assert_int_equal(result.opened, 0);
    snprintf(text, sizeof text,
             "SELECT count(*) FROM incident WHERE created >= (SELECT created FROM incident WHERE "
             "id = '%s')",
             id);
    assert_string_equal(rows(text), "100");
    assert_int_equal(result.opened, 101);
    snprintf(text, sizeof text, "SELECT count(*) FROM incident WHERE id = '%s' OR title = 'x'", id);
    assert_string_equal(rows(text), "1");
}

static void a_plan_is_told(void **state)
{
    (void)state;
    assert_non_null(
        strstr(rows("EXPLAIN QUERY PLAN SELECT * FROM incident WHERE id = 'x'"), "record by id"));
    assert_non_null(strstr(rows("EXPLAIN QUERY PLAN SELECT * FROM incident WHERE created > "
                                "'2026-01-01' ORDER BY created DESC"),
                           "index created, a range, newest first"));
    assert_null(strstr(words, "TEMP B-TREE"));
    assert_non_null(strstr(rows("EXPLAIN QUERY PLAN SELECT * FROM incident WHERE origin = 'T1'"),
                           "records of one origin"));
    assert_non_null(strstr(rows("EXPLAIN QUERY PLAN SELECT * FROM incident WHERE s = 'open' AND "
                                "level > 2 ORDER BY level DESC"),
                           "index [s, level], s =, level from"));
    assert_null(strstr(words, "TEMP B-TREE"));
}

/* One record found in two ways is one row. */
static void two_ways_to_one_row(void **state)
{
    (void)state;
    put_many();
    assert_string_equal(rows("SELECT count(*) FROM incident WHERE origin = 'T1' OR created > "
                             "'2000-01-01'"),
                        "202");
    assert_string_equal(rows("SELECT count(*) FROM incident a JOIN incident b USING (id)"), "202");
}

/* ---- any condition against a filter by hand ---- */

enum { DRAWN_RECORDS = 60, DRAWN_QUERIES = 200, LEVELS = 4, TITLES = 6 };

struct drawn {
    char id[33], title[8];
    int level; /* 0: none is shown */
    char created[32];
};
static struct drawn drawn[DRAWN_RECORDS];
static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static void put_drawn(struct drawn *record)
{
    record->level = (int)draw(LEVELS + 1);
    snprintf(record->title, sizeof record->title, "%c", (char)('a' + (char)draw(TITLES)));
    desk_event(desk, &(struct event){.kind = EVENT_WRITE,
                                     .write = {.kind = WRITE_PUT, .type = span_of_text("survey")}});
    struct buffer *fields = &desk->bodies[desk->event_count - 1];
    mp_write_map(fields, record->level == 0 ? 2 : 3);
    mp_write_text(fields, "title");
    mp_write_text(fields, record->title);
    mp_write_text(fields, "s");
    mp_write_text(fields, "open");
    if (record->level != 0) {
        mp_write_text(fields, "level");
        mp_write_int(fields, record->level);
    }
    assert_int_equal(desk_run(desk), ERR_OK);
    if (desk->answer.error.code != ERR_OK)
        fail_msg("%s", desk->answer.error.why);
    record_id_text(&desk->answer.record, record->id);
    desk_wait(desk, draw(3) * 1000);
}

/* What an index's rows hold is told from there, what was cut from the record; and both ways tell
 * the same, in the same order. */
static void an_index_that_holds_all_is_enough(void **state)
{
    static const struct {
        const char *what, *table, *where, *order;
        unsigned opened; /* the three long titles */
    } wanted[] = {
        {"s, level, id, created, origin, author", "incident", "1", "ORDER BY s, level, id", 0},
        {"level, s", "survey", "s = 'open'", "ORDER BY level DESC", 0},
        {"s, level, count(*)", "survey", "1", "GROUP BY s, level", 0},
        {"title, id", "incident", "title >= 'n'", "ORDER BY title, id", 3},
        {"title, count(*)", "incident", "1", "GROUP BY title", 3},
    };
    char text[256], long_title[100] = "";
    (void)state;
    put_many();
    for (size_t i = 0; i < DRAWN_RECORDS; i++)
        put_drawn(&drawn[i]);
    for (int i = 0; i < 3; i++) {
        memset(long_title, 'n', sizeof long_title - 1);
        long_title[80 + i] = 'o';
        desk_put(desk, "incident", long_title);
    }
    char *expected = test_malloc(sizeof words);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        snprintf(text, sizeof text, "SELECT %s FROM %s WHERE %s AND changed > '1970-01-01' %s",
                 wanted[i].what, wanted[i].table, wanted[i].where, wanted[i].order);
        memcpy(expected, rows(text), sizeof words);
        assert_true(result.opened >= DRAWN_RECORDS);
        snprintf(text, sizeof text, "SELECT %s FROM %s WHERE %s %s", wanted[i].what,
                 wanted[i].table, wanted[i].where, wanted[i].order);
        assert_string_equal(rows(text), expected);
        assert_int_equal(result.opened, wanted[i].opened);
        snprintf(text, sizeof text, "EXPLAIN QUERY PLAN SELECT %s FROM %s WHERE %s %s",
                 wanted[i].what, wanted[i].table, wanted[i].where, wanted[i].order);
        assert_non_null(strstr(rows(text), "no record is opened"));
    }
    test_free(expected);
}

/* One comparison of a column with a value that some record has. */
struct condition {
    unsigned column, op;
    const struct drawn *with;
};
static const char *const columns[] = {"id", "title", "level", "created", "s"};
static const char *const ops[] = {"=", "<", "<=", ">", ">=", "<>"};

static int compare(const struct condition *condition, const struct drawn *record)
{
    switch (condition->column) {
    case 0: return strcmp(record->id, condition->with->id);
    case 1: return strcmp(record->title, condition->with->title);
    case 2: return record->level - condition->with->level;
    case 3: return strcmp(record->created, condition->with->created);
    default: return 0;
    }
}

static bool holds(const struct condition *condition, const struct drawn *record)
{
    int order = compare(condition, record);
    if (condition->column == 2 && (record->level == 0 || condition->with->level == 0))
        return false; /* NULL */
    return (const bool[]){order == 0, order<0, order <= 0, order> 0, order >= 0,
                          order != 0}[condition->op];
}

static void add_condition(const struct condition *condition, char *text, size_t room)
{
    const struct drawn *with = condition->with;
    size_t used = strlen(text);
    char level[16];
    snprintf(level, sizeof level, with->level == 0 ? "NULL" : "%d", with->level);
    const char *value = (const char *const[]){with->id, with->title, level, with->created,
                                              "open"}[condition->column];
    bool bare = condition->column == 2;
    snprintf(text + used, room - used, "%s %s %s%s%s", columns[condition->column],
             ops[condition->op], bare ? "" : "'", value, bare ? "" : "'");
}

/* As many rows as the filter finds, the right ones, and in order. */
static void check_drawn(const struct condition *conditions, unsigned count, bool any)
{
    char text[1024] = "SELECT id FROM survey WHERE ";
    unsigned order = draw(4);
    bool down = draw(2) == 0;
    size_t expected = 0;
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            strcat(text, any ? " OR " : " AND ");
        add_condition(&conditions[i], text, sizeof text);
    }
    snprintf(text + strlen(text), sizeof text - strlen(text), " ORDER BY %s%s",
             (const char *const[]){"id", "level", "created", "title"}[order], down ? " DESC" : "");
    const char *found = rows(text), *last = NULL;
    for (size_t i = 0; i < DRAWN_RECORDS; i++) {
        bool wanted = !any;
        for (unsigned k = 0; k < count; k++)
            wanted = any ? wanted || holds(&conditions[k], &drawn[i])
                         : wanted && holds(&conditions[k], &drawn[i]);
        expected += wanted;
        if (wanted != (strstr(found, drawn[i].id) != NULL))
            fail_msg("%s: record %s", text, drawn[i].id);
    }
    if (strlen(found) != (expected == 0 ? 0 : expected * 34 - 2))
        fail_msg("%s: %zu rows, but %s", text, expected, found);
    for (const char *at = found; expected > 0 && at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        struct drawn *one = drawn, *other = drawn;
        while (strncmp(one->id, at, 32) != 0)
            one++;
        while (last != NULL && strncmp(other->id, last, 32) != 0)
            other++;
        const struct condition by = {(const unsigned[]){0, 2, 3, 1}[order], 0, other};
        int rise = last == NULL ? 0 : compare(&by, one);
        if (down ? rise > 0 : rise < 0)
            fail_msg("%s: %.32s behind %.32s", text, at, last);
        last = at;
    }
}

static void any_condition_finds_what_a_filter_finds(void **state)
{
    (void)state;
    seed = 20261122;
    for (size_t i = 0; i < DRAWN_RECORDS; i++)
        put_drawn(&drawn[i]);
    for (size_t i = 0; i < DRAWN_RECORDS; i++) {
        char text[96];
        snprintf(text, sizeof text, "SELECT created FROM survey WHERE id = '%s'", drawn[i].id);
        snprintf(drawn[i].created, sizeof drawn[i].created, "%.31s", rows(text));
    }
    for (size_t i = 0; i < DRAWN_QUERIES; i++) {
        struct condition conditions[3];
        unsigned count = 1 + draw(3);
        for (unsigned k = 0; k < count; k++)
            conditions[k] = (struct condition){draw(5), draw(6), &drawn[draw(DRAWN_RECORDS)]};
        check_drawn(conditions, count, draw(3) == 0);
    }
}

/* Whatever is said to the engine, it answers. */
static void any_text_is_answered(void **state)
{
    static const char *const words_of_sql[] = {
        "SELECT",     "*",        "FROM",  "incident",   "WHERE",   "id",      "=",
        "'a'",        "(",        ")",     ",",          "level",   ">",       "1",
        "ORDER BY",   "created",  "DESC",  "LIMIT",      "history", "JOIN",    "ON",
        "USING",      "GROUP BY", "sum(",  "avg(",       "OVER",    "WITH",    "RECURSIVE",
        "AS",         "UNION",    "NOT",   "IN",         "LIKE",    "'%'",     "NULL",
        ":p",         "x",        ";",     "--",         "'",       "EXPLAIN", "PRAGMA",
        "table_info", "seats",    "types", ".",          "BETWEEN", "AND",     "OR",
        "CASE",       "WHEN",     "END",   "json_each(", "-",       "||",      "COLLATE",
        "time"};
    (void)state;
    seed = 7;
    time_ms = 100;
    for (int i = 0; i < 1000; i++) {
        char text[512] = "";
        unsigned count = 1 + draw(14);
        for (unsigned k = 0; k < count; k++) {
            strcat(text, words_of_sql[draw(sizeof words_of_sql / sizeof *words_of_sql)]);
            strcat(text, " ");
        }
        (void)run(text);
        if (error.code != ERR_OK && error.why[0] == '\0')
            fail_msg("%s: no reason", text);
    }
    time_ms = 60000;
    assert_string_equal(rows("SELECT count(*) FROM mediation"), "1");
}

/* ---- exact numbers ---- */

static void decimals_are_exact(void **state)
{
    (void)state;
    assert_string_equal(rows("SELECT sum(x), avg(x) FROM (SELECT '0.10' AS x UNION ALL SELECT "
                             "'0.20')"),
                        "0.30|0.1500");
    assert_string_equal(rows("SELECT '9.5' < '10.25' COLLATE decimal, '1.50' = '1.5' COLLATE "
                             "decimal, max(x COLLATE decimal) FROM (SELECT '9.5' AS x UNION ALL "
                             "SELECT '-10.25')"),
                        "1|1|9.5");
    assert_string_equal(rows("SELECT scaled('12.345', 2), scaled('-0.005', 2), decimal(-1234, 2), "
                             "decimal(5, 3)"),
                        "1235|-1|-12.34|0.005");
    assert_string_equal(rows("SELECT sum(column1), avg(column1) FROM (VALUES (1), (2), (NULL))"),
                        "3|1.5");
    assert_int_equal(run("SELECT sum(column1) FROM (VALUES (9223372036854775807), (1))"),
                     ERR_USAGE);
    assert_string_equal(rows("SELECT group_concat(s) FROM (SELECT sum(column1) OVER (ORDER BY "
                             "column1 ROWS 1 PRECEDING) AS s FROM (VALUES (1), (2), (3)))"),
                        "1,3,5");
}

static void times_compare_as_instants(void **state)
{
    (void)state;
    assert_string_equal(rows("SELECT ms('1970-01-02'), ms('1970-01-01T00:00:01.5Z'), "
                             "ms('2026-03-05 14:02'), ms('no')"),
                        "86400000|1500|1772719320000|NULL");
    assert_string_equal(rows("SELECT count(*) FROM mediation WHERE created = created || ''"), "1");
    assert_string_equal(rows("SELECT count(*) FROM mediation WHERE created > '1999-01-01' AND "
                             "created < '2999-01-01 00:00'"),
                        "1");
    assert_string_equal(rows("SELECT count(*) FROM mediation WHERE created = ms(created)"), "1");
    assert_string_equal(rows("SELECT strftime('%Y', created) = substr(created, 1, 4) FROM "
                             "mediation"),
                        "1");
}

static void patterns_match_as_in_sqlite(void **state)
{
    static const char *const cases[][2] = {
        {"'abc' LIKE 'A_C'", "1"},
        {"'abc' LIKE '%'", "1"},
        {"'' LIKE '%%'", "1"},
        {"'abc' LIKE 'b%'", "0"},
        {"'a%c' LIKE 'a\\%c' ESCAPE '\\'", "1"},
        {"'abc' LIKE 'a\\%c' ESCAPE '\\'", "0"},
        {"'县里' LIKE '_里'", "1"},
        {"'abcbc' LIKE '%bc'", "1"},
        {"'abc' GLOB 'a*'", "1"},
        {"'abc' GLOB 'A*'", "0"},
        {"'abc' GLOB '[a-c]?[^d]'", "1"},
        {"'a]c' GLOB 'a[]]c'", "1"},
        {"NULL LIKE 'a'", "NULL"},
        {"'a' GLOB '[a'", "0"},
        {"'aXbXc' LIKE 'a%x%c'", "1"},
        {"'ab' LIKE 'abc'", "0"},
    };
    char text[128];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "SELECT %s", cases[i][0]);
        if (strcmp(rows(text), cases[i][1]) != 0)
            fail_msg("%s: %s", text, words);
    }
}

/* ---- parameters, errors ---- */

static void parameters_are_bound(void **state)
{
    (void)state;
    mp_write_map(&parameters, 2);
    mp_write_text(&parameters, "title");
    mp_write_text(&parameters, "own'; --");
    mp_write_text(&parameters, "n");
    mp_write_int(&parameters, 5);
    assert_string_equal(rows("SELECT count(*), :n + 1 FROM mediation WHERE title = :title"), "0|6");
    assert_int_equal(run("SELECT :other"), ERR_USAGE);
    assert_non_null(strstr(error.why, ":other"));
}

static void errors_say_where(void **state)
{
    (void)state;
    assert_int_equal(run("SELECT 1,\n  titel FROM incident"), ERR_USAGE);
    assert_int_equal(error.line, 2);
    assert_int_equal(error.column, 3);
    assert_non_null(strstr(error.next, "title"));
    assert_int_equal(run("SELECT * FROM incidents"), ERR_USAGE);
    assert_non_null(strstr(error.next, "incident"));
    assert_int_equal(run("SELECT 1; SELECT 2"), ERR_USAGE);
    assert_int_equal(run("  "), ERR_USAGE);
    assert_int_equal(run(""), ERR_USAGE);
    assert_string_equal(rows("SELECT 1; -- and no more"), "1");
}

static void nothing_but_reading(void **state)
{
    static const char *const not [] = {
        "INSERT INTO incident (title) VALUES ('x')",
        "DELETE FROM incident",
        "UPDATE incident SET title = 'x'",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (a)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE f USING fts5(a)",
        "DROP TABLE incident",
        "ATTACH 'x' AS y",
        "DETACH main",
        "VACUUM INTO 'x'",
        "PRAGMA temp_store_directory = 'x'",
        "PRAGMA hard_heap_limit = 0",
        "PRAGMA writable_schema = 1",
        "SELECT load_extension('x')",
        "SELECT fts3_tokenizer('x')",
        "SELECT * FROM pragma_database_list",
        "SELECT sql FROM sqlite_stmt",
        "SELECT name FROM dbstat",
        "BEGIN",
        "SAVEPOINT s",
        "ANALYZE",
        "REINDEX",
    };
    (void)state;
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++) {
        if (run(not [i]) == ERR_OK)
            fail_msg("%s was let through", not [i]);
        if (error.code != ERR_NOT_ALLOWED)
            fail_msg("%s: %s %s", not [i], error_name(error.code), error.why);
    }
    assert_string_equal(rows("SELECT count(*) FROM sqlite_master"), "0");
    assert_non_null(strstr(rows("SELECT name FROM pragma_table_info('incident')"), "title"));
    assert_string_equal(rows("SELECT value FROM json_each('[1, 2]')"), "1; 2");
}

/* ---- bounds ---- */

static bool at_once(void *context, struct error *why)
{
    (void)context;
    error_set(why, ERR_BUSY, "the query", "stopped");
    return true;
}

static void what_has_no_end_ends(void **state)
{
    static const char endless[] =
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    (void)state;
    time_ms = 50;
    assert_int_equal(run(endless), ERR_TIMEOUT);
    assert_int_equal(run("SELECT count(*) FROM incident a, incident b, incident c, incident d, "
                         "incident e, incident f, history, history, history, history, history"),
                     ERR_TIMEOUT);
    time_ms = 60000;
    stop = at_once;
    assert_int_equal(run(endless), ERR_BUSY);
    stop = NULL;
    assert_int_equal(run("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < "
                         "99999) SELECT "
                         "group_concat(x) FROM c"),
                     ERR_OVERSIZE);
    assert_int_equal(run("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT "
                         "x FROM c ORDER BY hex(randomblob(100)), x"),
                     ERR_OVERSIZE); /* memory */
    rows_max = 10;
    assert_int_equal(run("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT "
                         "x FROM c"),
                     ERR_OVERSIZE);
    assert_int_equal(result.rows, 10);
    rows_max = 1000000;
    assert_int_equal(run("SELECT hex(zeroblob(100000000))"), ERR_OVERSIZE);
    assert_string_equal(rows("SELECT count(*) FROM mediation"), "1");
}

static void no_pattern_takes_long(void **state)
{
    struct buffer text = {0};
    (void)state;
    time_ms = 20000; /* SQLite's own matching would need ages */
    buffer_append_span(&text, span_of_text("SELECT (SELECT group_concat('a', '') FROM (WITH "
                                           "RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 "
                                           "FROM c WHERE x < 20000) SELECT x FROM c)) LIKE '"));
    for (int i = 0; i < 100; i++)
        buffer_append_span(&text, span_of_text("%a"));
    buffer_append(&text, "%b'", 4);
    assert_string_equal(rows((const char *)text.data), "0");
    buffer_free(&text);
}

/* A text that is none goes as bytes; a row that is too long ends the query. */
static void odd_values(void **state)
{
    (void)state;
    assert_string_equal(rows("SELECT CAST(x'ff41' AS TEXT), x'00', char(0), 1e999, -0.0, ''"),
                        "BYTES|BYTES|BYTES|Inf|0.0|");
    assert_int_equal(run("WITH b(x) AS (SELECT hex(zeroblob(60000))) SELECT x, x, x, x, x, x FROM "
                         "b"),
                     ERR_OVERSIZE);
}

static void statements_are_kept(void **state)
{
    char text[64];
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 50; i++) { /* more than are kept */
            snprintf(text, sizeof text, "SELECT count(*) + %d FROM mediation", i);
            rows(text);
            assert_int_equal(atoi(words), i + 1);
        }
    }
    rows("SELECT count(*) FROM incident");
    desk_put(desk, "incident", "one more");
    assert_string_equal(rows("SELECT count(*) FROM incident"), "3");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(what_is_past_is_said),
        TEST(types_have_tables),
        TEST(what_is_deleted_is_no_row),
        TEST(fixed_tables_have_rows),
        TEST(history_by_key_is_history),
        TEST(plans_read_their_rows_alone),
        TEST(a_plan_is_told),
        TEST(an_index_that_holds_all_is_enough),
        TEST(two_ways_to_one_row),
        TEST(any_condition_finds_what_a_filter_finds),
        TEST(any_text_is_answered),
        TEST(decimals_are_exact),
        TEST(times_compare_as_instants),
        TEST(patterns_match_as_in_sqlite),
        TEST(parameters_are_bound),
        TEST(errors_say_where),
        TEST(nothing_but_reading),
        TEST(what_has_no_end_ends),
        TEST(no_pattern_takes_long),
        TEST(odd_values),
        TEST(statements_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
