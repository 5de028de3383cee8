/* The naive answer to what `written` comes to, to compare the fold with. */
#ifndef TERRACE_TESTS_RECORD_NAIVE_H
#define TERRACE_TESTS_RECORD_NAIVE_H

#include "tests/unit/record_desk.h"

/* As in_words says it; until the next call. */
const char *naive_words(void);
bool naive_deleted(void);
/* Was the record deleted in what this operation had seen? */
bool naive_deleted_as_seen(const struct event *event);
/* The state that transitions come to, of all or of what `seen_by` saw; whether one is void. */
uint8_t naive_state(const struct event *seen_by);
bool naive_void(const struct event *event);

#endif
