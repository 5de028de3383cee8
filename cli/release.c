/* terrace release [TYPE ID]: what is set aside is judged again. */
#include <stdlib.h>
#include <string.h>

#include "cli/each.h"

struct retry {
    const struct arguments *arguments;
    json_t *records; /* {"TYPE ID": true} of what was set aside */
    uint64_t count;
};

static bool take(void *context, const json_t *item)
{
    struct retry *retry = context;
    char key[128];
    if (strcmp(json_text(item, "kind"), "quarantined") != 0)
        return true;
    retry->count++;
    snprintf(key, sizeof key, "%s %s", json_text(item, "type"), json_text(item, "record"));
    if (json_text(item, "type")[0] != '\0' && json_text(item, "record")[0] != '\0')
        json_object_set_new(retry->records, key, json_true());
    return true;
}

static enum error_code count_aside(struct retry *retry, struct error *error)
{
    struct buffer args = {0};
    mp_write_map(&args, 0);
    retry->count = 0;
    enum error_code code = ask_each(retry->arguments, "aside", &args, take, retry, error);
    buffer_free(&args);
    return code;
}

/* A record; without `type` the blocks that could not be decoded. */
static enum error_code judge_again(const struct arguments *arguments, const char *type,
                                   const char *id, struct error *error)
{
    struct buffer args = {0};
    mp_write_map(&args, type == NULL ? 0 : 2);
    if (type != NULL) {
        args_text(&args, "type", type);
        args_text(&args, "id", id);
    }
    json_t *answer = ask_node(arguments, "release", &args, error);
    buffer_free(&args);
    json_decref(answer);
    return answer == NULL ? error->code : ERR_OK;
}

static enum error_code judge_all(const struct retry *retry, struct error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(retry->records, key, value)
    {
        char type[128];
        snprintf(type, sizeof type, "%s", key);
        char *id = strchr(type, ' ');
        *id++ = '\0';
        enum error_code code = judge_again(retry->arguments, type, id, error);
        if (code != ERR_OK && code != ERR_NOT_FOUND)
            return code;
    }
    error_clear(error);
    return judge_again(retry->arguments, NULL, NULL, error);
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct retry retry = {.arguments = arguments, .records = json_object()};
    uint64_t before = 0;
    enum error_code code = ERR_OK;
    if (arguments->word_count == 1) {
        json_decref(retry.records);
        error_set(error, ERR_USAGE, "release", "expected TYPE ID, or nothing for all there is");
        return EXIT_USAGE;
    }
    code = count_aside(&retry, error);
    before = retry.count;
    if (code == ERR_OK)
        code = arguments->word_count == 2
                   ? judge_again(arguments, arguments->words[0], arguments->words[1], error)
                   : judge_all(&retry, error);
    if (code == ERR_OK)
        code = count_aside(&retry, error);
    json_decref(retry.records);
    if (code != ERR_OK)
        return EXIT_FAILED;
    uint64_t released = before > retry.count ? before - retry.count : 0;
    if (arguments->json)
        print_json(json_pack("{s:I,s:I}", "released", (json_int_t)released, "left",
                             (json_int_t)retry.count));
    else
        printf("%llu released, %llu still set aside%s\n", (unsigned long long)released,
               (unsigned long long)retry.count,
               retry.count > 0 ? "; `terrace quarantine` says why, and who must act" : "");
    return EXIT_DONE;
}

const struct command command_release = {
    .name = "release",
    .usage = "[TYPE ID]",
    .summary = "judge again what is set aside: of one record, or all of it",
    .detail =
        "Nothing is let in that the signed tree and types don't admit: what is set aside for\n"
        "a reason that still holds stays there. Blocks that could not be decoded are looked at\n"
        "when no record is given: a newer program may read them.",
    .words_min = 0,
    .words_max = 2,
    .run = run,
};
