/* Tables of types and of their lists: a walk over the store's rows (query_scan.h), between bounds
 * that SQLite gives and in the order that it asks for. SQLite looks at every row again, so a bound
 * that can't be used costs time and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/sql/sql_parts.h"
#include "schema/retention.h"

/* A plan, in idxNum: which arguments come, in this order, and how the walk goes. */
enum plan {
    PLAN_ID = 1,
    PLAN_ID_MIN = 2,
    PLAN_ID_MAX = 4,
    PLAN_ORIGIN = 8,
    PLAN_CREATED_MIN = 16,
    PLAN_CREATED_MAX = 32,
    PLAN_CREATED = 64,
    PLAN_ARGUMENTS = 7,
    PLAN_BY_ID = 128,
    PLAN_BACKWARD = 256,
};

struct cursor {
    sqlite3_vtab_cursor base; /* first */
    const struct sql_table *table;
    const struct record_type *type; /* while a query runs */
    struct query_scan *scan;        /* NULL: at the end */
    struct buffer origin;           /* of the range */
    struct span *values; /* of the record's fields, by column; filled when one is asked for */
    int *places;         /* of a covered record's fields in the index, by column; -1: none */
    bool filled[2];      /* those that all see, the private ones */
    struct span items;   /* of a list: those behind this one */
    struct span item;
    sqlite3_int64 place;
    uint32_t left;
};

/* ---- plans ---- */

/* Which argument a constraint can be; 0: none. */
static int argument_of(const struct sql_table *table, sqlite3_index_info *info, int i)
{
    int column = info->aConstraint[i].iColumn;
    unsigned char op = info->aConstraint[i].op;
    bool equal = op == SQLITE_INDEX_CONSTRAINT_EQ;
    bool least = op == SQLITE_INDEX_CONSTRAINT_GE || op == SQLITE_INDEX_CONSTRAINT_GT;
    bool most = op == SQLITE_INDEX_CONSTRAINT_LE || op == SQLITE_INDEX_CONSTRAINT_LT;
    if (!info->aConstraint[i].usable || !(equal || least || most))
        return 0;
    const char *collation = sqlite3_vtab_collation(info, i);
    bool binary = sqlite3_stricmp(collation, "BINARY") == 0;
    if (column == RECORD_ID && binary)
        return equal ? PLAN_ID : least ? PLAN_ID_MIN : PLAN_ID_MAX;
    if (table->kind != TABLE_OF_TYPE)
        return 0;
    if (column == RECORD_ORIGIN && binary && equal)
        return PLAN_ORIGIN;
    if (column == RECORD_CREATED && sqlite3_stricmp(collation, "time") == 0)
        return least ? PLAN_CREATED_MIN : most ? PLAN_CREATED_MAX : PLAN_CREATED;
    return 0;
}

/* Which of those that could be arguments make the walk short. */
static int choose(const struct sql_table *table, sqlite3_index_info *info)
{
    int all = 0;
    for (int i = 0; i < info->nConstraint; i++)
        all |= argument_of(table, info, i);
    bool by_id =
        info->nOrderBy == 1 && info->aOrderBy[0].iColumn == RECORD_ID && !info->aOrderBy[0].desc;
    if (all & PLAN_ID)
        return PLAN_ID | PLAN_BY_ID;
    if (all & (PLAN_ID_MIN | PLAN_ID_MAX | PLAN_ORIGIN))
        return (all & (PLAN_ID_MIN | PLAN_ID_MAX | PLAN_ORIGIN)) | PLAN_BY_ID;
    if (all & PLAN_CREATED)
        return PLAN_CREATED;
    if (all & (PLAN_CREATED_MIN | PLAN_CREATED_MAX))
        return all & (PLAN_CREATED_MIN | PLAN_CREATED_MAX);
    return by_id ? PLAN_BY_ID : 0;
}

/* Gives the chosen arguments their places, each to the first constraint that can be it. */
static void take_arguments(const struct sql_table *table, sqlite3_index_info *info, int plan)
{
    int place = 0;
    for (int bit = 0; bit < PLAN_ARGUMENTS; bit++) {
        bool taken = (plan & 1 << bit) == 0;
        for (int i = 0; !taken && i < info->nConstraint; i++) {
            bool fits = (argument_of(table, info, i) & 1 << bit) != 0 &&
                        info->aConstraintUsage[i].argvIndex == 0;
            if (fits)
                info->aConstraintUsage[i].argvIndex = ++place;
            taken = fits;
        }
    }
}

