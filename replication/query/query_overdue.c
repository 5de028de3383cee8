/* What is overdue: rows found by time, and what they say of a record. Signed time that is past the
 * limit settles it; short of that it is the reader's own clock, which may be wrong. */
#include <string.h>

#include "replication/query/query_parts.h"

enum { OVERDUE_SCAN_MAX = 10000 };

uint32_t query_put_due(const struct view *view, const struct record_type *type,
                       const struct record_id *id, uint64_t now_ms, struct buffer *out)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct deadline_row row = {0};
    if (type->workflow != NULL && record_key(view, type->number, id, key))
        row = deadline_row_read(view, key);
    if (row.due_ms == 0)
        return 0;
    uint64_t token_ms = newest_token_ms(view);
    uint64_t apart = now_ms > token_ms ? now_ms - token_ms : token_ms - now_ms;
    query_put_uint(out, "due", row.due_ms);
    mp_write_text(out, "overdue");
    mp_write_bool(out, row.due_ms <= now_ms || row.due_ms <= token_ms);
    mp_write_text(out, "clock_suspect");
    mp_write_bool(out, apart > CLOCK_SUSPECT_MS);
    return 3;
}

struct late {
    const struct view *view;
    const struct tree *tree;
    uint64_t now_ms;
    const struct record_type *type; /* NULL: all */
    struct block_cache cache, private_cache;
    bool damaged;
};

/* True: it was added. */
static bool add_one(struct late *late, const uint8_t key[static RECORD_KEY_BYTES],
                    struct buffer *out)
{
    uint16_t number;
    struct record_id id;
    struct record_state *state = NULL;
    if (late->type != NULL && read_u16(key) != late->type->number)
        return false;
    const struct schema *schema = tree_schema(late->tree);
    const struct record_type *type = schema == NULL ? NULL : schema_type(schema, read_u16(key));
    bool read = type != NULL &&
                record_key_parse(late->view, SPAN(key, RECORD_KEY_BYTES), &number, &id) &&
                query_load_state(&late->cache, late->view, late->tree, type, &id, &state) == ERR_OK;
    late->damaged |= !read;
    if (read)
        query_describe_at(&late->private_cache, late->view, late->tree, NULL, late->now_ms, type,
                          &id, state, out);
    record_free(state);
    return read;
}

enum error_code query_overdue(const struct view *view, const struct tree *tree, uint64_t now_ms,
                              struct span name, size_t limit, struct buffer *cursor,
                              struct buffer *out, size_t *count, struct error *error)
{
    uint64_t token_ms = newest_token_ms(view), until_ms = now_ms > token_ms ? now_ms : token_ms;
    struct late late = {.view = view, .tree = tree, .now_ms = now_ms};
    late.private_cache.beside = &late.cache;
    uint8_t place[DEADLINE_PLACE_BYTES];
    *count = 0;
    if (name.size > 0 && (late.type = schema_find_type(tree_schema(tree), name, error)) == NULL)
        return ERR_UNKNOWN_TYPE;
    if (cursor->size != 0 && cursor->size != sizeof place)
        return error_set(error, ERR_USAGE, "cursor", "it isn't one that this list has given");
    if (cursor->size != 0)
        memcpy(place, cursor->data, sizeof place);
    struct span behind = cursor->size == 0 ? SPAN_EMPTY : SPAN_OF_ARRAY(place);
    bool more = true;
    for (size_t scanned = 0; more && *count < limit && scanned < OVERDUE_SCAN_MAX; scanned++) {
        more = deadline_row_next(view, DEADLINE_DUE, behind, place) && read_u64(place) <= until_ms;
        behind = SPAN_OF_ARRAY(place);
        if (more)
            *count += add_one(&late, place + 8, out);
    }
    block_cache_free(&late.cache);
    block_cache_free(&late.private_cache);
    buffer_clear(cursor);
    if (late.damaged)
        return damaged_store(error, "list");
    if (more)
        buffer_append(cursor, place, sizeof place);
    return ERR_OK;
}
