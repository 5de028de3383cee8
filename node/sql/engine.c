/* One engine and one query: what it may do (an authorizer), how long, how large; statements that
 * were prepared stay for the next time. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/sql/sql_parts.h"

enum {
    CACHED_MAX = 32,
    CACHED_BYTES_MAX =
        128 << 10,              /* larger statements aren't kept: all must leave room for others */
    PROGRESS_OPERATIONS = 1000, /* of SQLite's machine, between two looks at the bounds */
    LOOK_EVERY = 64,            /* so many rows of the store */
    ROW_BYTES_MAX = 512 << 10,
};

struct cached {
    char *text;
    sqlite3_stmt *statement;
};

/* ---- bounds ---- */

static uint64_t tick_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool look(struct sql_engine *engine)
{
    if (engine->query == NULL || engine->stopped)
        return engine->stopped;
    if (tick_ms() >= engine->end_ms) {
        error_set(&engine->trouble, ERR_TIMEOUT, "the query",
                  "it was ended after %.3g seconds, which is its limit",
                  (double)engine->query->time_ms / 1000);
        error_next(&engine->trouble, "ask for less: a bound on created or id, a limit; EXPLAIN "
                                     "QUERY PLAN says how it is read; or give --timeout");
        engine->stopped = true;
    } else if (engine->query->stop != NULL) {
        engine->stopped = engine->query->stop(engine->query->context, &engine->trouble);
    }
    return engine->stopped;
}

static int progress(void *context)
{
    return look(context);
}

bool engine_must_stop(struct sql_engine *engine)
{
    return engine->stopped || (++engine->asked % LOOK_EVERY == 0 && look(engine));
}

int engine_trouble(struct sql_engine *engine, const struct error *error)
{
    if (!engine->stopped)
        engine->trouble = *error;
    engine->stopped = true;
    return SQLITE_ERROR;
}

static void set_limits(sqlite3 *db)
{
    static const struct {
        int id, most;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, SQL_VALUE_BYTES_MAX},
        {SQLITE_LIMIT_SQL_LENGTH, SQL_TEXT_BYTES_MAX},
        {SQLITE_LIMIT_EXPR_DEPTH, 100},
        {SQLITE_LIMIT_COMPOUND_SELECT, 50},
        {SQLITE_LIMIT_VDBE_OP, 100000},
        {SQLITE_LIMIT_FUNCTION_ARG, 64},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 256},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(db, limits[i].id, limits[i].most);
}

/* ---- what a query may do ---- */

static int refuse(struct sql_engine *engine, const char *what, const char *which)
{
    error_set(&engine->trouble, ERR_NOT_ALLOWED, "the query", "%s%s%s", what,
              which != NULL ? " " : "", which != NULL ? which : "");
    error_next(&engine->trouble, "SQL reads; records are written by `terrace put`, `set` and `do`");
    engine->refused = true;
    return SQLITE_DENY;
}

static bool one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sqlite3_stricmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static bool function_allowed(const char *name)
{
    static const char *const not [] = {"load_extension", "fts3_tokenizer", "rtreecheck",
                                       "sqlite_log"};
    return name != NULL && !one_of(name, not, sizeof not / sizeof *not ) &&
           sqlite3_strnicmp(name, "sqlite_rename", 13) != 0;
}

/* Pragmas that tell of tables and columns, and set nothing. */
static bool pragma_allowed(const char *name)
{
    static const char *const allowed[] = {"table_info", "table_xinfo", "function_list"};
    return name != NULL && one_of(name, allowed, sizeof allowed / sizeof *allowed);
}

/* Tables of ours, and those of SQLite's that only compute. An empty column is a mere mention. */
static bool table_allowed(const struct sql_engine *engine, const char *name, const char *column)
{
    static const char *const computed[] = {"json_each",          "json_tree",
                                           "sqlite_master",      "sqlite_schema",
                                           "sqlite_temp_master", "sqlite_temp_schema"};
    if (name == NULL || column == NULL || column[0] == '\0' ||
        one_of(name, computed, sizeof computed / sizeof *computed) ||
        (sqlite3_strnicmp(name, "pragma_", 7) == 0 && pragma_allowed(name + 7)))
        return true;
    for (size_t i = 0; i < engine->table_count; i++) {
        if (sqlite3_stricmp(engine->tables[i]->name, name) == 0)
            return true;
    }
    return false;
}

