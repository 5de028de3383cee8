/* One verified entry into the state: admitted, excluded, or parked (rules.md 1).
 *
 * The verdict depends on entries and documents only. What isn't decidable yet is parked under
 * the name of what it waits for, and judged again when that comes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

enum judgement { ADMIT, EXCLUDE, PARK_RECORD, PARK_SCHEMA, IGNORE, FORKED };
enum parked_kind { PARKED_RECORD = 1, PARKED_SCHEMA, PARKED_PROGRAM };
enum { PARKED_KEY_BYTES_MAX = 1 + 2 + 16 + LOCATOR_BYTES };

struct application {
    const struct located_entry *located;
    const struct author *author;
    const struct record_type *type;
    struct operation op;
    struct record_state *record; /* owned; NULL: not here */
    bool creating;
    struct dot missing;
    const char *reason;
};

static void locator_write(struct step *step, const struct located_entry *located, uint8_t *to)
{
    uint32_t who = who_assign(step->updates, &located->author);
    write_u32(to, who << 8);
    write_u16(to + 3, located->stream);
    write_u32(to + 5, located->seq);
}

/* An entry of this batch that still stands in its stream's writer. */
static bool find_unsigned(const struct replica *replica, const struct stream_id *stream,
                          uint32_t seq, struct located_entry *located)
{
    for (struct own_stream *own = replica->own_streams; own != NULL; own = own->next) {
        if (stream_id_compare(&own->id, stream) == 0 && own->writer != NULL &&
            seq >= own->head.seq && seq - own->head.seq < entry_writer_count(own->writer)) {
            located->entry = entry_writer_at(own->writer, seq - own->head.seq);
            located->digest = &entry_writer_digests(own->writer)[seq - own->head.seq];
            return true;
        }
    }
    return false;
}

static struct record_state *fold_creation(struct step *step, const struct record_type *type,
                                          const struct record_id *id, const struct record_row *row)
{
    struct replica *replica = step->replica;
    struct author_epoch creator = record_id_author(id);
    struct stream_id stream = {creator.author, creator.epoch, row->stream};
    struct located_entry located = {creator, row->stream, row->seq, NULL, NULL};
    if (find_unsigned(replica, &stream, row->seq, &located)) {
        return record_from_entry(replica->tree, type, id, &located);
    }
    return record_from_creation(&replica->cache, step->view, replica->tree, type, id, row->stream,
                                row->seq);
}

/* ERR_OK with *record NULL: not here. ERR_DAMAGED: here, but not readable. */
static enum error_code find_record(struct step *step, const struct record_type *type,
                                   const struct record_id *id, struct record_state **record)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct record_row row;
    *record = NULL;
    if (!record_key(step->view, type->number, id, key)) {
        return ERR_OK;
    }
    enum error_code code = record_row_read(step->view, key, &row);
    if (code != ERR_OK || !row.present) {
        return code;
    }
    *record = row.located ? fold_creation(step, type, id, &row) : row.state;
    return *record == NULL ? ERR_DAMAGED : ERR_OK;
}

struct record_state *load_record(struct step *step, const struct record_type *type,
                                 const struct record_id *id)
{
    struct record_state *record;
    return find_record(step, type, id, &record) == ERR_OK ? record : NULL;
}

bool load_circle(struct step *step, const struct record_state *record, const struct record_id *id,
                 struct stream_row *row)
{
    struct author_epoch creator = record_id_author(id);
    for (size_t i = 0; i < record_operation_count(record); i++) {
        const struct operation *op = record_operation(record, i);
        if (op->dot.n == 1 && op->dot.epoch == creator.epoch &&
            key_id_equal(op->dot.author, creator.author)) {
            struct stream_id stream = {creator.author, creator.epoch, op->stream};
            return stream_row_read(step->view, &stream, row);
        }
    }
    return false;
}

/* The stream that a creation stands in must be the one that its type's circle asks for. */
static bool circle_fits(struct step *step, const struct application *a)
{
    const struct located_entry *located = a->located;
    struct stream_id stream = {located->author.author, located->author.epoch, located->stream};
    struct stream_row *row = mem_alloc(sizeof *row);
    bool fits = stream_row_read(step->view, &stream, row) && row->open.class == a->type->class;
    if (fits && a->type->circle == CIRCLE_ORIGIN) {
        fits = row->open.holders == HOLDERS_SELF;
    } else if (fits && a->type->circle == CIRCLE_PATH) {
        fits = a->author->rank == 0
                   ? row->open.holders == HOLDERS_SELF
                   : row->open.holders == HOLDERS_PATH &&
                         strcmp(row->open.seats[row->open.seat_count - 1],
                                tree_root_seat(step->replica->tree)->row.seat) == 0;
    } else if (fits) {
        fits = row->open.holders == HOLDERS_SUBTREE;
    }
    free(row);
    return fits;
}