static const char *plan_text(int plan)
{
    if (plan & PLAN_ID)
        return "record by id";
    if (plan & PLAN_BY_ID)
        return plan & PLAN_ORIGIN ? "records of one origin, by id" : "records by id";
    if (plan & (PLAN_CREATED | PLAN_CREATED_MIN | PLAN_CREATED_MAX))
        return plan & PLAN_BACKWARD ? "index created, a range, newest first"
                                    : "index created, a range, oldest first";
    return plan & PLAN_BACKWARD ? "all, by index created, newest first"
                                : "all, by index created, oldest first";
}

static void set_cost(sqlite3_index_info *info, int plan)
{
    static const struct {
        int plan;
        double rows;
    } costs[] = {{PLAN_ID, 1},
                 {PLAN_ID_MIN | PLAN_ID_MAX, 2000},
                 {PLAN_ORIGIN, 5000},
                 {PLAN_CREATED, 10},
                 {PLAN_CREATED_MIN | PLAN_CREATED_MAX, 10000}};
    double rows = ROWS_ALL;
    for (size_t i = sizeof costs / sizeof *costs; i-- > 0;)
        rows = plan & costs[i].plan ? costs[i].rows : rows;
    info->estimatedRows = (sqlite3_int64)rows;
    info->estimatedCost = rows * ROW_COST;
    if (plan & PLAN_ID)
        info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
}

/* Whether a walk by creation or by id gives the wanted order, so that a LIMIT ends it early. */
static bool walks_in_order(const sqlite3_index_info *info)
{
    const struct sqlite3_index_orderby *by = info->aOrderBy;
    return info->nOrderBy == 1 &&
           (by->iColumn == RECORD_CREATED || (by->iColumn == RECORD_ID && !by->desc));
}

/* Whether an index of the type reads less than `plan` does; then it is taken. */
static bool take_index(const struct sql_table *table, sqlite3_index_info *info, int plan)
{
    struct field_plan fields;
    set_cost(info, plan);
    if (table->kind != TABLE_OF_TYPE || !field_plan_choose(table, info, &fields) ||
        fields.cost > info->estimatedCost ||
        (fields.count == 0 && (fields.number & PLAN_COVERED) == 0 && (plan & ~PLAN_BY_ID) != 0) ||
        (fields.count == 0 && !fields.ordered && walks_in_order(info)))
        return false;
    for (int i = 0; i < fields.count; i++)
        info->aConstraintUsage[fields.constraints[i]].argvIndex = i + 1;
    info->orderByConsumed = fields.ordered;
    bool down = fields.ordered && info->aOrderBy[0].desc;
    info->idxNum = fields.number | (down ? PLAN_BACKWARD : 0);
    info->idxStr = field_plan_text(table, fields.number);
    info->needToFreeIdxStr = info->idxStr != NULL;
    info->estimatedRows = (sqlite3_int64)fields.rows;
    info->estimatedCost = fields.cost;
    info->idxFlags = 0;
    return true;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct sql_table *table = ((struct sql_vtab *)base)->table;
    int plan = choose(table, info);
    if (take_index(table, info, plan))
        return SQLITE_OK;
    take_arguments(table, info, plan);
    bool one = info->nOrderBy == 1;
    int ordered = one ? info->aOrderBy[0].iColumn : -1;
    bool down = one && info->aOrderBy[0].desc;
    if (plan & PLAN_BY_ID) {
        info->orderByConsumed = ordered == RECORD_ID && !down && table->kind == TABLE_OF_TYPE;
    } else if (table->kind == TABLE_OF_TYPE && ordered == RECORD_CREATED) {
        info->orderByConsumed = 1;
        plan |= down ? PLAN_BACKWARD : 0;
    } else {
        plan |= PLAN_BACKWARD; /* as `list` */
    }
    info->idxNum = plan;
    info->idxStr = (char *)plan_text(plan);
    set_cost(info, plan);
    return SQLITE_OK;
}

/* ---- the walk ---- */

