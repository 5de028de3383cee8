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

static void print_conflicts(const struct record_type *type, const struct record_type *companion,
                            const json_t *conflicts)
{
    size_t index = 0;
    json_t *conflict = NULL;
    if (json_array_size(conflicts) != 0)
        printf("written at the same time, not shown above:\n");
    json_array_foreach(conflicts, index, conflict)
    {
        char when[32];
        time_text(json_number(conflict, "clock"), when);
        const char *field = json_text(conflict, "field");
        print_value(types_of_field(type, companion, field), field,
                    json_object_get(conflict, "value"));
        printf("    at %s, %s\n", json_text(conflict, "seat"), when);
    }
}

static void print_voids(const json_t *record)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(json_object_get(record, "void"), index, item)
    {
        char when[32];
        time_text(json_number(item, "clock"), when);
        printf("  void: the step %s of %s, %s: another one was taken before it\n",
               json_text(item, "step"), json_text(item, "seat"), when);
    }
    json_array_foreach(json_object_get(record, "surplus"), index, item)
    {
        printf("  surplus: %s, place %llu, by %s: more than the limit says\n",
               json_text(item, "field"), (unsigned long long)json_number(item, "place"),
               json_text(item, "seat"));
    }
}

/* What may be done from here now. */
static void print_steps(const json_t *record)
{
    const json_t *steps = json_object_get(record, "steps");
    size_t index = 0, place = 0;
    json_t *step = NULL, *field = NULL;
    if (steps != NULL && json_array_size(steps) == 0)
        printf("  no step is possible from here now\n");
    json_array_foreach(steps, index, step)
    {
        printf("  possible: terrace do %s %s %s", json_text(step, "step"),
               json_text(record, "type"), json_text(record, "id"));
        json_array_foreach(json_object_get(step, "needs"), place, field)
            printf(" %s=VALUE", json_string_value(field));
        printf("%s (then %s)\n", json_flag(step, "hands_to_seat") ? " --to SEAT" : "",
               json_text(step, "to"));
    }
}

static void print_due(const json_t *record)
{
    char when[32];
    if (json_object_get(record, "due") == NULL)
        return;
    time_text(json_number(record, "due"), when);
    printf("  %s %s%s\n", json_flag(record, "overdue") ? "overdue since" : "due", when,
           json_flag(record, "clock_suspect")
               ? " (this node's clock is far from the newest signed time)"
               : "");
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

/* Who holds the private fields, or that they aren't here. */
static void print_private(const json_t *record)
{
    const json_t *private = json_object_get(record, "private"), *circle = NULL;
    size_t index = 0;
    json_t *seat = NULL;
    if (private == NULL)
        return;
    if (!json_flag(private, "held")) {
        printf("  private: %s\n",
               json_flag(private, "may_begin") ? "nothing given yet" : "not held here");
        return;
    }
    circle = json_object_get(private, "circle");
    printf("  private:");
    json_array_foreach(json_object_get(private, "fields"), index, seat)
        printf("%s %s", index > 0 ? "," : "", json_string_value(seat));
    if (json_flag(private, "damaged"))
        printf(": can't be read here; `terrace verify` says more");
    else
        printf(": held by");
    json_array_foreach(circle, index, seat)
        printf("%s %s", index > 0 ? "," : "", json_string_value(seat));
    printf("\n");
}

static void print_record(const struct record_type *type, const struct record_type *companion,
                         const json_t *record)
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
    print_due(record);
    print_private(record);
    json_object_foreach(json_object_get(record, "fields"), key, value)
        print_value(types_of_field(type, companion, key), key, value);
    print_conflicts(type, companion, json_object_get(record, "conflicts"));
    print_voids(record);
    print_steps(record);
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
    const struct record_type *type = types_for_showing(arguments, arguments->words[0], &schema);
    print_record(type, type == NULL ? NULL : schema_companion(schema, type), record);
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
