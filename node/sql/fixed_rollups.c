/* The table of roll-ups: what `terrace rollup` answers, a row a figure. One roll-up, or all; its
 * groups and its periods when grouped_by and split_by ask for them, as in the command. */
#include <string.h>

#include "node/sql/sql_parts.h"
#include "replication/query/query_rollup.h"

enum { NAME, GROUPED_BY, SPLIT_BY, COLUMNS = 17 };

static const struct fixed_column columns[COLUMNS] = {
    {"name", COLUMN_TEXT},           {"grouped_by", COLUMN_TEXT},  {"split_by", COLUMN_TEXT},
    {"period", COLUMN_TEXT},         {"key", COLUMN_TEXT},         {"label", COLUMN_TEXT},
    {"value", COLUMN_INTEGER},       {"scale", COLUMN_INTEGER},    {"numerator", COLUMN_INTEGER},
    {"denominator", COLUMN_INTEGER}, {"overflow", COLUMN_BOOLEAN}, {"more", COLUMN_BOOLEAN},
    {"origins", COLUMN_INTEGER},     {"expected", COLUMN_INTEGER}, {"as_of", COLUMN_TIME},
    {"newest", COLUMN_TIME},         {"behind", COLUMN_INTEGER},
};

static void put(struct buffer *out, struct span value)
{
    if (value.size == 0)
        mp_write_nil(out);
    else
        buffer_append_span(out, value);
}

static void put_key(const struct fixed_cursor *cursor, int key, struct buffer *out)
{
    mp_write_str(out, cursor->has_key[key] ? span_of_buffer(&cursor->keys[key]) : span_of_text(""));
}

static uint32_t list_count(struct span list)
{
    struct mp_reader reader = map_reader(list);
    return mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 0;
}

/* A time, or NULL for 0: none is known. */
static void put_time(struct buffer *out, struct span value)
{
    struct mp_reader reader = map_reader(value);
    uint64_t ms = mp_read_uint(&reader);
    if (ms == 0)
        mp_write_nil(out);
    else
        mp_write_uint(out, ms);
}

/* Figures of `one`: the whole answer, a period of it, or a group of either. */
static void put_row(struct fixed_cursor *cursor, struct span name, struct span answer,
                    struct span period, struct span one)
{
    static const char *const figures[] = {"value",       "",         "numerator",
                                          "denominator", "overflow", "more"};
    struct buffer *out = &cursor->rows;
    struct mp_reader origins = map_reader(map_pair(answer, "origins"));
    mp_write_array(out, COLUMNS);
    mp_write_str(out, name);
    put_key(cursor, GROUPED_BY, out);
    put_key(cursor, SPLIT_BY, out);
    put(out, period);
    put(out, map_pair(one, "key"));
    put(out, map_pair(one, "key").size == 0 ? SPAN_EMPTY : map_pair(one, "name"));
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        put(out, figures[i][0] == '\0' ? map_pair(answer, "scale") : map_pair(one, figures[i]));
    bool known = mp_peek(&origins) == MP_ARRAY && mp_read_array(&origins) == 2;
    put(out, known ? mp_read_any(&origins) : SPAN_EMPTY);
    put(out, known ? mp_read_any(&origins) : SPAN_EMPTY);
    put_time(out, map_pair(answer, "as_of"));
    put_time(out, map_pair(answer, "newest"));
    mp_write_uint(out, list_count(map_pair(answer, "behind")));
}

static void put_groups(struct fixed_cursor *cursor, struct span name, struct span answer,
                       struct span period, struct span of)
{
    struct mp_reader groups = map_reader(map_pair(of, "groups"));
    uint32_t count = mp_peek(&groups) == MP_ARRAY ? mp_read_array(&groups) : 0;
    if (!cursor->has_key[GROUPED_BY]) {
        put_row(cursor, name, answer, period, of);
        return;
    }
    for (; count > 0 && !groups.failed; count--)
        put_row(cursor, name, answer, period, mp_read_any(&groups));
}

static void put_answer(struct fixed_cursor *cursor, struct span name, struct span answer)
{
    struct mp_reader periods = map_reader(map_pair(answer, "periods"));
    if (!cursor->has_key[SPLIT_BY]) {
        put_groups(cursor, name, answer, SPAN_EMPTY, answer);
        return;
    }
    uint32_t count = mp_peek(&periods) == MP_ARRAY ? mp_read_array(&periods) : 0;
    for (; count > 0 && !periods.failed; count--) {
        struct span period = mp_read_any(&periods);
        put_groups(cursor, name, answer, map_pair(period, "period"), period);
    }
}

/* Of all of them one that doesn't know the group or the period has no rows, nor has one whose
 * question needs a record; asked for by its name it says why. */
static enum error_code ask(struct fixed_cursor *cursor, struct span name, struct error *error)
{
    const struct sql_source *source = cursor->table->engine->source;
    struct buffer out = {0};
    struct rollup_question question = {.name = name, .freshness_ms = source->freshness_ms};
    if (cursor->has_key[GROUPED_BY])
        question.by = span_of_buffer(&cursor->keys[GROUPED_BY]);
    if (cursor->has_key[SPLIT_BY])
        question.each = span_of_buffer(&cursor->keys[SPLIT_BY]);
    enum error_code code =
        query_rollup_of(source->view, source->tree, source->self, &question, &out, error);
    if (code == ERR_OK)
        put_answer(cursor, name, span_of_buffer(&out));
    buffer_free(&out);
    bool passed = !cursor->has_key[NAME] && code != ERR_DAMAGED;
    return passed ? ERR_OK : code;
}

/* cursor->cursor: the list of names, cursor->place: how far in it. */
static enum error_code more(struct fixed_cursor *cursor, struct error *error)
{
    const struct sql_source *source = cursor->table->engine->source;
    if (cursor->has_key[NAME]) {
        cursor->over = true;
        return ask(cursor, span_of_buffer(&cursor->keys[NAME]), error);
    }
    if (cursor->cursor.size == 0) {
        struct rollup_question all = {.freshness_ms = source->freshness_ms};
        enum error_code code =
            query_rollup_of(source->view, source->tree, source->self, &all, &cursor->cursor, error);
        if (code != ERR_OK)
            return code;
    }
    struct mp_reader list = map_reader(span_of_buffer(&cursor->cursor));
    uint32_t count = mp_read_array(&list);
    for (size_t i = 0; i < cursor->place && i < count; i++)
        mp_read_any(&list);
    cursor->over = ++cursor->place > count;
    if (cursor->over)
        return ERR_OK;
    struct mp_reader name = map_reader(map_pair(mp_read_any(&list), "name"));
    return ask(cursor, mp_read_str(&name), error);
}

const struct fixed_table rollups_table = {
    "rollups", columns, COLUMNS, {NAME, GROUPED_BY, SPLIT_BY}, more};
