/* Types to rows. */
#include "schema/language/write.h"

#include <string.h>

#include "schema/rollup.h"

struct row_writer {
    struct buffer *row;
    bool for_verdict;
    uint32_t pairs; /* of the map that is being written */
};

/* A pair of a fields map; it is counted first and written then. */
static bool pair(struct row_writer *writer, bool there, int32_t key, bool writing)
{
    if (!there)
        return false;
    if (writing)
        mp_write_int(writer->row, key);
    else
        writer->pairs++;
    return writing;
}

static void write_labels(struct row_writer *writer, const struct type_labels *labels)
{
    size_t count = writer->for_verdict ? 0 : labels->count;
    mp_write_array(writer->row, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        mp_write_array(writer->row, 3);
        mp_write_text(writer->row, labels->at[i].language);
        mp_write_text(writer->row, labels->at[i].text);
        if (labels->at[i].help == NULL)
            mp_write_nil(writer->row);
        else
            mp_write_text(writer->row, labels->at[i].help);
    }
}

static void write_choices(struct row_writer *writer, const struct field *field)
{
    mp_write_array(writer->row, (uint32_t)field->choice_count);
    for (size_t i = 0; i < field->choice_count; i++)
        mp_write_text(writer->row, field->choices[i]);
}

static void write_ended(struct row_writer *writer, const struct field *field)
{
    uint32_t count = 0;
    for (size_t i = 0; i < field->choice_count; i++)
        count += field->more->choice_ended[i] ? 1 : 0;
    mp_write_array(writer->row, count);
    for (size_t i = 0; i < field->choice_count; i++) {
        if (field->more->choice_ended[i])
            mp_write_uint(writer->row, i);
    }
}

static void write_choice_labels(struct row_writer *writer, const struct field *field)
{
    mp_write_array(writer->row, (uint32_t)field->choice_count);
    for (size_t i = 0; i < field->choice_count; i++)
        write_labels(writer, &field->more->choice_labels[i]);
}

static bool any_choice_label(const struct field *field)
{
    for (size_t i = 0; field->more->choice_labels != NULL && i < field->choice_count; i++) {
        if (field->more->choice_labels[i].count > 0)
            return true;
    }
    return false;
}

static void write_shown_options(struct row_writer *writer, const struct field *field, bool writing)
{
    const struct field_more *more = field->more;
    struct buffer *row = writer->row;
    if (writer->for_verdict)
        return;
    if (pair(writer, more->pattern != NULL, FIELD_OPTION_PATTERN, writing))
        mp_write_text(row, more->pattern);
    if (pair(writer, more->unit != NULL, FIELD_OPTION_UNIT, writing))
        mp_write_text(row, more->unit);
    if (pair(writer, more->standard.size > 0, FIELD_OPTION_DEFAULT, writing))
        buffer_append_span(row, more->standard);
    if (pair(writer, more->labels.count > 0, FIELD_OPTION_LABELS, writing))
        write_labels(writer, &more->labels);
}

static void write_derivation(struct buffer *row, const struct derivation *derivation)
{
    mp_write_array(row, 2);
    mp_write_int(row, derivation->of);
    mp_write_array(row, (uint32_t)derivation->count);
    for (size_t i = 0; i < derivation->count; i++) {
        mp_write_array(row, 2);
        mp_write_int(row, derivation->at[i].what);
        mp_write_int(row, derivation->at[i].number);
    }
}

