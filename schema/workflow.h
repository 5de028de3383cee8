/* A type's workflow as data: states, and the steps (transitions) between them. From the type's row
 * -1 (formats.md 12). Numbers are permanent; a step's `from` and `to` are for life, so that the
 * fold, which looks back over years, never asks which version an entry named. */
#ifndef TERRACE_SCHEMA_WORKFLOW_H
#define TERRACE_SCHEMA_WORKFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a type, a field, a state or a step is called in a language, and a sentence on it. */
struct type_label {
    const char *language; /* "en", "zh" */
    const char *text;
    const char *help; /* NULL: none */
};
struct type_labels {
    struct type_label *at;
    size_t count;
};

enum {
    WORKFLOW_STATES_MAX = 63, /* their numbers, too: a set of them is 64 bits */
    WORKFLOW_TRANSITIONS_MAX = 128,
    WORKFLOW_WHO_MAX = 16,
    WORKFLOW_NUMBER_MAX = 65535,
    WORKFLOW_WITHIN_MAX = 10000,
};

enum within_unit { WITHIN_HOURS, WITHIN_DAYS, WITHIN_WORKING_DAYS, WITHIN_UNIT_COUNT };

/* Whom an overdue state is put before. */
enum rise_rule { RISE_NONE, RISE_TIER, RISE_ROOT, RISE_COUNT };

/* By which seats a step extends the record's circle. */
enum step_extend {
    STEP_EXTENDS_NOBODY,
    STEP_EXTENDS_UP, /* the parent of the highest seat that holds the record on its origin's path */
    STEP_EXTENDS_NAMED, /* a seat given with the step */
    STEP_EXTENDS_ROOT,
    STEP_EXTEND_COUNT
};

/* Who may take a step: any of these roles, 0: none of them is asked for. */
enum { ROLE_ORIGIN = 1, ROLE_ADDRESSEE = 2, ROLE_MEMBER = 4, ROLE_ABOVE = 8, ROLE_ALL = 15 };

struct workflow_state {
    uint16_t number; /* 1.. */
    const char *name;
    bool initial;    /* exactly one is: a record's state before its first step */
    bool closed;     /* a record in it is closed */
    bool ended;      /* no step of this version leads to it any more */
    uint16_t within; /* 0: no limit of time */
    enum within_unit unit;
    enum rise_rule rise; /* when it is overdue */
    uint32_t grace_hours;
    struct type_labels labels;
};

/* A tier by its name in the root document. */
enum { TIER_ANY = -1, TIER_UNKNOWN = -2 };
struct tier_name {
    const char *name; /* NULL: any */
    int16_t tier;     /* as schema_resolve_tiers found it; TIER_ANY, TIER_UNKNOWN: nobody of it */
};

struct step_who {
    struct tier_name tier;
    uint8_t roles;
};

/* Items of a list field by authors of a tier beyond `most` are surplus: flagged, never refused. */
struct step_limit {
    struct tier_name tier;
    int32_t field;
    uint32_t most;
};

struct transition {
    uint16_t number; /* 1.. */
    const char *name;
    uint16_t *from; /* state numbers, ascending; at least one */
    size_t from_count;
    uint16_t to;
    struct step_who *who; /* none: any member */
    size_t who_count;
    int32_t *required; /* field numbers, ascending */
    size_t required_count;
    enum step_extend extend;
    bool extend_companion; /* the companion's circle too */
    bool ended;            /* not in this version any more: may not be taken, means what it meant */
    struct step_limit *limits;
    size_t limit_count;
    struct type_labels labels;
};

struct workflow {
    int32_t field; /* an enum whose choices are the states' names; derived, in no body */
    struct workflow_state *states; /* ascending by number */
    size_t state_count;
    struct transition *transitions; /* ascending by number */
    size_t transition_count;
};

const struct workflow_state *workflow_state(const struct workflow *workflow, uint16_t number);
const struct workflow_state *workflow_initial(const struct workflow *workflow);
const struct transition *workflow_transition(const struct workflow *workflow, uint16_t number);
/* The states that it leaves as a set, a bit each; bit 0: no step was taken yet, which is the
 * initial state. */
uint64_t workflow_leaves(const struct workflow *workflow, const struct transition *transition);

#endif
