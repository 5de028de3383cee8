/* Texts from the answers that people get. */
#include "sim/check/portrait.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_AT_ONCE = 256, NUMBER_BYTES = 32 };

static struct mp_reader names_reader(struct span value)
{
    struct mp_reader reader = mp_reader(value);
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    return reader;
}

static void append_text(struct buffer *text, const char *words)
{
    buffer_append(text, words, strlen(words));
}

static void append_value(struct mp_reader *reader, struct buffer *text)
{
    enum mp_kind kind = mp_peek(reader);
    char number[NUMBER_BYTES];
    if (kind == MP_STR) {
        append_text(text, "'");
        buffer_append_span(text, mp_read_str(reader));
        append_text(text, "'");
    } else if (kind == MP_BOOL) {
        append_text(text, mp_read_bool(reader) ? "true" : "false");
    } else {
        snprintf(number, sizeof number, "%" PRId64, mp_read_int(reader));
        append_text(text, number);
    }
}

static void append_fields(struct mp_reader *reader, struct buffer *text)
{
    for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
        struct span name = mp_read_str(reader);
        bool is_list = mp_peek(reader) == MP_ARRAY;
        uint32_t items = is_list ? mp_read_array(reader) : 1;
        for (uint32_t i = 0; i < items && !reader->failed; i++) {
            buffer_append_span(text, name);
            append_text(text, is_list ? "+" : "=");
            append_value(reader, text);
            append_text(text, "\n");
        }
    }
}

/* ---- conflicts: a set, so sorted ---- */

struct conflict_lines {
    struct buffer *lines;
    size_t count;
};

static int compare_lines(const void *a, const void *b)
{
    return span_compare(span_of_buffer(a), span_of_buffer(b));
}

static void read_conflict(struct mp_reader *reader, struct buffer *line)
{
    struct span field = SPAN_EMPTY, seat = SPAN_EMPTY;
    struct buffer value = {0};
    for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
        struct span key = mp_read_str(reader);
        if (span_equal(key, span_of_text("field")))
            field = mp_read_str(reader);
        else if (span_equal(key, span_of_text("seat")))
            seat = mp_read_str(reader);
        else if (span_equal(key, span_of_text("value")))
            append_value(reader, &value);
        else
            mp_read_any(reader);
    }
    append_text(line, "conflict ");
    buffer_append_span(line, field);
    append_text(line, "=");
    buffer_append_span(line, span_of_buffer(&value));
    append_text(line, " of ");
    buffer_append_span(line, seat);
    append_text(line, "\n");
    buffer_free(&value);
}

static void read_conflicts(struct mp_reader *reader, struct conflict_lines *conflicts)
{
    for (uint32_t left = mp_read_array(reader); left > 0 && !reader->failed; left--) {
        conflicts->lines =
            mem_resize(conflicts->lines, (conflicts->count + 1) * sizeof *conflicts->lines);
        conflicts->lines[conflicts->count] = (struct buffer){0};
        read_conflict(reader, &conflicts->lines[conflicts->count++]);
    }
}

static void end_conflicts(struct conflict_lines *conflicts, struct buffer *text)
{
    if (conflicts->count > 0)
        qsort(conflicts->lines, conflicts->count, sizeof *conflicts->lines, compare_lines);
    for (size_t i = 0; i < conflicts->count; i++) {
        buffer_append_span(text, span_of_buffer(&conflicts->lines[i]));
        buffer_free(&conflicts->lines[i]);
    }
    free(conflicts->lines);
}

/* ---- one record ---- */

struct described {
    struct span id, type, origin;
    struct buffer fields;
    struct conflict_lines conflicts;
    bool deleted;
    uint64_t operations, excluded;
};