static void write_options(struct row_writer *writer, const struct field *field, bool writing)
{
    struct buffer *row = writer->row;
    if (pair(writer, field->length_max != TEXT_BYTES_MAX, FIELD_OPTION_LENGTH, writing))
        mp_write_uint(row, field->length_max);
    if (pair(writer, field->min != INT64_MIN, FIELD_OPTION_MIN, writing))
        mp_write_int(row, field->min);
    if (pair(writer, field->max != INT64_MAX, FIELD_OPTION_MAX, writing))
        mp_write_int(row, field->max);
    if (pair(writer, field->choice_count > 0, FIELD_OPTION_CHOICES, writing))
        write_choices(writer, field);
    write_shown_options(writer, field, writing);
    if (pair(writer, field->scale > 0, FIELD_OPTION_SCALE, writing))
        mp_write_uint(row, field->scale);
    if (pair(writer, field->refers > 0, FIELD_OPTION_REFERS, writing))
        mp_write_uint(row, field->refers);
    if (pair(writer, !writer->for_verdict && any_choice_label(field), FIELD_OPTION_CHOICE_LABELS,
             writing))
        write_choice_labels(writer, field);
    if (pair(writer, !writer->for_verdict && field->more->derivation != NULL, FIELD_OPTION_DERIVED,
             writing))
        write_derivation(row, field->more->derivation);
    if (pair(writer, field->more->choice_ended != NULL, FIELD_OPTION_CHOICES_ENDED, writing))
        write_ended(writer, field);
    if (pair(writer, field->merge != MERGE_LAST, FIELD_OPTION_MERGE, writing))
        mp_write_uint(row, (uint64_t)field->merge);
}

static void write_field(struct row_writer *writer, const struct field *field)
{
    struct buffer *row = writer->row;
    mp_write_array(row, 5);
    mp_write_uint(row, (uint64_t)field->number);
    mp_write_text(row, field->name);
    mp_write_uint(row, (uint64_t)field->kind);
    mp_write_uint(row, (field->required ? FIELD_FLAG_REQUIRED : 0u) +
                           (field->personal ? FIELD_FLAG_PERSONAL : 0u) +
                           (field->ended ? FIELD_FLAG_ENDED : 0u));
    struct row_writer options = {.row = row, .for_verdict = writer->for_verdict};
    write_options(&options, field, false);
    mp_write_map(row, options.pairs);
    write_options(&options, field, true);
}

/* ---- workflows ---- */

static void write_state(struct row_writer *writer, const struct workflow_state *state)
{
    struct buffer *row = writer->row;
    mp_write_array(row, 7);
    mp_write_uint(row, state->number);
    mp_write_text(row, state->name);
    mp_write_uint(row, (state->initial ? STATE_FLAG_INITIAL : 0u) +
                           (state->closed ? STATE_FLAG_CLOSED : 0u) +
                           (state->ended ? STATE_FLAG_ENDED : 0u));
    if (state->within == 0 || writer->for_verdict) {
        mp_write_nil(row);
    } else {
        mp_write_array(row, 2);
        mp_write_uint(row, state->within);
        mp_write_uint(row, (uint64_t)state->unit);
    }
    mp_write_uint(row, writer->for_verdict ? RISE_NONE : (uint64_t)state->rise);
    mp_write_uint(row, writer->for_verdict ? 0 : state->grace_hours);
    write_labels(writer, &state->labels);
}

static void write_tier(struct row_writer *writer, const struct tier_name *tier)
{
    if (tier->name == NULL)
        mp_write_nil(writer->row);
    else
        mp_write_text(writer->row, tier->name);
}

static void write_step(struct row_writer *writer, const struct transition *step)
{
    struct buffer *row = writer->row;
    mp_write_array(row, 10);
    mp_write_uint(row, step->number);
    mp_write_text(row, step->name);
    mp_write_array(row, (uint32_t)step->from_count);
    for (size_t i = 0; i < step->from_count; i++)
        mp_write_uint(row, step->from[i]);
    mp_write_uint(row, step->to);
    mp_write_array(row, (uint32_t)step->who_count);
    for (size_t i = 0; i < step->who_count; i++) {
        mp_write_array(row, 2);
        write_tier(writer, &step->who[i].tier);
        mp_write_uint(row, step->who[i].roles);
    }
    mp_write_array(row, (uint32_t)step->required_count);
    for (size_t i = 0; i < step->required_count; i++)
        mp_write_int(row, step->required[i]);
    mp_write_uint(row, (uint64_t)step->extend);
    mp_write_uint(row, (step->extend_companion ? STEP_FLAG_COMPANION : 0u) +
                           (step->ended ? STEP_FLAG_ENDED : 0u));
    size_t limit_count = writer->for_verdict ? 0 : step->limit_count;
    mp_write_array(row, (uint32_t)limit_count);
    for (size_t i = 0; i < limit_count; i++) {
        mp_write_array(row, 3);
        write_tier(writer, &step->limits[i].tier);
        mp_write_int(row, step->limits[i].field);
        mp_write_uint(row, step->limits[i].most);
    }
    write_labels(writer, &step->labels);
}

