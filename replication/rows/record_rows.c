/* Records in the store: a locator while the creation is all there is, else the whole state. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "replication/rows/rows.h"
#include "schema/erasure.h"
#include "schema/extension.h"

enum error_code record_row_read(const struct view *view, const uint8_t key[static RECORD_KEY_BYTES],
                                struct record_row *row)
{
    struct span value;
    memset(row, 0, sizeof *row);
    enum read_answer answer =
        view->get(view->context, TABLE_RECORDS, SPAN(key, RECORD_KEY_BYTES), &value);
    if (answer == READ_ABSENT)
        return ERR_OK;
    if (answer == READ_UNREADABLE)
        return ERR_DAMAGED;
    struct mp_reader reader = mp_reader(value);
    row->present = true;
    if (mp_peek(&reader) == MP_ARRAY) {
        uint32_t parts = mp_read_array(&reader);
        row->located = parts == 2 || parts == 3;
        row->checked = parts == 3;
        uint64_t stream = mp_read_uint_max(&reader, 0xffffff);
        row->stream = (uint16_t)stream;
        row->branch = (uint8_t)(stream >> 16);
        row->seq = (uint32_t)mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
        row->check = row->checked ? mp_read_uint(&reader) : 0;
        mp_read_end(&reader);
        return row->located && !reader.failed ? ERR_OK : ERR_DAMAGED;
    }
    row->state = record_decode(value);
    return row->state != NULL ? ERR_OK : ERR_DAMAGED;
}

void record_row_write_located(struct updates *updates, const uint8_t key[static RECORD_KEY_BYTES],
                              uint16_t stream, uint8_t branch, uint32_t seq,
                              const struct hash *digest)
{
    struct buffer value = {0};
    mp_write_array(&value, 3);
    mp_write_uint(&value, (uint64_t)branch << 16 | stream);
    mp_write_uint(&value, seq);
    mp_write_uint(&value, digest_check(digest));
    updates_put(updates, TABLE_RECORDS, SPAN(key, RECORD_KEY_BYTES), span_of_buffer(&value));
    buffer_free(&value);
}

uint8_t body_deletes(struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    if (mp_peek(&reader) != MP_MAP)
        return 0;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == FIELD_DELETED && mp_peek(&reader) == MP_BOOL)
            return mp_read_bool(&reader) ? 1 : 2;
        mp_read_any(&reader);
    }
    return 0;
}

enum error_code entry_check_body(const struct entry *entry, const struct record_type *type,
                                 const struct record_type *then, bool creating)
{
    bool extends = entry->kind == ENTRY_EXTEND;
    if (entry->hole)
        return ERR_OK;
    if (entry->kind == ENTRY_ERASE)
        return type_is_personal(then) ? erasure_check(entry->body) : ERR_INVALID;
    if (entry_is_salted(entry) != (!extends && type->companion_of != 0))
        return ERR_INVALID;
    return extends ? extension_check(entry->body)
                   : schema_check_fields(then, entry_fields(entry), creating, NULL);
}

struct operation operation_of(const struct located_entry *located, uint8_t rank)
{
    const struct entry *entry = located->entry;
    return (struct operation){
        .dot = entry_dot(entry, &located->author),
        .digest = *located->digest,
        .clock = entry->clock,
        .rank = rank,
        .deletes = entry->kind == ENTRY_WRITE ? body_deletes(entry_fields(entry)) : 0,
        .extends = entry->kind == ENTRY_EXTEND,
        .erases = entry->kind == ENTRY_ERASE,
        .carried = located->carried,
        .stream = located->stream,
        .branch = located->author.branch,
        .seq = located->seq,
        .carrier = located->carrier,
        .context = entry->context,
        .context_count = entry->context_count,
    };
}

void operation_take_step(struct operation *op, const struct record_type *type, struct span body)
{
    if (op->verdict == OPERATION_EXCLUDED || op->extends || op->erases || type->workflow == NULL)
        return;
    const struct transition *transition =
        workflow_transition(type->workflow, schema_body_transition(body));
    if (transition != NULL)
        operation_transition(op, type->workflow, transition);
}

/* Whether a body can be folded in by this type: what was admitted once can, unless a row of the
 * store points astray or a schema gave a number to another kind of field. */
static bool can_fold(const struct record_type *type, struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        const struct field *field = type_field(type, key);
        struct mp_reader value = mp_reader_known(mp_read_any(&reader));
        enum mp_kind kind = mp_peek(&value);
        if (key == FIELD_DELETED)
            mp_read_bool(&value);
        else if (key == FIELD_ENDORSES)
            mp_read_map(&value);
        else if (key == FIELD_REMOVE || (field != NULL && field->kind == FIELD_LIST))
            mp_read_array(&value);
        else if (field != NULL && field->kind == FIELD_COUNTER)
            mp_read_int(&value);
        else if (kind == MP_BIN && field != NULL &&
                 (field->kind == FIELD_RECORD || field->kind == FIELD_DIGEST))
            mp_read_bin(&value);
        else if (kind != MP_STR && kind != MP_INT && kind != MP_BOOL && kind != MP_NIL)
            return false;
        if (value.failed)
            return false;
    }
    mp_read_end(&reader);
    return !reader.failed;
}

