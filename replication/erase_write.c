/* Erasing as it is written here: which operations of a record have words yet that are to go, and
 * the entries that name them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/erase.h"
#include "replication/transitions.h"
#include "replication/write_inner.h"

enum { ERASE_FIELDS_MAX = 64 };

struct wanted_fields {
    int32_t numbers[ERASE_FIELDS_MAX];
    uint32_t count; /* 0: all of them */
};

static enum error_code read_fields(const struct record_type *type, struct span names,
                                   struct wanted_fields *wanted, struct error *error)
{
    struct mp_reader reader = mp_reader(names);
    uint32_t count = names.size > 0 && mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 0;
    *wanted = (struct wanted_fields){0};
    if (count > ERASE_FIELDS_MAX)
        return error_set(error, ERR_INVALID, "fields", "at most %d of them at once",
                         ERASE_FIELDS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct span name = mp_peek(&reader) == MP_STR ? mp_read_str(&reader) : SPAN_EMPTY;
        const struct field *field = type_field_named(type, name);
        if (field == NULL) {
            error_set(error, ERR_UNKNOWN_FIELD, type->name, "it has no field %.*s", (int)name.size,
                      (const char *)name.data);
            error_next(error, "see `terrace types`");
            return ERR_UNKNOWN_FIELD;
        }
        wanted->numbers[wanted->count++] = field->number;
    }
    return ERR_OK;
}

static enum error_code check_right(const struct step *step, const struct local_write *making,
                                   struct error *error)
{
    const struct author *self = tree_author(step->replica->tree, step->replica->key_id);
    const char *name = making->type->name;
    if (!type_is_personal(making->type)) {
        error_set(error, ERR_NOT_ALLOWED, name, "its type holds no person's data");
        error_next(error, "`terrace delete %s ID` takes a record out of lists and totals", name);
        return ERR_NOT_ALLOWED;
    }
    if (self != NULL &&
        erase_allows(transition_roles(&making->circle, making->type,
                                      record_creation(making->record, &making->id), self)))
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, name,
              "only the seat that made the record, %s, and those "
              "above it may erase in it",
              making->circle.origin);
    error_next(error, "ask one of them");
    return ERR_NOT_ALLOWED;
}

/* One operation that has its body yet, and sets what is wanted. */
static bool put_operation(struct step *step, const struct operation *op,
                          const struct wanted_fields *wanted, struct buffer *operations)
{
    struct entry_place place = operation_place(op);
    struct located_entry located;
    struct buffer rest = {0};
    if (op->extends || op->erases || !entry_at(step, &place, &located) ||
        located.entry->kind != ENTRY_WRITE || located.entry->hole ||
        (wanted->count > 0 &&
         !erasure_touches(entry_fields(located.entry), wanted->numbers, wanted->count)))
        return false;
    erasure_rest(entry_fields(located.entry), &rest);
    struct erased_operation erased = {op->dot, op->digest, span_of_buffer(&rest)};
    erasure_put_operation(operations, &erased);
    buffer_free(&rest);
    return true;
}

enum error_code erase_make(struct step *step, struct local_write *write, struct error *error)
{
    struct wanted_fields wanted;
    struct span reason = write->event->write.reason;
    struct buffer operations = {0};
    uint32_t count = 0;
    enum error_code code = check_right(step, write, error);
    if (code == ERR_OK)
        code = read_fields(write->type, write->event->write.fields, &wanted, error);
    if (code == ERR_OK && (reason.size > ERASE_REASON_BYTES_MAX || !utf8_writable(reason)))
        code = error_set(error, ERR_INVALID, "reason", "at most %d bytes of text",
                         ERASE_REASON_BYTES_MAX);
    write->more = false;
    for (size_t i = 0; code == ERR_OK && i < record_operation_count(write->record); i++) {
        if (count == ERASE_ITEMS_MAX || operations.size > ERASE_BODY_BYTES_MAX / 2) {
            write->more = true;
            break;
        }
        count += put_operation(step, record_operation(write->record, i), &wanted, &operations);
    }
    if (code == ERR_OK && count == 0)
        code = error_set(error, ERR_NOT_FOUND, write->type->name,
                         "nothing of this is left to erase in the record");
    if (code == ERR_OK)
        erasure_encode(span_of_buffer(&operations), count, reason, &write->body);
    buffer_free(&operations);
    return code;
}

/* ---- the record and its companion ---- */

enum { OF_RECORD, OF_COMPANION, OF_BOTH };

