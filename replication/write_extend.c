/* Circles that grow by a write made here: who may join, by hand, by a step, and in the transaction
 * that begins a companion. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/write_inner.h"
#include "schema/extension.h"

static enum error_code check_joining(struct step *step, struct local_write *write, struct span name,
                                     struct error *error)
{
    char seat[SEAT_BYTES_MAX + 1] = "";
    if (name.size == 0 || name.size > SEAT_BYTES_MAX)
        return error_set(error, ERR_INVALID, "seats", "%s isn't a seat's code",
                         name.size == 0 ? "an empty text" : "so long a text");
    if (tree_seat(step->replica->tree, name) == NULL)
        return write_refuse_unknown_seat(step, "extend", name, error);
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
enum error_code write_prepare_extension(struct step *step, struct local_write *write,
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
    if (write->event->write.endorses.size > 0)
        reason = SPAN_EMPTY; /* it stands beside what is endorsed */
    if (write->overdue != 0)
        extension_encode_overdue(names[0], write->overdue, &write->body);
    else
        extension_encode(names, count, reason, &write->body);
    return check_ways(step, write, error);
}

/* A step's extension follows it, in the same transaction: what could refuse it is asked before. */
enum error_code write_try_step_extension(struct step *step, const struct local_write *write,
                                         struct error *error)
{
    struct local_write trial = {.event = write->event, .type = write->type};
    const char *name = NULL;
    bool known = load_circle(step, write->record, &write->id, NULL, &trial.circle);
    assert(known); /* it was a moment ago */
    trial.joining.names = &name;
    enum error_code code = check_joining(step, &trial, write->joins, error);
    if (code == ERR_OK)
        code = check_ways(step, &trial, error);
    circle_free(&trial.circle);
    return code;
}

/* As it will be when its creation is in. */
static void circle_to_be(const struct local_write *creation, struct circle *circle)
{
    const struct audience *audience = &creation->creation;
    *circle = (struct circle){.class = audience->class, .holders = audience->holders};
    if (creation->type->circle == CIRCLE_ORIGIN || audience->holders != HOLDERS_PATH) {
        circle->holders =
            audience->holders == HOLDERS_SUBTREE ? HOLDERS_SUBTREE : (uint8_t)HOLDERS_SELF;
        circle_add(circle, creation->seat->row.seat);
        return;
    }
    for (size_t i = 0; i < audience->seat_count; i++)
        circle_add(circle, audience->seats[i]);
}

enum error_code write_try_first_extension(struct step *step, const struct local_write *creation,
                                          struct span seats, struct span reason,
                                          struct error *error)
{
    struct event event = *creation->event;
    event.write.kind = WRITE_EXTEND;
    event.write.seats = seats;
    event.write.reason = reason;
    struct local_write trial = {
        .event = &event, .type = creation->type, .seat = creation->seat, .id = creation->id};
    circle_to_be(creation, &trial.circle);
    enum error_code code = write_prepare_extension(step, &trial, error);
    write_release(&trial);
    return code;
}
