/* One walk for reading, one for writing. */
#include "sim/scenario/fields.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

/* ---- places in a struct ---- */

static uint64_t get_number(const void *target, size_t offset, size_t width)
{
    uint32_t small;
    uint64_t large;
    const uint8_t *at = (const uint8_t *)target + offset;
    if (width == sizeof large) {
        memcpy(&large, at, sizeof large);
        return large;
    }
    memcpy(&small, at, sizeof small);
    return small;
}

static void set_number(void *target, size_t offset, size_t width, uint64_t value)
{
    uint32_t small = (uint32_t)value;
    uint8_t *at = (uint8_t *)target + offset;
    if (width == sizeof value)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &small, sizeof small);
}

static int64_t get_signed(const void *target, const struct scenario_field *field)
{
    uint64_t value = get_number(target, field->offset, field->width);
    return field->width == sizeof value ? (int64_t)value : (int32_t)(uint32_t)value;
}

static bool get_flag(const void *target, const struct scenario_field *field)
{
    bool flag;
    memcpy(&flag, (const uint8_t *)target + field->offset, sizeof flag);
    return flag;
}

static size_t get_name(const void *target, const struct scenario_field *field)
{
    int place;
    memcpy(&place, (const uint8_t *)target + field->offset, sizeof place);
    return (size_t)place;
}

/* ---- reading ---- */

enum { FOUND_SHOWN_MAX = 40 };

static int shown(struct span text)
{
    return text.size > FOUND_SHOWN_MAX ? FOUND_SHOWN_MAX : (int)text.size;
}

static void complain(struct yaml_node *node, const char *key, const char *expected,
                     const char *examples, const char *meant)
{
    const char *ask = meant == NULL || meant[0] == '\0' ? "" : "; did you mean ";
    if (!yaml_is_text(node)) {
        yaml_complain(node, "\"%s\": expected %s, as in %s, found a %s", key, expected, examples,
                      yaml_is_map(node) ? "map" : "list");
        return;
    }
    struct span text = yaml_text(node);
    yaml_complain(node, "\"%s\": expected %s, as in %s, found '%.*s'%s%s%s%s", key, expected,
                  examples, shown(text), (const char *)text.data, ask, ask[0] != '\0' ? "'" : "",
                  ask[0] != '\0' ? meant : "", ask[0] != '\0' ? "'?" : "");
}

static void complain_bound(struct yaml_node *node, const char *key, enum unit unit, uint64_t min,
                           uint64_t max)
{
    struct buffer bounds = {0};
    struct span text = yaml_text(node);
    unit_print(unit, min, &bounds);
    buffer_append_span(&bounds, span_of_text(" to "));
    unit_print(unit, max, &bounds);
    yaml_complain(node, "\"%s\": expected %.*s, found '%.*s'", key, (int)bounds.size,
                  (const char *)bounds.data, shown(text), (const char *)text.data);
    buffer_free(&bounds);
}

bool value_read(struct yaml_node *node, const char *key, enum unit unit, uint64_t min, uint64_t max,
                uint64_t *value)
{
    const char *meant = NULL;
    uint64_t read;
    if (!yaml_is_text(node) || !unit_read(unit, yaml_text(node), &read, &meant)) {
        complain(node, key, unit_what(unit), unit_examples(unit), meant);
        return false;
    }
    if (read < min || read > max) {
        complain_bound(node, key, unit, min, max);
        return false;
    }
    *value = read;
    return true;
}

bool value_read_range(struct yaml_node *node, const char *key, enum unit unit, uint64_t min,
                      uint64_t max, uint64_t *low, uint64_t *high)
{
    const char *meant = NULL;
    uint64_t first, second;
    if (!yaml_is_text(node) || !unit_read_range(unit, yaml_text(node), &first, &second, &meant)) {
        if (unit == UNIT_DAYTIME)
            complain(node, key, "hours of the day", "'08:00-18:00'", NULL);
        else
            complain(node, key, unit_what(unit), unit_examples(unit), meant);
        return false;
    }
    if (first < min || second < min || second > max || first > max) {
        complain_bound(node, key, unit, min, max);
        return false;
    }
    *low = first;
    *high = second;
    return true;
}

size_t value_read_name(struct yaml_node *node, const char *key, const char *const *names,
                       size_t count)
{
    struct buffer known = {0};
    for (size_t i = 0; i < count; i++) {
        if (yaml_is_text(node) && span_equal(yaml_text(node), span_of_text(names[i]))) {
            buffer_free(&known);
            return i;
        }
        buffer_append_span(&known, span_of_text(i == 0 ? "'" : ", '"));
        buffer_append_span(&known, span_of_text(names[i]));
        buffer_append_byte(&known, '\'');
    }
    buffer_append_byte(&known, '\0');
    const char *meant = yaml_is_text(node) ? nearest_word(yaml_text(node), names, count) : NULL;
    complain(node, key, "one of these", (const char *)known.data, meant);
    buffer_free(&known);
    return count;
}

