/* Who may take a transition of a record's workflow, and when (rules.md 1, A20): one answer for the
 * verdict on what comes, for the refusal of what is written here, and for what is possible next. */
#ifndef TERRACE_REPLICATION_TRANSITIONS_H
#define TERRACE_REPLICATION_TRANSITIONS_H

#include "replication/circle.h"
#include "replication/core.h"

/* What a seat is to a record, enum ROLE_ bits: a member, its origin, whom it is addressed to, above
 * its origin. `circle` is the record's as that seat saw it, `creation` the record's first. */
uint8_t transition_roles(const struct circle *circle, const struct record_type *type,
                         const struct operation *creation, const struct author *author);
/* Whether an author of this tier and with these roles may take it. */
bool transition_allows(const struct transition *transition, uint8_t rank, uint8_t roles);
/* Whether it may be taken in this state; 0: none was taken yet. */
bool transition_leaves(const struct workflow *workflow, const struct transition *transition,
                       uint8_t state);
/* For people: the states that it leaves, "accepted or handled"; who may take it. */
void transition_from_text(const struct workflow *workflow, const struct transition *transition,
                          char *text, size_t size);
void transition_who_text(const struct transition *transition, char *text, size_t size);
/* A step that is being written here. */
struct step_making {
    const struct record_type *type;
    const struct record_id *id;
    const struct record_state *record;
    const struct circle *circle;
    /* what step_make finds */
    const struct transition *transition;
    struct span hands_to; /* whom it hands the record to; empty: nobody */
    struct span joins;    /* the same, unless that seat is in the circle */
};
/* The body of `do`, or why not: of which seat, which state, what is lacking. write_step.c */
enum error_code step_make(const struct step *step, struct step_making *making,
                          const struct event *event, struct buffer *body, struct error *error);

#endif
