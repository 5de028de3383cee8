/* Types as the YAML that people write: the other side of compile.c. Texts stand in quotes, so that
 * nothing in them means anything to YAML. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema/change.h"
#include "schema/language/show.h"
#include "schema/type/row.h"
#include "schema/type/text_value.h"

void show_put(struct buffer *out, const char *text, ...)
{
    char line[512];
    va_list values;
    va_start(values, text);
    int size = vsnprintf(line, sizeof line, text, values);
    va_end(values);
    buffer_append(out, line, size < (int)sizeof line ? (size_t)size : sizeof line - 1);
}

void show_quoted(struct buffer *out, struct span text)
{
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '\n' || byte == '\t') {
            show_put(out, byte == '\n' ? "\\n" : "\\t");
            continue;
        }
        if (byte == '"' || byte == '\\')
            buffer_append_byte(out, '\\');
        buffer_append_byte(out, byte);
    }
    buffer_append_byte(out, '"');
}

static void put_text(struct buffer *out, const char *text)
{
    show_quoted(out, span_of_text(text));
}

/* ", label: {en: "Place", zh: "地点"}" and the help alike; `before` is what stands between. */
void show_labels(struct buffer *out, const struct type_labels *labels, const char *before,
                 const char *after)
{
    size_t helps = 0;
    for (size_t i = 0; i < labels->count; i++)
        helps += labels->at[i].help != NULL ? 1 : 0;
    for (int help = 0; help < 2; help++) {
        bool first = true;
        if (help == 0 ? labels->count == 0 : helps == 0)
            continue;
        show_put(out, "%s%s: {", before, help == 0 ? "label" : "help");
        for (size_t i = 0; i < labels->count; i++) {
            const char *text = help == 0 ? labels->at[i].text : labels->at[i].help;
            if (text == NULL)
                continue;
            show_put(out, "%s%s: ", first ? "" : ", ", labels->at[i].language);
            put_text(out, text);
            first = false;
        }
        show_put(out, "}%s", after);
    }
}

static void put_choices(struct buffer *out, const struct field *field)
{
    const struct field_more *more = field->more;
    bool plain = more->choice_ended == NULL && more->choice_labels == NULL;
    show_put(out, ", choices: %s", plain ? "[" : "{");
    for (size_t i = 0; i < field->choice_count; i++) {
        show_put(out, "%s", i > 0 ? ", " : "");
        put_text(out, field->choices[i]);
        if (plain)
            continue;
        show_put(out, ": {ended: %s",
                 more->choice_ended != NULL && more->choice_ended[i] ? "true" : "false");
        if (more->choice_labels != NULL)
            show_labels(out, &more->choice_labels[i], ", ", "");
        show_put(out, "}");
    }
    show_put(out, "%s", plain ? "]" : "}");
}

static void put_number(struct buffer *out, const struct field *field, const char *key,
                       int64_t number)
{
    char text[32];
    if (number == INT64_MIN || number == INT64_MAX)
        return;
    if (field->kind == FIELD_DECIMAL)
        schema_text_of_decimal(number, field->scale, text);
    else
        snprintf(text, sizeof text, "%lld", (long long)number);
    show_put(out, ", %s: %s", key, text);
}

void show_value(struct buffer *out, struct mp_reader *value)
{
    if (mp_peek(value) == MP_STR) {
        show_quoted(out, mp_read_str(value));
    } else if (mp_peek(value) == MP_BOOL) {
        show_put(out, "%s", mp_read_bool(value) ? "true" : "false");
    } else if (mp_peek(value) == MP_BIN) {
        struct span bytes = mp_read_bin(value);
        show_put(out, "\"");
        for (size_t i = 0; i < bytes.size; i++)
            show_put(out, "%02x", bytes.data[i]);
        show_put(out, "\"");
    } else {
        show_put(out, "%lld", (long long)mp_read_int(value));
    }
}

static void put_standard(struct buffer *out, const struct field *field)
{
    struct mp_reader reader = mp_reader_known(field->more->standard);
    char text[32];
    if (field->more->standard.size == 0)
        return;
    show_put(out, ", default: ");
    if (field->kind == FIELD_DECIMAL) {
        schema_text_of_decimal(mp_read_int(&reader), field->scale, text);
        show_put(out, "%s", text);
    } else {
        show_value(out, &reader);
    }
}

