/* What a profile's steps came to. */
#include "cli/drill/check_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/value.h"
#include "replication/query/query.h"

static bool take_line(struct check_table *table, const char *text, size_t size)
{
    json_t *line = json_loadb(text, size, 0, NULL);
    const struct drill_type *type = drill_type_named(table->drill, json_text(line, "type"));
    struct record_id id;
    bool good = type != NULL && json_is_object(json_object_get(line, "fields")) &&
                record_id_parse(span_of_text(json_text(line, "id")), &id);
    if (good) {
        struct check_record *record = check_table_find(table, type->number, &id);
        json_decref(record->steps);
        record->steps = json_incref(line);
    }
    json_decref(line);
    return good;
}

enum error_code check_steps_load(struct check_table *table, long *offset, struct error *error)
{
    char path[PATH_MAX];
    char *line = NULL;
    size_t room = 0;
    ssize_t size = 0;
    enum error_code code = drill_file_path(table->drill, "steps.ndjson", path, error);
    FILE *file = code == ERR_OK ? fopen(path, "re") : NULL;
    if (file == NULL)
        return code; /* no profile was written */
    fseek(file, *offset, SEEK_SET);
    while (code == ERR_OK && (size = getline(&line, &room, file)) > 0 && line[size - 1] == '\n') {
        if (!take_line(table, line, (size_t)size))
            code = error_set(error, ERR_MALFORMED, path,
                             "the line at byte %ld is not one that `drill load` writes", *offset);
        *offset += size;
    }
    free(line);
    fclose(file);
    return code;
}

static int compare_items(const void *a, const void *b)
{
    const json_t *const *left = a, *const *right = b;
    return strcmp(json_string_value(*left), json_string_value(*right));
}

/* Items of several seats stand in canonical order, which isn't that of the steps. */
static bool same_items(const json_t *a, const json_t *b)
{
    size_t count = json_array_size(a);
    bool same = count == json_array_size(b);
    const json_t **left = mem_alloc((count + 1) * sizeof *left);
    const json_t **right = mem_alloc((count + 1) * sizeof *right);
    for (size_t i = 0; i < count && same; i++) {
        left[i] = json_array_get(a, i);
        right[i] = json_array_get(b, i);
        same = json_is_string(left[i]) && json_is_string(right[i]);
    }
    if (same) {
        qsort(left, count, sizeof *left, compare_items);
        qsort(right, count, sizeof *right, compare_items);
    }
    for (size_t i = 0; i < count && same; i++)
        same = json_equal(left[i], right[i]) != 0;
    free(left);
    free(right);
    return same;
}

/* A private field that stands only where the companion is, and this seat isn't one that got it with
 * the record. */
static bool is_elsewhere(const struct check_record *record, const json_t *shown, const char *name)
{
    const json_t *private = json_object_get(shown, "private");
    const json_t *fields = json_object_get(private, "fields");
    if (private == NULL || json_flag(private, "held") || json_flag(record->steps, "with_private"))
        return false;
    for (size_t i = 0; i < json_array_size(fields); i++) {
        if (strcmp(json_string_value(json_array_get(fields, i)), name) == 0)
            return true;
    }
    return false;
}

const char *check_steps_fault(const struct check_record *record, const json_t *shown)
{
    const json_t *wanted = json_object_get(record->steps, "fields");
    const json_t *fields = json_object_get(shown, "fields");
    const char *state = json_text(record->steps, "state"), *name;
    json_t *value;
    size_t count = state[0] != '\0' ? 1 : 0;
    if (strcmp(json_text(fields, "status"), state) != 0)
        return "it isn't in the state that its steps have led to";
    json_object_foreach((json_t *)(uintptr_t)wanted, name, value)
    {
        const json_t *there = json_object_get(fields, name);
        if (is_elsewhere(record, shown, name))
            continue;
        count++;
        if (json_is_array(value) ? !same_items(value, there) : !json_equal(value, there))
            return "its fields aren't what its steps have set";
    }
    if (json_object_size(fields) != count)
        return "it shows more or fewer fields than its steps have set";
    return NULL;
}

static const json_t *members_of(const struct check_record *record)
{
    return json_object_get(record->steps, "members");
}

size_t check_steps_members(const struct check_record *record)
{
    return json_array_size(members_of(record));
}

bool check_steps_joined(const struct check_table *table, const struct check_record *record,
                        size_t seat)
{
    const json_t *members = members_of(record);
    for (size_t i = 0; i < json_array_size(members); i++) {
        const char *code = json_string_value(json_array_get(members, i));
        if (strcmp(code, table->drill->seats[seat].code) == 0)
            return true;
    }
    return false;
}

static void add_to(json_t *sums, const char *key, size_t place)
{
    json_t *pair = json_object_get(sums, key);
    if (pair == NULL) {
        pair = json_pack("[i,i]", 0, 0);
        json_object_set_new(sums, key, pair);
    }
    json_array_set_new(pair, place,
                       json_integer(json_integer_value(json_array_get(pair, place)) + 1));
}

void check_steps_count(struct check_findings *findings, const struct check_table *table,
                       const struct check_record *record, const struct record_type *type,
                       const json_t *shown)
{
    char key[256];
    const struct drill *drill = table->drill;
    const char *tier = drill->tiers[drill->seats[record->origin].tier];
    const char *begins = type->workflow == NULL ? "" : workflow_initial(type->workflow)->name;
    const char *wanted = record->steps == NULL ? begins : json_text(record->steps, "state");
    const char *found = type->workflow == NULL
                            ? ""
                            : json_text(json_object_get(shown, "fields"),
                                        type_field(type, type->workflow->field)->name);
    snprintf(key, sizeof key, "%s %s %s", type->name, tier, wanted);
    add_to(findings->sums, key, 0);
    snprintf(key, sizeof key, "%s %s %s", type->name, tier, found);
    add_to(findings->sums, key, 1);
}

size_t check_steps_sums(const struct check_findings *findings, FILE *to)
{
    const char *key;
    json_t *pair;
    size_t wrong = 0;
    json_object_foreach(findings->sums, key, pair)
    {
        json_int_t wanted = json_integer_value(json_array_get(pair, 0));
        json_int_t found = json_integer_value(json_array_get(pair, 1));
        wrong += wanted != found ? 1 : 0;
        if (to != NULL)
            fprintf(to, "  %s: %lld of %lld\n", key, (long long)found, (long long)wanted);
    }
    return wrong;
}
