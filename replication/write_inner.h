/* Inside writing: one entry that is being made here, and the two that a record with private fields
 * takes. */
#ifndef TERRACE_REPLICATION_WRITE_INNER_H
#define TERRACE_REPLICATION_WRITE_INNER_H

#include "replication/carry.h"
#include "replication/circle.h"

struct local_write {
    const struct event *event;
    const struct record_type *type;
    const struct seat *seat;
    struct record_id id;
    struct record_state *record; /* NULL for a creation; a PUT whose id is set begins that record */
    struct buffer body;
    struct dot context[CONTEXT_PAIRS_MAX];
    size_t context_count;
    uint32_t n;
    struct audience creation; /* of a creation: its stream */
    struct circle circle;     /* of a change: with those who join */
    struct seat_names joining;
    uint16_t overdue;     /* the state because of which the circle grows; 0: another reason */
    struct span joins;    /* DO: the seat that an extension of its own adds; empty: none */
    bool more;            /* ERASE: another entry must follow */
    struct span hands_to; /* DO: the seat that the companion goes to as well; empty: none */
};

/* Whether it may be written, and its body; nothing is put yet. */
enum error_code write_prepare(struct step *step, struct local_write *write, struct error *error);
/* The record that is changed, into the write: held here, and not deleted unless the write restores
 * it. */
enum error_code write_find(struct step *step, struct local_write *write, bool restores,
                           struct error *error);
/* What was prepared, into its streams and into the state. A creation's id is set before. */
void write_append(struct step *step, struct local_write *write);
void write_release(struct local_write *write);

/* What to say to whoever names a seat that no document held here names; `what`: to, extend. */
enum error_code write_refuse_unknown_seat(struct step *step, const char *what, struct span to,
                                          struct error *error);

/* write_extend.c: who joins, as the event names them, into circle and body; the record is loaded.
 */
enum error_code write_prepare_extension(struct step *step, struct local_write *write,
                                        struct error *error);
/* Whether the extension that follows a step can be written. */
enum error_code write_try_step_extension(struct step *step, const struct local_write *write,
                                         struct error *error);
/* Whether these seats, an array of names, can join what a prepared creation will make. */
enum error_code write_try_first_extension(struct step *step, const struct local_write *creation,
                                          struct span seats, struct span reason,
                                          struct error *error);

/* write_private.c: what an event comes to: an entry of the record, of its companion, or of both,
 * and what a step extends by. All of it, or nothing. *record: whose. */
enum error_code write_both(struct step *step, const struct event *event, struct record_id *record,
                           struct error *error);

#endif
