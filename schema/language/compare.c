/* What changes between two versions of the types. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/change.h"
#include "schema/rollup.h"
#include "schema/type/row.h"
#include "schema/type/text_value.h"
#include "schema/type/value.h"

struct comparing {
    struct schema_changes *changes;
    const char *type;
    const char *part;
};

static void tell(const struct comparing *comparing, enum change_weight weight, const char *text,
                 ...) __attribute__((format(printf, 3, 4)));

static void tell(const struct comparing *comparing, enum change_weight weight, const char *text,
                 ...)
{
    struct schema_changes *changes = comparing->changes;
    if (changes->count == changes->capacity) {
        changes->capacity = changes->capacity == 0 ? 16 : 2 * changes->capacity;
        changes->at = mem_resize(changes->at, changes->capacity * sizeof changes->at[0]);
    }
    struct schema_change *change = &changes->at[changes->count++];
    *change = (struct schema_change){weight, comparing->type, comparing->part, ""};
    va_list values;
    va_start(values, text);
    vsnprintf(change->text, sizeof change->text, text, values);
    va_end(values);
    changes->refused += weight == CHANGE_REFUSED ? 1 : 0;
}

void schema_changes_free(struct schema_changes *changes)
{
    free(changes->at);
    *changes = (struct schema_changes){0};
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_labels(const struct type_labels *a, const struct type_labels *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = same_text(a->at[i].language, b->at[i].language) &&
               same_text(a->at[i].text, b->at[i].text) && same_text(a->at[i].help, b->at[i].help);
    return same;
}

/* Words that are for life. */
static void keep_word(const struct comparing *comparing, const char *what, const char *before,
                      const char *after)
{
    if (strcmp(before, after) != 0)
        tell(comparing, CHANGE_REFUSED, "its %s is %s for life and can't become %s", what, before,
             after);
}

static const char *yes_or_no(bool value)
{
    return value ? "true" : "false";
}

static void show_word(const struct comparing *comparing, const char *what, const char *before,
                      const char *after)
{
    before = before == NULL ? "none" : before;
    after = after == NULL ? "none" : after;
    if (strcmp(before, after) != 0)
        tell(comparing, CHANGE_SHOWN, "its %s was %s and becomes %s", what, before, after);
}

/* ---- fields ---- */

static void bound_text(const struct field *field, int64_t bound, char to[static 32])
{
    if (bound == INT64_MIN || bound == INT64_MAX)
        snprintf(to, 32, "open");
    else if (field->kind == FIELD_DECIMAL)
        schema_text_of_decimal(bound, field->scale, to);
    else if (field->kind == FIELD_DATE && bound > -DATE_DAYS_BOUND && bound < DATE_DAYS_BOUND)
        schema_text_of_date(bound, to);
    else
        snprintf(to, 32, "%lld", (long long)bound);
}

static void compare_bound(const struct comparing *comparing, const char *what,
                          const struct field *field, int64_t before, int64_t after, bool narrower)
{
    char was[32], is[32];
    if (before == after)
        return;
    bound_text(field, before, was);
    bound_text(field, after, is);
    tell(comparing, CHANGE_WRITES, "its %s value was %s and becomes %s: %s", what, was, is,
         narrower ? "fewer values are taken" : "more values are taken");
}

static bool choice_open(const struct field *field, const char *choice)
{
    for (size_t i = 0; i < field->choice_count; i++) {
        if (strcmp(field->choices[i], choice) == 0)
            return field->more->choice_ended == NULL || !field->more->choice_ended[i];
    }
    return false;
}

static void compare_choices(const struct comparing *comparing, const struct field *before,
                            const struct field *after)
{
    for (size_t i = 0; i < after->choice_count; i++) {
        if (choice_open(after, after->choices[i]) && !choice_open(before, after->choices[i]))
            tell(comparing, CHANGE_WRITES, "the choice \"%s\" is new", after->choices[i]);
    }
    for (size_t i = 0; i < before->choice_count; i++) {
        if (choice_open(before, before->choices[i]) && !choice_open(after, before->choices[i]))
            tell(comparing, CHANGE_WRITES,
                 "the choice \"%s\" ends: old values stay, nothing new is written with it",
                 before->choices[i]);
    }
}

