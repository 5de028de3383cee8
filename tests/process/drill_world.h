/* What tests of whole drills share: bringing one up, loading it, checking it, waiting for what
 * comes, commands in the background, and a node on its own. cmocka's headers must come first. */
#ifndef TERRACE_TESTS_DRILL_WORLD_H
#define TERRACE_TESTS_DRILL_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A county, two townships, a village below each: C, T1, T2, V1, V2. */
extern const char tree_of_five[];

/* A drill of this table, up; gives its directory. The table's file is NAME.csv. */
const char *drill_up(const char *name, const char *table);
/* `at` NULL: at all seats. */
void drill_load(const char *directory, const char *records, const char *at);
/* All are level with each other, all is well, and the root counts so many records; `acknowledged`
 * of them by drill's load. The answer stays in terrace_json. */
void drill_holds(const char *directory, long long acknowledged, long long total);
/* One act on one seat: cut, heal, kill, start. */
void drill_act(const char *directory, const char *act, const char *seat);
void drill_down(const char *directory);

/* Asks until `holds` says true of this context, and fails the test after UNTIL_MS, naming what it
 * waited for. `holds` may itself fail the test, when it sees that it never will. */
enum { UNTIL_MS = 180 * 1000 };
void until(bool (*holds)(const void *context), const void *context, const char *what);

/* DIRECTORY/SEAT, in one of a few buffers that are used in turn. */
const char *drill_node(const char *directory, const char *seat);
/* A new record of this title at this node; gives its id, good until the next call. */
const char *node_put(const char *node, const char *type, const char *title);
/* Whether the node holds it. */
bool node_has(const char *node, const char *type, const char *id);
/* Waits until it does. */
void node_gets(const char *node, const char *type, const char *id);
/* A whole number in a node's status, by a path of keys: "refused.forged". */
long long status_number(const char *node, const char *path);
/* Wait until it is at least, or at most, so much. */
void status_reaches(const char *node, const char *path, long long least);
void status_falls(const char *node, const char *path, long long most);
/* A machine that has just joined below T1 of a tree of five: it runs, its parent has one more link,
 * what it writes comes to the county; then it stops. */
void newcomer_works(const char *drill, const char *directory);
/* The process that the node's lock names; 0: none does. */
pid_t node_process(const char *node);
/* The node's epoch: its ordinal. */
long long node_epoch(const char *node);

/* A program of the system's, found by PATH: cp, mv, rm. Must succeed. */
void tool(const char *word, ...) __attribute__((sentinel));
/* The program itself in the background; what it prints is lost. */
pid_t background(const char *word, ...) __attribute__((sentinel));
/* Its exit status, 128 + signal for a death. */
int background_wait(pid_t pid);
/* The same after SIGTERM. */
int background_stop(pid_t pid);
/* Whether it still runs. */
bool background_runs(pid_t pid);

/* The program that the background runs: main gives it to both this and terrace_use. */
void background_use(const char *program);

#endif
