/* Local writes: validate, append to the streams that the record's circle needs, apply, answer.
 * Nothing here waits for a link. The answer leaves after the commit. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "replication/erase.h"
#include "replication/release.h"
#include "replication/transitions.h"
#include "replication/write_inner.h"
#include "schema/endorsement.h"
#include "schema/extension.h"

enum { REQUEST_KEY_BYTES = 1 + HASH_BYTES, REQUEST_ID_BYTES_MAX = 64 };

static void audience_path(struct audience *audience, uint8_t class)
{
    *audience = (struct audience){.class = class, .holders = HOLDERS_PATH};
}

static void audience_add(struct audience *audience, const char *seat)
{
    assert(audience->seat_count < HOLDERS_MAX);
    audience->seats[audience->seat_count++] = seat;
}

enum error_code write_refuse_unknown_seat(struct step *step, const char *what, struct span to,
                                          struct error *error)
{
    const struct tree *tree = step->replica->tree;
    const char *nearest = NULL;
    size_t count = tree_seat_count(tree);
    const char **known = mem_alloc((count + 1) * sizeof *known);
    for (size_t i = 0; i < count; i++)
        known[i] = tree_seat_at(tree, i)->row.seat;
    nearest = nearest_word(to, known, count);
    free(known);
    enum seeking seeking = contacts_seek(step, to);
    bool absent = seeking == SEEKING_ABSENT;
    error_set(error, absent ? ERR_NOT_FOUND : ERR_PARKED, what, "%s %.*s",
              absent ? "no document of the tree names a seat"
                     : "no document held here names a seat",
              (int)to.size, (const char *)to.data);
    const char *next = absent ? "see the codes of the seats in the signed tree"
                       : seeking == SEEKING_ASKED
                           ? "the node has asked its parent for it: try again in a moment"
                           : "its parent will be asked when the link is up: try again then";
    if (nearest == NULL)
        error_next(error, "%s", next);
    else
        error_next(error, "did you mean \"%s\"?%s%s", nearest, absent ? "" : " Otherwise ",
                   absent ? "" : next);
    return absent ? ERR_NOT_FOUND : ERR_PARKED;
}

/* Whether `to` goes with the type and this seat; *end: the seat that it names, NULL: none. */
static enum error_code check_address(struct step *step, const struct local_write *write,
                                     const struct seat **end, struct error *error)
{
    struct span to = write->event->write.to;
    const char *name = write->type->name;
    bool addressed = write->type->circle == CIRCLE_ADDRESSED;
    *end = NULL;
    if (!addressed && to.size > 0)
        return error_set(error, ERR_INVALID, name,
                         "its circle is \"%s\": it isn't made for one seat",
                         circle_name(write->type->circle));
    if (!addressed)
        return ERR_OK;
    if (to.size == 0 || to.size > SEAT_BYTES_MAX) {
        error_set(error, ERR_INVALID, name, "it is made for one seat, and `to` names %s",
                  to.size == 0 ? "none" : "more than a code");
        error_next(error, "`terrace put %s --to SEAT ...`", name);
        return ERR_INVALID;
    }
    *end = tree_seat(step->replica->tree, to);
    if (*end == NULL)
        return write_refuse_unknown_seat(step, "to", to, error);
    if (*end == write->seat)
        return error_set(error, ERR_INVALID, name, "it is made for another seat than one's own, %s",
                         write->seat->row.seat);
    return ERR_OK;
}

/* A new record's circle, from its type and our place in the tree; `end`: whom it is made for. */
static void circle_of_creation(struct step *step, struct local_write *write, const struct seat *end)
{
    const struct seat *path[HOLDERS_MAX];
    struct audience *audience = &write->creation;
    audience_alone(step, write->type, audience);
    if (write->type->circle == CIRCLE_SUBTREE) {
        *audience =
            (struct audience){.class = (uint8_t)write->type->class, .holders = HOLDERS_SUBTREE};
        audience->tier = (uint8_t)(tree_tier_count(step->replica->tree) - 1);
        return;
    }
    size_t count =
        end == NULL ? seat_path(write->seat, path) : seat_path_between(write->seat, end, path);
    if (end != NULL || (write->type->circle == CIRCLE_PATH && count > 1)) {
        audience_path(audience, (uint8_t)write->type->class);
        for (size_t i = 0; i < count; i++)
            audience_add(audience, path[i]->row.seat);
    }
}

