/* A record with private fields is two: itself, and a companion of the same id with a circle of its
 * own, at first its author's seat alone (rules.md A35, B70). Who writes names fields as if it were
 * one. Both entries, or none, go into one transaction; after that nothing waits for the other. A
 * companion begins when there is something to say, or somebody to hand it to (B92).
 *
 *     put title=... phone=...   ->   case V1:1.7 {title}    case-private V1:1.7 [salt, {phone}]
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/write_inner.h"

/* What an event asks of the record, and of its companion. */
struct both {
    const struct record_type *type, *companion; /* NULL: not known; it has none */
    struct event of_record, of_companion;
    struct buffer fields, private_fields, seats, private_seats;
    bool has_record, has_companion;
    bool begins;               /* the companion of a record that is here already */
    struct buffer first_seats; /* who joins it after that, an array of names; empty: nobody */
    struct buffer address;     /* of a companion that is begun: its record's */
    struct local_write record_write, companion_write;
};

static void free_both(struct both *both)
{
    write_release(&both->record_write);
    write_release(&both->companion_write);
    buffer_free(&both->fields);
    buffer_free(&both->private_fields);
    buffer_free(&both->seats);
    buffer_free(&both->private_seats);
    buffer_free(&both->first_seats);
    buffer_free(&both->address);
}

/* The seat that made the record; NULL: nobody here knows it. */
static const struct seat *maker_of(const struct step *step, const struct both *both)
{
    const struct author *maker =
        tree_author(step->replica->tree, record_id_author(&both->of_record.write.record).author);
    return maker == NULL ? NULL : maker->seat;
}

static enum error_code not_held(const struct step *step, const struct both *both,
                                struct error *error)
{
    const struct seat *maker = maker_of(step, both);
    error_set(error, ERR_NOT_ALLOWED, both->type->name,
              "its private fields aren't held here, and only %s, where it was made, can give the "
              "first",
              maker == NULL ? "the seat" : maker->row.seat);
    error_next(error, "who holds them lets others: terrace extend %s ID SEAT --private",
               both->type->name);
    return ERR_NOT_ALLOWED;
}

/* Whether nothing of the companion is here that counts, nor anything of our own. ERR_DAMAGED:
 * nobody can say, so it isn't begun anew. */
static enum error_code look_for_companion(struct step *step, const struct both *both, bool *absent)
{
    struct replica *replica = step->replica;
    struct record_state *record;
    struct dot context[CONTEXT_PAIRS_MAX];
    uint32_t own_n = 0;
    enum error_code code =
        find_record(step, both->companion, &both->of_record.write.record, &record);
    if (record != NULL)
        (void)record_context(record, replica->self.author, replica->self.epoch, context, &own_n);
    *absent = code == ERR_OK && (record == NULL || (!record_stands(record) && own_n == 0));
    record_free(record);
    return code;
}

static enum error_code unreadable(const struct both *both, struct error *error)
{
    return error_set(error, ERR_DAMAGED, both->companion->name, "its rows here can't be read");
}

static bool is_in_circle(struct step *step, const struct record_type *type,
                         const struct record_id *id, struct span seat)
{
    struct circle circle = {0};
    struct record_state *record = load_record(step, type, id);
    bool found = false;
    if (record != NULL && load_circle(step, record, id, NULL, &circle)) {
        for (size_t i = 0; i < circle.count; i++)
            found = found || span_equal(seat, span_of_text(circle.seats[i]));
    }
    circle_free(&circle);
    record_free(record);
    return found;
}

/* Of the seats that are named those that aren't in its circle yet, nor our own where it is to be
 * begun; how many. */
static uint32_t seats_outside(struct step *step, const struct record_type *type, bool absent,
                              const struct event *event, struct buffer *seats)
{
    struct buffer names = {0};
    struct mp_reader reader = mp_reader(event->write.seats);
    uint32_t count = mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 0, outside = 0;
    for (uint32_t i = 0; i < count && mp_peek(&reader) == MP_STR; i++) {
        struct span name = mp_read_str(&reader);
        if (is_in_circle(step, type, &event->write.record, name) ||
            (absent && span_equal(name, span_of_text(step->replica->options.seat))))
            continue;
        mp_write_str(&names, name);
        outside++;
    }
    mp_write_array(seats, outside);
    buffer_append_span(seats, span_of_buffer(&names));
    buffer_free(&names);
    return outside;
}

