/* Whom a rule means, what goes wrong when, and what must hold. */
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "sim/scenario/scenario_parts.h"

/* ---- names of the tree ---- */

static bool check_name(struct reading *reading, struct yaml_node *node, struct span name,
                       const char *what, bool is_tier)
{
    const struct tree_rule *tree = &reading->scenario->tree;
    const char **known = mem_alloc((tree->row_count + 1) * sizeof *known);
    bool found = false;
    for (size_t i = 0; i < tree->row_count && !found; i++) {
        known[i] = is_tier ? tree->rows[i].tier : tree->rows[i].code;
        found = span_equal(name, span_of_text(known[i]));
    }
    if (!found) {
        const char *meant = nearest_word(name, known, tree->row_count);
        yaml_complain(node, "the tree has no %s '%.*s'%s%s%s", what,
                      name.size > 60 ? 60 : (int)name.size, (const char *)name.data,
                      meant == NULL ? "" : "; did you mean '", meant == NULL ? "" : meant,
                      meant == NULL ? "" : "'?");
    }
    free(known);
    return found;
}

bool check_seat(struct reading *reading, struct yaml_node *node, struct span code)
{
    return check_name(reading, node, code, "seat", false);
}

static void read_name(struct reading *reading, struct yaml_node *map, const char *key, bool is_tier,
                      char name[static SEAT_BYTES_MAX + 1])
{
    struct yaml_node *node = yaml_map_get(map, key);
    if (node == NULL)
        return;
    if (!yaml_is_text(node))
        yaml_complain(node, "\"%s\": expected a name", key);
    else if (check_name(reading, node, yaml_text(node), is_tier ? "tier" : "seat", is_tier))
        memcpy(name, yaml_text(node).data, yaml_text(node).size);
}

static void read_named(struct reading *reading, struct yaml_node *map, struct selector *selector)
{
    struct yaml_node *list = NULL;
    if (!yaml_get_list(map, "seats", false, &list) || list == NULL)
        return;
    if (yaml_size(list) == 0)
        yaml_complain(list, "\"seats\": expected at least one seat");
    selector->seats = mem_alloc((yaml_size(list) + 1) * sizeof *selector->seats);
    for (size_t i = 0; i < yaml_size(list); i++) {
        struct yaml_node *item = yaml_list_at(list, i);
        if (!yaml_is_text(item))
            yaml_complain(item, "expected the code of a seat");
        else if (check_seat(reading, item, yaml_text(item)))
            memcpy(selector->seats[selector->seat_count++], yaml_text(item).data,
                   yaml_text(item).size);
    }
}

void read_selector(struct reading *reading, struct yaml_node *map, struct selector *selector)
{
    static const struct scenario_field fields[] = {
        FIELD_ONE(struct selector, share_permille, "share", UNIT_PERMILLE, 1, 1000),
        FIELD_ONE(struct selector, count, "count", UNIT_COUNT, 1, SCENARIO_SEATS_MAX),
        {0},
    };
    read_name(reading, map, "tier", true, selector->tier);
    read_name(reading, map, "under", false, selector->under);
    read_named(reading, map, selector);
    fields_read(map, fields, selector);
}

struct yaml_node *read_rules(struct yaml_node *root, const char *key)
{
    struct yaml_node *list = NULL;
    if (!yaml_get_list(root, key, false, &list) || list == NULL)
        return NULL;
    if (yaml_size(list) > SCENARIO_RULES_MAX) {
        yaml_complain(list, "\"%s\": more than %d of them", key, SCENARIO_RULES_MAX);
        return NULL;
    }
    for (size_t i = 0; i < yaml_size(list); i++) {
        if (!yaml_is_map(yaml_list_at(list, i))) {
            yaml_complain(yaml_list_at(list, i), "\"%s\": expected a map", key);
            return NULL;
        }
    }
    return list;
}

/* ---- faults ---- */

static const char *const point_names[] = {
#define X(name, text, what) text,
    FAULT_POINT_LIST(X)
#undef X
};

static void read_way(struct yaml_node *map, struct fault *fault)
{
    struct yaml_node *node = yaml_map_get(map, "ways");
    fault->ways = WAY_BOTH;
    if (node == NULL)
        return;
    size_t place = value_read_name(node, "ways", way_names + 1, 3);
    if (place < 3)
        fault->ways = (enum way)(place + 1);
}

static void read_point(struct yaml_node *map, struct fault *fault)
{
    struct yaml_node *node = yaml_map_get(map, "point");
    if (node == NULL) {
        yaml_complain(map, "the key \"point\" is missing: which fault point strikes?");
        return;
    }
    size_t place = value_read_name(node, "point", point_names, FAULT_POINT_COUNT);
    if (place < FAULT_POINT_COUNT)
        fault->point = (enum fault_point)place;
}

static void read_mischief(struct yaml_node *map, struct fault *fault)
{
    const char *names[MISCHIEF_COUNT];
    struct yaml_node *node = yaml_map_get(map, "what");
    fault->mischief = MISCHIEF_COUNT;
    if (node == NULL)
        return;
    for (int i = 0; i < MISCHIEF_COUNT; i++)
        names[i] = mischief_name((enum mischief)i);
    fault->mischief = (enum mischief)value_read_name(node, "what", names, MISCHIEF_COUNT);
}