/* Whether this seat may write to it. */
static enum error_code check_member(const struct step *step, const struct local_write *write,
                                    struct error *error)
{
    const struct circle *circle = &write->circle;
    (void)step;
    if (circle_may_write(circle, write->seat))
        return ERR_OK;
    if (circle->holders == HOLDERS_PATH || circle->count > 1)
        return error_set(error, ERR_NOT_ALLOWED, "record", "this seat isn't in its circle");
    error_set(error, ERR_NOT_ALLOWED, write->type->name,
              "only its author's seat, %s, may write to it", circle->seats[0]);
    error_next(error, "make a record of your own that names it");
    return ERR_NOT_ALLOWED;
}

static enum error_code circle_of_record(struct step *step, struct local_write *write,
                                        struct error *error)
{
    if (!load_circle(step, write->record, &write->id, NULL, &write->circle))
        return error_set(error, ERR_DAMAGED, "record", "the entry that began it can't be read");
    return check_member(step, write, error);
}

static bool adds_to_counters(const struct local_write *write)
{
    struct mp_reader reader = mp_reader_known(span_of_buffer(&write->body));
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key); mp_read_any(&reader)) {
        const struct field *field = type_field(write->type, key);
        if (field != NULL && field->kind == FIELD_COUNTER)
            return true;
    }
    return false;
}

/* A counter's operation carries its author's running total, not what was added. */
static bool totals_for_counters(struct step *step, struct local_write *write)
{
    struct buffer body = {0};
    struct mp_reader reader = mp_reader_known(span_of_buffer(&write->body));
    struct mp_fields fields = mp_fields(&reader);
    bool fits = true;
    if (!adds_to_counters(write))
        return true;
    mp_write_map(&body, fields.left);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        const struct field *field = type_field(write->type, key);
        struct span value = mp_read_any(&reader);
        mp_write_int(&body, key);
        if (field == NULL || field->kind != FIELD_COUNTER) {
            buffer_append_span(&body, value);
            continue;
        }
        struct mp_reader added = mp_reader(value);
        int64_t total = write->record == NULL
                            ? 0
                            : record_counter_of(write->record, key, step->replica->self.author,
                                                step->replica->self.epoch);
        fits = fits && !__builtin_add_overflow(total, mp_read_int(&added), &total);
        mp_write_int(&body, total);
    }
    buffer_free(&write->body);
    write->body = body;
    return fits && !reader.failed;
}

static enum error_code prepare_step(struct step *step, struct local_write *write,
                                    struct error *error)
{
    struct step_making making = {
        .type = write->type, .id = &write->id, .record = write->record, .circle = &write->circle};
    enum error_code code = step_make(step, &making, write->event, &write->body, error);
    write->joins = making.joins;
    write->hands_to = making.transition != NULL && making.transition->extend_companion
                          ? making.hands_to
                          : SPAN_EMPTY;
    return code == ERR_OK && write->joins.size > 0 ? write_try_step_extension(step, write, error)
                                                   : code;
}

static enum error_code make_fields(struct step *step, struct local_write *write,
                                   struct error *error)
{
    static const uint8_t deleted[] = {0x81, 0xff, 0xc3}; /* {-1: true} */
    if (write->event->write.kind == WRITE_EXTEND)
        return write_prepare_extension(step, write, error);
    if (write->event->write.kind == WRITE_DO)
        return prepare_step(step, write, error);
    if (write->event->write.kind == WRITE_ERASE)
        return erase_make(step, write, error);
    if (write->event->write.kind == WRITE_DELETE) {
        buffer_append(&write->body, deleted, sizeof deleted);
        return ERR_OK;
    }
    enum error_code code = schema_encode_body(write->type, write->event->write.fields,
                                              write->record == NULL, &write->body, error);
    if (code != ERR_OK)
        return code;
    if (!totals_for_counters(step, write))
        return error_set(error, ERR_INVALID, write->type->name, "a counter would overflow");
    return ERR_OK;
}

