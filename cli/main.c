/* terrace: one binary, a table of subcommands.
 *
 *     terrace [-d NODE_DIR] [--json] COMMAND ...
 *
 * Exit status: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 not running or not reachable,
 * 5 not finished in the time given. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "cli/command.h"
#include "cli/print.h"

static const struct command *const commands[] = {
    &command_init,      &command_join,        &command_request, &command_key,      &command_run,
    &command_put,       &command_set,         &command_extend,  &command_do,       &command_add,
    &command_delete,    &command_erase,       &command_get,     &command_list,     &command_import,
    &command_export,    &command_rollup,      &command_report,  &command_history,  &command_watch,
    &command_conflicts, &command_quarantine,  &command_status,  &command_doctor,   &command_verify,
    &command_drill,     &command_sim,         &command_schema,  &command_topology, &command_endorse,
    &command_emergency, &command_scrub_store, &command_resolve, &command_release,  &command_sql,
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(void)
{
    printf("terrace %s - a store for organisations built as a tree\n\n"
           "usage: terrace [-d NODE_DIR] [--json] COMMAND ...\n\n",
           TERRACE_VERSION);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i]->summary != NULL)
            printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    printf("\nto begin a tree:  key new, init, topology new, topology sign, topology publish,\n"
           "                  topology pack, join, run (docs/administer.md has each step as it is "
           "typed)\n"
           "to join one:      join TOKEN, run; the seat above makes the token: topology invite "
           "SEAT\n");
    printf("\n  -d NODE_DIR   the node's directory; also from TERRACE_DIR\n"
           "  --json        one JSON object (or one a line) on stdout\n"
           "  --help        this text; after a command, that command's\n"
           "  --version     the version\n\n"
           "exit status: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 the node is not running or\n"
           "can't be reached, 5 not finished in the time given\n");
}

static const struct command *command_named(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static const struct command *subcommand_named(const struct command *command, const char *name)
{
    for (const struct command *const *row = command->subcommands; *row != NULL; row++) {
        if (strcmp((*row)->name, name) == 0)
            return *row;
    }
    return NULL;
}

static int finish(int status, const struct error *error, bool json)
{
    if (error->code != ERR_OK) {
        print_failure(error, json);
        status = (int)error_exit_status(error->code);
    }
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && status == EXIT_DONE) {
        print_note("the answer could not be written to the standard output");
        status = EXIT_FAILED;
    }
    return status;
}

/* The command at values[0] has been found; what follows is its own. */
static int run_command(const struct command *command, const char *path, int count, char **values,
                       struct arguments *arguments, struct error *error)
{
    int status = EXIT_USAGE;
    arguments->path = path;
    if (arguments_parse(command, count, values, arguments, error) == ERR_OK) {
        if (arguments->help) {
            command_help(command, path);
            status = EXIT_DONE;
        } else {
            status = command->run(arguments, error);
        }
    }
    arguments_free(arguments);
    return finish(status, error, arguments->json);
}

static int run_family(const struct command *command, int count, char **values,
                      struct arguments *arguments, struct error *error)
{
    char path[64];
    if (count < 2 || strcmp(values[1], "--help") == 0) {
        snprintf(path, sizeof path, "terrace %s", command->name);
        command_help(command, path);
        return finish(count < 2 ? EXIT_USAGE : EXIT_DONE, error, false);
    }
    const struct command *row = subcommand_named(command, values[1]);
    if (row == NULL) {
        error_set(error, ERR_USAGE, values[1], "%s has no such subcommand", command->name);
        error_next(error, "`terrace %s --help` lists them", command->name);
        return finish(EXIT_USAGE, error, arguments->json);
    }
    snprintf(path, sizeof path, "terrace %s %s", command->name, row->name);
    return run_command(row, path, count - 1, values + 1, arguments, error);
}

static int unknown_command(const char *name, struct error *error, bool json)
{
    error_set(error, ERR_USAGE, name, "there is no such command");
    error_next(error, "`terrace --help` lists them");
    return finish(EXIT_USAGE, error, json);
}

/* What stands before the command; gives the index of the command, or 0 with the exit status. */
static int read_leading(int count, char **values, struct arguments *arguments, int *status,
                        struct error *error)
{
    int i = 1;
    for (; i < count && values[i][0] == '-'; i++) {
        if (strcmp(values[i], "--json") == 0) {
            arguments->json = true;
        } else if (strcmp(values[i], "-d") == 0 && i + 1 < count) {
            arguments->directory = values[++i];
        } else if (strcmp(values[i], "--version") == 0) {
            printf("terrace %s\n", TERRACE_VERSION);
            *status = finish(EXIT_DONE, error, false);
            return 0;
        } else if (strcmp(values[i], "--help") == 0) {
            print_help();
            *status = finish(EXIT_DONE, error, false);
            return 0;
        } else {
            *status = unknown_command(values[i], error, arguments->json);
            return 0;
        }
    }
    if (i < count)
        return i;
    print_help();
    *status = finish(EXIT_USAGE, error, false);
    return 0;
}

int main(int count, char **values)
{
    struct arguments arguments = {.directory = getenv("TERRACE_DIR")};
    struct error error = {0};
    int status = EXIT_FAILED;
    print_start();
    if (!crypto_start()) {
        print_note("the cryptographic library can't be used on this machine");
        return EXIT_FAILED;
    }
    int at = read_leading(count, values, &arguments, &status, &error);
    if (at == 0)
        return status;
    const struct command *command = command_named(values[at]);
    if (command == NULL)
        return unknown_command(values[at], &error, arguments.json);
    if (command->subcommands != NULL)
        return run_family(command, count - at, values + at, &arguments, &error);
    char path[64];
    snprintf(path, sizeof path, "terrace %s", command->name);
    return run_command(command, path, count - at, values + at, &arguments, &error);
}
