/* Roll-ups:
 *
 *      rollups:
 *        incidents_by_kind:
 *          number: 20
 *          kind: count              sum, min, max, average, ratio, distinct
 *          of: people               the field of a sum and the like
 *          limit: 50                of a distinct
 *          where: {status: [reported, accepted], public: true, _closed: false, _overdue: true}
 *          part: {online: true}     of a ratio, beside where
 *          by: [cause, status]
 *          period: month            day, month, year
 *          at: happened             without it when the record was made
 *          offset: 480              minutes that local time is ahead of UTC
 */
#include <stdlib.h>
#include <string.h>

#include "schema/language/parts.h"
#include "schema/rollup.h"
#include "schema/type/value.h"

/* What it may be of. */
static bool is_added(enum field_kind kind)
{
    return kind == FIELD_INTEGER || kind == FIELD_DECIMAL || kind == FIELD_COUNTER;
}

static bool is_ordered(enum field_kind kind)
{
    return is_added(kind) || kind == FIELD_DATE || kind == FIELD_TIME;
}

/* A field that isn't a person's: who counts for others would tell of him. */
static const struct field *open_field(struct yaml_node *node, const struct record_type *type)
{
    const struct field *field = compile_field_named(node, type);
    if (field == NULL || !field->personal)
        return field;
    yaml_complain(node, "\"%s\" is a person's data, which no roll-up tells of", field->name);
    return NULL;
}

static void compile_of(struct yaml_node *map, const struct record_type *type, struct rollup *rollup)
{
    struct yaml_node *node = yaml_map_get(map, "of");
    uint64_t limit = 0;
    bool of_field = rollup->kind != ROLL_COUNT && rollup->kind != ROLL_RATIO;
    yaml_get_uint(map, "limit", rollup->kind == ROLL_DISTINCT, 1, ROLLUP_DISTINCT_MAX, &limit);
    rollup->limit = (uint16_t)limit;
    if (rollup->kind != ROLL_DISTINCT && limit != 0)
        yaml_complain(yaml_map_get(map, "limit"), "\"limit\" goes with \"kind: distinct\"");
    if ((node != NULL) != of_field) {
        yaml_complain(node == NULL ? map : node, "\"of\" is the field of a sum, min, max, average "
                                                 "or distinct, and of nothing else");
        return;
    }
    const struct field *field = node == NULL ? NULL : open_field(node, type);
    if (field == NULL)
        return;
    rollup->field = field->number;
    bool fits = rollup->kind == ROLL_DISTINCT
                    ? field->kind != FIELD_LIST && field->kind != FIELD_COUNTER
                : rollup->kind == ROLL_MIN || rollup->kind == ROLL_MAX ? is_ordered(field->kind)
                                                                       : is_added(field->kind);
    if (!fits)
        yaml_complain(node, "a field of kind %s has no %s", field_kind_name(field->kind),
                      rollup_kind_name(rollup->kind));
}

/* ---- conditions ---- */

static void compile_value(struct compiling *compiling, struct yaml_node *node,
                          const struct field *field, struct rollup_condition *condition)
{
    struct buffer value = {0};
    const char *known[CHOICES_MAX];
    if (field->kind == FIELD_ENUM) {
        for (size_t i = 0; i < field->choice_count; i++)
            known[i] = field->choices[i];
        if (!field_has_choice(field, yaml_text(node))) {
            yaml_complain_word(node, "a choice of this field", known, field->choice_count);
            return;
        }
        mp_write_str(&value, yaml_text(node));
    } else if (!yaml_is_text(node) || !field_of_text(field, yaml_text(node), &value)) {
        char expected[200];
        field_expects(field, expected, sizeof expected);
        yaml_complain(node, "expected a value of the field \"%s\": %s", field->name, expected);
    }
    uint8_t *copy = schema_alloc(compiling->memory, value.size);
    if (value.size > 0)
        memcpy(copy, value.data, value.size);
    condition->values[condition->value_count++] = SPAN(copy, value.size);
    buffer_free(&value);
}

