/* SQL from anyone: over a small store with something in every table, as a request of the local API
 * or as its text alone.
 *
 * First byte odd: the rest is a text of SQL. Even: a request, decoded as the node does. Whatever is
 * said, it ends at its bounds, changes nothing, gives rows of as many values as there are columns,
 * or says why not; and the same engine then answers a plain question rightly. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/node_parts.h"
#include "node/sql/sql.h"
#include "tests/unit/furnished_desk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    MEMORY_BYTES = 8 << 20,
    TIME_MS =
        60000, /* what is looked at LOOKS_MAX times ends before; so it is the same each time */
    LOOKS_MAX = 300,
    ROWS_MAX = 200,
    ROW_BYTES_MAX = 1 << 20,
};

struct asked {
    size_t columns, rows, looks;
};

static struct desk *desk;
static struct sql_engine *engine;
static long long records; /* of mediation */

static bool must_stop(void *context, struct error *error)
{
    struct asked *asked = context;
    if (++asked->looks < LOOKS_MAX)
        return false;
    error_set(error, ERR_TIMEOUT, "the query", "it was looked at often enough");
    return true;
}

static bool take_columns(void *context, const char *const *names, const char *const *kinds,
                         size_t count)
{
    struct asked *asked = context;
    assert(asked->columns == 0 && count > 0);
    for (size_t i = 0; i < count; i++)
        assert(names[i] != NULL && kinds[i] != NULL);
    asked->columns = count;
    return true;
}

static bool take_row(void *context, struct span row)
{
    struct asked *asked = context;
    struct mp_reader reader = mp_reader(row);
    reader.items_max = UINT32_MAX;
    assert(row.size <= ROW_BYTES_MAX && mp_read_array(&reader) == asked->columns);
    for (size_t i = 0; i < asked->columns; i++)
        mp_read_any(&reader);
    mp_read_end(&reader);
    assert(!reader.failed);
    asked->rows++;
    return true;
}

static enum error_code ask(struct span text, struct span parameters, struct error *error)
{
    struct asked asked = {0};
    struct sql_result result;
    struct sql_source source = {.view = &desk->port.view,
                                .tree = replica_tree(drive_replica(desk->drive)),
                                .self = "T1",
                                .now_ms = desk->wall_ms,
                                .freshness_ms = 1500 * 1000};
    struct sql_query query = {.text = text,
                              .parameters = parameters,
                              .time_ms = TIME_MS,
                              .rows_max = ROWS_MAX,
                              .stop = must_stop,
                              .columns = take_columns,
                              .row = take_row,
                              .context = &asked};
    enum error_code code = sql_run(engine, &source, &query, &result, error);
    assert(code == error->code && (code == ERR_OK) == (error->why[0] == '\0'));
    assert(result.rows == asked.rows && asked.rows <= ROWS_MAX);
    assert(code != ERR_INTERNAL && code != ERR_DAMAGED);
    return code;
}

static bool take_count(void *context, struct span row)
{
    struct mp_reader reader = mp_reader(row);
    mp_read_array(&reader);
    *(long long *)context = (long long)mp_read_int(&reader);
    return true;
}

static bool any_columns(void *context, const char *const *names, const char *const *kinds,
                        size_t count)
{
    (void)context;
    (void)names;
    (void)kinds;
    return count == 1;
}

static long long count_records(void)
{
    struct error error;
    struct sql_result result;
    long long count = -1;
    struct sql_source source = {.view = &desk->port.view,
                                .tree = replica_tree(drive_replica(desk->drive)),
                                .self = "T1",
                                .now_ms = desk->wall_ms};
    struct sql_query query = {.text = span_of_text("SELECT count(*) FROM mediation"),
                              .time_ms = TIME_MS,
                              .rows_max = 1,
                              .columns = any_columns,
                              .row = take_count,
                              .context = &count};
    enum error_code code = sql_run(engine, &source, &query, &result, &error);
    assert(code == ERR_OK);
    return count;
}

/* As node_sql.c reads it. */
static void ask_request(struct span message)
{
    struct argument all[] = {
        {.name = "text"}, {.name = "parameters"}, {.name = "timeout_ms"}, {.name = "rows"}};
    struct api_request request;
    struct error error;
    struct span text, parameters;
    uint64_t time_ms = 0, rows = 0;
    error_clear(&error);
    if (api_request_decode(message, &request, &error) != ERR_OK) {
        assert(error.why[0] != '\0');
        return;
    }
    if (arguments_read(request.args, all, 4, &error) &&
        argument_text(&all[0], true, &text, &error) &&
        argument_map(&all[1], false, &parameters, &error) &&
        argument_uint(&all[2], &time_ms, &error) && argument_uint(&all[3], &rows, &error))
        ask(text, parameters, &error);
    else
        assert(error.code != ERR_OK && error.why[0] != '\0');
}

static void begin(void)
{
    struct error error;
    desk = desk_furnished();
    engine =
        sql_engine_new(tree_schema(replica_tree(drive_replica(desk->drive))), MEMORY_BYTES, &error);
    assert(engine != NULL);
    records = count_records();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    if (size == 0)
        return 0;
    if (engine == NULL)
        begin();
    struct span rest = SPAN(data + 1, size - 1);
    if (data[0] % 2 == 1)
        ask(rest, SPAN_EMPTY, &error);
    else
        ask_request(rest);
    assert(count_records() == records);
    return 0;
}
