/* drill.json: a drill to text and back. The root stands first. */
#include "cli/drill/drill_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/value.h"
#include "node/author/keys.h"

enum { DRILL_JSON_FORMAT = 1 };

static enum error_code malformed(const char *path, const char *what, struct error *error)
{
    error_set(error, ERR_MALFORMED, path, "%s is missing or not as it was written", what);
    error_next(error, "take the drill down by hand and make a new one elsewhere");
    return ERR_MALFORMED;
}

static bool take_text(const json_t *object, const char *key, char *to, size_t size)
{
    const char *value = json_string_value(json_object_get(object, key));
    if (value == NULL || value[0] == '\0' || strlen(value) >= size)
        return false;
    memcpy(to, value, strlen(value) + 1);
    return true;
}

static bool take_hexadecimal(const json_t *object, const char *key, uint8_t *to, size_t size)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) &&
           hex_read(SPAN(json_string_value(value), json_string_length(value)), to, size);
}

static bool take_seat(const json_t *object, struct drill *drill, size_t index)
{
    struct drill_seat *seat = &drill->seats[index];
    uint64_t tier = json_number(object, "tier");
    uint64_t port = json_number(object, "port");
    uint64_t pid = json_number(object, "pid");
    uint64_t parent = json_number(object, "parent");
    uint64_t generation = json_number(object, "generation");
    if (!take_text(object, "code", seat->code, sizeof seat->code) ||
        !take_text(object, "name", seat->name, sizeof seat->name) ||
        !take_hexadecimal(object, "key", seat->key, KEY_BYTES) || tier >= drill->tier_count ||
        port > UINT16_MAX || pid > INT32_MAX || (index != 0 && parent >= drill->seat_count) ||
        generation > UINT32_MAX)
        return false;
    seat->tier = (uint8_t)tier;
    seat->port = (uint16_t)port;
    seat->pid = (pid_t)pid;
    seat->cut = json_flag(object, "cut");
    seat->generation = generation == 0 ? 1 : (uint32_t)generation;
    seat->revoked = json_flag(object, "revoked");
    seat->parent = index == 0 ? DRILL_NO_SEAT : (size_t)parent;
    if (index != 0 && !seat->revoked)
        drill->seats[parent].child_count++;
    return true;
}

/* Whether every way up ends at the root. */
static bool is_tree(const struct drill *drill)
{
    for (size_t i = 0; i < drill->seat_count; i++) {
        size_t steps = 0;
        for (size_t above = i; above != 0; above = drill->seats[above].parent) {
            if (++steps > drill->seat_count)
                return false;
        }
    }
    return true;
}

static bool take_seats(const json_t *array, struct drill *drill)
{
    drill->seat_count = json_array_size(array);
    drill->seats = mem_alloc((drill->seat_count + 1) * sizeof *drill->seats);
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (!take_seat(json_array_get(array, i), drill, i))
            return false;
    }
    return drill->seat_count != 0 && is_tree(drill);
}

static const char *const change_names[] = {"admit", "move", "revoke", "replace"};

static bool take_change(const json_t *object, const struct drill *drill,
                        struct drill_change *change)
{
    const json_t *former = json_object_get(object, "former");
    const char *name = json_text(object, "kind");
    size_t kind = 0;
    while (kind < sizeof change_names / sizeof *change_names &&
           strcmp(name, change_names[kind]) != 0)
        kind++;
    *change = (struct drill_change){
        .kind = (enum drill_change_kind)kind,
        .seat = json_number(object, "seat"),
        .former = former == NULL ? DRILL_NO_SEAT : (size_t)json_integer_value(former),
        .generation = (uint32_t)json_number(object, "generation"),
        .signed_ms = json_number(object, "signed_ms"),
        .told_ms = json_number(object, "told_ms"),
        .reported = json_integer_value(json_object_get(object, "reported")),
    };
    bool key = kind != CHANGE_REVOKE && kind != CHANGE_REPLACE;
    return kind < sizeof change_names / sizeof *change_names && change->seat < drill->seat_count &&
           (former == NULL || change->former < drill->seat_count) &&
           (key || take_hexadecimal(object, "key", change->key, KEY_BYTES));
}

static bool take_changes(const json_t *array, struct drill *drill)
{
    drill->change_count = json_array_size(array); /* none: before there were changes */
    drill->changes = mem_alloc((drill->change_count + 1) * sizeof *drill->changes);
    for (size_t i = 0; i < drill->change_count; i++) {
        if (!take_change(json_array_get(array, i), drill, &drill->changes[i]))
            return false;
    }
    return true;
}

static bool take_circle(const char *name, enum circle_rule *circle)
{
    for (unsigned i = 0; i < CIRCLE_COUNT; i++) {
        if (strcmp(circle_name((enum circle_rule)i), name) == 0) {
            *circle = (enum circle_rule)i;
            return true;
        }
    }
    return false;
}

static bool take_types(const json_t *array, struct drill *drill)
{
    drill->type_count = json_array_size(array);
    drill->types = mem_alloc((drill->type_count + 1) * sizeof *drill->types);
    for (size_t i = 0; i < drill->type_count; i++) {
        const json_t *object = json_array_get(array, i);
        struct drill_type *type = &drill->types[i];
        type->number = (uint16_t)json_number(object, "number");
        type->counted = json_flag(object, "counted");
        type->companion = json_flag(object, "companion");
        if (!take_text(object, "name", type->name, sizeof type->name) ||
            !take_circle(json_text(object, "circle"), &type->circle))
            return false;
    }
    return true;
}

