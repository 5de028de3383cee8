/* The tables beside those of types. Where a query of replication/query gives maps, the columns are
 * their pairs by name. */
#include <stdlib.h>
#include <string.h>

#include "node/sql/sql_parts.h"

enum { PIECE = 100 };

#define COLUMNS(list) list, sizeof list / sizeof *list

static const struct sql_source *source_of(const struct fixed_cursor *cursor)
{
    return cursor->table->engine->source;
}

static const struct schema *schema_of(const struct fixed_cursor *cursor)
{
    return tree_schema(source_of(cursor)->tree);
}

static void put_text(struct buffer *out, const char *text)
{
    if (text == NULL)
        mp_write_nil(out);
    else
        mp_write_text(out, text);
}

/* The pairs of `map` that the columns from `first` on name, one value each. "" is NULL. */
static void put_pairs(const struct fixed_cursor *cursor, struct span map, size_t first)
{
    struct buffer *out = &((struct fixed_cursor *)cursor)->rows;
    for (size_t i = first; i < cursor->table->fixed->column_count; i++) {
        struct span value = map_pair(map, cursor->table->fixed->columns[i].name);
        bool none = value.size == 0 || (value.size == 1 && value.data[0] == 0xa0); /* "" */
        if (none && cursor->table->fixed->columns[i].kind == COLUMN_BOOLEAN)
            mp_write_bool(out, false);
        else if (none)
            mp_write_nil(out);
        else
            buffer_append_span(out, value);
    }
}

/* ---- types, columns ---- */

static const struct fixed_column type_columns[] = {
    {"name", COLUMN_TEXT},   {"table_name", COLUMN_TEXT}, {"number", COLUMN_INTEGER},
    {"circle", COLUMN_ENUM}, {"class", COLUMN_ENUM},      {"ended", COLUMN_BOOLEAN},
};

static enum error_code more_types(struct fixed_cursor *cursor, struct error *error)
{
    const struct sql_engine *engine = cursor->table->engine;
    const struct schema *schema = schema_of(cursor);
    (void)error;
    for (size_t i = 0; schema != NULL && i < engine->table_count; i++) {
        const struct sql_table *table = engine->tables[i];
        const struct record_type *type =
            table->kind == TABLE_OF_TYPE ? schema_type(schema, table->type) : NULL;
        if (type == NULL)
            continue;
        mp_write_array(&cursor->rows, 6);
        mp_write_text(&cursor->rows, type->name);
        mp_write_text(&cursor->rows, table->name);
        mp_write_uint(&cursor->rows, type->number);
        mp_write_text(&cursor->rows, circle_name(type->circle));
        mp_write_text(&cursor->rows, class_name(type->class));
        mp_write_bool(&cursor->rows, type->ended);
    }
    cursor->over = true;
    return ERR_OK;
}

static const struct fixed_column column_columns[] = {
    {"table_name", COLUMN_TEXT}, {"name", COLUMN_TEXT},        {"kind", COLUMN_TEXT},
    {"private", COLUMN_BOOLEAN}, {"required", COLUMN_BOOLEAN},
};

static enum error_code more_columns(struct fixed_cursor *cursor, struct error *error)
{
    const struct sql_engine *engine = cursor->table->engine;
    (void)error;
    for (size_t i = 0; i < engine->table_count; i++) {
        const struct sql_table *table = engine->tables[i];
        for (size_t k = 0; k < table->column_count; k++) {
            const struct sql_column *column = &table->columns[k];
            mp_write_array(&cursor->rows, 5);
            mp_write_text(&cursor->rows, table->name);
            mp_write_text(&cursor->rows, column->name);
            mp_write_text(&cursor->rows, column_declared(column->kind));
            mp_write_bool(&cursor->rows, column->private);
            mp_write_bool(&cursor->rows, column->required);
        }
    }
    cursor->over = true;
    return ERR_OK;
}

/* ---- seats, links ---- */

