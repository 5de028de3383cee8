/* Tables whose rows come from elsewhere than from records of one type: each brings its rows in
 * pieces, as msgpack lists of one value a column. */
#include <stdlib.h>
#include <string.h>

#include "node/sql/sql_parts.h"

static bool is_key(const sqlite3_index_info *info, int i, int column)
{
    return column >= 0 && info->aConstraint[i].usable && info->aConstraint[i].iColumn == column &&
           info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct fixed_table *fixed = ((struct sql_vtab *)base)->table->fixed;
    int place = 0;
    for (int key = 0; key < FIXED_KEYS_MAX; key++) {
        for (int i = 0; i < info->nConstraint && (info->idxNum & 1 << key) == 0; i++) {
            if (!is_key(info, i, fixed->keys[key]) ||
                sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
                continue;
            info->aConstraintUsage[i].argvIndex = ++place;
            info->idxNum |= 1 << key;
        }
    }
    static const char *const texts[] = {"all rows", "rows of one key", "rows of two keys",
                                        "rows of three keys"};
    static const double rows[] = {100000, 1000, 10, 5};
    info->idxStr = (char *)texts[place];
    info->estimatedRows = (sqlite3_int64)rows[place];
    info->estimatedCost = rows[place] * 20;
    return SQLITE_OK;
}

static int open(sqlite3_vtab *base, sqlite3_vtab_cursor **opened)
{
    struct fixed_cursor *cursor = mem_alloc(sizeof *cursor);
    cursor->table = ((struct sql_vtab *)base)->table;
    *opened = &cursor->base;
    return SQLITE_OK;
}

static void forget(struct fixed_cursor *cursor)
{
    query_scan_free(cursor->scan);
    cursor->scan = NULL;
    buffer_clear(&cursor->rows);
    buffer_clear(&cursor->cursor);
    cursor->at = cursor->place = 0;
    cursor->over = false;
    cursor->row = SPAN_EMPTY;
}

static int close(sqlite3_vtab_cursor *base)
{
    struct fixed_cursor *cursor = (struct fixed_cursor *)base;
    forget(cursor);
    buffer_free(&cursor->rows);
    buffer_free(&cursor->cursor);
    for (size_t i = 0; i < FIXED_KEYS_MAX; i++)
        buffer_free(&cursor->keys[i]);
    free(cursor);
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
    struct fixed_cursor *cursor = (struct fixed_cursor *)base;
    struct error error;
    error_clear(&error);
    cursor->row = SPAN_EMPTY;
    while (cursor->at == cursor->rows.size && !cursor->over) {
        buffer_clear(&cursor->rows);
        cursor->at = 0;
        if (engine_must_stop(cursor->table->engine))
            return SQLITE_INTERRUPT;
        if (cursor->table->fixed->more(cursor, &error) != ERR_OK)
            return engine_trouble(cursor->table->engine, &error);
    }
    if (cursor->at == cursor->rows.size)
        return SQLITE_OK;
    struct mp_reader reader =
        map_reader(SPAN(cursor->rows.data + cursor->at, cursor->rows.size - cursor->at));
    cursor->row = mp_read_any(&reader);
    cursor->at += reader.at;
    return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *text, int count,
                  sqlite3_value **values)
{
    struct fixed_cursor *cursor = (struct fixed_cursor *)base;
    int place = 0;
    (void)text;
    (void)count;
    forget(cursor);
    for (int key = 0; key < FIXED_KEYS_MAX; key++) {
        buffer_clear(&cursor->keys[key]);
        cursor->has_key[key] = (plan & 1 << key) != 0;
        if (!cursor->has_key[key])
            continue;
        const unsigned char *said = sqlite3_value_text(values[place]);
        if (said != NULL)
            buffer_append(&cursor->keys[key], said, (size_t)sqlite3_value_bytes(values[place]));
        cursor->over |= said == NULL || cursor->keys[key].size == 0; /* no key is so */
        place++;
    }
    return next(base);
}

static int eof(sqlite3_vtab_cursor *base)
{
    return ((struct fixed_cursor *)base)->row.size == 0;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *number)
{
    *number = row_number(((const struct fixed_cursor *)base)->row, 0);
    return SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int number)
{
    const struct fixed_cursor *cursor = (const struct fixed_cursor *)base;
    struct mp_reader row = map_reader(cursor->row);
    uint32_t count = mp_read_array(&row);
    struct span value = SPAN_EMPTY;
    for (uint32_t i = 0; i < count && i <= (uint32_t)number; i++)
        value = mp_read_any(&row);
    value_result(context, cursor->table->columns[number].kind, value);
    return SQLITE_OK;
}

const sqlite3_module fixed_module = {
    .iVersion = 1,
    .xConnect = catalog_connect,
    .xDisconnect = catalog_disconnect,
    .xBestIndex = best_index,
    .xOpen = open,
    .xClose = close,
    .xFilter = filter,
    .xNext = next,
    .xEof = eof,
    .xColumn = column,
    .xRowid = rowid,
};
