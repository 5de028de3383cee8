/* terrace erase TYPE ID [FIELD...]: a person's data leaves every seat that holds it. */
#include "cli/record.h"

static const struct option_row options[] = {
    {"reason", "TEXT", "why, for whoever reads the record's history; it stays for ever"},
    {NULL, NULL, NULL},
};

static int run(const struct arguments *arguments, struct error *error)
{
    const char *reason = arguments_value(arguments, "reason");
    struct buffer args = {0};
    bool fields = arguments->word_count > 2;
    mp_write_map(&args, 2U + fields + (reason != NULL));
    args_text(&args, "type", arguments->words[0]);
    args_text(&args, "id", arguments->words[1]);
    if (fields) {
        mp_write_text(&args, "fields");
        mp_write_array(&args, (uint32_t)arguments->word_count - 2);
        for (size_t i = 2; i < arguments->word_count; i++)
            mp_write_text(&args, arguments->words[i]);
    }
    if (reason != NULL)
        args_text(&args, "reason", reason);
    int status = write_when_known(arguments, "erase", &args, error);
    buffer_free(&args);
    return status;
}

const struct command command_erase = {
    .name = "erase",
    .usage = "TYPE ID [FIELD...]",
    .summary = "take what was written of a person from everywhere",
    .detail = "Without fields: all that was ever written into a record with a person's data, its\n"
              "private fields alone where it has some. With fields: every write that set one of\n"
              "them, and what else that write set. Fields show \"erased\" from then on; who wrote\n"
              "what when stays. The seat that made the record may, and those above it that hold\n"
              "it. It can't be taken back, and reaches every seat as its links come up. What old\n"
              "pages and copies of a disk keep is said in docs/erasing.md.",
    .words_min = 2,
    .words_max = 2 + 64,
    .options = options,
    .run = run,
};