static enum error_code make_body(struct step *step, struct local_write *write, struct error *error)
{
    struct span endorses = write->event->write.endorses;
    enum error_code code = make_fields(step, write, error);
    if (code == ERR_OK && endorses.size > 0)
        code = endorsement_put(&write->body, endorses, write->event->write.reason, error);
    if (code == ERR_OK && write->body.size > ENTRY_BYTES_MAX - 2048)
        code = error_set(error, ERR_OVERSIZE, write->type->name,
                         "its fields take %zu bytes, at most %d fit one entry", write->body.size,
                         ENTRY_BYTES_MAX - 2048);
    return code;
}

enum error_code write_find(struct step *step, struct local_write *write, bool restores,
                           struct error *error)
{
    write->id = write->event->write.record;
    write->record = load_record(step, write->type, &write->id);
    if (write->record == NULL || !record_stands(write->record)) {
        error_set(error, ERR_NOT_FOUND, write->type->name, "no such record is held here (%s)",
                  label_record(step->replica->tree, &write->id).text);
        error_next(error, "see `terrace list %s`", write->type->name);
        return ERR_NOT_FOUND;
    }
    bool erases = write->event->write.kind == WRITE_ERASE;
    if (record_deleted(write->record) && !restores && !erases) {
        error_set(error, ERR_INVALID, write->type->name, "the record is deleted");
        error_next(error, "`terrace set %s ID _deleted=false` brings it back", write->type->name);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum error_code prepare_change(struct step *step, struct local_write *write,
                                      struct error *error)
{
    struct replica *replica = step->replica;
    bool restores =
        write->event->write.kind == WRITE_SET && body_deletes(span_of_buffer(&write->body)) == 2;
    enum error_code found = write_find(step, write, restores, error);
    if (found != ERR_OK)
        return found;
    uint32_t own_n;
    write->context_count = record_context(write->record, replica->self.author, replica->self.epoch,
                                          write->context, &own_n);
    write->n = own_n + 1;
    size_t more = write->event->write.kind == WRITE_DO ? 1 : 0; /* a step may be two */
    if (write->context_count > CONTEXT_PAIRS_MAX ||
        record_operation_count(write->record) + more >= RECORD_OPERATIONS_MAX) {
        return error_set(error, ERR_FULL, write->type->name,
                         "the record has as many operations or authors as one record may have");
    }
    return circle_of_record(step, write, error);
}

/* Numbers of records and of streams that run out go on in a new epoch. */
enum error_code write_room_in_epoch(struct step *step, struct error *error)
{
    struct replica *replica = step->replica;
    if (replica->record_counter < UINT32_MAX &&
        replica->next_stream < STREAM_NUMBER_MAX - 4 * HOLDERS_MAX)
        return ERR_OK; /* a write opens a stream for each member and each that joins at most, its
                        * companion's as many */
    own_streams_sign_all(step);
    if (replica_new_epoch(step, "the numbers of the epoch before are used up"))
        return ERR_OK;
    error_set(error, ERR_FULL, "signing key", "all of its 65,535 epochs are used up");
    error_next(error, "make a new signing key and have the parent's admin sign it in");
    return ERR_FULL;
}

enum error_code write_prepare(struct step *step, struct local_write *write, struct error *error)
{
    struct replica *replica = step->replica;
    const struct schema *schema = tree_schema(replica->tree);
    write->seat = own_seat(replica);
    if (write->seat == NULL) {
        error_set(error, ERR_NOT_ALLOWED, replica->options.seat,
                  "no signed document names this node's key at this seat");
        error_next(
            error,
            "have the parent's admin sign request.yaml, then put the documents into documents/");
        return ERR_NOT_ALLOWED;
    }
    write->type = schema_find_type(schema, write->event->write.type, error);
    if (write->type == NULL)
        return ERR_UNKNOWN_TYPE;
    enum error_code room = write_room_in_epoch(step, error);
    if (room != ERR_OK)
        return room;
    if (write->event->write.kind != WRITE_PUT) {
        /* the body tells whether a set restores; counters need the record: so twice */
        enum error_code code = ERR_OK;
        if (write->event->write.kind == WRITE_SET) {
            code = schema_encode_body(write->type, write->event->write.fields, false, &write->body,
                                      error);
        }
        if (code == ERR_OK)
            code = prepare_change(step, write, error);
        buffer_clear(&write->body);
        return code == ERR_OK ? make_body(step, write, error) : code;
    }
    const struct seat *end;
    enum error_code code = check_address(step, write, &end, error);
    if (code == ERR_OK)
        code = make_body(step, write, error);
    if (code != ERR_OK)
        return code;
    write->n = 1;
    circle_of_creation(step, write, end);
    if (end != NULL)
        schema_address_body(&write->body, span_of_text(end->row.seat));
    return ERR_OK;
}

/* The entry into one stream; the last one is where it is found. */
static void append_to(struct step *step, const struct local_write *write,
                      const struct audience *audience, struct located_entry *located)
{
    struct own_stream *stream = own_stream_for(step, audience);
    located->seq = own_stream_add(step, stream, located->entry, &located->digest);
    located->stream = stream->id.number;
    updates_trace(step->updates, "write %s %s#%u at %s+%u", write->type->name,
                  label_record(step->replica->tree, &write->id).text, write->n,
                  label_stream(step->replica->tree, &stream->id).text, located->seq);
}

static void append_to_circle(struct step *step, const struct local_write *write,
                             struct located_entry *located)
{
    struct audiences audiences;
    struct seat_names others;
    struct audience own;
    circle_others(step, &write->circle, &others);
    if (PLANTED(CIRCLE_OF_THE_CREATION) && others.count >= write->circle.first_count)
        others.count = write->circle.first_count - 1;
    audiences_find(step, &write->circle, &others, &audiences);
    audience_alone(step, write->type, &own);
    bool alone = audiences.count == 0 || audiences.list[0].holders == HOLDERS_SELF;
    for (size_t i = 0; i < audiences.count && !alone; i++)
        append_to(step, write, &audiences.list[i], located);
    if (alone) /* or nobody can be reached yet */
        append_to(step, write, &own, located);
    for (size_t i = 0; i < audiences.unreached_count; i++)
        carry_later(step, write->type->number, &write->id, audiences.unreached[i]);
    audiences_free(&audiences);
    free(others.names);
}

/* A companion's fields never stand without a salt, drawn from the seed that the node gave. */
static void salt_body(struct step *step, struct local_write *write)
{
    struct buffer salted = {0};
    enum write_kind kind = write->event->write.kind;
    if (write->type->companion_of == 0 || kind == WRITE_EXTEND || kind == WRITE_ERASE)
        return;
    struct hash hash = entry_body_hash(span_of_buffer(&write->body));
    struct hash salt = replica_seed(step->replica, &hash);
    body_salted(salt.bytes, span_of_buffer(&write->body), &salted);
    buffer_free(&write->body);
    write->body = salted;
}

void write_append(struct step *step, struct local_write *write)
{
    struct replica *replica = step->replica;
    salt_body(step, write);
    struct entry entry = {
        .kind = write->event->write.kind == WRITE_EXTEND  ? ENTRY_EXTEND
                : write->event->write.kind == WRITE_ERASE ? ENTRY_ERASE
                                                          : ENTRY_WRITE,
        .type = write->type->number,
        .clock = step->wall_ms,
        .has_record = true,
        .record = write->id,
        .n = write->n,
        .body = span_of_buffer(&write->body),
        .body_hash = entry_body_hash(span_of_buffer(&write->body)),
        .context = write->context,
        .context_count = write->context_count,
    };
    struct located_entry located = {.author = replica->self, .entry = &entry, .made_here = true};
    struct carriage carriage = {write->type, &write->id, write->record, &write->circle, NULL};
    carry_record(step, &carriage, &write->joining);
    if (write->record == NULL)
        append_to(step, write, &write->creation, &located);
    else
        append_to_circle(step, write, &located);
    entry.schema_version = tree_schema(replica->tree)->version;
    if (!apply_entry(step, &located))
        parked_stream_from(step, &located);
    replica->self_dirty = true;
}

void write_release(struct local_write *write)
{
    record_free(write->record);
    buffer_free(&write->body);
    free(write->joining.names);
    circle_free(&write->circle);
}

static bool request_key(const struct event *event, uint8_t key[static REQUEST_KEY_BYTES])
{
    struct span id = event->write.request_id;
    if (event->write.kind != WRITE_PUT || id.size == 0 || id.size > REQUEST_ID_BYTES_MAX)
        return false;
    struct hash hash = hash_of(HASH_REQUEST, id);
    key[0] = 'r';
    memcpy(key + 1, hash.bytes, HASH_BYTES);
    return true;
}

/* The same request again, after an answer that was lost: the same record (A39). */
static bool answered_before(struct step *step, const struct event *event, struct answer *answer)
{
    uint8_t key[REQUEST_KEY_BYTES];
    struct span value;
    if (!request_key(event, key) ||
        step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) !=
            READ_FOUND ||
        value.size != sizeof answer->record.bytes + 8)
        return false;
    memcpy(answer->record.bytes, value.data, sizeof answer->record.bytes);
    answer->clock = read_u64(value.data + sizeof answer->record.bytes);
    return true;
}

static void remember_request(struct step *step, const struct event *event,
                             const struct answer *answer)
{
    uint8_t key[REQUEST_KEY_BYTES], value[sizeof answer->record.bytes + 8];
    if (!request_key(event, key))
        return;
    memcpy(value, answer->record.bytes, sizeof answer->record.bytes);
    write_u64(value + sizeof answer->record.bytes, answer->clock);
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN_OF_ARRAY(value));
}

