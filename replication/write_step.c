/* `do`: a step of a record's workflow, refused here in words where it would be excluded elsewhere.
 * A step that extends the circle is two operations in one transaction: should the step turn out
 * void, the extension stands (rules.md A12). */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/planted.h"
#include "replication/carry.h"
#include "replication/transitions.h"
#include "schema/extension.h"

static enum error_code refuse_state(const struct step_making *making, struct error *error)
{
    char what[160], from[200];
    const struct workflow *workflow = making->type->workflow;
    const struct workflow_state *state = record_workflow_state(making->record, making->type);
    snprintf(what, sizeof what, "the step \"%s\" of %s", making->transition->name,
             making->type->name);
    transition_from_text(workflow, making->transition, from, sizeof from);
    error_set(error, ERR_INVALID, what, "the record is %s, and the step leads from %s",
              state == NULL ? "in an unknown state" : state->name, from);
    error_next(error, "`terrace get %s ID` shows the steps that are possible now",
               making->type->name);
    return ERR_INVALID;
}

static enum error_code refuse_who(const struct step_making *making, struct error *error)
{
    char what[160], who[300];
    snprintf(what, sizeof what, "the step \"%s\" of %s", making->transition->name,
             making->type->name);
    transition_who_text(making->transition, who, sizeof who);
    error_set(error, ERR_NOT_ALLOWED, what, "this seat may not take it, only %s", who);
    error_next(error, "ask there; `terrace get %s ID` shows what is possible here",
               making->type->name);
    return ERR_NOT_ALLOWED;
}

/* By whom the step extends the circle; empty: by nobody who isn't in it. */
static enum error_code find_joining(const struct step *step, struct step_making *making,
                                    struct span to, struct span reason, struct error *error)
{
    char what[160];
    const struct seat *seat = NULL;
    enum step_extend extend = making->transition->extend;
    snprintf(what, sizeof what, "the step \"%s\" of %s", making->transition->name,
             making->type->name);
    if ((extend == STEP_EXTENDS_NAMED) != (to.size > 0)) {
        bool wants = extend == STEP_EXTENDS_NAMED;
        error_set(error, ERR_INVALID, what,
                  wants ? "it hands the record to a seat, and `to` names none"
                        : "it hands the record to no seat of one's choice");
        error_next(error, "`terrace do %s %s ID%s`", making->transition->name, making->type->name,
                   wants ? " --to SEAT" : "");
        return ERR_INVALID;
    }
    if (reason.size > EXTEND_REASON_BYTES_MAX || !utf8_writable(reason) ||
        (reason.size > 0 && extend == STEP_EXTENDS_NOBODY))
        return error_set(error, ERR_INVALID, what,
                         "a reason is a text of at most %d bytes, with a step that hands on",
                         EXTEND_REASON_BYTES_MAX);
    making->joins = to;
    if (extend == STEP_EXTENDS_UP)
        seat = circle_next_above(step->replica->tree, making->circle);
    else if (extend == STEP_EXTENDS_ROOT)
        seat = tree_root_seat(step->replica->tree);
    if (seat != NULL)
        making->joins = span_of_text(seat->row.seat);
    making->hands_to = making->joins;
    for (size_t i = 0; i < making->circle->count; i++) {
        if (span_equal(making->joins, span_of_text(making->circle->seats[i])))
            making->joins = SPAN_EMPTY;
    }
    return ERR_OK;
}

enum error_code step_make(const struct step *step, struct step_making *making,
                          const struct event *event, struct buffer *body, struct error *error)
{
    static const uint8_t nothing[] = {0x80};
    const struct author *self = tree_author(step->replica->tree, step->replica->self.author);
    struct span fields = event->write.fields;
    making->transition = workflow_find(making->type, event->write.transition, error);
    if (making->transition == NULL)
        return ERR_INVALID;
    assert(self != NULL); /* the seat is this node's */
    uint8_t roles = transition_roles(making->circle, making->type,
                                     record_creation(making->record, making->id), self);
    if (!transition_allows(making->transition, self->rank, roles))
        return refuse_who(making, error);
    if (!transition_leaves(making->type->workflow, making->transition,
                           record_state_number(making->record)) &&
        !PLANTED(FROM_UNCHECKED))
        return refuse_state(making, error);
    enum error_code code = find_joining(step, making, event->write.to, event->write.reason, error);
    if (code != ERR_OK)
        return code;
    return schema_encode_step(making->type, making->transition,
                              fields.size == 0 ? SPAN_OF_ARRAY(nothing) : fields, body, error);
}
