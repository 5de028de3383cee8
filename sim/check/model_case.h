/* The workflows of the simulated county's types (sim/world/county_types.c), as tables of their own:
 * what is asked for, and what it must come to. */
#ifndef TERRACE_SIM_MODEL_CASE_H
#define TERRACE_SIM_MODEL_CASE_H

#include "sim/check/model.h"

struct model_step {
    const char *name;
    int64_t number;
    unsigned from;  /* a bit each by state; 1 << 0 is the state that nobody wrote */
    unsigned to;    /* a state */
    int32_t wanted; /* the field that it must say; 0: none */
    bool hands;     /* the record to a seat that is named with it */
};

/* Of a case the first so many; the last one hands on. */
enum { MODEL_STEPS = 5, MODEL_NOTES_MOST = 3 };
const struct model_step *model_step_at(size_t index);
/* NULL: the type has none of this number, of this name. */
const struct model_step *model_step_of(enum model_type type, int64_t number);
const struct model_step *model_step_named(enum model_type type, const char *name);
const char *model_state_name(enum model_type type, unsigned state);
bool model_has_steps(enum model_type type);

/* Of operations in canonical order: which are void, and the state they lead to. */
unsigned model_walk(enum model_type type, const struct model_op *const *order, size_t count,
                    bool *is_void);

#endif
