/* terrace watch [TYPE]: what changes here, as it is applied, written here or come from elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cli/each.h"
#include "cli/types.h"
#include "node/author/keys.h"

static const struct option_row options[] = {
    {"cursor", "CURSOR", "go on where an earlier watch was; each line says its own"},
    {"limit", "N", "end after so many changes"},
    {"no-wait", NULL, "end when all that has changed is told"},
    {NULL, NULL, NULL},
};

enum { CURSOR_BYTES = 14, FIELDS_COLUMNS = 60 };

struct watching {
    bool json;
    uint64_t left; /* of the limit */
};

static char *fields_text(const json_t *fields)
{
    struct buffer text = {0};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)fields, key, value)
    {
        char *shown = types_value_text(NULL, key, value);
        buffer_append(&text, "  ", text.size == 0 ? 0 : 2);
        buffer_append(&text, key, strlen(key));
        buffer_append_byte(&text, '=');
        buffer_append(&text, shown, strlen(shown));
        free(shown);
    }
    char *cut = text_shown(span_of_buffer(&text), FIELDS_COLUMNS);
    buffer_free(&text);
    return cut;
}

static bool take(void *context, const json_t *item)
{
    struct watching *watching = context;
    if (watching->json) {
        print_json(json_incref((json_t *)(uintptr_t)item));
    } else {
        char when[32];
        char *fields = fields_text(json_object_get(item, "fields"));
        time_text(json_number(item, "clock"), when);
        printf("%s %s %-8s %s %s  %s  %s%s  [%s]\n", json_text(item, "type"), json_text(item, "id"),
               json_text(item, "change"), json_text(item, "seat"), json_text(item, "name"), when,
               json_flag(item, "private") ? "private: " : "", fields, json_text(item, "cursor"));
        free(fields);
    }
    fflush(stdout); /* who reads it wants each as it comes */
    return --watching->left > 0 && ferror(stdout) == 0;
}

static enum error_code write_args(const struct arguments *arguments, uint64_t limit,
                                  struct buffer *args, struct error *error)
{
    const char *cursor = arguments_value(arguments, "cursor");
    uint8_t bytes[CURSOR_BYTES];
    if (cursor != NULL && !hex_read(span_of_text(cursor), bytes, sizeof bytes))
        return error_set(error, ERR_USAGE, "--cursor", "it isn't one that a watch has printed");
    mp_write_map(args, 2U + (cursor != NULL) + (arguments->word_count > 0));
    mp_write_text(args, "limit");
    mp_write_uint(args, limit);
    mp_write_text(args, "ends");
    mp_write_bool(args, arguments_flag(arguments, "no-wait"));
    if (arguments->word_count > 0)
        args_text(args, "type", arguments->words[0]);
    if (cursor != NULL) {
        mp_write_text(args, "cursor");
        mp_write_bin(args, SPAN_OF_ARRAY(bytes));
    }
    return ERR_OK;
}

static void tell_end(const struct arguments *arguments, const json_t *last)
{
    const char *cursor = json_text(last, "cursor");
    if (cursor[0] == '\0')
        return;
    if (arguments->json)
        print_json(json_pack("{s:s}", "cursor", cursor));
    else
        print_note("go on with --cursor %s", cursor);
}

static int run(const struct arguments *arguments, struct error *error)
{
    uint64_t limit = INT64_MAX;
    struct buffer args = {0};
    json_t *last = NULL;
    if (arguments_number(arguments, "limit", 1, INT64_MAX, &limit, error) != ERR_OK ||
        write_args(arguments, limit, &args, error) != ERR_OK) {
        buffer_free(&args);
        return EXIT_USAGE;
    }
    struct watching watching = {.json = arguments->json, .left = limit};
    enum error_code code =
        ask_each_for_ever(arguments, "watch", &args, take, &watching, &last, error);
    buffer_free(&args);
    if (code == ERR_OK)
        tell_end(arguments, last);
    json_decref(last);
    if (code != ERR_STALE)
        return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
    print_failure(error, arguments->json);
    error_clear(error); /* nothing was refused: the way on is another one */
    return EXIT_FAILED;
}

const struct command command_watch = {
    .name = "watch",
    .usage = "[TYPE]",
    .summary = "each change of a record as it is applied here, wherever it was written",
    .detail =
        "created, changed, extended (_circle: who holds it now, too), deleted, conflict (another\n"
        "value of the same time stands beside it), void (a step that lost against another of the\n"
        "same time; told once more when that is found) or excluded (without effect: see\n"
        "`terrace quarantine`). Without --cursor it begins now. With the\n"
        "cursor of the last line it goes on behind it, whatever was restarted meanwhile: nothing\n"
        "is told twice or left out. The last 65,536 blocks are remembered; a cursor older than\n"
        "that, or from before the store was restored, is refused with exit status 1: then list\n"
        "everything and watch anew. A reader that is slow makes the node wait, not remember.",
    .words_min = 0,
    .words_max = 1,
    .options = options,
    .run = run,
};