static void write_workflow(struct row_writer *writer, const struct workflow *workflow)
{
    mp_write_array(writer->row, 3);
    mp_write_int(writer->row, workflow->field);
    mp_write_array(writer->row, (uint32_t)workflow->state_count);
    for (size_t i = 0; i < workflow->state_count; i++)
        write_state(writer, &workflow->states[i]);
    mp_write_array(writer->row, (uint32_t)workflow->transition_count);
    for (size_t i = 0; i < workflow->transition_count; i++)
        write_step(writer, &workflow->transitions[i]);
}

/* ---- a type ---- */

static void write_closed(struct buffer *row, const struct record_type *type)
{
    mp_write_array(row, type->closed_choice == NULL ? 1 : 2);
    mp_write_int(row, type->closed_by);
    if (type->closed_choice != NULL)
        mp_write_text(row, type->closed_choice);
}

static void write_indexes(struct buffer *row, const struct record_type *type)
{
    mp_write_array(row, (uint32_t)type->index_count);
    for (size_t i = 0; i < type->index_count; i++) {
        uint32_t count = 0;
        while (type->indexes[i][count] != 0)
            count++;
        mp_write_array(row, count);
        for (uint32_t j = 0; j < count; j++)
            mp_write_int(row, type->indexes[i][j]);
    }
}

static void write_former(struct buffer *row, const struct record_type *type)
{
    mp_write_array(row, (uint32_t)type->former_count);
    for (size_t i = 0; i < type->former_count; i++) {
        mp_write_array(row, 2);
        mp_write_uint(row, type->former[i].last_version);
        mp_write_bin(row, type->former[i].row);
    }
}

static void write_calendar(struct buffer *row, const struct calendar_fields *fields)
{
    mp_write_array(row, 5);
    mp_write_int(row, fields->year);
    mp_write_int(row, fields->offset);
    mp_write_int(row, fields->weekdays);
    mp_write_int(row, fields->holidays);
    mp_write_int(row, fields->workdays);
}

static void write_conditions(struct buffer *row, const struct rollup_condition *conditions,
                             size_t count)
{
    mp_write_array(row, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct rollup_condition *condition = &conditions[i];
        bool of_field = condition->test == TEST_FIELD;
        mp_write_array(row, 3);
        mp_write_uint(row, (uint64_t)condition->test);
        mp_write_int(row, condition->field);
        mp_write_array(row, of_field ? (uint32_t)condition->value_count : 1);
        for (size_t j = 0; of_field && j < condition->value_count; j++)
            buffer_append_span(row, condition->values[j]);
        if (!of_field)
            mp_write_bool(row, condition->is);
    }
}

static void write_rollup(struct row_writer *writer, const struct rollup *rollup)
{
    struct buffer *row = writer->row;
    mp_write_array(row, ROLLUP_ROW_PARTS);
    mp_write_uint(row, rollup->number);
    mp_write_text(row, rollup->name);
    mp_write_uint(row, (uint64_t)rollup->kind);
    mp_write_int(row, rollup->field);
    write_conditions(row, rollup->where, rollup->where_count);
    write_conditions(row, rollup->part, rollup->part_count);
    mp_write_array(row, (uint32_t)rollup->by_count);
    for (size_t i = 0; i < rollup->by_count; i++)
        mp_write_int(row, rollup->by[i]);
    mp_write_array(row, 3);
    mp_write_uint(row, (uint64_t)rollup->period);
    mp_write_int(row, rollup->at);
    mp_write_int(row, rollup->offset);
    mp_write_uint(row, rollup->limit);
    mp_write_uint(row, rollup->ended ? ROLLUP_FLAG_ENDED : 0u);
    write_labels(writer, &rollup->labels);
}