static bool same_choice_labels(const struct field *before, const struct field *after)
{
    static const struct type_labels nothing = {0};
    bool same = true;
    for (size_t i = 0; same && i < before->choice_count && i < after->choice_count; i++)
        same = same_labels(
            before->more->choice_labels == NULL ? &nothing : &before->more->choice_labels[i],
            after->more->choice_labels == NULL ? &nothing : &after->more->choice_labels[i]);
    return same;
}

static bool same_derivation(const struct derivation *a, const struct derivation *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    bool same = a->of == b->of && a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = a->at[i].what == b->at[i].what && a->at[i].number == b->at[i].number;
    return same;
}

static void compare_shown(const struct comparing *comparing, const struct field *before,
                          const struct field *after)
{
    show_word(comparing, "name", before->name, after->name);
    show_word(comparing, "unit", before->more->unit, after->more->unit);
    show_word(comparing, "pattern", before->more->pattern, after->more->pattern);
    if (!span_equal(before->more->standard, after->more->standard))
        tell(comparing, CHANGE_SHOWN, "its default changes");
    if (!same_labels(&before->more->labels, &after->more->labels) ||
        !same_choice_labels(before, after))
        tell(comparing, CHANGE_SHOWN, "its labels change");
    if (!same_derivation(before->more->derivation, after->more->derivation))
        tell(comparing, CHANGE_SHOWN, "what it follows from changes");
    if (before->personal != after->personal)
        tell(comparing, CHANGE_SHOWN,
             after->personal ? "it becomes a person's data" : "it is no person's data any more");
}

static void compare_field(struct comparing *comparing, const struct field *before,
                          const struct field *after, bool is_state)
{
    char was[16], is[16];
    comparing->part = after->name;
    keep_word(comparing, "kind", field_kind_name(before->kind), field_kind_name(after->kind));
    if (before->kind != after->kind)
        return;
    keep_word(comparing, "merge rule", merge_rule_name(before->merge),
              merge_rule_name(after->merge));
    snprintf(was, sizeof was, "%u", before->scale);
    snprintf(is, sizeof is, "%u", after->scale);
    keep_word(comparing, "number of decimal places", was, is);
    snprintf(was, sizeof was, "%u", before->refers);
    snprintf(is, sizeof is, "%u", after->refers);
    keep_word(comparing, "type referred to (by number)", was, is);
    if (before->required != after->required)
        tell(comparing, CHANGE_WRITES,
             after->required ? "new records must have it; old ones stand without"
                             : "new records need not have it any more");
    if (before->ended != after->ended)
        tell(comparing, CHANGE_WRITES,
             after->ended ? "it ends: old values stay, nothing new is written"
                          : "it is written again");
    if (before->length_max != after->length_max)
        tell(comparing, CHANGE_WRITES, "its texts had at most %u bytes and now have %u",
             before->length_max, after->length_max);
    compare_bound(comparing, "least", after, before->min, after->min, after->min > before->min);
    compare_bound(comparing, "greatest", after, before->max, after->max, after->max < before->max);
    if (!is_state)
        compare_choices(comparing, before, after);
    compare_shown(comparing, before, after);
}

static bool is_state(const struct record_type *type, const struct field *field)
{
    return type->workflow != NULL && type->workflow->field == field->number;
}

static void compare_fields(struct comparing *comparing, const struct record_type *before,
                           const struct record_type *after)
{
    for (size_t i = 0; i < before->field_count; i++) {
        const struct field *old = &before->fields[i], *new = type_field(after, old->number);
        comparing->part = old->name;
        if (new != NULL)
            compare_field(comparing, old, new, is_state(before, old) && is_state(after, new));
        else if (!old->ended)
            tell(comparing, CHANGE_WRITES,
                 "it isn't there any more, so it ends: old values stay, nothing new is written");
    }
    for (size_t i = 0; i < after->field_count; i++) {
        const struct field *new = &after->fields[i];
        comparing->part = new->name;
        if (type_field(before, new->number) == NULL)
            tell(comparing, CHANGE_WRITES, "it is new%s",
                 new->required ? ", and new records must have it; old ones stand without" : "");
    }
    comparing->part = "";
}