static enum error_code extend(struct step *step, const struct record_type *type,
                              const struct record_id *id, const struct seat_names *seats,
                              struct span reason, uint16_t overdue, struct error *error)
{
    struct buffer names = {0};
    mp_write_array(&names, (uint32_t)seats->count);
    for (size_t i = 0; i < seats->count; i++)
        mp_write_text(&names, seats->names[i]);
    struct event event = {.kind = EVENT_WRITE, .wall_ms = step->wall_ms, .tick_ms = step->tick_ms};
    event.write.kind = WRITE_EXTEND;
    event.write.type = span_of_text(type->name);
    event.write.record = *id;
    event.write.seats = span_of_buffer(&names);
    event.write.reason = reason;
    struct local_write write = {.event = &event, .overdue = overdue};
    enum error_code code = write_prepare(step, &write, error);
    if (code == ERR_OK)
        write_append(step, &write);
    write_release(&write);
    buffer_free(&names);
    return code;
}

enum error_code write_extension(struct step *step, const struct record_type *type,
                                const struct record_id *id, const struct seat_names *seats,
                                struct span reason, struct error *error)
{
    return extend(step, type, id, seats, reason, 0, error);
}

enum error_code write_rise(struct step *step, const struct record_type *type,
                           const struct record_id *id, const char *seat, uint16_t state,
                           struct error *error)
{
    const char *names[] = {seat};
    assert(state != 0);
    return extend(step, type, id, &(struct seat_names){names, 1}, SPAN_EMPTY, state, error);
}

void write_local(struct step *step, const struct event *event)
{
    struct answer answer = {.request = event->write.request, .clock = step->wall_ms};
    if (event->write.kind == WRITE_RELEASE) {
        release_aside(step, event, &answer);
        updates_answer(step->updates, &answer);
        return;
    }
    if (answered_before(step, event, &answer)) {
        updates_answer(step->updates, &answer);
        return;
    }
    if (import_may_write(step, event, &answer.error) && !event->write.only_check &&
        (event->write.kind == WRITE_ERASE
             ? erase_both(step, event, &answer.record, &answer.error)
             : write_both(step, event, &answer.record, &answer.error)) == ERR_OK) {
        remember_request(step, event, &answer);
    } else if (answer.error.code != ERR_OK) {
        updates_trace(step->updates, "refuse write: %s: %s", answer.error.what, answer.error.why);
    }
    import_decided(step, event, answer.error.code);
    updates_answer(step->updates, &answer);
}