static void put_derivation(struct buffer *out, const struct record_type *type,
                           const struct field *field)
{
    const struct derivation *derivation = field->more->derivation;
    const struct field *of = derivation == NULL ? NULL : type_field(type, derivation->of);
    if (derivation == NULL || (derivation->of != 0 && of == NULL))
        return;
    if (of == NULL)
        show_put(out, ", weighted: {");
    else
        show_put(out, ", band: {of: %s, from: {", of->name);
    for (size_t i = 0; i < derivation->count; i++) {
        const struct derivation_part *part = &derivation->at[i];
        const struct field *what = of == NULL ? type_field(type, part->what) : NULL;
        char number[32];
        schema_text_of_decimal(part->number, of == NULL ? 0 : of->scale, number);
        if (of != NULL && part->what < field->choice_count)
            show_put(out, "%s%s: %s", i == 0 ? "" : ", ", field->choices[part->what], number);
        else if (what != NULL)
            show_put(out, "%s%s: %s", i == 0 ? "" : ", ", what->name, number);
    }
    show_put(out, of == NULL ? "}" : "}}");
}

static void put_flag(struct buffer *out, bool flag, const char *key)
{
    if (flag)
        show_put(out, ", %s: true", key);
}

static void put_field(struct buffer *out, const struct schema *schema,
                      const struct record_type *type, const struct field *field)
{
    bool is_state = type->workflow != NULL && type->workflow->field == field->number;
    const struct record_type *refers =
        field->refers == 0 ? NULL : schema_type(schema, field->refers);
    show_put(out, "      %s: {number: %d, kind: %s", field->name, (int)field->number,
             field_kind_name(field->kind));
    put_flag(out, field->required, "required");
    put_flag(out, type->companion_of != 0, "private");
    put_flag(out, field->personal, "personal");
    put_flag(out, field->ended, "ended");
    if (field->length_max != TEXT_BYTES_MAX)
        show_put(out, ", length_max: %u", field->length_max);
    if (field->kind == FIELD_DECIMAL)
        show_put(out, ", scale: %u", field->scale);
    put_number(out, field, "min", field->min);
    put_number(out, field, "max", field->max);
    if (field->choice_count > 0 && !is_state)
        put_choices(out, field);
    if (refers != NULL)
        show_put(out, ", of: %s", refers->name);
    if (field->merge != MERGE_LAST)
        show_put(out, ", merge: %s", merge_rule_name(field->merge));
    if (field->more->pattern != NULL) {
        show_put(out, ", pattern: ");
        put_text(out, field->more->pattern);
    }
    if (field->more->unit != NULL) {
        show_put(out, ", unit: ");
        put_text(out, field->more->unit);
    }
    put_standard(out, field);
    put_derivation(out, type, field);
    show_labels(out, &field->more->labels, ", ", "");
    show_put(out, "}\n");
}

/* ---- workflows ---- */

static void put_state(struct buffer *out, const struct workflow_state *state)
{
    static const char *const units[] = {"hours", "days", "working_days"};
    static const char *const rises[] = {"none", "tier", "root"};
    show_put(out, "        %s: {number: %u", state->name, state->number);
    put_flag(out, state->initial, "initial");
    put_flag(out, state->closed, "closed");
    put_flag(out, state->ended, "ended");
    if (state->within > 0)
        show_put(out, ", within: %u %s", state->within, units[state->unit]);
    if (state->rise != RISE_NONE)
        show_put(out, ", rise: %s", rises[state->rise]);
    if (state->grace_hours > WORKFLOW_WITHIN_MAX)
        show_put(out, ", grace: %u days", state->grace_hours / 24);
    else if (state->grace_hours > 0)
        show_put(out, ", grace: %u hours", state->grace_hours);
    show_labels(out, &state->labels, ", ", "");
    show_put(out, "}\n");
}

static void put_who(struct buffer *out, const struct step_who *who)
{
    static const char *const roles[] = {"origin", "addressee", "member", "above"};
    bool first = true;
    show_put(out, "{");
    if (who->tier.name != NULL)
        show_put(out, "tier: \"%s\"%s", who->tier.name, who->roles != 0 ? ", " : "");
    if (who->roles != 0)
        show_put(out, "role: [");
    for (unsigned i = 0; i < 4; i++) {
        if ((who->roles >> i) % 2 == 0)
            continue;
        show_put(out, "%s%s", first ? "" : ", ", roles[i]);
        first = false;
    }
    show_put(out, who->roles != 0 ? "]}" : "}");
}

static void put_limit(struct buffer *out, const struct record_type *type,
                      const struct step_limit *limit)
{
    show_put(out, "{");
    if (limit->tier.name != NULL)
        show_put(out, "tier: \"%s\", ", limit->tier.name);
    show_put(out, "field: \"%s\", most: %u}", type_field(type, limit->field)->name, limit->most);
}