static bool may_write(struct step *step, const struct application *a)
{
    const struct record_id *id = &a->located->entry->record;
    struct stream_row *row = mem_alloc(sizeof *row);
    const struct author *creator = tree_author(step->replica->tree, record_id_author(id).author);
    bool may = creator != NULL && load_circle(step, a->record, id, row);
    if (may && row->open.holders == HOLDERS_PATH) {
        may = stream_holds(row, creator->seat, a->author->seat);
    } else if (may) {
        may = creator->seat == a->author->seat;
    }
    free(row);
    return may;
}

static bool saw_creation(const struct application *a)
{
    struct author_epoch creator = record_id_author(&a->located->entry->record);
    if (record_id_names(&a->located->entry->record, &a->located->author)) {
        return a->op.dot.n > 1;
    }
    for (size_t i = 0; i < a->op.context_count; i++) {
        if (key_id_equal(a->op.context[i].author, creator.author) &&
            a->op.context[i].epoch == creator.epoch) {
            return true;
        }
    }
    return false;
}

static enum judgement judge_body(struct step *step, struct application *a)
{
    (void)step;
    enum error_code body = schema_check_body(a->type, a->located->entry->body, a->creating, NULL);
    if (body == ERR_PARKED) {
        a->reason = "a field that this schema doesn't know";
        return PARK_SCHEMA;
    }
    if (body != ERR_OK) {
        a->reason = "its fields don't hold to the type's rules";
        return EXCLUDE;
    }
    if (a->record != NULL && a->op.deletes != 2 && record_deleted_as_seen(a->record, &a->op)) {
        a->reason = "its author had seen the record deleted";
        return EXCLUDE;
    }
    return ADMIT;
}

static enum judgement judge_standing(struct step *step, struct application *a)
{
    if (a->creating && a->record == NULL) {
        a->reason = "its stream isn't the one of its type's circle";
        return circle_fits(step, a) ? ADMIT : EXCLUDE;
    }
    if (!a->creating && !saw_creation(a)) {
        a->reason = "it isn't the record's author's, and has seen no creation";
        return EXCLUDE;
    }
    if (a->record == NULL) {
        struct author_epoch creator = record_id_author(&a->located->entry->record);
        a->missing = (struct dot){creator.author, creator.epoch, 1};
        return PARK_RECORD;
    }
    if (record_operation_count(a->record) >= RECORD_OPERATIONS_MAX) {
        a->reason = "the record has as many operations as one record may have";
        return PARK_RECORD;
    }
    switch (record_judge(a->record, &a->op, &a->missing)) {
    case RECORD_DUPLICATE: return IGNORE;
    case RECORD_FORKED: return FORKED;
    case RECORD_MISSING: return PARK_RECORD;
    case RECORD_READY: break;
    }
    a->reason = "its author's seat is outside the record's circle";
    return may_write(step, a) ? ADMIT : EXCLUDE;
}

static enum judgement judge(struct step *step, struct application *a)
{
    const struct entry *entry = a->located->entry;
    const struct schema *schema = tree_schema(step->replica->tree);
    a->author = tree_author(step->replica->tree, a->located->author.author);
    assert(a->author != NULL);
    a->type = schema == NULL || entry->schema_version > schema->version
                  ? NULL
                  : schema_type(schema, entry->type);
    if (a->type == NULL) {
        a->reason = "a type or schema version not known here";
        return PARK_SCHEMA;
    }
    a->op = operation_of(a->located, a->author->rank);
    a->creating = record_id_names(&entry->record, &a->located->author) && entry->n == 1 &&
                  entry->context_count == 0;
    if (find_record(step, a->type, &entry->record, &a->record) != ERR_OK) {
        a->reason = "the record's row here can't be read";
        return PARK_RECORD;
    }
    enum judgement standing = judge_standing(step, a);
    return standing == ADMIT ? judge_body(step, a) : standing;
}