/* ---- workflows ---- */

static void compare_state(struct comparing *comparing, const struct workflow_state *before,
                          const struct workflow_state *after)
{
    comparing->part = before->name;
    keep_word(comparing, "name", before->name, after->name);
    keep_word(comparing, "being the initial state", yes_or_no(before->initial),
              yes_or_no(after->initial));
    if (before->ended != after->ended)
        tell(comparing, CHANGE_WRITES,
             after->ended ? "no step leads there any more" : "steps may lead there again");
    if (before->closed != after->closed)
        tell(comparing, CHANGE_SHOWN,
             after->closed ? "records in it are closed" : "records in it are open");
    if (before->within != after->within || before->unit != after->unit ||
        before->rise != after->rise || before->grace_hours != after->grace_hours)
        tell(comparing, CHANGE_SHOWN, "when it is overdue, and who hears of it, changes");
    if (!same_labels(&before->labels, &after->labels))
        tell(comparing, CHANGE_SHOWN, "its labels change");
}

static bool same_who(const struct transition *a, const struct transition *b)
{
    bool same = a->who_count == b->who_count;
    for (size_t i = 0; same && i < a->who_count; i++)
        same = a->who[i].roles == b->who[i].roles &&
               same_text(a->who[i].tier.name, b->who[i].tier.name);
    return same;
}

static bool same_limits(const struct transition *a, const struct transition *b)
{
    bool same = a->limit_count == b->limit_count;
    for (size_t i = 0; same && i < a->limit_count; i++)
        same = a->limits[i].field == b->limits[i].field && a->limits[i].most == b->limits[i].most &&
               same_text(a->limits[i].tier.name, b->limits[i].tier.name);
    return same;
}

static bool same_from(const struct transition *a, const struct transition *b)
{
    return a->from_count == b->from_count && a->to == b->to &&
           memcmp(a->from, b->from, a->from_count * sizeof a->from[0]) == 0;
}

static void compare_step(struct comparing *comparing, const struct transition *before,
                         const struct transition *after)
{
    comparing->part = after->name;
    if (!same_from(before, after))
        tell(comparing, CHANGE_REFUSED,
             "the states that it leads from and to are for life: end it, and add a step with a "
             "number of its own");
    if (before->extend != after->extend || before->extend_companion != after->extend_companion)
        tell(comparing, CHANGE_REFUSED, "whom it extends the record to is for life");
    show_word(comparing, "name", before->name, after->name);
    if (before->ended != after->ended)
        tell(comparing, CHANGE_WRITES,
             after->ended ? "it may not be taken any more" : "it may be taken again");
    if (!same_who(before, after))
        tell(comparing, CHANGE_WRITES, "who may take it changes");
    if (before->required_count != after->required_count ||
        (before->required_count > 0 &&
         memcmp(before->required, after->required,
                before->required_count * sizeof before->required[0]) != 0))
        tell(comparing, CHANGE_WRITES, "the fields that it requires change");
    if (!same_limits(before, after))
        tell(comparing, CHANGE_SHOWN, "its limits change");
    if (!same_labels(&before->labels, &after->labels))
        tell(comparing, CHANGE_SHOWN, "its labels change");
}