static void read_described(struct mp_reader *reader, struct described *record)
{
    for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
        struct span key = mp_read_str(reader);
        if (span_equal(key, span_of_text("id")))
            record->id = mp_read_str(reader);
        else if (span_equal(key, span_of_text("type")))
            record->type = mp_read_str(reader);
        else if (span_equal(key, span_of_text("origin")))
            record->origin = mp_read_str(reader);
        else if (span_equal(key, span_of_text("fields")))
            append_fields(reader, &record->fields);
        else if (span_equal(key, span_of_text("conflicts")))
            read_conflicts(reader, &record->conflicts);
        else if (span_equal(key, span_of_text("deleted")))
            record->deleted = mp_read_bool(reader);
        else if (span_equal(key, span_of_text("operations")))
            record->operations = mp_read_uint(reader);
        else if (span_equal(key, span_of_text("excluded")))
            record->excluded = mp_read_uint(reader);
        else
            mp_read_any(reader);
    }
}

static void end_described(struct described *record, struct buffer *text)
{
    char line[96];
    buffer_append_span(text, record->type);
    append_text(text, " of ");
    buffer_append_span(text, record->origin);
    append_text(text, "\n");
    buffer_append_span(text, span_of_buffer(&record->fields));
    end_conflicts(&record->conflicts, text);
    snprintf(line, sizeof line, "deleted=%d operations=%" PRIu64 " excluded=%" PRIu64 "\n",
             record->deleted, record->operations, record->excluded);
    append_text(text, line);
    buffer_free(&record->fields);
}

/* ---- a whole store ---- */

static void add_record(struct portrait *portrait, uint16_t type, struct described *record)
{
    struct buffer text = {0};
    if ((portrait->count & (portrait->count + 1)) == 0)
        portrait->records =
            mem_resize(portrait->records, 2 * (portrait->count + 1) * sizeof *portrait->records);
    struct portrait_record *added = &portrait->records[portrait->count++];
    *added = (struct portrait_record){.type = type};
    record_id_parse(record->id, &added->id);
    end_described(record, &text);
    buffer_append_byte(&text, '\0');
    added->text = (char *)text.data;
}

static enum error_code take_type(const struct view *view, const struct tree *tree,
                                 const struct record_type *type, struct portrait *portrait,
                                 struct error *error)
{
    struct buffer cursor = {0}, out = {0};
    enum error_code code = ERR_OK;
    do {
        size_t count = 0;
        buffer_clear(&out);
        code = query_list(view, tree, span_of_text(type->name), SPAN_EMPTY, true, LIST_AT_ONCE,
                          &cursor, &out, &count, error);
        struct mp_reader reader = names_reader(span_of_buffer(&out));
        for (size_t i = 0; i < count && code == ERR_OK; i++) {
            struct described record = {0};
            read_described(&reader, &record);
            add_record(portrait, type->number, &record);
        }
    } while (code == ERR_OK && cursor.size > 0);
    buffer_free(&out);
    buffer_free(&cursor);
    return code;
}

static int compare_records(const void *a, const void *b)
{
    const struct portrait_record *x = a, *y = b;
    int texts = strcmp(x->text, y->text);
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    return texts != 0 ? texts : memcmp(x->id.bytes, y->id.bytes, sizeof x->id.bytes);
}

enum error_code portrait_take(const struct view *view, const struct tree *tree,
                              struct portrait *portrait, struct error *error)
{
    const struct schema *schema = tree_schema(tree);
    enum error_code code = ERR_OK;
    *portrait = (struct portrait){0};
    for (size_t i = 0; schema != NULL && i < schema->type_count && code == ERR_OK; i++)
        code = take_type(view, tree, &schema->types[i], portrait, error);
    if (code != ERR_OK)
        portrait_free(portrait);
    else if (portrait->count > 0)
        qsort(portrait->records, portrait->count, sizeof *portrait->records, compare_records);
    return code;
}

void portrait_free(struct portrait *portrait)
{
    for (size_t i = 0; i < portrait->count; i++)
        free(portrait->records[i].text);
    free(portrait->records);
    *portrait = (struct portrait){0};
}

struct hash portrait_hash(const struct portrait *portrait)
{
    struct buffer all = {0};
    for (size_t i = 0; i < portrait->count; i++)
        buffer_append(&all, portrait->records[i].text, strlen(portrait->records[i].text) + 1);
    struct hash hash = hash_of(HASH_BODY, span_of_buffer(&all));
    buffer_free(&all);
    return hash;
}
