/* What is behind its author's cut-off (rules.md 4, A25): honest entries among it are written again
 * by whoever answers for them. */
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/trust.h"
#include "schema/endorsement.h"
#include "schema/extension.h"

struct revoked {
    const struct view *view;
    const struct tree *tree;
    struct span seat; /* empty: all */
    struct block_cache cache;
    struct buffer *out;
    size_t count;
};

/* What a body writes to a field; empty: nothing. */
static struct span body_value(struct span body, int32_t field)
{
    struct mp_reader reader = mp_reader_known(body);
    struct span found = SPAN_EMPTY;
    if (mp_peek(&reader) != MP_MAP)
        return found;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct span value = mp_read_any(&reader);
        if (key == field)
            found = value;
    }
    return found;
}

static bool body_integer(struct span body, int32_t field, int64_t *number)
{
    struct span value = body_value(body, field);
    struct mp_reader reader = mp_reader_known(value);
    if (value.size == 0 || mp_peek(&reader) != MP_INT)
        return false;
    *number = mp_read_int(&reader);
    return true;
}

static const char *change_of(const struct revoked *revoked, const struct record_type *type,
                             const struct located_entry *located)
{
    const struct entry *entry = located->entry;
    if (entry->kind == ENTRY_EXTEND)
        return "extended";
    if (entry->kind == ENTRY_ERASE)
        return "erased";
    if (body_deletes(entry_fields(entry)) == 1)
        return "deleted";
    return entry_begins(revoked->tree, type, entry, &located->author) == BEGINS ? "created"
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

/* A counter's operation carries its author's running total: what this one added is the difference
 * to the one before it, counted or not. */
static int64_t total_before(struct revoked *revoked, const struct record_state *state,
                            const struct located_entry *located, int32_t field)
{
    int64_t total = 0;
    uint32_t newest = 0;
    struct block_cache cache = {0};
    for (size_t i = 0; state != NULL && i < record_operation_count(state); i++) {
        const struct operation *op = record_operation(state, i);
        struct entry_place place = operation_place(op);
        struct located_entry before = {.author = stream_author(&place.stream),
                                       .stream = place.stream.number,
                                       .seq = place.seq};
        int64_t found;
        if (key_id_equal(op->dot.author, located->author.author) &&
            op->dot.epoch == located->author.epoch && op->dot.n < located->entry->n &&
            op->dot.n > newest && !op->extends &&
            entry_open(&cache, revoked->view, revoked->tree, &place, &before) &&
            body_integer(entry_fields(before.entry), field, &found)) {
            total = found;
            newest = op->dot.n;
        }
    }
    block_cache_free(&cache);
    return total;
}

static void write_added(struct revoked *revoked, const struct record_type *type,
                        const struct located_entry *located, const struct field *field,
                        int64_t total)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct record_row row = {0};
    int64_t added;
    if (record_key(revoked->view, type->number, &located->entry->record, key) &&
        record_row_read(revoked->view, key, &row) != ERR_OK)
        row.state = NULL;
    if (__builtin_sub_overflow(total, total_before(revoked, row.state, located, field->number),
                               &added))
        added = total;
    mp_write_int(revoked->out, added);
    record_free(row.state);
}

/* Fields as written, of counters what was added, and whether it deletes the record or not. */
static void write_fields(struct revoked *revoked, const struct record_type *type,
                         const struct located_entry *located)
{
    struct span body = entry_fields(located->entry);
    uint8_t deletes = body_deletes(body);
    uint32_t count = deletes != 0;
    int64_t total;
    for (size_t i = 0; i < type->field_count; i++)
        count += body_value(body, type->fields[i].number).size > 0;
    mp_write_map(revoked->out, count);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        struct span value = body_value(body, field->number);
        if (value.size == 0)
            continue;
        mp_write_text(revoked->out, field->name);
        if (field->kind == FIELD_COUNTER && body_integer(body, field->number, &total))
            write_added(revoked, type, located, field, total);
        else
            buffer_append_span(revoked->out, value);
    }
    if (deletes != 0) {
        mp_write_text(revoked->out, "_deleted");
        mp_write_bool(revoked->out, deletes == 1);
    }
}

/* The seats that an extension names. */
static void write_seats(struct revoked *revoked, struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct span value = mp_read_any(&reader);
        if (key == EXTEND_SEATS)
            buffer_append_span(revoked->out, value);
    }
}

/* The operation that a row names, if it counts; false: it doesn't, or isn't here. */
static bool endorsing(struct revoked *revoked, const struct endorsed_row *row,
                      const struct record_type *type, struct operation *op)
{
    struct block_cache cache = {0};
    struct record_state *state = NULL;
    bool counts = false;
    if (type != NULL && query_load_state(&cache, revoked->view, revoked->tree, type, &row->record,
                                         &state) == ERR_OK) {
        for (size_t i = 0; i < record_operation_count(state) && !counts; i++) {
            *op = *record_operation(state, i);
            counts = op->verdict == OPERATION_ADMITTED && dot_compare(&op->dot, &row->by) == 0 &&
                     op->dot.n == row->by.n;
        }
    }
    record_free(state);
    block_cache_free(&cache);
    return counts;
}

/* Who has written it again: {"seat":, "name":, "clock":, "reason":, "record":}, or nothing. */
static void write_endorsed(struct revoked *revoked, const struct hash *digest)
{
    const struct schema *schema = tree_schema(revoked->tree);
    struct endorsed_row row;
    struct operation op;
    struct block_cache cache = {0};
    struct located_entry located;
    char record[33];
    if (digest == NULL || !endorsed_row_read(revoked->view, digest, &row) ||
        !endorsing(revoked, &row, schema == NULL ? NULL : schema_type(schema, row.type), &op)) {
        mp_write_map(revoked->out, 0);
        return;
    }
    struct entry_place place = operation_place(&op);
    located = (struct located_entry){
        .author = stream_author(&place.stream), .stream = place.stream.number, .seq = place.seq};
    bool read = entry_open(&cache, revoked->view, revoked->tree, &place, &located);
    struct endorsement endorsement = {0};
    if (read)
        endorsement = endorsement_of(entry_fields(located.entry));
    record_id_text(&row.record, record);
    mp_write_map(revoked->out, 5);
    query_put_seat(revoked->out, revoked->tree, op.dot.author);
    query_put_uint(revoked->out, "clock", op.clock);
    mp_write_text(revoked->out, "reason");
    mp_write_str(revoked->out, endorsement.reason);
    query_put_text(revoked->out, "record", record);
    block_cache_free(&cache);
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
    query_put_text(revoked->out, "change", read ? change_of(revoked, type, located) : "");
    query_put_uint(revoked->out, "clock", read ? entry->clock : 0);
    mp_write_text(revoked->out, "fields");
    if (read && entry->kind == ENTRY_WRITE)
        write_fields(revoked, type, located);
    else
        mp_write_map(revoked->out, 0);
    mp_write_text(revoked->out, "seats");
    if (read && entry->kind == ENTRY_EXTEND)
        write_seats(revoked, entry_fields(entry));
    else
        mp_write_array(revoked->out, 0);
    mp_write_text(revoked->out, "held");
    mp_write_bool(revoked->out, read && is_held(revoked, type, &entry->record));
    char digest[2 * HASH_BYTES + 1] = "";
    if (read)
        query_hex(located->digest->bytes, HASH_BYTES, digest);
    query_put_text(revoked->out, "digest", digest);
    mp_write_text(revoked->out, "endorsed");
    write_endorsed(revoked, read ? located->digest : NULL);
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
    mp_write_map(revoked->out, 16);
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
