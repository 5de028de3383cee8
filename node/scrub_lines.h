/* What the children of scrub_run say on their standard output; shared by their files. */
#ifndef TERRACE_NODE_SCRUB_LINES_H
#define TERRACE_NODE_SCRUB_LINES_H

#include "node/scrub.h"

/* Limits and priority of a child, and its end when its parent ends. */
void scrub_child_begin(void);
/* Whose store it is, from DIR's configuration and keys. */
enum error_code scrub_child_options(const char *dir, struct verify_options *options,
                                    struct error *error);

void scrub_say_place(const char *place, uint64_t rows);
void scrub_say_finding(const char *table, const char *key, const char *what);
/* Each the child's last word; answers its exit status. */
int scrub_say_error(const struct error *error);
int scrub_say_end(const struct verify_counts *counts);

#endif