static void compare_workflow(struct comparing *comparing, const struct workflow *before,
                             const struct workflow *after)
{
    if (before->field != after->field)
        tell(comparing, CHANGE_REFUSED, "the field of its states is for life");
    for (size_t i = 0; i < before->state_count; i++) {
        const struct workflow_state *old = &before->states[i];
        const struct workflow_state *new = workflow_state(after, old->number);
        comparing->part = old->name;
        if (new != NULL)
            compare_state(comparing, old, new);
        else if (old->initial)
            tell(comparing, CHANGE_REFUSED, "the initial state is for life");
        else if (!old->ended)
            tell(comparing, CHANGE_WRITES, "it isn't there any more: no step leads there");
    }
    for (size_t i = 0; i < after->state_count; i++) {
        comparing->part = after->states[i].name;
        if (workflow_state(before, after->states[i].number) != NULL)
            continue;
        tell(comparing, CHANGE_WRITES, "the state is new");
        if (after->states[i].initial)
            tell(comparing, CHANGE_REFUSED, "the initial state is for life");
    }
    for (size_t i = 0; i < before->transition_count; i++) {
        const struct transition *old = &before->transitions[i];
        const struct transition *new = workflow_transition(after, old->number);
        comparing->part = old->name;
        if (new != NULL)
            compare_step(comparing, old, new);
        else if (!old->ended)
            tell(comparing, CHANGE_WRITES, "the step isn't there any more: nobody may take it");
    }
    for (size_t i = 0; i < after->transition_count; i++) {
        comparing->part = after->transitions[i].name;
        if (workflow_transition(before, after->transitions[i].number) == NULL)
            tell(comparing, CHANGE_WRITES, "the step is new");
    }
    comparing->part = "";
}

/* ---- types ---- */

static bool same_indexes(const struct record_type *a, const struct record_type *b)
{
    bool same = a->index_count == b->index_count;
    for (size_t i = 0; same && i < a->index_count; i++) {
        for (size_t j = 0; same && (a->indexes[i][j] != 0 || b->indexes[i][j] != 0); j++)
            same = a->indexes[i][j] == b->indexes[i][j];
    }
    return same;
}

static const struct rollup *rollup_of(const struct record_type *type, uint16_t number)
{
    for (size_t i = 0; i < type->rollup_count; i++) {
        if (type->rollups[i].number == number)
            return &type->rollups[i];
    }
    return NULL;
}

static void compare_rollup(struct comparing *comparing, const struct rollup *before,
                           const struct rollup *after)
{
    if (!rollup_same(before, after))
        tell(comparing, CHANGE_REFUSED,
             "what a roll-up counts is for life: end it, and add one with a number of its own");
    show_word(comparing, "name", before->name, after->name);
    if (before->ended != after->ended)
        tell(comparing, CHANGE_SHOWN,
             after->ended ? "the roll-up isn't shown any more" : "the roll-up is shown again");
    if (!same_labels(&before->labels, &after->labels))
        tell(comparing, CHANGE_SHOWN, "its labels change");
}

static void compare_rollups(struct comparing *comparing, const struct record_type *before,
                            const struct schema *all, const struct record_type *after)
{
    for (size_t i = 0; i < before->rollup_count; i++) {
        const struct rollup *old = &before->rollups[i], *new = rollup_of(after, old->number);
        comparing->part = old->name;
        if (new != NULL)
            compare_rollup(comparing, old, new);
        else if (!old->ended)
            tell(comparing, CHANGE_SHOWN, "it isn't there any more: it isn't shown");
    }
    for (size_t i = 0; i < after->rollup_count; i++) {
        const struct rollup *new = &after->rollups[i];
        comparing->part = new->name;
        if (rollup_of(before, new->number) != NULL)
            continue;
        if (schema_rollup(all, new->number, NULL) != NULL)
            tell(comparing, CHANGE_REFUSED,
                 "its number %u was another type's: a roll-up's number means the same for life",
                 new->number);
        else
            tell(comparing, CHANGE_SHOWN, "the roll-up is new: every node counts what it has");
    }
    comparing->part = "";
}