/* Whoever is to read the private fields gets the record too, if it doesn't hold it yet. */
static enum error_code split_seats(struct step *step, struct both *both, const struct event *event,
                                   struct error *error)
{
    if (!event->write.with_private && !(PLANTED(PRIVATE_WITH_RECORD) && both->companion != NULL))
        return ERR_OK;
    if (both->companion == NULL)
        return error_set(error, ERR_INVALID, both->type->name, "it has no private fields");
    bool absent;
    if (look_for_companion(step, both, &absent) != ERR_OK)
        return unreadable(both, error);
    both->has_record = seats_outside(step, both->type, false, event, &both->seats) > 0;
    both->has_companion =
        seats_outside(step, both->companion, absent, event, &both->private_seats) > 0;
    if (!both->has_record && !both->has_companion)
        return error_set(error, ERR_INVALID, both->type->name,
                         "whoever is named holds it already, private fields too");
    both->of_record.write.seats = span_of_buffer(&both->seats);
    both->of_companion.write.seats = span_of_buffer(&both->private_seats);
    return ERR_OK;
}

/* What a record of the type can't be made without. */
static bool is_always_begun(const struct record_type *companion)
{
    for (size_t i = 0; i < companion->field_count; i++) {
        const struct field *field = &companion->fields[i];
        if (!field->ended && (field->required || field->more->standard.size > 0))
            return true;
    }
    return false;
}

static void split_fields(struct both *both, const struct event *event)
{
    enum write_kind kind = event->write.kind;
    if (both->companion == NULL || (kind != WRITE_PUT && kind != WRITE_SET && kind != WRITE_DO))
        return;
    if (kind == WRITE_DO && event->write.fields.size == 0)
        return;
    uint32_t count = schema_split_fields(both->companion, event->write.fields, &both->fields,
                                         &both->private_fields);
    struct mp_reader reader = mp_reader(span_of_buffer(&both->fields));
    bool only = kind == WRITE_SET && count > 0 && mp_peek(&reader) == MP_MAP &&
                mp_read_map(&reader) == 0 && event->write.endorses.size == 0;
    both->has_record = !only;
    both->has_companion = count > 0 || (kind == WRITE_PUT && is_always_begun(both->companion));
    both->of_record.write.fields = span_of_buffer(&both->fields);
    both->of_companion.write.fields = span_of_buffer(&both->private_fields);
    both->of_companion.write.kind = kind == WRITE_PUT ? WRITE_PUT : WRITE_SET;
    if (both->companion->circle != CIRCLE_ADDRESSED || kind != WRITE_PUT)
        both->of_companion.write.to = SPAN_EMPTY;
}

/* A companion that is named itself: only for what endorses entries of its own; and never one
 * without its record. Where it was begun behind the cut-off, it is begun anew. */
static enum error_code split_companion(struct step *step, struct both *both,
                                       const struct event *event, struct error *error)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    const struct record_type *of = schema_type(schema, both->type->companion_of);
    const char *name = of == NULL ? "it" : of->name;
    if (event->write.endorses.size == 0) {
        error_set(error, ERR_INVALID, both->type->name,
                  "it holds private fields, and is written with what it belongs to");
        error_next(error, "name the fields beside those of %s", name);
        return ERR_INVALID;
    }
    if (event->write.kind == WRITE_PUT || of == NULL) {
        error_set(error, ERR_INVALID, both->type->name,
                  "it holds private fields of a record, and there is none without that record");
        error_next(error, "endorse the record of %s first", name);
        return ERR_INVALID;
    }
    if (event->write.kind != WRITE_SET)
        return ERR_OK;
    both->companion = both->type;
    both->type = of;
    both->of_companion = *event;
    both->of_record.write.type = span_of_text(of->name);
    both->has_record = false;
    both->has_companion = true;
    return ERR_OK;
}

