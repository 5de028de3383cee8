/* Running the program itself in tests: a command, its exit status, what it printed. cmocka's
 * headers must come first. */
#ifndef TERRACE_TESTS_RUN_TERRACE_H
#define TERRACE_TESTS_RUN_TERRACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Where the program is (the test's first argument), and a directory of the test's own, whose name
 * has a space and a Chinese character. */
void terrace_use(const char *program);
const char *terrace_place(void);
/* Remove it. To be called at the end, when nothing runs in it any more. */
void terrace_leave(void);

/* Runs `terrace WORDS...`; the list ends with NULL. Answers the exit status, 128 + signal for a
 * death. What it printed stays until the next run. */
int terrace_run(const char *word, ...) __attribute__((sentinel));
/* The next run reads this file as its stdin; all others nothing. */
void terrace_reads(const char *path);
const char *terrace_output(void); /* stdout */
const char *terrace_errors(void); /* stderr */
/* stdout as the one JSON object that it must be; the test fails otherwise. Freed by the next run.
 */
const json_t *terrace_json(void);
/* A number of that object; fails when it isn't there. */
long long terrace_number(const char *key);

/* PLACE/NAME; stays valid. */
const char *terrace_path(const char *name);
/* Writes a file of the test's own; gives its path. */
const char *terrace_file(const char *name, const char *text);

/* A drill that exists; a test that fails leaves it to this to end it. */
void terrace_drill_begin(const char *directory);
int terrace_drill_end(void **state); /* kills what still runs; for cmocka's teardown */

#endif
