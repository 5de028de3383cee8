/* Workflows: states, and the steps between them.
 *
 *      workflow:
 *        field: status              an enum of the type without choices: the states are its choices
 *        states:
 *          reported: {number: 1, initial: true, within: 2 hours, rise: tier, grace: 4 hours}
 *          handled: {number: 2, within: 3 working_days}
 *          closed: {number: 3, closed: true}
 *        steps:
 *          handle: {number: 1, from: reported, to: handled, who: [{tier: township}, origin]}
 *          close:
 *            number: 2
 *            from: [reported, handled]
 *            to: closed
 *            requires: [result]
 *            extend: up             up, named, root; with `extend_companion: true` both records
 *            limits: [{tier: village, field: attempts, most: 3}]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/language/parts.h"
#include "schema/type/text_value.h"

static const char *rise_word(unsigned number)
{
    static const char *const words[RISE_COUNT] = {"none", "tier", "root"};
    return words[number];
}

static const char *extend_word(unsigned number)
{
    static const char *const words[STEP_EXTEND_COUNT] = {"nobody", "up", "named", "root"};
    return words[number];
}

static const char *unit_word(unsigned number)
{
    static const char *const words[WITHIN_UNIT_COUNT] = {"hours", "days", "working_days"};
    return words[number];
}

static const char *role_word(unsigned number)
{
    static const char *const words[] = {"origin", "addressee", "member", "above"};
    return words[number];
}

enum { ROLE_WORDS = 4 };

/* ---- states ---- */

/* "2 hours", "3 days", "5 working_days"; one hour or day is written in the plural, too. */
static void compile_span(struct yaml_node *map, const char *key, bool working_days,
                         uint16_t *within, enum within_unit *unit)
{
    struct yaml_node *node = yaml_map_get(map, key);
    struct span text = yaml_text(node);
    int64_t number = 0;
    size_t at = 0;
    if (node == NULL)
        return;
    while (at < text.size && text.data[at] != ' ')
        at++;
    unsigned found = working_days ? WITHIN_UNIT_COUNT : WITHIN_WORKING_DAYS;
    for (unsigned i = 0; at < text.size && i < found; i++) {
        if (span_equal(SPAN(text.data + at + 1, text.size - at - 1), span_of_text(unit_word(i))))
            found = i;
    }
    if (at < text.size && found < (working_days ? WITHIN_UNIT_COUNT : WITHIN_WORKING_DAYS) &&
        schema_integer_of_text(SPAN(text.data, at), &number) && number >= 1 &&
        number <= WORKFLOW_WITHIN_MAX) {
        *within = (uint16_t)number;
        *unit = (enum within_unit)found;
        return;
    }
    yaml_complain(node, "\"%s\": expected 1 to %d hours, days%s, like \"3 days\", found \"%.*s\"",
                  key, WORKFLOW_WITHIN_MAX, working_days ? " or working_days" : "",
                  text.size > 60 ? 60 : (int)text.size, (const char *)text.data);
}

static void compile_state(struct compiling *compiling, struct yaml_node *map, struct span name,
                          struct workflow *workflow)
{
    uint64_t number = 0;
    uint16_t grace = 0;
    enum within_unit unit = WITHIN_HOURS;
    if (!compile_name(map, name))
        return;
    yaml_get_uint(map, "number", true, 1, WORKFLOW_NUMBER_MAX, &number);
    if (number > 0 && workflow_state(workflow, (uint16_t)number) != NULL)
        yaml_complain(yaml_map_get(map, "number"), "the state \"%s\" has this number already",
                      workflow_state(workflow, (uint16_t)number)->name);
    struct workflow_state *state = &workflow->states[workflow->state_count++];
    state->number = (uint16_t)number;
    state->name = schema_text(compiling->memory, name);
    yaml_get_bool(map, "initial", false, &state->initial);
    yaml_get_bool(map, "closed", false, &state->closed);
    yaml_get_bool(map, "ended", false, &state->ended);
    compile_span(map, "within", true, &state->within, &state->unit);
    state->rise = (enum rise_rule)compile_word(map, "rise", RISE_NONE, RISE_COUNT, rise_word);
    compile_span(map, "grace", false, &grace, &unit);
    state->grace_hours = unit == WITHIN_DAYS ? 24u * grace : grace;
    if (state->rise != RISE_NONE && state->within == 0)
        yaml_complain(map, "what is never overdue never rises: \"rise\" goes with \"within\"");
    compile_labels(compiling, map, &state->labels);
}