struct erase_part {
    struct event event;
    struct buffer fields; /* [name ...] of this part; empty: all that it says */
    bool wanted;
    struct local_write write;
};

/* Which names are private fields, and which are the record's own. */
static void split_names(struct span names, const struct record_type *companion,
                        struct erase_part parts[static OF_BOTH])
{
    struct buffer lists[OF_BOTH] = {{0}, {0}};
    uint32_t counts[OF_BOTH] = {0};
    struct mp_reader reader = mp_reader(names);
    uint32_t count = names.size > 0 && mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 0;
    for (uint32_t i = 0; i < count && mp_peek(&reader) == MP_STR; i++) {
        struct span name = mp_read_str(&reader);
        size_t to = companion != NULL && type_field_named(companion, name) != NULL ? OF_COMPANION
                                                                                   : OF_RECORD;
        mp_write_str(&lists[to], name);
        counts[to]++;
    }
    for (size_t i = 0; i < OF_BOTH; i++) {
        mp_write_array(&parts[i].fields, counts[i]);
        buffer_append_span(&parts[i].fields, span_of_buffer(&lists[i]));
        parts[i].wanted = count == 0 || counts[i] > 0;
        buffer_free(&lists[i]);
    }
}

static bool is_held(struct step *step, const struct record_type *type, const struct record_id *id)
{
    struct record_state *record = load_record(step, type, id);
    record_free(record);
    return record != NULL;
}

static enum error_code split(struct step *step, const struct event *event,
                             struct erase_part parts[static OF_BOTH], struct error *error)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    const struct record_type *type = schema_find_type(schema, event->write.type, error);
    if (type == NULL)
        return ERR_UNKNOWN_TYPE;
    const struct record_type *companion = schema_companion(schema, type);
    bool all = false;
    split_names(event->write.fields, companion, parts);
    all = parts[OF_RECORD].wanted && parts[OF_COMPANION].wanted;
    if (companion == NULL || (all && !is_held(step, companion, &event->write.record)))
        parts[OF_COMPANION].wanted = false;
    if (all && parts[OF_COMPANION].wanted && !type_is_personal(type))
        parts[OF_RECORD].wanted = false; /* what it says of nobody stays */
    for (size_t i = 0; i < OF_BOTH; i++) {
        parts[i].event = *event;
        parts[i].event.write.fields = span_of_buffer(&parts[i].fields);
        parts[i].write.event = &parts[i].event;
    }
    if (companion != NULL)
        parts[OF_COMPANION].event.write.type = span_of_text(companion->name);
    return ERR_OK;
}

/* Nothing of one part is no fault while the other has something. */
static enum error_code prepare_both(struct step *step, struct erase_part parts[static OF_BOTH],
                                    struct error *error)
{
    enum error_code code = ERR_OK, none = ERR_OK;
    size_t found = 0;
    for (size_t i = 0; i < OF_BOTH && code == ERR_OK; i++) {
        if (!parts[i].wanted)
            continue;
        code = write_prepare(step, &parts[i].write, error);
        parts[i].wanted = code == ERR_OK;
        found += code == ERR_OK;
        none = code == ERR_NOT_FOUND ? code : none;
        code = code == ERR_NOT_FOUND ? ERR_OK : code;
    }
    if (code == ERR_OK && found > 0)
        error_clear(error);
    return code == ERR_OK && found == 0 ? none : code;
}

/* One entry, and what had no room in it. */
static void append_part(struct step *step, struct erase_part *part)
{
    struct error error = {0};
    write_append(step, &part->write);
    for (bool more = part->write.more; more;) {
        struct local_write write = {.event = &part->event};
        more = write_prepare(step, &write, &error) == ERR_OK;
        if (more)
            write_append(step, &write);
        more = more && write.more;
        write_release(&write);
    }
}

enum error_code erase_both(struct step *step, const struct event *event, struct record_id *record,
                           struct error *error)
{
    struct erase_part *parts = mem_alloc(OF_BOTH * sizeof *parts);
    enum error_code code = split(step, event, parts, error);
    if (code == ERR_OK)
        code = prepare_both(step, parts, error);
    for (size_t i = 0; i < OF_BOTH; i++) {
        if (code == ERR_OK && parts[i].wanted)
            append_part(step, &parts[i]);
        write_release(&parts[i].write);
        buffer_free(&parts[i].fields);
    }
    *record = event->write.record;
    free(parts);
    return code;
}
