/* Work in a process of its own: what asserts, runs into a sanitizer or never ends takes nobody with
 * it, and what it had said by then is known. */
#ifndef TERRACE_SIM_CHILD_H
#define TERRACE_SIM_CHILD_H

#include "base/span.h"

enum child_end_kind {
    CHILD_DONE,    /* the work came to its end */
    CHILD_CRASHED, /* a signal, or an end before that */
    CHILD_LATE,    /* its processor time was over */
};

struct child_end {
    enum child_end_kind kind;
    int signal;          /* that ended it; 0: none */
    struct buffer said;  /* what the work put into its buffer; empty unless DONE */
    struct buffer lines; /* the last lines that it wrote to its standard error */
};

/* Runs `work` in a child and waits for it. `cpu_s_max`: seconds of processor time, 0: no bound.
 * False: no child could be made. Clear with child_end_clear. */
bool child_run(void (*work)(void *context, struct buffer *said), void *context, unsigned cpu_s_max,
               struct child_end *end);
void child_end_clear(struct child_end *end);

#endif
