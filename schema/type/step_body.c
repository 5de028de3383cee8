/* Bodies of steps: {-2: number of the transition, fields it sets}. What a void step did is taken
 * back, so it may set fields and append to lists, and nothing that can't be: no counter (its totals
 * run on), no deletion, no removal. The state itself is in no body: it is derived. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "schema/type/value.h"

uint16_t schema_body_transition(struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    if (mp_peek(&reader) != MP_MAP)
        return 0;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == FIELD_TRANSITION)
            return (uint16_t)mp_read_uint_max(&reader, UINT16_MAX);
        mp_read_any(&reader);
    }
    return 0;
}

static bool body_sets(struct span body, int32_t number)
{
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key); mp_read_any(&reader)) {
        if (key == number)
            return true;
    }
    return false;
}

const struct field *step_missing(const struct record_type *type,
                                 const struct transition *transition, struct span body)
{
    for (size_t i = 0; i < transition->required_count; i++) {
        if (!body_sets(body, transition->required[i]))
            return type_field(type, transition->required[i]);
    }
    return NULL;
}

const struct field *step_counts(const struct record_type *type, struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key); mp_read_any(&reader)) {
        const struct field *field = type_field(type, key);
        if (field != NULL && field->kind == FIELD_COUNTER)
            return field;
    }
    return NULL;
}

bool step_fits(const struct record_type *type, struct span body)
{
    const struct transition *transition =
        type->workflow == NULL ? NULL
                               : workflow_transition(type->workflow, schema_body_transition(body));
    return transition != NULL && !transition->ended && !body_sets(body, FIELD_DELETED) &&
           !body_sets(body, FIELD_REMOVE) && !body_sets(body, FIELD_TO) &&
           step_counts(type, body) == NULL && step_missing(type, transition, body) == NULL;
}

const struct transition *workflow_find(const struct record_type *type, struct span name,
                                       struct error *error)
{
    const char *known[WORKFLOW_TRANSITIONS_MAX];
    size_t count = 0;
    const struct workflow *workflow = type->workflow;
    if (workflow == NULL) {
        error_set(error, ERR_INVALID, type->name, "it has no workflow, so there are no steps");
        error_next(error, "`terrace set %s ID FIELD=VALUE` changes its fields", type->name);
        return NULL;
    }
    for (size_t i = 0; i < workflow->transition_count; i++) {
        const struct transition *transition = &workflow->transitions[i];
        if (transition->ended)
            continue;
        if (span_equal(name, span_of_text(transition->name)))
            return transition;
        known[count++] = transition->name;
    }
    char what[160];
    const char *nearest = nearest_word(name, known, count);
    snprintf(what, sizeof what, "the step \"%.*s\"", name.size > 64 ? 64 : (int)name.size,
             (const char *)name.data);
    error_set(error, ERR_INVALID, what, "%s has no such step", type->name);
    if (nearest != NULL)
        error_next(error, "did you mean \"%s\"?", nearest);
    else
        error_next(error, "`terrace get %s ID` shows the steps that are possible", type->name);
    return NULL;
}

enum error_code schema_encode_step(const struct record_type *type,
                                   const struct transition *transition, struct span fields,
                                   struct buffer *body, struct error *error)
{
    char what[160];
    struct buffer number = {0};
    const struct field *field;
    assert(body->size == 0);
    enum error_code code = schema_encode_body(type, fields, false, body, error);
    if (code != ERR_OK)
        return code;
    snprintf(what, sizeof what, "the step \"%s\" of %s", transition->name, type->name);
    field = step_missing(type, transition, span_of_buffer(body));
    if (field != NULL) {
        error_set(error, ERR_INVALID, what, "it needs the field \"%s\"", field->name);
        error_next(error, "`terrace do %s %s ID %s=VALUE`", transition->name, type->name,
                   field->name);
        return ERR_INVALID;
    }
    field = step_counts(type, span_of_buffer(body));
    if (field != NULL || body_sets(span_of_buffer(body), FIELD_DELETED)) {
        error_set(error, ERR_INVALID, what, "a step sets fields and adds to lists; it can't %s%s",
                  field != NULL ? "count in " : "delete", field != NULL ? field->name : "");
        error_next(error, "`terrace %s %s ID` does that", field != NULL ? "set" : "delete",
                   type->name);
        return ERR_INVALID;
    }
    mp_write_uint(&number, transition->number);
    schema_put_system_field(body, FIELD_TRANSITION, span_of_buffer(&number));
    buffer_free(&number);
    return ERR_OK;
}