static int open(sqlite3_vtab *base, sqlite3_vtab_cursor **opened)
{
    struct cursor *cursor = mem_alloc(sizeof *cursor);
    cursor->table = ((struct sql_vtab *)base)->table;
    cursor->values = mem_alloc(cursor->table->column_count * sizeof *cursor->values);
    cursor->places = mem_alloc(cursor->table->column_count * sizeof *cursor->places);
    *opened = &cursor->base;
    return SQLITE_OK;
}

static void end_walk(struct cursor *cursor)
{
    if (cursor->scan != NULL)
        cursor->table->engine->opened += query_scan_opened(cursor->scan);
    query_scan_free(cursor->scan);
    cursor->scan = NULL;
}

static int close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    end_walk(cursor);
    buffer_free(&cursor->origin);
    free(cursor->values);
    free(cursor->places);
    free(cursor);
    return SQLITE_OK;
}

static struct span text_of(sqlite3_value *value)
{
    const unsigned char *text = sqlite3_value_text(value);
    return text == NULL ? SPAN_EMPTY : SPAN(text, (size_t)sqlite3_value_bytes(value));
}

/* An id as far as the text goes: the bounds of those that begin so. False: no id is like it. */
static bool id_of(sqlite3_value *value, struct record_id *id)
{
    return sqlite3_value_type(value) == SQLITE_TEXT && record_id_parse(text_of(value), id);
}

/* A bound that can't be read leaves the range as it is; false: nothing can be in it. */
static bool narrow(struct cursor *cursor, int argument, sqlite3_value *value,
                   struct scan_range *range)
{
    struct record_id id;
    int64_t ms;
    int kind = sqlite3_value_type(value);
    if (kind == SQLITE_NULL)
        return false;
    bool timed = argument >= PLAN_CREATED_MIN && (kind == SQLITE_TEXT || kind == SQLITE_INTEGER) &&
                 value_time_parse(text_of(value), &ms);
    if (argument == PLAN_ID) {
        if (!id_of(value, &id))
            return false;
        range->id_min = range->id_max = id;
    } else if (argument == PLAN_ID_MIN && id_of(value, &id)) {
        range->id_min = id;
    } else if (argument == PLAN_ID_MAX && id_of(value, &id)) {
        range->id_max = id;
    } else if (argument == PLAN_ORIGIN) {
        buffer_clear(&cursor->origin);
        buffer_append_span(&cursor->origin, text_of(value));
        range->origin = span_of_buffer(&cursor->origin);
        return range->origin.size > 0;
    } else if (timed) {
        bool least = argument != PLAN_CREATED_MAX, most = argument != PLAN_CREATED_MIN;
        if (least && ms > 0)
            range->created_min = (uint64_t)ms;
        if (most && ms >= 0)
            range->created_max = (uint64_t)ms;
        return ms >= 0 || !most;
    }
    return true;
}

static bool narrow_all(struct cursor *cursor, int plan, sqlite3_value **values,
                       struct scan_range *range)
{
    int place = 0;
    bool any = true;
    for (int bit = 0; bit < PLAN_ARGUMENTS; bit++) {
        int argument = 1 << bit;
        if (plan & argument)
            any = narrow(cursor, argument, values[place++], range) && any;
    }
    return any;
}

static int damaged(struct cursor *cursor)
{
    struct error error;
    damaged_store(&error, cursor->table->name);
    return engine_trouble(cursor->table->engine, &error);
}

static int next_record(struct cursor *cursor)
{
    enum scan_answer answer;
    cursor->filled[0] = cursor->filled[1] = false;
    do {
        if (engine_must_stop(cursor->table->engine))
            return SQLITE_INTERRUPT;
        answer = query_scan_next(cursor->scan);
    } while (answer == SCAN_NONE);
    if (answer == SCAN_DAMAGED)
        return damaged(cursor);
    if (answer == SCAN_END)
        end_walk(cursor);
    return SQLITE_OK;
}

static struct span fields_of(struct cursor *cursor, bool private, bool *broken)
{
    *broken = false;
    return private ? query_scan_private(cursor->scan, broken) : query_scan_fields(cursor->scan);
}