static bool take_tiers(const json_t *array, struct drill *drill)
{
    drill->tier_count = json_array_size(array);
    if (drill->tier_count == 0 || drill->tier_count > TIERS_MAX)
        return false;
    for (size_t i = 0; i < drill->tier_count; i++) {
        const char *name = json_string_value(json_array_get(array, i));
        if (name == NULL || strlen(name) > SEAT_BYTES_MAX)
            return false;
        memcpy(drill->tiers[i], name, strlen(name) + 1);
    }
    return true;
}

static enum error_code take_all(const json_t *root, const char *path, struct drill *drill,
                                struct error *error)
{
    uint64_t format = json_number(root, "format");
    if (format > DRILL_JSON_FORMAT)
        return error_set(error, ERR_NEWER, path, "it was written by a newer version (format %llu)",
                         (unsigned long long)format);
    if (format != DRILL_JSON_FORMAT)
        return malformed(path, "the format", error);
    if (!take_hexadecimal(root, "tree", drill->tree_id.bytes, HASH_BYTES))
        return malformed(path, "the tree id", error);
    if (!take_tiers(json_object_get(root, "tiers"), drill))
        return malformed(path, "the list of tiers", error);
    if (!take_types(json_object_get(root, "types"), drill))
        return malformed(path, "the list of types", error);
    if (!take_seats(json_object_get(root, "seats"), drill))
        return malformed(path, "the list of seats", error);
    if (!take_changes(json_object_get(root, "changes"), drill))
        return malformed(path, "the list of changes", error);
    return ERR_OK;
}

enum error_code drill_json_read(struct span text, const char *path, struct drill *drill,
                                struct error *error)
{
    json_error_t fault;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    if (root == NULL) {
        error_set(error, ERR_MALFORMED, path, "%s", fault.text);
        error_at(error, fault.line > 0 ? (unsigned)fault.line : 0,
                 fault.column > 0 ? (unsigned)fault.column : 0);
        return ERR_MALFORMED;
    }
    enum error_code code = take_all(root, path, drill, error);
    json_decref(root);
    return code;
}

static json_t *seat_json(const struct drill *drill, size_t index)
{
    const struct drill_seat *seat = &drill->seats[index];
    char key[2 * KEY_BYTES + 1];
    hex_write(key, seat->key, KEY_BYTES);
    json_t *object = json_pack("{s:s,s:s,s:i,s:i,s:i,s:b,s:s,s:I,s:b}", "code", seat->code, "name",
                               seat->name, "tier", (int)seat->tier, "port", (int)seat->port, "pid",
                               (int)seat->pid, "cut", (int)seat->cut, "key", key, "generation",
                               (json_int_t)seat->generation, "revoked", (int)seat->revoked);
    if (index != 0)
        json_object_set_new(object, "parent", json_integer((json_int_t)seat->parent));
    return object;
}

static json_t *change_json(const struct drill_change *change)
{
    char key[2 * KEY_BYTES + 1];
    hex_write(key, change->key, KEY_BYTES);
    json_t *object = json_pack(
        "{s:s,s:I,s:I,s:I,s:I,s:I,s:s}", "kind", change_names[change->kind], "seat",
        (json_int_t)change->seat, "generation", (json_int_t)change->generation, "signed_ms",
        (json_int_t)change->signed_ms, "told_ms", (json_int_t)change->told_ms, "reported",
        (json_int_t)change->reported, "key", key);
    if (change->former != DRILL_NO_SEAT)
        json_object_set_new(object, "former", json_integer((json_int_t)change->former));
    return object;
}

static json_t *type_json(const struct drill_type *type)
{
    return json_pack("{s:i,s:s,s:s,s:b,s:b}", "number", (int)type->number, "name", type->name,
                     "circle", circle_name(type->circle), "counted", (int)type->counted,
                     "companion", (int)type->companion);
}

static json_t *drill_to_json(const struct drill *drill)
{
    char id[2 * HASH_BYTES + 1];
    json_t *tiers = json_array(), *types = json_array(), *seats = json_array();
    json_t *changes = json_array();
    for (size_t i = 0; i < drill->change_count; i++)
        json_array_append_new(changes, change_json(&drill->changes[i]));
    hex_write(id, drill->tree_id.bytes, HASH_BYTES);
    for (size_t i = 0; i < drill->tier_count; i++)
        json_array_append_new(tiers, json_string(drill->tiers[i]));
    for (size_t i = 0; i < drill->type_count; i++)
        json_array_append_new(types, type_json(&drill->types[i]));
    for (size_t i = 0; i < drill->seat_count; i++)
        json_array_append_new(seats, seat_json(drill, i));
    return json_pack("{s:i,s:s,s:o,s:o,s:o,s:o}", "format", DRILL_JSON_FORMAT, "tree", id, "tiers",
                     tiers, "types", types, "seats", seats, "changes", changes);
}

void drill_json_write(const struct drill *drill, struct buffer *text)
{
    json_t *root = drill_to_json(drill);
    char *dump = json_dumps(root, JSON_INDENT(1));
    buffer_append(text, dump, strlen(dump));
    buffer_append_byte(text, '\n');
    free(dump);
    json_decref(root);
}