static size_t parked_key(struct step *step, const struct located_entry *located,
                         enum parked_kind kind, uint8_t key[static PARKED_KEY_BYTES_MAX])
{
    size_t size = 1;
    key[0] = (uint8_t)kind;
    if (kind == PARKED_RECORD) {
        write_u16(key + 1, located->entry->type);
        memcpy(key + 3, located->entry->record.bytes, 16);
        size = 19;
    } else if (kind == PARKED_SCHEMA) {
        write_u32(key + 1, located->entry->schema_version);
        size = 5;
    }
    locator_write(step, located, key + size);
    return size + LOCATOR_BYTES;
}

static void park(struct step *step, const struct located_entry *located, enum parked_kind kind,
                 const char *reason)
{
    uint8_t key[PARKED_KEY_BYTES_MAX];
    size_t size = parked_key(step, located, kind, key);
    updates_put(step->updates, TABLE_PARKED, SPAN(key, size), span_of_text(reason));
    updates_trace(step->updates, "parked %s: %s",
                  label_record(step->replica->tree, &located->entry->record).text, reason);
}

static void unpark_row(struct step *step, const struct located_entry *located)
{
    uint8_t key[PARKED_KEY_BYTES_MAX];
    for (int kind = PARKED_RECORD; kind <= PARKED_SCHEMA; kind++) {
        struct span value;
        size_t size = parked_key(step, located, (enum parked_kind)kind, key);
        if (step->view->get(step->view->context, TABLE_PARKED, SPAN(key, size), &value) ==
            READ_FOUND) {
            updates_remove(step->updates, TABLE_PARKED, SPAN(key, size));
        }
    }
}

static void quarantine(struct step *step, const struct located_entry *located, enum error_code code,
                       const char *reason)
{
    uint8_t key[1 + LOCATOR_BYTES] = {'e'};
    struct buffer value = {0};
    locator_write(step, located, key + 1);
    mp_write_map(&value, 3);
    mp_write_uint(&value, 1);
    mp_write_text(&value, error_name(code));
    mp_write_uint(&value, 2);
    mp_write_text(&value, reason);
    mp_write_uint(&value, 3);
    mp_write_uint(&value, step->wall_ms);
    updates_put(step->updates, TABLE_QUARANTINE, SPAN_OF_ARRAY(key), span_of_buffer(&value));
    buffer_free(&value);
}

static void write_record(struct step *step, const struct application *a)
{
    const struct entry *entry = a->located->entry;
    uint8_t key[RECORD_KEY_BYTES];
    bool known = record_key(step->view, entry->type, &entry->record, key);
    assert(known);
    if (a->creating) {
        uint8_t index[INDEX_KEY_BYTES];
        index_key(index, entry->clock, key);
        updates_put(step->updates, TABLE_INDEX, SPAN_OF_ARRAY(index), SPAN_EMPTY);
    }
    if (record_operation_count(a->record) == 1 && a->op.verdict == OPERATION_ADMITTED) {
        record_row_write_located(step->updates, key, a->located->stream, a->located->seq);
        return;
    }
    struct buffer row = {0};
    record_encode(a->record, &row);
    updates_put(step->updates, TABLE_RECORDS, SPAN_OF_ARRAY(key), span_of_buffer(&row));
    buffer_free(&row);
}

/* Fold the operation in, admitted or excluded, and keep what is derived from it. */
static void fold(struct step *step, struct application *a)
{
    const struct entry *entry = a->located->entry;
    bool counted = a->record != NULL && !record_deleted(a->record);
    if (a->record == NULL) {
        a->record = record_new();
    }
    who_assign(step->updates, &a->located->author);
    record_apply(a->record, &a->op, a->type, entry->body);
    write_record(step, a);
    int change = (int)!record_deleted(a->record) - (int)counted;
    if (change != 0) {
        cells_count_record(step, &entry->record, a->type, change);
    }
    updates_trace(step->updates, "apply %s %s at %s%s%s", a->type->name,
                  label_dot(step->replica->tree, &a->op.dot).text,
                  label_record(step->replica->tree, &entry->record).text,
                  a->op.verdict == OPERATION_EXCLUDED ? " excluded: " : "",
                  a->op.verdict == OPERATION_EXCLUDED ? a->reason : "");
}

