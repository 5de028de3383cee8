/* What a county does, drawn from a seed: matters of all its types, and what becomes of each.
 *
 *     seed, seat -> matters (a type, an origin)    matter -> script: acts, each by one seat
 *         mediation   put, attempt, attempt, escalate | attempt_township, settle
 *                     at the village                    at its township
 *
 * An act follows when the one before it has been acknowledged and has come to where it is done. So
 * nothing in a script is written at the same time as anything else of it, and what the record comes
 * to is known beforehand: that is what `drill check` is told. */
#ifndef TERRACE_CLI_DRILL_PROFILE_H
#define TERRACE_CLI_DRILL_PROFILE_H

#include <jansson.h>

#include "cli/drill/drill.h"

enum profile_kind { PROFILE_DAY, PROFILE_WEEK_OFFLINE, PROFILE_YEAR, PROFILE_COUNT };
const char *profile_name(enum profile_kind kind); /* "county-day", ... */
/* PROFILE_COUNT: there is none of that name. */
enum profile_kind profile_named(const char *name);

enum script_verb {
    SCRIPT_PUT,
    SCRIPT_SET,
    SCRIPT_DO,
    SCRIPT_RECEIPT /* a record of its own, by who has got this one */
};

struct script_act {
    enum script_verb verb;
    size_t seat;       /* who does it */
    const char *step;  /* DO */
    const char *state; /* what the record is in afterwards; NULL: its type has no states */
    json_t *fields;    /* an object, as they are shown afterwards; owned by the script */
    size_t to;         /* the seat that it is for, or handed to; DRILL_NO_SEAT */
    size_t joins;      /* who holds the record from then on; DRILL_NO_SEAT: nobody more */
};

enum { SCRIPT_ACTS_MAX = 24 };
struct script {
    const char *type;
    struct script_act acts[SCRIPT_ACTS_MAX]; /* the first is a PUT by the origin */
    size_t count;
};

struct matter {
    uint64_t seed;
    uint32_t origin;
    uint16_t kind; /* which of the profile's matters */
};

struct profile {
    const struct drill *drill;
    const struct schema *schema;
    enum profile_kind kind;
    uint64_t seed, now_ms;
};

/* The matters of these seats (a flag each), in the order of the seats: as many as their kind of
 * seat has in the profile's time, or in all `records` if that isn't 0. Types that the schema
 * lacks, or has otherwise than the county's, are left out. NULL with `error` when there is nothing
 * to do. The caller frees. */
struct matter *profile_plan(const struct profile *profile, const bool *chosen, uint64_t records,
                            size_t *count, struct error *error);
/* The same matter has the same script. The caller frees with script_clear. */
void profile_script(const struct profile *profile, const struct matter *matter,
                    struct script *script);
void script_clear(struct script *script);
/* A receipt's fields, given the record that it is for. The caller owns it. */
json_t *profile_receipt(const struct profile *profile, const struct script_act *act,
                        const char *record);

#endif
