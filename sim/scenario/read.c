/* A scenario file from its first key to its last. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/scenario_parts.h"

static char *text_of(struct span text)
{
    char *copy = mem_alloc(text.size + 1);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    return copy;
}

static void read_line(struct yaml_node *root, const char *key, char **kept)
{
    struct span text = SPAN_EMPTY;
    if (yaml_get_text(root, key, false, &text) && text.data != NULL)
        *kept = text_of(text);
}

/* The file's own name without folders and ending, unless the scenario says another. */
static void read_scenario_name(struct reading *reading, struct yaml_node *root)
{
    const char *slash = strrchr(reading->name, '/');
    const char *base = slash == NULL ? reading->name : slash + 1;
    const char *dot = strrchr(base, '.');
    struct span name = dot == NULL ? span_of_text(base) : SPAN(base, (size_t)(dot - base));
    struct yaml_node *node = yaml_map_get(root, "name");
    if (node != NULL)
        name = yaml_text(node);
    if (name.size == 0 || name.size >= SCENARIO_NAME_BYTES) {
        if (node != NULL)
            yaml_complain(node, "\"name\": expected a text of 1 to %d bytes",
                          SCENARIO_NAME_BYTES - 1);
        name = span_of_text("scenario");
    }
    memcpy(reading->scenario->name, name.data, name.size);
}

static void read_head(struct reading *reading, struct yaml_node *root)
{
    struct scenario *scenario = reading->scenario;
    read_scenario_name(reading, root);
    read_line(root, "title", &scenario->title);
    read_line(root, "title-zh", &scenario->title_zh);
    read_line(root, "because", &scenario->because);
    yaml_get_uint(root, "seed", false, 0, UINT64_MAX, &scenario->seed);
    fields_read(root, scenario_fields, scenario);
}

static void read_world(struct scenario *scenario, struct yaml_node *root)
{
    struct yaml_node *inner = NULL;
    if (yaml_get_map(root, "link", false, &inner))
        fields_read(inner, link_fields, &scenario->link);
    if (yaml_get_map(root, "disk", false, &inner))
        fields_read(inner, disk_fields, &scenario->disk);
    if (yaml_get_map(root, "world", false, &inner))
        fields_read(inner, world_fields, &scenario->world);
    if (yaml_get_map(root, "tuning", false, &inner))
        fields_read(inner, tuning_fields, &scenario->world.tuning);
}

static void read_links(struct reading *reading, struct yaml_node *root)
{
    struct scenario *scenario = reading->scenario;
    struct yaml_node *list = read_rules(root, "links");
    size_t count = list == NULL ? 0 : yaml_size(list);
    scenario->links = mem_alloc((count + 1) * sizeof *scenario->links);
    for (size_t i = 0; i < count; i++) {
        struct link_rule *rule = &scenario->links[scenario->link_count++];
        rule->profile = scenario->link;
        read_selector(reading, yaml_list_at(list, i), &rule->who);
        fields_read(yaml_list_at(list, i), link_fields, &rule->profile);
    }
}

void read_type(struct yaml_node *node, char type[static 32])
{
    static const char *const types[] = {"mediation", "incident", "directive", "survey", "matter",
                                        "case",      "duty",     "person",    "visit"};
    enum { TYPES = sizeof types / sizeof *types };
    size_t place = node == NULL ? 1 : value_read_name(node, "type", types, TYPES);
    snprintf(type, 32, "%s", types[place < TYPES ? place : 1]);
}

static void read_work(struct reading *reading, struct yaml_node *map, struct work *work)
{
    read_type(yaml_map_get(map, "type"), work->type);
    read_selector(reading, map, &work->who);
    fields_read(map, work_fields, work);
    if ((work->total > 0) == (work->per_day.high > 0))
        yaml_complain(map, "expected one of 'records' (as in '5-50 a day') and 'total'");
}

static void read_works(struct reading *reading, struct yaml_node *root)
{
    struct scenario *scenario = reading->scenario;
    struct yaml_node *list = read_rules(root, "work");
    size_t count = list == NULL ? 0 : yaml_size(list);
    scenario->works = mem_alloc((count + 1) * sizeof *scenario->works);
    for (size_t i = 0; i < count; i++)
        read_work(reading, yaml_list_at(list, i), &scenario->works[scenario->work_count++]);
}

static void read_all(struct reading *reading, struct yaml_node *root)
{
    struct yaml_node *tree = NULL;
    if (!yaml_is_map(root)) {
        yaml_complain(root, "expected a scenario: a map with the key 'tree'");
        return;
    }
    read_head(reading, root);
    if (!yaml_get_map(root, "tree", true, &tree) || !read_tree(reading, tree))
        return;
    read_world(reading->scenario, root);
    read_links(reading, root);
    read_works(reading, root);
    read_faults(reading, root);
    read_expectations(reading, root);
    read_steps(reading, root);
    free(reading->clones);
}

struct scenario *scenario_read(struct span yaml, const char *name,
                               bool (*load)(void *context, const char *file, struct buffer *bytes),
                               void *context, struct error *error)
{
    struct scenario *scenario = mem_alloc(sizeof *scenario);
    struct reading reading = {.scenario = scenario,
                              .yaml = yaml_parse(yaml, name, error),
                              .name = name,
                              .load = load,
                              .context = context};
    scenario_usual(scenario);
    if (reading.yaml == NULL) {
        scenario_free(scenario);
        return NULL;
    }
    read_all(&reading, yaml_root(reading.yaml));
    if (!yaml_finish(reading.yaml, error)) {
        scenario_free(scenario);
        scenario = NULL;
    }
    yaml_free(reading.yaml);
    return scenario;
}
