/* YAML that is read back as the same scenario: what is usual is left out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/scenario/scenario_parts.h"

static void say(struct buffer *yaml, const char *text)
{
    buffer_append_span(yaml, span_of_text(text));
}

static void write_text(struct buffer *yaml, int indent, const char *key, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    write_key(yaml, indent, key);
    write_quoted(yaml, text);
    say(yaml, "\n");
}

void write_selector(const struct selector *selector, int indent, struct buffer *yaml)
{
    write_text(yaml, indent, "tier", selector->tier);
    write_text(yaml, indent, "under", selector->under);
    if (selector->seat_count > 0) {
        write_key(yaml, indent, "seats");
        for (size_t i = 0; i < selector->seat_count; i++) {
            say(yaml, i == 0 ? "[" : ", ");
            write_quoted(yaml, selector->seats[i]);
        }
        say(yaml, "]\n");
    }
    if (selector->share_permille > 0) {
        write_key(yaml, indent, "share");
        unit_print(UNIT_PERMILLE, selector->share_permille, yaml);
        say(yaml, "\n");
    }
    if (selector->count > 0) {
        write_key(yaml, indent, "count");
        unit_print(UNIT_COUNT, selector->count, yaml);
        say(yaml, "\n");
    }
}

static void write_map(struct buffer *yaml, int indent, const char *key,
                      const struct scenario_field *fields, const void *target, const void *usual)
{
    if (fields_equal(fields, target, usual))
        return;
    indent_to(yaml, indent);
    say(yaml, key);
    say(yaml, ":\n");
    fields_write(fields, target, usual, indent + 2, yaml);
}

static void write_tree(const struct tree_rule *tree, struct buffer *yaml)
{
    say(yaml, "tree:\n");
    write_text(yaml, 2, "file", tree->file);
    write_text(yaml, 2, "shape", tree->shape);
    write_text(yaml, 2, "fold-tier", tree->fold_tier);
    for (size_t i = 0; i < tree->tier_count; i++) {
        say(yaml, i == 0 ? "  tiers: [" : ", ");
        write_quoted(yaml, tree->tiers[i]);
        say(yaml, i + 1 == tree->tier_count ? "]\n" : "");
    }
    if (tree->file != NULL || tree->shape != NULL)
        return;
    say(yaml, "  seats:\n");
    for (size_t i = 0; i < tree->row_count; i++) {
        say(yaml, "    - {seat: ");
        write_quoted(yaml, tree->rows[i].code);
        say(yaml, ", tier: ");
        write_quoted(yaml, tree->rows[i].tier);
        if (tree->rows[i].parent != NULL) {
            say(yaml, ", parent: ");
            write_quoted(yaml, tree->rows[i].parent);
        }
        if (tree->rows[i].fallback != NULL) {
            say(yaml, ", fallback: ");
            write_quoted(yaml, tree->rows[i].fallback);
        }
        say(yaml, tree->rows[i].escrow ? ", escrow: true" : "");
        say(yaml, tree->rows[i].later ? ", later: true}\n" : "}\n");
    }
}

/* What `body` wrote at indent 4 becomes an item of a list: a dash in place of two blanks. */
static void write_item(struct buffer *yaml, struct buffer *body)
{
    if (body->size == 0) {
        say(yaml, "  - {}\n");
        return;
    }
    body->data[2] = '-';
    buffer_append_span(yaml, span_of_buffer(body));
    buffer_clear(body);
}

/* A profile of a fault must stand there, even when it says nothing. */
static void write_profile(struct buffer *yaml, int indent, const char *key,
                          const struct scenario_field *fields, const void *profile)
{
    static const union {
        struct link_profile link;
        struct disk_profile disk;
        struct clock_profile clock;
        struct conduct conduct;
    } usual;
    size_t before = yaml->size;
    write_map(yaml, indent, key, fields, profile, &usual);
    if (yaml->size > before)
        return;
    write_key(yaml, indent, key);
    say(yaml, "{}\n");
}

