/* A workflow out of a type's row. */
#include <stdlib.h>
#include <string.h>

#include "schema/type/row_read.h"

const struct workflow_state *workflow_state(const struct workflow *workflow, uint16_t number)
{
    for (size_t i = 0; i < workflow->state_count; i++) {
        if (workflow->states[i].number == number)
            return &workflow->states[i];
    }
    return NULL;
}

const struct workflow_state *workflow_initial(const struct workflow *workflow)
{
    for (size_t i = 0; i < workflow->state_count; i++) {
        if (workflow->states[i].initial)
            return &workflow->states[i];
    }
    return NULL;
}

const struct transition *workflow_transition(const struct workflow *workflow, uint16_t number)
{
    for (size_t i = 0; i < workflow->transition_count; i++) {
        if (workflow->transitions[i].number == number)
            return &workflow->transitions[i];
    }
    return NULL;
}

uint64_t workflow_leaves(const struct workflow *workflow, const struct transition *transition)
{
    uint64_t states = 0;
    for (size_t i = 0; i < transition->from_count; i++) {
        states |= (uint64_t)1 << transition->from[i];
        if (workflow_initial(workflow)->number == transition->from[i])
            states |= 1;
    }
    return states;
}

static void must_have(struct row_reader *reader, uint32_t elements)
{
    uint32_t there = mp_read_array(&reader->mp);
    if (!reader->mp.failed && there != elements)
        row_fault(reader, "a part of a workflow has more or fewer elements than it must");
}

static void read_within(struct row_reader *reader, struct workflow_state *state)
{
    if (mp_peek(&reader->mp) == MP_NIL) {
        mp_read_nil(&reader->mp);
        return;
    }
    must_have(reader, 2);
    state->within = (uint16_t)mp_read_uint_max(&reader->mp, WORKFLOW_WITHIN_MAX);
    state->unit = (enum within_unit)row_kind(reader, WITHIN_UNIT_COUNT);
}

static void read_state(struct row_reader *reader, struct workflow *workflow)
{
    struct workflow_state *state = &workflow->states[workflow->state_count];
    must_have(reader, 7);
    state->number = (uint16_t)mp_read_uint_max(&reader->mp, WORKFLOW_STATES_MAX);
    state->name = row_name(reader);
    uint64_t flags = mp_read_uint_max(&reader->mp, UINT32_MAX);
    state->initial = (flags & STATE_FLAG_INITIAL) != 0;
    state->closed = (flags & STATE_FLAG_CLOSED) != 0;
    state->ended = (flags & STATE_FLAG_ENDED) != 0;
    reader->unknown = reader->unknown || flags > STATE_FLAG_ALL;
    read_within(reader, state);
    state->rise = (enum rise_rule)row_kind(reader, RISE_COUNT);
    state->grace_hours = (uint32_t)mp_read_uint_max(&reader->mp, WORKFLOW_WITHIN_MAX);
    row_labels(reader, &state->labels);
    if (reader->mp.failed)
        return;
    if (state->number <= (workflow->state_count > 0 ? state[-1].number : 0))
        row_fault(reader, "a workflow's states are not in the order of their numbers");
    else if (state->initial && workflow_initial(workflow) != NULL)
        row_fault(reader, "a workflow has two initial states");
    workflow->state_count++;
}