/* True unless the entry waits (still): then it is in, out, or was here already. */
static bool settle(struct step *step, const struct located_entry *located)
{
    struct application a = {.located = located};
    enum judgement judgement = judge(step, &a);
    bool settled = judgement != PARK_RECORD && judgement != PARK_SCHEMA;
    if (judgement == PARK_SCHEMA) {
        park(step, located, PARKED_SCHEMA, a.reason);
    } else if (judgement == PARK_RECORD) {
        const char *reason = a.reason;
        struct label missing = label_dot(step->replica->tree, &a.missing);
        park(step, located, PARKED_RECORD, reason != NULL ? reason : missing.text);
    } else {
        unpark_row(step, located);
    }
    if (judgement == ADMIT) {
        fold(step, &a);
    } else if (judgement == EXCLUDE) {
        quarantine(step, located, ERR_NOT_ALLOWED, a.reason);
        a.op.verdict = OPERATION_EXCLUDED;
        if (a.record != NULL) {
            fold(step, &a);
        } else {
            updates_trace(step->updates, "apply %s excluded: %s",
                          label_record(step->replica->tree, &located->entry->record).text,
                          a.reason);
        }
    } else if (judgement == FORKED) {
        quarantine(step, located, ERR_FORK, "another operation stands under the same name");
    }
    record_free(a.record);
    return settled;
}

/* The locators under a prefix of the parked rows. */
static size_t parked_under(struct step *step, struct span prefix,
                           uint8_t (**locators)[LOCATOR_BYTES])
{
    uint8_t from[PARKED_KEY_BYTES_MAX + 1];
    size_t count = 0, capacity = 0, size = prefix.size;
    struct span key, value;
    *locators = NULL;
    memcpy(from, prefix.data, prefix.size);
    while (step->view->next(step->view->context, TABLE_PARKED, SPAN(from, size), &key, &value) ==
               READ_FOUND &&
           key.size > prefix.size + LOCATOR_BYTES - 1 && key.size <= PARKED_KEY_BYTES_MAX &&
           memcmp(key.data, prefix.data, prefix.size) == 0) {
        if (count == capacity) {
            capacity = capacity * 2 + 4;
            *locators = mem_resize(*locators, capacity * sizeof **locators);
        }
        memcpy((*locators)[count++], key.data + key.size - LOCATOR_BYTES, LOCATOR_BYTES);
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
    }
    return count;
}

static bool settle_located(struct step *step, const uint8_t locator[static LOCATOR_BYTES])
{
    struct located_entry located = {.stream = read_u16(locator + 3), .seq = read_u32(locator + 5)};
    struct prepared_block block;
    if (!who_author(step->view, read_u32(locator) >> 8, &located.author)) {
        return false;
    }
    struct stream_id stream = {located.author.author, located.author.epoch, located.stream};
    if (block_row_open(step->view, step->replica->tree, &stream, located.seq, &block) != ERR_OK) {
        return false;
    }
    bool settled = false;
    if (!block.opaque) {
        located.entry = &block.list.entries[located.seq - block.header.seq];
        located.digest = &block.digests[located.seq - block.header.seq];
        settled = settle(step, &located);
    }
    prepared_block_free(&block);
    return settled;
}

/* Judge again what waits under a prefix, until a whole round settles nothing. */
static void settle_parked(struct step *step, struct span prefix)
{
    bool progress = true;
    while (progress) {
        uint8_t(*locators)[LOCATOR_BYTES];
        size_t count = parked_under(step, prefix, &locators);
        progress = false;
        for (size_t i = 0; i < count; i++) {
            progress |= settle_located(step, locators[i]);
        }
        free(locators);
    }
}

static void settle_record(struct step *step, uint16_t type, const struct record_id *id)
{
    uint8_t prefix[19] = {PARKED_RECORD};
    write_u16(prefix + 1, type);
    memcpy(prefix + 3, id->bytes, sizeof id->bytes);
    settle_parked(step, SPAN_OF_ARRAY(prefix));
}

void apply_entry(struct step *step, const struct located_entry *located)
{
    const struct entry *entry = located->entry;
    if (entry->kind == ENTRY_OPEN || entry->kind == ENTRY_CLOSE) {
        return;
    }
    if (entry->strange || entry->kind != ENTRY_WRITE) {
        park(step, located, PARKED_PROGRAM, "a kind of entry that this version doesn't know");
        return;
    }
    if (settle(step, located)) {
        settle_record(step, entry->type, &entry->record);
    }
}

void apply_parked_for_schema(struct step *step)
{
    const uint8_t schema[] = {PARKED_SCHEMA}, record[] = {PARKED_RECORD};
    settle_parked(step, SPAN_OF_ARRAY(schema));
    settle_parked(step, SPAN_OF_ARRAY(record));
}