static const struct fixed_column seat_columns[] = {
    {"seat", COLUMN_SEAT},     {"name", COLUMN_TEXT},          {"tier", COLUMN_ENUM},
    {"parent", COLUMN_SEAT},   {"generation", COLUMN_INTEGER}, {"status", COLUMN_ENUM},
    {"moves", COLUMN_INTEGER},
};

static enum error_code more_seats(struct fixed_cursor *cursor, struct error *error)
{
    static const char *const statuses[] = {"active", "retired", "revoked", "released"};
    const struct tree *tree = source_of(cursor)->tree;
    size_t count = tree_seat_count(tree);
    (void)error;
    for (size_t some = 0; some < PIECE && cursor->place < count; some++, cursor->place++) {
        const struct seat *seat = tree_seat_at(tree, cursor->place);
        mp_write_array(&cursor->rows, 7);
        mp_write_text(&cursor->rows, seat->row.seat);
        mp_write_text(&cursor->rows, seat->row.name);
        mp_write_text(&cursor->rows, tree_tier_name(tree, seat->row.tier));
        put_text(&cursor->rows, seat->parent == NULL ? NULL : seat->parent->row.seat);
        mp_write_uint(&cursor->rows, seat->row.generation);
        mp_write_text(&cursor->rows, statuses[seat->row.status]);
        mp_write_uint(&cursor->rows, seat->row.moves);
    }
    cursor->over = cursor->place == count;
    return ERR_OK;
}

static const struct fixed_column link_columns[] = {
    {"seat", COLUMN_SEAT},           {"uplink", COLUMN_BOOLEAN},   {"state", COLUMN_ENUM},
    {"since_ms", COLUMN_INTEGER},    {"heard_ms", COLUMN_INTEGER}, {"behind_there", COLUMN_INTEGER},
    {"behind_here", COLUMN_INTEGER}, {"bytes_in", COLUMN_INTEGER}, {"bytes_out", COLUMN_INTEGER},
};

static enum error_code more_links(struct fixed_cursor *cursor, struct error *error)
{
    struct mp_reader links = map_reader(source_of(cursor)->links);
    uint32_t count = mp_peek(&links) == MP_ARRAY ? mp_read_array(&links) : 0;
    (void)error;
    for (; count > 0 && !links.failed; count--) {
        struct span link = mp_read_any(&links);
        mp_write_array(&cursor->rows, sizeof link_columns / sizeof *link_columns);
        put_pairs(cursor, link, 0);
    }
    cursor->over = true;
    return ERR_OK;
}

/* ---- conflicts ---- */

static const struct fixed_column conflict_columns[] = {
    {"type", COLUMN_TEXT}, {"id", COLUMN_RECORD}, {"field", COLUMN_TEXT}, {"value", COLUMN_TEXT},
    {"seat", COLUMN_SEAT}, {"name", COLUMN_TEXT}, {"clock", COLUMN_TIME}, {"shown", COLUMN_BOOLEAN},
};

static void put_conflict(struct fixed_cursor *cursor, struct span record, struct span conflict,
                         struct span value, bool shown)
{
    struct buffer *out = &cursor->rows;
    mp_write_array(out, sizeof conflict_columns / sizeof *conflict_columns);
    buffer_append_span(out, map_pair(record, "type"));
    buffer_append_span(out, map_pair(record, "id"));
    buffer_append_span(out, map_pair(conflict, "field"));
    if (value.size == 0)
        mp_write_nil(out);
    else
        buffer_append_span(out, value);
    buffer_append_span(out, map_pair(conflict, "seat"));
    buffer_append_span(out, map_pair(conflict, "name"));
    buffer_append_span(out, map_pair(conflict, "clock"));
    mp_write_bool(out, shown);
}

