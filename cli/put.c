/* terrace put TYPE FIELD=VALUE...: a new record. */
#include "cli/record.h"

static const struct option_row options[] = {
    {"request", "TEXT", "the same text again gives the same record, never a second one"},
    {NULL, NULL, NULL},
};

static int run(const struct arguments *arguments, struct error *error)
{
    const char *request = arguments_value(arguments, "request");
    struct buffer args = {0};
    int status = EXIT_USAGE;
    mp_write_map(&args, request == NULL ? 2 : 3);
    args_text(&args, "type", arguments->words[0]);
    if (request != NULL)
        args_text(&args, "request", request);
    if (args_pairs(&args, "fields", arguments->words + 1, arguments->word_count - 1, error) ==
        ERR_OK)
        status = finish_write(arguments, "put", arguments->words[0], &args, error);
    buffer_free(&args);
    return status;
}

const struct command command_put = {
    .name = "put",
    .usage = "TYPE FIELD=VALUE...",
    .summary = "a new record; prints its id once it is safe on the disk",
    .detail = "The first word of the line is the new id. A record of mediation, incident or\n"
              "directive can be made with title= alone.",
    .words_min = 2,
    .words_max = WORDS_GIVEN_MAX,
    .options = options,
    .run = run,
};