/* The next item of a list, of the next record that has one. */
static int next_item(struct cursor *cursor)
{
    while (cursor->left == 0) {
        bool broken;
        int code = next_record(cursor);
        if (code != SQLITE_OK || cursor->scan == NULL)
            return code;
        struct span fields = fields_of(cursor, cursor->table->list_private, &broken);
        if (broken)
            return damaged(cursor);
        struct mp_reader reader = map_reader(map_pair(fields, cursor->table->list_field));
        cursor->left = mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 0;
        cursor->items = SPAN(reader.input.data + reader.at, reader.input.size - reader.at);
        cursor->place = 0;
    }
    struct mp_reader items = map_reader(cursor->items);
    cursor->item = mp_read_any(&items);
    cursor->items = SPAN(items.input.data + items.at, items.input.size - items.at);
    cursor->left--;
    cursor->place++;
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    return cursor->table->kind == TABLE_OF_LIST ? next_item(cursor) : next_record(cursor);
}

/* Where the index has each column. */
static void find_places(struct cursor *cursor, const struct field_range *range)
{
    const struct sql_table *table = cursor->table;
    for (size_t i = RECORD_COLUMNS; i < table->column_count; i++)
        cursor->places[i] = field_plan_place(range, cursor->type, table->columns, (int)i);
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *text, int count,
                  sqlite3_value **values)
{
    struct cursor *cursor = (struct cursor *)base;
    const struct sql_source *source = cursor->table->engine->source;
    struct scan_range range;
    (void)text;
    (void)count;
    end_walk(cursor);
    cursor->left = 0;
    scan_range_all(&range);
    range.order = plan & PLAN_BY_ID ? SCAN_BY_ID : SCAN_BY_CREATION;
    range.backward = (plan & PLAN_BACKWARD) != 0;
    const struct schema *schema = tree_schema(source->tree);
    cursor->type = schema == NULL ? NULL : schema_type(schema, cursor->table->type);
    enum field_plan_answer answer =
        plan & PLAN_INDEX ? field_plan_range(cursor->table, plan, values, &range.index)
                          : FIELD_PLAN_NONE;
    if (answer == FIELD_PLAN_RANGE)
        range.order = SCAN_BY_INDEX;
    if (cursor->type == NULL || answer == FIELD_PLAN_EMPTY ||
        ((plan & PLAN_INDEX) == 0 && !narrow_all(cursor, plan, values, &range)))
        return SQLITE_OK;
    range.covered = answer == FIELD_PLAN_RANGE && (plan & PLAN_COVERED) != 0;
    if (range.covered)
        find_places(cursor, &range.index);
    cursor->scan = query_scan_new(source->view, source->tree, cursor->type, &range);
    return next(base);
}

static int eof(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->scan == NULL;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *number)
{
    const struct cursor *cursor = (const struct cursor *)base;
    const struct record_id *id = query_scan_id(cursor->scan);
    *number = row_number(SPAN_OF_ARRAY(id->bytes), (uint64_t)cursor->place);
    return SQLITE_OK;
}

/* ---- columns ---- */

/* Finds the fields' values in the order in which the table has their columns; both maps list them
 * in the schema's. */
static int fill(struct cursor *cursor, bool private)
{
    const struct sql_table *table = cursor->table;
    bool broken;
    struct mp_reader reader = map_reader(fields_of(cursor, private, &broken));
    if (broken)
        return damaged(cursor);
    cursor->filled[private] = true;
    for (size_t i = RECORD_COLUMNS; i < table->column_count; i++) {
        if (table->columns[i].private == private)
            cursor->values[i] = SPAN_EMPTY;
    }
    uint32_t pairs = mp_peek(&reader) == MP_MAP ? mp_read_map(&reader) : 0;
    for (size_t i = RECORD_COLUMNS; pairs > 0 && !reader.failed; pairs--) {
        struct span name = mp_read_str(&reader), value = mp_read_any(&reader);
        for (size_t k = i; k < table->column_count; k++) {
            if (table->columns[k].private == private &&
                span_equal(name, span_of_text(table->columns[k].field))) {
                cursor->values[k] = value;
                i = k + 1;
                break;
            }
        }
    }
    return SQLITE_OK;
}