static int state_compare(const void *a_bytes, const void *b_bytes)
{
    const struct workflow_state *a = a_bytes, *b = b_bytes;
    return (a->number > b->number) - (a->number < b->number);
}

static void compile_states(struct compiling *compiling, struct yaml_node *map,
                           struct workflow *workflow)
{
    struct yaml_node *states = NULL;
    size_t initial = 0;
    if (!yaml_get_map(map, "states", true, &states))
        return;
    size_t count = yaml_size(states);
    if (count == 0 || count > WORKFLOW_STATES_MAX) {
        yaml_complain(states, "expected 1 to %d states, found %zu", WORKFLOW_STATES_MAX, count);
        return;
    }
    workflow->states = schema_alloc(compiling->memory, count * sizeof workflow->states[0]);
    for (size_t i = 0; i < count; i++) {
        struct span name;
        struct yaml_node *node = yaml_map_at(states, i, &name);
        compile_state(compiling, node, name, workflow);
    }
    for (size_t i = 0; i < workflow->state_count; i++)
        initial += workflow->states[i].initial ? 1 : 0;
    if (initial != 1)
        yaml_complain(states, "exactly one state is \"initial: true\", found %zu", initial);
    qsort(workflow->states, workflow->state_count, sizeof workflow->states[0], state_compare);
}

static const struct workflow_state *state_named(struct yaml_node *node,
                                                const struct workflow *workflow)
{
    const char *known[WORKFLOW_STATES_MAX];
    for (size_t i = 0; i < workflow->state_count; i++) {
        known[i] = workflow->states[i].name;
        if (span_equal(yaml_text(node), span_of_text(known[i])))
            return &workflow->states[i];
    }
    yaml_complain_word(node, "a state of this workflow", known, workflow->state_count);
    return NULL;
}

/* ---- steps ---- */

static int number_compare(const void *a_bytes, const void *b_bytes)
{
    const uint16_t *a = a_bytes, *b = b_bytes;
    return (*a > *b) - (*a < *b);
}

/* A list, or one alone. */
static size_t many(const struct yaml_node *node)
{
    return yaml_is_list(node) ? yaml_size(node) : node != NULL ? 1 : 0;
}

static struct yaml_node *one_of(struct yaml_node *node, size_t place)
{
    return yaml_is_list(node) ? yaml_list_at(node, place) : node;
}

static void compile_from(struct compiling *compiling, struct yaml_node *map,
                         const struct workflow *workflow, struct transition *step)
{
    struct yaml_node *from = yaml_map_get(map, "from"), *to = yaml_map_get(map, "to");
    size_t count = many(from);
    if (count == 0 || count > WORKFLOW_STATES_MAX || to == NULL) {
        yaml_complain(from == NULL ? map : from, "a step has \"from\": a state or a list of "
                                                 "states, and \"to\": a state");
        return;
    }
    step->from = schema_alloc(compiling->memory, count * sizeof step->from[0]);
    for (size_t i = 0; i < count; i++) {
        const struct workflow_state *state = state_named(one_of(from, i), workflow);
        for (size_t j = 0; state != NULL && j < step->from_count; j++) {
            if (step->from[j] == state->number)
                yaml_complain(one_of(from, i), "the state \"%s\" is there twice", state->name);
        }
        if (state != NULL)
            step->from[step->from_count++] = state->number;
    }
    qsort(step->from, step->from_count, sizeof step->from[0], number_compare);
    const struct workflow_state *state = state_named(to, workflow);
    step->to = state == NULL ? 0 : state->number;
    if (state != NULL && state->ended && !step->ended)
        yaml_complain(to, "no step leads to a state that has ended");
}

static void compile_tier(struct compiling *compiling, struct yaml_node *map, struct tier_name *tier)
{
    struct yaml_node *node = yaml_map_get(map, "tier");
    tier->tier = TIER_ANY;
    if (node == NULL || !compile_name(node, yaml_text(node)))
        return;
    tier->name = schema_text(compiling->memory, yaml_text(node));
    tier->tier = TIER_UNKNOWN;
}