static void read_profile(struct yaml_node *map, const char *key,
                         const struct scenario_field *fields, void *profile)
{
    struct yaml_node *inner = NULL;
    if (yaml_get_map(map, key, true, &inner) && inner != NULL)
        fields_read(inner, fields, profile);
}

static void read_restore(struct yaml_node *map, struct fault *fault)
{
    static const struct scenario_field fields[] = {
        FIELD_ONE(struct fault, age, "age", UNIT_TIME, 1, SCENARIO_MS_MAX),
        FIELD_FLAG(struct fault, keeps_high_water, "whole"),
        {0},
    };
    fields_read(map, fields, fault);
    if (fault->age == 0)
        yaml_complain(map, "the key \"age\" is missing: how old is the image that is put back?");
}

void read_parameters(struct yaml_node *map, struct fault *fault)
{
    switch (fault->kind) {
    case FAULT_HALF_OPEN: read_way(map, fault); break;
    case FAULT_LINK: read_profile(map, "link", link_fields, &fault->link); break;
    case FAULT_DISK: read_profile(map, "disk", disk_fields, &fault->disk); break;
    case FAULT_CLOCK: read_profile(map, "clock", clock_fields, &fault->clock); break;
    case FAULT_CONDUCT: read_profile(map, "conduct", conduct_fields, &fault->conduct); break;
    case FAULT_POINT: read_point(map, fault); break;
    case FAULT_RESTORE: read_restore(map, fault); break;
    case FAULT_INJECT: read_mischief(map, fault); break;
    case FAULT_CUT:
    case FAULT_KILL:
    case FAULT_POWER:
    case FAULT_PAUSE:
    case FAULT_WIPE:
    case FAULT_CLONE:
    case FAULT_TYPES:
    case FAULT_POISON:
    case FAULT_ADMIT:
    case FAULT_REPLACE:
    case FAULT_REVOKE:
    case FAULT_MOVE:
    case FAULT_OVERRULE:
    case FAULT_EMERGENCY:
    case FAULT_KINDS: break;
    }
}

static void read_fault(struct reading *reading, struct yaml_node *map, struct fault *fault)
{
    struct yaml_node *node = yaml_map_get(map, "fault");
    if (node == NULL) {
        yaml_complain(map, "the key \"fault\" is missing: what goes wrong?");
        return;
    }
    size_t place = value_read_name(node, "fault", fault_names, FAULT_KINDS);
    if (place == FAULT_KINDS)
        return;
    fault->kind = (enum fault_kind)place;
    fault->mischief = MISCHIEF_COUNT;
    fault->ways = WAY_BOTH;
    read_selector(reading, map, &fault->who);
    fields_read(map, occasion_fields, &fault->when);
    if (fault->when.every.high > 0 && fault->when.per_day_milli > 0)
        yaml_complain(map, "a fault comes again 'every' so often or so 'often' a day, not both");
    read_parameters(map, fault);
    if (fault->kind == FAULT_MOVE)
        read_seat(reading, map, "to", fault->to);
}

void read_faults(struct reading *reading, struct yaml_node *root)
{
    struct scenario *scenario = reading->scenario;
    struct yaml_node *list = read_rules(root, "faults");
    size_t count = list == NULL ? 0 : yaml_size(list);
    scenario->faults = mem_alloc((count + 1) * sizeof *scenario->faults);
    for (size_t i = 0; i < count; i++)
        read_fault(reading, yaml_list_at(list, i), &scenario->faults[scenario->fault_count++]);
}

/* ---- expectations ---- */

static const enum unit limit_units[EXPECTATION_KINDS] = {
    [EXPECTATION_EQUAL] = UNIT_TIME,    [EXPECTATION_AGE] = UNIT_TIME,
    [EXPECTATION_BACKLOG] = UNIT_COUNT, [EXPECTATION_BYTES] = UNIT_SIZE,
    [EXPECTATION_URGENT] = UNIT_TIME,
};

enum unit expectation_unit(enum expectation_kind kind)
{
    return limit_units[kind];
}

static void read_expectation(struct reading *reading, struct yaml_node *map,
                             struct expectation *expectation)
{
    struct yaml_node *found = NULL;
    for (size_t i = 0; i < EXPECTATION_KINDS; i++) {
        struct yaml_node *node = yaml_map_get(map, expectation_names[i]);
        if (node == NULL)
            continue;
        if (found != NULL)
            yaml_complain(node, "one expectation a map");
        found = node;
        expectation->kind = (enum expectation_kind)i;
        value_read(node, expectation_names[i], limit_units[i], 0, SCENARIO_SIZE_MAX,
                   &expectation->limit);
    }
    read_selector(reading, map, &expectation->who);
    if (found == NULL)
        yaml_complain(map, "expected one of 'equal', 'age', 'backlog', 'bytes' and 'urgent'");
}

void read_expectations(struct reading *reading, struct yaml_node *root)
{
    struct scenario *scenario = reading->scenario;
    struct yaml_node *list = read_rules(root, "expect");
    size_t count = list == NULL ? 0 : yaml_size(list);
    scenario->expectations = mem_alloc((count + 1) * sizeof *scenario->expectations);
    for (size_t i = 0; i < count; i++)
        read_expectation(reading, yaml_list_at(list, i),
                         &scenario->expectations[scenario->expectation_count++]);
}