static void put_conflicts(struct fixed_cursor *cursor, struct span item)
{
    struct span record = map_pair(item, "record"), fields = map_pair(record, "fields");
    struct mp_reader shown = map_reader(map_pair(item, "shown"));
    struct mp_reader others = map_reader(map_pair(record, "conflicts"));
    for (uint32_t left = mp_read_array(&shown); left > 0 && !shown.failed; left--) {
        struct span one = mp_read_any(&shown);
        struct mp_reader name = map_reader(map_pair(one, "field"));
        struct span text = mp_read_str(&name);
        char field[FIELD_NAME_BYTES_MAX + 1] = "";
        if (text.size <= FIELD_NAME_BYTES_MAX)
            memcpy(field, text.data, text.size);
        put_conflict(cursor, record, one, map_pair(fields, field), true);
    }
    for (uint32_t left = mp_read_array(&others); left > 0 && !others.failed; left--) {
        struct span one = mp_read_any(&others);
        put_conflict(cursor, record, one, map_pair(one, "value"), false);
    }
}

static enum error_code more_conflicts(struct fixed_cursor *cursor, struct error *error)
{
    const struct sql_source *source = source_of(cursor);
    struct buffer out = {0};
    size_t count = 0;
    enum error_code code =
        query_conflicts(source->view, source->tree, span_of_buffer(&cursor->keys[0]), PIECE,
                        &cursor->cursor, &out, &count, error);
    struct mp_reader items = map_reader(span_of_buffer(&out));
    for (size_t i = 0; code == ERR_OK && i < count; i++)
        put_conflicts(cursor, mp_read_any(&items));
    buffer_free(&out);
    cursor->over = cursor->cursor.size == 0;
    return code == ERR_UNKNOWN_TYPE ? ERR_OK : code;
}

/* ---- quarantine ---- */

static const struct fixed_column aside_columns[] = {
    {"kind", COLUMN_ENUM},     {"seat", COLUMN_SEAT},      {"name", COLUMN_TEXT},
    {"epoch", COLUMN_INTEGER}, {"stream", COLUMN_INTEGER}, {"place", COLUMN_INTEGER},
    {"type", COLUMN_TEXT},     {"record", COLUMN_RECORD},  {"code", COLUMN_ENUM},
    {"reason", COLUMN_TEXT},   {"since", COLUMN_TIME},     {"who", COLUMN_SEAT},
    {"next", COLUMN_TEXT},
};

static enum error_code more_aside(struct fixed_cursor *cursor, struct error *error)
{
    const struct sql_source *source = source_of(cursor);
    struct buffer out = {0};
    size_t count = 0;
    enum error_code code = query_aside(source->view, source->tree, source->self, PIECE,
                                       &cursor->cursor, &out, &count, error);
    struct mp_reader items = map_reader(span_of_buffer(&out));
    for (size_t i = 0; code == ERR_OK && i < count; i++) {
        mp_write_array(&cursor->rows, sizeof aside_columns / sizeof *aside_columns);
        put_pairs(cursor, mp_read_any(&items), 0);
    }
    buffer_free(&out);
    cursor->over = cursor->cursor.size == 0;
    return code;
}

/* ---- history ---- */

static const struct fixed_column history_columns[] = {
    {"type", COLUMN_TEXT},       {"id", COLUMN_RECORD},
    {"seat", COLUMN_SEAT},       {"name", COLUMN_TEXT},
    {"change", COLUMN_ENUM},     {"step", COLUMN_ENUM},
    {"clock", COLUMN_TIME},      {"clock_suspect", COLUMN_BOOLEAN},
    {"private", COLUMN_BOOLEAN}, {"epoch", COLUMN_INTEGER},
    {"n", COLUMN_INTEGER},       {"stream", COLUMN_INTEGER},
    {"place", COLUMN_INTEGER},   {"carried_by", COLUMN_SEAT},
    {"reason", COLUMN_TEXT},
};

