/* terrace conflicts [TYPE]: records with values that were written at the same time. */
#include <stdlib.h>
#include <string.h>

#include "cli/each.h"

static const struct option_row options[] = {
    {"limit", "N", "at most so many (100 unless given; 0: all)"},
    {NULL, NULL, NULL},
};

struct listing {
    bool json;
    uint64_t count;
};

static void print_value(const char *heading, unsigned number, const json_t *value,
                        const json_t *who)
{
    char when[32];
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    struct span raw = json_is_string(value)
                          ? SPAN(json_string_value(value), json_string_length(value))
                          : span_of_text(text == NULL ? "" : text);
    char *shown = text_shown(raw, 0);
    time_text(json_number(who, "clock"), when);
    printf("  %u %s %s   %s %s, %s\n", number, heading, shown, json_text(who, "seat"),
           json_text(who, "name"), when);
    free(shown);
    free(text);
}

static const json_t *shown_of(const json_t *item, const char *field)
{
    const json_t *list = json_object_get(item, "shown");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_text(json_array_get(list, i), "field"), field) == 0)
            return json_array_get(list, i);
    }
    return NULL;
}

/* Steps that lost against one of the same time, and what goes beyond a limit. */
static void print_steps(const json_t *record)
{
    char when[32];
    const json_t *voids = json_object_get(record, "void");
    const json_t *surplus = json_object_get(record, "surplus");
    for (size_t i = 0; i < json_array_size(voids); i++) {
        const json_t *item = json_array_get(voids, i);
        time_text(json_number(item, "clock"), when);
        printf("  void: the step %s   %s %s, %s\n", json_text(item, "step"),
               json_text(item, "seat"), json_text(item, "name"), when);
    }
    for (size_t i = 0; i < json_array_size(surplus); i++) {
        const json_t *item = json_array_get(surplus, i);
        time_text(json_number(item, "clock"), when);
        printf("  surplus: %s, place %llu   %s %s, %s\n", json_text(item, "field"),
               (unsigned long long)json_number(item, "place"), json_text(item, "seat"),
               json_text(item, "name"), when);
    }
    if (json_array_size(voids) > 0)
        printf("  next: terrace get %s %s shows its state and the steps that are possible now\n",
               json_text(record, "type"), json_text(record, "id"));
}

static void print_item(const json_t *item)
{
    const json_t *record = json_object_get(item, "record"), *conflict = NULL;
    const json_t *conflicts = json_object_get(record, "conflicts");
    const char *field = "";
    unsigned number = 1;
    printf("%s %s\n", json_text(record, "type"), json_text(record, "id"));
    for (size_t i = 0; i < json_array_size(conflicts); i++) {
        conflict = json_array_get(conflicts, i);
        const json_t *shown = shown_of(item, json_text(conflict, "field"));
        if (strcmp(field, json_text(conflict, "field")) != 0) {
            field = json_text(conflict, "field");
            printf(" %s\n", field);
            number = 1;
            if (shown != NULL)
                print_value("shown:", number,
                            json_object_get(json_object_get(record, "fields"), field), shown);
        }
        print_value("also: ", ++number, json_object_get(conflict, "value"), conflict);
    }
    if (field[0] != '\0')
        printf("  next: terrace resolve %s %s %s --keep N, or %s=VALUE\n",
               json_text(record, "type"), json_text(record, "id"), field, field);
    print_steps(record);
}

static bool take(void *context, const json_t *item)
{
    struct listing *listing = context;
    listing->count++;
    if (listing->json)
        print_json(json_incref((json_t *)(uintptr_t)item));
    else
        print_item(item);
    return true;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct listing listing = {.json = arguments->json};
    uint64_t limit = 100;
    struct buffer args = {0};
    if (arguments_number(arguments, "limit", 0, INT64_MAX, &limit, error) != ERR_OK)
        return EXIT_USAGE;
    mp_write_map(&args, arguments->word_count > 0 ? 2 : 1);
    if (arguments->word_count > 0)
        args_text(&args, "type", arguments->words[0]);
    mp_write_text(&args, "limit");
    mp_write_uint(&args, limit == 0 ? INT64_MAX : limit);
    enum error_code code = ask_each(arguments, "conflicts", &args, take, &listing, error);
    buffer_free(&args);
    if (code != ERR_OK)
        return EXIT_FAILED;
    if (!listing.json)
        printf("%llu %s with values or steps of the same time, or beyond a limit%s\n",
               (unsigned long long)listing.count, listing.count == 1 ? "record" : "records",
               listing.count == limit && limit != 0 ? "; --limit N shows more" : "");
    return EXIT_DONE;
}

const struct command command_conflicts = {
    .name = "conflicts",
    .usage = "[TYPE]",
    .summary = "records with values or steps of the same time: both, who, when",
    .detail =
        "The shown value is the higher tier's, then the later clock's. `terrace set` by anyone\n"
        "who may write to the record settles it. A step that is void lost against another of the\n"
        "same time; what it set is undone. The node walks the rows of all records that\n"
        "were ever changed: about a second for a hundred thousand of them.",
    .words_min = 0,
    .words_max = 1,
    .options = options,
    .run = run,
};