static int authorize(void *context, int action, const char *one, const char *two,
                     const char *database, const char *trigger)
{
    struct sql_engine *engine = context;
    (void)database;
    (void)trigger;
    if (engine->declaring)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_READ:
        return table_allowed(engine, one, two)
                   ? SQLITE_OK
                   : refuse(engine, "this table isn't for reading:", one);
    case SQLITE_FUNCTION:
        return function_allowed(two) ? SQLITE_OK
                                     : refuse(engine, "this function isn't allowed:", two);
    case SQLITE_PRAGMA:
        return pragma_allowed(one) ? SQLITE_OK : refuse(engine, "this pragma isn't allowed:", one);
    default: return refuse(engine, "it would change something; only SELECT is allowed here", NULL);
    }
}

/* ---- birth and death ---- */

static enum error_code cannot(struct sql_engine *engine, struct error *error)
{
    return error_set(error, ERR_INTERNAL, "SQL", "the engine can't be made: %s",
                     engine->db == NULL ? "no memory" : sqlite3_errmsg(engine->db));
}

struct sql_engine *sql_engine_new(const struct schema *schema, uint64_t memory_bytes,
                                  struct error *error)
{
    /* SQLite's own tables are mentioned, so that they are made before anybody watches. */
    static const char setting[] =
        "PRAGMA temp_store=2; PRAGMA trusted_schema=0;"
        "SELECT 1 FROM json_each('[]'), json_tree('[]'), pragma_table_info('x'),"
        "pragma_table_xinfo('x'), pragma_function_list LIMIT 0";
    struct sql_engine *engine = mem_alloc(sizeof *engine);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
    sqlite3_hard_heap_limit64((sqlite3_int64)memory_bytes);
    int code = sqlite3_open_v2(":memory:", &engine->db, flags, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(engine->db, setting, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(engine->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (code == SQLITE_OK)
        code = functions_add(engine->db);
    catalog_make(engine, schema);
    for (size_t i = 0; code == SQLITE_OK && i < engine->table_count; i++) {
        struct sql_table *table = engine->tables[i];
        code = sqlite3_create_module(engine->db, table->name,
                                     table->kind == TABLE_FIXED ? &fixed_module : &records_module,
                                     table);
    }
    if (code != SQLITE_OK) {
        cannot(engine, error);
        sql_engine_free(engine);
        return NULL;
    }
    set_limits(engine->db);
    sqlite3_set_authorizer(engine->db, authorize, engine);
    sqlite3_progress_handler(engine->db, PROGRESS_OPERATIONS, progress, engine);
    return engine;
}

/* ---- prepared statements ---- */

static void forget_last(struct sql_engine *engine)
{
    struct cached *last = &engine->cached[--engine->cached_count];
    sqlite3_finalize(last->statement);
    free(last->text);
}

static void forget_all(struct sql_engine *engine)
{
    while (engine->cached_count > 0)
        forget_last(engine);
}

/* It is the first. */
static void forget_large(struct sql_engine *engine, sqlite3_stmt *statement)
{
    struct cached first = engine->cached[0];
    assert(first.statement == statement);
    if (sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_MEMUSED, 0) <= CACHED_BYTES_MAX)
        return;
    engine->cached_count--;
    memmove(&engine->cached[0], &engine->cached[1], engine->cached_count * sizeof first);
    sqlite3_finalize(first.statement);
    free(first.text);
}

static void put_first(struct sql_engine *engine, size_t place)
{
    struct cached one = engine->cached[place];
    memmove(&engine->cached[1], &engine->cached[0], place * sizeof one);
    engine->cached[0] = one;
}

static sqlite3_stmt *find_cached(struct sql_engine *engine, struct span text)
{
    for (size_t i = 0; i < engine->cached_count; i++) {
        if (span_equal(span_of_text(engine->cached[i].text), text)) {
            put_first(engine, i);
            return engine->cached[0].statement;
        }
    }
    return NULL;
}

static void keep(struct sql_engine *engine, char *text, sqlite3_stmt *statement)
{
    if (engine->cached == NULL)
        engine->cached = mem_alloc(CACHED_MAX * sizeof *engine->cached);
    if (engine->cached_count == CACHED_MAX)
        forget_last(engine);
    engine->cached[engine->cached_count++] = (struct cached){text, statement};
    put_first(engine, engine->cached_count - 1);
}

void sql_engine_free(struct sql_engine *engine)
{
    if (engine == NULL)
        return;
    forget_all(engine);
    free(engine->cached);
    sqlite3_close(engine->db);
    catalog_free(engine);
    free(engine);
}

/* ---- errors ---- */

/* Line and column, from 1, in characters. */
static void place_of(struct span text, size_t offset, struct error *error)
{
    unsigned line = 1, column = 1;
    for (size_t at = 0; at < offset && at < text.size;) {
        uint32_t code;
        size_t size = utf8_character(text, at, &code);
        column = text.data[at] == '\n' ? 1 : column + 1;
        line += text.data[at] == '\n';
        at += size == 0 ? 1 : size;
    }
    error_at(error, line, column);
}

static void hint(const struct sql_engine *engine, const char *message, struct error *error)
{
    static const char table[] = "no such table: ", column[] = "no such column: ";
    const char *nearest = NULL;
    if (strncmp(message, table, sizeof table - 1) == 0) {
        nearest = catalog_nearest_table(engine, span_of_text(message + sizeof table - 1));
        error_next(error,
                   nearest != NULL ? "did you mean %s? `.tables` lists them"
                                   : "the tables: SELECT DISTINCT table_name FROM columns",
                   nearest);
    } else if (strncmp(message, column, sizeof column - 1) == 0) {
        const char *name = message + sizeof column - 1, *dot = strrchr(name, '.');
        nearest = catalog_nearest_column(engine, span_of_text(dot == NULL ? name : dot + 1));
        error_next(error,
                   nearest != NULL
                       ? "did you mean %s? SELECT * FROM columns lists each table's"
                       : "a table's columns: SELECT name, kind FROM columns WHERE table_name = "
                         "'...'",
                   nearest);
    }
}

static enum error_code preparation_failed(struct sql_engine *engine, struct span text, int code,
                                          struct error *error)
{
    const char *message = sqlite3_errmsg(engine->db);
    int offset = sqlite3_error_offset(engine->db);
    if (engine->refused || engine->stopped) {
        *error = engine->trouble;
        return error->code;
    }
    if (code == SQLITE_NOMEM)
        return error_set(error, ERR_OVERSIZE, "the query", "it needs more memory than it may have");
    if (strstr(message, "may not be modified") != NULL) {
        refuse(engine, message, NULL);
        *error = engine->trouble;
        return error->code;
    }
    char said[240];
    snprintf(said, sizeof said, "%s", message);
    error_set(error, ERR_USAGE, "the query", "%s", said);
    hint(engine, said, error);
    if (offset >= 0)
        place_of(text, (size_t)offset, error);
    return error->code;
}

static enum error_code run_failed(struct sql_engine *engine, int code, struct error *error)
{
    if (engine->stopped)
        *error = engine->trouble;
    else if (code == SQLITE_NOMEM)
        error_set(error, ERR_OVERSIZE, "the query",
                  "it was ended: it needs more memory than it may have");
    else if (code == SQLITE_TOOBIG)
        error_set(error, ERR_OVERSIZE, "the query",
                  "it was ended: a text of more than %d bytes came of it", SQL_VALUE_BYTES_MAX);
    else
        error_set(error, ERR_USAGE, "the query", "%s", sqlite3_errmsg(engine->db));
    if (code == SQLITE_NOMEM)
        error_next(error, "sort or group less at once");
    return error->code;
}

/* ---- one query ---- */

/* Space, comments and ; alone. */
static bool is_blank(struct sql_engine *engine, const char *text)
{
    while (*text != '\0') {
        sqlite3_stmt *statement = NULL;
        const char *rest = NULL;
        int code = sqlite3_prepare_v3(engine->db, text, -1, 0, &statement, &rest);
        sqlite3_finalize(statement);
        if (code != SQLITE_OK || statement != NULL)
            return false;
        text = rest;
    }
    return true;
}

/* What the authorizer isn't asked about. */
static bool only_reads(struct sql_engine *engine, sqlite3_stmt *statement, struct error *error)
{
    if (sqlite3_stmt_readonly(statement) && sqlite3_column_count(statement) > 0)
        return true;
    refuse(engine, "only SELECT is allowed here", NULL);
    *error = engine->trouble;
    return false;
}

static enum error_code prepare(struct sql_engine *engine, struct span given,
                               sqlite3_stmt **statement, struct error *error)
{
    const char *rest = NULL;
    *statement = find_cached(engine, given);
    if (*statement != NULL)
        return ERR_OK;
    if (given.size > SQL_TEXT_BYTES_MAX || memchr(given.data, '\0', given.size) != NULL)
        return error_set(error, ERR_USAGE, "the query", "it has %zu bytes; %d at most, and no NUL",
                         given.size, SQL_TEXT_BYTES_MAX);
    char *text = mem_alloc(given.size + 1);
    memcpy(text, given.data, given.size);
    int code = sqlite3_prepare_v3(engine->db, text, (int)given.size + 1, SQLITE_PREPARE_PERSISTENT,
                                  statement, &rest);
    if (code != SQLITE_OK) {
        preparation_failed(engine, given, code, error);
        free(text);
        return error->code;
    }
    bool alone = is_blank(engine, rest);
    if (*statement != NULL && alone && !only_reads(engine, *statement, error)) {
        sqlite3_finalize(*statement);
        *statement = NULL;
        free(text);
        return error->code;
    }
    if (*statement == NULL || !alone) {
        error_set(error, ERR_USAGE, "the query",
                  *statement == NULL ? "there is no statement in it" : "one statement at a time");
        if (*statement != NULL)
            place_of(given, (size_t)(rest - text), error);
        sqlite3_finalize(*statement);
        *statement = NULL;
        free(text);
        return ERR_USAGE;
    }
    keep(engine, text, *statement);
    return ERR_OK;
}

static struct span parameter(const struct sql_query *query, const char *name)
{
    return name == NULL ? SPAN_EMPTY : map_pair(query->parameters, name + 1); /* without its : */
}

static enum error_code bind(const struct sql_query *query, sqlite3_stmt *statement,
                            struct error *error)
{
    int count = sqlite3_bind_parameter_count(statement);
    for (int i = 1; i <= count; i++) {
        const char *name = sqlite3_bind_parameter_name(statement, i);
        struct span value = parameter(query, name);
        if (value.size == 0 || !value_bind(statement, i, value)) {
            error_set(error, ERR_USAGE, "the query", "the parameter %.60s has no value",
                      name == NULL ? "?" : name);
            error_next(error, "write :NAME in the query, and give --param NAME=VALUE");
            return ERR_USAGE;
        }
    }
    return ERR_OK;
}

static bool tell_columns(const struct sql_query *query, sqlite3_stmt *statement)
{
    int count = sqlite3_column_count(statement);
    const char **names = mem_alloc(2 * ((size_t)count + 1) * sizeof *names);
    const char **kinds = names + count;
    for (int i = 0; i < count; i++) {
        const char *name = sqlite3_column_name(statement, i);
        const char *kind = sqlite3_column_decltype(statement, i);
        names[i] = name == NULL ? "" : name;
        kinds[i] = kind == NULL ? "" : kind;
    }
    bool wanted = query->columns(query->context, names, kinds, (size_t)count);
    free(names);
    return wanted;
}

static enum error_code tell_row(const struct sql_query *query, sqlite3_stmt *statement,
                                struct sql_result *result, bool *wanted, struct error *error)
{
    struct buffer row = {0};
    if (result->rows == query->rows_max) {
        error_set(error, ERR_OVERSIZE, "the query", "it was ended after %llu rows, its limit",
                  (unsigned long long)query->rows_max);
        error_next(error, "ask for less, or in parts: WHERE created >= ... ORDER BY created");
        return ERR_OVERSIZE;
    }
    value_write_row(statement, &row);
    if (row.size > ROW_BYTES_MAX)
        error_set(error, ERR_OVERSIZE, "the query", "a row of %zu bytes came of it, %d at most",
                  row.size, ROW_BYTES_MAX);
    else
        *wanted = query->row(query->context, span_of_buffer(&row));
    result->rows += row.size <= ROW_BYTES_MAX;
    buffer_free(&row);
    return error->code;
}

static enum error_code step_all(struct sql_engine *engine, sqlite3_stmt *statement,
                                struct sql_result *result, struct error *error)
{
    const struct sql_query *query = engine->query;
    bool wanted = tell_columns(query, statement);
    while (wanted) {
        int code = sqlite3_step(statement);
        if (code == SQLITE_DONE)
            return ERR_OK;
        if (code != SQLITE_ROW)
            return run_failed(engine, code, error);
        if (tell_row(query, statement, result, &wanted, error) != ERR_OK)
            return error->code;
    }
    if (engine->stopped)
        *error = engine->trouble;
    return error->code;
}

enum error_code sql_run(struct sql_engine *engine, const struct sql_source *source,
                        const struct sql_query *query, struct sql_result *result,
                        struct error *error)
{
    struct error own;
    sqlite3_stmt *statement = NULL;
    error = error == NULL ? &own : error;
    error_clear(error);
    *result = (struct sql_result){0};
    engine->source = source;
    engine->query = query;
    engine->end_ms = tick_ms() + query->time_ms;
    engine->judged_ms = query_retention_time(source->view, source->now_ms);
    engine->stopped = engine->refused = false;
    engine->asked = engine->opened = 0;
    if (prepare(engine, query->text, &statement, error) == ERR_OK &&
        bind(query, statement, error) == ERR_OK)
        step_all(engine, statement, result, error);
    if (statement != NULL) {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        forget_large(engine, statement);
    }
    if (error->code == ERR_OVERSIZE)
        forget_all(engine); /* it may have been the memory */
    result->opened = engine->opened;
    engine->query = NULL;
    engine->source = NULL;
    return error->code;
}