void write_parameters(const struct fault *fault, int indent, struct buffer *yaml)
{
    switch (fault->kind) {
    case FAULT_HALF_OPEN: write_text(yaml, indent, "ways", way_names[fault->ways]); break;
    case FAULT_LINK: write_profile(yaml, indent, "link", link_fields, &fault->link); break;
    case FAULT_DISK: write_profile(yaml, indent, "disk", disk_fields, &fault->disk); break;
    case FAULT_CLOCK: write_profile(yaml, indent, "clock", clock_fields, &fault->clock); break;
    case FAULT_CONDUCT:
        write_profile(yaml, indent, "conduct", conduct_fields, &fault->conduct);
        break;
    case FAULT_POINT: write_text(yaml, indent, "point", fault_point_name(fault->point)); break;
    case FAULT_RESTORE:
        write_key(yaml, indent, "age");
        unit_print(UNIT_TIME, fault->age, yaml);
        say(yaml, "\n");
        if (fault->keeps_high_water)
            write_key(yaml, indent, "whole");
        say(yaml, fault->keeps_high_water ? "true\n" : "");
        break;
    case FAULT_INJECT:
        if (fault->mischief < MISCHIEF_COUNT)
            write_text(yaml, indent, "what", mischief_name(fault->mischief));
        break;
    case FAULT_MOVE: write_text(yaml, indent, "to", fault->to); break;
    case FAULT_ADMIT:
    case FAULT_REPLACE:
    case FAULT_REVOKE:
    case FAULT_OVERRULE:
    case FAULT_EMERGENCY:
    case FAULT_CUT:
    case FAULT_KILL:
    case FAULT_POWER:
    case FAULT_PAUSE:
    case FAULT_WIPE:
    case FAULT_CLONE:
    case FAULT_TYPES:
    case FAULT_POISON:
    case FAULT_KINDS: break;
    }
}

static void write_faults(const struct scenario *scenario, struct buffer *yaml)
{
    static const struct occasion usual;
    struct buffer body = {0};
    say(yaml, scenario->fault_count > 0 ? "faults:\n" : "");
    for (size_t i = 0; i < scenario->fault_count; i++) {
        const struct fault *fault = &scenario->faults[i];
        write_text(&body, 4, "fault", fault_name(fault->kind));
        write_selector(&fault->who, 4, &body);
        fields_write(occasion_fields, &fault->when, &usual, 4, &body);
        write_parameters(fault, 4, &body);
        write_item(yaml, &body);
    }
    buffer_free(&body);
}

static void write_links(const struct scenario *scenario, struct buffer *yaml)
{
    struct buffer body = {0};
    say(yaml, scenario->link_count > 0 ? "links:\n" : "");
    for (size_t i = 0; i < scenario->link_count; i++) {
        write_selector(&scenario->links[i].who, 4, &body);
        fields_write(link_fields, &scenario->links[i].profile, &scenario->link, 4, &body);
        write_item(yaml, &body);
    }
    buffer_free(&body);
}

static void write_works(const struct scenario *scenario, struct buffer *yaml)
{
    static const struct work usual;
    struct buffer body = {0};
    say(yaml, scenario->work_count > 0 ? "work:\n" : "");
    for (size_t i = 0; i < scenario->work_count; i++) {
        write_text(&body, 4, "type", scenario->works[i].type);
        write_selector(&scenario->works[i].who, 4, &body);
        fields_write(work_fields, &scenario->works[i], &usual, 4, &body);
        write_item(yaml, &body);
    }
    buffer_free(&body);
}

static void write_expectations(const struct scenario *scenario, struct buffer *yaml)
{
    struct buffer body = {0};
    say(yaml, scenario->expectation_count > 0 ? "expect:\n" : "");
    for (size_t i = 0; i < scenario->expectation_count; i++) {
        const struct expectation *expectation = &scenario->expectations[i];
        write_key(&body, 4, expectation_names[expectation->kind]);
        unit_print(expectation_unit(expectation->kind), expectation->limit, &body);
        say(&body, "\n");
        write_selector(&expectation->who, 4, &body);
        write_item(yaml, &body);
    }
    buffer_free(&body);
}

void scenario_write(const struct scenario *scenario, struct buffer *yaml)
{
    struct scenario usual;
    char seed[40];
    scenario_usual(&usual);
    write_text(yaml, 0, "name", scenario->name);
    write_text(yaml, 0, "title", scenario->title);
    write_text(yaml, 0, "title-zh", scenario->title_zh);
    write_text(yaml, 0, "because", scenario->because);
    snprintf(seed, sizeof seed, "seed: %" PRIu64 "\n", scenario->seed);
    say(yaml, seed);
    fields_write(scenario_fields, scenario, &usual, 0, yaml);
    write_tree(&scenario->tree, yaml);
    write_map(yaml, 0, "link", link_fields, &scenario->link, &usual.link);
    write_map(yaml, 0, "disk", disk_fields, &scenario->disk, &usual.disk);
    write_map(yaml, 0, "world", world_fields, &scenario->world, &usual.world);
    write_map(yaml, 0, "tuning", tuning_fields, &scenario->world.tuning, &usual.world.tuning);
    write_links(scenario, yaml);
    write_works(scenario, yaml);
    write_faults(scenario, yaml);
    write_expectations(scenario, yaml);
    write_steps(scenario, yaml);
}