static void compare_terms(struct comparing *comparing, const struct record_type *before,
                          const struct record_type *after)
{
    keep_word(comparing, "class", class_name(before->class), class_name(after->class));
    keep_word(comparing, "circle", circle_name(before->circle), circle_name(after->circle));
    keep_word(comparing, "being counted", yes_or_no(before->counted), yes_or_no(after->counted));
    if (before->companion_of != after->companion_of ||
        (before->companion != 0 && after->companion != 0 && after->companion != before->companion))
        tell(comparing, CHANGE_REFUSED, "its companion is for life");
    else if (before->companion != after->companion)
        tell(comparing, CHANGE_WRITES,
             after->companion == 0 ? "it has no private fields any more; old values stay"
                                   : "it gets private fields, in a companion");
    if ((before->workflow == NULL) != (after->workflow == NULL))
        tell(comparing, CHANGE_REFUSED, "%s",
             after->workflow == NULL
                 ? "its workflow is for life: end the steps instead"
                 : "a type that has records gets no workflow: what was set by hand would count "
                   "for nothing; make a new type");
    if (before->ended != after->ended)
        tell(comparing, CHANGE_WRITES,
             after->ended ? "it ends: no new records are made of it"
                          : "records of it are made again");
    show_word(comparing, "name", before->name, after->name);
    if (before->retention_days != after->retention_days)
        tell(comparing, CHANGE_SHOWN,
             "closed records leave the lists after %u days instead of %u (0: never); `list --past` "
             "shows them",
             after->retention_days, before->retention_days);
    if (before->sealed_backup != after->sealed_backup)
        tell(comparing, CHANGE_SHOWN, "its sealed backup is %s",
             after->sealed_backup ? "begun" : "ended");
    if (before->closed_by != after->closed_by ||
        !same_text(before->closed_choice, after->closed_choice))
        tell(comparing, CHANGE_SHOWN, "what closes its records changes");
    if ((before->calendar == NULL) != (after->calendar == NULL))
        tell(comparing, CHANGE_SHOWN,
             after->calendar == NULL ? "its records are no calendars any more"
                                     : "its records become calendars");
    if (before->alarm != after->alarm)
        tell(comparing, CHANGE_SHOWN, "its open records are %s",
             after->alarm ? "alarms" : "no alarms any more");
    if (!same_indexes(before, after))
        tell(comparing, CHANGE_SHOWN, "its indexes change");
    if (!same_labels(&before->labels, &after->labels))
        tell(comparing, CHANGE_SHOWN, "its labels change");
}

/* A field that moves between a type and its companion would be told to others, or lost to them. */
static void compare_private(struct comparing *comparing, const struct schema *before,
                            const struct record_type *after)
{
    const struct record_type *main =
        after->companion_of == 0 ? NULL : schema_type(before, after->companion_of);
    const struct record_type *companion =
        after->companion == 0 ? NULL : schema_type(before, after->companion);
    for (size_t i = 0; i < after->field_count; i++) {
        const struct field *field = &after->fields[i];
        comparing->part = field->name;
        if (main != NULL && type_field(main, field->number) != NULL)
            tell(comparing, CHANGE_REFUSED, "it can't become private: others hold it already");
        if (companion != NULL && type_field(companion, field->number) != NULL)
            tell(comparing, CHANGE_REFUSED, "it is private for life");
    }
    comparing->part = "";
}

void schema_compare(const struct schema *before, const struct schema *after,
                    struct schema_changes *changes)
{
    struct comparing comparing = {.changes = changes, .part = ""};
    for (size_t i = 0; i < before->type_count; i++) {
        const struct record_type *old = &before->types[i];
        const struct record_type *new = schema_type(after, old->number);
        comparing.type = old->name;
        if (new == NULL) {
            if (!old->ended)
                tell(&comparing, CHANGE_WRITES,
                     "it isn't there any more, so it ends: no new records are made of it");
            continue;
        }
        comparing.type = new->name;
        compare_terms(&comparing, old, new);
        compare_fields(&comparing, old, new);
        compare_private(&comparing, before, new);
        compare_rollups(&comparing, old, before, new);
        if (old->workflow != NULL && new->workflow != NULL)
            compare_workflow(&comparing, old->workflow, new->workflow);
    }
    for (size_t i = 0; i < after->type_count; i++) {
        comparing.type = after->types[i].name;
        if (schema_type(before, after->types[i].number) == NULL)
            tell(&comparing, CHANGE_WRITES, "the type is new");
    }
}
