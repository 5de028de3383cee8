/* The rows of the next version: what isn't written any more goes on as ended, and what each type
 * was is kept for the entries of that time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/change.h"
#include "schema/language/write.h"
#include "schema/rollup.h"

/* The name of what has ended where a new one has taken it: with its number behind. */
static const char *past_name(struct schema_memory *memory, const char *name, unsigned number)
{
    char text[FIELD_NAME_BYTES_MAX + 16];
    int room = FIELD_NAME_BYTES_MAX - 6;
    while (room > 0 && (size_t)room < strlen(name) && ((uint8_t)name[room] & 0xc0) == 0x80)
        room--; /* not within a character */
    snprintf(text, sizeof text, "%.*s-%u", room, name, number);
    return schema_text(memory, span_of_text(text));
}

/* Both lists are ascending by number; what is in `old` alone goes on as an ended one. */
static void keep_fields(struct schema_memory *memory, const struct record_type *old,
                        struct record_type *type)
{
    struct field *fields =
        schema_alloc(memory, (old->field_count + type->field_count) * sizeof fields[0]);
    size_t count = 0, at = 0;
    for (size_t i = 0; i < old->field_count; i++) {
        while (at < type->field_count && type->fields[at].number < old->fields[i].number)
            fields[count++] = type->fields[at++];
        if (at < type->field_count && type->fields[at].number == old->fields[i].number)
            continue;
        fields[count] = old->fields[i];
        if (type_field_named(type, span_of_text(old->fields[i].name)) != NULL)
            fields[count].name =
                past_name(memory, old->fields[i].name, (unsigned)old->fields[i].number);
        fields[count].ended = true;
        fields[count++].required = false;
    }
    while (at < type->field_count)
        fields[count++] = type->fields[at++];
    type->fields = fields;
    type->field_count = count;
}

/* Choices in their old order, then the new ones: places stay what they were. */
static void keep_choices(struct schema_memory *memory, const struct field *old, struct field *field)
{
    size_t most = (size_t)old->choice_count + field->choice_count;
    const char **choices = schema_alloc(memory, most * sizeof choices[0]);
    bool *ended = schema_alloc(memory, most);
    struct type_labels *labels = schema_alloc(memory, most * sizeof labels[0]);
    struct field_more *more = schema_alloc(memory, sizeof *more);
    bool any_ended = false, any_labels = false;
    uint16_t count = 0;
    *more = *field->more;
    for (size_t i = 0; i < old->choice_count; i++) {
        if (!field_has_choice(field, span_of_text(old->choices[i]))) {
            choices[count] = old->choices[i];
            ended[count++] = any_ended = true;
        }
    }
    for (size_t i = 0; i < field->choice_count; i++) {
        ended[count] = field->more->choice_ended != NULL && field->more->choice_ended[i];
        if (field->more->choice_labels != NULL)
            labels[count] = field->more->choice_labels[i];
        any_labels = any_labels || labels[count].count > 0;
        any_ended = any_ended || ended[count];
        choices[count++] = field->choices[i];
    }
    more->choice_ended = any_ended ? ended : NULL;
    more->choice_labels = any_labels ? labels : NULL;
    field->choices = choices;
    field->choice_count = count;
    field->more = more;
}

static void keep_states(struct schema_memory *memory, const struct workflow *old,
                        struct workflow *workflow)
{
    struct workflow_state *states =
        schema_alloc(memory, (old->state_count + workflow->state_count) * sizeof states[0]);
    size_t count = 0, at = 0;
    for (size_t i = 0; i < old->state_count; i++) {
        while (at < workflow->state_count && workflow->states[at].number < old->states[i].number)
            states[count++] = workflow->states[at++];
        if (at < workflow->state_count && workflow->states[at].number == old->states[i].number)
            continue;
        states[count] = old->states[i];
        for (size_t j = 0; j < workflow->state_count; j++) {
            if (strcmp(workflow->states[j].name, old->states[i].name) == 0)
                states[count].name = past_name(memory, old->states[i].name, old->states[i].number);
        }
        states[count].initial = false;
        states[count++].ended = true;
    }
    while (at < workflow->state_count)
        states[count++] = workflow->states[at++];
    workflow->states = states;
    workflow->state_count = count;
}

