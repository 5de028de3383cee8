/* terrace quarantine: what is set aside here, why, and who must act. */
#include <stdlib.h>
#include <string.h>

#include "cli/each.h"
#include "cli/types.h"

static const struct option_row options[] = {
    {"revoked", NULL, "only what is behind its author's cut-off, and what it says"},
    {"waiting", NULL, "also what waits for something that isn't here yet"},
    {NULL, NULL, NULL},
};

struct listing {
    bool json, waiting;
    uint64_t count, waits, endorsed;
};

static void print_item(const json_t *item)
{
    char since[32];
    time_text(json_number(item, "since"), since);
    printf("%s %s, epoch %llu, stream %llu, place %llu", json_text(item, "seat"),
           json_text(item, "name"), (unsigned long long)json_number(item, "epoch"),
           (unsigned long long)json_number(item, "stream"),
           (unsigned long long)json_number(item, "place"));
    if (json_text(item, "record")[0] != '\0')
        printf(": %s %s", json_text(item, "type"), json_text(item, "record"));
    printf("\n  %s: %s", json_text(item, "code"), json_text(item, "reason"));
    if (json_number(item, "since") != 0)
        printf(", since %s", since);
    if (json_text(item, "who")[0] != '\0')
        printf("\n  for %s to act: %s", json_text(item, "who"), json_text(item, "next"));
    if (json_text(item, "release")[0] != '\0')
        printf("\n  then judged again by: %s", json_text(item, "release"));
    printf("\n");
}

static void print_endorsed(const json_t *item)
{
    const json_t *endorsed = json_object_get(item, "endorsed");
    size_t index = 0;
    json_t *seat = NULL;
    char when[32];
    json_array_foreach(json_object_get(item, "seats"), index, seat)
    {
        char *shown = text_shown(span_of_text(json_string_value(seat)), 0);
        printf("  lets in %s\n", shown);
        free(shown);
    }
    if (json_object_size(endorsed) == 0)
        return;
    char *reason = text_shown(span_of_text(json_text(endorsed, "reason")), 0);
    time_text(json_number(endorsed, "clock"), when);
    printf("  endorsed by %s %s, %s", json_text(endorsed, "seat"), json_text(endorsed, "name"),
           when);
    if (strcmp(json_text(endorsed, "record"), json_text(item, "record")) != 0)
        printf(", as %s", json_text(endorsed, "record"));
    printf("%s%s\n", reason[0] == '\0' ? "" : ": ", reason);
    free(reason);
}

static void print_revoked(const json_t *item)
{
    const char *name;
    json_t *value;
    char when[32];
    time_text(json_number(item, "clock"), when);
    printf("%s %s, epoch %llu, stream %llu, place %llu: %s %s %s, %s\n", json_text(item, "seat"),
           json_text(item, "name"), (unsigned long long)json_number(item, "epoch"),
           (unsigned long long)json_number(item, "stream"),
           (unsigned long long)json_number(item, "place"), json_text(item, "change"),
           json_text(item, "type"), json_text(item, "record"), when);
    printf("  key %s: %llu places of this stream count\n", json_text(item, "key"),
           (unsigned long long)json_number(item, "trusted"));
    json_object_foreach(json_object_get(item, "fields"), name, value)
    {
        char *text = types_value_text(NULL, name, value);
        char *shown = text_shown(span_of_text(text), 0);
        printf("  %s=%s\n", name, shown);
        free(shown);
        free(text);
    }
    print_endorsed(item);
}

static bool take_revoked(void *context, const json_t *item)
{
    struct listing *listing = context;
    listing->count++;
    listing->endorsed += json_object_size(json_object_get(item, "endorsed")) > 0;
    if (listing->json)
        print_json(json_incref((json_t *)(uintptr_t)item));
    else
        print_revoked(item);
    return true;
}

static int run_revoked(const struct arguments *arguments, struct error *error)
{
    struct listing listing = {.json = arguments->json};
    struct buffer args = {0};
    mp_write_map(&args, arguments->word_count > 0);
    if (arguments->word_count > 0)
        args_text(&args, "seat", arguments->words[0]);
    enum error_code code = ask_each(arguments, "revoked", &args, take_revoked, &listing, error);
    buffer_free(&args);
    if (code != ERR_OK)
        return EXIT_FAILED;
    if (!listing.json)
        printf(
            "%llu behind a cut-off, %llu of them endorsed; `terrace endorse TYPE ID` writes what "
            "is honest again\n",
            (unsigned long long)listing.count, (unsigned long long)listing.endorsed);
    return EXIT_DONE;
}

static bool take(void *context, const json_t *item)
{
    struct listing *listing = context;
    bool waits = strcmp(json_text(item, "kind"), "waiting") == 0;
    listing->count += !waits;
    listing->waits += waits;
    if (waits && !listing->waiting)
        return true;
    if (listing->json)
        print_json(json_incref((json_t *)(uintptr_t)item));
    else
        print_item(item);
    return true;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct listing listing = {.json = arguments->json,
                              .waiting = arguments_flag(arguments, "waiting")};
    struct buffer args = {0};
    if (arguments_flag(arguments, "revoked"))
        return run_revoked(arguments, error);
    if (arguments->word_count > 0) {
        error_set(error, ERR_USAGE, arguments->words[0], "a seat is named with --revoked alone");
        return EXIT_USAGE;
    }
    if (ask_each(arguments, "aside", &args, take, &listing, error) != ERR_OK)
        return EXIT_FAILED;
    if (!listing.json)
        printf("%llu in quarantine, %llu waiting for something%s\n",
               (unsigned long long)listing.count, (unsigned long long)listing.waits,
               listing.waits > 0 && !listing.waiting ? " (--waiting lists them)" : "");
    return EXIT_DONE;
}

const struct command command_quarantine = {
    .name = "quarantine",
    .usage = "[--revoked [SEAT]]",
    .summary = "what is set aside here: whose, where, why, since when, and who must act",
    .detail = "It is kept and passed on, and has no effect. Nothing behind it waits.",
    .words_min = 0,
    .words_max = 1,
    .options = options,
    .run = run,
};
