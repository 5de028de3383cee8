/* terrace get TYPE ID: one record. */
#include <stdlib.h>
#include <string.h>

#include "cli/record.h"
#include "cli/types.h"

static void print_value(const struct record_type *type, const char *name, const json_t *value)
{
    char *text = types_value_text(type, name, value);
    char *shown = text_shown(span_of_text(text), 0);
    size_t width = text_width(name);
    printf("  %s%*s  %s\n", name, width < 12 ? (int)(12 - width) : 0, "", shown);
    free(shown);
    free(text);
}

static void print_conflicts(const struct record_type *type, const json_t *conflicts)
{
    size_t index = 0;
    json_t *conflict = NULL;
    if (json_array_size(conflicts) != 0)
        printf("written at the same time, not shown above:\n");
    json_array_foreach(conflicts, index, conflict)
    {
        char when[32];
        time_text(json_number(conflict, "clock"), when);
        print_value(type, json_text(conflict, "field"), json_object_get(conflict, "value"));
        printf("    at %s, %s\n", json_text(conflict, "seat"), when);
    }
}

static void print_circle(const json_t *record)
{
    size_t index = 0;
    json_t *seat = NULL;
    printf("  held by");
    json_array_foreach(json_object_get(record, "circle"), index, seat)
        printf("%s %s", index > 0 ? "," : "", json_string_value(seat));
    if (json_object_get(record, "circle_below") != NULL)
        printf(" and everyone below, down to each %s", json_text(record, "circle_below"));
    printf("\n");
}

static void print_record(const struct record_type *type, const json_t *record)
{
    char created[32], changed[32];
    const char *key = NULL;
    json_t *value = NULL;
    time_text(json_number(record, "created"), created);
    time_text(json_number(record, "changed"), changed);
    printf("%s %s%s\n", json_text(record, "id"), json_text(record, "type"),
           json_flag(record, "deleted") ? " (deleted)" : "");
    printf("  made at %s, %s; last changed %s; %llu operations\n", json_text(record, "origin"),
           created, changed, (unsigned long long)json_number(record, "operations"));
    print_circle(record);
    json_object_foreach(json_object_get(record, "fields"), key, value)
        print_value(type, key, value);
    print_conflicts(type, json_object_get(record, "conflicts"));
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct buffer args = {0};
    mp_write_map(&args, 2);
    args_text(&args, "type", arguments->words[0]);
    args_text(&args, "id", arguments->words[1]);
    json_t *record = ask_node(arguments, "get", &args, error);
    buffer_free(&args);
    if (record == NULL)
        return EXIT_FAILED;
    if (arguments->json) {
        print_json(record);
        return EXIT_DONE;
    }
    struct schema *schema = NULL;
    print_record(types_for_showing(arguments, arguments->words[0], &schema), record);
    schema_free(schema);
    json_decref(record);
    return EXIT_DONE;
}

const struct command command_get = {
    .name = "get",
    .usage = "TYPE ID",
    .summary = "show a record, what was written to it at the same time included",
    .words_min = 2,
    .words_max = 2,
    .run = run,
};
