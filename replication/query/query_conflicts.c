/* Records with values that were written at the same time: each needs a person to choose. And those
 * with steps that turned out void, or more attempts than a limit says: each needs one to know.
 *
 * There is no index of them: the rows of records are walked. A record whose creation is all there
 * is has a row of a few bytes and can't have any, so a walk costs little beside the records that
 * were changed. */
#include <string.h>

#include "replication/query/query_parts.h"

enum { CONFLICTS_SCAN_MAX = 10000 };

void query_put_text(struct buffer *out, const char *key, const char *text)
{
    mp_write_text(out, key);
    mp_write_text(out, text);
}

void query_put_uint(struct buffer *out, const char *key, uint64_t value)
{
    mp_write_text(out, key);
    mp_write_uint(out, value);
}

void query_put_seat(struct buffer *out, const struct tree *tree, struct key_id author)
{
    const struct author *known = tree_author(tree, author);
    query_put_text(out, "seat", known == NULL ? "" : known->seat->row.seat);
    query_put_text(out, "name", known == NULL ? "" : known->seat->row.name);
}

/* Who wrote the values that are shown where others stand beside them. */
static uint32_t write_shown(const struct tree *tree, const struct record_type *type,
                            const struct record_state *state, struct buffer *pairs)
{
    uint32_t count = 0;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct operation *shown = NULL;
        if (record_shown(state, &type->fields[i], &shown) < 2)
            continue;
        mp_write_map(pairs, 4);
        query_put_text(pairs, "field", type->fields[i].name);
        query_put_seat(pairs, tree, shown->dot.author);
        query_put_uint(pairs, "clock", shown->clock);
        count++;
    }
    return count;
}

/* Whether record_describe's map lists conflicts, void steps or a surplus. */
static bool has_conflicts(const struct record_state *state, const struct record_type *type)
{
    struct buffer described = {0};
    bool any = false;
    record_describe(state, type, &described);
    struct mp_reader reader = mp_reader(span_of_buffer(&described));
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span name = mp_read_str(&reader), value = mp_read_any(&reader);
        bool needs_somebody = span_equal(name, span_of_text("conflicts")) ||
                              span_equal(name, span_of_text("void")) ||
                              span_equal(name, span_of_text("surplus"));
        struct mp_reader list = mp_reader(value);
        any |= needs_somebody && mp_read_array(&list) > 0;
    }
    buffer_free(&described);
    return any;
}

struct search {
    const struct view *view;
    const struct tree *tree;
    struct buffer *out;
    uint8_t key[RECORD_KEY_BYTES];
    struct block_cache cache, private_cache;
};

/* Whether more than its creation is held of a record. */
static bool has_state(const struct search *search, const struct record_type *type,
                      const struct record_id *id)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct record_row row = {0};
    if (type == NULL || !record_key(search->view, type->number, id, key) ||
        record_row_read(search->view, key, &row) != ERR_OK || !row.present)
        return false;
    record_free(row.state);
    return !row.located;
}

/* The record of a row and its companion; false: nothing of it counts, or a look at it is vain. A
 * companion's own row is passed by where what it belongs to is held: it is told with that. */
static bool load_both(struct search *search, const struct record_type *type,
                      const struct record_id *id, struct record_row *row,
                      struct query_private *private)
{
    const struct schema *schema = tree_schema(search->tree);
    uint8_t key[RECORD_KEY_BYTES];
    struct span value;
    bool of_another =
        type->companion_of != 0 && record_key(search->view, type->companion_of, id, key) &&
        search->view->get(search->view->context, TABLE_RECORDS, SPAN_OF_ARRAY(key), &value) ==
            READ_FOUND;
    if (of_another || (row->located && !has_state(search, schema_companion(schema, type), id)))
        return false;
    if (row->located)
        row->state =
            record_from_creation(&search->cache, search->view, search->tree, type, id, row);
    if (row->state == NULL || !record_stands(row->state))
        return false;
    query_private_load(&search->private_cache, search->view, search->tree, type, id, row->state,
                       private);
    return true;
}

static bool take_row(struct search *search)
{
    struct record_id id;
    uint16_t number;
    struct record_row row;
    struct buffer shown = {0};
    if (!record_key_parse(search->view, SPAN_OF_ARRAY(search->key), &number, &id))
        return false;
    const struct record_type *type = schema_type(tree_schema(search->tree), number);
    if (type == NULL || record_row_read(search->view, search->key, &row) != ERR_OK || !row.present)
        return false;
    struct query_private private = {0};
    bool stands = load_both(search, type, &id, &row, &private);
    bool any =
        stands &&
        ((!row.located && has_conflicts(row.state, type)) ||
         (private.state != NULL && !private.hidden && has_conflicts(private.state, private.type)));
    if (any) {
        uint32_t count = write_shown(search->tree, type, row.state, &shown);
        if (private.state != NULL && !private.hidden)
            count += write_shown(search->tree, private.type, private.state, &shown);
        mp_write_map(search->out, 2);
        mp_write_text(search->out, "record");
        query_describe(&search->private_cache, search->view, search->tree, type, &id, row.state,
                       search->out);
        mp_write_text(search->out, "shown");
        mp_write_array(search->out, count);
        buffer_append_span(search->out, span_of_buffer(&shown));
        buffer_free(&shown);
    }
    query_private_free(&private);
    record_free(row.state);
    return any;
}

/* The next key of this length; false when there is none. */
static bool key_after(uint8_t key[static RECORD_KEY_BYTES])
{
    for (size_t i = RECORD_KEY_BYTES; i-- > 0;) {
        if (++key[i] != 0)
            return true;
    }
    return false;
}

enum error_code query_conflicts(const struct view *view, const struct tree *tree, struct span name,
                                size_t limit, struct buffer *cursor, struct buffer *out,
                                size_t *count, struct error *error)
{
    struct search search = {.view = view, .tree = tree, .out = out};
    search.private_cache.beside = &search.cache;
    const struct record_type *type = NULL;
    *count = 0;
    if (name.size > 0) {
        type = schema_find_type(tree_schema(tree), name, error);
        if (type == NULL)
            return ERR_UNKNOWN_TYPE;
        write_u16(search.key, type->number);
    }
    if (cursor->size == RECORD_KEY_BYTES)
        memcpy(search.key, cursor->data, RECORD_KEY_BYTES);
    else if (cursor->size != 0)
        return error_set(error, ERR_USAGE, "cursor", "it isn't one that this list has given");
    bool more = tree_schema(tree) != NULL;
    for (size_t scanned = 0; more && *count < limit && scanned < CONFLICTS_SCAN_MAX; scanned++) {
        struct span key, value;
        more = view->next(view->context, TABLE_RECORDS, SPAN_OF_ARRAY(search.key), &key, &value) ==
                   READ_FOUND &&
               key.size == RECORD_KEY_BYTES && (type == NULL || read_u16(key.data) == type->number);
        if (more) {
            memcpy(search.key, key.data, RECORD_KEY_BYTES);
            *count += take_row(&search);
            more = key_after(search.key);
        }
    }
    block_cache_free(&search.cache);
    block_cache_free(&search.private_cache);
    buffer_clear(cursor);
    if (more)
        buffer_append(cursor, search.key, RECORD_KEY_BYTES);
    return ERR_OK;
}