static void keep_steps(struct schema_memory *memory, const struct workflow *old,
                       struct workflow *workflow)
{
    struct transition *steps = schema_alloc(
        memory, (old->transition_count + workflow->transition_count) * sizeof steps[0]);
    size_t count = 0, at = 0;
    for (size_t i = 0; i < old->transition_count; i++) {
        uint16_t number = old->transitions[i].number;
        while (at < workflow->transition_count && workflow->transitions[at].number < number)
            steps[count++] = workflow->transitions[at++];
        if (at < workflow->transition_count && workflow->transitions[at].number == number)
            continue;
        steps[count] = old->transitions[i];
        for (size_t j = 0; j < workflow->transition_count; j++) {
            if (strcmp(workflow->transitions[j].name, old->transitions[i].name) == 0)
                steps[count].name = past_name(memory, old->transitions[i].name, number);
        }
        steps[count++].ended = true;
    }
    while (at < workflow->transition_count)
        steps[count++] = workflow->transitions[at++];
    workflow->transitions = steps;
    workflow->transition_count = count;
}

/* The states are the choices of their field. */
static void keep_workflow(struct schema_memory *memory, const struct record_type *old,
                          struct record_type *type)
{
    struct workflow *workflow = type->workflow;
    keep_states(memory, old->workflow, workflow);
    keep_steps(memory, old->workflow, workflow);
    for (size_t i = 0; i < type->field_count; i++) {
        struct field *field = &type->fields[i];
        if (field->number != workflow->field)
            continue;
        field->choices = schema_alloc(memory, workflow->state_count * sizeof field->choices[0]);
        field->choice_count = (uint16_t)workflow->state_count;
        for (size_t j = 0; j < workflow->state_count; j++)
            field->choices[j] = workflow->states[j].name;
    }
}

static void keep_rollups(struct schema_memory *memory, const struct record_type *old,
                         struct record_type *type)
{
    struct rollup *rollups =
        schema_alloc(memory, (old->rollup_count + type->rollup_count) * sizeof rollups[0]);
    size_t count = 0, at = 0;
    for (size_t i = 0; i < old->rollup_count; i++) {
        while (at < type->rollup_count && type->rollups[at].number < old->rollups[i].number)
            rollups[count++] = type->rollups[at++];
        if (at < type->rollup_count && type->rollups[at].number == old->rollups[i].number)
            continue;
        rollups[count] = old->rollups[i];
        for (size_t j = 0; j < type->rollup_count; j++) {
            if (strcmp(type->rollups[j].name, old->rollups[i].name) == 0)
                rollups[count].name =
                    past_name(memory, old->rollups[i].name, old->rollups[i].number);
        }
        rollups[count++].ended = true;
    }
    while (at < type->rollup_count)
        rollups[count++] = type->rollups[at++];
    type->rollups = rollups;
    type->rollup_count = count;
}

/* Whether an entry may be judged otherwise by the one than by the other. */
static bool judge_alike(const struct record_type *a, const struct record_type *b)
{
    struct buffer a_row = {0}, b_row = {0};
    type_row_write(a, true, &a_row);
    type_row_write(b, true, &b_row);
    bool alike = span_equal(span_of_buffer(&a_row), span_of_buffer(&b_row));
    buffer_free(&a_row);
    buffer_free(&b_row);
    return alike;
}

/* False: it has changed too often. */
static bool keep_former(struct schema_memory *memory, const struct record_type *old,
                        uint32_t last_version, struct record_type *type)
{
    bool changes = !judge_alike(old, type);
    size_t count = old->former_count + (changes ? 1 : 0), at = 0;
    if (count > FORMER_MAX)
        return false;
    type->former = schema_alloc(memory, count * sizeof type->former[0]);
    type->former_count = count;
    if (changes) {
        struct buffer row = {0};
        type_row_write(old, true, &row);
        uint8_t *copy = schema_alloc(memory, row.size);
        memcpy(copy, row.data, row.size);
        type->former[at++] =
            (struct former_type){.last_version = last_version, .row = SPAN(copy, row.size)};
        buffer_free(&row);
    }
    for (size_t i = 0; i < old->former_count; i++)
        type->former[at++] = old->former[i];
    return true;
}

static bool keep_type(struct schema_memory *memory, const struct record_type *old,
                      uint32_t last_version, struct record_type *type)
{
    keep_fields(memory, old, type);
    keep_rollups(memory, old, type);
    type->companion = type->companion == 0 ? old->companion : type->companion;
    if (old->workflow != NULL && type->workflow != NULL)
        keep_workflow(memory, old, type);
    for (size_t i = 0; i < type->field_count; i++) {
        struct field *field = &type->fields[i];
        const struct field *before = type_field(old, field->number);
        bool is_state = type->workflow != NULL && type->workflow->field == field->number;
        if (before != NULL && field->kind == FIELD_ENUM && before->kind == FIELD_ENUM && !is_state)
            keep_choices(memory, before, field);
    }
    return keep_former(memory, old, last_version, type);
}