static void put_step(struct buffer *out, const struct record_type *type,
                     const struct transition *step)
{
    static const char *const extends[] = {"nobody", "up", "named", "root"};
    const struct workflow *workflow = type->workflow;
    show_put(out, "        %s: {number: %u, from: [", step->name, step->number);
    for (size_t i = 0; i < step->from_count; i++)
        show_put(out, "%s\"%s\"", i > 0 ? ", " : "", workflow_state(workflow, step->from[i])->name);
    show_put(out, "], to: \"%s\"", workflow_state(workflow, step->to)->name);
    put_flag(out, step->ended, "ended");
    for (size_t i = 0; i < step->who_count; i++) {
        show_put(out, i == 0 ? ", who: [" : ", ");
        put_who(out, &step->who[i]);
        show_put(out, i + 1 == step->who_count ? "]" : "");
    }
    for (size_t i = 0; i < step->required_count; i++)
        show_put(out, "%s\"%s\"%s", i == 0 ? ", requires: [" : ", ",
                 type_field(type, step->required[i])->name,
                 i + 1 == step->required_count ? "]" : "");
    if (step->extend != STEP_EXTENDS_NOBODY)
        show_put(out, ", extend: %s", extends[step->extend]);
    put_flag(out, step->extend_companion, "extend_companion");
    for (size_t i = 0; i < step->limit_count; i++) {
        show_put(out, i == 0 ? ", limits: [" : ", ");
        put_limit(out, type, &step->limits[i]);
        show_put(out, i + 1 == step->limit_count ? "]" : "");
    }
    show_labels(out, &step->labels, ", ", "");
    show_put(out, "}\n");
}

static void put_workflow(struct buffer *out, const struct record_type *type)
{
    const struct workflow *workflow = type->workflow;
    show_put(out, "    workflow:\n      field: \"%s\"\n      states:\n",
             type_field(type, workflow->field)->name);
    for (size_t i = 0; i < workflow->state_count; i++)
        put_state(out, &workflow->states[i]);
    show_put(out, "      steps:\n");
    for (size_t i = 0; i < workflow->transition_count; i++)
        put_step(out, type, &workflow->transitions[i]);
}

/* ---- types ---- */

static void put_indexes(struct buffer *out, const struct record_type *type)
{
    for (size_t i = 0; i < type->index_count; i++) {
        show_put(out, i == 0 ? "    indexes: [[" : ", [");
        for (size_t j = 0; type->indexes[i][j] != 0; j++)
            show_put(out, "%s\"%s\"", j > 0 ? ", " : "",
                     type_field(type, type->indexes[i][j])->name);
        show_put(out, i + 1 == type->index_count ? "]]\n" : "]");
    }
}

static void put_type(struct buffer *out, const struct schema *schema,
                     const struct record_type *type)
{
    const struct record_type *companion =
        type->companion == 0 ? NULL : schema_type(schema, type->companion);
    show_put(out, "  %s:\n    number: %u\n    class: %s\n    circle: %s\n", type->name,
             type->number, class_name(type->class), circle_name(type->circle));
    if (type->counted)
        show_put(out, "    counted: true\n");
    if (type->ended)
        show_put(out, "    ended: true\n");
    if (type->sealed_backup)
        show_put(out, "    backup: sealed\n");
    if (type->retention_days > 0)
        show_put(out, "    retention_days: %u\n", type->retention_days);
    if (type->closed_by != 0) {
        struct buffer closed = {0};
        show_put(&closed, "%s", type_field(type, type->closed_by)->name);
        if (type->closed_choice != NULL) {
            buffer_append_byte(&closed, '=');
            buffer_append_span(&closed, span_of_text(type->closed_choice));
        }
        show_put(out, "    closed_by: ");
        show_quoted(out, span_of_buffer(&closed));
        buffer_free(&closed);
        show_put(out, "\n");
    }
    if (type->calendar != NULL)
        show_put(out, "    calendar: true\n");
    if (type->alarm)
        show_put(out, "    alarm: true\n");
    put_indexes(out, type);
    show_labels(out, &type->labels, "    ", "\n");
    if (companion != NULL)
        show_put(out, "    companion: {number: %u, circle: %s}\n", companion->number,
                 circle_name(companion->circle));
    show_put(out, "    fields:\n");
    for (size_t i = 0; i < type->field_count; i++)
        put_field(out, schema, type, &type->fields[i]);
    for (size_t i = 0; companion != NULL && i < companion->field_count; i++)
        put_field(out, schema, companion, &companion->fields[i]);
    if (type->workflow != NULL)
        put_workflow(out, type);
    show_rollups(out, type);
}

void schema_show(const struct schema *schema, struct buffer *yaml)
{
    show_put(yaml, "version: %u\ntypes:\n", schema->version);
    for (size_t i = 0; i < schema->type_count; i++) {
        if (schema->types[i].companion_of == 0)
            put_type(yaml, schema, &schema->types[i]);
    }
}