static uint8_t role_of(struct yaml_node *node)
{
    const char *known[ROLE_WORDS];
    for (unsigned i = 0; i < ROLE_WORDS; i++) {
        known[i] = role_word(i);
        if (span_equal(yaml_text(node), span_of_text(known[i])))
            return (uint8_t)(1u << i);
    }
    yaml_complain_word(node, "a role: origin, addressee, member or above", known, ROLE_WORDS);
    return 0;
}

/* origin, or {tier: township}, or {tier: township, role: [origin, above]}. */
static void compile_one_who(struct compiling *compiling, struct yaml_node *node,
                            struct step_who *who)
{
    who->tier.tier = TIER_ANY;
    if (!yaml_is_map(node)) {
        who->roles = role_of(node);
        return;
    }
    compile_tier(compiling, node, &who->tier);
    struct yaml_node *roles = yaml_map_get(node, "role");
    for (size_t i = 0; i < many(roles); i++)
        who->roles |= role_of(one_of(roles, i));
    if (roles == NULL && who->tier.name == NULL)
        yaml_complain(node, "expected a \"tier\", a \"role\", or both");
}

static void compile_who(struct compiling *compiling, struct yaml_node *map, struct transition *step)
{
    struct yaml_node *who = yaml_map_get(map, "who");
    size_t count = many(who);
    if (count > WORKFLOW_WHO_MAX) {
        yaml_complain(who, "expected at most %d, found %zu", WORKFLOW_WHO_MAX, count);
        return;
    }
    step->who = schema_alloc(compiling->memory, count * sizeof step->who[0]);
    step->who_count = count;
    for (size_t i = 0; i < count; i++)
        compile_one_who(compiling, one_of(who, i), &step->who[i]);
}

static int field_number_compare(const void *a_bytes, const void *b_bytes)
{
    const int32_t *a = a_bytes, *b = b_bytes;
    return (*a > *b) - (*a < *b);
}

static void compile_requires(struct compiling *compiling, struct yaml_node *map,
                             const struct record_type *type, struct transition *step)
{
    struct yaml_node *fields = yaml_map_get(map, "requires");
    size_t count = many(fields);
    if (count > FIELDS_MAX)
        count = FIELDS_MAX; /* the second of one name is complained of */
    step->required = schema_alloc(compiling->memory, count * sizeof step->required[0]);
    for (size_t i = 0; i < count; i++) {
        struct yaml_node *node = one_of(fields, i);
        const struct field *field = compile_field_named(node, type);
        for (size_t j = 0; field != NULL && j < step->required_count; j++) {
            if (step->required[j] == field->number)
                yaml_complain(node, "the field \"%s\" is there twice", field->name);
        }
        if (field != NULL && type->workflow->field == field->number)
            yaml_complain(node, "the state is what the step sets");
        if (field != NULL)
            step->required[step->required_count++] = field->number;
    }
    qsort(step->required, step->required_count, sizeof step->required[0], field_number_compare);
}

static void compile_limits(struct compiling *compiling, struct yaml_node *map,
                           const struct record_type *type, struct transition *step)
{
    struct yaml_node *list = NULL;
    if (!yaml_get_list(map, "limits", false, &list) || list == NULL)
        return;
    if (yaml_size(list) > WORKFLOW_WHO_MAX) {
        yaml_complain(list, "expected at most %d, found %zu", WORKFLOW_WHO_MAX, yaml_size(list));
        return;
    }
    step->limit_count = yaml_size(list);
    step->limits = schema_alloc(compiling->memory, step->limit_count * sizeof step->limits[0]);
    for (size_t i = 0; i < step->limit_count; i++) {
        struct step_limit *limit = &step->limits[i];
        struct yaml_node *node = yaml_list_at(list, i), *name = yaml_map_get(node, "field");
        uint64_t most = 0;
        compile_tier(compiling, node, &limit->tier);
        yaml_get_uint(node, "most", true, 1, UINT32_MAX, &most);
        limit->most = (uint32_t)most;
        const struct field *field = name == NULL ? NULL : compile_field_named(name, type);
        if (name == NULL || (field != NULL && field->kind != FIELD_LIST))
            yaml_complain(name == NULL ? node : name, "a limit is on a \"field\" of kind list");
        limit->field = field == NULL ? 0 : field->number;
    }
}

