/* terrace put TYPE FIELD=VALUE...: a new record. */
#include "cli/record.h"

static const struct option_row options[] = {
    {"to", "SEAT", "the seat that it is made for, of a type like matter"},
    {"request", "TEXT", "the same text again gives the same record, never a second one"},
    {NULL, NULL, NULL},
};

static int run(const struct arguments *arguments, struct error *error)
{
    const char *request = arguments_value(arguments, "request");
    const char *to = arguments_value(arguments, "to");
    struct buffer args = {0};
    int status = EXIT_USAGE;
    mp_write_map(&args, 2U + (request != NULL) + (to != NULL));
    args_text(&args, "type", arguments->words[0]);
    if (request != NULL)
        args_text(&args, "request", request);
    if (to != NULL)
        args_text(&args, "to", to);
    if (args_pairs(&args, "fields", arguments->words + 1, arguments->word_count - 1, error) ==
        ERR_OK)
        status = write_when_known(arguments, "put", &args, error);
    buffer_free(&args);
    return status;
}

const struct command command_put = {
    .name = "put",
    .usage = "TYPE FIELD=VALUE...",
    .summary = "a new record; prints its id once it is safe on the disk",
    .detail = "The first word of the line is the new id. A record of mediation, incident or\n"
              "directive can be made with title= alone. A matter is made for one seat and is held\n"
              "by the seats on the way to it alone: terrace put matter --to 433127001 title=...",
    .words_min = 2,
    .words_max = WORDS_GIVEN_MAX,
    .options = options,
    .run = run,
};
