/* What `terrace doctor` finds: parts of one command. */
#ifndef TERRACE_CLI_DOCTOR_H
#define TERRACE_CLI_DOCTOR_H

#include <jansson.h>

#include "base/error.h"

/* Findings, each what is wrong, why, and what to do; a note is worth knowing and nothing is wrong.
 */
struct doctor {
    json_t *findings; /* [{"level":, "what":, "why":, "next":}], owned by the command */
    size_t problem_count;
};
void doctor_problem(struct doctor *doctor, const char *what, const char *why, const char *next);
void doctor_note(struct doctor *doctor, const char *what, const char *why, const char *next);
void doctor_error(struct doctor *doctor, const struct error *error);

/* The node's directory, whether it runs or not. */
void doctor_files(struct doctor *doctor, const char *directory, bool *running);
/* What the running node says of itself. */
void doctor_status(struct doctor *doctor, const json_t *status);

#endif
