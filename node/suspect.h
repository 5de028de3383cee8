/* Two marks in a node's directory that outlive the process:
 *
 *     DIR/running   a process serves it, or ended without a clean stop: the store is checked in the
 *                   background while the node serves
 *     DIR/suspect   the disk answered with an error, the process died of what it read, or a check
 * found damage: the store is checked, and repaired, before it is served */
#ifndef TERRACE_NODE_SUSPECT_H
#define TERRACE_NODE_SUSPECT_H

#include <stdbool.h>

enum { SUSPECT_WHY_BYTES = 128 };

/* Why the store must be checked first. False: no mark. */
bool suspect_read(const char *dir, char why[static SUSPECT_WHY_BYTES]);
void suspect_mark(const char *dir, const char *why); /* the first reason stays */
void suspect_clear(const char *dir);

/* From here on a death by SIGSEGV, SIGBUS or SIGABRT leaves the mark; true: the last process that
 * served here left no clean stop behind. One directory a process. */
bool suspect_begin(const char *dir);
/* Marks the directory of suspect_begin; from any thread and from signal handlers. */
void suspect_now(const char *why);
/* A clean stop. */
void suspect_end(void);

#endif
