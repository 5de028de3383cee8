/* terrace get TYPE ID: one record. */
#include <stdlib.h>
#include <string.h>

#include "cli/record.h"

static void print_value(const char *name, const json_t *value)
{
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    struct span raw = json_is_string(value)
                          ? SPAN(json_string_value(value), json_string_length(value))
                          : span_of_text(text);
    char *shown = text_shown(raw, 0);
    size_t width = text_width(name);
    printf("  %s%*s  %s\n", name, width < 12 ? (int)(12 - width) : 0, "", shown);
    free(shown);
    free(text);
}

static void print_conflicts(const json_t *conflicts)
{
    size_t index = 0;
    json_t *conflict = NULL;
    if (json_array_size(conflicts) != 0)
        printf("written at the same time, not shown above:\n");
    json_array_foreach(conflicts, index, conflict)
    {
        char when[32];
        time_text(json_number(conflict, "clock"), when);
        print_value(json_text(conflict, "field"), json_object_get(conflict, "value"));
        printf("    at %s, %s\n", json_text(conflict, "seat"), when);
    }
}

static void print_record(const json_t *record)
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
    json_object_foreach(json_object_get(record, "fields"), key, value) print_value(key, value);
    print_conflicts(json_object_get(record, "conflicts"));
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
    print_record(record);
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
