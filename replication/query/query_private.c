/* A record and its private fields as one (rules.md A35, B70): the companion's are told where it is
 * held, and that they aren't here where it isn't. A deleted record hides them. */
#include <string.h>

#include "replication/circle.h"
#include "replication/query/query_parts.h"

void query_private_load(struct block_cache *cache, const struct view *view, const struct tree *tree,
                        const struct record_type *type, const struct record_id *id,
                        const struct record_state *record, struct query_private *private)
{
    struct block_cache own = {0};
    *private = (struct query_private){.type = schema_companion(tree_schema(tree), type)};
    if (private->type == NULL)
        return;
    enum error_code code = query_load_state(cache == NULL ? &own : cache, view, tree, private->type,
                                            id, &private->state);
    private->held = code != ERR_NOT_FOUND;
    private->damaged = private->held && code != ERR_OK;
    private->hidden = record_deleted(record);
    block_cache_free(&own);
}

void query_private_free(struct query_private *private)
{
    record_free(private->state);
    private->state = NULL;
}

void query_private_describe(const struct query_private *private, struct buffer *out)
{
    if (private->state != NULL && !private->hidden)
        record_describe(private->state, private->type, out);
}

struct span query_pair(struct span map, const char *name)
{
    struct mp_reader reader = mp_reader(map);
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    uint32_t pairs = map.size > 0 ? mp_read_map(&reader) : 0;
    for (; pairs > 0 && !reader.failed; pairs--) {
        struct span key = mp_read_str(&reader), value = mp_read_any(&reader);
        if (!reader.failed && span_equal(key, span_of_text(name)))
            return value;
    }
    return SPAN_EMPTY;
}

/* The elements of a list, or the pairs of a map, behind its head; *count: how many. */
struct span query_inside(struct span value, uint32_t *count)
{
    struct mp_reader reader = mp_reader(value);
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    *count = 0;
    if (value.size == 0)
        return SPAN_EMPTY;
    *count = mp_peek(&reader) == MP_MAP ? mp_read_map(&reader) : mp_read_array(&reader);
    return SPAN(value.data + reader.at, value.size - reader.at);
}

static void write_circle(const struct view *view, const struct tree *tree,
                         const struct query_private *private, const struct record_id *id,
                         struct buffer *out)
{
    struct block_cache cache = {0};
    struct circle circle = {0};
    if (private->state != NULL)
        (void)circle_load(&cache, view, tree, private->state, id, NULL, &circle);
    mp_write_text(out, "circle");
    mp_write_array(out, (uint32_t)circle.count);
    for (size_t i = 0; i < circle.count; i++)
        mp_write_text(out, circle.seats[i]);
    circle_free(&circle);
    block_cache_free(&cache);
}

void query_private_write(const struct view *view, const struct tree *tree, const char *seat,
                         const struct query_private *private, const struct record_id *id,
                         struct buffer *out)
{
    const struct author *maker = tree_author(tree, record_id_author(id).author);
    mp_write_text(out, "private");
    mp_write_map(out, 6);
    mp_write_text(out, "held");
    mp_write_bool(out, private->held);
    mp_write_text(out, "may_begin");
    mp_write_bool(out, !private->held && seat != NULL && maker != NULL &&
                           strcmp(maker->seat->row.seat, seat) == 0);
    mp_write_text(out, "damaged");
    mp_write_bool(out, private->damaged);
    query_put_uint(out, "operations",
                   private->state == NULL ? 0 : record_operation_count(private->state));
    mp_write_text(out, "fields");
    mp_write_array(out, (uint32_t) private->type->field_count);
    for (size_t i = 0; i < private->type->field_count; i++)
        mp_write_text(out, private->type->fields[i].name);
    write_circle(view, tree, private, id, out);
}