static void compile_system(struct yaml_node *node, struct span name, const struct record_type *type,
                           struct rollup_condition *condition)
{
    static const char *const known[] = {"_closed", "_overdue"};
    bool closed = span_equal(name, span_of_text(known[0]));
    condition->test = closed ? TEST_CLOSED : TEST_OVERDUE;
    condition->is = span_equal(yaml_text(node), span_of_text("true"));
    if (!closed && !span_equal(name, span_of_text(known[1]))) {
        yaml_complain(node,
                      "what a roll-up asks for beside fields is _closed or _overdue, found "
                      "\"%.*s\"",
                      name.size > 60 ? 60 : (int)name.size, (const char *)name.data);
        return;
    }
    if (!condition->is && !span_equal(yaml_text(node), span_of_text("false")))
        yaml_complain(node, "expected true or false");
    if (closed && type->workflow == NULL && type->closed_by == 0)
        yaml_complain(node, "records of this type have nothing that closes them");
    if (!closed && type->workflow == NULL)
        yaml_complain(node, "a type without a workflow has nothing that is overdue");
}

static void compile_test(struct compiling *compiling, struct yaml_node *node, struct span name,
                         const struct record_type *type, struct rollup_condition *condition)
{
    size_t count = yaml_is_list(node) ? yaml_size(node) : 1;
    if (name.size > 0 && name.data[0] == '_') {
        compile_system(node, name, type, condition);
        return;
    }
    const struct field *field = type_field_named(type, name);
    if (field == NULL || field->personal || field->kind == FIELD_LIST ||
        field->kind == FIELD_COUNTER) {
        yaml_complain(node,
                      "\"%.*s\": expected a field of %s that is neither private nor personal, no "
                      "list and no counter; or _closed, _overdue",
                      name.size > 60 ? 60 : (int)name.size, (const char *)name.data, type->name);
        return;
    }
    if (count == 0 || count > ROLLUP_VALUES_MAX) {
        yaml_complain(node, "expected a value, or a list of 1 to %d", ROLLUP_VALUES_MAX);
        return;
    }
    condition->test = TEST_FIELD;
    condition->field = field->number;
    condition->values = schema_alloc(compiling->memory, count * sizeof condition->values[0]);
    for (size_t i = 0; i < count; i++)
        compile_value(compiling, yaml_is_list(node) ? yaml_list_at(node, i) : node, field,
                      condition);
}

static size_t compile_conditions(struct compiling *compiling, struct yaml_node *map,
                                 const char *key, const struct record_type *type,
                                 struct rollup_condition **conditions)
{
    struct yaml_node *tests = NULL;
    if (!yaml_get_map(map, key, false, &tests) || tests == NULL)
        return 0;
    size_t count = yaml_size(tests);
    if (count == 0 || count > ROLLUP_CONDITIONS_MAX) {
        yaml_complain(tests, "expected 1 to %d conditions, found %zu", ROLLUP_CONDITIONS_MAX,
                      count);
        return 0;
    }
    *conditions = schema_alloc(compiling->memory, count * sizeof **conditions);
    for (size_t i = 0; i < count; i++) {
        struct span name;
        struct yaml_node *node = yaml_map_at(tests, i, &name);
        compile_test(compiling, node, name, type, &(*conditions)[i]);
    }
    return count;
}

/* ---- groups and periods ---- */

/* Few values make groups: a group for each of a thousand texts is a list, not a roll-up. */
static bool makes_groups(const struct field *field)
{
    enum field_kind kind = field->kind;
    return kind == FIELD_ENUM || kind == FIELD_BOOLEAN || kind == FIELD_INTEGER ||
           kind == FIELD_DATE || kind == FIELD_RECORD || kind == FIELD_SEAT ||
           (kind == FIELD_TEXT && field->length_max <= ROLLUP_TEXT_MAX);
}

