/* What waits for people: overdue records, alarms, directives that have not come everywhere, values
 * in conflict, what is set aside. */
#include <stdlib.h>
#include <string.h>

#include "cli/each.h"
#include "cli/report/report.h"

enum { DIRECTIVES_MAX = 50, MISSING_MAX = 50 };

json_t *gather_label(const struct type_labels *labels, const char *name)
{
    json_t *label = json_object();
    for (size_t i = 0; labels != NULL && i < labels->count; i++)
        json_object_set_new(label, labels->at[i].language, json_string(labels->at[i].text));
    if (json_object_size(label) == 0)
        json_object_set_new(label, "en", json_string(name));
    return label;
}

static const struct record_type *type_of(const struct gathering *gathering, const json_t *record)
{
    return gathering->schema == NULL
               ? NULL
               : schema_type_named(gathering->schema, span_of_text(json_text(record, "type")));
}

/* How a record is called: the first of its texts. */
static const char *title_of(const struct record_type *type, const json_t *record)
{
    const json_t *fields = json_object_get(record, "fields");
    for (size_t i = 0; type != NULL && i < type->field_count; i++) {
        const json_t *value = json_object_get(fields, type->fields[i].name);
        if (json_is_string(value) && type->fields[i].kind == FIELD_TEXT)
            return json_string_value(value);
    }
    return "";
}

static const char *seat_name(const struct gathering *gathering, const char *seat)
{
    const struct seat *found = tree_seat(gathering->tree, span_of_text(seat));
    return found == NULL ? "" : found->row.name;
}

/* The state that a record of a workflow stands in, with its labels. */
static json_t *state_label(const struct record_type *type, const json_t *record)
{
    if (type == NULL || type->workflow == NULL)
        return NULL;
    const struct workflow *workflow = type->workflow;
    const struct field *field = type_field(type, workflow->field);
    const char *name =
        field == NULL ? "" : json_text(json_object_get(record, "fields"), field->name);
    for (size_t i = 0; i < workflow->state_count; i++) {
        if (strcmp(workflow->states[i].name, name) == 0)
            return gather_label(&workflow->states[i].labels, name);
    }
    return NULL;
}

static json_t *row_of(const struct gathering *gathering, const json_t *record)
{
    const struct record_type *type = type_of(gathering, record);
    const char *origin = json_text(record, "origin"), *name = json_text(record, "type");
    json_t *row =
        json_pack("{s:s,s:s,s:o,s:s,s:s,s:s,s:I}", "id", json_text(record, "id"), "type", name,
                  "type_label", gather_label(type == NULL ? NULL : &type->labels, name), "title",
                  title_of(type, record), "seat", origin, "name", seat_name(gathering, origin),
                  "created", (json_int_t)json_number(record, "created"));
    json_t *state = state_label(type, record);
    if (state != NULL)
        json_object_set_new(row, "state", state);
    return row;
}

/* ---- one list after the other ---- */

struct listing {
    struct gathering *gathering;
    const char *key; /* the report's list; KEY_count: how many there are */
    json_t *rows;
    json_int_t count;
    const struct record_type *type; /* NULL: of any */
    bool (*take)(struct listing *listing, const json_t *record);
};

static bool each(void *context, const json_t *record)
{
    struct listing *listing = context;
    return listing->take(listing, record);
}

static void append_row(struct listing *listing, json_t *row)
{
    listing->count++;
    if (json_array_size(listing->rows) < REPORT_ROWS_MAX)
        json_array_append_new(listing->rows, row);
    else
        json_decref(row);
}

static void append_list_args(struct buffer *args, const char *type, bool overdue)
{
    mp_write_map(args, type == NULL ? 3 : 4);
    if (type != NULL)
        args_text(args, "type", type);
    mp_write_text(args, "overdue");
    mp_write_bool(args, overdue);
    mp_write_text(args, "deleted");
    mp_write_bool(args, false);
    mp_write_text(args, "limit");
    mp_write_uint(args, REPORT_LISTED_MAX);
}

static enum error_code list_into(struct listing *listing, bool overdue, struct error *error)
{
    struct buffer args = {0};
    append_list_args(&args, listing->type == NULL ? NULL : listing->type->name, overdue);
    enum error_code code =
        ask_each(listing->gathering->arguments, "list", &args, each, listing, error);
    buffer_free(&args);
    return code;
}

static void begin_list(struct listing *listing)
{
    listing->rows = json_array();
    json_object_set_new(listing->gathering->report, listing->key, listing->rows);
}

static void end_list(const struct listing *listing)
{
    char key[32];
    snprintf(key, sizeof key, "%s_count", listing->key);
    json_object_set_new(listing->gathering->report, key, json_integer(listing->count));
}

static bool take_overdue(struct listing *listing, const json_t *record)
{
    json_t *row = row_of(listing->gathering, record);
    json_object_set(row, "due", json_object_get(record, "due"));
    int branch = gather_branch(listing->gathering, json_text(record, "origin"));
    if (branch >= 0)
        gather_add(
            json_array_get(json_object_get(listing->gathering->report, "branches"), (size_t)branch),
            "overdue", 1);
    append_row(listing, row);
    return true;
}

