/* Help for one command, from its row. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static void print_options(const struct option_row *rows)
{
    int width = 6;
    for (const struct option_row *row = rows; row != NULL && row->name != NULL; row++) {
        size_t size = strlen(row->name) + (row->argument == NULL ? 0 : 1 + strlen(row->argument));
        width = (int)size > width ? (int)size : width;
    }
    printf("options:\n");
    for (const struct option_row *row = rows; row != NULL && row->name != NULL; row++) {
        int used = printf("  --%s%s%s", row->name, row->argument == NULL ? "" : " ",
                          row->argument == NULL ? "" : row->argument);
        printf("%*s  %s\n", width + 4 - used, "", row->help);
    }
    printf("  --%-*s  %s\n", width, "json", "one JSON object (or one a line) on stdout");
    printf("  --%-*s  %s\n", width, "help", "this text");
}

void command_help(const struct command *command, const char *path)
{
    if (command->subcommands != NULL) {
        printf("usage: %s SUBCOMMAND ...\n\n%s\n\n", path, command->summary);
        int width = 0;
        for (const struct command *const *row = command->subcommands; *row != NULL; row++)
            width = (int)strlen((*row)->name) > width ? (int)strlen((*row)->name) : width;
        for (const struct command *const *row = command->subcommands; *row != NULL; row++)
            printf("  %-*s %s\n", width, (*row)->name, (*row)->summary);
        printf("\n`%s SUBCOMMAND --help` explains one.\n", path);
        return;
    }
    printf("usage: %s%s%s%s\n\n%s\n", path, command->options != NULL ? " [OPTIONS]" : "",
           command->usage[0] != '\0' ? " " : "", command->usage, command->summary);
    if (command->detail != NULL)
        printf("\n%s\n", command->detail);
    printf("\n");
    print_options(command->options);
}