static void read_states(struct row_reader *reader, struct workflow *workflow)
{
    uint32_t count = mp_read_array(&reader->mp);
    if (count == 0 || count > WORKFLOW_STATES_MAX) {
        row_fault(reader, "a workflow has no states, or too many");
        return;
    }
    workflow->states = schema_alloc(reader->memory, count * sizeof workflow->states[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++)
        read_state(reader, workflow);
    if (!reader->mp.failed && workflow_initial(workflow) == NULL)
        row_fault(reader, "a workflow has no initial state");
}

static void read_tier(struct row_reader *reader, struct tier_name *tier)
{
    if (mp_peek(&reader->mp) == MP_NIL) {
        mp_read_nil(&reader->mp);
        tier->tier = TIER_ANY;
        return;
    }
    tier->name = row_name(reader);
    tier->tier = TIER_UNKNOWN;
}

static void read_from(struct row_reader *reader, const struct workflow *workflow,
                      struct transition *step)
{
    uint32_t count = mp_read_array(&reader->mp);
    if (count == 0 || count > WORKFLOW_STATES_MAX) {
        row_fault(reader, "a step leads from no state, or from too many");
        return;
    }
    step->from = schema_alloc(reader->memory, count * sizeof step->from[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        uint16_t number = (uint16_t)mp_read_uint_max(&reader->mp, WORKFLOW_NUMBER_MAX);
        if (workflow_state(workflow, number) == NULL || (i > 0 && number <= step->from[i - 1]))
            row_fault(reader, "a step leads from a state that isn't there, or out of order");
        step->from[i] = number;
    }
    step->from_count = count;
}

static void read_who(struct row_reader *reader, struct transition *step)
{
    uint32_t count = mp_read_array(&reader->mp);
    if (count > WORKFLOW_WHO_MAX) {
        row_fault(reader, "a step names too many who may take it");
        return;
    }
    step->who = schema_alloc(reader->memory, count * sizeof step->who[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        must_have(reader, 2);
        read_tier(reader, &step->who[i].tier);
        uint64_t roles = mp_read_uint_max(&reader->mp, UINT8_MAX);
        reader->unknown = reader->unknown || roles > ROLE_ALL;
        step->who[i].roles = (uint8_t)roles;
    }
    step->who_count = count;
}

static void read_required(struct row_reader *reader, const struct record_type *type,
                          struct transition *step)
{
    uint32_t count = mp_read_array(&reader->mp);
    if (count > FIELDS_MAX) {
        row_fault(reader, "a step requires too many fields");
        return;
    }
    step->required = schema_alloc(reader->memory, count * sizeof step->required[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        int32_t number = (int32_t)mp_read_uint_max(&reader->mp, FIELD_NUMBER_MAX);
        if (i > 0 && number <= step->required[i - 1])
            row_fault(reader, "a step's required fields are out of order");
        else if (!reader->mp.failed && type_field(type, number) == NULL)
            row_astray(reader, "a step requires a field that the type doesn't have");
        step->required[i] = number;
    }
    step->required_count = count;
}

static void read_limits(struct row_reader *reader, const struct record_type *type,
                        struct transition *step)
{
    uint32_t count = mp_read_array(&reader->mp);
    if (count > WORKFLOW_WHO_MAX) {
        row_fault(reader, "a step has too many limits");
        return;
    }
    step->limits = schema_alloc(reader->memory, count * sizeof step->limits[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        struct step_limit *limit = &step->limits[i];
        must_have(reader, 3);
        read_tier(reader, &limit->tier);
        limit->field = (int32_t)mp_read_uint_max(&reader->mp, FIELD_NUMBER_MAX);
        limit->most = (uint32_t)mp_read_uint_max(&reader->mp, UINT32_MAX);
        const struct field *field = type_field(type, limit->field);
        if (!reader->mp.failed && (field == NULL || field->kind != FIELD_LIST))
            row_astray(reader, "a limit is on no list field of the type");
    }
    step->limit_count = count;
}

static void read_transition(struct row_reader *reader, const struct record_type *type,
                            struct workflow *workflow)
{
    struct transition *step = &workflow->transitions[workflow->transition_count];
    must_have(reader, 10);
    step->number = (uint16_t)mp_read_uint_max(&reader->mp, WORKFLOW_NUMBER_MAX);
    step->name = row_name(reader);
    read_from(reader, workflow, step);
    step->to = (uint16_t)mp_read_uint_max(&reader->mp, WORKFLOW_NUMBER_MAX);
    read_who(reader, step);
    read_required(reader, type, step);
    step->extend = (enum step_extend)row_kind(reader, STEP_EXTEND_COUNT);
    uint64_t flags = mp_read_uint_max(&reader->mp, UINT32_MAX);
    step->extend_companion = (flags & STEP_FLAG_COMPANION) != 0;
    step->ended = (flags & STEP_FLAG_ENDED) != 0;
    reader->unknown = reader->unknown || flags > STEP_FLAG_ALL;
    read_limits(reader, type, step);
    row_labels(reader, &step->labels);
    if (reader->mp.failed)
        return;
    if (step->number <= (workflow->transition_count > 0 ? step[-1].number : 0))
        row_fault(reader, "a workflow's steps are not in the order of their numbers");
    else if (workflow_state(workflow, step->to) == NULL)
        row_fault(reader, "a step leads to a state that isn't there");
    workflow->transition_count++;
}

/* Stands behind the fields. The states' names are the choices of the state's field. */
static void check_field(struct row_reader *reader, const struct record_type *type,
                        const struct workflow *workflow)
{
    const struct field *field = type_field(type, workflow->field);
    bool fits = field != NULL && field->kind == FIELD_ENUM && !field->required &&
                field->choice_count == workflow->state_count;
    for (size_t i = 0; fits && i < workflow->state_count; i++)
        fits = strcmp(field->choices[i], workflow->states[i].name) == 0;
    if (!reader->mp.failed && !fits)
        row_astray(reader, "a workflow's states aren't the choices of its field");
}

void row_workflow(struct row_reader *reader, struct record_type *type)
{
    struct workflow *workflow = schema_alloc(reader->memory, sizeof *workflow);
    must_have(reader, 3);
    workflow->field = (int32_t)mp_read_uint_max(&reader->mp, FIELD_NUMBER_MAX);
    read_states(reader, workflow);
    check_field(reader, type, workflow);
    uint32_t count = mp_read_array(&reader->mp);
    if (count > WORKFLOW_TRANSITIONS_MAX) {
        row_fault(reader, "a workflow has too many steps");
        return;
    }
    workflow->transitions = schema_alloc(reader->memory, count * sizeof workflow->transitions[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++)
        read_transition(reader, type, workflow);
    type->workflow = workflow;
}

static void resolve(struct tier_name *tier, const char *const *tiers, size_t count)
{
    if (tier->name == NULL)
        return;
    tier->tier = TIER_UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tiers[i], tier->name) == 0)
            tier->tier = (int16_t)i;
    }
}

void row_resolve_tiers(struct record_type *type, const char *const *tiers, size_t count)
{
    struct workflow *workflow = type->workflow;
    for (size_t j = 0; workflow != NULL && j < workflow->transition_count; j++) {
        struct transition *step = &workflow->transitions[j];
        for (size_t k = 0; k < step->who_count; k++)
            resolve(&step->who[k].tier, tiers, count);
        for (size_t k = 0; k < step->limit_count; k++)
            resolve(&step->limits[k].tier, tiers, count);
    }
}

bool schema_resolved_so(const struct schema *schema, const char *const *tiers, size_t count)
{
    bool same = schema->tiers != NULL && schema->tier_count == count;
    for (size_t i = 0; same && i < count; i++)
        same = strcmp(schema->tiers[i], tiers[i]) == 0;
    return same;
}

void schema_resolve_tiers(struct schema *schema, const char *const *tiers, size_t count)
{
    if (schema_resolved_so(schema, tiers, count))
        return;
    schema->tiers = schema_alloc(schema->memory, (count + 1) * sizeof schema->tiers[0]);
    schema->tier_count = count;
    for (size_t i = 0; i < count; i++)
        schema->tiers[i] = schema_text(schema->memory, span_of_text(tiers[i]));
    for (size_t i = 0; i < schema->type_count; i++) {
        struct record_type *type = &schema->types[i];
        row_resolve_tiers(type, tiers, count);
        for (size_t j = 0; j < type->former_count; j++) {
            if (type->former[j].type != NULL)
                row_resolve_tiers(type->former[j].type, tiers, count);
        }
    }
}
