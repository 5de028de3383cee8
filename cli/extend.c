/* terrace extend TYPE ID SEAT...: let others hold a record too, with all that was written to it. */
#include "cli/record.h"

static const struct option_row options[] = {
    {"reason", "TEXT", "why, for whoever reads the record's history"},
    {"private", NULL, "the private fields too; without it only the others"},
    {NULL, NULL, NULL},
};

static int run(const struct arguments *arguments, struct error *error)
{
    const char *reason = arguments_value(arguments, "reason");
    struct buffer args = {0};
    bool private = arguments_flag(arguments, "private");
    mp_write_map(&args, 3U + (reason != NULL) + private);
    if (private) {
        mp_write_text(&args, "private");
        mp_write_bool(&args, true);
    }
    args_text(&args, "type", arguments->words[0]);
    args_text(&args, "id", arguments->words[1]);
    mp_write_text(&args, "seats");
    mp_write_array(&args, (uint32_t)arguments->word_count - 2);
    for (size_t i = 2; i < arguments->word_count; i++)
        mp_write_text(&args, arguments->words[i]);
    if (reason != NULL)
        args_text(&args, "reason", reason);
    int status = write_when_known(arguments, "extend", &args, error);
    buffer_free(&args);
    return status;
}

const struct command command_extend = {
    .name = "extend",
    .usage = "TYPE ID SEAT...",
    .summary = "let other seats hold a record too",
    .detail = "They get all that was written to it, each entry as its author signed it, and from\n"
              "then on whatever is written. Who holds a record shows `terrace get`, its circle;\n"
              "a circle only grows. The seats on the way to a new one must be in it, or be named.",
    .words_min = 3,
    .words_max = 2 + 64,
    .options = options,
    .run = run,
};
