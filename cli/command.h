/* A subcommand as a table row: its words, its options, its help, and the function that runs it.
 * Help is printed from these rows, so that what is understood and what is explained can't drift. */
#ifndef TERRACE_CLI_COMMAND_H
#define TERRACE_CLI_COMMAND_H

#include "base/error.h"

enum {
    OPTIONS_GIVEN_MAX = 64,    /* on one command line; --where may come often */
    WORDS_GIVEN_MAX = 1 << 13, /* seats of a large tree, named one by one */
};

/* One option. `argument` is its value's name in the help; NULL: a flag. A table ends with a row
 * without a name. */
struct option_row {
    const char *name; /* without the two dashes */
    const char *argument;
    const char *help;
};

struct option_given {
    const struct option_row *row;
    const char *value; /* NULL for a flag */
};

/* A command line taken apart. Texts are the process's own arguments. */
struct arguments {
    const char *path;      /* how the command is called, as in "terrace drill up" */
    const char *directory; /* -d or TERRACE_DIR; NULL: neither */
    bool json;
    bool help;
    const char *const *words; /* what is neither option nor command */
    size_t word_count;
    struct option_given given[OPTIONS_GIVEN_MAX];
    size_t given_count;
};

struct command {
    const char *name;
    const char *usage;   /* its words, as in "TYPE ID" */
    const char *summary; /* one line; NULL: the program's own, not for people */
    const char *detail;  /* further lines, NULL: none */
    size_t words_min, words_max;
    const struct option_row *options;         /* NULL: none */
    const struct command *const *subcommands; /* ends with NULL; NULL: none */
    /* Exit status. With error->code set, the caller prints the error and ends with its status. */
    int (*run)(const struct arguments *arguments, struct error *error);
};

/* Take argv[1..] apart after the command's name was found at argv[0]. ERR_USAGE with a sentence. */
enum error_code arguments_parse(const struct command *command, int count, char **values,
                                struct arguments *arguments, struct error *error);
void arguments_free(struct arguments *arguments);

/* The last value given for an option; NULL: not given. */
const char *arguments_value(const struct arguments *arguments, const char *name);
bool arguments_flag(const struct arguments *arguments, const char *name);
/* A whole number between min and max; `number` keeps what it was when the option isn't given. */
enum error_code arguments_number(const struct arguments *arguments, const char *name, uint64_t min,
                                 uint64_t max, uint64_t *number, struct error *error);
/* -d or TERRACE_DIR, or ERR_USAGE that says so. */
enum error_code arguments_directory(const struct arguments *arguments, const char **directory,
                                    struct error *error);

/* Help for one command; `path` is how it is called, as in "terrace drill up". */
void command_help(const struct command *command, const char *path);

/* Every command: one file each. */
extern const struct command command_init, command_join, command_request, command_key, command_run,
    command_put, command_set, command_erase, command_do, command_extend, command_add,
    command_delete, command_get, command_list, command_import, command_export, command_rollup,
    command_history, command_watch, command_conflicts, command_quarantine, command_status,
    command_doctor, command_verify, command_drill, command_sim, command_schema, command_topology,
    command_endorse, command_emergency, command_scrub_store, command_resolve, command_release,
    command_report, command_sql;

#endif