void rollup_row_write(const struct rollup *rollup, struct buffer *row)
{
    struct row_writer writer = {.row = row, .for_verdict = true};
    write_rollup(&writer, rollup);
}

static void write_rollups(struct row_writer *writer, const struct record_type *type)
{
    mp_write_array(writer->row, (uint32_t)type->rollup_count);
    for (size_t i = 0; i < type->rollup_count; i++)
        write_rollup(writer, &type->rollups[i]);
}

/* What a verdict doesn't ask for. */
static void write_shown(struct row_writer *writer, const struct record_type *type, bool writing)
{
    struct buffer *row = writer->row;
    if (writer->for_verdict)
        return;
    if (pair(writer, type->counted, TYPE_ROW_ROLLUPS, writing)) {
        mp_write_array(row, 1);
        mp_write_uint(row, ROLLUP_RECORDS);
    }
    if (pair(writer, type->closed_by != 0, TYPE_ROW_CLOSED, writing))
        write_closed(row, type);
    if (pair(writer, type->labels.count > 0, TYPE_ROW_LABELS, writing))
        write_labels(writer, &type->labels);
    if (pair(writer, type->retention_days > 0, TYPE_ROW_RETENTION, writing))
        mp_write_uint(row, type->retention_days);
    if (pair(writer, type->index_count > 0, TYPE_ROW_INDEXES, writing))
        write_indexes(row, type);
    if (pair(writer, type->former_count > 0, TYPE_ROW_FORMER, writing))
        write_former(row, type);
    if (pair(writer, type->sealed_backup, TYPE_ROW_BACKUP, writing))
        mp_write_uint(row, 1);
    if (pair(writer, type->calendar != NULL, TYPE_ROW_CALENDAR, writing))
        write_calendar(row, type->calendar);
}

static void write_parts(struct row_writer *writer, const struct record_type *type, bool writing)
{
    struct buffer *row = writer->row;
    if (pair(writer, true, TYPE_ROW_NUMBER, writing))
        mp_write_uint(row, type->number);
    if (pair(writer, true, TYPE_ROW_NAME, writing))
        mp_write_text(row, type->name);
    if (pair(writer, true, TYPE_ROW_CLASS, writing))
        mp_write_uint(row, (uint64_t)type->class);
    if (pair(writer, true, TYPE_ROW_CIRCLE, writing))
        mp_write_uint(row, (uint64_t)type->circle);
    if (pair(writer, true, TYPE_ROW_FIELDS, writing)) {
        mp_write_array(row, (uint32_t)type->field_count);
        for (size_t i = 0; i < type->field_count; i++)
            write_field(writer, &type->fields[i]);
    }
    if (pair(writer, type->companion_of != 0, TYPE_ROW_COMPANION_OF, writing))
        mp_write_uint(row, type->companion_of);
    write_shown(writer, type, writing);
    if (pair(writer, type->companion != 0, TYPE_ROW_COMPANION, writing))
        mp_write_uint(row, type->companion);
    if (!writer->for_verdict && pair(writer, type->alarm, TYPE_ROW_ALARM, writing))
        mp_write_bool(row, true);
    if (!writer->for_verdict && pair(writer, type->rollup_count > 0, TYPE_ROW_TALLIES, writing))
        write_rollups(writer, type);
    if (pair(writer, type->ended, TYPE_ROW_ENDED, writing))
        mp_write_bool(row, true);
    if (pair(writer, type->companion_of != 0, TYPE_ROW_PRIVATE, writing))
        mp_write_bool(row, true);
    if (pair(writer, type->workflow != NULL, TYPE_ROW_WORKFLOW, writing))
        write_workflow(writer, type->workflow);
}

void type_row_write(const struct record_type *type, bool for_verdict, struct buffer *row)
{
    struct row_writer writer = {.row = row, .for_verdict = for_verdict};
    write_parts(&writer, type, false);
    mp_write_map(row, writer.pairs);
    write_parts(&writer, type, true);
}
