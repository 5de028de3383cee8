/* terrace do STEP TYPE ID [FIELD=VALUE...]: take a step of a record's workflow. */
#include "cli/record.h"

static const struct option_row options[] = {
    {"to", "SEAT",
     "whom the step hands the record to, where it hands it to a seat of one's choice"},
    {"reason", "TEXT", "why it is handed on, for whoever reads the record's history"},
    {NULL, NULL, NULL},
};

static int run(const struct arguments *arguments, struct error *error)
{
    const char *to = arguments_value(arguments, "to");
    const char *reason = arguments_value(arguments, "reason");
    struct buffer args = {0};
    int status = EXIT_USAGE;
    mp_write_map(&args, 4U + (to != NULL) + (reason != NULL));
    args_text(&args, "step", arguments->words[0]);
    args_text(&args, "type", arguments->words[1]);
    args_text(&args, "id", arguments->words[2]);
    if (to != NULL)
        args_text(&args, "to", to);
    if (reason != NULL)
        args_text(&args, "reason", reason);
    if (args_pairs(&args, "fields", arguments->words + 3, arguments->word_count - 3, error) ==
        ERR_OK)
        status = write_when_known(arguments, "do", &args, error);
    buffer_free(&args);
    return status;
}

const struct command command_do = {
    .name = "do",
    .usage = "STEP TYPE ID [FIELD=VALUE...]",
    .summary = "take a step of a record's workflow",
    .detail = "`terrace get` shows the state a record is in and the steps that are possible from\n"
              "here. Whoever took a step at the same time elsewhere and lost is told: the step is\n"
              "void with everything it set, and `terrace conflicts` lists it. A step that hands\n"
              "the record on stands as far as that goes: who got it keeps it.",
    .words_min = 3,
    .words_max = WORDS_GIVEN_MAX,
    .options = options,
    .run = run,
};
