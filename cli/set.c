/* terrace set TYPE ID FIELD=VALUE... and add TYPE ID LIST VALUE: change a record. */
#include "cli/record.h"

static void begin(struct buffer *args, const struct arguments *arguments, uint32_t pairs)
{
    mp_write_map(args, pairs);
    args_text(args, "type", arguments->words[0]);
    args_text(args, "id", arguments->words[1]);
}

static int run_set(const struct arguments *arguments, struct error *error)
{
    struct buffer args = {0};
    int status = EXIT_USAGE;
    begin(&args, arguments, 3);
    if (args_pairs(&args, "fields", arguments->words + 2, arguments->word_count - 2, error) ==
        ERR_OK)
        status = finish_write(arguments, "set", arguments->words[0], &args, error);
    buffer_free(&args);
    return status;
}

static int run_add(const struct arguments *arguments, struct error *error)
{
    struct buffer args = {0};
    if (!utf8_valid(span_of_text(arguments->words[3]))) {
        error_set(error, ERR_USAGE, arguments->words[2], "its value is not UTF-8");
        return EXIT_USAGE;
    }
    begin(&args, arguments, 3);
    mp_write_text(&args, "fields");
    mp_write_map(&args, 1);
    mp_write_text(&args, arguments->words[2]);
    mp_write_array(&args, 1); /* as a list: any other kind of field refuses it */
    mp_write_text(&args, arguments->words[3]);
    int status = finish_write(arguments, "set", arguments->words[0], &args, error);
    buffer_free(&args);
    return status;
}

static int run_delete(const struct arguments *arguments, struct error *error)
{
    struct buffer args = {0};
    begin(&args, arguments, 2);
    int status = finish_write(arguments, "delete", arguments->words[0], &args, error);
    buffer_free(&args);
    return status;
}

const struct command command_set = {
    .name = "set",
    .usage = "TYPE ID FIELD=VALUE...",
    .summary = "set fields of a record",
    .detail = "For a counter the value is what is added to it.",
    .words_min = 3,
    .words_max = WORDS_GIVEN_MAX,
    .run = run_set,
};

const struct command command_add = {
    .name = "add",
    .usage = "TYPE ID LIST VALUE",
    .summary = "append to a list of a record",
    .words_min = 4,
    .words_max = 4,
    .run = run_add,
};

const struct command command_delete = {
    .name = "delete",
    .usage = "TYPE ID",
    .summary = "mark a record as deleted",
    .detail = "What others wrote to it without having seen this stands in its conflicts.",
    .words_min = 2,
    .words_max = 2,
    .run = run_delete,
};
