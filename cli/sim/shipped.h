/* Scenarios from a file or from the program itself. */
#ifndef TERRACE_CLI_SIM_SHIPPED_H
#define TERRACE_CLI_SIM_SHIPPED_H

#include "cli/command.h"
#include "sim/scenario/scenario.h"

struct shipped_file {
    const char *name; /* as in "half-open-8h.yaml"; the last row has none */
    const unsigned char *bytes;
    size_t size;
};
extern const struct shipped_file shipped_files[];

/* A file of this path, or the shipped scenario of this name. NULL with an error that says where
 * and what next. The caller frees with scenario_free. */
struct scenario *scenario_open(const char *word, struct error *error);
/* The same, changed as every --set of the command line says (scenario_set). */
struct scenario *scenario_open_set(const char *word, const struct arguments *arguments,
                                   struct error *error);

#endif