struct record_state *record_from_entry(const struct tree *tree, const struct record_type *type,
                                       const struct record_id *id,
                                       const struct located_entry *located)
{
    const struct entry *entry = located->entry;
    const struct author *author = tree_author(tree, located->author.author);
    if (entry->kind != ENTRY_WRITE || entry->type != type->number ||
        memcmp(entry->record.bytes, id->bytes, sizeof id->bytes) != 0 || entry->n != 1 ||
        entry->context_count != 0 || !can_fold(type, entry_fields(entry)))
        return NULL;
    /* of an author that no document names it is folded anew before long, and is not here then */
    struct operation op = operation_of(located, author == NULL ? UINT8_MAX : author->rank);
    struct record_state *state = record_new();
    record_apply(state, &op, type, entry_fields(entry));
    return state;
}

struct record_state *record_from_creation(struct block_cache *cache, const struct view *view,
                                          const struct tree *tree, const struct record_type *type,
                                          const struct record_id *id, const struct record_row *row)
{
    struct author_epoch creator = record_id_author(id);
    creator.branch = row->branch;
    struct stream_id where = {creator.author, creator.epoch, row->stream, row->branch};
    struct located_entry alone;
    if (row->checked &&
        block_cache_entry(cache, view, tree, &where, row->seq, row->check, &alone)) {
        struct record_state *state = record_from_entry(tree, type, id, &alone);
        if (state != NULL)
            return state;
    }
    const struct prepared_block *block = block_cache_open(cache, view, tree, &where, row->seq);
    if (block == NULL || block->opaque)
        return NULL;
    uint32_t place = row->seq - block->header.seq;
    struct located_entry located = {creator, row->stream, row->seq, &block->list.entries[place],
                                    &block->digests[place]};
    return record_from_entry(tree, type, id, &located);
}

enum beginning entry_begins(const struct tree *tree, const struct record_type *type,
                            const struct entry *entry, const struct author_epoch *author)
{
    if (entry->kind != ENTRY_WRITE || entry->n != 1 || entry->context_count != 0)
        return BEGINS_NOT;
    if (record_id_names(&entry->record, author))
        return BEGINS;
    if (type->companion_of == 0)
        return BEGINS_NOT;
    const struct author *of_id = tree_author(tree, record_id_author(&entry->record).author);
    const struct author *writer = tree_author(tree, author->author);
    if (of_id == NULL || writer == NULL)
        return BEGINS_WHO_KNOWS;
    return of_id->seat == writer->seat || PLANTED(BEGUN_BY_ANYBODY) ? BEGINS : BEGINS_NOT;
}

bool operation_begins(const struct operation *op, const struct record_id *id)
{
    struct author_epoch author = {op->dot.author, op->dot.epoch};
    return op->dot.n == 1 && op->context_count == 0 && !op->extends && !op->erases &&
           (op->verdict == OPERATION_ADMITTED || record_id_names(id, &author));
}

bool operation_made_before(const struct operation *a, const struct operation *b)
{
    if (a->verdict != b->verdict)
        return a->verdict == OPERATION_ADMITTED;
    return a->clock != b->clock ? a->clock < b->clock : hash_compare(&a->digest, &b->digest) < 0;
}

const struct operation *record_creation(const struct record_state *state,
                                        const struct record_id *id)
{
    const struct operation *first = NULL;
    for (size_t i = 0; i < record_operation_count(state); i++) {
        const struct operation *op = record_operation(state, i);
        if (operation_begins(op, id) && (first == NULL || operation_made_before(op, first)))
            first = op;
    }
    return first;
}

bool record_stands(const struct record_state *state)
{
    for (size_t i = 0; i < record_operation_count(state); i++) {
        if (record_operation(state, i)->verdict == OPERATION_ADMITTED)
            return true;
    }
    return false;
}

static const char companions_name[] = "companions";

uint64_t companions_row_read(const struct view *view)
{
    struct span value;
    return view->get(view->context, TABLE_META, span_of_text(companions_name), &value) ==
                       READ_FOUND &&
                   value.size == 8
               ? read_u64(value.data)
               : 0;
}

void companions_row_add(struct updates *updates, const struct view *view, int change)
{
    uint8_t value[8];
    uint64_t count = companions_row_read(view);
    bool below = change < 0 && count < (uint64_t)-change; /* a row that was lost */
    write_u64(value, below ? 0 : count + (uint64_t)(int64_t)change);
    updates_put(updates, TABLE_META, span_of_text(companions_name), SPAN_OF_ARRAY(value));
}
