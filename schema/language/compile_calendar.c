/* A type whose records are calendars: `calendar: true`, and the fields that say a year. */
#include <stdio.h>

#include "schema/language/parts.h"

static int32_t field_for(struct yaml_node *node, const struct record_type *type, const char *name,
                         enum field_kind kind, bool required)
{
    const struct field *field = type_field_named(type, span_of_text(name));
    if (field == NULL && !required)
        return 0;
    if (field != NULL && field->kind == kind && (field->required || !required))
        return field->number;
    yaml_complain(node, "a calendar's field \"%s\" is of kind %s%s", name, field_kind_name(kind),
                  required ? ", and required" : "");
    return 0;
}

void compile_calendar(struct compiling *compiling, struct yaml_node *map, struct record_type *type)
{
    bool wanted = false;
    yaml_get_bool(map, "calendar", false, &wanted);
    if (!wanted)
        return;
    struct yaml_node *node = yaml_map_get(map, "calendar");
    struct calendar_fields *fields = schema_alloc(compiling->memory, sizeof *fields);
    fields->year = field_for(node, type, "year", FIELD_INTEGER, true);
    fields->offset = field_for(node, type, "offset", FIELD_INTEGER, true);
    fields->weekdays = field_for(node, type, "weekdays", FIELD_TEXT, false);
    fields->holidays = field_for(node, type, "holidays", FIELD_LIST, false);
    fields->workdays = field_for(node, type, "workdays", FIELD_LIST, false);
    type->calendar = fields;
    if (type->circle != CIRCLE_SUBTREE)
        yaml_complain(node,
                      "a calendar is for whoever stands below its author: \"circle: subtree\"");
}
