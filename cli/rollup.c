/* terrace rollup NAME: a total, and how complete it is. */
#include <string.h>

#include "cli/record.h"

static const struct option_row options[] = {
    {"by", "GROUP", "records: type, origin, tier or parent; received: a record's id"},
    {NULL, NULL, NULL},
};

static void print_groups(const json_t *groups)
{
    static const struct table_column columns[] = {{"", false}, {"", false}, {"", true}};
    if (json_array_size(groups) == 0)
        return;
    struct table_rows *table = table_new(columns, 3);
    size_t index = 0;
    json_t *group = NULL;
    json_array_foreach(groups, index, group)
    {
        const char *name = json_text(group, "name");
        const char *key = json_text(group, "key");
        table_cell(table, "  %s", key);
        table_cell(table, "%s", strcmp(name, key) == 0 ? "" : name);
        table_cell(table, "%lld", (long long)json_integer_value(json_object_get(group, "value")));
    }
    table_print(table, stdout);
}

static void print_behind(const json_t *behind)
{
    size_t index = 0;
    json_t *seat = NULL;
    if (json_array_size(behind) != 0)
        printf("not counted to the end:\n");
    json_array_foreach(behind, index, seat)
    {
        char since[32];
        time_text(json_number(seat, "as_of"), since);
        printf("  %s %s: %s, as of %s", json_text(seat, "seat"), json_text(seat, "name"),
               json_text(seat, "state"), since);
        if (json_number(seat, "missing") != 0)
            printf(", %llu entries missing", (unsigned long long)json_number(seat, "missing"));
        printf("\n");
    }
}

static void print_rollup(const json_t *rollup)
{
    const json_t *origins = json_object_get(rollup, "origins");
    char as_of[32];
    time_text(json_number(rollup, "as_of"), as_of);
    printf("%s: %lld, %lld of %lld origins, as of %s\n", json_text(rollup, "name"),
           (long long)json_integer_value(json_object_get(rollup, "value")),
           (long long)json_integer_value(json_array_get(origins, 0)),
           (long long)json_integer_value(json_array_get(origins, 1)), as_of);
    if (json_number(rollup, "lost") != 0)
        printf("%llu lost with a disk: a former machine had reported them, and nobody holds them\n",
               (unsigned long long)json_number(rollup, "lost"));
    print_groups(json_object_get(rollup, "groups"));
    print_behind(json_object_get(rollup, "behind"));
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *by = arguments_value(arguments, "by");
    struct buffer args = {0};
    mp_write_map(&args, by == NULL ? 1 : 2);
    args_text(&args, "name", arguments->words[0]);
    if (by != NULL)
        args_text(&args, "by", by);
    json_t *rollup = ask_node(arguments, "rollup", &args, error);
    buffer_free(&args);
    if (rollup == NULL)
        return EXIT_FAILED;
    if (arguments->json) {
        print_json(rollup);
        return EXIT_DONE;
    }
    print_rollup(rollup);
    json_decref(rollup);
    return EXIT_DONE;
}

const struct command command_rollup = {
    .name = "rollup",
    .usage = "NAME",
    .summary = "a total with its completeness: value, n of m origins, oldest as-of",
    .detail = "NAME is `records` (how many records there are, everywhere below and here), or\n"
              "`received` with --by ID: who has this directive, and who not yet.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