static enum error_code split(struct step *step, const struct event *event, struct both *both,
                             struct error *error)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    both->type = schema_find_type(schema, event->write.type, error);
    if (both->type == NULL)
        return ERR_UNKNOWN_TYPE;
    both->companion = schema_companion(schema, both->type);
    both->of_record = both->of_companion = *event;
    both->has_record = true;
    both->of_companion.write.endorses = SPAN_EMPTY;
    if (both->companion != NULL)
        both->of_companion.write.type = span_of_text(both->companion->name);
    if (both->type->companion_of != 0)
        return split_companion(step, both, event, error);
    split_fields(both, event);
    return event->write.kind == WRITE_EXTEND ? split_seats(step, both, event, error) : ERR_OK;
}

/* That a record whose private fields alone are changed is here. */
static enum error_code check_record(struct step *step, const struct both *both, struct error *error)
{
    struct local_write trial = {.event = &both->of_record, .type = both->type};
    enum error_code code = write_find(step, &trial, false, error);
    write_release(&trial);
    return code;
}

/* An addressed companion goes where its record does. */
static void address_of_record(struct step *step, struct both *both)
{
    const struct record_id *id = &both->of_record.write.record;
    struct circle circle = {0};
    struct record_state *record = load_record(step, both->type, id);
    if (both->companion->circle == CIRCLE_ADDRESSED && record != NULL &&
        load_circle(step, record, id, NULL, &circle) && circle.first_count > 0) {
        buffer_append_span(&both->address, span_of_text(circle.seats[circle.first_count - 1]));
        both->of_companion.write.to = span_of_buffer(&both->address);
    }
    circle_free(&circle);
    record_free(record);
}

/* The first that is said in private of a record that is here, by the seat that made it. */
static enum error_code prepare_begin(struct step *step, struct both *both, struct error *error)
{
    static const uint8_t nothing[] = {0x80};
    struct event *event = &both->of_companion;
    const struct seat *maker = maker_of(step, both);
    if (maker == NULL || maker != own_seat(step->replica))
        return not_held(step, both, error);
    event->write.kind = WRITE_PUT;
    event->write.seats = SPAN_EMPTY;
    if (event->write.fields.size == 0)
        event->write.fields = SPAN_OF_ARRAY(nothing);
    address_of_record(step, both);
    both->companion_write.event = event;
    enum error_code code = write_prepare(step, &both->companion_write, error);
    both->companion_write.id = event->write.record;
    both->begins = code == ERR_OK;
    return code;
}

/* Whom it is for at once. */
static enum error_code begin_for(struct step *step, struct both *both, struct span seats,
                                 struct error *error)
{
    buffer_append_span(&both->first_seats, seats);
    return write_try_first_extension(step, &both->companion_write,
                                     span_of_buffer(&both->first_seats),
                                     both->of_record.write.reason, error);
}

static enum error_code prepare_companion(struct step *step, struct both *both, struct error *error)
{
    bool absent = false;
    enum write_kind kind = both->of_companion.write.kind;
    enum error_code code = both->has_record ? ERR_OK : check_record(step, both, error);
    if (code == ERR_OK && kind != WRITE_PUT && look_for_companion(step, both, &absent) != ERR_OK)
        return unreadable(both, error);
    if (code == ERR_OK && absent) {
        code = prepare_begin(step, both, error);
        if (code == ERR_OK && kind == WRITE_EXTEND)
            code = begin_for(step, both, span_of_buffer(&both->private_seats), error);
        return code;
    }
    both->companion_write.event = &both->of_companion;
    return code == ERR_OK ? write_prepare(step, &both->companion_write, error) : code;
}

/* ---- a step that hands on both ---- */

static struct event extension_event(const struct step *step, const struct both *both,
                                    const struct record_type *type, struct span seats)
{
    struct event event = {.kind = EVENT_WRITE, .wall_ms = step->wall_ms, .tick_ms = step->tick_ms};
    event.write.kind = WRITE_EXTEND;
    event.write.type = span_of_text(type->name);
    event.write.record = both->of_record.write.record;
    event.write.seats = seats;
    event.write.reason = both->of_record.write.reason;
    return event;
}

/* So that what is said in private later goes where the record was handed to. What can't begin
 * without a word is handed on when there is one. */
