/* Local writes: validate, append to the streams that the record's circle needs, apply, answer.
 * Nothing here waits for a link. The answer leaves after the commit. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "replication/carry.h"
#include "schema/extension.h"

enum { REQUEST_KEY_BYTES = 1 + HASH_BYTES, REQUEST_ID_BYTES_MAX = 64 };

struct local_write {
    const struct event *event;
    const struct record_type *type;
    const struct seat *seat;
    struct record_id id;
    struct record_state *record; /* NULL for a creation */
    struct buffer body;
    struct dot context[CONTEXT_PAIRS_MAX];
    size_t context_count;
    uint32_t n;
    struct audience creation; /* of a creation: its stream */
    struct circle circle;     /* of a change: with those who join */
    struct seat_names joining;
};

static void audience_path(struct audience *audience, uint8_t class)
{
    *audience = (struct audience){.class = class, .holders = HOLDERS_PATH};
}

static void audience_add(struct audience *audience, const char *seat)
{
    assert(audience->seat_count < HOLDERS_MAX);
    audience->seats[audience->seat_count++] = seat;
}

static enum error_code refuse_unknown_seat(struct step *step, const char *what, struct span to,
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
        return refuse_unknown_seat(step, "to", to, error);
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
    *audience = (struct audience){.class = (uint8_t)write->type->class, .holders = HOLDERS_SELF};
    if (write->type->circle == CIRCLE_SUBTREE) {
        audience->holders = HOLDERS_SUBTREE;
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

/* ---- who joins ---- */

static enum error_code check_joining(struct step *step, struct local_write *write, struct span name,
                                     struct error *error)
{
    char seat[SEAT_BYTES_MAX + 1] = "";
    if (name.size == 0 || name.size > SEAT_BYTES_MAX)
        return error_set(error, ERR_INVALID, "seats", "%s isn't a seat's code",
                         name.size == 0 ? "an empty text" : "so long a text");
    if (tree_seat(step->replica->tree, name) == NULL)
        return refuse_unknown_seat(step, "extend", name, error);
    memcpy(seat, name.data, name.size);
    if (circle_has(&write->circle, seat))
        return error_set(error, ERR_INVALID, write->type->name, "%s is in its circle already",
                         seat);
    if (write->circle.count >= HOLDERS_MAX)
        return error_set(error, ERR_FULL, write->type->name,
                         "a record's circle has at most %d seats", HOLDERS_MAX);
    circle_add(&write->circle, seat);
    write->joining.names[write->joining.count++] = tree_seat(step->replica->tree, name)->row.seat;
    return ERR_OK;
}

/* Every seat that joins must be one that entries can go to. */
static enum error_code check_ways(struct step *step, const struct local_write *write,
                                  struct error *error)
{
    struct audiences audiences;
    char lost[SEAT_BYTES_MAX + 1] = "";
    audiences_find(step, &write->circle, &write->joining, &audiences);
    if (audiences.unreached_count > 0)
        memcpy(lost, audiences.unreached[0], strlen(audiences.unreached[0]) + 1);
    audiences_free(&audiences);
    if (lost[0] == '\0')
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, write->type->name,
              "%s can't be reached without a seat between that isn't in the circle", lost);
    error_next(error, "name the seats on the way to %s too", lost);
    return ERR_NOT_ALLOWED;
}

/* Reads who joins into circle and body; the record is loaded. */
static enum error_code prepare_extension(struct step *step, struct local_write *write,
                                         struct error *error)
{
    struct mp_reader reader = mp_reader(write->event->write.seats);
    struct span reason = write->event->write.reason, names[HOLDERS_MAX];
    uint32_t count = mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 0;
    if (write->circle.holders == HOLDERS_SUBTREE)
        return error_set(error, ERR_NOT_ALLOWED, write->type->name,
                         "it is for a whole subtree: its circle doesn't grow");
    if (count == 0 || count > HOLDERS_MAX || reason.size > EXTEND_REASON_BYTES_MAX ||
        !utf8_writable(reason))
        return error_set(error, ERR_INVALID, "extend",
                         "expected 1 to %d seats, and a reason of at most %d bytes", HOLDERS_MAX,
                         EXTEND_REASON_BYTES_MAX);
    write->joining.names = mem_alloc(count * sizeof *write->joining.names);
    for (uint32_t i = 0; i < count; i++) {
        names[i] = mp_peek(&reader) == MP_STR ? mp_read_str(&reader) : SPAN_EMPTY;
        enum error_code code = check_joining(step, write, names[i], error);
        if (code != ERR_OK)
            return code;
    }
    extension_encode(names, count, reason, &write->body);
    return check_ways(step, write, error);
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

static enum error_code make_body(struct step *step, struct local_write *write, struct error *error)
{
    static const uint8_t deleted[] = {0x81, 0xff, 0xc3}; /* {-1: true} */
    if (write->event->write.kind == WRITE_EXTEND)
        return prepare_extension(step, write, error);
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
    if (write->body.size > ENTRY_BYTES_MAX - 2048) {
        return error_set(error, ERR_OVERSIZE, write->type->name,
                         "its fields take %zu bytes, at most %d fit one entry", write->body.size,
                         ENTRY_BYTES_MAX - 2048);
    }
    return ERR_OK;
}

static enum error_code prepare_change(struct step *step, struct local_write *write,
                                      struct error *error)
{
    struct replica *replica = step->replica;
    write->id = write->event->write.record;
    write->record = load_record(step, write->type, &write->id);
    if (write->record == NULL || !record_stands(write->record)) {
        error_set(error, ERR_NOT_FOUND, write->type->name, "no such record is held here (%s)",
                  label_record(replica->tree, &write->id).text);
        error_next(error, "see `terrace list %s`", write->type->name);
        return ERR_NOT_FOUND;
    }
    bool restores =
        write->event->write.kind == WRITE_SET && body_deletes(span_of_buffer(&write->body)) == 2;
    if (record_deleted(write->record) && !restores) {
        error_set(error, ERR_INVALID, write->type->name, "the record is deleted");
        error_next(error, "`terrace set %s ID _deleted=false` brings it back", write->type->name);
        return ERR_INVALID;
    }
    uint32_t own_n;
    write->context_count = record_context(write->record, replica->self.author, replica->self.epoch,
                                          write->context, &own_n);
    write->n = own_n + 1;
    if (write->context_count > CONTEXT_PAIRS_MAX ||
        record_operation_count(write->record) >= RECORD_OPERATIONS_MAX) {
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
        replica->next_stream < STREAM_NUMBER_MAX - 2 * HOLDERS_MAX)
        return ERR_OK; /* a write opens a stream for each member and each that joins at most */
    own_streams_sign_all(step);
    if (replica_new_epoch(step, "the numbers of the epoch before are used up"))
        return ERR_OK;
    error_set(error, ERR_FULL, "signing key", "all of its 65,535 epochs are used up");
    error_next(error, "make a new signing key and have the parent's admin sign it in");
    return ERR_FULL;
}

static enum error_code prepare(struct step *step, struct local_write *write, struct error *error)
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
    struct audience own = {.class = write->circle.class, .holders = HOLDERS_SELF};
    circle_others(step, &write->circle, &others);
    if (PLANTED(CIRCLE_OF_THE_CREATION) && others.count >= write->circle.first_count)
        others.count = write->circle.first_count - 1;
    audiences_find(step, &write->circle, &others, &audiences);
    for (size_t i = 0; i < audiences.count; i++)
        append_to(step, write, &audiences.list[i], located);
    if (audiences.count == 0) /* nobody can be reached yet */
        append_to(step, write, &own, located);
    for (size_t i = 0; i < audiences.unreached_count; i++)
        carry_later(step, write->type->number, &write->id, audiences.unreached[i]);
    audiences_free(&audiences);
    free(others.names);
}

static void append_and_apply(struct step *step, struct local_write *write)
{
    struct replica *replica = step->replica;
    struct entry entry = {
        .kind = write->event->write.kind == WRITE_EXTEND ? ENTRY_EXTEND : ENTRY_WRITE,
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

static void release(struct local_write *write)
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

enum error_code write_extension(struct step *step, const struct record_type *type,
                                const struct record_id *id, const struct seat_names *seats,
                                struct span reason, struct error *error)
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
    struct local_write write = {.event = &event};
    enum error_code code = prepare(step, &write, error);
    if (code == ERR_OK)
        append_and_apply(step, &write);
    release(&write);
    buffer_free(&names);
    return code;
}

void write_local(struct step *step, const struct event *event)
{
    struct replica *replica = step->replica;
    struct answer answer = {.request = event->write.request, .clock = step->wall_ms};
    struct local_write write = {.event = event};
    if (answered_before(step, event, &answer)) {
        updates_answer(step->updates, &answer);
        return;
    }
    if (import_may_write(step, event, &answer.error) &&
        prepare(step, &write, &answer.error) == ERR_OK) {
        if (event->write.kind == WRITE_PUT)
            write.id = record_id_make(&replica->self, ++replica->record_counter);
        append_and_apply(step, &write);
        answer.record = write.id;
        remember_request(step, event, &answer);
    } else {
        updates_trace(step->updates, "refuse write: %s: %s", answer.error.what, answer.error.why);
    }
    import_decided(step, event, answer.error.code);
    updates_answer(step->updates, &answer);
    release(&write);
}
