/* Inside the replica: whom an entry goes to, and what goes with a circle that grows. */
#ifndef TERRACE_REPLICATION_CARRY_H
#define TERRACE_REPLICATION_CARRY_H

#include "replication/core.h"

/* Seats by name, borrowed. */
struct seat_names {
    const char **names; /* owned */
    size_t count;
};

/* audience.c: which own streams an entry goes into, so that each of `to` gets it (rules.md 2). */
struct audiences {
    struct audience *list; /* seats borrowed from the tree */
    size_t count;
    const char **unreached; /* borrowed from `to`: no row of theirs is here, or no way, or one that
                             * needs sealing, and their rows name no seal key */
    size_t unreached_count;
};
void audiences_find(struct step *step, const struct circle *circle, const struct seat_names *to,
                    struct audiences *audiences);
void audiences_free(struct audiences *audiences);
/* What this seat alone holds: its own stream, or where the type is backed up the one that its
 * parent keeps for it, sealed to its own seat's keys (rules.md B72). */
void audience_alone(struct step *step, const struct record_type *type, struct audience *audience);
/* All members but this node's seat. */
void circle_others(struct step *step, const struct circle *circle, struct seat_names *names);

/* carry.c: a carry entry that came: what it holds is judged like entries that came by themselves.
 */
enum outcome carry_apply(struct step *step, const struct located_entry *located,
                         const struct parked_key *from);
/* The carry rule (rules.md 2): an entry has been stored, whatever its verdict; `record`: its record
 * as it is now, NULL: not here; `waited`: it was stored before, and is judged now. */
void carry_on_storing(struct step *step, const struct operation *op,
                      const struct located_entry *located, const struct record_state *record,
                      enum outcome outcome, bool waited);
/* The same of one that has been folded with all others, since another has its name. False: none
 * has.
 */
bool carry_forked(struct step *step, const struct located_entry *located, bool waited);
/* An operation that `before` had from behind a cut-off has come in a stream that counts: for the
 * carry rule it has been stored now. */
void carry_what_counts(struct step *step, const struct located_entry *located,
                       const struct record_state *before);

/* The entry at this place goes to those of `late` who don't hold the stream that it stands in. */
void carry_late(struct step *step, const struct record_type *type, const struct record_id *id,
                const struct record_state *record, const struct entry_place *place,
                const struct circle *late);
/* carry_orphaned.c: own entries go to those whom the extension of a seat without a key in force
 * added, where neither saw the other (rules.md B88). */
void carry_orphaned(struct step *step, const struct record_type *type, const struct record_id *id,
                    const struct record_state *record);

/* What a record's circle is, and which of its entries go where. */
struct carriage {
    const struct record_type *type;
    const struct record_id *id;
    const struct record_state *record;
    const struct circle *circle;  /* as it will be */
    const struct operation *back; /* NULL, or an own extension that came back: what it saw has gone
                                   * to those who hold the stream that it stands in */
};
/* All that is here of a record goes to these seats: to those who hold a stream that an entry stands
 * in it doesn't go again. */
void carry_record(struct step *step, const struct carriage *carriage, const struct seat_names *to);
/* The entry that stands here at this place goes to these seats, with its proof. */
void carry_entry(struct step *step, const struct carriage *carriage,
                 const struct entry_place *place, const struct seat_names *to);
/* One operation of the record into one audience: an own one of this epoch as it is, any other with
 * its proof. */
void carry_entry_into(struct step *step, const struct carriage *carriage,
                      const struct operation *op, const struct audience *audience);
/* An extension of this node's own, as somebody's hand would make it. */
enum error_code write_extension(struct step *step, const struct record_type *type,
                                const struct record_id *id, const struct seat_names *seats,
                                struct span reason, struct error *error);
/* The same because the record is overdue in this state (extension.h). */
enum error_code write_rise(struct step *step, const struct record_type *type,
                           const struct record_id *id, const char *seat, uint16_t state,
                           struct error *error);
/* The entry that stands here at this place goes into what this seat alone reads of the record. */
void carry_entry_alone(struct step *step, const struct carriage *carriage,
                       const struct entry_place *place);
/* Whether the stream that an entry stands in here is one that the seat holds. */
bool carry_stream_is_for(struct step *step, const struct entry_place *place, const char *seat);
/* The entries of a record that wait here, wherever they lie; the caller frees `places`. */
struct entry_places {
    struct entry_place *places;
    size_t count;
};
void parked_places(struct step *step, uint16_t type, const struct record_id *id,
                   struct entry_places *found);
/* A member that an entry couldn't reach now gets the record when its row has come. */
void carry_later(struct step *step, uint16_t type, const struct record_id *id, const char *seat);
void carry_when_due(struct step *step); /* once a batch */

#endif