static void compile_by(struct yaml_node *map, const struct record_type *type, struct rollup *rollup)
{
    struct yaml_node *by = yaml_map_get(map, "by");
    size_t count = yaml_is_list(by) ? yaml_size(by) : by != NULL ? 1 : 0;
    if (count > ROLLUP_BY_MAX) {
        yaml_complain(by, "expected at most %d fields, found %zu", ROLLUP_BY_MAX, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct yaml_node *node = yaml_is_list(by) ? yaml_list_at(by, i) : by;
        const struct field *field = open_field(node, type);
        if (field != NULL && !makes_groups(field))
            yaml_complain(node,
                          "groups are made by an enum, a boolean, an integer, a date, a record, a "
                          "seat, or a text of at most %d bytes",
                          ROLLUP_TEXT_MAX);
        rollup->by[rollup->by_count++] = field == NULL ? 0 : field->number;
    }
}

static void compile_period(struct yaml_node *map, const struct record_type *type,
                           struct rollup *rollup)
{
    struct yaml_node *at = yaml_map_get(map, "at"), *offset = yaml_map_get(map, "offset");
    int64_t minutes = 0;
    rollup->period = (enum rollup_period)compile_word(map, "period", PERIOD_NONE, PERIOD_COUNT,
                                                      rollup_period_name);
    if (rollup->period == PERIOD_NONE && (at != NULL || offset != NULL)) {
        yaml_complain(at != NULL ? at : offset, "\"at\" and \"offset\" go with \"period\"");
        return;
    }
    const struct field *field = at == NULL ? NULL : open_field(at, type);
    if (field != NULL && field->kind != FIELD_DATE && field->kind != FIELD_TIME)
        yaml_complain(at, "a period is that of a date or a time");
    rollup->at = field == NULL ? 0 : field->number;
    if (offset == NULL)
        return;
    struct buffer value = {0};
    const struct field number = {.kind = FIELD_INTEGER, .min = -14 * 60, .max = 14 * 60};
    if (yaml_is_text(offset) && field_of_text(&number, yaml_text(offset), &value)) {
        struct mp_reader reader = mp_reader(span_of_buffer(&value));
        minutes = mp_read_int(&reader);
    }
    if (value.size == 0 || minutes < number.min || minutes > number.max)
        yaml_complain(offset, "expected minutes ahead of UTC, -840 to 840");
    else
        rollup->offset = (int16_t)minutes;
    buffer_free(&value);
}

/* ---- a roll-up ---- */

static void complain_of_twins(struct compiling *compiling, struct yaml_node *map, struct span name,
                              uint64_t number)
{
    const struct record_type *type = NULL;
    const struct rollup *same =
        number == 0 ? NULL : schema_rollup(compiling->schema, (uint16_t)number, &type);
    if (same != NULL)
        yaml_complain(yaml_map_get(map, "number"),
                      "the roll-up \"%s\" of %s has this number "
                      "already",
                      same->name, type->name);
    if (schema_rollup_named(compiling->schema, name, &type) != NULL)
        yaml_complain(map, "the type %s has a roll-up of this name already", type->name);
    static const char *const own[] = {"records", "received", "overdue", "outstanding", "freshness"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (span_equal(name, span_of_text(own[i])))
            yaml_complain(map, "\"%s\" is a roll-up that every node has", own[i]);
    }
}

static void compile_rollup(struct compiling *compiling, struct yaml_node *map, struct span name,
                           struct record_type *type)
{
    uint64_t number = 0;
    if (!compile_name(map, name))
        return;
    yaml_get_uint(map, "number", true, ROLLUP_NUMBER_MIN, ROLLUP_NUMBER_MAX, &number);
    complain_of_twins(compiling, map, name, number);
    struct rollup *rollup = &type->rollups[type->rollup_count++];
    rollup->number = (uint16_t)number;
    rollup->name = schema_text(compiling->memory, name);
    rollup->kind = (enum rollup_kind)compile_word(map, "kind", ROLL_KIND_COUNT, ROLL_KIND_COUNT,
                                                  rollup_kind_name);
    yaml_get_bool(map, "ended", false, &rollup->ended);
    compile_of(map, type, rollup);
    rollup->where_count = compile_conditions(compiling, map, "where", type, &rollup->where);
    rollup->part_count = compile_conditions(compiling, map, "part", type, &rollup->part);
    if ((rollup->kind == ROLL_RATIO) != (rollup->part_count > 0))
        yaml_complain(map, "a ratio has a \"part\", the conditions of what is counted above the "
                           "line, and nothing else has one");
    compile_by(map, type, rollup);
    compile_period(map, type, rollup);
    compile_labels(compiling, map, &rollup->labels);
}

static int rollup_compare(const void *a_bytes, const void *b_bytes)
{
    const struct rollup *a = a_bytes, *b = b_bytes;
    return (a->number > b->number) - (a->number < b->number);
}

void compile_rollups(struct compiling *compiling, struct yaml_node *map, struct record_type *type)
{
    struct yaml_node *rollups = NULL;
    if (!yaml_get_map(map, "rollups", false, &rollups) || rollups == NULL)
        return;
    size_t count = yaml_size(rollups);
    if (count > ROLLUPS_MAX) {
        yaml_complain(rollups, "expected at most %d roll-ups, found %zu", ROLLUPS_MAX, count);
        return;
    }
    type->rollups = schema_alloc(compiling->memory, count * sizeof type->rollups[0]);
    for (size_t i = 0; i < count; i++) {
        struct span name;
        struct yaml_node *node = yaml_map_at(rollups, i, &name);
        compile_rollup(compiling, node, name, type);
    }
    qsort(type->rollups, type->rollup_count, sizeof type->rollups[0], rollup_compare);
}