static enum error_code refuse(const struct schema *before, const struct schema *after,
                              struct error *error)
{
    struct schema_changes changes = {0};
    enum error_code code = ERR_OK;
    schema_compare(before, after, &changes);
    for (size_t i = 0; i < changes.count && code == ERR_OK; i++) {
        const struct schema_change *change = &changes.at[i];
        if (change->weight != CHANGE_REFUSED)
            continue;
        char what[160];
        const char *dot = change->field[0] == 0 ? "" : ".";
        snprintf(what, sizeof what, "%.70s%s%.70s", change->type, dot, change->field);
        code = error_set(error, ERR_NOT_ALLOWED, what, "%s", change->text);
        error_next(error, "give what is new a number of its own; `terrace schema diff` tells all "
                          "that changes");
    }
    schema_changes_free(&changes);
    return code;
}

static int type_compare(const void *a_bytes, const void *b_bytes)
{
    const struct record_type *a = a_bytes, *b = b_bytes;
    return (a->number > b->number) - (a->number < b->number);
}

/* The types of `after`, and those of `before` that it says nothing of, as ended. */
static enum error_code keep_types(const struct schema *before, struct schema *after,
                                  struct error *error)
{
    size_t most = before->type_count + after->type_count, count = after->type_count;
    struct record_type *types = schema_alloc(after->memory, most * sizeof types[0]);
    if (count > 0)
        memcpy(types, after->types, count * sizeof types[0]);
    for (size_t i = 0; i < before->type_count; i++) {
        const struct record_type *old = &before->types[i];
        struct record_type *type = NULL;
        for (size_t j = 0; j < after->type_count; j++)
            type = types[j].number == old->number ? &types[j] : type;
        if (type == NULL) {
            type = &types[count++];
            *type = *old;
            type->ended = true;
            if (schema_type_named(after, span_of_text(old->name)) != NULL)
                type->name = past_name(after->memory, old->name, old->number);
            type->former = NULL;
            type->former_count = 0;
        }
        if (!keep_type(after->memory, old, before->version, type)) {
            error_set(error, ERR_OVERSIZE, type->name,
                      "it has changed what it takes %d times, and that is the most", FORMER_MAX);
            error_next(error, "end it and make a new type");
            return ERR_OVERSIZE;
        }
    }
    qsort(types, count, sizeof types[0], type_compare);
    after->types = types;
    after->type_count = count;
    return ERR_OK;
}

static struct schema_source *source_of(const struct schema *schema, struct error *error)
{
    struct schema_source *source = mem_alloc(sizeof *source);
    bool fits = schema->type_count <= TYPES_MAX;
    source->version = schema->version;
    source->row_count = schema->type_count;
    source->rows = mem_alloc((schema->type_count + 1) * sizeof source->rows[0]);
    for (size_t i = 0; i < schema->type_count; i++) {
        struct buffer *row = &source->rows[i];
        type_row_write(&schema->types[i], false, row);
        fits = fits && row->size <= DOCUMENT_ROW_BYTES_MAX && mp_valid(span_of_buffer(row));
    }
    if (fits)
        return source;
    error_set(error, ERR_OVERSIZE, "the types document",
              "with what its types were, one of them takes more than %d bytes, or they are more "
              "than %d",
              DOCUMENT_ROW_BYTES_MAX, TYPES_MAX);
    error_next(error, "end a type that has changed often and make a new one");
    schema_source_free(source);
    return NULL;
}

static struct schema *load_written(const struct schema_source *written, struct error *error)
{
    struct span *rows = mem_alloc((written->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < written->row_count; i++)
        rows[i] = span_of_buffer(&written->rows[i]);
    struct schema *schema = schema_load_labelled(written->version, rows, written->row_count, error);
    free(rows);
    return schema;
}

struct schema_source *schema_succeed(const struct schema *before,
                                     const struct schema_source *written, struct error *error)
{
    struct schema_source *source = NULL;
    if (written->version <= before->version) {
        error_set(error, ERR_STALE, "version", "it is %u, and version %u is in force",
                  written->version, before->version);
        error_next(error, "write version: %u", before->version + 1);
        return NULL;
    }
    struct schema *after = load_written(written, error);
    if (after != NULL && refuse(before, after, error) == ERR_OK &&
        keep_types(before, after, error) == ERR_OK)
        source = source_of(after, error);
    schema_free(after);
    return source;
}
