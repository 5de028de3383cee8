#include "sim/check/model_case.h"

#include <string.h>

enum { OPEN, ACCEPTED = 2, DISPATCHED, CLOSED, REJECTED, CASE_STATES };
enum { HANDED = 2, VISIT_STATES };
#define FROM(state) (1u << (state))

static const struct model_step case_steps[] = {
    {"accept", 1, FROM(OPEN), ACCEPTED, 0, false},
    {"dispatch", 2, FROM(ACCEPTED), DISPATCHED, 0, false},
    {"close", 4, FROM(ACCEPTED), CLOSED, MODEL_S, false},
    {"reject", 5, FROM(ACCEPTED), REJECTED, 0, false},
    {"attempt", 6, FROM(OPEN) | FROM(ACCEPTED), ACCEPTED, MODEL_NOTES, false},
    {"hand", 3, FROM(ACCEPTED), DISPATCHED, 0, true},
};
static const struct model_step visit_steps[] = {
    {"hand", 1, FROM(OPEN) | FROM(HANDED), HANDED, 0, true},
};

static const struct model_step *steps_of(enum model_type type, size_t *count)
{
    *count = type == MODEL_CASE    ? sizeof case_steps / sizeof *case_steps
             : type == MODEL_VISIT ? sizeof visit_steps / sizeof *visit_steps
                                   : 0;
    return type == MODEL_VISIT ? visit_steps : case_steps;
}

const struct model_step *model_step_at(size_t index)
{
    return &case_steps[index];
}

const struct model_step *model_step_of(enum model_type type, int64_t number)
{
    size_t count;
    const struct model_step *steps = steps_of(type, &count);
    for (size_t i = 0; i < count; i++) {
        if (steps[i].number == number)
            return &steps[i];
    }
    return NULL;
}

const struct model_step *model_step_named(enum model_type type, const char *name)
{
    size_t count;
    const struct model_step *steps = steps_of(type, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(steps[i].name, name) == 0)
            return &steps[i];
    }
    return NULL;
}

const char *model_state_name(enum model_type type, unsigned state)
{
    static const char *const names[CASE_STATES] = {"open",       "open",   "accepted",
                                                   "dispatched", "closed", "rejected"};
    static const char *const visit_names[VISIT_STATES] = {"open", "open", "handed"};
    return type == MODEL_VISIT ? visit_names[state] : names[state];
}

bool model_has_steps(enum model_type type)
{
    return type == MODEL_CASE || type == MODEL_VISIT;
}

static const struct model_step *step_of(enum model_type type, const struct model_op *op)
{
    for (size_t i = 0; i < op->value_count; i++) {
        if (op->values[i].field == FIELD_TRANSITION)
            return model_step_of(type, op->values[i].number);
    }
    return NULL;
}

unsigned model_walk(enum model_type type, const struct model_op *const *order, size_t count,
                    bool *is_void)
{
    unsigned state = OPEN;
    for (size_t i = 0; i < count; i++) {
        const struct model_step *step = step_of(type, order[i]);
        is_void[i] = step != NULL && (step->from & FROM(state)) == 0;
        if (step != NULL && !is_void[i])
            state = step->to;
    }
    return state;
}