static void compile_step(struct compiling *compiling, struct yaml_node *map, struct span name,
                         const struct record_type *type)
{
    struct workflow *workflow = type->workflow;
    uint64_t number = 0;
    if (!compile_name(map, name))
        return;
    yaml_get_uint(map, "number", true, 1, WORKFLOW_NUMBER_MAX, &number);
    if (number > 0 && workflow_transition(workflow, (uint16_t)number) != NULL)
        yaml_complain(yaml_map_get(map, "number"), "the step \"%s\" has this number already",
                      workflow_transition(workflow, (uint16_t)number)->name);
    struct transition *step = &workflow->transitions[workflow->transition_count++];
    step->number = (uint16_t)number;
    step->name = schema_text(compiling->memory, name);
    yaml_get_bool(map, "ended", false, &step->ended);
    compile_from(compiling, map, workflow, step);
    compile_who(compiling, map, step);
    compile_requires(compiling, map, type, step);
    step->extend = (enum step_extend)compile_word(map, "extend", STEP_EXTENDS_NOBODY,
                                                  STEP_EXTEND_COUNT, extend_word);
    yaml_get_bool(map, "extend_companion", false, &step->extend_companion);
    if (step->extend_companion && step->extend == STEP_EXTENDS_NOBODY)
        yaml_complain(map, "\"extend_companion\" goes with \"extend\"");
    compile_limits(compiling, map, type, step);
    compile_labels(compiling, map, &step->labels);
}

static int step_compare(const void *a_bytes, const void *b_bytes)
{
    const struct transition *a = a_bytes, *b = b_bytes;
    return (a->number > b->number) - (a->number < b->number);
}

static void compile_steps(struct compiling *compiling, struct yaml_node *map,
                          const struct record_type *type)
{
    struct workflow *workflow = type->workflow;
    struct yaml_node *steps = NULL;
    if (!yaml_get_map(map, "steps", true, &steps))
        return;
    size_t count = yaml_size(steps);
    if (count == 0 || count > WORKFLOW_TRANSITIONS_MAX) {
        yaml_complain(steps, "expected 1 to %d steps, found %zu", WORKFLOW_TRANSITIONS_MAX, count);
        return;
    }
    workflow->transitions =
        schema_alloc(compiling->memory, count * sizeof workflow->transitions[0]);
    for (size_t i = 0; i < count; i++) {
        struct span name;
        struct yaml_node *node = yaml_map_at(steps, i, &name);
        compile_step(compiling, node, name, type);
    }
    qsort(workflow->transitions, workflow->transition_count, sizeof workflow->transitions[0],
          step_compare);
}

/* ---- the workflow ---- */

/* The state's field is an enum that says no choices itself: the states are its choices. */
static void fill_choices(struct compiling *compiling, struct yaml_node *node, struct field *field,
                         const struct workflow *workflow)
{
    if (field->kind != FIELD_ENUM || field->required || field->choice_count > 0 ||
        field->more->standard.size > 0 || field->merge != MERGE_LAST) {
        yaml_complain(node, "the field of the states is an enum without choices: they are its "
                            "choices; it isn't required and has no default and no merge rule");
        return;
    }
    field->choices =
        schema_alloc(compiling->memory, workflow->state_count * sizeof field->choices[0]);
    field->choice_count = (uint16_t)workflow->state_count;
    for (size_t i = 0; i < workflow->state_count; i++)
        field->choices[i] = workflow->states[i].name;
}

void compile_workflow(struct compiling *compiling, struct yaml_node *map, struct record_type *type)
{
    struct yaml_node *node = NULL, *name;
    if (!yaml_get_map(map, "workflow", false, &node) || node == NULL)
        return;
    struct workflow *workflow = schema_alloc(compiling->memory, sizeof *workflow);
    compile_states(compiling, node, workflow);
    name = yaml_map_get(node, "field");
    if (name == NULL) {
        yaml_complain(node, "a workflow has a \"field\" that shows the state");
        return;
    }
    const struct field *field = compile_field_named(name, type);
    if (field == NULL)
        return;
    workflow->field = field->number;
    fill_choices(compiling, name, &type->fields[field - type->fields], workflow);
    type->workflow = workflow;
    compile_steps(compiling, node, type);
}