static void read_signed(struct yaml_node *node, const struct scenario_field *field, void *target)
{
    const char *meant = NULL;
    int64_t value;
    if (!yaml_is_text(node) || !unit_read_signed(field->unit, yaml_text(node), &value, &meant)) {
        complain(node, field->key, unit_what(field->unit), unit_examples(field->unit), meant);
        return;
    }
    if ((value < 0 ? -(uint64_t)value : (uint64_t)value) > field->max) {
        complain_bound(node, field->key, field->unit, 0, field->max);
        return;
    }
    set_number(target, field->offset, field->width, (uint64_t)value);
}

static void read_flag(struct yaml_node *map, const struct scenario_field *field, void *target)
{
    bool flag = get_flag(target, field);
    if (yaml_get_bool(map, field->key, false, &flag))
        memcpy((uint8_t *)target + field->offset, &flag, sizeof flag);
}

static void read_field(struct yaml_node *map, const struct scenario_field *field, void *target)
{
    uint64_t low, high;
    if (field->form == FORM_FLAG) {
        read_flag(map, field, target);
        return;
    }
    struct yaml_node *node = yaml_map_get(map, field->key);
    if (node == NULL)
        return;
    switch (field->form) {
    case FORM_ONE:
        if (value_read(node, field->key, field->unit, field->min, field->max, &low))
            set_number(target, field->offset, field->width, low);
        break;
    case FORM_RANGE:
        if (value_read_range(node, field->key, field->unit, field->min, field->max, &low, &high)) {
            set_number(target, field->offset, field->width, low);
            set_number(target, field->offset2, field->width, high);
        }
        break;
    case FORM_SIGNED: read_signed(node, field, target); break;
    case FORM_NAME: {
        int place = (int)value_read_name(node, field->key, field->names, field->name_count);
        if ((size_t)place < field->name_count)
            memcpy((uint8_t *)target + field->offset, &place, sizeof place);
        break;
    }
    case FORM_FLAG: break;
    }
}

void fields_read(struct yaml_node *map, const struct scenario_field *fields, void *target)
{
    for (const struct scenario_field *field = fields; map != NULL && field->key != NULL; field++)
        read_field(map, field, target);
}

/* ---- writing ---- */

void indent_to(struct buffer *yaml, int indent)
{
    for (int i = 0; i < indent; i++)
        buffer_append_byte(yaml, ' ');
}

void write_key(struct buffer *yaml, int indent, const char *key)
{
    indent_to(yaml, indent);
    buffer_append_span(yaml, span_of_text(key));
    buffer_append_span(yaml, span_of_text(": "));
}

void write_quoted(struct buffer *yaml, const char *text)
{
    buffer_append_byte(yaml, '"');
    for (const char *at = text; *at != '\0'; at++) {
        char escaped[8];
        uint8_t byte = (uint8_t)*at;
        if (byte == '"' || byte == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", byte);
        else if (byte == '\n')
            snprintf(escaped, sizeof escaped, "\\n");
        else if (byte < ' ' || byte == 127)
            snprintf(escaped, sizeof escaped, "\\x%02x", byte);
        else
            snprintf(escaped, sizeof escaped, "%c", byte);
        buffer_append_span(yaml, span_of_text(escaped));
    }
    buffer_append_byte(yaml, '"');
}

static bool field_equal(const struct scenario_field *field, const void *a, const void *b)
{
    if (field->form == FORM_FLAG)
        return get_flag(a, field) == get_flag(b, field);
    if (field->form == FORM_NAME)
        return get_name(a, field) == get_name(b, field);
    return get_number(a, field->offset, field->width) ==
               get_number(b, field->offset, field->width) &&
           (field->form != FORM_RANGE || get_number(a, field->offset2, field->width) ==
                                             get_number(b, field->offset2, field->width));
}

bool fields_equal(const struct scenario_field *fields, const void *a, const void *b)
{
    for (const struct scenario_field *field = fields; field->key != NULL; field++) {
        if (!field_equal(field, a, b))
            return false;
    }
    return true;
}

static void write_field(const struct scenario_field *field, const void *target, struct buffer *yaml)
{
    switch (field->form) {
    case FORM_ONE:
        unit_print(field->unit, get_number(target, field->offset, field->width), yaml);
        break;
    case FORM_RANGE:
        unit_print_range(field->unit, get_number(target, field->offset, field->width),
                         get_number(target, field->offset2, field->width), yaml);
        break;
    case FORM_SIGNED: unit_print_signed(field->unit, get_signed(target, field), yaml); break;
    case FORM_FLAG:
        buffer_append_span(yaml, span_of_text(get_flag(target, field) ? "true" : "false"));
        break;
    case FORM_NAME:
        buffer_append_span(yaml, span_of_text(field->names[get_name(target, field)]));
        break;
    }
}

void fields_write(const struct scenario_field *fields, const void *target, const void *usual,
                  int indent, struct buffer *yaml)
{
    for (const struct scenario_field *field = fields; field->key != NULL; field++) {
        if (field_equal(field, target, usual))
            continue;
        write_key(yaml, indent, field->key);
        write_field(field, target, yaml);
        buffer_append_byte(yaml, '\n');
    }
}
