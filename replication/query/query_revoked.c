/* What is behind its author's cut-off (rules.md 4, A25): honest entries among it are written again
 * by whoever answers for them. */
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/trust.h"

struct revoked {
    const struct view *view;
    const struct tree *tree;
    struct span seat; /* empty: all */
    struct block_cache cache;
    struct buffer *out;
    size_t count;
};

static const char *change_of(const struct located_entry *located)
{
    const struct entry *entry = located->entry;
    if (entry->kind == ENTRY_EXTEND)
        return "extended";
    if (body_deletes(entry->body) == 1)
        return "deleted";
    return entry->n == 1 && entry->context_count == 0 &&
                   record_id_names(&entry->record, &located->author)
               ? "created"
               : "changed";
}

/* Whether something of the record counts. */
static bool is_held(struct revoked *revoked, const struct record_type *type,
                    const struct record_id *id)
{
    struct block_cache cache = {0};
    struct record_state *state = NULL;
    bool held = type != NULL &&
                query_load_state(&cache, revoked->view, revoked->tree, type, id, &state) == ERR_OK;
    record_free(state);
    block_cache_free(&cache);
    return held;
}

static void write_entry(struct revoked *revoked, const struct located_entry *located)
{
    const struct entry *entry = located->entry;
    const struct schema *schema = tree_schema(revoked->tree);
    const struct record_type *type =
        entry == NULL || schema == NULL ? NULL : schema_type(schema, entry->type);
    bool read = type != NULL && entry->has_record;
    char record[33] = "";
    if (read)
        record_id_text(&entry->record, record);
    query_put_text(revoked->out, "type", read ? type->name : "");
    query_put_text(revoked->out, "record", record);
    query_put_text(revoked->out, "change", read ? change_of(located) : "");
    query_put_uint(revoked->out, "clock", read ? entry->clock : 0);
    mp_write_text(revoked->out, "fields");
    if (read && entry->kind == ENTRY_WRITE)
        query_put_fields(revoked->out, type, entry->body);
    else
        mp_write_map(revoked->out, 0);
    mp_write_text(revoked->out, "held");
    mp_write_bool(revoked->out, read && is_held(revoked, type, &entry->record));
}

/* One row, if this is behind its author's cut-off and of the seat that is asked for. */
static void write_row(struct revoked *revoked, const struct entry_place *place)
{
    const struct view *view = revoked->view;
    const struct tree *tree = revoked->tree;
    struct located_entry located = {
        .author = stream_author(&place->stream), .stream = place->stream.number, .seq = place->seq};
    struct hash hash;
    uint32_t trusted = 0;
    char key[2 * KEY_ID_BYTES + 1];
    if (!entry_open(&revoked->cache, view, tree, place, &located))
        located.entry = NULL;
    const struct author *author = tree_author(tree, located.author.author);
    if (author == NULL ||
        trust_at(view, tree, &located.author, located.stream, located.seq) != TRUST_CUT ||
        (revoked->seat.size > 0 &&
         !span_equal(revoked->seat, span_of_text(author->seat->row.seat))))
        return;
    tree_cut_off_of(tree, located.author.author, located.author.epoch, located.stream, &trusted,
                    &hash);
    query_hex(located.author.author.bytes, KEY_ID_BYTES, key);
    mp_write_map(revoked->out, 13);
    query_put_seat(revoked->out, tree, located.author.author);
    query_put_text(revoked->out, "key", key);
    query_put_uint(revoked->out, "epoch", located.author.epoch >> 16);
    query_put_uint(revoked->out, "stream", located.stream);
    query_put_uint(revoked->out, "place", located.seq);
    query_put_uint(revoked->out, "trusted", trusted);
    write_entry(revoked, &located);
    revoked->count++;
}

/* The cursor: the key of the row to go on from. */
static enum error_code list_quarantine(struct revoked *revoked, size_t limit, struct buffer *cursor,
                                       struct error *error)
{
    enum { SCANNED_MAX = 1000 };
    size_t scanned = 0;
    if (cursor->size > STORE_KEY_BYTES_MAX)
        return error_set(error, ERR_USAGE, "cursor", "it isn't one that this list has given");
    for (; scanned < SCANNED_MAX && revoked->count < limit; scanned++) {
        struct span key, value;
        struct entry_place place;
        if (revoked->view->next(revoked->view->context, TABLE_QUARANTINE, span_of_buffer(cursor),
                                &key, &value) != READ_FOUND ||
            key.size >= STORE_KEY_BYTES_MAX) {
            buffer_clear(cursor);
            return ERR_OK;
        }
        if (key.size > 1 && key.data[0] == 'e' &&
            entry_place_parse(revoked->view, SPAN(key.data + 1, key.size - 1), &place))
            write_row(revoked, &place);
        buffer_clear(cursor);
        buffer_append_span(cursor, key);
        buffer_append_byte(cursor, 0);
    }
    return ERR_OK;
}

/* The cursor: how many of its operations are done. One of which nothing else counts has a state
 * too, unseen by other queries. */
static enum error_code list_record(struct revoked *revoked, const struct revoked_of *of,
                                   size_t limit, struct buffer *cursor, struct error *error)
{
    const struct record_type *type = schema_find_type(tree_schema(revoked->tree), of->type, error);
    uint8_t key[RECORD_KEY_BYTES];
    struct record_row row = {0};
    uint32_t at = cursor->size == 4 ? read_u32(cursor->data) : 0;
    if (type == NULL)
        return ERR_UNKNOWN_TYPE;
    if (cursor->size != 0 && cursor->size != 4)
        return error_set(error, ERR_USAGE, "cursor", "it isn't one that this list has given");
    buffer_clear(cursor);
    if (!record_key(revoked->view, type->number, &of->id, key))
        return ERR_OK;
    if (record_row_read(revoked->view, key, &row) != ERR_OK)
        return damaged_store(error, "the record's row");
    size_t count = row.state == NULL ? 0 : record_operation_count(row.state);
    for (; at < count && revoked->count < limit; at++) {
        const struct operation *op = record_operation(row.state, at);
        struct entry_place place = operation_place(op);
        if (op->verdict == OPERATION_EXCLUDED)
            write_row(revoked, &place);
    }
    if (at < count)
        buffer_append_u32(cursor, at);
    record_free(row.state);
    return ERR_OK;
}

enum error_code query_revoked(const struct view *view, const struct tree *tree,
                              const struct revoked_of *of, size_t limit, struct buffer *cursor,
                              struct buffer *out, size_t *count, struct error *error)
{
    struct revoked revoked = {.view = view, .tree = tree, .seat = of->seat, .out = out};
    enum error_code code = of->type.size > 0 ? list_record(&revoked, of, limit, cursor, error)
                                             : list_quarantine(&revoked, limit, cursor, error);
    *count = revoked.count;
    block_cache_free(&revoked.cache);
    return code;
}