static enum error_code put_history(struct fixed_cursor *cursor, const struct record_type *type,
                                   const struct record_id *id, struct error *error)
{
    const struct sql_source *source = source_of(cursor);
    struct history_streams *streams = mem_alloc(sizeof *streams);
    struct buffer out = {0};
    char text[33];
    enum error_code code = query_history(source->view, source->tree, source->self, source->now_ms,
                                         span_of_text(type->name), id, streams, &out, error);
    struct mp_reader items = map_reader(map_pair(span_of_buffer(&out), "operations"));
    uint32_t count = code == ERR_OK ? mp_read_array(&items) : 0;
    record_id_text(id, text);
    for (; count > 0 && !items.failed; count--) {
        struct span operation = mp_read_any(&items);
        mp_write_array(&cursor->rows, sizeof history_columns / sizeof *history_columns);
        mp_write_text(&cursor->rows, type->name);
        mp_write_text(&cursor->rows, text);
        put_pairs(cursor, operation, 2);
    }
    buffer_free(&out);
    free(streams);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

/* Records of the type at cursor->place; NULL: there are no more types. */
static const struct record_type *type_at(const struct fixed_cursor *cursor)
{
    const struct schema *schema = schema_of(cursor);
    return schema != NULL && cursor->place < schema->type_count ? &schema->types[cursor->place]
                                                                : NULL;
}

static void begin_type(struct fixed_cursor *cursor, const struct record_type *type)
{
    const struct sql_source *source = source_of(cursor);
    struct scan_range range;
    struct record_id id;
    scan_range_all(&range);
    if (cursor->has_key[1]) {
        range.order = SCAN_BY_ID;
        if (!record_id_parse(span_of_buffer(&cursor->keys[1]), &id))
            cursor->over = true;
        else
            range.id_min = range.id_max = id;
    }
    if (!cursor->over)
        cursor->scan = query_scan_new(source->view, source->tree, type, &range);
}

static bool type_wanted(const struct fixed_cursor *cursor, const struct record_type *type)
{
    return type->companion_of == 0 &&
           (!cursor->has_key[0] ||
            span_equal(span_of_buffer(&cursor->keys[0]), span_of_text(type->name)));
}

static enum error_code more_history(struct fixed_cursor *cursor, struct error *error)
{
    const struct record_type *type = type_at(cursor);
    if (type == NULL) {
        cursor->over = true;
        return ERR_OK;
    }
    if (cursor->scan == NULL && type_wanted(cursor, type))
        begin_type(cursor, type);
    enum scan_answer answer = cursor->scan == NULL ? SCAN_END : query_scan_next(cursor->scan);
    if (answer == SCAN_DAMAGED)
        return damaged_store(error, "history");
    if (answer == SCAN_RECORD)
        return put_history(cursor, type, query_scan_id(cursor->scan), error);
    if (answer == SCAN_END) {
        query_scan_free(cursor->scan);
        cursor->scan = NULL;
        cursor->place++;
    }
    return ERR_OK;
}

static const struct fixed_table types_table = {
    "types", COLUMNS(type_columns), {-1, -1, -1}, more_types};
static const struct fixed_table columns_table = {
    "columns", COLUMNS(column_columns), {-1, -1, -1}, more_columns};
static const struct fixed_table seats_table = {
    "seats", COLUMNS(seat_columns), {-1, -1, -1}, more_seats};
static const struct fixed_table links_table = {
    "links", COLUMNS(link_columns), {-1, -1, -1}, more_links};
static const struct fixed_table conflicts_table = {
    "conflicts", COLUMNS(conflict_columns), {0, -1, -1}, more_conflicts};
static const struct fixed_table quarantine_table = {
    "quarantine", COLUMNS(aside_columns), {-1, -1, -1}, more_aside};
static const struct fixed_table history_table = {
    "history", COLUMNS(history_columns), {0, 1, -1}, more_history};

const struct fixed_table *const fixed_tables[] = {
    &types_table,     &columns_table,    &seats_table,   &links_table,      &history_table,
    &conflicts_table, &quarantine_table, &rollups_table, &indicators_table,
};
const size_t fixed_table_count = sizeof fixed_tables / sizeof *fixed_tables;
