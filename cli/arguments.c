/* Takes a command line apart by the command's own table of options.
 *
 * Options and words may stand in any order; "--name value" and "--name=value" are the same; after
 * "--" everything is a word. -d, --json and --help are known everywhere. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cli/command.h"

static const struct option_row common_rows[] = {
    {"json", NULL, "one JSON object (or one a line) on stdout"},
    {"help", NULL, "this text"},
    {NULL, NULL, NULL},
};

static const struct option_row *row_named(const struct option_row *rows, const char *name,
                                          size_t size)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (strlen(rows->name) == size && memcmp(rows->name, name, size) == 0)
            return rows;
    }
    return NULL;
}

static enum error_code keep_given(struct arguments *arguments, const struct option_row *row,
                                  const char *value, struct error *error)
{
    if (arguments->given_count == OPTIONS_GIVEN_MAX)
        return error_set(error, ERR_USAGE, row->name, "more than %d options on one command line",
                         OPTIONS_GIVEN_MAX);
    arguments->given[arguments->given_count++] = (struct option_given){row, value};
    return ERR_OK;
}

/* One "--name", "--name=value" or "--name value"; *used says how many arguments it took. */
static enum error_code take_option(const struct command *command, int left, char **values,
                                   struct arguments *arguments, int *used, struct error *error)
{
    const char *name = values[0] + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct option_row *row = row_named(command->options, name, size);
    if (row == NULL)
        row = row_named(common_rows, name, size);
    *used = 1;
    if (row == NULL) {
        error_set(error, ERR_USAGE, values[0], "%s has no such option", command->name);
        error_next(error, "`%s --help` lists them", arguments->path);
        return ERR_USAGE;
    }
    if (row->argument == NULL) {
        if (equals != NULL)
            return error_set(error, ERR_USAGE, values[0], "this option takes no value");
        return keep_given(arguments, row, NULL, error);
    }
    if (equals != NULL)
        return keep_given(arguments, row, equals + 1, error);
    if (left < 2)
        return error_set(error, ERR_USAGE, values[0], "its value (%s) is missing", row->argument);
    *used = 2;
    return keep_given(arguments, row, values[1], error);
}

static enum error_code check_words(const struct command *command, const struct arguments *arguments,
                                   struct error *error)
{
    size_t count = arguments->word_count;
    if (arguments->help || (count >= command->words_min && count <= command->words_max))
        return ERR_OK;
    error_set(error, ERR_USAGE, command->name, "%s: expected %s",
              count < command->words_min ? "something is missing" : "too many words",
              command->usage[0] != '\0' ? command->usage : "no further words");
    error_next(error, "`%s --help` explains it", arguments->path);
    return ERR_USAGE;
}

enum error_code arguments_parse(const struct command *command, int count, char **values,
                                struct arguments *arguments, struct error *error)
{
    const char **words = mem_alloc(((size_t)count + 1) * sizeof *words);
    bool only_words = false;
    arguments->words = words;
    for (int i = 1; i < count;) {
        int used = 1;
        if (only_words || strncmp(values[i], "-", 1) != 0 || values[i][1] == '\0') {
            words[arguments->word_count++] = values[i];
        } else if (strcmp(values[i], "--") == 0) {
            only_words = true;
        } else if (strcmp(values[i], "-d") == 0 && i + 1 < count) {
            arguments->directory = values[i + 1];
            used = 2;
        } else if (values[i][1] != '-') {
            return error_set(error, ERR_USAGE, values[i], "there is no such option");
        } else if (take_option(command, count - i, values + i, arguments, &used, error) != ERR_OK) {
            return ERR_USAGE;
        }
        i += used;
    }
    arguments->json = arguments->json || arguments_flag(arguments, "json");
    arguments->help = arguments->help || arguments_flag(arguments, "help");
    return check_words(command, arguments, error);
}

void arguments_free(struct arguments *arguments)
{
    free((void *)(uintptr_t)arguments->words);
    arguments->words = NULL;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    for (size_t i = arguments->given_count; i > 0; i--) {
        if (strcmp(arguments->given[i - 1].row->name, name) == 0)
            return arguments->given[i - 1].value;
    }
    return NULL;
}

bool arguments_flag(const struct arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->given_count; i++) {
        if (strcmp(arguments->given[i].row->name, name) == 0)
            return true;
    }
    return false;
}

enum error_code arguments_number(const struct arguments *arguments, const char *name, uint64_t min,
                                 uint64_t max, uint64_t *number, struct error *error)
{
    const char *value = arguments_value(arguments, name);
    if (value == NULL)
        return ERR_OK;
    char *end = NULL;
    errno = 0;
    unsigned long long read = strtoull(value, &end, 10);
    bool digits = value[0] >= '0' && value[0] <= '9' && *end == '\0';
    if (!digits || errno != 0 || read < min || read > max)
        return error_set(error, ERR_USAGE, name, "found '%s', expected a number from %llu to %llu",
                         value, (unsigned long long)min, (unsigned long long)max);
    *number = read;
    return ERR_OK;
}

enum error_code arguments_directory(const struct arguments *arguments, const char **directory,
                                    struct error *error)
{
    if (arguments->directory != NULL) {
        *directory = arguments->directory;
        return ERR_OK;
    }
    error_set(error, ERR_USAGE, "which node?", "no node directory was named");
    error_next(error, "say `terrace -d DIRECTORY ...`, or set TERRACE_DIR");
    return ERR_USAGE;
}