static void origin_result(const struct cursor *cursor, sqlite3_context *context, bool key)
{
    const struct record_id *id = query_scan_id(cursor->scan);
    struct key_id author_id;
    memcpy(author_id.bytes, id->bytes, KEY_ID_BYTES);
    const struct author *author = tree_author(cursor->table->engine->source->tree, author_id);
    struct buffer value = {0};
    if (key)
        mp_write_bin(&value, SPAN(id->bytes, KEY_ID_BYTES));
    else if (author != NULL)
        mp_write_text(&value, author->seat->row.seat);
    value_result(context, COLUMN_TEXT, span_of_buffer(&value));
    buffer_free(&value);
}

/* Seats, side by side with a space between. */
static void circle_result(struct cursor *cursor, sqlite3_context *context)
{
    struct mp_reader seats = map_reader(query_scan_circle(cursor->scan));
    struct buffer text = {0};
    for (uint32_t left = mp_read_array(&seats); left > 0; left--) {
        if (text.size > 0)
            buffer_append_byte(&text, ' ');
        buffer_append_span(&text, mp_read_str(&seats));
    }
    sqlite3_result_text(context, text.size > 0 ? (const char *)text.data : "", (int)text.size,
                        SQLITE_TRANSIENT);
    buffer_free(&text);
}

static void time_result(sqlite3_context *context, uint64_t ms)
{
    char text[TIME_TEXT_BYTES];
    if (ms == 0 || ms > INT64_MAX)
        return;
    value_time_text((int64_t)ms, text);
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void record_result(struct cursor *cursor, sqlite3_context *context, int column)
{
    const struct sql_source *source = cursor->table->engine->source;
    const struct record_state *state = query_scan_state(cursor->scan);
    const struct workflow_state *workflow;
    char text[33];
    switch ((enum record_column)column) {
    case RECORD_ID:
        record_id_text(query_scan_id(cursor->scan), text);
        sqlite3_result_text(context, text, 32, SQLITE_TRANSIENT);
        break;
    case RECORD_ORIGIN:
    case RECORD_AUTHOR: origin_result(cursor, context, column == RECORD_AUTHOR); break;
    case RECORD_CREATED: time_result(context, query_scan_created(cursor->scan)); break;
    case RECORD_CHANGED: time_result(context, query_scan_changed(cursor->scan)); break;
    case RECORD_STATE:
        workflow = record_workflow_state(state, cursor->type);
        if (workflow != NULL)
            sqlite3_result_text(context, workflow->name, -1, SQLITE_TRANSIENT);
        break;
    case RECORD_CIRCLE: circle_result(cursor, context); break;
    case RECORD_CONFLICTS:
        sqlite3_result_int64(context, (sqlite3_int64)query_scan_conflicts(cursor->scan));
        break;
    case RECORD_DEADLINE: time_result(context, query_scan_due(cursor->scan)); break;
    case RECORD_OVERDUE:
        if (query_scan_due(cursor->scan) != 0)
            sqlite3_result_int(context, query_scan_overdue(cursor->scan, source->now_ms));
        break;
    case RECORD_PAST:
        sqlite3_result_int(
            context, record_past_retention(state, cursor->type, cursor->table->engine->judged_ms));
        break;
    case RECORD_COLUMNS: break;
    }
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int number)
{
    struct cursor *cursor = (struct cursor *)base;
    const struct sql_table *table = cursor->table;
    char text[33];
    if (table->kind == TABLE_OF_LIST && number != LIST_ID) {
        if (number == LIST_PLACE)
            sqlite3_result_int64(context, cursor->place);
        else
            value_result(context, COLUMN_TEXT, cursor->item);
        return SQLITE_OK;
    }
    if (table->kind == TABLE_OF_LIST) {
        record_id_text(query_scan_id(cursor->scan), text);
        sqlite3_result_text(context, text, 32, SQLITE_TRANSIENT);
        return SQLITE_OK;
    }
    if (number < RECORD_COLUMNS) {
        record_result(cursor, context, number);
        return SQLITE_OK;
    }
    const struct sql_column *field = &table->columns[number];
    if (query_scan_covered(cursor->scan)) {
        int place = cursor->places[number];
        value_result(context, field->kind,
                     place < 0 ? SPAN_EMPTY : query_scan_indexed(cursor->scan, (size_t)place));
        return SQLITE_OK;
    }
    int code = cursor->filled[field->private] ? SQLITE_OK : fill(cursor, field->private);
    if (code == SQLITE_OK)
        value_result(context, field->kind, cursor->values[number]);
    return code;
}

const sqlite3_module records_module = {
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
