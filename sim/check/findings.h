/* What the checkers found: a line each, counted by kind. */
#ifndef TERRACE_SIM_FINDINGS_H
#define TERRACE_SIM_FINDINGS_H

#include "base/span.h"

/* X(name, what it breaks) */
#define FINDING_LIST(X)                                                                            \
    X(LOST, "I1: an acknowledged write is not where it must be")                                   \
    X(EARLY, "I1: something was said before it was on disk")                                       \
    X(UNANSWERED, "I2: a local write was not answered in its batch")                               \
    X(DIVERGED, "I3: the same operations, other bytes")                                            \
    X(INVENTED, "I4: something that nobody wrote")                                                 \
    X(UNNOTICED, "I4: something bad was not refused and counted")                                  \
    X(ACCUSED, "I4: something good was refused and counted as bad")                                \
    X(LEAKED, "I5: outside its circle")                                                            \
    X(REUSED, "I6: a sequence number or a name used twice")                                        \
    X(BACK, "I6: a document or a note was followed by an older one")                               \
    X(CLAIMED, "I7: more was said of another than is so")                                          \
    X(UNBOUNDED, "I8: beyond a stated bound")                                                      \
    X(TOTAL, "I7: a total or its completeness is wrong")                                           \
    X(WRONG, "the state is not what the rules make of the operations")                             \
    X(WAITING, "something still waits for what is here, or never comes")                           \
    X(UNTOLD, "a watch tells a change twice or never")                                             \
    X(DAMAGED, "a store can't be read or verified")                                                \
    X(EXPECTED, "what the scenario expects beside the invariants doesn't hold")
enum finding {
#define X(name, text) FINDING_##name,
    FINDING_LIST(X)
#undef X
        FINDING_COUNT
};
const char *finding_name(enum finding finding);
const char *finding_meaning(enum finding finding);

enum { FINDINGS_TEXT_MAX = 16 << 10 }; /* further ones are counted, not told */

struct findings {
    size_t counts[FINDING_COUNT];
    size_t count;
    struct buffer text; /* lines; starts with the kind */
};
void findings_clear(struct findings *findings); /* frees the text */
void findings_add(struct findings *findings, enum finding kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