static enum error_code gather_overdue(struct gathering *gathering, struct error *error)
{
    struct listing listing = {gathering, "overdue", NULL, 0, NULL, take_overdue};
    begin_list(&listing);
    enum error_code code = list_into(&listing, true, error);
    end_list(&listing);
    return code;
}

/* As the node's own alarm says it: not closed, by the field that closes records of this type. */
static bool is_open(const struct record_type *type, const json_t *record)
{
    int32_t number = type->workflow != NULL ? type->workflow->field : type->closed_by;
    const struct field *field = number == 0 ? NULL : type_field(type, number);
    const json_t *value =
        field == NULL ? NULL : json_object_get(json_object_get(record, "fields"), field->name);
    if (type->workflow != NULL) {
        for (size_t i = 0; json_is_string(value) && i < type->workflow->state_count; i++) {
            const struct workflow_state *state = &type->workflow->states[i];
            if (strcmp(state->name, json_string_value(value)) == 0)
                return !state->closed;
        }
        return true;
    }
    if (type->closed_choice != NULL)
        return !json_is_string(value) || strcmp(json_string_value(value), type->closed_choice) != 0;
    return !json_is_true(value);
}

static bool take_alarm(struct listing *listing, const json_t *record)
{
    if (is_open(listing->type, record))
        append_row(listing, row_of(listing->gathering, record));
    return true;
}

static enum error_code gather_alarms(struct gathering *gathering, struct error *error)
{
    struct listing listing = {gathering, "alarms", NULL, 0, NULL, take_alarm};
    enum error_code code = ERR_OK;
    begin_list(&listing);
    for (size_t i = 0; gathering->schema != NULL && i < gathering->schema->type_count; i++) {
        listing.type = &gathering->schema->types[i];
        if (listing.type->alarm && code == ERR_OK)
            code = list_into(&listing, false, error);
    }
    end_list(&listing);
    return code;
}

/* Of this period and not of this seat's own alone: `received` tells who of a subtree has it. */
static bool take_directive(struct listing *listing, const json_t *record)
{
    const struct report_period *period = &listing->gathering->period;
    uint64_t created = json_number(record, "created");
    if (created < period->from_ms)
        return false; /* the newest come first */
    if (created < period->until_ms)
        append_row(listing, row_of(listing->gathering, record));
    return listing->count < DIRECTIVES_MAX;
}

static enum error_code add_received(struct gathering *gathering, json_t *row, struct error *error)
{
    struct buffer args = {0};
    mp_write_map(&args, 2);
    args_text(&args, "name", "received");
    args_text(&args, "by", json_text(row, "id"));
    json_t *answer = ask_node(gathering->arguments, "rollup", &args, error);
    buffer_free(&args);
    if (answer == NULL)
        return error->code;
    json_t *missing = json_array();
    size_t index = 0;
    json_t *seat = NULL;
    json_array_foreach(json_object_get(answer, "behind"), index, seat)
    {
        int branch = gather_branch(gathering, json_text(seat, "seat"));
        if (branch >= 0)
            gather_add(
                json_array_get(json_object_get(gathering->report, "branches"), (size_t)branch),
                "receipts", 1);
        if (json_array_size(missing) < MISSING_MAX)
            json_array_append_new(missing, json_pack("{s:s,s:s}", "seat", json_text(seat, "seat"),
                                                     "name", json_text(seat, "name")));
    }
    json_object_set(row, "received", json_object_get(answer, "origins"));
    json_object_set_new(row, "missing", missing);
    json_decref(answer);
    return ERR_OK;
}

static enum error_code gather_directives(struct gathering *gathering, struct error *error)
{
    struct listing listing = {gathering, "directives", NULL, 0, NULL, take_directive};
    enum error_code code = ERR_OK;
    begin_list(&listing);
    for (size_t i = 0; gathering->schema != NULL && i < gathering->schema->type_count; i++) {
        listing.type = &gathering->schema->types[i];
        bool told = listing.type->circle == CIRCLE_SUBTREE && listing.type->class == CLASS_URGENT;
        if (told && code == ERR_OK && listing.count < DIRECTIVES_MAX)
            code = list_into(&listing, false, error);
    }
    end_list(&listing);
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(listing.rows, index, row)
    {
        if (code == ERR_OK)
            code = add_received(gathering, row, error);
    }
    return code;
}

static bool count_one(void *context, const json_t *item)
{
    (void)item;
    return ++*(json_int_t *)context < REPORT_LISTED_MAX;
}

static enum error_code gather_conflicts(struct gathering *gathering, struct error *error)
{
    struct buffer args = {0};
    json_int_t conflicts = 0;
    mp_write_map(&args, 1);
    mp_write_text(&args, "limit");
    mp_write_uint(&args, REPORT_LISTED_MAX);
    enum error_code code =
        ask_each(gathering->arguments, "conflicts", &args, count_one, &conflicts, error);
    buffer_free(&args);
    json_object_set_new(gathering->report, "conflicts", json_integer(conflicts));
    return code;
}

enum error_code gather_lists(struct gathering *gathering, struct error *error)
{
    enum error_code code = gather_overdue(gathering, error);
    if (code == ERR_OK)
        code = gather_alarms(gathering, error);
    if (code == ERR_OK)
        code = gather_directives(gathering, error);
    return code == ERR_OK ? gather_conflicts(gathering, error) : code;
}