static enum error_code hand_what_begins(struct step *step, struct both *both, struct span seats,
                                        struct error *error)
{
    if (!both->begins) {
        if (maker_of(step, both) != own_seat(step->replica) || is_always_begun(both->companion))
            return ERR_OK;
        enum error_code code = prepare_begin(step, both, error);
        if (code != ERR_OK)
            return code;
        both->has_companion = true;
    }
    return begin_for(step, both, seats, error);
}

static enum error_code hand_what_is_held(struct step *step, struct both *both, struct span seats,
                                         struct error *error)
{
    const struct record_id *id = &both->of_record.write.record;
    struct record_state *record = load_record(step, both->companion, id);
    if (record == NULL)
        return ERR_OK;
    bool full = record_operation_count(record) + 2 >= RECORD_OPERATIONS_MAX;
    record_free(record);
    if (full)
        return error_set(error, ERR_FULL, both->companion->name,
                         "it has as many operations as one record may have");
    struct event event = extension_event(step, both, both->companion, seats);
    struct local_write trial = {.event = &event};
    enum error_code code = write_prepare(step, &trial, error);
    write_release(&trial);
    if (code == ERR_OK)
        buffer_append_span(&both->first_seats, seats);
    return code;
}

/* Whether the companion goes to the step's seat as well: where it isn't held nobody can hand it on,
 * and the step is taken without. Asked before anything is put. */
static enum error_code prepare_hand(struct step *step, struct both *both, struct error *error)
{
    struct span seat = both->record_write.hands_to;
    bool absent = false;
    if (both->companion == NULL || seat.size == 0 ||
        span_equal(seat, span_of_text(step->replica->options.seat)) ||
        is_in_circle(step, both->companion, &both->of_record.write.record, seat))
        return ERR_OK;
    if (look_for_companion(step, both, &absent) != ERR_OK)
        return ERR_OK;
    struct buffer seats = {0};
    mp_write_array(&seats, 1);
    mp_write_str(&seats, seat);
    enum error_code code = absent ? hand_what_begins(step, both, span_of_buffer(&seats), error)
                                  : hand_what_is_held(step, both, span_of_buffer(&seats), error);
    buffer_free(&seats);
    return code;
}

/* What was written a moment ago goes to these seats: asked before. */
static void extend_by(struct step *step, const struct both *both, const struct record_type *type,
                      struct span seats)
{
    struct error error;
    error_clear(&error);
    struct event event = extension_event(step, both, type, seats);
    struct local_write write = {.event = &event};
    enum error_code code = write_prepare(step, &write, &error);
    assert(code == ERR_OK);
    if (code == ERR_OK)
        write_append(step, &write);
    write_release(&write);
}

static void append_both(struct step *step, struct both *both)
{
    struct replica *replica = step->replica;
    struct local_write *write = &both->record_write;
    if (both->of_record.write.kind == WRITE_PUT)
        write->id = both->companion_write.id =
            record_id_make(&replica->self, ++replica->record_counter);
    if (both->has_record)
        write_append(step, write);
    if (both->has_companion)
        write_append(step, &both->companion_write);
    if (write->joins.size > 0) {
        struct buffer seats = {0};
        mp_write_array(&seats, 1);
        mp_write_str(&seats, write->joins);
        extend_by(step, both, both->type, span_of_buffer(&seats));
        buffer_free(&seats);
    }
    if (both->first_seats.size > 0)
        extend_by(step, both, both->companion, span_of_buffer(&both->first_seats));
}

enum error_code write_both(struct step *step, const struct event *event, struct record_id *record,
                           struct error *error)
{
    struct both *both = mem_alloc(sizeof *both);
    enum error_code code = split(step, event, both, error);
    both->record_write.event = &both->of_record;
    if (code == ERR_OK && both->has_record)
        code = write_prepare(step, &both->record_write, error);
    if (code == ERR_OK && both->has_companion)
        code = prepare_companion(step, both, error);
    if (code == ERR_OK)
        code = prepare_hand(step, both, error);
    if (code == ERR_OK) {
        append_both(step, both);
        *record = both->has_record ? both->record_write.id : both->companion_write.id;
    }
    free_both(both);
    free(both);
    return code;
}
