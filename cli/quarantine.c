/* terrace quarantine: what is set aside here, why, and who must act. */
#include <string.h>

#include "cli/each.h"

static const struct option_row options[] = {
    {"waiting", NULL, "also what waits for something that isn't here yet"},
    {NULL, NULL, NULL},
};

struct listing {
    bool json, waiting;
    uint64_t count, waits;
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
    printf("\n");
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
    .usage = "",
    .summary = "what is set aside here: whose, where, why, since when, and who must act",
    .detail = "It is kept and passed on, and has no effect. Nothing behind it waits.",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
